"""A proposal on the chain, run again at the block its report was made at: anybody can see that the report is true."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from novacron.exceptions import ChainError, InputError
from novacron.governance.authoring import parse_description
from novacron.governance.decoding.storage_layout import LayoutBook
from novacron.governance.lifecycle.drift import Outcome, compare
from novacron.governance.lifecycle.outcome import Check
from novacron.governance.lifecycle.steps import errors_of, outcome_of
from novacron.governance.model import Proposal
from novacron.governance.onchain import Core
from novacron.governance.simulation.fork import Fork
from novacron.governance.simulation.simulate import simulate
from novacron.governance.suite import Suite


def rerun_report(
    dao: Suite,
    core: Core,
    report: bytes,
    *,
    book: LayoutBook | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Check]:
    """Simulate what the chain has, at the report's block, and compare the effects with the report's.

    Nothing of the author's is run: targets, values, call data, description and proposer are the chain's.

    Args:
        core: the proposal as the chain has it.
        report: the bytes of report.json.
        book: layouts, when the caller has read them already.
        progress: called with a line about each step.

    Returns:
        Whether the report's block is the chain's, and whether the effects are those of the report.

    Raises:
        InputError: this is no report.
        ConfigurationError: no artifacts; a build is missing.
    """
    try:
        document: Any = json.loads(report)
        number, digest = int(document["chain"]["block_number"]), str(document["chain"]["block_hash"])
        stated = Outcome(document["effects"], document["executed_at"])
        compare(stated, stated)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"this is no report of a simulation: {error!r}") from None
    parts = parse_description(core.description)
    proposal = Proposal("rerun", parts.title, parts.body, core.actions)
    try:
        with Fork(dao.pool, number) as fork:
            block = Check("block", fork.block_hash == digest, f"the report says {digest}, the chain {fork.block_hash}")
            if not block.holds:
                return [block]
            found = simulate(
                dao,
                proposal,
                proposer=core.proposer,
                description=core.description,
                fork=fork,
                book=book,
                progress=progress,
            )
    except (ChainError, InputError) as error:
        return [Check("effects", False, _not_served(number, str(error)))]
    if errors := errors_of(found, but_expects=True):
        return [block, Check("effects", False, f"run again at block {number}: {'; '.join(errors)}")]
    rows = compare(stated, outcome_of(found))
    differing = "; ".join(f"{row.kind} {row.name}: the report says {row.pinned}, run again {row.now}" for row in rows)
    return [block, Check("effects", not rows, differing or f"run again at block {number}: the same")]


def _not_served(number: int, reason: str) -> str:
    return (
        f"block {number} cannot be run again, so nothing is known of the effects; when this node no longer serves its "
        f"state, try one that keeps old states (an archive node): {reason}"
    )
