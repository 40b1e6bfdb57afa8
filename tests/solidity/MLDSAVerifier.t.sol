// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MLDSA44} from "../../contracts/crypto/MLDSA44.sol";
import {KeysDouble} from "../../contracts/test/KeysDouble.sol";
import {IMLDSAVerifier} from "../../interfaces/IMLDSAVerifier.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {Test} from "./Vm.sol";

/// @dev What a verifier makes of its registry and of its arguments; signatures are judged in tests/contracts/crypto.
contract MLDSAVerifierTest is Test {
    bytes4 private constant REFUSED = 0xffffffff;
    uint256 private constant LENGTH = 2_420;
    bytes32 private constant KEY = keccak256("key");

    KeysDouble private _keys;
    MLDSA44 private _verifier;

    function setUp() public {
        _keys = new KeysDouble();
        _verifier = new MLDSA44(address(_keys));
    }

    function test_Constructor_RefusesAnAddressWithoutCode() public {
        vm.expectRevert(abi.encodeWithSelector(IMLDSAVerifier.MLDSA_NotARegistry.selector, address(1)));
        new MLDSA44(address(1));
    }

    function test_KEYS_IsTheRegistry() public view {
        vm.assertEq(_verifier.KEYS(), address(_keys));
    }

    function testFuzz_Verify_RefusesKeysOfOtherLengths(uint8 length) public view {
        vm.assume(length != 32);
        vm.assertEq(bytes32(_verify(new bytes(length), LENGTH)), bytes32(REFUSED));
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_Verify_RefusesSignaturesOfOtherLengths(uint16 length) public {
        vm.assume(length != LENGTH);
        _keys.set(KEY, PostQuantumScheme.ML_DSA_44, true);
        vm.assertEq(bytes32(_verify(abi.encode(KEY), length)), bytes32(REFUSED));
        vm.assertFalse(_verifier.verifyMessage(KEY, "", "", new bytes(length)));
    }

    function test_Verify_RefusesUnknownKeys() public view {
        vm.assertEq(bytes32(_verify(abi.encode(KEY), LENGTH)), bytes32(REFUSED));
    }

    function test_VerifyMessage_NamesTheKeyThatIsUnknown() public {
        _assertNotRegistered();
    }

    function test_Verify_RefusesKeysHalfRegistered() public {
        _keys.set(KEY, PostQuantumScheme.ML_DSA_44, false);
        vm.assertEq(bytes32(_verify(abi.encode(KEY), LENGTH)), bytes32(REFUSED));
        _assertNotRegistered();
    }

    function test_Verify_RefusesKeysOfAnotherScheme() public {
        _keys.set(KEY, PostQuantumScheme.ML_DSA_65, true);
        vm.assertEq(bytes32(_verify(abi.encode(KEY), LENGTH)), bytes32(REFUSED));
        _assertNotRegistered();
    }

    function test_Verify_RefusesWhereTheChunksAreMissing() public {
        _keys.set(KEY, PostQuantumScheme.ML_DSA_44, true);
        vm.assertEq(bytes32(_verify(abi.encode(KEY), LENGTH)), bytes32(REFUSED));
    }

    function test_Verify_RevertsWithItsRegistry() public {
        MLDSA44 broken = new MLDSA44(address(this)); // a registry that has no chunksOf
        vm.expectRevert();
        broken.verify(abi.encode(KEY), bytes32(0), new bytes(LENGTH));
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_VerifyMessage_RefusesContextsAbove255(uint16 length) public {
        vm.assume(length > 255);
        _keys.set(KEY, PostQuantumScheme.ML_DSA_44, true);
        vm.assertFalse(_verifier.verifyMessage(KEY, new bytes(length), "", new bytes(LENGTH)));
    }

    function _assertNotRegistered() private {
        vm.expectRevert(abi.encodeWithSelector(IMLDSAVerifier.MLDSA_KeyNotRegistered.selector, KEY));
        _verifier.verifyMessage(KEY, "", "", new bytes(LENGTH));
    }

    function _verify(bytes memory key, uint256 length) private view returns (bytes4) {
        return _verifier.verify(key, bytes32(0), new bytes(length));
    }
}
