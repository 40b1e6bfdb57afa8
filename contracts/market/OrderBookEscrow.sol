// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title OrderBookEscrow
/// @notice Balances that makers withdraw, and transfers that move exactly what they say.
abstract contract OrderBookEscrow is IOrderBook, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev Stands for native currency among the tokens.
    address internal constant NATIVE = address(0);

    mapping(address account => mapping(address token => uint256)) private _balances;

    /// @inheritdoc IOrderBook
    function withdraw(address token, address recipient) external nonReentrant returns (uint256 amount) {
        // Check
        amount = _balances[msg.sender][token];
        if (amount == 0) revert OrderBook_NothingToWithdraw(msg.sender, token);
        if (recipient == address(0) || recipient == address(this)) revert OrderBook_BadRecipient(recipient);

        // Effect
        delete _balances[msg.sender][token];
        emit Withdrawn(msg.sender, token, recipient, amount);

        // Interaction
        if (token == NATIVE) Address.sendValue(payable(recipient), amount);
        else _pay(IERC20(token), recipient, amount);
    }

    /// @inheritdoc IOrderBook
    function balanceOf(address account, address token) external view nonReentrantView returns (uint256) {
        return _balances[account][token];
    }

    function _credit(address account, address token, uint256 amount) internal {
        _balances[account][token] += amount;
    }

    /// @dev Take `amount` by allowance; what does not arrive in full is refused.
    function _collect(IERC20 token, address from, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        _requireMoved(token, amount, before, token.balanceOf(address(this)));
    }

    /// @dev Send `amount`; a token that takes more than that takes it from the offers of others.
    function _pay(IERC20 token, address to, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        token.safeTransfer(to, amount);
        _requireMoved(token, amount, token.balanceOf(address(this)), before);
    }

    /// @dev Send `amount`, all of which must arrive: `to` pays for it in the same call.
    function _payInFull(IERC20 token, address to, uint256 amount) internal {
        uint256 before = token.balanceOf(to);
        _pay(token, to, amount);
        _requireMoved(token, amount, before, token.balanceOf(to));
    }

    /// @dev `high` and `low` are balances, whatever the token says they are.
    function _requireMoved(IERC20 token, uint256 expected, uint256 low, uint256 high) private pure {
        uint256 moved = high < low ? 0 : high - low;
        if (moved != expected) revert OrderBook_InexactTransfer(address(token), expected, moved);
    }
}
