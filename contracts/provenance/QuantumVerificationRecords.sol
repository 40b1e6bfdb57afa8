// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {QuantumVerificationKeys} from "./QuantumVerificationKeys.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title QuantumVerificationRecords
/// @notice What keys signed. Two slots a record, data and Merkle roots apart:
///
///    slot 0   keccak256 of the quantum proof
///             255              200 199         160 159                        0
///            +--------------------+---------------+----------------------------+
///    slot 1  |        size        |   timestamp   |          verifier          |
///            +--------------------+---------------+----------------------------+
///
/// `size` is the number of leaves of a tree, at least 1, and zero for a datum. `timestamp` is zero where there is none.
abstract contract QuantumVerificationRecords is QuantumVerificationKeys {
    struct Record {
        bytes32 proofDigest;
        address verifier;
        uint40 timestamp;
        uint56 size;
    }

    /// @dev Bytes of a proof that name the key.
    uint256 private constant KEY_LENGTH = 32;

    mapping(bytes32 key => mapping(bytes32 dataHash => Record)) private _data;
    mapping(bytes32 key => mapping(bytes32 root => Record)) private _batches;
    mapping(bytes32 dataHash => bytes32[]) private _signers;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IQuantumVerification
    function verifyData(bytes32 dataHash, bytes calldata quantumProof) external {
        bytes32 key = _keyIn(quantumProof);
        // Check
        address account = _checkSubmitter(key);
        Record storage record = _data[key][dataHash];
        if (record.timestamp != 0) revert QuantumVerification_AlreadyVerified(key, dataHash);
        _checkProof(key, _verificationDigest(dataHash, key, account), quantumProof[KEY_LENGTH:]);
        // Effect
        bytes32 proofDigest = _write(record, quantumProof, 0);
        _signers[dataHash].push(key);
        emit DataVerified(dataHash, key, msg.sender, proofDigest);
    }

    /// @inheritdoc IQuantumVerification
    function verifyBatch(bytes32 root, uint64 size, bytes calldata quantumProof) external {
        bytes32 key = _keyIn(quantumProof);
        // Check
        if (size == 0) revert QuantumVerification_EmptyBatch();
        if (size > type(uint56).max) revert QuantumVerification_SizeOverflow(size);
        address account = _checkSubmitter(key);
        Record storage record = _batches[key][root];
        if (record.timestamp != 0) revert QuantumVerification_AlreadyVerified(key, root);
        _checkProof(key, _batchDigest(root, size, key, account), quantumProof[KEY_LENGTH:]);
        // Effect
        bytes32 proofDigest = _write(record, quantumProof, uint56(size));
        emit BatchVerified(root, key, msg.sender, size, proofDigest);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IQuantumVerification
    function verifications(bytes32 dataHash) external view returns (Verification[] memory) {
        return verifications(dataHash, 0, type(uint256).max);
    }

    /// @inheritdoc IQuantumVerification
    function verifications(bytes32 dataHash, uint256 start, uint256 count)
        public
        view
        returns (Verification[] memory list)
    {
        bytes32[] storage signers = _signers[dataHash];
        uint256 length = signers.length;
        if (start >= length) return list;
        list = new Verification[](Math.min(count, length - start));
        for (uint256 i = 0; i < list.length; ++i) {
            bytes32 key = signers[start + i];
            list[i] = _read(key, _data[key][dataHash]);
        }
    }

    /// @inheritdoc IQuantumVerification
    function verificationOf(bytes32 key, bytes32 dataHash) external view returns (Verification memory) {
        return _read(key, _data[key][dataHash]);
    }

    /// @inheritdoc IQuantumVerification
    function isVerified(bytes32 key, bytes32 dataHash) external view returns (bool) {
        return _isGood(key, _data[key][dataHash].timestamp);
    }

    /// @inheritdoc IQuantumVerification
    function batchOf(bytes32 key, bytes32 root) external view returns (Verification memory verification, uint64 size) {
        Record storage record = _batches[key][root];
        return (_read(key, record), record.size);
    }

    /// @inheritdoc IQuantumVerification
    function isVerifiedInBatch(bytes32 key, bytes32 root, bytes32 dataHash, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        Record storage record = _batches[key][root];
        if (!_isGood(key, record.timestamp)) return false;
        // A standard tree of n leaves is a heap of 2n - 1 nodes whose leaves are the last n, so a leaf lies at a depth
        // between log2(n) and log2(2n - 1), both rounded down.
        uint256 size = record.size;
        if (proof.length < Math.log2(size) || proof.length > Math.log2(2 * size - 1)) return false;
        return MerkleProof.verifyCalldata(proof, root, keccak256(bytes.concat(keccak256(abi.encode(dataHash)))));
    }

    /// @inheritdoc IQuantumVerification
    function verificationDigest(bytes32 dataHash, bytes32 key) external view returns (bytes32) {
        return _verificationDigest(dataHash, key, _accountOf(key));
    }

    /// @inheritdoc IQuantumVerification
    function batchDigest(bytes32 root, uint64 size, bytes32 key) external view returns (bytes32) {
        return _batchDigest(root, size, key, _accountOf(key));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _write(Record storage record, bytes calldata quantumProof, uint56 size)
        private
        returns (bytes32 proofDigest)
    {
        proofDigest = keccak256(quantumProof);
        record.proofDigest = proofDigest;
        (record.verifier, record.timestamp, record.size) = (msg.sender, _now(), size);
    }

    function _read(bytes32 key, Record storage record) private view returns (Verification memory verification) {
        uint40 timestamp = record.timestamp;
        if (timestamp == 0) return verification;
        return Verification(key, record.proofDigest, timestamp, record.verifier, _countsAt(key, timestamp));
    }

    function _isGood(bytes32 key, uint40 timestamp) private view returns (bool) {
        return timestamp != 0 && _countsAt(key, timestamp);
    }

    function _keyIn(bytes calldata quantumProof) private pure returns (bytes32 key) {
        if (quantumProof.length <= KEY_LENGTH) revert QuantumVerification_MalformedProof(quantumProof.length);
        return bytes32(quantumProof);
    }
}
