"""What the parts of `check_handover` share: the suite on its chain, and the form of what they find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from novacron.chain.contracts import ContractHandle, EventLog
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.compiler import CompiledContract
from novacron.deploy.genesis import TREASURY, Genesis
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.plan import Plan

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

    def name_of(self, address: str) -> str:
        """How a finding names an account."""
        if address == self.deployer:
            return f"the deployer {address}"
        names = [name for name in self.instances if self.address(name) == address]
        return f"{names[0]} {address}" if names else address

    def accounts(self) -> list[str]:
        """Everybody the deployment knows: the deployer, instances, guardians, attesters, holders."""
        holders = [to for given in self.genesis.allocations.values() for to, _ in given if to != TREASURY]
        known = [self.deployer, *(self.address(name) for name in self.instances)]
        return list(dict.fromkeys([*known, *self.genesis.guardians, *self.genesis.attesters, *holders]))

    def now(self) -> int:
        """Time of the latest block, seconds."""
        return int(str(self.pool.request("eth_getBlockByNumber", ["latest", False])["timestamp"]), 16)

    def slots(self, name: str, slots: Sequence[int]) -> list[int]:
        """Storage of an instance."""
        asked = [("eth_getStorageAt", [self.address(name), hex(slot), "latest"]) for slot in slots]
        return [int(str(word), 16) for word in self.pool.batch(asked)]
