"""The committed gas figures are those of the contract, to the unit, and keep the project's promises."""

from __future__ import annotations

import json

import pytest

from tests.gas.snapshot import BOUNDS, COMMAND, DOCUMENT, SNAPSHOT, Figures, broken_bounds, measure, with_tables


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure()


def flat(figures: Figures) -> dict[str, int]:
    """All operations together; no two sections name the same."""
    assert len({name for section in figures.values() for name in section}) == sum(map(len, figures.values()))
    return {name: used for section in figures.values() for name, used in section.items()}


def test_figures_are_the_committed_ones(figures: Figures) -> None:
    committed, measured = flat(json.loads(SNAPSHOT.read_text())), flat(figures)
    changed = {
        name: (committed.get(name), measured.get(name))
        for name in committed.keys() | measured.keys()
        if committed.get(name) != measured.get(name)
    }
    assert not changed, f"(committed, measured); if meant, run `{COMMAND}`: {changed}"


def test_figures_keep_the_promises(figures: Figures) -> None:
    assert BOUNDS.keys() <= flat(figures).keys()
    assert broken_bounds(figures) == []


def test_a_broken_promise_is_named(figures: Figures) -> None:
    within = {"all": {name: bound.limit * bound.records for name, bound in BOUNDS.items()}}
    assert flat(figures).keys() >= within["all"].keys()
    assert broken_bounds(within) == []
    within["all"]["anchor"] += 1
    assert broken_bounds(within) == ["anchor: 46,601.0 gas a record, promised at most 46,600"]
    within["all"]["anchorBatch of 1,000"] += 1
    assert len(broken_bounds(within)) == 2


def test_the_document_shows_the_committed_figures() -> None:
    document = DOCUMENT.read_text()
    assert document == with_tables(document, json.loads(SNAPSHOT.read_text())), f"out of date: run `{COMMAND}`"


def test_the_document_compares_the_same_figures_with_the_promises() -> None:
    committed, document = json.loads(SNAPSHOT.read_text())["ProofOfTraining"], DOCUMENT.read_text()
    for label, suffix in (
        ("a hash", ""),
        ("with 512 bytes", ", metadata 512 B"),
        ("with 2,048 bytes", ", metadata 2,048 B"),
    ):
        row = next(line for line in document.splitlines() if line.startswith(f"| {label}"))
        assert row.endswith(f"| {committed['anchor' + suffix]:,} | {committed['storeHash' + suffix]:,} |")
