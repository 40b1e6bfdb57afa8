"""The one table of who may call what: every state-changing function of every instance of the plan `novacron`.

The plan applies it (each role that is not ADMIN becomes a `setTargetFunctionRole`), `docs/access-matrix.md` is printed
from it, and `check_handover` compares it with the chain. A function that is not in it fails a test and the check.
Views are open to everybody and not listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from eth_utils.crypto import keccak

from novacron.chain.codec import signature_of
from novacron.deploy.roles_compute import COMPUTE, MANAGED
from novacron.deploy.roles_models import MODELS
from novacron.deploy.rules import Rule, Who

#: Roles of the Timelock (OpenZeppelin AccessControl): who has each.
TIMELOCK_ROLES: Mapping[str, str] = MappingProxyType(
    {"DEFAULT_ADMIN_ROLE": "Timelock", "PROPOSER_ROLE": "Governance", "CANCELLER_ROLE": "Governance",
     "EXECUTOR_ROLE": "Governance"}
)  # fmt: skip
#: Two-step owners: instance → its owner.
OWNERS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (
            "ProofOfTraining",
            "ResourceMarket",
            "LiquidityPool",
            "OrderBook",
            "ResourceStaking",
            "VMLifecycle",
            "SLA",
        ),
        "EmergencyBrake",
    )
)


_E = Who.EVERYBODY
_OWN = "move what is their own, or what its owner has approved"
_RECEIVER = {
    name: Rule(_E, "nothing: it accepts the token that was sent")
    for name in (
        "onERC721Received(address,address,uint256,bytes)",
        "onERC1155Received(address,address,uint256,uint256,bytes)",
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)",
    )
}
_TOKEN = dict(MANAGED) | {
    "transfer(address,uint256)": Rule(_E, _OWN),
    "transferFrom(address,address,uint256)": Rule(_E, _OWN),
    "approve(address,uint256)": Rule(_E, "let somebody move their own"),
    "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)": Rule(_E, "hand in what a holder signed"),
    "mint(address,uint256)": Rule(Who.ADMIN, "create tokens up to the cap"),
}
_GATE: dict[str, Rule] = dict(MANAGED) | {
    "initialize(address,address,uint32)": Rule(Who.NOBODY, "nothing: it is initialised", "never"),
    "verify(address,uint256)": Rule(
        Who.ATTESTER, "verify as many false accounts in a season as the quota allows, until struck or dismissed"
    ),
    "revoke(address)": Rule(Who.ATTESTER, "take back verifications of their own"),
    "strike(address)": Rule(Who.ADMIN, "end anybody's verification"),
    "setQuota(uint32)": Rule(Who.ADMIN, "let attesters verify more, or nobody"),
    "upgradeToAndCall(address,bytes)": Rule(Who.ADMIN, "put other code in its place"),
}

_SAFE: dict[str, Rule] = {
    "setup(address[],uint256,address,bytes,address,address,uint256,address)": Rule(
        Who.NOBODY, "nothing: it is set up", "never"
    ),
    "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)": Rule(
        Who.SIGNERS, "what the guardian may do, here and everywhere"
    ),
    "approveHash(bytes32)": Rule(Who.OWNER_OF_SAFE, "sign by a transaction"),
    "simulateAndRevert(address,bytes)": Rule(_E, "nothing: it always reverts"),
    "execTransactionFromModule(address,uint256,bytes,uint8)": Rule(Who.MODULE, "the same without signatures"),
    "execTransactionFromModuleReturnData(address,uint256,bytes,uint8)": Rule(Who.MODULE, "the same without signatures"),
    **{
        name: Rule(Who.ITSELF, "change who signs, when 3 owners have signed that")
        for name in (
            "addOwnerWithThreshold(address,uint256)",
            "removeOwner(address,address,uint256)",
            "swapOwner(address,address,address)",
            "changeThreshold(uint256)",
            "enableModule(address)",
            "disableModule(address,address)",
            "setGuard(address)",
            "setModuleGuard(address)",
            "setFallbackHandler(address)",
        )
    },
    "receive()": Rule(_E, "give it money"),
    "fallback()": Rule(_E, "nothing: the handler behind it keeps nothing"),
}

TABLE: Mapping[str, Mapping[str, Rule]] = MappingProxyType(
    {
        "Authority": {
            "grantRole(uint64,address,uint32)": Rule(Who.ROLE_ADMIN, "give a role to anybody"),
            "revokeRole(uint64,address)": Rule(Who.ROLE_ADMIN, "take a role from anybody"),
            "renounceRole(uint64,address)": Rule(Who.MEMBER, "give up their own role"),
            "labelRole(uint64,string)": Rule(Who.ADMIN, "name a role"),
            "setRoleAdmin(uint64,uint64)": Rule(Who.ADMIN, "let others give a role"),
            "setRoleGuardian(uint64,uint64)": Rule(Who.ADMIN, "let others cancel what a role has scheduled"),
            "setGrantDelay(uint64,uint32)": Rule(Who.ADMIN, "delay when a role is given"),
            "setTargetFunctionRole(address,bytes4[],uint64)": Rule(Who.ADMIN, "open functions to another role"),
            "setTargetAdminDelay(address,uint32)": Rule(Who.ADMIN, "delay what is changed about a contract"),
            "setTargetClosed(address,bool)": Rule(Who.ADMIN, "close every restricted function of a contract"),
            "updateAuthority(address,address)": Rule(Who.ADMIN, "hand a contract to another authority"),
            "schedule(address,bytes,uint48)": Rule(_E, "schedule what their role allows with a delay; no role has one"),
            "execute(address,bytes)": Rule(_E, "call what their role allows"),
            "cancel(address,address,bytes)": Rule(_E, "cancel what they have scheduled themselves"),
            "consumeScheduledOp(address,bytes)": Rule(Who.MANAGED, "use up a call scheduled for themselves"),
            "multicall(bytes[])": Rule(_E, "several of the above in one transaction"),
        },
        "Timelock": _RECEIVER
        | {
            "schedule(address,uint256,bytes,bytes32,bytes32,uint256)": Rule(
                Who.PROPOSER, "schedule any call, not do it"
            ),
            "scheduleBatch(address[],uint256[],bytes[],bytes32,bytes32,uint256)": Rule(Who.PROPOSER, "the same"),
            "cancel(bytes32)": Rule(Who.CANCELLER, "cancel what is scheduled", "scheduled, not executed"),
            "execute(address,uint256,bytes,bytes32,bytes32)": Rule(
                Who.EXECUTOR, "execute what is due", "its delay is over"
            ),
            "executeBatch(address[],uint256[],bytes[],bytes32,bytes32)": Rule(Who.EXECUTOR, "the same", "delay over"),
            "updateDelay(uint256)": Rule(Who.ITSELF, "set the delay between 24 and 48 hours"),
            "grantRole(bytes32,address)": Rule(Who.ITSELF, "give a role of its own to anybody"),
            "revokeRole(bytes32,address)": Rule(Who.ITSELF, "take a role of its own from anybody"),
            "renounceRole(bytes32,address)": Rule(Who.MEMBER, "give up their own role"),
            "receive()": Rule(_E, "give money to the treasury"),
        },
        "Governance": _RECEIVER
        | {
            "propose(address[],uint256[],bytes[],string)": Rule(Who.THRESHOLD, "ask for a vote on any calls"),
            "cancel(address[],uint256[],bytes[],bytes32)": Rule(
                Who.PROPOSAL,
                "stop a proposal; the guardian none that is about the guardian only",
                "pending; for the guardian until executed",
            ),
            "queue(address[],uint256[],bytes[],bytes32)": Rule(_E, "begin the delay of what has passed", "succeeded"),
            "execute(address[],uint256[],bytes[],bytes32)": Rule(_E, "have done what has passed", "queued, delay over"),
            "castVote(uint256,uint8)": Rule(_E, "vote with their own power, once", "active"),
            "castVoteWithReason(uint256,uint8,string)": Rule(_E, "the same", "active"),
            "castVoteWithReasonAndParams(uint256,uint8,string,bytes)": Rule(_E, "the same", "active"),
            "castVoteBySig(uint256,uint8,address,bytes)": Rule(_E, "hand in a vote that its voter signed", "active"),
            "castVoteWithReasonAndParamsBySig(uint256,uint8,address,string,bytes,bytes)": Rule(
                _E, "the same", "active"
            ),
            "relay(address,uint256,bytes)": Rule(Who.TIMELOCK, "call anything in the name of Governance"),
            "setProposalGuardian(address)": Rule(Who.TIMELOCK, "name another guardian, or none"),
            "setProposalThreshold(uint256)": Rule(Who.TIMELOCK, "let more or fewer propose"),
            "setVotingDelay(uint48)": Rule(Who.TIMELOCK, "begin votes sooner or later"),
            "setVotingPeriod(uint32)": Rule(Who.TIMELOCK, "shorten or prolong votes"),
            "updateQuorumNumerator(uint256)": Rule(Who.TIMELOCK, "set the quorum from 0 to 100 %"),
            "updateTimelock(address)": Rule(Who.TIMELOCK, "execute through another timelock"),
            "receive()": Rule(Who.NOBODY, "nothing: it sends money on to the timelock by refusing it", "never"),
        },
        "SafeL2": {name: replace(rule, who=Who.NOBODY, when="never") for name, rule in _SAFE.items()}
        | {
            "approveHash(bytes32)": Rule(Who.NOBODY, "nothing: it has no owners", "never"),
            "simulateAndRevert(address,bytes)": _SAFE["simulateAndRevert(address,bytes)"],
            "receive()": Rule(_E, "lose money: this is the code behind Safes, not one"),
            "fallback()": Rule(_E, "nothing"),
        },
        "SafeProxyFactory": {
            f"create{kind}(address,bytes,uint256)": Rule(_E, "create Safes of their own")
            for kind in (
                "ProxyWithNonce",
                "ProxyWithNonceL2",
                "ChainSpecificProxyWithNonce",
                "ChainSpecificProxyWithNonceL2",
            )
        },
        "CompatibilityFallbackHandler": {"simulate(address,bytes)": Rule(_E, "nothing: what it does is reverted")},
        "GuardianSafe": _SAFE,
        "NovaToken": _TOKEN
        | {
            "delegate(address)": Rule(_E, "let somebody propose with their own linear votes"),
            "delegateBySig(address,uint256,uint256,uint8,bytes32,bytes32)": Rule(_E, "hand in what a holder signed"),
        },
        **dict.fromkeys(("CPU", "MEM", "STO", "NET"), _TOKEN),
        "QuadraticVotes": dict(MANAGED)
        | {
            "afterTransfer(address,address,uint256,uint256,uint256)": Rule(
                Who.TOKEN, "nothing: that code is immutable"
            ),
            "delegate(address)": Rule(_E, "pass on their own power to whoever accepts it"),
            "delegateBySig(address,uint256,uint256,uint8,bytes32,bytes32)": Rule(_E, "hand in what a holder signed"),
            "acceptDelegator(address,bool)": Rule(_E, "accept or refuse others' power for themselves"),
            "setOpen(bool)": Rule(_E, "accept everybody's power for themselves, or no longer"),
            "release(address)": Rule(Who.DELEGATEE, "send a delegator away"),
            "sync(address)": Rule(_E, "nothing: it repeats what the gate says"),
            "syncMany(address[])": Rule(_E, "the same"),
            "setGate(address)": Rule(Who.ADMIN, "count by another gate"),
        },
        "IdentityGateImplementation": _GATE
        | {"upgradeToAndCall(address,bytes)": Rule(Who.NOBODY, "nothing: only a proxy can be upgraded", "never")},
        "IdentityGate": _GATE,
        "EmergencyBrake": dict(MANAGED)
        | {
            "pause(address)": Rule(
                Who.GUARDIAN, "stop a pausable contract for 72 hours in 14 days", "not cooling down"
            ),
            "lift(address)": Rule(_E, "set a contract going whose pause is over", "72 hours after the pause"),
            "unpause(address)": Rule(Who.ADMIN, "set a contract going at once"),
            "transferTarget(address,address)": Rule(Who.ADMIN, "offer a pausable contract to another owner"),
            "acceptTarget(address)": Rule(Who.ADMIN, "take over a pausable contract that was offered"),
        },
        "ProofOfTraining": {
            "anchor(bytes32)": Rule(_E, "fill their own key space"),
            "anchor(bytes32,bytes)": Rule(_E, "the same"),
            "anchorMany(bytes32[])": Rule(_E, "the same"),
            "anchorBatch(bytes32,uint64,bytes)": Rule(_E, "the same"),
            "openRun(bytes32,bytes32)": Rule(_E, "open runs of their own"),
            "extendRun(bytes32,uint64,bytes32,bytes32[])": Rule(
                Who.RECORDER, "append wrong entries; never rewrite, never seal", "run open"
            ),
            "sealRun(bytes32,bytes32)": Rule(Who.RUN_OWNER, "end their own run", "run open, not empty"),
            "setRecorder(bytes32,address,bool)": Rule(
                Who.RUN_OWNER, "authorise somebody for their own run", "run open"
            ),
            "storeHash(string,string)": Rule(_E, "store records under their own address", "records not paused"),
            "pauseContract()": Rule(Who.OWNER, "stop new records; anchors, runs and reads go on", "records not paused"),
            "unpauseContract()": Rule(Who.OWNER, "let records go on", "records paused"),
            "transferOwnership(address)": Rule(Who.OWNER, "offer ownership; nothing moves until it is accepted"),
            "acceptOwnership()": Rule(Who.OFFERED, "take the ownership that was offered"),
        },
        **COMPUTE,
        **MODELS,
    }
)


def role_id(name: str) -> bytes:
    """A role of AccessControl: the Keccak-256 of its name; zero for DEFAULT_ADMIN_ROLE."""
    return bytes(32) if name == "DEFAULT_ADMIN_ROLE" else bytes(keccak(text=name))


def state_changing(abi: Sequence[Mapping[str, Any]]) -> set[str]:
    """Signatures of the functions that are no views, and `receive()` and `fallback()` where there are such."""
    named = {
        signature_of(item)
        for item in abi
        if item.get("type") == "function" and item.get("stateMutability") not in ("view", "pure")
    }
    return named | {f"{item['type']}()" for item in abi if item.get("type") in ("receive", "fallback")}


def missing_from_table(instance: str, abi: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the table and a contract's ABI disagree about; one sentence each."""
    rules, functions = TABLE.get(instance, {}), state_changing(abi)
    unlisted = [f"{name} is not in the table of novacron/deploy/roles.py" for name in functions - rules.keys()]
    gone = [f"{name} is in the table, and the contract has no such function" for name in rules.keys() - functions]
    return sorted(unlisted + gone)


def assigned_roles() -> list[tuple[str, str, str]]:
    """(instance, function, role) of every restricted function whose role is not ADMIN, which is AccessManager's own."""
    return [
        (instance, function, rule.who.role)
        for instance, rules in TABLE.items()
        for function, rule in rules.items()
        if rule.who.role not in (None, "ADMIN") and not instance.endswith("Implementation")
    ]
