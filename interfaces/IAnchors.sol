// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IAnchors
/// @notice Proof that an account knew a digest at a point in time, at the price of one storage slot.
/// @dev An anchor is keyed by (submitter, digest): an observer who copies a pending transaction anchors the digest for
/// itself and takes nothing from the submitter. Anchors are write-once and have no owner, no pause and no removal.
/// Metadata never enters storage; it lives in the event of the anchor, in the block that `anchorOf` names.
interface IAnchors {
    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice `submitter` anchored `digest` before; anchors are write-once.
    error Anchors_AlreadyAnchored(address submitter, bytes32 digest);

    /// @notice A batch of no entries proves nothing.
    error Anchors_EmptyBatch();

    /// @notice Metadata of `length` bytes exceeds `limit`.
    error Anchors_MetadataTooLong(uint256 length, uint256 limit);

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice `submitter` anchored `digest` without metadata.
    event Anchored(address indexed submitter, bytes32 indexed digest);

    /// @notice `submitter` anchored `digest`; `metadata` is kept here only.
    event AnchoredWithMetadata(address indexed submitter, bytes32 indexed digest, bytes metadata);

    /// @notice `submitter` anchored the Merkle root of `size` entries; `metadata` is kept here only.
    event BatchAnchored(address indexed submitter, bytes32 indexed root, uint64 size, bytes metadata);

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Anchors `digest` for the caller.
    /// @param digest Any 32-byte commitment, usually a SHA-256 digest.
    function anchor(bytes32 digest) external;

    /// @notice Anchors `digest` for the caller, with metadata in the event.
    /// @dev WARNING: metadata is stated by the caller; nothing binds it to the digest except the caller's account.
    /// @param digest Any 32-byte commitment.
    /// @param metadata At most 2,048 bytes, in any encoding.
    function anchor(bytes32 digest, bytes calldata metadata) external;

    /// @notice Anchors each of `digests` for the caller. All of them, or none.
    /// @param digests Independent commitments, at least one; a repeated one reverts.
    function anchorMany(bytes32[] calldata digests) external;

    /// @notice Anchors `size` entries at once by the root of their Merkle tree.
    /// @dev WARNING: `size` is stated by the caller and bounds the length of accepted proofs; it is not proven.
    /// @param root Root of a tree in OpenZeppelin's standard format.
    /// @param size Number of leaves, at least 1.
    /// @param metadata At most 2,048 bytes, in any encoding.
    function anchorBatch(bytes32 root, uint64 size, bytes calldata metadata) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice When and how `submitter` anchored `digest`; all zero if it did not.
    /// @return timestamp Block time of the anchor, seconds since the epoch.
    /// @return blockNumber Block of the anchor.
    /// @return size 1 for a single digest, the stated number of leaves for a batch.
    function anchorOf(address submitter, bytes32 digest)
        external
        view
        returns (uint64 timestamp, uint64 blockNumber, uint64 size);

    /// @notice Whether `leaf` lies in the tree whose `root` was anchored by `submitter`.
    /// @dev `leaf` is the standard leaf hash keccak256(keccak256(abi.encode(value))). WARNING: compute it from the
    /// value; a caller who accepts a leaf hash from a stranger may be given an inner node of the tree. Proofs longer
    /// than the stated size allows are refused. Never reverts: an unknown root is `false`.
    function verifyInclusion(address submitter, bytes32 root, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        returns (bool);
}
