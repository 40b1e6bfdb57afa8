// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

/// @title Proxy
/// @notice An ERC-1967 proxy; its UUPS implementation decides who upgrades it, which is governance everywhere here.
contract Proxy is ERC1967Proxy {
    /// @param implementation what it runs.
    /// @param initialisation call that sets it up in the same transaction, so that nobody can come first.
    constructor(address implementation, bytes memory initialisation) ERC1967Proxy(implementation, initialisation) {}
}
