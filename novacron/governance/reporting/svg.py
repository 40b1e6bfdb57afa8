"""The vote as inline SVG: each voter's power, the quorum, and who alone could carry or block the proposal.

Positions are percentages and text has a fixed size, so that it reads the same on a phone and on paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from novacron.governance.reporting.text import integer, percent, power

#: Voters with a row of their own.
_ROWS = 16
_STACK, _ROW = 62, 46


def vote_chart(electorate: Mapping[str, Any]) -> str:
    """All power in one bar with the quorum's line across, and a bar for each of the largest voters below."""
    total = integer(electorate["total"]) or 0
    voters = electorate["voters"]
    if not voters or total <= 0:
        return ""
    rows = voters[:_ROWS]
    rest = voters[_ROWS:]
    height = _STACK + _ROW * (len(rows) + bool(rest))
    parts = [_stack(electorate, total)]
    for number, voter in enumerate(rows):
        badges = [
            word
            for word, key in (("carries", "carriers"), ("blocks", "blockers"))
            if voter["account"] in electorate[key]
        ]
        y = _STACK + _ROW * number
        parts.append(
            _row(y, voter["account"], voter["power"], total, badges, voter["account"] in electorate["carriers"])
        )
    if rest:
        sum_of_rest = sum(integer(voter["power"]) or 0 for voter in rest)
        parts.append(_row(_STACK + _ROW * len(rows), f"{len(rest)} more voters", sum_of_rest, total, [], False))
    words = f"Voting power of {len(voters)} accounts; the quorum is {_share(electorate['quorum'], total):.1f} % of it"
    size = f'width="100%" height="{height}"'
    return f'<svg class="vote" role="img" aria-label="{escape(words)}" {size}>{"".join(parts)}</svg>'


def _stack(electorate: Mapping[str, Any], total: int) -> str:
    """All voters side by side, the largest first; the quorum is where For and Abstain must reach."""
    parts = ['<rect class="track" x="0" y="24" width="100%" height="22" rx="4"/>']
    start = 0.0
    for voter in electorate["voters"]:
        width = _share(voter["power"], total)
        kind = "carrier" if voter["account"] in electorate["carriers"] else "voter"
        title = f"{voter['account']}: {power(voter['power'])}"
        # A hair less than its share, so that neighbours stay apart.
        parts.append(
            f'<rect class="{kind}" x="{start:.3f}%" y="24" width="{max(width - 0.25, 0.05):.3f}%" height="22">'
            f"<title>{escape(title)}</title></rect>"
        )
        start += width
    at = min(_share(electorate["quorum"], total), 100.0)
    anchor, shift = ("end", "-6") if at > 50 else ("start", "6")
    parts.append(f'<line class="quorum" x1="{at:.3f}%" x2="{at:.3f}%" y1="4" y2="50"/>')
    parts.append(
        f'<text class="strong" x="{at:.3f}%" dx="{shift}" y="16" text-anchor="{anchor}">'
        f"quorum {power(electorate['quorum'])}, {at:.1f} %</text>"
    )
    return "".join(parts)


def _row(y: int, account: str, votes: Any, total: int, badges: list[str], carries: bool) -> str:
    share = _share(votes, total)
    kind = "carrier" if carries else "voter"
    label = " · ".join([power(votes), percent(share / 100), *badges])
    return (
        f'<text class="mono" x="0" y="{y + 12}">{escape(account)}</text>'
        f'<text class="soft" x="0" y="{y + 27}">{escape(label)}</text>'
        f'<rect class="track" x="0" y="{y + 32}" width="100%" height="5" rx="2"/>'
        f'<rect class="{kind}" x="0" y="{y + 32}" width="{share:.3f}%" height="5" rx="2"/>'
    )


def _share(votes: Any, total: int) -> float:
    """Per cent of all power."""
    return 100 * (integer(votes) or 0) / total
