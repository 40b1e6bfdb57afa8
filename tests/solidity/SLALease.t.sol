// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommitteeArbitrator} from "../../contracts/compute/CommitteeArbitrator.sol";
import {SLA} from "../../contracts/compute/SLA.sol";
import {Proxy} from "../../contracts/governance/Proxy.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {ComputeSuite} from "./ComputeSuite.sol";

/// @notice Agreements about VMs of the real VMLifecycle on hosts of the real HostRegistry.
contract SLALeaseTest is ComputeSuite {
    uint256 private constant MONITOR_KEY = 0x600d;
    uint128 private constant NOVA = 1e18;

    SLA private sla;
    uint256 private vmId;
    uint256 private slaId;

    /// @dev A VM that runs, and an agreement of windows of an hour that begins now.
    function setUp() public override {
        super.setUp();
        INovaToken.Allocation[] memory genesis = new INovaToken.Allocation[](1);
        genesis[0] = INovaToken.Allocation(address(this), 1e6 * NOVA);
        NovaToken nova = new NovaToken(address(authority), genesis);
        CommitteeArbitrator committee = new CommitteeArbitrator(address(authority));
        bytes memory call = abi.encodeCall(
            SLA.initialize, (address(authority), address(this), nova, lifecycle, address(0x74ea), committee)
        );
        sla = SLA(address(new Proxy(address(new SLA()), call)));
        nova.approve(address(sla), type(uint256).max);
        sla.deposit(10_000 * NOVA, PROVIDER);
        sla.deposit(10_000 * NOVA, CUSTOMER);
        vmId = _running();
        vm.prank(CUSTOMER);
        lifecycle.topUp(vmId, 60 hours);
        slaId = _agree();
    }

    function test_AcceptOfAnothersVMReverts() public {
        vm.prank(OTHER);
        vmId = lifecycle.createVM(1, _small(), 10 hours, 0, CONFIGURATION);
        vm.prank(PROVIDER);
        slaId = sla.offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotTheirVM.selector, vmId, PROVIDER, CUSTOMER));
        vm.prank(CUSTOMER);
        sla.accept(slaId);
    }

    function test_AVMThatRunsIsDue() public {
        _live(1, 1 hours);
        vm.assertEq(sla.dueIn(slaId, 0), 1 hours);
        _report(0);
    }

    /// @dev The customer stops it: the first half of the window is due, a second less is not enough.
    function test_StopsAreNotDue() public {
        _live(1, 30 minutes - 1);
        uint256 state = vm.snapshotState();
        _stop(vmId);
        vm.warp(block.timestamp + 30 minutes + 1);
        _isExcluded(0, 30 minutes - 1);
        vm.revertToState(state);
        vm.warp(block.timestamp + 1);
        _stop(vmId);
        vm.warp(block.timestamp + 30 minutes);
        vm.assertEq(sla.dueIn(slaId, 0), 30 minutes);
        _report(0);
    }

    /// @dev Its host vanishes, and the VM with it: that is what the provider answers for.
    function test_FailuresAreDue() public {
        _live(1, 10 minutes);
        vm.warp(block.timestamp + 10 minutes);
        lifecycle.expire(vmId);
        _assertState(vmId, IVMLifecycle.State.Unknown);
        vm.warp(block.timestamp + 40 minutes);
        vm.assertEq(sla.dueIn(slaId, 0), 1 hours);
        _report(0);
        vm.warp(block.timestamp + 1 hours);
        lifecycle.expire(vmId);
        _assertState(vmId, IVMLifecycle.State.Failed);
        vm.assertEq(sla.dueIn(slaId, 1), 1 hours);
        _report(1);
    }

    function test_MaintenanceIsNotDue() public {
        uint40 start = uint40(block.timestamp + 24 hours + 20 minutes);
        vm.prank(PROVIDER);
        registry.announceMaintenance(1, start, start + 35 minutes);
        vm.warp(block.timestamp + 24 hours);
        _beat(1);
        _live(1, 1 hours);
        _isExcluded(24, 25 minutes);
        vm.warp(block.timestamp + 1 hours);
        vm.assertEq(sla.dueIn(slaId, 25), 1 hours);
        _report(25);
    }

    /// @dev On its way it is not due; on the provider's host abroad it is again.
    function test_MigrationsAreNotDue() public {
        _live(1, 10 minutes);
        _migrateToUS(vmId);
        _approve(vmId, 0);
        _approve(vmId, 1);
        _release(vmId);
        vm.warp(block.timestamp + 40 minutes);
        _beat(2);
        _acknowledgeMigration(vmId);
        _live(2, 10 minutes);
        _isExcluded(0, 20 minutes);
        _live(2, 1 hours);
        _report(1);
    }

    /// @dev It moves to a rival's host: the first provider answers for nothing there.
    function test_OnARivalsHostNothingIsDue() public {
        _live(1, 1 hours);
        vm.prank(CUSTOMER);
        lifecycle.migrateToHost(vmId, 3);
        _release(vmId);
        _acknowledgeMigration(vmId);
        _live(3, 1 hours);
        _isExcluded(0, 0);
        _isExcluded(1, 0);
    }

    /// @dev It goes to a rival's host, is down there, and comes back within the window: nobody answers for a rival.
    function test_BackFromARivalItIsDueAnew() public {
        vm.prank(CUSTOMER);
        lifecycle.migrateToHost(vmId, 3);
        _release(vmId);
        _acknowledgeMigration(vmId);
        _live(3, 55 minutes);
        _beat(1);
        vm.prank(CUSTOMER);
        lifecycle.migrateToHost(vmId, 1);
        _release(vmId);
        _acknowledgeMigration(vmId);
        _live(1, 5 minutes);
        _isExcluded(0, 5 minutes);
        _live(1, 1 hours);
        vm.assertEq(sla.dueIn(slaId, 1), 1 hours);
        _report(1);
    }

    /// @dev The lease ends, after an outage: what was due before still counts.
    function test_ATerminatedVMCanStillBeReported() public {
        _live(1, 1 hours);
        vm.prank(CUSTOMER);
        lifecycle.terminate(vmId);
        vm.warp(block.timestamp + 1 hours);
        _report(0);
        _isExcluded(1, 0);
    }

    function _terms() private view returns (ISLATypes.Terms memory terms) {
        (terms.provider, terms.customer, terms.vmId) = (PROVIDER, CUSTOMER, vmId);
        (terms.specification, terms.offerExpiry) = (CONFIGURATION, uint40(block.timestamp + 1));
        (terms.window, terms.windows, terms.reportPeriod, terms.disputePeriod) = (1 hours, 30, 1 days, 1 hours);
        (terms.fee, terms.stake, terms.bond) = (10 * NOVA, 100 * NOVA, NOVA);
        (terms.minSamples, terms.quorum) = (1, 1);
        terms.monitors = new address[](1);
        terms.monitors[0] = vm.addr(MONITOR_KEY);
        terms.guarantees = new ISLATypes.Guarantee[](1);
        terms.guarantees[0] = ISLATypes.Guarantee("uptime", ISLATypes.Direction.AtLeast, 999_000, 990_000, 900_000);
    }

    function _agree() private returns (uint256 made) {
        vm.prank(PROVIDER);
        made = sla.offer(_terms());
        vm.prank(CUSTOMER);
        sla.accept(made);
    }

    function _evidence(uint256 window) private view returns (ISLATypes.Observation[] memory list) {
        (uint256 from, uint256 to) = sla.windowOf(slaId, window);
        list = new ISLATypes.Observation[](1);
        list[0] = ISLATypes.Observation(0, 500_000, 60, uint40(from), uint40(to - 1), "");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(MONITOR_KEY, sla.hashMeasurement(slaId, 0, window, list[0]));
        list[0].signature = abi.encodePacked(r, s, v);
    }

    function _report(uint256 window) private {
        ISLATypes.Observation[] memory evidence = _evidence(window);
        vm.prank(CUSTOMER);
        sla.reportViolation(slaId, 0, window, 500_000, evidence);
    }

    function _isExcluded(uint256 window, uint256 due) private {
        ISLATypes.Observation[] memory evidence = _evidence(window);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowExcluded.selector, slaId, window, due));
        vm.prank(CUSTOMER);
        sla.reportViolation(slaId, 0, window, 500_000, evidence);
    }
}
