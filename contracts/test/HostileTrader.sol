// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title HostileTrader
/// @notice An account that does what it is told, and answers native currency with a refusal, an endless loop or a call.
contract HostileTrader {
    enum Manner {
        Accepting,
        Refusing,
        BurningGas,
        Calling
    }

    error HostileTrader_Refusing();

    Manner public manner;
    address public target;
    bytes public data;
    /// @dev Of the last call: whether it went through, and the answer.
    bool public succeeded;
    bytes public answer;

    receive() external payable {
        _answer();
    }

    function setManner(Manner manner_) external {
        manner = manner_;
    }

    /// @notice Call this whenever native currency arrives.
    function setCall(address target_, bytes calldata data_) external {
        (manner, target, data) = (Manner.Calling, target_, data_);
    }

    /// @notice Call `target_` with what comes with this call; a refusal is passed on.
    function act(address target_, bytes calldata data_) external payable returns (bytes memory) {
        // solhint-disable-next-line avoid-low-level-calls
        (bool ok, bytes memory said) = target_.call{value: msg.value}(data_);
        if (ok) return said;
        assembly ("memory-safe") {
            revert(add(said, 32), mload(said))
        }
    }

    function _answer() private {
        if (manner == Manner.Refusing) revert HostileTrader_Refusing();
        if (manner == Manner.BurningGas) while (true) {}
        if (manner == Manner.Calling) {
            // solhint-disable-next-line avoid-low-level-calls
            (succeeded, answer) = target.call(data);
        }
    }
}
