// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLA} from "../../interfaces/ISLA.sol";
import {SLABalances} from "./SLABalances.sol";
import {SLATerms} from "./SLATerms.sol";
import {SLATermsBook} from "./SLATermsBook.sol";
import {TermsCode, TermsHead} from "./TermsCode.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title SLAAgreements
/// @notice Offering, accepting and ending agreements.
/// @custom:oz-upgrades-unsafe-allow state-variable-immutable
abstract contract SLAAgreements is SLABalances, SLATerms {
    /// @dev The implementation's own.
    SLATermsBook private immutable _book = new SLATermsBook();

    /// @inheritdoc ISLA
    function offer(Terms calldata) external nonReentrant whenNotPaused returns (uint256 slaId) {
        // Check
        address pointer = _writeTerms();
        TermsHead memory terms = TermsCode.read(pointer);
        (address provider, address customer) = (terms.provider, terms.customer);
        if (provider != msg.sender || _isOurs(provider)) revert SLA_BadTerms("provider", uint160(provider));
        if (customer == address(0) || customer == provider || _isOurs(customer)) {
            revert SLA_BadTerms("customer", uint160(customer));
        }

        // Effect
        _debit(provider, terms.stake);
        slaId = ++_sla().count;
        AgreementData storage agreement = _sla().agreements[slaId];
        (agreement.terms, agreement.windows) = (pointer, uint32(terms.windows));
        agreement.stake = uint128(terms.stake);
        emit Offered(slaId, provider, customer, terms.vmId, pointer);
    }

    /// @inheritdoc ISLA
    function withdrawOffer(uint256 slaId) external nonReentrant {
        // Check
        AgreementData storage agreement = _agreementOf(slaId);
        if (msg.sender != _termsOf(agreement).provider) revert SLA_NotProvider(slaId, msg.sender);
        _requireOpen(slaId, agreement);

        // Effect
        uint256 stake = agreement.stake;
        (agreement.withdrawn, agreement.stake) = (true, 0);
        _credit(msg.sender, stake);
        emit OfferWithdrawn(slaId);
    }

    /// @inheritdoc ISLA
    function accept(uint256 slaId) external nonReentrant whenNotPaused {
        // Check
        AgreementData storage agreement = _agreementOf(slaId);
        TermsHead memory terms = _termsOf(agreement);
        if (msg.sender != terms.customer) revert SLA_NotCustomer(slaId, msg.sender);
        _requireOpen(slaId, agreement);
        if (block.timestamp >= terms.offerExpiry) revert SLA_OfferExpired(slaId, terms.offerExpiry);
        if (terms.vmId != 0) {
            (address provider, address customer,) = _partiesOf(terms.vmId);
            if (provider != terms.provider || customer != terms.customer) {
                revert SLA_NotTheirVM(terms.vmId, terms.provider, terms.customer);
            }
        }

        // Effect
        _debit(msg.sender, uint256(terms.fee) * terms.windows);
        agreement.startedAt = uint40(block.timestamp);
        emit Accepted(slaId, block.timestamp, block.timestamp + uint256(terms.window) * terms.windows);
    }

    /// @inheritdoc ISLA
    function terminate(uint256 slaId) external nonReentrant {
        // Check
        AgreementData storage agreement = _activeOf(slaId);
        TermsHead memory terms = _termsOf(agreement);
        if (msg.sender != terms.provider && msg.sender != terms.customer) revert SLA_NotParty(slaId, msg.sender);
        uint256 agreed = agreement.windows;
        uint256 begun = (block.timestamp - agreement.startedAt) / terms.window + 1;
        if (begun > agreed) revert SLA_NotActive(slaId);

        // Effect
        uint256 refund = uint256(terms.fee) * (agreed - begun);
        agreement.windows = uint32(begun);
        _credit(terms.customer, refund);
        emit Terminated(slaId, msg.sender, begun, refund);
    }

    /// @dev Check and write the terms that are the call's only argument.
    function _writeTerms() private returns (address pointer) {
        bytes memory call = bytes.concat(SLATermsBook.write.selector, msg.data[4:]);
        return abi.decode(Address.functionCall(address(_book), call), (address));
    }

    /// @dev The treasury gets what customers may not; this contract has no use for a balance.
    function _isOurs(address account) private view returns (bool) {
        return account == _sla().treasury || account == address(this);
    }

    function _requireOpen(uint256 slaId, AgreementData storage agreement) private view {
        if (agreement.startedAt != 0 || agreement.withdrawn) revert SLA_NotOpen(slaId);
    }
}
