// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FlashLender, IFlashBorrower} from "../../contracts/test/FlashLender.sol";
import {HostileTarget} from "../../contracts/test/HostileTarget.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {Panic} from "@openzeppelin/contracts/utils/Panic.sol";

/// @notice Queueing and executing, and what proposals may do to one another and to the governor itself.
contract GovernanceExecutionTest is GovernanceSuite, IFlashBorrower {
    HostileTarget private target = new HostileTarget();

    // ------------------------------------------------------------------------------------------------------------
    // queue, execute
    // ------------------------------------------------------------------------------------------------------------

    function test_QueueAndExecute() public {
        Draft memory draft = _mintCpu(7e18, "Mint");
        uint256 proposalId = _pass(draft);
        _assertState(proposalId, IGovernor.ProposalState.Succeeded);
        uint256 eta = block.timestamp + 48 hours;
        vm.expectEmit();
        emit IGovernor.ProposalQueued(proposalId, eta);
        vm.prank(STRANGER);
        vm.assertEq(_queue(draft), proposalId);
        vm.assertEq(governance.proposalEta(proposalId), eta);
        _assertState(proposalId, IGovernor.ProposalState.Queued);
        vm.warp(eta);
        vm.expectEmit();
        emit IERC20.Transfer(address(0), address(timelock), 7e18);
        vm.expectEmit();
        emit IGovernor.ProposalExecuted(proposalId);
        vm.prank(STRANGER);
        vm.assertEq(_execute(draft), proposalId);
        _assertState(proposalId, IGovernor.ProposalState.Executed);
        vm.assertEq(cpu.balanceOf(address(timelock)), 7e18);
    }

    function test_QueueBeforeTheEnd() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _open(draft);
        _vote(ALICE, proposalId, FOR);
        vm.warp(governance.proposalDeadline(proposalId));
        bytes32 succeeded = _bitmap(IGovernor.ProposalState.Succeeded);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Active, succeeded);
        _queue(draft);
        vm.warp(block.timestamp + 1);
        _queue(draft);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Queued, succeeded);
        _queue(draft);
    }

    function test_QueueDefeated() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _open(draft);
        _vote(BOB, proposalId, FOR); // 2,000 of the 2,600 that a quorum needs
        vm.warp(governance.proposalDeadline(proposalId) + 1);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Defeated, _bitmap(IGovernor.ProposalState.Succeeded));
        _queue(draft);
    }

    function test_ExecuteBeforeItIsQueued() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _pass(draft);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Succeeded, _bitmap(IGovernor.ProposalState.Queued));
        _execute(draft);
    }

    function testFuzz_ExecuteBeforeTheDelay(uint256 early) public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _ready(draft);
        vm.warp(block.timestamp - _bound(early, 1, 48 hours));
        bytes32 salt = bytes20(address(governance)) ^ keccak256(bytes(draft.description));
        bytes32 operation = timelock.hashOperationBatch(draft.targets, draft.values, draft.calldatas, 0, salt);
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockUnexpectedOperationState.selector,
                operation,
                bytes32(2 ** uint256(TimelockController.OperationState.Ready))
            )
        );
        _execute(draft);
        _assertState(proposalId, IGovernor.ProposalState.Queued);
    }

    function test_ExecuteTwice() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _enact(draft);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Executed, _bitmap(IGovernor.ProposalState.Queued));
        _execute(draft);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Executed, _bitmap(IGovernor.ProposalState.Succeeded));
        _queue(draft);
        vm.assertEq(cpu.totalSupply(), 1e18);
    }

    /// @dev Another word of the description, another value: another proposal, of which there is none.
    function test_ExecuteSomethingElse() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        _ready(draft);
        draft.description = "mint";
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorNonexistentProposal.selector, _idOf(draft)));
        _execute(draft);
        draft = _mintCpu(2e18, "Mint");
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorNonexistentProposal.selector, _idOf(draft)));
        _execute(draft);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Actions that fail
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The action's own error, nothing of the proposal is done, and it can be executed when the reason is gone.
    function test_ActionReverts() public {
        Draft memory draft = _mintCpu(1e18, "Two actions");
        draft = _and(draft, address(target), abi.encodeCall(target.work, ()));
        uint256 proposalId = _ready(draft);
        vm.expectRevert(abi.encodeWithSelector(HostileTarget.HostileTarget_Refused.selector, 42));
        _execute(draft);
        vm.assertEq(cpu.totalSupply(), uint256(0));
        _assertState(proposalId, IGovernor.ProposalState.Queued);
        target.mend();
        vm.warp(block.timestamp + 3650 days);
        _execute(draft);
        vm.assertEq(cpu.totalSupply(), 1e18);
    }

    function testFuzz_ActionRevertsWithAnything(bytes calldata answer) public {
        vm.assume(answer.length > 0);
        Draft memory draft = _draft(address(target), abi.encodeCall(target.refuse, (answer)), "Refuse");
        _ready(draft);
        vm.expectRevert(answer);
        _execute(draft);
    }

    function test_ActionRevertsWithNothing() public {
        Draft memory draft = _draft(address(target), abi.encodeCall(target.refuse, ("")), "Refuse");
        _ready(draft);
        vm.expectRevert(abi.encodeWithSelector(Errors.FailedCall.selector));
        _execute(draft);
    }

    /// @dev A call to nobody succeeds: the EVM does so, and neither governor nor timelock look. The tools look.
    function testFuzz_ActionAtAddressWithoutCode(address nobody, bytes calldata data) public {
        nobody = address(uint160(nobody) | (1 << 159));
        vm.assume(nobody.code.length == 0);
        uint256 proposalId = _enact(_draft(nobody, data, "Call nobody"));
        _assertState(proposalId, IGovernor.ProposalState.Executed);
    }

    function test_MintingBeyondTheCap() public {
        Draft memory draft = _mintCpu(1_000_000e18 + 1, "Mint too much");
        _ready(draft);
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, 1_000_000e18 + 1, 1_000_000e18));
        _execute(draft);
    }

    /// @dev Each fits under the cap, both do not: whichever comes first wins, the other stays queued.
    function testFuzz_ConflictingProposals(bool swapped) public {
        Draft memory first = _mintCpu(600_000e18, swapped ? "B" : "A");
        Draft memory second = _mintCpu(600_000e18, swapped ? "A" : "B");
        uint256[2] memory ids = [_propose(first), _propose(second)];
        vm.warp(governance.proposalSnapshot(ids[0]) + 1);
        for (uint256 i = 0; i < 2; ++i) {
            _vote(ALICE, ids[i], FOR);
        }
        vm.warp(governance.proposalDeadline(ids[0]) + 1);
        _queue(first);
        _queue(second);
        vm.warp(governance.proposalEta(ids[0]));
        _execute(first);
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, 1_200_000e18, 1_000_000e18));
        _execute(second);
        _assertState(ids[1], IGovernor.ProposalState.Queued);
        _cancel(GUARDIAN, second);
        _assertState(ids[1], IGovernor.ProposalState.Canceled);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Ether
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Without ether in the timelock the action fails; whoever executes may bring it, and the rest stays there.
    function test_MissingEther() public {
        Draft memory draft = _draft(address(target), abi.encodeCall(target.take, ()), "Pay");
        draft.values[0] = 3 ether;
        uint256 proposalId = _ready(draft);
        vm.expectRevert(abi.encodeWithSelector(Errors.FailedCall.selector));
        _execute(draft);
        _assertState(proposalId, IGovernor.ProposalState.Queued);
        vm.deal(address(timelock), 1 ether);
        vm.deal(address(this), 5 ether);
        governance.execute{value: 5 ether}(
            draft.targets, draft.values, draft.calldatas, keccak256(bytes(draft.description))
        );
        vm.assertEq(address(target).balance, 3 ether);
        vm.assertEq(address(timelock).balance, 3 ether);
        vm.assertEq(address(governance).balance, uint256(0));
    }

    function test_EtherFromTheTreasury() public {
        vm.deal(address(this), 2 ether);
        (bool sent,) = address(timelock).call{value: 2 ether}("");
        vm.assertTrue(sent);
        Draft memory draft = _draft(STRANGER, "", "Pay somebody");
        draft.values[0] = 2 ether;
        _enact(draft);
        vm.assertEq(STRANGER.balance, 2 ether);
    }

    /// @dev Ether and tokens of other standards belong into the timelock; the governor takes none.
    function test_GovernorTakesNoEther() public {
        vm.deal(address(this), 1 ether);
        (bool sent, bytes memory answer) = address(governance).call{value: 1 ether}("");
        vm.assertFalse(sent);
        vm.assertEq(answer, abi.encodeWithSelector(IGovernor.GovernorDisabledDeposit.selector));
    }

    // ------------------------------------------------------------------------------------------------------------
    // The governor's own functions
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_OwnFunctionsAreForTheTimelockOnly(address caller, uint8 which) public {
        vm.assume(caller != address(timelock));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, caller));
        vm.prank(caller);
        (bool ok,) = address(governance).call(_own(which));
        ok; // what it was, expectRevert has checked
    }

    /// @dev Not even the timelock, unless the governor itself is executing just that call.
    function testFuzz_OwnFunctionsAreForProposalsOnly(uint8 which) public {
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", Panic.EMPTY_ARRAY_POP));
        vm.prank(address(timelock));
        (bool ok,) = address(governance).call(_own(which));
        ok; // what it was, expectRevert has checked
    }

    function test_ProposalChangesParameters() public {
        Draft memory draft = _draft(address(governance), abi.encodeCall(governance.setVotingDelay, (2 days)), "Set");
        draft = _and(draft, address(governance), abi.encodeCall(governance.setVotingPeriod, (3 days)));
        draft = _and(draft, address(governance), abi.encodeCall(governance.setProposalThreshold, (5e18)));
        draft = _and(draft, address(governance), abi.encodeCall(governance.updateQuorumNumerator, (50)));
        _ready(draft);
        vm.expectEmit();
        emit GovernorSettings.VotingDelaySet(1 days, 2 days);
        _execute(draft);
        vm.assertEq(governance.votingDelay(), 2 days);
        vm.assertEq(governance.votingPeriod(), 3 days);
        vm.assertEq(governance.proposalThreshold(), 5e18);
        vm.assertEq(governance.quorumNumerator(), uint256(50));
    }

    /// @dev A changed quorum is one for proposals whose snapshot is later.
    function test_QuorumOfRunningProposalStays() public {
        Draft memory change =
            _draft(address(governance), abi.encodeCall(governance.updateQuorumNumerator, (100)), "All");
        _ready(change);
        uint256 running = _propose(_mintCpu(1e18, "Running"));
        uint256 snapshot = governance.proposalSnapshot(running);
        vm.warp(snapshot + 1);
        _execute(change);
        vm.assertEq(governance.quorum(snapshot), uint256(2_600_000));
        vm.warp(block.timestamp + 1);
        vm.assertEq(governance.quorum(block.timestamp - 1), uint256(6_500_000));
    }

    function test_RelayRecoversTokens() public {
        _give(ALICE, address(governance), 5e18);
        bytes memory transfer = abi.encodeCall(nova.transfer, (STRANGER, 5e18));
        _enact(_draft(address(governance), abi.encodeCall(governance.relay, (address(nova), 0, transfer)), "Recover"));
        vm.assertEq(nova.balanceOf(STRANGER), 5e18);
    }

    /// @dev What was queued at the timelock that was left is over, and everything afterwards goes through the new one.
    function test_ChangeOfTimelock() public {
        Draft memory left = _mintCpu(1e18, "Left behind");
        uint256 leftId = _pass(left);
        _queue(left);
        TimelockController next = new TimelockController(1 days, new address[](0), new address[](0), address(this));
        _enact(_draft(address(governance), abi.encodeCall(governance.updateTimelock, (next)), "Move"));
        vm.assertEq(governance.timelock(), address(next));
        _assertState(leftId, IGovernor.ProposalState.Canceled);
        _expectUnexpectedState(leftId, IGovernor.ProposalState.Canceled, _bitmap(IGovernor.ProposalState.Queued));
        _execute(left);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Reentrancy
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A target that executes, queues or cancels the proposal that calls it finds it executed.
    function test_TargetCallsBack() public {
        Draft memory inner = _mintCpu(1e18, "Inner");
        uint256 innerId = _ready(inner);
        bytes32 description = keccak256("Inner");
        Draft memory again = _draft(
            address(target),
            abi.encodeCall(
                target.callBack,
                (
                    address(governance),
                    abi.encodeCall(governance.execute, (inner.targets, inner.values, inner.calldatas, description))
                )
            ),
            "Outer"
        );
        _enact(again);
        _assertState(innerId, IGovernor.ProposalState.Executed);
        vm.assertEq(cpu.totalSupply(), 1e18);
        again.description = "Outer again";
        _ready(again);
        _expectUnexpectedState(innerId, IGovernor.ProposalState.Executed, _bitmap(IGovernor.ProposalState.Queued));
        _execute(again);
        vm.assertEq(cpu.totalSupply(), 1e18);
    }

    /// @dev A target that runs another proposal in between takes away the outer one's right to the governor's own
    /// functions: the outer one fails as a whole rather than doing half.
    function test_TargetCannotSmuggleACallToTheGovernor() public {
        Draft memory inner = _draft(address(governance), abi.encodeCall(governance.setVotingPeriod, (2 days)), "Inner");
        uint256 innerId = _ready(inner);
        bytes memory run =
            abi.encodeCall(governance.execute, (inner.targets, inner.values, inner.calldatas, keccak256("Inner")));
        Draft memory outer =
            _draft(address(target), abi.encodeCall(target.callBack, (address(governance), run)), "Outer");
        outer = _and(outer, address(governance), abi.encodeCall(governance.setVotingDelay, (3 days)));
        uint256 outerId = _ready(outer);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", Panic.EMPTY_ARRAY_POP));
        _execute(outer);
        _assertState(innerId, IGovernor.ProposalState.Queued);
        _assertState(outerId, IGovernor.ProposalState.Queued);
        vm.assertEq(governance.votingDelay(), 1 days);
        vm.assertEq(governance.votingPeriod(), 7 days);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Borrowed tokens
    // ------------------------------------------------------------------------------------------------------------

    FlashLender private lender;
    uint256 private borrowedFor;

    /// @dev With nearly all NOVA for a transaction, in the very second of the snapshot: no proposal, no vote.
    function test_FlashLoanedTokens() public {
        lender = new FlashLender();
        _verify(ATTESTER, address(this), 1);
        nova.delegate(address(this));
        borrowedFor = _propose(_mintCpu(1e18, "Mint"));
        _give(ALICE, address(lender), 9_000_000 * NOVA);
        vm.warp(governance.proposalSnapshot(borrowedFor));
        lender.lend(IERC20(address(nova)), this);
        vm.warp(block.timestamp + 1);
        lender.lend(IERC20(address(nova)), this);
        vm.assertEq(votes.getPastVotes(address(this), block.timestamp - 1), uint256(0));
        vm.assertEq(governance.castVote(borrowedFor, FOR), uint256(0));
    }

    function onLoan(IERC20 token, uint256 amount) external {
        vm.assertEq(votes.getVotes(address(this)), uint256(3_000_000));
        vm.assertEq(nova.getVotes(address(this)), 9_000_000 * NOVA);
        Draft memory draft = _mintCpu(1e18, "Borrowed");
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, address(this), 0, 100_000e18)
        );
        governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
        uint256 snapshot = governance.proposalSnapshot(borrowedFor);
        if (block.timestamp > snapshot) {
            vm.assertEq(governance.getVotes(address(this), snapshot), uint256(0));
        } else {
            _expectUnexpectedState(
                borrowedFor, IGovernor.ProposalState.Pending, _bitmap(IGovernor.ProposalState.Active)
            );
            governance.castVote(borrowedFor, FOR);
        }
        vm.assertTrue(token.transfer(address(lender), amount));
    }

    function _own(uint8 which) private view returns (bytes memory) {
        which %= 7;
        if (which == 0) return abi.encodeCall(governance.setVotingDelay, (1));
        if (which == 1) return abi.encodeCall(governance.setVotingPeriod, (1));
        if (which == 2) return abi.encodeCall(governance.setProposalThreshold, (1));
        if (which == 3) return abi.encodeCall(governance.updateQuorumNumerator, (1));
        if (which == 4) return abi.encodeCall(governance.updateTimelock, (timelock));
        if (which == 5) return abi.encodeCall(governance.setProposalGuardian, (STRANGER));
        return abi.encodeCall(governance.relay, (STRANGER, 0, ""));
    }
}
