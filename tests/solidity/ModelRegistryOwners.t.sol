// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryFixture} from "./ModelRegistryFixture.sol";

contract ModelRegistryOwnersTest is ModelRegistryFixture {
    bytes32 private constant MODEL = keccak256("model");

    // ------------------------------------------------------------------------------------------------------------
    // transferModel, acceptModel
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Transfer(address newOwner, bool revoked) public {
        vm.assume(newOwner != OWNER && newOwner != address(0) && newOwner != CERTIFIER);
        _finally(OWNER, MODEL);
        if (revoked) _revoke(MODEL);
        vm.expectEmit();
        emit IModelRegistry.ModelTransferStarted(MODEL, OWNER, newOwner);
        vm.prank(OWNER);
        registry.transferModel(MODEL, newOwner);
        vm.assertEq(registry.pendingOwnerOf(MODEL), newOwner);
        vm.assertEq(registry.models(MODEL).owner, OWNER);

        vm.expectEmit();
        emit IModelRegistry.ModelTransferred(MODEL, OWNER, newOwner);
        vm.prank(newOwner);
        registry.acceptModel(MODEL);
        vm.assertEq(registry.pendingOwnerOf(MODEL), address(0));
        IModelRegistry.Model memory model = registry.models(MODEL);
        vm.assertEq(model.owner, newOwner);
        vm.assertEq(model.registeredAt, START);
        vm.assertEq(model.finalAt, START);
        vm.assertEq(model.revokedAt, revoked ? START : 0);
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, OWNER);
        vm.prank(OWNER);
        registry.transferModel(MODEL, OWNER);
    }

    function test_OfferIsWithdrawn() public {
        _finally(OWNER, MODEL);
        vm.startPrank(OWNER);
        registry.transferModel(MODEL, OTHER);
        registry.transferModel(MODEL, address(0));
        vm.stopPrank();
        vm.assertEq(registry.pendingOwnerOf(MODEL), address(0));
        _expect(IModelRegistry.ModelRegistry_NotPendingOwner.selector, MODEL, OTHER);
        vm.prank(OTHER);
        registry.acceptModel(MODEL);
    }

    function testFuzz_TransferByAnotherReverts(address anybody) public {
        vm.assume(anybody != OWNER);
        _finally(OWNER, MODEL);
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, anybody);
        vm.prank(anybody);
        registry.transferModel(MODEL, anybody);
    }

    function testFuzz_AcceptByAnotherReverts(address anybody, bool offered) public {
        vm.assume(anybody != OTHER && anybody != address(0));
        _finally(OWNER, MODEL);
        vm.prank(OWNER);
        registry.transferModel(MODEL, offered ? OTHER : address(0));
        _expect(IModelRegistry.ModelRegistry_NotPendingOwner.selector, MODEL, anybody);
        vm.prank(anybody);
        registry.acceptModel(MODEL);
    }

    function test_AcceptTwiceReverts() public {
        _finally(OWNER, MODEL);
        vm.prank(OWNER);
        registry.transferModel(MODEL, OTHER);
        vm.startPrank(OTHER);
        registry.acceptModel(MODEL);
        _expect(IModelRegistry.ModelRegistry_NotPendingOwner.selector, MODEL, OTHER);
        registry.acceptModel(MODEL);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------------
    // setStage, stageAt
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_SetStage(uint8 first, uint8 second) public {
        IModelRegistry.Stage to = IModelRegistry.Stage(_bound(first, 1, 3));
        IModelRegistry.Stage then = IModelRegistry.Stage(_bound(second, 0, 3));
        vm.assume(then != to);
        _finally(OWNER, MODEL);
        vm.startPrank(OWNER);
        vm.expectEmit();
        emit IModelRegistry.StageChanged(MODEL, IModelRegistry.Stage.None, to);
        registry.setStage(MODEL, to);
        vm.assertEq(uint256(registry.models(MODEL).stage), uint256(to));
        vm.expectEmit();
        emit IModelRegistry.StageChanged(MODEL, to, then);
        registry.setStage(MODEL, then);
        vm.assertEq(uint256(registry.models(MODEL).stage), uint256(then));
        vm.stopPrank();
    }

    function testFuzz_SameStageReverts(uint8 stage) public {
        IModelRegistry.Stage to = IModelRegistry.Stage(_bound(stage, 0, 3));
        _finally(OWNER, MODEL);
        if (to != IModelRegistry.Stage.None) _setStage(to);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_SameStage.selector, MODEL, to));
        _setStage(to);
    }

    function testFuzz_SetStageByAnotherReverts(address anybody) public {
        vm.assume(anybody != OWNER);
        _finally(OWNER, MODEL);
        _expect(IModelRegistry.ModelRegistry_NotOwner.selector, MODEL, anybody);
        vm.prank(anybody);
        registry.setStage(MODEL, IModelRegistry.Stage.Production);
    }

    function test_RevokedModelCanOnlyBeArchived() public {
        _finally(OWNER, MODEL);
        _setStage(IModelRegistry.Stage.Production);
        _revoke(MODEL);
        for (uint256 i = 0; i < 3; ++i) {
            _expect(IModelRegistry.ModelRegistry_Revoked.selector, MODEL, START);
            _setStage(IModelRegistry.Stage(i));
        }
        _setStage(IModelRegistry.Stage.Archived);
        vm.assertEq(uint256(registry.models(MODEL).stage), uint256(IModelRegistry.Stage.Archived));
    }

    /// @dev Each second ends with the last of its changes; nothing is known of a second that is not over.
    function test_StageAtTheEdges() public {
        _finally(OWNER, MODEL);
        vm.warp(START + 10);
        _setStage(IModelRegistry.Stage.Staging);
        _setStage(IModelRegistry.Stage.Production);
        vm.warp(START + 20);
        _setStage(IModelRegistry.Stage.Archived);
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_FutureLookup.selector, START + 20, START + 20)
        );
        registry.stageAt(MODEL, uint48(START + 20));
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_FutureLookup.selector, type(uint48).max, START + 20)
        );
        registry.stageAt(MODEL, type(uint48).max);
        vm.warp(START + 21);
        _assertStageAt(0, IModelRegistry.Stage.None);
        _assertStageAt(START + 9, IModelRegistry.Stage.None);
        _assertStageAt(START + 10, IModelRegistry.Stage.Production);
        _assertStageAt(START + 19, IModelRegistry.Stage.Production);
        _assertStageAt(START + 20, IModelRegistry.Stage.Archived);
    }

    // ------------------------------------------------------------------------------------------------------------
    // While there is no final model
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_NothingOfAProvisionalModel(uint256 time) public {
        _register(OWNER, MODEL);
        vm.warp(_bound(time, START, START + PERIOD - 1));
        bytes memory refusal =
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_Provisional.selector, MODEL, START + PERIOD);
        vm.startPrank(OWNER);
        vm.expectRevert(refusal);
        registry.transferModel(MODEL, OTHER);
        vm.expectRevert(refusal);
        registry.setStage(MODEL, IModelRegistry.Stage.Staging);
        vm.stopPrank();
        vm.warp(START + PERIOD);
        _setStage(IModelRegistry.Stage.Staging);
        vm.prank(OWNER);
        registry.transferModel(MODEL, OTHER);
    }

    function testFuzz_NothingOfNoModel(address anybody) public {
        vm.assume(anybody != address(0));
        vm.startPrank(anybody);
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, MODEL);
        registry.transferModel(MODEL, anybody);
        _expect(IModelRegistry.ModelRegistry_UnknownModel.selector, MODEL);
        registry.setStage(MODEL, IModelRegistry.Stage.Staging);
        _expect(IModelRegistry.ModelRegistry_NotPendingOwner.selector, MODEL, anybody);
        registry.acceptModel(MODEL);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    function _setStage(IModelRegistry.Stage stage) private {
        vm.prank(OWNER);
        registry.setStage(MODEL, stage);
    }

    function _assertStageAt(uint256 time, IModelRegistry.Stage stage) private view {
        vm.assertEq(uint256(registry.stageAt(MODEL, uint48(time))), uint256(stage));
    }
}
