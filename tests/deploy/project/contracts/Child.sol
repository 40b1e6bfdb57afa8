// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

contract Child {
    address public immutable parent;
    address public immutable creator;
    uint256 public immutable mark;

    constructor(address parent_, uint256 mark_) {
        parent = parent_;
        creator = msg.sender;
        mark = mark_;
    }
}
