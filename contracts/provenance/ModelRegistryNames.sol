// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryRecords} from "./ModelRegistryRecords.sol";
import {ModelRegistryText} from "./ModelRegistryText.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title ModelRegistryNames
/// @notice Names, the versions published under them, and aliases with their history.
abstract contract ModelRegistryNames is ModelRegistryRecords {
    using Checkpoints for Checkpoints.Trace256;

    struct Alias {
        bool frozen;
        Checkpoints.Trace256 history;
    }

    struct Name {
        address owner;
        bool frozen;
        address pendingOwner;
        string name;
        mapping(bytes32 versionDigest => bytes32 modelHash) versions;
        mapping(bytes32 modelHash => bool) published;
        mapping(bytes32 aliasDigest => Alias) aliases;
    }

    mapping(bytes32 nameId => Name) private _names;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function createName(string calldata name) external returns (bytes32 nameId) {
        // Check
        if (!ModelRegistryText.isName(name)) revert ModelRegistry_InvalidName(name);
        nameId = nameIdOf(msg.sender, name);
        Name storage created = _names[nameId];
        if (created.owner != address(0)) revert ModelRegistry_NameExists(nameId);
        // Effect
        created.owner = msg.sender;
        created.name = name;
        emit NameCreated(nameId, msg.sender, name);
    }

    /// @inheritdoc IModelRegistry
    function transferName(bytes32 nameId, address newOwner) external {
        _ownName(nameId).pendingOwner = newOwner;
        emit NameTransferStarted(nameId, msg.sender, newOwner);
    }

    /// @inheritdoc IModelRegistry
    function acceptName(bytes32 nameId) external {
        // Check
        Name storage name = _names[nameId];
        if (msg.sender != name.pendingOwner) revert ModelRegistry_NotPendingNameOwner(nameId, msg.sender);
        // Effect
        delete name.pendingOwner;
        emit NameTransferred(nameId, name.owner, msg.sender);
        name.owner = msg.sender;
    }

    /// @inheritdoc IModelRegistry
    function publish(bytes32 nameId, bytes32 modelHash) external {
        // Check
        Name storage name = _ownUnfrozenName(nameId);
        Record storage record = _own(modelHash);
        _requireUnrevoked(record, modelHash);
        string memory version = _version(record);
        bytes32 digest = keccak256(bytes(version));
        bytes32 taken = name.versions[digest];
        if (taken != 0) revert ModelRegistry_VersionTaken(nameId, version, taken);
        // Effect
        name.versions[digest] = modelHash;
        name.published[modelHash] = true;
        emit VersionPublished(nameId, modelHash, version);
    }

    /// @inheritdoc IModelRegistry
    function setAlias(bytes32 nameId, string calldata name, bytes32 from, bytes32 to) external {
        // Check
        Name storage owned = _ownUnfrozenName(nameId);
        Alias storage moved = _unfrozenAlias(owned, nameId, name);
        bytes32 current = bytes32(moved.history.latest());
        if (current != from) revert ModelRegistry_AliasMoved(nameId, name, current);
        if (to != 0) {
            if (!owned.published[to]) revert ModelRegistry_NotPublished(nameId, to);
            _requireUnrevoked(_records[to], to);
        }
        // Effect
        moved.history.push(block.timestamp, uint256(to));
        emit AliasMoved(nameId, name, from, to);
    }

    /// @inheritdoc IModelRegistry
    function freezeAlias(bytes32 nameId, string calldata name) external {
        _unfrozenAlias(_ownUnfrozenName(nameId), nameId, name).frozen = true;
        emit AliasFrozen(nameId, name);
    }

    /// @inheritdoc IModelRegistry
    function freezeName(bytes32 nameId) external {
        _ownUnfrozenName(nameId).frozen = true;
        emit NameFrozen(nameId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function nameIdOf(address creator, string calldata name) public pure returns (bytes32 nameId) {
        return keccak256(abi.encode(creator, name));
    }

    /// @inheritdoc IModelRegistry
    function nameOf(bytes32 nameId)
        external
        view
        returns (address owner, address pendingOwner, bool frozen, string memory name)
    {
        Name storage known = _names[nameId];
        owner = known.owner;
        if (owner == address(0)) revert ModelRegistry_UnknownName(nameId);
        return (owner, known.pendingOwner, known.frozen, known.name);
    }

    /// @inheritdoc IModelRegistry
    function modelOf(bytes32 nameId, string calldata version) external view returns (bytes32 modelHash) {
        return _names[nameId].versions[keccak256(bytes(version))];
    }

    /// @inheritdoc IModelRegistry
    function isPublished(bytes32 nameId, bytes32 modelHash) external view returns (bool) {
        return _names[nameId].published[modelHash];
    }

    /// @inheritdoc IModelRegistry
    function aliasOf(bytes32 nameId, string calldata name) external view returns (bytes32 modelHash, bool frozen) {
        Name storage owned = _names[nameId];
        Alias storage found = _alias(owned, name);
        return (bytes32(found.history.latest()), found.frozen || owned.frozen);
    }

    /// @inheritdoc IModelRegistry
    function aliasAt(bytes32 nameId, string calldata name, uint48 time) external view returns (bytes32 modelHash) {
        if (time >= block.timestamp) revert ModelRegistry_FutureLookup(time, block.timestamp);
        return bytes32(_alias(_names[nameId], name).history.upperLookupRecent(time));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A name, provided that the caller owns it.
    function _ownName(bytes32 nameId) private view returns (Name storage name) {
        name = _names[nameId];
        address owner = name.owner;
        if (owner == address(0)) revert ModelRegistry_UnknownName(nameId);
        if (msg.sender != owner) revert ModelRegistry_NotNameOwner(nameId, msg.sender);
    }

    /// @dev A name, provided that the caller owns it and what is under it may change.
    function _ownUnfrozenName(bytes32 nameId) private view returns (Name storage name) {
        name = _ownName(nameId);
        if (name.frozen) revert ModelRegistry_Frozen(nameId, "");
    }

    /// @dev An alias that may change, whether it has pointed to anything yet or not.
    function _unfrozenAlias(Name storage owned, bytes32 nameId, string calldata name)
        private
        view
        returns (Alias storage found)
    {
        if (!ModelRegistryText.isAlias(name)) revert ModelRegistry_InvalidName(name);
        found = _alias(owned, name);
        if (found.frozen) revert ModelRegistry_Frozen(nameId, name);
    }

    function _alias(Name storage owned, string calldata name) private view returns (Alias storage) {
        return owned.aliases[keccak256(bytes(name))];
    }
}
