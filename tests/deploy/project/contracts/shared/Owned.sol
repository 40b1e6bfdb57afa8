// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

abstract contract Owned {
    address public immutable owner;

    constructor(address initialOwner) {
        owner = initialOwner;
    }
}
