"""A contract's source files: where it is defined, and everything it imports.

The standard-json input is built from these alone, so that it holds no file that the contract does not need and the same
contract gives the same input on every machine. Names are paths relative to the project's root with forward slashes,
as forge and Ape name them: they are part of the metadata hash at the end of the bytecode.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from novacron.exceptions import CompilerError

_STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
# Strings come first, so that `//` within one starts no comment and a quote within a comment starts no string.
_TOKENS = re.compile(_STRING + r"|//[^\n]*|/\*.*?\*/", re.DOTALL)
# A string that is not an import's is consumed whole, so that nothing within it is taken for an import.
_IMPORT_OR_STRING = re.compile(
    r"(?<![\w$])import\s*(?:[^;\"']*?\bfrom\s*)?(?P<quoted>" + _STRING + r")|" + _STRING, re.DOTALL
)


def find_source(root: Path, contract: str, folder: str = "contracts") -> tuple[str, str]:
    """Where `contract` is defined: (source file relative to `root`, contract name).

    Args:
        root: the project.
        contract: `Name`, looked up as `Name.sol` below `folder`, or `path/to/File.sol:Name`.
        folder: where contracts live, relative to `root`.

    Raises:
        CompilerError: no such file, or several.
    """
    if ":" in contract:
        source, _, name = contract.rpartition(":")
        if not (root / source).is_file():
            raise CompilerError(f"{contract}: {source} does not exist")
        return source, name
    found = sorted((root / folder).rglob(f"{contract}.sol"))
    if not found:
        raise CompilerError(f"{contract}: no {contract}.sol below {folder}; name it as path/to/File.sol:{contract}")
    names = [path.relative_to(root).as_posix() for path in found]
    if len(names) > 1:
        raise CompilerError(f"{contract} is defined by {' and '.join(names)}; name it as {names[0]}:{contract}")
    return names[0], contract


def import_closure(root: Path, source: str, remappings: Mapping[str, str]) -> dict[str, str]:
    """Text of `source` and of every file it imports, directly or not, by source unit name, sorted.

    Args:
        root: the project.
        source: first file, relative to `root`.
        remappings: prefix → replacement; the longest matching prefix wins, as in solc.

    Raises:
        CompilerError: a file that is missing, unreadable or outside the project, naming who imports it.
    """
    texts: dict[str, str] = {}
    waiting = [(source, "the plan")]
    while waiting:
        name, importer = waiting.pop()
        if name in texts:
            continue
        texts[name] = _read(root, name, importer)
        waiting.extend((resolve_import(name, path, remappings), name) for path in imports_of(texts[name]))
    return dict(sorted(texts.items()))


def imports_of(text: str) -> list[str]:
    """Paths of the import directives of Solidity source text, in order; comments and other strings are ignored."""

    def without_comments(match: re.Match[str]) -> str:
        return match.group() if match.group()[0] in "\"'" else " "

    found = (match["quoted"] for match in _IMPORT_OR_STRING.finditer(_TOKENS.sub(without_comments, text)))
    return [quoted[1:-1] for quoted in found if quoted is not None]


def resolve_import(importer: str, path: str, remappings: Mapping[str, str]) -> str:
    """Source unit name of `path` as imported by the unit `importer` (Solidity documentation, path resolution)."""
    name = posixpath.normpath(posixpath.join(posixpath.dirname(importer), path)) if path.startswith(".") else path
    prefix = max((key for key in remappings if name.startswith(key)), key=len, default=None)
    return name if prefix is None else remappings[prefix] + name[len(prefix) :]


def _read(root: Path, name: str, importer: str) -> str:
    path = root / name
    if name.startswith(("/", "..")):
        raise CompilerError(f"{name}, imported by {importer}, lies outside the project")
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        hint = "run `make setup`" if name.startswith("node_modules/") else "check the import and the remappings"
        raise CompilerError(f"{name}, imported by {importer}, does not exist; {hint}") from None
    except UnicodeDecodeError as error:
        raise CompilerError(f"{name}, imported by {importer}, is no UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise CompilerError(f"{name}, imported by {importer}, cannot be read: {error.strerror}") from error
