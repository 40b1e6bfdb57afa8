// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLA} from "../compute/SLA.sol";

/// @title SLANext
/// @notice A next version to upgrade to: it says its version, and keeps everything else.
contract SLANext is SLA {
    function version() external pure returns (uint256) {
        return 2;
    }
}
