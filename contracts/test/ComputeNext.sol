// SPDX-License-Identifier: MIT
// solhint-disable one-contract-per-file
pragma solidity 0.8.37;

import {HostRegistry} from "../compute/HostRegistry.sol";
import {VMLifecycle} from "../compute/VMLifecycle.sol";

/// @title HostRegistryNext
/// @notice A next version to upgrade to: it says its version, and keeps everything else.
contract HostRegistryNext is HostRegistry {
    function version() external pure returns (uint256) {
        return 2;
    }
}

/// @title VMLifecycleNext
/// @notice A next version to upgrade to: it says its version, and keeps everything else.
contract VMLifecycleNext is VMLifecycle {
    constructor(address extension_) VMLifecycle(extension_) {}

    function version() external pure returns (uint256) {
        return 2;
    }
}
