// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPostQuantumKeys} from "../../interfaces/IPostQuantumKeys.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {ExpandedKey} from "./ExpandedKey.sol";
import {Shake} from "./Shake.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @title PostQuantumKeys
/// @notice The expanded ML-DSA keys, derived from public keys by this contract alone. Immutable, without owner.
/// @dev One contract of data a step. The parts in order, with their bytes:
///
///   ML-DSA-44  | Â 0–3  17,408 | t  4,352 | tr 64 |
///   ML-DSA-65  | Â 0–2  18,432 |     | Â 3–4  12,288 | t  6,144 | tr 64 |
///   ML-DSA-87  | Â 0–2  23,808 |     | Â 3–5  23,808 |     | Â 6  7,936 | t  7,936 | tr 64 |
contract PostQuantumKeys is IPostQuantumKeys {
    /// @dev Slot 0 is all that a verifier of ML-DSA-44 reads:  | (64) | done (8) | scheme (8) | first (160) |
    struct Key {
        address first;
        PostQuantumScheme scheme;
        uint8 done;
        address second;
        address third;
    }

    /// @dev k and l of FIPS 204, table 1, and how the matrix is distributed.
    struct Shape {
        uint256 rows;
        uint256 columns;
        uint256 columnsPerStep;
    }

    uint256 private constant RHO_LENGTH = 32;
    uint256 private constant T1_ROW_LENGTH = 320;
    uint256 private constant TR_LENGTH = 64;

    mapping(bytes32 keyId => Key) private _keys;

    // ------------------------------------------------------------------------------------------------------- actions

    /// @inheritdoc IPostQuantumKeys
    function registerKey(PostQuantumScheme scheme, bytes calldata publicKey)
        external
        returns (bytes32 keyId, bool complete)
    {
        // Check
        Shape memory shape = _shapeOf(scheme);
        uint256 length = RHO_LENGTH + T1_ROW_LENGTH * shape.rows;
        if (publicKey.length != length) revert PostQuantumKeys_WrongLength(scheme, publicKey.length, length);
        keyId = keyIdOf(scheme, publicKey);
        Key storage key = _keys[keyId];
        uint256 done = key.done;
        if (done == _steps(shape)) return (keyId, true);

        // Effect. Creating a contract of data runs no code but that which stores it.
        if (done == 0) {
            key.scheme = scheme;
            emit KeyRegistrationStarted(keyId, scheme, publicKey);
        }
        address pointer = SSTORE2.write(_expanded(shape, done, publicKey));
        if (done == 0) key.first = pointer;
        else if (done == 1) key.second = pointer;
        else key.third = pointer;
        ++done;
        key.done = uint8(done);
        complete = done == _steps(shape);
        emit KeyStepDone(keyId, done, pointer);
        if (complete) emit KeyRegistered(keyId, scheme);
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IPostQuantumKeys
    function chunksOf(bytes32 keyId)
        external
        view
        returns (PostQuantumScheme scheme, bool complete, address first, address second, address third)
    {
        Key storage key = _keys[keyId];
        first = key.first;
        if (first == address(0)) return (scheme, false, first, second, third);
        scheme = key.scheme;
        uint256 steps = _steps(_shapeOf(scheme));
        complete = key.done == steps;
        if (steps > 1) second = key.second;
        if (steps > 2) third = key.third;
    }

    /// @inheritdoc IPostQuantumKeys
    function progressOf(bytes32 keyId) external view returns (uint256 done, uint256 total) {
        Key storage key = _keys[keyId];
        done = key.done;
        if (done != 0) total = _steps(_shapeOf(key.scheme));
    }

    /// @inheritdoc IPostQuantumKeys
    function keyIdOf(PostQuantumScheme scheme, bytes calldata publicKey) public pure returns (bytes32 keyId) {
        return keccak256(abi.encode(scheme, publicKey));
    }

    // ------------------------------------------------------------------------------------------------------ internal

    /// @dev What step `step`, counted from 0, stores.
    function _expanded(Shape memory shape, uint256 step, bytes memory publicKey)
        private
        pure
        returns (bytes memory data)
    {
        uint256 first = step * shape.columnsPerStep;
        uint256 count = shape.columns - first;
        bool last = count <= shape.columnsPerStep;
        if (!last) count = shape.columnsPerStep;
        uint256 column = ExpandedKey.columnBytes(shape.rows);
        data = new bytes(last ? (count + 1) * column + TR_LENGTH : count * column);
        uint256 input;
        uint256 output;
        assembly ("memory-safe") {
            input := add(publicKey, 32)
            output := add(data, 32)
        }
        ExpandedKey.writeMatrix(input, shape.rows, first, count, output);
        if (last) {
            output += count * column;
            ExpandedKey.writeT(input + RHO_LENGTH, shape.rows, output);
            Shake.shake256(input, publicKey.length, output + column, TR_LENGTH);
        }
    }

    function _steps(Shape memory shape) private pure returns (uint256) {
        return (shape.columns + shape.columnsPerStep - 1) / shape.columnsPerStep;
    }

    function _shapeOf(PostQuantumScheme scheme) private pure returns (Shape memory) {
        if (scheme == PostQuantumScheme.ML_DSA_44) return Shape(4, 4, 4);
        if (scheme == PostQuantumScheme.ML_DSA_65) return Shape(6, 5, 3);
        if (scheme == PostQuantumScheme.ML_DSA_87) return Shape(8, 7, 3);
        revert PostQuantumKeys_NoRegistration(scheme);
    }
}
