// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {BoundedCalls} from "./BoundedCalls.sol";
import {Capacities} from "./Capacities.sol";
import {Lease, Leases} from "./Leases.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title VMStorage
/// @notice What VMLifecycle keeps, and what all its parts use. The contract is in two, so that each fits in the size of a
/// contract: VMLifecycle and, on the same storage by delegatecall, VMLifecycleExtension.
abstract contract VMStorage {
    using Capacities for uint128;
    using Leases for Lease;

    /// @dev Five slots a VM, all made at creation:
    ///
    ///     0   lease (`Leases`)
    ///     1   customer 160
    ///     2   policyId 32 | settled 40 | capacity 128 (`Capacities`)
    ///     3   record 256
    ///     4   due (`DueHistory`), but for the present stretch of Running
    struct VMSlots {
        uint256 lease;
        address customer;
        uint128 capacity;
        uint40 settled;
        uint32 policyId;
        bytes32 record;
        uint256 due;
    }

    struct Policy {
        uint256 threshold;
        address[] approvers;
        /// @dev Position in `approvers`, from 1.
        mapping(address approver => uint256) positions;
    }

    /// @custom:storage-location erc7201:novacron.storage.VMLifecycle
    struct VMLifecycleStorage {
        IHostRegistry registry;
        uint32 vmCount;
        uint32 policyCount;
        uint32 defaultPolicy;
        IERC20[4] tokens;
        mapping(uint256 vmId => VMSlots) vms;
        /// @dev Two resources a word, by `Resource` from the lowest bits up.
        mapping(address account => uint256[2]) balances;
        mapping(uint256 policyId => Policy) policies;
        /// @dev epoch 32 | a bit for each approver 32
        mapping(uint256 vmId => uint256) approvals;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("novacron.storage.VMLifecycle")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x62d13b8977123279fc1d2927fb82af1a5db48730eaa23d801db366fd58988200;

    uint256 internal constant MAX_APPROVERS = 32;

    // ------------------------------------------------------------------------------------------------------------
    // Internal: leases
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The lease of a VM that there is: `_wordOf(vmId).unpack()`. No function returns a `Lease`, for each that did
    /// would make one more in memory.
    function _wordOf(uint256 vmId) internal view returns (uint256 word) {
        word = _vms().vms[vmId].lease;
        if (word == 0) revert IVMLifecycle.VMLifecycle_UnknownVM(vmId); // epochs begin at 1
    }

    /// @dev A command of the VM's customer, in one of `states`.
    function _requireCommand(uint256 vmId, Lease memory lease, uint256 states) internal view {
        if (msg.sender != _vms().vms[vmId].customer) revert IVMLifecycle.VMLifecycle_NotCustomer(vmId, msg.sender);
        _requireIn(vmId, lease, states);
    }

    /// @dev An agent's answer to `epoch`, in one of `states`, while its time runs.
    function _requireAnswer(uint256 vmId, Lease memory lease, uint256 epoch, uint256 states) internal view {
        _requireEpoch(vmId, lease, epoch);
        _requireIn(vmId, lease, states);
        _requireInTime(vmId, lease);
    }

    function _store(uint256 vmId, Lease memory lease) internal {
        _vms().vms[vmId].lease = lease.pack();
    }

    function _requireIn(uint256 vmId, Lease memory lease, uint256 states) internal pure {
        if (!lease.isIn(states)) revert IVMLifecycle.VMLifecycle_WrongState(vmId, lease.state);
    }

    function _requireEpoch(uint256 vmId, Lease memory lease, uint256 epoch) internal pure {
        if (epoch != lease.epoch) revert IVMLifecycle.VMLifecycle_StaleEpoch(vmId, epoch, lease.epoch);
    }

    function _requireInTime(uint256 vmId, Lease memory lease) internal view {
        uint256 time = lease.time;
        if (block.timestamp >= time && !lease.isIn(Leases.RUNNING)) {
            revert IVMLifecycle.VMLifecycle_TooLate(vmId, time);
        }
    }

    function _requireFunds(uint256 vmId, Lease memory lease) internal pure {
        if (lease.isExhausted()) revert IVMLifecycle.VMLifecycle_NoFunds(vmId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal: approvals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev How many approvals the VM's policy asks for; 0 when it has no policy.
    function _thresholdOf(uint256 vmId) internal view returns (uint256) {
        VMLifecycleStorage storage $ = _vms();
        return $.policies[$.vms[vmId].policyId].threshold;
    }

    /// @dev The bits of those who have approved in this epoch.
    function _given(uint256 vmId, uint256 epoch) internal view returns (uint256) {
        uint256 word = _vms().approvals[vmId];
        return word >> MAX_APPROVERS == epoch ? uint32(word) : 0;
    }

    function _ones(uint256 bits) internal pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) {
            ++count;
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal: the registry
    // ------------------------------------------------------------------------------------------------------------

    function _registry() internal view returns (IHostRegistry) {
        return _vms().registry;
    }

    /// @dev The host's clock, after a heartbeat of the caller, who must be its agent.
    function _touch(uint256 hostId) internal returns (uint40 clock) {
        return _registry().touch(hostId, msg.sender);
    }

    function _partiesOf(uint256 hostId) internal view returns (address provider, address agent) {
        return _registry().partiesOf(hostId);
    }

    /// @dev Take the VM's capacity on a host; refused when there is no room.
    function _occupy(uint256 vmId, uint256 hostId) internal {
        VMSlots storage vm = _vms().vms[vmId];
        _registry().occupy(hostId, vm.customer, vm.capacity.unpack());
    }

    /// @dev Give the VM's capacity on a host back. No way out hangs on it: it may fail.
    function _vacate(uint256 vmId, uint256 hostId) internal {
        VMSlots storage vm = _vms().vms[vmId];
        bytes memory data = abi.encodeCall(IHostRegistry.vacate, (hostId, vm.customer, vm.capacity.unpack()));
        BoundedCalls.tell(address(_registry()), data);
    }

    function _vms() internal pure returns (VMLifecycleStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
