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

    /// @dev A commitment hides a digest, and `sealRun` shows it: to whoever is first to register, and not to keep it.
    function testFuzz_DigestThatASealShowedGoesToTheOlderCommitment(uint256 wait) public {
        _commit(OWNER, MODEL);
        _nextBlock();
        IModelRegistry.Lineage memory lineage = _none();
        lineage.run = _sealedRun(OWNER, MODEL);
        _nextBlock();
        _commit(OTHER, MODEL);
        _nextBlock();
        _reveal(OTHER, MODEL, _none(), SALT);
        _nextBlock();
        // Nothing builds on it in the meantime, so nothing of it is left.
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, MODEL, START + PERIOD);
        vm.prank(OTHER);
        registry.transferModel(MODEL, CERTIFIER);
        vm.warp(START + _bound(wait, 0, PERIOD - 1));
        vm.expectEmit();
        emit IModelRegistry.ModelDisplaced(MODEL, OTHER);
        _reveal(OWNER, MODEL, lineage, SALT);
        vm.assertEq(registry.models(MODEL).owner, OWNER);
        vm.assertEq(registry.lineageOf(MODEL).run, lineage.run);
        _commit(OTHER, MODEL);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _reveal(OTHER, MODEL, _none(), SALT);
    }

    /// @dev The limit that docs/model-registry.md states: who does not get in within the hour has lost it.
    /// Who waits with a younger commitment is then final at once.
    function testFuzz_DigestThatASealShowedIsLostAfterAnHour(bool patient, uint256 late) public {
        _commit(OWNER, MODEL);
        _nextBlock();
        IModelRegistry.Lineage memory lineage = _none();
        lineage.run = _sealedRun(OWNER, MODEL);
        _commit(OTHER, MODEL);
        _nextBlock();
        if (patient) vm.warp(START + PERIOD);
        _reveal(OTHER, MODEL, _none(), SALT);
        vm.warp(_bound(late, START + PERIOD, 2 ** 40 - 1));
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OTHER);
        _reveal(OWNER, MODEL, lineage, SALT);
    }

    /// @dev What shows the digest and what registers it may stand in one block.
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
