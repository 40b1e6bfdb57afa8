// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Lives
/// @notice A host's agent, its last heartbeat and its clock in one word:
///
///     255          241 240       239     200 199         160 159    0
///     |    unused     | accepting |  alive  | lastHeartbeat | agent |
///
/// `alive` is the clock at the last heartbeat.
library Lives {
    uint256 private constant BEAT = 160;
    uint256 private constant ALIVE = 200;
    uint256 private constant ACCEPTING = 1 << 240;

    function agent(uint256 life) internal pure returns (address) {
        return address(uint160(life));
    }

    function lastHeartbeat(uint256 life) internal pure returns (uint40) {
        return uint40(life >> BEAT);
    }

    function isAccepting(uint256 life) internal pure returns (bool) {
        return life & ACCEPTING != 0;
    }

    /// @dev The clock at `time`: since the last heartbeat, `timeout` passed at most.
    function clock(uint256 life, uint256 time, uint256 timeout) internal pure returns (uint256) {
        uint256 last = lastHeartbeat(life);
        if (last == 0) return 0;
        uint256 gap = time - last;
        return uint40(life >> ALIVE) + (gap < timeout ? gap : timeout);
    }

    function withAgent(uint256 life, address agent_) internal pure returns (uint256) {
        return life >> BEAT << BEAT | uint160(agent_);
    }

    function withAccepting(uint256 life, bool accepting) internal pure returns (uint256) {
        return accepting ? life | ACCEPTING : life & ~ACCEPTING;
    }

    /// @dev After a heartbeat at `time`, when the clock stood at `clock_`.
    function withHeartbeat(uint256 life, uint256 time, uint256 clock_) internal pure returns (uint256) {
        return life & (ACCEPTING | type(uint160).max) | time << BEAT | clock_ << ALIVE;
    }
}
