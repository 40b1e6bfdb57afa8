// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Authority} from "../../contracts/governance/Authority.sol";
import {LiquidityPool} from "../../contracts/market/LiquidityPool.sol";
import {ResourceMarket} from "../../contracts/market/ResourceMarket.sol";
import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {IResourceToken} from "../../interfaces/IResourceToken.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Test} from "./Vm.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title MarketFixture
/// @notice The four tokens, a curve for each at the prices of the plan (2,500 dollars an ether) with half the supply in
/// stock, and empty pools. This contract is governance, and holds a fifth of each token; ALICE and BOB hold a tenth.
abstract contract MarketFixture is Test {
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant BRAKE = address(0xb4a4e);
    address internal constant TREASURY = address(0x72ea5);
    uint256 internal constant START = 2_000_000_000;
    uint256 internal constant DEADLINE = START + 60;
    uint256 internal constant FEE = 3_000;
    uint256 internal constant PPM = 1_000_000;

    Authority internal authority;
    ResourceToken[4] internal tokens;
    ResourceMarket internal market;
    LiquidityPool internal pool;

    function setUp() public virtual {
        vm.warp(START);
        authority = new Authority(address(this));
        string[4] memory symbols = ["CPU", "MEM", "STO", "NET"];
        IERC20[4] memory erc20s;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 cap = _cap(i);
            IResourceToken.Allocation[] memory genesis = new IResourceToken.Allocation[](3);
            genesis[0] = IResourceToken.Allocation(address(this), cap * 7 / 10);
            genesis[1] = IResourceToken.Allocation(ALICE, cap / 10);
            genesis[2] = IResourceToken.Allocation(BOB, cap / 10);
            tokens[i] = new ResourceToken(symbols[i], symbols[i], "unit", cap, address(authority), genesis);
            erc20s[i] = IERC20(address(tokens[i]));
        }
        market = new ResourceMarket(address(authority), BRAKE, TREASURY, _curves(erc20s), FEE);
        pool = new LiquidityPool(BRAKE, erc20s);
        for (uint256 i = 0; i < 4; ++i) {
            tokens[i].approve(address(market), type(uint256).max);
            market.stock(Resource(i), _cap(i) / 2);
            for (uint256 j = 0; j < 2; ++j) {
                vm.startPrank(j == 0 ? ALICE : BOB);
                tokens[i].approve(address(market), type(uint256).max);
                tokens[i].approve(address(pool), type(uint256).max);
                vm.stopPrank();
            }
            tokens[i].approve(address(pool), type(uint256).max);
        }
        vm.deal(ALICE, 1_000 ether);
        vm.deal(BOB, 1_000 ether);
        vm.deal(address(this), 1_000 ether);
    }

    function _curves(IERC20[4] memory erc20s) internal pure returns (IResourceMarket.Curve[4] memory curves) {
        for (uint256 i = 0; i < 4; ++i) {
            curves[i] = IResourceMarket.Curve(erc20s[i], _base(i), _steepness(i));
        }
    }

    function _base(uint256 i) internal pure returns (uint128) {
        return [uint128(4e11), 2e11, 4e10, 4e9][i];
    }

    function _steepness(uint256 i) internal pure returns (uint128) {
        return uint128(_cap(i) / 10);
    }

    function _cap(uint256 i) internal pure returns (uint256) {
        return [uint256(1_000_000e18), 2_000_000e18, 5_000_000e18, 10_000_000e18][i];
    }

    /// @dev The integral as docs/market.md writes it; the numbers of these tests leave room in 256 bits.
    function _area(uint256 i, uint256 from, uint256 to, bool up) internal pure returns (uint256) {
        uint256 steepness = _steepness(i);
        uint256 numerator = (to - from) * (2 * steepness + from + to);
        uint256 divisor = 2 * steepness * 1e18;
        uint256 whole = numerator / divisor * _base(i);
        uint256 rest = numerator % divisor * _base(i);
        return whole + rest / divisor + (up && rest % divisor != 0 ? 1 : 0);
    }

    function _feeOn(uint256 value) internal pure returns (uint256) {
        return (value * FEE + PPM - 1) / PPM;
    }

    function _buy(address who, Resource resource, uint256 amount) internal returns (uint256 cost) {
        uint256 payment = market.quoteBuy(resource, amount);
        vm.prank(who);
        return market.purchaseResource{value: payment}(resource, amount);
    }

    function _sell(address who, Resource resource, uint256 amount) internal returns (uint256 proceeds) {
        vm.prank(who);
        return market.sellResource(resource, amount, 0, DEADLINE);
    }

    function _addLiquidity(address who, Resource resource, uint256 native, uint256 token)
        internal
        returns (uint256 shares)
    {
        vm.prank(who);
        (,, shares) = pool.add{value: native}(resource, token, 0, 0, who, DEADLINE);
    }
}
