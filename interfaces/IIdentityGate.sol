// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IIdentityGate
/// @notice Says which accounts belong to a verified person. Square-root voting counts verified accounts only: with
/// plain addresses, splitting a wallet into n would multiply its power by √n.
/// @dev `QuadraticVotes` reads `verifiedUntil` in `sync` and remembers the answer; it never asks during a transfer.
/// Governance can put another implementation in this one's place.
interface IIdentityGate {
    /// @notice Whether `account` is verified now.
    function isVerified(address account) external view returns (bool);

    /// @notice When the verification of `account` ends, in seconds; 0 when there is none or it has ended.
    function verifiedUntil(address account) external view returns (uint48);
}

/// @title IAttestedIdentityGate
/// @notice An identity gate where attesters, named by governance, verify accounts until the end of a season (13 weeks,
/// see `IQuadraticVotes`).
/// @dev A rogue attester can verify `quota` accounts a season, and so have 4 · `quota` verified at once, for they last
/// four seasons at most: it multiplies the power of its own tokens by 2√quota. When governance takes the ATTESTER role
/// away, all it ever verified is void, also if it gets the role back; `QuadraticVotes.sync` then removes it, and so
/// does the end of the season. It cannot touch what others have verified. Snapshots of the past stay as they were.
interface IAttestedIdentityGate is IIdentityGate {
    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice A verification ends with one of the seasons `first` to `last`, not with `season`.
    error IdentityGate_SeasonOutOfReach(uint256 season, uint256 first, uint256 last);

    /// @notice `attester` has made its `quota` verifications of this season.
    error IdentityGate_QuotaExhausted(address attester, uint32 quota);

    /// @notice `account` is verified by `attester`, and only that attester may change it.
    error IdentityGate_VerifiedByAnother(address account, address attester);

    /// @notice `account` is not verified.
    error IdentityGate_NotVerified(address account);

    /// @notice The zero address is nobody.
    error IdentityGate_ZeroAccount();

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice `attester` says that `account` belongs to a verified person, until the end of `season`.
    event Verified(address indexed account, address indexed attester, uint256 season);

    /// @notice The verification of `account` by `attester` is no more.
    event Revoked(address indexed account, address indexed attester);

    /// @notice An attester may make `quota` verifications in a season.
    event QuotaSet(uint32 quota);

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Verify `account` until the end of `season`, which is this one or one of the next three; again, to
    /// prolong or shorten it.
    /// @dev Restricted to attesters. Takes effect in `QuadraticVotes` at once.
    function verify(address account, uint256 season) external;

    /// @notice Take back a verification of the caller's own.
    /// @dev Restricted to attesters. Takes effect in `QuadraticVotes` at once.
    function revoke(address account) external;

    /// @notice Take back anybody's verification.
    /// @dev Restricted to governance.
    function strike(address account) external;

    /// @notice Let every attester make `newQuota` verifications in a season.
    /// @dev Restricted to governance.
    function setQuota(uint32 newQuota) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Who verified `account`; zero when it is not verified now.
    function attesterOf(address account) external view returns (address);

    /// @notice Verifications that an attester may make in a season.
    function quota() external view returns (uint32);

    /// @notice Verifications that `attester` has made in this season.
    function used(address attester) external view returns (uint32);

    /// @notice The votes contract that is told of every change.
    function quadraticVotes() external view returns (address);
}
