// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {VMStorage} from "./VMStorage.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title VMBalances
/// @notice Prepaid balances of the four resource tokens. What is not in a balance is held for a VM.
abstract contract VMBalances is VMStorage {
    using SafeERC20 for IERC20;

    /// @dev Take `amounts` out of the account's balance.
    /// @return missing what was not there: `_pull` it when everything else is done.
    function _debit(address account, uint256[4] memory amounts) internal returns (uint256[4] memory missing) {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 balance = _balance(account, i);
            (uint256 taken, uint256 amount) = (amounts[i], amounts[i]);
            if (amount > balance) (taken, missing[i]) = (balance, amount - balance);
            if (taken != 0) _setBalance(account, i, balance - taken);
        }
    }

    /// @dev Take from the caller's allowance what was missing.
    function _pull(uint256[4] memory missing) internal {
        for (uint256 i = 0; i < 4; ++i) {
            if (missing[i] == 0) continue;
            emit IVMLifecycle.Deposited(msg.sender, Resource(i), missing[i], msg.sender);
            _vms().tokens[i].safeTransferFrom(msg.sender, address(this), missing[i]);
        }
    }

    function _credit(address account, uint256[4] memory amounts) internal {
        for (uint256 i = 0; i < 4; ++i) {
            if (amounts[i] != 0) _setBalance(account, i, _balance(account, i) + amounts[i]);
        }
    }

    function _balance(address account, uint256 resource) internal view returns (uint256) {
        return uint128(_vms().balances[account][resource / 2] >> 128 * (resource % 2));
    }

    function _setBalance(address account, uint256 resource, uint256 balance) internal {
        uint256[2] storage words = _vms().balances[account];
        uint256 shift = 128 * (resource % 2);
        uint256 others = words[resource / 2] & ~(uint256(type(uint128).max) << shift);
        words[resource / 2] = others | uint256(SafeCast.toUint128(balance)) << shift;
    }
}
