"""Approvals: signed off line over exactly one migration, handed in by anybody, refused where they would not count."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from novacron.chain.typed_data import typed_data_signer
from novacron.compute.approvals import Approvals, Request, SignedApproval, parse_request, sign_approval
from novacron.compute.capacity import Capacity
from novacron.compute.state_words import State
from novacron.compute.vms import VMs
from novacron.exceptions import ApprovalError, InputError, RevertedError
from novacron.market.deployment import Account
from tests.support.market_world import THERE, Actors, MarketWorld


@pytest.fixture
def approvals(customer: Account) -> Approvals:
    return Approvals(VMs(customer.deployment))


@pytest.fixture
def pending(customer: Account, approvals: Approvals) -> int:
    """A VM that waits to be moved abroad."""
    number, _ = approvals.vms.create(customer, 1, Capacity(1_000, 1_000), 7_200, b"\x01" * 32)
    approvals.vms.migrate(customer, number, THERE)
    return number


def signed(actors: Actors, request: Request, *numbers: int) -> list[SignedApproval]:
    return [sign_approval(request, typed_data_signer(actors.signer(number))) for number in numbers]


def test_two_of_three_signatures_start_the_move_whoever_hands_them_in(
    actors: Actors, approvals: Approvals, pending: int
) -> None:
    request = approvals.request(pending)
    assert parse_request(json.dumps(request.typed_data)) == request
    files = [one.to_json() for one in signed(actors, request, 7, 5)]
    approvals.hand_in(actors.account(8), [SignedApproval.from_json(text) for text in files])
    assert approvals.vms.vm(pending).state is State.MIGRATING


def test_approvers_can_also_send_for_themselves(actors: Actors, approvals: Approvals, pending: int) -> None:
    approvals.approve(actors.account(6), pending)
    assert approvals.counts(pending) == (1, 2)
    approvals.approve(actors.account(6), pending)  # the same transaction, not a second one
    assert approvals.counts(pending) == (1, 2)
    with pytest.raises(RevertedError, match="is no approver of policy 1"):
        approvals.approve(actors.account(8), pending)
    approvals.hand_in(actors.account(8), signed(actors, approvals.request(pending), 5, 6))
    assert approvals.vms.vm(pending).state is State.MIGRATING


@pytest.mark.parametrize("field", ["vm", "target", "epoch", "expiry", "chain_id"])
def test_an_approval_of_another_move_is_refused(
    actors: Actors, approvals: Approvals, customer: Account, pending: int, field: str
) -> None:
    request = approvals.request(pending)
    other = replace(request, **{field: getattr(request, field) + 1})
    if field == "vm":
        approvals.vms.create(customer, 1, Capacity(1_000, 1_000), 7_200, b"\x01" * 32)
    with pytest.raises(ApprovalError, match=r"what waits is VM|no migration of VM"):
        approvals.hand_in(actors.account(8), signed(actors, other, 5, 6))
    # The contract refuses them, too: what is signed is bound to all of it.
    names = sorted((actors.world.accounts[n] for n in (5, 6)), key=lambda one: int(one, 16))
    signatures = {one.approver: one.signature for one in signed(actors, other, 5, 6)}
    with pytest.raises(RevertedError):
        approvals.contract.call(
            "approveMigrationBySig",
            request.vm,
            request.target,
            request.epoch,
            request.expiry,
            names,
            [signatures[name] for name in names],
        )


def test_signatures_of_others_and_doubles_are_refused_before_anything_is_sent(
    world: MarketWorld, actors: Actors, approvals: Approvals, pending: int
) -> None:
    request, sender = approvals.request(pending), actors.account(8)
    one, stranger = signed(actors, request, 5, 8)
    count = world.w3.eth.get_transaction_count(sender.address)
    for bundle, words in (
        ([], "no approvals"),
        ([stranger], "is no approver of VM"),
        ([one, one], "there twice"),
        ([replace(one, signature=one.signature[:-1] + b"\x00")], "not that of"),
        ([replace(one, signature=signed(actors, request, 6)[0].signature)], "not that of"),
    ):
        with pytest.raises(ApprovalError, match=words):
            approvals.hand_in(sender, bundle)
    assert world.w3.eth.get_transaction_count(sender.address) == count


def test_a_request_that_asks_for_something_else_is_never_signed(approvals: Approvals, pending: int) -> None:
    document = json.loads(json.dumps(approvals.request(pending).typed_data))
    for change in (
        {"primaryType": "Permit"},
        {"types": {**document["types"], "MigrationApproval": [{"name": "vmId", "type": "uint256"}]}},
        {"message": {**document["message"], "vmId": "1"}},
        {"message": {**document["message"], "more": 1}},
        {"domain": {**document["domain"], "verifyingContract": "0x12"}},
        {"domain": {}},
        {"extra": 1},
    ):
        with pytest.raises(ApprovalError):
            parse_request(json.dumps(document | change))
    for text in ("", "[]", "{}", "null"):
        with pytest.raises(ApprovalError):
            parse_request(text)
        with pytest.raises(ApprovalError):
            SignedApproval.from_json(text)


def test_nothing_waits_for_approval_without_a_migration(customer: Account, approvals: Approvals) -> None:
    number, _ = approvals.vms.create(customer, 1, Capacity(1_000, 1_000), 7_200, b"\x01" * 32)
    with pytest.raises(ApprovalError, match="it is Stopped"):
        approvals.request(number)


def test_policies_are_checked_before_they_are_made(world: MarketWorld, actors: Actors, approvals: Approvals) -> None:
    members = [world.accounts[7], world.accounts[5]]
    number, _ = approvals.create_policy(actors.account(8), members, 2)
    assert approvals.policy(number) == (sorted(members, key=lambda one: int(one, 16)), 2)
    for approvers, threshold in (([], 1), (members * 2, 1), (members, 3), (members, 0), (["0x" + "00" * 20], 1)):
        with pytest.raises(InputError):
            approvals.create_policy(actors.account(8), approvers, threshold)
    with pytest.raises(RevertedError, match="there is no policy 9"):
        approvals.policy(9)
