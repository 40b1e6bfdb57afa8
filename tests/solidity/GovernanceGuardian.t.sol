// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEmergencyBrake} from "../../interfaces/IEmergencyBrake.sol";
import {IGovernance} from "../../interfaces/IGovernance.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @notice Who cancels what, and that a guardian cannot take the DAO hostage.
contract GovernanceGuardianTest is GovernanceSuite {
    // ------------------------------------------------------------------------------------------------------------
    // The proposer
    // ------------------------------------------------------------------------------------------------------------

    function test_ProposerCancelsWhilePending() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _propose(draft);
        vm.warp(governance.proposalSnapshot(proposalId));
        vm.expectEmit();
        emit IGovernor.ProposalCanceled(proposalId);
        vm.assertEq(_cancel(ALICE, draft), proposalId);
        _assertState(proposalId, IGovernor.ProposalState.Canceled);
    }

    function test_ProposerCannotCancelLater() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _open(draft);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, ALICE));
        _cancel(ALICE, draft);
    }

    function testFuzz_StrangersCannotCancel(address stranger) public {
        vm.assume(stranger != ALICE && stranger != GUARDIAN);
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _propose(draft);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, stranger));
        _cancel(stranger, draft);
    }

    /// @dev A dismissal is as any other proposal to everybody but the guardian.
    function test_DismissalIsCancelledByItsProposerOnly() public {
        Draft memory draft = _dismissal();
        uint256 proposalId = _propose(draft);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, STRANGER));
        _cancel(STRANGER, draft);
        _cancel(ALICE, draft);
        _assertState(proposalId, IGovernor.ProposalState.Canceled);
    }

    /// @dev With nobody as guardian, no proposer becomes one: what was voted for cannot be taken back.
    function test_ProposerIsNoGuardianWhereThereIsNone() public {
        _enact(_dismissal());
        vm.assertEq(governance.proposalGuardian(), address(0));
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _propose(draft);
        _cancel(ALICE, draft); // pending
        draft.description = "Mint again";
        proposalId = _ready(draft);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, ALICE));
        _cancel(ALICE, draft);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, address(0)));
        _cancel(address(0), draft);
        _execute(draft);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The guardian
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Pending, active, defeated, succeeded, queued. A queued one is gone from the timelock, too.
    function testFuzz_GuardianCancels(uint8 stage) public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _bring(draft, stage % 5);
        vm.expectEmit();
        emit IGovernor.ProposalCanceled(proposalId);
        _cancel(GUARDIAN, draft);
        _assertState(proposalId, IGovernor.ProposalState.Canceled);
        vm.warp(block.timestamp + 30 days);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Canceled, _bitmap(IGovernor.ProposalState.Queued));
        _execute(draft);
        bytes32 salt = bytes20(address(governance)) ^ keccak256("Mint");
        vm.assertFalse(
            timelock.isOperation(timelock.hashOperationBatch(draft.targets, draft.values, draft.calldatas, 0, salt))
        );
    }

    function test_GuardianCannotCancelWhatIsOver() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _enact(draft);
        bytes32 allowed = bytes32(uint256(0xff)) ^ _bitmap(IGovernor.ProposalState.Canceled)
            ^ _bitmap(IGovernor.ProposalState.Expired) ^ _bitmap(IGovernor.ProposalState.Executed);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Executed, allowed);
        _cancel(GUARDIAN, draft);
        draft.description = "Another";
        proposalId = _propose(draft);
        _cancel(GUARDIAN, draft);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Canceled, allowed);
        _cancel(GUARDIAN, draft);
        draft.description = "Unknown";
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorNonexistentProposal.selector, _idOf(draft)));
        _cancel(GUARDIAN, draft);
    }

    /// @dev Any mixture of the three ways to appoint or dismiss, in any stage.
    function testFuzz_GuardianCannotCancelDismissal(uint8[] calldata ways, uint8 stage, address other) public {
        vm.assume(ways.length > 0 && ways.length < 8);
        Draft memory draft = _draft(_place(ways[0]), _dismiss(ways[0], other), "Dismiss");
        for (uint256 i = 1; i < ways.length; ++i) {
            draft = _and(draft, _place(ways[i]), _dismiss(ways[i], other));
        }
        uint256 proposalId = _bring(draft, stage % 5);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernance.Governance_GuardianCannotCancelDismissal.selector, proposalId)
        );
        _cancel(GUARDIAN, draft);
    }

    /// @dev Nor its own, as its proposer.
    function test_GuardianCannotProposeAndCancelDismissal() public {
        _give(ALICE, GUARDIAN, 100_000e18);
        vm.prank(GUARDIAN);
        nova.delegate(GUARDIAN);
        vm.warp(block.timestamp + 1);
        Draft memory draft = _dismissal();
        vm.prank(GUARDIAN);
        uint256 proposalId = governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernance.Governance_GuardianCannotCancelDismissal.selector, proposalId)
        );
        _cancel(GUARDIAN, draft);
    }

    /// @dev One other action, before, between or after, and the guardian may cancel all of it.
    function testFuzz_GuardianCancelsDismissalWithAnythingElse(uint8 position, uint8 what) public {
        (address target, bytes memory data) = _notQuiteADismissal(what);
        position %= 3;
        Draft memory draft = position == 0
            ? _draft(target, data, "Mixed")
            : _draft(address(governance), abi.encodeCall(governance.setProposalGuardian, (BOB)), "Mixed");
        if (position == 1) draft = _and(draft, target, data);
        draft = _and(draft, address(authority), abi.encodeCall(authority.revokeRole, (GUARDIAN_ROLE, GUARDIAN)));
        if (position == 2) draft = _and(draft, target, data);
        uint256 proposalId = _propose(draft);
        _cancel(GUARDIAN, draft);
        _assertState(proposalId, IGovernor.ProposalState.Canceled);
    }

    function testFuzz_GuardianCancelsRolesOfOthers(uint64 role, bool grant) public {
        vm.assume(role != GUARDIAN_ROLE);
        bytes memory data = grant
            ? abi.encodeCall(authority.grantRole, (role, BOB, 0))
            : abi.encodeCall(authority.revokeRole, (role, BOB));
        Draft memory draft = _draft(address(authority), data, "Role");
        uint256 proposalId = _propose(draft);
        _cancel(GUARDIAN, draft);
        _assertState(proposalId, IGovernor.ProposalState.Canceled);
    }

    /// @dev Calldata of every length that is too short to name a role, also where the next words in memory would do.
    function test_GuardianCancelsShortCalldata() public {
        bytes memory whole = abi.encodeCall(authority.revokeRole, (GUARDIAN_ROLE, GUARDIAN));
        for (uint256 length = 0; length < 36; ++length) {
            bytes memory data = new bytes(length);
            for (uint256 i = 0; i < length; ++i) {
                data[i] = whole[i];
            }
            Draft memory draft = _draft(address(authority), data, "Short");
            _propose(draft);
            _cancel(GUARDIAN, draft);
        }
        Draft memory enough = _draft(address(authority), abi.encodePacked(bytes4(whole), uint256(1)), "Enough");
        uint256 proposalId = _propose(enough);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernance.Governance_GuardianCannotCancelDismissal.selector, proposalId)
        );
        _cancel(GUARDIAN, enough);
    }

    /// @dev Arrays of different lengths are no proposal; the guardian is told so in either way.
    function test_GuardianCancelsNothing() public {
        address[] memory targets = new address[](2);
        targets[0] = STRANGER;
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorNonexistentProposal.selector,
                uint256(keccak256(abi.encode(targets, new uint256[](2), new bytes[](1), bytes32(0))))
            )
        );
        vm.prank(GUARDIAN);
        governance.cancel(targets, new uint256[](2), new bytes[](1), 0);
    }

    function test_DismissedGuardianHasNothingLeft() public {
        Draft memory draft = _draft(address(governance), abi.encodeCall(governance.setProposalGuardian, (BOB)), "Go");
        draft = _and(draft, address(authority), abi.encodeCall(authority.revokeRole, (GUARDIAN_ROLE, GUARDIAN)));
        draft = _and(draft, address(authority), abi.encodeCall(authority.grantRole, (GUARDIAN_ROLE, BOB, 0)));
        _enact(draft);
        Draft memory other = _mintCpu(1e18, "Mint");
        uint256 proposalId = _propose(other);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, GUARDIAN));
        _cancel(GUARDIAN, other);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        brake.pause(address(proof));
        _cancel(BOB, other);
        vm.prank(BOB);
        brake.pause(address(proof));
    }

    /// @dev The worst it can do: it pauses, cancels everything it may, and is gone before it could pause again. A late
    /// quorum prolongs that, and still.
    function testFuzz_HostageEndsWithTheDismissal(uint256 reaction) public {
        reaction = _bound(reaction, 1, 2 days);
        vm.prank(GUARDIAN);
        brake.pause(address(proof));
        uint256 again = brake.pausedUntil(address(proof)) + brake.COOLDOWN();
        vm.warp(block.timestamp + reaction);
        Draft memory rescue = _draft(address(brake), abi.encodeCall(brake.unpause, (address(proof))), "Unpause");
        _propose(rescue);
        _cancel(GUARDIAN, rescue);
        Draft memory dismissal = _dismissal();
        uint256 proposalId = _propose(dismissal);
        vm.warp(governance.proposalDeadline(proposalId));
        _vote(ALICE, proposalId, FOR);
        vm.warp(governance.proposalDeadline(proposalId) + 1);
        _queue(dismissal);
        vm.warp(governance.proposalEta(proposalId));
        brake.lift(address(proof)); // its 72 hours are long over
        vm.expectRevert(
            abi.encodeWithSelector(IEmergencyBrake.EmergencyBrake_CoolingDown.selector, address(proof), again)
        );
        vm.prank(GUARDIAN);
        brake.pause(address(proof));
        _execute(dismissal);
        vm.assertTrue(block.timestamp < again);
        vm.warp(again);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        brake.pause(address(proof));
        vm.assertFalse(proof.paused());
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _dismissal() private view returns (Draft memory draft) {
        draft = _draft(address(governance), abi.encodeCall(governance.setProposalGuardian, (address(0))), "Dismiss");
        draft = _and(draft, address(authority), abi.encodeCall(authority.revokeRole, (GUARDIAN_ROLE, GUARDIAN)));
    }

    function _place(uint8 way) private view returns (address) {
        return way % 3 == 0 ? address(governance) : address(authority);
    }

    function _dismiss(uint8 way, address other) private view returns (bytes memory) {
        if (way % 3 == 0) return abi.encodeCall(governance.setProposalGuardian, (other));
        if (way % 3 == 1) return abi.encodeCall(authority.revokeRole, (GUARDIAN_ROLE, GUARDIAN));
        return abi.encodeCall(authority.grantRole, (GUARDIAN_ROLE, other, way));
    }

    /// @dev What looks like a dismissal and is something else.
    function _notQuiteADismissal(uint8 what) private view returns (address, bytes memory) {
        what %= 9;
        bytes memory revoke = abi.encodeCall(authority.revokeRole, (GUARDIAN_ROLE, GUARDIAN));
        bytes memory set = abi.encodeCall(governance.setProposalGuardian, (BOB));
        if (what == 0) return (address(cpu), abi.encodeCall(cpu.mint, (STRANGER, 1)));
        if (what == 1) return (address(authority), set);
        if (what == 2) return (address(governance), revoke);
        if (what == 3) return (STRANGER, set);
        if (what == 4) return (STRANGER, revoke);
        if (what == 5) return (address(governance), "");
        if (what == 6) return (address(authority), abi.encodeCall(authority.setGrantDelay, (GUARDIAN_ROLE, 1)));
        if (what == 7) return (address(governance), abi.encodeCall(governance.setVotingDelay, (1)));
        bytes[] memory several = new bytes[](1);
        several[0] = revoke;
        return (address(authority), abi.encodeCall(authority.multicall, (several)));
    }

    /// @dev The draft as a proposal in stage 0 pending, 1 active, 2 defeated, 3 succeeded, 4 queued.
    function _bring(Draft memory draft, uint256 stage) private returns (uint256 proposalId) {
        if (stage == 0) return _propose(draft);
        if (stage == 3) return _pass(draft);
        if (stage == 4) return _ready(draft);
        proposalId = _open(draft);
        if (stage == 2) vm.warp(governance.proposalDeadline(proposalId) + 1);
    }
}
