// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IQuadraticVotes} from "./IQuadraticVotes.sol";

/// @title INovaToken
/// @notice NOVA: ERC-20 with permit (ERC-2612) and linear votes (ERC-5805) on a timestamp clock, at most 10,000,000,000
/// ever, 18 decimals. Linear votes decide who may propose; the square roots of `quadraticVotes` decide what passes.
interface INovaToken {
    /// @notice `amount` (18 decimals) that `to` holds from the first block on.
    struct Allocation {
        address to;
        uint256 amount;
    }

    /// @notice Where the square roots of balances are kept; bound to this token for good.
    function quadraticVotes() external view returns (IQuadraticVotes);

    /// @notice Create `amount` for `to`, within the cap.
    /// @dev Restricted to governance.
    function mint(address to, uint256 amount) external;
}
