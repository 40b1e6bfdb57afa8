"""Writing assembly for Solidity as `forge fmt` would leave it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

WIDTH = 120


def literal(value: int) -> str:
    return str(value) if value < 1 << 16 else f"{value:#x}"


def at(pointer: str, words: int) -> str:
    return f"add({pointer}, {literal(32 * words)})" if words else pointer


def arguments(call: str) -> list[str]:
    """The arguments of `name(a, b(c, d))`."""
    inner = call[call.index("(") + 1 : -1]
    depth, found = 0, [""]
    for character in inner:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [item.strip() for item in found]


def wrapped(text: str, indent: int, behind: str = "", before: int = 0) -> Iterator[str]:
    """A call broken over lines as `forge fmt` does it."""
    space = " " * indent
    if before + indent + len(text) + len(behind) <= WIDTH or not text.endswith(")"):
        yield f"{space}{text}{behind}"
        return
    yield f"{space}{text[: text.index('(')]}("
    parts = arguments(text)
    for number, part in enumerate(parts):
        yield from wrapped(part, indent + 4, "," if number + 1 < len(parts) else "")
    yield f"{space}){behind}"


def formatted(lines: Iterable[str], indent: int) -> Iterator[str]:
    """Lines of assembly, indented, the long ones broken."""
    for line in lines:
        bare = line.lstrip(" ")
        here = indent + len(line) - len(bare)
        target, assigned, value = bare.partition(" := ")
        if here + len(bare) <= WIDTH or bare.startswith(("//", "for")):
            yield " " * here + bare
        elif assigned and target.startswith("let "):
            yield f"{' ' * here}{target} :="
            yield from wrapped(value, here + 4)
        elif assigned:
            first, *rest = wrapped(value, here, before=len(target) + 4)
            yield from (f"{' ' * here}{target} := {first.lstrip(' ')}", *rest)
        else:
            yield from wrapped(bare, here)


def signature(name: str, parameters: str) -> list[str]:
    """The head of a private pure function, broken as `forge fmt` does it."""
    head = f"    function {name}({parameters})"
    whole = f"{head} private pure {{"
    return [whole] if len(whole) <= WIDTH else [head, "        private", "        pure", "    {"]
