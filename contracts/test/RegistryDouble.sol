// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Resource} from "../../interfaces/IResources.sol";

/// @title RegistryDouble
/// @notice The part of IHostRegistry that staking uses: every host carries `capacity` of everything. It can be told to
/// revert, to burn all gas, or to call somebody.
contract RegistryDouble {
    enum Manner {
        Honest,
        Reverting,
        BurningGas,
        Calling
    }

    error RegistryDouble_Reverting();

    uint256 public immutable capacity;
    Manner public manner;
    address public target;
    bytes public data;
    bool public succeeded;
    bytes public answer;
    mapping(uint256 hostId => mapping(Resource => uint256)) public reservedOf;
    mapping(uint256 positionId => IHostRegistry.Reservation) private _reservations;

    constructor(uint256 capacity_) {
        capacity = capacity_;
    }

    function setManner(Manner manner_) external {
        manner = manner_;
    }

    function setCall(address target_, bytes calldata data_) external {
        (manner, target, data) = (Manner.Calling, target_, data_);
    }

    function reserve(uint256 positionId, uint256 hostId, address holder, Resource resource, uint32 units, uint40 until)
        external
    {
        _behave();
        if (_reservations[positionId].holder != address(0)) {
            revert IHostRegistry.HostRegistry_ReservationExists(positionId);
        }
        uint256 available = capacity - reservedOf[hostId][resource];
        if (units > available) {
            revert IHostRegistry.HostRegistry_CapacityExceeded(hostId, resource, units, available);
        }
        reservedOf[hostId][resource] += units;
        _reservations[positionId] = IHostRegistry.Reservation(holder, uint32(hostId), resource, units, until, false);
    }

    function release(uint256 positionId) external {
        _behave();
        _end(positionId);
    }

    /// @notice As anybody can when the time is over.
    function clear(uint256 positionId) external {
        _end(positionId);
    }

    function reservationOf(uint256 positionId) external view returns (IHostRegistry.Reservation memory) {
        if (manner == Manner.Reverting) revert RegistryDouble_Reverting();
        if (manner == Manner.BurningGas) while (true) {}
        return _reservations[positionId];
    }

    function _end(uint256 positionId) private {
        IHostRegistry.Reservation memory ended = _reservations[positionId];
        if (ended.holder == address(0)) revert IHostRegistry.HostRegistry_UnknownReservation(positionId);
        reservedOf[ended.hostId][ended.resource] -= ended.units;
        delete _reservations[positionId];
    }

    function _behave() private {
        if (manner == Manner.Reverting) revert RegistryDouble_Reverting();
        if (manner == Manner.BurningGas) while (true) {}
        if (manner == Manner.Calling) {
            // solhint-disable-next-line avoid-low-level-calls
            (succeeded, answer) = target.call(data);
        }
    }
}
