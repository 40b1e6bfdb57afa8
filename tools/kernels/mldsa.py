"""Writes contracts/crypto/generated/MLDSA*Kernels.sol: what ML-DSA verification does to all 256 coefficients at once.

    python -m tools.kernels.mldsa

For each parameter set of FIPS 204 one library with three loops: `unpack` (z out of the signature into the lanes of the
forward transform, with the norm check), `product` (Â ∘ ẑ − t̂ ∘ ĉ, reduced) and `encode` (the high bits of w, packed).
The lanes are those of tools/kernels/ntt.py. Every constant is derived here, and the bounds that the comments of the
generated code state are checked before it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from tools.kernels import ntt
from tools.kernels.ntt import FOLDER, WIDE
from tools.lanes import Lanes, Q
from tools.yul import at, formatted, literal

ROW = 27
"""Bits between two rows in an entry of the expanded key; rows of one parity are `WIDE` lanes."""
RECIPROCAL = (1 << 46) // Q
"""⌊2^46 / q⌋: a quotient is ⌊⌊x / 2^23⌋ · RECIPROCAL / 2^23⌋."""


@dataclass(frozen=True)
class Set:
    """A parameter set (FIPS 204, Table 1) and where its polynomials lie in the words of the forward transform."""

    name: str
    k: int
    l: int  # noqa: E741 - the standard's name
    gamma1: int
    beta: int
    high: int
    """(q − 1) / 2γ2, the number of values that high bits take."""
    lanes: Lanes
    largest: int
    """Largest output of the forward transform."""

    @property
    def bits(self) -> int:
        """Bits of a packed coefficient of z."""
        return self.gamma1.bit_length()

    @property
    def packed(self) -> int:
        """Bytes of a packed polynomial of z."""
        return 32 * self.bits

    @property
    def entry(self) -> int:
        """Bytes of an entry of the expanded key."""
        return -(-(ROW * (self.k - 1) + WIDE.width) // 8)

    @property
    def column(self) -> int:
        return 256 * self.entry

    @property
    def words(self) -> int:
        """Words of the forward transform a coefficient takes."""
        return -(-(self.l + 1) // self.lanes.count)

    def place(self, polynomial: int) -> tuple[int, int]:
        """Word and lane of z_0 … z_(l−1), c."""
        return divmod(polynomial, self.lanes.count)


SETS = (
    Set("MLDSA44", 4, 4, 1 << 17, 78, 44, ntt.FIVE, ntt.forward_five().bounds.largest),
    Set("MLDSA65", 6, 5, 1 << 19, 196, 16, ntt.FOUR, ntt.forward_four().bounds.largest),
    Set("MLDSA87", 8, 7, 1 << 19, 120, 16, ntt.FOUR, ntt.forward_four().bounds.largest),
)


def spread(value: int, lanes: list[int], width: int) -> int:
    return sum(value << (width * lane) for lane in lanes)


def unpack(p: Set) -> Iterator[str]:
    """BitUnpack(γ1 − 1, γ1) of all z: five bytes of each polynomial give two coefficients γ1 − z."""
    width = p.lanes.width
    offset = Q if p.lanes is ntt.FIVE else ntt.OFFSET * Q
    groups = ((0, (0, 1)), (4, (2, 3))) if p.bits == 18 else ((0, (0, 1)), (5, (2, 3)))
    bytes_of_four = p.bits // 2
    # (right shift, mask) of the pieces of a coefficient in five bytes read big-endian, b0 in bits 32 … 39.
    pieces: dict[int, list[list[tuple[int, int]]]] = {
        20: [
            [(32, 0xFF), (16, 0xFF00), (0, 0xF0000)],
            [(20, 0xF), (4, 0xFF0), (-12, 0xFF000)],
        ],
        18: [
            [(32, 0xFF), (16, 0xFF00), (0, 0x30000)],
            [(18, 0x3F), (2, 0x3FC0), (-14, 0x3C000)],
        ],
        # b4 … b8 of a group of nine bytes: c2 = b4 >> 4 | b5 << 4 | (b6 & 63) << 12, c3 = b6 >> 6 | b7 << 2 | b8 << 10
        -18: [
            [(36, 0xF), (20, 0xFF0), (-4 + 8, 0x3F000)],
            [(22, 0x3), (6, 0x3FC), (-10, 0x3FC00)],
        ],
    }
    bound = 1 << 20
    for number in range(p.words):
        yield f"let good{number} := not(0)"
    yield "for { let end := add(words, 8192) } iszero(eq(words, end)) {"
    yield "    words := add(words, 128)"
    yield f"    source := add(source, {bytes_of_four})"
    yield "} {"
    for number in range(p.words):
        polynomials = [j for j in range(p.l) if p.place(j)[0] == number]
        lanes = [p.place(j)[1] for j in polynomials]
        constant = spread(offset + p.gamma1, lanes, width)
        if p.place(p.l)[0] == number:
            constant += offset << (width * p.place(p.l)[1])
        least = spread(bound - (p.beta + 1), lanes, width)
        most = spread(bound + 2 * p.gamma1 - p.beta - 1, lanes, width)
        for turn, (byte, coefficients) in enumerate(groups):
            fields = []
            for j in polynomials:
                lane = p.place(j)[1]
                place = byte + p.packed * j
                load = f"calldataload({f'add(source, {place})' if place else 'source'})"
                moved = f"shr({216 - width * lane}, {load})"
                fields.append(f"and({moved}, {literal(0xFFFFFFFFFF << (width * lane))})" if lane else moved)
            yield "    {"
            yield f"        let x := {nested('or', fields)}"
            kind = -18 if p.bits == 18 and turn else p.bits
            for coefficient, parts in zip(coefficients, pieces[kind], strict=True):
                values = []
                for shift, mask in parts:
                    moved = "x" if shift == 0 else f"shr({shift}, x)" if shift > 0 else f"shl({-shift}, x)"
                    values.append(f"and({moved}, {literal(spread(mask, lanes, width))})")
                yield "        {"
                yield f"            let u := {nested('or', values)}"
                test = f"and(add(u, {literal(least)}), sub({literal(most)}, u))"
                yield f"            good{number} := and(good{number}, {test})"
                target = 8192 * number + 32 * coefficient
                address = f"add(words, {target})" if target else "words"
                value = f"sub({literal(constant)}, u)"
                if p.place(p.l)[0] == number:
                    value = f"add({value}, mload({address}))"
                yield f"            mstore({address}, {value})"
                yield "        }"
            yield "    }"
    yield "}"
    for number in range(p.words):
        signs = literal(spread(bound, [p.place(j)[1] for j in range(p.l) if p.place(j)[0] == number], width))
        test = f"eq(and(good{number}, {signs}), {signs})"
        yield f"good := {test}" if number == 0 else f"good := and(good, {test})"


def nested(operation: str, terms: list[str]) -> str:
    """A sum, or the like, of all terms."""
    first, *rest = terms
    return f"{operation}({first}, {nested(operation, rest)})" if rest else first


def product(p: Set) -> Iterator[str]:
    """Sums over the columns of Â and −t̂: all rows at once, and those of even number; what is left are the odd ones."""
    width = p.lanes.width
    limit = (p.l + 1) * p.largest * (Q - 1)
    if limit * RECIPROCAL >> 23 >= 1 << WIDE.width or limit >= 1 << WIDE.width:
        raise ValueError("a sum leaves its lane")
    # Both quotients are cut off: q̂ >= ((x − 2^23 + 1) / 2^23 · RECIPROCAL − 2^23 + 1) / 2^23; worst at the largest x.
    unit = 1 << 23
    remainder = limit - Fraction(Fraction(limit - unit + 1, unit) * RECIPROCAL - unit + 1, unit) * Q
    if RECIPROCAL * Q > 1 << 46 or remainder > ntt.PRODUCTS:
        raise ValueError("the reduced sums are too large for the inverse transform")
    if ROW * (p.k - 1) + limit.bit_length() > 8 * p.entry:
        raise ValueError("the top row meets the entry before")
    count = p.k // 2
    even = literal(spread(0x7FFFFF, list(range(count)), WIDE.width))
    lanes = list(range(4 if p.k == 4 else count))
    quotient = literal(spread((1 << (WIDE.width - 23)) - 1, lanes, WIDE.width))

    def factor(j: int, turn: int) -> str:
        number, lane = p.place(j)
        word = "word" if p.words == 1 else f"mload({at('words', 256 * number + turn)})"
        shifted = f"shr({width * lane}, {word})" if lane else word
        alone = lane and (j == p.l or lane + 1 == p.lanes.count)
        return shifted if alone else f"and({shifted}, {literal((1 << width) - 1)})"

    def barrett(name: str, address: str) -> Iterator[str]:
        high = f"and(shr(23, {name}), {quotient})"
        yield f"        let {name}q := and(shr(23, mul({high}, {literal(RECIPROCAL)})), {quotient})"
        yield f"        mstore({address}, sub({name}, mul({name}q, {literal(Q)})))"

    columns = range(p.l + 1)
    yield f"key := sub(key, {32 - p.entry})"
    yield "for { let end := add(words, 8192) } iszero(eq(words, end)) {"
    yield "    words := add(words, 64)"
    yield f"    key := add(key, {2 * p.entry})"
    yield "} {"
    for turn in range(2):
        places = [p.column * j + p.entry * turn for j in columns]
        entries = [f"mload({f'add(key, {place})' if place else 'key'})" for place in places]
        yield "    {"
        if p.words == 1:
            yield f"        let word := mload({at('words', turn)})"
        yield from (f"        let z{j} := {factor(j, turn)}" for j in columns)
        yield f"        let even := {nested('add', [f'mul(and({entries[j]}, {even}), z{j})' for j in columns])}"
        rest = f"sub({nested('add', [f'mul({entries[j]}, z{j})' for j in columns])}, even)"
        if p.k == 4:
            yield f"        let all := add(shl({2 * WIDE.width - ROW}, {rest}), even)"
            yield from barrett("all", at("words", turn))
        else:
            yield f"        let odd := shr({ROW}, {rest})"
            yield from barrett("even", at("words", turn))
            yield from barrett("odd", at("words", 256 + turn))
        yield "    }"
    yield "}"


def lane_of_row(p: Set, row: int) -> tuple[int, int]:
    """Word and lane of a row of w."""
    if p.k == 4:
        return 0, row // 2 + 2 * (row % 2)
    return row % 2, row // 2


def encode(p: Set) -> Iterator[str]:
    """w1Encode(HighBits(w)): high bits are the rounded product by high / q, modulo `high`."""
    width = WIDE.width
    four = range(4)
    yield "for { let end := add(words, 8192) } iszero(eq(words, end)) {"
    yield "    words := add(words, 256)"
    yield f"    output := add(output, {4 if p.high == 16 else 6})"
    yield "} {"
    reciprocal = literal(((1 << 54) + Q // 2) // Q)
    for number in range(1 if p.k == 4 else 2):
        lanes = list(four) if p.k == 4 else list(range(p.k // 2))
        half = literal(spread((1 << 53) // p.high, lanes, width))
        yield "    {"
        highs = []
        for n in (6, 7, 4, 5, 2, 3, 0, 1) if p.high == 16 else range(8):
            place = 8192 * number + 32 * n
            value = f"add(mul(mload({f'add(words, {place})' if place else 'words'}), {reciprocal}), {half})"
            if p.high == 16:
                highs.append(f"and({value}, {literal(spread(15 << 50, lanes, width))})")
            else:
                fraction = f"and(shr(8, {value}), {literal(spread((1 << 46) - 1, lanes, width))})"
                highs.append(f"and(mul({fraction}, 44), {literal(spread(63 << 46, lanes, width))})")
        # Those before move down by one place.
        bits = 4 if p.high == 16 else 6
        yield f"        let packed0 := or({highs[1]}, shr({bits}, {highs[0]}))"
        for pair in (1, 2, 3):
            before = f"or({highs[2 * pair]}, shr({bits}, packed{pair - 1}))"
            yield f"        let packed{pair} := or({highs[2 * pair + 1]}, shr({bits}, {before}))"
        packed = "packed3"
        top = 54
        if p.high != 16:
            pairs = literal(spread(0x00FF00FF00FF << 4, lanes, width))
            # Six bytes reversed: within pairs, then the outer pairs.
            yield f"        let swapped := or(and(shr(8, packed3), {pairs}), shl(8, and(packed3, {pairs})))"
            low, middle = (literal(spread(m << 4, lanes, width)) for m in (0xFFFF, 0xFFFF0000))
            outer = f"or(and(shr(32, swapped), {low}), shl(32, and(swapped, {low})))"
            yield f"        let turned := or({outer}, and(swapped, {middle}))"
            packed = "turned"
            top = 52
        row_bytes = 128 if p.high == 16 else 192
        for row in range(p.k):
            word, lane = lane_of_row(p, row)
            if word != number:
                continue
            shift = 256 - (width * lane + top)
            place = (row_bytes + 32) * row
            yield f"        mstore({f'add(output, {place})' if place else 'output'}, shl({shift}, {packed}))"
        yield "    }"
    yield "}"


HEADER = """\
// SPDX-License-Identifier: MIT
// Generated by tools/kernels/mldsa.py: change that, not this.
// solhint-disable function-max-lines
// slither-disable-start assembly,too-many-digits
pragma solidity 0.8.37;
"""


def drawing(title: str, lanes: list[str], width: int) -> Iterator[str]:
    """A word of lanes, the topmost first, with the bits where they begin."""
    cells = [f" {lane} ".center(8) for lane in reversed(lanes)]
    yield f"///   {title.ljust(10)} |{'|'.join(cells)}|"
    yield f"///   {''.ljust(10)}  {' '.join(str(width * n).rjust(8) for n in reversed(range(len(lanes))))}"


def library(p: Set) -> str:
    names = [*(f"z{j}" for j in range(p.l)), "c"]
    count, rows = p.lanes.count, [[0, 2, 1, 3]] if p.k == 4 else [list(range(i, p.k, 2)) for i in range(2)]
    lines = [HEADER, f"/// @title {p.name}Kernels"]
    lines += [
        f"/// @notice The loops of ML-DSA-{p.name[5:]} over all 256 coefficients.",
        "/// @dev Lanes and where they begin:",
    ]
    lines.append("///")
    for i in range(p.words):
        part = names[count * i : count * (i + 1)]
        lines += drawing("z, c" if i == 0 else f"at {8192 * i}", part + ["0"] * (count - len(part)), p.lanes.width)
    for i, part_rows in enumerate(rows):
        lines += drawing("w" if i == 0 else f"at {8192 * i}", [f"w{row}" for row in part_rows], WIDE.width)
    lines += drawing("key", [f"row {i}" for i in range(p.k)], ROW)
    lines += [f"library {p.name}Kernels {{"]
    offset = "q" if p.lanes is ntt.FIVE else f"{ntt.OFFSET}q"
    documents = {
        "unpack": [
            f"@notice Unpacks z (FIPS 204, Algorithm 19): {offset} + z into its lanes, {offset} + c where c was.",
            f"@dev u = γ1 − z is packed, has to lie in [{p.beta + 1}, {2 * p.gamma1 - p.beta - 1}]: then",
            "both sums have bit 20.",
            f"@param source Where z, {p.l} times {p.packed} bytes, lies in the call data.",
            "@param words Address of the words; c's lane holds its coefficients, all else is zero.",
            f"@return good Whether |z| < γ1 − β = {p.gamma1 - p.beta} for all coefficients.",
        ],
        "product": [
            "@notice w in the transform's domain: the sum of each column of the key times its z or c, below 3.5q.",
            "@dev A product of an entry serves all its rows. `even` sums those of even number alone, in lanes twice",
            "as wide; what the sum of all has beyond that are the odd ones.",
            f"@param words Address of z and c, transformed, below {ceil(10 * p.largest / Q) / 10}q; w takes their "
            "place.",
            f"@param key Address of {p.l + 1} columns of 256 entries of {p.entry} bytes; what lies before an entry is",
            "read with it and ends up above the topmost row.",
        ],
        "encode": [
            "@notice w1Encode(HighBits(w)) (FIPS 204, Algorithms 28 and 37).",
            f"@dev High bits are ⌊{p.high}w / q + 1/2⌋ modulo {p.high}. The lane holds w / q modulo 1 with 54 binary",
            "places; the integral part spills into the lane above, too little to matter (the tests try every w).",
            "@param words Address of w, lanes below 3q.",
            f"@param output Address of the rows, {128 if p.high == 16 else 192} bytes each, 32 bytes apart.",
        ],
    }
    for name, parameters, result, body in (
        ("unpack", "uint256 source, uint256 words", " returns (bool good)", unpack(p)),
        ("product", "uint256 words, uint256 key", "", product(p)),
        ("encode", "uint256 words, uint256 output", "", encode(p)),
    ):
        lines += [f"    /// {note}" for note in documents[name]]
        lines += [f"    function {name}({parameters}) internal pure{result} {{", '        assembly ("memory-safe") {']
        lines += formatted(body, 12)
        lines += ["        }", "    }", ""]
    lines[-1:] = ["}", ntt.FOOTER, ""]
    return "\n".join(lines)


def files() -> dict[str, str]:
    """Every file that this module writes, by its path in the repository."""
    return {f"{FOLDER}/{p.name}Kernels.sol": library(p) for p in SETS}


if __name__ == "__main__":
    for path, text in files().items():
        (Path(__file__).resolve().parents[2] / path).write_text(text)
