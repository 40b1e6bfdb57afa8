// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title OneRole
/// @notice An authority that lets one account do everything at once and nobody else anything.
contract OneRole {
    address private immutable _master;

    constructor(address master) {
        _master = master;
    }

    function canCall(address caller, address, bytes4) external view returns (bool immediate, uint32 delay) {
        return (caller == _master, 0);
    }
}
