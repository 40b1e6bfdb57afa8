// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// What its owner sets, until it gives the ownership away.
contract Settings {
    address public owner;
    uint256 public limit;

    error Settings_NotOwner(address caller);

    event Labelled(uint64 indexed id, string label);

    modifier onlyOwner() {
        if (msg.sender != owner) revert Settings_NotOwner(msg.sender);
        _;
    }

    constructor(address initialOwner) {
        owner = initialOwner;
    }

    function setLimit(uint256 newLimit) external onlyOwner {
        limit = newLimit;
    }

    function label(uint64 id, string calldata text) external onlyOwner {
        emit Labelled(id, text);
    }

    function give(address newOwner) external onlyOwner {
        owner = newOwner;
    }
}
