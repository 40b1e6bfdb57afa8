// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileArbitrator} from "../../contracts/test/HostileArbitrator.sol";
import {IArbitrable, IArbitrator} from "../../interfaces/IArbitration.sol";
import {ISLA, ISLATypes} from "../../interfaces/ISLA.sol";
import {SLASuite} from "./SLASuite.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice Disputes, before the committee and before an arbitrator that does what it likes.
contract SLADisputesTest is SLASuite {
    uint256 private constant BAD = 995_000;
    uint256 private constant UPHELD = 1;
    uint256 private constant OVERRULED = 2;

    HostileArbitrator private hostile;
    uint256 private slaId;
    uint256 private end;
    uint256 private provider;
    uint256 private customer;

    function setUp() public override {
        super.setUp();
        hostile = new HostileArbitrator();
        vm.deal(PROVIDER, 100 ether);
        _begin(IArbitrator(address(0)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // dispute
    // ------------------------------------------------------------------------------------------------------------

    function test_Dispute() public {
        vm.warp(end + DISPUTE - 1);
        vm.expectEmit();
        emit IArbitrator.DisputeCreation(1, IArbitrable(address(sla)));
        vm.expectEmit();
        emit ISLATypes.Disputed(slaId, UPTIME, 0, IArbitrator(address(committee)), 1);
        vm.assertEq(_dispute(slaId, UPTIME, 0), 1);
        vm.assertEq(sla.balanceOf(PROVIDER), provider - BOND);
        ISLATypes.Claim memory claim = sla.claimOf(slaId, UPTIME, 0);
        vm.assertEq(
            abi.encode(claim),
            abi.encode(
                ISLATypes.Claim(REPORTER, ISLATypes.Outcome.Disputed, 3, uint32(BAD), uint40(block.timestamp), 1)
            )
        );
        // Nothing else can be done with it: no second dispute, no evidence of as many, no end before its time.
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_WrongOutcome.selector, ISLATypes.Outcome.Disputed);
        vm.expectRevert(refusal);
        vm.prank(PROVIDER);
        sla.dispute(slaId, UPTIME, 0);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NoBetterEvidence.selector, 3, 3));
        vm.prank(CUSTOMER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodRuns.selector, block.timestamp + TIMEOUT));
        sla.finalise(slaId, UPTIME, 0);
    }

    function test_DisputeRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotProvider.selector, slaId, CUSTOMER));
        vm.prank(CUSTOMER);
        sla.dispute(slaId, UPTIME, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WrongOutcome.selector, ISLATypes.Outcome.Unmeasured));
        vm.prank(PROVIDER);
        sla.dispute(slaId, LATENCY, 0);
        vm.warp(end + DISPUTE);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodOver.selector, end + DISPUTE));
        vm.prank(PROVIDER);
        sla.dispute(slaId, UPTIME, 0);
        vm.warp(end);
        vm.prank(PROVIDER);
        sla.withdraw(provider, PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_InsufficientBalance.selector, PROVIDER, 0, BOND));
        vm.prank(PROVIDER);
        sla.dispute(slaId, UPTIME, 0);
    }

    /// @dev A report without evidence needs no dispute: it lapses.
    function test_DisputeOfABareReportReverts() public {
        vm.prank(REPORTER);
        sla.reportViolation(slaId, LATENCY, 500);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WrongOutcome.selector, ISLATypes.Outcome.Reported));
        vm.prank(PROVIDER);
        sla.dispute(slaId, LATENCY, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // rule
    // ------------------------------------------------------------------------------------------------------------

    function test_Overruled() public {
        _dispute(slaId, UPTIME, 0);
        vm.warp(end + TIMEOUT - 1);
        vm.expectEmit();
        emit IArbitrable.Ruling(IArbitrator(address(committee)), 1, OVERRULED);
        vm.expectEmit();
        emit ISLATypes.BondForfeited(slaId, REPORTER, PROVIDER, BOND);
        vm.expectEmit();
        emit ISLATypes.Dismissed(slaId, UPTIME, 0);
        committee.giveRuling(1, OVERRULED);
        vm.assertEq(sla.balanceOf(PROVIDER), provider + BOND);
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA - BOND);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), uint256(STAKE));
        ISLATypes.Claim memory claim = sla.claimOf(slaId, UPTIME, 0);
        vm.assertEq(uint256(claim.outcome), uint256(ISLATypes.Outcome.Met));
        vm.assertEq(uint256(claim.signers), 255);
        vm.assertEq(claim.claimant, address(0));
    }

    /// @dev No evidence replaces a ruling, and nobody waits for any.
    function test_ARulingIsFinal() public {
        _dispute(slaId, UPTIME, 0);
        committee.giveRuling(1, OVERRULED);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 5, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NoBetterEvidence.selector, 5, 255));
        vm.prank(CUSTOMER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
        _measure(slaId, LATENCY, 0, 5, 1);
        vm.warp(end + REPORT);
        sla.settleWindow(slaId, 0);
        vm.assertEq(sla.balanceOf(PROVIDER), provider + BOND + FEE);
    }

    /// @dev Upheld, refused to rule, or something that is no ruling: the evidence stands.
    function testFuzz_TheEvidenceStands(uint256 ruling) public {
        _begin(hostile);
        if (ruling == OVERRULED) ruling = UPHELD;
        uint256 disputeId = _dispute(slaId, UPTIME, 0);
        vm.expectEmit();
        emit ISLATypes.BondForfeited(slaId, PROVIDER, REPORTER, BOND);
        hostile.rule(sla, disputeId, ruling);
        _lost();
    }

    /// @dev Nobody rules: the evidence stands, so that a dispute buys no more than time, at the price of a bond.
    function testFuzz_GriefingDisputeCostsItsBond(uint256 wait) public {
        _dispute(slaId, UPTIME, 0);
        vm.warp(end + TIMEOUT - 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodRuns.selector, end + TIMEOUT));
        sla.finalise(slaId, UPTIME, 0);
        vm.warp(end + TIMEOUT + _bound(wait, 0, 1_000 days));
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodOver.selector, end + TIMEOUT));
        committee.giveRuling(1, OVERRULED);
        vm.prank(STRANGER);
        sla.finalise(slaId, UPTIME, 0);
        _lost();
    }

    function test_RuleRefuses() public {
        uint256 disputeId = _dispute(slaId, UPTIME, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownDispute.selector, address(this), disputeId));
        sla.rule(disputeId, OVERRULED);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownDispute.selector, address(hostile), disputeId));
        hostile.rule(sla, disputeId, OVERRULED);
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_UnknownDispute.selector, address(committee), disputeId + 1)
        );
        vm.prank(address(committee));
        sla.rule(disputeId + 1, OVERRULED);
    }

    /// @dev A new default arbitrator takes no dispute from the old one.
    function test_DisputesStayWithTheirArbitrator() public {
        uint256 disputeId = _dispute(slaId, UPTIME, 0);
        sla.setDefaultArbitrator(hostile);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownDispute.selector, address(hostile), disputeId));
        hostile.rule(sla, disputeId, OVERRULED);
        committee.giveRuling(disputeId, OVERRULED);
        _report(slaId, LATENCY, 0, 3, 500);
        _dispute(slaId, LATENCY, 0);
        vm.assertEq(hostile.last(), 1);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Arbitrators that do what they like
    // ------------------------------------------------------------------------------------------------------------

    function test_ArbitratorRulesTwice() public {
        _begin(hostile);
        uint256 disputeId = _dispute(slaId, UPTIME, 0);
        hostile.rule(sla, disputeId, OVERRULED);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WrongOutcome.selector, ISLATypes.Outcome.Met));
        hostile.rule(sla, disputeId, UPHELD);
        _begin(hostile);
        disputeId = _dispute(slaId, UPTIME, 0);
        hostile.rule(sla, disputeId, UPHELD);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WrongOutcome.selector, ISLATypes.Outcome.Penalised));
        hostile.rule(sla, disputeId, OVERRULED);
    }

    /// @dev It takes no dispute: the claim goes its way, and the provider keeps the bond.
    function test_ArbitratorThatBreaks() public {
        _begin(hostile);
        hostile.setBroken(true);
        vm.expectRevert(abi.encodeWithSelector(HostileArbitrator.HostileArbitrator_Broken.selector));
        vm.prank(PROVIDER);
        sla.dispute(slaId, UPTIME, 0);
        vm.assertEq(sla.balanceOf(PROVIDER), provider);
        vm.warp(end + DISPUTE);
        sla.finalise(slaId, UPTIME, 0);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + FEE / 10);
    }

    function test_ArbitratorRepeatsItsNumbers() public {
        _begin(hostile);
        hostile.setRepeats(true);
        _dispute(slaId, UPTIME, 0);
        _report(slaId, LATENCY, 0, 3, 500);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DuplicateDispute.selector, address(hostile), 1));
        vm.prank(PROVIDER);
        sla.dispute(slaId, LATENCY, 0);
        hostile.rule(sla, 1, OVERRULED);
        vm.assertEq(_outcome(slaId, UPTIME, 0), uint256(ISLATypes.Outcome.Met));
        vm.assertEq(_outcome(slaId, LATENCY, 0), uint256(ISLATypes.Outcome.Violated));
    }

    /// @dev It calls back, while the dispute is being made, everything that moves money.
    function test_ArbitratorCallsBack() public {
        _begin(hostile);
        uint256 state = vm.snapshotState();
        ISLATypes.Observation[] memory none = new ISLATypes.Observation[](0);
        bytes[15] memory calls = [
            abi.encodeCall(IArbitrable.rule, (1, OVERRULED)),
            abi.encodeCall(sla.finalise, (slaId, UPTIME, 0)),
            abi.encodeCall(sla.dispute, (slaId, UPTIME, 0)),
            abi.encodeCall(sla.settleWindow, (slaId, 0)),
            abi.encodeCall(sla.settleWindows, (slaId, 0, 1)),
            abi.encodeCall(sla.releaseStake, (slaId)),
            abi.encodeCall(sla.terminate, (slaId)),
            abi.encodeCall(sla.withdraw, (1, address(hostile))),
            abi.encodeCall(sla.deposit, (1, address(hostile))),
            abi.encodeCall(sla.accept, (slaId)),
            abi.encodeCall(sla.withdrawOffer, (slaId)),
            abi.encodeCall(ISLA.offer, (_terms())),
            abi.encodeCall(sla.submitEvidence, (slaId, UPTIME, 0, none)),
            abi.encodeCall(sla.recordMeasurement, (slaId, UPTIME, 0, none)),
            abi.encodeWithSignature("reportViolation(uint256,uint256,uint256)", slaId, UPTIME, 0)
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            hostile.setCall(calls[i]);
            _dispute(slaId, UPTIME, 0);
            vm.assertFalse(hostile.succeeded());
            vm.assertEq(
                hostile.answer(), abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
            vm.revertToState(state);
        }
    }

    /// @dev Exactly what it asks for is passed on; nothing remains here.
    function testFuzz_ArbitrationCost(uint256 cost, uint256 sent) public {
        _begin(hostile);
        cost = _bound(cost, 0, 1 ether);
        sent = _bound(sent, 0, 1 ether);
        hostile.setCost(cost);
        if (sent != cost) {
            vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ArbitrationCost.selector, sent, cost));
            vm.prank(PROVIDER);
            sla.dispute{value: sent}(slaId, UPTIME, 0);
        }
        vm.prank(PROVIDER);
        sla.dispute{value: cost}(slaId, UPTIME, 0);
        vm.assertEq(address(hostile).balance, cost);
        vm.assertEq(address(sla).balance, 0);
    }

    function test_NativeCurrencyIsRefusedElsewhere() public {
        vm.deal(address(this), 1 ether);
        // solhint-disable-next-line avoid-low-level-calls
        (bool success,) = address(sla).call{value: 1}("");
        vm.assertFalse(success);
        // solhint-disable-next-line avoid-low-level-calls
        (success,) = address(sla).call{value: 1}(abi.encodeCall(sla.finalise, (slaId, UPTIME, 0)));
        vm.assertFalse(success);
    }

    /// @dev A new agreement of which the first window was reported.
    function _begin(IArbitrator arbitrator) private {
        ISLATypes.Terms memory terms = _terms();
        terms.arbitrator = arbitrator;
        slaId = _agree(terms);
        _toEnd(slaId, 0, 0);
        end = block.timestamp;
        uint256 have = sla.balanceOf(REPORTER);
        if (have < 1_000 * NOVA) _fund(REPORTER, 1_000 * NOVA - have);
        _report(slaId, UPTIME, 0, 3, BAD);
        (provider, customer) = (sla.balanceOf(PROVIDER), sla.balanceOf(CUSTOMER));
    }

    /// @dev The provider has lost bond and credit.
    function _lost() private view {
        vm.assertEq(sla.balanceOf(PROVIDER), provider - BOND);
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA + BOND);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + FEE / 10);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), uint256(STAKE - FEE / 10));
        vm.assertEq(_outcome(slaId, UPTIME, 0), uint256(ISLATypes.Outcome.Penalised));
    }
}
