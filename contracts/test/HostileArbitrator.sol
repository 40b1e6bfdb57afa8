// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbitrable, IArbitrator} from "../../interfaces/IArbitration.sol";

/// @title HostileArbitrator
/// @notice Test only: an arbitrator that asks for money, breaks, repeats its numbers, calls back while it is called, and
/// rules whenever and however often it is told to.
contract HostileArbitrator is IArbitrator {
    error HostileArbitrator_Broken();

    uint256 public cost;
    bool public broken;
    uint256 public last;
    bool public repeats;
    /// @dev What it calls on its caller while a dispute is made, and how that ended.
    bytes public call;
    bool public succeeded;
    bytes public answer;

    function setCost(uint256 cost_) external {
        cost = cost_;
    }

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function setRepeats(bool repeats_) external {
        repeats = repeats_;
    }

    function setCall(bytes calldata call_) external {
        call = call_;
    }

    function createDispute(uint256, bytes calldata) external payable returns (uint256 disputeID) {
        if (broken) revert HostileArbitrator_Broken();
        disputeID = repeats ? 1 : ++last;
        if (call.length != 0) {
            // solhint-disable-next-line avoid-low-level-calls
            (succeeded, answer) = msg.sender.call(call);
        }
    }

    function rule(IArbitrable arbitrable, uint256 disputeID, uint256 ruling) external {
        arbitrable.rule(disputeID, ruling);
    }

    function arbitrationCost(bytes calldata) external view returns (uint256) {
        return cost;
    }
}
