// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAnchors} from "../../interfaces/IAnchors.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Anchors
/// @notice See `IAnchors`. One slot an anchor:
///
///    255      192 191             128 127          64 63            0
///   +------------+-------------------+---------------+---------------+
///   |   unused   |       size        |  blockNumber  |   timestamp   |
///   +------------+-------------------+---------------+---------------+
///
/// `size` is at least 1, so a slot of zero means "not anchored".
abstract contract Anchors is IAnchors {
    uint256 private constant MAX_METADATA = 2_048;

    mapping(address submitter => mapping(bytes32 digest => uint256 packed)) private _anchors;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IAnchors
    function anchor(bytes32 digest) external {
        _write(_anchors[msg.sender], digest, _pack(1));
        emit Anchored(msg.sender, digest);
    }

    /// @inheritdoc IAnchors
    function anchor(bytes32 digest, bytes calldata metadata) external {
        _checkMetadata(metadata);
        _write(_anchors[msg.sender], digest, _pack(1));
        emit AnchoredWithMetadata(msg.sender, digest, metadata);
    }

    /// @inheritdoc IAnchors
    function anchorMany(bytes32[] calldata digests) external {
        if (digests.length == 0) revert Anchors_EmptyBatch();
        mapping(bytes32 => uint256) storage mine = _anchors[msg.sender];
        uint256 packed = _pack(1);
        for (uint256 i = 0; i < digests.length; ++i) {
            bytes32 digest = digests[i];
            _write(mine, digest, packed);
            emit Anchored(msg.sender, digest);
        }
    }

    /// @inheritdoc IAnchors
    function anchorBatch(bytes32 root, uint64 size, bytes calldata metadata) external {
        if (size == 0) revert Anchors_EmptyBatch();
        _checkMetadata(metadata);
        _write(_anchors[msg.sender], root, _pack(size));
        emit BatchAnchored(msg.sender, root, size, metadata);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IAnchors
    function anchorOf(address submitter, bytes32 digest)
        external
        view
        returns (uint64 timestamp, uint64 blockNumber, uint64 size)
    {
        uint256 packed = _anchors[submitter][digest];
        // Each cast keeps the 64 bits of its field, see the diagram.
        return (uint64(packed), uint64(packed >> 64), uint64(packed >> 128));
    }

    /// @inheritdoc IAnchors
    function verifyInclusion(address submitter, bytes32 root, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        uint256 size = _anchors[submitter][root] >> 128;
        if (size == 0) return false;
        // A standard tree of n leaves is a heap of 2n - 1 nodes whose leaves are the last n, so a leaf lies at a depth
        // between log2(n) and log2(2n - 1), both rounded down.
        if (proof.length < Math.log2(size) || proof.length > Math.log2(2 * size - 1)) return false;
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _checkMetadata(bytes calldata metadata) private pure {
        if (metadata.length > MAX_METADATA) revert Anchors_MetadataTooLong(metadata.length, MAX_METADATA);
    }

    /// @dev An anchor made now. 64 bits hold a block time and a block number for the life of any chain.
    function _pack(uint64 size) private view returns (uint256 packed) {
        return (uint256(size) << 128) | (block.number << 64) | block.timestamp;
    }

    function _write(mapping(bytes32 => uint256) storage mine, bytes32 digest, uint256 packed) private {
        // Check: write-once.
        if (mine[digest] != 0) revert Anchors_AlreadyAnchored(msg.sender, digest);
        // Effect
        mine[digest] = packed;
    }
}
