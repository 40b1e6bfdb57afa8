// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumKeys} from "../../contracts/crypto/PostQuantumKeys.sol";
import {IPostQuantumKeys} from "../../interfaces/IPostQuantumKeys.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {Test, Vm} from "./Vm.sol";

/// @dev What the chunks hold is compared with a model in tests/contracts/crypto; this is about the steps.
contract PostQuantumKeysTest is Test {
    PostQuantumKeys private keys = new PostQuantumKeys();

    function test_RegistersMlDsa44InOneStep() public {
        bytes memory publicKey = _key(1312);
        bytes32 id = keccak256(abi.encode(PostQuantumScheme.ML_DSA_44, publicKey));
        address pointer = vm.computeCreateAddress(address(keys), 1);
        vm.expectEmit();
        emit IPostQuantumKeys.KeyRegistrationStarted(id, PostQuantumScheme.ML_DSA_44, publicKey);
        vm.expectEmit();
        emit IPostQuantumKeys.KeyStepDone(id, 1, pointer);
        vm.expectEmit();
        emit IPostQuantumKeys.KeyRegistered(id, PostQuantumScheme.ML_DSA_44);
        _register(PostQuantumScheme.ML_DSA_44, publicKey, id, true);

        (PostQuantumScheme scheme, bool complete, address first, address second, address third) = keys.chunksOf(id);
        vm.assertTrue(scheme == PostQuantumScheme.ML_DSA_44 && complete);
        vm.assertEq(first, pointer);
        vm.assertEq(second, address(0));
        vm.assertEq(third, address(0));
        vm.assertEq(first.code.length, 1 + 5 * 256 * 17 + 64);
        _assertProgress(id, 1, 1);
    }

    function test_RegistersMlDsa65InTwoSteps() public {
        bytes memory publicKey = _key(1952);
        bytes32 id = keys.keyIdOf(PostQuantumScheme.ML_DSA_65, publicKey);
        _register(PostQuantumScheme.ML_DSA_65, publicKey, id, false);
        _assertProgress(id, 1, 2);
        (, bool complete,, address second,) = keys.chunksOf(id);
        vm.assertFalse(complete);
        vm.assertEq(second, address(0));

        _register(PostQuantumScheme.ML_DSA_65, publicKey, id, true);
        _assertProgress(id, 2, 2);
        address first;
        address third;
        (, complete, first, second, third) = keys.chunksOf(id);
        vm.assertTrue(complete);
        vm.assertEq(first.code.length, 1 + 3 * 256 * 24);
        vm.assertEq(second.code.length, 1 + 3 * 256 * 24 + 64);
        vm.assertEq(third, address(0));
    }

    function test_RegistersMlDsa87InThreeSteps() public {
        bytes memory publicKey = _key(2592);
        bytes32 id = keys.keyIdOf(PostQuantumScheme.ML_DSA_87, publicKey);
        for (uint256 step = 1; step <= 3; ++step) {
            (, bool before,,,) = keys.chunksOf(id);
            vm.assertFalse(before);
            address pointer = vm.computeCreateAddress(address(keys), step);
            vm.recordLogs();
            _register(PostQuantumScheme.ML_DSA_87, publicKey, id, step == 3);
            _assertStep(id, step, pointer);
            _assertProgress(id, step, 3);
        }
        (, bool complete, address first, address second, address third) = keys.chunksOf(id);
        vm.assertTrue(complete);
        vm.assertEq(first.code.length, 1 + 3 * 256 * 31);
        vm.assertEq(second.code.length, 1 + 3 * 256 * 31);
        vm.assertEq(third.code.length, 1 + 2 * 256 * 31 + 64);
    }

    function test_CallOnACompleteKeyChangesNothing() public {
        bytes memory publicKey = _key(1312);
        bytes32 id = keys.keyIdOf(PostQuantumScheme.ML_DSA_44, publicKey);
        _register(PostQuantumScheme.ML_DSA_44, publicKey, id, true);
        (,, address first,,) = keys.chunksOf(id);
        vm.recordLogs();
        vm.record();
        _register(PostQuantumScheme.ML_DSA_44, publicKey, id, true);
        (, bytes32[] memory writes) = vm.accesses(address(keys));
        vm.assertEq(writes.length, 0);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        (,, address after_,,) = keys.chunksOf(id);
        vm.assertEq(after_, first);
    }

    function testFuzz_RefusesEveryOtherLength(uint8 schemeNumber, uint256 length) public {
        PostQuantumScheme scheme = PostQuantumScheme(schemeNumber % 3);
        uint256[3] memory lengths = [uint256(1312), 1952, 2592];
        uint256 expected = lengths[schemeNumber % 3];
        length = _bound(length, 0, 2700);
        if (length == expected) length = expected - 1;
        vm.expectRevert(
            abi.encodeWithSelector(IPostQuantumKeys.PostQuantumKeys_WrongLength.selector, scheme, length, expected)
        );
        keys.registerKey(scheme, new bytes(length));
    }

    function test_RefusesSlhDsa() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IPostQuantumKeys.PostQuantumKeys_NoRegistration.selector, PostQuantumScheme.SLH_DSA_SHA2_128S
            )
        );
        keys.registerKey(PostQuantumScheme.SLH_DSA_SHA2_128S, new bytes(32));
    }

    function test_KnowsNothingOfAKeyThatNobodyBegan() public view {
        (PostQuantumScheme scheme, bool complete, address first, address second, address third) =
            keys.chunksOf(keccak256("nobody"));
        vm.assertEq(uint256(scheme), 0);
        vm.assertFalse(complete);
        vm.assertTrue(first == address(0) && second == address(0) && third == address(0));
        _assertProgress(keccak256("nobody"), 0, 0);
    }

    function test_IdNamesSchemeAndKey() public view {
        bytes memory publicKey = _key(1312);
        vm.assertEq(keys.keyIdOf(PostQuantumScheme.ML_DSA_65, publicKey), keccak256(abi.encode(uint8(1), publicKey)));
        vm.assertTrue(
            keys.keyIdOf(PostQuantumScheme.ML_DSA_44, publicKey) != keys.keyIdOf(PostQuantumScheme.ML_DSA_65, publicKey)
        );
    }

    /// @dev As much gas as makes the creation of the data fail while the rest would go on.
    function test_FailedStepLeavesNothing() public {
        bytes memory publicKey = _key(1312);
        bytes32 id = keys.keyIdOf(PostQuantumScheme.ML_DSA_44, publicKey);
        for (uint256 limit = 1_000_000; limit < 6_500_000; limit += 500_000) {
            (bool success,) = address(keys).call{gas: limit}(
                abi.encodeCall(keys.registerKey, (PostQuantumScheme.ML_DSA_44, publicKey))
            );
            vm.assertFalse(success);
            _assertProgress(id, 0, 0);
        }
        _register(PostQuantumScheme.ML_DSA_44, publicKey, id, true);
    }

    function _register(PostQuantumScheme scheme, bytes memory publicKey, bytes32 id, bool last) private {
        (bytes32 keyId, bool complete) = keys.registerKey(scheme, publicKey);
        vm.assertEq(keyId, id);
        vm.assertEq(complete, last);
    }

    function _assertProgress(bytes32 id, uint256 done, uint256 total) private view {
        (uint256 doneNow, uint256 totalNow) = keys.progressOf(id);
        vm.assertEq(doneNow, done);
        vm.assertEq(totalNow, total);
    }

    /// @dev The first step says what the key is, only the last that it is registered.
    function _assertStep(bytes32 id, uint256 step, address pointer) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, step == 2 ? 1 : 2);
        uint256 i = step == 1 ? 1 : 0;
        vm.assertEq(logs[i].topics[0], IPostQuantumKeys.KeyStepDone.selector);
        vm.assertEq(logs[i].topics[1], id);
        vm.assertEq(logs[i].data, abi.encode(step, pointer));
        if (step == 1) vm.assertEq(logs[0].topics[0], IPostQuantumKeys.KeyRegistrationStarted.selector);
        if (step == 3) vm.assertEq(logs[1].topics[0], IPostQuantumKeys.KeyRegistered.selector);
    }

    function _key(uint256 length) private pure returns (bytes memory publicKey) {
        publicKey = new bytes(length);
        for (uint256 i = 0; i < length; i += 32) {
            publicKey[i] = bytes1(uint8(i / 32));
        }
    }
}
