// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryDetails} from "./ModelRegistryDetails.sol";

/// @title ModelRegistryRecords
/// @notice What a registration writes, four slots, and how it is read:
///
///            255    240 239            200 199          160 159                                          0
///           +----------+------------------+----------------+----------------------------------------------+
///    slot A |  flags   | blockOrRevokedAt |  registeredAt  |                    owner                     |
///           +----------+------------------+----------------+----------------------------------------------+
///    slot B |                                       vectorHash                                            |
///           +-----------------------------------------------+----------------------------------------------+
///    slot C |     version, if it has at most 12 bytes       |                   details                    |
///           +-----------------------------------------------+----------------------------------------------+
///    slot D |                                     metadataDigest                                          |
///           +----------------------------------------------------------------------------------------------+
///
/// flags: 1 on a commitment an hour old, and so final at once; 2 revoked; 4 metadata kept. `blockOrRevokedAt` is the block
/// of the commitment, or of the registration without one, which matters only while it is provisional; with flag 2 the
/// second of the revocation, which comes later.
/// details: contract whose code is written by `ModelRegistryDetails`, or zero.
abstract contract ModelRegistryRecords is IModelRegistry {
    struct Record {
        address owner;
        uint40 registeredAt;
        uint40 blockOrRevokedAt;
        uint16 flags;
        bytes32 vectorHash;
        address details;
        bytes12 shortVersion;
        bytes32 metadataDigest;
    }

    uint16 internal constant COMMITTED = 1;
    uint16 internal constant REVOKED = 2;
    uint16 internal constant METADATA_KEPT = 4;

    /// @inheritdoc IModelRegistry
    uint256 public constant PROVISIONAL_PERIOD = 1 hours;

    mapping(bytes32 modelHash => Record) internal _records;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function lineageOf(bytes32 modelHash) external view returns (Lineage memory lineage) {
        address details = _known(modelHash).details;
        if (details != address(0)) lineage = ModelRegistryDetails.lineageOf(details);
    }

    /// @inheritdoc IModelRegistry
    function metadataOf(bytes32 modelHash) external view returns (string memory metadata) {
        address details = _known(modelHash).details;
        if (details != address(0)) metadata = ModelRegistryDetails.metadataOf(details);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A model, provided that there is one.
    function _known(bytes32 modelHash) internal view returns (Record storage record) {
        record = _records[modelHash];
        if (record.owner == address(0)) revert ModelRegistry_UnknownModel(modelHash);
    }

    /// @dev A model, provided that nobody can displace it.
    function _final(bytes32 modelHash) internal view returns (Record storage record) {
        record = _known(modelHash);
        uint40 finalAt = _finalAt(record);
        if (block.timestamp < finalAt) revert ModelRegistry_Provisional(modelHash, finalAt);
    }

    /// @dev A model that nobody can displace, provided that the caller owns it.
    function _own(bytes32 modelHash) internal view returns (Record storage record) {
        record = _final(modelHash);
        if (msg.sender != record.owner) revert ModelRegistry_NotOwner(modelHash, msg.sender);
    }

    function _requireUnrevoked(Record storage record, bytes32 modelHash) internal view {
        uint40 revokedAt = _revokedAt(record);
        if (revokedAt != 0) revert ModelRegistry_Revoked(modelHash, revokedAt);
    }

    function _finalAt(Record storage record) internal view returns (uint40) {
        uint40 registeredAt = record.registeredAt;
        return record.flags & COMMITTED != 0 ? registeredAt : registeredAt + uint40(PROVISIONAL_PERIOD);
    }

    function _revokedAt(Record storage record) internal view returns (uint40) {
        return record.flags & REVOKED != 0 ? record.blockOrRevokedAt : 0;
    }

    function _version(Record storage record) internal view returns (string memory version) {
        bytes12 short = record.shortVersion;
        if (short == 0) return ModelRegistryDetails.versionOf(record.details);
        uint256 length = 0;
        while (length < 12 && short[length] != 0) ++length;
        version = new string(length);
        // A version has 5 bytes at least; what lies behind them in the word is zero.
        assembly ("memory-safe") {
            mstore(add(version, 0x20), short)
        }
    }
}
