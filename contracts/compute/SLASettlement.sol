// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLA} from "../../interfaces/ISLA.sol";
import {SLAAgreements} from "./SLAAgreements.sol";
import {SLAMath} from "./SLAMath.sol";
import {TermsCode, TermsHead} from "./TermsCode.sol";

/// @title SLASettlement
/// @notice Who gets the fees and the stake: penalties, windows, and the end.
abstract contract SLASettlement is SLAAgreements {
    using TermsCode for TermsHead;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ISLA
    function settleWindow(uint256 slaId, uint256 window) external nonReentrant {
        _settleWindows(slaId, window, window);
    }

    /// @inheritdoc ISLA
    function settleWindows(uint256 slaId, uint256 first, uint256 end) external nonReentrant {
        if (end <= first) revert SLA_ZeroAmount();
        _settleWindows(slaId, first, end - 1);
    }

    /// @inheritdoc ISLA
    function releaseStake(uint256 slaId) external nonReentrant {
        // Check
        AgreementData storage agreement = _activeOf(slaId);
        if (agreement.released) revert SLA_AlreadyReleased(slaId);
        if (agreement.settledWindows != agreement.windows) {
            revert SLA_WindowsOpen(slaId, agreement.settledWindows, agreement.windows);
        }

        // Effect
        uint256 stake = agreement.stake;
        address provider = _termsOf(agreement).provider;
        (agreement.released, agreement.stake) = (true, 0);
        _credit(provider, stake);
        emit StakeReleased(slaId, provider, stake);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev All from `first` to `last`, or none.
    function _settleWindows(uint256 slaId, uint256 first, uint256 last) private {
        AgreementData storage agreement = _activeOf(slaId);
        TermsHead memory terms = _termsOf(agreement);
        uint256 toProvider = 0;
        uint256 toCustomer = 0;
        for (uint256 window = first; window <= last; ++window) {
            (uint256 ofProvider, uint256 ofCustomer) = _settleWindow(slaId, agreement, terms, window);
            (toProvider, toCustomer) = (toProvider + ofProvider, toCustomer + ofCustomer);
        }
        agreement.settledWindows += uint32(last - first + 1);
        _credit(terms.provider, toProvider);
        _credit(terms.customer, toCustomer);
    }

    function _settleWindow(uint256 slaId, AgreementData storage agreement, TermsHead memory terms, uint256 window)
        private
        returns (uint256 toProvider, uint256 toCustomer)
    {
        // Check
        (, uint256 end) = _endedWindow(slaId, agreement, terms, window);
        uint256 deadline = end + terms.reportPeriod;
        if (block.timestamp < deadline) revert SLA_ReportPeriodRuns(slaId, window, deadline);
        WindowState memory state = _stateOf(slaId, terms.guarantees(), window);
        if (state.settled) revert SLA_AlreadySettled(slaId, window);
        bool measured = true;
        for (uint256 guarantee = 0; guarantee < terms.guarantees(); ++guarantee) {
            if (_finalOutcome(slaId, terms, window, guarantee) == Outcome.Unmeasured) measured = false;
        }

        // Effect
        _sla().settled[slaId][window >> 8] |= uint256(1) << (window & 0xff);
        (toProvider, toCustomer) = SLAMath.settlement(terms.fee, state, measured);
        emit WindowSettled(slaId, window, toProvider, toCustomer);
    }

    /// @dev Unmeasured, Met or Penalised; reverts when that can still change.
    function _finalOutcome(uint256 slaId, TermsHead memory terms, uint256 window, uint256 guarantee)
        private
        view
        returns (Outcome outcome)
    {
        ClaimData storage claim = _sla().claims[_claimKey(slaId, guarantee, window)];
        outcome = claim.outcome;
        if (outcome == Outcome.Reported || outcome == Outcome.Violated || outcome == Outcome.Disputed) {
            revert SLA_ClaimOpen(slaId, window, guarantee, outcome);
        }
        // More monitors may yet say otherwise, unless all have spoken or an arbitrator has.
        if (outcome == Outcome.Met && claim.signers < terms.monitors().length) {
            uint256 deadline = uint256(claim.since) + terms.disputePeriod;
            if (block.timestamp < deadline) revert SLA_DisputePeriodRuns(deadline);
        }
    }
}
