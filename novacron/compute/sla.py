"""The SLA contract: agreements, claims and balances as dataclasses, every call as a transaction that happens once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.codec import encode_values
from novacron.chain.contracts import Block, ContractHandle, block_parameter
from novacron.chain.receipts import TransactionReceipt
from novacron.compute.measurements import NAME, VERSION, Domain, Evidence, Measurement, SignedMeasurement
from novacron.compute.quantities import nova
from novacron.compute.samples import Span
from novacron.compute.sla_advice import SLA_ADVICE
from novacron.compute.sla_terms import NOBODY, Terms
from novacron.exceptions import (
    ConfigurationError,
    InconsistentEndpointError,
    InputError,
    RetryableError,
    SlaError,
)
from novacron.market.deployment import Account, Deployment, explaining, new_key, recipient_of
from novacron.market.permits import can_permit, sign_permit

_UINT256 = 2**256 - 1
#: Seconds for which a permit made here can be used.
_PERMIT_LIFE = 3_600
_OBSERVATIONS = "(uint8,uint32,uint32,uint40,uint40,bytes)[]"
_REPORT = "reportViolation(uint256,uint256,uint256)"
_REPORT_WITH_EVIDENCE = f"reportViolation(uint256,uint256,uint256,uint256,{_OBSERVATIONS})"


class Outcome(IntEnum):
    """What became of a guarantee in a window (`ISLA.Outcome`)."""

    UNMEASURED = 0
    MET = 1
    REPORTED = 2
    VIOLATED = 3
    DISPUTED = 4
    PENALISED = 5

    @property
    def open(self) -> bool:
        """Whether it has yet to be decided."""
        return self in (Outcome.REPORTED, Outcome.VIOLATED, Outcome.DISPUTED)


@dataclass(frozen=True)
class Agreement:
    """An agreement's state. Times in Unix seconds, the stake in base units of NOVA."""

    started_at: int
    windows: int
    settled_windows: int
    released: bool
    withdrawn: bool
    stake: int

    @property
    def accepted(self) -> bool:
        """Whether its first window has begun."""
        return self.started_at > 0

    def span(self, terms: Terms, window: int) -> Span:
        """Begin and end of a window."""
        start = self.started_at + window * terms.window
        return Span(start, start + terms.window)

    def end(self, terms: Terms) -> int:
        """When its last window ends."""
        return self.started_at + self.windows * terms.window

    def ended_windows(self, terms: Terms, now: int) -> int:
        """How many windows have ended at a time."""
        if not self.accepted or now < self.started_at:
            return 0
        return min((now - self.started_at) // terms.window, self.windows)

    def status(self, terms: Terms, now: int) -> str:
        """One word: withdrawn, expired, offered, active, ended, released."""
        if self.withdrawn:
            return "withdrawn"
        if not self.accepted:
            return "offered" if now < terms.offer_expiry else "expired"
        if self.released:
            return "released"
        return "active" if now < self.end(terms) else "ended"


@dataclass(frozen=True)
class Claim:
    """A guarantee in a window (`ISLA.Claim`)."""

    claimant: str
    outcome: Outcome
    signers: int
    value: int
    since: int
    dispute_id: int


@dataclass(frozen=True)
class WindowView:
    """A window: what became of its fee and of each guarantee. Amounts in base units of NOVA."""

    number: int
    span: Span
    credited: int
    taken_from_fee: int
    settled: bool
    claims: tuple[Claim, ...]


class Sla:
    """The SLA contract of a deployment.

    Every call that changes something takes a `key`: repeated under its key it is not made again but waited for, also
    after a crash. Without one it is a new action each time.

    Args:
        deployment: where the contracts are.
        account: sends transactions; None to read only.
    """

    def __init__(self, deployment: Deployment, account: Account | None = None) -> None:
        self.deployment, self._account = deployment, account
        self.pool = deployment.pool
        self.contract = deployment.handle("SLA")
        self.address = self.contract.address

    def __repr__(self) -> str:
        return f"<Sla {self.address}>"

    # -- reading ------------------------------------------------------------------------------------------------------

    @cached_property
    def domain(self) -> Domain:
        """What measurements are signed for.

        Raises:
            InconsistentEndpointError: the contract signs as another one (ERC-5267).
        """
        chain_id = self.pool.chain_id()
        _, name, version, chain, contract, *_ = self._read("eip712Domain")
        if (name, version, chain, contract) != (NAME, VERSION, chain_id, self.address):
            raise InconsistentEndpointError(
                f"{self.address} signs as {name} {version} for {contract} on chain {chain}; this NovaCron knows "
                f"{NAME} {VERSION}"
            )
        return Domain(chain_id, self.address)

    def count(self) -> int:
        """How many agreements were offered; their numbers are 1 to this."""
        return int(self._read("agreementCount"))

    def terms(self, sla_id: int, *, block: Block = "latest") -> Terms:
        """Terms of an agreement. Raises RevertedError (SLA_UnknownAgreement)."""
        return Terms.from_abi(self._read("termsOf", sla_id, block=block))

    def agreement(self, sla_id: int, *, block: Block = "latest") -> Agreement:
        """State of an agreement. Raises RevertedError (SLA_UnknownAgreement)."""
        return Agreement(*self._read("agreementOf", sla_id, block=block))

    def claim(self, sla_id: int, guarantee: int, window: int, *, block: Block = "latest") -> Claim:
        """A guarantee in a window of an accepted agreement."""
        return _claim(self._read("claimOf", sla_id, guarantee, window, block=block))

    def windows(
        self, sla_id: int, terms: Terms, agreement: Agreement, numbers: Sequence[int], *, block: Block = "latest"
    ) -> list[WindowView]:
        """Several windows of an accepted agreement in one round trip."""
        guarantees = range(len(terms.guarantees))
        calls: list[tuple[Any, ...]] = []
        for number in numbers:
            calls.append(("windowStateOf", sla_id, number))
            calls += [("claimOf", sla_id, guarantee, number) for guarantee in guarantees]
        with explaining(SLA_ADVICE):
            answers = iter(self.contract.call_many(calls, block=block) if calls else ())
        found = []
        for number in numbers:
            credited, taken, settled = next(answers)
            claims = tuple(_claim(next(answers)) for _ in guarantees)
            found.append(WindowView(number, agreement.span(terms, number), credited, taken, settled, claims))
        return found

    def unsettled(self, sla_id: int, numbers: Sequence[int], *, block: Block = "latest") -> list[int]:
        """Those of some windows that are not settled."""
        calls = [("windowStateOf", sla_id, number) for number in numbers]
        answers = self.contract.call_many(calls, block=block) if calls else []
        return [number for number, (_, _, settled) in zip(numbers, answers, strict=True) if not settled]

    def due_in(self, sla_id: int, window: int, *, block: Block = "latest") -> int:
        """Seconds of a window that count: the VM was due and no maintenance announced."""
        return int(self._read("dueIn", sla_id, window, block=block))

    def evidence_given(
        self, sla_id: int, window: int, terms: Terms, *, first_block: int
    ) -> Iterator[SignedMeasurement]:
        """Measurements that somebody has brought to the chain without those of all monitors, unverified."""
        filters = {"slaId": sla_id, "window": window}
        for log in self.contract.events("EvidenceGiven", first_block, filters=filters):
            for monitor, value, samples, first, last, signature in log.args["evidence"]:
                one = Measurement(sla_id, log.args["guarantee"], window, value, samples, first, last)
                yield SignedMeasurement(one, terms.monitors[monitor], bytes(signature))

    def block_since(self, time: int) -> int:
        """Number of the first block at a time or after it; the newest block's when there is none."""
        low, high = self.deployment.first_block, int(self.pool.request("eth_blockNumber", []), 16)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.time(middle) < time else (low, middle)
        return low

    def balance(self, account: str) -> int:
        """Prepaid NOVA of an account, base units."""
        return int(self._read("balanceOf", parse_address(account, "account")))

    def time(self, block: Block = "latest") -> int:
        """Timestamp of a block, Unix seconds. Raises RetryableError where the endpoint does not have it yet."""
        found = self.pool.request("eth_getBlockByNumber", [block_parameter(block), False])
        if found is None:
            raise RetryableError(f"the endpoint has no block {block} yet; ask again")
        return int(found["timestamp"], 16)

    @cached_property
    def nova(self) -> ContractHandle:
        """The token."""
        return ContractHandle(self.pool, self._read("nova"), "NovaToken")

    @cached_property
    def lifecycle(self) -> ContractHandle:
        """The VM lifecycle that agreements of VMs refer to."""
        return ContractHandle(self.pool, self._read("lifecycle"), "VMLifecycle")

    @cached_property
    def registry(self) -> ContractHandle:
        """The host registry behind the VM lifecycle."""
        return ContractHandle(self.pool, self.lifecycle.call("registry"), "HostRegistry")

    @cached_property
    def arbitration_timeout(self) -> int:
        """Seconds after which an arbitrator that has not ruled is taken to have upheld the evidence."""
        return int(self._read("ARBITRATION_TIMEOUT"))

    # -- balances -----------------------------------------------------------------------------------------------------

    def deposit(self, amount: int, *, account: str | None = None, key: str | None = None) -> TransactionReceipt:
        """Pay NOVA into a prepaid balance: with a permit where the account signs messages, else with an approval.

        Args:
            amount: base units of NOVA.
            account: whose balance; None for the sender's.

        Raises:
            InputError: not positive.
            SlaError: the sender has less NOVA.
        """
        sender = self.account
        _positive(amount)
        name, target = new_key("sla/deposit", key), recipient_of(sender, account)
        begun = sender.begun(name)  # what the sender has now says nothing about a deposit that was sent before
        held = amount if begun else int(self.nova.call("balanceOf", sender.address))
        if held < amount:
            raise SlaError(f"{sender.address} holds {nova(held)}, {nova(amount)} are to be deposited; get more first")
        if can_permit(sender):
            deadline = self.time() + _PERMIT_LIFE
            permit = sign_permit(sender, self.nova, self.address, amount, deadline)
            arguments = (amount, target, deadline, permit.v, permit.r, permit.s)
            return sender.send(name, self.contract, "depositWithPermit", *arguments, varying=range(2, 6))
        if not begun:
            sender.allow(self.nova, self.address, amount, name)
        return sender.send(name, self.contract, "deposit", amount, target)

    def withdraw(self, amount: int, *, recipient: str | None = None, key: str | None = None) -> TransactionReceipt:
        """Take NOVA out of the sender's prepaid balance, to `recipient` (default: the sender)."""
        _positive(amount)
        return self._send("withdraw", "withdraw", amount, recipient_of(self.account, recipient), key=key)

    # -- agreements ---------------------------------------------------------------------------------------------------

    def offer(self, terms: Terms, *, key: str | None = None) -> int:
        """Offer an agreement as its provider; the stake leaves the sender's balance. Returns its number.

        Raises:
            InputError: terms that the contract would refuse.
            SlaError: the sender is not the provider.
        """
        terms.check(now=self.time())
        if terms.provider != self.account.address:
            raise SlaError(
                f"the terms name the provider {terms.provider}, the key is {self.account.address}'s; use that"
            )
        receipt = self._send("offer", "offer", terms.to_abi(), key=key)
        return int(self.contract.decode_logs(receipt, "Offered")[0].args["slaId"])

    def accept(self, sla_id: int, *, key: str | None = None) -> TransactionReceipt:
        """Accept as the customer: the fees of all windows leave the sender's balance, the first window begins."""
        return self._send("accept", "accept", sla_id, key=key)

    def withdraw_offer(self, sla_id: int, *, key: str | None = None) -> TransactionReceipt:
        """Take an offer back that was not accepted, with the stake."""
        return self._send("withdraw-offer", "withdrawOffer", sla_id, key=key)

    def terminate(self, sla_id: int, *, key: str | None = None) -> TransactionReceipt:
        """End an agreement with its present window, as either party."""
        return self._send("terminate", "terminate", sla_id, key=key)

    # -- measurements and claims --------------------------------------------------------------------------------------

    def report(self, sla_id: int, guarantee: int, actual: int, *, key: str | None = None) -> TransactionReceipt:
        """Say, with a bond, that the window that ended last broke a guarantee; evidence must follow."""
        return self._send("report", _REPORT, sla_id, guarantee, actual, key=key)

    def file(
        self, sla_id: int, guarantee: int, window: int, terms: Terms, evidence: Evidence, *, key: str | None = None
    ) -> TransactionReceipt:
        """Bring evidence: `reportViolation` when it breaks the promise, `recordMeasurement` when it held."""
        observations = evidence.observations(terms)
        if evidence.tier is None:
            return self._send("record", "recordMeasurement", sla_id, guarantee, window, observations, key=key)
        arguments = (sla_id, guarantee, window, evidence.value, observations)
        return self._send("report", _REPORT_WITH_EVIDENCE, *arguments, key=key)

    def submit_evidence(
        self, sla_id: int, guarantee: int, window: int, terms: Terms, evidence: Evidence, *, key: str | None = None
    ) -> TransactionReceipt:
        """Evidence of what was reported without, whatever it says."""
        arguments = (sla_id, guarantee, window, evidence.observations(terms))
        return self._send("submit", "submitEvidence", *arguments, key=key)

    def dispute(self, sla_id: int, guarantee: int, window: int, *, key: str | None = None) -> TransactionReceipt:
        """Dispute a violation as the provider, with an equal bond and the arbitrator's cost in wei."""
        arbitrator = self.terms(sla_id).arbitrator
        if arbitrator == NOBODY:
            arbitrator = self._read("defaultArbitrator")
        extra_data = encode_values(_DISPUTED, (sla_id, guarantee, window), "dispute")
        cost = ContractHandle(self.pool, arbitrator, "CommitteeArbitrator").call("arbitrationCost", extra_data)
        return self._send("dispute", "dispute", sla_id, guarantee, window, value=cost, key=key)

    def finalise(self, sla_id: int, guarantee: int, window: int, *, key: str | None = None) -> TransactionReceipt:
        """Carry out what time has decided about a claim."""
        return self._send("finalise", "finalise", sla_id, guarantee, window, key=key)

    def settle(self, sla_id: int, first: int, end: int | None = None, *, key: str | None = None) -> TransactionReceipt:
        """Share out the fee of a window, or of those from `first` up to, without, `end`."""
        if end is None or end == first + 1:
            return self._send("settle", "settleWindow", sla_id, first, key=key)
        return self._send("settle", "settleWindows", sla_id, first, end, key=key)

    def release(self, sla_id: int, *, key: str | None = None) -> TransactionReceipt:
        """Give the provider what is left of the stake."""
        return self._send("release", "releaseStake", sla_id, key=key)

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def account(self) -> Account:
        """Who sends. Raises ConfigurationError when there is nobody."""
        if self._account is None:
            raise ConfigurationError("no key is configured: this client only reads")
        return self._account

    def _send(
        self, action: str, function: str, *args: Any, value: int = 0, key: str | None = None
    ) -> TransactionReceipt:
        name = new_key(f"sla/{action}", key)
        return self.account.send(name, self.contract, function, *args, value=value)

    def _read(self, function: str, *args: Any, block: Block = "latest") -> Any:
        with explaining(SLA_ADVICE):
            return self.contract.call(function, *args, block=block)


#: What the contract tells the arbitrator about a dispute.
_DISPUTED = ({"type": "uint256"}, {"type": "uint256"}, {"type": "uint256"})


def _claim(values: Sequence[Any]) -> Claim:
    claimant, outcome, signers, value, since, dispute_id = values
    return Claim(claimant, Outcome(outcome), signers, value, since, dispute_id)


def _positive(amount: int) -> None:
    if not 0 < amount <= _UINT256:
        raise InputError(f"an amount is positive, not {amount}")
