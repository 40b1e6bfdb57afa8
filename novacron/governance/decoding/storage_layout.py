"""Where a contract keeps its variables: solc's layouts, ERC-7201 namespaces and ERC-1967 slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from novacron.governance.decoding.artifacts import ArtifactBook, BuiltContract
from novacron.governance.decoding.ast_types import TypeTable, UnknownTypeError, namespace_of, namespace_slot

#: ERC-1967: Keccak-256 of `eip1967.proxy.<name>`, minus one.
ERC1967 = {
    name: int.from_bytes(keccak(text=f"eip1967.proxy.{name}"), "big") - 1
    for name in ("implementation", "admin", "beacon")
}


@dataclass(frozen=True)
class Region:
    """A state variable or a namespace: its name, first slot, offset in bytes from the right, and type."""

    label: str
    slot: int
    offset: int
    type: str


@dataclass(frozen=True)
class Layout:
    """The variables of one contract, and their types as solc's `storageLayout.types` has them.

    `underlying` gives the elementary type of each user-defined value type by its label.
    """

    regions: tuple[Region, ...] = ()
    types: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    underlying: dict[str, str] = field(default_factory=dict, repr=False)

    def size(self, kind: str) -> int:
        """Bytes that a type takes in place."""
        return int(self.types[kind]["numberOfBytes"])


class LayoutBook:
    """Layouts of every contract in some folders of forge output.

    Args:
        artifacts: a book, or the folders to read (`out/forge`).
    """

    def __init__(self, artifacts: ArtifactBook | Sequence[Path]) -> None:
        self.artifacts = artifacts if isinstance(artifacts, ArtifactBook) else ArtifactBook(artifacts)
        self._known: dict[tuple[str, str], Layout] = {}

    def layout(self, contract: BuiltContract | None) -> Layout:
        """Where `contract` keeps its variables; of an unknown one only the slots that a standard fixes."""
        if contract is None:
            return _STANDARD
        key = (contract.source, contract.name)
        if key not in self._known:
            self._known[key] = self._read(contract)
        return self._known[key]

    def layout_of(self, name: str) -> Layout:
        """As `layout`, by the contract's name."""
        return self.layout(self.artifacts.find(name))

    def _read(self, contract: BuiltContract) -> Layout:
        types: dict[str, dict[str, Any]] = dict(contract.storage.get("types") or {})
        regions = [
            Region(str(item["label"]), int(item["slot"]), int(item["offset"]), str(item["type"]))
            for item in contract.storage.get("storage", [])
        ]
        table = TypeTable(self.artifacts)
        regions += self._namespaces(contract, table)
        types |= table.types
        labels = {str(entry["label"]) for entry in types.values()}
        underlying = {label: found for label in labels if (found := table.underlying(label)) is not None}
        return Layout((*regions, *_STANDARD.regions), types | _STANDARD.types, underlying)

    def _namespaces(self, contract: BuiltContract, table: TypeTable) -> list[Region]:
        """Namespaces of all files that the contract is made of: libraries have them too, not only bases."""
        found: dict[str, str] = {}
        for source in contract.sources:
            for node in self.artifacts.structs_of(source):
                identifier = namespace_of(node)
                if identifier is not None:
                    try:
                        found[identifier] = table.struct(node, source)
                    except UnknownTypeError:
                        continue  # its slots appear as raw ones
        short = [identifier.rpartition(".")[2] for identifier in found]
        return [
            Region(f"${name if short.count(name) == 1 else identifier}", namespace_slot(identifier), 0, kind)
            for name, (identifier, kind) in zip(short, found.items(), strict=True)
        ]


_STANDARD = Layout(
    tuple(Region(f"erc1967.{name}", slot, 0, "t_address") for name, slot in ERC1967.items()),
    {"t_address": {"encoding": "inplace", "label": "address", "numberOfBytes": "20"}},
)
