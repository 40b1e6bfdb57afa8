"""The specifications name the tests that exist: `.tree` beside each Solidity test file, and docs/invariants.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOLIDITY = sorted((ROOT / "tests" / "solidity").glob("*.t.sol"))
FUNCTION = re.compile(r"function ((?:test|testFuzz|invariant|check)_\w+)")
NAME = re.compile(r"\b((?:test|testFuzz|invariant|check)_\w+)")


@pytest.mark.parametrize("source", SOLIDITY, ids=lambda path: path.name)
def test_each_branch_of_a_tree_has_its_test_and_each_test_its_branch(source: Path) -> None:
    tree = source.with_name(source.name.replace(".t.sol", ".tree"))
    branches, tests = NAME.findall(tree.read_text()), FUNCTION.findall(source.read_text())
    assert sorted(branches) == sorted(tests)
    # Every line that ends in no test is a condition with something under it.
    for line in tree.read_text().splitlines():
        assert ("it should" in line) == bool(NAME.search(line)), line


def test_every_test_that_the_invariants_name_exists() -> None:
    document = (ROOT / "docs" / "invariants.md").read_text()
    sources = [*SOLIDITY, *(ROOT / "tests").rglob("test_*.py")]
    known = {name for path in sources for name in re.findall(r"(?:function|def) (\w+)", path.read_text())}
    rows = re.findall(r"^\| ([A-Z]{1,2}-\d+) \|.*\| (.*) \|$", document, re.MULTILINE)
    assert len(rows) == len({number for number, _ in rows}) >= 25
    for number, tests in rows:
        names = re.findall(r"`(\w+)`", tests)
        assert names, f"{number} has no test"
        assert set(names) <= known, f"{number} names tests that do not exist: {set(names) - known}"
