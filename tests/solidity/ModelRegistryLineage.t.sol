// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryFixture} from "./ModelRegistryFixture.sol";

contract ModelRegistryLineageTest is ModelRegistryFixture {
    // ------------------------------------------------------------------------------------------------------------
    // Parents
    // ------------------------------------------------------------------------------------------------------------

    function test_ParentThatDoesNotExistReverts() public {
        _finally(OWNER, _id(2));
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, _id(3));
        _reveal(OWNER, _id(1), _childOfMany(2, 2), 0);
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, 0);
        _reveal(OWNER, _id(1), _childOf(0), 0);
    }

    function testFuzz_ParentThatIsProvisionalReverts(uint256 time) public {
        _register(OTHER, _id(2));
        vm.warp(_bound(time, START, START + PERIOD - 1));
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, _id(2), START + PERIOD);
        _reveal(OWNER, _id(1), _childOf(_id(2)), 0);
        vm.warp(START + PERIOD);
        _reveal(OWNER, _id(1), _childOf(_id(2)), 0);
        vm.assertEq(registry.ancestorsOf(_id(1))[0], _id(2));
    }

    function test_ParentThatIsRevokedReverts() public {
        _finally(OWNER, _id(2));
        vm.warp(START + 7);
        _revoke(_id(2));
        vm.warp(START + 9);
        _expect(IModelRegistry.ModelRegistry_Revoked.selector, _id(2), START + 7);
        _reveal(OWNER, _id(1), _childOf(_id(2)), 0);
    }

    function testFuzz_SameParentTwiceReverts(uint256 count, uint256 which) public {
        count = _bound(count, 2, 8);
        for (uint256 i = 0; i < count; ++i) {
            _finally(OTHER, _id(10 + i));
        }
        IModelRegistry.Lineage memory lineage = _childOfMany(10, count);
        which = _bound(which, 1, count - 1);
        lineage.parents[which].modelHash = _id(10);
        _expect(IModelRegistry.ModelRegistry_DuplicateParent.selector, _id(10));
        _reveal(OWNER, _id(1), lineage, 0);
    }

    function testFuzz_EveryRelationIsKept(uint256 word, uint256 count) public {
        count = _bound(count, 1, 8);
        IModelRegistry.Lineage memory lineage = _childOfMany(10, count);
        for (uint256 i = 0; i < count; ++i) {
            _finally(OTHER, _id(10 + i));
            lineage.parents[i].relation = IModelRegistry.Relation((word >> (2 * i)) & 3);
        }
        _reveal(OWNER, _id(1), lineage, 0);
        vm.assertEq(abi.encode(registry.lineageOf(_id(1)).parents), abi.encode(lineage.parents));
    }

    /// @dev Words that are no relation do not decode: nothing is registered.
    function testFuzz_RelationThatIsNoneReverts(uint256 relation) public {
        relation = _bound(relation, 4, type(uint256).max);
        _finally(OTHER, _id(2));
        bytes memory data =
            abi.encodeCall(registry.register, (_id(1), VECTOR, "1.0.0", "", false, _childOf(_id(2)), bytes32(0)));
        // The relation follows its parent's digest, the only place at which that stands.
        bytes32 parent = _id(2);
        for (uint256 i = 4; i + 64 <= data.length; i += 32) {
            bytes32 word;
            assembly ("memory-safe") {
                word := mload(add(add(data, 0x20), i))
                if eq(word, parent) { mstore(add(add(data, 0x40), i), relation) }
            }
        }
        (bool success,) = address(registry).call(data);
        vm.assertFalse(success);
        _assertVerdict(_id(1), IModelRegistry.Verdict.Unknown, _id(1));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Cycles
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Not registered; registered by somebody else, provisionally; final.
    function test_ModelCannotBeItsOwnParent() public {
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, _id(1));
        _reveal(OWNER, _id(1), _childOf(_id(1)), 0);
        _commit(OWNER, _id(1));
        _nextBlock();
        _register(OTHER, _id(1));
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, _id(1), START + PERIOD);
        _reveal(OWNER, _id(1), _childOf(_id(1)), SALT);
        vm.warp(START + PERIOD);
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, _id(1), OTHER);
        _reveal(OWNER, _id(1), _childOf(_id(1)), SALT);
    }

    /// @dev A child of what may still give way could become its ancestor.
    function test_DisplacementCannotCloseACycle() public {
        _commit(OWNER, _id(1));
        _nextBlock();
        _register(OTHER, _id(1));
        _commit(OTHER, _id(2));
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, _id(1), START + PERIOD);
        _reveal(OTHER, _id(2), _childOf(_id(1)), SALT);
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, _id(2));
        _reveal(OWNER, _id(1), _childOf(_id(2)), SALT);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Ancestors
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A diamond: 1 from 2 and 3, both from 4, 2 also from 5.
    function test_AncestorsAreDistinctAndNearestFirst() public {
        _finally(OWNER, _id(4));
        _finally(OWNER, _id(5));
        _finally(OWNER, _id(3), _childOf(_id(4)));
        _finally(OWNER, _id(2), _childOfMany(4, 2));
        _finally(OWNER, _id(1), _childOfMany(2, 2));
        bytes32[] memory ancestors = registry.ancestorsOf(_id(1));
        bytes32[4] memory expected = [_id(2), _id(3), _id(4), _id(5)];
        vm.assertEq(ancestors.length, 4);
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(ancestors[i], expected[i]);
        }
    }

    /// @dev A chain of 64 above a model is the longest; its far end decides.
    function test_RevokedAtTheFarEndOf64Ancestors() public {
        _finally(OWNER, _id(64));
        for (uint256 i = 64; i > 0; --i) {
            _finally(OWNER, _id(i - 1), _childOf(_id(i)));
        }
        bytes32[] memory ancestors = registry.ancestorsOf(_id(0));
        vm.assertEq(ancestors.length, 64);
        for (uint256 i = 0; i < 64; ++i) {
            vm.assertEq(ancestors[i], _id(i + 1));
        }
        _certify(_id(0), START + 1 days);
        _assertVerdict(_id(0), IModelRegistry.Verdict.Deployable, 0);
        _revoke(_id(64));
        _assertVerdict(_id(0), IModelRegistry.Verdict.AncestorRevoked, _id(64));

        // One more is one too many, and so is it in one step with another parent.
        bytes32 child = keccak256("child");
        _commit(OWNER, child);
        _nextBlock();
        _expect(IModelRegistry.ModelRegistry_TooManyAncestors.selector, child, 64);
        _reveal(OWNER, child, _childOf(_id(0)), SALT);
        _reveal(OWNER, child, _childOf(_id(1)), SALT);
        vm.assertEq(registry.ancestorsOf(child).length, 64);
    }

    /// @dev Eight layers of eight, everything from everything above it: 64 ancestors by 456 ways, one too many with a 65th.
    function test_DenseAncestryIsBounded() public {
        for (uint256 layer = 0; layer < 8; ++layer) {
            for (uint256 i = 0; i < 8; ++i) {
                uint256 number = layer * 8 + i;
                if (layer == 0) _finally(OWNER, _id(number));
                else _finally(OWNER, _id(number), _childOfMany(layer * 8 - 8, 8));
            }
        }
        _finally(OWNER, _id(64), _childOfMany(56, 8));
        vm.assertEq(registry.ancestorsOf(_id(64)).length, 64);
        _certify(_id(64), START + 1 days);
        uint256 before = gasleft();
        _assertVerdict(_id(64), IModelRegistry.Verdict.Deployable, 0);
        vm.assertTrue(before - gasleft() < 4_000_000);

        _finally(OWNER, keccak256("another"));
        IModelRegistry.Lineage memory lineage = _childOfMany(56, 8);
        lineage.parents[7].modelHash = keccak256("another");
        // Seven of the last layer and `another`, and the 56 above.
        _reveal(OWNER, keccak256("child"), lineage, 0);
        vm.assertEq(registry.ancestorsOf(keccak256("child")).length, 64);
        vm.warp(START + PERIOD);
        _expect(IModelRegistry.ModelRegistry_TooManyAncestors.selector, keccak256("grandchild"), 64);
        _reveal(OWNER, keccak256("grandchild"), _childOf(keccak256("child")), 0);
    }
}
