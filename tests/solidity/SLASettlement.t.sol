// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLATypes} from "../../interfaces/ISLA.sol";
import {SLASuite} from "./SLASuite.sol";

/// @notice Who gets the fees and the stake.
contract SLASettlementTest is SLASuite {
    uint256 private slaId;
    uint256 private end;
    uint256 private provider;
    uint256 private customer;

    function setUp() public override {
        super.setUp();
        _begin(_terms());
    }

    // ------------------------------------------------------------------------------------------------------------
    // settleWindow
    // ------------------------------------------------------------------------------------------------------------

    function test_MeasuredWindowsFeeIsTheProviders() public {
        _measure(slaId, UPTIME, 0, 3, 1_000_000);
        _measure(slaId, LATENCY, 0, 5, 100);
        _settles(FEE, 0);
        vm.assertTrue(sla.windowStateOf(slaId, 0).settled);
        vm.assertFalse(sla.windowStateOf(slaId, 1).settled);
        vm.assertEq(uint256(sla.agreementOf(slaId).settledWindows), 1);
    }

    /// @dev One guarantee of two was measured: no fee, no penalty.
    function test_UnmeasuredWindowsFeeGoesBack() public {
        _measure(slaId, UPTIME, 0, 5, 1_000_000);
        _settles(0, FEE);
    }

    function test_PenalisedWindowsFeeIsTheProviders() public {
        _penalise(UPTIME, 995_000);
        _measure(slaId, LATENCY, 0, 5, 100);
        _settles(FEE, 0);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + FEE / 10);
    }

    /// @dev Penalised in one guarantee and not measured in the other: all in all the customer has the fee, no more.
    function test_PenalisedAndUnmeasured() public {
        _penalise(UPTIME, 995_000);
        _settles(FEE / 10, FEE - FEE / 10);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + FEE);
    }

    /// @dev Both guarantees broken: 25 % and 100 % are credited up to the fee; the rest goes to the treasury.
    function test_CreditsEndAtTheFee() public {
        _penalise(UPTIME, 985_000);
        vm.warp(end);
        _report(slaId, LATENCY, 0, 5, 5_000);
        vm.warp(end + DISPUTE);
        vm.expectEmit();
        emit ISLATypes.Penalised(slaId, LATENCY, 0, 5_000, FEE - FEE / 4, FEE / 4);
        sla.finalise(slaId, LATENCY, 0);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + FEE);
        vm.assertEq(sla.balanceOf(TREASURY), FEE / 4);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), STAKE - FEE - FEE / 4);
        _settles(FEE, 0);
    }

    /// @dev The stake is used up: what it lacks comes out of the window's own fee, and of no other.
    function test_WhatTheStakeLacksTheFeePays() public {
        ISLATypes.Terms memory terms = _terms();
        terms.stake = FEE;
        _begin(terms);
        _penalise(UPTIME, 985_000);
        _penalise(LATENCY, 5_000);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), 0);
        ISLATypes.WindowState memory state = sla.windowStateOf(slaId, 0);
        vm.assertEq(uint256(state.credited), uint256(FEE));
        vm.assertEq(uint256(state.takenFromFee), FEE / 4);
        _settles(FEE - FEE / 4, 0);
        // The next window has no stake behind it, only its fee.
        _toEnd(slaId, 1, 0);
        (provider, customer) = (sla.balanceOf(PROVIDER), sla.balanceOf(CUSTOMER));
        _report(slaId, UPTIME, 1, 3, 985_000);
        vm.warp(block.timestamp + DISPUTE);
        sla.finalise(slaId, UPTIME, 1);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + FEE / 4);
        vm.assertEq(uint256(sla.windowStateOf(slaId, 1).takenFromFee), FEE / 4);
    }

    /// @dev One agreement's stake pays for no other's penalty.
    function test_StakesAreApart() public {
        ISLATypes.Terms memory terms = _terms();
        (terms.stake, terms.credits) = (FEE, [uint32(0), 0, 1_000_000]);
        uint256 other = slaId;
        _begin(terms);
        _penalise(UPTIME, 0);
        _penalise(LATENCY, 5_000);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), 0);
        vm.assertEq(uint256(sla.agreementOf(other).stake), uint256(STAKE));
        vm.assertEq(sla.balanceOf(PROVIDER), provider);
        vm.assertEq(sla.balanceOf(TREASURY), uint256(FEE));
    }

    function test_SettleRefuses() public {
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_ReportPeriodRuns.selector, slaId, 0, end + REPORT);
        vm.warp(end + REPORT - 1);
        vm.expectRevert(refusal);
        sla.settleWindow(slaId, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowOpen.selector, slaId, 3));
        sla.settleWindow(slaId, 3);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowOpen.selector, slaId, WINDOWS));
        sla.settleWindow(slaId, WINDOWS);
        vm.warp(end + REPORT);
        sla.settleWindow(slaId, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_AlreadySettled.selector, slaId, 0));
        sla.settleWindow(slaId, 0);
        uint256 offered = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotActive.selector, offered));
        sla.settleWindow(offered, 0);
    }

    /// @dev Reported, violated and disputed claims keep their window open until they are decided.
    function test_OpenClaimsKeepTheWindowOpen() public {
        vm.prank(REPORTER);
        sla.reportViolation(slaId, LATENCY, 500);
        vm.warp(end + REPORT - 1);
        _report(slaId, UPTIME, 0, 3, 0);
        vm.warp(end + REPORT);
        _isOpen(UPTIME, ISLATypes.Outcome.Violated);
        _dispute(slaId, UPTIME, 0);
        _isOpen(UPTIME, ISLATypes.Outcome.Disputed);
        committee.giveRuling(1, 1);
        _isOpen(LATENCY, ISLATypes.Outcome.Reported);
        sla.finalise(slaId, LATENCY, 0);
        sla.settleWindow(slaId, 0);
    }

    /// @dev A measurement of some monitors can be replaced for a dispute period; one of all is final.
    function test_FreshMeasurementKeepsTheWindowOpen() public {
        _measure(slaId, UPTIME, 0, 5, 1_000_000);
        vm.warp(end + REPORT - 1);
        _measure(slaId, LATENCY, 0, 4, 1);
        vm.warp(end + REPORT - 2 + DISPUTE);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodRuns.selector, end + REPORT - 1 + DISPUTE));
        sla.settleWindow(slaId, 0);
        uint256 state = vm.snapshotState();
        _measure(slaId, LATENCY, 0, 5, 1);
        sla.settleWindow(slaId, 0);
        vm.revertToState(state);
        vm.warp(end + REPORT - 1 + DISPUTE);
        sla.settleWindow(slaId, 0);
        vm.assertEq(sla.balanceOf(PROVIDER), provider + FEE);
    }

    /// @dev Many at once are as many one by one: measured, penalised and unmeasured ones.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_SettleWindowsIsAsManyOneByOne(uint256 what) public {
        for (uint256 window = 0; window < WINDOWS; ++window) {
            _toEnd(slaId, window, 0);
            uint256 kind = what >> (2 * window) & 3;
            if (kind & 1 == 1) _measure(slaId, UPTIME, window, 5, 1_000_000);
            else if (kind == 2) _report(slaId, UPTIME, window, 5, 995_000);
            _measure(slaId, LATENCY, window, 5, 1);
        }
        vm.warp(block.timestamp + REPORT);
        for (uint256 window = 0; window < WINDOWS; ++window) {
            if (what >> (2 * window) & 3 == 2) sla.finalise(slaId, UPTIME, window);
        }
        uint256 state = vm.snapshotState();
        for (uint256 window = 0; window < WINDOWS; ++window) {
            sla.settleWindow(slaId, window);
        }
        (uint256 ofProvider, uint256 ofCustomer) = (sla.balanceOf(PROVIDER), sla.balanceOf(CUSTOMER));
        vm.revertToState(state);
        sla.settleWindows(slaId, 0, WINDOWS);
        vm.assertEq(sla.balanceOf(PROVIDER), ofProvider);
        vm.assertEq(sla.balanceOf(CUSTOMER), ofCustomer);
        vm.assertEq(uint256(sla.agreementOf(slaId).settledWindows), uint256(WINDOWS));
    }

    /// @dev All or none; none and backwards are refused.
    function test_SettleWindowsRefuses() public {
        _toEnd(slaId, 1, REPORT);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ZeroAmount.selector));
        sla.settleWindows(slaId, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ZeroAmount.selector));
        sla.settleWindows(slaId, 2, 1);
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_ReportPeriodRuns.selector, slaId, 2, end + 2 days + REPORT)
        );
        sla.settleWindows(slaId, 0, 3);
        sla.settleWindow(slaId, 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_AlreadySettled.selector, slaId, 1));
        sla.settleWindows(slaId, 0, 2);
        vm.assertEq(uint256(sla.agreementOf(slaId).settledWindows), 1);
    }

    /// @dev Further than 256 windows, each has a bit of its own.
    function test_WindowsBeyondAWord() public {
        ISLATypes.Terms memory terms = _terms();
        (terms.window, terms.windows, terms.fee, terms.stake) = (1 hours, 600, 1, 1);
        slaId = _agree(terms);
        _toEnd(slaId, 599, REPORT);
        uint256[6] memory some = [uint256(0), 255, 256, 511, 512, 599];
        for (uint256 i = 0; i < 6; ++i) {
            sla.settleWindow(slaId, some[i]);
        }
        for (uint256 window = 0; window < 600; ++window) {
            bool settled;
            for (uint256 i = 0; i < 6; ++i) {
                if (some[i] == window) settled = true;
            }
            vm.assertEq(sla.windowStateOf(slaId, window).settled, settled);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // releaseStake
    // ------------------------------------------------------------------------------------------------------------

    function test_ReleaseStake() public {
        _penalise(UPTIME, 0);
        _toEnd(slaId, WINDOWS - 1, REPORT);
        sla.settleWindows(slaId, 0, WINDOWS - 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowsOpen.selector, slaId, WINDOWS - 1, WINDOWS));
        sla.releaseStake(slaId);
        sla.settleWindow(slaId, WINDOWS - 1);
        provider = sla.balanceOf(PROVIDER);
        vm.expectEmit();
        emit ISLATypes.StakeReleased(slaId, PROVIDER, STAKE - FEE);
        vm.prank(STRANGER);
        sla.releaseStake(slaId);
        vm.assertEq(sla.balanceOf(PROVIDER), provider + STAKE - FEE);
        vm.assertTrue(sla.agreementOf(slaId).released);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_AlreadyReleased.selector, slaId));
        sla.releaseStake(slaId);
    }

    function test_ReleaseStakeOfAnOfferReverts() public {
        uint256 offered = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotActive.selector, offered));
        sla.releaseStake(offered);
    }

    /// @dev The stake stays through a dispute that begins in the last second it can.
    function test_StakeStaysToTheEndOfDisputes() public {
        vm.prank(PROVIDER);
        sla.terminate(slaId);
        uint256 last = sla.agreementOf(slaId).windows - 1;
        _toEnd(slaId, last, REPORT - 1);
        _report(slaId, UPTIME, last, 3, 0);
        vm.warp(block.timestamp + DISPUTE - 1);
        _dispute(slaId, UPTIME, last);
        vm.warp(block.timestamp + TIMEOUT - 1);
        for (uint256 window = 0; window < last; ++window) {
            sla.settleWindow(slaId, window);
        }
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowsOpen.selector, slaId, last, last + 1));
        sla.releaseStake(slaId);
        vm.warp(block.timestamp + 1);
        sla.finalise(slaId, UPTIME, last);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + (WINDOWS - last - 1) * FEE + last * FEE + FEE);
        sla.settleWindow(slaId, last);
        sla.releaseStake(slaId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Everybody else has gone
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The customer never answers: its provider gets the fees of what was measured, and its stake.
    function test_ACustomerThatNeverAnswers() public {
        for (uint256 window = 0; window < WINDOWS; ++window) {
            _toEnd(slaId, window, 0);
            _measure(slaId, UPTIME, window, 5, 1_000_000);
            _measure(slaId, LATENCY, window, 5, 1);
        }
        vm.warp(block.timestamp + REPORT);
        vm.prank(PROVIDER);
        sla.settleWindows(slaId, 0, WINDOWS);
        vm.prank(PROVIDER);
        sla.releaseStake(slaId);
        vm.assertEq(sla.balanceOf(PROVIDER), provider + WINDOWS * FEE + STAKE);
    }

    /// @dev Provider and monitors have gone: the customer ends it and has all later fees at once, and those of the
    /// windows nobody measured.
    function test_AProviderThatNeverAnswers() public {
        vm.warp(end + 1);
        vm.prank(CUSTOMER);
        sla.terminate(slaId);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + 8 * FEE);
        _toEnd(slaId, 1, REPORT);
        vm.prank(CUSTOMER);
        sla.settleWindows(slaId, 0, 2);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + 10 * FEE);
    }

    /// @dev An agreement whose first window has ended.
    function _begin(ISLATypes.Terms memory terms) private {
        slaId = _agree(terms);
        _toEnd(slaId, 0, 0);
        end = block.timestamp;
        (provider, customer) = (sla.balanceOf(PROVIDER), sla.balanceOf(CUSTOMER));
    }

    function _penalise(uint256 guarantee, uint256 value) private {
        uint256 time = block.timestamp;
        vm.warp(end);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, guarantee, 0, 5, value);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, guarantee, 0, value, evidence);
        vm.warp(end + DISPUTE);
        sla.finalise(slaId, guarantee, 0);
        vm.warp(time);
    }

    function _settles(uint256 toProvider, uint256 toCustomer) private {
        vm.warp(end + REPORT);
        (uint256 ofProvider, uint256 ofCustomer) = (sla.balanceOf(PROVIDER), sla.balanceOf(CUSTOMER));
        vm.expectEmit();
        emit ISLATypes.WindowSettled(slaId, 0, toProvider, toCustomer);
        vm.prank(STRANGER);
        sla.settleWindow(slaId, 0);
        vm.assertEq(sla.balanceOf(PROVIDER), ofProvider + toProvider);
        vm.assertEq(sla.balanceOf(CUSTOMER), ofCustomer + toCustomer);
    }

    function _isOpen(uint256 guarantee, ISLATypes.Outcome outcome) private {
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ClaimOpen.selector, slaId, 0, guarantee, outcome));
        sla.settleWindow(slaId, 0);
    }
}
