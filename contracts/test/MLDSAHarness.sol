// SPDX-License-Identifier: MIT
// solhint-disable gas-calldata-parameters
pragma solidity 0.8.37;

import {MLDSAChallenge} from "../crypto/MLDSAChallenge.sol";
import {MLDSAHints} from "../crypto/MLDSAHints.sol";
import {MLDSA44Kernels} from "../crypto/generated/MLDSA44Kernels.sol";
import {MLDSA65Kernels} from "../crypto/generated/MLDSA65Kernels.sol";
import {MLDSA87Kernels} from "../crypto/generated/MLDSA87Kernels.sol";

/// @title MLDSAHarness
/// @notice The steps of an ML-DSA verification one by one, with the gas they took, for tests. `words` are the words of
/// the transforms, one set of 256 or two; `set` is 44, 65 or 87.
contract MLDSAHarness {
    function unpack(uint256 set, bytes memory words, bytes calldata z)
        external
        view
        returns (bool good, bytes memory, uint256 used)
    {
        (uint256 start, uint256 source) = (_address(words), _source(z));
        used = gasleft();
        if (set == 44) good = MLDSA44Kernels.unpack(source, start);
        else if (set == 65) good = MLDSA65Kernels.unpack(source, start);
        else good = MLDSA87Kernels.unpack(source, start);
        return (good, words, used - gasleft());
    }

    function product(uint256 set, bytes memory words, bytes memory key)
        external
        view
        returns (bytes memory, uint256 used)
    {
        (uint256 start, uint256 from) = (_address(words), _address(key));
        used = gasleft();
        if (set == 44) MLDSA44Kernels.product(start, from);
        else if (set == 65) MLDSA65Kernels.product(start, from);
        else MLDSA87Kernels.product(start, from);
        return (words, used - gasleft());
    }

    function encode(uint256 set, bytes memory words) external view returns (bytes memory rows, uint256 used) {
        rows = new bytes(set == 44 ? 4 * 224 : set == 65 ? 6 * 160 : 8 * 160);
        (uint256 start, uint256 output) = (_address(words), _address(rows));
        used = gasleft();
        if (set == 44) MLDSA44Kernels.encode(start, output);
        else if (set == 65) MLDSA65Kernels.encode(start, output);
        else MLDSA87Kernels.encode(start, output);
        used -= gasleft();
    }

    function applyHints(bytes memory words, bytes calldata y, uint256 rows, uint256 omega, uint256 gamma2)
        external
        view
        returns (bool good, bytes memory, uint256 used)
    {
        used = gasleft();
        good = MLDSAHints.applyAll(_source(y), _address(words), rows, omega, gamma2);
        return (good, words, used - gasleft());
    }

    function challenge(bytes memory input, bytes calldata seed, uint256 tau, uint256 one)
        external
        view
        returns (bytes memory mu, bytes memory words, uint256 used)
    {
        words = new bytes(8_192);
        used = gasleft();
        uint256 at_ =
            MLDSAChallenge.derive(_address(input), input.length, _source(seed), seed.length, tau, _address(words), one);
        used -= gasleft();
        mu = new bytes(64);
        assembly ("memory-safe") {
            mcopy(add(mu, 32), at_, 64)
        }
    }

    function _address(bytes memory data) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := add(data, 32)
        }
    }

    function _source(bytes calldata data) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := data.offset
        }
    }
}
