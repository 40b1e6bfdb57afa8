// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {ResourceStaking} from "../../contracts/tokens/ResourceStaking.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IResourceStaking} from "../../interfaces/IResourceStaking.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {ResourceStakingFixture} from "./ResourceStakingFixture.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

contract ResourceStakingTest is ResourceStakingFixture {
    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function test_Constructor() public view {
        vm.assertEq(address(staking.registry()), address(registry));
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(address(staking.tokenOf(Resource(i))), address(tokens[i]));
            vm.assertEq(staking.rateOf(Resource(i)), RATES[i]);
        }
        vm.assertEq(staking.MIN_TERM(), 30 days);
        vm.assertEq(staking.MAX_TERM(), 365 days);
    }

    function testFuzz_ConstructorWithoutContractReverts(uint8 which) public {
        IERC20[4] memory list = _newTokens();
        IHostRegistry where = which % 5 == 4 ? IHostRegistry(STRANGER) : IHostRegistry(address(registry));
        if (which % 5 < 4) list[which % 5] = IERC20(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IResourceStaking.ResourceStaking_NoContract.selector, STRANGER));
        new ResourceStaking(address(this), address(this), where, list);
    }

    // ------------------------------------------------------------------------------------------------------------
    // stake
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Stake(uint8 which, uint256 amount, uint256 term) public {
        Resource resource = Resource(which % 4);
        amount = _bound(amount, 1e6, 2 ** 127);
        term = _bound(term, 30 days, 365 days);
        uint256 reward = amount * RATES[which % 4] * term / (10_000 * uint256(365 days));
        staking.fund(resource, reward);
        vm.assertEq(staking.rewardOf(resource, amount, term), reward);
        uint256 before = tokens[which % 4].balanceOf(STAKER);
        vm.expectEmit();
        emit IResourceStaking.Staked(1, STAKER, resource, amount, reward, START + term);
        vm.assertEq(_stake(resource, amount, term), 1);
        IResourceStaking.Position memory position = staking.positionOf(1);
        vm.assertEq(position.owner, STAKER);
        vm.assertTrue(position.resource == resource && !position.isGuaranteeing);
        vm.assertEq(position.start, START);
        vm.assertEq(position.maturity, START + term);
        vm.assertEq(position.principal, amount);
        vm.assertEq(position.reward, reward);
        vm.assertEq(before - tokens[which % 4].balanceOf(STAKER), amount);
        vm.assertEq(staking.freeBudgetOf(resource), 0);
        vm.assertEq(staking.owedOf(resource), amount + reward);
        vm.assertEq(staking.positionCount(), 1);
        _assertExact();
    }

    /// @dev The rates of the issue, over a year: 10, 8, 6 and 5 %.
    function test_StakeForAYear() public {
        _fund(BUDGET);
        uint256[4] memory rewards = [uint256(10e18), 8e18, 6e18, 5e18];
        for (uint256 i = 0; i < 4; ++i) {
            uint256 id = _stake(Resource(i), 100e18, 365 days);
            vm.assertEq(staking.positionOf(id).reward, rewards[i]);
        }
    }

    /// @dev With one base unit less of budget it is refused, whole, and nothing is taken.
    function testFuzz_StakeBeyondBudgetReverts(uint256 amount, uint256 term, uint256 lacking) public {
        (amount, term) = (_bound(amount, 1e6, 2 ** 127), _bound(term, 30 days, 365 days));
        uint256 reward = staking.rewardOf(Resource.CPU, amount, term);
        lacking = _bound(lacking, 1, reward);
        if (reward > lacking) staking.fund(Resource.CPU, reward - lacking);
        uint256 before = tokens[0].balanceOf(STAKER);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BudgetExceeded.selector, 0, reward, reward - lacking));
        _stake(Resource.CPU, amount, term);
        vm.assertEq(tokens[0].balanceOf(STAKER), before);
    }

    /// @dev What rewards are set aside, no later stake can have; and the budgets of two resources are apart.
    function test_StakeReservesTheBudget() public {
        staking.fund(Resource.CPU, 15e18);
        _stake(Resource.CPU, 100e18, 365 days);
        bytes memory refusal = _error(IResourceStaking.ResourceStaking_BudgetExceeded.selector, 0, 10e18, 5e18);
        vm.expectRevert(refusal);
        _stake(Resource.CPU, 100e18, 365 days);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BudgetExceeded.selector, 1, 4e18, 0));
        _stake(Resource.MEM, 50e18, 365 days);
        _stake(Resource.CPU, 50e18, 365 days);
    }

    function testFuzz_StakeBadTermReverts(uint256 term, bool short) public {
        term = short ? _bound(term, 0, 30 days - 1) : _bound(term, 365 days + 1, type(uint256).max);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BadTerm.selector, term));
        _stake(Resource.CPU, 1e18, term);
    }

    function testFuzz_StakeBadAmountReverts(uint256 amount) public {
        amount = amount % 8 == 0 ? 0 : _bound(amount, 2 ** 128, type(uint256).max);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BadAmount.selector, amount));
        _stake(Resource.CPU, amount, 30 days);
    }

    function testFuzz_StakeWithoutRewardReverts(uint256 amount) public {
        amount = _bound(amount, 1, 121); // 121 · 1000 · 30 / (10,000 · 365) < 1
        _fund(BUDGET);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_NoReward.selector, 0, amount, 30 days));
        _stake(Resource.CPU, amount, 30 days);
        vm.assertEq(staking.positionOf(_stake(Resource.CPU, 122, 30 days)).reward, 1);
    }

    function test_StakeOfNoResourceReverts() public {
        (bool ok,) = address(staking).call(abi.encodeWithSelector(staking.stake.selector, 4, 1e18, 30 days));
        vm.assertFalse(ok);
    }

    function test_StakeWithoutAllowanceReverts() public {
        _fund(BUDGET);
        vm.prank(STAKER);
        tokens[0].approve(address(staking), 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(staking), 1, 1e18)
        );
        _stake(Resource.CPU, 1e18, 30 days);
    }

    // ------------------------------------------------------------------------------------------------------------
    // withdraw
    // ------------------------------------------------------------------------------------------------------------

    /// @dev At maturity or any time later, paused or not, to anybody.
    function testFuzz_Withdraw(uint8 which, uint256 amount, uint256 term, uint256 late, bool stopped) public {
        Resource resource = Resource(which % 4);
        (amount, term) = (_bound(amount, 1e6, 1e24), _bound(term, 30 days, 365 days));
        _fund(BUDGET);
        uint256 id = _stake(resource, amount, term);
        uint256 reward = staking.positionOf(id).reward;
        if (stopped) staking.pauseContract();
        vm.warp(_bound(late, START + term, 2 ** 60));
        vm.expectEmit();
        emit IResourceStaking.Withdrawn(id, address(0xbeef), amount, reward);
        vm.prank(STAKER);
        vm.assertEq(staking.withdraw(id, address(0xbeef)), amount + reward);
        vm.assertEq(tokens[which % 4].balanceOf(address(0xbeef)), amount + reward);
        _assertPaidOut(id);
        vm.assertEq(staking.owedOf(resource), 0);
        vm.assertEq(staking.freeBudgetOf(resource), BUDGET - reward);
        _assertExact();
    }

    function testFuzz_WithdrawBeforeMaturityReverts(uint256 time) public {
        _fund(BUDGET);
        uint256 id = _stake(Resource.CPU, 1e18, 30 days);
        uint256[2] memory times = [_bound(time, START, START + 30 days - 1), START + 30 days - 1];
        for (uint256 i = 0; i < 2; ++i) {
            vm.warp(times[i]);
            vm.expectRevert(_error(IResourceStaking.ResourceStaking_NotMature.selector, id, START + 30 days));
            vm.prank(STAKER);
            staking.withdraw(id, STAKER);
        }
    }

    function testFuzz_ExitsByAnotherRevert(address caller, bool early) public {
        vm.assume(caller != STAKER);
        _fund(BUDGET);
        uint256 id = _stake(Resource.CPU, 1e18, 30 days);
        if (!early) vm.warp(START + 30 days);
        vm.expectRevert(_notOwner(id, caller));
        vm.prank(caller);
        if (early) staking.exitEarly(id, caller);
        else staking.withdraw(id, caller);
    }

    function test_ExitsOfNoPositionRevert() public {
        _fund(BUDGET);
        uint256 id = _stake(Resource.CPU, 1e18, 30 days);
        vm.startPrank(STAKER);
        staking.exitEarly(id, STAKER);
        uint256[3] memory gone = [id, 0, 99];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory refusal = _error(IResourceStaking.ResourceStaking_NoPosition.selector, gone[i]);
            vm.expectRevert(refusal);
            staking.exitEarly(gone[i], STAKER);
            vm.expectRevert(refusal);
            staking.withdraw(gone[i], STAKER);
            vm.expectRevert(refusal);
            staking.guarantee(gone[i], 1, 1);
            vm.expectRevert(refusal);
            staking.release(gone[i]);
        }
        vm.stopPrank();
    }

    function testFuzz_ExitsToNobodyRevert(bool early, bool zero) public {
        address nobody = zero ? address(0) : address(staking);
        _fund(BUDGET);
        uint256 id = _stake(Resource.CPU, 1e18, 30 days);
        if (!early) vm.warp(START + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IResourceStaking.ResourceStaking_BadRecipient.selector, nobody));
        vm.prank(STAKER);
        if (early) staking.exitEarly(id, nobody);
        else staking.withdraw(id, nobody);
    }

    // ------------------------------------------------------------------------------------------------------------
    // exitEarly
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_ExitEarly(uint8 which, uint256 amount, uint256 time, bool stopped) public {
        Resource resource = Resource(which % 4);
        amount = _bound(amount, 1e6, 1e24);
        _fund(BUDGET);
        uint256 id = _stake(resource, amount, 90 days);
        uint256 reward = staking.positionOf(id).reward;
        if (stopped) staking.pauseContract();
        vm.warp(_bound(time, START, START + 90 days - 1));
        vm.expectEmit();
        emit IResourceStaking.ExitedEarly(id, address(0xbeef), amount, reward);
        vm.prank(STAKER);
        vm.assertEq(staking.exitEarly(id, address(0xbeef)), amount);
        vm.assertEq(tokens[which % 4].balanceOf(address(0xbeef)), amount);
        _assertPaidOut(id);
        vm.assertEq(staking.freeBudgetOf(resource), BUDGET);
        vm.assertEq(staking.owedOf(resource), 0);
        _assertExact();
    }

    /// @dev Who has earned the reward cannot leave it behind by mistake.
    function testFuzz_ExitEarlyAfterMaturityReverts(uint256 time) public {
        _fund(BUDGET);
        uint256 id = _stake(Resource.CPU, 1e18, 30 days);
        vm.warp(_bound(time, START + 30 days, 2 ** 60));
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_Mature.selector, id, START + 30 days));
        vm.prank(STAKER);
        staking.exitEarly(id, STAKER);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Budget
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_FundByAnybody(uint8 which, uint256 amount) public {
        amount = _bound(amount, 1, 2 ** 127);
        Resource resource = Resource(which % 4);
        vm.expectEmit();
        emit IResourceStaking.Funded(resource, STAKER, amount);
        vm.prank(STAKER);
        staking.fund(resource, amount);
        vm.assertEq(staking.freeBudgetOf(resource), amount);
        _assertExact();
    }

    function testFuzz_FundBadAmountReverts(uint256 amount) public {
        amount = amount % 8 == 0 ? 0 : _bound(amount, 2 ** 128, type(uint256).max);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BadAmount.selector, amount));
        staking.fund(Resource.CPU, amount);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BadAmount.selector, amount));
        staking.takeBack(Resource.CPU, amount, STRANGER);
    }

    function testFuzz_TakeBack(uint256 amount, bool stopped) public {
        amount = _bound(amount, 1, BUDGET);
        _fund(BUDGET);
        if (stopped) staking.pauseContract();
        vm.expectEmit();
        emit IResourceStaking.BudgetTaken(Resource.STO, STRANGER, amount);
        staking.takeBack(Resource.STO, amount, STRANGER);
        vm.assertEq(staking.freeBudgetOf(Resource.STO), BUDGET - amount);
        vm.assertEq(tokens[2].balanceOf(STRANGER), amount);
        _assertExact();
    }

    /// @dev Neither principal nor a reward that was promised.
    function testFuzz_TakeBackBeyondFreeBudgetReverts(uint256 amount) public {
        _fund(20e18);
        _stake(Resource.CPU, 100e18, 365 days);
        amount = _bound(amount, 10e18 + 1, type(uint128).max);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BudgetExceeded.selector, 0, amount, 10e18));
        staking.takeBack(Resource.CPU, amount, STRANGER);
        staking.takeBack(Resource.CPU, 10e18, STRANGER);
        vm.warp(START + 365 days);
        vm.prank(STAKER);
        vm.assertEq(staking.withdraw(1, STAKER), 110e18);
    }

    function testFuzz_AdministrationByAnotherReverts(address caller) public {
        vm.assume(caller != address(this));
        _fund(BUDGET);
        vm.startPrank(caller);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        staking.takeBack(Resource.CPU, 1, caller);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        staking.pauseContract();
        vm.stopPrank();
    }

    function test_PauseStopsEntries() public {
        _fund(BUDGET);
        uint256 id = _stake(Resource.CPU, 1e18, 30 days);
        staking.pauseContract();
        bytes memory refusal = abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        vm.expectRevert(refusal);
        _stake(Resource.CPU, 1e18, 30 days);
        vm.expectRevert(refusal);
        staking.fund(Resource.CPU, 1);
        vm.expectRevert(refusal);
        vm.prank(STAKER);
        staking.guarantee(id, 1, 1);
        staking.unpauseContract();
        _stake(Resource.CPU, 1e18, 30 days);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Attacks
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_TokenThatMovesAnotherAmountIsNotTaken(uint8 manner, bool staked) public {
        _fund(BUDGET);
        HostileToken.Manner how =
            [HostileToken.Manner.FeeInside, HostileToken.Manner.Generous, HostileToken.Manner.Idle][manner % 3];
        uint256 arrived = manner % 3 == 0 ? 99e16 - 1 : manner % 3 == 1 ? 101e16 + 1 : 0;
        tokens[0].setManner(how);
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_InexactTransfer.selector, 0, 1e18, arrived));
        if (staked) _stake(Resource.CPU, 1e18, 30 days);
        else staking.fund(Resource.CPU, 1e18);
    }

    /// @dev Tokens sent here are neither budget nor anybody's.
    function testFuzz_GiftsCountForNothing(uint96 gift) public {
        vm.assertTrue(tokens[0].transfer(address(staking), gift));
        vm.expectRevert(_error(IResourceStaking.ResourceStaking_BudgetExceeded.selector, 0, 10e18, 0));
        _stake(Resource.CPU, 100e18, 365 days);
        _fund(10e18);
        uint256 id = _stake(Resource.CPU, 100e18, 365 days);
        vm.warp(START + 365 days);
        vm.prank(STAKER);
        vm.assertEq(staking.withdraw(id, STAKER), 110e18);
        vm.assertEq(tokens[0].balanceOf(address(staking)), gift);
    }

    function testFuzz_TokenCallsBack(uint8 what, uint8 where) public {
        _fund(BUDGET);
        uint256 id = _stake(Resource.CPU, 1e18, 30 days);
        tokens[0].setCall(address(staking), _anyCall(what, id));
        if (where % 4 == 0) _stake(Resource.CPU, 1e18, 30 days);
        else if (where % 4 == 1) staking.fund(Resource.CPU, 1);
        else if (where % 4 == 2) staking.takeBack(Resource.CPU, 1, STRANGER);
        else _exit(id, where % 8 > 3);
        vm.assertFalse(tokens[0].succeeded());
        vm.assertEq(
            tokens[0].answer(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }

    /// @dev A position takes two slots; the totals of its resource are one.
    function test_PositionTakesTwoSlots() public {
        _fund(BUDGET);
        vm.record();
        _stake(Resource.CPU, 1e18, 30 days);
        vm.assertEq(_written(address(staking)), 4); // and the count
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _exit(uint256 id, bool early) private {
        if (!early) vm.warp(START + 30 days);
        vm.prank(STAKER);
        if (early) staking.exitEarly(id, STAKER);
        else staking.withdraw(id, STAKER);
    }

    function _anyCall(uint8 what, uint256 id) private view returns (bytes memory) {
        if (what % 7 == 0) return abi.encodeCall(staking.stake, (Resource.CPU, 1e18, 30 days));
        if (what % 7 == 1) return abi.encodeCall(staking.withdraw, (id, STRANGER));
        if (what % 7 == 2) return abi.encodeCall(staking.exitEarly, (id, STRANGER));
        if (what % 7 == 3) return abi.encodeCall(staking.guarantee, (id, 1, 1));
        if (what % 7 == 4) return abi.encodeCall(staking.release, (id));
        if (what % 7 == 5) return abi.encodeCall(staking.fund, (Resource.CPU, 1));
        return abi.encodeCall(staking.takeBack, (Resource.CPU, 1, STRANGER));
    }
}
