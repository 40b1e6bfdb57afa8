// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LogProofs} from "../crypto/LogProofs.sol";

/// @title LogProofsHarness
/// @notice Test only: makes the internal functions of `LogProofs` callable, one by one and in bulk.
contract LogProofsHarness {
    struct InclusionCase {
        bytes32 leafHash;
        uint256 index;
        uint256 size;
        bytes32 root;
        bytes32[] proof;
    }

    struct ConsistencyCase {
        uint256 oldSize;
        bytes32 oldRoot;
        uint256 newSize;
        bytes32 newRoot;
        bytes32[] proof;
    }

    function verifyInclusion(bytes32 leafHash, uint256 index, uint256 size, bytes32 root, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return LogProofs.verifyInclusion(leafHash, index, size, root, proof);
    }

    function verifyConsistency(
        uint256 oldSize,
        bytes32 oldRoot,
        uint256 newSize,
        bytes32 newRoot,
        bytes32[] calldata proof
    ) external view returns (bool) {
        return LogProofs.verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof);
    }

    function hashNode(bytes32 left, bytes32 right) external view returns (bytes32) {
        return LogProofs.hashNode(left, right);
    }

    function emptyRoot() external pure returns (bytes32) {
        return LogProofs.EMPTY_ROOT;
    }

    /// @notice One byte a case: 1 if it verifies, else 0.
    function verifyInclusions(InclusionCase[] calldata cases) external view returns (bytes memory verdicts) {
        verdicts = new bytes(cases.length);
        for (uint256 i = 0; i < cases.length; ++i) {
            InclusionCase calldata c = cases[i];
            if (LogProofs.verifyInclusion(c.leafHash, c.index, c.size, c.root, c.proof)) verdicts[i] = 0x01;
        }
    }

    /// @notice One byte a case: 1 if it verifies, else 0.
    function verifyConsistencies(ConsistencyCase[] calldata cases) external view returns (bytes memory verdicts) {
        verdicts = new bytes(cases.length);
        for (uint256 i = 0; i < cases.length; ++i) {
            ConsistencyCase calldata c = cases[i];
            if (LogProofs.verifyConsistency(c.oldSize, c.oldRoot, c.newSize, c.newRoot, c.proof)) verdicts[i] = 0x01;
        }
    }
}
