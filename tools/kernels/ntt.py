"""Writes contracts/crypto/generated/NTT*.sol: the number-theoretic transform of ML-DSA (FIPS 204 §7.5) for the EVM.

    python -m tools.kernels.ntt

Several polynomials lie side by side in the lanes of 256 words, and each operation serves all of them. Two layers of
the transform are done at a time (radix 4: half the loads and stores of one layer at a time). A lane times zeta is
reduced by Shoup's method: with zeta' = ⌊zeta · 2^k / q⌋ known beforehand,

    lane · zeta − ⌊lane · zeta' / 2^k⌋ · q   lies in   [0, q + lane · q / 2^k)

so a quotient costs one multiplication, one shift and one mask for all lanes. Sums are not reduced: `Bounds` follows the
largest value that a lane can hold through the layers, takes the largest k for which no product leaves its lane, adds
the multiple of q that keeps a difference from becoming negative, and reduces where nothing else helps. The generator
refuses to write a transform in which a bound does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from tools.lanes import (
    Bounds,
    Lanes,
    N,
    Q,
    Zeta,
    companion,
    constant,
    largest_reduced,
    reduced,
    times,
)
from tools.yul import at, formatted, literal, signature

FOLDER = "contracts/crypto/generated"


@dataclass(frozen=True)
class Layer:
    """What two layers of a pass have in common: k, and the multiple of q that keeps differences from zero."""

    k: int
    offset: int


@dataclass
class Transform:
    """What both directions share: four passes of two layers, each a function that takes the zetas of a block.

    A library is called with lists of those zetas, `_each4`, `_each16` and `_each64`, that go through the blocks of that
    length. Both directions of a pair of transforms share them, since they share zetas: block g of one is block
    4^number − 1 − g of the other (the lists then start at the negated address of the last block).
    """

    lanes: Lanes
    bounds: Bounds
    words: int
    """Words a coefficient takes: all are transformed in one go, sharing loops and zetas."""
    precision: int | None = None
    """k of all companions, where a list of zetas is shared; None for the largest k in each layer."""
    functions: list[str] = field(default_factory=list)
    ks: list[tuple[int, int]] = field(default_factory=list)
    """k of the two layers of each pass."""

    forwards = True
    prefix = ""

    def pass_(self, number: int, notes: list[str], body: Callable[[int], Iterator[str]], cut: int = 0) -> None:
        """A pass over a block."""
        stride = 64 >> (2 * number)
        shared = self.precision is not None
        lines = [f"    /// @dev {notes[0]}", *(f"    /// {note}" for note in notes[1:])]
        parameters = ["z1", "y1", "z2", "y2", "z3", "y3", "p"] if number else ["p"]
        joined = ", ".join(f"uint256 {parameter}" for parameter in parameters)
        lines += signature(f"_{self.prefix}{4 * stride}", joined)
        lines += ['        assembly ("memory-safe") {']
        inner: list[str] = []
        for word in range(self.words):
            code = list(body(256 * word))
            inner += code if self.words == 1 else ["{", *("    " + line for line in code), "}"]
        if stride > 1:
            inner = [
                f"for {{ let end := {at('p', stride)} }} iszero(eq(p, end)) {{ p := add(p, 32) }} {{",
                *("    " + line for line in inner),
                "}",
            ]
        elif not shared:
            # The branch is always taken. Without it the compiler would inline all 64 calls, which is too much code.
            inner = ["if p {", *("    " + line for line in inner), "}"]
        if number and shared and not self.forwards:
            inner = ["p := sub(0, p)", *([f"y1 := shr({cut}, y1)"] if cut else []), *inner]
        lines += formatted(inner, 12)
        lines += ["        }", "    }"]
        self.functions.append("\n".join(lines))


def each(number: int, zetas: list[str], call: str, parameters: str) -> str:
    """The list of all blocks of a pass."""
    stride = 64 >> (2 * number)
    lines = [f"    /// @dev All blocks of {4 * stride}, with zetas[m], zetas[2m], zetas[2m + 1] and their companions."]
    lines += signature(f"_each{4 * stride}", parameters)
    lines.append("        unchecked {")
    for block, values in enumerate(zetas):
        place = f"words + {128 * stride * block}" if block else "words"
        lines.append(f"            {call.format(4 * stride)}({values}, {place});")
    return "\n".join([*lines, "        }", "    }"])


def companions(number: int, ks: tuple[int, int]) -> list[str]:
    """The arguments of all blocks of a pass."""
    return [
        ", ".join(part for index, k in ((m, ks[0]), (2 * m, ks[1]), (2 * m + 1, ks[1])) for part in constant(index, k))
        for m in range(4**number, 2 * 4**number)
    ]


class Forward(Transform):
    """Algorithm 41. Sums and differences go on growing until a pass reduces them.

    With `signed`, differences are taken without an offset: the input then carries one that lasts for all eight layers.
    """

    signed = False
    prefix = "forward"

    def layer(self) -> Layer:
        largest = self.bounds.largest
        k = self.precision or self.bounds.shift_for(largest)
        self.bounds.check(largest * companion(Q - 1, k))
        product = self.bounds.product(largest, k)
        multiple = 0 if self.signed else ceil(product / Q)
        self.bounds.largest = self.bounds.check(largest + max(product, multiple * Q))
        if self.signed:
            self.bounds.lowest -= product
            if self.bounds.lowest < 0:
                raise ValueError("the offset does not last")
        self.bounds.log.append(f"k = {k}, results below {self.bounds.largest / Q:.2f} q")
        return Layer(k, self.lanes.all(multiple * Q))

    def build(self, reduce_after: int | None = None) -> Forward:
        for number in range(4):
            stride = 64 >> (2 * number)
            first, second = self.layer(), self.layer()
            before = self.bounds.largest
            reduce = number == reduce_after
            notes = [f"Layers {2 * number + 1} and {2 * number + 2}: {'; '.join(self.bounds.log[-2:])}."]
            if reduce:
                self.bounds.largest = largest_reduced(before)
                notes.append(f"Stored reduced, below {self.bounds.largest / Q:.3f} q.")
            zetas: tuple[Zeta, Zeta, Zeta] = (("z1", "y1"), ("z2", "y2"), ("z3", "y3"))
            if number == 0:
                zetas = constant(1, first.k), constant(2, second.k), constant(3, second.k)
            self.ks.append((first.k, second.k))

            def body(
                base: int,
                zetas: tuple[Zeta, Zeta, Zeta] = zetas,
                layers: tuple[Layer, Layer] = (first, second),
                stride: int = stride,
                limit: int = before if reduce else 0,
            ) -> Iterator[str]:
                return self.group(base, stride, layers, zetas, limit)

            self.pass_(number, notes, body)
        return self

    def group(
        self, base: int, stride: int, layers: tuple[Layer, Layer], zetas: tuple[Zeta, Zeta, Zeta], limit: int
    ) -> Iterator[str]:
        first, second = layers
        x = [at("p", base + stride * i) for i in range(4)]

        def minus(value: str, product: str, layer: Layer) -> str:
            raised = value if self.signed else f"add({value}, {literal(layer.offset)})"
            return f"sub({raised}, {product})"

        def store(address: str, value: str) -> Iterator[str]:
            if not limit:
                yield f"mstore({address}, {value})"
                return
            yield "{"
            yield f"    let x := {value}"
            yield f"    mstore({address}, {reduced('x', limit, self.lanes)})"
            yield "}"

        yield f"let t := {times(f'mload({x[2]})', zetas[0], first.k, self.lanes)}"
        yield f"let a := add(mload({x[0]}), t)"
        yield f"let c := {minus(f'mload({x[0]})', 't', first)}"
        yield f"let u := {times(f'mload({x[3]})', zetas[0], first.k, self.lanes)}"
        yield f"let b := add(mload({x[1]}), u)"
        yield f"let d := {minus(f'mload({x[1]})', 'u', first)}"
        yield "{"
        yield f"    let v := {times('b', zetas[1], second.k, self.lanes)}"
        for line in (*store(x[0], "add(a, v)"), *store(x[1], minus("a", "v", second))):
            yield "    " + line
        yield "}"
        yield f"let w := {times('d', zetas[2], second.k, self.lanes)}"
        yield from store(x[2], "add(c, w)")
        yield from store(x[3], minus("c", "w", second))


class Inverse(Transform):
    """Algorithm 42; the last pass multiplies by 256^-1 as well."""

    forwards = False
    prefix = "inverse"

    def build(self) -> Inverse:
        bounds = self.bounds
        for number in range(3, -1, -1):
            stride = 64 >> (2 * number)
            largest = bounds.largest
            near, sums = ceil(largest / Q), ceil(2 * largest / Q)
            k1 = self.precision or bounds.shift_for(largest + near * Q)
            bounds.check((largest + near * Q) * companion(Q - 1, k1))
            product = bounds.product(largest + near * Q, k1)
            differences = ceil(product / Q)
            widest = max(2 * largest + sums * Q, product + differences * Q, 4 * largest)
            k2 = min(bounds.shift_for(widest), k1)
            second = bounds.product(widest, k2)
            bounds.check(4 * largest)
            limit = 4 * largest
            notes = [f"Layers with distance {stride} and {2 * stride}: k = {k1} and {k2}."]
            if number:
                bounds.largest = max(2 * product, second, largest_reduced(limit))
                notes.append(f"The sum of all four is reduced; results below {bounds.largest / Q:.2f} q.")
            else:
                bounds.largest = second
                notes.append(f"All divided by 256; results below {bounds.largest / Q:.2f} q.")
            offsets = tuple(literal(self.lanes.all(multiple * Q)) for multiple in (near, sums, differences))
            cut = (self.precision or k2) - k2
            zetas: tuple[Zeta, ...] = (("z1", "y1"), ("z2", "y2"), ("z3", "y3"))
            if number == 0:
                inverse = pow(N, -1, Q)
                zetas = (
                    constant(1, k2, inverse),
                    constant(2, k1),
                    constant(3, k1),
                    (literal(inverse), literal(companion(inverse, k2))),
                )
            self.ks.insert(0, (k2, k1))

            def body(
                base: int,
                zetas: tuple[Zeta, ...] = zetas,
                offsets: tuple[str, ...] = offsets,
                ks: tuple[int, int] = (k1, k2),
                stride: int = stride,
                limit: int = limit,
            ) -> Iterator[str]:
                return self.group(base, stride, ks, offsets, zetas, limit)

            self.pass_(number, notes, body, cut)
        return self

    def group(
        self, base: int, stride: int, ks: tuple[int, int], offsets: tuple[str, ...], zetas: tuple[Zeta, ...], limit: int
    ) -> Iterator[str]:
        (k1, k2), (near, sums, differences) = ks, offsets
        address = [at("p", base + stride * i) for i in range(4)]
        x = [f"mload({place})" for place in address]
        yield "let d"
        yield "let e"
        yield "{"
        yield f"    let x := sub(add({x[1]}, {near}), {x[0]})"
        yield f"    d := {times('x', zetas[2], k1, self.lanes)}"
        yield f"    x := sub(add({x[3]}, {near}), {x[2]})"
        yield f"    e := {times('x', zetas[1], k1, self.lanes)}"
        yield "}"
        yield f"let a := add({x[0]}, {x[1]})"
        yield f"let b := add({x[2]}, {x[3]})"
        if len(zetas) == 3:
            yield f"mstore({address[1]}, add(d, e))"
            yield "let s := add(a, b)"
            yield f"mstore({address[0]}, {reduced('s', limit, self.lanes)})"
        else:
            yield "{"
            yield "    let s := add(d, e)"
            yield f"    mstore({address[1]}, {times('s', zetas[3], k2, self.lanes)})"
            yield "    s := add(a, b)"
            yield f"    mstore({address[0]}, {times('s', zetas[3], k2, self.lanes)})"
            yield "}"
        yield f"let f := sub(add(b, {sums}), a)"
        yield f"mstore({address[2]}, {times('f', zetas[0], k2, self.lanes)})"
        yield f"f := sub(add(e, {differences}), d)"
        yield f"mstore({address[3]}, {times('f', zetas[0], k2, self.lanes)})"


HEADER = """\
// SPDX-License-Identifier: MIT
// Generated by tools/kernels/ntt.py: change that, not this.
// solhint-disable function-max-lines
// slither-disable-start assembly,too-many-digits
pragma solidity 0.8.37;
"""

FOOTER = "// slither-disable-end assembly,too-many-digits"

FIVE, FOUR, WIDE = Lanes(51, 5), Lanes(64, 4), Lanes(54, 4)
GAMMA1 = 1 << 19
SHARED = 28
"""k of the companions that both directions of NTTPair use."""
OFFSET = 13
"""Multiple of q that the input of NTTPair's forward transform carries."""
PRODUCTS = 7 * Q // 2
"""The largest input of the inverse: a sum of products after Barrett's reduction."""


def forward_five() -> Forward:
    return Forward(FIVE, Bounds(FIVE, Q + GAMMA1), 1).build(reduce_after=1)


def forward_four() -> Forward:
    transform = Forward(FOUR, Bounds(FOUR, (OFFSET + 1) * Q - 1, OFFSET * Q - GAMMA1), 2, SHARED)
    transform.signed = True
    return transform.build()


def inverse_wide(words: int) -> Inverse:
    return Inverse(WIDE, Bounds(WIDE, PRODUCTS), words, SHARED if words == 2 else None).build()


def library(name: str, notice: str, parts: list[str]) -> str:
    head = [HEADER, f"/// @title {name}", f"/// @notice {notice}", f"library {name} {{"]
    return "\n".join([*head, "\n\n".join(parts), "}", FOOTER, ""])


def alone(transform: Transform, notes: list[str]) -> list[str]:
    """The parts of a library with one direction."""
    prefix = transform.prefix
    lines = [f"    /// {note}" for note in notes] + [f"    function {prefix}(uint256 words) internal pure {{"]
    order = ["_each64(words);", "_each16(words);", "_each4(words);"]
    calls = [f"_{prefix}256(words);", *order] if transform.forwards else [*order[::-1], f"_{prefix}256(words);"]
    parts = ["\n".join([*lines, *(f"        {call}" for call in calls), "    }"])]
    for number in range(1, 4):
        zetas = companions(number, transform.ks[number])
        if not transform.forwards:
            zetas.reverse()
        parts.append(each(number, zetas, f"_{prefix}{{}}", "uint256 words"))
    return parts + transform.functions


def pair() -> list[str]:
    """The parts of the library with both directions."""
    forward, inverse = forward_four(), inverse_wide(2)
    largest, least, most = forward.bounds.largest / Q, OFFSET * Q - GAMMA1, (OFFSET + 1) * Q - 1
    head = f"""\
    /// @notice Forward transform (FIPS 204, Algorithm 41) of eight polynomials, in lanes of 64 bits.
    /// @dev Input lanes lie in [{least}, {most}], {OFFSET}q + x, or are 0 and stay 0; output lanes
    /// are congruent and below {ceil(10 * largest) / 10}q.
    /// @param words Address of twice 256 words.
    function forward(uint256 words) internal pure {{
        _forward256(words);
        _each64(_forward64, words);
        _each16(_forward16, words);
        _each4(_forward4, words);
    }}

    /// @notice Inverse transform (FIPS 204, Algorithm 42) of eight polynomials, in lanes of 54 bits.
    /// @dev Input lanes lie in [0, 3.5q), output lanes are congruent and below 2q. The lists run backwards here, from
    /// the last block on: they get its address negated.
    /// @param words Address of twice 256 words.
    function inverse(uint256 words) internal pure {{
        unchecked {{
            _each4(_inverse4, 0 - (words + 8064));
            _each16(_inverse16, 0 - (words + 7680));
            _each64(_inverse64, 0 - (words + 6144));
        }}
        _inverse256(words);
    }}"""
    kind = "function(uint256, uint256, uint256, uint256, uint256, uint256, uint256) pure f"
    lists = [each(number, companions(number, (SHARED, SHARED)), "f", f"{kind}, uint256 words") for number in (1, 2, 3)]
    return [head, *lists, *forward.functions, *inverse.functions]


def files() -> dict[str, str]:
    """Every file that this module writes, by its path in the repository."""
    one = "@param words Address of 256 words."
    five = f"@dev Input lanes lie in [0, {Q + GAMMA1}] (q + z), output lanes are congruent and below 16q."
    back = "@dev Input lanes lie in [0, 3.5q), output lanes are congruent and below 2q."
    forward = "Forward transform (FIPS 204, Algorithm 41) of five polynomials in lanes of 51 bits."
    inverse = "Inverse transform (FIPS 204, Algorithm 42) of four polynomials in lanes of 54 bits."
    out = {
        "NTT51": library("NTT51", forward, alone(forward_five(), [f"@notice {forward}", five, one])),
        "InverseNTT54": library("InverseNTT54", inverse, alone(inverse_wide(1), [f"@notice {inverse}", back, one])),
        "NTTPair": library("NTTPair", "Both transforms of FIPS 204, of eight polynomials at a time.", pair()),
    }
    return {f"{FOLDER}/{name}.sol": text for name, text in out.items()}


if __name__ == "__main__":
    for path, text in files().items():
        (Path(__file__).resolve().parents[2] / path).write_text(text)
