// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLATypes} from "../../interfaces/ISLA.sol";
import {SLASuite} from "./SLASuite.sol";

/// @notice Reports, what evidence replaces, and what time decides.
contract SLAClaimsTest is SLASuite {
    uint256 private constant GOOD = 999_900;
    uint256 private constant BAD = 995_000;

    uint256 private slaId;
    uint256 private end;

    function setUp() public override {
        super.setUp();
        slaId = _agree();
        (, end) = sla.windowOf(slaId, 0);
        vm.warp(end);
    }

    // ------------------------------------------------------------------------------------------------------------
    // reportViolation, submitEvidence
    // ------------------------------------------------------------------------------------------------------------

    function test_ReportWithEvidence() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, BAD);
        vm.expectEmit();
        emit ISLATypes.ViolationReported(slaId, UPTIME, 0, REPORTER, BAD, 3);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, BAD, evidence);
        _isClaim(UPTIME, ISLATypes.Claim(REPORTER, ISLATypes.Outcome.Violated, 3, uint32(BAD), uint40(end), 0));
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA - BOND);
        // The other guarantee and the other windows know nothing of it.
        vm.assertEq(_outcome(slaId, LATENCY, 0), 0);
        vm.assertEq(_outcome(slaId, UPTIME, 1), 0);
    }

    /// @dev Undisputed: anybody finalises, from the end of the dispute period on.
    function testFuzz_UndisputedReportPays(uint256 wait, address caller) public {
        _report(slaId, LATENCY, 0, 5, 250);
        wait = _bound(wait, DISPUTE, 1_000 days);
        vm.warp(end + DISPUTE - 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodRuns.selector, end + DISPUTE));
        sla.finalise(slaId, LATENCY, 0);
        vm.warp(end + wait);
        vm.expectEmit();
        emit ISLATypes.Penalised(slaId, LATENCY, 0, 250, FEE / 4, 0);
        vm.prank(caller);
        sla.finalise(slaId, LATENCY, 0);
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - WINDOWS * FEE + FEE / 4);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), uint256(STAKE - FEE / 4));
        vm.assertEq(_outcome(slaId, LATENCY, 0), uint256(ISLATypes.Outcome.Penalised));
        _refused(ISLATypes.Outcome.Penalised);
        vm.prank(caller);
        sla.finalise(slaId, LATENCY, 0);
    }

    /// @dev Each tier and the values around its limits.
    function test_TiersAtTheirLimits() public {
        uint32[8] memory values = [uint32(998_999), 990_000, 989_999, 900_000, 899_999, 0, 1, 900_001];
        uint256[8] memory shares = [uint256(10), 10, 25, 25, 100, 100, 100, 25];
        uint256 state = vm.snapshotState();
        for (uint256 i = 0; i < 8; ++i) {
            _report(slaId, UPTIME, 0, 5, values[i]);
            vm.warp(end + DISPUTE);
            sla.finalise(slaId, UPTIME, 0);
            vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - WINDOWS * FEE + FEE * shares[i] / 100);
            vm.revertToState(state);
        }
    }

    /// @dev Exactly at the promise is kept; a measurement says so and a report is refused.
    function test_ThePromiseItselfIsKept() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, 999_000);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotViolated.selector, 999_000));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 999_000, evidence);
        _measure(slaId, UPTIME, 0, 3, 999_000);
        evidence = _evidence(slaId, LATENCY, 0, 3, 100);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotViolated.selector, 100));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, LATENCY, 0, 100, evidence);
        evidence = _evidence(slaId, LATENCY, 0, 3, 101);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_IsViolated.selector, 101));
        sla.recordMeasurement(slaId, LATENCY, 0, evidence);
    }

    function test_ReportWithoutEvidence() public {
        vm.warp(end + 2 days - 1);
        _toEnd(slaId, 1, 5);
        vm.expectEmit();
        emit ISLATypes.ViolationReported(slaId, UPTIME, 1, REPORTER, 12, 0);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 12);
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA - BOND);
        ISLATypes.Claim memory claim = sla.claimOf(slaId, UPTIME, 1);
        vm.assertEq(
            abi.encode(claim),
            abi.encode(ISLATypes.Claim(REPORTER, ISLATypes.Outcome.Reported, 0, 12, uint40(block.timestamp), 0))
        );
        // Filed twice.
        _refused(ISLATypes.Outcome.Reported);
        vm.prank(CUSTOMER);
        sla.reportViolation(slaId, UPTIME, 12);
    }

    function testFuzz_ReportOfWhatIsNoViolationReverts(uint256 actual) public {
        actual = _bound(actual, 999_000, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotViolated.selector, actual));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, actual);
        // Of a latency, more than a claim can hold is no less refused.
        uint256 huge = uint256(type(uint32).max) + 1 + (actual >> 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotViolated.selector, huge));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, LATENCY, huge);
    }

    /// @dev Whoever brings the evidence, the claim is its claimant's.
    function test_EvidenceForAReport() public {
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0);
        vm.warp(end + 100);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 4, BAD);
        vm.expectEmit();
        emit ISLATypes.ViolationReported(slaId, UPTIME, 0, REPORTER, BAD, 4);
        vm.prank(STRANGER);
        sla.submitEvidence(slaId, UPTIME, 0, evidence);
        _isClaim(UPTIME, ISLATypes.Claim(REPORTER, ISLATypes.Outcome.Violated, 4, uint32(BAD), uint40(end + 100), 0));
        _refused(ISLATypes.Outcome.Violated);
        sla.submitEvidence(slaId, UPTIME, 0, evidence);
    }

    /// @dev The report was false: the bond goes to the treasury, through `submitEvidence` as through a measurement.
    function testFuzz_EvidenceAgainstAReport(bool asMeasurement) public {
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, GOOD);
        vm.expectEmit();
        emit ISLATypes.BondForfeited(slaId, REPORTER, TREASURY, BOND);
        vm.expectEmit();
        emit ISLATypes.Dismissed(slaId, UPTIME, 0);
        vm.expectEmit();
        emit ISLATypes.Measured(slaId, UPTIME, 0, GOOD, 3);
        if (asMeasurement) sla.recordMeasurement(slaId, UPTIME, 0, evidence);
        else sla.submitEvidence(slaId, UPTIME, 0, evidence);
        vm.assertEq(sla.balanceOf(TREASURY), uint256(BOND));
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA - BOND);
        _isClaim(UPTIME, ISLATypes.Claim(address(0), ISLATypes.Outcome.Met, 3, uint32(GOOD), uint40(end), 0));
    }

    /// @dev No evidence comes: unmeasured again, and the bond is lost.
    function test_ReportWithoutEvidenceLapses() public {
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0);
        vm.warp(end + REPORT - 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ReportPeriodRuns.selector, slaId, 0, end + REPORT));
        sla.finalise(slaId, UPTIME, 0);
        vm.warp(end + REPORT);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 5, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ReportPeriodOver.selector, slaId, 0, end + REPORT));
        sla.submitEvidence(slaId, UPTIME, 0, evidence);
        vm.expectEmit();
        emit ISLATypes.BondForfeited(slaId, REPORTER, TREASURY, BOND);
        vm.expectEmit();
        emit ISLATypes.Dismissed(slaId, UPTIME, 0);
        sla.finalise(slaId, UPTIME, 0);
        _isClaim(UPTIME, ISLATypes.Claim(address(0), ISLATypes.Outcome.Unmeasured, 0, 0, 0, 0));
        vm.assertEq(sla.balanceOf(TREASURY), uint256(BOND));
    }

    /// @dev A report without evidence keeps nobody with evidence out, and loses nothing by it.
    function test_EvidenceTakesThePlaceOfAReport() public {
        vm.prank(CUSTOMER);
        sla.reportViolation(slaId, UPTIME, 0);
        _report(slaId, UPTIME, 0, 3, BAD);
        vm.assertEq(sla.claimOf(slaId, UPTIME, 0).claimant, REPORTER);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - WINDOWS * FEE);
    }

    function test_ReportOfAnotherMedianReverts() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, BAD);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotMedian.selector, 0, BAD));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
    }

    function test_ReportWithoutBondReverts() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, BAD);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_InsufficientBalance.selector, STRANGER, 0, BOND));
        vm.prank(STRANGER);
        sla.reportViolation(slaId, UPTIME, 0, BAD, evidence);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_InsufficientBalance.selector, STRANGER, 0, BOND));
        vm.prank(STRANGER);
        sla.reportViolation(slaId, UPTIME, 0);
    }

    /// @dev Windows that run, that are none, huge ones, and guarantees and agreements that are none.
    function test_NothingIsSaidOfWhatIsNotThere() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, BAD);
        uint256[4] memory windows = [uint256(1), WINDOWS, 1 << 40, type(uint256).max];
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_WindowOpen.selector, slaId, windows[i]);
            vm.expectRevert(refusal);
            sla.reportViolation(slaId, UPTIME, windows[i], BAD, evidence);
            vm.expectRevert(refusal);
            sla.recordMeasurement(slaId, UPTIME, windows[i], evidence);
            vm.expectRevert(refusal);
            sla.submitEvidence(slaId, UPTIME, windows[i], evidence);
            vm.expectRevert(refusal);
            sla.finalise(slaId, UPTIME, windows[i]);
            vm.expectRevert(refusal);
            sla.dispute(slaId, UPTIME, windows[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownGuarantee.selector, slaId, 2));
        sla.reportViolation(slaId, 2, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownGuarantee.selector, slaId, type(uint256).max));
        sla.finalise(slaId, type(uint256).max, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownAgreement.selector, 2));
        sla.reportViolation(2, UPTIME, 0, BAD, evidence);
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowOpen.selector, slaId, 0));
        sla.reportViolation(slaId, UPTIME, 0);
        uint256 offered = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotActive.selector, offered));
        sla.reportViolation(offered, UPTIME, 0);
    }

    function test_ReportsEndWithTheirPeriod() public {
        vm.warp(end + REPORT);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, BAD);
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_ReportPeriodOver.selector, slaId, 0, end + REPORT);
        vm.expectRevert(refusal);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, BAD, evidence);
        evidence = _evidence(slaId, UPTIME, 0, 3, GOOD);
        vm.expectRevert(refusal);
        sla.recordMeasurement(slaId, UPTIME, 0, evidence);
        vm.warp(end + REPORT - 1);
        sla.recordMeasurement(slaId, UPTIME, 0, evidence);
        // The last window: long over, it is still the one that ended last.
        _toEnd(slaId, WINDOWS - 1, REPORT);
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_ReportPeriodOver.selector, slaId, WINDOWS - 1, block.timestamp)
        );
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Better evidence
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Filed twice, with as many or fewer monitors.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_NoBetterEvidence(uint256 there, uint256 given, bool good, bool better) public {
        there = _bound(there, 3, 5);
        given = _bound(given, 3, there);
        if (good) _measure(slaId, UPTIME, 0, there, GOOD);
        else _report(slaId, UPTIME, 0, there, BAD);
        uint256 value = better ? GOOD : BAD;
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, given, value);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NoBetterEvidence.selector, given, there));
        vm.prank(CUSTOMER);
        if (better) sla.recordMeasurement(slaId, UPTIME, 0, evidence);
        else sla.reportViolation(slaId, UPTIME, 0, value, evidence);
    }

    /// @dev Three were picked that saw an outage; four say another, whose claimant takes the place; five say none.
    function test_CherryPickedMonitorsAreSuperseded() public {
        _report(slaId, UPTIME, 0, 3, 0);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 4, BAD);
        vm.warp(end + DISPUTE - 1);
        vm.prank(CUSTOMER);
        sla.reportViolation(slaId, UPTIME, 0, BAD, evidence);
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - WINDOWS * FEE - BOND);
        // The dispute period begins anew, and reaches beyond the report period.
        vm.warp(end + 2 * DISPUTE - 2);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodRuns.selector, end + 2 * DISPUTE - 1));
        sla.finalise(slaId, UPTIME, 0);
        uint256[] memory values = new uint256[](5);
        (values[0], values[1], values[2], values[3], values[4]) = (0, GOOD, 1_000_000, GOOD, BAD);
        evidence = _evidence(slaId, UPTIME, 0, values);
        vm.expectEmit();
        emit ISLATypes.Dismissed(slaId, UPTIME, 0);
        vm.expectEmit();
        emit ISLATypes.Measured(slaId, UPTIME, 0, GOOD, 5);
        sla.recordMeasurement(slaId, UPTIME, 0, evidence);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - WINDOWS * FEE);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), uint256(STAKE));
    }

    /// @dev The other way round: a measurement of the three that saw nothing, in the last second, is answered by more
    /// for a dispute period.
    function testFuzz_CherryPickedMeasurementIsSuperseded(uint256 wait) public {
        vm.warp(end + REPORT - 1);
        _measure(slaId, UPTIME, 0, 3, GOOD);
        wait = _bound(wait, 0, DISPUTE - 1);
        vm.warp(end + REPORT - 1 + wait);
        _report(slaId, UPTIME, 0, 5, 0);
        vm.assertEq(_outcome(slaId, UPTIME, 0), uint256(ISLATypes.Outcome.Violated));
    }

    /// @dev ... and not for longer; while the report period runs, at any time.
    function test_EvidenceIsReplacedForSoLong() public {
        _measure(slaId, UPTIME, 0, 3, GOOD);
        _report(slaId, LATENCY, 0, 3, 300);
        vm.warp(end + DISPUTE);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, LATENCY, 0, 5, 10);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodOver.selector, end + DISPUTE));
        sla.recordMeasurement(slaId, LATENCY, 0, evidence);
        vm.warp(end + REPORT - 1);
        _measure(slaId, UPTIME, 0, 4, GOOD);
        vm.warp(end + REPORT - 1 + DISPUTE);
        evidence = _evidence(slaId, UPTIME, 0, 5, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodOver.selector, end + REPORT - 1 + DISPUTE));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
    }

    /// @dev Of an even number the middle one nearer to the promise.
    function test_OfAnEvenNumberTheMiddleNearerToThePromise() public {
        uint256[] memory values = new uint256[](4);
        (values[0], values[1], values[2], values[3]) = (0, 999_000, 998_999, 1_000_000);
        sla.recordMeasurement(slaId, UPTIME, 0, _evidence(slaId, UPTIME, 0, values));
        (values[0], values[1], values[2], values[3]) = (500, 100, 101, 1);
        sla.recordMeasurement(slaId, LATENCY, 0, _evidence(slaId, LATENCY, 0, values));
        vm.assertEq(uint256(sla.claimOf(slaId, UPTIME, 0).value), 999_000);
        vm.assertEq(uint256(sla.claimOf(slaId, LATENCY, 0).value), 100);
    }

    // ------------------------------------------------------------------------------------------------------------
    // finalise
    // ------------------------------------------------------------------------------------------------------------

    function test_FinaliseOfNothingReverts() public {
        vm.warp(end + REPORT);
        _refused(ISLATypes.Outcome.Unmeasured);
        sla.finalise(slaId, UPTIME, 0);
    }

    function test_FinaliseOfAMeasurementReverts() public {
        _measure(slaId, UPTIME, 0, 3, GOOD);
        vm.warp(end + 100 days);
        _refused(ISLATypes.Outcome.Met);
        sla.finalise(slaId, UPTIME, 0);
    }

    /// @dev What is penalised stays so: no evidence, however much, and no second penalty.
    function test_PenalisedIsFinal() public {
        _report(slaId, UPTIME, 0, 3, BAD);
        vm.warp(end + DISPUTE);
        sla.finalise(slaId, UPTIME, 0);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 5, 0);
        _refused(ISLATypes.Outcome.Penalised);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
        evidence = _evidence(slaId, UPTIME, 0, 5, GOOD);
        _refused(ISLATypes.Outcome.Penalised);
        sla.recordMeasurement(slaId, UPTIME, 0, evidence);
        _refused(ISLATypes.Outcome.Penalised);
        vm.prank(PROVIDER);
        sla.dispute(slaId, UPTIME, 0);
    }

    /// @dev A false report of the customer's that all believe brings it no more than its fee, whatever the credit.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_FalseReportsNeverProfit(uint256 share, uint256 first, uint256 second) public {
        ISLATypes.Terms memory terms = _terms();
        terms.credits = [uint32(0), uint32(share / 2 % 5_000_000), uint32(_bound(share, 5_000_000, 10_000_000))];
        slaId = _agree(terms);
        _toEnd(slaId, 0, 0);
        uint256 before = sla.balanceOf(CUSTOMER);
        _report(slaId, UPTIME, 0, 5, _bound(first, 0, 998_999));
        _report(slaId, LATENCY, 0, 5, _bound(second, 101, type(uint32).max));
        vm.warp(block.timestamp + REPORT);
        sla.finalise(slaId, UPTIME, 0);
        sla.finalise(slaId, LATENCY, 0);
        sla.settleWindow(slaId, 0);
        uint256 penalties = STAKE - sla.agreementOf(slaId).stake + sla.windowStateOf(slaId, 0).takenFromFee;
        uint256 received = sla.balanceOf(CUSTOMER) - before;
        vm.assertTrue(received <= FEE);
        vm.assertEq(received + sla.balanceOf(TREASURY), penalties);
        if (sla.balanceOf(TREASURY) != 0) vm.assertEq(received, uint256(FEE));
    }

    function _isClaim(uint256 guarantee, ISLATypes.Claim memory claim) private view {
        vm.assertEq(abi.encode(sla.claimOf(slaId, guarantee, 0)), abi.encode(claim));
    }

    function _refused(ISLATypes.Outcome outcome) private {
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WrongOutcome.selector, outcome));
    }
}
