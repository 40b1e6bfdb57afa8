// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title HostileReceiver
/// @notice Does one prepared call whenever it is sent ether, and remembers how it ended; or refuses the ether.
contract HostileReceiver {
    error HostileReceiver_Refused();

    bool public refuses;
    address public target;
    bytes public prepared;
    uint256 public calls;
    bool public succeeded;
    bytes public answer;

    // solhint-disable-next-line no-complex-fallback
    receive() external payable {
        if (refuses) revert HostileReceiver_Refused();
        if (target == address(0)) return;
        ++calls;
        // solhint-disable-next-line avoid-low-level-calls
        (succeeded, answer) = target.call(prepared);
    }

    /// @notice Refuse ether from now on, or no longer.
    function refuse(bool refuses_) external {
        refuses = refuses_;
    }

    /// @notice Call `target_` with `data` when ether arrives.
    function prepare(address target_, bytes calldata data) external {
        (target, prepared) = (target_, data);
    }

    /// @notice Call anything, with ether of this contract.
    function execute(address to, uint256 value, bytes calldata data) external returns (bytes memory result) {
        bool ok;
        (ok, result) = to.call{value: value}(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }
}
