// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Resource} from "../../interfaces/IResources.sol";

/// @title HostStorage
/// @notice What HostRegistry keeps, and the guards that all its parts use.
abstract contract HostStorage is IHostRegistry {
    /// @dev A host takes four slots at registration, two or three more once it is attested and leased, and one for
    /// maintenances. Words of four lanes are those of `Capacities`.
    ///
    ///     0   life (`Lives`)
    ///     1   reservationEpoch 32 | attestedUntil 40 | provider 160
    ///     2   region 256
    ///     3   leased 128 | attested 128
    ///     4   reserved 128 | open 128
    ///     5   reservable 128
    ///     6   three of (end 40 | start 40), the newest lowest
    struct HostSlots {
        /// @dev Read and written as a whole, as `Lives` does: every acknowledgement does both.
        uint256 life;
        address provider;
        uint40 attestedUntil;
        /// @dev Raised to end all reservations at once.
        uint32 reservationEpoch;
        bytes32 region;
        uint128 attested;
        uint128 leased;
        uint128 open;
        uint128 reserved;
        uint128 reservable;
        uint256 maintenances;
    }

    struct ReservationSlots {
        address holder;
        uint32 hostId;
        uint32 units;
        Resource resource;
        uint40 until;
        uint32 reservationEpoch;
    }

    /// @custom:storage-location erc7201:novacron.storage.HostRegistry
    struct HostRegistryStorage {
        address lifecycle;
        uint96 hostCount;
        address staking;
        mapping(uint256 hostId => HostSlots) hosts;
        mapping(address provider => mapping(bytes32 region => uint256 hostId)) hostIn;
        mapping(uint256 hostId => mapping(address holder => uint128)) leasedBy;
        mapping(uint256 hostId => mapping(uint256 epoch => mapping(address holder => uint128))) reservedFor;
        mapping(uint256 positionId => ReservationSlots) reservations;
    }

    /// @inheritdoc IHostRegistry
    uint40 public constant HEARTBEAT_TIMEOUT = 5 minutes;
    /// @inheritdoc IHostRegistry
    uint40 public constant MAX_ATTESTATION = 400 days;

    /// @dev keccak256(abi.encode(uint256(keccak256("novacron.storage.HostRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x4daa46db94dd321671a691d7a5e75379bbb9925ee8af58cb206f15b69778d300;

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _known(uint256 hostId) internal view returns (HostSlots storage host) {
        host = _hosts().hosts[hostId];
        if (host.provider == address(0)) revert HostRegistry_UnknownHost(hostId);
    }

    function _owned(uint256 hostId) internal view returns (HostSlots storage host) {
        host = _known(hostId);
        if (host.provider != msg.sender) revert HostRegistry_NotProvider(hostId, msg.sender, host.provider);
    }

    function _requireLifecycle() internal view {
        if (msg.sender != _hosts().lifecycle) revert HostRegistry_NotLifecycle(msg.sender);
    }

    function _requireStaking() internal view {
        if (msg.sender != _hosts().staking) revert HostRegistry_NotStaking(msg.sender);
    }

    function _hosts() internal pure returns (HostRegistryStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
