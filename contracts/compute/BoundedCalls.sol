// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";

/// @title BoundedCalls
/// @notice Calls that may fail, burn gas or answer nonsense without stopping their caller.
/// @dev Nor may their caller make them fail by sending too little gas: a call that failed had `CALL_GAS`, or everything
/// reverts. A 64th of the gas stays with the caller of a call (EIP-150); if that is less than a 63rd of `CALL_GAS`, the
/// call may have had less.
library BoundedCalls {
    /// @dev Several times what HostRegistry needs at most.
    uint256 internal constant CALL_GAS = 200_000;

    /// @dev A view's first word. @return told whether it succeeded and gave one.
    function ask(address target, bytes memory data) internal view returns (bool told, uint256 answer) {
        bool success;
        assembly ("memory-safe") {
            success := staticcall(CALL_GAS, target, add(data, 0x20), mload(data), 0x00, 0x20)
            told := and(success, gt(returndatasize(), 0x1f))
            if told { answer := mload(0x00) }
        }
        if (!success) _requireGas();
    }

    function tell(address target, bytes memory data) internal {
        bool success;
        assembly ("memory-safe") {
            success := call(CALL_GAS, target, 0, add(data, 0x20), mload(data), 0x00, 0x00)
        }
        if (!success) _requireGas();
    }

    function _requireGas() private view {
        if (gasleft() < CALL_GAS / 63) revert IVMLifecycle.VMLifecycle_TooLittleGas();
    }
}
