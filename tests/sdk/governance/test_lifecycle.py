"""The whole way of a proposal on a real chain: what was simulated is submitted, and nothing else is executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import (
    ChainError,
    DriftError,
    ProposalStateError,
    RetryableError,
    StoreBusyError,
    SubmissionRefusedError,
    TamperedProposalError,
    UnknownProposalError,
)
from novacron.governance.expects import grant
from novacron.governance.lifecycle.outcome import verify_report
from novacron.governance.lifecycle.proposal_files import FILE, REPORT, ProposalFolder
from novacron.governance.model import Proposal, ProposalState
from novacron.governance.simulation.fork_simulator import ForkSimulator
from tests.support.faulty_rpc import AcceptThenDrop, Answer, Drop, FaultyRpc, on
from tests.support.small_dao import CPU_CAP, DAY, NOVA, STRANGER
from tests.support.small_dao_lifecycle import Stage, mint_proposal


def test_a_simulation_writes_a_report_that_its_description_pins(stage: Stage) -> None:
    prepared = stage.lifecycle().simulate(mint_proposal(stage.suite, 5 * NOVA), stage.dao.accounts[1])
    assert prepared.simulation.ok
    folder = prepared.folder.path
    assert sorted(path.name for path in folder.iterdir()) == [".lock", FILE, "report.html", REPORT, "report.md"]
    stored = prepared.folder.load()
    assert stored.parts.report_hash == hashlib.sha256((folder / REPORT).read_bytes()).digest()
    assert stored.parts.proposer == stage.dao.accounts[1]
    assert stored.state == "simulated"
    assert stage.reader.proposals() == []


def test_the_whole_way_does_exactly_what_was_predicted(stage: Stage) -> None:
    dao, lifecycle, proposal = stage.dao, stage.lifecycle(), mint_proposal(stage.suite, 5 * NOVA)
    prepared = lifecycle.simulate(proposal, dao.accounts[1])
    step = lifecycle.submit(proposal)
    assert (step.outcome, dao.state(step.proposal)) == ("done", ProposalState.PENDING)
    onchain = stage.reader.proposal(step.proposal)
    assert prepared.stored is not None
    assert onchain.description == prepared.stored.description
    assert all(check.holds for check in verify_report(onchain, (prepared.folder.path / REPORT).read_bytes()))
    dao.carry(step.proposal)
    assert lifecycle.queue("mint_cpu").outcome == "done"
    dao.pass_time(2 * DAY)
    done = lifecycle.execute("mint_cpu")
    assert done.outcome == "done"
    assert done.verification is not None
    assert done.verification.complete
    assert done.verification.differences == ()
    assert stage.suite.contract("CPU").balanceOf(stage.suite.address_of("Timelock")) == 5 * NOVA
    assert lifecycle.find("mint_cpu")[1].state == "executed"


def test_submitting_without_a_simulation_simulates_first(stage: Stage) -> None:
    step = stage.lifecycle().submit(mint_proposal(stage.suite, 1))
    assert stage.reader.proposal(step.proposal).title == "Mint CPU"


def test_submitting_twice_proposes_once(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 1)
    first, again = stage.lifecycle().submit(proposal), stage.lifecycle().submit(proposal)
    assert (first.proposal, first.transaction) == (again.proposal, again.transaction)
    assert len(stage.reader.proposals()) == 1


def test_a_submitted_proposal_is_not_simulated_anew_under_its_name(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 1)
    stage.lifecycle().submit(proposal)
    with pytest.raises(ProposalStateError, match="on the chain already"):
        stage.lifecycle().simulate(proposal, stage.dao.accounts[1])


def test_a_proposal_that_would_fail_is_reported_and_cannot_be_submitted(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 2 * CPU_CAP)
    prepared = stage.lifecycle().simulate(proposal, stage.dao.accounts[1])
    assert prepared.stored is None
    assert (prepared.folder.path / "report.html").is_file()
    assert not prepared.folder.exists
    with pytest.raises(SubmissionRefusedError, match="ERC20ExceededCap"):
        stage.lifecycle().submit(proposal)
    assert stage.reader.proposals() == []


def test_a_proposer_below_the_threshold_is_refused_before_anything_is_sent(stage: Stage) -> None:
    with pytest.raises(SubmissionRefusedError, match="GovernorInsufficientProposerVotes"):
        stage.lifecycle(by=STRANGER).submit(mint_proposal(stage.suite, 1))
    assert int(stage.dao.w3.eth.get_transaction_count(stage.dao.accounts[STRANGER])) == 0


def test_what_nothing_explains_is_refused(stage: Stage) -> None:
    unexplained = mint_proposal(stage.suite, 1, expects=())
    with pytest.raises(SubmissionRefusedError, match="CPU"):
        stage.lifecycle().submit(unexplained)


# -- tampering ---------------------------------------------------------------------------------------------------------


def edit(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | changes))


def test_a_description_changed_after_the_simulation_is_refused(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 1)
    prepared = stage.lifecycle().simulate(proposal, stage.dao.accounts[1])
    assert prepared.stored is not None
    edit(prepared.folder.path / FILE, description=prepared.stored.description.replace("because", "BECAUSE"))
    with pytest.raises(TamperedProposalError, match="the id does not belong"):
        stage.lifecycle().submit(proposal)


def test_a_report_changed_after_the_simulation_is_refused(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 1)
    report = stage.lifecycle().simulate(proposal, stage.dao.accounts[1]).folder.path / REPORT
    report.write_bytes(report.read_bytes().replace(b'"ok":true', b'"ok":null'))
    with pytest.raises(TamperedProposalError, match="does not have the hash in the description"):
        stage.lifecycle().submit(proposal)


def test_an_authors_file_changed_after_the_simulation_is_refused(stage: Stage) -> None:
    stage.lifecycle().simulate(mint_proposal(stage.suite, 1), stage.dao.accounts[1])
    with pytest.raises(TamperedProposalError, match="actions changed since the simulation"):
        stage.lifecycle().submit(mint_proposal(stage.suite, 2))
    assert stage.reader.proposals() == []


def test_another_proposer_than_the_simulated_one_is_refused(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 1)
    stage.lifecycle().simulate(proposal, stage.dao.accounts[1])
    with pytest.raises(TamperedProposalError, match="proposer changed"):
        stage.lifecycle(by=2).submit(proposal)


def test_actions_swapped_in_the_file_with_a_fitting_id_are_refused(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 1)
    folder = stage.lifecycle().simulate(proposal, stage.dao.accounts[1]).folder
    stored = folder.load()
    evil = stage.dao.mint(999 * NOVA, stage.dao.accounts[STRANGER])[2]
    forged = replace(stored, calldatas=(evil,))
    (folder.path / FILE).write_text(forged.to_json())
    with pytest.raises(TamperedProposalError, match="do not have the calldata hash"):
        stage.lifecycle().submit(proposal)


def test_another_time_of_execution_than_the_reports_is_refused(stage: Stage) -> None:
    """Values may follow the execution's time, so it must be the simulated one."""
    proposal = mint_proposal(stage.suite, 1)
    path = stage.lifecycle().simulate(proposal, stage.dao.accounts[1]).folder.path / FILE
    edit(path, executed_at=json.loads(path.read_text())["executed_at"] + DAY)
    with pytest.raises(TamperedProposalError, match=r"executed_at in .* is not that of"):
        stage.lifecycle().submit(proposal)


def test_a_half_written_folder_counts_as_not_simulated(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 1)
    folder = stage.lifecycle().simulate(proposal, stage.dao.accounts[1]).folder
    (folder.path / FILE).unlink()  # what a crash between the files leaves
    with pytest.raises(UnknownProposalError):
        stage.lifecycle().queue("mint_cpu")
    assert stage.lifecycle().submit(proposal).outcome == "done"


# -- order of steps ----------------------------------------------------------------------------------------------------


def test_each_step_too_early_says_when(stage: Stage) -> None:
    dao, lifecycle = stage.dao, stage.lifecycle()
    number = lifecycle.submit(mint_proposal(stage.suite, 1)).proposal
    with pytest.raises(ProposalStateError, match=r"voting on .* opens after .* UTC"):
        lifecycle.queue("mint_cpu")
    dao.open_vote(number)
    with pytest.raises(ProposalStateError, match=r"voting on .* ends at"):
        lifecycle.queue("mint_cpu")
    for member in dao.members[:3]:
        dao.send(member, "Governance", "castVote", number, 1)
    dao.pass_time(8 * DAY)
    with pytest.raises(ProposalStateError, match="queue it first"):
        lifecycle.execute("mint_cpu")
    lifecycle.queue("mint_cpu")
    with pytest.raises(ProposalStateError, match="in the timelock; it can be executed from"):
        lifecycle.execute("mint_cpu")


def test_a_defeated_proposal_is_never_queued(stage: Stage) -> None:
    number = stage.lifecycle().submit(mint_proposal(stage.suite, 1)).proposal
    stage.dao.pass_time(9 * DAY)
    assert stage.dao.state(number) is ProposalState.DEFEATED
    with pytest.raises(ProposalStateError, match="defeated; it can never be executed"):
        stage.lifecycle().queue("mint_cpu")


def test_steps_of_somebody_else_are_recognised_and_still_compared(stage: Stage) -> None:
    dao = stage.dao
    number = stage.passed()
    arguments = stage.reader.proposal(number).call_arguments
    dao.send(dao.accounts[STRANGER], "Governance", "queue", *arguments)
    assert stage.lifecycle().queue("mint_cpu").outcome == "others"
    dao.pass_time(2 * DAY)
    dao.send(dao.accounts[STRANGER], "Governance", "execute", *arguments)
    step = stage.lifecycle().execute("mint_cpu")
    assert step.outcome == "others"
    assert step.verification is not None
    assert step.verification.differences == ()


@dataclass
class Interrupted(ForkSimulator):
    """Something happens on the chain right after a simulation, before anything is sent."""

    happens: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        super().__init__()

    def existing(self, *arguments: Any, **options: Any) -> Any:
        found = super().existing(*arguments, **options)
        self.happens()
        return found


def test_an_execution_by_somebody_else_in_between_is_recognised(stage: Stage) -> None:
    dao = stage.dao
    number = stage.passed()
    stage.lifecycle().queue("mint_cpu")
    dao.pass_time(2 * DAY)
    arguments = stage.reader.proposal(number).call_arguments
    stage.simulator = Interrupted(lambda: dao.send(dao.accounts[STRANGER], "Governance", "execute", *arguments))
    before = int(dao.w3.eth.get_transaction_count(dao.accounts[1]))
    step = stage.lifecycle().execute("mint_cpu")
    assert step.outcome == "others"
    assert step.verification is not None
    assert step.verification.matches
    assert int(dao.w3.eth.get_transaction_count(dao.accounts[1])) == before


def test_a_file_changed_after_the_submission_is_no_new_proposal(stage: Stage) -> None:
    stage.lifecycle().submit(mint_proposal(stage.suite, 1))
    with pytest.raises(ProposalStateError, match="give the file another name"):
        stage.lifecycle().submit(mint_proposal(stage.suite, 2))


def test_two_runs_do_not_work_on_the_same_proposal_at_once(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 1)
    with ProposalFolder(stage.folder / "proposals" / "mint_cpu").locked():
        with pytest.raises(StoreBusyError, match="another run works on mint_cpu"):
            stage.lifecycle().submit(proposal)
    assert stage.lifecycle().submit(proposal).outcome == "done"


def test_an_executed_proposal_is_not_executed_again(stage: Stage) -> None:
    stage.passed()
    stage.lifecycle().queue("mint_cpu")
    stage.dao.pass_time(2 * DAY)
    first, again = stage.lifecycle().execute("mint_cpu"), stage.lifecycle().execute("mint_cpu")
    assert first.transaction == again.transaction
    assert again.outcome == "done"


# -- drift -------------------------------------------------------------------------------------------------------------


def test_drift_before_the_execution_stops_it_until_exactly_that_is_accepted(stage: Stage) -> None:
    dao = stage.dao
    number = stage.passed()
    stage.lifecycle().queue("mint_cpu")
    dao.pass_time(2 * DAY)
    dao.send(dao.accounts[0], "CPU", "transfer", dao.contracts["Timelock"].address, 7)
    with pytest.raises(DriftError, match=r"CPU._balances\[Timelock\]") as caught:
        stage.lifecycle().execute("mint_cpu")
    [row] = caught.value.differences
    assert (row.pinned, row.now, row.moved) == (f"0 → {5 * NOVA}", f"7 → {5 * NOVA + 7}", True)
    with pytest.raises(DriftError):
        stage.lifecycle().execute("mint_cpu", accept_drift="0" * 64)
    dao.pass_time(60)  # the hash does not depend on the moment
    step = stage.lifecycle().execute("mint_cpu", accept_drift=caught.value.effects_hash)
    assert dao.state(number) is ProposalState.EXECUTED
    assert step.accepted == caught.value.differences
    assert step.verification is not None
    assert step.verification.differences == ()


def test_a_moved_starting_point_may_be_tolerated(stage: Stage) -> None:
    dao = stage.dao
    stage.passed()
    dao.send(dao.accounts[0], "CPU", "transfer", dao.contracts["Timelock"].address, 7)
    with pytest.raises(DriftError):
        stage.lifecycle().queue("mint_cpu")
    assert stage.lifecycle().queue("mint_cpu", tolerate_moved=True).outcome == "done"


def test_drift_before_the_submission_asks_for_a_new_simulation(stage: Stage) -> None:
    proposal = mint_proposal(stage.suite, 5 * NOVA)
    stage.lifecycle().simulate(proposal, stage.dao.accounts[1])
    stage.dao.send(stage.dao.accounts[0], "CPU", "transfer", stage.dao.contracts["Timelock"].address, 7)
    with pytest.raises(DriftError, match="simulate it again"):
        stage.lifecycle().submit(proposal)
    stage.lifecycle().simulate(proposal, stage.dao.accounts[1])
    assert stage.lifecycle().submit(proposal).outcome == "done"


def test_values_that_follow_the_clock_are_no_drift(stage: Stage) -> None:
    """A role granted by AccessManager notes since when: at another time than on the fork, and that is all."""
    dao, authority = stage.dao, stage.suite.contract("Authority")
    action = authority.grantRole(2, dao.accounts[STRANGER], 0)
    proposal = Proposal(
        "new_attester", "New attester", "because", (action,), (grant("ATTESTER", dao.accounts[STRANGER]),)
    )
    number = stage.lifecycle().submit(proposal).proposal
    dao.carry(number)
    dao.pass_time(3 * DAY)
    stage.lifecycle().queue("new_attester")
    dao.pass_time(5 * DAY)
    step = stage.lifecycle().execute("new_attester")
    assert step.verification is not None
    assert step.verification.differences == ()


def test_an_execution_that_would_fail_now_is_not_sent(stage: Stage) -> None:
    dao = stage.dao
    stage.passed()
    stage.lifecycle().queue("mint_cpu")
    dao.pass_time(2 * DAY)
    timelock = dao.contracts["Timelock"].address
    dao.send(timelock, "CPU", "mint", dao.accounts[STRANGER], CPU_CAP - 1000)
    with pytest.raises(ProposalStateError, match="ERC20ExceededCap"):
        stage.lifecycle().execute("mint_cpu")


# -- interruptions -----------------------------------------------------------------------------------------------------


def test_an_rpc_lost_between_queue_and_execute_is_picked_up_by_the_next_run(stage: Stage) -> None:
    dao = stage.dao
    number = stage.passed()
    with FaultyRpc(dao.node.url) as proxy, dao.pool(proxy.url, timeout=1.0, max_time=1.5) as pool:
        broken = stage.lifecycle(pool=pool, timeout=1.0)
        proxy.rule = on("eth_sendRawTransaction", AcceptThenDrop())  # it arrives, and we do not hear of it
        with pytest.raises((RetryableError, ChainError)):
            broken.queue("mint_cpu")
        proxy.rule = on("*", Drop())
        with pytest.raises(ChainError):
            broken.queue("mint_cpu")
    assert dao.state(number) is ProposalState.QUEUED
    step = stage.lifecycle().queue("mint_cpu")
    assert (step.outcome, step.transaction is not None) == ("done", True)
    dao.pass_time(2 * DAY)
    assert stage.lifecycle().execute("mint_cpu").outcome == "done"
    assert int(dao.w3.eth.get_transaction_count(dao.accounts[1])) == stage.nonce + 4  # propose, vote, queue, execute


def test_a_submission_whose_answer_was_lost_is_not_repeated(stage: Stage) -> None:
    dao, proposal = stage.dao, mint_proposal(stage.suite, 1)
    stage.lifecycle().simulate(proposal, dao.accounts[1])
    with FaultyRpc(dao.node.url) as proxy, dao.pool(proxy.url, timeout=1.0, max_time=1.5) as pool:
        proxy.rule = on("eth_sendRawTransaction", AcceptThenDrop())
        with pytest.raises((RetryableError, ChainError)):
            stage.lifecycle(pool=pool, timeout=0.5).submit(proposal)
    assert stage.lifecycle().submit(proposal).outcome == "done"
    assert len(stage.reader.proposals()) == 1


def test_a_node_without_traces_compares_events_and_says_so(stage: Stage) -> None:
    dao = stage.dao
    stage.passed()
    stage.lifecycle().queue("mint_cpu")
    dao.pass_time(2 * DAY)
    stage.lifecycle().execute("mint_cpu")
    with FaultyRpc(dao.node.url) as proxy, dao.pool(proxy.url) as pool:
        unsupported = {"error": {"code": -32601, "message": "the method debug_traceTransaction does not exist"}}
        proxy.rule = on("debug_traceTransaction", Answer(unsupported))
        step = stage.lifecycle(pool=pool).execute("mint_cpu")
    assert step.verification is not None
    assert (step.verification.complete, step.verification.differences) == (False, ())
