// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @title ISLHDSAVerifier
/// @notice Verifies signatures of SLH-DSA-SHA2-128s, the stateless hash-based scheme of FIPS 205, bit for bit as the
/// standard has it. Its security rests on SHA-256 alone: a second assumption beside the lattices of ML-DSA.
/// @dev A key is the public key of FIPS 205 itself, 32 bytes, PK.seed (16) ‖ PK.root (16): nothing to register. A
/// signature is 7,856 bytes, nothing more and nothing less, so that no third party can make a second one of it.
///
/// WARNING: not audited. SLH-DSA-SHA2-128s is of NIST's security category 1 (as hard to break as AES-128), the lowest.
/// A key may sign 2^64 messages. A signature checked inside a transaction that an ECDSA account sent protects what the
/// checking contract makes depend on it, and nothing else.
///
/// Gas: about 0.74 million for a whole transaction. The price moves with the signature, because a WOTS+ chain is walked
/// for as long as its digit asks: 267 hashes a layer on average, 45 at the least and 510 at the most, seven layers. One
/// signature in some 2,000 takes more than 0.8 million. The most, 1.14 million, belongs to a signature whose seven
/// layers all meet a node of sixteen zero bytes, which nobody can make; 1.2 million is enough for any.
interface ISLHDSAVerifier is IERC7913SignatureVerifier {
    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice This chain has no SHA-256 at the address 0x02; the verifier cannot be deployed here.
    error SLHDSA_NoSHA256();

    /// @notice The SHA-256 precompile refused a call, which it does for want of gas only. Call again with more gas; the
    /// signature was not judged.
    error SLHDSA_HashFailed();

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Whether `signature` is a signature of `message` under `context` by `key`: FIPS 205, Algorithm 24, "pure"
    /// signatures, over M' = 0x00 ‖ length of the context ‖ context ‖ message.
    /// @dev Nothing about the arguments reverts: a signature of another length and a context above 255 bytes are
    /// `false`. Want of gas reverts, always.
    /// @param key Public key: PK.seed ‖ PK.root.
    /// @param context At most 255 bytes, often empty; what the signature is for.
    /// @param message Of any length.
    /// @param signature 7,856 bytes: R ‖ SIG_FORS ‖ SIG_HT.
    function verifyMessage(bytes32 key, bytes calldata context, bytes calldata message, bytes calldata signature)
        external
        view
        returns (bool valid);
}
