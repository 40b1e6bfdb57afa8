"""Contracts as forge compiled them, by name or by the code found on a chain; and the types their sources declare."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

#: AST nodes that a storage layout may refer to by its canonical name.
_DECLARATIONS = ("StructDefinition", "EnumDefinition", "UserDefinedValueTypeDefinition")


@dataclass(frozen=True)
class BuiltContract:
    """One contract of the artifacts.

    Attributes:
        name, source: the contract and the file that defines it.
        abi: its JSON ABI.
        creation_code: without constructor arguments; empty for an interface or abstract contract.
        runtime_code: zeros where immutables go.
        immutables: (offset, length) in the runtime code.
        storage: solc's `storageLayout`, {} where the artifact has none.
        sources: every file it was compiled from, itself included.
    """

    name: str
    source: str
    abi: list[dict[str, Any]] = field(repr=False)
    creation_code: bytes = field(repr=False)
    runtime_code: bytes = field(repr=False)
    immutables: tuple[tuple[int, int], ...] = field(repr=False)
    storage: dict[str, Any] = field(repr=False)
    sources: tuple[str, ...] = field(repr=False)

    def masked(self, code: bytes) -> bytes:
        """`code` with zeros where this contract's immutables are."""
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(len(masked[start : start + length]))
        return bytes(masked)

    def is_code(self, code: bytes) -> bool:
        """Whether `code` on a chain is this contract's, its immutables aside."""
        return bool(code) and len(code) == len(self.runtime_code) and self.masked(code) == self.runtime_code


class ArtifactBook:
    """All contracts below some folders of forge output (`out/forge`); read when first asked for.

    A file that is being written by a build at this moment is left out, as are files that are no artifacts.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._declared: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def __repr__(self) -> str:
        return f"<ArtifactBook of {', '.join(folder.name for folder in self._folders) or 'nothing'}>"

    def find(self, name: str, source: str | None = None) -> BuiltContract | None:
        """A contract by its name, or by `file:name`; the project's own is preferred to a library's.

        Args:
            source: the file that must define it, where one is known.
        """
        file, _, plain = name.rpartition(":")
        wanted = file or source
        found = [item for item in self.contracts if item.name == plain]
        exact = [item for item in found if item.source == wanted]
        own = [item for item in found if not item.source.startswith(("node_modules/", "lib/"))]
        return next(iter(exact or own or found), None)

    def identify(self, code: bytes) -> BuiltContract | None:
        """The contract whose runtime code this is, whatever its immutables; None when it is none of these."""
        return next((item for item in self._by_length.get(len(code), ()) if item.is_code(code)), None)

    def declarations(self, name: str, near: str = "") -> dict[str, Any] | None:
        """AST node of a struct, enum or value type by its canonical name (`Time.Delay`).

        Args:
            near: the file that refers to it, whose own declaration wins.
        """
        found = self._all_declarations.get(name, [])
        return next((node for path, node in found if path == near), found[0][1] if found else None)

    def structs_of(self, source: str) -> list[dict[str, Any]]:
        """AST nodes of all structs that a file declares."""
        _ = self.contracts
        return self._declared.get(source, {}).get("StructDefinition", [])

    @cached_property
    def contracts(self) -> list[BuiltContract]:
        """Every contract, interfaces and libraries included."""
        found = []
        for path in sorted(path for folder in self._folders for path in folder.rglob("*.json")):
            if "build-info" in path.parts:
                continue
            try:
                document = json.loads(path.read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(document, dict) and isinstance(document.get("abi"), list) and "metadata" in document:
                contract = _contract(document)
                if contract is not None:
                    found.append(contract)
                    self._declare(document.get("ast"))
        return found

    @cached_property
    def _by_length(self) -> dict[int, list[BuiltContract]]:
        table: dict[int, list[BuiltContract]] = {}
        # A mock with the same code as a contract of the suite must not lend it its name.
        for item in sorted(self.contracts, key=lambda item: ("test" in item.source, item.source)):
            if item.runtime_code:
                table.setdefault(len(item.runtime_code), []).append(item)
        return table

    @cached_property
    def _all_declarations(self) -> dict[str, list[tuple[str, dict[str, Any]]]]:
        _ = self.contracts
        table: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for source, kinds in self._declared.items():
            for node in (node for nodes in kinds.values() for node in nodes):
                table.setdefault(str(node.get("canonicalName") or node.get("name")), []).append((source, node))
        return table

    def _declare(self, tree: Any) -> None:
        """Keep what a file declares; the rest of its AST is megabytes."""
        if not isinstance(tree, dict) or tree.get("absolutePath") in self._declared:
            return
        kept: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _DECLARATIONS}
        for node in _definitions(tree.get("nodes", [])):
            kept[node["nodeType"]].append(node)
        self._declared[str(tree.get("absolutePath"))] = kept


def _definitions(nodes: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Declarations of a file and of its contracts; functions declare no types."""
    for node in nodes:
        if node.get("nodeType") in _DECLARATIONS:
            yield node
        elif node.get("nodeType") == "ContractDefinition":
            yield from _definitions(node.get("nodes", []))


def _contract(document: dict[str, Any]) -> BuiltContract | None:
    try:
        metadata = document["metadata"]
        ((source, name),) = metadata["settings"]["compilationTarget"].items()
        creation, runtime = document["bytecode"], document["deployedBytecode"]
        references = runtime.get("immutableReferences") or {}
        return BuiltContract(
            name=str(name),
            source=str(source),
            abi=document["abi"],
            creation_code=_code(creation["object"]),
            runtime_code=_code(runtime["object"]),
            immutables=tuple((int(p["start"]), int(p["length"])) for places in references.values() for p in places),
            storage=document.get("storageLayout") or {},
            sources=tuple(metadata["sources"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _code(text: str) -> bytes:
    # Code with placeholders of libraries to be linked cannot be what is on a chain.
    return b"" if "__" in text else bytes.fromhex(text.removeprefix("0x"))
