// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {HostStorage} from "./HostStorage.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title HostMaintenance
/// @notice Maintenances that providers announce. Only one lies ahead at a time: several could be announced and taken
/// back to push the last one out of memory, and with it the spacing that it demands.
abstract contract HostMaintenance is HostStorage {
    /// @inheritdoc IHostRegistry
    uint40 public constant MAINTENANCE_NOTICE = 24 hours;
    /// @inheritdoc IHostRegistry
    uint40 public constant MAX_MAINTENANCE = 4 hours;
    /// @inheritdoc IHostRegistry
    uint40 public constant MAINTENANCE_SPACING = 10 days;

    /// @dev One maintenance is two times of 40 bits; three are remembered.
    uint256 private constant TIME = 40;
    uint256 private constant WIDTH = 80;
    uint256 private constant REMEMBERED = 3;

    // ------------------------------------------------------------------------------------------------------------
    // Providers
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function announceMaintenance(uint256 hostId, uint40 start, uint40 end) external {
        // Check
        HostSlots storage host = _owned(hostId);
        uint256 word = host.maintenances;
        (uint40 last,) = _at(word, 0);
        bool isTimely = start >= block.timestamp + MAINTENANCE_NOTICE && last <= block.timestamp
            && (last == 0 || start >= uint256(last) + MAINTENANCE_SPACING);
        if (!isTimely || end <= start || end - start > MAX_MAINTENANCE) revert HostRegistry_BadMaintenance(start, end);

        // Effect
        host.maintenances = (word << WIDTH | uint256(end) << TIME | start) & type(uint240).max;
        emit MaintenanceAnnounced(hostId, start, end);
    }

    /// @inheritdoc IHostRegistry
    function cancelMaintenance(uint256 hostId) external {
        // Check
        HostSlots storage host = _owned(hostId);
        (uint40 start,) = _at(host.maintenances, 0);
        if (start <= block.timestamp) revert HostRegistry_NoMaintenanceAhead(hostId);

        // Effect
        host.maintenances >>= WIDTH;
        emit MaintenanceCancelled(hostId, start);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function maintenanceIn(uint256 hostId, uint40 from, uint40 to) external view returns (uint40) {
        uint256 word = _known(hostId).maintenances;
        uint256 sum = 0;
        for (uint256 i = 0; i < REMEMBERED; ++i) {
            (uint40 start, uint40 end) = _at(word, i);
            sum += Math.saturatingSub(Math.min(end, to), Math.max(start, from));
        }
        return uint40(sum);
    }

    /// @inheritdoc IHostRegistry
    function maintenancesOf(uint256 hostId) external view returns (uint40[3] memory starts, uint40[3] memory ends) {
        uint256 word = _known(hostId).maintenances;
        for (uint256 i = 0; i < REMEMBERED; ++i) {
            (starts[i], ends[i]) = _at(word, i);
        }
    }

    function _at(uint256 word, uint256 i) private pure returns (uint40 start, uint40 end) {
        return (uint40(word >> i * WIDTH), uint40(word >> (i * WIDTH + TIME)));
    }
}
