"""Storage layout of structs that solc leaves out: those of ERC-7201 namespaces, which no state variable has.

The rules are Solidity's ("Layout of State Variables in Storage"): values are packed from the right, structs and arrays
begin a slot and what follows them begins another. Types are described as solc's `storageLayout` does.
"""

from __future__ import annotations

import re
from typing import Any

from eth_utils.crypto import keccak

from novacron.governance.decoding.artifacts import ArtifactBook

_NAMESPACE = re.compile(r"@custom:storage-location\s+erc7201:(\S+)")
_LOCATION = re.compile(r" (?:storage|memory|calldata)(?: ref| pointer)?")
_SIZED = re.compile(r"(?:u?int|bytes)(\d+)")


class UnknownTypeError(LookupError):
    """A type whose declaration is in no artifact; its size is not known, nor the place of what follows it."""


def namespace_of(struct: dict[str, Any]) -> str | None:
    """The ERC-7201 namespace that a struct is annotated with."""
    documentation = struct.get("documentation")
    text = documentation.get("text", "") if isinstance(documentation, dict) else str(documentation or "")
    found = _NAMESPACE.search(text)
    return found.group(1) if found else None


def namespace_slot(identifier: str) -> int:
    """First slot of a namespace (ERC-7201)."""
    inner = int.from_bytes(keccak(text=identifier), "big") - 1
    return int.from_bytes(keccak(inner.to_bytes(32, "big")), "big") & ~0xFF


class TypeTable:
    """Types by identifier in the form of solc's `storageLayout.types`, made from AST nodes as they are met."""

    def __init__(self, book: ArtifactBook) -> None:
        self._book = book
        self.types: dict[str, dict[str, Any]] = {}

    def struct(self, node: dict[str, Any], source: str) -> str:
        """Identifier of a struct's type.

        Raises:
            UnknownTypeError: a member's type is declared in no artifact.
        """
        name = str(node.get("canonicalName") or node["name"])
        identifier = f"ast_struct({source}:{name})"
        if identifier in self.types:
            return identifier
        # A struct may hold a mapping to itself; its size is that of a slot there, so the entry may come first.
        entry: dict[str, Any] = {"encoding": "inplace", "label": f"struct {name}", "numberOfBytes": "32", "members": []}
        self.types[identifier] = entry
        slot = offset = 0
        for member in node["members"]:
            kind = self._type(member["typeName"], source)
            size, whole = int(self.types[kind]["numberOfBytes"]), self._whole_slots(kind)
            if offset and offset + size > 32:  # whole slots never fit beside anything
                slot, offset = slot + 1, 0
            entry["members"].append({"label": member["name"], "offset": offset, "slot": str(slot), "type": kind})
            if whole:
                slot += -(-size // 32)
            else:
                offset += size
        entry["numberOfBytes"] = str(32 * (slot + (1 if offset else 0)))
        return identifier

    def underlying(self, label: str) -> str | None:
        """Elementary type below a user-defined value type: `ShortString` → `bytes32`."""
        node = self._book.declarations(label)
        if node is None or node["nodeType"] != "UserDefinedValueTypeDefinition":
            return None
        return str(node["underlyingType"]["typeDescriptions"]["typeString"])

    def _whole_slots(self, kind: str) -> bool:
        entry = self.types[kind]
        return entry["encoding"] != "inplace" or "members" in entry or "base" in entry

    def _type(self, node: dict[str, Any], source: str) -> str:
        what, text = node["nodeType"], _LOCATION.sub("", str(node["typeDescriptions"]["typeString"]))
        if what == "ElementaryTypeName":
            return self._elementary(text.removesuffix(" payable"))
        if what == "Mapping":
            key, value = self._type(node["keyType"], source), self._type(node["valueType"], source)
            entry = {"encoding": "mapping", "label": text, "numberOfBytes": "32", "key": key, "value": value}
            return self._add(f"ast_mapping({key},{value})", entry)
        if what == "ArrayTypeName":
            return self._array(node, text, source)
        if what == "FunctionTypeName":
            size = 24 if node.get("visibility") == "external" else 8
            return self._add(text, {"encoding": "inplace", "label": text, "numberOfBytes": str(size)})
        return self._declared(text, source)

    def _elementary(self, name: str) -> str:
        if name in ("string", "bytes"):
            return self._add(f"ast_{name}", {"encoding": "bytes", "label": name, "numberOfBytes": "32"})
        sized = _SIZED.fullmatch(name)
        if name in ("address", "bool"):
            size = 20 if name == "address" else 1
        elif sized is not None:
            size = int(sized.group(1)) // (1 if name.startswith("bytes") else 8)
        else:
            raise UnknownTypeError(f"type {name}")
        return self._add(f"ast_{name}", {"encoding": "inplace", "label": name, "numberOfBytes": str(size)})

    def _array(self, node: dict[str, Any], text: str, source: str) -> str:
        base = self._type(node["baseType"], source)
        length = re.search(r"\[(\d*)\]$", text)
        if length is None:
            raise UnknownTypeError(f"array {text}")
        entry: dict[str, Any] = {"label": text, "base": base}
        if not length.group(1):
            return self._add(f"ast_array({base})dyn", entry | {"encoding": "dynamic_array", "numberOfBytes": "32"})
        count, size = int(length.group(1)), int(self.types[base]["numberOfBytes"])
        slots = count * -(-size // 32) if self._whole_slots(base) or size > 16 else -(-count // (32 // size))
        return self._add(f"ast_array({base}){count}", entry | {"encoding": "inplace", "numberOfBytes": str(32 * slots)})

    def _declared(self, text: str, source: str) -> str:
        kind, _, name = text.partition(" ") if " " in text else ("", "", text)
        if kind == "contract":
            return self._add(f"ast_contract({name})", {"encoding": "inplace", "label": text, "numberOfBytes": "20"})
        node = self._book.declarations(name, source)
        if node is None:
            raise UnknownTypeError(text)
        if node["nodeType"] == "StructDefinition":
            return self.struct(node, source)
        if node["nodeType"] == "EnumDefinition":
            return self._add(f"ast_enum({name})", {"encoding": "inplace", "label": text, "numberOfBytes": "1"})
        under = self._elementary(str(node["underlyingType"]["typeDescriptions"]["typeString"]))
        return self._add(f"ast_value({name})", self.types[under] | {"label": text})

    def _add(self, identifier: str, entry: dict[str, Any]) -> str:
        self.types.setdefault(identifier, entry)
        return identifier
