// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "../../contracts/provenance/ModelRegistry.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {VerificationDouble} from "../../contracts/test/VerificationDouble.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ALIASES, MODELS, ModelRegistryHandler} from "./ModelRegistryHandler.sol";
import {Test} from "./Vm.sol";

/// @notice Stateful fuzzing: after every action of the handler the registry says what the model says.
/// @dev The handler itself checks every refusal and every success.
contract ModelRegistryInvariants is Test {
    uint256 private constant START = 2_000_000_000;

    ModelRegistry private registry;
    ModelRegistryHandler private handler;

    uint256 private _created;

    function setUp() public {
        vm.warp(START);
        address verifications = address(new VerificationDouble());
        // The handler is the certifier: the last of four contracts that are created here, each time.
        _created += 4;
        address certifier = vm.computeCreateAddress(address(this), _created);
        registry = new ModelRegistry(address(new OneRole(certifier)), verifications, verifications);
        handler = new ModelRegistryHandler(registry, START);
        vm.assertEq(address(handler), certifier);
    }

    /// @dev Foundry calls this to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev A third of the models after each action, which is most of the time that this takes.
    function invariant_RegistryIsTheModels() external {
        _assertModel(1 + handler.steps() % 3, 3);
    }

    function _assertModel(uint256 first, uint256 step) private {
        vm.warp(handler.time());
        vm.roll(handler.number());
        for (uint256 i = first; i <= MODELS; i += step) {
            _assertEntry(i, handler.entryOf(i));
        }
        for (uint256 i = 0; i < ALIASES; ++i) {
            (bytes32 to, bool frozen) = registry.aliasOf(handler.NAME(), handler.aliasName(i));
            uint256 model = handler.pointsTo(i);
            vm.assertEq(to, model == 0 ? bytes32(0) : handler.digest(model), "alias");
            vm.assertEq(frozen, handler.aliasFrozen(i) || handler.nameFrozen(), "alias frozen");
            vm.assertTrue(model == 0 || registry.isPublished(handler.NAME(), to), "alias to what is not published");
        }
        for (uint256 i = 0; i < 4; ++i) {
            uint256 model = handler.publishedAs(i);
            bytes32 published = registry.modelOf(handler.NAME(), handler.version(i));
            vm.assertEq(published, model == 0 ? bytes32(0) : handler.digest(model), "version");
        }
    }

    function _assertEntry(uint256 i, ModelRegistryHandler.Entry memory entry) private view {
        bytes32 modelHash = handler.digest(i);
        (IModelRegistry.Verdict verdict, bytes32 culprit) = registry.verdictOf(modelHash);
        vm.assertEq(uint256(verdict), uint256(handler.verdict(i)), "verdict");
        vm.assertEq(registry.isDeployable(modelHash), verdict == IModelRegistry.Verdict.Deployable, "isDeployable");
        vm.assertEq(registry.isPublished(handler.NAME(), modelHash), entry.published, "published");
        if (entry.owner == 0) return;

        IModelRegistry.Model memory model = registry.models(modelHash);
        vm.assertEq(model.owner, handler.person(entry.owner), "owner");
        vm.assertEq(registry.pendingOwnerOf(modelHash), handler.person(entry.pending), "pending owner");
        vm.assertEq(model.registeredAt, entry.registeredAt, "registeredAt");
        vm.assertEq(model.finalAt, handler.finalAt(i), "finalAt");
        vm.assertEq(model.revokedAt, entry.revokedAt, "revokedAt");
        vm.assertEq(model.version, handler.version(i), "version of a model");
        vm.assertEq(uint256(model.stage), entry.stage, "stage");

        IModelRegistry.Parent[] memory parents = registry.lineageOf(modelHash).parents;
        vm.assertEq(parents.length, entry.parents.length, "parents");
        for (uint256 j = 0; j < parents.length; ++j) {
            vm.assertEq(parents[j].modelHash, handler.digest(entry.parents[j]), "parent");
        }
        _assertAncestors(i, entry, modelHash);
        if (verdict == IModelRegistry.Verdict.AncestorRevoked) {
            vm.assertTrue(registry.models(culprit).revokedAt != 0, "culprit");
        }
    }

    /// @dev Those of the plain recursion: as many, each once, never itself, each final before.
    function _assertAncestors(uint256 i, ModelRegistryHandler.Entry memory entry, bytes32 modelHash) private view {
        bytes32[] memory ancestors = registry.ancestorsOf(modelHash);
        if (entry.parents.length == 0) return vm.assertEq(ancestors.length, 0, "ancestors of a model without parents");
        uint256 count = 0;
        for (uint256 other = 1; other <= MODELS; ++other) {
            bool found = false;
            for (uint256 j = 0; j < ancestors.length; ++j) {
                found = found || ancestors[j] == handler.digest(other);
            }
            vm.assertEq(found, handler.descends(i, other), "ancestor");
            if (!found) continue;
            ++count;
            vm.assertTrue(handler.finalAt(other) <= entry.registeredAt, "an ancestor that was provisional");
        }
        vm.assertEq(ancestors.length, count, "ancestors");
        vm.assertTrue(!handler.descends(i, i), "a cycle");
    }

    /// @dev The invariant says something only if the handler gets through: 4,000 pseudo-random actions on chains that are
    /// begun anew do all of them, and meet every refusal.
    function test_RegistryHandlerReachesEveryAction() external {
        uint256 word = 42;
        bytes32[32] memory names = _names();
        uint256[32] memory reached;
        for (uint256 run = 0; run < 10; ++run) {
            setUp();
            for (uint256 i = 0; i < 400; ++i) {
                word = uint256(keccak256(abi.encode(word)));
                _step(word >> 224, word >> 200, word >> 160, word >> 120, word >> 80);
                if (i % 40 == 0) _assertModel(1, 1);
            }
            _assertModel(1, 1);
            for (uint256 i = 0; i < 32; ++i) {
                reached[i] += handler.calls(names[i]);
            }
        }
        for (uint256 i = 0; i < 32; ++i) {
            vm.assertTrue(reached[i] != 0, string(abi.encode(names[i])));
        }
    }

    function _step(uint256 which, uint256 a, uint256 b, uint256 c, uint256 d) private {
        which %= 16;
        if (which == 0 || which == 1) handler.pass(a, b);
        else if (which == 2 || which == 4) handler.commit(a, b, c % 4 != 0);
        else if (which < 6) handler.register(a, b, c, d, which == 3 || a % 4 != 0);
        else if (which == 6) handler.transfer(a, b, c);
        else if (which == 7) handler.accept(a, b);
        else if (which == 8) handler.setStage(a, b, c);
        else if (which == 9) handler.revoke(a, b, c);
        else if (which == 10) handler.certify(a, b);
        else if (which == 11) handler.revokeCertificate(a, b);
        else if (which == 12) handler.publish(a, b);
        else if (which == 13 || which == 14) handler.setAlias(a, b, c, d);
        else handler.freeze(a, b, c);
    }

    function _names() private pure returns (bytes32[32] memory) {
        return [
            bytes32("commit"),
            "register",
            "displace",
            "displace younger",
            "final at once",
            "transfer",
            "accept",
            "setStage",
            "revoke",
            "certify",
            "revokeCertificate",
            "publish",
            "setAlias",
            "freezeAlias",
            "freezeName",
            IModelRegistry.ModelRegistry_AlreadyCommitted.selector,
            IModelRegistry.ModelRegistry_NotCommitted.selector,
            IModelRegistry.ModelRegistry_AlreadyRegistered.selector,
            IModelRegistry.ModelRegistry_UnknownModel.selector,
            IModelRegistry.ModelRegistry_Provisional.selector,
            IModelRegistry.ModelRegistry_Revoked.selector,
            IModelRegistry.ModelRegistry_NotOwner.selector,
            IModelRegistry.ModelRegistry_NotPendingOwner.selector,
            IModelRegistry.ModelRegistry_DuplicateParent.selector,
            IModelRegistry.ModelRegistry_SameStage.selector,
            IModelRegistry.ModelRegistry_InvalidExpiry.selector,
            IModelRegistry.ModelRegistry_NoCertificate.selector,
            IModelRegistry.ModelRegistry_NotNameOwner.selector,
            IModelRegistry.ModelRegistry_Frozen.selector,
            IModelRegistry.ModelRegistry_VersionTaken.selector,
            IModelRegistry.ModelRegistry_AliasMoved.selector,
            IModelRegistry.ModelRegistry_NotPublished.selector
        ];
    }
}
