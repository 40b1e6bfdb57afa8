"""The committed gas figures are those of the contract, to the unit, and keep the project's promises."""

from __future__ import annotations

import json

import pytest

from tests.gas.snapshot import BOUNDS, COMMAND, DOCUMENT, SNAPSHOT, broken_bounds, measure, with_table


@pytest.fixture(scope="module")
def figures() -> dict[str, int]:
    return measure()


def test_figures_are_the_committed_ones(figures: dict[str, int]) -> None:
    committed = json.loads(SNAPSHOT.read_text())
    changed = {
        name: (committed.get(name), figures.get(name))
        for name in committed.keys() | figures.keys()
        if committed.get(name) != figures.get(name)
    }
    assert not changed, f"(committed, measured); if meant, run `{COMMAND}`: {changed}"


def test_figures_keep_the_promises(figures: dict[str, int]) -> None:
    assert BOUNDS.keys() <= figures.keys()
    assert broken_bounds(figures) == []


def test_a_broken_promise_is_named(figures: dict[str, int]) -> None:
    assert broken_bounds({**figures, "anchor": 46_601}) == ["anchor: 46,601.0 gas a record, promised at most 46,600"]
    assert broken_bounds({**figures, "anchorBatch of 1,000": 50_001}) != []


def test_the_document_shows_the_committed_figures() -> None:
    document = DOCUMENT.read_text()
    assert document == with_table(document, json.loads(SNAPSHOT.read_text())), f"out of date: run `{COMMAND}`"


def test_the_document_compares_the_same_figures_with_the_promises() -> None:
    committed, document = json.loads(SNAPSHOT.read_text()), DOCUMENT.read_text()
    for label, suffix in (
        ("a hash", ""),
        ("with 512 bytes", ", metadata 512 B"),
        ("with 2,048 bytes", ", metadata 2,048 B"),
    ):
        row = next(line for line in document.splitlines() if line.startswith(f"| {label}"))
        assert row.endswith(f"| {committed['anchor' + suffix]:,} | {committed['storeHash' + suffix]:,} |")
