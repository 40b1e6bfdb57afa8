// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryFixture} from "./ModelRegistryFixture.sol";

contract ModelRegistryNamesTest is ModelRegistryFixture {
    bytes32 private constant NAME = keccak256(abi.encode(OWNER, "resnet50"));
    string private constant CHAMPION = "champion";

    bytes32 private a;
    bytes32 private b;

    /// @dev A name with two versions, 1.0.0 and 2.0.0.
    function setUp() public override {
        super.setUp();
        vm.prank(OWNER);
        registry.createName("resnet50");
        (a, b) = (_id(1), _id(2));
        _finally(OWNER, a);
        _finallyAs(b, "2.0.0");
        vm.startPrank(OWNER);
        registry.publish(NAME, a);
        registry.publish(NAME, b);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------------
    // createName
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_CreateName(address creator, uint256 length) public {
        vm.assume(creator != address(0));
        string memory name = _text(_bound(length, 1, 63));
        bytes32 nameId = keccak256(abi.encode(creator, name));
        vm.assertEq(registry.nameIdOf(creator, name), nameId);
        vm.expectEmit();
        emit IModelRegistry.NameCreated(nameId, creator, name);
        vm.prank(creator);
        vm.assertEq(registry.createName(name), nameId);
        (address owner, address pendingOwner, bool frozen, string memory kept) = registry.nameOf(nameId);
        vm.assertEq(owner, creator);
        vm.assertEq(pendingOwner, address(0));
        vm.assertFalse(frozen);
        vm.assertEq(kept, name);
        _expect(IModelRegistry.ModelRegistry_NameExists.selector, nameId);
        vm.prank(creator);
        registry.createName(name);
    }

    function testFuzz_SameNameOfAnother(address creator) public {
        vm.assume(creator != OWNER && creator != address(0));
        vm.prank(creator);
        bytes32 other = registry.createName("resnet50");
        vm.assertTrue(other != NAME);
        vm.assertEq(registry.modelOf(other, "1.0.0"), 0);
        vm.assertFalse(registry.isPublished(other, a));
    }

    function test_CreateInvalidNameReverts() public {
        string[4] memory names = ["", "ResNet", "-a", "a/b"];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_InvalidName.selector, names[i]));
            registry.createName(names[i]);
        }
    }

    /// @dev Also after it passed to another owner: an id names its creator for ever.
    function test_CreateAgainAfterTransferReverts() public {
        _transferName(OTHER);
        _expect(IModelRegistry.ModelRegistry_NameExists.selector, NAME);
        vm.prank(OWNER);
        registry.createName("resnet50");
    }

    // ------------------------------------------------------------------------------------------------------------
    // transferName, acceptName
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_TransferName(address newOwner, bool frozen) public {
        vm.assume(newOwner != OWNER && newOwner != address(0));
        if (frozen) _freezeName();
        vm.expectEmit();
        emit IModelRegistry.NameTransferStarted(NAME, OWNER, newOwner);
        vm.prank(OWNER);
        registry.transferName(NAME, newOwner);
        (address owner, address pendingOwner,,) = registry.nameOf(NAME);
        vm.assertTrue(owner == OWNER && pendingOwner == newOwner);
        vm.expectEmit();
        emit IModelRegistry.NameTransferred(NAME, OWNER, newOwner);
        vm.prank(newOwner);
        registry.acceptName(NAME);
        bool still;
        (owner, pendingOwner, still,) = registry.nameOf(NAME);
        vm.assertTrue(owner == newOwner && pendingOwner == address(0) && still == frozen);
        vm.assertEq(registry.modelOf(NAME, "1.0.0"), a);
    }

    function testFuzz_AcceptNameByAnotherReverts(address anybody, bool offered) public {
        vm.assume(anybody != OTHER && anybody != address(0));
        vm.prank(OWNER);
        registry.transferName(NAME, offered ? OTHER : address(0));
        _expect(IModelRegistry.ModelRegistry_NotPendingNameOwner.selector, NAME, anybody);
        vm.prank(anybody);
        registry.acceptName(NAME);
    }

    function test_NameOfferIsWithdrawn() public {
        vm.startPrank(OWNER);
        registry.transferName(NAME, OTHER);
        registry.transferName(NAME, address(0));
        vm.stopPrank();
        _expect(IModelRegistry.ModelRegistry_NotPendingNameOwner.selector, NAME, OTHER);
        vm.prank(OTHER);
        registry.acceptName(NAME);
    }

    function testFuzz_NameByAnotherReverts(address anybody) public {
        vm.assume(anybody != OWNER);
        _assertRefused(
            anybody, abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotNameOwner.selector, NAME, anybody)
        );
        _expect(IModelRegistry.ModelRegistry_NotNameOwner.selector, NAME, anybody);
        vm.prank(anybody);
        registry.transferName(NAME, anybody);
    }

    function testFuzz_NoNameReverts(bytes32 nameId) public {
        vm.assume(nameId != NAME);
        bytes4 refusal = IModelRegistry.ModelRegistry_UnknownName.selector;
        vm.startPrank(OWNER);
        _expect(refusal, nameId);
        registry.transferName(nameId, OTHER);
        _expect(refusal, nameId);
        registry.publish(nameId, a);
        _expect(refusal, nameId);
        registry.setAlias(nameId, CHAMPION, 0, a);
        _expect(refusal, nameId);
        registry.freezeAlias(nameId, CHAMPION);
        _expect(refusal, nameId);
        registry.freezeName(nameId);
        _expect(refusal, nameId);
        registry.nameOf(nameId);
        vm.stopPrank();
        vm.assertEq(registry.modelOf(nameId, "1.0.0"), 0);
        vm.assertFalse(registry.isPublished(nameId, a));
        (bytes32 modelHash, bool frozen) = registry.aliasOf(nameId, CHAMPION);
        vm.assertTrue(modelHash == 0 && !frozen);
        vm.assertEq(registry.aliasAt(nameId, CHAMPION, 0), 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // publish
    // ------------------------------------------------------------------------------------------------------------

    function test_Publish() public {
        bytes32 c = _id(3);
        _finallyAs(c, "1.0.0-alpha.4444+55555.666666");
        vm.assertFalse(registry.isPublished(NAME, c));
        vm.expectEmit();
        emit IModelRegistry.VersionPublished(NAME, c, "1.0.0-alpha.4444+55555.666666");
        vm.prank(OWNER);
        registry.publish(NAME, c);
        vm.assertTrue(registry.isPublished(NAME, c));
        vm.assertEq(registry.modelOf(NAME, "1.0.0-alpha.4444+55555.666666"), c);
        vm.assertEq(registry.modelOf(NAME, "1.0.0"), a);
        vm.assertEq(registry.modelOf(NAME, "2.0.0"), b);
        vm.assertEq(registry.modelOf(NAME, "3.0.0"), 0);
    }

    function test_PublishVersionTwiceReverts() public {
        bytes32 c = _id(3);
        _finally(OWNER, c);
        bytes4 refusal = IModelRegistry.ModelRegistry_VersionTaken.selector;
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(refusal, NAME, "1.0.0", a));
        registry.publish(NAME, c);
        vm.expectRevert(abi.encodeWithSelector(refusal, NAME, "1.0.0", a));
        registry.publish(NAME, a);
        vm.stopPrank();
    }

    function test_PublishWhatIsNotOnesOwnReverts() public {
        bytes32 c = _id(3);
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, c);
        _publish(c);
        _register(OTHER, c);
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, c, START + PERIOD);
        _publish(c);
        vm.warp(START + PERIOD);
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, c, OWNER);
        _publish(c);
    }

    function test_PublishRevokedReverts() public {
        bytes32 c = _id(3);
        _finallyAs(c, "3.0.0");
        _revoke(c);
        _expect(IModelRegistry.ModelRegistry_Revoked.selector, c, START);
        _publish(c);
    }

    // ------------------------------------------------------------------------------------------------------------
    // setAlias
    // ------------------------------------------------------------------------------------------------------------

    function test_SetAlias() public {
        bytes32[5] memory way = [bytes32(0), a, b, a, bytes32(0)];
        for (uint256 i = 1; i < 5; ++i) {
            vm.expectEmit();
            emit IModelRegistry.AliasMoved(NAME, CHAMPION, way[i - 1], way[i]);
            _setAlias(way[i - 1], way[i]);
            _assertAlias(way[i], false);
        }
        (bytes32 other,) = registry.aliasOf(NAME, "challenger");
        vm.assertEq(other, 0);
    }

    /// @dev Compare and set: who read an old value changes nothing.
    function testFuzz_SetAliasThatMovedReverts(bytes32 from) public {
        vm.assume(from != a);
        _setAlias(0, a);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_AliasMoved.selector, NAME, CHAMPION, a));
        _setAlias(from, b);
        _assertAlias(a, false);
    }

    function test_SetAliasToWhatIsNotPublishedReverts() public {
        bytes32 c = _id(3);
        _finallyAs(c, "3.0.0");
        _expect(IModelRegistry.ModelRegistry_NotPublished.selector, NAME, uint256(c));
        _setAlias(0, c);
    }

    /// @dev It stays where it points to, can be moved off, and not back.
    function test_SetAliasToRevokedReverts() public {
        _setAlias(0, a);
        _revoke(a);
        _assertAlias(a, false);
        _setAlias(a, b);
        _expect(IModelRegistry.ModelRegistry_Revoked.selector, a, START);
        _setAlias(b, a);
    }

    function test_SetInvalidAliasReverts() public {
        string[5] memory names = ["", "latest", "v1", "Champion", ".a"];
        vm.startPrank(OWNER);
        for (uint256 i = 0; i < 5; ++i) {
            bytes memory refusal = abi.encodeWithSelector(IModelRegistry.ModelRegistry_InvalidName.selector, names[i]);
            vm.expectRevert(refusal);
            registry.setAlias(NAME, names[i], 0, a);
            vm.expectRevert(refusal);
            registry.freezeAlias(NAME, names[i]);
        }
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------------
    // aliasAt
    // ------------------------------------------------------------------------------------------------------------

    function test_AliasAtTheEdges() public {
        vm.warp(START + 10);
        _setAlias(0, b);
        _setAlias(b, a);
        vm.warp(START + 20);
        _setAlias(a, b);
        vm.warp(START + 30);
        _setAlias(b, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_FutureLookup.selector, START + 30, START + 30)
        );
        registry.aliasAt(NAME, CHAMPION, uint48(START + 30));
        vm.warp(START + 31);
        bytes32[7] memory expected = [bytes32(0), 0, a, a, b, b, 0];
        uint256[7] memory times = [0, START + 9, START + 10, START + 19, START + 20, START + 29, START + 30];
        for (uint256 i = 0; i < 7; ++i) {
            vm.assertEq(registry.aliasAt(NAME, CHAMPION, uint48(times[i])), expected[i]);
        }
    }

    /// @dev Of any history, at any time: what the last move at or before it set.
    function testFuzz_AliasAt(uint256 word, uint256 lookup) public {
        uint256 time = START;
        uint256[8] memory times;
        bytes32[9] memory values;
        for (uint256 i = 0; i < 8; ++i) {
            time += (word >> (16 * i)) % 7;
            times[i] = time;
            values[i + 1] = [bytes32(0), a, b][(word >> (16 * i + 8)) % 3];
            vm.warp(time);
            _setAlias(values[i], values[i + 1]);
        }
        vm.warp(time + 5);
        lookup = _bound(lookup, START - 2, time + 4);
        bytes32 expected = 0;
        for (uint256 i = 0; i < 8 && times[i] <= lookup; ++i) {
            expected = values[i + 1];
        }
        vm.assertEq(registry.aliasAt(NAME, CHAMPION, uint48(lookup)), expected);
    }

    // ------------------------------------------------------------------------------------------------------------
    // freezeAlias, freezeName
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_FreezeAlias(bool set) public {
        bytes32 to = set ? a : bytes32(0);
        if (set) _setAlias(0, a);
        vm.expectEmit();
        emit IModelRegistry.AliasFrozen(NAME, CHAMPION);
        vm.prank(OWNER);
        registry.freezeAlias(NAME, CHAMPION);
        _assertAlias(to, true);
        bytes memory refusal = abi.encodeWithSelector(IModelRegistry.ModelRegistry_Frozen.selector, NAME, CHAMPION);
        vm.startPrank(OWNER);
        vm.expectRevert(refusal);
        registry.setAlias(NAME, CHAMPION, to, b);
        vm.expectRevert(refusal);
        registry.freezeAlias(NAME, CHAMPION);
        // Its neighbour moves on.
        registry.setAlias(NAME, "challenger", 0, b);
        vm.stopPrank();
    }

    function test_FreezeName() public {
        _setAlias(0, a);
        vm.expectEmit();
        emit IModelRegistry.NameFrozen(NAME);
        _freezeName();
        (,, bool frozen,) = registry.nameOf(NAME);
        vm.assertTrue(frozen);
        _assertAlias(a, true);
        _finallyAs(_id(3), "3.0.0");
        _assertRefused(OWNER, abi.encodeWithSelector(IModelRegistry.ModelRegistry_Frozen.selector, NAME, ""));
        _transferName(OTHER);
        _assertRefused(OTHER, abi.encodeWithSelector(IModelRegistry.ModelRegistry_Frozen.selector, NAME, ""));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _finallyAs(bytes32 modelHash, string memory version) private {
        _commitAhead(OWNER, modelHash);
        vm.prank(OWNER);
        registry.register(modelHash, VECTOR, version, "{}", false, _none(), SALT);
    }

    function _publish(bytes32 modelHash) private {
        vm.prank(OWNER);
        registry.publish(NAME, modelHash);
    }

    function _setAlias(bytes32 from, bytes32 to) private {
        vm.prank(OWNER);
        registry.setAlias(NAME, CHAMPION, from, to);
    }

    function _freezeName() private {
        vm.prank(OWNER);
        registry.freezeName(NAME);
    }

    function _transferName(address to) private {
        vm.prank(OWNER);
        registry.transferName(NAME, to);
        vm.prank(to);
        registry.acceptName(NAME);
    }

    /// @dev Nothing under the name changes by `caller`.
    function _assertRefused(address caller, bytes memory refusal) private {
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        registry.publish(NAME, _id(3));
        vm.expectRevert(refusal);
        registry.setAlias(NAME, CHAMPION, a, b);
        vm.expectRevert(refusal);
        registry.freezeAlias(NAME, CHAMPION);
        vm.expectRevert(refusal);
        registry.freezeName(NAME);
        vm.stopPrank();
    }

    function _assertAlias(bytes32 modelHash, bool frozen) private view {
        (bytes32 pointsTo, bool stays) = registry.aliasOf(NAME, CHAMPION);
        vm.assertEq(pointsTo, modelHash);
        vm.assertEq(stays, frozen);
    }
}
