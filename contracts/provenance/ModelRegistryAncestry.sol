// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryDetails} from "./ModelRegistryDetails.sol";
import {ModelRegistryRecords} from "./ModelRegistryRecords.sol";

/// @title ModelRegistryAncestry
/// @notice Walks from a model to its parents, their parents, and so on, each once.
/// @dev A parent is final before its child is registered and never changes after, so there is no cycle, and what a
/// registration found to be bounded stays so.
abstract contract ModelRegistryAncestry is ModelRegistryRecords {
    uint256 internal constant MAX_PARENTS = 8;
    uint256 private constant MAX_ANCESTORS = 64;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function ancestorsOf(bytes32 modelHash) external view returns (bytes32[] memory) {
        _known(modelHash);
        return _ancestors(modelHash);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Distinct ancestors of a registered model, nearest first.
    function _ancestors(bytes32 modelHash) internal view returns (bytes32[] memory) {
        bytes32[] memory found = new bytes32[](MAX_ANCESTORS);
        return _walk(modelHash, found, _addParents(modelHash, modelHash, found, 0));
    }

    /// @dev Checks the parents of a model that is to be registered, and how many ancestors it would have.
    function _checkParents(bytes32 modelHash, Parent[] calldata parents) internal view {
        if (parents.length > MAX_PARENTS) revert ModelRegistry_TooMany(parents.length, MAX_PARENTS);
        if (parents.length == 0) return;
        bytes32[] memory found = new bytes32[](MAX_ANCESTORS);
        for (uint256 i = 0; i < parents.length; ++i) {
            bytes32 parent = parents[i].modelHash;
            _requireUnrevoked(_final(parent), parent);
            if (_contains(found, i, parent)) revert ModelRegistry_DuplicateParent(parent);
            found[i] = parent;
        }
        _walk(modelHash, found, parents.length);
    }

    /// @dev Breadth first, from the `count` models that `found` begins with.
    function _walk(bytes32 modelHash, bytes32[] memory found, uint256 count) private view returns (bytes32[] memory) {
        for (uint256 i = 0; i < count; ++i) {
            count = _addParents(modelHash, found[i], found, count);
        }
        // Shortens the list: its other words are left unused.
        assembly ("memory-safe") {
            mstore(found, count)
        }
        return found;
    }

    /// @dev Adds the parents of `child` that are not there yet; `modelHash` is what the walk is about.
    function _addParents(bytes32 modelHash, bytes32 child, bytes32[] memory found, uint256 count)
        private
        view
        returns (uint256)
    {
        address details = _records[child].details;
        if (details == address(0)) return count;
        bytes32[] memory parents = ModelRegistryDetails.parentsOf(details);
        for (uint256 i = 0; i < parents.length; ++i) {
            if (_contains(found, count, parents[i])) continue;
            if (count == MAX_ANCESTORS) revert ModelRegistry_TooManyAncestors(modelHash, MAX_ANCESTORS);
            found[count] = parents[i];
            ++count;
        }
        return count;
    }

    /// @dev Whether `value` is one of the first `count`; some hundred edges times 64 words are worth the assembly.
    function _contains(bytes32[] memory found, uint256 count, bytes32 value) private pure returns (bool contained) {
        assembly ("memory-safe") {
            let word := add(found, 0x20)
            for { let end := add(word, shl(5, count)) } and(lt(word, end), iszero(contained)) {
                word := add(word, 0x20)
            } {
                contained := eq(mload(word), value)
            }
        }
    }
}
