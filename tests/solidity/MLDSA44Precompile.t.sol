// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MLDSA44Precompile} from "../../contracts/crypto/MLDSA44Precompile.sol";
import {KeysDouble} from "../../contracts/test/KeysDouble.sol";
import {MLDSAPrecompileDouble} from "../../contracts/test/MLDSAPrecompileDouble.sol";
import {IMLDSA44Precompile} from "../../interfaces/IMLDSA44Precompile.sol";
import {IMLDSAVerifier} from "../../interfaces/IMLDSAVerifier.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {Test} from "./Vm.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @dev Stands in for the verifier in Solidity: knows one valid signature of each message.
contract SolidityDouble is IMLDSAVerifier {
    address public immutable KEYS;
    mapping(bytes32 digest => bool valid) private _valid;

    constructor(address keys) {
        KEYS = keys;
    }

    function teach(bytes32 key, bytes calldata context, bytes calldata message, bytes calldata signature) external {
        _valid[keccak256(abi.encode(key, context, message, signature))] = true;
    }

    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        bytes32 digest = keccak256(abi.encode(bytes32(key), "", abi.encodePacked(hash), signature));
        return _valid[digest] ? IERC7913SignatureVerifier.verify.selector : bytes4(0xffffffff);
    }

    function verifyMessage(bytes32 key, bytes calldata context, bytes calldata message, bytes calldata signature)
        external
        view
        returns (bool)
    {
        if (key == bytes32(0)) revert MLDSA_KeyNotRegistered(key);
        return _valid[keccak256(abi.encode(key, context, message, signature))];
    }
}

contract MLDSA44PrecompileTest is Test {
    uint256 private constant Q = 8_380_417;
    bytes32 private constant KEY = keccak256("key");
    bytes32 private constant HASH = keccak256("message");
    bytes4 private constant MAGIC = IERC7913SignatureVerifier.verify.selector;
    bytes4 private constant REFUSED = 0xffffffff;
    MLDSAPrecompileDouble private constant PRECOMPILE = MLDSAPrecompileDouble(address(0x12));

    KeysDouble private keys = new KeysDouble();
    SolidityDouble private solidity = new SolidityDouble(address(keys));
    MLDSA44Precompile private verifier = new MLDSA44Precompile(address(solidity));
    bytes private signature = new bytes(2_420);
    bytes private expanded;

    function setUp() public {
        for (uint256 i = 0; i < 2_420; i += 32) {
            _write(signature, i, keccak256(abi.encode("signature", i)));
        }
        bytes memory chunk;
        (chunk, expanded) = _keyOf("first");
        keys.store(KEY, 0, chunk);
        keys.set(KEY, PostQuantumScheme.ML_DSA_44, true);
        solidity.teach(KEY, "", abi.encodePacked(HASH), signature);
        vm.etch(address(PRECOMPILE), address(new MLDSAPrecompileDouble()).code);
        PRECOMPILE.teach(_input(HASH));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Adoption
    // ------------------------------------------------------------------------------------------------------------

    function test_TakesRegistryFromVerifier() public {
        vm.assertEq(verifier.KEYS(), address(keys));
        vm.assertEq(verifier.SOLIDITY(), address(solidity));
        vm.expectRevert(
            abi.encodeWithSelector(IMLDSA44Precompile.MLDSA44Precompile_NotAVerifier.selector, address(0xabc))
        );
        new MLDSA44Precompile(address(0xabc));
    }

    /// @dev The honest double knows the very bytes, so this is a test of the input too.
    function test_AdoptsHonestPrecompile() public {
        vm.assertFalse(verifier.adopted());
        vm.expectEmit();
        emit IMLDSA44Precompile.PrecompileAdopted(KEY, address(this));
        verifier.adopt(KEY, HASH, signature);
        vm.assertTrue(verifier.adopted());
    }

    function test_RefusesToTestWithInvalidSignature() public {
        _expectUnknown(KEY, keccak256("other"));
        verifier.adopt(KEY, keccak256("other"), signature);
        _expectUnknown(keccak256("other"), HASH);
        verifier.adopt(keccak256("other"), HASH, signature);
        // Valid, says the verifier in Solidity, but the registry does not have the key.
        keys.set(KEY, PostQuantumScheme.ML_DSA_44, false);
        _expectUnknown(KEY, HASH);
        verifier.adopt(KEY, HASH, signature);
        keys.set(KEY, PostQuantumScheme.ML_DSA_87, true);
        _expectUnknown(KEY, HASH);
        verifier.adopt(KEY, HASH, signature);
    }

    function test_RefusesWhatDoesNotAnswerRight() public {
        for (uint256 mode = 1; mode <= uint256(MLDSAPrecompileDouble.Mode.BURN); ++mode) {
            PRECOMPILE.setMode(MLDSAPrecompileDouble.Mode(mode));
            _expectNotThere(mode == 1 ? 1 : 0); // 1 says "valid" to everything
            verifier.adopt(KEY, HASH, signature);
        }
        vm.etch(address(PRECOMPILE), "");
        _expectNotThere(0);
        verifier.adopt(KEY, HASH, signature);
        vm.assertFalse(verifier.adopted());
    }

    /// @dev Each part of the input in turn: message, c̃, z, h, Â, tr, t1, and the length.
    function test_RefusesWhatOverlooksAnything() public {
        uint256[8] memory starts = [uint256(0), 32, 64, 2_368, 2_452, 18_836, 18_900, 22_996];
        for (uint256 i = 0; i < 7; ++i) {
            PRECOMPILE.ignore(starts[i], starts[i + 1]);
            PRECOMPILE.teach(_input(HASH));
            _expectNotThere(1 + i);
            verifier.adopt(KEY, HASH, signature);
        }
        for (uint256 i = 0; i < 2; ++i) {
            PRECOMPILE.ignoreLength(i == 0, i == 1);
            PRECOMPILE.teach(_input(HASH));
            // What overlooks the last byte overlooks a part of t1, but not the byte that test 7 turns over.
            _expectNotThere(8 + i);
            verifier.adopt(KEY, HASH, signature);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Verdicts
    // ------------------------------------------------------------------------------------------------------------

    function test_AsksVerifierInSolidityUntilAdopted() public {
        bytes32 hash = keccak256("only the precompile");
        PRECOMPILE.teach(_input(hash));
        vm.assertTrue(verifier.verify(abi.encodePacked(KEY), hash, signature) == REFUSED);
        vm.assertTrue(verifier.verify(abi.encodePacked(KEY), HASH, signature) == MAGIC);
        verifier.adopt(KEY, HASH, signature);
        vm.assertTrue(verifier.verify(abi.encodePacked(KEY), hash, signature) == MAGIC);
        vm.assertTrue(verifier.verifyMessage(KEY, "", abi.encodePacked(hash), signature));
    }

    function test_AsksPrecompileOnlyForWhatFits() public {
        verifier.adopt(KEY, HASH, signature);
        PRECOMPILE.setMode(MLDSAPrecompileDouble.Mode.BURN);
        solidity.teach(KEY, "context", abi.encodePacked(HASH), signature);
        solidity.teach(KEY, "", abi.encodePacked(HASH, uint8(0)), signature);
        solidity.teach(KEY, "", "", signature);
        uint256 before = gasleft();
        vm.assertTrue(verifier.verifyMessage(KEY, "context", abi.encodePacked(HASH), signature));
        vm.assertTrue(verifier.verifyMessage(KEY, "", abi.encodePacked(HASH, uint8(0)), signature));
        vm.assertTrue(verifier.verifyMessage(KEY, "", "", signature));
        vm.assertTrue(before - gasleft() < 300_000); // a burning precompile was not called: it takes 100,000 each time
        vm.assertTrue(verifier.verify(abi.encodePacked(KEY, uint8(0)), HASH, signature) == REFUSED);
        vm.assertTrue(verifier.verify("", HASH, signature) == REFUSED);
        vm.expectRevert(abi.encodeWithSelector(IMLDSAVerifier.MLDSA_KeyNotRegistered.selector, bytes32(0)));
        verifier.verifyMessage(bytes32(0), "", abi.encodePacked(HASH), signature);
    }

    /// @dev Once adopted, the precompile turns. No verdict does.
    function test_KeepsItsVerdictsWhateverThePrecompileSays() public {
        verifier.adopt(KEY, HASH, signature);
        bytes memory key = abi.encodePacked(KEY);
        bytes memory longer = bytes.concat(signature, bytes1(0));
        for (uint256 mode = 0; mode <= uint256(MLDSAPrecompileDouble.Mode.BURN) + 1; ++mode) {
            if (mode > uint256(MLDSAPrecompileDouble.Mode.BURN)) vm.etch(address(PRECOMPILE), "");
            else PRECOMPILE.setMode(MLDSAPrecompileDouble.Mode(mode));
            vm.assertTrue(verifier.verify(key, HASH, signature) == MAGIC);
            vm.assertTrue(verifier.verifyMessage(KEY, "", abi.encodePacked(HASH), signature));
            vm.assertTrue(verifier.verify(key, keccak256("other"), signature) == REFUSED);
            vm.assertFalse(verifier.verifyMessage(KEY, "", abi.encodePacked(keccak256("other")), signature));
            vm.assertTrue(verifier.verify(abi.encodePacked(keccak256("other")), HASH, signature) == REFUSED);
            vm.assertTrue(verifier.verify(key, HASH, longer) == REFUSED);
            vm.assertFalse(verifier.verifyMessage(KEY, "", abi.encodePacked(HASH), longer));
        }
    }

    /// forge-config: default.fuzz.runs = 128
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_WantOfGasIsNoVerdict(uint256 gasLimit) public {
        verifier.adopt(KEY, HASH, signature);
        bytes memory data = abi.encodeCall(verifier.verify, (abi.encodePacked(KEY), HASH, signature));
        (bool success, bytes memory result) = address(verifier).staticcall{gas: _bound(gasLimit, 0, 600_000)}(data);
        // Enough for one of the two: the signature is valid.
        if (success) vm.assertTrue(abi.decode(result, (bytes4)) == MAGIC);
        data = abi.encodeCall(verifier.verify, (abi.encodePacked(KEY), keccak256("other"), signature));
        (success, result) = address(verifier).staticcall{gas: _bound(gasLimit, 0, 600_000)}(data);
        if (success) vm.assertTrue(abi.decode(result, (bytes4)) == REFUSED);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _expectNotThere(uint256 number) private {
        vm.expectRevert(abi.encodeWithSelector(IMLDSA44Precompile.MLDSA44Precompile_NotThere.selector, number));
    }

    function _expectUnknown(bytes32 key, bytes32 hash) private {
        vm.expectRevert(
            abi.encodeWithSelector(IMLDSA44Precompile.MLDSA44Precompile_NotAKnownAnswer.selector, key, hash)
        );
    }

    function _input(bytes32 hash) private view returns (bytes memory) {
        return bytes.concat(hash, signature, expanded);
    }

    /// @dev A made-up key, as the registry stores it and as the precompile takes it.
    function _keyOf(bytes memory seed) private pure returns (bytes memory chunk, bytes memory eip) {
        chunk = new bytes(21_824);
        eip = new bytes(20_544);
        for (uint256 column = 0; column < 5; ++column) {
            for (uint256 n = 0; n < 256; ++n) {
                uint256 entry = 0;
                for (uint256 row = 0; row < 4; ++row) {
                    uint256 value = uint256(keccak256(abi.encodePacked(seed, column, n, row))) % Q;
                    if (n < 4) value = n < 2 ? 0 : Q - 1;
                    uint256 place = 4 * (256 * (4 * row + column) + n);
                    if (column < 4) {
                        entry |= value << (27 * row);
                    } else {
                        // `value` is of NTT(t1); the registry has it times -2^13.
                        entry |= ((Q - mulmod(value, 8_192, Q)) % Q) << (27 * row);
                        place = 16_448 + 4 * (256 * row + n);
                    }
                    _write4(eip, place, value);
                }
                for (uint256 i = 0; i < 17; ++i) {
                    chunk[4_352 * column + 17 * n + i] = bytes1(uint8(entry >> (8 * (16 - i))));
                }
            }
        }
        for (uint256 i = 0; i < 64; ++i) {
            bytes1 value = bytes1(keccak256(abi.encodePacked(seed, "tr", i)));
            (chunk[21_760 + i], eip[16_384 + i]) = (value, value);
        }
    }

    function _write4(bytes memory data, uint256 place, uint256 value) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            data[place + i] = bytes1(uint8(value >> (8 * (3 - i))));
        }
    }

    function _write(bytes storage data, uint256 place, bytes32 word) private {
        for (uint256 i = 0; i < 32 && place + i < data.length; ++i) {
            data[place + i] = word[i];
        }
    }
}
