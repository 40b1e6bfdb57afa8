// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostilePausable} from "../../contracts/test/HostilePausable.sol";
import {IEmergencyBrake} from "../../interfaces/IEmergencyBrake.sol";
import {IRecords} from "../../interfaces/IRecords.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

contract EmergencyBrakeTest is GovernanceSuite {
    // ------------------------------------------------------------------------------------------------------------
    // pause
    // ------------------------------------------------------------------------------------------------------------

    function test_Pause() public {
        uint256 until = block.timestamp + 72 hours;
        vm.expectEmit();
        emit IEmergencyBrake.TargetPaused(address(proof), GUARDIAN, until);
        _pause();
        vm.assertTrue(proof.paused());
        vm.assertEq(brake.pausedUntil(address(proof)), until);
        vm.assertEq(brake.MAX_PAUSE(), 72 hours);
        vm.assertEq(brake.COOLDOWN(), 14 days);
    }

    function testFuzz_PauseByAnotherReverts(address caller) public {
        vm.assume(caller != GUARDIAN);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
        brake.pause(address(proof));
    }

    /// @dev Twice in a row, at whatever moment before 14 days have passed since the end, lifted, unpaused or neither.
    function testFuzz_PauseAgainTooSoon(uint256 wait, uint8 how) public {
        _pause();
        uint256 until = brake.pausedUntil(address(proof));
        _end(how);
        vm.warp(_bound(wait, block.timestamp, until + 14 days - 1));
        vm.expectRevert(
            abi.encodeWithSelector(IEmergencyBrake.EmergencyBrake_CoolingDown.selector, address(proof), until + 14 days)
        );
        _pause();
    }

    function testFuzz_PauseAgain(uint256 wait, uint8 how) public {
        _pause();
        uint256 until = brake.pausedUntil(address(proof));
        how %= 2;
        _end(how);
        vm.warp(_bound(wait, until + 14 days, until + 365 days));
        _pause();
        vm.assertTrue(proof.paused());
        vm.assertEq(brake.pausedUntil(address(proof)), block.timestamp + 72 hours);
    }

    /// @dev Nobody has lifted it, so it cannot be paused; and the failed attempt prolongs nothing.
    function test_PauseWhatIsStillPaused() public {
        _pause();
        uint256 until = brake.pausedUntil(address(proof));
        vm.warp(until + 14 days);
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_Paused.selector));
        _pause();
        vm.assertEq(brake.pausedUntil(address(proof)), until);
        brake.lift(address(proof));
        _pause();
    }

    /// @dev A target that calls back while it is being paused finds the pause recorded.
    function test_PausedTargetCallsBack() public {
        HostilePausable hostile = new HostilePausable(brake);
        uint256 until = block.timestamp + 72 hours;
        vm.prank(GUARDIAN);
        brake.pause(address(hostile));
        vm.assertTrue(hostile.paused());
        vm.assertFalse(hostile.lifted());
        vm.assertEq(
            hostile.answer(),
            abi.encodeWithSelector(IEmergencyBrake.EmergencyBrake_StillPaused.selector, address(hostile), until)
        );
    }

    /// @dev Of what the brake does not own, and of what is no contract, nothing comes and nothing is recorded.
    function test_PauseOfForeignTargetReverts() public {
        vm.prank(address(timelock));
        brake.transferTarget(address(proof), BOB);
        vm.prank(BOB);
        proof.acceptOwnership();
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_NotOwner.selector, address(brake)));
        _pause();
        vm.assertEq(brake.pausedUntil(address(proof)), uint256(0));
        vm.expectRevert();
        vm.prank(GUARDIAN);
        brake.pause(STRANGER);
    }

    /// @dev Each target has its own clock.
    function test_TargetsAreApart() public {
        HostilePausable hostile = new HostilePausable(brake);
        _pause();
        vm.prank(GUARDIAN);
        brake.pause(address(hostile));
    }

    // ------------------------------------------------------------------------------------------------------------
    // lift
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_LiftByAnybody(address anybody, uint256 wait) public {
        _pause();
        vm.warp(_bound(wait, block.timestamp + 72 hours, block.timestamp + 365 days));
        vm.expectEmit();
        emit IEmergencyBrake.TargetUnpaused(address(proof), anybody);
        vm.prank(anybody);
        brake.lift(address(proof));
        vm.assertFalse(proof.paused());
    }

    function testFuzz_LiftTooSoon(address anybody, uint256 wait) public {
        _pause();
        uint256 until = brake.pausedUntil(address(proof));
        vm.warp(_bound(wait, block.timestamp, until - 1));
        vm.expectRevert(
            abi.encodeWithSelector(IEmergencyBrake.EmergencyBrake_StillPaused.selector, address(proof), until)
        );
        vm.prank(anybody);
        brake.lift(address(proof));
    }

    function test_LiftAtTheEdges() public {
        uint256 until = block.timestamp + 72 hours;
        uint256 clean = vm.snapshotState();
        testFuzz_LiftTooSoon(STRANGER, until - 1);
        vm.revertToState(clean);
        testFuzz_LiftByAnybody(STRANGER, until);
    }

    function test_LiftWhatRuns() public {
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_NotPaused.selector));
        brake.lift(address(proof));
    }

    /// @dev What came to the brake paused, nobody of its guardians has paused: anyone sets it going.
    function test_LiftWhatCamePaused() public {
        vm.prank(address(brake));
        proof.pauseContract();
        vm.prank(STRANGER);
        brake.lift(address(proof));
        vm.assertFalse(proof.paused());
    }

    // ------------------------------------------------------------------------------------------------------------
    // unpause, transferTarget, acceptTarget
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_UnpauseByGovernance(uint256 wait) public {
        _pause();
        uint256 until = brake.pausedUntil(address(proof));
        vm.warp(_bound(wait, block.timestamp, until + 14 days));
        vm.expectEmit();
        emit IEmergencyBrake.TargetUnpaused(address(proof), address(timelock));
        vm.prank(address(timelock));
        brake.unpause(address(proof));
        vm.assertFalse(proof.paused());
        vm.assertEq(brake.pausedUntil(address(proof)), until); // the cooldown goes on
    }

    function testFuzz_AdministrationByAnotherReverts(address caller) public {
        vm.assume(caller != address(timelock));
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        vm.expectRevert(refusal);
        vm.prank(caller);
        brake.unpause(address(proof));
        vm.expectRevert(refusal);
        vm.prank(caller);
        brake.transferTarget(address(proof), caller);
        vm.expectRevert(refusal);
        vm.prank(caller);
        brake.acceptTarget(address(proof));
    }

    /// @dev Away in two steps and back in two.
    function test_TargetsMoveInTwoSteps() public {
        vm.prank(address(timelock));
        brake.transferTarget(address(proof), BOB);
        vm.assertEq(proof.owner(), address(brake));
        vm.assertEq(proof.pendingOwner(), BOB);
        vm.prank(BOB);
        proof.acceptOwnership();
        vm.prank(BOB);
        proof.transferOwnership(address(brake));
        vm.prank(address(timelock));
        brake.acceptTarget(address(proof));
        vm.assertEq(proof.owner(), address(brake));
        _pause();
    }

    function _pause() private {
        vm.prank(GUARDIAN);
        brake.pause(address(proof));
    }

    /// @dev 0 governance unpauses at once, 1 somebody lifts it, 2 it stays paused.
    function _end(uint8 how) private {
        if (how % 3 == 0) {
            vm.prank(address(timelock));
            brake.unpause(address(proof));
        } else if (how % 3 == 1) {
            vm.warp(brake.pausedUntil(address(proof)));
            brake.lift(address(proof));
        }
    }
}
