// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "../../contracts/provenance/ModelRegistry.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryFixture} from "./ModelRegistryFixture.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @dev What a hostile review tried: a real AccessManager as a way around `revokeModel`, and digests that are shown before
/// they are registered.
contract ReviewRegistryTest is ModelRegistryFixture {
    bytes32 private constant MODEL = keccak256("model");
    uint64 private constant ROLE = 3;
    uint32 private constant DELAY = 1 days;

    AccessManager private _authority;

    function setUp() public override {
        super.setUp();
        _authority = new AccessManager(address(this));
        registry = new ModelRegistry(address(_authority), address(proof), address(verifications));
        _grant(_authority, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The authority
    // ------------------------------------------------------------------------------------------------------------

    function test_RoleWithADelayRevokesThroughTheManagerWhenItIsOver() public {
        _grant(_authority, DELAY);
        _finally(OWNER, MODEL);
        bytes memory revocation = _revocation();
        vm.prank(CERTIFIER);
        _authority.schedule(address(registry), revocation, 0);
        vm.warp(START + DELAY - 1);
        vm.assertFalse(_execute(CERTIFIER, revocation));
        vm.warp(START + DELAY);
        vm.assertFalse(_execute(OTHER, revocation));
        vm.assertEq(registry.models(MODEL).revokedAt, 0);
        vm.assertTrue(_execute(CERTIFIER, revocation));
        vm.assertEq(registry.models(MODEL).revokedAt, START + DELAY);
    }

    function test_ManagerLendsAStrangerNothing() public {
        _finally(OWNER, MODEL);
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(AccessManager.execute, (address(registry), _revocation()));
        vm.prank(OTHER);
        (bool success,) = address(_authority).call(abi.encodeCall(_authority.multicall, (calls)));
        vm.assertFalse(success);
        vm.assertFalse(_execute(OTHER, _revocation()));
        vm.assertEq(registry.models(MODEL).revokedAt, 0);
    }

    function test_ClosedRegistryStopsCertifiersAndNoOwner() public {
        _finally(OWNER, MODEL);
        _authority.setTargetClosed(address(registry), true);
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, CERTIFIER);
        vm.prank(CERTIFIER);
        registry.revokeModel(MODEL, "closed");
        vm.assertFalse(_execute(CERTIFIER, _revocation()));
        _revoke(MODEL);
        vm.assertEq(registry.models(MODEL).revokedAt, START);
    }

    function test_AuthorityThatIsReplacedDecidesNothingMore() public {
        _finally(OWNER, MODEL);
        AccessManager next = new AccessManager(address(this));
        _authority.updateAuthority(address(registry), address(next));
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, CERTIFIER);
        vm.prank(CERTIFIER);
        registry.revokeModel(MODEL, "past");
        vm.assertFalse(_execute(CERTIFIER, _revocation()));
        vm.assertEq(registry.models(MODEL).revokedAt, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Digests that were shown before
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A limit that docs/model-registry.md states: a commitment hides a digest, and `sealRun` shows it.
    function test_DigestThatASealShowedGoesToWhoeverRegistersFirst() public {
        _commit(OWNER, MODEL);
        _nextBlock();
        IModelRegistry.Lineage memory lineage = _none();
        lineage.run = _sealedRun(OWNER, MODEL);
        _nextBlock();
        _finally(OTHER, MODEL);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OTHER);
        _reveal(OWNER, MODEL, lineage, SALT);
    }

    /// @dev And the way around it: what shows the digest and what registers it go into one block.
    function test_DigestThatIsSealedAndRegisteredInOneBlockIsTheOwners() public {
        _commit(OWNER, MODEL);
        _nextBlock();
        IModelRegistry.Lineage memory lineage = _none();
        lineage.run = _sealedRun(OWNER, MODEL);
        bytes32 copy = _commit(OTHER, MODEL);
        _register(OTHER, MODEL);
        _expect(IModelRegistry.ModelRegistry_NotCommitted.selector, copy, _number());
        _reveal(OTHER, MODEL, _none(), SALT);
        _reveal(OWNER, MODEL, lineage, SALT);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _reveal(OTHER, MODEL, _none(), SALT);
        vm.assertEq(registry.lineageOf(MODEL).run, lineage.run);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _grant(AccessManager authority, uint32 delay) private {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = registry.revokeModel.selector;
        authority.setTargetFunctionRole(address(registry), selectors, ROLE);
        authority.grantRole(ROLE, CERTIFIER, delay);
    }

    function _execute(address caller, bytes memory data) private returns (bool success) {
        bytes memory call = abi.encodeCall(AccessManager.execute, (address(registry), data));
        vm.prank(caller);
        (success,) = address(_authority).call(call);
    }

    function _revocation() private pure returns (bytes memory) {
        return abi.encodeCall(IModelRegistry.revokeModel, (MODEL, "dangerous"));
    }
}
