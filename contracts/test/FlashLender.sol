// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IFlashBorrower
/// @notice What `FlashLender` calls with the loan.
interface IFlashBorrower {
    function onLoan(IERC20 token, uint256 amount) external;
}

/// @title FlashLender
/// @notice Lends all it has within one transaction.
contract FlashLender {
    error FlashLender_NotPaidBack(uint256 balance, uint256 owed);

    function lend(IERC20 token, IFlashBorrower borrower) external {
        uint256 amount = token.balanceOf(address(this));
        bool sent = token.transfer(address(borrower), amount);
        borrower.onLoan(token, amount);
        uint256 balance = token.balanceOf(address(this));
        if (!sent || balance < amount) revert FlashLender_NotPaidBack(balance, amount);
    }
}
