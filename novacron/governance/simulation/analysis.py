"""Who could decide a vote. Exact: sums and comparisons of integers, as the contract makes them."""

from __future__ import annotations

from collections.abc import Sequence

from novacron.governance.model import ElectorateAnalysis, Finding, Voter


def analyse(voters: Sequence[Voter], quorum: int, total: int | None = None) -> ElectorateAnalysis:
    """Smallest sets of voters that could carry or block a proposal, and the turnout it needs.

    A proposal passes when For + Abstain reach the quorum and For is more than Against (OpenZeppelin's simple counting).
    The largest voters make the smallest set, because each of both conditions only looks at the sum.

    Args:
        voters: all accounts with power, in any order.
        quorum: For and Abstain needed, in the unit of the powers.
        total: sum over all verified holders; None takes the sum over the voters, which it equals.

    Returns:
        An analysis whose carriers are empty when not even all voters together carry it, and whose blockers are empty
        then, too: there is nothing left to block.
    """
    order = tuple(sorted((one for one in voters if one.power > 0), key=lambda one: (-one.power, one.account)))
    cast = sum(one.power for one in order)
    everything = cast if total is None else total
    can_pass = cast > 0 and cast >= quorum
    carriers: list[str] = []
    blockers: list[str] = []
    if can_pass:
        held = 0
        for one in order:
            carriers.append(one.account)
            held += one.power
            if held >= quorum and held > cast - held:
                break
        against = 0
        for one in order:
            blockers.append(one.account)
            against += one.power
            if cast - against < quorum or cast - against <= against:
                break
    turnout = 0.0 if quorum == 0 else 1.0 if everything <= quorum else quorum / everything
    return ElectorateAnalysis(order, everything, quorum, tuple(carriers), tuple(blockers), turnout)


def electorate_findings(analysis: ElectorateAnalysis) -> list[Finding]:
    """What a person must know about an electorate: nobody can carry it (error), or very few can (warning)."""
    cast = sum(one.power for one in analysis.voters)
    if not analysis.voters:
        message = (
            "no account has voting power at the snapshot: verify holders (IdentityGate.verify) before you propose; "
            "nothing can pass now"
        )
        return [Finding("error", "electorate", message)]
    if not analysis.carriers:
        message = (
            f"all {len(analysis.voters)} voters together have {cast} and the quorum is {analysis.quorum}: "
            "this cannot pass before more power votes"
        )
        return [Finding("error", "electorate", message)]
    findings = []
    if len(analysis.carriers) == 1:
        message = f"{analysis.carriers[0]} alone carries any proposal, whoever votes against it"
        findings.append(Finding("warning", "electorate", message))
    if len(analysis.blockers) == 1:
        findings.append(Finding("warning", "electorate", f"{analysis.blockers[0]} alone blocks any proposal"))
    return findings
