"""Where a contract keeps its variables: solc's layouts, ERC-7201 namespaces, ERC-1967 slots and Safe's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from novacron.governance.artifacts import ArtifactBook, BuiltContract
from novacron.governance.ast_types import TypeTable, UnknownTypeError, namespace_of, namespace_slot

#: ERC-1967: Keccak-256 of `eip1967.proxy.<name>`, minus one.
ERC1967 = {
    name: int.from_bytes(keccak(text=f"eip1967.proxy.{name}"), "big") - 1
    for name in ("implementation", "admin", "beacon")
}
#: Fixed slots of Safe 1.5 (contracts/base of its package), by the names of its constants.
SAFE_SLOTS = {
    "fallbackHandler": int.from_bytes(keccak(text="fallback_manager.handler.address"), "big"),
    "guard": int.from_bytes(keccak(text="guard_manager.guard.address"), "big"),
    "moduleGuard": int.from_bytes(keccak(text="module_manager.module_guard.address"), "big"),
}
#: `contracts/libraries/SafeStorage.sol` of its package, in order; one slot each.
_SAFE = (
    ("singleton", "address"),
    ("modules", "mapping(address => address)"),
    ("owners", "mapping(address => address)"),
    ("ownerCount", "uint256"),
    ("threshold", "uint256"),
    ("nonce", "uint256"),
    ("_deprecatedDomainSeparator", "bytes32"),
    ("signedMessages", "mapping(bytes32 => uint256)"),
    ("approvedHashes", "mapping(address => mapping(bytes32 => uint256))"),
)


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


def safe_layout() -> Layout:
    """Layout of a Safe 1.5, whose published artifact has none."""
    regions = [Region(label, slot, 0, _plain(kind)) for slot, (label, kind) in enumerate(_SAFE)]
    regions += [Region(label, slot, 0, "t_address") for label, slot in SAFE_SLOTS.items()]
    return Layout(tuple(regions), dict(_TYPES))


def _plain(kind: str) -> str:
    return next(identifier for identifier, entry in _TYPES.items() if entry["label"] == kind)


def _value(label: str, size: int) -> dict[str, Any]:
    return {"encoding": "inplace", "label": label, "numberOfBytes": str(size)}


def _mapping(label: str, key: str, value: str) -> dict[str, Any]:
    return {"encoding": "mapping", "label": label, "numberOfBytes": "32", "key": key, "value": value}


_TYPES: dict[str, dict[str, Any]] = {
    "t_address": _value("address", 20),
    "t_uint256": _value("uint256", 32),
    "t_bytes32": _value("bytes32", 32),
    "t_map_address_address": _mapping("mapping(address => address)", "t_address", "t_address"),
    "t_map_bytes32_uint256": _mapping("mapping(bytes32 => uint256)", "t_bytes32", "t_uint256"),
    "t_map_address_map": _mapping(
        "mapping(address => mapping(bytes32 => uint256))", "t_address", "t_map_bytes32_uint256"
    ),
}
_STANDARD = Layout(
    tuple(Region(f"erc1967.{name}", slot, 0, "t_address") for name, slot in ERC1967.items()),
    {"t_address": _TYPES["t_address"]},
)
