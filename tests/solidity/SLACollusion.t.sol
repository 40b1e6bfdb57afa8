// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbitrator} from "../../interfaces/IArbitration.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {SLASuite} from "./SLASuite.sol";

/// @notice Who holds back what it signed, or reports against itself, gains nothing while most monitors are honest.
contract SLACollusionTest is SLASuite {
    uint256 private slaId;

    function setUp() public override {
        super.setUp();
        slaId = _agree();
        _toEnd(slaId, 0, 0);
    }

    /// @dev The provider and two of five monitors make an outage a slight violation, dispute that themselves, and wait:
    /// the word of all five still comes.
    function test_SelfReportedAndDisputedIsReplaced() public {
        (uint256 provider, uint256 customer) = (sla.balanceOf(PROVIDER), sla.balanceOf(CUSTOMER));
        uint256 disputeId = _picked();
        vm.assertEq(sla.balanceOf(PROVIDER), provider - 2 * BOND);
        vm.warp(block.timestamp + DISPUTE - 1);
        _report(slaId, UPTIME, 0, 5, 0);
        vm.assertEq(sla.balanceOf(PROVIDER), provider);
        ISLATypes.Claim memory claim = sla.claimOf(slaId, UPTIME, 0);
        vm.assertEq(
            abi.encode(claim),
            abi.encode(ISLATypes.Claim(REPORTER, ISLATypes.Outcome.Violated, 5, 0, uint40(block.timestamp), disputeId))
        );
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WrongOutcome.selector, ISLATypes.Outcome.Violated));
        committee.giveRuling(disputeId, 2);
        vm.warp(block.timestamp + DISPUTE);
        sla.finalise(slaId, UPTIME, 0);
        vm.assertEq(sla.balanceOf(CUSTOMER), customer + FEE);
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA);
    }

    /// @dev A dispute is about the evidence it began with: its ruling decides no other, disputed anew.
    function test_ARulingDecidesWhatWasDisputed() public {
        uint256 disputeId = _picked();
        _report(slaId, UPTIME, 0, 5, 0);
        uint256 second = _dispute(slaId, UPTIME, 0);
        bytes4 unknown = ISLATypes.SLA_UnknownDispute.selector;
        vm.expectRevert(abi.encodeWithSelector(unknown, address(committee), disputeId));
        committee.giveRuling(disputeId, 2);
        vm.assertEq(_outcome(slaId, UPTIME, 0), uint256(ISLATypes.Outcome.Disputed));
        committee.giveRuling(second, 1);
        vm.assertEq(_outcome(slaId, UPTIME, 0), uint256(ISLATypes.Outcome.Penalised));
    }

    /// @dev The same number from another arbitrator is another dispute.
    function test_ARulingDecidesWhatWasDisputedByAnyArbitrator() public {
        uint256 disputeId = _picked();
        _report(slaId, UPTIME, 0, 5, 0);
        address old = address(committee);
        vm.etch(address(0xabc), old.code);
        sla.setDefaultArbitrator(IArbitrator(address(0xabc)));
        vm.assertEq(_dispute(slaId, UPTIME, 0), disputeId);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownDispute.selector, old, disputeId));
        committee.giveRuling(disputeId, 2);
    }

    /// @dev All of them say that it held: both bonds go back, and the dispute is over.
    function test_DisputedIsReplacedByAMeasurement() public {
        uint256 provider = sla.balanceOf(PROVIDER);
        _report(slaId, UPTIME, 0, 3, 0);
        _dispute(slaId, UPTIME, 0);
        _measure(slaId, UPTIME, 0, 5, 1_000_000);
        vm.assertEq(sla.balanceOf(PROVIDER), provider);
        vm.assertEq(sla.balanceOf(REPORTER), 1_000 * NOVA);
        vm.assertEq(_outcome(slaId, UPTIME, 0), uint256(ISLATypes.Outcome.Met));
    }

    function test_DisputedIsReplacedForOnePeriod() public {
        _picked();
        uint256 deadline = block.timestamp + DISPUTE;
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NoBetterEvidence.selector, 3, 3));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
        evidence = _evidence(slaId, UPTIME, 0, 5, 0);
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_DisputePeriodOver.selector, deadline));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
    }

    /// @dev What can be replaced is said in full, so that whoever has the rest can replace it; all of it is not.
    function test_EvidenceOfSomeIsPublic() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 3, 1_000_000);
        vm.expectEmit();
        emit ISLATypes.EvidenceGiven(slaId, UPTIME, 0, evidence);
        sla.recordMeasurement(slaId, UPTIME, 0, evidence);
        evidence = _evidence(slaId, UPTIME, 0, 4, 0);
        vm.expectEmit();
        emit ISLATypes.EvidenceGiven(slaId, UPTIME, 0, evidence);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 0, evidence);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, LATENCY, 500);
        evidence = _evidence(slaId, LATENCY, 0, 3, 500);
        vm.expectEmit();
        emit ISLATypes.EvidenceGiven(slaId, LATENCY, 0, evidence);
        sla.submitEvidence(slaId, LATENCY, 0, evidence);
    }

    /// @dev By the provider itself: one honest word and two bought ones.
    function _picked() private returns (uint256 disputeId) {
        uint256[] memory values = new uint256[](3);
        (values[1], values[2]) = (998_999, 998_999);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, values);
        vm.prank(PROVIDER);
        sla.reportViolation(slaId, UPTIME, 0, 998_999, evidence);
        return _dispute(slaId, UPTIME, 0);
    }
}
