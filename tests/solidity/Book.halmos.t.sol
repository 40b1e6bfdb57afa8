// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OrderBook} from "../../contracts/market/OrderBook.sol";
import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {RegistryDouble} from "../../contracts/test/RegistryDouble.sol";
import {ResourceStaking} from "../../contracts/tokens/ResourceStaking.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IOrderBook} from "../../interfaces/IOrderBook.sol";
import {IResourceStaking} from "../../interfaces/IResourceStaking.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Test} from "./Vm.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Proofs over all inputs by symbolic execution; forge ignores `check_`, halmos runs them:
/// `halmos --contract OrderBookSymbolic --function check_ --loop 8 --forge-build-out out/forge`. No function that is
/// called has a loop but the constructor of the staking, which has one of four.
contract OrderBookSymbolic is Test {
    uint256 private constant START = 2_000_000_000;
    address private constant MAKER = address(0x111a);
    OrderBook private book;
    HostileToken private token;

    function setUp() public {
        vm.warp(START);
        book = new OrderBook(address(new OneRole(address(this))), address(this));
        token = new HostileToken();
        book.setListed(token, true);
        token.mint(MAKER, type(uint128).max);
        vm.prank(MAKER);
        token.approve(address(book), type(uint256).max);
    }

    /// @dev O-3, for all terms that are allowed: what is packed reads back.
    function check_OfferPacksAndUnpacks(uint96 amount, uint96 price, uint96 minFill, uint40 expiry) external {
        vm.assume(price > 0 && minFill > 0 && minFill <= amount && expiry > START);
        vm.prank(MAKER);
        uint256 id = book.place(IOrderBook.Side.Sell, token, amount, price, minFill, expiry);
        IOrderBook.Offer memory offer = book.offerOf(id);
        assert(offer.remaining == amount && offer.price == price && offer.minFill == minFill);
        assert(offer.expiry == expiry && offer.escrow == 0 && offer.maker == MAKER);
        assert(address(offer.token) == address(token) && offer.side == IOrderBook.Side.Sell);
        assert(token.balanceOf(address(book)) == amount);
    }

    /// @dev O-5, for all callers, times and amounts: before expiry only the maker ends an offer; its end puts all that
    /// remains into the maker's balance, and nothing into another's.
    function check_CancelPaysTheMaker(address caller, address other, uint40 time, uint96 amount, bool stopped)
        external
    {
        vm.assume(amount > 0 && other != MAKER && time >= START);
        vm.prank(MAKER);
        uint256 id = book.place(IOrderBook.Side.Sell, token, amount, 1, 1, START + 1 days);
        if (stopped) book.pauseContract();
        vm.warp(time);
        vm.prank(caller);
        (bool ok,) = address(book).call(abi.encodeCall(book.cancel, (id)));
        assert(ok == (caller == MAKER || time >= START + 1 days));
        assert(book.balanceOf(MAKER, address(token)) == (ok ? amount : 0));
        assert(book.balanceOf(other, address(token)) == 0 && book.balanceOf(MAKER, address(0)) == 0);
        assert(book.offerOf(id).remaining == (ok ? 0 : amount));
    }

    /// @dev O-5, for all callers and assets: nobody withdraws the maker's balance but the maker.
    function check_StrangersWithdrawNothing(address caller, address asset, address recipient, uint96 amount) external {
        vm.assume(caller != MAKER && amount > 0);
        vm.startPrank(MAKER);
        book.cancel(book.place(IOrderBook.Side.Sell, token, amount, 1, 1, START + 1 days));
        vm.stopPrank();
        vm.prank(caller);
        (bool ok,) = address(book).call(abi.encodeCall(book.withdraw, (asset, recipient)));
        assert(!ok);
        assert(book.balanceOf(MAKER, address(token)) == amount);
    }

    /// @dev For all callers: nobody but governance lists.
    function check_OnlyGovernanceLists(address caller, bool listed) external {
        vm.assume(caller != address(this));
        vm.prank(caller);
        (bool ok,) = address(book).call(abi.encodeCall(book.setListed, (token, listed)));
        assert(!ok && book.isListed(token));
    }
}

contract ResourceStakingSymbolic is Test {
    uint256 private constant START = 2_000_000_000;
    address private constant STAKER = address(0x57a4);
    ResourceStaking private staking;
    HostileToken private token;

    function setUp() public {
        vm.warp(START);
        token = new HostileToken();
        IERC20[4] memory list = [IERC20(token), token, token, token];
        IHostRegistry registry = IHostRegistry(address(new RegistryDouble(10_000)));
        staking = new ResourceStaking(address(new OneRole(address(this))), address(this), registry, list);
        token.mint(STAKER, type(uint128).max);
        token.mint(address(this), type(uint128).max);
        token.approve(address(staking), type(uint256).max);
        vm.prank(STAKER);
        token.approve(address(staking), type(uint256).max);
        staking.fund(Resource.CPU, type(uint120).max);
    }

    /// @dev T-3, for 1,000 CPU and all terms, times and callers: paid are principal and reward from maturity on, to
    /// the owner alone, stopped or not; before it nothing.
    function check_WithdrawFromMaturityOn(uint256 term, uint40 time, address caller, bool stopped) external {
        vm.assume(term >= 30 days && term <= 365 days && time >= START);
        vm.prank(STAKER);
        uint256 id = staking.stake(Resource.CPU, 1_000e18, term);
        uint256 reward = staking.positionOf(id).reward;
        if (stopped) staking.pauseContract();
        vm.warp(time);
        vm.prank(caller);
        (bool ok,) = address(staking).call(abi.encodeCall(staking.withdraw, (id, address(0xbeef))));
        assert(ok == (caller == STAKER && time >= START + term));
        assert(token.balanceOf(address(0xbeef)) == (ok ? 1_000e18 + reward : 0));
        assert(staking.owedOf(Resource.CPU) == (ok ? 0 : 1_000e18 + reward));
    }

    /// @dev T-3, the other way out: the principal before maturity, to the owner alone; the reward is budget again.
    function check_ExitEarlyBeforeMaturity(uint40 time, address caller, bool stopped, uint96 amount) external {
        vm.assume(time >= START && amount >= 1e18);
        vm.prank(STAKER);
        uint256 id = staking.stake(Resource.CPU, amount, 30 days);
        if (stopped) staking.pauseContract();
        vm.warp(time);
        vm.prank(caller);
        (bool ok,) = address(staking).call(abi.encodeCall(staking.exitEarly, (id, address(0xbeef))));
        assert(ok == (caller == STAKER && time < START + 30 days));
        assert(token.balanceOf(address(0xbeef)) == (ok ? amount : 0));
        if (ok) assert(staking.freeBudgetOf(Resource.CPU) == type(uint120).max);
    }

    /// @dev T-1, for all amounts below 2^96 at the shortest term: what is counted is what is held, and all of it that
    /// is owed is principal and reward. (That the reward is the rate's share rounded down: testFuzz_Stake.)
    function check_StakeSetsTheRewardAside(uint96 amount) external {
        vm.prank(STAKER);
        (bool ok,) = address(staking).call(abi.encodeCall(staking.stake, (Resource.CPU, amount, 30 days)));
        IResourceStaking.Position memory position = staking.positionOf(1);
        uint256 owed = staking.owedOf(Resource.CPU);
        assert(token.balanceOf(address(staking)) == owed + staking.freeBudgetOf(Resource.CPU));
        assert(owed == uint256(position.principal) + position.reward);
        assert(position.principal == (ok ? amount : 0) && ok == (position.reward > 0));
    }

    /// @dev T-4, for all callers and amounts: nobody but governance takes budget back, and it takes none of what is
    /// promised.
    function check_OnlyFreeBudgetIsTakenBack(address caller, uint128 amount) external {
        vm.prank(STAKER);
        staking.stake(Resource.CPU, 1_000e18, 365 days);
        uint256 owed = staking.owedOf(Resource.CPU);
        uint256 free = staking.freeBudgetOf(Resource.CPU);
        vm.prank(caller);
        bytes memory call_ = abi.encodeCall(staking.takeBack, (Resource.CPU, amount, address(0xbeef)));
        (bool ok,) = address(staking).call(call_);
        assert(ok == (caller == address(this) && amount > 0 && amount <= free));
        assert(staking.owedOf(Resource.CPU) == owed);
        assert(token.balanceOf(address(staking)) == owed + free - (ok ? amount : 0));
    }
}
