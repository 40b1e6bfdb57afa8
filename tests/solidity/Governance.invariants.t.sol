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

    /// @dev The invariant says something only if the handler gets through: 9,000 pseudo-random actions do all of them,
    /// in thirty histories.
    function test_HandlerReachesEveryAction() external {
        bytes32[15] memory names = [
            bytes32("propose"),
            "vote",
            "extended",
            "queue",
            "execute",
            "cancel",
            "mint",
            "transfer",
            "pause",
            "lift",
            bytes32(uint256(GovernanceHandler.Kind.MintCpu)),
            bytes32(uint256(GovernanceHandler.Kind.MintNova)),
            bytes32(uint256(GovernanceHandler.Kind.Dismissal)),
            bytes32(uint256(GovernanceHandler.Kind.Unpause)),
            bytes32(uint256(GovernanceHandler.Kind.Nobody))
        ];
        uint256[15] memory reached;
        uint256 word = 42;
        for (uint256 history = 0; history < 30; ++history) {
            setUp();
            for (uint256 i = 0; i < 300; ++i) {
                word = uint256(keccak256(abi.encode(word)));
                _act(word);
                if (i % 20 == 0) this.invariant_GovernanceIsAsItsModel();
            }
            for (uint256 i = 0; i < names.length; ++i) {
                reached[i] += handler.calls(names[i]);
            }
        }
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(
                reached[i] >= 2, string(abi.encodePacked("seldom reached: ", bytes1(uint8(97 + i)), names[i]))
            );
        }
    }

    function _act(uint256 word) private {
        (uint256 a, uint256 b, uint8 c) = (word >> 200, (word >> 100) % 1_000, uint8(word >> 8));
        uint256 which = (word >> 16) % 24;
        uint256 count = handler.proposals().length;
        // Half of the time the youngest, so that many get through to the end.
        if (count > 0 && (word >> 32) % 2 == 0) a = count * 3 * (a % 10) + count - 1;
        if (which == 0) handler.propose(c, b * 1e21, a % 4 != 0);
        else if (which < 9) handler.vote(a, b % 3 == 0 ? 0 : b, c % 4 < 3 ? 1 : c);
        else if (which < 12) handler.queue(a);
        else if (which < 15) handler.execute(a);
        else if (which == 15) handler.cancel(a, c);
        else if (which == 16) handler.mint(a, b, c % 2 == 0);
        else if (which == 17) handler.transfer(a, b, word);
        else if (which == 18) handler.pause(a);
        else if (which == 19) handler.lift();
        else if (which == 20) handler.wait(a);
        else handler.advance(a, b % 2 == 0 ? 1 : c);
    }
}
