"""What the parts of `check_handover` share: the suite on its chain, and the form of what they find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.chain.contracts import ContractHandle, EventLog
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.compiler import CompiledContract
from novacron.deploy.genesis import TREASURY, Genesis
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.plan import Plan
from novacron.deploy.roles import role_id
from novacron.deploy.rules import ROLES

#: An account that has no part in anything, to try calls from.
STRANGER = "0x000000000000000000000000000000000000dEaD"


@dataclass(frozen=True)
class Finding:
    """Something that was left behind.

    Attributes:
        contract: instance.
        role: role, right or setting.
        account: who has it, "" where it is nobody's.
        what: one sentence.
        mend: what to do.
    """

    contract: str
    role: str
    account: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.contract}: {self.what}. To mend: {self.mend}"


@dataclass(frozen=True)
class Section:
    """One kind of check: how many facts were compared, and what was found."""

    name: str
    checked: int
    findings: tuple[Finding, ...]


def position(log: EventLog) -> tuple[int, int]:
    """Where in the chain an event is: block and index in it."""
    return (log.block_number or 0, log.log_index or 0)


@dataclass(frozen=True)
class View:
    """The deployed suite.

    Attributes:
        pool, manifest: chain and record.
        plan: as it was configured for this deployment.
        compiled: contracts by instance.
        genesis: who was to get what.
        since: block before which nothing of it was there.
        before: whether the hand-over is still to come: the deployer may then have what it is about to give up.
    """

    pool: EndpointPool
    manifest: DeploymentManifest
    plan: Plan
    compiled: Mapping[str, CompiledContract]
    genesis: Genesis
    since: int
    before: bool

    @property
    def deployer(self) -> str:
        """The account that deployed."""
        return str(self.manifest.plans[self.plan.name].accounts["deployer"])

    @cached_property
    def recorded(self) -> Genesis:
        """What the deployment was made with, whatever governance has changed since."""
        assert self.plan.configuration is not None  # the suite always has one
        return Genesis.from_json(self.plan.configuration)

    @property
    def instances(self) -> list[str]:
        """Names of the plan's instances."""
        return [item.name for item in self.plan.instances]

    def address(self, name: str) -> str:
        """Address of an instance."""
        return self.manifest.address_of(name)

    def abi(self, name: str) -> Sequence[Mapping[str, Any]]:
        """ABI of what answers at an instance: of a proxy, its implementation's."""
        item = next(item for item in self.plan.instances if item.name == name)
        return self.compiled[item.implementation or name].abi

    def has(self, name: str, function: str) -> bool:
        """Whether what answers at an instance has a function of this name."""
        return any(item.get("type") == "function" and item["name"] == function for item in self.abi(name))

    def handle(self, name: str) -> ContractHandle:
        """The instance on the chain."""
        return ContractHandle(self.pool, self.address(name), self.abi(name))

    def events(self, name: str, event: str, last: int | None = None) -> Iterator[EventLog]:
        """All events of a kind, oldest first."""
        return self.handle(name).events(event, self.since, "latest" if last is None else last)

    @cached_property
    def handed_over(self) -> tuple[int, int] | None:
        """Where the deployer gave up the last of its two rights; None while it has one."""
        if self.before:
            return None
        ends = []
        for name, argument, role in (
            ("Authority", "roleId", ROLES["ADMIN"]),
            ("Timelock", "role", role_id("DEFAULT_ADMIN_ROLE")),
        ):
            given_up = [
                position(log)
                for log in self.events(name, "RoleRevoked")
                if (log.args[argument], log.args["account"]) == (role, self.deployer)
            ]
            if not given_up:
                return None
            ends.append(max(given_up))
        return max(ends)

    def since_handover(self, log: EventLog) -> bool:
        """Whether an event came after the hand-over; never while that is to come."""
        return self.handed_over is not None and position(log) > self.handed_over

    @cached_property
    def queued(self) -> Mapping[tuple[bytes, str | None], int]:
        """Proposals made and queued since the hand-over, by operation of the timelock and transaction.

        Votes on an earlier one may have been cast with what the deployer has taken back since.
        The salt is `governor ^ keccak256(description)` (OpenZeppelin's GovernorTimelockControl).
        """
        governor, made = int(self.address("Governance"), 16) << 96, {}
        for log in self.events("Governance", "ProposalCreated"):
            if not self.since_handover(log):
                continue
            salt = governor ^ int.from_bytes(keccak(text=log.args["description"]), "big")
            batch = encode(
                ["address[]", "uint256[]", "bytes[]", "bytes32", "bytes32"],
                [log.args["targets"], log.args["values"], log.args["calldatas"], bytes(32), salt.to_bytes(32, "big")],
            )
            made[log.args["proposalId"]] = bytes(keccak(batch))
        return {
            (made[log.args["proposalId"]], log.transaction_hash): log.args["proposalId"]
            for log in self.events("Governance", "ProposalQueued")
            if self.since_handover(log) and log.args["proposalId"] in made
        }

    @cached_property
    def _executed(self) -> frozenset[str | None]:
        """Transactions that executed one of the `queued` proposals."""
        proposals = set(self.queued.values())
        executed = self.events("Governance", "ProposalExecuted") if proposals else ()
        return frozenset(log.transaction_hash for log in executed if log.args["proposalId"] in proposals)

    def governed(self, log: EventLog) -> bool:
        """Whether an event came of a proposal that was queued and executed after the hand-over."""
        return log.transaction_hash in self._executed

    def name_of(self, address: str) -> str:
        """How a finding names an account."""
        if address == self.deployer:
            return f"the deployer {address}"
        names = [name for name in self.instances if self.address(name) == address]
        return f"{names[0]} {address}" if names else address

    def accounts(self) -> list[str]:
        """Everybody the deployment knows: the deployer, instances, whoever has a role or tokens."""
        holders = [to for given in self.genesis.allocations.values() for to, _ in given if to != TREASURY]
        known = [self.deployer, *(self.address(name) for name in self.instances)]
        genesis = self.genesis
        named = [*genesis.guardians, *genesis.others]
        return list(dict.fromkeys([*known, *named, *holders]))

    def now(self) -> int:
        """Time of the latest block, seconds."""
        return int(str(self.pool.request("eth_getBlockByNumber", ["latest", False])["timestamp"]), 16)

    def slots(self, address: str, slots: Sequence[int]) -> list[int]:
        """Storage of a contract."""
        asked = [("eth_getStorageAt", [address, hex(slot), "latest"]) for slot in slots]
        return [int(str(word), 16) for word in self.pool.batch(asked)]
