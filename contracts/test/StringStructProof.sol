// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title StringStructProof
/// @notice What a first version of a proof-of-training contract usually looks like: a mapping to a struct with strings.
/// @dev Exists for `make bench` only, as the yardstick that the issue's figures come from. Never deploy it.
contract StringStructProof {
    struct Entry {
        string hashValue;
        string metadata;
        uint256 timestamp;
        uint256 blockNumber;
        address submitter;
        bool exists;
    }

    uint256 public count;
    mapping(uint256 id => Entry) private _entries;

    event HashStored(
        uint256 indexed transactionId,
        string indexed hashValue,
        address indexed submitter,
        uint256 timestamp,
        uint256 blockNumber
    );

    // `memory` as such contracts have it; solhint would have calldata.
    // solhint-disable-next-line gas-calldata-parameters
    function storeHash(string memory hashValue, string memory metadata) external returns (uint256 id) {
        id = ++count;
        _entries[id] = Entry(hashValue, metadata, block.timestamp, block.number, msg.sender, true);
        emit HashStored(id, hashValue, msg.sender, block.timestamp, block.number);
    }

    function entry(uint256 id) external view returns (Entry memory) {
        return _entries[id];
    }
}
