// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Timelock} from "../../contracts/governance/Timelock.sol";
import {ITimelock} from "../../interfaces/ITimelock.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

contract TimelockTest is GovernanceSuite {
    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Constructor(uint256 delay, address admin) public {
        delay = _bound(delay, 24 hours, 48 hours);
        vm.assume(admin != address(0));
        Timelock fresh = new Timelock(delay, new address[](0), new address[](0), admin);
        vm.assertEq(fresh.getMinDelay(), delay);
        vm.assertTrue(fresh.hasRole(bytes32(0), admin));
        vm.assertTrue(fresh.hasRole(bytes32(0), address(fresh)));
        vm.assertEq(fresh.SHORTEST_DELAY(), 24 hours);
        vm.assertEq(fresh.LONGEST_DELAY(), 48 hours);
    }

    function testFuzz_ConstructorRejectsOtherDelays(uint256 delay) public {
        vm.assume(delay < 24 hours || delay > 48 hours);
        _expectOutOfBounds(delay);
        new Timelock(delay, new address[](0), new address[](0), address(this));
    }

    /// @dev The lists name proposers (who cancel, too) and executors.
    function test_ConstructorNamesProposersAndExecutors() public {
        (address[] memory proposers, address[] memory executors) = (new address[](1), new address[](1));
        (proposers[0], executors[0]) = (ALICE, BOB);
        Timelock fresh = new Timelock(24 hours, proposers, executors, address(0));
        vm.assertTrue(fresh.hasRole(fresh.PROPOSER_ROLE(), ALICE));
        vm.assertTrue(fresh.hasRole(fresh.CANCELLER_ROLE(), ALICE));
        vm.assertTrue(fresh.hasRole(fresh.EXECUTOR_ROLE(), BOB));
        vm.assertFalse(fresh.hasRole(bytes32(0), address(this)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // updateDelay
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_UpdateDelay(uint256 delay) public {
        delay = _bound(delay, 24 hours, 48 hours);
        vm.expectEmit();
        emit TimelockController.MinDelayChange(48 hours, delay);
        vm.prank(address(timelock));
        timelock.updateDelay(delay);
        vm.assertEq(timelock.getMinDelay(), delay);
    }

    function testFuzz_UpdateDelayRejectsOthers(uint256 delay) public {
        vm.assume(delay < 24 hours || delay > 48 hours);
        _expectOutOfBounds(delay);
        vm.prank(address(timelock));
        timelock.updateDelay(delay);
        vm.assertEq(timelock.getMinDelay(), 48 hours);
    }

    function test_UpdateDelayAtTheBounds() public {
        uint256[2] memory good = [uint256(24 hours), 48 hours];
        uint256[2] memory bad = [uint256(24 hours - 1), 48 hours + 1];
        for (uint256 i = 0; i < 2; ++i) {
            testFuzz_UpdateDelay(good[i]);
            vm.prank(address(timelock));
            timelock.updateDelay(48 hours);
            testFuzz_UpdateDelayRejectsOthers(bad[i]);
        }
    }

    function testFuzz_UpdateDelayByAnotherReverts(address caller) public {
        vm.assume(caller != address(timelock));
        vm.expectRevert(abi.encodeWithSelector(TimelockController.TimelockUnauthorizedCaller.selector, caller));
        vm.prank(caller);
        timelock.updateDelay(24 hours);
    }

    /// @dev By a proposal, for those queued afterwards; one out of bounds fails when executed.
    function test_ProposalChangesTheDelay() public {
        Draft memory waiting = _mintCpu(1e18, "Waiting");
        uint256 waitingId = _pass(waiting);
        Draft memory change = _draft(address(timelock), abi.encodeCall(timelock.updateDelay, (24 hours)), "Shorten");
        _ready(change);
        uint256 queuedAt = block.timestamp;
        _queue(waiting);
        _execute(change);
        vm.assertEq(governance.proposalEta(waitingId), queuedAt + 48 hours);
        Draft memory next = _mintCpu(1e18, "Next");
        uint256 nextId = _pass(next);
        _queue(next);
        vm.assertEq(governance.proposalEta(nextId), block.timestamp + 24 hours);

        Draft memory beyond = _draft(address(timelock), abi.encodeCall(timelock.updateDelay, (0)), "No delay");
        _ready(beyond);
        _expectOutOfBounds(0);
        _execute(beyond);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Roles
    // ------------------------------------------------------------------------------------------------------------

    /// @dev After the hand-over: the governor proposes, cancels and executes, the timelock administers itself, nobody
    /// else does anything, the deployer least of all.
    function testFuzz_NobodyElseHasARole(address anybody) public view {
        bytes32[4] memory roles =
            [bytes32(0), timelock.PROPOSER_ROLE(), timelock.CANCELLER_ROLE(), timelock.EXECUTOR_ROLE()];
        for (uint256 i = 0; i < roles.length; ++i) {
            address holder = i == 0 ? address(timelock) : address(governance);
            vm.assertTrue(timelock.hasRole(roles[i], holder));
            vm.assertFalse(timelock.hasRole(roles[i], address(this)));
            if (anybody != holder) vm.assertFalse(timelock.hasRole(roles[i], anybody));
        }
    }

    function testFuzz_StrangersDoNothing(address stranger, uint8 which) public {
        vm.assume(stranger != address(governance) && stranger != address(timelock));
        (bytes memory call_, bytes32 role) = _restricted(which);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        (bool ok,) = address(timelock).call(call_);
        ok; // what it was, expectRevert has checked
    }

    function _restricted(uint8 which) private view returns (bytes memory, bytes32) {
        which %= 7;
        bytes32 proposer = timelock.PROPOSER_ROLE();
        if (which == 0) return (abi.encodeCall(timelock.schedule, (ALICE, 0, "", 0, 0, 48 hours)), proposer);
        if (which == 1) {
            (address[] memory a, uint256[] memory b, bytes[] memory c) =
                (new address[](1), new uint256[](1), new bytes[](1));
            return (abi.encodeCall(timelock.scheduleBatch, (a, b, c, 0, 0, 48 hours)), proposer);
        }
        if (which == 2) return (abi.encodeCall(timelock.cancel, (bytes32(0))), timelock.CANCELLER_ROLE());
        if (which == 3) return (abi.encodeCall(timelock.execute, (ALICE, 0, "", 0, 0)), timelock.EXECUTOR_ROLE());
        if (which == 4) {
            (address[] memory a, uint256[] memory b, bytes[] memory c) =
                (new address[](1), new uint256[](1), new bytes[](1));
            return (abi.encodeCall(timelock.executeBatch, (a, b, c, 0, 0)), timelock.EXECUTOR_ROLE());
        }
        if (which == 5) return (abi.encodeCall(timelock.grantRole, (proposer, ALICE)), bytes32(0));
        return (abi.encodeCall(timelock.revokeRole, (proposer, address(governance))), bytes32(0));
    }

    function _expectOutOfBounds(uint256 delay) private {
        vm.expectRevert(abi.encodeWithSelector(ITimelock.Timelock_DelayOutOfBounds.selector, delay, 24 hours, 48 hours));
    }
}
