"""What the deployer could have done before it handed over, and put back: the events keep it, the state does not.

After the hand-over only what a proposal has done is accepted (`View.governed`).
"""

from __future__ import annotations

from collections.abc import Sequence

from novacron.chain.contracts import EventLog
from novacron.deploy.genesis import CAPS, TREASURY, shown
from novacron.deploy.handover_view import Finding, Section, View, position
from novacron.deploy.safe import ZERO

ANEW = "deploy the suite anew, unless everybody agrees to what it has done"
#: Settings of the governor: view, event, the event's argument, the plan's value (s, base units, percent), setter.
_SETTINGS = (
    ("votingDelay", "VotingDelaySet", "newVotingDelay", 86_400, "setVotingDelay"),
    ("votingPeriod", "VotingPeriodSet", "newVotingPeriod", 604_800, "setVotingPeriod"),
    ("proposalThreshold", "ProposalThresholdSet", "newProposalThreshold", 100_000 * 10**18, "setProposalThreshold"),
    ("quorumNumerator()", "QuorumNumeratorUpdated", "newQuorumNumerator", 40, "updateQuorumNumerator"),
)
#: States of a proposal that is pending, active or has succeeded (OpenZeppelin's IGovernor).
_LIVE = (0, 1, 4)


def operations(view: View) -> list[Finding]:
    """Operations in the timelock that Governance has not queued for a proposal after the hand-over.

    A batch that looks like a proposal's proves nothing: whoever may schedule can schedule it before it is queued.
    `queue` reverts then, so an operation that is scheduled where Governance says it queued it is Governance's.
    """
    scheduled: dict[bytes, list[EventLog]] = {}
    for log in view.events("Timelock", "CallScheduled"):
        scheduled.setdefault(log.args["id"], []).append(log)
    if not scheduled:
        return []
    times = view.handle("Timelock").call_many([("getTimestamp", one) for one in scheduled])  # 0 cancelled, 1 done
    findings = []
    for (one, logs), at in zip(scheduled.items(), times, strict=True):
        if all((one, log.transaction_hash) in view.queued for log in logs) or not (at or view.before):
            continue
        state, mend = "is scheduled", f"Timelock.cancel(0x{one.hex()}) by a proposal"
        if at <= 1:
            state, mend = "was executed" if at else "was scheduled and cancelled", ANEW
        what = f"the operation 0x{one.hex()} {state}, and no proposal has queued it"
        findings.append(Finding("Timelock", "operation", "", what + " since the hand-over", mend))
    return findings


def proposals(view: View) -> Section:
    """No proposal from before the hand-over can still come to execution; a queued one is an operation."""
    made = [
        log.args["proposalId"] for log in view.events("Governance", "ProposalCreated") if not view.since_handover(log)
    ]
    states = view.handle("Governance").call_many([("state", one) for one in made]) if made else []
    findings = [
        Finding(
            "Governance",
            "proposal",
            "",
            f"the proposal {one} was made before the hand-over, when the deployer could make voters",
            "the guardian cancels it, or it is voted down",
        )
        for one, state in zip(made, states, strict=True)
        if state in _LIVE
    ]
    return Section("early proposals", 1 + len(made), tuple(findings))


def implementations(view: View, name: str, planned: str, found: str) -> tuple[str, list[Finding]]:
    """What a proxy should run now, and its upgrades that no proposal has made.

    Args:
        name: the proxy.
        planned: implementation that its constructor gave it.
        found: the one it has; that it is another than the returned one is for the caller to say.
    """
    logs = list(view.events(name, "Upgraded"))
    wanted, strange = planned, []
    for log in logs[1:]:
        if view.governed(log):
            wanted = log.args["implementation"]
        else:
            strange.append(log.args["implementation"])
    if not logs or logs[0].args["implementation"] != planned:
        what = f"its first upgrade was not its constructor's, to {view.name_of(planned)}"
        return wanted, [Finding(name, "upgrade", planned, what, ANEW)]
    return wanted, [
        Finding(name, "upgrade", one, f"it was upgraded to {view.name_of(one)}, and not by a proposal", ANEW)
        for one in dict.fromkeys(strange)
        if one != found or found == wanted
    ]


def former_quotas(view: View) -> list[Finding]:
    """Quotas that no proposal has set: attesters may have verified more than the genesis lets them."""
    later = list(view.events("IdentityGate", "QuotaSet"))[1:]  # the first is the constructor's
    quotas = dict.fromkeys(log.args["quota"] for log in later if not view.governed(log))
    return [
        Finding("IdentityGate", "quota", "", f"its quota was set to {one}, and not by a proposal", ANEW)
        for one in quotas
    ]


def allowances(view: View) -> Section:
    """Nobody may take the treasury's tokens, unless a proposal has said so."""
    findings, treasury, checked = [], view.address(TREASURY), 0
    for token in CAPS:
        contract, latest = view.handle(token), {}
        for log in contract.events("Approval", view.since, "latest", {"owner": treasury}):
            latest[log.args["spender"]] = log
        spenders = [spender for spender, log in latest.items() if not view.governed(log)]
        left = contract.call_many([("allowance", treasury, spender) for spender in spenders]) if spenders else []
        checked += 1 + len(spenders)
        for spender, amount in zip(spenders, left, strict=True):
            if amount:
                what = f"{view.name_of(spender)} may take {shown(amount)} of the treasury's, and no proposal allowed it"
                mend = f"{token}.approve({spender}, 0) by a proposal"
                findings.append(Finding(token, "allowance", spender, what, mend))
    return Section("treasury allowances", checked, tuple(findings))


def governor(view: View) -> Section:
    """The governor's settings are the plan's, or what the latest proposal that changed them has set."""
    findings, contract = [], view.handle("Governance")
    values = contract.call_many([(function,) for function, *_ in _SETTINGS])
    for (function, event, argument, wanted, setter), found in zip(_SETTINGS, values, strict=True):
        for log in view.events("Governance", event):
            wanted = log.args[argument] if view.governed(log) else wanted
        if found != wanted:
            name = function.removesuffix("()")
            mend = f"Governance.{setter}({wanted}) by a proposal"
            findings.append(Finding("Governance", name, "", f"its {name} is {found}, not {wanted}", mend))
    return Section("settings of the governor", len(_SETTINGS), tuple(findings))


def supply(view: View) -> Section:
    """What was created is the genesis allocation, and what proposals have made since the hand-over."""
    findings, checked = [], 0
    for token in CAPS:
        left = [(view.address(to) if to == TREASURY else to, n) for to, n in view.genesis.allocations.get(token, ())]
        for log in view.handle(token).events("Transfer", view.since, "latest", {"from": ZERO}):
            checked += 1
            made = (log.args["to"], log.args["value"])
            if made in left:
                left.remove(made)
            elif not view.governed(log):
                what = f"{shown(made[1])} were created for {view.name_of(made[0])}, not by the genesis or a proposal"
                findings.append(Finding(token, "supply", made[0], what, ANEW))
        findings += [
            Finding(token, "supply", to, f"{shown(n)} for {view.name_of(to)} were not created", "deploy the suite anew")
            for to, n in left
        ]
    return Section("supply", checked + len(CAPS), tuple(findings))


def verifications(view: View) -> Section:
    """Nobody votes longer than the gate says, or has ever been counted without a verification by an attester."""
    synced = list(view.events("QuadraticVotes", "VerificationSynced"))
    if not synced:
        return Section("verifications", 0, ())
    votes, accounts = view.handle("QuadraticVotes"), list(dict.fromkeys(log.args["account"] for log in synced))
    counted = votes.call_many([("verifiedUntil", account) for account in accounts])
    verified = view.handle("IdentityGate").call_many([("verifiedUntil", account) for account in accounts])
    findings = [
        Finding(
            "QuadraticVotes",
            "verification",
            account,
            f"{view.name_of(account)} counts as verified until {here} s, at the gate until {there} s",
            f"anybody calls QuadraticVotes.sync({account})",
        )
        for account, here, there in zip(accounts, counted, verified, strict=True)
        if here > there
    ]
    for account in _unattested(view, synced, votes.call("SEASON")):
        what = f"{view.name_of(account)} was counted as verified, and no attester had verified it for that time"
        findings.append(Finding("QuadraticVotes", "attestation", account, what, ANEW))
    return Section("verifications", len(accounts), tuple(findings))


def _unattested(view: View, synced: Sequence[EventLog], season: int) -> list[str]:
    """Accounts that came to count, until the end of a season, before the gate had said so."""
    said: dict[tuple[str, int], tuple[int, int]] = {}  # the earliest, by account and end in seconds
    for log in view.events("IdentityGate", "Verified"):
        said.setdefault((log.args["account"], (log.args["season"] + 1) * season), position(log))
    late = [
        log.args["account"]
        for log in synced
        if (until := log.args["verifiedUntil"])
        and ((first := said.get((log.args["account"], until))) is None or first > position(log))
    ]
    return list(dict.fromkeys(late))
