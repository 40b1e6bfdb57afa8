// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IPausable
/// @notice What the brake can stop: a contract with two-step ownership that its owner pauses.
interface IPausable {
    function pauseContract() external;
    function unpauseContract() external;
    function paused() external view returns (bool);
    function transferOwnership(address newOwner) external;
    function acceptOwnership() external;
}

/// @title IEmergencyBrake
/// @notice Owner of the pausable contracts. The guardian pauses one for at most 72 hours, after which anyone sets it
/// going again, and not again before 14 days have passed: longer than a proposal takes to dismiss the guardian.
interface IEmergencyBrake {
    /// @notice `target` is paused until `until`; until then only governance sets it going.
    error EmergencyBrake_StillPaused(address target, uint256 until);

    /// @notice The guardian can pause `target` again from `availableAt` on.
    error EmergencyBrake_CoolingDown(address target, uint256 availableAt);

    /// @notice `guardian` has paused `target`; from `until` on anyone can set it going.
    event TargetPaused(address indexed target, address indexed guardian, uint256 until);

    /// @notice `caller` has set `target` going again.
    event TargetUnpaused(address indexed target, address indexed caller);

    /// @notice Longest pause, in seconds.
    function MAX_PAUSE() external view returns (uint256);

    /// @notice Time between the end of a pause, at the latest MAX_PAUSE after its beginning, and the next, in seconds.
    function COOLDOWN() external view returns (uint256);

    /// @notice Pause `target`, which this contract owns.
    /// @dev Restricted to the guardian.
    function pause(address target) external;

    /// @notice Set `target` going when its pause has lasted `MAX_PAUSE`.
    function lift(address target) external;

    /// @notice Set `target` going at once; the cooldown goes on.
    /// @dev Restricted to governance.
    function unpause(address target) external;

    /// @notice Offer the ownership of `target` to `newOwner`.
    /// @dev Restricted to governance.
    function transferTarget(address target, address newOwner) external;

    /// @notice Take over `target`, whose ownership was offered to this contract.
    /// @dev Restricted to governance.
    function acceptTarget(address target) external;

    /// @notice When the guardian's last pause of `target` ends at the latest, in seconds; 0 when there was none.
    function pausedUntil(address target) external view returns (uint256);
}
