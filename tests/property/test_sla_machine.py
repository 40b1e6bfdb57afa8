"""SLA against a plain Python model: random histories of agreements, reports, evidence, disputes and rulings on anvil.

The model keeps balances, agreements and claims as dictionaries and says of every action which error it ends in, or what
it changes. After each step all balances, stakes, windows and claims are compared, and that they add up to what is
held. At the end of an example time passes and everybody takes what is theirs: nothing remains. Each example runs on a
snapshot and leaves the chain as it found it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from novacron.chain.anvil import Anvil
from tests.contracts.evm import Outcome, refusal, send
from tests.support.agreements import AT_LEAST, GUARANTEES, NOVA, Monitor, Terms, deploy_sla, monitors, observation
from tests.support.contracts import deploy

START = 2_000_000_000
HOUR, DAY = 3_600, 86_400
UNMEASURED, MET, REPORTED, VIOLATED, DISPUTED, PENALISED = range(6)
BY_RULING = 255
WINDOWS, ARBITRATION = 4, 14 * DAY
CREDITS = (100_000, 250_000, 1_000_000)
FUNDS = 5_000 * NOVA
REPORT_FULL = "reportViolation(uint256,uint256,uint256,uint256,(uint8,uint32,uint32,uint40,uint40,bytes)[])"
REPORT_BARE = "reportViolation(uint256,uint256,uint256)"

agreements = st.sampled_from([0, 0, 0, 1, 2, 3])
guarantees = st.sampled_from([0, 1])
windows = st.sampled_from([0, 0, 0, 1, 1, 2, 3, WINDOWS])
people = st.integers(0, 2)
#: What even and odd monitors say; 201 and more, far below a million, breaks both promises.
values = st.one_of(
    st.sampled_from([(201, 201), (1_001, 1_001), (899_999, 899_999), (998_999, 998_999)]),
    st.tuples(
        st.sampled_from([0, 900_000, 989_999, 990_000, 998_999, 999_000, 1_000_000, 100, 101, 200]),
        st.sampled_from([0, 999_000, 100, 1_000_000]),
    ),
)


@dataclass
class Claim:
    outcome: int = UNMEASURED
    claimant: str | None = None
    signers: int = 0
    value: int = 0
    since: int = 0
    dispute: int = 0


@dataclass
class Window:
    credited: int = 0
    taken: int = 0
    settled: bool = False
    received: int = 0
    claims: list[Claim] = field(default_factory=lambda: [Claim(), Claim()])


@dataclass
class Agreement:
    terms: Terms
    stake: int
    started: int = 0
    count: int = WINDOWS
    withdrawn: bool = False
    released: bool = False
    windows: list[Window] = field(default_factory=lambda: [Window() for _ in range(WINDOWS)])

    def end(self, window: int) -> int:
        return self.started + (window + 1) * self.terms.window


@dataclass(frozen=True)
class World:
    """The contracts, and the state that every example starts from."""

    node: Anvil
    w3: Web3
    nova: Contract
    sla: Contract
    committee: Contract
    admin: str
    provider: str
    customer: str
    reporter: str
    treasury: str
    monitors: list[Monitor]


def tier_of(guarantee: int, value: int) -> int:
    _, direction, *limits = GUARANTEES[guarantee]
    return sum(value < limit if direction == AT_LEAST else value > limit for limit in limits)


class SLAMachine(RuleBasedStateMachine):
    world: World

    # -----------------------------------------------------------------------------------------------------------------
    # Frame
    # -----------------------------------------------------------------------------------------------------------------

    @initialize(ahead=st.sampled_from([0, DAY, DAY + HOUR, 2 * DAY]))
    def begin(self, ahead: int) -> None:
        world = self.world
        self.snapshot = world.node.rpc("evm_snapshot")
        self.now = int(world.w3.eth.get_block("latest")["timestamp"])
        self.f = world.sla.functions
        self.people = [world.provider, world.customer, world.reporter]
        self.balances = dict.fromkeys(self.people, FUNDS) | {world.treasury: 0}
        self.held = 3 * FUNDS
        self.agreements: list[Agreement] = []
        self.disputes: dict[int, tuple[int, int, int, int]] = {}
        self.offer(0)
        self.accept(0, 1)
        if ahead:
            self.wait(ahead)

    def teardown(self) -> None:
        if not hasattr(self, "snapshot"):
            return
        try:
            self.everybody_takes_what_is_theirs()
        finally:
            assert self.world.node.rpc("evm_revert", self.snapshot) is True

    def act(self, name: str, sender: str, function: ContractFunction, error: Outcome | None) -> bool:
        """Do it in a second of its own, and compare: this error, or success."""
        if error is not None:
            outcome = refusal(function, sender)
            assert outcome == error, f"{name}: the contract answers {outcome}, the model {error}"
            REACHED.add(error[0])
            return False
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        sent = function.transact({"from": sender, "gas": 5_000_000})
        receipt = self.world.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
        assert receipt["status"] == 1, f"{name}: the contract answers {refusal(function, sender)}"
        REACHED.add(name)
        return True

    def pick(self, number: int) -> tuple[int, Agreement]:
        index = number % len(self.agreements)
        return index + 1, self.agreements[index]

    def short(self, account: str, amount: int) -> Outcome | None:
        balance = self.balances[account]
        return ("SLA_InsufficientBalance", (account, balance, amount)) if balance < amount else None

    def evidence(self, sla_id: int, guarantee: int, window: int, value: tuple[int, int], count: int) -> list[Any]:
        """By the first monitors: the even ones say one value, the odd ones the other."""
        agreement = self.agreements[sla_id - 1]
        end = agreement.end(window)
        span, claim = (end - agreement.terms.window, end - 1), (sla_id, guarantee, window)
        return [
            observation(self.world.sla, self.world.node.chain_id, i, monitor.key, claim, value[i % 2], span)
            for i, monitor in enumerate(self.world.monitors[:count])
        ]

    @staticmethod
    def median(guarantee: int, value: tuple[int, int], count: int) -> int:
        said = sorted(value[i % 2] for i in range(count))
        return said[count // 2 if GUARANTEES[guarantee][1] == AT_LEAST else (count - 1) // 2]

    # -----------------------------------------------------------------------------------------------------------------
    # Time, balances, agreements
    # -----------------------------------------------------------------------------------------------------------------

    @rule(step=st.sampled_from([1, HOUR, 6 * HOUR, DAY // 2, DAY, DAY, DAY + 1, 2 * DAY, ARBITRATION]))
    def wait(self, step: int) -> None:
        self.now += step
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        self.world.node.rpc("evm_mine")

    @rule(who=people, amount=st.sampled_from([0, 1, NOVA, 4_000 * NOVA, 10_000 * NOVA]))
    def withdraw(self, who: int, amount: int) -> None:
        account = self.people[who]
        error = ("SLA_ZeroAmount", ()) if amount == 0 else self.short(account, amount)
        if self.act("withdraw", account, self.f.withdraw(amount, account), error):
            self.balances[account] -= amount
            self.held -= amount

    @rule(who=people, amount=st.sampled_from([NOVA, 2_000 * NOVA]))
    def deposit(self, who: int, amount: int) -> None:
        self.act("deposit", self.world.admin, self.f.deposit(amount, self.people[who]), None)
        self.balances[self.people[who]] += amount
        self.held += amount

    @rule(kind=st.sampled_from([0, 0, 1]))
    def offer(self, kind: int) -> None:
        """Of ample stake and the usual credits, or of a stake that one penalty uses up and credits above the fee."""
        if len(self.agreements) == 4:
            return
        world = self.world
        terms = Terms(world.provider, world.customer, world.monitors, self.now + DAY, windows=WINDOWS)
        terms.dispute_period = DAY // 2
        if kind:
            terms.credits, terms.stake = (0, 1_000_000, 3_000_000), 3 * terms.fee
        error = self.short(world.provider, terms.stake)
        if self.act("offer", world.provider, self.f.offer(terms.encoded()), error):
            self.balances[world.provider] -= terms.stake
            self.agreements.append(Agreement(terms, terms.stake))

    @rule(number=agreements, who=people)
    def accept(self, number: int, who: int) -> None:
        sla_id, agreement = self.pick(number)
        account, terms = self.people[who], agreement.terms
        if account != terms.customer:
            error: Outcome | None = ("SLA_NotCustomer", (sla_id, account))
        elif agreement.started or agreement.withdrawn:
            error = ("SLA_NotOpen", (sla_id,))
        elif self.now >= terms.offer_expiry:
            error = ("SLA_OfferExpired", (sla_id, terms.offer_expiry))
        else:
            error = self.short(account, terms.fee * WINDOWS)
        if self.act("accept", account, self.f.accept(sla_id), error):
            self.balances[account] -= terms.fee * WINDOWS
            agreement.started = self.now

    @rule(number=agreements, who=people)
    def withdraw_offer(self, number: int, who: int) -> None:
        sla_id, agreement = self.pick(number)
        account, error = self.people[who], None
        if account != agreement.terms.provider:
            error = ("SLA_NotProvider", (sla_id, account))
        elif agreement.started or agreement.withdrawn:
            error = ("SLA_NotOpen", (sla_id,))
        if self.act("withdraw offer", account, self.f.withdrawOffer(sla_id), error):
            self.balances[account] += agreement.stake
            agreement.stake, agreement.withdrawn = 0, True

    @rule(number=agreements, who=people, really=st.sampled_from([False, False, True]))
    def terminate(self, number: int, who: int, really: bool) -> None:
        sla_id, agreement = self.pick(number)
        account, error = self.people[who], None
        begun = (self.now - agreement.started) // agreement.terms.window + 1
        if not agreement.started:
            error = ("SLA_NotActive", (sla_id,))
        elif account == self.world.reporter:
            error = ("SLA_NotParty", (sla_id, account))
        elif begun > agreement.count:
            error = ("SLA_NotActive", (sla_id,))
        elif not really:
            return
        if self.act("terminate", account, self.f.terminate(sla_id), error):
            self.balances[self.world.customer] += agreement.terms.fee * (agreement.count - begun)
            agreement.count = begun

    # -----------------------------------------------------------------------------------------------------------------
    # Claims
    # -----------------------------------------------------------------------------------------------------------------

    def not_ended(self, sla_id: int, agreement: Agreement, window: int) -> Outcome | None:
        if not agreement.started:
            return "SLA_NotActive", (sla_id,)
        if window >= agreement.count or self.now < agreement.end(window):
            return "SLA_WindowOpen", (sla_id, window)
        return None

    def reports_over(self, sla_id: int, agreement: Agreement, window: int) -> Outcome | None:
        deadline = agreement.end(window) + agreement.terms.report_period
        return ("SLA_ReportPeriodOver", (sla_id, window, deadline)) if self.now >= deadline else None

    def returned(self, claim: Claim, agreement: Agreement) -> list[str]:
        """Who gets a bond back when other evidence takes the place of what was said."""
        if claim.claimant is None:
            return []
        return [claim.claimant] + ([agreement.terms.provider] if claim.outcome == DISPUTED else [])

    def not_replaceable(
        self, sla_id: int, agreement: Agreement, window: int, claim: Claim, count: int
    ) -> Outcome | None:
        if claim.outcome in (UNMEASURED, REPORTED):
            return self.reports_over(sla_id, agreement, window)
        if claim.outcome == PENALISED:
            return "SLA_WrongOutcome", (claim.outcome,)
        if count <= claim.signers:
            return "SLA_NoBetterEvidence", (count, claim.signers)
        deadline = claim.since + agreement.terms.dispute_period
        if claim.outcome == MET:
            deadline = max(deadline, agreement.end(window) + agreement.terms.report_period)
        return ("SLA_DisputePeriodOver", (deadline,)) if self.now >= deadline else None

    @rule(number=agreements, guarantee=guarantees, window=windows, who=people, value=values, count=st.integers(2, 5))
    def report(self, number: int, guarantee: int, window: int, who: int, value: tuple[int, int], count: int) -> None:
        sla_id, agreement = self.pick(number)
        account, said = self.people[who], self.median(guarantee, value, count)
        error = self.not_ended(sla_id, agreement, window)
        claim = agreement.windows[window].claims[guarantee] if error is None else Claim()
        if error is None:
            error = self.not_replaceable(sla_id, agreement, window, claim, count)
        if error is None and count < 3:
            error = ("SLA_TooFewMeasurements", (count, 3))
        if error is None and tier_of(guarantee, said) == 0:
            error = ("SLA_NotViolated", (said,))
        bond = agreement.terms.bond
        backs = self.returned(claim, agreement) if error is None else []
        if error is None and account not in backs:
            error = self.short(account, bond)
        function = self.world.sla.get_function_by_signature(REPORT_FULL)(
            sla_id, guarantee, window, said, self.evidence(sla_id, guarantee, window, value, count)
        )
        if self.act("report", account, function, error):
            for back in backs:
                self.balances[back] += bond
                REACHED.add("superseded" if claim.outcome != DISPUTED else "superseded in a dispute")
            self.balances[account] -= bond
            self.say(claim, VIOLATED, account, count, said)

    @rule(number=agreements, guarantee=guarantees, who=people, actual=st.sampled_from([0, 998_999, 101, 100, 999_000]))
    def report_bare(self, number: int, guarantee: int, who: int, actual: int) -> None:
        sla_id, agreement = self.pick(number)
        account, window = self.people[who], 0
        error: Outcome | None = None if agreement.started else ("SLA_NotActive", (sla_id,))
        if error is None:
            ended = (self.now - agreement.started) // agreement.terms.window
            window = min(ended, agreement.count) - 1
            error = None if ended else ("SLA_WindowOpen", (sla_id, 0))
        claim = agreement.windows[window].claims[guarantee]
        if error is None and claim.outcome != UNMEASURED:
            error = ("SLA_WrongOutcome", (claim.outcome,))
        if error is None:
            error = self.reports_over(sla_id, agreement, window)
        if error is None and tier_of(guarantee, actual) == 0:
            error = ("SLA_NotViolated", (actual,))
        if error is None:
            error = self.short(account, agreement.terms.bond)
        function = self.world.sla.get_function_by_signature(REPORT_BARE)(sla_id, guarantee, actual)
        if self.act("report without evidence", account, function, error):
            self.balances[account] -= agreement.terms.bond
            self.say(claim, REPORTED, account, 0, actual)

    @rule(number=agreements, guarantee=guarantees, window=windows, value=values, count=st.integers(3, 5))
    def submit(self, number: int, guarantee: int, window: int, value: tuple[int, int], count: int) -> None:
        sla_id, agreement = self.pick(number)
        error = self.not_ended(sla_id, agreement, window)
        claim = agreement.windows[window].claims[guarantee] if error is None else Claim()
        if error is None and claim.outcome != REPORTED:
            error = ("SLA_WrongOutcome", (claim.outcome,))
        if error is None:
            error = self.reports_over(sla_id, agreement, window)
        said = self.median(guarantee, value, count)
        evidence = self.evidence(sla_id, guarantee, window, value, count)
        function = self.f.submitEvidence(sla_id, guarantee, window, evidence)
        if self.act("submit", self.world.treasury, function, error):
            if tier_of(guarantee, said):
                self.say(claim, VIOLATED, claim.claimant, count, said)
            else:
                self.balances[self.world.treasury] += agreement.terms.bond
                self.say(claim, MET, None, count, said)

    @rule(
        number=agreements,
        guarantee=guarantees,
        window=windows,
        value=values,
        count=st.integers(3, 5),
        good=st.booleans(),
    )
    def measure(
        self, number: int, guarantee: int, window: int, value: tuple[int, int], count: int, good: bool = False
    ) -> None:
        if good:
            value = ((999_000, 999_000), (100, 100))[guarantee]
        sla_id, agreement = self.pick(number)
        error = self.not_ended(sla_id, agreement, window)
        claim = agreement.windows[window].claims[guarantee] if error is None else Claim()
        if error is None:
            error = self.not_replaceable(sla_id, agreement, window, claim, count)
        said = self.median(guarantee, value, count)
        if error is None and tier_of(guarantee, said):
            error = ("SLA_IsViolated", (said,))
        evidence = self.evidence(sla_id, guarantee, window, value, count)
        function = self.f.recordMeasurement(sla_id, guarantee, window, evidence)
        if self.act("measure", self.world.treasury, function, error):
            if claim.outcome == REPORTED:
                self.balances[self.world.treasury] += agreement.terms.bond
            else:
                for back in self.returned(claim, agreement):
                    self.balances[back] += agreement.terms.bond
            self.say(claim, MET, None, count, said)

    @rule(number=agreements, guarantee=guarantees, window=windows, who=st.sampled_from([0, 0, 0, 1, 2]))
    def dispute(self, number: int, guarantee: int, window: int, who: int) -> None:
        sla_id, agreement = self.pick(number)
        account = self.people[who]
        error = self.not_ended(sla_id, agreement, window)
        claim = agreement.windows[window].claims[guarantee] if error is None else Claim()
        deadline = claim.since + agreement.terms.dispute_period
        if error is None and account != agreement.terms.provider:
            error = ("SLA_NotProvider", (sla_id, account))
        if error is None and claim.outcome != VIOLATED:
            error = ("SLA_WrongOutcome", (claim.outcome,))
        if error is None and self.now >= deadline:
            error = ("SLA_DisputePeriodOver", (deadline,))
        if error is None:
            error = self.short(account, agreement.terms.bond)
        if self.act("dispute", account, self.f.dispute(sla_id, guarantee, window), error):
            self.balances[account] -= agreement.terms.bond
            claim.outcome, claim.since, claim.dispute = DISPUTED, self.now, len(self.disputes) + 1
            self.disputes[claim.dispute] = (sla_id, guarantee, window, claim.signers)

    @rule(number=st.integers(0, 9), ruling=st.sampled_from([0, 1, 2, 2]))
    def give_ruling(self, number: int, ruling: int) -> None:
        if not self.disputes:
            return
        dispute = number % len(self.disputes) + 1
        sla_id, guarantee, window, signers = self.disputes[dispute]
        agreement = self.agreements[sla_id - 1]
        claim = agreement.windows[window].claims[guarantee]
        if claim.outcome != DISPUTED:
            return
        function = self.world.committee.functions.giveRuling(dispute, ruling)
        if claim.signers != signers:
            with pytest.raises(Exception, match=str(Web3.keccak(text="SLA_UnknownDispute(address,uint256)")[:4].hex())):
                function.call({"from": self.world.admin})
            REACHED.add("ruling of what was replaced")
            return
        if self.now >= claim.since + ARBITRATION:
            with pytest.raises(Exception, match=str(Web3.keccak(text="SLA_DisputePeriodOver(uint256)")[:4].hex())):
                function.call({"from": self.world.admin})
            REACHED.add("ruling too late")
            return
        self.act(f"ruling {ruling}", self.world.admin, function, None)
        if ruling == 2:
            self.balances[agreement.terms.provider] += 2 * agreement.terms.bond
            self.say(claim, MET, None, BY_RULING, claim.value)
        else:
            assert claim.claimant is not None
            self.balances[claim.claimant] += 2 * agreement.terms.bond
            self.penalise(agreement, window, guarantee)

    @rule(number=agreements, guarantee=guarantees, window=windows)
    def finalise(self, number: int, guarantee: int, window: int) -> None:
        sla_id, agreement = self.pick(number)
        error = self.not_ended(sla_id, agreement, window)
        claim = agreement.windows[window].claims[guarantee] if error is None else Claim()
        outcome, bond = claim.outcome, agreement.terms.bond
        if error is None and outcome in (VIOLATED, DISPUTED):
            deadline = claim.since + (agreement.terms.dispute_period if outcome == VIOLATED else ARBITRATION)
            error = ("SLA_DisputePeriodRuns", (deadline,)) if self.now < deadline else None
        elif error is None and outcome == REPORTED:
            deadline = agreement.end(window) + agreement.terms.report_period
            error = ("SLA_ReportPeriodRuns", (sla_id, window, deadline)) if self.now < deadline else None
        elif error is None:
            error = ("SLA_WrongOutcome", (outcome,))
        if self.act(f"finalise {outcome}", self.world.treasury, self.f.finalise(sla_id, guarantee, window), error):
            if outcome == REPORTED:
                self.balances[self.world.treasury] += bond
                agreement.windows[window].claims[guarantee] = Claim()
                return
            assert claim.claimant is not None
            self.balances[claim.claimant] += bond * (2 if outcome == DISPUTED else 1)
            self.penalise(agreement, window, guarantee)

    def say(self, claim: Claim, outcome: int, claimant: str | None, signers: int, value: int) -> None:
        claim.outcome, claim.claimant, claim.signers, claim.value, claim.since = (
            outcome, claimant, signers, value, self.now,
        )  # fmt: skip

    def penalise(self, agreement: Agreement, index: int, guarantee: int) -> None:
        terms, window = agreement.terms, agreement.windows[index]
        claim = window.claims[guarantee]
        shares = terms.credits if any(terms.credits) else CREDITS
        due = terms.fee * shares[tier_of(guarantee, claim.value) - 1] // 10**6
        from_stake = min(due, agreement.stake)
        from_fee = min(due - from_stake, terms.fee - window.taken)
        credit = min(from_stake + from_fee, terms.fee - window.credited)
        agreement.stake -= from_stake
        window.taken += from_fee
        window.credited += credit
        window.received += credit
        self.balances[terms.customer] += credit
        self.balances[self.world.treasury] += from_stake + from_fee - credit
        claim.outcome, claim.claimant, claim.since = PENALISED, None, 0

    # -----------------------------------------------------------------------------------------------------------------
    # Settlement
    # -----------------------------------------------------------------------------------------------------------------

    @rule(number=agreements, index=windows)
    def settle(self, number: int, index: int) -> None:
        sla_id, agreement = self.pick(number)
        terms, error = agreement.terms, self.not_ended(sla_id, agreement, index)
        window = agreement.windows[index] if error is None else Window()
        deadline = agreement.end(index) + terms.report_period
        if error is None and self.now < deadline:
            error = ("SLA_ReportPeriodRuns", (sla_id, index, deadline))
        if error is None and window.settled:
            error = ("SLA_AlreadySettled", (sla_id, index))
        for guarantee, claim in enumerate(window.claims):
            if error is None and claim.outcome in (REPORTED, VIOLATED, DISPUTED):
                error = ("SLA_ClaimOpen", (sla_id, index, guarantee, claim.outcome))
            final = claim.since + terms.dispute_period
            if error is None and claim.outcome == MET and claim.signers < 5 and self.now < final:
                error = ("SLA_DisputePeriodRuns", (final,))
        if self.act("settle", self.world.treasury, self.f.settleWindow(sla_id, index), error):
            measured = all(claim.outcome in (MET, PENALISED) for claim in window.claims)
            back = 0 if measured else terms.fee - window.credited
            self.balances[terms.customer] += back
            self.balances[terms.provider] += terms.fee - window.taken - back
            window.received += back
            window.settled = True
            REACHED.add("measured" if measured else "not measured")

    @rule(number=agreements)
    def release(self, number: int) -> None:
        sla_id, agreement = self.pick(number)
        settled = sum(window.settled for window in agreement.windows)
        error: Outcome | None = None
        if not agreement.started:
            error = ("SLA_NotActive", (sla_id,))
        elif agreement.released:
            error = ("SLA_AlreadyReleased", (sla_id,))
        elif settled != agreement.count:
            error = ("SLA_WindowsOpen", (sla_id, settled, agreement.count))
        if self.act("release", self.world.treasury, self.f.releaseStake(sla_id), error):
            self.balances[agreement.terms.provider] += agreement.stake
            agreement.stake, agreement.released = 0, True

    # -----------------------------------------------------------------------------------------------------------------
    # What holds after every step
    # -----------------------------------------------------------------------------------------------------------------

    @invariant()
    def everything_reads_as_the_model(self) -> None:
        if not hasattr(self, "balances"):
            return
        STEPS.append(1)
        self.thorough = len(STEPS) % 10 == 0
        for account, balance in self.balances.items():
            assert self.f.balanceOf(account).call() == balance, account
        total = sum(self.balances.values())
        for number, agreement in enumerate(self.agreements):
            total += self.agreement_reads_as_the_model(number + 1, agreement)
        assert total == self.held == self.world.nova.functions.balanceOf(self.world.sla.address).call()

    def agreement_reads_as_the_model(self, sla_id: int, agreement: Agreement) -> int:
        """Compare, and return the NOVA that lies in it."""
        settled = sum(window.settled for window in agreement.windows)
        expected = (agreement.started, agreement.count, settled, agreement.released, agreement.withdrawn)
        assert tuple(self.f.agreementOf(sla_id).call()) == (*expected, agreement.stake)
        if not agreement.started:
            return agreement.stake
        lies = agreement.stake
        for index in range(agreement.count):
            window = agreement.windows[index]
            if window == Window() and not self.thorough:
                lies += agreement.terms.fee
                continue
            state = tuple(self.f.windowStateOf(sla_id, index).call())
            assert state == (window.credited, window.taken, window.settled)
            assert window.received <= agreement.terms.fee
            lies += 0 if window.settled else agreement.terms.fee - window.taken
            for guarantee, claim in enumerate(window.claims):
                if claim == Claim() and not self.thorough:
                    continue
                read = tuple(self.f.claimOf(sla_id, guarantee, index).call())
                claimant = claim.claimant or "0x" + "00" * 20
                assert read == (claimant, claim.outcome, claim.signers, claim.value, claim.since, claim.dispute)
                lies += agreement.terms.bond * {REPORTED: 1, VIOLATED: 1, DISPUTED: 2}.get(claim.outcome, 0)
        return lies

    def everybody_takes_what_is_theirs(self) -> None:
        self.wait(60 * DAY)
        for number, agreement in enumerate(self.agreements):
            if not agreement.started:
                if not agreement.withdrawn:
                    self.withdraw_offer(number, 0)
                continue
            for index in range(agreement.count):
                for guarantee, claim in enumerate(agreement.windows[index].claims):
                    if claim.outcome in (REPORTED, VIOLATED, DISPUTED):
                        self.finalise(number, guarantee, index)
                if not agreement.windows[index].settled:
                    self.settle(number, index)
            if not agreement.released:
                self.release(number)
        for account, balance in self.balances.items():
            if balance:
                self.act("take", account, self.f.withdraw(balance, account), None)
        assert self.world.nova.functions.balanceOf(self.world.sla.address).call() == 0


#: What was reached at least once, so that no test here can pass by being refused everything.
REACHED: set[str] = set()
STEPS: list[int] = []


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The contracts on an anvil of their own, with three funded parties."""
    with Anvil(extra=("--gas-limit", "9000000000000000")) as node:
        w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 120}))
        admin, provider, customer, reporter, treasury = (str(account) for account in w3.eth.accounts[:5])
        node.rpc("evm_setNextBlockTimestamp", START)
        authority = deploy(w3, "Authority", admin)
        nova = deploy(w3, "NovaToken", authority.address, [(admin, 10**9 * NOVA)])
        lease = deploy(w3, "LeaseDouble")

        def made(name: str, *arguments: Any) -> Contract:
            return deploy(w3, name, *arguments)

        sla, committee = deploy_sla(made, authority.address, admin, nova.address, lease.address, treasury)
        selector = bytes(Web3.keccak(text="giveRuling(uint256,uint256)")[:4])
        send(w3, authority.functions.setTargetFunctionRole(committee.address, [selector], 4), admin)
        send(w3, authority.functions.grantRole(4, admin, 0), admin)
        send(w3, nova.functions.approve(sla.address, 10**9 * NOVA), admin)
        for account in (provider, customer, reporter):
            send(w3, sla.functions.deposit(FUNDS, account), admin)
        yield World(node, w3, nova, sla, committee, admin, provider, customer, reporter, treasury, monitors(5))


@pytest.fixture
def machine(world: World) -> type[SLAMachine]:
    """The state machine over that world."""
    REACHED.clear()
    STEPS.clear()
    return type("Machine", (SLAMachine,), {"world": world})


def test_every_rule_of_the_sla_machine_can_succeed(machine: type[SLAMachine]) -> None:
    """One history by hand, through the same rules and predictions."""
    walk = machine()
    walk.begin(0)
    good, bad = (999_000, 999_000), (0, 0)
    steps = [
        lambda: walk.offer(1),
        lambda: walk.accept(1, 0),  # not the customer
        lambda: walk.accept(1, 1),
        lambda: walk.offer(0),
        lambda: walk.withdraw_offer(2, 1),
        lambda: walk.withdraw_offer(2, 0),
        lambda: walk.accept(2, 1),  # withdrawn
        lambda: walk.report(0, 0, 0, 2, bad, 3),  # the window runs
        lambda: walk.wait(DAY),
        lambda: walk.report_bare(0, 0, 2, 0),
        lambda: walk.report_bare(0, 0, 2, 0),  # filed twice
        lambda: walk.submit(0, 0, 0, bad, 3),
        lambda: walk.report(0, 0, 0, 1, bad, 3),  # no better
        lambda: walk.report(0, 0, 0, 1, bad, 4),
        lambda: walk.dispute(0, 0, 0, 1),  # not the provider
        lambda: walk.dispute(0, 0, 0, 0),
        lambda: walk.give_ruling(0, 2),
        lambda: walk.measure(0, 1, 0, (100, 100), 5),
        lambda: walk.report_bare(1, 0, 2, 0),
        lambda: walk.measure(1, 0, 0, good, 3),
        lambda: walk.report(1, 1, 0, 2, (201, 201), 5),
        lambda: walk.finalise(1, 1, 0),  # too soon
        lambda: walk.settle(1, 0),  # too soon
        lambda: walk.terminate(1, 2, True),
        lambda: walk.terminate(1, 1, True),
        lambda: walk.wait(DAY // 2),
        lambda: walk.finalise(1, 1, 0),
        lambda: walk.wait(DAY // 2),
        lambda: walk.report(1, 0, 1, 2, bad, 3),
        lambda: walk.dispute(1, 0, 1, 0),
        lambda: walk.give_ruling(1, 0),
        lambda: walk.report(1, 1, 1, 2, (1_001, 1_001), 3),
        lambda: walk.dispute(1, 1, 1, 0),
        lambda: walk.report(1, 1, 1, 1, (1_001, 1_001), 3),  # no better than what is disputed
        lambda: walk.report(1, 1, 1, 1, (1_001, 1_001), 4),
        lambda: walk.dispute(1, 1, 1, 0),
        lambda: walk.give_ruling(2, 2),  # of what was replaced
        lambda: walk.report_bare(0, 1, 2, 101),
        lambda: walk.wait(2 * DAY),
        lambda: walk.finalise(0, 1, 1),
        lambda: walk.settle(0, 1),
        lambda: walk.settle(0, 0),
        lambda: walk.settle(0, 0),  # twice
        lambda: walk.settle(1, 1),  # disputed
        lambda: walk.wait(ARBITRATION),
        lambda: walk.give_ruling(3, 2),  # too late
        lambda: walk.finalise(1, 1, 1),
        lambda: walk.settle(1, 0),
        lambda: walk.release(1),  # not yet
        lambda: walk.settle(1, 1),
        lambda: walk.release(1),
        lambda: walk.release(1),  # twice
        lambda: walk.deposit(2, NOVA),
        lambda: walk.withdraw(2, NOVA),
        lambda: walk.withdraw(2, 10_000 * NOVA),
    ]
    try:
        for step in steps:
            step()
            walk.everything_reads_as_the_model()
    finally:
        walk.teardown()
    done = {"offer", "accept", "withdraw offer", "terminate", "report", "report without evidence", "submit", "measure"}
    done |= {
        "superseded",
        "superseded in a dispute",
        "dispute",
        "ruling 0",
        "ruling 2",
        "ruling too late",
        "ruling of what was replaced",
        "finalise 2",
        "finalise 3",
        "finalise 4",
    }
    done |= {"settle", "measured", "not measured", "release", "deposit", "withdraw", "take"}
    refused = {
        "AlreadyReleased",
        "AlreadySettled",
        "ClaimOpen",
        "DisputePeriodRuns",
        "InsufficientBalance",
        "NotCustomer",
    }
    refused |= {
        "NoBetterEvidence",
        "NotOpen",
        "NotParty",
        "NotProvider",
        "ReportPeriodRuns",
        "WindowOpen",
        "WindowsOpen",
    }
    refused |= {"WrongOutcome"}
    assert done | {f"SLA_{name}" for name in refused} <= REACHED


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(8, 30), pytest.param(100, 60, marks=[pytest.mark.deep, pytest.mark.timeout(3_600)])],
    ids=["few", "many"],
)
def test_sla_behaves_as_the_model(machine: type[SLAMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"report", "settle", "release", "SLA_WindowOpen"} <= REACHED
    assert len(STEPS) > 10 * examples
