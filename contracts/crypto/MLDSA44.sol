// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {MLDSAVerifier} from "./MLDSAVerifier.sol";
import {InverseNTT54} from "./generated/InverseNTT54.sol";
import {MLDSA44Kernels} from "./generated/MLDSA44Kernels.sol";
import {NTT51} from "./generated/NTT51.sol";

/// @title MLDSA44
/// @notice See `IMLDSAVerifier`. ML-DSA-44 of FIPS 204.
contract MLDSA44 is MLDSAVerifier {
    constructor(address keys)
        MLDSAVerifier(
            keys,
            Parameters({
                scheme: PostQuantumScheme.ML_DSA_44,
                rows: 4,
                columns: 4,
                column: 17 * 256,
                words: 8_192,
                tau: 39,
                omega: 80,
                gamma2: (8_380_417 - 1) / 88,
                challenge: 32,
                packed: 576,
                row: 192,
                challengeWords: 0,
                challengeOne: 1 << 204
            })
        )
    {}

    /// @inheritdoc MLDSAVerifier
    function _unpack(uint256 source, uint256 words) internal pure override returns (bool) {
        return MLDSA44Kernels.unpack(source, words);
    }

    /// @inheritdoc MLDSAVerifier
    function _multiply(uint256 words, uint256 key) internal pure override {
        NTT51.forward(words);
        MLDSA44Kernels.product(words, key);
        InverseNTT54.inverse(words);
    }

    /// @inheritdoc MLDSAVerifier
    function _encode(uint256 words, uint256 output) internal pure override {
        MLDSA44Kernels.encode(words, output);
    }
}
