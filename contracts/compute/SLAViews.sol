// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbitrator} from "../../interfaces/IArbitration.sol";
import {ISLA, ISLAClaims} from "../../interfaces/ISLA.sol";
import {SLADomain} from "./SLADomain.sol";
import {SLASettlement} from "./SLASettlement.sol";
import {TermsCode, TermsHead} from "./TermsCode.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @title SLAViews
/// @notice What `SLA` says of itself.
abstract contract SLAViews is SLASettlement, SLADomain {
    using TermsCode for TermsHead;

    /// @inheritdoc ISLAClaims
    uint40 public constant ARBITRATION_TIMEOUT = RULING_PERIOD;

    // ------------------------------------------------------------------------------------------------------------
    // Agreements
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ISLA
    function agreementCount() external view returns (uint256) {
        return _sla().count;
    }

    /// @inheritdoc ISLA
    function agreementOf(uint256 slaId) external view returns (Agreement memory) {
        AgreementData storage agreement = _agreementOf(slaId);
        return Agreement({
            startedAt: agreement.startedAt,
            windows: agreement.windows,
            settledWindows: agreement.settledWindows,
            released: agreement.released,
            withdrawn: agreement.withdrawn,
            stake: agreement.stake
        });
    }

    /// @inheritdoc ISLA
    function termsOf(uint256 slaId) external view returns (Terms memory) {
        bytes memory encoded = SSTORE2.read(_agreementOf(slaId).terms);
        assembly ("memory-safe") {
            // What is written is what is returned.
            return(add(encoded, 0x20), mload(encoded))
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Windows and claims
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ISLA
    function lastWindow(uint256 slaId) external view returns (uint256) {
        AgreementData storage agreement = _activeOf(slaId);
        return _lastWindow(slaId, agreement, _termsOf(agreement));
    }

    /// @inheritdoc ISLA
    function windowOf(uint256 slaId, uint256 window) external view returns (uint256 from, uint256 to) {
        (, from, to) = _knownWindow(slaId, window);
    }

    /// @inheritdoc ISLA
    function dueIn(uint256 slaId, uint256 window) external view returns (uint256) {
        (TermsHead memory terms, uint256 from, uint256 to) = _knownWindow(slaId, window);
        return _dueIn(terms, from, to);
    }

    /// @inheritdoc ISLA
    function windowStateOf(uint256 slaId, uint256 window) external view returns (WindowState memory) {
        (TermsHead memory terms,,) = _knownWindow(slaId, window);
        return _stateOf(slaId, terms.guarantees(), window);
    }

    /// @inheritdoc ISLA
    function claimOf(uint256 slaId, uint256 guarantee, uint256 window) external view returns (Claim memory) {
        (TermsHead memory terms,,) = _knownWindow(slaId, window);
        if (guarantee >= terms.guarantees()) revert SLA_UnknownGuarantee(slaId, guarantee);
        uint256 key = _claimKey(slaId, guarantee, window);
        ClaimData storage claim = _sla().claims[key];
        // A penalty lies where these two were.
        bool isOver = claim.outcome == Outcome.Penalised;
        return Claim({
            claimant: isOver ? address(0) : claim.claimant,
            outcome: claim.outcome,
            signers: claim.signers,
            value: claim.value,
            since: isOver ? 0 : claim.since,
            disputeId: _sla().disputeIds[key]
        });
    }

    /// @inheritdoc ISLA
    function hashMeasurement(uint256 slaId, uint256 guarantee, uint256 window, Observation calldata observation)
        external
        view
        returns (bytes32)
    {
        return _hash(slaId, guarantee, window, observation);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The contract
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ISLA
    function balanceOf(address account) external view returns (uint256) {
        return _sla().balances[account];
    }

    /// @inheritdoc ISLA
    function defaultArbitrator() external view returns (IArbitrator) {
        return _sla().defaultArbitrator;
    }

    /// @inheritdoc ISLA
    function treasury() external view returns (address) {
        return _sla().treasury;
    }

    /// @inheritdoc ISLA
    function nova() external view returns (address) {
        return address(_sla().nova);
    }

    /// @inheritdoc ISLA
    function lifecycle() external view returns (address) {
        return address(_sla().lifecycle);
    }

    /// @dev One of the agreement's, ended or not.
    function _knownWindow(uint256 slaId, uint256 window)
        private
        view
        returns (TermsHead memory terms, uint256 from, uint256 to)
    {
        AgreementData storage agreement = _activeOf(slaId);
        if (window >= agreement.windows) revert SLA_WindowOpen(slaId, window);
        terms = _termsOf(agreement);
        (from, to) = _windowOf(agreement, terms, window);
    }
}
