// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CurveMath} from "../../contracts/market/CurveMath.sol";
import {ResourceMarket} from "../../contracts/market/ResourceMarket.sol";
import {HookToken} from "../../contracts/test/HookToken.sol";
import {HostileReceiver} from "../../contracts/test/HostileReceiver.sol";
import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What somebody might try against the curve.
contract ResourceMarketAttacksTest is MarketFixture {
    HostileReceiver private hostile;

    function setUp() public override {
        super.setUp();
        hostile = new HostileReceiver();
        vm.deal(address(hostile), 10 ether);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Slices, dust, round trips
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_BuyingInSlicesIsNeverCheaper(uint256 amount, uint256[6] memory cuts, uint8 slices) public {
        amount = _bound(amount, 1, _cap(0) / 2);
        uint256 whole = market.quoteBuy(Resource.CPU, amount);
        (uint256 paid, uint256 count) = (0, 2 + slices % 6);
        for (uint256 i = 0; i < count && amount > 0; ++i) {
            uint256 part = i + 1 == count ? amount : _bound(cuts[i], 0, amount);
            if (part == 0) continue;
            paid += _buy(ALICE, Resource.CPU, part);
            amount -= part;
        }
        vm.assertTrue(paid >= whole);
    }

    function testFuzz_SellingInSlicesNeverBringsMore(uint256 amount, uint256[6] memory cuts, uint8 slices) public {
        amount = _bound(amount, 1e12, _cap(0) / 2);
        _buy(ALICE, Resource.CPU, amount);
        uint256 whole = market.quoteSell(Resource.CPU, amount);
        (uint256 got, uint256 count) = (0, 2 + slices % 6);
        for (uint256 i = 0; i < count; ++i) {
            uint256 part = i + 1 == count ? amount : _bound(cuts[i], 0, amount);
            if (part < 1e12 || part > amount) continue;
            got += _sell(ALICE, Resource.CPU, part);
            amount -= part;
        }
        vm.assertTrue(got <= whole);
    }

    /// @dev Even without a fee, from any place, and though somebody else has traded before.
    function testFuzz_RoundTripNeverGains(uint256 before, uint256 amount, uint256 cut, bool free) public {
        if (free) market.setFee(0);
        before = _bound(before, 1, _cap(0) / 4);
        amount = _bound(amount, 1e13, _cap(0) / 4);
        _buy(BOB, Resource.CPU, before);
        uint256 balance = ALICE.balance;
        _buy(ALICE, Resource.CPU, amount);
        cut = _bound(cut, 1e12, amount - 1e12);
        _sell(ALICE, Resource.CPU, cut);
        _sell(ALICE, Resource.CPU, amount - cut);
        vm.assertTrue(ALICE.balance <= balance);
        vm.assertEq(market.soldOf(Resource.CPU), before);
    }

    function testFuzz_RoundTripOfExactInNeverGains(uint256 payment, bool free) public {
        if (free) market.setFee(0);
        payment = _bound(payment, 1e6, market.quoteBuy(Resource.NET, _cap(3) / 2));
        uint256 balance = ALICE.balance;
        vm.prank(ALICE);
        uint256 amount = market.purchaseExactIn{value: payment}(Resource.NET, 0, ALICE, DEADLINE);
        _sell(ALICE, Resource.NET, amount);
        vm.assertTrue(ALICE.balance < balance);
    }

    /// @dev A hundred single base units, bought for two wei each, together bring nothing.
    function test_DustNeverGains() public {
        for (uint256 i = 0; i < 100; ++i) {
            vm.assertEq(_buy(ALICE, Resource.CPU, 1), uint256(2));
        }
        vm.expectRevert(abi.encodeWithSelector(IResourceMarket.ResourceMarket_ZeroAmount.selector));
        _sell(ALICE, Resource.CPU, 100);
        vm.assertEq(market.reserveOf(Resource.CPU), uint256(100));
    }

    /// @dev Whoever holds them, in whatever slices: all that was sold is bought back, to the last.
    function testFuzz_EverythingSoldIsBoughtBack(uint256[4] memory amounts, uint256[8] memory cuts) public {
        uint256 left;
        for (uint256 i = 0; i < 4; ++i) {
            amounts[i] = _bound(amounts[i], 1e13, _cap(0) / 8);
            left += amounts[i];
            _buy(i % 2 == 0 ? ALICE : BOB, Resource.CPU, amounts[i]);
        }
        market.unstock(Resource.CPU, market.inventoryOf(Resource.CPU), TREASURY);
        vm.prank(BOB);
        tokens[0].transfer(ALICE, amounts[1] + amounts[3]);
        for (uint256 i = 0; i < 8; ++i) {
            uint256 part = _bound(cuts[i], 1e12, left - 1e13 > 1e12 ? left - 1e13 : 1e12);
            if (left < part + 1e13) break;
            _sell(ALICE, Resource.CPU, part);
            left -= part;
        }
        _sell(ALICE, Resource.CPU, left);
        vm.assertEq(market.soldOf(Resource.CPU), uint256(0));
        vm.assertEq(market.getSpotPrice(Resource.CPU), uint256(_base(0)));
    }

    /// @dev What the interface says plainly: tokens from elsewhere take the place of a buyer's.
    function test_TokensFromElsewhereTakeThePlaceOfABuyers() public {
        _buy(ALICE, Resource.CPU, 10e18);
        _sell(BOB, Resource.CPU, 10e18);
        vm.expectRevert(
            abi.encodeWithSelector(
                IResourceMarket.ResourceMarket_InsufficientSold.selector, Resource.CPU, uint256(1e18), uint256(0)
            )
        );
        _sell(ALICE, Resource.CPU, 1e18);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Donations
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Neither tokens sent here nor ether forced in move a price or can be taken by anybody.
    function testFuzz_DonationsChangeNothing(uint256 token, uint256 native) public {
        _buy(BOB, Resource.CPU, 1_000e18);
        token = _bound(token, 1, _cap(0) / 10);
        native = _bound(native, 1, 1e30);
        uint256[5] memory before = _reading();
        vm.prank(ALICE);
        tokens[0].transfer(address(market), token);
        vm.deal(address(market), address(market).balance + native); // as a self-destruct does
        uint256[5] memory afterwards = _reading();
        for (uint256 i = 0; i < 5; ++i) {
            vm.assertEq(afterwards[i], before[i]);
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                IResourceMarket.ResourceMarket_InsufficientInventory.selector, Resource.CPU, before[4] + 1, before[4]
            )
        );
        market.unstock(Resource.CPU, before[4] + 1, TREASURY);
    }

    function test_EtherSentDirectlyIsRefused() public {
        (bool plain,) = address(market).call{value: 1}("");
        (bool withData,) = address(market).call{value: 1}(hex"12345678");
        (bool toASale,) = address(market).call{value: 1}(
            abi.encodeWithSignature(
                "sellResource(uint8,uint256,uint256,uint256)", uint256(0), uint256(0), uint256(0), DEADLINE
            )
        );
        vm.assertFalse(plain || withData || toASale);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Reentrancy, refusal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A receiver that calls back while it is paid finds every action and every price closed.
    function test_ReceiverThatCallsBackFindsEverythingClosed() public {
        hostile.execute(
            address(market),
            1 ether,
            abi.encodeWithSignature("purchaseResource(uint8,uint256)", uint256(0), uint256(1_000e18))
        );
        hostile.execute(address(tokens[0]), 0, abi.encodeCall(tokens[0].approve, (address(market), type(uint256).max)));
        bytes[] memory calls = _callsBack();
        for (uint256 i = 0; i < calls.length; ++i) {
            hostile.prepare(address(market), calls[i]);
            hostile.execute(
                address(market),
                0,
                abi.encodeWithSignature(
                    "sellResource(uint8,uint256,uint256,uint256)", uint256(0), uint256(1e18), uint256(0), DEADLINE
                )
            );
            _assertClosed(i * 2 + 1, hostile.calls(), hostile.succeeded(), hostile.answer());
            hostile.execute( // the refund of a purchase
                address(market),
                1 ether,
                abi.encodeWithSignature("purchaseResource(uint8,uint256)", uint256(0), uint256(1e18))
            );
            _assertClosed(i * 2 + 2, hostile.calls(), hostile.succeeded(), hostile.answer());
        }
    }

    /// @dev So does a token that calls back in the middle of a transfer, which ours never does.
    function test_TokenThatCallsBackFindsEverythingClosed() public {
        HookToken token = new HookToken(address(this), 1_000_000e18);
        IERC20[4] memory list = [IERC20(token), token, token, token];
        market = new ResourceMarket(address(authority), BRAKE, TREASURY, _curves(list), FEE);
        token.approve(address(market), type(uint256).max);
        market.stock(Resource.CPU, 500_000e18);
        market.purchaseResource{value: 1 ether}(Resource.CPU, 1_000e18);
        bytes[] memory calls = _callsBack();
        for (uint256 i = 0; i < calls.length; ++i) {
            token.prepare(address(market), calls[i]);
            market.purchaseResource{value: 1 ether}(Resource.CPU, 1e18);
            _assertClosed(i * 3 + 1, token.calls(), token.succeeded(), token.answer());
            market.sellResource(Resource.CPU, 1e18, 0, DEADLINE);
            _assertClosed(i * 3 + 2, token.calls(), token.succeeded(), token.answer());
            market.stock(Resource.CPU, 1e18);
            _assertClosed(i * 3 + 3, token.calls(), token.succeeded(), token.answer());
        }
    }

    /// @dev Who refuses ether stops itself only, and can still name another recipient or pay exactly.
    function test_ReceiverThatRefusesStopsItselfOnly() public {
        hostile.refuse(true);
        bytes memory refusal = abi.encodeWithSelector(HostileReceiver.HostileReceiver_Refused.selector);
        uint256 cost = market.quoteBuy(Resource.CPU, 10e18);
        bytes memory purchase = abi.encodeWithSignature("purchaseResource(uint8,uint256)", uint256(0), uint256(10e18));
        vm.expectRevert(refusal);
        hostile.execute(address(market), cost + 1, purchase);
        hostile.execute(address(market), cost, purchase);
        hostile.execute(address(tokens[0]), 0, abi.encodeCall(tokens[0].approve, (address(market), type(uint256).max)));
        vm.expectRevert(refusal);
        hostile.execute(
            address(market),
            0,
            abi.encodeWithSignature(
                "sellResource(uint8,uint256,uint256,uint256)", uint256(0), uint256(10e18), uint256(0), DEADLINE
            )
        );
        _buy(BOB, Resource.CPU, 1e18);
        _sell(BOB, Resource.CPU, 1e18);
        hostile.execute(
            address(market),
            0,
            abi.encodeWithSignature(
                "sellResource(uint8,uint256,uint256,address,uint256)",
                uint256(0),
                uint256(10e18),
                uint256(0),
                BOB,
                DEADLINE
            )
        );
    }

    /// @dev Fees that the treasury refuses wait; trading goes on.
    function test_TreasuryThatRefusesStopsItsFeesOnly() public {
        IERC20[4] memory list;
        for (uint256 i = 0; i < 4; ++i) {
            list[i] = IERC20(address(tokens[i]));
        }
        market = new ResourceMarket(address(authority), BRAKE, address(hostile), _curves(list), FEE);
        tokens[0].approve(address(market), type(uint256).max);
        market.stock(Resource.CPU, 1_000e18);
        hostile.refuse(true);
        _buy(BOB, Resource.CPU, 10e18);
        vm.expectRevert(abi.encodeWithSelector(HostileReceiver.HostileReceiver_Refused.selector));
        market.collectFees(Resource.CPU);
        vm.prank(BOB);
        tokens[0].approve(address(market), 10e18);
        _sell(BOB, Resource.CPU, 10e18);
        hostile.refuse(false);
        market.collectFees(Resource.CPU);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Values that overflow
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Amounts beyond 128 bits are refused by name in every function that takes one, never cut off.
    function testFuzz_AmountsBeyond128BitsAreRefusedByName(uint256 amount) public {
        amount = _bound(amount, uint256(type(uint128).max) + 1, type(uint256).max);
        _buy(BOB, Resource.CPU, 1e18);
        uint256 inventory = market.inventoryOf(Resource.CPU);
        bytes memory refusal = abi.encodeWithSelector(
            IResourceMarket.ResourceMarket_InsufficientInventory.selector, Resource.CPU, amount, inventory
        );
        vm.expectRevert(refusal);
        market.purchaseResource{value: 1 ether}(Resource.CPU, amount);
        vm.expectRevert(refusal);
        market.unstock(Resource.CPU, amount, TREASURY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IResourceMarket.ResourceMarket_InsufficientSold.selector, Resource.CPU, amount, uint256(1e18)
            )
        );
        _sell(BOB, Resource.CPU, amount);
        uint256 payment = amount | (1 << 200);
        vm.expectRevert(
            abi.encodeWithSelector(
                CurveMath.CurveMath_BudgetOutOfDomain.selector, uint256(1e18), Math.mulDiv(payment, PPM, PPM + FEE)
            )
        );
        market.quoteBuyExactIn(Resource.CPU, payment);
    }

    /// @dev The steepest curve there is sells what 128 bits can count the value of, refuses the next base unit, and buys
    /// back.
    function test_CurveBeyondItsDomainIsRefusedByName() public {
        HookToken token = new HookToken(address(this), type(uint128).max);
        IResourceMarket.Curve[4] memory curves;
        for (uint256 i = 0; i < 4; ++i) {
            curves[i] = IResourceMarket.Curve(IERC20(token), type(uint128).max, 1);
        }
        market = new ResourceMarket(address(authority), BRAKE, TREASURY, curves, FEE);
        token.approve(address(market), type(uint256).max);
        market.stock(Resource.CPU, type(uint128).max);
        uint256 most = 1_414_213_561; // the square root of 2e18, less the steepness
        vm.expectRevert(abi.encodeWithSelector(CurveMath.CurveMath_OutOfDomain.selector, uint256(0), uint256(most + 1)));
        market.quoteBuy(Resource.CPU, most + 1);
        uint256 cost = market.quoteBuy(Resource.CPU, 1e6);
        vm.deal(address(this), cost);
        market.purchaseResource{value: cost}(Resource.CPU, 1e6);
        market.sellResource(Resource.CPU, 1e6, 0, DEADLINE);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _reading() private view returns (uint256[5] memory) {
        return [
            market.getSpotPrice(Resource.CPU),
            market.quoteBuy(Resource.CPU, 5e18),
            market.quoteSell(Resource.CPU, 5e18),
            market.reserveOf(Resource.CPU),
            market.inventoryOf(Resource.CPU)
        ];
    }

    function _callsBack() private view returns (bytes[] memory calls) {
        calls = new bytes[](11);
        calls[0] = abi.encodeCall(market.getSpotPrice, (Resource.CPU));
        calls[1] = abi.encodeCall(market.quoteBuy, (Resource.CPU, 1e18));
        calls[2] = abi.encodeCall(market.quoteSell, (Resource.CPU, 1e18));
        calls[3] = abi.encodeCall(market.quoteBuyExactIn, (Resource.CPU, 1e12));
        calls[4] = abi.encodeWithSignature("purchaseResource(uint8,uint256)", uint256(0), uint256(1e18));
        calls[5] = abi.encodeWithSignature(
            "purchaseResource(uint8,uint256,address,uint256)", uint256(0), uint256(1e18), ALICE, DEADLINE
        );
        calls[6] = abi.encodeCall(market.purchaseExactIn, (Resource.CPU, 0, ALICE, DEADLINE));
        calls[7] = abi.encodeWithSignature(
            "sellResource(uint8,uint256,uint256,uint256)", uint256(0), uint256(1e18), uint256(0), DEADLINE
        );
        calls[8] = abi.encodeWithSignature(
            "sellResource(uint8,uint256,uint256,address,uint256)",
            uint256(0),
            uint256(1e18),
            uint256(0),
            ALICE,
            DEADLINE
        );
        calls[9] = abi.encodeCall(market.stock, (Resource.CPU, 1));
        calls[10] = abi.encodeCall(market.collectFees, (Resource.CPU));
    }

    function _assertClosed(uint256 expected, uint256 calls, bool succeeded, bytes memory answer) private pure {
        vm.assertEq(calls, expected);
        vm.assertFalse(succeeded);
        vm.assertEq(answer, abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
    }

    receive() external payable {}
}
