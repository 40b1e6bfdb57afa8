// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {MLDSAVerifier} from "./MLDSAVerifier.sol";
import {MLDSA65Kernels} from "./generated/MLDSA65Kernels.sol";
import {NTTPair} from "./generated/NTTPair.sol";

/// @title MLDSA65
/// @notice See `IMLDSAVerifier`. ML-DSA-65 of FIPS 204.
contract MLDSA65 is MLDSAVerifier {
    constructor(address keys)
        MLDSAVerifier(
            keys,
            Parameters({
                scheme: PostQuantumScheme.ML_DSA_65,
                rows: 6,
                columns: 5,
                column: 24 * 256,
                words: 16_384,
                tau: 49,
                omega: 55,
                gamma2: (8_380_417 - 1) / 32,
                challenge: 48,
                packed: 640,
                row: 128,
                challengeWords: 8_192,
                challengeOne: 1 << 64
            })
        )
    {}

    /// @inheritdoc MLDSAVerifier
    function _unpack(uint256 source, uint256 words) internal pure override returns (bool) {
        return MLDSA65Kernels.unpack(source, words);
    }

    /// @inheritdoc MLDSAVerifier
    function _multiply(uint256 words, uint256 key) internal pure override {
        NTTPair.forward(words);
        MLDSA65Kernels.product(words, key);
        NTTPair.inverse(words);
    }

    /// @inheritdoc MLDSAVerifier
    function _encode(uint256 words, uint256 output) internal pure override {
        MLDSA65Kernels.encode(words, output);
    }
}
