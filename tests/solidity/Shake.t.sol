// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ShakeHarness} from "../../contracts/test/ShakeHarness.sol";
import {Test} from "./Vm.sol";

/// forge-config: default.fuzz.runs = 48
/// forge-config: deep.fuzz.runs = 2000
contract ShakeTest is Test {
    ShakeHarness private shake = new ShakeHarness();

    /// @dev NIST, SHAKE128_Msg0.pdf and SHAKE256_Msg0.pdf.
    function test_HashesTheEmptyMessage() public view {
        vm.assertEq(shake.shake128("", 32), hex"7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
        vm.assertEq(shake.shake256("", 32), hex"46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f");
    }

    /// @dev NIST, SHAKE256_Msg1600.pdf: 200 bytes of 0xa3, more than one block.
    function test_HashesTwoBlocks() public view {
        bytes memory message = new bytes(200);
        for (uint256 i = 0; i < 200; ++i) {
            message[i] = 0xa3;
        }
        vm.assertEq(shake.shake256(message, 32), hex"cd8a920ed141aa0407a22d59288652e9d9f1a7ee0c1e7c1ca699424da84a904d");
        vm.assertEq(shake.shake128(message, 32), hex"131ab8d2b594946b9c81333f9bb6e0ce75c3b93104fa3469d3917457385da037");
    }

    function testFuzz_ShorterOutputIsThePrefix(bytes calldata message, uint256 length) public view {
        length = _bound(length, 0, 300);
        vm.assertEq(shake.shake256(message, length), _prefix(shake.shake256(message, 300), length));
    }

    function testFuzz_BlocksFollowOneAnother(bytes calldata message) public view {
        vm.assertEq(shake.stream256(message, 3), shake.shake256(message, 408));
    }

    function testFuzz_PairIsTwoHashes(bytes32[4] calldata data, uint256 length0, uint256 length1) public view {
        bytes memory message = abi.encode(data, data);
        bytes memory first = _prefix(message, _bound(length0, 0, 135));
        bytes memory second = _prefix(abi.encodePacked(uint8(7), message), _bound(length1, 0, 135));
        (bytes memory output0, bytes memory output1) = shake.pair256(first, second, 2);
        vm.assertEq(output0, shake.shake256(first, 272));
        vm.assertEq(output1, shake.shake256(second, 272));
    }

    function testFuzz_FourAreFourHashes(bytes32 seed, uint256 length) public view {
        length = _bound(length, 0, 34);
        bytes[4] memory messages;
        for (uint256 i = 0; i < 4; ++i) {
            messages[i] = _prefix(abi.encodePacked(seed, uint8(i), uint8(3)), length + (i == 0 ? 0 : 34 - length));
        }
        bytes memory blocks = shake.four128(messages, 2);
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory expected = shake.shake128(messages[i], 336);
            vm.assertEq(_slice(blocks, 168 * i, 168), _slice(expected, 0, 168));
            vm.assertEq(_slice(blocks, 168 * (4 + i), 168), _slice(expected, 168, 168));
        }
    }

    function _prefix(bytes memory data, uint256 length) private pure returns (bytes memory) {
        return _slice(data, 0, length);
    }

    function _slice(bytes memory data, uint256 from, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            part[i] = data[from + i];
        }
    }
}
