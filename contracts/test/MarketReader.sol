// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILiquidityPool} from "../../interfaces/ILiquidityPool.sol";
import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title MarketReader
/// @notice Reads all that the curve and the pool of one resource say, and who has what, in one call.
contract MarketReader {
    function read(
        IResourceMarket market,
        ILiquidityPool pool,
        Resource resource,
        address[] calldata holders,
        address[] calldata providers
    ) external view returns (uint256[8] memory books, uint256[] memory tokens, uint256[] memory shares) {
        books = [
            market.soldOf(resource),
            market.reserveOf(resource),
            market.inventoryOf(resource),
            market.feesOf(resource),
            market.getSpotPrice(resource),
            pool.totalSupply(uint256(resource)),
            0,
            0
        ];
        (books[6], books[7]) = pool.reservesOf(resource);
        IERC20 token = pool.tokenOf(resource);
        tokens = new uint256[](holders.length);
        shares = new uint256[](providers.length);
        for (uint256 i = 0; i < holders.length; ++i) {
            tokens[i] = token.balanceOf(holders[i]);
        }
        for (uint256 i = 0; i < providers.length; ++i) {
            shares[i] = pool.balanceOf(providers[i], uint256(resource));
        }
    }

    function balances(address[] calldata holders) external view returns (uint256[] memory wei_) {
        wei_ = new uint256[](holders.length);
        for (uint256 i = 0; i < holders.length; ++i) {
            wei_[i] = holders[i].balance;
        }
    }
}
