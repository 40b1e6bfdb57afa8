// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMLDSAVerifier} from "../../interfaces/IMLDSAVerifier.sol";
import {IPostQuantumKeys} from "../../interfaces/IPostQuantumKeys.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {MLDSAChallenge} from "./MLDSAChallenge.sol";
import {MLDSAHints} from "./MLDSAHints.sol";
import {Shake} from "./Shake.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

// slither-disable-start assembly,too-many-digits
/// @title MLDSAVerifier
/// @notice See `IMLDSAVerifier`. The steps of FIPS 204, Algorithm 8; what depends on the parameter set is a hook.
/// @dev Polynomials lie side by side in the lanes of 256 words (see tools/kernels/ntt.py and mldsa.py):
///
///   z, c (forward)  44: | c | z3 | z2 | z1 | z0 |, five lanes of 51 bits
///                   65: | z3 | z2 | z1 | z0 | and | 0 | 0 | c | z4 |, lanes of 64 bits
///                   87: | z3 | z2 | z1 | z0 | and | c | z6 | z5 | z4 |, lanes of 64 bits
///   w (inverse)     44: | w3 | w1 | w2 | w0 |, lanes of 54 bits
///                   65: | w4 | w2 | w0 | and | w5 | w3 | w1 |; 87: | w6 | w4 | w2 | w0 | and | w7 | w5 | w3 | w1 |
///
/// Memory of a verification, from the free pointer on:
///
///   +-----------------+------------------+--------------------+------+------+
///   | first 256 words | second (65, 87)  | columns of Â, −t̂   |  tr  |  M'  |
///   +-----------------+------------------+--------------------+------+------+
///     8,192 bytes       8,192              a column each        64
///
/// Once w is there, µ ‖ w1 takes the place of the columns.
abstract contract MLDSAVerifier is IMLDSAVerifier {
    /// @dev FIPS 204, Tables 1 and 2, as far as the code here needs them, and where things lie.
    struct Parameters {
        PostQuantumScheme scheme;
        uint256 rows; // k
        uint256 columns; // l, of Â
        uint256 column; // bytes of a column of the expanded key
        uint256 words; // bytes of the words of the transforms
        uint256 tau;
        uint256 omega;
        uint256 gamma2;
        uint256 challenge; // bytes of c̃
        uint256 packed; // bytes of a polynomial of z
        uint256 row; // bytes of a row of w1
        uint256 challengeWords; // where c's words begin
        uint256 challengeOne; // the coefficient 1 in c's lane
    }

    /// @inheritdoc IMLDSAVerifier
    // forge-lint: disable-next-line(screaming-snake-case-immutable)
    // slither-disable-next-line naming-convention
    address public immutable KEYS; // solhint-disable-line immutable-vars-naming

    PostQuantumScheme private immutable _scheme;
    uint256 private immutable _rows;
    uint256 private immutable _columns;
    uint256 private immutable _column;
    uint256 private immutable _words;
    uint256 private immutable _tau;
    uint256 private immutable _omega;
    uint256 private immutable _gamma2;
    uint256 private immutable _challenge;
    uint256 private immutable _z;
    uint256 private immutable _row;
    uint256 private immutable _challengeWords;
    uint256 private immutable _challengeOne;

    bytes4 private constant REFUSED = 0xffffffff;
    uint256 private constant MAX_CONTEXT = 255;
    uint256 private constant TR = 64;
    uint256 private constant MU = 64;
    /// @dev Columns in a chunk of the expanded key; ML-DSA-44 has its five in one.
    uint256 private constant CHUNK = 3;

    constructor(address keys, Parameters memory p) {
        if (keys.code.length == 0) revert MLDSA_NotARegistry(keys);
        KEYS = keys;
        _scheme = p.scheme;
        _rows = p.rows;
        _columns = p.columns;
        _column = p.column;
        _words = p.words;
        _tau = p.tau;
        _omega = p.omega;
        _gamma2 = p.gamma2;
        _challenge = p.challenge;
        _z = p.columns * p.packed;
        _row = p.row;
        _challengeWords = p.challengeWords;
        _challengeOne = p.challengeOne;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IERC7913SignatureVerifier
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (key.length != 32 || signature.length != _length()) return REFUSED;
        (bool registered, uint256 words, uint256 message) = _load(bytes32(key));
        if (!registered) return REFUSED;
        assembly ("memory-safe") {
            mstore(message, 0) // M' = 0x00 ‖ 0x00, an empty context ‖ hash
            mstore(add(message, 2), hash)
        }
        return _verify(words, message, 34, signature) ? IERC7913SignatureVerifier.verify.selector : REFUSED;
    }

    /// @inheritdoc IMLDSAVerifier
    function verifyMessage(bytes32 key, bytes calldata context, bytes calldata message, bytes calldata signature)
        external
        view
        returns (bool)
    {
        (bool registered, uint256 words, uint256 to) = _load(key);
        if (!registered) revert MLDSA_KeyNotRegistered(key);
        if (context.length > MAX_CONTEXT || signature.length != _length()) return false;
        assembly ("memory-safe") {
            mstore8(to, 0)
            mstore8(add(to, 1), context.length)
            calldatacopy(add(to, 2), context.offset, context.length)
            calldatacopy(add(add(to, 2), context.length), message.offset, message.length)
        }
        return _verify(words, to, 2 + context.length + message.length, signature);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Algorithm 8 over M' of `length` bytes at `message`, behind tr and the expanded key. `words` is where the
    /// memory in the diagram above begins.
    function _verify(uint256 words, uint256 message, uint256 length, bytes calldata signature)
        private
        view
        returns (bool)
    {
        uint256 source;
        uint256 key = message - TR - (_columns + 1) * _column;
        assembly ("memory-safe") {
            source := signature.offset
            mstore(0x40, add(message, and(add(length, 63), not(31))))
        }
        uint256 mu = MLDSAChallenge.derive(
            message - TR, TR + length, source, _challenge, _tau, words + _challengeWords, _challengeOne
        );
        if (!_unpack(source + _challenge, words)) return false;
        _multiply(words, key);
        if (!MLDSAHints.applyAll(source + _challenge + _z, words, _rows, _omega, _gamma2)) return false;
        return _hashes(words, mu, key, source);
    }

    /// @dev Unpacks z into the lanes of the forward transform, beside c; false if a coefficient's absolute value is
    /// γ1 − β or above.
    function _unpack(uint256 source, uint256 words) internal pure virtual returns (bool);

    /// @dev w = NTT^-1(Â ∘ NTT(z) − NTT(t1 · 2^d) ∘ NTT(c)), in place.
    function _multiply(uint256 words, uint256 key) internal pure virtual;

    /// @dev The high bits of w, each row packed, rows 32 bytes further apart than they are long.
    function _encode(uint256 words, uint256 output) internal pure virtual;

    /// @dev Whether c̃ is SHAKE256(µ ‖ w1Encode(w1)).
    function _hashes(uint256 words, uint256 mu, uint256 output, uint256 source) private view returns (bool equal) {
        uint256 size = _row;
        uint256 end = output + MU + size * _rows;
        _encode(words, end);
        assembly ("memory-safe") {
            mcopy(output, mu, MU)
            let from := end
            for { let to := add(output, MU) } lt(to, end) { to := add(to, size) } {
                mcopy(to, from, size)
                from := add(from, add(size, 32))
            }
        }
        uint256 length = _challenge;
        Shake.shake256(output, end - output, mu, length);
        assembly ("memory-safe") {
            calldatacopy(output, source, length)
            equal := eq(keccak256(output, length), keccak256(mu, length))
        }
    }

    /// @dev Copies the expanded key into memory: the start of the memory in the diagram above, and where M' goes.
    function _load(bytes32 key) private view returns (bool complete, uint256 words, uint256 message) {
        PostQuantumScheme scheme;
        address first;
        address second;
        address third;
        (scheme, complete, first, second, third) = IPostQuantumKeys(KEYS).chunksOf(key);
        if (!complete || scheme != _scheme) return (false, 0, 0);
        assembly ("memory-safe") {
            words := mload(0x40)
        }
        message = words + _words;
        uint256 left = _columns + 1;
        if (_scheme != PostQuantumScheme.ML_DSA_44) {
            message = _copy(first, message, CHUNK * _column);
            left -= CHUNK;
            first = second;
            if (left > CHUNK) {
                message = _copy(second, message, CHUNK * _column);
                left -= CHUNK;
                first = third;
            }
        }
        message = _copy(first, message, left * _column + TR);
    }

    /// @dev Bytes of a signature: c̃ ‖ z ‖ h.
    function _length() private view returns (uint256) {
        return _challenge + _z + _omega + _rows;
    }

    /// @dev Copies what an SSTORE2 contract holds (its first byte is STOP); returns where it ends.
    function _copy(address pointer, uint256 to, uint256 length) private view returns (uint256 end) {
        assembly ("memory-safe") {
            extcodecopy(pointer, to, 1, length)
            end := add(to, length)
        }
    }
}
// slither-disable-end assembly,too-many-digits
