// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {INovaToken} from "../../interfaces/INovaToken.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {QuadraticVotes} from "../governance/QuadraticVotes.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// @title NovaToken
/// @notice See `INovaToken`.
contract NovaToken is INovaToken, ERC20Capped, ERC20Permit, ERC20Votes, AccessManaged {
    /// @inheritdoc INovaToken
    IQuadraticVotes public immutable quadraticVotes;

    /// @dev The votes contract is made here: each is bound to the other for good, and nobody can come in between.
    constructor(address authority_, Allocation[] memory genesis)
        ERC20("NovaCron", "NOVA")
        ERC20Capped(10_000_000_000e18)
        ERC20Permit("NovaCron")
        AccessManaged(authority_)
    {
        quadraticVotes = new QuadraticVotes(address(this), authority_);
        for (uint256 i = 0; i < genesis.length; ++i) {
            _mint(genesis[i].to, genesis[i].amount);
        }
    }

    /// @inheritdoc INovaToken
    function mint(address to, uint256 amount) external restricted {
        _mint(to, amount);
    }

    /// @notice Seconds since 1970 (ERC-6372).
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @notice Number of the next permit or delegation that `owner` signs.
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 amount) internal override(ERC20, ERC20Capped, ERC20Votes) {
        super._update(from, to, amount);
        quadraticVotes.afterTransfer(from, to, amount, balanceOf(from), balanceOf(to));
    }

    function _maxSupply() internal view override returns (uint256) {
        return cap();
    }
}
