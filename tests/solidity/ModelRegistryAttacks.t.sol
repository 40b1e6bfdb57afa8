// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryFixture} from "./ModelRegistryFixture.sol";

/// @dev OWNER made the model, OTHER copies what it sees in the mempool.
contract ModelRegistryAttacksTest is ModelRegistryFixture {
    bytes32 private constant MODEL = keccak256("model");
    address private constant THIRD = address(0xca401);

    // ------------------------------------------------------------------------------------------------------------
    // Overwriting
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Whatever a stranger commits to, after the registration or long before it, a final model stays as it is.
    function testFuzz_FinalModelIsNeverOverwritten(bool before, bool committed, uint256 time) public {
        vm.warp(START - 2 * PERIOD);
        if (before) _commit(OTHER, MODEL);
        vm.warp(START);
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
        vm.assertEq(registry.models(MODEL).finalAt, START + 2 * PERIOD - 1);
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
        _commitAhead(OWNER, MODEL);
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
        vm.assertEq(registry.models(MODEL).owner, OWNER);
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
        vm.warp(START + PERIOD);
        _reveal(OWNER, MODEL, _none(), 0);
        vm.assertEq(registry.models(MODEL).finalAt, START + 2 * PERIOD);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Older and younger commitments
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Of two who committed, the older commitment has the model, whoever shows it first.
    function testFuzz_OlderCommitmentOfTwoWins(bool younger, uint256 wait) public {
        _commitInTurn(OWNER, OTHER);
        vm.warp(START + 12);
        if (younger) {
            _reveal(OTHER, MODEL, _none(), SALT);
            vm.assertEq(registry.models(MODEL).owner, OTHER);
            vm.warp(START + 12 + _bound(wait, 0, PERIOD - 1));
            vm.expectEmit();
            emit IModelRegistry.ModelDisplaced(MODEL, OTHER);
            _reveal(OWNER, MODEL, _none(), SALT);
        } else {
            _reveal(OWNER, MODEL, _none(), SALT);
            vm.warp(START + 12 + _bound(wait, 0, PERIOD - 1));
            _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
            _reveal(OTHER, MODEL, _none(), SALT);
        }
        vm.assertEq(registry.models(MODEL).owner, OWNER);
    }

    /// @dev The last second in which the older commitment displaces a registration on a younger one, and the first in
    /// which it does not, an hour old as it is itself.
    function test_OlderCommitmentDisplacesWithinTheHourOnly() public {
        _commitInTurn(OWNER, OTHER);
        vm.warp(START + 12);
        _reveal(OTHER, MODEL, _none(), SALT);
        uint256 id = vm.snapshotState();
        vm.warp(START + 12 + PERIOD - 1);
        _reveal(OWNER, MODEL, _none(), SALT);
        vm.assertEq(registry.models(MODEL).owner, OWNER);
        // Final at once: by then it is older than an hour.
        vm.assertEq(registry.models(MODEL).finalAt, START + 12 + PERIOD - 1);
        vm.assertTrue(vm.revertToState(id));
        vm.warp(START + 12 + PERIOD);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OTHER);
        _reveal(OWNER, MODEL, _none(), SALT);
    }

    /// @dev Neither is older: whoever shows the model first has it.
    function testFuzz_CommitmentOfTheSameBlockDisplacesNothing(bool other, uint256 wait) public {
        (address winner, address loser) = other ? (OTHER, OWNER) : (OWNER, OTHER);
        _commit(OWNER, MODEL);
        _commit(OTHER, MODEL);
        _nextBlock();
        _reveal(winner, MODEL, _none(), SALT);
        _nextBlock();
        vm.warp(START + _bound(wait, 0, 2 * PERIOD));
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, winner);
        _reveal(loser, MODEL, _none(), SALT);
    }

    /// @dev A registration counts from its commitment: one made in between, though before the registration, is younger.
    function test_RegistrationCountsFromItsCommitment() public {
        _commitInTurn(OWNER, OTHER);
        _nextBlock();
        _nextBlock();
        _reveal(OWNER, MODEL, _none(), SALT);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _reveal(OTHER, MODEL, _none(), SALT);
        // So it does once it has displaced another.
        _commit(THIRD, _id(1));
        _nextBlock();
        _commit(OWNER, _id(1));
        _nextBlock();
        _commit(OTHER, _id(1));
        _nextBlock();
        _register(address(this), _id(1));
        _nextBlock();
        _reveal(OWNER, _id(1), _none(), SALT);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, _id(1), OWNER);
        _reveal(OTHER, _id(1), _none(), SALT);
        _reveal(THIRD, _id(1), _none(), SALT);
        vm.assertEq(registry.models(_id(1)).owner, THIRD);
    }

    /// @dev Each displacement begins an hour of its own, in which a still older commitment can do the same.
    function test_DisplacingRegistrationGivesWayToAStillOlderCommitment() public {
        _commit(THIRD, MODEL);
        _nextBlock();
        vm.warp(START + PERIOD);
        _commit(OWNER, MODEL);
        _nextBlock();
        bytes32 last = _commit(OTHER, MODEL);
        _nextBlock();
        _reveal(OTHER, MODEL, _none(), SALT);
        vm.warp(START + 2 * PERIOD - 1);
        _reveal(OWNER, MODEL, _none(), SALT);
        vm.assertEq(registry.models(MODEL).finalAt, START + 3 * PERIOD - 1);
        // The hour of the first is over, that of the second is not.
        vm.warp(START + 3 * PERIOD - 2);
        vm.expectEmit();
        emit IModelRegistry.ModelDisplaced(MODEL, OWNER);
        _reveal(THIRD, MODEL, _none(), SALT);
        vm.assertEq(registry.models(MODEL).owner, THIRD);
        vm.assertEq(registry.models(MODEL).finalAt, START + 3 * PERIOD - 2);
        // Both commitments were used up, and what is made now is younger.
        _expect(IModelRegistry.ModelRegistry_NotCommitted.selector, last, 0);
        _reveal(OTHER, MODEL, _none(), SALT);
        _commit(OTHER, MODEL);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, THIRD);
        _reveal(OTHER, MODEL, _none(), SALT);
    }

    /// @dev An hour of age makes final at once what is registered; it gives no precedence.
    function test_AgeOfACommitmentDisplacesNothing() public {
        _commitInTurn(OWNER, OTHER);
        vm.warp(START + PERIOD - 1);
        _reveal(OWNER, MODEL, _none(), SALT);
        // Provisional, on an older commitment.
        vm.warp(START + PERIOD);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, MODEL, OWNER);
        _reveal(OTHER, MODEL, _none(), SALT);
        // Final, on a younger one: final at once, in the very second, and final because its hour is over.
        _commit(THIRD, _id(1));
        _commit(THIRD, _id(2));
        _nextBlock();
        _commit(OWNER, _id(1));
        _commit(OWNER, _id(2));
        _nextBlock();
        _reveal(OWNER, _id(2), _none(), SALT);
        vm.warp(START + 2 * PERIOD);
        _reveal(OWNER, _id(1), _none(), SALT);
        for (uint256 i = 1; i < 3; ++i) {
            _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, _id(i), OWNER);
            _reveal(THIRD, _id(i), _none(), SALT);
        }
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

    /// @dev To the model, in one block each.
    function _commitInTurn(address first, address second) private {
        _commit(first, MODEL);
        _nextBlock();
        _commit(second, MODEL);
        _nextBlock();
    }

    function _datasets() private pure returns (IModelRegistry.Lineage memory lineage) {
        lineage = _none();
        lineage.datasets = new bytes32[](2);
        lineage.datasets[0] = EVIDENCE;
    }

    function _contents() private view returns (bytes32) {
        return keccak256(abi.encode(registry.models(MODEL), registry.lineageOf(MODEL)));
    }
}
