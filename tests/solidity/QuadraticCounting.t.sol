// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Governance} from "../../contracts/governance/Governance.sol";
import {Timelock} from "../../contracts/governance/Timelock.sol";
import {LateQuorumGovernor} from "../../contracts/test/LateQuorumGovernor.sol";
import {SettableVotes} from "../../contracts/test/SettableVotes.sol";
import {IQuadraticCounting} from "../../interfaces/IGovernance.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {Test, Vm} from "./Vm.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Panic} from "@openzeppelin/contracts/utils/Panic.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice Counting with powers that the test sets, beside OpenZeppelin's own modules.
contract QuadraticCountingTest is Test {
    uint256 private constant START = 1_900_000_000;
    uint256 private constant TOTAL = 1_000;
    uint256 private constant QUORUM = 400;
    address private constant PROPOSER = address(0xa11ce);

    SettableVotes private power = new SettableVotes();
    Governance private governance;
    LateQuorumGovernor private original;
    uint256 private proposalId;
    uint256 private snapshot;
    uint256 private deadline;

    function setUp() public {
        vm.warp(START);
        Timelock timelock = new Timelock(2 days, new address[](0), new address[](0), address(this));
        governance = new Governance(INovaToken(address(power)), timelock, address(this));
        original = new LateQuorumGovernor(IVotes(address(power)));
        power.set(PROPOSER, 1e24);
        power.setTotal(TOTAL);
        vm.warp(START + 1);
        (address[] memory targets, uint256[] memory values, bytes[] memory calldatas) =
            (new address[](1), new uint256[](1), new bytes[](1));
        vm.prank(PROPOSER);
        proposalId = governance.propose(targets, values, calldatas, "");
        original.propose(targets, values, calldatas, "");
        snapshot = governance.proposalSnapshot(proposalId);
        deadline = snapshot + 7 days;
        vm.warp(snapshot + 1);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Beside OpenZeppelin
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Any votes of any weight in any order at any time: the same refusals, tallies, deadlines, events and states,
    /// after each of them.
    function testFuzz_CountsAsOpenZeppelinDoes(uint256 total, uint256[16] calldata noise) public {
        total = _bound(total, 3, 1e13);
        power.setTotal(total);
        uint256 time = snapshot + 1;
        for (uint256 i = 0; i < noise.length; ++i) {
            uint256 word = noise[i];
            // Most of the votes fall close to the end, where it matters.
            time += word % 5 == 0 ? (word >> 8) % 3 days : (word >> 8) % 8 hours;
            vm.warp(time);
            address voter = address(uint160(0x1000 + (word >> 64) % 12));
            power.set(voter, (word >> 96) % (total / 3));
            _voteOnBoth(voter, uint8((word >> 80) % 16 == 0 ? 3 : (word >> 80) % 3));
            _compare();
        }
        vm.warp(deadline + 3 days);
        _compare();
    }

    /// @dev The extension of the reference, when quorum comes at any second of the vote.
    function testFuzz_ExtendsAsOpenZeppelinDoes(uint256 time, bool abstain) public {
        vm.warp(_bound(time, snapshot + 1, deadline));
        power.set(PROPOSER, QUORUM);
        _voteOnBoth(PROPOSER, abstain ? 2 : 1);
        _compare();
        uint256 extended = block.timestamp + 2 days;
        vm.assertEq(governance.proposalDeadline(proposalId), extended > deadline ? extended : deadline);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Tallies
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The three sums share a slot and never disturb one another, nor the extension.
    function testFuzz_SumsAreApart(uint56[3] memory first, uint56[3] memory second, uint256 time) public {
        vm.warp(_bound(time, snapshot + 1, deadline));
        for (uint8 support = 0; support < 3; ++support) {
            _cast(address(uint160(0x1000 + support)), support, first[support]);
            _cast(address(uint160(0x2000 + support)), support, second[support]);
        }
        (uint256 against, uint256 inFavour, uint256 abstain) = governance.proposalVotes(proposalId);
        vm.assertEq(against, uint256(first[0]) + second[0]);
        vm.assertEq(inFavour, uint256(first[1]) + second[1]);
        vm.assertEq(abstain, uint256(first[2]) + second[2]);
    }

    function test_TallyTakesOneSlot() public {
        vm.warp(deadline);
        for (uint8 support = 0; support < 3; ++support) {
            power.set(address(uint160(0x1000 + support)), QUORUM);
            vm.record();
            vm.prank(address(uint160(0x1000 + support)));
            governance.castVote(proposalId, support);
            (, bytes32[] memory written) = vm.accesses(address(governance));
            vm.assertEq(written.length, uint256(2), "the voter's flag and the tally");
        }
        vm.assertEq(governance.proposalDeadline(proposalId), deadline + 2 days);
    }

    /// @dev Powers are under 2^43 (docs/invariants.md); one that is not would be refused, never wrapped.
    function testFuzz_PowerBeyondTheSlotIsRefused(uint256 weight, uint8 support) public {
        weight = _bound(weight, uint256(type(uint64).max) + 1, type(uint256).max);
        power.set(PROPOSER, weight);
        vm.expectRevert(abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, uint8(64), weight));
        vm.prank(PROPOSER);
        governance.castVote(proposalId, support % 3);
    }

    function testFuzz_SumBeyondTheSlotIsRefused(uint8 support) public {
        support %= 3;
        _cast(address(0x1000), support, type(uint64).max);
        power.set(PROPOSER, 1);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", Panic.UNDER_OVERFLOW));
        vm.prank(PROPOSER);
        governance.castVote(proposalId, support);
    }

    function testFuzz_OtherSupportIsRefused(uint8 support) public {
        support = uint8(_bound(support, 3, 255));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidVoteType.selector));
        vm.prank(PROPOSER);
        governance.castVote(proposalId, support);
        vm.assertFalse(governance.hasVoted(proposalId, PROPOSER));
    }

    function testFuzz_UnknownProposalReadsAsNothing(uint256 other, address account) public view {
        vm.assume(other != proposalId);
        (uint256 against, uint256 inFavour, uint256 abstain) = governance.proposalVotes(other);
        vm.assertEq(against + inFavour + abstain, uint256(0));
        vm.assertFalse(governance.hasVoted(other, account));
        vm.assertEq(governance.proposalDeadline(other), uint256(0));
    }

    function test_Mode() public view {
        vm.assertEq(governance.COUNTING_MODE(), original.COUNTING_MODE());
        vm.assertEq(uint256(governance.lateQuorumVoteExtension()), uint256(original.lateQuorumVoteExtension()));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Outcome
    // ------------------------------------------------------------------------------------------------------------

    /// @dev For and Abstain make the quorum, Against does not; more For than Against makes success.
    function testFuzz_Outcome(uint256 against, uint256 inFavour, uint256 abstain) public {
        (against, inFavour, abstain) = (against % 500, inFavour % 500, abstain % 500);
        _cast(address(0x1000), 0, against);
        _cast(address(0x2000), 1, inFavour);
        _cast(address(0x3000), 2, abstain);
        vm.warp(deadline + 1);
        bool passes = inFavour + abstain >= QUORUM && inFavour > against;
        vm.assertEq(
            uint256(governance.state(proposalId)),
            uint256(passes ? IGovernor.ProposalState.Succeeded : IGovernor.ProposalState.Defeated)
        );
    }

    function test_OutcomeAtTheEdges() public {
        uint256 clean = vm.snapshotState();
        uint256[3][6] memory cases = [
            [uint256(0), QUORUM, 0],
            [uint256(0), QUORUM - 1, 0],
            [uint256(0), QUORUM - 1, 1],
            [QUORUM, QUORUM, 0],
            [QUORUM - 1, QUORUM, 0],
            [uint256(0), 0, QUORUM]
        ];
        bool[6] memory passes = [true, false, true, false, true, false];
        for (uint256 i = 0; i < cases.length; ++i) {
            testFuzz_Outcome(cases[i][0], cases[i][1], cases[i][2]);
            vm.assertEq(uint256(governance.state(proposalId)) == 4, passes[i]);
            vm.revertToState(clean);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Late quorum
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Two days before the end nothing is added, a second later that second.
    function test_ExtensionBeginsTwoDaysBeforeTheEnd() public {
        uint256 clean = vm.snapshotState();
        vm.warp(deadline - 2 days);
        vm.recordLogs();
        _cast(PROPOSER, 1, QUORUM);
        vm.assertEq(vm.getRecordedLogs().length, uint256(1), "VoteCast alone");
        vm.assertEq(governance.proposalDeadline(proposalId), deadline);
        vm.revertToState(clean);
        vm.warp(deadline - 2 days + 1);
        power.set(PROPOSER, QUORUM);
        vm.expectEmit();
        emit IQuadraticCounting.ProposalExtended(proposalId, uint64(deadline + 1));
        vm.prank(PROPOSER);
        governance.castVote(proposalId, 1);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline + 1);
    }

    /// @dev Votes against never do, those that follow never do again, and in the time that is added all may vote.
    function test_ExtensionComesOnce() public {
        vm.warp(deadline);
        _cast(address(0x1000), 0, QUORUM);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline);
        _cast(address(0x2000), 1, QUORUM - 1);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline);
        _cast(address(0x3000), 2, 1);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline + 2 days);
        vm.warp(deadline + 2 days);
        _cast(address(0x4000), 1, QUORUM);
        _cast(address(0x5000), 0, QUORUM);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline + 2 days);
        vm.warp(deadline + 2 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IGovernor.GovernorUnexpectedProposalState.selector,
                proposalId,
                IGovernor.ProposalState.Defeated,
                bytes32(uint256(2))
            )
        );
        vm.prank(PROPOSER);
        governance.castVote(proposalId, 1);
    }

    /// @dev Quorum of old, new votes late: nothing is added.
    function test_QuorumInTimeExtendsNothing() public {
        _cast(address(0x1000), 2, QUORUM);
        vm.warp(deadline);
        _cast(address(0x2000), 1, QUORUM);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline);
    }

    /// @dev Where quorum is nothing, the first power brings it; votes without power prolong nothing, ever.
    function test_WithoutQuorumTheFirstPowerExtends() public {
        power.setTotal(0);
        vm.warp(deadline);
        for (uint160 i = 0; i < 5; ++i) {
            _cast(address(0x9000 + i), 1, 0);
            vm.assertEq(governance.proposalDeadline(proposalId), deadline);
        }
        _cast(address(0x1000), 0, 5);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline);
        _cast(address(0x2000), 1, 1);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline + 2 days);
        vm.warp(deadline + 1 days);
        _cast(address(0x3000), 1, 1);
        vm.assertEq(governance.proposalDeadline(proposalId), deadline + 2 days);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _cast(address voter, uint8 support, uint256 weight) private {
        power.set(voter, weight);
        vm.prank(voter);
        vm.assertEq(governance.castVote(proposalId, support), weight);
    }

    /// @dev The same vote on both: both answers and both logs are the same.
    function _voteOnBoth(address voter, uint8 support) private {
        bytes memory call_ = abi.encodeCall(IGovernor.castVote, (proposalId, support));
        vm.recordLogs();
        vm.prank(voter);
        (bool ok, bytes memory answer) = address(governance).call(call_);
        Vm.Log[] memory ours = vm.getRecordedLogs();
        vm.recordLogs();
        vm.prank(voter);
        (bool expected, bytes memory theirs) = address(original).call(call_);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(ok, expected, "went through");
        vm.assertEq(answer, theirs);
        vm.assertEq(ours.length, logs.length, "number of events");
        // OpenZeppelin tells of the extension after the vote, we before.
        for (uint256 i = 0; i < logs.length; ++i) {
            Vm.Log memory other = logs[logs.length - 1 - i];
            vm.assertEq(ours[i].topics[0], other.topics[0], "event");
            vm.assertEq(ours[i].data, other.data);
        }
    }

    function _compare() private view {
        (uint256 a, uint256 b, uint256 c) = governance.proposalVotes(proposalId);
        (uint256 x, uint256 y, uint256 z) = original.proposalVotes(proposalId);
        vm.assertEq(a, x, "against");
        vm.assertEq(b, y, "for");
        vm.assertEq(c, z, "abstain");
        vm.assertEq(governance.proposalDeadline(proposalId), original.proposalDeadline(proposalId), "deadline");
        vm.assertEq(uint256(governance.state(proposalId)), uint256(original.state(proposalId)), "state");
    }
}
