// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title HookToken
/// @notice A token that does one prepared call in the middle of every transfer, and remembers how it ended.
contract HookToken is ERC20 {
    address public target;
    bytes public prepared;
    uint256 public calls;
    bool public succeeded;
    bytes public answer;

    constructor(address holder, uint256 amount) ERC20("Hook", "HOOK") {
        _mint(holder, amount);
    }

    /// @notice Call `target_` with `data` during transfers.
    function prepare(address target_, bytes calldata data) external {
        (target, prepared) = (target_, data);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0)) return;
        ++calls;
        // solhint-disable-next-line avoid-low-level-calls
        (succeeded, answer) = target.call(prepared);
    }
}
