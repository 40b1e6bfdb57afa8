// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";

/// @dev What changes of a VM at every step; its fields are those of `IVMLifecycle.VM`.
struct Lease {
    IVMLifecycle.State state;
    IVMLifecycle.State origin;
    bool released;
    bool holding;
    uint32 epoch;
    uint24 hostId;
    uint24 targetId;
    uint40 since;
    uint40 used;
    uint40 funded;
    /// @dev The deadline; in Running, which has none, when it was entered: then the VM is due to be up since that time
    /// at the latest, and its history is written when it leaves Running.
    uint40 time;
}

/// @title Leases
/// @notice A lease in one word:
///
///     255        215      175    135     95       71     47      15      8       0
///     |   time   | funded | used | since | target | host | epoch | flags | state |
///     |    40    |   40   |  40  |   40  |   24   |  24  |   32  |   8   |   8   |
///
/// Flags are the origin in the low four bits, then `released` and `holding`.
library Leases {
    uint256 private constant RELEASED = 1 << 12;
    uint256 private constant HOLDING = 1 << 13;

    /// @dev Sets of states, a bit each in the order of `State`, the first lowest.
    uint256 internal constant STOPPED = 0x001;
    uint256 internal constant STARTING = 0x002;
    uint256 internal constant RUNNING = 0x004;
    uint256 internal constant STOPPING = 0x008;
    uint256 internal constant PAUSED = 0x010;
    uint256 internal constant PENDING = 0x020;
    uint256 internal constant MIGRATING = 0x040;
    uint256 internal constant FAILED = 0x080;
    uint256 internal constant UNKNOWN = 0x100;
    uint256 internal constant SUSPENDED = 0x200;
    uint256 internal constant TERMINATED = 0x400;
    uint256 internal constant ANY_BUT_TERMINATED = TERMINATED - 1;
    uint256 internal constant IN_MIGRATION = PENDING | MIGRATING;
    /// @dev In which a record is taken: while it migrates the record is the release's, which the target restores.
    uint256 internal constant RECORDABLE = ANY_BUT_TERMINATED ^ MIGRATING;
    /// @dev Waiting for the customer.
    uint256 internal constant RESTING = STOPPED | FAILED | SUSPENDED;
    /// @dev With a host that may run it, whatever its origin.
    uint256 internal constant ENTITLED = STARTING | RUNNING | STOPPING | PAUSED | UNKNOWN;
    /// @dev What a customer can stop.
    uint256 internal constant STOPPABLE = STARTING | RUNNING | PAUSED | UNKNOWN;
    /// @dev What a customer can move.
    uint256 internal constant MOVABLE = RUNNING | STOPPED | FAILED;
    /// @dev On entering which the VM is not due to be up any more.
    uint256 internal constant NOT_DUE = STOPPING | PAUSED | MIGRATING | SUSPENDED | TERMINATED;

    function pack(Lease memory lease) internal pure returns (uint256) {
        return uint256(lease.state) | uint256(lease.origin) << 8 | (lease.released ? RELEASED : 0)
            | (lease.holding ? HOLDING : 0) | uint256(lease.epoch) << 16 | uint256(lease.hostId) << 48
            | uint256(lease.targetId) << 72 | uint256(lease.since) << 96 | uint256(lease.used) << 136
            | uint256(lease.funded) << 176 | uint256(lease.time) << 216;
    }

    function unpack(uint256 word) internal pure returns (Lease memory lease) {
        lease.state = IVMLifecycle.State(uint8(word));
        lease.origin = IVMLifecycle.State(uint8(word >> 8) & 0xf);
        lease.released = word & RELEASED != 0;
        lease.holding = word & HOLDING != 0;
        lease.epoch = uint32(word >> 16);
        lease.hostId = uint24(word >> 48);
        lease.targetId = uint24(word >> 72);
        lease.since = uint40(word >> 96);
        lease.used = uint40(word >> 136);
        lease.funded = uint40(word >> 176);
        lease.time = uint40(word >> 216);
    }

    /// @dev Whether the state is one of a set of bits.
    function isIn(Lease memory lease, uint256 states) internal pure returns (bool) {
        return states >> uint256(lease.state) & 1 != 0;
    }

    /// @dev Whether the VM uses time: it runs, or runs on while approvals of its migration come in.
    function isUsing(Lease memory lease) internal pure returns (bool) {
        return isIn(lease, RUNNING) || (isIn(lease, PENDING) && lease.origin == IVMLifecycle.State.Running);
    }

    /// @dev In seconds; 0 when there is none.
    function deadline(Lease memory lease) internal pure returns (uint40) {
        return isIn(lease, RUNNING) ? 0 : lease.time;
    }

    function isExhausted(Lease memory lease) internal pure returns (bool) {
        return lease.used >= lease.funded;
    }

    /// @dev Count what is used until the host's clock stands at `clock`, of a VM that uses time. Never more than is
    /// funded; a clock that fell (a registry gone wrong) takes nothing back.
    function accrue(Lease memory lease, uint256 clock) internal pure {
        if (clock <= lease.since) return;
        uint256 used = lease.used + (clock - lease.since);
        lease.used = used < lease.funded ? uint40(used) : lease.funded;
        lease.since = uint40(clock);
    }

    /// @dev The host that may run the VM; 0 when none.
    function entitled(Lease memory lease) internal pure returns (uint256) {
        return isIn(lease, ENTITLED) || isUsing(lease) ? lease.hostId : 0;
    }
}
