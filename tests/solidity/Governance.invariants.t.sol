// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {GovernanceHandler} from "./GovernanceHandler.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @notice Stateful fuzzing of proposals, minting and the brake beside a model.
/// @dev The numbers are those of docs/invariants.md. The handler itself checks every refusal and every success.
contract GovernanceInvariants is GovernanceSuite {
    GovernanceHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new GovernanceHandler(governance, cpu, brake, proof, [ALICE, BOB, CAROL, DAVE]);
    }

    /// @dev Foundry calls this to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev One invariant of four parts: Foundry runs the same histories again for each.
    function invariant_GovernanceIsAsItsModel() external view {
        _proposalsAreAsTheirModel();
        _nothingIsMintedWithoutAVote();
        _pausesAreShortAndRare();
        _powersThatBeAreTheSame();
    }

    /// @dev Every tally is the sum of the votes cast, never more than there are; state and deadline are the model's.
    function _proposalsAreAsTheirModel() private view {
        GovernanceHandler.Proposal[] memory all = handler.proposals();
        for (uint256 i = 0; i < all.length; ++i) {
            (uint256 against, uint256 inFavour, uint256 abstain) = governance.proposalVotes(all[i].id);
            vm.assertEq(against, all[i].sums[0], "against");
            vm.assertEq(inFavour, all[i].sums[1], "for");
            vm.assertEq(abstain, all[i].sums[2], "abstain");
            if (block.timestamp > all[i].snapshot) {
                uint256 total = votes.getPastTotalSupply(all[i].snapshot);
                vm.assertTrue(against + inFavour + abstain <= total, "more votes than there are");
            }
            IGovernor.ProposalState expected = handler.stateOf(all[i]);
            vm.assertEq(uint256(governance.state(all[i].id)), uint256(expected), "state");
            uint256 deadline = governance.proposalDeadline(all[i].id);
            vm.assertEq(deadline, all[i].deadline, "deadline");
            vm.assertTrue(deadline <= all[i].snapshot + 9 days, "extended more than once");
        }
    }

    /// @dev What exists is genesis and what executed proposals have minted, under the cap.
    function _nothingIsMintedWithoutAVote() private view {
        vm.assertEq(cpu.totalSupply(), handler.mintedCpu(), "CPU");
        vm.assertEq(nova.totalSupply(), 14_250_000e18 + handler.mintedNova(), "NOVA");
        vm.assertTrue(cpu.totalSupply() <= cpu.cap() && nova.totalSupply() <= nova.cap(), "cap");
    }

    /// @dev Between two pauses lie 72 hours, after which anyone lifts the first (the handler does), and 14 days.
    function _pausesAreShortAndRare() private view {
        uint256[] memory pauses = handler.pauses();
        for (uint256 i = 1; i < pauses.length; ++i) {
            vm.assertTrue(pauses[i] >= pauses[i - 1] + 17 days, "paused again too soon");
        }
        vm.assertEq(proof.paused(), handler.paused(), "paused");
        if (pauses.length > 0) {
            vm.assertEq(brake.pausedUntil(address(proof)), pauses[pauses.length - 1] + 3 days, "pausedUntil");
        }
    }

    /// @dev Nobody has got a role, and no setting has changed, since no proposal was about that.
    function _powersThatBeAreTheSame() private view {
        (bool administers,) = authority.hasRole(ADMIN_ROLE, address(timelock));
        vm.assertTrue(administers);
        address[6] memory others = [ALICE, BOB, GUARDIAN, ATTESTER, address(governance), address(handler)];
        for (uint256 i = 0; i < others.length; ++i) {
            (administers,) = authority.hasRole(ADMIN_ROLE, others[i]);
            vm.assertFalse(administers);
        }
        vm.assertEq(governance.proposalGuardian(), GUARDIAN);
        vm.assertEq(timelock.getMinDelay(), 48 hours);
        vm.assertEq(address(governance).balance, uint256(0));
    }

    /// @dev The invariant says something only if the handler gets through: one history carries a proposal of each kind
    /// to its end, and 600 pseudo-random actions do everything else.
    function test_HandlerReachesEveryAction() external {
        for (uint8 kind = 0; kind < 5; ++kind) {
            handler.propose(kind, 1e18, true);
            handler.advance(kind, kind == 0 ? 2 : 1); // the first one's quorum comes on the last day
            handler.vote(kind, 0, 1);
            handler.advance(kind, 4);
            handler.queue(kind);
            handler.pause(1);
            handler.advance(kind, 5);
            handler.execute(kind);
            this.invariant_GovernanceIsAsItsModel();
            vm.assertEq(handler.calls(bytes32(uint256(kind))), uint256(1));
            handler.lift();
        }
        uint256 word = 42;
        for (uint256 i = 0; i < 600; ++i) {
            word = uint256(keccak256(abi.encode(word)));
            _act(word);
            if (i % 10 == 0) this.invariant_GovernanceIsAsItsModel();
        }
        bytes32[10] memory names =
            [bytes32("propose"), "vote", "extended", "queue", "execute", "cancel", "mint", "transfer", "pause", "lift"];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(handler.calls(names[i]) > 0, string(abi.encodePacked("never: ", names[i])));
        }
    }

    function _act(uint256 word) private {
        (uint256 a, uint256 b, uint8 c) = (word >> 200, (word >> 100) % 1_000, uint8(word >> 8));
        uint256 which = (word >> 16) % 16;
        if (which == 0) handler.propose(c, b * 1e21, a % 4 != 0);
        else if (which < 5) handler.vote(a, b, c);
        else if (which < 7) handler.queue(a);
        else if (which < 9) handler.execute(a);
        else if (which == 9) handler.cancel(a, c);
        else if (which == 10) handler.mint(a, b, c % 2 == 0);
        else if (which == 11) handler.transfer(a, b, word);
        else if (which == 12) handler.pause(a);
        else if (which == 13) handler.lift();
        else if (c % 4 == 0) handler.wait(a);
        else handler.advance(a, c);
    }
}
