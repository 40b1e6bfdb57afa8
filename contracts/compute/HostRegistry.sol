// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Capacity} from "../../interfaces/IResources.sol";
import {Capacities} from "./Capacities.sol";
import {HostCapacity} from "./HostCapacity.sol";
import {HostMaintenance} from "./HostMaintenance.sol";
import {Lives} from "./Lives.sol";
import {
    AccessManagedUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title HostRegistry
/// @notice See `IHostRegistry`. Upgradeable by governance through the timelock.
contract HostRegistry is HostCapacity, HostMaintenance, UUPSUpgradeable, AccessManagedUpgradeable {
    using Capacities for uint128;
    using Capacities for Capacity;
    using Lives for uint256;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Set up the proxy, once.
    function initialize(address authority_) external initializer {
        __AccessManaged_init(authority_);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Providers
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function registerHost(bytes32 region, address agent) external returns (uint256 hostId) {
        // Check
        if (region == 0) revert HostRegistry_ZeroRegion();
        if (agent == address(0)) revert HostRegistry_ZeroAddress();

        // Effect
        HostRegistryStorage storage $ = _hosts();
        hostId = ++$.hostCount;
        HostSlots storage host = $.hosts[SafeCast.toUint24(hostId)]; // leases keep it in 24 bits
        host.life = Lives.withAccepting(Lives.withAgent(0, agent), true);
        host.provider = msg.sender;
        host.region = region;
        emit HostRegistered(hostId, msg.sender, region, agent);
        if ($.hostIn[msg.sender][region] == 0) _setHostInRegion(hostId, region);
    }

    /// @inheritdoc IHostRegistry
    function setAgent(uint256 hostId, address agent) external {
        // Check
        HostSlots storage host = _owned(hostId);
        if (agent == address(0)) revert HostRegistry_ZeroAddress();

        // Effect
        host.life = host.life.withAgent(agent);
        emit AgentSet(hostId, agent);
    }

    /// @inheritdoc IHostRegistry
    function setAccepting(uint256 hostId, bool accepting) external {
        HostSlots storage host = _owned(hostId);
        host.life = host.life.withAccepting(accepting);
        emit AcceptingSet(hostId, accepting);
    }

    /// @inheritdoc IHostRegistry
    function setHostInRegion(uint256 hostId) external {
        _setHostInRegion(hostId, _owned(hostId).region);
    }

    /// @inheritdoc IHostRegistry
    function setReservable(uint256 hostId, Capacity calldata reservable) external {
        _owned(hostId).reservable = reservable.pack();
        emit ReservableSet(hostId, reservable);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Auditors and agents
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function attest(uint256 hostId, Capacity calldata capacity, uint40 until, bytes32 evidence) external restricted {
        // Check
        HostSlots storage host = _known(hostId);
        uint256 latest = block.timestamp + MAX_ATTESTATION;
        if (until <= block.timestamp || until > latest) revert HostRegistry_BadAttestationEnd(until, latest);

        // Effect
        host.attestedUntil = until;
        bool isVoid = _setAttested(host, capacity.pack());
        emit Attested(hostId, msg.sender, capacity, until, evidence, isVoid);
    }

    /// @inheritdoc IHostRegistry
    function heartbeat(uint256 hostId) external {
        emit Heartbeat(hostId, _beat(hostId, _known(hostId), msg.sender));
    }

    /// @inheritdoc IHostRegistry
    function touch(uint256 hostId, address account) external returns (uint40) {
        _requireLifecycle();
        return _beat(hostId, _hosts().hosts[hostId], account);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Governance
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function setLifecycle(address lifecycle_) external restricted {
        if (lifecycle_ == address(0)) revert HostRegistry_ZeroAddress();
        _hosts().lifecycle = lifecycle_;
        emit LifecycleSet(lifecycle_);
    }

    /// @inheritdoc IHostRegistry
    function setStaking(address staking_) external restricted {
        if (staking_ == address(0)) revert HostRegistry_ZeroAddress();
        _hosts().staking = staking_;
        emit StakingSet(staking_);
    }

    function _authorizeUpgrade(address) internal override restricted {}

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IHostRegistry
    function hostCount() external view returns (uint256) {
        return _hosts().hostCount;
    }

    /// @inheritdoc IHostRegistry
    function hostOf(uint256 hostId) external view returns (Host memory) {
        HostSlots storage host = _known(hostId);
        return Host({
            provider: host.provider,
            agent: host.life.agent(),
            region: host.region,
            accepting: host.life.isAccepting(),
            lastHeartbeat: host.life.lastHeartbeat(),
            attestedUntil: host.attestedUntil,
            attested: host.attested.unpack(),
            leased: host.leased.unpack(),
            open: host.open.unpack(),
            reserved: host.reserved.unpack(),
            reservable: host.reservable.unpack()
        });
    }

    /// @inheritdoc IHostRegistry
    function partiesOf(uint256 hostId) external view returns (address provider, address agent) {
        HostSlots storage host = _known(hostId);
        return (host.provider, host.life.agent());
    }

    /// @inheritdoc IHostRegistry
    function regionOf(uint256 hostId) external view returns (bytes32) {
        return _known(hostId).region;
    }

    /// @inheritdoc IHostRegistry
    function hostIn(address provider, bytes32 region) external view returns (uint256) {
        return _hosts().hostIn[provider][region];
    }

    /// @inheritdoc IHostRegistry
    function clockOf(uint256 hostId) external view returns (uint40) {
        return uint40(_hosts().hosts[hostId].life.clock(block.timestamp, HEARTBEAT_TIMEOUT));
    }

    /// @inheritdoc IHostRegistry
    function isAlive(uint256 hostId) external view returns (bool) {
        uint256 last = _hosts().hosts[hostId].life.lastHeartbeat();
        return last != 0 && block.timestamp - last <= HEARTBEAT_TIMEOUT;
    }

    /// @inheritdoc IHostRegistry
    function lifecycle() external view returns (address) {
        return _hosts().lifecycle;
    }

    /// @inheritdoc IHostRegistry
    function staking() external view returns (address) {
        return _hosts().staking;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _setHostInRegion(uint256 hostId, bytes32 region) private {
        _hosts().hostIn[msg.sender][region] = hostId;
        emit HostInRegionSet(msg.sender, region, hostId);
    }

    /// @dev A heartbeat: what passed since the last one counts as alive, up to the timeout.
    function _beat(uint256 hostId, HostSlots storage host, address account) private returns (uint40) {
        // Check
        uint256 life = host.life;
        if (life.agent() != account) revert HostRegistry_NotAgent(hostId, account, life.agent());

        // Effect
        uint256 clock = life.clock(block.timestamp, HEARTBEAT_TIMEOUT);
        host.life = life.withHeartbeat(block.timestamp, clock);
        return uint40(clock);
    }
}
