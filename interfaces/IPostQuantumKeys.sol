// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {PostQuantumScheme} from "./IPostQuantumScheme.sol";

/// @title IPostQuantumKeys
/// @notice Registers ML-DSA public keys (FIPS 204) in the expanded form that verification needs.
/// @dev Everything is derived on chain from the FIPS public key: nobody can register a matrix, a t1 or a tr that does
/// not belong to it. There is no owner, no fee and no state besides the keys.
interface IPostQuantumKeys {
    /// @notice A public key of `length` bytes where the scheme has `expected`.
    error PostQuantumKeys_WrongLength(PostQuantumScheme scheme, uint256 length, uint256 expected);
    /// @notice The scheme's keys are used as they are, without registration.
    error PostQuantumKeys_NoRegistration(PostQuantumScheme scheme);

    /// @notice The first step of a key was done; from here on everybody knows what the others need.
    event KeyRegistrationStarted(bytes32 indexed keyId, PostQuantumScheme indexed scheme, bytes publicKey);
    /// @notice Step `step`, counted from 1, wrote the contract at `pointer`.
    event KeyStepDone(bytes32 indexed keyId, uint256 step, address pointer);
    /// @notice The key can be used.
    event KeyRegistered(bytes32 indexed keyId, PostQuantumScheme indexed scheme);

    /// @notice Does the next step of a key's registration: 1 for ML-DSA-44, 2 for ML-DSA-65, 3 for ML-DSA-87.
    /// @dev Callable by anyone, in any order among keys; each step uses less than 8,000,000 gas. Once the key is
    /// complete, a call changes nothing.
    /// @param scheme ML_DSA_44, ML_DSA_65 or ML_DSA_87.
    /// @param publicKey The public key of FIPS 204, Algorithm 22.
    /// @return keyId `keyIdOf(scheme, publicKey)`.
    /// @return complete Whether no step is left.
    function registerKey(PostQuantumScheme scheme, bytes calldata publicKey)
        external
        returns (bytes32 keyId, bool complete);

    /// @notice Where the expanded key is, for verifiers.
    /// @dev Contracts of a STOP byte and data. Behind one another they hold the columns of Â (four in the one contract of
    /// ML-DSA-44, three in each other contract as far as there are so many), the column -NTT(t1 · 2^13) mod q, and the
    /// 64 bytes of tr. A column is 256 entries, one a coefficient; an entry is ⌈(27(k - 1) + 54) / 8⌉ bytes big-endian,
    /// with row i in bits [27i, 27i + 23). All zero for a key that nobody began to register.
    /// @return scheme The key's scheme.
    /// @return complete Whether the key may be used.
    /// @return first First contract.
    /// @return second Second contract, zero for ML-DSA-44.
    /// @return third Third contract, zero but for ML-DSA-87.
    function chunksOf(bytes32 keyId)
        external
        view
        returns (PostQuantumScheme scheme, bool complete, address first, address second, address third);

    /// @notice Steps done and steps in all of a key; both zero where nobody began.
    function progressOf(bytes32 keyId) external view returns (uint256 done, uint256 total);

    /// @notice The name of a key: keccak256(abi.encode(scheme, publicKey)).
    function keyIdOf(PostQuantumScheme scheme, bytes calldata publicKey) external pure returns (bytes32 keyId);
}
