// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLATypes} from "../../interfaces/ISLA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SLAMath
/// @notice What measurements say and what a broken promise costs; docs/sla.md derives it.
library SLAMath {
    uint256 internal constant PPM = 1_000_000;

    /// @notice The middle of `values`, which it sorts; of an even number, the middle one nearer to the promise.
    /// @dev At most 32 of them: insertion sort.
    function median(uint256[] memory values, ISLATypes.Direction direction) internal pure returns (uint256) {
        uint256 count = values.length;
        for (uint256 i = 1; i < count; ++i) {
            uint256 value = values[i];
            uint256 j = i;
            while (j != 0 && values[j - 1] > value) {
                values[j] = values[j - 1];
                --j;
            }
            values[j] = value;
        }
        return values[direction == ISLATypes.Direction.AtLeast ? count / 2 : (count - 1) / 2];
    }

    /// @notice How far `value` is off: 0 the promise is kept, 1 to 3 the credit that is due.
    function tierOf(ISLATypes.Guarantee memory guarantee, uint256 value) internal pure returns (uint256) {
        if (!_isBeyond(guarantee.direction, value, guarantee.value)) return 0;
        if (!_isBeyond(guarantee.direction, value, guarantee.severe)) return 1;
        return _isBeyond(guarantee.direction, value, guarantee.critical) ? 3 : 2;
    }

    /// @notice What a penalty takes and gives.
    /// @param fee of the window.
    /// @param share of it that is due, in ppm.
    /// @param stake what is left of it.
    /// @param state what earlier penalties of the window have credited the customer with and taken from the fee.
    /// @return fromStake what the stake pays.
    /// @return fromFee what the window's fee pays of the rest.
    /// @return credit the part of both that the customer gets: with what it got before, never more than the fee.
    /// @return excess the part that the treasury gets.
    function penalty(uint256 fee, uint256 share, uint256 stake, ISLATypes.WindowState memory state)
        internal
        pure
        returns (uint256 fromStake, uint256 fromFee, uint256 credit, uint256 excess)
    {
        uint256 due = fee * share / PPM;
        fromStake = Math.min(due, stake);
        fromFee = Math.min(due - fromStake, fee - state.takenFromFee);
        credit = Math.min(fromStake + fromFee, fee - state.credited);
        excess = fromStake + fromFee - credit;
    }

    /// @notice How the fee of a window is shared out in the end, less what penalties have taken from it.
    /// @param measured whether every guarantee was.
    function settlement(uint256 fee, ISLATypes.WindowState memory state, bool measured)
        internal
        pure
        returns (uint256 toProvider, uint256 toCustomer)
    {
        // Penalties take from the fee only what the customer is credited with, or after it has been credited all:
        // what is left covers what the customer has not been credited with.
        if (!measured) toCustomer = fee - state.credited;
        toProvider = fee - state.takenFromFee - toCustomer;
    }

    function _isBeyond(ISLATypes.Direction direction, uint256 value, uint256 limit) private pure returns (bool) {
        return direction == ISLATypes.Direction.AtLeast ? value < limit : value > limit;
    }
}
