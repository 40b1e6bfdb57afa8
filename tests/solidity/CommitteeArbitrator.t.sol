// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommitteeArbitrator} from "../../contracts/compute/CommitteeArbitrator.sol";
import {Authority} from "../../contracts/governance/Authority.sol";
import {IArbitrable, IArbitrator, ICommitteeArbitrator} from "../../interfaces/IArbitration.sol";
import {Test} from "./Vm.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

/// @dev The test itself asks for rulings and, as ARBITER, gives them.
contract CommitteeArbitratorTest is Test, IArbitrable {
    uint64 private constant ARBITER_ROLE = 4;
    error Refused();

    CommitteeArbitrator private committee;
    uint256 private ruled;
    uint256 private ruling;
    bool private refuses;
    bool private again;

    function setUp() public {
        vm.warp(1_900_000_000);
        Authority authority = new Authority(address(this));
        committee = new CommitteeArbitrator(address(authority));
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = CommitteeArbitrator.giveRuling.selector;
        authority.setTargetFunctionRole(address(committee), selectors, ARBITER_ROLE);
        authority.grantRole(ARBITER_ROLE, address(this), 0);
    }

    function rule(uint256 disputeID, uint256 ruling_) external {
        if (refuses) revert Refused();
        (ruled, ruling) = (disputeID, ruling_);
        if (again) committee.giveRuling(disputeID, ruling_);
    }

    function testFuzz_CreateDispute(uint256 choices, bytes calldata extraData, address arbitrable) public {
        choices = _bound(choices, 1, 255);
        committee.createDispute(1, "");
        vm.expectEmit();
        emit IArbitrator.DisputeCreation(2, IArbitrable(arbitrable));
        vm.prank(arbitrable);
        vm.assertEq(committee.createDispute(choices, extraData), 2);
        vm.assertEq(committee.disputeCount(), 2);
        vm.assertEq(committee.arbitrationCost(extraData), 0);
        ICommitteeArbitrator.Dispute memory expected = ICommitteeArbitrator.Dispute({
            arbitrable: IArbitrable(arbitrable),
            createdAt: uint40(block.timestamp),
            ruled: false,
            choices: uint8(choices),
            ruling: 0
        });
        vm.assertEq(abi.encode(committee.disputeOf(2)), abi.encode(expected));
    }

    function testFuzz_CreateDisputeRefuses(uint256 choices, uint256 value) public {
        choices = choices == 0 ? 0 : _bound(choices, 256, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ICommitteeArbitrator.CommitteeArbitrator_BadChoices.selector, choices));
        committee.createDispute(choices, "");
        value = _bound(value, 1, 1 ether);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(ICommitteeArbitrator.CommitteeArbitrator_NothingToPay.selector, value));
        committee.createDispute{value: value}(2, "");
    }

    function testFuzz_GiveRuling(uint256 choices, uint256 given) public {
        choices = _bound(choices, 1, 255);
        given = _bound(given, 0, choices);
        uint256 disputeID = committee.createDispute(choices, "");
        committee.giveRuling(disputeID, given);
        vm.assertEq(ruled, disputeID);
        vm.assertEq(ruling, given);
        vm.assertTrue(committee.disputeOf(disputeID).ruled);
        vm.assertEq(uint256(committee.disputeOf(disputeID).ruling), given);
        vm.expectRevert(
            abi.encodeWithSelector(ICommitteeArbitrator.CommitteeArbitrator_AlreadyRuled.selector, disputeID)
        );
        committee.giveRuling(disputeID, given);
    }

    function testFuzz_GiveRulingRefuses(uint256 given) public {
        given = _bound(given, 3, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ICommitteeArbitrator.CommitteeArbitrator_UnknownDispute.selector, 1));
        committee.giveRuling(1, 0);
        uint256 disputeID = committee.createDispute(2, "");
        vm.expectRevert(abi.encodeWithSelector(ICommitteeArbitrator.CommitteeArbitrator_BadRuling.selector, given, 2));
        committee.giveRuling(disputeID, given);
    }

    function testFuzz_GiveRulingByAnotherReverts(address caller) public {
        vm.assume(caller != address(this));
        committee.createDispute(2, "");
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
        committee.giveRuling(1, 1);
    }

    /// @dev A ruling that its contract refuses is none; one that comes back while it is given finds it given.
    function test_HostileArbitrables() public {
        uint256 disputeID = committee.createDispute(2, "");
        refuses = true;
        vm.expectRevert(abi.encodeWithSelector(Refused.selector));
        committee.giveRuling(disputeID, 1);
        vm.assertFalse(committee.disputeOf(disputeID).ruled);
        (refuses, again) = (false, true);
        vm.expectRevert(
            abi.encodeWithSelector(ICommitteeArbitrator.CommitteeArbitrator_AlreadyRuled.selector, disputeID)
        );
        committee.giveRuling(disputeID, 1);
    }
}
