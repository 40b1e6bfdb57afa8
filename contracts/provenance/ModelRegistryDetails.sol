// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @title ModelRegistryDetails
/// @notice Writes what few models have as the code of a contract (SSTORE2), and reads it back in parts:
///
///    byte 0        1          2                     3               4            + 33 a parent
///   +-----------+----------+---------------------+---------------+------------+-----------+-----+-----+---------+----------+
///   |  parents  | datasets | 1: run, 2: key, or  | versionLength |  parents   | datasets  | run | key | version | metadata |
///   |   count   |  count   |   both              | 0: in slot C  | 32 + 1 B   |   32 B    | 32  | 32  |         |          |
///   +-----------+----------+---------------------+---------------+------------+-----------+-----+-----+---------+----------+
///
/// A parent is its digest and its relation. Run and key are there only if the flags say so; metadata goes to the end.
library ModelRegistryDetails {
    uint256 private constant HEADER = 4;
    uint256 private constant PARENT = 33;
    uint256 private constant WORD = 32;
    uint256 private constant RUN = 1;
    uint256 private constant KEY = 2;

    // ------------------------------------------------------------------------------------------------------------
    // Writing
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Writes a version, and nothing else.
    function write(bytes calldata version) internal returns (address pointer) {
        return SSTORE2.write(abi.encodePacked(uint24(0), uint8(version.length), version));
    }

    /// @dev Writes everything; counts and lengths have been checked. Pass what is not kept here as empty.
    function write(IModelRegistry.Lineage calldata lineage, bytes calldata version, bytes calldata metadata)
        internal
        returns (address pointer)
    {
        bytes memory head = abi.encodePacked(
            uint8(lineage.parents.length),
            uint8(lineage.datasets.length),
            uint8((lineage.run != 0 ? RUN : 0) | (lineage.verificationKey != 0 ? KEY : 0)),
            uint8(version.length)
        );
        for (uint256 i = 0; i < lineage.parents.length; ++i) {
            head = abi.encodePacked(head, lineage.parents[i].modelHash, lineage.parents[i].relation);
        }
        head = abi.encodePacked(head, lineage.datasets);
        if (lineage.run != 0) head = abi.encodePacked(head, lineage.run);
        if (lineage.verificationKey != 0) head = abi.encodePacked(head, lineage.verificationKey);
        return SSTORE2.write(abi.encodePacked(head, version, metadata));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Reading
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Digests of the parents.
    function parentsOf(address pointer) internal view returns (bytes32[] memory hashes) {
        bytes memory details = SSTORE2.read(pointer, 0, _endOfParents(pointer));
        hashes = new bytes32[](uint8(details[0]));
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = _word(details, HEADER + i * PARENT);
        }
    }

    /// @dev The whole lineage.
    function lineageOf(address pointer) internal view returns (IModelRegistry.Lineage memory lineage) {
        bytes memory details = SSTORE2.read(pointer);
        lineage.parents = new IModelRegistry.Parent[](uint8(details[0]));
        uint256 position = HEADER;
        for (uint256 i = 0; i < lineage.parents.length; ++i) {
            lineage.parents[i].modelHash = _word(details, position);
            lineage.parents[i].relation = IModelRegistry.Relation(uint8(details[position + WORD]));
            position += PARENT;
        }
        lineage.datasets = new bytes32[](uint8(details[1]));
        for (uint256 i = 0; i < lineage.datasets.length; ++i) {
            lineage.datasets[i] = _word(details, position);
            position += WORD;
        }
        uint256 flags = uint8(details[2]);
        if (flags & RUN != 0) {
            lineage.run = _word(details, position);
            position += WORD;
        }
        if (flags & KEY != 0) lineage.verificationKey = _word(details, position);
    }

    /// @dev The key of QuantumVerification, or zero.
    function verificationKeyOf(address pointer) internal view returns (bytes32 key) {
        bytes memory header = SSTORE2.read(pointer, 0, HEADER);
        if (uint8(header[2]) & KEY == 0) return 0;
        uint256 end = _startOfVersion(header);
        return _word(SSTORE2.read(pointer, end - WORD, end), 0);
    }

    /// @dev The version; empty where it is not kept here.
    function versionOf(address pointer) internal view returns (string memory version) {
        bytes memory header = SSTORE2.read(pointer, 0, HEADER);
        uint256 start = _startOfVersion(header);
        return string(SSTORE2.read(pointer, start, start + uint8(header[3])));
    }

    /// @dev The metadata; empty where it is not kept.
    function metadataOf(address pointer) internal view returns (string memory metadata) {
        bytes memory header = SSTORE2.read(pointer, 0, HEADER);
        return string(SSTORE2.read(pointer, _startOfVersion(header) + uint8(header[3])));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Positions
    // ------------------------------------------------------------------------------------------------------------

    function _endOfParents(address pointer) private view returns (uint256) {
        return HEADER + uint8(SSTORE2.read(pointer, 0, 1)[0]) * PARENT;
    }

    function _startOfVersion(bytes memory header) private pure returns (uint256) {
        uint256 flags = uint8(header[2]);
        uint256 words = uint8(header[1]) + (flags & RUN) + (flags & KEY) / KEY;
        return HEADER + uint8(header[0]) * PARENT + words * WORD;
    }

    /// @dev 32 bytes of `data`, which has them.
    function _word(bytes memory data, uint256 position) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), position))
        }
    }
}
