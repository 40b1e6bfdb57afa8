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
/// `SeasonedPower`. Bound: every lane under 2^47, sixteen times the largest total there can be (SeasonedPower.sol).
contract SeasonedPowerSymbolic is Test {
    uint256 private constant LANE = type(uint48).max;
    uint256 private constant BOUND = 1 << 47;
    uint256 private constant LAST_SEASON = type(uint16).max - 8;

    /// @dev V-7, for all words (no bound on lanes) and seasons: what ends in the season of writing or later keeps its
    /// lane, what is over leaves nothing, and the tag is the new season.
    function check_SettleKeepsWhatHasNotEnded(uint208 word, uint256 season, uint256 ahead) external pure {
        SeasonedPower self = SeasonedPower.wrap(word);
        uint256 written = word >> 192;
        vm.assume(written <= season && season <= LAST_SEASON && ahead < 4);
        SeasonedPower settled = self.settle(season);
        uint256 ends = season + ahead;
        assert(SeasonedPower.unwrap(settled) >> 192 == season);
        assert(_lane(settled, ends) == (ends < written + 4 ? _lane(self, ends) : 0));
    }

    /// @dev V-7, for all words and seasons: written down again in between, it is worth the same later.
    function check_SettleChangesNoValue(uint208 word, uint256 between, uint256 season) external pure {
        SeasonedPower self = SeasonedPower.wrap(word);
        vm.assume(word >> 192 <= between && between <= season && season <= LAST_SEASON);
        assert(self.settle(between).valueIn(season) == self.valueIn(season));
    }

    /// @dev V-7, for all amounts of 48 bits and seasons: it counts until its last season and not afterwards.
    function check_CreateCountsUntilItsLastSeason(uint48 amount, uint256 last, uint256 season, uint256 asked)
        external
        pure
    {
        vm.assume(season <= asked && asked <= LAST_SEASON && last <= LAST_SEASON && last < season + 4);
        assert(SeasonedPowers.create(amount, last, season).valueIn(asked) == (asked <= last ? amount : 0));
    }

    /// @dev V-6, for all words whose lanes are under the bound and hold what is taken away: no lane borrows from
    /// another, none overflows into another, and the season tag stays apart.
    function check_ChangeIsLaneByLane(uint208 self, uint208 less, uint208 more, uint256 season, uint256 ahead)
        external
        pure
    {
        _assumeOrderly(self, less, more, season);
        vm.assume(ahead < 4);
        SeasonedPower changed =
            SeasonedPower.wrap(self).change(SeasonedPower.wrap(less), SeasonedPower.wrap(more), season);
        uint256 ends = season + ahead;
        assert(_lane(changed, ends) == _live(self, ends) + _live(more, ends) - _live(less, ends));
        assert(SeasonedPower.unwrap(changed) >> 192 == season);
    }

    /// @dev V-6, V-7, under the same bound, in every later season: the value of a change is the change of the values.
    function check_ChangeAddsUpInEverySeason(uint208 self, uint208 less, uint208 more, uint256 season, uint256 asked)
        external
        pure
    {
        _assumeOrderly(self, less, more, season);
        vm.assume(season <= asked && asked <= LAST_SEASON);
        SeasonedPower changed =
            SeasonedPower.wrap(self).change(SeasonedPower.wrap(less), SeasonedPower.wrap(more), season);
        uint256 plus = SeasonedPower.wrap(self).valueIn(asked) + SeasonedPower.wrap(more).valueIn(asked);
        assert(changed.valueIn(asked) + SeasonedPower.wrap(less).valueIn(asked) == plus);
    }

    /// @dev V-6, for all words and seasons: what was added can be taken away again, and leaves what was there.
    function check_ChangeUndoesItself(uint208 self, uint208 other, uint256 season) external pure {
        vm.assume(self >> 192 <= season && other >> 192 <= season && season <= LAST_SEASON);
        _assumeBounded(self);
        _assumeBounded(other);
        SeasonedPower none = SeasonedPowers.create(0, 0, season);
        SeasonedPower there = SeasonedPower.wrap(self).change(none, SeasonedPower.wrap(other), season);
        SeasonedPower back = there.change(SeasonedPower.wrap(other), none, season);
        assert(back.equals(SeasonedPower.wrap(self).settle(season)));
    }

    /// @dev The lanes of `less` hold no more than is there, in the season of the change.
    function _assumeOrderly(uint208 self, uint208 less, uint208 more, uint256 season) private pure {
        vm.assume(self >> 192 <= season && less >> 192 <= season && more >> 192 <= season && season <= LAST_SEASON);
        _assumeBounded(self);
        _assumeBounded(more);
        for (uint256 i = 0; i < 4; ++i) {
            vm.assume(_live(less, season + i) <= _live(self, season + i) + _live(more, season + i));
        }
    }

    function _assumeBounded(uint208 word) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            vm.assume((word >> (48 * i)) & LANE < BOUND);
        }
    }

    /// @dev The lane of the season `ends`, if the word was written late enough to speak of it.
    function _live(uint208 word, uint256 ends) private pure returns (uint256) {
        return ends < (word >> 192) + 4 ? _lane(SeasonedPower.wrap(word), ends) : 0;
    }

    function _lane(SeasonedPower self, uint256 ends) private pure returns (uint256) {
        return (SeasonedPower.unwrap(self) >> (ends % 4 * 48)) & LANE;
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
