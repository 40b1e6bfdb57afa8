// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ResourceMarket} from "../../contracts/market/ResourceMarket.sol";
import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {MarketFixture} from "./MarketFixture.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract ResourceMarketTest is MarketFixture {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 private constant KEY = 0xc0ffee;

    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function test_Constructor() public view {
        for (uint256 i = 0; i < 4; ++i) {
            IResourceMarket.Curve memory curve = market.curveOf(Resource(i));
            vm.assertEq(address(curve.token), address(tokens[i]));
            vm.assertEq(uint256(curve.base), uint256(_base(i)));
            vm.assertEq(uint256(curve.steepness), uint256(_steepness(i)));
            vm.assertEq(market.getSpotPrice(Resource(i)), uint256(_base(i)));
            vm.assertEq(market.inventoryOf(Resource(i)), _cap(i) / 2);
            vm.assertEq(market.soldOf(Resource(i)) + market.reserveOf(Resource(i)) + market.feesOf(Resource(i)), 0);
        }
        vm.assertEq(market.treasury(), TREASURY);
        vm.assertEq(market.owner(), BRAKE);
        vm.assertEq(uint256(market.fee()), FEE);
        vm.assertEq(market.MAX_FEE(), uint256(10_000));
        vm.assertEq(market.authority(), address(authority));
    }

    function testFuzz_ConstructorRefusesAHalfCurve(uint8 which, uint8 what) public {
        IResourceMarket.Curve[4] memory curves = _curves(_erc20s());
        which %= 4;
        if (what % 3 == 0) curves[which].token = IERC20(address(0));
        else if (what % 3 == 1) curves[which].base = 0;
        else curves[which].steepness = 0;
        vm.expectRevert(abi.encodeWithSelector(IResourceMarket.ResourceMarket_InvalidCurve.selector, Resource(which)));
        new ResourceMarket(address(authority), BRAKE, TREASURY, curves, FEE);
    }

    function test_ConstructorRefusesNoTreasury() public {
        vm.expectRevert(abi.encodeWithSelector(IResourceMarket.ResourceMarket_NoTreasury.selector));
        new ResourceMarket(address(authority), BRAKE, address(0), _curves(_erc20s()), FEE);
    }

    function test_ConstructorRefusesAHighFee() public {
        vm.expectRevert(
            abi.encodeWithSelector(IResourceMarket.ResourceMarket_FeeTooHigh.selector, uint256(10_001), uint256(10_000))
        );
        new ResourceMarket(address(authority), BRAKE, TREASURY, _curves(_erc20s()), 10_001);
    }

    // ------------------------------------------------------------------------------------------------------------
    // purchaseResource
    // ------------------------------------------------------------------------------------------------------------

    /// @dev For any resource, place on the curve, amount and payment above the cost.
    function testFuzz_Purchase(uint8 which, uint256 before, uint256 amount, uint256 extra) public {
        Resource resource = Resource(which % 4);
        uint256 i = uint256(resource);
        before = _bound(before, 1, _cap(i) / 4);
        amount = _bound(amount, 1, _cap(i) / 4);
        extra = _bound(extra, 0, 10 ether);
        _buy(BOB, resource, before);
        uint256 value = _area(i, before, before + amount, true);
        uint256 cost = value + _feeOn(value);
        vm.assertEq(market.quoteBuy(resource, amount), cost);
        (uint256 reserve, uint256 fees) = (market.reserveOf(resource), market.feesOf(resource));
        (uint256 ether_, uint256 held) = (ALICE.balance, tokens[i].balanceOf(ALICE));

        vm.expectEmit();
        emit IResourceMarket.ResourcePurchased(resource, ALICE, ALICE, amount, cost, _feeOn(value));
        vm.prank(ALICE);
        vm.assertEq(market.purchaseResource{value: cost + extra}(resource, amount), cost);

        vm.assertEq(ether_ - ALICE.balance, cost);
        vm.assertEq(tokens[i].balanceOf(ALICE) - held, amount);
        vm.assertEq(market.soldOf(resource), before + amount);
        vm.assertEq(market.reserveOf(resource), reserve + value);
        vm.assertEq(market.feesOf(resource), fees + _feeOn(value));
        vm.assertEq(market.inventoryOf(resource), _cap(i) / 2 - before - amount);
    }

    function test_PurchaseForARecipient() public {
        uint256 cost = market.quoteBuy(Resource.MEM, 5e18);
        vm.expectEmit();
        emit IResourceMarket.ResourcePurchased(Resource.MEM, ALICE, BOB, 5e18, cost, cost - _area(1, 0, 5e18, true));
        vm.prank(ALICE);
        market.purchaseResource{value: 1 ether}(Resource.MEM, 5e18, BOB, DEADLINE);
        vm.assertEq(tokens[1].balanceOf(BOB), _cap(1) / 10 + 5e18);
        vm.assertEq(ALICE.balance, 1_000 ether - cost); // the rest comes back to who paid
    }

    function test_PurchaseOfEverything() public {
        uint256 all = market.inventoryOf(Resource.CPU);
        _buy(ALICE, Resource.CPU, all);
        vm.assertEq(market.inventoryOf(Resource.CPU), uint256(0));
        vm.assertEq(market.getSpotPrice(Resource.CPU), uint256(4e11) * 6); // five steepnesses
    }

    function test_PurchaseOfNothingReverts() public {
        bytes memory refusal = abi.encodeWithSelector(IResourceMarket.ResourceMarket_ZeroAmount.selector);
        vm.expectRevert(refusal);
        market.purchaseResource{value: 1 ether}(Resource.CPU, 0);
        vm.expectRevert(refusal);
        market.quoteBuy(Resource.CPU, 0);
    }

    function testFuzz_PurchaseBeyondTheInventoryReverts(uint256 amount) public {
        uint256 inventory = market.inventoryOf(Resource.NET);
        amount = _bound(amount, inventory + 1, type(uint256).max);
        bytes memory refusal = abi.encodeWithSelector(
            IResourceMarket.ResourceMarket_InsufficientInventory.selector, Resource.NET, amount, inventory
        );
        vm.expectRevert(refusal);
        market.purchaseResource{value: 1 ether}(Resource.NET, amount);
        vm.expectRevert(refusal);
        market.quoteBuy(Resource.NET, amount);
    }

    function testFuzz_PurchaseForLessThanItCostsReverts(uint256 amount, uint256 payment) public {
        amount = _bound(amount, 1, _cap(0) / 2);
        uint256 cost = market.quoteBuy(Resource.CPU, amount);
        payment = _bound(payment, 0, cost - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IResourceMarket.ResourceMarket_InsufficientPayment.selector, cost, payment)
        );
        vm.prank(ALICE);
        market.purchaseResource{value: payment}(Resource.CPU, amount);
    }

    function testFuzz_PurchaseAfterTheDeadlineReverts(uint256 deadline) public {
        deadline = _bound(deadline, 0, START - 1);
        bytes memory refusal = abi.encodeWithSelector(IResourceMarket.ResourceMarket_Expired.selector, deadline, START);
        vm.expectRevert(refusal);
        market.purchaseResource{value: 1 ether}(Resource.CPU, 1e18, ALICE, deadline);
        vm.expectRevert(refusal);
        market.purchaseExactIn{value: 1 ether}(Resource.CPU, 0, ALICE, deadline);
        market.purchaseResource{value: 1 ether}(Resource.CPU, 1e18, ALICE, START); // the deadline itself is in time
    }

    function test_PurchaseForNobodyReverts() public {
        address[2] memory recipients = [address(0), address(market)];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(IResourceMarket.ResourceMarket_InvalidRecipient.selector, recipients[i]);
            vm.expectRevert(refusal);
            market.purchaseResource{value: 1 ether}(Resource.CPU, 1e18, recipients[i], DEADLINE);
            vm.expectRevert(refusal);
            market.purchaseExactIn{value: 1 ether}(Resource.CPU, 0, recipients[i], DEADLINE);
        }
    }

    function test_UnknownResourceReverts() public {
        bytes memory call_ = abi.encodeWithSignature("purchaseResource(uint8,uint256)", uint256(4), uint256(1e18));
        vm.prank(ALICE);
        (bool ok,) = address(market).call{value: 1 ether}(call_);
        vm.assertFalse(ok);
    }

    // ------------------------------------------------------------------------------------------------------------
    // purchaseExactIn
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The largest amount, to the base unit, and the whole payment is accounted for.
    function testFuzz_PurchaseExactIn(uint8 which, uint256 before, uint256 payment) public {
        Resource resource = Resource(which % 4);
        uint256 i = uint256(resource);
        before = _bound(before, 1, _cap(i) / 4);
        _buy(BOB, resource, before);
        payment = _bound(payment, 2, market.quoteBuy(resource, _cap(i) / 2 - before - 1));
        uint256 amount = market.quoteBuyExactIn(resource, payment);
        vm.assertTrue(market.quoteBuy(resource, amount) <= payment);
        vm.assertTrue(market.quoteBuy(resource, amount + 1) > payment);
        uint256 value = _area(i, before, before + amount, true);
        (uint256 reserve, uint256 fees) = (market.reserveOf(resource), market.feesOf(resource));

        vm.expectEmit();
        emit IResourceMarket.ResourcePurchased(resource, ALICE, BOB, amount, payment, payment - value);
        vm.prank(ALICE);
        vm.assertEq(market.purchaseExactIn{value: payment}(resource, amount, BOB, DEADLINE), amount);

        vm.assertEq(tokens[i].balanceOf(BOB), _cap(i) / 10 + before + amount);
        vm.assertEq(ALICE.balance, 1_000 ether - payment);
        vm.assertEq(market.reserveOf(resource), reserve + value);
        vm.assertEq(market.feesOf(resource), fees + payment - value);
        // Beyond the fee on what was bought it keeps at most a wei or two, which buy nothing.
        vm.assertTrue(payment - value - _feeOn(value) <= 2);
    }

    function test_PurchaseExactInBelowTheMinimumReverts() public {
        uint256 amount = market.quoteBuyExactIn(Resource.STO, 1 ether / 1000);
        vm.expectRevert(
            abi.encodeWithSelector(IResourceMarket.ResourceMarket_InsufficientAmount.selector, amount, amount + 1)
        );
        market.purchaseExactIn{value: 1 ether / 1000}(Resource.STO, amount + 1, ALICE, DEADLINE);
    }

    function test_PurchaseExactInThatBuysNothingReverts() public {
        bytes memory refusal = abi.encodeWithSelector(IResourceMarket.ResourceMarket_ZeroAmount.selector);
        for (uint256 payment = 0; payment < 2; ++payment) {
            vm.expectRevert(refusal);
            market.purchaseExactIn{value: payment}(Resource.CPU, 0, ALICE, DEADLINE);
            vm.expectRevert(refusal);
            market.quoteBuyExactIn(Resource.CPU, payment);
        }
    }

    /// @dev It is not cut down to what there is.
    function test_PurchaseExactInBeyondTheInventoryReverts() public {
        uint256 inventory = market.inventoryOf(Resource.CPU);
        uint256 payment = market.quoteBuy(Resource.CPU, inventory) + 10;
        (bool ok, bytes memory answer) = address(market).call{value: payment}(
            abi.encodeCall(market.purchaseExactIn, (Resource.CPU, 0, ALICE, DEADLINE))
        );
        vm.assertFalse(ok);
        vm.assertEq(bytes32(bytes4(answer)), bytes32(IResourceMarket.ResourceMarket_InsufficientInventory.selector));
    }

    // ------------------------------------------------------------------------------------------------------------
    // sellResource
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Sell(uint8 which, uint256 sold, uint256 amount, bool toAnother) public {
        Resource resource = Resource(which % 4);
        uint256 i = uint256(resource);
        sold = _bound(sold, 1e12, _cap(i) / 2);
        amount = _bound(amount, 1e12, sold);
        _buy(BOB, resource, sold);
        uint256 value = _area(i, sold - amount, sold, false);
        uint256 proceeds = value - _feeOn(value);
        vm.assertEq(market.quoteSell(resource, amount), proceeds);
        (uint256 reserve, uint256 fees) = (market.reserveOf(resource), market.feesOf(resource));
        address recipient = toAnother ? ALICE : BOB;
        uint256 balance = recipient.balance;

        vm.expectEmit();
        emit IResourceMarket.ResourceSold(resource, BOB, recipient, amount, proceeds, _feeOn(value));
        vm.prank(BOB);
        if (toAnother) market.sellResource(resource, amount, proceeds, recipient, DEADLINE);
        else vm.assertEq(market.sellResource(resource, amount, proceeds, DEADLINE), proceeds);

        vm.assertEq(recipient.balance - balance, proceeds);
        vm.assertEq(tokens[i].balanceOf(BOB), _cap(i) / 10 + sold - amount);
        vm.assertEq(market.soldOf(resource), sold - amount);
        vm.assertEq(market.reserveOf(resource), reserve - value);
        vm.assertEq(market.feesOf(resource), fees + _feeOn(value));
        vm.assertEq(market.inventoryOf(resource), _cap(i) / 2 - sold + amount);
    }

    function testFuzz_SellMoreThanWasSoldReverts(uint256 sold, uint256 amount) public {
        sold = _bound(sold, 1, _cap(2) / 2);
        amount = _bound(amount, sold + 1, type(uint256).max);
        _buy(BOB, Resource.STO, sold);
        bytes memory refusal = abi.encodeWithSelector(
            IResourceMarket.ResourceMarket_InsufficientSold.selector, Resource.STO, amount, sold
        );
        vm.expectRevert(refusal);
        _sell(BOB, Resource.STO, amount);
        vm.expectRevert(refusal);
        market.quoteSell(Resource.STO, amount);
    }

    function test_SellForNothingReverts() public {
        _buy(BOB, Resource.CPU, 1e18);
        bytes memory refusal = abi.encodeWithSelector(IResourceMarket.ResourceMarket_ZeroAmount.selector);
        for (uint256 amount = 0; amount < 2; ++amount) {
            vm.expectRevert(refusal);
            _sell(BOB, Resource.CPU, amount);
            vm.expectRevert(refusal);
            market.quoteSell(Resource.CPU, amount);
        }
    }

    function testFuzz_SellBelowTheMinimumReverts(uint256 minimum) public {
        _buy(BOB, Resource.CPU, 100e18);
        uint256 proceeds = market.quoteSell(Resource.CPU, 50e18);
        minimum = _bound(minimum, proceeds + 1, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IResourceMarket.ResourceMarket_InsufficientProceeds.selector, proceeds, minimum)
        );
        vm.prank(BOB);
        market.sellResource(Resource.CPU, 50e18, minimum, DEADLINE);
    }

    function testFuzz_SellAfterTheDeadlineReverts(uint256 deadline) public {
        _buy(BOB, Resource.CPU, 100e18);
        deadline = _bound(deadline, 0, START - 1);
        bytes memory refusal = abi.encodeWithSelector(IResourceMarket.ResourceMarket_Expired.selector, deadline, START);
        vm.startPrank(BOB);
        vm.expectRevert(refusal);
        market.sellResource(Resource.CPU, 1e18, 0, deadline);
        vm.expectRevert(refusal);
        market.sellResource(Resource.CPU, 1e18, 0, ALICE, deadline);
        vm.expectRevert(refusal);
        market.sellResourceWithPermit(Resource.CPU, 1e18, 0, ALICE, deadline, 27, 0, 0);
        market.sellResource(Resource.CPU, 1e18, 0, START); // the deadline itself is in time
    }

    function test_SellForNobodyReverts() public {
        _buy(BOB, Resource.CPU, 1e18);
        address[2] memory recipients = [address(0), address(market)];
        vm.startPrank(BOB);
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(IResourceMarket.ResourceMarket_InvalidRecipient.selector, recipients[i]);
            vm.expectRevert(refusal);
            market.sellResource(Resource.CPU, 1e18, 0, recipients[i], DEADLINE);
            vm.expectRevert(refusal);
            market.sellResourceWithPermit(Resource.CPU, 1e18, 0, recipients[i], DEADLINE, 27, 0, 0);
        }
    }

    function test_SellWithoutApprovalReverts() public {
        _buy(BOB, Resource.CPU, 1e18);
        vm.startPrank(BOB);
        tokens[0].approve(address(market), 1e18 - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(market), uint256(1e18 - 1), uint256(1e18)
            )
        );
        market.sellResource(Resource.CPU, 1e18, 0, DEADLINE);
    }

    function test_SellWithPermit() public {
        address seller = vm.addr(KEY);
        vm.deal(seller, 1 ether);
        _buy(seller, Resource.CPU, 5e18);
        (uint8 v, bytes32 r, bytes32 s) = _permit(5e18);
        uint256 proceeds = market.quoteSell(Resource.CPU, 5e18);
        uint256 balance = ALICE.balance;
        vm.prank(seller);
        market.sellResourceWithPermit(Resource.CPU, 5e18, proceeds, ALICE, DEADLINE, v, r, s);
        vm.assertEq(ALICE.balance - balance, proceeds);
        vm.assertEq(tokens[0].balanceOf(seller), uint256(0));
    }

    /// @dev Somebody submits the permit first: the sale goes through all the same.
    function test_SellWithAPermitThatWasSubmittedBefore() public {
        address seller = vm.addr(KEY);
        vm.deal(seller, 1 ether);
        _buy(seller, Resource.CPU, 5e18);
        (uint8 v, bytes32 r, bytes32 s) = _permit(5e18);
        vm.prank(ALICE);
        tokens[0].permit(seller, address(market), 5e18, DEADLINE, v, r, s);
        vm.prank(seller);
        market.sellResourceWithPermit(Resource.CPU, 5e18, 0, seller, DEADLINE, v, r, s);
        vm.assertEq(tokens[0].balanceOf(seller), uint256(0));
    }

    /// @dev A permit is its signer's: nobody else sells with it.
    function test_SellWithAnothersPermitReverts() public {
        address seller = vm.addr(KEY);
        vm.deal(seller, 1 ether);
        _buy(seller, Resource.CPU, 5e18);
        (uint8 v, bytes32 r, bytes32 s) = _permit(5e18);
        vm.startPrank(ALICE);
        tokens[0].approve(address(market), 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(market), uint256(0), uint256(5e18)
            )
        );
        market.sellResourceWithPermit(Resource.CPU, 5e18, 0, ALICE, DEADLINE, v, r, s);
    }

    function _erc20s() private view returns (IERC20[4] memory list) {
        for (uint256 i = 0; i < 4; ++i) {
            list[i] = IERC20(address(tokens[i]));
        }
    }

    function _permit(uint256 amount) private view returns (uint8 v, bytes32 r, bytes32 s) {
        address seller = vm.addr(KEY);
        bytes32 content =
            keccak256(abi.encode(PERMIT, seller, address(market), amount, tokens[0].nonces(seller), DEADLINE));
        return vm.sign(KEY, keccak256(abi.encodePacked("\x19\x01", tokens[0].DOMAIN_SEPARATOR(), content)));
    }

    receive() external payable {}
}
