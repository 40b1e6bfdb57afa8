// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLHDSAVerifier} from "../../interfaces/ISLHDSAVerifier.sol";
import {WOTSChains} from "./generated/WOTSChains.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @title SLHDSASHA2128s
/// @notice See `ISLHDSAVerifier`. FIPS 205 with n = 16, h = 63, d = 7, h' = 9, a = 12, k = 14, lg_w = 4, m = 30.
/// @dev A verification is some 2,120 calls of the SHA-256 precompile over inputs that differ in a few bytes. So every
/// input has its place in memory, prepared once, and a call writes its result (16 of its 32 bytes) straight into the
/// input of the next. All hashes but that of the message take the same form (FIPS 205 §11.2.1):
///
///    +0x00       +0x10        +0x40               +0x56
///   +-----------+------------+--------------------+--------------------+
///   |  PK.seed  |  48 zeros  |  compressed ADRS   |      message       |
///   +-----------+------------+--------------------+--------------------+
///   0x0080 + 0x100·k, k = 0 … 14   F, step k of a chain; message of 16 bytes (see `WOTSChains`)
///   0x0100                         H, a node of a tree; 32 bytes, the two nodes below. Also F of a FORS leaf; 16
///   0x0faa                         T, roots of FORS trees (14 × 16) or ends of chains (35 × 16), from 0x1000 on
///   0x1240                         the message's hash, which has a form of its own (see `_digest`)
///
/// The message of an H starts at 0x156, so `0x156 + 16·(index & 1)` is the place of the node `index` beside its
/// sibling. The compressed address is 22 bytes; as a number below 2^176, which `mstore(message - 32, adrs)` writes
/// together with the last ten of the zeros before it:
///
///   175  168 167        104 103   96 95          64 63            32 31             0
///   +-------+--------------+--------+--------------+----------------+---------------+
///   | layer |     tree     |  type  |   key pair   | chain, height  |  hash, index  |
///   +-------+--------------+--------+--------------+----------------+---------------+
///
/// Memory beyond 0x80 belongs to these buffers, because nothing here allocates. That a precompile refuses for want of
/// gas is checked at each call. Were it not, a 64th of what the hash costs would be left (EIP-150), 1 gas after an F or
/// an H, and the next instruction would end the call.
// Assembly: the buffers are at fixed places, and each hash is a call whose input is already there.
// slither-disable-start assembly,too-many-digits
contract SLHDSASHA2128s is ISLHDSAVerifier {
    uint256 private constant SIGNATURE_LENGTH = 7_856;
    uint256 private constant MAX_CONTEXT = 255;
    bytes4 private constant REFUSED = 0xffffffff;

    /// @dev Types of addresses (FIPS 205 §4.2) in their place. WOTS_HASH is 0.
    uint256 private constant WOTS_PK = 1 << 96;
    uint256 private constant TREE = 2 << 96;
    uint256 private constant FORS_TREE = 3 << 96;
    uint256 private constant FORS_ROOTS = 4 << 96;

    constructor() {
        // Where nothing is at 0x02 a call succeeds and writes nothing: success alone would prove nothing there.
        bytes32 answer;
        assembly ("memory-safe") {
            mstore(0x00, "abc")
            pop(staticcall(gas(), 2, 0x00, 3, 0x00, 32))
            answer := mload(0x00)
        }
        if (answer != 0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad) revert SLHDSA_NoSHA256();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IERC7913SignatureVerifier
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (key.length != 32 || signature.length != SIGNATURE_LENGTH) return REFUSED;
        assembly ("memory-safe") {
            mstore(0x1270, 0) // M' = 0x00 ‖ 0x00, an empty context ‖ hash
            mstore(0x1272, hash)
        }
        return _verify(bytes32(key), 34, signature) ? IERC7913SignatureVerifier.verify.selector : REFUSED;
    }

    /// @inheritdoc ISLHDSAVerifier
    function verifyMessage(bytes32 key, bytes calldata context, bytes calldata message, bytes calldata signature)
        external
        view
        returns (bool)
    {
        if (context.length > MAX_CONTEXT || signature.length != SIGNATURE_LENGTH) return false;
        assembly ("memory-safe") {
            mstore8(0x1270, 0)
            mstore8(0x1271, context.length)
            calldatacopy(0x1272, context.offset, context.length)
            calldatacopy(add(0x1272, context.length), message.offset, message.length)
        }
        return _verify(key, 2 + context.length + message.length, signature);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Algorithm 20. M' of `length` bytes lies at 0x1270.
    ///
    ///    signature:  0        16                2,928                             7,856
    ///                +--------+-----------------+--------------------------------+
    ///                |   R    |  14 × 13 nodes  |   7 × (35 + 9) nodes           |
    ///                +--------+-----------------+--------------------------------+
    function _verify(bytes32 key, uint256 length, bytes calldata signature) private view returns (bool) {
        uint256 source;
        assembly ("memory-safe") {
            source := signature.offset
        }
        uint256 digest = _digest(key, length, source);
        _prepare(key);
        // 30 bytes of the digest count: 21 for FORS, 7 for the tree (modulo 2^54), 2 for the leaf (modulo 2^9).
        uint256 tree = (digest >> 32) & 0x3fffffffffffff;
        uint256 leaf = (digest >> 16) & 0x1ff;
        unchecked {
            uint256 node = _fors(key, digest, (tree << 104) | (leaf << 64), source + 16);
            source += 2_928;
            // Algorithm 13
            for (uint256 layer = 0; layer < 7; ++layer) {
                node = _layer(key, node, (layer << 168) | (tree << 104), leaf, source);
                source += 704;
                leaf = tree & 0x1ff;
                tree >>= 9;
            }
            return node >> 128 == uint256(uint128(uint256(key)));
        }
    }

    /// @dev H_msg: MGF1-SHA-256(R ‖ PK.seed ‖ SHA-256(R ‖ PK.seed ‖ PK.root ‖ M'), 30), of which one block is enough.
    function _digest(bytes32 key, uint256 length, uint256 source) private view returns (uint256 digest) {
        bool done;
        assembly ("memory-safe") {
            calldatacopy(0x1240, source, 16)
            mstore(0x1250, key)
            done := staticcall(gas(), 2, 0x1240, add(length, 48), 0x1260, 32)
            mstore(0x1280, 0) // the counter of MGF1, 4 bytes
            done := and(staticcall(gas(), 2, 0x1240, 68, 0x00, 32), done)
            digest := mload(0x00)
        }
        if (!done) revert SLHDSA_HashFailed();
    }

    /// @dev Writes PK.seed and zeros into the buffers of F and H; T's is filled after the chains, which write across it.
    function _prepare(bytes32 key) private pure {
        assembly ("memory-safe") {
            let seed := shl(128, shr(128, key))
            for { let buffer := 0x80 } lt(buffer, 0xf80) { buffer := add(buffer, 0x100) } {
                mstore(buffer, seed)
                mstore(add(buffer, 0x20), 0)
            }
            mstore(0x100, seed)
            mstore(0x120, 0)
        }
    }

    /// @dev Algorithm 17: the FORS public key, in the upper half of `node`. `pair` holds tree and key pair.
    function _fors(bytes32 key, uint256 digest, uint256 pair, uint256 source) private view returns (uint256 node) {
        unchecked {
            for (uint256 root = 0x1000; root < 0x10e0; root += 16) {
                // The upper 12 bits of `digest` choose the leaf; all 14 trees are numbered through.
                uint256 index = ((root & 0xff) << 8) | (digest >> 244);
                digest <<= 12;
                bool done;
                assembly ("memory-safe") {
                    calldatacopy(0x156, source, 16)
                    mstore(0x136, or(or(pair, FORS_TREE), index))
                    done := staticcall(gas(), 2, 0x100, 102, add(0x156, shl(4, and(index, 1))), 16)
                }
                if (!done) revert SLHDSA_HashFailed();
                node = _climb(source + 16, source + 208, pair | FORS_TREE, index);
                source += 208;
                assembly ("memory-safe") {
                    mstore(root, node)
                }
            }
        }
        return _compress(key, pair | FORS_ROOTS, 310, 0x00);
    }

    /// @dev Algorithms 8 and 11: the root of the XMSS tree, in the upper half of `root`, from the node that its leaf
    /// signs, in the upper half of `node`. `place` holds layer and tree.
    function _layer(bytes32 key, uint256 node, uint256 place, uint256 leaf, uint256 source)
        private
        view
        returns (uint256 root)
    {
        unchecked {
            uint256 pair = place | (leaf << 64);
            assembly ("memory-safe") {
                // Each step's hash address. This clears the chain address.
                mstore(0x0b6, pair)
                mstore(0x1b6, or(pair, 1))
                mstore(0x2b6, or(pair, 2))
                mstore(0x3b6, or(pair, 3))
                mstore(0x4b6, or(pair, 4))
                mstore(0x5b6, or(pair, 5))
                mstore(0x6b6, or(pair, 6))
                mstore(0x7b6, or(pair, 7))
                mstore(0x8b6, or(pair, 8))
                mstore(0x9b6, or(pair, 9))
                mstore(0xab6, or(pair, 10))
                mstore(0xbb6, or(pair, 11))
                mstore(0xcb6, or(pair, 12))
                mstore(0xdb6, or(pair, 13))
                mstore(0xeb6, or(pair, 14))
            }
            if (!WOTSChains.complete(_digits(node >> 128), source)) revert SLHDSA_HashFailed();
            _compress(key, pair | WOTS_PK, 646, 0x156 + ((leaf & 1) << 4));
            return _climb(source + 560, source + 704, place | TREE, leaf);
        }
    }

    /// @dev The 32 digits of `node` (16 bytes) and the three of their checksum, from the top of the word down. The
    /// checksum, sum of 15 - digit, is at most 480: Algorithm 8 shifts it to 16 bits and takes the upper 12.
    function _digits(uint256 node) private pure returns (uint256) {
        unchecked {
            // Sums in 16 lanes of a byte, at most 30; in 8 lanes of 16 bits, at most 60; and since 2^16 = 1 modulo
            // 2^16 - 1, the remainder is the sum of all lanes.
            uint256 sum =
                (node & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f) + ((node >> 4) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f);
            sum = (sum & 0x00ff00ff00ff00ff00ff00ff00ff00ff) + ((sum >> 8) & 0x00ff00ff00ff00ff00ff00ff00ff00ff);
            return ((node << 12) | (480 - sum % 0xffff)) << 116;
        }
    }

    /// @dev T over the nodes from 0x1000 on. `length` counts the whole buffer. The result goes to `target` and, where
    /// that is 0, is returned too.
    function _compress(bytes32 key, uint256 adrs, uint256 length, uint256 target) private view returns (uint256 node) {
        bool done;
        assembly ("memory-safe") {
            mstore(0xfaa, shl(128, shr(128, key)))
            mstore(0xfca, 0)
            mstore(0xfe0, adrs)
            done := staticcall(gas(), 2, 0xfaa, length, target, 16)
            node := mload(0x00)
        }
        if (!done) revert SLHDSA_HashFailed();
    }

    /// @dev From the node `index` of a tree, in its place beside the sibling, up along the path at `source` to its
    /// root, which is in the upper half of `root`. Three levels a round: trees here have 9 or 12.
    function _climb(uint256 source, uint256 end, uint256 adrs, uint256 index) private view returns (uint256 root) {
        bool done;
        assembly ("memory-safe") {
            done := 1
            let side := shl(4, and(index, 1))
            for {} lt(source, end) { source := add(source, 48) } {
                calldatacopy(sub(0x166, side), source, 16)
                index := shr(1, index)
                side := shl(4, and(index, 1))
                mstore(0x136, add(add(adrs, 0x100000000), index))
                done := and(staticcall(gas(), 2, 0x100, 118, add(0x156, side), 16), done)

                calldatacopy(sub(0x166, side), add(source, 16), 16)
                index := shr(1, index)
                side := shl(4, and(index, 1))
                mstore(0x136, add(add(adrs, 0x200000000), index))
                done := and(staticcall(gas(), 2, 0x100, 118, add(0x156, side), 16), done)

                calldatacopy(sub(0x166, side), add(source, 32), 16)
                index := shr(1, index)
                side := shl(4, and(index, 1))
                adrs := add(adrs, 0x300000000)
                mstore(0x136, add(adrs, index))
                done := and(staticcall(gas(), 2, 0x100, 118, add(0x156, side), 16), done)
            }
            root := mload(add(0x156, side))
        }
        if (!done) revert SLHDSA_HashFailed();
    }
}
// slither-disable-end assembly,too-many-digits
