// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IHostRegistry} from "./IHostRegistry.sol";
import {Resource} from "./IResources.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IResourceStaking
/// @notice Resource tokens locked for a fixed term at a fixed rate. The whole reward is set aside from a budget when the
/// stake is made, or the stake is refused: what a position promises is always there.
///
///     reward = floor(amount · rate · term / (10,000 · 365 days))     rate: CPU 1000, MEM 800, STO 600, NET 500
///
/// - At maturity the owner withdraws principal and reward. Before, it can leave with the principal; the reward goes back
///   to the budget.
/// - A position can back one guarantee at a time: units of a host's attested capacity kept for its owner until maturity,
///   at most what the principal pays for in the time that is left,
///
///     units ≤ principal · 1000 · 3600 / (1e18 · seconds left)     in thousandths of the token's unit per hour
///
/// - The brake stops `stake`, `fund` and `guarantee`. Nothing stops `withdraw`, which calls nothing but the token, nor
/// `release` and `exitEarly`: whatever the registry, which can be upgraded, does, the principal is its owner's.
///
/// @dev Only what came through `stake` and `fund` counts; tokens sent here otherwise belong to nobody.
interface IResourceStaking {
    /// @notice A stake; all zero when it has been paid out or never was.
    /// @dev Two slots.
    ///
    ///     0   isGuaranteeing 8 | maturity 40 | start 40 | resource 8 | owner 160
    ///     1   reward 128 | principal 128
    struct Position {
        address owner;
        Resource resource;
        /// @dev In seconds.
        uint40 start;
        /// @dev In seconds; from then on it can be withdrawn.
        uint40 maturity;
        /// @dev Whether it backs a guarantee that nobody has released.
        bool isGuaranteeing;
        /// @dev Base units of the token.
        uint128 principal;
        /// @dev Base units of the token, set aside.
        uint128 reward;
    }

    /// @notice `target` is no contract.
    error ResourceStaking_NoContract(address target);

    /// @notice Nothing has this number, or it has been paid out.
    error ResourceStaking_NoPosition(uint256 positionId);

    /// @notice Only its owner may do this with the position.
    error ResourceStaking_NotOwner(uint256 positionId, address caller, address owner);

    /// @notice A term is from `MIN_TERM` to `MAX_TERM` seconds.
    error ResourceStaking_BadTerm(uint256 term);

    /// @notice At least 1 and at most 2^128 - 1 base units.
    error ResourceStaking_BadAmount(uint256 amount);

    /// @notice So little for so short a time earns nothing.
    error ResourceStaking_NoReward(Resource resource, uint256 amount, uint256 term);

    /// @notice `wanted` base units are more than the `free` ones of the budget.
    error ResourceStaking_BudgetExceeded(Resource resource, uint256 wanted, uint256 free);

    /// @notice The position matures at `maturity`; until then there is `exitEarly`.
    error ResourceStaking_NotMature(uint256 positionId, uint256 maturity);

    /// @notice The position has matured: `withdraw` pays the reward too.
    error ResourceStaking_Mature(uint256 positionId, uint256 maturity);

    /// @notice The position backs a guarantee: `release` it first.
    error ResourceStaking_Guaranteeing(uint256 positionId);

    /// @notice Send gas enough that the registry has `needed` to end the reservation.
    error ResourceStaking_TooLittleGas(uint256 needed);

    /// @notice The position backs no guarantee.
    error ResourceStaking_NotGuaranteeing(uint256 positionId);

    /// @notice `units` are none, or more than the `backed` ones that the position pays for.
    error ResourceStaking_BadUnits(uint256 positionId, uint256 units, uint256 backed);

    /// @notice `recipient` can be sent nothing.
    error ResourceStaking_BadRecipient(address recipient);

    /// @notice A transfer of `expected` brought `arrived`.
    error ResourceStaking_InexactTransfer(Resource resource, uint256 expected, uint256 arrived);

    /// @notice `owner` has locked `principal` and will get `reward` on top.
    event Staked(
        uint256 indexed positionId,
        address indexed owner,
        Resource indexed resource,
        uint256 principal,
        uint256 reward,
        uint256 maturity
    );

    /// @notice Principal and reward of a matured position have been paid.
    event Withdrawn(uint256 indexed positionId, address indexed recipient, uint256 principal, uint256 reward);

    /// @notice The principal has been paid before maturity; `forfeited` went back to the budget.
    event ExitedEarly(uint256 indexed positionId, address indexed recipient, uint256 principal, uint256 forfeited);

    /// @notice `from` has added to the budget.
    event Funded(Resource indexed resource, address indexed from, uint256 amount);

    /// @notice Governance has taken free budget back.
    event BudgetTaken(Resource indexed resource, address indexed recipient, uint256 amount);

    /// @notice The position keeps `units` of a host for its owner until `until`.
    event GuaranteeMade(
        uint256 indexed positionId, uint256 indexed hostId, address indexed owner, uint256 units, uint256 until
    );

    /// @notice The position backs nothing any more.
    event GuaranteeReleased(uint256 indexed positionId, address indexed caller);

    /// @notice Shortest term, in seconds (30 days).
    function MIN_TERM() external view returns (uint256);

    /// @notice Longest term, in seconds (365 days).
    function MAX_TERM() external view returns (uint256);

    /// @notice Where guarantees reserve capacity.
    function registry() external view returns (IHostRegistry);

    // ------------------------------------------------------------------------------------------------------------
    // Positions
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Lock `amount` base units, taken by allowance, for `term` seconds.
    /// @dev The rate is a constant and the reward set aside at once: the same whenever the call is mined.
    /// @return positionId Its number; the first is 1.
    function stake(Resource resource, uint256 amount, uint256 term) external returns (uint256 positionId);

    /// @notice Pay principal and reward of the caller's matured position to `recipient`.
    /// @return paid Base units of the token.
    function withdraw(uint256 positionId, address recipient) external returns (uint256 paid);

    /// @notice Pay the principal of the caller's position to `recipient` before maturity, without reward.
    /// @dev A guarantee must be released before.
    /// @return paid Base units of the token.
    function exitEarly(uint256 positionId, address recipient) external returns (uint256 paid);

    // ------------------------------------------------------------------------------------------------------------
    // Guarantees
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Keep `units` of a host's attested capacity for the caller until its position matures.
    /// @param units Thousandths of the token's unit per hour: thousandths of a vCPU, MB, GB, MB an hour.
    function guarantee(uint256 positionId, uint256 hostId, uint256 units) external;

    /// @notice End the guarantee: its owner at any time, anybody after maturity.
    /// @dev Whatever the registry does: it may have ended the reservation before, because it was void or over, and if it
    /// refuses, the reservation stays there until its time is over, when anybody clears it.
    function release(uint256 positionId) external;

    // ------------------------------------------------------------------------------------------------------------
    // Budget
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Add `amount` base units, taken by allowance, to what rewards are paid from. It is not given back.
    function fund(Resource resource, uint256 amount) external;

    /// @notice Send `amount` of the free budget to `recipient`.
    /// @dev Restricted to governance.
    function takeBack(Resource resource, uint256 amount, address recipient) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice The position of this number; all zero when it has been paid out or never was.
    function positionOf(uint256 positionId) external view returns (Position memory position);

    /// @notice How many positions have been made; their numbers are 1 to this.
    function positionCount() external view returns (uint256);

    /// @notice Budget that no position has a claim on, in base units.
    function freeBudgetOf(Resource resource) external view returns (uint256);

    /// @notice Principal and rewards of all positions, in base units.
    function owedOf(Resource resource) external view returns (uint256);

    /// @notice Units that the position would back if its guarantee were made now, whoever has them; 0 when it has matured.
    function backedBy(uint256 positionId) external view returns (uint256 units);

    /// @notice Token of a resource.
    function tokenOf(Resource resource) external view returns (IERC20);

    /// @notice Reward of a stake, in base units.
    function rewardOf(Resource resource, uint256 amount, uint256 term) external pure returns (uint256);

    /// @notice Rate of a year, in hundredths of a percent.
    function rateOf(Resource resource) external pure returns (uint256);
}
