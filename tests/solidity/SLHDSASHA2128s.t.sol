// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLHDSASHA2128s} from "../../contracts/crypto/SLHDSASHA2128s.sol";
import {ISLHDSAVerifier} from "../../interfaces/ISLHDSAVerifier.sol";
import {SLHDSAVector} from "./SLHDSAVector.sol";
import {Test} from "./Vm.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @dev Cheatcodes that only these tests use.
interface MockVm {
    function mockCall(address callee, bytes calldata data, bytes calldata returnData) external;
    function mockCallRevert(address callee, bytes calldata data, bytes calldata revertData) external;
    function clearMockedCalls() external;
}

contract SLHDSASHA2128sTest is Test {
    bytes4 private constant MAGIC = IERC7913SignatureVerifier.verify.selector;
    bytes4 private constant REFUSED = 0xffffffff;
    uint256 private constant LENGTH = 7_856;

    SLHDSASHA2128s private verifier = new SLHDSASHA2128s();
    bytes private key = abi.encodePacked(SLHDSAVector.KEY);

    // ------------------------------------------------------------------------------------------------------------
    // Verdicts
    // ------------------------------------------------------------------------------------------------------------

    function test_AcceptsValidSignature() public view {
        bytes memory message = abi.encodePacked(SLHDSAVector.HASH);
        vm.assertTrue(verifier.verify(key, SLHDSAVector.HASH, SLHDSAVector.signature()) == MAGIC);
        vm.assertTrue(verifier.verifyMessage(SLHDSAVector.KEY, "", message, SLHDSAVector.signature()));
    }

    /// forge-config: default.fuzz.runs = 128
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_RefusesEveryFlippedBit(uint256 bit) public view {
        bytes memory signature = SLHDSAVector.signature();
        bit = _bound(bit, 0, 8 * LENGTH - 1);
        signature[bit / 8] ^= bytes1(uint8(2 ** (7 - bit % 8)));
        vm.assertTrue(verifier.verify(key, SLHDSAVector.HASH, signature) == REFUSED);
    }

    /// forge-config: default.fuzz.runs = 128
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_RefusesOtherHashAndOtherKey(bytes32 hash, bytes32 otherKey) public view {
        vm.assume(hash != SLHDSAVector.HASH && otherKey != SLHDSAVector.KEY);
        vm.assertTrue(verifier.verify(key, hash, SLHDSAVector.signature()) == REFUSED);
        vm.assertTrue(
            verifier.verify(abi.encodePacked(otherKey), SLHDSAVector.HASH, SLHDSAVector.signature()) == REFUSED
        );
    }

    function testFuzz_RefusesOtherLengths(uint256 length) public view {
        length = _bound(length, 0, 2 * LENGTH);
        vm.assume(length != LENGTH);
        bytes memory signature = bytes.concat(SLHDSAVector.signature(), SLHDSAVector.signature());
        assembly ("memory-safe") {
            mstore(signature, length)
        }
        vm.assertTrue(verifier.verify(key, SLHDSAVector.HASH, signature) == REFUSED);
        vm.assertFalse(verifier.verifyMessage(SLHDSAVector.KEY, "", abi.encodePacked(SLHDSAVector.HASH), signature));
    }

    function testFuzz_RefusesKeysOfOtherLengths(uint256 length) public view {
        length = _bound(length, 0, 64);
        vm.assume(length != 32);
        bytes memory longer = abi.encodePacked(SLHDSAVector.KEY, SLHDSAVector.KEY);
        assembly ("memory-safe") {
            mstore(longer, length)
        }
        vm.assertTrue(verifier.verify(longer, SLHDSAVector.HASH, SLHDSAVector.signature()) == REFUSED);
    }

    /// forge-config: default.fuzz.runs = 128
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_RefusesContexts(uint256 length) public view {
        bytes memory context = new bytes(_bound(length, 1, 600));
        bytes memory message = abi.encodePacked(SLHDSAVector.HASH);
        vm.assertFalse(verifier.verifyMessage(SLHDSAVector.KEY, context, message, SLHDSAVector.signature()));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Want of gas, and chains without SHA-256
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The signature is valid: within too little gas there must be no verdict, neither this nor that.
    /// forge-config: default.fuzz.runs = 128
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_WantOfGasIsNoVerdict(uint256 gasLimit) public view {
        bytes memory signature = SLHDSAVector.signature();
        (bytes4 verdict, uint256 used) = _verdictWithin(type(uint256).max, signature);
        vm.assertTrue(verdict == MAGIC);
        gasLimit = _bound(gasLimit, 0, used);
        (verdict,) = _verdictWithin(gasLimit, signature);
        // `used` has the cost of the call itself in it, of a cold account.
        vm.assertTrue(verdict == 0 || (verdict == MAGIC && gasLimit + 6_000 > used));
    }

    /// forge-config: default.fuzz.runs = 128
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_WantOfGasNeverAcceptsDamagedSignature(uint256 gasLimit, uint256 bit) public view {
        bytes memory signature = SLHDSAVector.signature();
        bit = _bound(bit, 0, 8 * LENGTH - 1);
        signature[bit / 8] ^= bytes1(uint8(2 ** (7 - bit % 8)));
        (bytes4 verdict,) = _verdictWithin(_bound(gasLimit, 0, 1_200_000), signature);
        vm.assertTrue(verdict == 0 || verdict == REFUSED);
    }

    /// @dev SHA-256 is made to refuse one call, with plenty of gas left: the refusal must be noticed, wherever it is.
    function test_RefusedHashReverts() public {
        bytes[] memory inputs = _oneHashOfEachKind(SLHDSAVector.signature());
        for (uint256 i = 0; i < inputs.length; ++i) {
            vm.assertTrue(_verdictWhereRefused(inputs[i]) == 0);
        }
    }

    /// @dev Each of the 15 steps of the 35 chains of layer 0, where it is made: from the chain's digit on.
    function test_RefusedStepReverts() public {
        (bytes memory start, uint256 tree, uint256 leaf,) = _place(SLHDSAVector.signature());
        uint256 steps = 0;
        for (uint256 chain = 0; chain < 35; ++chain) {
            bool made = false;
            for (uint256 step = 0; step < 15; ++step) {
                bytes4 verdict =
                    _verdictWhereRefused(bytes.concat(start, _adrs(0, tree, 0, leaf, chain), bytes4(uint32(step))));
                vm.assertTrue(verdict == 0 || (verdict == MAGIC && !made));
                made = verdict == 0;
                if (made) ++steps;
            }
        }
        vm.assertTrue(steps >= 45 && steps <= 510);
    }

    function test_CannotBeDeployedWithoutSHA256() public {
        MockVm(address(vm)).mockCall(address(2), "", "");
        vm.expectRevert(abi.encodeWithSelector(ISLHDSAVerifier.SLHDSA_NoSHA256.selector));
        new SLHDSASHA2128s();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev What `verify` returns within the gas, 0 if it returns nothing or reverts; and the gas it took.
    function _verdictWithin(uint256 gasLimit, bytes memory signature)
        private
        view
        returns (bytes4 verdict, uint256 used)
    {
        bytes memory data = abi.encodeCall(verifier.verify, (key, SLHDSAVector.HASH, signature));
        used = gasleft();
        (bool success, bytes memory result) = address(verifier).staticcall{gas: gasLimit}(data);
        used -= gasleft();
        if (success) verdict = abi.decode(result, (bytes4));
    }

    /// @dev What `verify` returns, 0 if it reverts as it should, where SHA-256 refuses inputs that start so.
    function _verdictWhereRefused(bytes memory start) private returns (bytes4 verdict) {
        MockVm(address(vm)).mockCallRevert(address(2), start, "");
        try verifier.verify(key, SLHDSAVector.HASH, SLHDSAVector.signature()) returns (bytes4 answer) {
            verdict = answer;
        } catch (bytes memory reason) {
            vm.assertEq(reason, abi.encodeWithSelector(ISLHDSAVerifier.SLHDSA_HashFailed.selector));
        }
        MockVm(address(vm)).clearMockedCalls();
    }

    /// @dev The inputs of H_msg, and the starts of those of: FORS leaves, each height, roots; the public key of WOTS+ and
    /// each height of the tree, of the first and the last layer.
    function _oneHashOfEachKind(bytes memory signature) private pure returns (bytes[] memory inputs) {
        (bytes memory start, uint256 tree, uint256 leaf, bytes[2] memory ofMessage) = _place(signature);
        inputs = new bytes[](2 + 13 + 1 + 2 * 10);
        uint256 count = 0;
        inputs[count++] = ofMessage[0];
        inputs[count++] = ofMessage[1];
        for (uint256 height = 0; height <= 12; ++height) {
            inputs[count++] = bytes.concat(start, _adrs(0, tree, 3, leaf, height));
        }
        inputs[count++] = bytes.concat(start, _adrs(0, tree, 4, leaf, 0));
        for (uint256 layer = 0; layer < 7; layer += 6) {
            uint256 pair = layer == 0 ? leaf : (tree >> 45) & 0x1ff;
            uint256 ofLayer = tree >> (9 * layer);
            inputs[count++] = bytes.concat(start, _adrs(layer, ofLayer, 1, pair, 0));
            for (uint256 height = 1; height <= 9; ++height) {
                inputs[count++] = bytes.concat(start, _adrs(layer, ofLayer, 2, 0, height));
            }
        }
    }

    /// @dev Where the signature is in the hypertree, what most inputs start with, and the two inputs of H_msg.
    function _place(bytes memory signature)
        private
        pure
        returns (bytes memory start, uint256 tree, uint256 leaf, bytes[2] memory ofMessage)
    {
        bytes16 random;
        assembly ("memory-safe") {
            random := mload(add(signature, 0x20))
        }
        bytes16 seed = bytes16(SLHDSAVector.KEY);
        start = abi.encodePacked(seed, bytes32(0), bytes16(0));
        ofMessage[0] = abi.encodePacked(random, SLHDSAVector.KEY, bytes2(0), SLHDSAVector.HASH);
        ofMessage[1] = abi.encodePacked(random, seed, sha256(ofMessage[0]), bytes4(0));
        uint256 digest = uint256(sha256(ofMessage[1]));
        tree = (digest >> 32) & 0x3fffffffffffff;
        leaf = (digest >> 16) & 0x1ff;
    }

    /// @dev Compressed address up to its fifth word.
    function _adrs(uint256 layer, uint256 tree, uint256 kind, uint256 pair, uint256 second)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(uint8(layer), uint64(tree), uint8(kind), uint32(pair), uint32(second));
    }
}
