// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title HostileToken
/// @notice A token that anybody can mint and that behaves as badly as it is told to, from any transfer on.
contract HostileToken is ERC20 {
    enum Manner {
        Honest,
        /// @dev The receiver gets 1 % less; the rest is burnt.
        FeeInside,
        /// @dev The sender pays 1 % more, which is burnt.
        FeeOnTop,
        /// @dev The receiver gets 1 % more than was sent.
        Generous,
        /// @dev Moves nothing and says that it has.
        Idle,
        /// @dev Moves nothing and says so.
        Refusing,
        /// @dev Reverts.
        Reverting,
        /// @dev Calls somebody before it moves anything.
        Calling
    }

    error HostileToken_Reverting();

    Manner public manner;
    address public target;
    bytes public data;
    /// @dev Of the last call: whether it went through, and the answer.
    bool public succeeded;
    bytes public answer;

    constructor() ERC20("Hostile", "HOST") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setManner(Manner manner_) external {
        manner = manner_;
    }

    /// @notice Call this in each transfer from now on.
    function setCall(address target_, bytes calldata data_) external {
        (manner, target, data) = (Manner.Calling, target_, data_);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (_isSilent()) return manner == Manner.Idle;
        return super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (_isSilent()) return manner == Manner.Idle;
        return super.transferFrom(from, to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || to == address(0) || manner == Manner.Honest) {
            super._update(from, to, amount);
            return;
        }
        if (manner == Manner.Reverting) revert HostileToken_Reverting();
        if (manner == Manner.Calling) {
            // solhint-disable-next-line avoid-low-level-calls
            (succeeded, answer) = target.call(data);
        }
        super._update(from, to, amount);
        uint256 fee = amount / 100 + 1;
        if (manner == Manner.FeeInside) super._update(to, address(0), fee);
        if (manner == Manner.FeeOnTop) super._update(from, address(0), fee);
        if (manner == Manner.Generous) super._update(address(0), to, fee);
    }

    function _isSilent() private view returns (bool) {
        return manner == Manner.Idle || manner == Manner.Refusing;
    }
}
