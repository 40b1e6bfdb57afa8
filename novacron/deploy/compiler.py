"""Compiles one contract the way forge and Ape do, down to the last byte, and keeps the input for block explorers.

Settings come from `foundry.toml` alone; a test compares `ape-config.yaml` with it. solc runs as `--standard-json`,
native or WebAssembly, whichever `make setup` has put at `$SOLCX_BINARY_PATH/solc-v<version>`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from novacron.atomic import write_atomically
from novacron.deploy.published import PREFIX, Package, load_artifact
from novacron.deploy.sources import find_source, import_closure
from novacron.exceptions import CompilerError

#: Seconds solc may take.
COMPILE_TIMEOUT = 600.0
_OUTPUTS = [
    "abi",
    "metadata",
    "storageLayout",
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
]


@dataclass(frozen=True)
class Immutable:
    """An immutable variable and where the constructor puts its value: byte offsets into the runtime code."""

    name: str
    type: str
    places: tuple[tuple[int, int], ...]  # (offset, length)


@dataclass(frozen=True)
class CompiledContract:
    """What solc made of one contract.

    Attributes:
        name, source: the contract and the file that defines it.
        abi: its JSON ABI.
        creation_code: without constructor arguments.
        runtime_code: zeros where immutables go.
        immutables: what fills those zeros.
        storage_layout: solc's `storageLayout`.
        compiler_version: with the commit, such as `0.8.37+commit.f401782d`.
        standard_input: the input's exact text, which explorers take.
        input_hash: SHA-256 of that text, 64 hexadecimal digits.
        package: where it was published; None for what is compiled here. Of a published contract the standard-json
            input is empty and the storage layout unknown.
    """

    name: str
    source: str
    abi: list[dict[str, Any]]
    creation_code: bytes = field(repr=False)
    runtime_code: bytes = field(repr=False)
    immutables: tuple[Immutable, ...]
    storage_layout: dict[str, Any] = field(repr=False)
    compiler_version: str
    standard_input: str = field(repr=False)
    input_hash: str
    package: Package | None = None


class ContractSource(Protocol):
    """What turns the name of a contract into code: `Compiler`, or `artifacts.ForgeArtifacts`."""

    root: Path
    settings: CompilerSettings

    def compile(self, contract: str) -> CompiledContract:
        """The contract of this name; raises CompilerError."""


@dataclass(frozen=True)
class CompilerSettings:
    """The part of `foundry.toml` that decides about bytecode."""

    version: str
    solc: str
    contracts: str
    evm_version: str
    optimizer: bool
    runs: int
    via_ir: bool
    bytecode_hash: str
    remappings: tuple[str, ...]

    @classmethod
    def of_project(cls, root: Path) -> CompilerSettings:
        """Read `foundry.toml` of the project at `root`.

        Raises:
            CompilerError: it is missing or malformed, or a setting that decides about bytecode is not there.
        """
        path = root / "foundry.toml"
        try:
            profile = tomllib.loads(path.read_text())["profile"]["default"]
        except FileNotFoundError:
            raise CompilerError(f"{path} does not exist; deploying needs the source tree") from None
        except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise CompilerError(f"{path} has no readable [profile.default]: {error}") from error
        missing = [key for key in ("solc", "evm_version", "optimizer", "optimizer_runs") if key not in profile]
        if missing:
            raise CompilerError(f"{path}: set {', '.join(missing)} in [profile.default]; defaults change with versions")
        version = re.search(r"(\d+\.\d+\.\d+)$", str(profile["solc"]))
        if version is None:
            raise CompilerError(f"{path}: solc = {profile['solc']!r} names no version; use …/solc-v0.8.37 or 0.8.37")
        return cls(
            version=version.group(1),
            solc=str(profile["solc"]),
            contracts=str(profile.get("src", "src")),
            evm_version=str(profile["evm_version"]),
            optimizer=bool(profile["optimizer"]),
            runs=int(profile["optimizer_runs"]),
            via_ir=bool(profile.get("via_ir", False)),
            bytecode_hash=str(profile.get("bytecode_hash", "ipfs")),
            remappings=tuple(str(item) for item in profile.get("remappings", [])),
        )

    def remapping_table(self) -> dict[str, str]:
        """Prefix → replacement.

        Raises:
            CompilerError: a remapping that is not `prefix=target`, or has a context.
        """
        table = {}
        for item in self.remappings:
            prefix, separator, target = item.partition("=")
            if not separator or ":" in prefix:
                raise CompilerError(f"remapping {item!r} is not of the form prefix=target")
            table[prefix] = target
        return table


class Compiler:
    """Compiles contracts of one project.

    Args:
        root: the project, where `foundry.toml` is.
        cache: folder of earlier outputs, keyed by the hash of the input; None compiles afresh.
        solc: the compiler's executable, found by itself when None.
    """

    def __init__(self, root: Path | str, *, cache: Path | None = None, solc: Path | None = None) -> None:
        self.root = Path(root).resolve()
        self.settings = CompilerSettings.of_project(self.root)
        self._cache = cache
        self._solc = solc

    def standard_input(self, contract: str) -> tuple[str, str, str]:
        """The standard-json input of `contract`: (its text, source file, contract name).

        Raises:
            CompilerError: as `find_source` and `import_closure`.
        """
        settings = self.settings
        source, name = find_source(self.root, contract, settings.contracts)
        document = {
            "language": "Solidity",
            "sources": {
                unit: {"content": text}
                for unit, text in import_closure(self.root, source, settings.remapping_table()).items()
            },
            "settings": {
                "remappings": list(settings.remappings),
                "optimizer": {"enabled": settings.optimizer, "runs": settings.runs},
                "metadata": {"bytecodeHash": settings.bytecode_hash},
                "evmVersion": settings.evm_version,
                "viaIR": settings.via_ir,
                # The ASTs are there for the names of immutables, which a base contract in another file may declare.
                "outputSelection": {"*": {"": ["ast"]}, source: {name: _OUTPUTS}},
            },
        }
        return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n", source, name

    def compile(self, contract: str) -> CompiledContract:
        """Compile `contract`, or take its output from the cache when the very same input was compiled before.

        A published contract (`npm:…`, module `published`) is read as it is, without solc.

        Raises:
            CompilerError: solc is missing, is another version, or refuses the source; or the contract cannot be
                deployed (abstract, an interface, or in need of linked libraries).
        """
        if contract.startswith(PREFIX):
            return published(self.root, contract)
        text, source, name = self.standard_input(contract)
        output = self._run(text)
        try:
            built = output["contracts"][source][name]
        except KeyError:
            raise CompilerError(f"{source} defines no contract {name}") from None
        if built["evm"]["bytecode"]["linkReferences"]:
            raise CompilerError(
                f"{name} needs linked libraries, which plans do not have; make their functions internal"
            )
        creation = bytes.fromhex(built["evm"]["bytecode"]["object"])
        if not creation:
            raise CompilerError(f"{name} is abstract or an interface: it has no code to deploy")
        version = str(json.loads(built["metadata"])["compiler"]["version"])
        if version.partition("+")[0] != self.settings.version:
            raise CompilerError(f"solc is {version}, foundry.toml wants {self.settings.version}; run `make setup`")
        deployed = built["evm"]["deployedBytecode"]
        return CompiledContract(
            name=name,
            source=source,
            abi=built["abi"],
            creation_code=creation,
            runtime_code=bytes.fromhex(deployed["object"]),
            immutables=immutables_of(deployed.get("immutableReferences", {}), output["names"]),
            storage_layout=built["storageLayout"],
            compiler_version=version,
            standard_input=text,
            input_hash=hashlib.sha256(text.encode()).hexdigest(),
        )

    def _run(self, text: str) -> dict[str, Any]:
        key = hashlib.sha256(f"{self.settings.version}\n{text}".encode()).hexdigest()
        cached = self._cache / f"{key}.json" if self._cache is not None else None
        if cached is not None and cached.is_file():
            try:
                loaded: dict[str, Any] = json.loads(cached.read_text())
                return loaded
            except ValueError:  # a damaged cache is only a cache: compile again and replace it
                cached.unlink(missing_ok=True)
        output = _solc(self._executable(), text)
        output["names"] = variable_names(output.pop("sources", {}))  # the ASTs themselves are megabytes
        if cached is not None:
            cached.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(cached, json.dumps(output, separators=(",", ":")))
        return output

    def _executable(self) -> Path:
        if self._solc is not None:
            candidates = [self._solc]
        else:
            folder = os.environ.get("SOLCX_BINARY_PATH")
            candidates = [Path(folder) / f"solc-v{self.settings.version}"] if folder else []
            candidates += [self.root / self.settings.solc, Path.home() / ".solcx" / f"solc-v{self.settings.version}"]
        for candidate in candidates:
            if candidate.is_file() and os.access(candidate, os.X_OK):
                return candidate
        looked = ", ".join(dict.fromkeys(str(candidate) for candidate in candidates))
        raise CompilerError(f"solc {self.settings.version} is missing (looked for {looked}); run `make setup`")


def compile_many(compiler: ContractSource, contracts: Iterable[str]) -> dict[str, CompiledContract | CompilerError]:
    """Compile several contracts, as many at a time as there are processors; errors come back in a contract's place."""

    def attempt(contract: str) -> CompiledContract | CompilerError:
        try:
            return compiler.compile(contract)
        except CompilerError as error:
            return error

    wanted = list(dict.fromkeys(contracts))
    with ThreadPoolExecutor(min(len(wanted), os.cpu_count() or 1) or 1) as workers:
        return dict(zip(wanted, workers.map(attempt, wanted), strict=True))


def published(root: Path, contract: str) -> CompiledContract:
    """A published contract as one that could have been compiled; raises CompilerError as `load_artifact`."""
    found = load_artifact(root, contract)
    return CompiledContract(
        name=found.name,
        source=found.source,
        abi=found.abi,
        creation_code=found.creation_code,
        runtime_code=found.runtime_code,
        immutables=(),
        storage_layout={},
        compiler_version=found.compiler_version,
        standard_input="",
        input_hash="",
        package=found.package,
    )


def _solc(executable: Path, text: str) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [str(executable), "--standard-json"],
            input=text.encode(),
            capture_output=True,
            timeout=COMPILE_TIMEOUT,
            check=False,
        )
        output = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise CompilerError(f"solc did not finish in {COMPILE_TIMEOUT:.0f} s") from error
    except OSError as error:
        raise CompilerError(f"{executable} does not run: {error.strerror}") from error
    except ValueError:
        missing = "; node is not on PATH" if shutil.which("node") is None else ""
        said = (done.stderr or done.stdout).decode(errors="replace").strip()[:400]
        raise CompilerError(f"{executable} gave no JSON{missing}; it said: {said or 'nothing'}") from None
    errors = [item for item in output.get("errors", []) if item.get("severity") == "error"]
    if errors:
        first = str(errors[0].get("formattedMessage") or errors[0].get("message")).strip()
        more = f"\n… and {len(errors) - 1} more errors" if len(errors) > 1 else ""
        raise CompilerError(f"solc refuses the source:\n{first}{more}")
    checked: dict[str, Any] = output
    return checked


def variable_names(node: Any) -> dict[str, list[str]]:
    """AST id → [name, type] of every variable declared anywhere below `node`."""
    found: dict[str, list[str]] = {}
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("nodeType") == "VariableDeclaration":
                found[str(item["id"])] = [str(item["name"]), str(item["typeDescriptions"].get("typeString", "?"))]
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def immutables_of(
    references: Mapping[str, Sequence[Mapping[str, int]]], names: Mapping[str, Sequence[str]]
) -> tuple[Immutable, ...]:
    """Immutables from solc's `immutableReferences` and the declarations' names and types by AST id."""
    found = []
    for identifier, places in references.items():
        name, kind = names.get(identifier, (f"library address {identifier}", "address"))
        found.append(Immutable(name, kind, tuple(sorted((place["start"], place["length"]) for place in places))))
    return tuple(sorted(found, key=lambda item: item.places))
