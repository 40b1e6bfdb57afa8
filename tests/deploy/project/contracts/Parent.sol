// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Child} from "./Child.sol";

/// Creates two contracts in its constructor, as its creations 1 and 2.
contract Parent {
    Child public immutable first;
    Child public immutable second;

    constructor(uint256 mark) {
        first = new Child(address(this), mark);
        second = new Child(address(this), mark + 1);
    }
}
