// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title HostileTarget
/// @notice A target of proposals that refuses in every way there is, takes ether or not, and calls back.
contract HostileTarget {
    error HostileTarget_Refused(uint256 why);

    bool public broken = true;
    uint256 public calls;

    function mend() external {
        broken = false;
    }

    function work() external {
        if (broken) revert HostileTarget_Refused(42);
        ++calls;
    }

    function refuse(bytes calldata answer) external pure {
        bytes memory data = answer;
        assembly ("memory-safe") {
            revert(add(data, 32), mload(data))
        }
    }

    function callBack(address target, bytes calldata data) external {
        ++calls;
        Address.functionCall(target, data);
    }

    function take() external payable {
        ++calls;
    }
}
