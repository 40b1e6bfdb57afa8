// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Authority} from "../../contracts/governance/Authority.sol";
import {QuadraticVotes} from "../../contracts/governance/QuadraticVotes.sol";
import {GateHarness} from "../../contracts/test/GateHarness.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {ACTORS, QuadraticVotesHandler} from "./QuadraticVotesHandler.sol";
import {Test} from "./Vm.sol";

/// @notice Stateful fuzzing: after every action of the handler the contract says what the model says, and after the
/// last one it says so of every past moment.
/// @dev The numbers are those of docs/invariants.md. The handler itself checks every refusal and every success.
contract QuadraticVotesInvariants is Test {
    uint256 private constant SEASON = 13 weeks;
    uint256 private constant START = 230 * SEASON + 1 days;

    QuadraticVotes private votes;
    QuadraticVotesHandler private handler;

    function setUp() public {
        vm.warp(START);
        Authority authority = new Authority(address(this));
        NovaToken nova = new NovaToken(address(authority), new INovaToken.Allocation[](0));
        votes = QuadraticVotes(address(nova.quadraticVotes()));
        GateHarness gate = new GateHarness();
        votes.setGate(gate);
        handler = new QuadraticVotesHandler(nova, gate, new GateHarness(), START);
        authority.grantRole(0, address(handler), 0);
        for (uint256 i = 0; i < ACTORS; ++i) {
            handler.mint(i, 1_000_000e18, 4 * i);
            handler.verify(i, 1 + i % 4, 1, true, 4 * i);
        }
    }

    /// @dev Foundry calls this to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev Half as many histories as others: each step reads all there is of twelve accounts.
    /// forge-config: default.invariant.runs = 24
    /// forge-config: deep.invariant.runs = 128
    function invariant_VotesAreTheModels() external {
        _presentIsTheModels();
    }

    /// @dev Foundry calls this at the end of each history.
    function afterInvariant() external {
        _pastIsTheModels();
    }

    /// @dev V-1 to V-3, V-5: every account's votes, own power, delegatee, representative, depth and height.
    function _presentIsTheModels() private {
        uint256 time = handler.time();
        vm.warp(time);
        QuadraticVotesHandler.Moment memory moment = handler.present();
        (uint256[ACTORS] memory expected, uint256 total) = handler.tally(moment, time / SEASON);
        uint256 sum;
        for (uint256 i = 0; i < ACTORS; ++i) {
            address account = handler.actor(i);
            bool counts = moment.lastSeasons[i] >= time / SEASON;
            sum += votes.getVotes(account);
            vm.assertEq(votes.getVotes(account), expected[i], "votes");
            vm.assertEq(votes.powerOf(account), counts ? moment.roots[i] : 0, "power");
            uint256 until = counts ? (moment.lastSeasons[i] + 1) * SEASON : 0;
            vm.assertEq(uint256(votes.verifiedUntil(account)), until, "verified until");
            vm.assertEq(votes.delegates(account), handler.actor(handler.delegateeOf(i)), "delegatee");
            vm.assertEq(votes.representative(account), handler.actor(moment.representatives[i]), "representative");
            vm.assertEq(votes.depthOf(account), handler.depthOf(i), "depth");
            vm.assertEq(votes.heightOf(account), handler.heightOf(i), "height");
            vm.assertTrue(handler.depthOf(i) + handler.heightOf(i) <= 8, "too deep");
        }
        vm.assertEq(votes.getTotalSupply(), total, "total");
        vm.assertEq(sum, total, "sum over voters");
    }

    /// @dev V-1, V-4: at each moment of the history, the second before it, and the ends of seasons that followed.
    function _pastIsTheModels() private {
        QuadraticVotesHandler.Moment[] memory moments = handler.moments();
        uint256 end = handler.time() + 5 * SEASON;
        vm.warp(end);
        for (uint256 i = 0; i < moments.length; ++i) {
            uint256 from = moments[i].time;
            uint256 to = i + 1 < moments.length ? moments[i + 1].time - 1 : end - 1;
            _pastIs(moments[i], from);
            _pastIs(moments[i], to);
            for (uint256 season = from / SEASON; season <= from / SEASON + 4; ++season) {
                uint256 over = (season + 1) * SEASON;
                if (over > from && over <= to) {
                    _pastIs(moments[i], over - 1);
                    _pastIs(moments[i], over);
                }
            }
        }
        vm.warp(handler.time());
    }

    function _pastIs(QuadraticVotesHandler.Moment memory moment, uint256 timepoint) private view {
        (uint256[ACTORS] memory expected, uint256 total) = handler.tally(moment, timepoint / SEASON);
        uint256 sum;
        for (uint256 i = 0; i < ACTORS; ++i) {
            uint256 past = votes.getPastVotes(handler.actor(i), timepoint);
            vm.assertEq(past, expected[i], "past votes");
            sum += past;
        }
        vm.assertEq(votes.getPastTotalSupply(timepoint), total, "past total");
        vm.assertEq(sum, total, "sum over voters in the past");
    }

    /// @dev The invariant says something only if the handler gets through: 1,600 pseudo-random actions do all of them
    /// many times over, and meet every refusal.
    function test_VotesHandlerReachesEveryAction() external {
        uint256 word = 42;
        for (uint256 i = 0; i < 800; ++i) {
            word = uint256(keccak256(abi.encode(word)));
            (uint256 a, uint256 b, uint256 c, bool d) = (word >> 200, (word >> 100) % 1_000, word >> 50, word & 2 == 0);
            if (i % 9 == 0) handler.transfer(a, b, c, word);
            else if (i % 9 == 1) handler.mint(a, c, word);
            else if (i % 9 == 2) handler.verify(a, b, c, d, word);
            else if (i % 9 == 3) handler.sync(a, word);
            else if (i % 9 == 4) handler.swapGate(a, word);
            else if (i % 9 == 5) handler.answer(a, b, d, word);
            else if (i % 9 == 6) handler.setOpen(a, d, word);
            else if (i % 9 == 7) handler.delegate(a, b, d, word & 4 == 0, word);
            else handler.release(a, b, word >> 8 & 7 == 0 ? word : 3);
            handler.delegate(a >> 8, b >> 1, word & 24 != 0, false, word >> 3);
            if (i % 50 == 0) _presentIsTheModels();
        }
        _pastIsTheModels();
        bytes32[14] memory names = [
            bytes32("transfer"),
            "mint",
            "verified",
            "unverified",
            "swapGate",
            "answer",
            "setOpen",
            "delegate",
            "undelegate",
            "release",
            bytes4(keccak256("QuadraticVotes_NotAccepted(address,address)")),
            bytes4(keccak256("QuadraticVotes_Cycle(address,address)")),
            bytes4(keccak256("QuadraticVotes_TooDeep(address,address,uint256,uint256)")),
            bytes4(keccak256("QuadraticVotes_NotDelegator(address,address)"))
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(handler.calls(names[i]) >= 3, string(abi.encode(names[i])));
        }
    }
}
