// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @title GovernanceElectorateTest
/// @notice What happens when most of the electorate disappears at once.
contract GovernanceElectorateTest is GovernanceSuite {
    address private constant EVE = address(0xe7e);

    /// @dev Eve holds just the threshold. The electorate is two weeks old: what is younger is not remembered.
    function setUp() public override {
        super.setUp();
        _give(DAVE, EVE, 100_000 * NOVA);
        vm.prank(EVE);
        nova.delegate(EVE);
        vm.warp(block.timestamp + 14 days);
    }

    /// @dev The others are verified again a second after the snapshot, too late to vote on it.
    function test_SeasonCliffDecidesNothing() public {
        vm.warp(START + SEASON);
        _verify(ATTESTER, EVE, 2);
        uint256 boundary = 243 * SEASON;
        vm.warp(boundary - 1 days);
        uint256 proposalId = _proposeByEve(address(nova), abi.encodeCall(nova.mint, (EVE, 1e27)));
        vm.warp(boundary + 1);
        _verify(ATTESTER, ALICE, 3);
        vm.prank(ALICE);
        vm.assertEq(governance.castVote(proposalId, AGAINST), uint256(0));
        vm.prank(EVE);
        vm.assertTrue(governance.castVote(proposalId, FOR) > 0);
        vm.assertEq(votes.getPastTotalSupply(boundary), votes.getVotes(EVE));
        vm.warp(governance.proposalDeadline(proposalId) + 1);
        _assertState(proposalId, IGovernor.ProposalState.Defeated);
    }

    /// @dev The attester revokes everybody else in the second of the snapshot.
    function test_AttesterThatEmptiesTheElectorateDecidesNothing() public {
        _verify(ATTESTER, EVE, 2);
        uint256 proposalId = _proposeByEve(address(governance), abi.encodeCall(governance.setProposalGuardian, (EVE)));
        vm.warp(governance.proposalSnapshot(proposalId));
        address[4] memory people = [ALICE, BOB, CAROL, DAVE];
        for (uint256 i = 0; i < people.length; ++i) {
            vm.prank(ATTESTER);
            gate.revoke(people[i]);
        }
        vm.warp(block.timestamp + 1);
        vm.prank(EVE);
        governance.castVote(proposalId, FOR);
        vm.warp(governance.proposalDeadline(proposalId) + 1);
        _assertState(proposalId, IGovernor.ProposalState.Defeated);
    }

    /// @dev The quorum is of the larger electorate: of now when it has grown, of two weeks ago when it has shrunk.
    function test_QuorumIsOfTheLargerElectorate() public {
        uint256 grown = block.timestamp + 1 days;
        vm.warp(grown);
        uint256 before = votes.getTotalSupply();
        _verify(ATTESTER, EVE, 2);
        uint256 total = votes.getTotalSupply();
        vm.assertTrue(total > before);
        vm.warp(grown + 1);
        vm.assertEq(governance.quorum(grown), total * 40 / 100);
        vm.assertEq(governance.quorum(grown - 1), before * 40 / 100);
        vm.assertEq(governance.QUORUM_MEMORY(), uint256(14 days));
    }

    /// @dev Times before the memory reaches back to the first second are not negative.
    function test_QuorumOfTheFirstDays() public view {
        vm.assertEq(governance.quorum(1), uint256(0));
    }

    function _proposeByEve(address target, bytes memory data) private returns (uint256) {
        Draft memory draft = _draft(target, data, "Eve's");
        vm.prank(EVE);
        return governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
    }
}
