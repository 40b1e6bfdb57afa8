"""A proposal is run on a fork as on the chain; whatever is wrong with it is named, with the action and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import ConfigurationError, InputError, RevertedError
from novacron.governance.decoding.storage_layout import LayoutBook
from novacron.governance.expects import NOBODY, change, event, transfer
from novacron.governance.model import Action, Proposal, ProposalState, Simulation, Voter, proposal_id
from novacron.governance.simulation.failures import FailureReader
from novacron.governance.simulation.fork import Fork
from novacron.governance.simulation.simulate import simulate, simulate_execution
from novacron.governance.suite import Suite
from tests.support.small_dao import CPU_CAP, DAY, NOVA, SmallDao

TEXT = "# A proposal\n\nas it is on the chain"


@pytest.fixture(scope="module")
def book(deployed_dao: SmallDao) -> LayoutBook:
    with deployed_dao.pool() as pool:
        return LayoutBook(deployed_dao.suite(pool).artifacts)


def proposal(*actions: Action, expects: Sequence[Any] = ()) -> Proposal:
    return Proposal("name", "Title", "body", actions, tuple(expects))


def mint(suite: Suite, amount: int) -> Action:
    action: Action = suite.contract("CPU").mint(suite.contract("Timelock"), amount)
    return action


def run(dao: SmallDao, suite: Suite, book: LayoutBook, what: Proposal, **options: Any) -> Simulation:
    return simulate(suite, what, **({"proposer": dao.members[0], "book": book} | options))


def errors(simulation: Simulation) -> list[str]:
    return [finding.message for finding in simulation.findings if finding.severity == "error"]


# -- what goes well ------------------------------------------------------------------------------------------------


def test_two_actions_that_are_expected(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    what = proposal(
        mint(suite, 5 * NOVA),
        suite.contract("Governance").setVotingDelay(2 * DAY),
        expects=[
            transfer("CPU", NOBODY, "Timelock", 5 * NOVA),
            change("Governance._votingDelay", to=2 * DAY),
            event("Governance.VotingDelaySet", newVotingDelay=2 * DAY),
        ],
    )
    told: list[str] = []
    found = run(dao, suite, book, what, progress=told.append)
    assert errors(found) == []
    assert found.ok
    assert {write.name for write in found.effects.writes} == {
        "CPU._balances[Timelock]",
        "CPU._totalSupply",
        "Governance._votingDelay",
    }
    steps = [step.step for step in found.gas]
    assert (steps[0], steps[-2:]) == ("propose", ["queue", "execute"])
    assert all(step.gas > 21_000 for step in found.gas)
    assert any(line.startswith("vote For") for line in told)
    head = dao.w3.eth.get_block("latest")
    assert (found.block_number, found.block_hash) == (head["number"], head["hash"].to_0x_hex())
    # Delay, period and timelock have really passed.
    assert found.executed_at is not None
    assert found.executed_at > int(head["timestamp"]) + (1 + 7 + 2) * DAY


def test_its_own_bookkeeping_is_apart_and_without_ids(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    found = run(dao, suite, book, proposal(mint(suite, 5), suite.contract("Governance").setVotingDelay(2 * DAY)))
    assert {item.name for item in found.effects.bookkeeping} == {
        "Governance._proposals[proposal].executed",
        "Governance._timelockIds[proposal]",
        "Governance._governanceCall._begin",
        "Governance._governanceCall._end",
        "Governance.ProposalExecuted",
        "Timelock._timestamps[operation]",
        "Timelock.CallExecuted",
    }


def test_what_is_not_expected_is_an_error(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    found = run(dao, suite, book, proposal(mint(suite, 5)))
    assert found.executed
    assert not found.ok
    assert {finding.check for finding in found.findings if finding.severity == "error"} == {"expects"}


def test_two_runs_over_a_block_are_equal(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    what = proposal(suite.contract("Authority").grantRole(1, dao.members[1], 0))
    first, second = (run(dao, suite, book, what) for _ in range(2))
    assert first == second


def test_the_description_is_used_to_the_letter(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    what = proposal(mint(suite, 5))
    reserved = f"{TEXT}\n\n#proposer={dao.members[1]}"
    (message,) = errors(run(dao, suite, book, what, description=reserved))
    assert "GovernorRestrictedProposer" in message
    assert run(dao, suite, book, what, description=reserved, proposer=dao.members[1]).executed


def test_nothing_reaches_the_chain_and_a_fork_is_left_as_it_was(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    before = dao.w3.eth.block_number
    with Fork(suite.pool) as fork:
        start = fork.timestamp
        first = run(dao, suite, book, proposal(mint(suite, 5)), fork=fork)
        assert fork.timestamp == start
        assert run(dao, suite, book, proposal(mint(suite, 5)), fork=fork) == first
        with pytest.raises(InputError, match="not both"):
            run(dao, suite, book, proposal(mint(suite, 5)), fork=fork, block=1)
    assert dao.w3.eth.block_number == before


def test_it_can_be_run_at_an_earlier_block(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    block = dao.w3.eth.block_number
    dao.send(dao.contracts["Timelock"].address, "CPU", "mint", dao.members[0], CPU_CAP - 2000)
    assert run(dao, suite, book, proposal(mint(suite, 5000)), block=block).executed
    assert not run(dao, suite, book, proposal(mint(suite, 5000))).executed


# -- the vote ------------------------------------------------------------------------------------------------------


def test_the_largest_voters_vote_until_it_carries(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    found = run(dao, suite, book, proposal(mint(suite, 5)))
    votes = [step.step for step in found.gas if step.step.startswith("vote ")]
    assert found.electorate is not None
    largest = [voter.account for voter in found.electorate.voters]
    assert largest == dao.members  # whose holdings fall
    assert votes == [f"vote {account}" for account in largest[: len(votes)]]
    powers = [voter.power for voter in found.electorate.voters]
    assert sum(powers[: len(votes)]) >= found.electorate.quorum > sum(powers[: len(votes) - 1])


def test_only_those_who_are_asked_vote_with_their_real_power(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    claimed = [Voter(dao.members[3], 10**30, 1.0), Voter(dao.accounts[9], 10**30, 1.0)]
    found = run(dao, suite, book, proposal(mint(suite, 5)), voters=claimed)
    (message,) = errors(found)
    assert not found.executed
    assert "the vote does not carry: all 1 voters together have 500,000" in message
    assert found.electorate is not None
    assert [voter.account for voter in found.electorate.voters] == [dao.members[3]]


def test_an_identity_that_expires_before_the_snapshot_does_not_count(
    dao: SmallDao, suite: Suite, book: LayoutBook
) -> None:
    for member in dao.members[:3]:
        dao.send(dao.accounts[5], "IdentityGate", "revoke", member)
    (message,) = errors(run(dao, suite, book, proposal(mint(suite, 5))))
    # Of what is left 40 % are needed; the last member has it all.
    assert "GovernorInsufficientProposerVotes" not in message
    assert "expects()" in message


def test_nobody_verified_is_no_quorum(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    for member in dao.members:
        dao.send(dao.accounts[5], "IdentityGate", "revoke", member)
    (message,) = errors(run(dao, suite, book, proposal(mint(suite, 5))))
    assert "all 0 voters together have 0 (no power at all)" in message


def test_a_proposer_below_the_threshold(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    found = run(dao, suite, book, proposal(mint(suite, 5)), proposer=dao.accounts[6])
    (message,) = errors(found)
    assert "GovernorInsufficientProposerVotes" in message
    assert f"proposer={dao.accounts[6]}, votes=0, threshold={100_000 * NOVA:,}" in message
    assert "delegate enough NOVA" in message
    assert (found.executed, found.gas, found.executed_at) == (False, (), None)


# -- what fails ----------------------------------------------------------------------------------------------------


def test_the_action_that_fails_is_named_with_its_error(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    (message,) = errors(run(dao, suite, book, proposal(mint(suite, 5), mint(suite, CPU_CAP))))
    assert message.startswith("action 2 of 2, CPU.mint(address,uint256) fails: ERC20ExceededCap(")
    assert f"increasedSupply={CPU_CAP + 5 + 1000:,}, cap={CPU_CAP:,}" in message


def test_an_action_that_reverts_without_a_reason(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    actions = (mint(suite, 5), Action(suite.address_of("CPU"), 0, b"\x01\x02\x03\x04"), mint(suite, 6))
    (message,) = errors(run(dao, suite, book, proposal(*actions)))
    assert message.startswith("action 2 of 3, call 0x01020304 to CPU fails: ")


def test_a_contract_that_is_not_there_is_an_error_though_the_call_succeeds(
    dao: SmallDao, suite: Suite, book: LayoutBook
) -> None:
    nowhere = "0x" + "77" * 20
    found = run(dao, suite, book, proposal(mint(suite, 5), Action(nowhere, 0, b"\x01\x02\x03\x04")))
    assert found.executed
    assert any("action 2 of 2" in message and "there is no contract" in message for message in errors(found))


def test_eth_that_the_timelock_lacks(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    dao.node.rpc("anvil_setBalance", suite.address_of("Timelock"), hex(10))
    somebody = dao.accounts[7]
    actions = (Action(somebody, 6, b""), Action(somebody, 7, b""))
    (message,) = errors(run(dao, suite, book, proposal(*actions)))
    assert message.startswith(f"action 2 of 2, 7 wei to {somebody}: it sends 7 wei, and the Timelock has 4 wei then")
    assert "3 wei are missing" in message
    assert run(dao, suite, book, proposal(actions[0])).executed


def test_the_very_same_proposal_twice(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    dao.propose(dao.mint(5), description=TEXT)
    (message,) = errors(run(dao, suite, book, proposal(mint(suite, 5)), description=TEXT))
    assert "GovernorUnexpectedProposalState" in message
    assert "current=Pending" in message
    assert "exists already" in message


def test_an_action_that_nobody_may_take(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    # The guardian's function, called by the timelock.
    target = suite.contract("IdentityGate").verify(dao.accounts[7], 1)
    (message,) = errors(run(dao, suite, book, proposal(target)))
    assert "action 1 of 1, IdentityGate.verify" in message
    assert "AccessManagedUnauthorized(caller=Timelock)" in message


def test_an_execution_that_needs_too_much_gas_is_called_out(
    dao: SmallDao, suite: Suite, book: LayoutBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("novacron.governance.simulation.simulate.MOST_GAS", 50_000)
    found = run(dao, suite, book, proposal(mint(suite, 5)))
    assert [finding.check for finding in found.findings if "more than a transaction may" in finding.message] == ["gas"]


# -- code at the targets -------------------------------------------------------------------------------------------


def test_other_code_at_a_target_is_an_error(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    address = suite.address_of("CPU")
    code = bytearray(dao.w3.eth.get_code(address))
    code[-40] ^= 1  # in the metadata: it still runs as before
    dao.node.rpc("anvil_setCode", address, "0x" + code.hex())
    found = run(dao, suite, book, proposal(mint(suite, 5)))
    assert ("CPU", "differs from the source") in found.code
    assert any("is not what ResourceToken of this source tree compiles to" in message for message in errors(found))


def test_code_of_the_manifest_is_confirmed_to_the_last_byte(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    admin = dao.accounts[0]
    built = book.artifacts.find("Authority")
    assert built is not None
    arguments = bytes(12) + bytes.fromhex(admin[2:])
    record = replace(
        suite.manifest.instances["Authority"],
        encoded_arguments="0x" + arguments.hex(),
        init_code_hash="0x" + keccak(built.creation_code + arguments).hex(),
    )
    exact = Suite.connect(suite.pool, suite.manifest.with_record(record), suite.artifacts)
    what = proposal(exact.contract("Authority").grantRole(1, dao.members[1], 0))
    assert run(dao, exact, book, what).code == (("Authority", "the manifest's, to the last byte"),)


def test_a_proxy_is_checked_with_its_implementation(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    found = run(dao, suite, book, proposal(suite.contract("IdentityGate").setQuota(7)))
    assert [name for name, _ in found.code] == ["IdentityGate", "IdentityGateImplementation"]


def test_unknown_code_is_a_warning(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    stranger = "0x" + "77" * 20
    dao.node.rpc("anvil_setCode", stranger, "0x6001")
    found = run(dao, suite, book, proposal(Action(stranger, 0, b"\x01\x02\x03\x04")))
    assert [name for name, verdict in found.code if verdict == "unknown code"] == [found.proposal.targets[0]]
    assert any("neither in the manifest nor in this source tree" in finding.message for finding in found.findings)


def test_without_artifacts_nothing_is_simulated(dao: SmallDao, suite: Suite, tmp_path: Path) -> None:
    empty = Suite.connect(suite.pool, suite.manifest, [tmp_path])
    with pytest.raises(ConfigurationError, match="make build"):
        simulate(empty, proposal(mint(suite, 5)), proposer=dao.members[0])


# -- from the middle of its life -----------------------------------------------------------------------------------


def carried(dao: SmallDao, amount: int = 5) -> int:
    number = dao.propose(dao.mint(amount), description=TEXT)
    dao.carry(number)
    return number


def queue(dao: SmallDao, amount: int = 5) -> None:
    target, value, data = dao.mint(amount)
    dao.send(dao.accounts[6], "Governance", "queue", [target], [value], [data], keccak(text=TEXT))


def test_what_has_passed_is_queued_and_executed_on_the_fork(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    number = carried(dao)
    found = simulate_execution(suite, proposal(mint(suite, 5)), TEXT, stage="queue", book=book)
    assert found.executed
    assert [step.step for step in found.gas] == ["queue", "execute"]
    assert "CPU._totalSupply" in {write.name for write in found.effects.writes}
    assert dao.state(number) is ProposalState.SUCCEEDED


def test_what_is_queued_is_executed_after_its_delay(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    carried(dao)
    queue(dao)
    what = proposal(mint(suite, 5))
    waiting = simulate_execution(suite, what, TEXT, stage="execute", book=book)
    assert [step.step for step in waiting.gas] == ["execute"]
    number = proposal_id(what.targets, what.values, what.calldatas, TEXT)
    assert waiting.executed_at == dao.contracts["Governance"].functions.proposalEta(number).call()
    dao.pass_time(3 * DAY)
    ready = simulate_execution(suite, what, TEXT, stage="execute", book=book)
    assert ready.executed_at == dao.now + 1
    assert ready.effects == waiting.effects


def test_the_whole_path_predicts_what_the_rest_of_it_does(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    what = proposal(mint(suite, 5), suite.contract("Governance").setVotingDelay(2 * DAY))
    predicted = run(dao, suite, book, what, description=TEXT)
    calls = [(action.target, action.value, action.calldata) for action in what.actions]
    dao.carry(dao.propose(*calls, description=TEXT))
    later = simulate_execution(suite, what, TEXT, stage="queue", book=book)
    # Its bookkeeping has times.
    assert replace(later.effects, bookkeeping=()) == replace(predicted.effects, bookkeeping=())
    assert [item.name for item in later.effects.bookkeeping] == [item.name for item in predicted.effects.bookkeeping]


def test_a_stage_that_is_not_reached_is_an_error(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    what = proposal(mint(suite, 5))
    (message,) = errors(simulate_execution(suite, what, TEXT, stage="queue", book=book))
    assert "does not exist on the chain" in message
    carried(dao)
    (message,) = errors(simulate_execution(suite, what, TEXT, stage="execute", book=book))
    assert "is Succeeded; to execute it, it must be Queued" in message


def test_what_has_changed_since_makes_it_fail(dao: SmallDao, suite: Suite, book: LayoutBook) -> None:
    carried(dao)
    queue(dao)
    dao.send(suite.address_of("Timelock"), "CPU", "mint", dao.members[0], CPU_CAP - 1000)
    found = simulate_execution(suite, proposal(mint(suite, 5)), TEXT, stage="execute", book=book)
    assert not found.executed
    assert "ERC20ExceededCap" in errors(found)[0]


# -- words ---------------------------------------------------------------------------------------------------------


def test_a_reason_without_a_known_error_is_told_in_the_nodes_words(
    dao: SmallDao, suite: Suite, book: LayoutBook
) -> None:
    with EndpointPool([dao.node.url], health_interval=None) as pool, Fork(pool) as fork:
        reader = FailureReader(fork, suite, book.artifacts)
        assert reader.reason(RevertedError("reverted with unknown data", data=b"\x01\x02\x03\x04")) == (
            "reverted with unknown data"
        )
