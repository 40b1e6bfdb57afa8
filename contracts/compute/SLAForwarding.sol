// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbitrable} from "../../interfaces/IArbitration.sol";
import {ISLA, ISLAClaims} from "../../interfaces/ISLA.sol";
import {SLACourt} from "./SLACourt.sol";

/// @title SLAForwarding
/// @notice What `SLA` leaves to its court: the same call with the same sender and value, run by the court's code in this
/// contract's storage. The court guards against reentrancy with this contract's guard.
/// @custom:oz-upgrades-unsafe-allow delegatecall state-variable-immutable
abstract contract SLAForwarding is ISLA {
    /// @dev The implementation's own; it changes with it.
    address private immutable _court = address(new SLACourt());

    /// @inheritdoc ISLAClaims
    function reportViolation(uint256, uint256, uint256) external {
        _forward();
    }

    /// @inheritdoc ISLAClaims
    function reportViolation(uint256, uint256, uint256, uint256, Observation[] calldata) external {
        _forward();
    }

    /// @inheritdoc ISLAClaims
    function submitEvidence(uint256, uint256, uint256, Observation[] calldata) external {
        _forward();
    }

    /// @inheritdoc ISLAClaims
    function recordMeasurement(uint256, uint256, uint256, Observation[] calldata) external {
        _forward();
    }

    /// @inheritdoc ISLAClaims
    function dispute(uint256, uint256, uint256) external payable returns (uint256) {
        _forward();
    }

    /// @inheritdoc ISLAClaims
    function finalise(uint256, uint256, uint256) external {
        _forward();
    }

    /// @inheritdoc IArbitrable
    function rule(uint256, uint256) external {
        _forward();
    }

    /// @dev Never returns to its caller: ends the call with the court's answer.
    function _forward() private {
        address court = _court;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), court, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if success { return(data, returndatasize()) }
            revert(data, returndatasize())
        }
    }
}
