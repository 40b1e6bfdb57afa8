// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {ITrainingRuns} from "../../interfaces/ITrainingRuns.sol";
import {ModelRegistryAncestry} from "./ModelRegistryAncestry.sol";
import {ModelRegistryDetails} from "./ModelRegistryDetails.sol";
import {ModelRegistryText} from "./ModelRegistryText.sol";

/// @title ModelRegistryRegistration
/// @notice Commitments and registrations.
abstract contract ModelRegistryRegistration is ModelRegistryAncestry {
    uint256 private constant MAX_METADATA = 2_048;
    uint256 private constant MAX_DATASETS = 16;
    uint256 private constant SHORT_VERSION = 12;

    ITrainingRuns private immutable _runs;
    IQuantumVerification private immutable _verifications;

    struct Commitment {
        uint40 blockNumber;
        uint40 timestamp;
    }

    mapping(bytes32 commitment => Commitment) private _commitments;

    constructor(address runs, address verifications) {
        if (runs.code.length == 0) revert ModelRegistry_NotAContract(runs);
        if (verifications.code.length == 0) revert ModelRegistry_NotAContract(verifications);
        (_runs, _verifications) = (ITrainingRuns(runs), IQuantumVerification(verifications));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function commit(bytes32 commitment) external {
        // Check
        if (_commitments[commitment].blockNumber != 0) revert ModelRegistry_AlreadyCommitted(commitment);
        // Effect
        _commitments[commitment] = Commitment(uint40(block.number), uint40(block.timestamp));
        emit Committed(commitment);
    }

    /// @inheritdoc IModelRegistry
    function registerModel(bytes32 modelHash, bytes32 vectorHash, string calldata version, string calldata metadata)
        external
    {
        // Check
        _checkTexts(modelHash, version, metadata);
        _checkVacant(modelHash, 0);
        // Effect
        _claim(modelHash, 0, false);
        bool long = bytes(version).length > SHORT_VERSION;
        _write(modelHash, vectorHash, version, metadata, long ? ModelRegistryDetails.write(bytes(version)) : address(0));
    }

    /// @inheritdoc IModelRegistry
    function register(
        bytes32 modelHash,
        bytes32 vectorHash,
        string calldata version,
        string calldata metadata,
        bool keepMetadata,
        Lineage calldata lineage,
        bytes32 salt
    ) external {
        // Check
        _checkTexts(modelHash, version, metadata);
        _checkVacant(modelHash, salt);
        _checkLineage(modelHash, lineage);
        // Effect
        _claim(modelHash, salt, keepMetadata);
        _write(
            modelHash,
            vectorHash,
            version,
            metadata,
            _writeDetails(lineage, version, keepMetadata ? metadata : metadata[0:0])
        );
        if (_isTold(lineage)) emit LineageRecorded(modelHash, lineage);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function commitmentBlock(bytes32 commitment) external view returns (uint256 blockNumber) {
        return _commitments[commitment].blockNumber;
    }

    /// @inheritdoc IModelRegistry
    function commitmentOf(address owner, bytes32 modelHash, bytes32 salt) public pure returns (bytes32 commitment) {
        return keccak256(abi.encode(owner, modelHash, salt));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Whether QuantumVerification says, in one clean word, that the key's signature of the model counts. A call that
    /// fails or answers anything else is a no: views that ask this never revert.
    function _isVerified(bytes32 key, bytes32 modelHash) internal view returns (bool verified) {
        address verifications = address(_verifications);
        bytes memory data = abi.encodeCall(IQuantumVerification.isVerified, (key, modelHash));
        // The answer goes to the scratch space; `verified` is 1 only for a full word that is 1.
        assembly ("memory-safe") {
            let success := staticcall(gas(), verifications, add(data, 0x20), mload(data), 0x00, 0x20)
            verified := and(and(success, gt(returndatasize(), 0x1f)), eq(mload(0x00), 1))
        }
    }

    function _checkTexts(bytes32 modelHash, string calldata version, string calldata metadata) private pure {
        if (modelHash == 0) revert ModelRegistry_EmptyModelHash();
        if (!ModelRegistryText.isVersion(version)) {
            revert ModelRegistry_InvalidVersion(version, ModelRegistryText.MAX_VERSION);
        }
        uint256 length = bytes(metadata).length;
        if (length > MAX_METADATA) revert ModelRegistry_MetadataTooLong(length, MAX_METADATA);
    }

    /// @dev Whether the caller may register here: nobody did, or only provisionally and on something younger than the
    /// caller's commitment.
    function _checkVacant(bytes32 modelHash, bytes32 salt) private view {
        uint256 since = block.number;
        if (salt != 0) {
            bytes32 commitment = commitmentOf(msg.sender, modelHash, salt);
            since = _commitments[commitment].blockNumber;
            if (since == 0 || since >= block.number) revert ModelRegistry_NotCommitted(commitment, since);
        }
        Record storage record = _records[modelHash];
        address owner = record.owner;
        if (owner == address(0)) return;
        if (block.timestamp >= _finalAt(record) || record.blockOrRevokedAt <= since) {
            revert ModelRegistry_AlreadyRegistered(modelHash, owner);
        }
    }

    /// @dev Writes slot A, over that of a registration that gives way, and uses up the commitment. COMMITTED if that is an
    /// hour old: whoever has an older one had the time to show it.
    function _claim(bytes32 modelHash, bytes32 salt, bool keepMetadata) private {
        uint40 since = uint40(block.number);
        uint16 flags = keepMetadata ? METADATA_KEPT : 0;
        if (salt != 0) {
            bytes32 commitment = commitmentOf(msg.sender, modelHash, salt);
            Commitment memory made = _commitments[commitment];
            delete _commitments[commitment];
            since = made.blockNumber;
            if (block.timestamp >= made.timestamp + PROVISIONAL_PERIOD) flags |= COMMITTED;
        }
        Record storage record = _records[modelHash];
        address previousOwner = record.owner;
        if (previousOwner != address(0)) emit ModelDisplaced(modelHash, previousOwner);
        (record.owner, record.registeredAt, record.blockOrRevokedAt, record.flags) =
        (msg.sender, uint40(block.timestamp), since, flags);
    }

    function _checkLineage(bytes32 modelHash, Lineage calldata lineage) private view {
        uint256 count = lineage.datasets.length;
        if (count > MAX_DATASETS) revert ModelRegistry_TooMany(count, MAX_DATASETS);
        _checkParents(modelHash, lineage.parents);
        bytes32 run = lineage.run;
        if (run != 0) {
            (address owner,,,, bytes32 sealedWith) = _runs.headOf(run);
            if (owner != msg.sender || sealedWith != modelHash) {
                revert ModelRegistry_RunMismatch(run, modelHash, msg.sender);
            }
        }
        bytes32 key = lineage.verificationKey;
        if (key != 0 && !_isVerified(key, modelHash)) revert ModelRegistry_NotVerified(key, modelHash);
    }

    /// @dev Keeps what does not fit the slots, if there is anything; `kept` is the metadata to keep. Creating a contract
    /// whose code is data runs nobody's code.
    function _writeDetails(Lineage calldata lineage, string calldata version, string calldata kept)
        private
        returns (address details)
    {
        bytes calldata long = bytes(version);
        if (long.length <= SHORT_VERSION) long = long[0:0];
        if (long.length == 0 && bytes(kept).length == 0 && !_isTold(lineage)) return address(0);
        return ModelRegistryDetails.write(lineage, long, bytes(kept));
    }

    function _isTold(Lineage calldata lineage) private pure returns (bool) {
        return
            lineage.parents.length != 0 || lineage.datasets.length != 0 || lineage.run != 0
                || lineage.verificationKey != 0;
    }

    /// @dev Writes the other three slots.
    function _write(
        bytes32 modelHash,
        bytes32 vectorHash,
        string calldata version,
        string calldata metadata,
        address details
    ) private {
        Record storage record = _records[modelHash];
        record.vectorHash = vectorHash;
        (record.details, record.shortVersion) =
        (details, bytes(version).length > SHORT_VERSION ? bytes12(0) : bytes12(bytes(version)));
        record.metadataDigest = keccak256(bytes(metadata));
        emit ModelRegistered(modelHash, msg.sender, version);
        emit ModelDescribed(modelHash, vectorHash, metadata);
    }
}
