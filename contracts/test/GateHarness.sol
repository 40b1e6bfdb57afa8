// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIdentityGate} from "../../interfaces/IIdentityGate.sol";

/// @title GateHarness
/// @notice Test only: a gate that says whatever it was told to, sensible or not, and can break.
contract GateHarness is IIdentityGate {
    error GateHarness_Broken();

    bool public broken;
    mapping(address account => uint48 until) private _until;

    function set(address account, uint48 until) external {
        _until[account] = until;
    }

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function isVerified(address account) external view returns (bool) {
        return verifiedUntil(account) != 0;
    }

    function verifiedUntil(address account) public view returns (uint48) {
        if (broken) revert GateHarness_Broken();
        return _until[account];
    }
}
