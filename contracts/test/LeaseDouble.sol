// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";

/// @title LeaseDouble
/// @notice Test only: what `SLA` asks of `VMLifecycle` and of `HostRegistry`, told beforehand; both at one address.
contract LeaseDouble {
    struct Lease {
        address customer;
        uint32 hostId;
        uint40 due;
    }

    mapping(uint256 vmId => Lease) private _leases;
    mapping(uint256 hostId => address) private _providers;
    mapping(uint256 hostId => uint40) private _maintenance;

    function lease(uint256 vmId, address customer, uint32 hostId, address provider) external {
        _leases[vmId] = Lease(customer, hostId, type(uint40).max);
        _providers[hostId] = provider;
    }

    /// @dev Seconds due of any stretch, at most its length.
    function setDue(uint256 vmId, uint40 due) external {
        _leases[vmId].due = due;
    }

    function setMaintenance(uint256 hostId, uint40 length) external {
        _maintenance[hostId] = length;
    }

    function vmOf(uint256 vmId) external view returns (IVMLifecycle.VM memory vm_) {
        vm_.customer = _leases[vmId].customer;
        vm_.hostId = _leases[vmId].hostId;
        // Whatever else a VM says must not be taken for its host.
        (vm_.policyId, vm_.epoch, vm_.targetId) = (7, 8, 9);
    }

    function dueIn(uint256 vmId, uint40 from, uint40 to) external view returns (uint40) {
        uint40 due = _leases[vmId].due;
        return due < to - from ? due : to - from;
    }

    function registry() external view returns (address) {
        return address(this);
    }

    function partiesOf(uint256 hostId) external view returns (address provider, address agent) {
        return (_providers[hostId], address(0xa6e47));
    }

    function maintenanceIn(uint256 hostId, uint40, uint40) external view returns (uint40) {
        return _maintenance[hostId];
    }
}
