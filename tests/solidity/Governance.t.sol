// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Governance} from "../../contracts/governance/Governance.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {GovernorProposalGuardian} from "@openzeppelin/contracts/governance/extensions/GovernorProposalGuardian.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @notice Proposing and voting. Executing is in GovernanceExecution.t.sol, cancelling in GovernanceGuardian.t.sol.
contract GovernanceTest is GovernanceSuite {
    uint256 private constant THRESHOLD = 100_000e18;

    bytes32 private constant BALLOT = keccak256("Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)");

    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function test_Constructor() public {
        vm.expectEmit();
        emit GovernorProposalGuardian.ProposalGuardianSet(address(0), GUARDIAN);
        Governance fresh = new Governance(nova, timelock, GUARDIAN);
        vm.assertEq(fresh.proposalGuardian(), GUARDIAN);
        vm.assertEq(address(fresh.nova()), address(nova));
        vm.assertEq(address(fresh.token()), address(votes));
        vm.assertEq(fresh.timelock(), address(timelock));
        vm.assertEq(fresh.votingDelay(), 1 days);
        vm.assertEq(fresh.votingPeriod(), 7 days);
        vm.assertEq(fresh.proposalThreshold(), THRESHOLD);
        vm.assertEq(fresh.quorumNumerator(), uint256(40));
        vm.assertEq(fresh.quorumDenominator(), uint256(100));
        vm.assertEq(uint256(fresh.lateQuorumVoteExtension()), 2 days);
        vm.assertEq(fresh.name(), "NovaCron Governance");
        vm.assertTrue(fresh.proposalNeedsQueuing(0));
    }

    /// @dev EIP-170.
    function test_CodeFitsIntoAContract() public view {
        vm.assertTrue(address(governance).code.length <= 24_576);
    }

    function testFuzz_Clock(uint48 time) public {
        vm.warp(time);
        vm.assertEq(uint256(governance.clock()), uint256(time));
        vm.assertEq(governance.CLOCK_MODE(), "mode=timestamp");
    }

    // ------------------------------------------------------------------------------------------------------------
    // propose
    // ------------------------------------------------------------------------------------------------------------

    function test_Propose() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 expected = _idOf(draft);
        uint256 snapshot = block.timestamp + 1 days;
        vm.expectEmit();
        emit IGovernor.ProposalCreated(
            expected,
            ALICE,
            draft.targets,
            draft.values,
            new string[](1),
            draft.calldatas,
            snapshot,
            snapshot + 7 days,
            "Mint"
        );
        vm.assertEq(_propose(draft), expected);
        vm.assertEq(governance.proposalSnapshot(expected), snapshot);
        vm.assertEq(governance.proposalDeadline(expected), snapshot + 7 days);
        vm.assertEq(governance.proposalProposer(expected), ALICE);
        vm.assertEq(governance.proposalEta(expected), uint256(0));
        _assertState(expected, IGovernor.ProposalState.Pending);
    }

    /// @dev Linear votes count, verified or not; square roots do not.
    function testFuzz_ProposeNeedsTheThreshold(uint256 tokens) public {
        tokens = _bound(tokens, 0, 2 * THRESHOLD);
        _give(ALICE, STRANGER, tokens);
        vm.prank(STRANGER);
        nova.delegate(STRANGER);
        vm.warp(block.timestamp + 1);
        Draft memory draft = _mintCpu(1e18, "Mint");
        if (tokens < THRESHOLD) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IGovernor.GovernorInsufficientProposerVotes.selector, STRANGER, tokens, THRESHOLD
                )
            );
        }
        vm.prank(STRANGER);
        governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
    }

    function test_ProposeAtTheThreshold() public {
        testFuzz_ProposeNeedsTheThreshold(THRESHOLD);
    }

    function test_ProposeJustBelowTheThreshold() public {
        testFuzz_ProposeNeedsTheThreshold(THRESHOLD - 1);
    }

    /// @dev Bob has 4,000,000 NOVA and 2,000 power, but no linear votes before he delegates, nor in the same second.
    function test_ProposeNeedsVotesOfASecondAgo() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        vm.prank(BOB);
        nova.delegate(BOB);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, BOB, 0, THRESHOLD));
        vm.prank(BOB);
        governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
        vm.warp(block.timestamp + 1);
        vm.prank(BOB);
        governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
    }

    function testFuzz_ProposeWrongLengths(uint8 targets, uint8 values, uint8 calldatas) public {
        uint256[3] memory n = [uint256(targets) % 4, uint256(values) % 4, uint256(calldatas) % 4];
        vm.assume(n[0] != n[1] || n[0] != n[2] || n[0] == 0);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidProposalLength.selector, n[0], n[2], n[1]));
        vm.prank(ALICE);
        governance.propose(new address[](n[0]), new uint256[](n[1]), new bytes[](n[2]), "");
    }

    function test_ProposeNothing() public {
        testFuzz_ProposeWrongLengths(0, 0, 0);
    }

    function test_ProposeTwice() public {
        Draft memory draft = _mintCpu(1e18, "Mint");
        uint256 proposalId = _propose(draft);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Pending, 0);
        _propose(draft);
        vm.warp(governance.proposalDeadline(proposalId) + 1);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Defeated, 0);
        _propose(draft);
    }

    function testFuzz_ProposeForAnotherReverts(address proposer) public {
        vm.assume(proposer != ALICE);
        string memory description = string.concat("Mint\n\n#proposer=", Strings.toChecksumHexString(proposer));
        Draft memory draft = _mintCpu(1e18, description);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, ALICE));
        _propose(draft);
    }

    /// @dev Alice's own, in upper and lower case; and descriptions that only look as if they named somebody.
    function test_ProposeWithProposer() public {
        string memory hex_ = Strings.toHexString(ALICE);
        _propose(_mintCpu(1e18, string.concat("#proposer=", hex_)));
        _propose(_mintCpu(1e18, string.concat("Mint #proposer=", Strings.toChecksumHexString(ALICE))));
        _propose(_mintCpu(1e18, string.concat("#proposer=", Strings.toHexString(BOB), "\n")));
        _propose(_mintCpu(1e18, "#proposer=0x00000000000000000000000000000000000000zz"));
        _propose(_mintCpu(1e18, string.concat("#Proposer=", Strings.toHexString(BOB))));
    }

    /// @dev Without the suffix a rival can take the id and cancel; the words change, the vote goes on. With it, no rival.
    function test_ProposalIsFrontRun() public {
        _give(ALICE, STRANGER, THRESHOLD);
        vm.prank(STRANGER);
        nova.delegate(STRANGER);
        vm.warp(block.timestamp + 1);
        Draft memory draft = _mintCpu(1e18, "Mint");
        vm.prank(STRANGER);
        uint256 proposalId = governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
        _cancel(STRANGER, draft);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Canceled, 0);
        _propose(draft);

        draft.description = string.concat("Mint #proposer=", Strings.toHexString(ALICE));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, STRANGER));
        vm.prank(STRANGER);
        governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
        _propose(draft);
    }

    // ------------------------------------------------------------------------------------------------------------
    // castVote
    // ------------------------------------------------------------------------------------------------------------

    function test_VoteCounts() public {
        uint256 proposalId = _open(_mintCpu(1e18, "Mint"));
        vm.assertEq(governance.quorum(governance.proposalSnapshot(proposalId)), uint256(2_600_000));
        vm.expectEmit();
        emit IGovernor.VoteCast(ALICE, proposalId, FOR, 3_000_000, "");
        _vote(ALICE, proposalId, FOR);
        vm.expectEmit();
        emit IGovernor.VoteCast(BOB, proposalId, AGAINST, 2_000_000, "no");
        vm.prank(BOB);
        vm.assertEq(governance.castVoteWithReason(proposalId, AGAINST, "no"), uint256(2_000_000));
        vm.expectEmit();
        emit IGovernor.VoteCastWithParams(CAROL, proposalId, ABSTAIN, 1_000_000, "why", "x");
        vm.prank(CAROL);
        governance.castVoteWithReasonAndParams(proposalId, ABSTAIN, "why", "x");
        (uint256 against, uint256 inFavour, uint256 abstain) = governance.proposalVotes(proposalId);
        vm.assertEq(against, uint256(2_000_000));
        vm.assertEq(inFavour, uint256(3_000_000));
        vm.assertEq(abstain, uint256(1_000_000));
        vm.assertTrue(governance.hasVoted(proposalId, ALICE));
        vm.assertFalse(governance.hasVoted(proposalId, DAVE));
    }

    /// @dev Up to and in the second of the snapshot a proposal is pending; in that of the deadline it is still active.
    function test_VoteOutsideTheWindow() public {
        uint256 proposalId = _propose(_mintCpu(1e18, "Mint"));
        uint256 snapshot = governance.proposalSnapshot(proposalId);
        bytes32 active = _bitmap(IGovernor.ProposalState.Active);
        vm.warp(snapshot);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Pending, active);
        _vote(ALICE, proposalId, FOR);
        vm.warp(snapshot + 1);
        _vote(ALICE, proposalId, FOR);
        vm.warp(snapshot + 7 days);
        _vote(CAROL, proposalId, FOR);
        vm.warp(snapshot + 7 days + 1);
        _expectUnexpectedState(proposalId, IGovernor.ProposalState.Succeeded, active);
        _vote(DAVE, proposalId, FOR);
    }

    function test_VoteTwice() public {
        uint256 proposalId = _open(_mintCpu(1e18, "Mint"));
        _vote(ALICE, proposalId, FOR);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, ALICE));
        _vote(ALICE, proposalId, FOR);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, ALICE));
        _vote(ALICE, proposalId, AGAINST);
    }

    function testFuzz_VoteOnUnknownProposal(uint256 proposalId) public {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorNonexistentProposal.selector, proposalId));
        _vote(ALICE, proposalId, FOR);
    }

    /// @dev Bought after the snapshot: nothing. Sold after the snapshot: everything.
    function test_VotesMovedAfterTheSnapshot() public {
        uint256 proposalId = _propose(_mintCpu(1e18, "Mint"));
        vm.warp(governance.proposalSnapshot(proposalId) + 1);
        _verify(ATTESTER, STRANGER, 1);
        _give(ALICE, STRANGER, 9_000_000 * NOVA);
        vm.assertEq(votes.getVotes(STRANGER), uint256(3_000_000));
        vm.prank(STRANGER);
        vm.assertEq(governance.castVote(proposalId, AGAINST), uint256(0));
        vm.prank(ALICE);
        vm.assertEq(governance.castVote(proposalId, FOR), uint256(3_000_000));
    }

    /// @dev Verified, revoked or expired after the snapshot: the snapshot stands.
    function test_IdentityEndsMidVote() public {
        vm.warp((_season() + 3) * SEASON - 3 days); // all verifications end on the second day of the vote
        uint256 proposalId = _open(_mintCpu(1e18, "Mint"));
        vm.prank(ATTESTER);
        gate.revoke(BOB);
        vm.assertEq(votes.getVotes(BOB), uint256(0));
        _vote(BOB, proposalId, FOR);
        vm.warp(block.timestamp + 5 days);
        vm.assertEq(votes.getVotes(ALICE), uint256(0));
        vm.assertEq(votes.getTotalSupply(), uint256(0));
        _vote(ALICE, proposalId, FOR);
        (, uint256 inFavour,) = governance.proposalVotes(proposalId);
        vm.assertEq(inFavour, uint256(5_000_000));
        vm.assertEq(governance.quorum(governance.proposalSnapshot(proposalId)), uint256(2_600_000));
        vm.warp(governance.proposalDeadline(proposalId) + 1);
        _assertState(proposalId, IGovernor.ProposalState.Succeeded);
    }

    /// @dev Ended before the snapshot: out, and two weeks later out of the quorum.
    function test_IdentityEndsBeforeTheSnapshot() public {
        uint256 revoked = block.timestamp + 15 days;
        vm.warp(revoked);
        vm.prank(ATTESTER);
        gate.revoke(ALICE);
        uint256 proposalId = _open(_mintCpu(1e18, "Mint"));
        vm.prank(ALICE);
        vm.assertEq(governance.castVote(proposalId, FOR), uint256(0));
        vm.assertEq(governance.quorum(governance.proposalSnapshot(proposalId)), uint256(2_600_000));
        vm.warp(revoked + 14 days + 1);
        vm.assertEq(governance.quorum(revoked + 14 days - 1), uint256(2_600_000));
        vm.assertEq(governance.quorum(revoked + 14 days), uint256(1_400_000));
    }

    /// @dev A wallet split over unverified addresses loses its power; linear votes to propose it keeps.
    function testFuzz_SplitWallet(uint8 parts) public {
        uint256 n = _bound(parts, 1, 40);
        uint256 share = 9_000_000 * NOVA / n;
        for (uint256 i = 0; i < n; ++i) {
            _give(ALICE, address(uint160(0x5911700 + i)), share);
        }
        uint256 proposalId = _openAs(BOB);
        uint256 sum;
        for (uint256 i = 0; i < n; ++i) {
            vm.prank(address(uint160(0x5911700 + i)));
            sum += governance.castVote(proposalId, FOR);
        }
        vm.assertEq(sum, uint256(0));
    }

    // ------------------------------------------------------------------------------------------------------------
    // castVoteBySig
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A signature is good for one ballot, one nonce, one chain and one contract.
    function testFuzz_VoteBySignature(uint256 key, uint8 support, uint8 flaw) public {
        key = _bound(key, 1, 2 ** 200);
        support %= 3;
        flaw %= 6;
        address voter = vm.addr(key);
        uint256 proposalId = _open(_mintCpu(1e18, "Mint"));
        bytes32 domain =
            _domain(flaw == 1 ? block.chainid + 1 : block.chainid, flaw == 2 ? address(nova) : address(governance));
        uint256 nonce = flaw == 3 ? 1 : 0;
        bytes32 ballot = keccak256(abi.encode(BALLOT, flaw == 4 ? proposalId ^ 1 : proposalId, support, voter, nonce));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, ballot)));
        uint8 cast = flaw == 5 ? (support + 1) % 3 : support;
        bytes memory signature = abi.encodePacked(r, s, v);
        if (flaw != 0) {
            vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, voter));
            governance.castVoteBySig(proposalId, cast, voter, signature);
            vm.assertEq(governance.nonces(voter), uint256(0));
            return;
        }
        governance.castVoteBySig(proposalId, cast, voter, signature);
        vm.assertTrue(governance.hasVoted(proposalId, voter));
        vm.assertEq(governance.nonces(voter), uint256(1));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, voter));
        governance.castVoteBySig(proposalId, cast, voter, signature);
    }

    function _domain(uint256 chainId, address contract_) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("NovaCron Governance"),
                keccak256("1"),
                chainId,
                contract_
            )
        );
    }

    function _openAs(address proposer) private returns (uint256 proposalId) {
        vm.prank(proposer);
        nova.delegate(proposer);
        vm.warp(block.timestamp + 1);
        Draft memory draft = _mintCpu(1e18, "Mint");
        vm.prank(proposer);
        proposalId = governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
        vm.warp(governance.proposalSnapshot(proposalId) + 1);
    }
}
