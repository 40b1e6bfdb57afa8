// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "../../contracts/provenance/ModelRegistry.sol";
import {VerificationDouble} from "../../contracts/test/VerificationDouble.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryFixture} from "./ModelRegistryFixture.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

contract ModelRegistryCertificatesTest is ModelRegistryFixture {
    bytes32 private constant MODEL = keccak256("model");

    // ------------------------------------------------------------------------------------------------------------
    // certify
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Certify(uint256 life, bytes32 evidence) public {
        uint40 expiresAt = uint40(START + _bound(life, 1, MAX_CERTIFICATE));
        _finally(OWNER, MODEL);
        _assertVerdict(MODEL, IModelRegistry.Verdict.NotCertified, MODEL);
        vm.expectEmit();
        emit IModelRegistry.ModelCertified(MODEL, CERTIFIER, expiresAt, evidence);
        vm.prank(CERTIFIER);
        registry.certify(MODEL, expiresAt, evidence);
        _assertCertificate(IModelRegistry.Certificate(CERTIFIER, uint40(START), expiresAt, 0, evidence));
        _assertVerdict(MODEL, IModelRegistry.Verdict.Deployable, 0);
    }

    /// @dev An old one, good, revoked or expired, is gone.
    function testFuzz_CertifyAgain(bool revoked, uint256 time) public {
        _finally(OWNER, MODEL);
        _certify(MODEL, START + 100);
        if (revoked) _revokeCertificate("careless");
        time = _bound(time, START, START + 1_000);
        vm.warp(time);
        vm.prank(CERTIFIER);
        registry.certify(MODEL, uint40(time + 1), KEY);
        _assertCertificate(IModelRegistry.Certificate(CERTIFIER, uint40(time), uint40(time + 1), 0, KEY));
        _assertVerdict(MODEL, IModelRegistry.Verdict.Deployable, 0);
    }

    function testFuzz_CertifyByAnotherReverts(address anybody) public {
        vm.assume(anybody != CERTIFIER);
        _finally(OWNER, MODEL);
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, anybody);
        vm.startPrank(anybody);
        vm.expectRevert(refusal);
        registry.certify(MODEL, uint40(START + 1), EVIDENCE);
        vm.expectRevert(refusal);
        registry.revokeCertificate(MODEL, "no");
        vm.stopPrank();
    }

    function test_CertifyForTooLongOrNotAtAllReverts() public {
        _finally(OWNER, MODEL);
        uint256[4] memory ends = [0, START, START + MAX_CERTIFICATE + 1, type(uint40).max];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IModelRegistry.ModelRegistry_InvalidExpiry.selector, ends[i], MAX_CERTIFICATE)
            );
            _certify(MODEL, ends[i]);
        }
    }

    function test_CertifyWhatIsNotThereReverts() public {
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, MODEL);
        _certify(MODEL, START + 1);
        _register(OWNER, MODEL);
        vm.warp(START + PERIOD - 1);
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, MODEL, START + PERIOD);
        _certify(MODEL, START + PERIOD);
        vm.warp(START + PERIOD);
        _certify(MODEL, START + PERIOD + 1);
        _revoke(MODEL);
        _expect(IModelRegistry.ModelRegistry_Revoked.selector, MODEL, START + PERIOD);
        _certify(MODEL, START + PERIOD + 1);
    }

    /// @dev The last second of a certificate, and the first at which it is over.
    function testFuzz_CertificateExpires(uint256 life, uint256 later) public {
        life = _bound(life, 1, MAX_CERTIFICATE);
        _finally(OWNER, MODEL);
        _certify(MODEL, START + life);
        vm.warp(START + life - 1);
        _assertVerdict(MODEL, IModelRegistry.Verdict.Deployable, 0);
        vm.warp(START + life);
        _assertVerdict(MODEL, IModelRegistry.Verdict.CertificateExpired, MODEL);
        vm.warp(START + life + 1);
        _assertVerdict(MODEL, IModelRegistry.Verdict.CertificateExpired, MODEL);
        vm.warp(_bound(later, START + life, 2 ** 60));
        _assertVerdict(MODEL, IModelRegistry.Verdict.CertificateExpired, MODEL);
    }

    // ------------------------------------------------------------------------------------------------------------
    // revokeCertificate
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_RevokeCertificate(uint256 length, uint256 time) public {
        string memory reason = _text(_bound(length, 1, 256));
        _finally(OWNER, MODEL);
        _certify(MODEL, START + 100);
        time = _bound(time, START, START + 1_000);
        vm.warp(time);
        vm.expectEmit();
        emit IModelRegistry.CertificateRevoked(MODEL, CERTIFIER, reason);
        _revokeCertificate(reason);
        _assertCertificate(
            IModelRegistry.Certificate(CERTIFIER, uint40(START), uint40(START + 100), uint40(time), EVIDENCE)
        );
        _assertVerdict(MODEL, IModelRegistry.Verdict.NotCertified, MODEL);
    }

    function test_RevokeNoCertificateReverts() public {
        _finally(OWNER, MODEL);
        _expect(IModelRegistry.ModelRegistry_NoCertificate.selector, MODEL);
        _revokeCertificate("none");
        _certify(MODEL, START + 100);
        _revokeCertificate("careless");
        _expect(IModelRegistry.ModelRegistry_NoCertificate.selector, MODEL);
        _revokeCertificate("again");
    }

    function test_RevokeWithoutAReasonReverts() public {
        _finally(OWNER, MODEL);
        _certify(MODEL, START + 100);
        uint256[2] memory lengths = [uint256(0), 257];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(IModelRegistry.ModelRegistry_InvalidReason.selector, lengths[i], 256);
            vm.expectRevert(refusal);
            _revokeCertificate(_text(lengths[i]));
            vm.expectRevert(refusal);
            vm.prank(OWNER);
            registry.revokeModel(MODEL, _text(lengths[i]));
        }
        _assertVerdict(MODEL, IModelRegistry.Verdict.Deployable, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // revokeModel
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_RevokeModel(bool byOwner, uint256 length, uint256 time) public {
        string memory reason = _text(_bound(length, 1, 256));
        address by = byOwner ? OWNER : CERTIFIER;
        _finally(OWNER, MODEL);
        _certify(MODEL, START + MAX_CERTIFICATE);
        time = _bound(time, START, 2 ** 40 - 1);
        vm.warp(time);
        vm.expectEmit();
        emit IModelRegistry.ModelRevoked(MODEL, by, reason);
        vm.prank(by);
        registry.revokeModel(MODEL, reason);
        IModelRegistry.Model memory model = registry.models(MODEL);
        vm.assertEq(model.revokedAt, time);
        vm.assertEq(model.finalAt, START);
        vm.assertEq(model.owner, OWNER);
        _assertVerdict(MODEL, IModelRegistry.Verdict.Revoked, MODEL);
        _expect(IModelRegistry.ModelRegistry_Revoked.selector, MODEL, time);
        vm.prank(by);
        registry.revokeModel(MODEL, reason);
    }

    function testFuzz_RevokeModelByAnotherReverts(address anybody) public {
        vm.assume(anybody != CERTIFIER && anybody != OWNER);
        _finally(OWNER, MODEL);
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, anybody);
        vm.prank(anybody);
        registry.revokeModel(MODEL, "mine");
    }

    /// @dev Not even by a certifier: what displaced it would be revoked with it, or undo that.
    function testFuzz_RevokeProvisionalModelReverts(bool byOwner, uint256 time) public {
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, MODEL);
        _revoke(MODEL);
        _register(OWNER, MODEL);
        vm.warp(_bound(time, START, START + PERIOD - 1));
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, MODEL, START + PERIOD);
        vm.prank(byOwner ? OWNER : CERTIFIER);
        registry.revokeModel(MODEL, "early");
        vm.assertEq(registry.models(MODEL).revokedAt, 0);
    }

    /// @dev With a real AccessManager: a role without delay may revoke, one with a delay may not.
    function testFuzz_RevokeModelByARoleWithDelayReverts(uint32 delay) public {
        AccessManager authority = new AccessManager(address(this));
        registry = new ModelRegistry(address(authority), address(proof), address(verifications));
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = registry.revokeModel.selector;
        authority.setTargetFunctionRole(address(registry), selectors, 3);
        authority.grantRole(3, CERTIFIER, delay);
        _finally(OWNER, MODEL);
        if (delay != 0) _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, CERTIFIER);
        vm.prank(CERTIFIER);
        registry.revokeModel(MODEL, "dangerous");
        vm.assertEq(registry.models(MODEL).revokedAt, delay == 0 ? START : 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // verdictOf
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_VerdictOfNoModel(bytes32 modelHash) public view {
        _assertVerdict(modelHash, IModelRegistry.Verdict.Unknown, modelHash);
    }

    function testFuzz_VerdictWhileProvisional(uint256 time) public {
        _register(OWNER, MODEL);
        vm.warp(_bound(time, START, START + PERIOD - 1));
        _assertVerdict(MODEL, IModelRegistry.Verdict.Provisional, MODEL);
        vm.warp(START + PERIOD);
        _assertVerdict(MODEL, IModelRegistry.Verdict.NotCertified, MODEL);
    }

    /// @dev Of two revoked ancestors the nearer one; its own revocation before both; a sibling's is nobody's.
    function test_VerdictNamesTheNearestRevokedAncestor() public {
        _finally(OWNER, _id(3));
        _finally(OWNER, _id(2), _childOf(_id(3)));
        _finally(OWNER, _id(1), _childOf(_id(2)));
        _finally(OWNER, _id(9), _childOf(_id(3)));
        _certify(_id(1), START + 100);
        _revoke(_id(9));
        _assertVerdict(_id(1), IModelRegistry.Verdict.Deployable, 0);
        _revoke(_id(3));
        _assertVerdict(_id(1), IModelRegistry.Verdict.AncestorRevoked, _id(3));
        _revoke(_id(2));
        _assertVerdict(_id(1), IModelRegistry.Verdict.AncestorRevoked, _id(2));
        _revoke(_id(1));
        _assertVerdict(_id(1), IModelRegistry.Verdict.Revoked, _id(1));
    }

    /// @dev The first reason that applies, as one after the other is taken away.
    function test_VerdictsInTheirOrder() public {
        _finally(OWNER, _id(2));
        verifications.set(KEY, _id(1), true);
        IModelRegistry.Lineage memory lineage = _childOf(_id(2));
        lineage.verificationKey = KEY;
        _finally(OWNER, _id(1), lineage);
        _certify(_id(1), START + 100);
        _assertVerdict(_id(1), IModelRegistry.Verdict.Deployable, 0);
        verifications.set(KEY, _id(1), false);
        _assertVerdict(_id(1), IModelRegistry.Verdict.VerificationVoid, _id(1));
        vm.warp(START + 100);
        _assertVerdict(_id(1), IModelRegistry.Verdict.CertificateExpired, _id(1));
        vm.prank(CERTIFIER);
        registry.revokeCertificate(_id(1), "careless");
        _assertVerdict(_id(1), IModelRegistry.Verdict.NotCertified, _id(1));
        _revoke(_id(2));
        _assertVerdict(_id(1), IModelRegistry.Verdict.AncestorRevoked, _id(2));
        _revoke(_id(1));
        _assertVerdict(_id(1), IModelRegistry.Verdict.Revoked, _id(1));
    }

    /// @dev Whatever the verification contract does, short of a clean true, is a no; and the view goes through.
    function test_VerdictSurvivesAVerificationContractThatMisbehaves() public {
        IModelRegistry.Lineage memory lineage = _none();
        lineage.verificationKey = KEY;
        verifications.set(KEY, ONE, true);
        _finally(OWNER, ONE, lineage);
        _certify(ONE, START + 100);
        for (uint256 manner = 1; manner <= uint256(type(VerificationDouble.Manner).max); ++manner) {
            verifications.misbehave(VerificationDouble.Manner(manner));
            if (manner == uint256(VerificationDouble.Manner.LongTrue)) {
                _assertVerdict(ONE, IModelRegistry.Verdict.Deployable, 0);
            } else {
                _assertVerdict(ONE, IModelRegistry.Verdict.VerificationVoid, ONE);
            }
        }
        // Nor is there anything to ask any more.
        vm.etch(address(verifications), "");
        _assertVerdict(ONE, IModelRegistry.Verdict.VerificationVoid, ONE);
    }

    function test_RegisterWithAVerificationContractThatMisbehavesReverts() public {
        IModelRegistry.Lineage memory lineage = _none();
        lineage.verificationKey = KEY;
        verifications.set(KEY, ONE, true);
        for (uint256 manner = 1; manner < uint256(VerificationDouble.Manner.LongTrue); ++manner) {
            verifications.misbehave(VerificationDouble.Manner(manner));
            _expect(IModelRegistry.ModelRegistry_NotVerified.selector, KEY, uint256(ONE));
            _reveal(OWNER, ONE, lineage, 0);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _revokeCertificate(string memory reason) private {
        vm.prank(CERTIFIER);
        registry.revokeCertificate(MODEL, reason);
    }

    function _assertCertificate(IModelRegistry.Certificate memory expected) private view {
        vm.assertEq(abi.encode(registry.certificateOf(MODEL)), abi.encode(expected));
    }
}
