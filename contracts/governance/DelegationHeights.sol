// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title DelegationHeights
/// @notice The heights of an account's direct delegators, one word: how many of them have chains of 0, 1, … 7
/// delegations below. It gives the account's own height exactly, also after delegators have left.
///
///     255    254   253     192 191    168          47      24 23       0
///    +------+------+----------+----------+- ...  -+----------+----------+
///    | used | open |  unused  | height 7 |        | height 1 | height 0 |
///    +------+------+----------+----------+- ...  -+----------+----------+
///
/// @dev `used` is set with the first answer to a delegator, which keeps the first delegation from paying for a new slot.
library DelegationHeights {
    /// @dev In place of a height: no delegator.
    uint256 internal constant NONE = type(uint256).max;

    uint256 private constant WIDTH = 24;
    uint256 private constant ONE = 1;
    uint256 private constant COUNTER = type(uint24).max;
    uint256 private constant COUNTERS = type(uint192).max;
    uint256 private constant OPEN = ONE << 254;
    uint256 private constant USED = ONE << 255;

    /// @dev Length of the longest chain that ends here.
    function height(uint256 self) internal pure returns (uint256) {
        uint256 counters = self & COUNTERS;
        return counters == 0 ? 0 : Math.log2(counters) / WIDTH + 1;
    }

    /// @dev Whether there is room for another delegator whose height is `below`.
    function hasRoom(uint256 self, uint256 below) internal pure returns (bool) {
        return (self >> (below * WIDTH)) & COUNTER != COUNTER;
    }

    /// @dev Without a delegator of height `removed` and with one of height `added`.
    function recount(uint256 self, uint256 removed, uint256 added) internal pure returns (uint256) {
        if (removed != NONE) self -= ONE << (removed * WIDTH);
        if (added != NONE) self += ONE << (added * WIDTH);
        return self;
    }

    function isOpen(uint256 self) internal pure returns (bool) {
        return self & OPEN != 0;
    }

    function withOpen(uint256 self, bool open) internal pure returns (uint256) {
        return (open ? self | OPEN : self & ~OPEN) | USED;
    }

    function withUsed(uint256 self) internal pure returns (uint256) {
        return self | USED;
    }
}
