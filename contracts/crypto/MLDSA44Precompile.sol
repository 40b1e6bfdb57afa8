// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMLDSA44Precompile} from "../../interfaces/IMLDSA44Precompile.sol";
import {IMLDSAVerifier} from "../../interfaces/IMLDSAVerifier.sol";
import {IPostQuantumKeys} from "../../interfaces/IPostQuantumKeys.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @title MLDSA44Precompile
/// @notice See `IMLDSA44Precompile`.
/// @dev The precompile's word counts only where it is "valid", and only if it calls the same signature of another
/// message, and under another key, invalid in the same breath. Everything else, its "invalid" too, is left to the
/// verifier in Solidity. So a precompile that is not there, is repriced, or becomes another one with a fork, which finds
/// its key elsewhere in the input, costs gas, not verdicts. One that reads all of the input and lies is not found out.
///
/// Input of the precompile (EIP-8051, with the 64 bytes of tr that FIPS 204 needs):
///
///   0      32             2,452            18,836       18,900           22,996
///   +------+--------------+----------------+------------+----------------+
///   | hash |  signature   |  Â, 4 × 4      |     tr     |  NTT(t1), 4    |
///   +------+--------------+----------------+------------+----------------+
///            c̃ 32, z 2,304,  polynomials of 256 coefficients of 4 bytes
///            h 84
// Assembly lays out the precompile's input and keeps a failed call from being read as an answer.
// slither-disable-start assembly,too-many-digits
contract MLDSA44Precompile is IMLDSA44Precompile {
    uint256 private constant PRECOMPILE = 0x12;
    /// @dev The draft says 4,500. Whatever fails may burn what it was given.
    uint256 private constant GAS = 100_000;

    uint256 private constant SIGNATURE_LENGTH = 2_420;
    uint256 private constant INPUT_LENGTH = 22_996;
    uint256 private constant Q = 8_380_417;
    bytes4 private constant REFUSED = 0xffffffff;

    /// @inheritdoc IMLDSAVerifier
    // slither-disable-next-line naming-convention
    address public immutable KEYS; // solhint-disable-line immutable-vars-naming
    /// @inheritdoc IMLDSA44Precompile
    // slither-disable-next-line naming-convention
    address public immutable SOLIDITY; // solhint-disable-line immutable-vars-naming

    /// @inheritdoc IMLDSA44Precompile
    bool public adopted;

    /// @param solidity Verifier of ML-DSA-44, whose registry of keys is this one's too.
    constructor(address solidity) {
        if (solidity.code.length == 0) revert MLDSA44Precompile_NotAVerifier(solidity);
        SOLIDITY = solidity;
        KEYS = IMLDSAVerifier(solidity).KEYS();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMLDSA44Precompile
    function adopt(bytes32 key, bytes32 hash, bytes calldata signature) external {
        // Check
        bytes4 known = IMLDSAVerifier(SOLIDITY).verify(abi.encodePacked(key), hash, signature);
        uint256 input = _input(key, hash, signature);
        if (known != IERC7913SignatureVerifier.verify.selector || input == 0) {
            revert MLDSA44Precompile_NotAKnownAnswer(key, hash);
        }
        if (!_answers(input, INPUT_LENGTH, 1)) revert MLDSA44Precompile_NotThere(0);
        // A byte of each part, least significant where it is of a coefficient: message, c̃, z, h, Â, tr, t1.
        uint16[7] memory places = [0, 32, 64, 2_451, 2_455, 18_836, 18_903];
        for (uint256 i = 0; i < places.length; ++i) {
            _turn(input + places[i]);
            if (!_answers(input, INPUT_LENGTH, 0)) revert MLDSA44Precompile_NotThere(1 + i);
            _turn(input + places[i]);
        }
        if (_answers(input, INPUT_LENGTH - 1, 1)) revert MLDSA44Precompile_NotThere(8);
        if (_answers(input, INPUT_LENGTH + 1, 1)) revert MLDSA44Precompile_NotThere(9);

        // Effect
        adopted = true;
        emit PrecompileAdopted(key, msg.sender);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IERC7913SignatureVerifier
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (key.length != 32) return REFUSED;
        if (_isVouchedFor(bytes32(key), hash, signature)) return IERC7913SignatureVerifier.verify.selector;
        return IMLDSAVerifier(SOLIDITY).verify(key, hash, signature);
    }

    /// @inheritdoc IMLDSAVerifier
    function verifyMessage(bytes32 key, bytes calldata context, bytes calldata message, bytes calldata signature)
        external
        view
        returns (bool)
    {
        if (context.length == 0 && message.length == 32 && _isVouchedFor(key, bytes32(message), signature)) {
            return true;
        }
        return IMLDSAVerifier(SOLIDITY).verifyMessage(key, context, message, signature);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Whether the precompile, if adopted, calls the signature valid, and not so for the hash turned over, nor with
    /// another tr: what does not look at the key would let the signer choose one.
    function _isVouchedFor(bytes32 key, bytes32 hash, bytes calldata signature) private view returns (bool) {
        if (!adopted) return false;
        uint256 input = _input(key, hash, signature);
        if (input == 0 || !_answers(input, INPUT_LENGTH, 1)) return false;
        assembly ("memory-safe") {
            mstore(input, not(hash))
        }
        if (!_answers(input, INPUT_LENGTH, 0)) return false;
        assembly ("memory-safe") {
            mstore(input, hash)
        }
        _turn(input + 18_836);
        return _answers(input, INPUT_LENGTH, 0);
    }

    /// @dev Whether the precompile returns exactly the word `answer`. Nothing there, want of gas: it does not.
    function _answers(uint256 input, uint256 length, uint256 answer) private view returns (bool same) {
        assembly ("memory-safe") {
            let success := staticcall(GAS, PRECOMPILE, input, length, 0x00, 0x20)
            same := and(and(success, eq(returndatasize(), 0x20)), eq(mload(0x00), answer))
        }
    }

    /// @dev Turns over the lowest bit of the byte at `place`.
    function _turn(uint256 place) private pure {
        assembly ("memory-safe") {
            mstore8(place, xor(byte(0, mload(place)), 0x01))
        }
    }

    /// @dev Where the precompile's input is in memory; 0 for a signature of another length or a key that is not a
    /// completely registered one of ML-DSA-44.
    function _input(bytes32 key, bytes32 hash, bytes calldata signature) private view returns (uint256 input) {
        if (signature.length != SIGNATURE_LENGTH) return 0;
        // A key of ML-DSA-44 is in one contract.
        // slither-disable-next-line unused-return
        (PostQuantumScheme scheme, bool complete, address chunk,,) = IPostQuantumKeys(KEYS).chunksOf(key);
        if (!complete || scheme != PostQuantumScheme.ML_DSA_44) return 0;
        assembly ("memory-safe") {
            input := mload(0x40)
            mstore(input, hash)
            calldatacopy(add(input, 32), signature.offset, SIGNATURE_LENGTH)
            // The expanded key (21,824 bytes behind a STOP) is unpacked from beyond the input, with a byte between.
            let packed := add(input, add(INPUT_LENGTH, 1))
            mstore(0x40, add(packed, 21824))
            extcodecopy(chunk, packed, 1, 21824)
            mcopy(add(input, 18836), add(packed, 21760), 64)
        }
        unchecked {
            uint256 entries = input + INPUT_LENGTH + 1;
            for (uint256 column = 0; column < 4; ++column) {
                // Column j of Â goes to the polynomials (i, j), four polynomials from row to row.
                _unpack(entries + 4_352 * column, input + 2_452 + 1_024 * column, 4_096);
            }
            _unpack(entries + 17_408, input + 18_900, 1_024);
            _restore(input + 18_900);
        }
    }

    /// @dev A column's 256 entries of 17 bytes to its four polynomials, `stride` bytes apart.
    ///
    ///    entry:       135      104 103      81 80       54 53       27 26        0
    ///                 +-----------+-----------+-----------+-----------+-----------+
    ///                 |     0     |   row 3   | 0 | row 2 | 0 | row 1 | 0 | row 0 |    rows of 23 bits, 27 apart
    ///                 +-----------+-----------+-----------+-----------+-----------+
    ///
    /// Eight entries make a word of each polynomial, the first entry its highest 32 bits. They are gathered by fours,
    /// every other one, and by pairs of rows, in lanes of 64 bits.
    function _unpack(uint256 entries, uint256 to, uint256 stride) private pure {
        assembly ("memory-safe") {
            function gather(entry, shift) -> lanes {
                lanes := or(
                    or(
                        shl(192, and(shr(shift, mload(entry)), 0x3ffffffffffff)),
                        shl(128, and(shr(shift, mload(add(entry, 34))), 0x3ffffffffffff))
                    ),
                    or(
                        shl(64, and(shr(shift, mload(add(entry, 68))), 0x3ffffffffffff)),
                        and(shr(shift, mload(add(entry, 102))), 0x3ffffffffffff)
                    )
                )
            }
            function spread(even, odd, low, high) {
                let mask := 0x7fffff00000000007fffff00000000007fffff00000000007fffff
                mstore(low, or(shl(32, and(even, mask)), and(odd, mask)))
                mstore(high, or(shl(32, and(shr(27, even), mask)), and(shr(27, odd), mask)))
            }
            // An entry is read by the word that ends with it; what lies before it is masked away.
            entries := sub(entries, 15)
            for { let end := add(entries, 4352) } lt(entries, end) { entries := add(entries, 136) } {
                spread(gather(entries, 0), gather(add(entries, 17), 0), to, add(to, stride))
                let row2 := add(to, mul(2, stride))
                spread(gather(entries, 54), gather(add(entries, 17), 54), row2, add(row2, stride))
                to := add(to, 32)
            }
        }
    }

    /// @dev The 1,024 coefficients of -NTT(t1 · 2^13) from `place` on become those of NTT(t1), four at a time.
    ///
    /// With x = q minus the coefficient, in (0, q], and k = -x modulo 2^13: x + kq is divisible by 2^13, because q is 1
    /// modulo 2^13; and the quotient, x / 2^13 modulo q, is at most q, which is taken for the 0 that it stands for.
    function _restore(uint256 place) private pure {
        assembly ("memory-safe") {
            function divided(lanes) -> result {
                let ones := 0x1000000000000000100000000000000010000000000000001
                let x := sub(mul(ones, Q), lanes)
                let k := and(sub(mul(ones, 0x2000), and(x, mul(ones, 0x1fff))), mul(ones, 0x1fff))
                result := shr(13, add(x, mul(k, Q)))
                // q + 0x1fff is 2^23.
                result := sub(result, mul(Q, and(shr(23, add(result, mul(ones, 0x1fff))), ones)))
            }
            let mask := 0x7fffff00000000007fffff00000000007fffff00000000007fffff
            for { let end := add(place, 4096) } lt(place, end) { place := add(place, 32) } {
                let word := mload(place)
                mstore(place, or(shl(32, divided(and(shr(32, word), mask))), divided(and(word, mask))))
            }
        }
    }
}
// slither-disable-end assembly,too-many-digits
