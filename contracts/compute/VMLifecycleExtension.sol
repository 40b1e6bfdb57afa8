// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMFunding} from "./VMFunding.sol";
import {VMMigrations} from "./VMMigrations.sol";

/// @title VMLifecycleExtension
/// @notice The part of VMLifecycle that it runs by delegatecall; see `IVMLifecycle`. Called itself, it has no VMs, no
/// tokens and no authority.
contract VMLifecycleExtension is VMFunding, VMMigrations {
    using Leases for Lease;
    using Leases for uint256;

    /// @notice See `IVMLifecycle`.
    function recordState(uint256 vmId, uint32 epoch, bytes32 record) external {
        // Check
        Lease memory lease = _wordOf(vmId).unpack();
        _requireEpoch(vmId, lease, epoch);
        _requireIn(vmId, lease, Leases.RECORDABLE);
        if (record == 0) revert IVMLifecycle.VMLifecycle_ZeroRecord();
        VMSlots storage vm = _vms().vms[vmId];
        if (msg.sender != vm.customer) {
            uint256 hostId = lease.entitled();
            address agent = address(0);
            if (hostId != 0) (, agent) = _partiesOf(hostId);
            if (msg.sender != agent) revert IVMLifecycle.VMLifecycle_NotRecorder(vmId, msg.sender);
        }

        // Effect
        vm.record = record;
        emit IVMLifecycle.StateRecorded(vmId, msg.sender, record, epoch);
    }
}
