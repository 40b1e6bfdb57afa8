// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {MLDSAVerifier} from "./MLDSAVerifier.sol";
import {MLDSA87Kernels} from "./generated/MLDSA87Kernels.sol";
import {NTTPair} from "./generated/NTTPair.sol";

/// @title MLDSA87
/// @notice See `IMLDSAVerifier`. ML-DSA-87 of FIPS 204.
contract MLDSA87 is MLDSAVerifier {
    constructor(address keys)
        MLDSAVerifier(
            keys,
            Parameters({
                scheme: PostQuantumScheme.ML_DSA_87,
                rows: 8,
                columns: 7,
                column: 31 * 256,
                words: 16_384,
                tau: 60,
                omega: 75,
                gamma2: (8_380_417 - 1) / 32,
                challenge: 64,
                packed: 640,
                row: 128,
                challengeWords: 8_192,
                challengeOne: 1 << 192
            })
        )
    {}

    /// @inheritdoc MLDSAVerifier
    function _unpack(uint256 source, uint256 words) internal pure override returns (bool) {
        return MLDSA87Kernels.unpack(source, words);
    }

    /// @inheritdoc MLDSAVerifier
    function _multiply(uint256 words, uint256 key) internal pure override {
        NTTPair.forward(words);
        MLDSA87Kernels.product(words, key);
        NTTPair.inverse(words);
    }

    /// @inheritdoc MLDSAVerifier
    function _encode(uint256 words, uint256 output) internal pure override {
        MLDSA87Kernels.encode(words, output);
    }
}
