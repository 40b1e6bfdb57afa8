// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryRecords} from "./ModelRegistryRecords.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title ModelRegistryOwners
/// @notice What only the owner of a model does: pass it on, in two steps, and move it from stage to stage.
abstract contract ModelRegistryOwners is ModelRegistryRecords {
    using Checkpoints for Checkpoints.Trace208;

    mapping(bytes32 modelHash => address) private _pendingOwners;
    mapping(bytes32 modelHash => Checkpoints.Trace208) private _stages;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function transferModel(bytes32 modelHash, address newOwner) external {
        _own(modelHash);
        _pendingOwners[modelHash] = newOwner;
        emit ModelTransferStarted(modelHash, msg.sender, newOwner);
    }

    /// @inheritdoc IModelRegistry
    function acceptModel(bytes32 modelHash) external {
        // Check
        if (msg.sender != _pendingOwners[modelHash]) revert ModelRegistry_NotPendingOwner(modelHash, msg.sender);
        // Effect
        delete _pendingOwners[modelHash];
        Record storage record = _records[modelHash];
        emit ModelTransferred(modelHash, record.owner, msg.sender);
        record.owner = msg.sender;
    }

    /// @inheritdoc IModelRegistry
    function setStage(bytes32 modelHash, Stage stage) external {
        // Check: what is revoked can only be put away.
        Record storage record = _own(modelHash);
        if (stage != Stage.Archived) _requireUnrevoked(record, modelHash);
        Stage current = _stage(modelHash);
        if (stage == current) revert ModelRegistry_SameStage(modelHash, stage);
        // Effect
        _stages[modelHash].push(uint48(block.timestamp), uint208(uint256(stage)));
        emit StageChanged(modelHash, current, stage);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function models(bytes32 modelHash) external view returns (Model memory model) {
        Record storage record = _known(modelHash);
        model.owner = record.owner;
        model.registeredAt = record.registeredAt;
        model.finalAt = _finalAt(record);
        model.revokedAt = _revokedAt(record);
        model.vectorHash = record.vectorHash;
        model.metadataDigest = record.metadataDigest;
        model.version = _version(record);
        model.stage = _stage(modelHash);
        model.metadataKept = record.flags & METADATA_KEPT != 0;
    }

    /// @inheritdoc IModelRegistry
    function pendingOwnerOf(bytes32 modelHash) external view returns (address) {
        return _pendingOwners[modelHash];
    }

    /// @inheritdoc IModelRegistry
    function stageAt(bytes32 modelHash, uint48 time) external view returns (Stage) {
        _known(modelHash);
        if (time >= block.timestamp) revert ModelRegistry_FutureLookup(time, block.timestamp);
        return Stage(_stages[modelHash].upperLookupRecent(time));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _stage(bytes32 modelHash) private view returns (Stage) {
        return Stage(_stages[modelHash].latest());
    }
}
