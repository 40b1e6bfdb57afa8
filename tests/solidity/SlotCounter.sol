// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "./Vm.sol";

/// @title SlotCounter
/// @notice Tells how many slots a call wrote.
abstract contract SlotCounter is Test {
    /// @dev Different slots of `target` that were written since `vm.record`.
    function _written(address target) internal returns (uint256 count) {
        (, bytes32[] memory writes) = vm.accesses(target);
        for (uint256 i = 0; i < writes.length; ++i) {
            bool again = false;
            for (uint256 j = 0; j < i; ++j) {
                again = again || writes[i] == writes[j];
            }
            if (!again) ++count;
        }
    }
}
