// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title VMTimes
/// @notice The times of `IVMLifecycle`, in seconds.
library VMTimes {
    uint40 internal constant MIN_LEASE = 1 hours;
    uint40 internal constant COMMAND_TIMEOUT = 15 minutes;
    uint40 internal constant PAUSE_LIMIT = 24 hours;
    uint40 internal constant APPROVAL_TIMEOUT = 24 hours;
    uint40 internal constant MIGRATION_TIMEOUT = 1 hours;
    uint40 internal constant UNKNOWN_LIMIT = 1 hours;
    uint40 internal constant IDLE_GRACE = 1 hours;
    uint40 internal constant RETENTION = 30 days;
}
