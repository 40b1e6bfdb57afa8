// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLA} from "../../interfaces/ISLA.sol";
import {BrakeableUpgradeable} from "../access/BrakeableUpgradeable.sol";
import {SLAStorage} from "./SLAStorage.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title SLABalances
/// @notice Prepaid balances: the only way in and out for NOVA.
abstract contract SLABalances is ISLA, SLAStorage, BrakeableUpgradeable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc ISLA
    function deposit(uint256 amount, address account) external nonReentrant whenNotPaused {
        _deposit(amount, account);
    }

    /// @inheritdoc ISLA
    function depositWithPermit(uint256 amount, address account, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
        whenNotPaused
    {
        // Interaction: should somebody have used the permit first, the allowance is there
        try IERC20Permit(address(_sla().nova)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(amount, account);
    }

    /// @inheritdoc ISLA
    function withdraw(uint256 amount, address recipient) external nonReentrant {
        // Check
        if (amount == 0) revert SLA_ZeroAmount();
        if (recipient == address(0) || recipient == address(this)) revert SLA_BadRecipient(recipient);

        // Effect
        _debit(msg.sender, amount);
        emit Withdrawn(msg.sender, amount, recipient);

        // Interaction
        _sla().nova.safeTransfer(recipient, amount);
    }

    function _deposit(uint256 amount, address account) private {
        // Check
        if (amount == 0) revert SLA_ZeroAmount();
        if (account == address(0)) revert SLA_ZeroAddress();

        // Effect
        _credit(account, amount);
        emit Deposited(account, amount, msg.sender);

        // Interaction
        _sla().nova.safeTransferFrom(msg.sender, address(this), amount);
    }
}
