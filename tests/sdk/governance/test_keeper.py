"""The keeper: does what is due once, alone or among others, and leaves alone what changed."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from novacron.exceptions import ChainError
from novacron.governance.authoring import description_of
from novacron.governance.lifecycle.keeper import Keeper, KeeperAction
from novacron.governance.lifecycle.lifecycle import Lifecycle
from novacron.governance.lifecycle.proposal_files import FILE, REPORT
from novacron.governance.lifecycle.steps import Prepared
from novacron.governance.model import ProposalState
from novacron.governance.reporting.report import document_hash, report_bytes
from tests.support.faulty_rpc import AcceptThenDrop, Drop, FaultyRpc, on
from tests.support.small_dao import CPU_CAP, DAY, NOVA, STRANGER
from tests.support.small_dao_lifecycle import Stage, mint_proposal


def announce(stage: Stage, prepared: Prepared, change: dict[str, Any]) -> int:
    """Propose with a changed report and a description that has its hash; the proposal's id."""
    stored, path = prepared.stored, prepared.folder.path
    assert stored is not None
    document = dict(stored.report)
    expects = change.get("expects")
    if expects is not None:
        document["proposal"] = document["proposal"] | {"expects": expects}
    else:
        document |= change
    description = description_of(stored.proposal, document_hash(document), stored.proposer)
    forged = replace(stored, description=description, report=document)
    (path / REPORT).write_bytes(report_bytes(document))
    (path / FILE).write_text(forged.to_json())
    arguments = (list(forged.targets), list(forged.values), list(forged.calldatas), description)
    stage.dao.send(stored.proposer, "Governance", "propose", *arguments)
    assert prepared.folder.load().id == forged.id
    return forged.id


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def results(actions: list[KeeperAction]) -> list[str]:
    return [action.result for action in actions]


def test_it_queues_and_executes_what_passed_and_then_has_nothing_to_do(stage: Stage) -> None:
    number = stage.passed()
    keeper = Keeper(stage.lifecycle())
    assert results(keeper.step()) == ["queued"]
    assert keeper.step() == []
    stage.dao.pass_time(2 * DAY)
    [action] = keeper.step()
    assert (action.result, action.proposal, action.mismatch) == ("executed", number, False)
    assert keeper.step() == []
    assert stage.dao.state(number) is ProposalState.EXECUTED


def test_a_restarted_keeper_goes_on(stage: Stage) -> None:
    stage.passed()
    assert results(Keeper(stage.lifecycle()).step()) == ["queued"]
    stage.dao.pass_time(2 * DAY)
    assert results(Keeper(stage.lifecycle()).step()) == ["executed"]
    assert Keeper(stage.lifecycle()).step() == []


def test_what_is_still_voted_on_is_left_to_the_voters(stage: Stage) -> None:
    number = stage.lifecycle().submit(mint_proposal(stage.suite, 1)).proposal
    keeper = Keeper(stage.lifecycle())
    assert keeper.step() == []
    stage.dao.open_vote(number)
    assert keeper.step() == []


@pytest.mark.parametrize("journals", [("", ""), ("one", "two")], ids=["one journal", "two journals"])
def test_two_keepers_at_once_do_each_step_once(stage: Stage, journals: tuple[str, str]) -> None:
    """Of the same account with one journal; and of two accounts that know nothing of each other."""
    number = stage.passed()
    accounts = (1, 1) if journals == ("", "") else (1, STRANGER)
    found: list[list[KeeperAction]] = [[], []]

    def run(which: int) -> None:
        keeper = Keeper(stage.lifecycle(by=accounts[which], journal=journals[which], pool=stage.dao.pool()))
        barrier.wait()
        found[which] = keeper.step()

    for state in (ProposalState.QUEUED, ProposalState.EXECUTED):
        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=run, args=(which,)) for which in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert stage.dao.state(number) is state
        assert {result for actions in found for result in results(actions)} <= {"queued", "executed", "others"}
        stage.dao.pass_time(2 * DAY)
    events = stage.reader.governor.events("ProposalExecuted")
    assert len([event for event in events if event.args["proposalId"] == number]) == 1


def test_a_drifted_proposal_is_reported_and_left_alone_with_growing_pauses(stage: Stage) -> None:
    dao, clock = stage.dao, Clock()
    number = stage.passed()
    dao.send(dao.accounts[0], "CPU", "transfer", dao.contracts["Timelock"].address, 7)
    keeper = Keeper(stage.lifecycle(), clock=clock)
    [action] = keeper.step()
    assert (action.result, action.transaction) == ("drifted", None)
    assert "CPU._balances[Timelock]" in action.detail
    assert "--accept-drift" in action.detail
    assert keeper.step() == []
    clock.now += 301
    assert results(keeper.step()) == ["drifted"]
    clock.now += 301
    assert keeper.step() == []
    clock.now += 300
    assert results(keeper.step()) == ["drifted"]
    assert dao.state(number) is ProposalState.SUCCEEDED


def test_a_keeper_may_tolerate_another_starting_point(stage: Stage) -> None:
    dao = stage.dao
    stage.passed()
    dao.send(dao.accounts[0], "CPU", "transfer", dao.contracts["Timelock"].address, 7)
    assert results(Keeper(stage.lifecycle(), tolerate_moved=True).step()) == ["queued"]


def test_a_failing_proposal_does_not_hold_up_the_others(stage: Stage) -> None:
    dao, suite = stage.dao, stage.suite
    first = stage.lifecycle().submit(mint_proposal(suite, 5 * NOVA, name="failing")).proposal
    second = stage.lifecycle().submit(replace(mint_proposal(suite, NOVA), title="Small", name="small")).proposal
    dao.open_vote(second)
    for number in (first, second):
        for member in dao.members[:3]:
            dao.send(member, "Governance", "castVote", number, 1)
    dao.pass_time(8 * DAY)
    timelock = dao.contracts["Timelock"].address
    if dao.state(second) is not ProposalState.SUCCEEDED:
        pytest.fail("both must have passed")
    dao.send(timelock, "CPU", "mint", dao.accounts[STRANGER], CPU_CAP - 1000 - 2 * NOVA)
    found = {action.title: action for action in Keeper(stage.lifecycle(), tolerate_moved=True).step()}
    assert (found["Mint CPU"].result, found["Small"].result) == ("failing", "queued")
    assert "ERC20ExceededCap" in found["Mint CPU"].detail


def test_a_proposal_without_a_report_here_is_left_alone(stage: Stage) -> None:
    number = stage.dao.propose(stage.dao.mint(1), description="# Foreign")
    stage.dao.carry(number)
    [action] = Keeper(stage.lifecycle()).step()
    assert (action.result, action.title) == ("unknown", "Foreign")
    assert stage.dao.state(number) is ProposalState.SUCCEEDED


def test_a_tampered_report_is_left_alone(stage: Stage) -> None:
    stage.passed()
    path = stage.folder / "proposals" / "mint_cpu" / FILE
    path.write_text(path.read_text().replace("because", "BECAUSE"))
    [action] = Keeper(stage.lifecycle()).step()
    assert (action.result, "changed after the simulation" in action.detail) == ("unknown", True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ok": False}, "it is not ok"),
        ({"findings": [{"severity": "error", "check": "code", "message": "no code there"}]}, "no code there"),
        ({"expects": []}, "its author expects nothing"),
    ],
)
def test_a_proposal_whose_own_report_speaks_against_it_is_left_alone(
    stage: Stage, change: dict[str, Any], words: str
) -> None:
    """Its hashes fit: somebody else's tool may submit anything."""
    prepared = stage.lifecycle().simulate(mint_proposal(stage.suite, 5 * NOVA), stage.dao.accounts[1])
    number = announce(stage, prepared, change)
    stage.dao.carry(number)
    [action] = Keeper(stage.lifecycle()).step()
    assert (action.result, words in action.detail) == ("failing", True), action.detail
    assert stage.dao.state(number) is ProposalState.SUCCEEDED


def test_a_lost_answer_is_made_up_for_by_the_next_step(stage: Stage) -> None:
    dao = stage.dao
    number = stage.passed()
    with FaultyRpc(dao.node.url) as proxy, dao.pool(proxy.url, timeout=1.0, max_time=1.5) as pool:
        keeper = Keeper(stage.lifecycle(pool=pool, timeout=0.5))
        proxy.rule = on("eth_sendRawTransaction", AcceptThenDrop())
        keeper.step()
        proxy.rule = on("*", Drop())
        with pytest.raises(ChainError):
            keeper.step()
    assert results(Keeper(stage.lifecycle()).step()) == []
    assert dao.state(number) is ProposalState.QUEUED


def test_it_stops_when_told_and_outlives_a_chain_that_is_away(stage: Stage) -> None:
    stage.passed()
    stop, seen = threading.Event(), []

    def report(action: KeeperAction) -> None:
        seen.append(action.result)
        if action.result == "retry":
            proxy.rule = None
        else:
            stop.set()

    with FaultyRpc(stage.dao.node.url) as proxy, stage.dao.pool(proxy.url, timeout=1.0, max_time=1.5) as pool:
        keeper = Keeper(stage.lifecycle(pool=pool))
        proxy.rule = on("*", Drop())
        thread = threading.Thread(target=keeper.run, args=(stop, 0.01, report))
        thread.start()
        thread.join(60)
    assert not thread.is_alive()
    assert (seen[0], seen[-1]) == ("retry", "queued")


def test_without_a_sender_nothing_is_done(stage: Stage) -> None:
    stage.passed()
    lifecycle = Lifecycle(stage.suite, stage.folder / "proposals", stage.simulator)
    assert results(Keeper(lifecycle).step()) == ["failing"]
