// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @title IMLDSAVerifier
/// @notice Verifies signatures of one parameter set of ML-DSA, the lattice scheme of FIPS 204, bit for bit as the
/// standard has it: SHAKE, "pure" signatures with a context string.
/// @dev A key is named by `keccak256(abi.encode(scheme, publicKey))`. What a verification needs of it (Â, t, tr) was
/// derived from the public key on chain by `PostQuantumKeys`, so that nobody is trusted with it. There is one encoding
/// of a signature: its length, the order and padding of its hints are checked, the norm bound is strict.
///
/// WARNING: not audited. A signature checked inside a transaction that an ECDSA account sent protects what the checking
/// contract makes depend on it, and nothing else. Where the chain has EIP-8051's precompiles they are cheaper.
interface IMLDSAVerifier is IERC7913SignatureVerifier {
    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice `PostQuantumKeys` does not know this key, or not all of it yet, or as a key of another scheme. Anybody
    /// who has the public key can complete its registration with `registerKey`.
    error MLDSA_KeyNotRegistered(bytes32 key);

    /// @notice There is no contract at the address given for the registry of keys.
    error MLDSA_NotARegistry(address keys);

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice The registry of expanded keys, an `IPostQuantumKeys`.
    // slither-disable-next-line naming-convention
    function KEYS() external view returns (address);

    /// @notice Whether `signature` is a signature of `message` under `context` by `key`: FIPS 204, Algorithm 3, over
    /// M' = 0x00 ‖ length of the context ‖ context ‖ message.
    /// @dev A key that is not completely registered reverts. Nothing else about the arguments does: a signature of
    /// another length and a context above 255 bytes are `false`. Want of gas reverts, always.
    /// @param key Id of a registered key.
    /// @param context At most 255 bytes, often empty; what the signature is for.
    /// @param message Of any length.
    /// @param signature c̃ ‖ z ‖ h.
    function verifyMessage(bytes32 key, bytes calldata context, bytes calldata message, bytes calldata signature)
        external
        view
        returns (bool valid);
}
