// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {Capacities} from "./Capacities.sol";
import {HostStorage} from "./HostStorage.sol";
import {Lives} from "./Lives.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title HostCapacity
/// @notice What of a host is leased, what reservations keep free, and what is left.
///
/// `open` is the sum over holders of max(0, reserved − leased), lane by lane. It changes only by the share of the
/// holder who acts, so that no number of holders or VMs makes a call dearer.
abstract contract HostCapacity is HostStorage {
    using Capacities for uint128;
    using Capacities for Capacity;

    // ------------------------------------------------------------------------------------------------------------
    // The VM lifecycle
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function occupy(uint256 hostId, address holder, Capacity calldata capacity) external {
        // Check
        _requireLifecycle();
        HostSlots storage host = _known(hostId);
        if (!Lives.isAccepting(host.life)) revert HostRegistry_NotAccepting(hostId);
        _requireAttested(hostId, host);
        (uint128 leased, uint128 reserved) = _holdings(hostId, host, holder);
        uint128 wanted = capacity.pack();
        _requireWithin(hostId, wanted, _availableTo(host, reserved.minus(leased)));

        // Effect
        host.leased = host.leased.plus(wanted);
        _setLeased(hostId, host, holder, leased, leased.plus(wanted), reserved);
    }

    /// @inheritdoc IHostRegistry
    function vacate(uint256 hostId, address holder, Capacity calldata capacity) external {
        // Check
        _requireLifecycle();

        // Effect
        HostSlots storage host = _hosts().hosts[hostId];
        (uint128 leased, uint128 reserved) = _holdings(hostId, host, holder);
        uint128 given = capacity.pack();
        host.leased = host.leased.minus(given);
        _setLeased(hostId, host, holder, leased, leased.minus(given), reserved);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The resource staking
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function reserve(uint256 positionId, uint256 hostId, address holder, Resource resource, uint32 units, uint40 until)
        external
    {
        // Check
        _requireStaking();
        HostRegistryStorage storage $ = _hosts();
        HostSlots storage host = _known(hostId);
        if (holder == address(0)) revert HostRegistry_ZeroAddress();
        if (units == 0 || until <= block.timestamp) revert HostRegistry_BadReservation(units, until);
        if ($.reservations[positionId].holder != address(0)) revert HostRegistry_ReservationExists(positionId);
        _requireAttested(hostId, host);
        (uint128 leased, uint128 reserved) = _holdings(hostId, host, holder);
        uint128 wanted = Capacities.single(resource, units);
        _requireWithin(hostId, wanted, host.reservable.minus(host.reserved));
        // What the holder leases beyond its reservations counts towards the new one.
        _requireWithin(hostId, wanted, _availableTo(host, leased.minus(reserved)));

        // Effect
        host.reserved = host.reserved.plus(wanted);
        _setReserved(hostId, host, holder, leased, reserved, reserved.plus(wanted));
        $.reservations[positionId] = ReservationSlots({
            holder: holder,
            hostId: SafeCast.toUint32(hostId),
            units: units,
            resource: resource,
            until: until,
            reservationEpoch: host.reservationEpoch
        });
        emit Reserved(positionId, hostId, holder, resource, units, until);
    }

    /// @inheritdoc IHostRegistry
    function release(uint256 positionId) external {
        _requireStaking();
        _end(positionId, _reserved(positionId));
    }

    /// @inheritdoc IHostRegistry
    function clear(uint256 positionId) external {
        ReservationSlots memory reservation = _reserved(positionId);
        if (block.timestamp < reservation.until && !_isVoid(reservation)) {
            revert HostRegistry_ReservationRuns(positionId, reservation.until);
        }
        _end(positionId, reservation);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function availableTo(uint256 hostId, address holder) external view returns (Capacity memory) {
        HostSlots storage host = _known(hostId);
        if (!Lives.isAccepting(host.life) || block.timestamp >= host.attestedUntil) return Capacities.unpack(0);
        (uint128 leased, uint128 reserved) = _holdings(hostId, host, holder);
        return _availableTo(host, reserved.minus(leased)).unpack();
    }

    /// @inheritdoc IHostRegistry
    function holdingsOf(uint256 hostId, address holder)
        external
        view
        returns (Capacity memory leased, Capacity memory reserved)
    {
        (uint128 leased_, uint128 reserved_) = _holdings(hostId, _known(hostId), holder);
        return (leased_.unpack(), reserved_.unpack());
    }

    /// @inheritdoc IHostRegistry
    function reservationOf(uint256 positionId) external view returns (Reservation memory) {
        ReservationSlots memory reservation = _reserved(positionId);
        return Reservation({
            holder: reservation.holder,
            hostId: reservation.hostId,
            resource: reservation.resource,
            units: reservation.units,
            until: reservation.until,
            isVoid: _isVoid(reservation)
        });
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A lower attestation than what is reserved ends all reservations: nobody could say whose would stand.
    /// @return isVoid whether it did.
    function _setAttested(HostSlots storage host, uint128 attested) internal returns (bool isVoid) {
        host.attested = attested;
        (isVoid,) = host.reserved.exceeds(attested);
        if (isVoid) {
            ++host.reservationEpoch;
            host.open = 0;
            host.reserved = 0;
        }
    }

    function _end(uint256 positionId, ReservationSlots memory reservation) private {
        delete _hosts().reservations[positionId];
        if (!_isVoid(reservation)) {
            uint256 hostId = reservation.hostId;
            HostSlots storage host = _hosts().hosts[hostId];
            uint128 ended = Capacities.single(reservation.resource, reservation.units);
            (uint128 leased, uint128 reserved) = _holdings(hostId, host, reservation.holder);
            host.reserved = host.reserved.minus(ended);
            _setReserved(hostId, host, reservation.holder, leased, reserved, reserved.minus(ended));
        }
        emit ReservationEnded(positionId);
    }

    /// @dev The holder's lease changes from `before` to `leased`.
    function _setLeased(
        uint256 hostId,
        HostSlots storage host,
        address holder,
        uint128 before,
        uint128 leased,
        uint128 reserved
    ) private {
        _hosts().leasedBy[hostId][holder] = leased;
        if (reserved != 0) host.open = host.open.minus(reserved.minus(before)).plus(reserved.minus(leased));
    }

    /// @dev What is reserved for the holder changes from `before` to `reserved`.
    function _setReserved(
        uint256 hostId,
        HostSlots storage host,
        address holder,
        uint128 leased,
        uint128 before,
        uint128 reserved
    ) private {
        _hosts().reservedFor[hostId][host.reservationEpoch][holder] = reserved;
        host.open = host.open.minus(before.minus(leased)).plus(reserved.minus(leased));
    }

    function _holdings(uint256 hostId, HostSlots storage host, address holder)
        private
        view
        returns (uint128 leased, uint128 reserved)
    {
        HostRegistryStorage storage $ = _hosts();
        return ($.leasedBy[hostId][holder], $.reservedFor[hostId][host.reservationEpoch][holder]);
    }

    function _reserved(uint256 positionId) private view returns (ReservationSlots memory reservation) {
        reservation = _hosts().reservations[positionId];
        if (reservation.holder == address(0)) revert HostRegistry_UnknownReservation(positionId);
    }

    function _isVoid(ReservationSlots memory reservation) private view returns (bool) {
        return _hosts().hosts[reservation.hostId].reservationEpoch != reservation.reservationEpoch;
    }

    /// @dev What is neither leased nor kept free, and `own` on top, in each lane. None where a lower attestation has
    /// left more promised than there is.
    function _availableTo(HostSlots storage host, uint128 own) private view returns (uint128 available) {
        (uint128 attested, uint128 leased, uint128 open) = (host.attested, host.leased, host.open);
        for (uint256 i = 0; i < 4; ++i) {
            uint256 promised = leased.lane(i) + open.lane(i);
            if (promised > attested.lane(i)) continue;
            uint256 free = attested.lane(i) - promised + own.lane(i);
            available |= Capacities.single(Resource(i), uint32(free));
        }
    }

    function _requireAttested(uint256 hostId, HostSlots storage host) private view {
        if (block.timestamp >= host.attestedUntil) revert HostRegistry_NotAttested(hostId, host.attestedUntil);
    }

    function _requireWithin(uint256 hostId, uint128 wanted, uint128 available) private pure {
        (bool over, Resource resource) = wanted.exceeds(available);
        if (!over) return;
        uint256 i = uint256(resource);
        revert HostRegistry_CapacityExceeded(hostId, resource, wanted.lane(i), available.lane(i));
    }
}
