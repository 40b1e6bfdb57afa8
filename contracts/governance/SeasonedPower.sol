// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Voting power that ends by itself. Four lanes hold the power that ends with this season and with each of the
/// next three; the tag says in which season the lanes were written.
///
///     191       176 175      132 131       88 87        44 43         0
///    +-------------+------------+------------+------------+------------+
///    |   season    |   lane 3   |   lane 2   |   lane 1   |   lane 0   |    power of season s lies in lane s % 4
///    +-------------+------------+------------+------------+------------+
///
/// @dev No lane overflows: √ is concave, so n accounts sharing 1e10 NOVA have at most sqrt(n · 1e16) together, which
/// for 2^32 accounts is under 2^43. None borrows: what is subtracted was added to the same lane before.
type SeasonedPower is uint192;

using SeasonedPowers for SeasonedPower global;

/// @title SeasonedPowers
/// @notice Arithmetic of `SeasonedPower`.
library SeasonedPowers {
    uint256 internal constant SEASON = 13 weeks;
    /// @dev Of a season, the number of later ones that a verification may reach.
    uint256 internal constant REACH = 3;

    uint256 private constant LANES = 4;
    uint256 private constant WIDTH = 44;
    uint256 private constant LANE = 0xfffffffffff;
    uint256 private constant TAG = LANES * WIDTH;
    uint256 private constant ALL = type(uint176).max;

    /// @dev The season that `timestamp` lies in.
    function seasonOf(uint256 timestamp) internal pure returns (uint256) {
        return timestamp / SEASON;
    }

    /// @dev First second after `season`.
    function endOf(uint256 season) internal pure returns (uint256) {
        return (season + 1) * SEASON;
    }

    /// @dev These lanes, written in `season`.
    function write(uint256 lanes, uint256 season) internal pure returns (SeasonedPower) {
        return SeasonedPower.wrap(uint192((season << TAG) | lanes));
    }

    /// @dev `amount` that ends with `last`, written in `season`; nothing when that is over.
    function create(uint256 amount, uint256 last, uint256 season) internal pure returns (SeasonedPower) {
        return write(last < season ? 0 : amount << _shift(last), season);
    }

    /// @dev The same power written in a later season: lanes of seasons that are over are empty, free for new ones.
    function settle(SeasonedPower self, uint256 season) internal pure returns (SeasonedPower) {
        uint256 written = SeasonedPower.unwrap(self) >> TAG;
        if (written == season) return self;
        if (season >= written + LANES) return write(0, season);
        uint256 lanes = SeasonedPower.unwrap(self) & ALL;
        for (; written < season; ++written) {
            lanes &= ~(LANE << _shift(written));
        }
        return write(lanes, season);
    }

    /// @dev `self` without `less` and with `more`, which are written in `season`, as the result is.
    function change(SeasonedPower self, SeasonedPower less, SeasonedPower more, uint256 season)
        internal
        pure
        returns (SeasonedPower)
    {
        // Each of the three words has the tag of the season, and so has the sum.
        uint256 word = uint256(SeasonedPower.unwrap(self.settle(season))) + SeasonedPower.unwrap(more);
        return SeasonedPower.wrap(uint192(word - SeasonedPower.unwrap(less)));
    }

    /// @dev What counts in `season`, which is not before the one it was written in.
    function valueIn(SeasonedPower self, uint256 season) internal pure returns (uint256) {
        uint256 lanes = SeasonedPower.unwrap(self.settle(season)) & ALL;
        return (lanes & LANE) + ((lanes >> WIDTH) & LANE) + ((lanes >> (2 * WIDTH)) & LANE) + (lanes >> (3 * WIDTH));
    }

    function equals(SeasonedPower self, SeasonedPower other) internal pure returns (bool) {
        return SeasonedPower.unwrap(self) == SeasonedPower.unwrap(other);
    }

    function _shift(uint256 season) private pure returns (uint256) {
        return (season % LANES) * WIDTH;
    }
}
