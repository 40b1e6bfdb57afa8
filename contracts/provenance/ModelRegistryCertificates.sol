// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryDetails} from "./ModelRegistryDetails.sol";
import {ModelRegistryRegistration} from "./ModelRegistryRegistration.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {AuthorityUtils} from "@openzeppelin/contracts/access/manager/AuthorityUtils.sol";

/// @title ModelRegistryCertificates
/// @notice Certificates, revocations, and what follows from them: whether a model may be deployed.
abstract contract ModelRegistryCertificates is ModelRegistryRegistration, AccessManaged {
    /// @inheritdoc IModelRegistry
    uint256 public constant MAX_CERTIFICATE = 730 days;

    uint256 private constant MAX_REASON = 256;

    mapping(bytes32 modelHash => Certificate) private _certificates;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function certify(bytes32 modelHash, uint40 expiresAt, bytes32 evidence) external restricted {
        // Check
        _requireUnrevoked(_final(modelHash), modelHash);
        if (expiresAt <= block.timestamp || expiresAt > block.timestamp + MAX_CERTIFICATE) {
            revert ModelRegistry_InvalidExpiry(expiresAt, MAX_CERTIFICATE);
        }
        // Effect
        _certificates[modelHash] = Certificate({
            certifier: msg.sender,
            issuedAt: uint40(block.timestamp),
            expiresAt: expiresAt,
            revokedAt: 0,
            evidence: evidence
        });
        emit ModelCertified(modelHash, msg.sender, expiresAt, evidence);
    }

    /// @inheritdoc IModelRegistry
    function revokeCertificate(bytes32 modelHash, string calldata reason) external restricted {
        // Check
        Certificate storage certificate = _certificates[modelHash];
        if (certificate.expiresAt == 0 || certificate.revokedAt != 0) revert ModelRegistry_NoCertificate(modelHash);
        _checkReason(reason);
        // Effect
        certificate.revokedAt = uint40(block.timestamp);
        emit CertificateRevoked(modelHash, msg.sender, reason);
    }

    /// @inheritdoc IModelRegistry
    function revokeModel(bytes32 modelHash, string calldata reason) external {
        // Check: the owner, or whom the authority lets call this without delay.
        Record storage record = _final(modelHash);
        if (msg.sender != record.owner && !_isCertifier(msg.sender)) {
            revert ModelRegistry_NotOwner(modelHash, msg.sender);
        }
        _requireUnrevoked(record, modelHash);
        _checkReason(reason);
        // Effect
        (record.blockOrRevokedAt, record.flags) = (uint40(block.timestamp), record.flags | REVOKED);
        emit ModelRevoked(modelHash, msg.sender, reason);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IModelRegistry
    function certificateOf(bytes32 modelHash) external view returns (Certificate memory) {
        return _certificates[modelHash];
    }

    /// @inheritdoc IModelRegistry
    function isDeployable(bytes32 modelHash) external view returns (bool) {
        (Verdict verdict,) = verdictOf(modelHash);
        return verdict == Verdict.Deployable;
    }

    /// @inheritdoc IModelRegistry
    function verdictOf(bytes32 modelHash) public view returns (Verdict verdict, bytes32 culprit) {
        Record storage record = _records[modelHash];
        if (record.owner == address(0)) return (Verdict.Unknown, modelHash);
        if (block.timestamp < _finalAt(record)) return (Verdict.Provisional, modelHash);
        if (_revokedAt(record) != 0) return (Verdict.Revoked, modelHash);

        bytes32[] memory ancestors = _ancestors(modelHash);
        for (uint256 i = 0; i < ancestors.length; ++i) {
            if (_revokedAt(_records[ancestors[i]]) != 0) return (Verdict.AncestorRevoked, ancestors[i]);
        }

        Certificate storage certificate = _certificates[modelHash];
        uint256 expiresAt = certificate.expiresAt;
        if (expiresAt == 0 || certificate.revokedAt != 0) return (Verdict.NotCertified, modelHash);
        if (block.timestamp >= expiresAt) return (Verdict.CertificateExpired, modelHash);

        address details = record.details;
        bytes32 key = details == address(0) ? bytes32(0) : ModelRegistryDetails.verificationKeyOf(details);
        if (key != 0 && !_isVerified(key, modelHash)) return (Verdict.VerificationVoid, modelHash);
        return (Verdict.Deployable, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Asked about the function that was entered: `revokeModel`.
    function _isCertifier(address caller) private view returns (bool immediate) {
        (immediate,) = AuthorityUtils.canCallWithDelay(authority(), caller, address(this), msg.sig);
    }

    function _checkReason(string calldata reason) private pure {
        uint256 length = bytes(reason).length;
        if (length == 0 || length > MAX_REASON) revert ModelRegistry_InvalidReason(length, MAX_REASON);
    }
}
