"""Documents: no dead links, and the commands that they name exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "deployments" / "README.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_make_targets_that_documents_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for document in DOCUMENTS:
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", document.read_text(), flags=re.M):
            assert re.search(rf"^{target}:", makefile, flags=re.M), f"{document.name} names make {target}"


def commands() -> list[str]:
    """Every `novacron …` subcommand path that a document names, such as "proof verify"."""
    found = set()
    for document in DOCUMENTS:
        for line in re.findall(
            r"novacron ((?:--[a-z]+(?: [\w./-]+\.toml)? )*)([a-z]+(?: [a-z-]+)?)", document.read_text()
        ):
            found.add(line[1])
    return sorted(found)


def test_cli_commands_that_documents_name_exist() -> None:
    from novacron.cli.main import cli

    known = cli.commands
    for path in commands():
        first, _, second = path.partition(" ")
        assert first in known, f"documents name `novacron {path}`"
        group = known[first]
        if second and isinstance(group, click.Group):
            assert second in group.list_commands(click.Context(group)), f"documents name `novacron {path}`"


def test_figures_of_the_benchmarks_page_are_in_the_gas_snapshot() -> None:
    snapshot = (ROOT / "tests" / "gas" / "snapshot.json").read_text()
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    for figure in ("45,787", "59,505", "105,060", "78,554", "243,972", "576,438", "48,986", "84,131", "73,544"):
        assert figure in page
        assert figure.replace(",", "") in snapshot, f"docs/benchmarks.md says {figure}: run `make bench` and update it"


def test_help_works_without_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "novacron.cli.main", "--help"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "proof" in done.stdout
