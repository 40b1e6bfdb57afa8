// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {BoundedCalls} from "./BoundedCalls.sol";
import {Charges} from "./Charges.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMTransitions} from "./VMTransitions.sol";

/// @title VMEnding
/// @notice The end of a lease. Nothing in it may depend on the registry: when that fails, the customer is not charged
/// for the time since the last count, and what the provider is owed waits for `settle`.
abstract contract VMEnding is VMTransitions {
    using Leases for Lease;

    function _end(uint256 vmId, Lease memory lease) internal {
        VMSlots storage vm = _vms().vms[vmId];
        uint256 hostId = lease.hostId;
        if (lease.isUsing()) {
            (bool told, uint256 clock) = _ask(abi.encodeCall(IHostRegistry.clockOf, (hostId)));
            if (told && clock <= type(uint40).max) lease.accrue(clock);
        }
        if (vm.settled != lease.used) {
            (bool told, uint256 provider) = _ask(abi.encodeCall(IHostRegistry.partiesOf, (hostId)));
            if (told && provider != 0 && provider <= type(uint160).max) {
                _pay(vmId, lease, address(uint160(provider)));
            }
        }
        (uint40 used, uint40 funded) = (lease.used, lease.funded);
        bool wasHolding = lease.holding;
        _credit(vm.customer, Charges.refund(vm.capacity, used, funded));
        emit IVMLifecycle.Refunded(vmId, vm.customer, funded - used);
        lease.funded = used;
        lease.holding = false;
        _abandon(vmId, lease, IVMLifecycle.State.Terminated);
        if (wasHolding) _vacate(vmId, hostId);
    }

    function _ask(bytes memory data) private view returns (bool told, uint256 answer) {
        return BoundedCalls.ask(address(_registry()), data);
    }
}
