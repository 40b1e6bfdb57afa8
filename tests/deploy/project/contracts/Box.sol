// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// An implementation whose storage a `BoxProxy` has.
contract Box {
    address public keeper;
    uint256 public size;

    error Box_Initialized();

    function initialize(address keeper_, uint256 size_) external {
        if (keeper != address(0)) revert Box_Initialized();
        keeper = keeper_;
        size = size_;
    }
}
