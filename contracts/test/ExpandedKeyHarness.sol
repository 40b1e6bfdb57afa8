// SPDX-License-Identifier: MIT
// solhint-disable gas-calldata-parameters
pragma solidity 0.8.37;

import {ExpandedKey} from "../crypto/ExpandedKey.sol";
import {Shake} from "../crypto/Shake.sol";

/// @notice Rejection sampling over bytes of the caller's choice, which SHAKE128 gives nobody.
contract ExpandedKeyHarness {
    uint256 private constant GUARD = 0xa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5;

    error Overwritten();

    /// @notice Feeds whole blocks to `takeBlock` as part `part` of a state, the other parts being all ones.
    /// @return column The column with this row alone.
    /// @return used Blocks after which the polynomial was complete, or all where it is not.
    /// @return done Whether it is.
    function take(bytes memory blocks, uint256 part, uint256 row, uint256 rows)
        external
        pure
        returns (bytes memory column, uint256 used, bool done)
    {
        column = new bytes(ExpandedKey.columnBytes(rows) + 32);
        uint256 start;
        assembly ("memory-safe") {
            start := add(column, 32)
        }
        uint256 end = start + ExpandedKey.columnBytes(rows);
        assembly ("memory-safe") {
            mstore(end, GUARD)
        }
        uint256 state = Shake.newState();
        ExpandedKey.Polynomial memory polynomial = ExpandedKey.Polynomial(row, ExpandedKey.entryBytes(rows), start, end);
        while (!done && (used + 1) * Shake.RATE_128 <= blocks.length) {
            _fill(state, part, blocks, used * Shake.RATE_128);
            done = ExpandedKey.takeBlock(state, part, polynomial);
            ++used;
        }
        uint256 guard;
        assembly ("memory-safe") {
            guard := mload(end)
            mstore(column, sub(mload(column), 32))
        }
        if (guard != GUARD) revert Overwritten();
    }

    /// @notice The column of -NTT(t1 · 2^13).
    function columnOfT(bytes memory t1, uint256 rows) external pure returns (bytes memory column) {
        column = new bytes(ExpandedKey.columnBytes(rows));
        uint256 input;
        uint256 output;
        assembly ("memory-safe") {
            input := add(t1, 32)
            output := add(column, 32)
        }
        ExpandedKey.writeT(input, rows, output);
    }

    function _fill(uint256 state, uint256 part, bytes memory data, uint256 from) private pure {
        for (uint256 i = 0; i < 21; ++i) {
            uint256 lane = 0;
            for (uint256 j = 8; j > 0; --j) {
                lane = (lane << 8) | uint8(data[from + 8 * i + j - 1]);
            }
            uint256 word = (lane << (64 * part)) | ~(uint256(type(uint64).max) << (64 * part));
            assembly ("memory-safe") {
                mstore(add(state, mul(32, i)), word)
            }
        }
    }
}
