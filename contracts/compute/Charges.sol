// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Capacities} from "./Capacities.sol";

/// @title Charges
/// @notice Seconds of a capacity in tokens: a lane is thousandths of a token an hour. Always over the whole life of a
/// VM, so that n payments come to what one would have been.
/// @dev A lane of 32 bits times 10^18 times 40 bits of seconds is less than 2^132, and an amount less than 2^111.
library Charges {
    using Capacities for uint128;

    uint256 private constant WHOLE = 1e18;
    /// @dev Thousandths times seconds of an hour.
    uint256 private constant DIVISOR = 3_600_000;

    /// @dev What `seconds_` cost while the tokens are held: rounded up, against the customer.
    function held(uint256 units, uint256 seconds_) internal pure returns (uint256) {
        unchecked {
            return (units * WHOLE * seconds_ + DIVISOR - 1) / DIVISOR;
        }
    }

    /// @dev What `seconds_` cost when they are paid: rounded down, against the provider.
    function paid(uint256 units, uint256 seconds_) internal pure returns (uint256) {
        unchecked {
            return units * WHOLE * seconds_ / DIVISOR;
        }
    }

    /// @dev What more is to be held when `before` seconds become `funded`.
    function charge(uint128 capacity, uint256 before, uint256 funded)
        internal
        pure
        returns (uint256[4] memory amounts)
    {
        for (uint256 i = 0; i < 4; ++i) {
            amounts[i] = held(capacity.lane(i), funded) - held(capacity.lane(i), before);
        }
    }

    /// @dev What is to be paid when `settled` seconds are paid and `used` are used.
    function payment(uint128 capacity, uint256 settled, uint256 used)
        internal
        pure
        returns (uint256[4] memory amounts)
    {
        for (uint256 i = 0; i < 4; ++i) {
            amounts[i] = paid(capacity.lane(i), used) - paid(capacity.lane(i), settled);
        }
    }

    /// @dev What is held and was not used.
    function refund(uint128 capacity, uint256 used, uint256 funded) internal pure returns (uint256[4] memory amounts) {
        for (uint256 i = 0; i < 4; ++i) {
            amounts[i] = held(capacity.lane(i), funded) - paid(capacity.lane(i), used);
        }
    }
}
