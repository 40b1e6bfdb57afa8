// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// A proxy that runs its initialiser in its constructor.
contract BoxProxy {
    address public immutable implementation;

    constructor(address implementation_, bytes memory initialisation) {
        implementation = implementation_;
        (bool done,) = implementation_.delegatecall(initialisation);
        require(done);
    }

    fallback() external payable {
        address target = implementation;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch done
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
