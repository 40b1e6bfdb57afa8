"""Every error NovaCron raises. One tree, so that a caller can catch as widely or as narrowly as it needs.

Each message names the offending value and says what to do; none ever holds a key, a passphrase or the credentials of
an RPC URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class NovaCronError(Exception):
    """Base of every error raised by this package."""


# --------------------------------------------------------------------------------------------------------------------
# Bad input
# --------------------------------------------------------------------------------------------------------------------


class InputError(NovaCronError, ValueError):
    """The caller passed a value that can never be accepted."""


class InvalidDigestError(InputError):
    """Not a SHA-256 digest: 32 bytes, or 64 hexadecimal digits with an optional 0x."""


class MetadataTooLargeError(InputError):
    """Encoded metadata exceeds the contract's limit of 2,048 bytes."""


class ManifestError(InputError):
    """A file or folder cannot be described by a manifest."""


class SymlinkError(ManifestError):
    """A symbolic link inside a model folder: what it points to is not covered by the digest."""


class UnreadableFileError(ManifestError):
    """A file of a model folder cannot be read."""


class FileChangedError(ManifestError):
    """A file changed while it was being hashed; the digest would describe no version of it."""


class ConfigurationError(InputError):
    """A configuration value is missing, malformed or contradicts another."""


# --------------------------------------------------------------------------------------------------------------------
# Proofs
# --------------------------------------------------------------------------------------------------------------------


class ProofError(NovaCronError):
    """A proof is malformed or does not verify."""


class ProofFormatError(ProofError, ValueError):
    """A proof file cannot be parsed or misses a part."""


class ProofInvalidError(ProofError):
    """A proof was checked and is wrong."""


# --------------------------------------------------------------------------------------------------------------------
# Local stores
# --------------------------------------------------------------------------------------------------------------------


class StoreError(NovaCronError):
    """A local store cannot do what was asked."""


class CorruptStoreError(StoreError):
    """A local store contradicts itself. It is never rebuilt silently: restore it from a copy or an export."""


class StoreFullError(StoreError):
    """The disk is full; nothing of the last operation was written."""


class StoreBusyError(StoreError):
    """Another process held the store's lock for longer than the timeout."""


class UnknownRecordError(StoreError, KeyError):
    """No record has this id."""

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0]) if self.args else ""


class DuplicateRecordError(StoreError):
    """This digest is anchored already; anchors are write-once."""


class SealedRunError(StoreError):
    """The run is sealed; nothing can be appended to it."""


class RunConflictError(StoreError):
    """The chain's head of a run is not the one the caller builds upon: ahead of it, or of another history."""


class StoreConflictError(StoreError):
    """Two copies of a store hold different histories; neither can replace the other."""


# --------------------------------------------------------------------------------------------------------------------
# Content-addressed storage
# --------------------------------------------------------------------------------------------------------------------


class InvalidCidError(InputError):
    """Not a CID that this package accepts: version 1, codec raw or dag-pb, SHA-256, base32 as text."""


class InvalidStateRecordError(InputError):
    """A VM state record is malformed, or its bytes are not its canonical form."""


class StorageError(NovaCronError):
    """Content-addressed storage cannot do what was asked."""


class BlockError(StorageError):
    """Something is wrong with one block.

    Attributes:
        cid: the block's `novacron.storage.cid.Cid`.
    """

    def __init__(self, message: str, cid: Any) -> None:
        super().__init__(message)
        self.cid = cid


class MissingBlockError(BlockError):
    """The store has no block of this CID."""


class CorruptBlockError(BlockError):
    """The stored bytes do not hash to the block's CID; they are never returned."""


class InvalidDagError(BlockError):
    """The block is what its CID says, but no node of a file that this package reads."""


class ContentTooLargeError(StorageError):
    """The content is larger than the caller's limit, or a block larger than any may be."""


class CarError(StorageError, ValueError):
    """A CAR file is malformed, truncated, or does not hold exactly one complete file."""


class StorageUnavailableError(StorageError):
    """The remote store did not answer properly; a later attempt may succeed."""


class StorageRefusedError(StorageError):
    """The remote store refuses: credentials, permissions, bucket or configuration are wrong."""


class MissingObjectError(StorageError):
    """The store has no object of this name."""


class CorruptObjectError(StorageError):
    """What is stored under a name is not what was put there."""


# --------------------------------------------------------------------------------------------------------------------
# Sealed models
# --------------------------------------------------------------------------------------------------------------------


class SealError(NovaCronError):
    """Sealed data cannot be opened."""


class SealFormatError(SealError, ValueError):
    """Not sealed data, or of a version that this package does not read."""


class SealTamperedError(SealError):
    """Sealed data is not what its maker sealed: altered, truncated, extended or in another order."""


class NotARecipientError(SealError):
    """The data is sealed for other keys than the one given."""


class PackageError(NovaCronError):
    """A stored model cannot be used as asked."""


class UnknownPackageError(PackageError):
    """The store has no package of this model."""


class PackageExistsError(PackageError):
    """The store has a package of this model already, for other recipients."""


class PackageMismatchError(PackageError):
    """A package holds another model than it says; nothing of it was written."""


class ArchiveError(PackageError, ValueError):
    """The content of a package is no archive of a model, or names files outside it."""


class PickleRefusedError(PackageError):
    """A model holds pickled objects, which run code when they are loaded.

    Attributes:
        findings: pairs of path inside the model and what was found there.
    """

    def __init__(self, message: str, findings: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.findings: tuple[tuple[str, str], ...] = tuple(findings)


# --------------------------------------------------------------------------------------------------------------------
# The chain
# --------------------------------------------------------------------------------------------------------------------


class ChainError(NovaCronError):
    """Base of everything that can go wrong between us and a chain."""


class RetryableError(ChainError):
    """A later attempt may succeed: time-out, connection refused, rate limit, node out of sync."""


class ChainUnavailableError(RetryableError):
    """No configured endpoint answers."""

    def __init__(self, message: str, causes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.causes: tuple[str, ...] = tuple(causes)


class ConfirmationTimeoutError(RetryableError):
    """A transaction was sent but not confirmed in time. It may still be mined: wait for the same key again."""


class RejectedError(ChainError):
    """The node refused the transaction before mining it; sending it again unchanged cannot succeed."""


class InsufficientFundsError(RejectedError):
    """The account cannot pay for the transaction."""


class FeeCapError(RejectedError):
    """The network asks for more than the configured fee cap."""


class NonceError(RejectedError):
    """The nonce was used by a transaction that this journal does not know."""


class WrongChainError(ChainError):
    """An endpoint serves another chain than the configured one."""


class ChainResetError(ChainError, StoreError):
    """A journal belongs to another chain with the same id, as after a restart of a local node. Nothing is sent."""


class NoContractError(ChainError):
    """No contract code at the configured address on this chain."""


class InconsistentEndpointError(ChainError):
    """An endpoint's answer contradicts the chain (wrong hash, unknown block, malformed result)."""


class RevertedError(ChainError):
    """The contract reverted. `name` and `arguments` come from its custom error where the ABI knows it."""

    def __init__(
        self,
        message: str,
        *,
        name: str | None = None,
        arguments: Sequence[Any] = (),
        data: bytes = b"",
        transaction_hash: str | None = None,
    ) -> None:
        super().__init__(message)
        self.name = name
        self.arguments: tuple[Any, ...] = tuple(arguments)
        self.data = data
        self.transaction_hash = transaction_hash


class TraceUnavailableError(ChainError):
    """The node does not trace transactions (debug_traceTransaction), or not this one any more."""


class ReorgError(RetryableError):
    """A mined transaction was reorganised out of the chain and is not back yet."""


# --------------------------------------------------------------------------------------------------------------------
# Keys
# --------------------------------------------------------------------------------------------------------------------


class SigningKeyError(NovaCronError):
    """A signing key cannot be obtained. The message never holds key material."""


class KeyMismatchError(SigningKeyError):
    """The key's address is not the configured one."""


class KeyStoreError(SigningKeyError):
    """A key store cannot do what was asked: no such key, a name taken, an altered file, permissions too wide."""


class WrongPassphraseError(KeyStoreError):
    """The passphrase is not the one that the key was stored under."""


class KeyExpiredError(SigningKeyError):
    """The key's time is over; it signs nothing any more."""


class QuantumError(NovaCronError):
    """A post-quantum key or signature is not what the chain would take; the message says why and what to do."""


# --------------------------------------------------------------------------------------------------------------------
# Deployment
# --------------------------------------------------------------------------------------------------------------------


class DeployError(NovaCronError):
    """A deployment cannot go on."""


class PlanError(DeployError, ValueError):
    """The deployment plan contradicts itself."""


class VerificationError(DeployError):
    """On-chain bytecode is not what the source compiles to."""


class HandoverError(DeployError):
    """Somebody has a right on the chain that the plan does not give."""


class CompilerError(DeployError):
    """The Solidity compiler is missing or refused the source."""


# --------------------------------------------------------------------------------------------------------------------
# Governance
# --------------------------------------------------------------------------------------------------------------------


class ProposalError(InputError):
    """A proposal file, an action or an expectation cannot be accepted; the message says what to write instead."""


class UnknownContractError(ProposalError, AttributeError):
    """The suite has no contract, or a contract no function, of this name."""


class GovernanceError(NovaCronError):
    """A step of a proposal's life cannot be taken now; the message says why and what to do."""


class UnknownProposalError(GovernanceError):
    """No proposal has this id or name."""


class ProposalStateError(GovernanceError):
    """The proposal is not in the state that the step needs."""


class SubmissionRefusedError(GovernanceError):
    """The simulation found errors, or the proposer may not propose; nothing was sent."""


class TamperedProposalError(GovernanceError):
    """The files of a proposal are not what was simulated: a hash in them does not fit what it stands for."""


class DriftError(GovernanceError):
    """The proposal would do something else now than what was simulated and voted on.

    Attributes:
        effects_hash: hexadecimal hash of what it would do now; accepting it accepts exactly that.
        differences: one `DriftRow` for each difference.
    """

    def __init__(self, message: str, effects_hash: str, differences: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.effects_hash = effects_hash
        self.differences: tuple[Any, ...] = tuple(differences)


class VoteError(GovernanceError):
    """A vote that would not count: outside the window, cast before, without power, or wrongly signed."""


class SafeError(GovernanceError):
    """A Safe transaction is not what its owners signed, or lacks signatures."""


# --------------------------------------------------------------------------------------------------------------------
# Market and machines
# --------------------------------------------------------------------------------------------------------------------


class MarketError(NovaCronError):
    """A trade or stake cannot be made as asked; the message says why and what to do."""


class OutOfDomainError(MarketError, ValueError):
    """An amount that the exact arithmetic of a market has no value for; the contracts revert there, never clamp."""


class MarketRefusedError(MarketError):
    """The market would refuse the trade now: nothing to sell, nothing to sell into, or the limit is passed."""


class MachineError(NovaCronError):
    """A command to a VM or host cannot be given now; the message says why and what to do."""


class AcknowledgementTimeoutError(MachineError, RetryableError):
    """The host has not acknowledged in the time the caller wanted to wait; it still may. Wait again, or expire."""


class ApprovalError(MachineError):
    """An approval of a migration that would not count: for another VM, target, epoch or expiry, or wrongly signed."""


# --------------------------------------------------------------------------------------------------------------------
# Service-level agreements
# --------------------------------------------------------------------------------------------------------------------


class SlaError(NovaCronError):
    """An agreement does not allow the step now; the message says why and what to do."""


class MeasurementError(NovaCronError, ValueError):
    """A measurement is malformed, of another agreement or window, or not signed by the monitor that it names."""


# --------------------------------------------------------------------------------------------------------------------
# Models
# --------------------------------------------------------------------------------------------------------------------


class InvalidReferenceError(InputError):
    """Not a way to name a model: neither its digest, nor `publisher/name@alias`, nor `publisher/name/version`."""


class ModelError(NovaCronError):
    """A step in the life of a model cannot be taken now; the message says why and what to do."""


class ModelRefusedError(ModelError):
    """A model must not be used: revoked, or an ancestor is, not certified, or not as the policy demands.

    Attributes:
        objections: one `novacron.models.policy.Objection` for each reason.
    """

    def __init__(self, message: str, objections: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.objections: tuple[Any, ...] = tuple(objections)


class ModelMismatchError(ModelError):
    """Files do not hash to the digest of the model that they are said to be."""


# --------------------------------------------------------------------------------------------------------------------
# The agent
# --------------------------------------------------------------------------------------------------------------------


class HypervisorError(NovaCronError):
    """The hypervisor refused or failed an operation on a domain."""


class HypervisorUnavailableError(HypervisorError):
    """The hypervisor does not answer; nothing is known about its domains."""


class ForeignDomainError(HypervisorError):
    """A domain that this agent does not own is in the way; it is never touched."""


class AgentError(NovaCronError):
    """The agent cannot run, or cannot go on with one VM; the message says what to do."""
