// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LiquidityPool} from "../../contracts/market/LiquidityPool.sol";
import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {ILiquidityPool} from "../../interfaces/ILiquidityPool.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Test} from "./Vm.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title LiquidityPoolHandler
/// @notice Drives two of the pools through random histories of three people, and keeps what they did.
/// @dev Each action must go through, or be refused because of the pause; amounts are chosen such that nothing else can be
/// the reason but what the action names.
contract LiquidityPoolHandler is Test {
    LiquidityPool private immutable _pool;
    ResourceToken[2] private _tokens;
    address private immutable _brake;
    address[3] private _people = [address(0xa1), address(0xa2), address(0xa3)];

    uint256[2] public natives;
    uint256[2] public held;
    uint256[2] public donated;
    uint256 public forced;
    bool public paused;
    uint256 public swaps;

    constructor(LiquidityPool pool, ResourceToken[2] memory tokens, address brake_) {
        (_pool, _tokens, _brake) = (pool, tokens, brake_);
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 j = 0; j < 3; ++j) {
                vm.prank(_people[j]);
                tokens[i].approve(address(pool), type(uint256).max);
            }
        }
    }

    function person(uint256 j) external view returns (address) {
        return _people[j];
    }

    // ------------------------------------------------------------------------------------------------------------
    // Providing
    // ------------------------------------------------------------------------------------------------------------

    function add(uint8 which, uint8 who, uint256 native, uint256 token, uint8 width) external {
        (uint256 i, address provider) = (which % 2, _people[who % 3]);
        native = 1 + (native >> (width % 250)) % 10 ether;
        token = 1_002_001 + (token >> (width % 240)) % 100_000e18;
        _fund(i, provider, native, token);
        uint256[3] memory before = _state(i);
        (uint256 nativeIn, uint256 tokenIn, uint256 shares) = (0, 0, 0);
        try _pool.quoteAdd(Resource(i), native, token) returns (uint256 n, uint256 t, uint256 s) {
            (nativeIn, tokenIn, shares) = (n, t, s);
        } catch (bytes memory reason) {
            vm.expectRevert(paused ? abi.encodeWithSelector(Pausable.EnforcedPause.selector) : reason);
            vm.prank(provider);
            _pool.add{value: native}(Resource(i), token, 0, 0, provider, block.timestamp);
            // So little that it is worth no share.
            vm.assertEq(reason, abi.encodeWithSelector(ILiquidityPool.LiquidityPool_ZeroAmount.selector));
            return;
        }
        vm.assertTrue(nativeIn <= native && tokenIn <= token && shares > 0);
        if (_pausedRefuses()) {
            vm.prank(provider);
            _pool.add{value: native}(Resource(i), token, tokenIn, shares, provider, block.timestamp);
            return;
        }
        vm.prank(provider);
        _pool.add{value: native}(Resource(i), token, tokenIn, shares, provider, block.timestamp);
        vm.assertEq(provider.balance, native - nativeIn, "refund");
        (natives[i], held[i]) = (natives[i] + nativeIn, held[i] + tokenIn);
        _assertNoShareLost(i, before);
    }

    /// @dev Paused or not.
    function remove(uint8 which, uint8 who, uint256 shares, uint8 width) external {
        (uint256 i, address provider) = (which % 2, _people[who % 3]);
        uint256 balance = _pool.balanceOf(provider, i);
        if (balance == 0) return;
        shares = 1 + (shares >> (width % 200)) % balance;
        uint256[3] memory before = _state(i);
        (uint256 n, uint256 t) = _pool.quoteRemove(Resource(i), shares);
        vm.prank(provider);
        _pool.remove(Resource(i), shares, n, t, provider, block.timestamp);
        (natives[i], held[i]) = (natives[i] - n, held[i] - t);
        _assertNoShareLost(i, before);
    }

    function giveShares(uint8 which, uint8 from, uint8 to, uint256 shares) external {
        uint256 i = which % 2;
        shares %= _pool.balanceOf(_people[from % 3], i) + 1;
        vm.prank(_people[from % 3]);
        _pool.transfer(_people[to % 3], i, shares);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Swapping
    // ------------------------------------------------------------------------------------------------------------

    function swapNative(uint8 which, uint8 who, uint256 native, uint8 width, bool exactOut) external {
        (uint256 i, address trader) = (which % 2, _people[who % 3]);
        uint256[3] memory before = _state(i);
        if (before[0] == 0) return;
        native = 1 + (native >> (width % 250)) % 10 ether;
        uint256 out = _quoted(abi.encodeCall(_pool.quoteNativeForToken, (Resource(i), native)));
        if (out == 0) return;
        if (exactOut) native = _pool.quoteNativeForExactToken(Resource(i), out);
        _fund(i, trader, native, 0);
        bool refused = _pausedRefuses();
        vm.prank(trader);
        if (exactOut) _pool.swapNativeForExactToken{value: native}(Resource(i), out, trader, block.timestamp);
        else _pool.swapNativeForToken{value: native}(Resource(i), out, trader, block.timestamp);
        if (refused) return;
        (natives[i], held[i], swaps) = (natives[i] + native, held[i] - out, swaps + 1);
        _assertNoShareLost(i, before);
    }

    function swapToken(uint8 which, uint8 who, uint256 token, uint8 width, bool exactOut) external {
        (uint256 i, address trader) = (which % 2, _people[who % 3]);
        uint256[3] memory before = _state(i);
        if (before[0] == 0) return;
        token = 1 + (token >> (width % 240)) % 100_000e18;
        uint256 out = _quoted(abi.encodeCall(_pool.quoteTokenForNative, (Resource(i), token)));
        if (out == 0) return;
        if (exactOut) token = _pool.quoteTokenForExactNative(Resource(i), out);
        _fund(i, trader, 0, token);
        bool refused = _pausedRefuses();
        vm.prank(trader);
        if (exactOut) _pool.swapTokenForExactNative(Resource(i), out, token, trader, block.timestamp);
        else _pool.swapTokenForNative(Resource(i), token, out, trader, block.timestamp);
        if (refused) return;
        (natives[i], held[i], swaps) = (natives[i] - out, held[i] + token, swaps + 1);
        _assertNoShareLost(i, before);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Gifts, the brake
    // ------------------------------------------------------------------------------------------------------------

    function donate(uint8 which, uint256 token, uint256 native) external {
        uint256 i = which % 2;
        token %= 1_000e18;
        native %= 1 ether;
        bool sent = _tokens[i].transfer(address(_pool), token);
        vm.assertTrue(sent);
        vm.deal(address(_pool), address(_pool).balance + native);
        (donated[i], forced) = (donated[i] + token, forced + native);
    }

    function brake(uint8 pause) external {
        if (paused == (pause % 4 == 0)) return;
        paused = !paused;
        vm.prank(_brake);
        if (paused) _pool.pauseContract();
        else _pool.unpauseContract();
    }

    /// @dev Paused, everybody leaves; the last of each pool's shares are the locked ones.
    function removeEverything() external {
        if (!paused) {
            vm.prank(_brake);
            _pool.pauseContract();
        }
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 j = 0; j < 3; ++j) {
                uint256 shares = _pool.balanceOf(_people[j], i);
                if (shares == 0) continue;
                vm.prank(_people[j]);
                _pool.remove(Resource(i), shares, 0, 0, _people[j], block.timestamp);
            }
            uint256[3] memory state = _state(i);
            vm.assertTrue(state[2] == 0 || (state[2] == 1_000 && state[0] > 0 && state[1] > 0));
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _fund(uint256 i, address who, uint256 native, uint256 token) private {
        vm.deal(who, native);
        if (token > 0) vm.assertTrue(_tokens[i].transfer(who, token));
    }

    function _pausedRefuses() private returns (bool) {
        if (paused) vm.expectRevert(abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        return paused;
    }

    /// @dev 0 if so little brings nothing.
    function _quoted(bytes memory call_) private view returns (uint256) {
        (bool ok, bytes memory answer) = address(_pool).staticcall(call_);
        if (ok) return abi.decode(answer, (uint256));
        vm.assertEq(answer, abi.encodeWithSelector(ILiquidityPool.LiquidityPool_ZeroAmount.selector));
        return 0;
    }

    /// @dev Reserves and shares.
    function _state(uint256 i) private view returns (uint256[3] memory state) {
        (state[0], state[1]) = _pool.reservesOf(Resource(i));
        state[2] = _pool.totalSupply(i);
    }

    /// @dev U-2: the root of the product of the reserves, for each share, never falls.
    function _assertNoShareLost(uint256 i, uint256[3] memory before) private view {
        uint256[3] memory now_ = _state(i);
        (uint256 high, uint256 low) = Math.mul512(now_[0] * now_[1], before[2] * before[2]);
        (uint256 highBefore, uint256 lowBefore) = Math.mul512(before[0] * before[1], now_[2] * now_[2]);
        vm.assertTrue(high > highBefore || (high == highBefore && low >= lowBefore), "a share lost value");
    }
}
