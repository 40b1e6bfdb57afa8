"""`novacron governance` from the command line: the same way, with exit codes and JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from novacron.cli.governance_show import DRIFT
from novacron.cli.main import cli
from novacron.governance.model import ProposalState
from tests.support import small_dao
from tests.support.small_dao import DAY, SmallDao

Run = Callable[..., Result]

MINT = """
from novacron.governance.expects import NOBODY, transfer

TITLE = "Mint five CPU"
DESCRIPTION = "because"


def actions(dao):
    yield dao.CPU.mint(dao.Timelock, 5)


def expects(dao):
    yield transfer("CPU", NOBODY, "Timelock", 5)
"""


@pytest.fixture
def project(dao: SmallDao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a deployment and one proposal; configured for the first member."""
    for name in list(os.environ):
        if name.startswith("NOVACRON_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "deployments" / "ethereum-local"
    folder.mkdir(parents=True)
    dao.manifest().save(folder / "manifest.json")
    (tmp_path / "scripts" / "proposals").mkdir(parents=True)
    (tmp_path / "scripts" / "proposals" / "mint_cpu.py").write_text(MINT)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "forge").symlink_to(small_dao.ARTIFACTS)
    monkeypatch.setenv("NOVACRON_RPC_URLS", dao.node.url)
    monkeypatch.setenv("NOVACRON_MANIFEST", str(folder / "manifest.json"))
    monkeypatch.setenv("NOVACRON_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("NOVACRON_PRIVATE_KEY", dao.node.accounts[1][1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    """A governance command; a traceback fails the test, and so does another exit code than `code`."""

    def invoke(*arguments: object, code: int = 0, as_json: bool = False, answer: str | None = None) -> Result:
        words = [*(["--json"] if as_json else []), "governance", *map(str, arguments)]
        result = CliRunner(mix_stderr=False).invoke(cli, words, input=answer)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stdout + result.stderr
        return result

    return invoke


@pytest.fixture
def json_of(run: Run) -> Callable[..., Any]:
    return lambda *arguments, code=0: json.loads(run(*arguments, code=code, as_json=True).stdout)


def act_as(dao: SmallDao, monkeypatch: pytest.MonkeyPatch, account: int) -> None:
    monkeypatch.setenv("NOVACRON_PRIVATE_KEY", dao.node.accounts[account][1])


def test_the_whole_way(
    dao: SmallDao, run: Run, json_of: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated = json_of("simulate", "mint_cpu")
    assert simulated["ok"]
    assert Path(simulated["files"]["report.html"]).is_file()
    assert json_of("proposals") == []
    submitted = json_of("propose", "mint_cpu", "--submit")
    assert (submitted["proposal"], submitted["outcome"]) == (simulated["id"], "done")
    number = int(submitted["proposal"], 16)
    assert [check["holds"] for check in json_of("verify-report", "mint_cpu")] == [True] * 5
    dao.open_vote(number)
    for account in (1, 2, 3):
        act_as(dao, monkeypatch, account)
        assert json_of("vote", "mint_cpu", "for", "--reason", "yes")["outcome"] == "done"
    dao.pass_time(8 * DAY)
    [listed] = json_of("proposals", "--live")
    assert (listed["state"], listed["title"], listed["votes"]["against"]) == ("succeeded", "Mint five CPU", 0)
    assert "queued" in run("queue", "mint_cpu").stdout
    dao.pass_time(2 * DAY)
    executed = json_of("execute", submitted["proposal"])
    assert (executed["matches"], executed["complete"], executed["differences"]) == (True, True, [])
    assert json_of("proposals", "--live") == []
    shown = run("show", "mint_cpu").stdout
    assert "Mint five CPU" in shown
    assert "#proposer=" in shown


def test_propose_without_submit_sends_nothing(dao: SmallDao, run: Run, json_of: Callable[..., Any]) -> None:
    assert "passes" in run("propose", "mint_cpu").stdout
    assert json_of("proposals") == []


def test_a_failing_simulation_exits_with_1_and_names_the_reason(project: Path, run: Run) -> None:
    (project / "scripts" / "proposals" / "naive.py").write_text(MINT.replace("5)", "10**30)"))
    result = run("simulate", "naive", code=1)
    assert "ERC20ExceededCap" in result.stdout
    refused = run("propose", "naive", "--submit", code=1)
    assert "was not submitted" in refused.stderr


def test_drift_has_its_own_exit_code_and_can_be_accepted(dao: SmallDao, run: Run, json_of: Callable[..., Any]) -> None:
    number = int(json_of("propose", "mint_cpu", "--submit")["proposal"], 16)
    dao.carry(number)
    dao.send(dao.accounts[0], "CPU", "transfer", dao.contracts["Timelock"].address, 7)
    table = run("queue", "mint_cpu", code=DRIFT).stdout
    assert "CPU._balances[Timelock]" in table
    found = json_of("queue", "mint_cpu", code=DRIFT)
    assert [row["moved"] for row in found["differences"]] == [True]
    accepted = json_of("queue", "mint_cpu", "--accept-drift", found["accept_drift"])
    assert (accepted["outcome"], len(accepted["accepted"])) == ("done", 1)


def test_a_signed_vote_is_sent_by_another(
    dao: SmallDao, json_of: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = int(json_of("propose", "mint_cpu", "--submit")["proposal"], 16)
    json_of("vote", "mint_cpu", "against", "--sign", "ballot.json")
    dao.open_vote(number)
    act_as(dao, monkeypatch, 6)
    assert json_of("send-ballot", "ballot.json")["outcome"] == "done"
    assert json_of("show", "mint_cpu")["votes"]["against"] == 3_000_000


def test_a_vote_too_early_is_one_line(run: Run) -> None:
    run("propose", "mint_cpu", "--submit")
    assert run("vote", "mint_cpu", "for", code=1).stderr.startswith("error: voting on 0x")


def test_reading_needs_no_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOVACRON_PRIVATE_KEY")
    assert "0 proposals" in run("proposals").stdout or "id\ttitle" in run("proposals").stdout
    assert "3000000" in run("voters").stdout
    assert "no key" in run("propose", "mint_cpu", code=1).stderr


def test_without_a_manifest_it_says_what_to_give(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOVACRON_MANIFEST")
    assert "needs a deployment's manifest" in run("proposals", code=1).stderr


def test_a_changed_report_does_not_verify(run: Run, json_of: Callable[..., Any], project: Path) -> None:
    run("propose", "mint_cpu", "--submit")
    report = project / "deployments" / "ethereum-local" / "proposals" / "mint_cpu" / "report.json"
    copy = project / "copy.json"
    copy.write_bytes(report.read_bytes() + b" ")
    checks = json_of("verify-report", "mint_cpu", "--report", copy, code=1)
    assert [check["what"] for check in checks if not check["holds"]] == ["report"]


@pytest.mark.parametrize("page", ["report.md", "report.html"])
def test_a_page_that_says_something_else_than_the_report_does_not_verify(
    page: str, run: Run, json_of: Callable[..., Any], project: Path
) -> None:
    run("propose", "mint_cpu", "--submit")
    file = project / "deployments" / "ethereum-local" / "proposals" / "mint_cpu" / page
    file.write_text(file.read_text().replace("CPU", "MEM", 1))
    checks = json_of("verify-report", "mint_cpu", code=1)
    assert [check["what"] for check in checks if not check["holds"]] == [page]


def test_a_safe_proposes_through_files(
    dao: SmallDao, run: Run, json_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dao.send(dao.members[1], "NovaToken", "delegate", dao.contracts["GuardianSafe"].address)
    dao.pass_time(5)
    waiting = json_of("propose", "mint_cpu", "--submit", "--safe", "GuardianSafe")
    assert waiting["outcome"] == "waiting"
    file = waiting["safe"]["file"]
    assert json_of("safe", "show", file)["safeTxHash"] == waiting["safe"]["safeTxHash"]
    assert "give --yes" in run("safe", "sign", file, code=2, as_json=True).stderr
    assert json_of("safe", "sign", file, "--yes")["missing"] == 1
    assert "1 of 2 signatures" in run("safe", "execute", file, code=1).stderr
    act_as(dao, monkeypatch, 4)
    assert "is no owner" in run("safe", "sign", file, code=1).stderr
    act_as(dao, monkeypatch, 3)
    assert json_of("safe", "sign", file, "--yes")["missing"] == 0
    run("safe", "export", file, "builder.json")
    assert json.loads(Path("builder.json").read_text())["transactions"][0]["value"] == "0"
    json_of("safe", "execute", file)
    assert dao.state(int(waiting["proposal"], 16)) is ProposalState.PENDING
    assert json_of("propose", "mint_cpu", "--submit", "--safe", "GuardianSafe")["outcome"] == "done"


def test_the_guardian_cancels_through_its_safe(
    dao: SmallDao, run: Run, json_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = int(json_of("propose", "mint_cpu", "--submit")["proposal"], 16)
    dao.carry(number)
    assert "only the guardian can" in run("cancel", "mint_cpu", code=1).stderr
    file = json_of("cancel", "mint_cpu", "--safe", "GuardianSafe")["safe"]["file"]
    for account in (1, 2):
        act_as(dao, monkeypatch, account)
        run("safe", "sign", file, "--yes")
    run("safe", "execute", file)
    assert dao.state(number) is ProposalState.CANCELED
    assert "there is nothing to cancel" in run("cancel", "mint_cpu", code=1).stderr


def test_an_owner_sees_the_decoded_call_and_not_the_files_title_before_signing(
    dao: SmallDao, run: Run, json_of: Callable[..., Any], project: Path
) -> None:
    json_of("propose", "mint_cpu", "--submit")
    file = Path(json_of("cancel", "mint_cpu", "--safe", "GuardianSafe")["safe"]["file"])
    file.write_text(json.dumps(json.loads(file.read_text()) | {"title": "a harmless vote"}))
    refused = run("safe", "sign", file, code=1, answer="n")
    for words in ("Governance.cancel: Mint five CPU", "CPU.mint", f"Timelock ({dao.contracts['Timelock'].address})"):
        assert words in refused.stdout
    assert "harmless" not in refused.stdout + refused.stderr
    assert "Sign this?" in refused.stderr
    assert json.loads(file.read_text())["signatures"] == {}
    run("safe", "sign", file, answer="y")
    assert list(json.loads(file.read_text())["signatures"]) == [dao.accounts[1]]


def test_drift_is_looked_for_when_owners_sign_and_again_when_it_is_executed(
    dao: SmallDao, run: Run, json_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = int(json_of("propose", "mint_cpu", "--submit")["proposal"], 16)
    dao.carry(number)
    file = json_of("queue", "mint_cpu", "--safe", "GuardianSafe")["safe"]["file"]
    run("safe", "sign", file, "--yes")
    dao.send(dao.accounts[0], "CPU", "transfer", dao.contracts["Timelock"].address, 7)
    act_as(dao, monkeypatch, 2)
    found = json_of("safe", "sign", file, "--yes", code=DRIFT)
    assert list(json.loads(Path(file).read_text())["signatures"]) == [dao.accounts[1]]
    json_of("safe", "sign", file, "--yes", "--accept-drift", found["accept_drift"])
    assert json_of("safe", "execute", file, code=DRIFT)["differences"] == found["differences"]
    assert dao.state(number) is ProposalState.SUCCEEDED
    json_of("safe", "execute", file, "--accept-drift", found["accept_drift"])
    assert dao.state(number) is ProposalState.QUEUED


def test_a_report_is_checked_by_running_what_the_chain_has_again(
    dao: SmallDao, run: Run, json_of: Callable[..., Any], project: Path
) -> None:
    json_of("propose", "mint_cpu", "--submit")
    (project / "scripts" / "proposals" / "mint_cpu.py").write_text("raise SystemExit('the file is not run')")
    report = project / "deployments" / "ethereum-local" / "proposals" / "mint_cpu" / "report.json"
    checks = json_of("verify-report", "mint_cpu", "--simulate")
    assert {check["what"]: check["holds"] for check in checks} == dict.fromkeys(
        ("report", "calldata", "proposer", "report.md", "report.html", "block", "effects"), True
    )
    document = json.loads(report.read_text())

    def effects_of(change: Callable[[Any], None]) -> str:
        copy = json.loads(json.dumps(document))
        change(copy)
        (project / "copy.json").write_text(json.dumps(copy))
        found = json_of("verify-report", "mint_cpu", "--simulate", "--report", project / "copy.json", code=1)
        return str(next(check["detail"] for check in reversed(found) if not check["holds"]))

    assert "transfer CPU: the report says" in effects_of(lambda copy: copy["effects"]["transfers"][0].update(amount=4))
    assert "the chain 0x" in effects_of(lambda copy: copy["chain"].update(block_hash="0x" + "00" * 32))
    assert "cannot be run again" in effects_of(lambda copy: copy["chain"].update(block_number=10**9))


def test_the_help_says_that_a_proposal_file_is_code(run: Run) -> None:
    for command in ("simulate", "propose"):
        assert "runs with your rights" in " ".join(run(command, "--help").stdout.split())


def test_a_proposer_cancels_before_voting_opens(dao: SmallDao, run: Run, json_of: Callable[..., Any]) -> None:
    number = int(json_of("propose", "mint_cpu", "--submit")["proposal"], 16)
    assert json_of("cancel", "mint_cpu")["outcome"] == "done"
    assert dao.state(number) is ProposalState.CANCELED


def test_a_safe_calls_any_function_of_the_suite(dao: SmallDao, run: Run, json_of: Callable[..., Any]) -> None:
    waiting = json_of("safe", "call", "GuardianSafe", "CPU.approve", "Timelock", "25")
    shown = json_of("safe", "show", waiting["safe"]["file"])
    assert shown["to"] == dao.contracts["CPU"].address
    assert shown["data"] == "0x" + dao.calldata("CPU", "approve", dao.contracts["Timelock"].address, 25).hex()
    assert "only reads" in run("safe", "call", "GuardianSafe", "CPU.cap", code=1).stderr
    assert "has no function" in run("safe", "call", "GuardianSafe", "CPU.burn", "1", code=1).stderr
    assert "'x' is no uint256" in run("safe", "call", "GuardianSafe", "CPU.approve", "CPU", "x", code=1).stderr


def test_the_keeper_once_does_what_is_due(dao: SmallDao, run: Run, json_of: Callable[..., Any]) -> None:
    number = int(json_of("propose", "mint_cpu", "--submit")["proposal"], 16)
    dao.carry(number)
    assert run("keeper", "--once").stdout.startswith("queued  Mint five CPU")
    dao.pass_time(2 * DAY)
    assert json_of("keeper", "--once")["result"] == "executed"
    foreign = dao.propose(dao.mint(1), description="# Foreign")
    dao.carry(foreign)
    assert "unknown  Foreign" in run("keeper", "--once", code=1).stdout


def test_the_keeper_stops_at_sigterm(dao: SmallDao, json_of: Callable[..., Any], project: Path) -> None:
    number = int(json_of("propose", "mint_cpu", "--submit")["proposal"], 16)
    dao.carry(number)
    process = subprocess.Popen(
        [sys.executable, "-m", "novacron.cli.main", "governance", "keeper", "--interval", "3600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(small_dao.ROOT)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("queued")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, "Traceback" in errors) == (0, False)
    assert dao.state(number) is ProposalState.QUEUED
