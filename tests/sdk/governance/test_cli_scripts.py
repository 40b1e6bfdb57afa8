"""`ape run propose`, `vote` and `proposals` on a running node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from novacron.governance.model import ProposalState
from tests.deploy.support import ROOT, ape_environment
from tests.sdk.governance.test_cli_governance import MINT
from tests.support import small_dao
from tests.support.small_dao import SmallDao


@pytest.fixture
def workspace(dao: SmallDao, tmp_path: Path) -> Path:
    """A project of its own, with this chain as its deployment."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "ape-config.yaml", tmp_path)
    (tmp_path / "scripts" / "proposals" / "mint_five.py").write_text(MINT)
    folder = tmp_path / "deployments" / "ethereum-local"
    folder.mkdir(parents=True)
    dao.manifest().save(folder / "manifest.json")
    for name in ("contracts", "home", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "out" / "forge").symlink_to(small_dao.ARTIFACTS)
    return tmp_path


def ape(workspace: Path, dao: SmallDao, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ape", "run", *arguments, "--network", f"ethereum:local:{dao.node.url}"],
        cwd=workspace,
        env=ape_environment(HOME=str(workspace / "home")),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )


def test_a_proposal_is_simulated_submitted_listed_and_voted_on(dao: SmallDao, workspace: Path) -> None:
    account = ("--account", "TEST::1", "--yes")
    simulated = ape(workspace, dao, "propose", "mint_five", *account)
    assert (simulated.returncode, "passes" in simulated.stdout) == (0, True), simulated.stdout + simulated.stderr
    submitted = ape(workspace, dao, "propose", "mint_five", "--submit", "--json", *account)
    assert submitted.returncode == 0, submitted.stderr
    number = int(json.loads(submitted.stdout)["proposal"], 16)
    assert dao.state(number) is ProposalState.PENDING
    dao.open_vote(number)
    voted = ape(workspace, dao, "vote", "mint_five", "for", "--reason", "yes", *account)
    assert voted.returncode == 0, voted.stderr
    listed = ape(workspace, dao, "proposals", "--json")
    assert listed.returncode == 0, listed.stderr
    [one] = json.loads(listed.stdout)
    assert (one["title"], one["votes"]["for"]) == ("Mint five CPU", 3_000_000)
    early = ape(workspace, dao, "queue", "mint_five", *account)
    assert early.returncode == 1
    assert "Error: voting on Mint five CPU" in early.stderr
    assert "Traceback" not in early.stderr


@pytest.mark.parametrize("folder_last", [True, False])
def test_the_list_is_found_beside_the_folder_of_the_same_name(folder_last: bool) -> None:
    """Ape makes commands of files and groups of folders, in the file system's order."""
    script = f"""
import pathlib
listing = pathlib.Path.iterdir
pathlib.Path.iterdir = lambda self: iter(sorted(listing(self), key=lambda path: path.is_dir() == {folder_last}))
import click
from ape_run._cli import ScriptCommand
found = ScriptCommand(name="run").get_command(click.Context(click.Command("run")), "proposals")
print(type(found).__name__, found.short_help)
"""
    done = subprocess.run(
        ["python", "-c", script], cwd=ROOT, env=ape_environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith("GovernanceCommand List the proposals of a network"), done.stderr
