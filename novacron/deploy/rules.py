"""Who may call a function of the suite, and the worst that they can do with it: the words of the table of roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

#: Roles of the Authority (OpenZeppelin AccessManager): number by name.
ROLES: Mapping[str, int] = MappingProxyType(
    {"ADMIN": 0, "GUARDIAN": 1, "ATTESTER": 2, "AUDITOR": 3, "ARBITER": 4, "CERTIFIER": 5}
)
#: AccessManager's role that everybody has; nothing here is given to it.
PUBLIC_ROLE = 2**64 - 1


class Who(Enum):
    """Who may call a function."""

    EVERYBODY = "everybody"
    ADMIN = "ADMIN"
    GUARDIAN = "GUARDIAN"
    ATTESTER = "ATTESTER"
    AUDITOR = "AUDITOR"
    ARBITER = "ARBITER"
    CERTIFIER = "CERTIFIER"
    REVOKER = "owner of the model, CERTIFIER"
    ROLE_ADMIN = "whoever administers the role, which is ADMIN for every role"
    MEMBER = "the member itself"
    ITSELF = "itself only"
    AUTHORITY = "its authority"
    MANAGED = "contracts it manages"
    TIMELOCK = "the timelock, executing a proposal"
    PROPOSER = "Governance (PROPOSER_ROLE)"
    CANCELLER = "Governance (CANCELLER_ROLE)"
    EXECUTOR = "Governance (EXECUTOR_ROLE)"
    PROPOSAL = "the proposer; the guardian"
    THRESHOLD = "100,000 NOVA in linear votes"
    TOKEN = "NovaToken"  # noqa: S105 - the name of a contract
    DELEGATEE = "the delegatee"
    OWNER = "EmergencyBrake (owner)"
    OFFERED = "the account it was offered to"
    RUN_OWNER = "owner of the run"
    RECORDER = "owner of the run, its recorders"
    LIFECYCLE = "VMLifecycle"
    STAKING = "ResourceStaking"
    PROVIDER = "provider of the host"
    AGENT = "agent of the host"
    CUSTOMER = "customer of the VM"
    RECORDS = "customer of the VM, agent of its host"
    APPROVER = "approvers of the VM's policy"
    HOLDER = "holder of the position"
    MAKER = "maker of the offer; anybody when it has expired"
    OFFERER = "provider of the terms"
    ACCEPTER = "customer of the terms"
    PARTY = "provider or customer of the terms"
    ROOT = "the root key, which signs; the key's account"
    SIGNING_ROOT = "the root key, which signs"
    SIGNING_KEY = "a working key, which signs"
    MODEL_OWNER = "owner of the model"
    NAME_OWNER = "owner of the name"
    BOTH_OWNER = "owner of the name and of the model"
    ARBITRATOR = "the arbitrator of the dispute"
    SIGNERS = "3 owners, who sign"
    OWNER_OF_SAFE = "an owner"
    MODULE = "a module, of which it has none"
    NOBODY = "nobody"

    @property
    def role(self) -> str | None:
        """The role of the Authority that opens the function, None where none does."""
        if self is Who.REVOKER:
            return "CERTIFIER"
        return self.value if self.value in ROLES else None

    @property
    def refused_by_authority(self) -> bool:
        """Whether the Authority, and nothing else, refuses a stranger."""
        return self is Who.AUTHORITY or (self.role is not None and self is not Who.REVOKER)


@dataclass(frozen=True)
class Rule:
    """Who may call a function, while what holds, and the worst that they can do with it."""

    who: Who
    worst: str
    when: str = "always"
