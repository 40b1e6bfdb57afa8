// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice The four resources that machine time is sold in; each has a token of 18 decimals.
enum Resource {
    /// @dev vCPU-hours.
    CPU,
    /// @dev GB-hours of memory.
    MEM,
    /// @dev TB-hours of storage.
    STO,
    /// @dev GB of traffic.
    NET
}

/// @notice An amount of each resource as a rate, in thousandths of the token's unit per hour.
/// @dev A machine of 2 vCPU, 4 GB of memory, a disk of 50 GB and 10 GB of traffic an hour is (2000, 4000, 50, 10000).
struct Capacity {
    /// @dev Thousandths of a vCPU.
    uint32 cpu;
    /// @dev MB of memory.
    uint32 mem;
    /// @dev GB of storage.
    uint32 sto;
    /// @dev MB of traffic an hour.
    uint32 net;
}
