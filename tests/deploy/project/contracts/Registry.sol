// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Owned} from "lib/Owned.sol";

contract Registry is Owned {
    address public immutable self;
    uint256 public count;

    error Registry_ZeroOwner();

    constructor(address initialOwner) Owned(initialOwner) {
        require(initialOwner != address(0), Registry_ZeroOwner());
        self = address(this);
        count = 7;
    }

    function inspect() external view returns (address, address) {
        return (owner, self);
    }
}
