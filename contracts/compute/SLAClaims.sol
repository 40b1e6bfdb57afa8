// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLAClaims} from "../../interfaces/ISLA.sol";
import {SLAEvidence} from "./SLAEvidence.sol";
import {SLAMath} from "./SLAMath.sol";
import {TermsCode, TermsHead} from "./TermsCode.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title SLAClaims
/// @notice Reports, evidence, and what time decides.
abstract contract SLAClaims is ISLAClaims, SLAEvidence, ReentrancyGuardTransient {
    using TermsCode for TermsHead;

    /// @inheritdoc ISLAClaims
    uint40 public constant ARBITRATION_TIMEOUT = RULING_PERIOD;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ISLAClaims
    function reportViolation(uint256 slaId, uint256 guarantee, uint256 actual) external nonReentrant {
        // Check
        AgreementData storage agreement = _activeOf(slaId);
        Subject memory subject = _subject(slaId, guarantee, _lastWindow(slaId, agreement, _termsOf(agreement)));
        ClaimData storage claim = _claimOf(subject);
        if (claim.outcome != Outcome.Unmeasured) revert SLA_WrongOutcome(claim.outcome);
        _requireReportPeriod(subject);
        if (actual > type(uint32).max || _tierOf(subject, actual) == 0) revert SLA_NotViolated(actual);
        _requireDue(subject);

        // Effect
        _debit(msg.sender, subject.terms.bond);
        _record(claim, msg.sender, Outcome.Reported, 0, actual);
        emit ViolationReported(slaId, guarantee, subject.window, msg.sender, actual, 0);
    }

    /// @inheritdoc ISLAClaims
    function reportViolation(
        uint256 slaId,
        uint256 guarantee,
        uint256 window,
        uint256 actual,
        Observation[] calldata evidence
    ) external nonReentrant {
        // Check
        Subject memory subject = _subject(slaId, guarantee, window);
        ClaimData storage claim = _claimOf(subject);
        _requireReplaceable(subject, claim, evidence.length);
        uint256 value = _judge(subject, evidence);
        if (actual != value) revert SLA_NotMedian(actual, value);
        if (_tierOf(subject, value) == 0) revert SLA_NotViolated(value);
        _requireDue(subject);

        // Effect
        _returnBonds(subject, claim);
        _debit(msg.sender, subject.terms.bond);
        _record(claim, msg.sender, Outcome.Violated, evidence.length, value);
        emit ViolationReported(slaId, guarantee, window, msg.sender, value, evidence.length);
        _publish(subject, evidence);
    }

    /// @inheritdoc ISLAClaims
    function submitEvidence(uint256 slaId, uint256 guarantee, uint256 window, Observation[] calldata evidence)
        external
        nonReentrant
    {
        // Check
        Subject memory subject = _subject(slaId, guarantee, window);
        ClaimData storage claim = _claimOf(subject);
        if (claim.outcome != Outcome.Reported) revert SLA_WrongOutcome(claim.outcome);
        _requireReportPeriod(subject);
        uint256 value = _judge(subject, evidence);

        // Effect
        if (_tierOf(subject, value) == 0) {
            _measure(subject, claim, evidence, value);
        } else {
            _record(claim, claim.claimant, Outcome.Violated, evidence.length, value);
            emit ViolationReported(slaId, guarantee, window, claim.claimant, value, evidence.length);
            _publish(subject, evidence);
        }
    }

    /// @inheritdoc ISLAClaims
    function recordMeasurement(uint256 slaId, uint256 guarantee, uint256 window, Observation[] calldata evidence)
        external
        nonReentrant
    {
        // Check
        Subject memory subject = _subject(slaId, guarantee, window);
        ClaimData storage claim = _claimOf(subject);
        _requireReplaceable(subject, claim, evidence.length);
        uint256 value = _judge(subject, evidence);
        if (_tierOf(subject, value) != 0) revert SLA_IsViolated(value);

        // Effect
        _measure(subject, claim, evidence, value);
    }

    /// @inheritdoc ISLAClaims
    function finalise(uint256 slaId, uint256 guarantee, uint256 window) external nonReentrant {
        Subject memory subject = _subject(slaId, guarantee, window);
        ClaimData storage claim = _claimOf(subject);
        (Outcome outcome, uint256 bond) = (claim.outcome, subject.terms.bond);
        if (outcome == Outcome.Violated) {
            _requireOver(uint256(claim.since) + subject.terms.disputePeriod);
            _credit(claim.claimant, bond);
            _penalise(subject, claim);
        } else if (outcome == Outcome.Disputed) {
            _requireOver(uint256(claim.since) + RULING_PERIOD);
            _uphold(subject, claim);
        } else if (outcome == Outcome.Reported) {
            uint256 deadline = subject.to + subject.terms.reportPeriod;
            if (block.timestamp < deadline) revert SLA_ReportPeriodRuns(slaId, window, deadline);
            _forfeit(subject, claim.claimant, _sla().treasury);
            delete _sla().claims[_claimKey(slaId, guarantee, window)];
            emit Dismissed(slaId, guarantee, window);
        } else {
            revert SLA_WrongOutcome(outcome);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _claimOf(Subject memory subject) internal view returns (ClaimData storage) {
        return _sla().claims[_claimKey(subject.slaId, subject.guarantee, subject.window)];
    }

    function _record(ClaimData storage claim, address claimant, Outcome outcome, uint256 signers, uint256 value)
        internal
    {
        claim.claimant = claimant;
        claim.outcome = outcome;
        claim.signers = uint8(signers);
        claim.value = uint32(value);
        claim.since = uint40(block.timestamp);
    }

    /// @dev Pay the penalty of a claim that is decided.
    function _penalise(Subject memory subject, ClaimData storage claim) internal {
        (TermsHead memory terms, uint256 value) = (subject.terms, claim.value);
        AgreementData storage agreement = _sla().agreements[subject.slaId];
        WindowState memory state = _stateOf(subject.slaId, terms.guarantees(), subject.window);
        uint256 share = terms.creditOf(_tierOf(subject, value));
        (uint256 fromStake, uint256 fromFee, uint256 credit, uint256 excess) =
            SLAMath.penalty(terms.fee, share, agreement.stake, state);
        claim.outcome = Outcome.Penalised;
        _writePenalty(subject, credit, fromFee);
        agreement.stake -= uint128(fromStake);
        _credit(terms.customer, credit);
        _credit(_sla().treasury, excess);
        emit Penalised(subject.slaId, subject.guarantee, subject.window, value, credit, excess);
    }

    function _writePenalty(Subject memory subject, uint256 credit, uint256 fromFee) private {
        PenaltyData storage penalty = _penaltyOf(_claimKey(subject.slaId, subject.guarantee, subject.window));
        (penalty.credited, penalty.takenFromFee, penalty.none) = (uint96(credit), uint96(fromFee), 0);
    }

    /// @dev A disputed violation stands: the provider's bond goes with the claimant's to the claimant.
    function _uphold(Subject memory subject, ClaimData storage claim) internal {
        _forfeit(subject, subject.terms.provider, claim.claimant);
        _credit(claim.claimant, subject.terms.bond);
        _penalise(subject, claim);
    }

    /// @dev The bond of `from`, which is held, goes to `to`.
    function _forfeit(Subject memory subject, address from, address to) internal {
        _credit(to, subject.terms.bond);
        emit BondForfeited(subject.slaId, from, to, subject.terms.bond);
    }

    function _requireBefore(uint256 deadline) internal view {
        if (block.timestamp >= deadline) revert SLA_DisputePeriodOver(deadline);
    }

    /// @dev It held. What was reported before came to nothing: who had evidence gets the bond back.
    function _measure(Subject memory subject, ClaimData storage claim, Observation[] calldata evidence, uint256 value)
        private
    {
        (uint256 slaId, uint256 guarantee, uint256 window) = (subject.slaId, subject.guarantee, subject.window);
        if (claim.claimant != address(0)) {
            if (claim.outcome == Outcome.Reported) _forfeit(subject, claim.claimant, _sla().treasury);
            else _returnBonds(subject, claim);
            emit Dismissed(slaId, guarantee, window);
        }
        _record(claim, address(0), Outcome.Met, evidence.length, value);
        emit Measured(slaId, guarantee, window, value, evidence.length);
        _publish(subject, evidence);
    }

    /// @dev Better evidence takes the place of what was said: who said it, and who disputed it, get their bonds back.
    function _returnBonds(Subject memory subject, ClaimData storage claim) private {
        address claimant = claim.claimant;
        if (claimant == address(0)) return;
        _credit(claimant, subject.terms.bond);
        if (claim.outcome == Outcome.Disputed) _credit(subject.terms.provider, subject.terms.bond);
    }

    /// @dev Evidence of some can be replaced by evidence of more, which takes the signatures of the same monitors: a
    /// monitor that has signed for one side alone must not keep its word from the other.
    function _publish(Subject memory subject, Observation[] calldata evidence) private {
        if (evidence.length == subject.terms.monitors().length) return;
        emit EvidenceGiven(subject.slaId, subject.guarantee, subject.window, evidence);
    }

    /// @dev First evidence comes in the report period. More of it may follow for one dispute period after each piece,
    /// and after a dispute, so that nobody has the last word by coming last: nor the provider by reporting what suits
    /// it, and disputing that.
    function _requireReplaceable(Subject memory subject, ClaimData storage claim, uint256 signers) private view {
        Outcome outcome = claim.outcome;
        if (outcome == Outcome.Unmeasured || outcome == Outcome.Reported) {
            _requireReportPeriod(subject);
        } else if (outcome != Outcome.Penalised) {
            if (signers <= claim.signers) revert SLA_NoBetterEvidence(signers, claim.signers);
            uint256 deadline = uint256(claim.since) + subject.terms.disputePeriod;
            uint256 reports = subject.to + subject.terms.reportPeriod;
            // What held can be reported as long as anything can; a violation becomes final when it is due.
            _requireBefore(outcome == Outcome.Met && reports > deadline ? reports : deadline);
        } else {
            revert SLA_WrongOutcome(outcome);
        }
    }

    function _requireReportPeriod(Subject memory subject) private view {
        uint256 deadline = subject.to + subject.terms.reportPeriod;
        if (block.timestamp >= deadline) revert SLA_ReportPeriodOver(subject.slaId, subject.window, deadline);
    }

    function _requireOver(uint256 deadline) private view {
        if (block.timestamp < deadline) revert SLA_DisputePeriodRuns(deadline);
    }
}
