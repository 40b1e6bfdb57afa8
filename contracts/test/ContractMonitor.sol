// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title ContractMonitor
/// @notice Test only: a monitor that is a contract (ERC-1271); it stands by the digests it was told.
contract ContractMonitor is IERC1271 {
    mapping(bytes32 digest => bool) public signed;

    function sign(bytes32 digest, bool isSigned) external {
        signed[digest] = isSigned;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return signed[digest] ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
