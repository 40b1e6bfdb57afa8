// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IResourceToken
/// @notice Machine time as an ERC-20 with permit (ERC-2612), 18 decimals and a hard cap; governance mints. One unit is:
///
///     CPU   1 vCPU-hour    cap  1,000,000
///     MEM   1 GB-hour      cap  2,000,000
///     STO   1 TB-hour      cap  5,000,000
///     NET   1 GB           cap 10,000,000
interface IResourceToken {
    /// @notice `amount` (18 decimals) that `to` holds from the first block on.
    struct Allocation {
        address to;
        uint256 amount;
    }

    /// @notice What 1e18 base units buy, such as "vCPU-hour".
    function unit() external view returns (string memory);

    /// @notice Create `amount` for `to`, within the cap.
    /// @dev Restricted to governance.
    function mint(address to, uint256 amount) external;
}
