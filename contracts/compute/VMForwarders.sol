// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMigrationApprovals} from "../../interfaces/IMigrationApprovals.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";

/// @title VMForwarders
/// @notice What VMLifecycleExtension does, on this contract's storage.
/// @dev Each hands its calldata on as it came, and gives back what comes back; the extension reads the arguments.
abstract contract VMForwarders is IVMLifecycle {
    /// @dev The code's, not the proxy's: the two halves are upgraded together.
    /// @custom:oz-upgrades-unsafe-allow state-variable-immutable
    address private immutable _extension;

    constructor(address extension_) {
        if (extension_.code.length == 0) revert VMLifecycle_ZeroAddress();
        _extension = extension_;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Balances and customers
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVMLifecycle
    function deposit(Resource, uint256, address) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function depositWithPermit(Resource, uint256, address, uint256, uint8, bytes32, bytes32) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function withdraw(Resource, uint256, address) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function createVM(uint256, Capacity calldata, uint40, uint32, bytes32) external returns (uint256) {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function createVM(bytes32, uint32, uint32, address, uint40, bytes32) external returns (uint256) {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function topUp(uint256, uint40) external {
        _forward();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Migrations
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IVMLifecycle
    function migrateVM(uint256, bytes32) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function migrateToHost(uint256, uint256) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function cancelMigration(uint256) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function acknowledgeRelease(uint256, uint32, bytes32) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function acknowledgeMigration(uint256, uint32) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function abortMigration(uint256, uint32) external {
        _forward();
    }

    /// @inheritdoc IVMLifecycle
    function recordState(uint256, uint32, bytes32) external {
        _forward();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Approvals
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMigrationApprovals
    function createPolicy(address[] calldata, uint256) external returns (uint256) {
        _forward();
    }

    /// @inheritdoc IMigrationApprovals
    function approveMigration(uint256, uint256, uint256, uint256) external {
        _forward();
    }

    /// @inheritdoc IMigrationApprovals
    function approveMigrationBySig(uint256, uint256, uint256, uint256, address[] calldata, bytes[] calldata) external {
        _forward();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _forward() private {
        address target = _extension;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), target, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if iszero(success) { revert(data, returndatasize()) }
            return(data, returndatasize())
        }
    }
}
