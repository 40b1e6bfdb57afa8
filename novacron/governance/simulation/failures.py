"""Why a step of a proposal failed, in words that name the action, the error with its arguments, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from novacron.chain.codec import AbiItem, decode_values, selector_of
from novacron.exceptions import RevertedError
from novacron.governance.decoding.artifacts import ArtifactBook
from novacron.governance.decoding.trace import Frame, frames_of
from novacron.governance.decoding.values import named
from novacron.governance.model import Action, Finding, Proposal, ProposalState
from novacron.governance.simulation.fork import Fork
from novacron.governance.suite import Suite

#: What a revert at `propose` most often means.
_ADVICE = {
    "GovernorInsufficientProposerVotes": "delegate enough NOVA to the proposer, itself included, before it proposes",
    "GovernorRestrictedProposer": "the description's last line reserves this proposal for another proposer",
    "GovernorUnexpectedProposalState": "the very same proposal exists already; change its description",
}


def action_name(proposal: Proposal, index: int, dao: Suite) -> str:
    """`action 2 of 3, CPU.mint(address,uint256)`."""
    action = proposal.actions[index]
    name = action.contract or dao.name_of(action.target)
    call = f"{name}.{action.signature}" if action.signature else f"call 0x{action.calldata[:4].hex()} to {name}"
    what = call if action.calldata else f"{action.value} wei to {name}"
    return f"action {index + 1} of {len(proposal.actions)}, {what}"


class FailureReader:
    """Explains reverts on a fork."""

    def __init__(self, fork: Fork, dao: Suite, artifacts: ArtifactBook) -> None:
        self._fork = fork
        self._dao = dao
        self._artifacts = artifacts

    def step(self, step: str, error: RevertedError) -> Finding:
        """A step before the execution failed."""
        advice = _ADVICE.get(error.name or "")
        return Finding("error", step, f"{step} fails: {self.reason(error)}" + (f"; {advice}" if advice else ""))

    def execution(self, proposal: Proposal, error: RevertedError, balance: int) -> Finding:
        """The execution failed: which action, and why.

        Args:
            balance: wei that the timelock had before.
        """
        reason = self.reason(error)
        if error.transaction_hash is None:
            return Finding("error", "execute", f"the execution fails: {reason}")
        calls = self._calls(frames_of(self._fork, error.transaction_hash), proposal)
        index = next((number for number, call in enumerate(calls) if call.error), len(calls))
        if index >= len(proposal.actions):
            return Finding("error", "execute", f"every action succeeds, yet the execution fails: {reason}")
        where = action_name(proposal, index, self._dao)
        missing = self._missing(proposal.actions[index], calls[:index], balance)
        if missing is not None:
            return Finding("error", "ether", f"{where}: {missing}")
        return Finding("error", "execute", f"{where} fails: {reason}")

    def reason(self, error: RevertedError) -> str:
        """`ERC20ExceededCap(increasedSupply=…, cap=…)`, addresses by name; the error's own words where unknown."""
        for item in self._errors(error.data[:4]):
            try:
                values = decode_values(item["inputs"], error.data[4:])
            except ValueError:
                continue
            pairs = zip(item["inputs"], values, strict=True)
            return f"{item['name']}({', '.join(self._argument(p, v, n) for n, (p, v) in enumerate(pairs))})"
        return str(error)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _argument(self, parameter: AbiItem, value: Any, number: int) -> str:
        shown = named(parameter, value, self._dao.name_of)
        name = parameter.get("name") or f"#{number}"
        if name in ("current", "expectedStates"):
            shown = _states(str(name), shown)
        elif isinstance(shown, int) and not isinstance(shown, bool) and shown < 1 << 160:
            shown = f"{shown:,}"
        return f"{name}={shown}"

    def _errors(self, selector: bytes) -> Iterable[AbiItem]:
        for contract in self._artifacts.contracts:
            for item in contract.abi:
                if item.get("type") == "error" and selector_of(item) == selector:
                    yield item

    def _calls(self, root: Frame, proposal: Proposal) -> list[Frame]:
        """The timelock's calls, one for each action that was tried."""
        timelock = self._dao.address_of("Timelock")
        waiting, targets = [root], [action.target for action in proposal.actions]
        while waiting:
            frame = waiting.pop(0)
            made = [call for call in frame.calls if call.source == timelock and call.kind == "CALL"]
            if frame.to == timelock and made and [call.to for call in made] == targets[: len(made)]:
                return made
            waiting += frame.calls
        return []

    def _missing(self, action: Action, before: list[Frame], balance: int) -> str | None:
        """Too little ETH in the timelock when it comes to an action."""
        timelock = self._dao.address_of("Timelock")
        for frame in (inner for call in before for inner in call.walk()):
            if frame.kind in ("CALL", "CREATE", "CREATE2", "SELFDESTRUCT"):
                balance += frame.value * ((frame.to == timelock) - (frame.source == timelock))
        if action.value <= balance:
            return None
        lacking = action.value - balance
        return (
            f"it sends {action.value} wei, and the Timelock has {balance} wei then: {lacking} wei are missing; "
            "send them to the Timelock before the execution"
        )


def _states(name: str, value: Any) -> str:
    """A governor's state, or the bitmap of those it would have accepted."""
    if name == "current":
        return ProposalState(value).name.title() if value in list(ProposalState) else str(value)
    bits = int(str(value), 16) if isinstance(value, str) else int(value)
    return "|".join(state.name.title() for state in ProposalState if bits >> state & 1) or "none"
