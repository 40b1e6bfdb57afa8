// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileRegistry} from "../../contracts/test/HostileRegistry.sol";
import {RegistryDouble} from "../../contracts/test/RegistryDouble.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IResourceStaking} from "../../interfaces/IResourceStaking.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {ResourceStakingFixture} from "./ResourceStakingFixture.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @dev 7,200 CPU for 30 days are 10 vCPU all that time: 10,000 units, a whole host.
contract ResourceStakingGuaranteesTest is ResourceStakingFixture {
    uint256 private constant TERM = 30 days;
    uint256 private id;

    function setUp() public override {
        super.setUp();
        _fund(BUDGET);
        id = _stake(Resource.CPU, 7_200e18, TERM);
    }

    // ------------------------------------------------------------------------------------------------------------
    // guarantee
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Guarantee(uint256 units, uint256 hostId) public {
        (units, hostId) = (_bound(units, 1, CAPACITY), _bound(hostId, 1, type(uint32).max));
        vm.expectEmit();
        emit IResourceStaking.GuaranteeMade(id, hostId, STAKER, units, START + TERM);
        _guarantee(hostId, units);
        IHostRegistry.Reservation memory made = registry.reservationOf(id);
        vm.assertEq(made.holder, STAKER);
        vm.assertEq(made.hostId, hostId);
        vm.assertTrue(made.resource == Resource.CPU);
        vm.assertEq(made.units, units);
        vm.assertEq(made.until, START + TERM);
        vm.assertTrue(staking.positionOf(id).isGuaranteeing);
    }

    /// @dev What is left of the term decides: what half of it costs twice as much backs twice as many units.
    function testFuzz_BackedUnits(uint256 amount, uint256 term, uint256 passed) public {
        (amount, term) = (_bound(amount, 1e12, 2 ** 127), _bound(term, 30 days, 365 days));
        passed = _bound(passed, 0, term - 1);
        staking.fund(Resource.NET, amount / 10);
        uint256 position = _stake(Resource.NET, amount, term);
        vm.warp(START + passed);
        uint256 units = staking.backedBy(position);
        // All the hours that are left, at this rate, cost at most the principal; at one unit more they cost more.
        uint256 left = term - passed;
        vm.assertTrue(units * left * 1e18 <= amount * 3_600_000);
        if (units < type(uint32).max) vm.assertTrue((units + 1) * left * 1e18 > amount * 3_600_000);
    }

    function test_BackedUnitsInTheLastSecond() public {
        vm.assertEq(staking.backedBy(id), 10_000);
        vm.warp(START + TERM - 6); // 7,200 · 1000 · 3600 / 6 is above 2^32
        vm.assertEq(staking.backedBy(id), type(uint32).max);
        vm.warp(START + TERM);
        vm.assertEq(staking.backedBy(id), 0);
        vm.assertEq(staking.backedBy(99), 0);
    }

    function testFuzz_GuaranteeOfTooManyUnitsReverts(uint256 units) public {
        units = units % 8 == 0 ? 0 : _bound(units, CAPACITY + 1, type(uint256).max);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BadUnits.selector, id, CAPACITY + 1, CAPACITY));
        _guarantee(1, CAPACITY + 1);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BadUnits.selector, id, units, CAPACITY));
        _guarantee(1, units);
    }

    function testFuzz_GuaranteeByAnotherReverts(address caller) public {
        vm.assume(caller != STAKER);
        vm.expectRevert(_notOwner(id, caller));
        vm.prank(caller);
        staking.guarantee(id, 1, 1);
    }

    /// @dev One at a time, for another host as well.
    function test_GuaranteeTwiceReverts() public {
        _guarantee(1, 10);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_Guaranteeing.selector, id));
        _guarantee(2, 10);
        _release(STAKER);
        _guarantee(2, 10);
    }

    function testFuzz_GuaranteeAfterMaturityReverts(uint256 time) public {
        vm.warp(_bound(time, START + TERM, 2 ** 60));
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_Mature.selector, id, START + TERM));
        _guarantee(1, 1);
    }

    /// @dev All positions together never reserve more than a host carries: the registry refuses, and nothing changes.
    function testFuzz_GuaranteeBeyondCapacityReverts(uint256 taken) public {
        taken = _bound(taken, 1, CAPACITY);
        _guarantee(1, taken);
        uint256 second = _stake(Resource.CPU, 7_200e18, TERM);
        vm.expectRevert(
            abi.encodeWithSelector(
                IHostRegistry.HostRegistry_CapacityExceeded.selector, 1, Resource.CPU, CAPACITY, CAPACITY - taken
            )
        );
        vm.prank(STAKER);
        staking.guarantee(second, 1, CAPACITY);
        vm.assertFalse(staking.positionOf(second).isGuaranteeing);
    }

    // ------------------------------------------------------------------------------------------------------------
    // release
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_ReleaseByOwner(uint256 time, bool stopped) public {
        _guarantee(1, 10_000);
        vm.warp(_bound(time, START, 2 ** 60));
        if (stopped) staking.pauseContract();
        vm.expectEmit();
        emit IResourceStaking.GuaranteeReleased(id, STAKER);
        _release(STAKER);
        _assertReleased();
    }

    function testFuzz_ReleaseByAnybodyAfterMaturity(address anybody, uint256 time) public {
        _guarantee(1, 10_000);
        vm.warp(_bound(time, START + TERM, 2 ** 60));
        _release(anybody);
        _assertReleased();
    }

    function testFuzz_ReleaseByAnotherBeforeMaturityReverts(address anybody, uint256 time) public {
        vm.assume(anybody != STAKER);
        _guarantee(1, 10_000);
        vm.warp(_bound(time, START, START + TERM - 1));
        vm.expectRevert(_notOwner(id, anybody));
        _release(anybody);
    }

    function test_ReleaseTwiceReverts() public {
        _guarantee(1, 1);
        _release(STAKER);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_NotGuaranteeing.selector, id));
        _release(STAKER);
    }

    /// @dev A reservation that was void and that somebody has cleared leaves no position stuck.
    function test_ReleaseOfAClearedReservation() public {
        _guarantee(1, 1);
        registry.clear(id);
        _release(STAKER);
        _assertReleased();
        _guarantee(1, 1);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Exits of a position that guarantees
    // ------------------------------------------------------------------------------------------------------------

    function test_ExitEarlyWhileGuaranteeingReverts() public {
        _guarantee(1, 1);
        vm.startPrank(STAKER);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_Guaranteeing.selector, id));
        staking.exitEarly(id, STAKER);
        staking.release(id);
        vm.assertEq(staking.exitEarly(id, STAKER), 7_200e18);
        vm.stopPrank();
    }

    /// @dev Whatever the registry does, a matured position is paid; without a guarantee an early exit is as well.
    function testFuzz_RegistryCannotStopExits(bool burning, bool guaranteeing) public {
        if (guaranteeing) _guarantee(1, 1);
        registry.setManner(burning ? RegistryDouble.Manner.BurningGas : RegistryDouble.Manner.Reverting);
        if (guaranteeing) vm.warp(START + TERM);
        vm.prank(STAKER);
        if (guaranteeing) staking.withdraw(id, STAKER);
        else staking.exitEarly(id, STAKER);
        _assertPaidOut(id);
        _assertExact();
    }

    /// @dev The reservation of a position that was paid out is over: anybody clears it in the registry.
    function test_WithdrawLeavesTheReservationToTheRegistry() public {
        _guarantee(1, 10_000);
        vm.warp(START + TERM);
        vm.prank(STAKER);
        staking.withdraw(id, STAKER);
        vm.assertEq(registry.reservationOf(id).until, START + TERM);
        registry.clear(id);
        vm.assertEq(registry.reservedOf(1, Resource.CPU), 0);
    }

    function test_RevertingRegistryMakesNoGuarantee() public {
        registry.setManner(RegistryDouble.Manner.Reverting);
        vm.expectRevert(abi.encodeWithSelector(RegistryDouble.RegistryDouble_Reverting.selector));
        _guarantee(1, 1);
        vm.assertFalse(staking.positionOf(id).isGuaranteeing);
    }

    /// @dev A registry that reverts, burns all its gas or answers with a megabyte keeps no position from leaving.
    function testFuzz_RegistryCannotHoldAPosition(uint8 mood) public {
        _guarantee(1, 1);
        HostileRegistry.Mood[5] memory moods = [
            HostileRegistry.Mood.Reverting,
            HostileRegistry.Mood.Burning,
            HostileRegistry.Mood.Silent,
            HostileRegistry.Mood.Nonsense,
            HostileRegistry.Mood.Talkative
        ];
        vm.etch(address(registry), address(new HostileRegistry(moods[mood % 5])).code);
        vm.startPrank(STAKER);
        staking.release{gas: 400_000}(id);
        vm.assertFalse(staking.positionOf(id).isGuaranteeing);
        vm.assertEq(staking.exitEarly(id, STAKER), 7_200e18);
        vm.stopPrank();
        _assertPaidOut(id);
        _assertExact();
    }

    /// @dev Nobody leaves a reservation behind in an honest registry by sending too little gas.
    function testFuzz_ReleaseWithLittleGasEndsTheReservationOrNothing(uint256 gas_) public {
        _guarantee(1, 10_000);
        vm.prank(STAKER);
        (bool ok,) = address(staking).call{gas: _bound(gas_, 0, 300_000)}(abi.encodeCall(staking.release, (id)));
        vm.assertEq(staking.positionOf(id).isGuaranteeing, !ok);
        vm.assertEq(registry.reservedOf(1, Resource.CPU), ok ? 0 : 10_000);
    }

    /// @dev A registry that burns all of little gas is no reason to give up the reservation: the call says so.
    function test_ReleaseWithTooLittleGasForTheRegistryReverts() public {
        _guarantee(1, 1);
        registry.setManner(RegistryDouble.Manner.BurningGas);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_TooLittleGas.selector, 200_000));
        vm.prank(STAKER);
        staking.release{gas: 190_000}(id);
        _release(STAKER);
        vm.assertFalse(staking.positionOf(id).isGuaranteeing);
    }

    function testFuzz_RegistryCallsBack(bool releasing, uint8 what) public {
        if (releasing) _guarantee(1, 1);
        bytes memory call_ = abi.encodeCall(staking.exitEarly, (id, STAKER));
        if (what % 3 == 0) call_ = abi.encodeCall(staking.release, (id));
        else if (what % 3 == 1) call_ = abi.encodeCall(staking.guarantee, (id, 2, 1));
        registry.setCall(address(staking), call_);
        if (releasing) _release(STAKER);
        else _guarantee(1, 1);
        vm.assertFalse(registry.succeeded());
        vm.assertEq(
            registry.answer(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }

    function _guarantee(uint256 hostId, uint256 units) private {
        vm.prank(STAKER);
        staking.guarantee(id, hostId, units);
    }

    function _release(address caller) private {
        vm.prank(caller);
        staking.release(id);
    }

    function _assertReleased() private view {
        vm.assertFalse(staking.positionOf(id).isGuaranteeing);
        vm.assertEq(registry.reservationOf(id).holder, address(0));
        vm.assertEq(registry.reservedOf(1, Resource.CPU), 0);
    }
}
