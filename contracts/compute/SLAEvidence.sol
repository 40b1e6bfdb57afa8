// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLADomain} from "./SLADomain.sol";
import {SLAMath} from "./SLAMath.sol";
import {SLATerms} from "./SLATerms.sol";
import {TermsCode, TermsHead} from "./TermsCode.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title SLAEvidence
/// @notice What signed measurements say.
abstract contract SLAEvidence is SLATerms, SLADomain {
    using TermsCode for TermsHead;

    /// @dev A guarantee in an ended window, with what is needed to judge it.
    struct Subject {
        uint256 slaId;
        uint256 guarantee;
        uint256 window;
        uint256 from;
        uint256 to;
        TermsHead terms;
    }

    /// @dev What can be said something of; reverts when the window has not ended or there is no such guarantee.
    function _subject(uint256 slaId, uint256 guarantee, uint256 window) internal view returns (Subject memory subject) {
        AgreementData storage agreement = _activeOf(slaId);
        subject.terms = _termsOf(agreement);
        if (guarantee >= subject.terms.guarantees()) revert SLA_UnknownGuarantee(slaId, guarantee);
        (subject.from, subject.to) = _endedWindow(slaId, agreement, subject.terms, window);
        (subject.slaId, subject.guarantee, subject.window) = (slaId, guarantee, window);
    }

    /// @dev The median of the evidence, every measurement of which must count; how many there are is its length.
    function _judge(Subject memory subject, Observation[] calldata evidence) internal view returns (uint256) {
        uint256 count = evidence.length;
        if (count < subject.terms.quorum) revert SLA_TooFewMeasurements(count, subject.terms.quorum);
        uint256[] memory values = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            if (i != 0 && evidence[i].monitor <= evidence[i - 1].monitor) revert SLA_MonitorsNotAscending(i);
            values[i] = _valueOf(subject, i, evidence[i]);
        }
        return SLAMath.median(values, subject.terms.guaranteeAt(subject.guarantee).direction);
    }

    function _valueOf(Subject memory subject, uint256 i, Observation calldata observation)
        private
        view
        returns (uint256 value)
    {
        (uint256 monitor, uint256 from, uint256 to) = (observation.monitor, observation.from, observation.to);
        if (monitor >= subject.terms.monitors().length) revert SLA_UnknownMonitor(i, monitor);
        if (from < subject.from || from > to || to >= subject.to) revert SLA_OutsideWindow(i, from, to);
        if (observation.samples < subject.terms.minSamples) {
            revert SLA_TooFewSamples(i, observation.samples, subject.terms.minSamples);
        }
        address signer = subject.terms.monitors()[monitor];
        bytes32 digest = _hash(subject.slaId, subject.guarantee, subject.window, observation);
        if (!_isSigned(signer, digest, observation.signature)) revert SLA_BadSignature(i, signer);
        return observation.value;
    }

    /// @dev As `SignatureChecker`, but looks at the signer's account only when its key has not signed: 2,600 gas each.
    function _isSigned(address signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address recovered, ECDSA.RecoverError flaw,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (flaw == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return signer.code.length != 0 && SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    /// @dev Which credit `value` means, 0 for none.
    function _tierOf(Subject memory subject, uint256 value) internal pure returns (uint256) {
        return SLAMath.tierOf(subject.terms.guaranteeAt(subject.guarantee), value);
    }

    /// @dev Reverts when the VM was not due for half of the window.
    function _requireDue(Subject memory subject) internal view {
        if (subject.terms.vmId == 0) return;
        uint256 due = _dueIn(subject.terms, subject.from, subject.to);
        if (2 * due < subject.terms.window) revert SLA_WindowExcluded(subject.slaId, subject.window, due);
    }
}
