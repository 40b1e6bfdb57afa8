// SPDX-License-Identifier: MIT
// solhint-disable gas-calldata-parameters
pragma solidity 0.8.37;

import {Keccak1600} from "../crypto/generated/Keccak1600.sol";

/// @notice Calls the kernels from outside, on memory that nothing may have changed afterwards.
contract Keccak1600Harness {
    error Overwritten();

    function permute(uint256[25] memory words) external pure returns (uint256[25] memory) {
        return _guarded(words, Keccak1600.permute);
    }

    function permute2(uint256[25] memory words) external pure returns (uint256[25] memory) {
        return _guarded(words, Keccak1600.permute2);
    }

    function permute4(uint256[25] memory words) external pure returns (uint256[25] memory) {
        return _guarded(words, Keccak1600.permute4);
    }

    /// @notice Gas of each kernel.
    function gas() external view returns (uint256 one, uint256 two, uint256 four) {
        uint256[25] memory words;
        _run(words, Keccak1600.permute4); // pays for the memory
        (one, two, four) =
        (_gas(words, Keccak1600.permute), _gas(words, Keccak1600.permute2), _gas(words, Keccak1600.permute4));
    }

    /// @dev The state lies in the memory that the kernels borrow, marked words on both sides of it.
    function _guarded(uint256[25] memory words, function(uint256) internal pure kernel)
        private
        pure
        returns (uint256[25] memory)
    {
        uint256[8] memory behind = [uint256(11), 12, 13, 14, 15, 16, 17, 18];
        uint256 free;
        uint256 zero;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        _run(words, kernel);
        uint256 freeAfter;
        assembly ("memory-safe") {
            freeAfter := mload(0x40)
            zero := mload(0x60)
        }
        if (free != freeAfter || zero != 0) revert Overwritten();
        for (uint256 i = 0; i < 8; ++i) {
            if (behind[i] != 11 + i) revert Overwritten();
        }
        return words;
    }

    function _gas(uint256[25] memory words, function(uint256) internal pure kernel)
        private
        view
        returns (uint256 used)
    {
        used = gasleft();
        _run(words, kernel);
        used -= gasleft();
    }

    function _run(uint256[25] memory words, function(uint256) internal pure kernel) private pure {
        uint256 state;
        assembly ("memory-safe") {
            state := words
        }
        kernel(state);
    }
}
