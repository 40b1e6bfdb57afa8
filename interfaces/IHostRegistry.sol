// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Capacity, Resource} from "./IResources.sol";

/// @title IHostRegistry
/// @notice Providers' hosts: where they are, what they can carry, what of it is leased or reserved, and whether they
/// are alive.
///
/// Capacity. An auditor attests what a host carries, for a time. VMs are admitted while, for each resource,
///
///     leased + what reservations still keep free ≤ attested
///
/// where a holder's reservation keeps free what it has not leased itself. An attestation below what is reserved voids
/// all reservations of the host: reserved is never more than attested.
///
/// Life. A host's clock counts the seconds in which it was alive: between two heartbeats the time that passed, at most
/// `HEARTBEAT_TIMEOUT`. VMs are billed by this clock, so the time of a host that had vanished is paid by nobody.
///
/// @dev WARNING: capacity and region are what an auditor says they are. Regions are texts of up to 32 bytes, UTF-8,
/// left-aligned, compared byte by byte.
interface IHostRegistry {
    /// @notice A host.
    // solhint-disable-next-line gas-struct-packing
    struct Host {
        /// @dev Whose it is: earns what its VMs use.
        address provider;
        /// @dev Key of the agent on it: acknowledges and sends heartbeats.
        address agent;
        bytes32 region;
        /// @dev Whether it takes new VMs.
        bool accepting;
        /// @dev When its agent was last heard of, in seconds; 0 never.
        uint40 lastHeartbeat;
        /// @dev When the attestation ends, in seconds; 0 when there is none.
        uint40 attestedUntil;
        Capacity attested;
        Capacity leased;
        /// @dev Kept free for holders of reservations.
        Capacity open;
        /// @dev All reservations together.
        Capacity reserved;
        /// @dev The most that the provider lets be reserved.
        Capacity reservable;
    }

    /// @notice Units of one resource kept for somebody.
    struct Reservation {
        address holder;
        uint32 hostId;
        Resource resource;
        uint32 units;
        /// @dev In seconds; from then on anybody clears it.
        uint40 until;
        /// @dev Whether a lower attestation has ended it.
        bool isVoid;
    }

    error HostRegistry_UnknownHost(uint256 hostId);
    error HostRegistry_ZeroAddress();
    error HostRegistry_ZeroRegion();
    /// @notice `caller` is not `provider`, whose host it is.
    error HostRegistry_NotProvider(uint256 hostId, address caller, address provider);
    /// @notice `caller` is not the host's agent.
    error HostRegistry_NotAgent(uint256 hostId, address caller, address agent);
    /// @notice Only the VM lifecycle leases.
    error HostRegistry_NotLifecycle(address caller);
    /// @notice Only the resource staking reserves.
    error HostRegistry_NotStaking(address caller);
    error HostRegistry_NotAccepting(uint256 hostId);
    /// @notice No attestation, or it ended at `until`.
    error HostRegistry_NotAttested(uint256 hostId, uint256 until);
    /// @notice An attestation ends in the future, at most `latest`.
    error HostRegistry_BadAttestationEnd(uint256 until, uint256 latest);
    /// @notice `wanted` thousandths of `resource` are asked for, `available` are there for this holder.
    error HostRegistry_CapacityExceeded(uint256 hostId, Resource resource, uint256 wanted, uint256 available);
    /// @notice Reservations end in the future and are of at least one unit.
    error HostRegistry_BadReservation(uint256 units, uint256 until);
    error HostRegistry_ReservationExists(uint256 positionId);
    error HostRegistry_UnknownReservation(uint256 positionId);
    error HostRegistry_ReservationRuns(uint256 positionId, uint256 until);
    /// @notice Maintenance is announced `MAINTENANCE_NOTICE` ahead, lasts at most `MAX_MAINTENANCE`, and begins
    /// `MAINTENANCE_SPACING` after the last one began; only one lies ahead at a time.
    error HostRegistry_BadMaintenance(uint256 start, uint256 end);
    error HostRegistry_NoMaintenanceAhead(uint256 hostId);

    event HostRegistered(uint256 indexed hostId, address indexed provider, bytes32 indexed region, address agent);
    event AgentSet(uint256 indexed hostId, address agent);
    event AcceptingSet(uint256 indexed hostId, bool accepting);
    /// @notice The provider's host in a region that `migrateVM(vmId, region)` means.
    event HostInRegionSet(address indexed provider, bytes32 indexed region, uint256 hostId);
    event ReservableSet(uint256 indexed hostId, Capacity reservable);
    /// @notice `auditor` attests; `evidence` is the digest of the report. `reservationsVoid`: they were more than this.
    event Attested(
        uint256 indexed hostId,
        address indexed auditor,
        Capacity capacity,
        uint256 until,
        bytes32 evidence,
        bool reservationsVoid
    );
    event Heartbeat(uint256 indexed hostId, uint256 clock);
    event Reserved(
        uint256 indexed positionId,
        uint256 indexed hostId,
        address indexed holder,
        Resource resource,
        uint256 units,
        uint256 until
    );
    event ReservationEnded(uint256 indexed positionId);
    event MaintenanceAnnounced(uint256 indexed hostId, uint256 start, uint256 end);
    event MaintenanceCancelled(uint256 indexed hostId, uint256 start);
    event LifecycleSet(address indexed lifecycle);
    event StakingSet(address indexed staking);

    /// @notice A host that was not heard of for longer is taken to have vanished, in seconds (5 minutes).
    function HEARTBEAT_TIMEOUT() external view returns (uint40);
    /// @notice Longest attestation, in seconds (400 days).
    function MAX_ATTESTATION() external view returns (uint40);
    /// @notice Notice of a maintenance, in seconds (24 hours).
    function MAINTENANCE_NOTICE() external view returns (uint40);
    /// @notice Longest maintenance, in seconds (4 hours).
    function MAX_MAINTENANCE() external view returns (uint40);
    /// @notice Time between the beginnings of two maintenances, in seconds (10 days).
    function MAINTENANCE_SPACING() external view returns (uint40);

    // Providers

    /// @notice Register a host of the caller's in `region`. It becomes the caller's host in that region when it is the first.
    function registerHost(bytes32 region, address agent) external returns (uint256 hostId);
    /// @notice Give the host another agent key; the old one can do nothing any more.
    function setAgent(uint256 hostId, address agent) external;
    /// @notice Take new VMs, or no more.
    function setAccepting(uint256 hostId, bool accepting) external;
    /// @notice Which of the caller's hosts is meant in its region.
    function setHostInRegion(uint256 hostId) external;
    /// @notice How much stakers may reserve; less than is reserved ends nothing.
    function setReservable(uint256 hostId, Capacity calldata reservable) external;
    /// @notice Announce that the host is down for maintenance from `start` to `end`: SLAs leave that time out.
    function announceMaintenance(uint256 hostId, uint40 start, uint40 end) external;
    /// @notice Take back the maintenance that has not begun.
    function cancelMaintenance(uint256 hostId) external;

    // Auditors and agents

    /// @notice Attest what the host carries until `until`. @dev Restricted to AUDITOR.
    function attest(uint256 hostId, Capacity calldata capacity, uint40 until, bytes32 evidence) external;
    /// @notice The host's agent is alive.
    function heartbeat(uint256 hostId) external;

    // The VM lifecycle

    /// @notice Lease `capacity` to `holder`: out of its reservations first. @dev Only the VM lifecycle.
    function occupy(uint256 hostId, address holder, Capacity calldata capacity) external;
    /// @notice Give back what `occupy` took. Never reverts for the lifecycle. @dev Only the VM lifecycle.
    function vacate(uint256 hostId, address holder, Capacity calldata capacity) external;
    /// @notice A heartbeat within an acknowledgement: `account` must be the host's agent. @dev Only the VM lifecycle.
    /// @return clock the host's clock.
    function touch(uint256 hostId, address account) external returns (uint40 clock);

    // The resource staking

    /// @notice Keep `units` of a host for `holder`. @dev Only the resource staking.
    function reserve(uint256 positionId, uint256 hostId, address holder, Resource resource, uint32 units, uint40 until)
        external;
    /// @notice End a reservation. @dev Only the resource staking.
    function release(uint256 positionId) external;
    /// @notice End a reservation whose time is over or which is void.
    function clear(uint256 positionId) external;

    // Governance

    /// @notice Who leases. @dev Restricted to governance.
    function setLifecycle(address newLifecycle) external;
    /// @notice Who reserves. @dev Restricted to governance.
    function setStaking(address newStaking) external;

    // Views

    function hostCount() external view returns (uint256);
    function hostOf(uint256 hostId) external view returns (Host memory);
    /// @notice Provider and agent, one slot each.
    function partiesOf(uint256 hostId) external view returns (address provider, address agent);
    function regionOf(uint256 hostId) external view returns (bytes32);
    /// @notice The provider's host in a region; 0 when it has none.
    function hostIn(address provider, bytes32 region) external view returns (uint256 hostId);
    /// @notice Seconds in which the host was alive, now included. Never falls.
    function clockOf(uint256 hostId) external view returns (uint40);
    function isAlive(uint256 hostId) external view returns (bool);
    /// @notice What `holder` could still lease.
    function availableTo(uint256 hostId, address holder) external view returns (Capacity memory);
    /// @notice What `holder` has leased and reserved.
    function holdingsOf(uint256 hostId, address holder)
        external
        view
        returns (Capacity memory leased, Capacity memory reserved);
    function reservationOf(uint256 positionId) external view returns (Reservation memory);
    /// @notice Seconds of announced maintenance between two times; the last three are remembered.
    function maintenanceIn(uint256 hostId, uint40 from, uint40 to) external view returns (uint40);
    /// @notice The remembered maintenances, newest first; zeros where there is none.
    function maintenancesOf(uint256 hostId) external view returns (uint40[3] memory starts, uint40[3] memory ends);
    function lifecycle() external view returns (address);
    function staking() external view returns (address);
}
