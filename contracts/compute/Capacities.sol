// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Capacity, Resource} from "../../interfaces/IResources.sol";

/// @title Capacities
/// @notice Four amounts in one word, a lane of 32 bits for each resource, in the order of `Resource` from the lowest
/// bits up:
///
///     127      96 95       64 63       32 31        0
///     |   NET    |    STO    |    MEM    |    CPU   |
library Capacities {
    /// @dev Width of a lane and of all four, in bits.
    uint256 private constant WIDTH = 32;
    uint256 private constant TOTAL = 128;
    uint256 private constant MASK = type(uint32).max;

    function pack(Capacity memory capacity) internal pure returns (uint128) {
        return uint128(
            uint256(capacity.cpu) | uint256(capacity.mem) << WIDTH | uint256(capacity.sto) << 2 * WIDTH
                | uint256(capacity.net) << 3 * WIDTH
        );
    }

    function unpack(uint128 word) internal pure returns (Capacity memory) {
        return Capacity({
            cpu: uint32(word),
            mem: uint32(word >> WIDTH),
            sto: uint32(word >> 2 * WIDTH),
            net: uint32(word >> 3 * WIDTH)
        });
    }

    /// @dev The lane of one resource.
    function lane(uint128 word, uint256 resource) internal pure returns (uint256) {
        return (word >> WIDTH * resource) & MASK;
    }

    /// @dev A word of one lane, the others zero.
    function single(Resource resource, uint32 units) internal pure returns (uint128) {
        return uint128(uint256(units) << WIDTH * uint256(resource));
    }

    /// @dev Lane by lane. The caller knows that no lane of the sum exceeds 32 bits.
    function plus(uint128 a, uint128 b) internal pure returns (uint128) {
        return a + b;
    }

    /// @dev Lane by lane, at least zero.
    function minus(uint128 a, uint128 b) internal pure returns (uint128) {
        uint256 difference = 0;
        for (uint256 shift = 0; shift < TOTAL; shift += WIDTH) {
            uint256 x = (a >> shift) & MASK;
            uint256 y = (b >> shift) & MASK;
            if (x > y) difference |= (x - y) << shift;
        }
        return uint128(difference);
    }

    /// @dev Whether any lane of `a` is more than that of `b`, and the first such.
    function exceeds(uint128 a, uint128 b) internal pure returns (bool, Resource) {
        uint128 difference = minus(a, b);
        if (difference == 0) return (false, Resource.CPU);
        uint256 resource = 0;
        while (lane(difference, resource) == 0) {
            ++resource;
        }
        return (true, Resource(resource));
    }
}
