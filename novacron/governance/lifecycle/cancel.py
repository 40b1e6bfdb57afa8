"""Cancelling: by the proposer before voting opens, by the guardian until the execution (GovernorProposalGuardian)."""

from __future__ import annotations

from novacron.exceptions import ProposalStateError, RevertedError
from novacron.governance.lifecycle.sending import Call, Sender, Sent
from novacron.governance.onchain import GovernorReader, short_id


def cancel_proposal(reader: GovernorReader, sender: Sender, number: int) -> Sent:
    """Cancel a proposal. Repeating it sends nothing new.

    Raises:
        UnknownProposalError: no such proposal.
        ProposalStateError: it is over, or this account may not cancel it now; nothing was sent.
        ChainError: as `TransactionManager.send`.
    """
    proposal = reader.proposal(number)
    key = f"cancel/{number:064x}"
    if not proposal.live and not sender.begun(key):
        raise ProposalStateError(f"{short_id(number)} is {proposal.state.name.lower()}; there is nothing to cancel")
    arguments = proposal.call_arguments
    try:
        if proposal.live:
            reader.governor.call("cancel", *arguments, sender=sender.address)
    except RevertedError as error:
        reasons = {
            "GovernorUnableToCancel": "only the guardian can, and its proposer while voting has not opened",
            "Governance_GuardianCannotCancelDismissal": "the guardian cannot stop its own dismissal",
        }
        if error.name not in reasons:
            raise
        raise ProposalStateError(
            f"{sender.address} cannot cancel {short_id(number)} ({proposal.state.name.lower()}): {reasons[error.name]}"
        ) from error
    data = reader.governor.encode("cancel", *arguments)
    return sender.send(Call(key, reader.governor.address, data, f"cancel {short_id(number)}"))
