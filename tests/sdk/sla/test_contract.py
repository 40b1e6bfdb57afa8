"""The client and the contract agree: typed data, medians, tiers, what is refused, and where the money goes."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from novacron.compute.measurements import Evidence, Measurement, SignedMeasurement
from novacron.compute.samples import Observed
from novacron.compute.sla import Outcome, Sla
from novacron.compute.sla_terms import Terms
from novacron.exceptions import InputError, RevertedError, SlaError
from tests.sdk.sla.conftest import CUSTOMER, HOUR, LATENCY, MONITORS, NOVA, PROVIDER, STRANGER, UPTIME, World


def evidence(world: World, sla_id: int, terms: Terms, guarantee: int, window: int, values: list[int]) -> Evidence:
    """Signed by the first monitors, one for each value."""
    span = world.sla(STRANGER).agreement(sla_id).span(terms, window)
    numbers = {world.address(number): number for number in MONITORS}
    signed = []
    for address, value in zip(terms.monitors, values, strict=False):
        observed = Observed(value, terms.min_samples, span.start, span.end - 1)
        measurement = Measurement.of(sla_id, guarantee, window, observed)
        domain = world.sla(STRANGER).domain
        signed.append(SignedMeasurement.make(measurement, domain, world.signer(numbers[address])))
        signed[-1].verify(domain, terms, span)
    found = Evidence.of(signed, terms, guarantee)
    assert found is not None
    return found


def ended(world: World, terms: Terms) -> int:
    sla_id = world.agree(terms)
    world.travel(world.now + terms.window)
    return sla_id


def test_terms_come_back_from_the_chain_as_they_were_offered(world: World) -> None:
    terms = world.terms()
    sla_id = world.agree(terms)
    client = world.sla(STRANGER)
    assert client.terms(sla_id) == terms
    agreement = client.agreement(sla_id)
    assert (agreement.accepted, agreement.windows, agreement.stake) == (True, 2, terms.stake)
    for window in range(2):
        span = agreement.span(terms, window)
        assert client.contract.call("windowOf", sla_id, window) == (span.start, span.end)
    assert client.count() == sla_id


def test_credits_that_are_not_given_are_the_defaults_here_and_there(world: World) -> None:
    terms = world.terms(credits=(0, 0, 0))
    sla_id = world.agree(terms)
    assert world.sla(STRANGER).terms(sla_id).credits == terms.effective_credits == (100_000, 250_000, 1_000_000)


def test_the_digest_that_monitors_sign_is_the_contracts(world: World) -> None:
    client = world.sla(STRANGER)
    for numbers in [(1, 0, 0, 0, 1, 0, 0), (2**62, 7, 9_999, 2**32 - 1, 2**32 - 1, 2**40 - 2, 2**40 - 1)]:
        one = Measurement(*numbers)
        observation = (0, one.value, one.samples, one.first, one.last, b"")
        expected = client.contract.call("hashMeasurement", one.sla_id, one.guarantee, one.window, observation)
        assert one.digest(client.domain) == expected


def test_a_deposit_takes_one_transaction_and_is_made_once_for_a_key(world: World) -> None:
    client, who = world.sla(PROVIDER), world.address(PROVIDER)
    first = client.deposit(5 * NOVA, key="monday")
    assert client.deposit(5 * NOVA, key="monday").hash == first.hash
    assert client.balance(who) == 5 * NOVA
    client.withdraw(2 * NOVA, recipient=world.address(STRANGER))
    assert client.balance(who) == 3 * NOVA
    with pytest.raises(SlaError, match="get more first"):
        client.deposit(10**30)
    with pytest.raises(InputError, match="positive"):
        client.deposit(0)


def test_only_the_provider_named_in_the_terms_offers(world: World) -> None:
    with pytest.raises(SlaError, match="use that"):
        world.sla(STRANGER).offer(world.terms())


def test_an_error_of_the_contract_says_what_to_do(world: World) -> None:
    with pytest.raises(RevertedError, match=r"there is no agreement 77 .*SLA_UnknownAgreement"):
        world.sla(STRANGER).terms(77)
    terms = world.terms()
    world.sla(PROVIDER).deposit(terms.stake)
    sla_id = world.sla(PROVIDER).offer(terms)
    with pytest.raises(RevertedError, match="deposit more"):
        world.sla(CUSTOMER).accept(sla_id)
    with pytest.raises(RevertedError, match="is not the customer"):
        world.sla(STRANGER).accept(sla_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"window": HOUR - 1},
        {"window": 31 * 24 * HOUR + 1},
        {"windows": 0},
        {"windows": 10_001},
        {"report_period": HOUR - 1},
        {"dispute_period": 30 * 24 * HOUR + 1},
        {"fee": 0},
        {"bond": 0},
        {"stake": 100 * NOVA - 1},
        {"credits": (2, 1, 3)},
        {"credits": (0, 0, 10_000_001), "stake": 2_000 * NOVA},
        {"min_samples": 0},
        {"quorum": 2},
        {"quorum": 6},
        {"specification": b"\0" * 32},
        {"guarantees": ()},
        {"guarantees": (replace(UPTIME, severe=999_001),)},
        {"guarantees": (replace(LATENCY, critical=249),)},
        {"guarantees": (UPTIME,) * 9},
        {"monitors": ()},
        {"offer_expiry": 1},
    ],
    ids=str,
)
def test_what_the_client_refuses_the_contract_refuses_too(world: World, changes: dict[str, object]) -> None:
    terms = world.terms(**changes)
    with pytest.raises(InputError):
        terms.check(now=world.now)
    client = world.sla(PROVIDER)
    client.deposit(5_000 * NOVA)
    with pytest.raises(RevertedError, match="SLA_BadTerms"):
        client._send("offer", "offer", terms.to_abi())


def test_parties_and_unsorted_monitors_are_refused_by_both(world: World) -> None:
    monitors = world.terms().monitors
    party = tuple(sorted((*monitors, world.address(CUSTOMER)), key=lambda one: int(one, 16)))
    client = world.sla(PROVIDER)
    client.deposit(5_000 * NOVA)
    for bad in (tuple(reversed(monitors)), (monitors[0], *monitors), party):
        terms = world.terms(monitors=bad, quorum=len(bad))
        with pytest.raises(InputError):
            terms.check()
        with pytest.raises(RevertedError, match="SLA_BadTerms"):
            client._send("offer", "offer", terms.to_abi())


def test_a_party_as_arbitrator_and_a_fee_beyond_96_bits_are_refused_by_both(world: World) -> None:
    client = world.sla(PROVIDER)
    for changes in ({"arbitrator": world.address(CUSTOMER)}, {"fee": 2**96, "stake": 2**97}):
        terms = world.terms(**changes)
        with pytest.raises(InputError):
            terms.check(now=world.now)
        with pytest.raises(RevertedError, match="SLA_BadTerms"):
            client._send("offer", "offer", terms.to_abi())


def test_medians_and_tiers_are_the_contracts_for_any_number_of_monitors(world: World) -> None:
    terms = world.terms(windows=8, stake=3_000 * NOVA)
    sla_id = world.agree(terms)
    world.travel(world.now + 8 * HOUR)
    world.travel(world.now + 1)
    dice, client = random.Random(7), world.sla(STRANGER)
    client.deposit(1_000 * NOVA)
    limits = {0: (999_000, 990_000, 950_000), 1: (100, 250, 1_000)}
    for window, guarantee in itertools.product((6, 7), (0, 1)):
        near = [limit + step for limit in limits[guarantee] for step in (-1, 0, 1)]
        count = 3 + (window + guarantee) % 3
        brought = evidence(world, sla_id, terms, guarantee, window, [dice.choice(near) for _ in range(count)])
        client.file(sla_id, guarantee, window, terms, brought)
        claim = client.claim(sla_id, guarantee, window)
        assert claim.value == brought.value
        assert claim.signers == count
        assert claim.outcome is (Outcome.MET if brought.tier is None else Outcome.VIOLATED)


@pytest.mark.parametrize(("value", "tier"), [(998_999, 0), (990_000, 0), (989_999, 1), (949_999, 2)])
def test_a_penalty_is_what_the_tier_says(world: World, value: int, tier: int) -> None:
    terms = world.terms()
    sla_id = ended(world, terms)
    client = world.sla(STRANGER)
    client.deposit(10 * NOVA)
    brought = evidence(world, sla_id, terms, 0, 0, [value] * 3)
    assert brought.tier == tier
    client.file(sla_id, 0, 0, terms, brought)
    world.travel(world.now + terms.dispute_period)
    client.finalise(sla_id, 0, 0)
    assert client.balance(world.address(CUSTOMER)) == terms.credit(tier)
    assert client.balance(world.address(STRANGER)) == 10 * NOVA


def test_the_provider_disputes_with_an_equal_bond(world: World) -> None:
    terms = world.terms()
    sla_id = ended(world, terms)
    client: Sla = world.sla(STRANGER)
    client.deposit(10 * NOVA)
    client.file(sla_id, 0, 0, terms, evidence(world, sla_id, terms, 0, 0, [0] * 3))
    before = client.balance(world.address(PROVIDER))
    world.sla(PROVIDER).dispute(sla_id, 0, 0)
    assert client.claim(sla_id, 0, 0).outcome is Outcome.DISPUTED
    assert client.balance(world.address(PROVIDER)) == before - terms.bond


def test_a_bare_report_gets_its_evidence_and_the_windows_are_settled_together(world: World) -> None:
    terms = world.terms()
    sla_id = ended(world, terms)
    client = world.sla(STRANGER)
    client.deposit(10 * NOVA)
    client.report(sla_id, 1, 5_000)
    assert client.claim(sla_id, 1, 0).outcome is Outcome.REPORTED
    client.submit_evidence(sla_id, 1, 0, terms, evidence(world, sla_id, terms, 1, 0, [400, 300, 200]))
    claim = client.claim(sla_id, 1, 0)
    assert (claim.outcome, claim.value, claim.claimant) == (Outcome.VIOLATED, 300, world.address(STRANGER))
    world.travel(world.now + 5 * HOUR)
    client.finalise(sla_id, 1, 0)
    client.settle(sla_id, 0, 2)
    assert client.unsettled(sla_id, range(2)) == []
    stake = client.agreement(sla_id).stake
    before = client.balance(world.address(PROVIDER))
    client.release(sla_id)
    assert client.balance(world.address(PROVIDER)) == before + stake


def test_terminating_ends_with_the_present_window(world: World) -> None:
    terms = world.terms(windows=5)
    sla_id = world.agree(terms)
    world.sla(CUSTOMER).terminate(sla_id)
    agreement = world.sla(STRANGER).agreement(sla_id)
    assert agreement.windows == 1
    assert agreement.status(terms, agreement.end(terms)) == "ended"
    assert world.sla(STRANGER).balance(world.address(CUSTOMER)) == 4 * terms.fee


def test_an_offer_can_be_taken_back(world: World) -> None:
    terms = world.terms()
    world.sla(PROVIDER).deposit(terms.stake)
    sla_id = world.sla(PROVIDER).offer(terms)
    assert world.sla(STRANGER).agreement(sla_id).status(terms, world.now) == "offered"
    world.sla(PROVIDER).withdraw_offer(sla_id)
    assert world.sla(STRANGER).agreement(sla_id).status(terms, world.now) == "withdrawn"
    assert world.sla(STRANGER).balance(world.address(PROVIDER)) == terms.stake
