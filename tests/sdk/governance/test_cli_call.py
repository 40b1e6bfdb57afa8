"""`novacron governance call`: views answered, transactions sent, names for addresses, wrong words refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from novacron.chain.anvil import Anvil
from novacron.cli.main import cli
from novacron.deploy.local import LOCAL_HOLDERS, SEASON, deploy_local

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with Anvil() as started:
        yield started


@pytest.fixture(scope="module")
def manifest(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "deployments" / "ethereum-local"
    folder.mkdir(parents=True)
    deploy_local(node.url, folder)
    return folder / "manifest.json"


@pytest.fixture
def run(node: Anvil, manifest: Path) -> Run:
    def invoke(*arguments: str, account: int = 8) -> Result:
        environment = {
            "NOVACRON_MANIFEST": str(manifest),
            "NOVACRON_RPC_URLS": node.url,
            "NOVACRON_PRIVATE_KEY": node.accounts[account][1],
        }
        return CliRunner().invoke(cli, ["--json", "governance", "call", *arguments], env=environment)

    return invoke


def test_a_transaction_is_sent_and_a_view_is_answered(node: Anvil, run: Run) -> None:
    block = node.rpc("eth_getBlockByNumber", "latest", False)
    assert isinstance(block, dict)
    season = int(block["timestamp"], 16) // SEASON + 1
    done = run("IdentityGate.verify", LOCAL_HOLDERS[0], str(season))
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["outcome"] == "done"
    answer = run("QuadraticVotes.verifiedUntil", LOCAL_HOLDERS[0])
    assert json.loads(answer.output) == {"result": (season + 1) * SEASON}


def test_names_stand_for_addresses(run: Run) -> None:
    answer = run("NovaToken.balanceOf", "Timelock")
    assert json.loads(answer.output) == {"result": 10**27}


def test_the_same_call_can_be_meant_again(run: Run) -> None:
    for account in (1, 2):
        for _ in range(2):
            assert run("QuadraticVotes.setOpen", "true", account=account).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("EmergencyBrake.lift", "ProofOfTraining"), "Records_NotPaused"),
        (("IdentityGate.verify", LOCAL_HOLDERS[0], "soon"), "'soon' is no uint256"),
        (("IdentityGate.verfy", LOCAL_HOLDERS[0], "1"), "verify"),
        (("IdentityGat.verify", LOCAL_HOLDERS[0], "1"), "IdentityGate"),
        (("CPU.mint", LOCAL_HOLDERS[0], "1"), "AccessManagedUnauthorized"),
    ],
)
def test_what_cannot_be_is_refused_by_name(run: Run, arguments: tuple[str, ...], named: str) -> None:
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert named in refused.output
