// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryFixture} from "./ModelRegistryFixture.sol";

/// @dev OWNER made the model, OTHER copies what it sees in the mempool.
contract ModelRegistryAttacksTest is ModelRegistryFixture {
    bytes32 private constant MODEL = keccak256("model");

    // ------------------------------------------------------------------------------------------------------------
    // Overwriting
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Whatever a stranger commits to, after the registration or before it, a final model stays as it is.
    function testFuzz_FinalModelIsNeverOverwritten(bool before, bool committed, uint256 time) public {
        if (before) _commit(OTHER, MODEL);
        _nextBlock();
        if (committed) _finally(OWNER, MODEL);
        else _register(OWNER, MODEL);
        bytes32 slots = _contents();
        if (!before) _commit(OTHER, MODEL);
        _nextBlock();
        vm.warp(_bound(time, committed ? START : START + PERIOD, 2 ** 40 - 1));
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _reveal(OTHER, MODEL, _none(), SALT);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _register(OTHER, MODEL);
        vm.assertEq(_contents(), slots);
    }

    /// @dev The last second in which an older commitment displaces, and the first in which it does not.
    function test_DisplacementEndsWithThePeriod() public {
        _commit(OWNER, MODEL);
        _nextBlock();
        _register(OTHER, MODEL);
        uint256 id = vm.snapshotState();
        vm.warp(START + PERIOD - 1);
        _reveal(OWNER, MODEL, _none(), SALT);
        vm.assertEq(registry.models(MODEL).owner, OWNER);
        vm.assertTrue(vm.revertToState(id));
        vm.warp(START + PERIOD);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OTHER);
        _reveal(OWNER, MODEL, _none(), SALT);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Running in front
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A copy that gets in first, without commitment, gives way; nothing of it is left.
    function test_CopyInFrontOfARevealGivesWay() public {
        _commit(OWNER, MODEL);
        _nextBlock();
        vm.prank(OTHER);
        registry.register(MODEL, KEY, "6.6.6-stolen.by.mallory+1", "{mallory}", true, _datasets(), 0);
        vm.expectEmit();
        emit IModelRegistry.ModelDisplaced(MODEL, OTHER);
        vm.expectEmit();
        emit IModelRegistry.ModelRegistered(MODEL, OWNER, "1.0.0");
        vm.record();
        vm.prank(OWNER);
        registry.register(MODEL, 0, "1.0.0", "", false, _none(), SALT);
        vm.assertEq(_written(address(registry)), 5);
        IModelRegistry.Model memory model = registry.models(MODEL);
        vm.assertEq(model.owner, OWNER);
        vm.assertEq(model.vectorHash, 0);
        vm.assertEq(model.version, "1.0.0");
        vm.assertEq(model.finalAt, START);
        vm.assertEq(model.metadataDigest, keccak256(""));
        vm.assertFalse(model.metadataKept);
        vm.assertEq(registry.metadataOf(MODEL), "");
        vm.assertEq(abi.encode(registry.lineageOf(MODEL)), abi.encode(_none()));
        // For good.
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _register(OTHER, MODEL);
    }

    /// @dev Commitment and registration in one transaction, or one block, are no commitment.
    function test_CopyWithACommitmentOfTheSameBlockIsRefused() public {
        _commit(OWNER, MODEL);
        _nextBlock();
        bytes32 commitment = _commit(OTHER, MODEL);
        _expect(IModelRegistry.ModelRegistry_NotCommitted.selector, commitment, _number());
        _reveal(OTHER, MODEL, _none(), SALT);
        _reveal(OWNER, MODEL, _none(), SALT);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _reveal(OTHER, MODEL, _none(), SALT);
    }

    /// @dev A commitment made when the model was seen displaces nothing: neither in the same block nor later.
    function testFuzz_CommitmentAfterTheRegistrationDisplacesNothing(bool sameBlock, bool first) public {
        if (first && sameBlock) _commit(OTHER, MODEL);
        _register(OWNER, MODEL);
        if (!sameBlock) _nextBlock();
        if (!first || !sameBlock) _commit(OTHER, MODEL);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _reveal(OTHER, MODEL, _none(), SALT);
    }

    /// @dev A commitment names its owner: copied, it is of use to nobody else, and sent first, of use to the owner.
    function testFuzz_CopiedCommitmentIsOfNoUse(address thief) public {
        vm.assume(thief != OWNER);
        vm.prank(thief);
        bytes32 commitment = _commit(OWNER, MODEL);
        _expect(IModelRegistry.ModelRegistry_AlreadyCommitted.selector, commitment);
        _commit(OWNER, MODEL);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_NotCommitted.selector, keccak256(abi.encode(thief, MODEL, SALT)), 0);
        _reveal(thief, MODEL, _none(), SALT);
        _reveal(OWNER, MODEL, _none(), SALT);
        vm.assertEq(registry.models(MODEL).finalAt, START);
    }

    /// @dev Of two who committed, whoever shows the model first has it.
    function testFuzz_FirstRevealOfTwoWins(bool other) public {
        (address winner, address loser) = other ? (OTHER, OWNER) : (OWNER, OTHER);
        _commit(OWNER, MODEL);
        _nextBlock();
        _commit(OTHER, MODEL);
        _nextBlock();
        _reveal(winner, MODEL, _none(), SALT);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, winner);
        _reveal(loser, MODEL, _none(), SALT);
    }

    function test_CommitmentWorksOnce() public {
        bytes32 commitment = _commit(OWNER, MODEL);
        _nextBlock();
        _reveal(OWNER, MODEL, _none(), SALT);
        vm.assertEq(registry.commitmentBlock(commitment), 0);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_NotCommitted.selector, commitment, 0);
        _reveal(OWNER, MODEL, _none(), SALT);
        // Made again it is there again, and finds the model taken.
        _commit(OWNER, MODEL);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _reveal(OWNER, MODEL, _none(), SALT);
    }

    /// @dev A refused reveal leaves the commitment as it was.
    function test_RefusedRevealKeepsTheCommitment() public {
        bytes32 commitment = _commit(OWNER, MODEL);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, KEY);
        _reveal(OWNER, MODEL, _childOf(KEY), SALT);
        vm.assertEq(registry.commitmentBlock(commitment), BLOCK);
        _reveal(OWNER, MODEL, _none(), SALT);
    }

    /// @dev A salt of zero stands for no commitment, whatever was committed.
    function test_ZeroSaltIsNoCommitment() public {
        registry.commit(keccak256(abi.encode(OWNER, MODEL, bytes32(0))));
        _nextBlock();
        _reveal(OWNER, MODEL, _none(), 0);
        vm.assertEq(registry.models(MODEL).finalAt, START + PERIOD);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Powers
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The certifier certifies and revokes; it owns nothing.
    function test_CertifierOwnsNothing() public {
        _finally(OWNER, MODEL);
        vm.startPrank(CERTIFIER);
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, CERTIFIER);
        registry.transferModel(MODEL, CERTIFIER);
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, CERTIFIER);
        registry.setStage(MODEL, IModelRegistry.Stage.Production);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        registry.registerModel(MODEL, VECTOR, "1.0.0", "");
        bytes32 nameId = registry.createName("resnet50");
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, CERTIFIER);
        registry.publish(nameId, MODEL);
        vm.stopPrank();
    }

    /// @dev A previous owner's stage and revocation stay; its power does not.
    function test_NewOwnerCannotUndoARevocation() public {
        _finally(OWNER, MODEL);
        _certify(MODEL, START + 100);
        _revoke(MODEL);
        vm.prank(OWNER);
        registry.transferModel(MODEL, OTHER);
        vm.prank(OTHER);
        registry.acceptModel(MODEL);
        _assertVerdict(MODEL, IModelRegistry.Verdict.Revoked, MODEL);
        _commit(OTHER, MODEL);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OTHER);
        _reveal(OTHER, MODEL, _none(), SALT);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _datasets() private pure returns (IModelRegistry.Lineage memory lineage) {
        lineage = _none();
        lineage.datasets = new bytes32[](2);
        lineage.datasets[0] = EVIDENCE;
    }

    function _contents() private view returns (bytes32) {
        return keccak256(abi.encode(registry.models(MODEL), registry.lineageOf(MODEL)));
    }
}
