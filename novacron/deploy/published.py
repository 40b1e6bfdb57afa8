"""Contracts taken as published: exactly the bytecode that an npm package ships, compiled by its authors.

A plan names one as `npm:<package>/<path of the artifact>.json`, such as
`npm:@safe-global/safe-smart-account/build/artifacts/contracts/SafeL2.sol/SafeL2.json` (Hardhat's artifact format).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from novacron.exceptions import CompilerError

PREFIX = "npm:"
_NAME = re.compile(
    r"npm:(?P<package>(?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*)/(?P<path>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*\.json)"
)


@dataclass(frozen=True)
class Package:
    """Where published bytecode comes from.

    Attributes:
        name, version: of the npm package.
        artifact: path of the artifact in it.
        artifact_hash: SHA-256 of that file, 64 hexadecimal digits.
    """

    name: str
    version: str
    artifact: str
    artifact_hash: str

    @property
    def contract(self) -> str:
        """How a plan names it."""
        return f"{PREFIX}{self.name}/{self.artifact}"


@dataclass(frozen=True)
class Artifact:
    """A published contract: ABI and bytecode."""

    name: str
    source: str
    abi: list[dict[str, Any]]
    creation_code: bytes
    runtime_code: bytes
    compiler_version: str
    package: Package


def load_artifact(root: Path, contract: str) -> Artifact:
    """The artifact that `contract` names, from `node_modules` of the project at `root`.

    Raises:
        CompilerError: a malformed name, a package that is not installed, or a file that is no deployable artifact.
    """
    found = _NAME.fullmatch(contract)
    if found is None or ".." in contract.split("/"):
        raise CompilerError(f"{contract!r} names no published artifact; write npm:<package>/<path>.json")
    folder = root / "node_modules" / found["package"]
    path = folder / found["path"]
    try:
        text = path.read_bytes()
        version = str(json.loads((folder / "package.json").read_bytes())["version"])
        document = json.loads(text)
        name, source, abi = str(document["contractName"]), str(document["sourceName"]), document["abi"]
        creation, runtime = (bytes.fromhex(document[key][2:]) for key in ("bytecode", "deployedBytecode"))
        linked = document.get("linkReferences")
    except FileNotFoundError as error:
        missing = f"{found['package']}/{Path(str(error.filename)).name}"
        raise CompilerError(f"{contract}: {missing} is not installed; run `make setup`") from None
    except OSError as error:
        raise CompilerError(f"{contract} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CompilerError(f"{contract} is no artifact of a contract: {error}") from error
    if linked or not creation:
        raise CompilerError(f"{contract} has no code that can be deployed as it is")
    package = Package(found["package"], version, found["path"], hashlib.sha256(text).hexdigest())
    return Artifact(name, f"{found['package']}/{source}", abi, creation, runtime, _compiler_of(path), package)


def _compiler_of(path: Path) -> str:
    """The compiler with its commit, from the build information beside the artifact; "" where there is none."""
    debug = path.with_suffix(".dbg.json")
    try:
        build = path.parent / str(json.loads(debug.read_bytes())["buildInfo"])
        with build.open("rb") as file:  # megabytes; the version is in the first lines
            head = file.read(4096).decode(errors="replace")
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    version = re.search(r'"solcLongVersion":\s*"([^"]+)"', head)
    return version.group(1) if version else ""
