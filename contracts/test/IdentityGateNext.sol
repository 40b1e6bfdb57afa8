// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IdentityGate} from "../governance/IdentityGate.sol";

/// @title IdentityGateNext
/// @notice A next version to upgrade to: it says its version, and keeps everything else.
contract IdentityGateNext is IdentityGate {
    function version() external pure returns (uint256) {
        return 2;
    }
}
