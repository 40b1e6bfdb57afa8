// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

import {Registry} from "./Registry.sol";

/// Its constructor calls another instance.
contract Vault {
    Registry public immutable registry;
    address public immutable registryOwner;
    uint256 public immutable limit;
    string public name;

    constructor(Registry r, uint256 limit_, string memory name_) {
        registry = r;
        registryOwner = r.owner();
        limit = limit_;
        name = name_;
    }
}
