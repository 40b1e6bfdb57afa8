// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title ITrainingRuns
/// @notice A training run is an append-only log (RFC 9162, SHA-256) whose head lives on chain. Every extension carries
/// a consistency proof which the contract verifies, so the history of a run can grow and can never be rewritten.
/// @dev Entries stay off chain. Runs have no admin and no pause: only a run's owner has power over it, and that power
/// ends when the run is sealed.
interface ITrainingRuns {
    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice The caller opened this run before, with the same salt and manifest.
    error TrainingRuns_AlreadyOpen(bytes32 run);

    /// @notice No run has this id.
    error TrainingRuns_UnknownRun(bytes32 run);

    /// @notice The run is sealed: its log is final.
    error TrainingRuns_Sealed(bytes32 run);

    /// @notice `caller` does not own the run.
    error TrainingRuns_NotOwner(bytes32 run, address caller);

    /// @notice `caller` is neither the run's owner nor an authorised recorder.
    error TrainingRuns_NotRecorder(bytes32 run, address caller);

    /// @notice `newSize` is not larger than the run's `size`.
    error TrainingRuns_NotGrowing(bytes32 run, uint64 size, uint64 newSize);

    /// @notice `newSize` exceeds 2^48 - 1, the largest log that the packed head can name.
    error TrainingRuns_SizeOverflow(uint64 newSize);

    /// @notice The proof does not show that the log of `newSize` entries extends the log of `size` entries.
    error TrainingRuns_Inconsistent(bytes32 run, uint64 size, uint64 newSize);

    /// @notice A run is sealed with the digest of a model, which cannot be zero.
    error TrainingRuns_EmptyModelDigest(bytes32 run);

    /// @notice A run without entries proves nothing and cannot be sealed.
    error TrainingRuns_EmptyRun(bytes32 run);

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice `owner` opened a run that follows the manifest (configuration, data, code) with this digest.
    event RunOpened(bytes32 indexed run, address indexed owner, bytes32 indexed manifestDigest, bytes32 salt);

    /// @notice The log of the run grew. Every head that ever stood on chain is one of these events.
    event RunExtended(
        bytes32 indexed run, address indexed recorder, uint64 oldSize, uint64 indexed newSize, bytes32 newRoot
    );

    /// @notice The run ended with a model; `size` and `root` are its final head.
    event RunSealed(bytes32 indexed run, bytes32 indexed modelDigest, uint64 size, bytes32 root);

    /// @notice The owner authorised or revoked a recorder.
    event RecorderSet(bytes32 indexed run, address indexed recorder, bool authorised);

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Opens a run with an empty log.
    /// @dev The id commits to owner, salt and manifest, so the manifest needs no slot and nobody can take an id.
    /// @param salt Distinguishes runs of the same owner and manifest.
    /// @param manifestDigest Digest of what the run sets out to do.
    /// @return run keccak256(abi.encode(owner, salt, manifestDigest)).
    function openRun(bytes32 salt, bytes32 manifestDigest) external returns (bytes32 run);

    /// @notice Moves the head of the run forward. Owner or recorder.
    /// @dev ASSUMPTION: for the first extension there is nothing to be consistent with, and the proof is empty.
    /// WARNING: the proof binds the old entries, not the number of new ones (a root does not commit to its size). A wrong
    /// `newSize` costs no old entry, but entries behind it may lack a proof and honest extensions may no longer fit.
    /// @param run Id of the run.
    /// @param newSize Entries in the log now; larger than before.
    /// @param newRoot RFC 9162 root of those entries.
    /// @param consistencyProof RFC 9162 §2.1.4 proof from the head on chain to the new one.
    function extendRun(bytes32 run, uint64 newSize, bytes32 newRoot, bytes32[] calldata consistencyProof) external;

    /// @notice Ends the run for good. Owner only.
    /// @param run Id of the run.
    /// @param modelDigest Digest of the model that the run produced; not zero.
    function sealRun(bytes32 run, bytes32 modelDigest) external;

    /// @notice Authorises `recorder` to extend the run, or revokes it. Owner only, until the run is sealed.
    /// @dev WARNING: a recorder can append entries of its own choosing, and so end the growth of the log (by naming the
    /// largest size); it can neither rewrite nor seal.
    function setRecorder(bytes32 run, address recorder, bool authorised) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Id of the run that `owner` opens with this salt and manifest.
    function runId(address owner, bytes32 salt, bytes32 manifestDigest) external pure returns (bytes32 run);

    /// @notice Current head of a run.
    /// @return owner Owner of the run; zero if no run has this id.
    /// @return size Entries in the log.
    /// @return root RFC 9162 root of the log; SHA-256 of the empty string while it is empty; zero for an unknown run.
    /// @return updatedAt Block time of the last change, seconds since the epoch.
    /// @return modelDigest Digest of the model if the run is sealed, else zero.
    function headOf(bytes32 run)
        external
        view
        returns (address owner, uint64 size, bytes32 root, uint64 updatedAt, bytes32 modelDigest);

    /// @notice Whether `account` may extend the run (while it is open): its owner or an authorised recorder.
    function isRecorder(bytes32 run, address account) external view returns (bool);

    /// @notice Whether the entry with hash `leafHash` stands at `index` of the run's current log (RFC 9162 §2.1.3).
    /// @dev `leafHash` is SHA-256(0x00 || entry). Never reverts: an unknown run or a damaged proof is `false`.
    function verifyEntry(bytes32 run, bytes32 leafHash, uint64 index, bytes32[] calldata inclusionProof)
        external
        view
        returns (bool);
}
