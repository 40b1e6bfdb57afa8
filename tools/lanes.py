"""Arithmetic modulo q = 8,380,417 on several numbers in the lanes of one word: expressions for it, and their bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from tools.yul import literal

Q, N, ROOT_OF_UNITY = 8380417, 256, 1753
PRECISION = 32
"""The largest k of a companion ⌊zeta · 2^k / q⌋: it is pushed as four bytes."""


def reversed_bits(value: int) -> int:
    """The eight bits of `value` from the last to the first."""
    return int(f"{value:08b}"[::-1], 2)


ZETAS = [pow(ROOT_OF_UNITY, reversed_bits(m), Q) for m in range(N)]
"""FIPS 204 appendix B: zetas[m] = 1753^BitRev8(m) mod q."""


def companion(zeta: int, k: int) -> int:
    """Shoup's ⌊zeta · 2^k / q⌋."""
    return (zeta << k) // Q


Zeta = tuple[str, str]
"""Expressions of a zeta and its companion."""


@dataclass
class Lanes:
    """How polynomials share a word: `count` lanes of `width` bits."""

    width: int
    count: int

    def all(self, value: int) -> int:
        """`value` in every lane."""
        if not 0 <= value < 1 << self.width:
            raise ValueError(f"{value} does not fit into {self.width} bits")
        return sum(value << (self.width * lane) for lane in range(self.count))


@dataclass
class Bounds:
    """The largest value of any lane, and the operations that change it."""

    lanes: Lanes
    largest: int
    lowest: int = 0
    log: list[str] = field(default_factory=list)

    def shift_for(self, largest: int) -> int:
        """The largest k for which lane · zeta' < 2^width, zeta' < 2^k."""
        k = min(self.lanes.width - largest.bit_length(), PRECISION)
        while k < PRECISION and largest * companion(Q - 1, k + 1) < 1 << self.lanes.width:
            k += 1
        if largest * Q >= 1 << self.lanes.width:
            raise ValueError("a product by zeta leaves its lane")
        return k

    def product(self, largest: int, k: int) -> int:
        """The largest result of Shoup's multiplication of a lane up to `largest`."""
        return Q - 1 + ceil(largest * Q / (1 << k)) + 1

    def check(self, value: int) -> int:
        if value >= 1 << self.lanes.width:
            raise ValueError(f"a lane reaches {value:#x}, more than {self.lanes.width} bits")
        return value


def constant(m: int, k: int, factor: int = 1) -> Zeta:
    """zetas[m] · factor as literals."""
    zeta = ZETAS[m] * factor % Q
    return literal(zeta), literal(companion(zeta, k))


def times(factor: str, zeta: Zeta, k: int, lanes: Lanes) -> str:
    """Shoup's multiplication of all lanes."""
    mask = literal(lanes.all((1 << (lanes.width - k)) - 1))
    quotient = f"and(shr({k}, mul({factor}, {zeta[1]})), {mask})"
    return f"sub(mul({factor}, {zeta[0]}), mul({quotient}, {literal(Q)}))"


def reduced(value: str, largest: int, lanes: Lanes) -> str:
    """x − ⌊x / 2^23⌋ · q for all lanes."""
    mask = literal(lanes.all((1 << (largest >> 23).bit_length()) - 1))
    return f"sub({value}, mul(and(shr(23, {value}), {mask}), {literal(Q)}))"


def largest_reduced(largest: int) -> int:
    """The largest result of `reduced`."""
    return (1 << 23) - 1 + (largest >> 23) * ((1 << 23) - Q)
