// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IResourceToken} from "../../interfaces/IResourceToken.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ShortString, ShortStrings} from "@openzeppelin/contracts/utils/ShortStrings.sol";

/// @title ResourceToken
/// @notice See `IResourceToken`.
contract ResourceToken is IResourceToken, ERC20Capped, ERC20Permit, AccessManaged {
    ShortString private immutable _unit;

    constructor(
        string memory name_,
        string memory symbol_,
        string memory unit_,
        uint256 cap_,
        address authority_,
        Allocation[] memory genesis
    ) ERC20(name_, symbol_) ERC20Capped(cap_) ERC20Permit(name_) AccessManaged(authority_) {
        _unit = ShortStrings.toShortString(unit_);
        for (uint256 i = 0; i < genesis.length; ++i) {
            _mint(genesis[i].to, genesis[i].amount);
        }
    }

    /// @inheritdoc IResourceToken
    function mint(address to, uint256 amount) external restricted {
        _mint(to, amount);
    }

    /// @inheritdoc IResourceToken
    function unit() external view returns (string memory) {
        return ShortStrings.toString(_unit);
    }

    function _update(address from, address to, uint256 amount) internal override(ERC20, ERC20Capped) {
        super._update(from, to, amount);
    }
}
