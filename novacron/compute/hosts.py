"""HostRegistry: providers' hosts, what auditors attest of them, and whether they are alive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.receipts import TransactionReceipt
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.capacity import Capacity
from novacron.compute.regions import region_bytes, region_text
from novacron.exceptions import InconsistentEndpointError, InputError
from novacron.market.deployment import Account, Deployment, new_key, read

#: Seconds without a heartbeat after which a host counts as vanished.
HEARTBEAT_TIMEOUT = 300
_BATCH = 100


@dataclass(frozen=True)
class Host:
    """A host; times in Unix seconds, 0 for never.

    Attributes:
        provider: whose it is.
        agent: key of the agent on it.
        attested: what an auditor says it carries, until `attested_until`.
        leased: what VMs hold of it.
        open: what is kept free for holders of reservations.
        reserved: all reservations.
        reservable: the most that the provider lets be reserved.
    """

    id: int
    provider: str
    agent: str
    region: str
    accepting: bool
    last_heartbeat: int
    attested_until: int
    attested: Capacity
    leased: Capacity
    open: Capacity
    reserved: Capacity
    reservable: Capacity

    @classmethod
    def of(cls, number: int, answer: tuple[Any, ...]) -> Host:
        """From `hostOf`."""
        provider, agent, region, accepting, heartbeat, until, *capacities = answer
        return cls(
            number,
            provider,
            agent,
            region_text(region),
            accepting,
            heartbeat,
            until,
            *(Capacity.of(capacity) for capacity in capacities),
        )

    def is_alive(self, now: int) -> bool:
        """Whether its agent was heard of in the last five minutes."""
        return self.last_heartbeat > 0 and now - self.last_heartbeat <= HEARTBEAT_TIMEOUT

    def is_attested(self, now: int) -> bool:
        """Whether its attestation holds."""
        return self.attested_until > now

    @property
    def free(self) -> Capacity:
        """What somebody without a reservation could lease while the attestation holds."""
        lanes = zip(self.attested.to_tuple(), self.leased.to_tuple(), self.open.to_tuple(), strict=True)
        return Capacity(*(max(attested - leased - kept, 0) for attested, leased, kept in lanes))

    def status(self, now: int) -> str:
        """One word: unattested, vanished, closed or accepting."""
        if not self.is_attested(now):
            return "unattested"
        if not self.is_alive(now):
            return "vanished"
        return "accepting" if self.accepting else "closed"

    def to_dict(self) -> dict[str, Any]:
        """For JSON; capacities in thousandths."""
        return {
            "id": self.id,
            "provider": self.provider,
            "agent": self.agent,
            "region": self.region,
            "accepting": self.accepting,
            "last_heartbeat": self.last_heartbeat,
            "attested_until": self.attested_until,
            **{
                name: getattr(self, name).to_dict()
                for name in ("attested", "leased", "open", "reserved", "reservable", "free")
            },
        }


@dataclass(frozen=True)
class Maintenance:
    """An announced maintenance, Unix seconds."""

    start: int
    end: int


class Hosts:
    """The host registry of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("HostRegistry")

    def host(self, number: int) -> Host:
        """A host by its number. Raises RevertedError with advice when there is none."""
        return Host.of(number, read(self.contract, COMPUTE_ADVICE, "hostOf", number))

    def count(self) -> int:
        """How many hosts there are; their numbers are 1 to this."""
        return int(self.contract.call("hostCount"))

    def hosts(self, *, provider: str | None = None, region: str | None = None) -> Iterator[Host]:
        """All hosts, in order, of a provider or in a region where given."""
        owner = None if provider is None else parse_address(provider, "provider")
        count = self.count()
        for start in range(1, count + 1, _BATCH):
            numbers = range(start, min(start + _BATCH, count + 1))
            answers = self.contract.call_many([("hostOf", number) for number in numbers])
            for number, answer in zip(numbers, answers, strict=True):
                host = Host.of(number, answer)
                if owner in (None, host.provider) and region in (None, host.region):
                    yield host

    def available_to(self, number: int, holder: str) -> Capacity:
        """What `holder` could lease of a host now, its reservations included."""
        return Capacity.of(read(self.contract, COMPUTE_ADVICE, "availableTo", number, parse_address(holder, "holder")))

    def host_in(self, provider: str, region: str) -> int:
        """Number of the provider's host in a region; 0 when it has none. Raises InputError."""
        return int(self.contract.call("hostIn", parse_address(provider, "provider"), region_bytes(region)))

    def maintenances(self, number: int) -> list[Maintenance]:
        """The remembered maintenances, newest first."""
        starts, ends = read(self.contract, COMPUTE_ADVICE, "maintenancesOf", number)
        return [Maintenance(start, end) for start, end in zip(starts, ends, strict=True) if end]

    # -- providers ---------------------------------------------------------------------------------------------------

    def register(
        self, account: Account, region: str, agent: str, *, key: str | None = None
    ) -> tuple[int, TransactionReceipt]:
        """Register a host of the account's in `region`, driven by the key of `agent`. Returns its number.

        Raises:
            InputError: a region of no or more than 32 bytes, no address.
        """
        receipt = account.send(
            new_key("host/register", key),
            self.contract,
            "registerHost",
            region_bytes(region),
            parse_address(agent, "agent"),
        )
        found = self.contract.decode_logs(receipt, "HostRegistered")
        if len(found) != 1:
            raise InconsistentEndpointError(f"transaction {receipt.hash} has no HostRegistered among its logs")
        return int(found[0].args["hostId"]), receipt

    def set_agent(self, account: Account, number: int, agent: str, *, key: str | None = None) -> TransactionReceipt:
        """Give a host another agent key; the old one can do nothing any more."""
        return self._send(account, "agent", number, key, "setAgent", parse_address(agent, "agent"))

    def set_accepting(
        self, account: Account, number: int, accepting: bool, *, key: str | None = None
    ) -> TransactionReceipt:
        """Take new VMs, or no more."""
        return self._send(account, "accepting", number, key, "setAccepting", accepting)

    def set_host_in_region(self, account: Account, number: int, *, key: str | None = None) -> TransactionReceipt:
        """Make it the provider's host that a migration to its region means."""
        return self._send(account, "default", number, key, "setHostInRegion")

    def set_reservable(
        self, account: Account, number: int, capacity: Capacity, *, key: str | None = None
    ) -> TransactionReceipt:
        """The most that stakers may reserve of it."""
        return self._send(account, "reservable", number, key, "setReservable", capacity.to_tuple())

    def announce_maintenance(
        self, account: Account, number: int, start: int, end: int, *, key: str | None = None
    ) -> TransactionReceipt:
        """Announce that a host is down between two times, Unix seconds: agreements leave that time out.

        Raises:
            InputError: it ends before it begins.
            RevertedError: with advice, as where it is not announced 24 hours ahead.
        """
        if not 0 < start < end < 1 << 40:
            raise InputError(f"maintenance from {start} to {end}: it must end after it begins")
        return self._send(account, "maintenance", number, key, "announceMaintenance", start, end)

    def cancel_maintenance(self, account: Account, number: int, *, key: str | None = None) -> TransactionReceipt:
        """Take back the maintenance that has not begun."""
        return self._send(account, "cancel-maintenance", number, key, "cancelMaintenance")

    # -- auditors ----------------------------------------------------------------------------------------------------

    def attest(
        self,
        account: Account,
        number: int,
        capacity: Capacity,
        until: int,
        evidence: bytes,
        *,
        key: str | None = None,
    ) -> TransactionReceipt:
        """Attest what a host carries until `until`, Unix seconds; takes the role AUDITOR.

        Args:
            evidence: 32 bytes, digest of the report.
        """
        return self._send(account, "attest", number, key, "attest", capacity.to_tuple(), until, evidence)

    def _send(
        self, account: Account, what: str, number: int, key: str | None, fn: str, *args: Any
    ) -> TransactionReceipt:
        return account.send(new_key(f"host/{what}/{number}", key), self.contract, fn, number, *args)
