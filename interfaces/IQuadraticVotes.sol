// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IIdentityGate} from "./IIdentityGate.sol";
import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";

/// @title IQuadraticVotes
/// @notice Voting power: the square root of a verified account's NOVA, passed on along delegations.
/// @dev An ordinary ERC-5805 votes contract, so that a stock Governor counts with it. Its unit has three decimals:
/// floor(sqrt(balance / 1e12)), that is 1.000 for 1 NOVA and 1,000.000 for 1,000,000 NOVA.
///
/// *Delegation* is transitive. An account that has not delegated votes itself and is the *representative* of everybody
/// whose delegations lead to it: its votes are the sum of their individual square roots. A chain has at most
/// `MAX_DEPTH` delegations and never closes into a cycle. Nobody receives a delegation they have not accepted.
///
/// *Verification* ends with a season: seasons are 13 weeks long, counted from 1970-01-01. The end takes effect by
/// itself, at that second, for past lookups too. What a gate changes earlier (a new verification, a revocation, another
/// gate) takes effect with `sync`, which anyone may call.
interface IQuadraticVotes is IERC5805 {
    // ------------------------------------------------------------------------------------------------------------
    // Types, errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice What a delegatee has said about a delegator.
    enum Acceptance {
        Unanswered,
        Accepted,
        Refused
    }

    /// @notice `caller` is not the token.
    error QuadraticVotes_NotToken(address caller);

    /// @notice `delegatee` has not accepted `delegator`; it calls `acceptDelegator` or `setOpen` first.
    error QuadraticVotes_NotAccepted(address delegator, address delegatee);

    /// @notice The delegations of `delegatee` lead to `delegator`.
    error QuadraticVotes_Cycle(address delegator, address delegatee);

    /// @notice The longest chain through the new delegation would have `depth` delegations, more than `limit`.
    error QuadraticVotes_TooDeep(address delegator, address delegatee, uint256 depth, uint256 limit);

    /// @notice `delegatee` has as many direct delegators as it can have.
    error QuadraticVotes_TooManyDelegators(address delegatee);

    /// @notice `delegator` does not delegate to `delegatee`.
    error QuadraticVotes_NotDelegator(address delegator, address delegatee);

    /// @notice Past votes are final only for times before `clock`.
    error QuadraticVotes_FutureLookup(uint256 timepoint, uint48 clock);

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice `account` counts as verified until `verifiedUntil` seconds, 0 for not at all.
    event VerificationSynced(address indexed account, uint48 verifiedUntil);

    /// @notice `delegatee` has answered `delegator`.
    event DelegatorAnswered(address indexed delegatee, address indexed delegator, Acceptance answer);

    /// @notice `delegatee` accepts everybody it has not refused, or no longer does.
    event OpenSet(address indexed delegatee, bool open);

    /// @notice Verifications are read from `gate` from now on.
    event GateSet(address indexed gate);

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Accept `delegator`, or refuse it. A refusal prevails over `setOpen` and does not end a delegation that
    /// exists; `release` does.
    function acceptDelegator(address delegator, bool accepted) external;

    /// @notice Accept every delegator that is not refused, or stop doing so. An open account may be given a chain so
    /// long that it cannot delegate on itself; `release` frees it.
    function setOpen(bool open) external;

    /// @notice Send a direct delegator away: its delegation ends and it is refused from now on.
    function release(address delegator) external;

    /// @notice Have this contract follow what the gate says about `account` now.
    /// @return changed whether that was news.
    function sync(address account) external returns (bool changed);

    /// @notice `sync` for many.
    function syncMany(address[] calldata accounts) external;

    /// @notice Read verifications from another gate, 0 for none. Accounts keep their verification until they are
    /// synced or it ends.
    /// @dev Restricted to governance.
    function setGate(IIdentityGate newGate) external;

    /// @notice Tells that `amount` moved between accounts whose balances are now `fromBalance` and `toBalance`; the
    /// zero address stands for minting and burning.
    /// @dev Only the token may call.
    function afterTransfer(address from, address to, uint256 amount, uint256 fromBalance, uint256 toBalance) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Length of the longest chain of delegations.
    function MAX_DEPTH() external view returns (uint256);

    /// @notice Length of a season in seconds.
    function SEASON() external view returns (uint256);

    /// @notice The token whose balances count.
    function token() external view returns (address);

    /// @notice Where verifications are read.
    function gate() external view returns (IIdentityGate);

    /// @notice When the verification of `account` ends that this contract counts by, 0 when it counts for nothing.
    function verifiedUntil(address account) external view returns (uint48);

    /// @notice The account's own square root, whoever votes with it; 0 when it is not verified.
    function powerOf(address account) external view returns (uint256);

    /// @notice The account at the end of the chain of delegations, which votes with this account's power.
    function representative(address account) external view returns (address);

    /// @notice Number of delegations between `account` and its representative.
    function depthOf(address account) external view returns (uint256);

    /// @notice Length of the longest chain of delegations that ends in `account`.
    function heightOf(address account) external view returns (uint256);

    /// @notice What `delegatee` has answered `delegator`.
    function acceptanceOf(address delegatee, address delegator) external view returns (Acceptance);

    /// @notice Whether `delegatee` accepts everybody it has not refused.
    function isOpen(address delegatee) external view returns (bool);

    /// @notice Sum of the square roots of all accounts verified now, delegated or not.
    function getTotalSupply() external view returns (uint256);
}
