"""What a proposal is, and what a simulation of it found. Plain data; every module here speaks in these words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal

from eth_abi.abi import encode
from eth_utils.crypto import keccak

if TYPE_CHECKING:
    from novacron.governance.expects import Expectation


class ProposalState(IntEnum):
    """OpenZeppelin's `IGovernor.ProposalState`, same numbers."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


@dataclass(frozen=True)
class Action:
    """One call that the timelock will make.

    Attributes:
        target: EIP-55 checksum address.
        value: wei.
        calldata: selector and ABI-encoded arguments; empty for a plain transfer of ETH.
        contract: the target's instance name or, outside the manifest, its address and what its author calls it as;
            "" when unknown. This and what follows are words for the call data; `Suite.reread` makes them from it.
        signature: such as `mint(address,uint256)`; "" for a plain transfer.
        arguments: (name, value) pairs in order; values as eth-abi decodes them.
    """

    target: str
    value: int
    calldata: bytes
    contract: str = ""
    signature: str = ""
    arguments: tuple[tuple[str, Any], ...] = ()

    def contradicts(self, reread: Action) -> bool:
        """Whether its words say something else than those that its call data gave; no words say nothing."""
        pairs = (
            (self.contract, reread.contract),
            (self.signature, reread.signature),
            (self.arguments, reread.arguments),
        )
        return any(said and said != read for said, read in pairs)


@dataclass(frozen=True)
class Proposal:
    """A proposal as its author wrote it.

    Attributes:
        name: the file's stem; names the folder of its report.
        title: one line, without the leading `#`.
        body: Markdown.
        actions: what the timelock will call, in order; at least one.
        expects: what the author says will change.
    """

    name: str
    title: str
    body: str
    actions: tuple[Action, ...]
    expects: tuple[Expectation, ...] = ()

    @property
    def targets(self) -> list[str]:
        """`propose`'s first argument."""
        return [action.target for action in self.actions]

    @property
    def values(self) -> list[int]:
        """`propose`'s second argument, wei."""
        return [action.value for action in self.actions]

    @property
    def calldatas(self) -> list[bytes]:
        """`propose`'s third argument."""
        return [action.calldata for action in self.actions]

    @property
    def calldata_hash(self) -> bytes:
        """Keccak-256 of `abi.encode(targets, values, calldatas)`, 32 bytes."""
        return calldata_hash(self.targets, self.values, self.calldatas)


def calldata_hash(targets: list[str], values: list[int], calldatas: list[bytes]) -> bytes:
    """Keccak-256 of `abi.encode(address[], uint256[], bytes[])`, 32 bytes."""
    return bytes(keccak(encode(["address[]", "uint256[]", "bytes[]"], [targets, values, calldatas])))


def proposal_id(targets: list[str], values: list[int], calldatas: list[bytes], description: str) -> int:
    """OpenZeppelin's `IGovernor.getProposalId` (hashProposal)."""
    description_hash = keccak(text=description)
    types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
    return int.from_bytes(keccak(encode(types, [targets, values, calldatas, description_hash])), "big")


# --------------------------------------------------------------------------------------------------------------------
# Effects of one transaction
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Write:
    """A storage variable that the transaction left different from what it was.

    Attributes:
        address: EIP-55 address of the contract whose storage it is.
        contract: instance name, or the address when unknown.
        path: `_balances[Timelock]`, `_totalSupply`, `$.quota` …; `slot(0x…)` when no layout explains it.
        type: Solidity type of the (member of the) variable; "bytes32" for a raw slot.
        before, after: decoded: int, bool, checksum address (instance name where there is one) or 0x-hexadecimal text.
    """

    address: str
    contract: str
    path: str
    type: str
    before: Any
    after: Any

    @property
    def name(self) -> str:
        """`Contract.path`."""
        return f"{self.contract}.{self.path}"


@dataclass(frozen=True)
class EventRecord:
    """A log entry. `event` is `` and `arguments` hold topics and data in hexadecimal when no ABI explains it."""

    address: str
    contract: str
    event: str
    arguments: tuple[tuple[str, Any], ...]

    @property
    def name(self) -> str:
        """`Contract.Event`."""
        return f"{self.contract}.{self.event}"


@dataclass(frozen=True)
class RoleChange:
    """A role or an ownership that changed hands.

    Attributes:
        contract: where: an AccessManager, an AccessControl (Timelock), an Ownable, the Governor's guardian …
        role: `GUARDIAN`, `PROPOSER_ROLE`, `owner`, `proposalGuardian`, `implementation` …
        account: instance name or address that gained or lost it.
        change: which.
    """

    contract: str
    role: str
    account: str
    change: Literal["granted", "revoked"]


@dataclass(frozen=True)
class Transfer:
    """ETH or an ERC-20 amount that moved. `token` is an instance name, an address, or `ETH`; amounts in base units."""

    token: str
    source: str
    to: str
    amount: int


@dataclass(frozen=True)
class Effects:
    """Everything that a transaction changed.

    Attributes:
        writes, events, roles, transfers: in order of contract and path, or of occurrence.
        bookkeeping: writes and events by which Governance and Timelock account for this very proposal; not a
            proposal's effect, and therefore not to be explained.
        created: addresses of contracts that came to be.
    """

    writes: tuple[Write, ...] = ()
    events: tuple[EventRecord, ...] = ()
    roles: tuple[RoleChange, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    bookkeeping: tuple[Write | EventRecord, ...] = ()
    created: tuple[str, ...] = ()


# --------------------------------------------------------------------------------------------------------------------
# Simulation
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Voter:
    """An account that votes. `power` in the votes contract's unit (3 decimals), `share` of the total in 0..1."""

    account: str
    power: int
    share: float


@dataclass(frozen=True)
class StepGas:
    """One transaction of the path: its name (`propose`, `vote 0x…`, `queue`, `execute`) and the gas it used."""

    step: str
    gas: int


@dataclass(frozen=True)
class Finding:
    """Something that a person must know. An `error` fails the simulation; the message says what to do."""

    severity: Literal["error", "warning", "note"]
    check: str
    message: str


@dataclass(frozen=True)
class ElectorateAnalysis:
    """Who could decide the vote, with powers at the simulated snapshot.

    Attributes:
        voters: largest power first.
        total: sum over all verified holders; `quorum`: For and Abstain needed. Both in the votes contract's unit.
        carriers: smallest set of voters that alone reaches quorum (and a majority of what is left against them).
        blockers: smallest set whose votes Against defeat it when everybody else votes For.
        turnout: share of the total that must vote For or Abstain, 0..1.
    """

    voters: tuple[Voter, ...]
    total: int
    quorum: int
    carriers: tuple[str, ...]
    blockers: tuple[str, ...]
    turnout: float


@dataclass(frozen=True)
class OrderOutcome:
    """One order in which this proposal (`*`) and other live ones were executed on the fork."""

    order: tuple[str, ...]
    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class Simulation:
    """What came of running a proposal on a fork.

    Attributes:
        proposal: what was run.
        chain_id, block_number, block_hash: the forked block.
        proposer: checksum address.
        executed: whether the execute transaction succeeded.
        effects: of the execute transaction; empty when it failed.
        gas: of each step.
        findings: failures and remarks, errors first.
        electorate, orders: analyses; None and () where they were not asked for.
        code: (target's name, verdict) for each target, checked against the manifest.
        executed_at: time of the simulated execution, Unix seconds; None when it did not execute.
    """

    proposal: Proposal
    chain_id: int
    block_number: int
    block_hash: str
    proposer: str
    executed: bool
    effects: Effects
    gas: tuple[StepGas, ...]
    findings: tuple[Finding, ...] = ()
    electorate: ElectorateAnalysis | None = None
    orders: tuple[OrderOutcome, ...] = ()
    code: tuple[tuple[str, str], ...] = field(default=())
    executed_at: int | None = None

    @property
    def ok(self) -> bool:
        """Executed, and nothing of severity error was found."""
        return self.executed and not any(finding.severity == "error" for finding in self.findings)
