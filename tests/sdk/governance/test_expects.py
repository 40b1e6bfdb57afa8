"""Explained or refused: what an expectation explains, and above all what it does not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Literal

import pytest
from eth_utils.crypto import keccak

from novacron.exceptions import ProposalError
from novacron.governance.expects import (
    NOBODY,
    Expectation,
    change,
    deploys,
    ether,
    event,
    grant,
    mint,
    ownership,
    proposal_guardian,
    revoke,
    role_change,
    transfer,
    unexplained,
    upgrade,
)
from novacron.governance.model import Effects, EventRecord, RoleChange, Transfer, Write
from novacron.governance.suite import Suite
from tests.support.paper_dao import ADDRESSES, ALICE, BOB, paper_suite

PROPOSER_ROLE = "0x" + keccak(text="PROPOSER_ROLE").hex()


@pytest.fixture(scope="module")
def dao() -> Suite:
    return paper_suite()


def write(name: str, before: Any, after: Any, kind: str = "uint256") -> Write:
    contract, _, path = name.partition(".")
    return Write(ADDRESSES.get(contract, ALICE), contract, path, kind, before, after)


def log(name: str, **arguments: Any) -> EventRecord:
    contract, _, happened = name.partition(".")
    given = tuple((key.removesuffix("_"), value) for key, value in arguments.items())
    return EventRecord(ADDRESSES.get(contract, ALICE), contract, happened, given)


def moved(source: str, to: str, amount: int, token: str = "CPU", before: tuple[int, int] = (100, 0)) -> Effects:
    """A transfer's effects; `before` are the balances of both."""
    return Effects(
        writes=(
            write(f"{token}._balances[{source}]", before[0], before[0] - amount),
            write(f"{token}._balances[{to}]", before[1], before[1] + amount),
        ),
        events=(log(f"{token}.Transfer", from_=source, to=to, value=amount),),
        transfers=(Transfer(token, source, to, amount),),
    )


def minted(amount: int, to: str = "Timelock") -> Effects:
    return Effects(
        writes=(write(f"CPU._balances[{to}]", 7, 7 + amount), write("CPU._totalSupply", 50, 50 + amount)),
        events=(log("CPU.Transfer", from_=NOBODY, to=to, value=amount),),
        transfers=(Transfer("CPU", NOBODY, to, amount),),
    )


def granted(account: str = ALICE, role: str = "GUARDIAN", number: int = 1) -> Effects:
    return Effects(
        writes=(write(f"Authority._roles[{role}].members[{account}].since", 0, 1_800_000_000, "uint48"),),
        events=(
            log("Authority.RoleGranted", roleId=number, account=account, delay=0, since=1_800_000_000, newMember=True),
        ),
        roles=(RoleChange("Authority", role, account, "granted"),),
    )


def revoked(account: str = ALICE) -> Effects:
    return Effects(
        writes=(write(f"Authority._roles[GUARDIAN].members[{account}].since", 1_700_000_000, 0, "uint48"),),
        events=(log("Authority.RoleRevoked", roleId=1, account=account),),
        roles=(RoleChange("Authority", "GUARDIAN", account, "revoked"),),
    )


def upgraded() -> Effects:
    return Effects(
        writes=(write("IdentityGate.erc1967.implementation", "IdentityGateImplementation", ALICE, "address"),),
        events=(log("IdentityGate.Upgraded", implementation=ALICE),),
        roles=(
            RoleChange("IdentityGate", "implementation", "IdentityGateImplementation", "revoked"),
            RoleChange("IdentityGate", "implementation", ALICE, "granted"),
        ),
    )


def plus(*all_effects: Effects) -> Effects:
    return Effects(
        *(tuple(item for e in all_effects for item in getattr(e, name)) for name in ("writes", "events", "roles")),
        tuple(item for e in all_effects for item in e.transfers),
        (),
        tuple(item for e in all_effects for item in e.created),
    )


def messages(effects: Effects, expectations: list[Expectation], dao: Suite) -> list[str]:
    findings = unexplained(effects, expectations, dao)
    assert all((finding.severity, finding.check) == ("error", "expects") for finding in findings)
    return [finding.message for finding in findings]


# -- what each of them explains --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effects", "expectations"),
    [
        (moved("Timelock", ALICE, 5), [transfer("CPU", "Timelock", ALICE, 5)]),
        (moved("Timelock", ALICE, 5), [transfer(ADDRESSES["CPU"], ADDRESSES["Timelock"].lower(), ALICE.lower(), 5)]),
        (minted(5), [transfer("CPU", "0x0", "Timelock", 5)]),
        (minted(5), [mint("CPU", "Timelock", 5)]),
        (Effects(transfers=(Transfer("ETH", "Timelock", ALICE, 9),)), [ether("Timelock", ALICE, 9)]),
        (granted(), [grant("GUARDIAN", ALICE)]),
        (granted(), [grant(1, ALICE)]),
        (granted(ALICE, "AUDITOR", 3), [grant("AUDITOR", ALICE)]),
        (granted(ALICE, "ARBITER", 4), [grant(4, ALICE)]),
        (granted(role="7", number=7), [grant(7, ALICE)]),
        (revoked(), [revoke("GUARDIAN", ALICE)]),
        (upgraded(), [upgrade("IdentityGate", ALICE)]),
        (Effects(created=(ALICE,)), [deploys(ALICE)]),
        (Effects(created=(ALICE, BOB)), [deploys(), deploys(ALICE)]),
        (Effects(), []),
    ],
)
def test_the_compound_words_explain_their_effects(
    effects: Effects, expectations: list[Expectation], dao: Suite
) -> None:
    assert messages(effects, expectations, dao) == []


def test_contracts_of_the_suite_may_be_given_themselves(dao: Suite) -> None:
    assert messages(minted(5), [mint(dao.CPU, dao.Timelock, 5)], dao) == []


@pytest.mark.parametrize("word", [grant, revoke])
def test_roles_of_an_access_control_are_explained_by_name(word: Any, dao: Suite) -> None:
    gained = word is grant
    effects = Effects(
        writes=(write(f"Timelock._roles[{PROPOSER_ROLE}].hasRole[{ALICE}]", not gained, gained, "bool"),),
        events=(
            log(
                "Timelock.RoleGranted" if gained else "Timelock.RoleRevoked",
                role=PROPOSER_ROLE,
                account=ALICE,
                sender="Timelock",
            ),
        ),
        roles=(RoleChange("Timelock", "PROPOSER_ROLE", ALICE, "granted" if gained else "revoked"),),
    )
    assert messages(effects, [word("PROPOSER_ROLE", ALICE, at="Timelock")], dao) == []
    other = revoke if gained else grant
    assert messages(effects, [other("PROPOSER_ROLE", ALICE, at="Timelock")], dao) != []
    assert messages(effects, [word("CANCELLER_ROLE", ALICE, at="Timelock")], dao) != []


def test_a_revoked_role_may_have_had_a_delay(dao: Suite) -> None:
    delay = write(f"Authority._roles[GUARDIAN].members[{ALICE}].delay.valueAfter", 60, 0)
    assert messages(plus(revoked(), Effects(writes=(delay,))), [revoke("GUARDIAN", ALICE)], dao) == []
    left = replace(delay, after=30)
    assert messages(plus(revoked(), Effects(writes=(left,))), [revoke("GUARDIAN", ALICE)], dao) != []


def test_the_proposal_guardian_and_an_owner_change_hands(dao: Suite) -> None:
    guardian = Effects(
        writes=(write("Governance._proposalGuardian", "GuardianSafe", ALICE, "address"),),
        events=(log("Governance.ProposalGuardianSet", oldProposalGuardian="GuardianSafe", newProposalGuardian=ALICE),),
        roles=(
            RoleChange("Governance", "proposalGuardian", "GuardianSafe", "revoked"),
            RoleChange("Governance", "proposalGuardian", ALICE, "granted"),
        ),
    )
    assert messages(guardian, [proposal_guardian(ALICE)], dao) == []
    assert messages(guardian, [proposal_guardian(BOB)], dao) != []
    owner = Effects(
        writes=(
            write("ProofOfTraining._owner", "EmergencyBrake", ALICE, "address"),
            write("ProofOfTraining._pendingOwner", ALICE, NOBODY, "address"),
        ),
        events=(log("ProofOfTraining.OwnershipTransferred", previousOwner="EmergencyBrake", newOwner=ALICE),),
        roles=(
            RoleChange("ProofOfTraining", "owner", "EmergencyBrake", "revoked"),
            RoleChange("ProofOfTraining", "owner", ALICE, "granted"),
        ),
    )
    assert messages(owner, [ownership("ProofOfTraining", ALICE)], dao) == []


def test_a_role_may_hold_a_function(dao: Suite) -> None:
    effects = Effects(roles=(RoleChange("Authority", "IdentityGate.verify(address,uint256)", "ATTESTER", "granted"),))
    [message] = messages(effects, [], dao)
    line = message.partition("add: yield ")[2]
    assert line == 'role_change("Authority", "IdentityGate.verify(address,uint256)", "ATTESTER", "granted")'
    assert messages(effects, [eval(line, {"role_change": role_change})], dao) == []


# -- what they do not explain ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effects", "expectations", "words"),
    [
        (moved("Timelock", ALICE, 6), [transfer("CPU", "Timelock", ALICE, 5)], "there was not .*there was a transfer"),
        (moved("Timelock", BOB, 5), [transfer("CPU", "Timelock", ALICE, 5)], "a transfer of 5 CPU from Timelock to"),
        (moved("Timelock", ALICE, 5, "MEM"), [transfer("CPU", "Timelock", ALICE, 5)], "MEM"),
        (moved("Timelock", ALICE, 5), [mint("CPU", ALICE, 5)], "expected transfer"),
        (minted(5, ALICE), [mint("CPU", "Timelock", 5)], "expected transfer"),
        (granted(BOB), [grant("GUARDIAN", ALICE)], "expected grant"),
        (granted(), [grant("ATTESTER", ALICE)], "expected grant"),
        (granted(), [revoke("GUARDIAN", ALICE)], "expected revoke"),
        (plus(granted(), granted(BOB)), [grant("GUARDIAN", ALICE)], f'yield grant."GUARDIAN", "{BOB}"'),
        (plus(granted(), granted(ALICE, "ATTESTER", 2)), [grant("GUARDIAN", ALICE)], 'yield grant."ATTESTER"'),
        (upgraded(), [upgrade("IdentityGate", BOB)], "expected upgrade"),
        (replace(granted(), events=granted(BOB).events), [grant("GUARDIAN", ALICE)], "expected grant"),
        (replace(granted(), writes=granted(BOB).writes), [grant("GUARDIAN", ALICE)], "expected grant"),
        (replace(granted(), roles=granted(BOB).roles), [grant("GUARDIAN", ALICE)], "expected grant"),
        (
            replace(granted(), writes=(replace(granted().writes[0], before=1_700_000_000),)),
            [grant("GUARDIAN", ALICE)],
            "expected grant",
        ),
        (Effects(created=(ALICE,)), [], f'a new contract at {ALICE}.*add: yield deploys."{ALICE}"'),
        (Effects(created=(ALICE,)), [deploys(), deploys()], "there was not once more a new contract"),
        (Effects(), [mint("CPU", "Timelock", 5)], "expected transfer"),
        (Effects(transfers=(Transfer("ETH", "Timelock", ALICE, 9),)), [ether("Timelock", ALICE, 8)], "expected ether"),
        (Effects(transfers=(Transfer("ETH", "Timelock", ALICE, 9),)), [], 'add: yield ether."Timelock"'),
    ],
)
def test_another_amount_account_or_role_is_not_explained(
    effects: Effects, expectations: list[Expectation], words: str, dao: Suite
) -> None:
    assert any(re.search(words, message) for message in messages(effects, expectations, dao))


def test_a_second_transfer_hidden_behind_the_first_is_found(dao: Suite) -> None:
    first, second = moved("Timelock", ALICE, 5), moved("Timelock", BOB, 1)
    source = write("CPU._balances[Timelock]", 100, 94)
    both = replace(plus(first, second), writes=(source, first.writes[1], second.writes[1]))
    [message] = messages(both, [transfer("CPU", "Timelock", ALICE, 5)], dao)[:1]
    assert "CPU._balances[Timelock] changed 100 → 94 (-6); expects() adds up to -5" in message
    assert messages(both, [transfer("CPU", "Timelock", ALICE, 5), transfer("CPU", "Timelock", BOB, 1)], dao) == []


def test_the_same_transfer_twice_needs_two_expectations(dao: Suite) -> None:
    once = moved("Timelock", ALICE, 5)
    twice = Effects(
        (write("CPU._balances[Timelock]", 100, 90), write(f"CPU._balances[{ALICE}]", 0, 10)),
        once.events * 2,
        (),
        once.transfers * 2,
    )
    one = transfer("CPU", "Timelock", ALICE, 5)
    assert messages(twice, [one, one], dao) == []
    assert messages(twice, [one], dao) != []
    assert messages(once, [one, one], dao) != []


def test_money_that_comes_and_goes_leaves_no_trace_but_its_events(dao: Suite) -> None:
    out = moved("Timelock", ALICE, 5)
    both = Effects(
        events=(*out.events, log("CPU.Transfer", from_=ALICE, to="Timelock", value=5)),
        transfers=(*out.transfers, Transfer("CPU", ALICE, "Timelock", 5)),
    )
    there, back = transfer("CPU", "Timelock", ALICE, 5), transfer("CPU", ALICE, "Timelock", 5)
    assert messages(both, [there, back], dao) == []
    assert any("transfer of 5 CPU" in message for message in messages(both, [there], dao))


def test_a_balance_that_changes_without_a_transfer_is_found(dao: Suite) -> None:
    theft = replace(minted(5), writes=(*minted(5).writes, write(f"CPU._balances[{BOB}]", 0, 1)))
    [message] = messages(theft, [mint("CPU", "Timelock", 5)], dao)
    assert message == (
        f"nothing in expects() explains: CPU._balances[{BOB}] changed 0 → 1 (+1). "
        f'If it is meant, add: yield change("CPU._balances[{BOB}]", by=1)'
    )


def test_an_approval_beside_a_transfer_is_found(dao: Suite) -> None:
    sneaky = plus(
        minted(5),
        Effects(
            writes=(write(f"CPU._allowances[Timelock][{BOB}]", 0, 9),),
            events=(log("CPU.Approval", owner="Timelock", spender=BOB, value=9),),
        ),
    )
    found = messages(sneaky, [mint("CPU", "Timelock", 5)], dao)
    assert len(found) == 2
    assert any(f'add: yield change("CPU._allowances[Timelock][{BOB}]", to=9)' in message for message in found)
    assert any(
        f'add: yield event("CPU.Approval", owner="Timelock", spender="{BOB}", value=9)' in message for message in found
    )


def test_an_upgrade_does_not_explain_what_its_initialiser_does(dao: Suite) -> None:
    effects = plus(upgraded(), Effects(writes=(write("IdentityGate.$IdentityGate.quota", 5, 9),)))
    [message] = messages(effects, [upgrade("IdentityGate", ALICE)], dao)
    assert "IdentityGate.$IdentityGate.quota changed 5 → 9 (+4)" in message


def test_a_raw_slot_is_named_and_can_be_accepted(dao: Suite) -> None:
    raw = Effects(writes=(write("CPU.slot(0x2a)", "0x00", "0x01", "bytes32"),))
    [message] = messages(raw, [], dao)
    assert 'add: yield change("CPU.slot(0x2a)", to="0x01")' in message
    assert messages(raw, [change("CPU.slot(0x2a)", to="0x01")], dao) == []
    assert messages(raw, [change("CPU.slot(0x2a)", to="0x02")], dao) != []


def test_an_unknown_contracts_event_can_be_accepted_as_printed(dao: Suite) -> None:
    raw = Effects(events=(EventRecord(ALICE, ALICE, "", (("topics", ("0xab",)), ("data", "0x"))),))
    [message] = messages(raw, [], dao)
    assert "add: yield event(" in message
    line = message.partition("add: yield ")[2]
    assert messages(raw, [eval(line, {"event": event})], dao) == []


def test_arguments_that_python_cannot_name_do_not_spoil_the_line(dao: Suite) -> None:
    arguments = (("from", 1), ("name", 2), ("dao", 3), ("#3", 4))
    raw = Effects(events=(EventRecord(ALICE, ALICE, "Odd", arguments),))
    line = messages(raw, [], dao)[0].partition("add: yield ")[2]
    assert line == f'event("{ALICE}.Odd", from_=1, name=2, dao=3)'
    assert messages(raw, [eval(line, {"event": event})], dao) == []


def test_bookkeeping_needs_no_explanation(dao: Suite) -> None:
    own = (write("Governance._proposals[1].executed", False, True, "bool"), log("Governance.ProposalExecuted"))
    assert messages(Effects(bookkeeping=own), [], dao) == []


# -- what is expected and does not happen ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expectation",
    [
        change("CPU._totalSupply", by=5),
        change("CPU._totalSupply", to=5),
        change("CPU._totalSupply"),
        change("CPU._balances[*", by=5),
        event("CPU.Transfer"),
        transfer("CPU", "Timelock", ALICE, 5),
        ether("Timelock", ALICE, 5),
        grant("GUARDIAN", ALICE),
        revoke("GUARDIAN", ALICE),
        role_change("Authority", "GUARDIAN", ALICE, "granted"),
        proposal_guardian(ALICE),
        ownership("ProofOfTraining", ALICE),
        upgrade("IdentityGate", ALICE),
        deploys(),
    ],
)
def test_each_expectation_that_does_not_happen_is_named(expectation: Expectation, dao: Suite) -> None:
    found = messages(Effects(), [expectation], dao)
    assert found
    assert str(expectation) in found[0]


def test_an_event_that_happened_otherwise_is_shown(dao: Suite) -> None:
    effects = Effects(events=(log("CPU.Transfer", from_=NOBODY, to=ALICE, value=7),))
    [missing, unexpected] = messages(effects, [event("CPU.Transfer", value=8)], dao)
    assert "there was not the event CPU.Transfer(value=8) (there was the event CPU.Transfer(" in missing
    assert "value=7" in unexpected


# -- change and event --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expectation", "explained"),
    [
        (change("Governance._votingDelay", to=9), True),
        (change("Governance._votingDelay", by=4), True),
        (change("Governance._votingDelay", before=5), True),
        (change("Governance._votingDelay", before=5, to=9), True),
        (change("Governance._votingDelay", before=5, by=4), True),
        (change("Governance._voting*"), True),
        (change(f"{ADDRESSES['Governance']}._votingDelay"), True),
        (change("Governance._votingDelay", to=8), False),
        (change("Governance._votingDelay", by=-4), False),
        (change("Governance._votingDelay", before=6, to=9), False),
        (change("Governance._votingDelay", before=6, by=4), False),
        (change("Governance._votingDelay", to=True), False),
        (change("Governance._votingDela"), False),
        (change("Governance._votingDelay["), False),
        (change("Timelock._votingDelay"), False),
        (change("Governance._?otingDelay"), False),
    ],
)
def test_change_is_exact(expectation: Expectation, explained: bool, dao: Suite) -> None:
    effects = Effects(writes=(write("Governance._votingDelay", 5, 9, "uint48"),))
    assert (messages(effects, [expectation], dao) == []) is explained


def test_a_truth_value_is_no_number(dao: Suite) -> None:
    effects = Effects(writes=(write("CPU._x", False, True, "bool"),))
    assert messages(effects, [change("CPU._x", to=True)], dao) == []
    assert messages(effects, [change("CPU._x", to=1)], dao) != []


def test_several_changes_of_one_variable_add_up(dao: Suite) -> None:
    more = replace(minted(5), writes=(write("CPU._balances[Timelock]", 7, 15), minted(5).writes[1]))
    assert messages(more, [mint("CPU", "Timelock", 5), change("CPU._balances[Timelock]", by=3)], dao) == []
    assert messages(more, [mint("CPU", "Timelock", 5), change("CPU._balances[Timelock]", by=4)], dao) != []


def test_a_pattern_explains_only_what_fits(dao: Suite) -> None:
    effects = Effects(writes=tuple(write(f"CPU._balances[{who}]", 0, value) for who, value in ((ALICE, 5), (BOB, 6))))
    [message] = messages(effects, [change("CPU._balances[*]", by=5)], dao)
    assert f"CPU._balances[{BOB}] changed 0 → 6" in message
    assert messages(effects, [change("CPU._balances[*]")], dao) == []


def test_addresses_in_keys_and_values_are_named(dao: Suite) -> None:
    raw = ADDRESSES["Timelock"]
    effects = Effects(writes=(write(f"CPU._x[{raw.lower()}]", NOBODY, raw, "address"),))
    for target in ("Timelock", raw, raw.lower(), dao.Timelock):
        assert messages(effects, [change(f"CPU._x[{raw}]", to=target)], dao) == []


def test_events_are_matched_so_that_all_expectations_find_one(dao: Suite) -> None:
    logs = (
        log("CPU.Transfer", from_=ALICE, to=BOB, value=1),
        log("CPU.Transfer", from_=ALICE, to=ALICE, value=2),
    )
    loose, tight = event("CPU.Transfer", from_=ALICE), event("CPU.Transfer", value=1)
    for order in ([loose, tight], [tight, loose]):
        assert messages(Effects(events=logs), order, dao) == []
    [again] = messages(Effects(events=logs[:1]), [tight, tight], dao)
    assert "there was not once more the event CPU.Transfer(value=1)" in again


# -- suggestions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effects", "line"),
    [
        (minted(5 * 10**18), 'transfer("CPU", NOBODY, "Timelock", 5 * 10**18)'),
        (moved("Timelock", ALICE, 1_234_567), f'transfer("CPU", "Timelock", "{ALICE}", 1_234_567)'),
        (granted(), f'grant("GUARDIAN", "{ALICE}")'),
        (granted(role="7", number=7), f'grant(7, "{ALICE}")'),
        (revoked(), f'revoke("GUARDIAN", "{ALICE}")'),
        (upgraded(), f'upgrade("IdentityGate", "{ALICE}")'),
    ],
)
def test_one_line_is_suggested_and_accepts_it_all(effects: Effects, line: str, dao: Suite) -> None:
    [message] = messages(effects, [], dao)
    assert message.endswith(f"add: yield {line}")
    words = {"transfer": transfer, "NOBODY": NOBODY, "grant": grant, "revoke": revoke, "upgrade": upgrade}
    assert messages(effects, [eval(line, words)], dao) == []


def test_a_token_that_takes_a_fee_is_explained_piece_by_piece(dao: Suite) -> None:
    whole = moved("Timelock", ALICE, 5)
    taxed = replace(whole, writes=(whole.writes[0], write(f"CPU._balances[{ALICE}]", 0, 4)))
    found = messages(taxed, [], dao)
    lines = [message.partition("add: yield ")[2] for message in found]
    assert lines[0] == f'transfer("CPU", "Timelock", "{ALICE}", 5, balances=False)'
    assert messages(taxed, [eval(line, {"transfer": transfer, "change": change}) for line in lines], dao) == []
    assert messages(taxed, [transfer("CPU", "Timelock", ALICE, 5)], dao) != []


def test_the_suggestion_after_a_wrong_amount_is_the_right_one(dao: Suite) -> None:
    [missing, suggestion] = messages(minted(6), [mint("CPU", "Timelock", 5)], dao)
    assert missing.startswith('expected transfer("CPU", NOBODY, "Timelock", 5), but')
    assert suggestion.endswith('add: yield transfer("CPU", NOBODY, "Timelock", 6)')


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: change("CPU._x", by=0), "non-zero integer"),
        (lambda: change("CPU._x", by=1.5), "non-zero integer"),  # type: ignore[arg-type]
        (lambda: change("CPU._x", by=1, to=1), "not both"),
        (lambda: transfer("CPU", ALICE, BOB, 0), "no amount"),
        (lambda: transfer("CPU", ALICE, BOB, 1e18), "no amount"),  # type: ignore[arg-type]
        (lambda: ether(ALICE, BOB, -1), "no amount"),
        (lambda: role_change("CPU", "owner", BOB, "lost"), "neither"),  # type: ignore[arg-type]
    ],
)
def test_values_that_cannot_be_are_refused_at_once(make: Any, words: str) -> None:
    with pytest.raises(ProposalError, match=words):
        make()


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (change("CPUU._x"), "do you mean CPU"),
        (change("*"), 'write "Contract.variable", the contract without'),
        (change("*._x"), "the contract without"),
        (change("CPU"), 'write "Contract.variable"'),
        (event("Transfer"), 'write "Contract.Event"'),
        (event("CPU.Transfr"), "has no such event; it has Approval"),
        (event("CPU.Transfer", amount=5), "has no argument 'amount'; it has from, to, value"),
        (transfer("ETH", ALICE, BOB, 5), "write ether"),
        (transfer("CPU", "0x0", NOBODY, 5), "from nobody to nobody"),
        (transfer("CPU", "Alice", BOB, 5), "no contract 'Alice'"),
        (grant("GARDIAN", ALICE), "no role of Authority; give ADMIN, GUARDIAN, ATTESTER, AUDITOR, ARBITER, CERTIFIER"),
        (grant(-1, ALICE), "no role of Authority"),
        (grant(1, ALICE, at="Timelock"), "no role of Timelock; give its name"),
        (grant("GUARDIAN", ALICE, at="CPU"), "CPU keeps no roles"),
        (upgrade("IdentityGat", ALICE), "do you mean IdentityGate"),
    ],
)
def test_names_that_cannot_be_are_refused_with_the_suite_at_hand(
    expectation: Expectation, words: str, dao: Suite
) -> None:
    with pytest.raises(ProposalError, match=words):
        unexplained(Effects(), [expectation], dao)


def test_changes_have_two_directions() -> None:
    direction: Literal["granted"] = "granted"
    assert str(role_change("CPU", "owner", ALICE, direction)) == f'role_change("CPU", "owner", "{ALICE}", "granted")'
