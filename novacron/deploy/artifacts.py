"""Contracts from `out/forge`, for development chains: nothing is compiled that `make build` has compiled already.

The bytes are those of `Compiler`. An artifact whose sources or settings are not those of the tree is not used: the
contract is then compiled. The names of immutables are known only where the contract's own file declares them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from novacron.deploy.compiler import (
    CompiledContract,
    Compiler,
    CompilerSettings,
    ContractSource,
    immutables_of,
    variable_names,
)
from novacron.deploy.published import PREFIX


def compiler_for(root: Path, *, fresh: bool) -> ContractSource:
    """The contracts of the project at `root`.

    Args:
        root: the project.
        fresh: run solc, or take what it made of the very same input before (`.build/compiler`); else take forge's
            artifacts where they are those of the tree.

    Raises:
        CompilerError: `root` is no project.
    """
    compiler = Compiler(root, cache=root / ".build" / "compiler")
    return compiler if fresh else ForgeArtifacts(compiler)


class ForgeArtifacts:
    """Contracts of a project as forge has compiled them, else as `compiler` does.

    Args:
        compiler: of the same project.
        folder: forge's output, relative to the project.
    """

    def __init__(self, compiler: Compiler, folder: str = "out/forge") -> None:
        self.root: Path = compiler.root
        self.settings: CompilerSettings = compiler.settings
        self._compiler = compiler
        self._folder = compiler.root / folder

    def compile(self, contract: str) -> CompiledContract:
        """The contract of this name.

        Raises:
            CompilerError: as `Compiler.compile`.
        """
        if contract.startswith(PREFIX):
            return self._compiler.compile(contract)
        text, source, name = self._compiler.standard_input(contract)
        artifact = self._artifact(source, name)
        if artifact is None or not self._fits(artifact, {source: name}, json.loads(text)):
            return self._compiler.compile(contract)
        deployed = artifact["deployedBytecode"]
        return CompiledContract(
            name=name,
            source=source,
            abi=artifact["abi"],
            creation_code=bytes.fromhex(artifact["bytecode"]["object"][2:]),
            runtime_code=bytes.fromhex(deployed["object"][2:]),
            immutables=immutables_of(deployed.get("immutableReferences", {}), variable_names(artifact.get("ast"))),
            storage_layout=artifact.get("storageLayout", {}),
            compiler_version=str(artifact["metadata"]["compiler"]["version"]),
            standard_input=text,
            input_hash=hashlib.sha256(text.encode()).hexdigest(),
        )

    def _artifact(self, source: str, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self._folder / Path(source).name / f"{name}.json").read_bytes())
        except (OSError, ValueError):  # not built, or being written by a build at this moment
            return None
        wanted = {"abi", "bytecode", "deployedBytecode", "metadata"}
        usable = wanted <= found.keys() and not found["bytecode"].get("linkReferences")
        code = found["bytecode"].get("object", "0x") if usable else "0x"
        return found if len(code) > 2 and "__$" not in code else None

    def _fits(self, artifact: dict[str, Any], target: dict[str, str], document: dict[str, Any]) -> bool:
        """Whether it was compiled from these very sources with these settings: the metadata commits to both."""
        metadata, settings = artifact["metadata"], self.settings
        try:
            made = metadata["settings"]
            same = (
                metadata["compiler"]["version"].partition("+")[0] == settings.version
                and made["compilationTarget"] == target
                and made["optimizer"] == {"enabled": settings.optimizer, "runs": settings.runs}
                and made["evmVersion"] == settings.evm_version
                and made["metadata"].get("bytecodeHash", "ipfs") == settings.bytecode_hash
                and bool(made.get("viaIR", False)) == settings.via_ir
                and sorted(made["remappings"]) == sorted(settings.remappings)
            )
            texts = document["sources"]
            return same and all(
                unit in texts and entry["keccak256"] == "0x" + keccak(text=texts[unit]["content"]).hex()
                for unit, entry in metadata["sources"].items()
            )
        except (KeyError, TypeError, AttributeError):
            return False
