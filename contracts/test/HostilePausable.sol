// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEmergencyBrake, IPausable} from "../../interfaces/IEmergencyBrake.sol";

/// @title HostilePausable
/// @notice A pausable contract that, while it is being paused, has itself set going again at once.
contract HostilePausable is IPausable {
    IEmergencyBrake private immutable _brake;
    bool public lifted;
    bytes public answer;
    bool public paused;

    constructor(IEmergencyBrake brake) {
        _brake = brake;
    }

    function pauseContract() external {
        paused = true;
        // solhint-disable-next-line avoid-low-level-calls
        (lifted, answer) = address(_brake).call(abi.encodeCall(IEmergencyBrake.lift, (address(this))));
    }

    function unpauseContract() external {
        paused = false;
    }

    function transferOwnership(address) external {}

    function acceptOwnership() external {}
}
