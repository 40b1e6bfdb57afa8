// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbitrable, IArbitrator} from "../../interfaces/IArbitration.sol";
import {ISLAClaims} from "../../interfaces/ISLA.sol";
import {SLAClaims} from "./SLAClaims.sol";
import {TermsHead} from "./TermsCode.sol";

/// @title SLADisputes
/// @notice Disputes before an arbitrator (ERC-792) that is trusted with nothing but its word.
abstract contract SLADisputes is SLAClaims {
    uint256 private constant CHOICES = 2;
    uint256 private constant OVERRULED = 2;
    /// @dev More than there are monitors: no evidence replaces a ruling.
    uint256 private constant BY_RULING = type(uint8).max;

    /// @inheritdoc ISLAClaims
    function dispute(uint256 slaId, uint256 guarantee, uint256 window)
        external
        payable
        nonReentrant
        returns (uint256 disputeId)
    {
        // Check
        Subject memory subject = _subject(slaId, guarantee, window);
        TermsHead memory terms = subject.terms;
        if (msg.sender != terms.provider) revert SLA_NotProvider(slaId, msg.sender);
        ClaimData storage claim = _claimOf(subject);
        if (claim.outcome != Outcome.Violated) revert SLA_WrongOutcome(claim.outcome);
        _requireBefore(uint256(claim.since) + terms.disputePeriod);

        // Effect
        _debit(msg.sender, terms.bond);
        (claim.outcome, claim.since) = (Outcome.Disputed, uint40(block.timestamp));

        // Interaction: it may revert, then there is no dispute; calling back is refused
        IArbitrator arbitrator =
            terms.arbitrator == address(0) ? _sla().defaultArbitrator : IArbitrator(terms.arbitrator);
        bytes memory extraData = abi.encode(slaId, guarantee, window);
        uint256 cost = arbitrator.arbitrationCost(extraData);
        if (msg.value != cost) revert SLA_ArbitrationCost(msg.value, cost);
        disputeId = arbitrator.createDispute{value: msg.value}(CHOICES, extraData);

        // Effect: only now is the number known
        DisputeData storage data = _sla().disputes[address(arbitrator)][disputeId];
        if (data.slaId != 0) revert SLA_DuplicateDispute(address(arbitrator), disputeId);
        (data.slaId, data.window, data.guarantee) = (uint128(slaId), uint32(window), uint8(guarantee));
        data.signers = claim.signers;
        _sla().disputeIds[_claimKey(slaId, guarantee, window)] = disputeId;
        emit Disputed(slaId, guarantee, window, arbitrator, disputeId);
    }

    /// @inheritdoc IArbitrable
    /// @dev By the arbitrator, which knows no disputes but its own; once, in time, and not when better evidence has taken
    /// the place of what was disputed.
    function rule(uint256 disputeId, uint256 ruling) external nonReentrant {
        // Check
        DisputeData memory data = _sla().disputes[msg.sender][disputeId];
        if (data.slaId == 0) revert SLA_UnknownDispute(msg.sender, disputeId);
        Subject memory subject = _subject(data.slaId, data.guarantee, data.window);
        ClaimData storage claim = _claimOf(subject);
        if (claim.outcome != Outcome.Disputed) revert SLA_WrongOutcome(claim.outcome);
        if (claim.signers != data.signers) revert SLA_UnknownDispute(msg.sender, disputeId);
        _requireBefore(uint256(claim.since) + RULING_PERIOD);

        // Effect
        emit Ruling(IArbitrator(msg.sender), disputeId, ruling);
        if (ruling == OVERRULED) {
            address provider = subject.terms.provider;
            _forfeit(subject, claim.claimant, provider);
            _credit(provider, subject.terms.bond);
            _record(claim, address(0), Outcome.Met, BY_RULING, claim.value);
            emit Dismissed(data.slaId, data.guarantee, data.window);
        } else {
            _uphold(subject, claim);
        }
    }
}
