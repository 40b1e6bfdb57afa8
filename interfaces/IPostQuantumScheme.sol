// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice The signature schemes that NovaCron verifies on chain. Every key of every scheme is named by 32 bytes.
/// @dev ML_DSA_44, ML_DSA_65, ML_DSA_87: FIPS 204, categories 2, 3 and 5; the 32 bytes are the id under which
/// `IPostQuantumKeys` derived the expanded key. SLH_DSA_SHA2_128S: FIPS 205, category 1; the 32 bytes are the public key.
enum PostQuantumScheme {
    ML_DSA_44,
    ML_DSA_65,
    ML_DSA_87,
    SLH_DSA_SHA2_128S
}
