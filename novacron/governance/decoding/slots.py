"""Names for storage slots: from a slot's number to `_roles[GUARDIAN].members[GuardianSafe].since`.

A slot of a mapping or a dynamic array is a Keccak-256 hash; what was hashed is known from the transaction's trace, or
is guessed where the compiler had computed the hash already. Walking back from hash to hash leads to a variable.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from novacron.governance.decoding.storage_layout import Layout

#: Hashes of hashes that are followed; variables nest a few levels deep.
_DEPTH = 24
#: Most elements of a dynamic array: an index beyond is another variable's neighbour.
_MOST_ELEMENTS = 1 << 64
#: Guessed keys that are tried in mappings of mappings, both for the outer and the inner one.
_MOST_NESTED = 80


@dataclass(frozen=True)
class Leaf:
    """A value within one slot.

    Attributes:
        path: its name, from the state variable on.
        type: Solidity type, elementary where it is known.
        offset, size: bytes, counted from the right of the slot.
        kind: `value`, `length` of a dynamic array, `head` or `data` of a string or bytes, or an empty `mapping`.
        home: for `head` and `data`, the slot of the head.
    """

    path: str
    type: str
    offset: int
    size: int
    kind: str = "value"
    home: int = 0


@dataclass(frozen=True)
class _Place:
    """Something of a type, from a slot on. `chunk` is for the data of a string or bytes: its `home` is the head."""

    path: str
    type: str
    slot: int
    offset: int = 0
    home: int | None = None


class SlotNamer:
    """Names the slots of one contract.

    Args:
        layout: where it keeps its variables.
        preimages: what was hashed, by hash.
        key: name of a mapping's key from its elementary type, its bytes and the path of the mapping.
        guesses: 32-byte words that may be keys of mappings whose hash the compiler computed.
    """

    def __init__(
        self,
        layout: Layout,
        preimages: Mapping[int, bytes],
        key: Callable[[str, bytes, str], str],
        guesses: Iterable[bytes] = (),
    ) -> None:
        self._layout = layout
        self._key = key
        self._guesses = tuple(guesses)
        self._preimages = dict(preimages)
        self._hashes: list[int] = []
        self._guessed = False
        for region in layout.regions:
            self._foresee(_Place(region.label, region.type, region.slot, region.offset), _DEPTH)
        self._hashes = sorted(self._preimages)

    def leaves(self, slot: int) -> list[Leaf]:
        """Every value in a slot, from the right; empty when nothing explains it."""
        found = self._leaves(slot, _DEPTH)
        if not found and not self._guessed:
            self._guess()
            found = self._leaves(slot, _DEPTH)
        return found

    # -- from a slot to what lies there --------------------------------------------------------------------------------

    def _leaves(self, slot: int, depth: int) -> list[Leaf]:
        found: list[Leaf] = []
        for place in self._places(slot, depth):
            if place.home is not None:
                found.append(Leaf(place.path, self._label(place.type), 0, 32, "data", place.home))
            else:
                found += self._within(place, slot)
        return found

    def _places(self, slot: int, depth: int) -> Iterator[_Place]:
        """Variables, elements and mapped values that cover a slot."""
        known = False
        for region in self._layout.regions:
            if region.slot <= slot < region.slot + self._slots(region.type):
                known = True
                yield _Place(region.label, region.type, region.slot, region.offset)
        if known or depth == 0:
            return
        position = bisect.bisect_right(self._hashes, slot) - 1
        if position < 0:
            return
        base = self._hashes[position]
        preimage = self._preimages[base]
        if len(preimage) == 32:
            yield from self._elements(int.from_bytes(preimage, "big"), base, slot, depth - 1)
        elif len(preimage) > 32:
            yield from self._mapped(int.from_bytes(preimage[-32:], "big"), preimage[:-32], base, slot, depth - 1)

    def _elements(self, parent: int, base: int, slot: int, depth: int) -> Iterator[_Place]:
        for leaf, kind in self._containers(parent, depth):
            entry = self._layout.types[kind]
            if entry["encoding"] == "bytes" and slot - base < _MOST_ELEMENTS:
                yield _Place(leaf.path, kind, slot, home=parent)
            elif entry["encoding"] == "mapping":  # the key is an empty string: nothing precedes the mapping's slot
                yield from self._mapped(parent, b"", base, slot, depth)
            elif entry["encoding"] == "dynamic_array":
                yield from self._indexed(leaf.path, str(entry["base"]), base, slot, _MOST_ELEMENTS)

    def _mapped(self, parent: int, key: bytes, base: int, slot: int, depth: int) -> Iterator[_Place]:
        for leaf, kind in self._containers(parent, depth):
            entry = self._layout.types[kind]
            if entry["encoding"] != "mapping":
                continue
            name = self._key(self._label(str(entry["key"])), key, leaf.path)
            if slot - base < self._slots(str(entry["value"])):
                yield _Place(f"{leaf.path}[{name}]", str(entry["value"]), base)

    def _containers(self, slot: int, depth: int) -> Iterator[tuple[Leaf, str]]:
        """Mappings, dynamic arrays, strings and bytes whose own slot this is, with their types."""
        for place in self._places(slot, depth):
            if place.home is None:
                yield from (
                    (Leaf(inner.path, "", 0, 32), inner.type)
                    for inner in self._parts(place, slot)
                    if self._layout.types[inner.type]["encoding"] != "inplace"
                )

    def _indexed(self, path: str, base: str, first: int, slot: int, count: int) -> Iterator[_Place]:
        """Elements of an array that begin or lie in a slot."""
        size = self._layout.size(base)
        if size > 16 or not self._is_value(base):
            slots = self._slots(base)
            index = (slot - first) // slots
            if index < count:
                yield _Place(f"{path}[{index}]", base, first + index * slots)
            return
        fitting = 32 // size
        for index in range((slot - first) * fitting, min((slot - first + 1) * fitting, count)):
            yield _Place(f"{path}[{index}]", base, slot, (index % fitting) * size)

    def _within(self, place: _Place, slot: int) -> Iterator[Leaf]:
        for part in self._parts(place, slot):
            entry, label = self._layout.types[part.type], self._label(part.type)
            encoding = entry["encoding"]
            if encoding == "dynamic_array":
                yield Leaf(f"{part.path}.length", "uint256", 0, 32, "length")
            elif encoding == "bytes":
                yield Leaf(part.path, label, 0, 32, "head", part.slot)
            elif encoding == "mapping":
                yield Leaf(part.path, label, 0, 32, "mapping")
            elif entry["label"] == "Time.Delay":  # OpenZeppelin's own packing: (effect, value before, value after)
                for name, kind, offset, size in _DELAY:
                    yield Leaf(f"{part.path}.{name}", kind, part.offset + offset, size)
            else:
                yield Leaf(part.path, label, part.offset, self._layout.size(part.type))

    def _parts(self, place: _Place, slot: int) -> Iterator[_Place]:
        """Descend through structs and fixed arrays to what is neither."""
        entry = self._layout.types[place.type]
        if entry["encoding"] != "inplace":
            if place.slot == slot:
                yield place
        elif "members" in entry:
            for member in entry["members"]:
                start = place.slot + int(member["slot"])
                kind = str(member["type"])
                if start <= slot < start + self._slots(kind):
                    path = f"{place.path}.{member['label']}"
                    yield from self._parts(_Place(path, kind, start, int(member["offset"])), slot)
        elif "base" in entry:
            base, size = str(entry["base"]), self._layout.size(place.type)
            width = self._layout.size(base)
            packed = width <= 16 and self._is_value(base)
            count = _length_of(entry) if packed else size // (32 * self._slots(base))
            for element in self._indexed(place.path, base, place.slot, slot, count):
                yield from self._parts(element, slot)
        elif place.slot == slot:
            yield place

    def _is_value(self, kind: str) -> bool:
        entry = self._layout.types[kind]
        return entry["encoding"] == "inplace" and "members" not in entry and "base" not in entry

    def _slots(self, kind: str) -> int:
        return max(-(-self._layout.size(kind) // 32), 1)

    def _label(self, kind: str) -> str:
        label = str(self._layout.types[kind]["label"])
        return self._layout.underlying.get(label, label)

    # -- hashes that the compiler computed -----------------------------------------------------------------------------

    def _foresee(self, place: _Place, depth: int) -> None:
        """Note where the elements of arrays, strings and bytes begin that lie at a fixed slot."""
        entry = self._layout.types[place.type]
        if entry["encoding"] in ("dynamic_array", "bytes"):
            self._note(place.slot.to_bytes(32, "big"))
        elif depth and "members" in entry:
            for member in entry["members"]:
                inner = _Place("", str(member["type"]), place.slot + int(member["slot"]))
                self._foresee(inner, depth - 1)

    def _guess(self) -> None:
        """Hash every guessed key with every mapping at a fixed slot, and the first of them once more below each."""
        self._guessed = True
        for slot, value in self._mappings((region.slot, region.type) for region in self._layout.regions):
            for key in self._guesses:
                base = self._note(key + slot.to_bytes(32, "big"))
                self._foresee(_Place("", value, base), 2)
        for slot, value in self._mappings((region.slot, region.type) for region in self._layout.regions):
            for key in self._guesses[:_MOST_NESTED]:
                base = self._note(key + slot.to_bytes(32, "big"))
                for inner, _ in self._mappings([(base, value)]):
                    for second in self._guesses[:_MOST_NESTED]:
                        self._note(second + inner.to_bytes(32, "big"))
        self._hashes = sorted(self._preimages)

    def _mappings(self, places: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Slot and value type of the mappings at these places, those in structs included."""
        waiting = list(places)
        while waiting:
            slot, kind = waiting.pop()
            entry = self._layout.types[kind]
            if entry["encoding"] == "mapping":
                yield slot, str(entry["value"])
            for member in entry.get("members", ()):
                waiting.append((slot + int(member["slot"]), str(member["type"])))

    def _note(self, preimage: bytes) -> int:
        digest = int.from_bytes(keccak(preimage), "big")
        self._preimages.setdefault(digest, preimage)
        return digest


_DELAY: Sequence[tuple[str, str, int, int]] = (
    ("valueAfter", "uint32", 0, 4),
    ("valueBefore", "uint32", 4, 4),
    ("effect", "uint48", 8, 6),
)


def _length_of(entry: dict[str, Any]) -> int:
    """Elements of a fixed array, from its type's name."""
    return int(str(entry["label"]).rpartition("[")[2].removesuffix("]"))
