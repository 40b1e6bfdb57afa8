"""Strings and bytes in storage, put together from their slots (Solidity, "bytes and string" in storage)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eth_utils.crypto import keccak

from novacron.governance.decoding.slots import Leaf

#: Longest content that is read; of a longer one the slots are shown as they are.
_MOST = 8192
_WHOLE = (1 << 256) - 1


class TextReader:
    """Contents of one contract's strings and bytes, before and after a transaction.

    Args:
        read: a slot's value in a block, for the slots that the transaction left as they were.
        changed: slot → (before, after), of those that it changed.
        block: the transaction's.
    """

    def __init__(self, read: Callable[[int, int], int], changed: Mapping[int, tuple[int, int]], block: int) -> None:
        self._read = read
        self._changed = changed
        self._block = block
        self._found: dict[int, tuple[bytes, bytes] | None] = {}
        self._told: set[int] = set()

    def write(self, leaf: Leaf) -> tuple[Any, Any] | None:
        """Content before and after; None when it was told already, or is not to be put together."""
        pair = self._pair(leaf.home)
        if pair is None or leaf.home in self._told:
            return None
        self._told.add(leaf.home)
        before, after = (_shown(content, leaf.type) for content in pair)
        return before, after

    def covers(self, leaf: Leaf, slot: int) -> int:
        """Bits of a slot that the content accounts for."""
        pair = self._pair(leaf.home)
        if pair is None:
            return 0
        if leaf.kind == "head":
            return _WHOLE
        chunk = slot - _data_slot(leaf.home)
        return _WHOLE if 32 * chunk < max((len(c) for c in pair if len(c) > 31), default=0) else 0

    def _pair(self, home: int) -> tuple[bytes, bytes] | None:
        if home not in self._found:
            before, after = self._content(home, 0), self._content(home, 1)
            # Equal contents with different slots: something else was written there, to be shown raw.
            usable = before is not None and after is not None and before != after
            self._found[home] = (before, after) if usable and before is not None and after is not None else None
        return self._found[home]

    def _content(self, home: int, side: int) -> bytes | None:
        head = self._slot(home, side)
        if not head & 1:
            length = (head & 0xFF) // 2
            return head.to_bytes(32, "big")[:length] if length < 32 else None
        length = head // 2
        if not 31 < length <= _MOST:
            return None
        first = _data_slot(home)
        slots = (self._slot(first + chunk, side).to_bytes(32, "big") for chunk in range(-(-length // 32)))
        return b"".join(slots)[:length]

    def _slot(self, slot: int, side: int) -> int:
        if slot in self._changed:
            return self._changed[slot][side]
        return self._read(slot, self._block)


def _data_slot(home: int) -> int:
    return int.from_bytes(keccak(home.to_bytes(32, "big")), "big")


def _shown(content: bytes, kind: str) -> str:
    if kind == "string":
        try:
            return content.decode()
        except UnicodeDecodeError:
            pass  # whatever it is, it is no text
    return "0x" + content.hex()
