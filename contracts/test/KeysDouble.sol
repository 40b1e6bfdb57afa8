// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";

/// @title KeysDouble
/// @notice Stands in for PostQuantumKeys: whatever chunks a test gives it, complete or not.
contract KeysDouble {
    struct Entry {
        PostQuantumScheme scheme;
        bool complete;
        address[3] chunks;
    }

    mapping(bytes32 id => Entry entry) private _entries;

    function set(bytes32 id, PostQuantumScheme scheme, bool complete) external {
        _entries[id].scheme = scheme;
        _entries[id].complete = complete;
    }

    function store(bytes32 id, uint256 index, bytes calldata chunk) external {
        // A contract whose code is a STOP byte and the chunk: PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN.
        bytes memory creation = abi.encodePacked(hex"61", uint16(chunk.length + 1), hex"80600a5f395ff300", chunk);
        address made;
        assembly ("memory-safe") {
            made := create(0, add(creation, 32), mload(creation))
        }
        _entries[id].chunks[index] = made;
    }

    function chunksOf(bytes32 id) external view returns (PostQuantumScheme, bool, address, address, address) {
        Entry storage entry = _entries[id];
        return (entry.scheme, entry.complete, entry.chunks[0], entry.chunks[1], entry.chunks[2]);
    }
}
