// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMigrationApprovals} from "../../interfaces/IMigrationApprovals.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Capacities} from "./Capacities.sol";
import {Charges} from "./Charges.sol";
import {DueHistory} from "./DueHistory.sol";
import {Lease, Leases} from "./Leases.sol";
import {VMTimes} from "./VMTimes.sol";
import {VMTransitions} from "./VMTransitions.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title VMFunding
/// @notice Where tokens come in and go out: balances, new VMs, top-ups.
abstract contract VMFunding is VMTransitions, PausableUpgradeable, ReentrancyGuardTransient {
    using Capacities for Capacity;
    using Leases for Lease;
    using Leases for uint256;
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------------------------------------------------
    // Prepaid balances
    // ------------------------------------------------------------------------------------------------------------

    /// @notice See `IVMLifecycle`.
    function deposit(Resource resource, uint256 amount, address account) external nonReentrant whenNotPaused {
        _deposit(resource, amount, account);
    }

    /// @notice See `IVMLifecycle`.
    function depositWithPermit(
        Resource resource,
        uint256 amount,
        address account,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant whenNotPaused {
        // Anybody may have used the permit already: then the allowance is there.
        IERC20Permit token_ = IERC20Permit(address(_vms().tokens[uint256(resource)]));
        try token_.permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(resource, amount, account);
    }

    /// @notice See `IVMLifecycle`.
    function withdraw(Resource resource, uint256 amount, address recipient) external nonReentrant {
        // Check
        _requireAmount(amount, recipient);
        uint256 balance = _balance(msg.sender, uint256(resource));
        if (amount > balance) {
            revert IVMLifecycle.VMLifecycle_InsufficientBalance(msg.sender, resource, balance, amount);
        }

        // Effect
        _setBalance(msg.sender, uint256(resource), balance - amount);
        emit IVMLifecycle.Withdrawn(msg.sender, resource, amount, recipient);

        // Interaction
        _vms().tokens[uint256(resource)].safeTransfer(recipient, amount);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Customers
    // ------------------------------------------------------------------------------------------------------------

    /// @notice See `IVMLifecycle`.
    function createVM(
        uint256 hostId,
        Capacity calldata capacity,
        uint40 seconds_,
        uint32 policyId,
        bytes32 configuration
    ) external nonReentrant whenNotPaused returns (uint256 vmId) {
        return _create(hostId, capacity, seconds_, policyId, configuration);
    }

    /// @notice See `IVMLifecycle`.
    function createVM(
        bytes32 region,
        uint32 cpu,
        uint32 memory_,
        address provider,
        uint40 seconds_,
        bytes32 configuration
    ) external nonReentrant whenNotPaused returns (uint256 vmId) {
        uint256 hostId = _registry().hostIn(provider, region);
        if (hostId == 0) revert IVMLifecycle.VMLifecycle_NoTarget(0, 0, region);
        return _create(hostId, Capacity({cpu: cpu, mem: memory_, sto: 0, net: 0}), seconds_, 0, configuration);
    }

    /// @notice See `IVMLifecycle`.
    function topUp(uint256 vmId, uint40 seconds_) external nonReentrant whenNotPaused {
        // Check
        Lease memory lease = _wordOf(vmId).unpack();
        _requireIn(vmId, lease, Leases.ANY_BUT_TERMINATED);
        if (seconds_ == 0 || seconds_ > type(uint40).max - lease.funded) {
            revert IVMLifecycle.VMLifecycle_BadDuration(seconds_);
        }

        // Effect
        _accrue(lease);
        // Else the time since the funds ran out would be charged to the new ones.
        if (lease.isUsing() && lease.isExhausted()) _abandon(vmId, lease, IVMLifecycle.State.Suspended);
        uint40 before = lease.funded;
        lease.funded = before + seconds_;
        _store(vmId, lease);
        uint256[4] memory missing = _fund(vmId, before, lease.funded);

        // Interaction
        _pull(missing);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _create(uint256 hostId, Capacity memory capacity, uint40 seconds_, uint32 policyId, bytes32 configuration)
        private
        returns (uint256 vmId)
    {
        // Check
        VMLifecycleStorage storage $ = _vms();
        if (capacity.cpu == 0 || capacity.mem == 0) revert IVMLifecycle.VMLifecycle_ZeroCapacity();
        if (seconds_ < VMTimes.MIN_LEASE) revert IVMLifecycle.VMLifecycle_BadDuration(seconds_);
        if (configuration == 0) revert IVMLifecycle.VMLifecycle_ZeroRecord();
        if (policyId > $.policyCount) revert IMigrationApprovals.MigrationApprovals_UnknownPolicy(policyId);
        if (policyId == 0) policyId = $.defaultPolicy;

        // Effect
        vmId = ++$.vmCount;
        VMSlots storage vm = $.vms[vmId];
        vm.customer = msg.sender;
        vm.capacity = capacity.pack();
        vm.policyId = policyId;
        vm.record = configuration;
        vm.due = DueHistory.empty();
        Lease memory lease;
        lease.state = IVMLifecycle.State.Stopped;
        lease.holding = true;
        lease.epoch = 1;
        lease.hostId = uint24(hostId); // a host that is not known is refused below
        lease.funded = seconds_;
        lease.time = uint40(block.timestamp) + VMTimes.RETENTION;
        _store(vmId, lease);
        emit IVMLifecycle.VMCreated(vmId, msg.sender, hostId, capacity, policyId, configuration);
        uint256[4] memory missing = _fund(vmId, 0, seconds_);

        // Interaction
        _occupy(vmId, hostId);
        _pull(missing);
    }

    /// @dev The caller's balance pays for the seconds from `before` to `funded`. @return missing what it lacks.
    function _fund(uint256 vmId, uint256 before, uint256 funded) private returns (uint256[4] memory missing) {
        emit IVMLifecycle.Funded(vmId, msg.sender, funded - before, funded);
        return _debit(msg.sender, Charges.charge(_vms().vms[vmId].capacity, before, funded));
    }

    function _deposit(Resource resource, uint256 amount, address account) private {
        // Check
        _requireAmount(amount, account);

        // Effect
        _setBalance(account, uint256(resource), _balance(account, uint256(resource)) + amount);
        emit IVMLifecycle.Deposited(account, resource, amount, msg.sender);

        // Interaction
        _vms().tokens[uint256(resource)].safeTransferFrom(msg.sender, address(this), amount);
    }

    function _requireAmount(uint256 amount, address account) private pure {
        if (amount == 0) revert IVMLifecycle.VMLifecycle_ZeroAmount();
        if (account == address(0)) revert IVMLifecycle.VMLifecycle_ZeroAddress();
    }
}
