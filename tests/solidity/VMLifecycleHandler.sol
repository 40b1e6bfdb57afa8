// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Capacities} from "../../contracts/compute/Capacities.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {ComputeSuite} from "./ComputeSuite.sol";

uint256 constant HOSTS = 3;

/// @title VMLifecycleHandler
/// @notice Drives hosts and VMs through random histories: every command, mostly from who may, at any time. What it finds
/// wrong on the way it remembers; tests/contracts/compute/test_states.py and the state machine say which command holds.
contract VMLifecycleHandler is ComputeSuite {
    using Capacities for Capacity;
    using Capacities for uint128;

    uint256 private constant MOST = 5;

    /// @dev Time is kept here: `block.timestamp` would be read once by the optimiser.
    uint256 public time = START;
    /// @dev What went wrong; empty as long as nothing did.
    string public wrong;
    uint256 public done;
    uint256 public reservations;
    mapping(uint256 vmId => uint256) private _used;
    mapping(uint256 hostId => uint256) private _clock;
    mapping(uint256 hostId => uint128) private _leased;
    mapping(uint256 vmId => uint256) private _entitled;

    constructor() {
        _build();
        for (uint256 i = 1; i <= HOSTS; ++i) {
            _attest(i, _capacity(9_000, 40_000, 400, 90_000));
            (address provider,) = registry.partiesOf(i);
            vm.prank(provider);
            registry.setReservable(i, _capacity(5_000, 10_000, 100, 10_000));
        }
    }

    function setUp() public override {}

    /// @dev Around each action: nothing but time uses anything, entitlement never jumps from host to host, nothing is
    /// admitted beyond what is attested, and clocks never fall.
    modifier watched(uint256 passed) {
        vm.warp(time);
        bool[MOST + 1] memory isUsing;
        for (uint256 i = 1; i <= lifecycle.vmCount(); ++i) {
            (_used[i], _entitled[i], isUsing[i]) = (lifecycle.usedOf(i), lifecycle.entitledHost(i), _isUsing(i));
        }
        for (uint256 i = 1; i <= HOSTS; ++i) {
            (_clock[i], _leased[i]) = (registry.clockOf(i), registry.hostOf(i).leased.pack());
        }
        _;
        for (uint256 i = 1; i <= lifecycle.vmCount(); ++i) {
            uint256 used = lifecycle.usedOf(i);
            if (used < _used[i] || used - _used[i] > (isUsing[i] ? passed : 0)) wrong = "used";
            uint256 host = lifecycle.entitledHost(i);
            if (host != 0 && _entitled[i] != 0 && host != _entitled[i]) wrong = "two hosts";
        }
        for (uint256 i = 1; i <= HOSTS; ++i) {
            uint256 clock = registry.clockOf(i);
            if (clock < _clock[i] || clock - _clock[i] > passed) wrong = "clock";
            IHostRegistry.Host memory host = registry.hostOf(i);
            (bool more,) = host.leased.pack().exceeds(_leased[i]);
            for (uint256 j = 0; more && j < 4; ++j) {
                uint256 promised = host.leased.pack().lane(j) + host.open.pack().lane(j);
                if (promised > host.attested.pack().lane(j)) wrong = "admission";
            }
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    function create(uint256 host, Capacity calldata capacity, uint40 seconds_, bool other) external watched(0) {
        if (lifecycle.vmCount() == MOST) return;
        Capacity memory wanted =
            _capacity(capacity.cpu % 4_000 + 1, capacity.mem % 9_000 + 1, capacity.sto % 99, capacity.net % 9_999);
        vm.prank(other ? OTHER : CUSTOMER);
        try lifecycle.createVM(host % HOSTS + 1, wanted, 1 hours + seconds_ % 9_000, 0, CONFIGURATION) {
            ++done;
        } catch {}
    }

    /// @dev Some time, in which some hosts beat at its end.
    function pass(uint16 seconds_, uint8 beats) external watched(seconds_) {
        time += seconds_;
        vm.warp(time);
        for (uint256 i = 1; i <= HOSTS; ++i) {
            if (beats >> i & 1 != 0) _beat(i);
        }
    }

    /// @dev Until the deadline of a VM, or the end of its funds.
    function passDeadline(uint256 vmId) external {
        uint256 count = lifecycle.vmCount();
        if (count == 0) return;
        uint256 deadline = lifecycle.vmOf(vmId % count + 1).deadline;
        if (deadline > time) time = deadline;
    }

    function customers(uint256 vmId, uint256 which, uint256 argument) external watched(0) {
        uint256 count = lifecycle.vmCount();
        if (count == 0) return;
        vmId = vmId % count + 1;
        bytes[8] memory calls = [
            abi.encodeCall(lifecycle.start, (vmId)),
            abi.encodeCall(lifecycle.stop, (vmId)),
            abi.encodeCall(lifecycle.pause, (vmId)),
            abi.encodeCall(lifecycle.resume, (vmId)),
            argument % 4 == 0
                ? abi.encodeCall(lifecycle.terminate, (vmId))
                : abi.encodeCall(lifecycle.cancelMigration, (vmId)),
            abi.encodeCall(lifecycle.migrateVM, (vmId, argument % 2 == 0 ? US : EU)),
            abi.encodeCall(lifecycle.migrateToHost, (vmId, argument % HOSTS + 1)),
            abi.encodeCall(lifecycle.topUp, (vmId, uint40(argument % 5_000)))
        ];
        _try(lifecycle.vmOf(vmId).customer, address(lifecycle), calls[which % 8]);
    }

    function agents(uint256 vmId, uint256 which, bool stale) external watched(0) {
        uint256 count = lifecycle.vmCount();
        if (count == 0) return;
        vmId = vmId % count + 1;
        IVMLifecycle.VM memory lease = lifecycle.vmOf(vmId);
        uint32 epoch = stale ? lease.epoch - 1 : lease.epoch;
        bytes[9] memory calls = [
            abi.encodeCall(lifecycle.acknowledgeStart, (vmId, epoch)),
            abi.encodeCall(lifecycle.acknowledgeStop, (vmId, epoch)),
            abi.encodeCall(lifecycle.reportFailure, (vmId, epoch)),
            abi.encodeCall(lifecycle.recover, (vmId, epoch)),
            abi.encodeCall(lifecycle.acknowledgeRelease, (vmId, epoch, RECORD)),
            abi.encodeCall(lifecycle.abortMigration, (vmId, epoch)),
            abi.encodeCall(lifecycle.recordState, (vmId, epoch, RECORD)),
            abi.encodeCall(lifecycle.acknowledgeMigration, (vmId, epoch)),
            abi.encodeCall(lifecycle.acknowledgeMigration, (vmId, epoch))
        ];
        uint256 hostId = which % 9 >= 7 && lease.targetId != 0 ? lease.targetId : lease.hostId;
        _try(_agentOf(hostId), address(lifecycle), calls[which % 9]);
    }

    function approve(uint256 vmId, uint256 position) external watched(0) {
        uint256 count = lifecycle.vmCount();
        if (count == 0) return;
        vmId = vmId % count + 1;
        IVMLifecycle.VM memory lease = lifecycle.vmOf(vmId);
        bytes memory call_ =
            abi.encodeCall(lifecycle.approveMigration, (vmId, lease.targetId, lease.epoch, lease.deadline));
        _try(vm.addr(keys[position % 3]), address(lifecycle), call_);
    }

    function others(uint256 vmId, uint256 which) external watched(0) {
        uint256 count = lifecycle.vmCount();
        if (count == 0) return;
        vmId = vmId % count + 1;
        (address provider,) = registry.partiesOf(lifecycle.vmOf(vmId).hostId);
        if (which % 4 == 0) _try(STRANGER, address(lifecycle), abi.encodeCall(lifecycle.settle, (vmId)));
        if (which % 4 == 1) _try(STRANGER, address(lifecycle), abi.encodeCall(lifecycle.expire, (vmId)));
        if (which % 4 == 2) _try(provider, address(lifecycle), abi.encodeCall(lifecycle.reclaim, (vmId)));
        if (which % 4 == 3) _try(provider, address(lifecycle), abi.encodeCall(lifecycle.evict, (vmId)));
    }

    function money(bool out, uint256 who, uint256 resource, uint128 amount) external watched(0) {
        address[4] memory accounts = [CUSTOMER, OTHER, PROVIDER, RIVAL];
        Resource kind = Resource(resource % 4);
        address account = accounts[who % 4];
        bytes memory call_ = out
            ? abi.encodeCall(lifecycle.withdraw, (kind, amount % (lifecycle.balanceOf(account, kind) + 2), STRANGER))
            : abi.encodeCall(lifecycle.deposit, (kind, amount % (5 * WHOLE), account));
        _try(account, address(lifecycle), call_);
    }

    function attestations(uint256 host, uint32 cpu, uint32 mem) external watched(0) {
        Capacity memory capacity = _capacity(2_000 + cpu % 9_000, 4_000 + mem % 40_000, 400, 90_000);
        _attest(host % HOSTS + 1, capacity);
    }

    function guarantees(uint256 position, bool give, uint256 host, uint256 resource, uint32 units) external watched(0) {
        bytes memory call_;
        if (give) {
            call_ = abi.encodeCall(
                registry.reserve,
                (
                    ++reservations,
                    host % HOSTS + 1,
                    position % 2 == 0 ? CUSTOMER : OTHER,
                    Resource(resource % 4),
                    units % 3_000,
                    uint40(time + 1 days)
                )
            );
        } else {
            call_ = abi.encodeCall(registry.release, (position % (reservations + 1)));
        }
        _try(STAKING, address(registry), call_);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _try(address sender, address target, bytes memory data) private {
        vm.prank(sender);
        (bool success,) = target.call(data);
        if (success) ++done;
    }

    function _isUsing(uint256 vmId) private view returns (bool) {
        IVMLifecycle.VM memory lease = lifecycle.vmOf(vmId);
        return lease.state == IVMLifecycle.State.Running
            || (lease.state == IVMLifecycle.State.MigrationPending && lease.origin == IVMLifecycle.State.Running);
    }

    function suite() external view returns (address lifecycle_, address registry_, address[4] memory tokens_) {
        for (uint256 i = 0; i < 4; ++i) {
            tokens_[i] = address(tokens[i]);
        }
        return (address(lifecycle), address(registry), tokens_);
    }
}
