// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Authority} from "../../contracts/governance/Authority.sol";
import {DelegationHeights} from "../../contracts/governance/DelegationHeights.sol";
import {QuadraticVotes} from "../../contracts/governance/QuadraticVotes.sol";
import {SeasonedPower, SeasonedPowers} from "../../contracts/governance/SeasonedPower.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {Test} from "./Vm.sol";

/// @notice Proofs over all inputs by symbolic execution, see Symbolic.halmos.t.sol. What is linear: the four lanes of a
/// `SeasonedPower`. Bounds: every lane under 2^43, which no total reaches (SeasonedPower.sol); the
/// season of the call is one of 228 to 231, words were written up to five seasons before and are read up to five after:
/// the lanes depend on seasons only by their remainder by four and their distance, and all of both are here. Contents
/// of lanes are symbolic throughout.
contract SeasonedPowerSymbolic is Test {
    uint256 private constant LANE = (uint256(1) << 44) - 1;
    uint256 private constant BOUND = 1 << 43;
    uint256 private constant FIRST = 228;

    /// @dev V-7, for all lanes of 44 bits: what ends in the season of writing or later keeps its lane, what is over
    /// leaves nothing, and the tag is the new season.
    function check_SettleKeepsWhatHasNotEnded(uint176 lanes, uint256 phase, uint256 age) external pure {
        uint256 season = FIRST + _pick(phase, 4);
        uint256 written = season - _pick(age, 6);
        SeasonedPower settled = _word(lanes, written).settle(season);
        for (uint256 ends = season; ends < season + 4; ++ends) {
            assert(_lane(settled, ends) == _live(_word(lanes, written), ends));
        }
        assert(SeasonedPower.unwrap(settled) >> 176 == season);
    }

    /// @dev V-7, for all lanes of 44 bits: written down again in between, it is worth the same later, namely what has
    /// not ended.
    function check_SettleChangesNoValue(uint176 lanes, uint256 phase, uint256 age, uint256 later) external pure {
        uint256 between = FIRST + _pick(phase, 4);
        uint256 written = between - _pick(age, 6);
        uint256 season = between + _pick(later, 6);
        uint256 expected;
        for (uint256 ends = season; ends < season + 4; ++ends) {
            expected += _live(_word(lanes, written), ends);
        }
        assert(_word(lanes, written).valueIn(season) == expected);
        assert(_word(lanes, written).settle(between).valueIn(season) == expected);
    }

    /// @dev V-7, for all amounts of 44 bits: it counts until its last season and not afterwards.
    function check_CreateCountsUntilItsLastSeason(uint256 amount, uint256 phase, uint256 ahead, uint256 later)
        external
        pure
    {
        uint256 season = FIRST + _pick(phase, 4);
        vm.assume(amount <= LANE);
        uint256 last = season + _pick(ahead, 5) - 1; // over already, or up to three seasons ahead
        uint256 asked = season + _pick(later, 6);
        assert(SeasonedPowers.create(amount, last, season).valueIn(asked) == (asked <= last ? amount : 0));
    }

    /// @dev V-6, for all lanes under the bound: adding overflows from no lane into another, nor into the season tag.
    function check_AddingIsLaneByLane(uint176 self, uint176 more, uint256 phase, uint256 age) external pure {
        uint256 season = FIRST + _pick(phase, 4);
        SeasonedPower there = _word(self, season - _pick(age, 6));
        SeasonedPower plus = _word(more, season);
        _assumeBounded(self);
        _assumeBounded(more);
        assert(SeasonedPower.unwrap(there.change(_none(season), plus, season)) == _sum(there, plus, season));
    }

    /// @dev V-6, for all lanes of 44 bits that hold what is taken away: taking away borrows from no other lane.
    function check_SubtractingIsLaneByLane(uint176 self, uint176 less, uint256 phase) external pure {
        uint256 season = FIRST + _pick(phase, 4);
        (SeasonedPower there, SeasonedPower minus) = (_word(self, season), _word(less, season));
        uint256 word = season << 176;
        for (uint256 i = 0; i < 4; ++i) {
            vm.assume((less >> (44 * i)) & LANE <= (self >> (44 * i)) & LANE);
            word |= (((self >> (44 * i)) & LANE) - ((less >> (44 * i)) & LANE)) << (44 * i);
        }
        assert(SeasonedPower.unwrap(there.change(minus, _none(season), season)) == word);
    }

    /// @dev V-6, for all lanes whose sum fits: a change is an addition and then a subtraction.
    function check_ChangeAddsThenSubtracts(uint176 self, uint176 less, uint176 more, uint256 phase) external pure {
        uint256 season = FIRST + _pick(phase, 4);
        vm.assume(uint256(self) + more <= type(uint176).max && less <= uint256(self) + more);
        SeasonedPower steps = _word(self, season).change(_none(season), _word(more, season), season);
        steps = steps.change(_word(less, season), _none(season), season);
        assert(_word(self, season).change(_word(less, season), _word(more, season), season).equals(steps));
    }

    /// @dev V-6, for all lanes under the bound: what was added can be taken away again, and leaves what was there.
    function check_ChangeUndoesItself(uint176 self, uint176 other, uint256 phase, uint256 age) external pure {
        uint256 season = FIRST + _pick(phase, 4);
        uint256 written = season - _pick(age, 6);
        _assumeBounded(self);
        _assumeBounded(other);
        SeasonedPower there = _word(self, written).change(_none(season), _word(other, season), season);
        SeasonedPower back = there.change(_word(other, season), _none(season), season);
        assert(back.equals(_word(self, written).settle(season)));
    }

    /// @dev The obvious: lane by lane, then packed.
    function _sum(SeasonedPower left, SeasonedPower right, uint256 season) private pure returns (uint256 word) {
        word = season << 176;
        for (uint256 ends = season; ends < season + 4; ++ends) {
            word |= (_live(left, ends) + _live(right, ends)) << (ends % 4 * 44);
        }
    }

    function _assumeBounded(uint176 lanes) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            vm.assume((lanes >> (44 * i)) & LANE < BOUND);
        }
    }

    function _none(uint256 season) private pure returns (SeasonedPower) {
        return SeasonedPowers.create(0, 0, season);
    }

    function _word(uint176 lanes, uint256 written) private pure returns (SeasonedPower) {
        return SeasonedPower.wrap(uint192(written << 176 | lanes));
    }

    /// @dev What ends with the season `ends`, if the word was written late enough to speak of it.
    function _live(SeasonedPower self, uint256 ends) private pure returns (uint256) {
        return ends < (SeasonedPower.unwrap(self) >> 176) + 4 ? _lane(self, ends) : 0;
    }

    function _lane(SeasonedPower self, uint256 ends) private pure returns (uint256) {
        return (SeasonedPower.unwrap(self) >> (ends % 4 * 44)) & LANE;
    }

    /// @dev Each number below `count` on a path of its own.
    function _pick(uint256 symbol, uint256 count) private pure returns (uint256) {
        vm.assume(symbol < count);
        for (uint256 i = 0; i < count; ++i) {
            if (symbol == i) return i;
        }
        return 0;
    }
}

/// @notice The counters of direct delegators by height. Bound: no counter is asked for more than 2^24 - 1.
contract DelegationHeightsSymbolic is Test {
    using DelegationHeights for uint256;

    uint256 private constant COUNTER = type(uint24).max;

    /// @dev V-8, for all words: the height is one above the highest counter that is not zero, flags aside.
    function check_HeightIsOneAboveTheHighestDelegator(uint256 word, uint256 above) external pure {
        uint256 height = word.height();
        vm.assume(above < 8);
        assert(height <= 8);
        if (height > 0) assert(_counter(word, height - 1) != 0);
        if (above >= height) assert(_counter(word, above) == 0);
    }

    /// @dev V-8, for all words with a delegator to remove and room for the one to add: both counters move by one, the
    /// others and the flags stay.
    function check_RecountMovesOneDelegator(uint256 word, uint256 removed, uint256 added, uint256 other) external pure {
        vm.assume(removed < 8 && added < 8 && removed != added && other < 8);
        vm.assume(_counter(word, removed) != 0 && word.hasRoom(added));
        uint256 counted = word.recount(removed, added);
        assert(_counter(counted, removed) == _counter(word, removed) - 1);
        assert(_counter(counted, added) == _counter(word, added) + 1);
        if (other != removed && other != added) assert(_counter(counted, other) == _counter(word, other));
        assert(counted >> 192 == word >> 192);
        assert(counted.recount(added, removed) == word);
    }

    /// @dev V-8, for all words: flags touch no counter, counters no flag.
    function check_FlagsAndCountersAreApart(uint256 word, bool open) external pure {
        assert(word.withOpen(open).isOpen() == open);
        assert(word.withOpen(open).height() == word.height());
        assert(word.withUsed().height() == word.height());
        assert(word.withUsed().isOpen() == word.isOpen());
    }

    function _counter(uint256 word, uint256 height) private pure returns (uint256) {
        return (word >> (24 * height)) & COUNTER;
    }
}

/// @notice Who may do what in `QuadraticVotes`, for all callers and arguments, in a small world.
contract QuadraticVotesSymbolic is Test {
    uint256 private constant TIME = 230 * 13 weeks + 1 days;
    address private constant A = address(0xaaaa);
    address private constant B = address(0xbbbb);

    NovaToken private nova;
    QuadraticVotes private votes;

    function setUp() public {
        vm.warp(TIME);
        Authority authority = new Authority(address(this));
        nova = new NovaToken(address(authority), new INovaToken.Allocation[](0));
        votes = QuadraticVotes(address(nova.quadraticVotes()));
    }

    /// @dev V-9, for all callers, accounts and amounts: nobody but the token tells of transfers.
    function check_OnlyTheTokenTellsOfTransfers(
        address caller,
        address from,
        address to,
        uint256 amount,
        uint256 fromBalance,
        uint256 toBalance
    ) external {
        vm.assume(caller != address(nova));
        vm.prank(caller);
        (bool ok,) =
            address(votes).call(abi.encodeCall(votes.afterTransfer, (from, to, amount, fromBalance, toBalance)));
        assert(!ok);
    }

    /// @dev V-9, for all callers and delegatees: without an answer or an open door nobody is delegated to, and nobody
    /// delegates for another.
    function check_NobodyIsDelegatedToUnasked(address caller, address delegatee, address other) external {
        vm.prank(caller);
        (bool ok,) = address(votes).call(abi.encodeCall(votes.delegate, (delegatee)));
        assert(ok == (delegatee == caller || delegatee == address(0)));
        assert(votes.delegates(other) == other);
        assert(votes.heightOf(other) == 0);
    }

    /// @dev V-9, for all callers, delegators and answers: an answer is the caller's own.
    function check_NobodyAnswersForAnother(address caller, address delegator, bool accepted, address other) external {
        vm.prank(caller);
        votes.acceptDelegator(delegator, accepted);
        if (other != caller) assert(votes.acceptanceOf(other, delegator) == IQuadraticVotes.Acceptance.Unanswered);
        if (other != delegator) assert(votes.acceptanceOf(caller, other) == IQuadraticVotes.Acceptance.Unanswered);
        assert(!votes.isOpen(caller));
    }

    /// @dev V-9, for all callers and delegators: only its delegatee sends a delegator away.
    function check_OnlyTheDelegateeReleases(address caller, address delegator) external {
        vm.prank(B);
        votes.acceptDelegator(A, true);
        vm.prank(A);
        votes.delegate(B);
        vm.prank(caller);
        (bool ok,) = address(votes).call(abi.encodeCall(votes.release, (delegator)));
        assert(ok == (caller == B && delegator == A));
        assert(votes.delegates(A) == (ok ? A : B));
    }
}
