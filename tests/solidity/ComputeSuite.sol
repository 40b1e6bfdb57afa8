// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostRegistry} from "../../contracts/compute/HostRegistry.sol";
import {VMLifecycle} from "../../contracts/compute/VMLifecycle.sol";
import {VMLifecycleExtension} from "../../contracts/compute/VMLifecycleExtension.sol";
import {Authority} from "../../contracts/governance/Authority.sol";
import {Proxy} from "../../contracts/governance/Proxy.sol";
import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {IResourceToken} from "../../interfaces/IResourceToken.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Test} from "./Vm.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title ComputeSuite
/// @notice Base of the tests of hosts and VMs: registry and lifecycle behind their proxies, three attested hosts that
/// are alive, and a customer with tokens. This contract is governance and owns the brake.
///
///     host 1   EU   PROVIDER   AGENT_1
///     host 2   US   PROVIDER   AGENT_2
///     host 3   EU   RIVAL      AGENT_3
abstract contract ComputeSuite is Test {
    uint256 internal constant START = 2_000_000_000;
    uint64 internal constant AUDITOR_ROLE = 3;
    uint256 internal constant WHOLE = 1e18;
    bytes32 internal constant EU = "eu-central";
    bytes32 internal constant US = "us-east";
    bytes32 internal constant ASIA = "asia-south";
    bytes32 internal constant CONFIGURATION = keccak256("configuration");
    bytes32 internal constant RECORD = keccak256("record");

    address internal constant CUSTOMER = address(0xc057);
    address internal constant OTHER = address(0x07e5);
    address internal constant PROVIDER = address(0x9407);
    address internal constant RIVAL = address(0x41fa);
    address internal constant AGENT_1 = address(0xa1);
    address internal constant AGENT_2 = address(0xa2);
    address internal constant AGENT_3 = address(0xa3);
    address internal constant AUDITOR = address(0xa0d1);
    address internal constant STAKING = address(0x57a6);
    address internal constant STRANGER = address(0x57a4);

    /// @dev Keys of the three approvers of policy 1, by ascending address; two of them suffice.
    uint256[3] internal keys = [uint256(0xa11ce), 0xb0b, 0xca401];

    Authority internal authority;
    HostRegistry internal registry;
    VMLifecycle internal lifecycle;
    ResourceToken[4] internal tokens;

    function setUp() public virtual {
        _build();
    }

    function _build() internal {
        vm.warp(START);
        authority = new Authority(address(this));
        _deploy();
        _hosts();
        _people();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Set-up
    // ------------------------------------------------------------------------------------------------------------

    function _deploy() private {
        registry = HostRegistry(
            address(
                new Proxy(address(new HostRegistry()), abi.encodeCall(HostRegistry.initialize, (address(authority))))
            )
        );
        IERC20[4] memory list;
        for (uint256 i = 0; i < 4; ++i) {
            tokens[i] = new ResourceToken(
                "Resource", "RES", "unit", 10_000_000 * WHOLE, address(authority), new IResourceToken.Allocation[](0)
            );
            list[i] = IERC20(address(tokens[i]));
        }
        VMLifecycle implementation = new VMLifecycle(address(new VMLifecycleExtension()));
        lifecycle = VMLifecycle(
            address(
                new Proxy(
                    address(implementation),
                    abi.encodeCall(VMLifecycle.initialize, (address(authority), address(this), registry, list))
                )
            )
        );
        registry.setLifecycle(address(lifecycle));
        registry.setStaking(STAKING);
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = registry.attest.selector;
        authority.setTargetFunctionRole(address(registry), selectors, AUDITOR_ROLE);
        authority.grantRole(AUDITOR_ROLE, AUDITOR, 0);
    }

    function _hosts() private {
        _host(PROVIDER, EU, AGENT_1);
        _host(PROVIDER, US, AGENT_2);
        _host(RIVAL, EU, AGENT_3);
    }

    function _people() private {
        for (uint256 i = 0; i < keys.length; ++i) {
            for (uint256 j = i + 1; j < keys.length; ++j) {
                if (vm.addr(keys[j]) < vm.addr(keys[i])) (keys[i], keys[j]) = (keys[j], keys[i]);
            }
        }
        address[] memory approvers = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            approvers[i] = vm.addr(keys[i]);
        }
        lifecycle.setDefaultPolicy(lifecycle.createPolicy(approvers, 2));
        _enrich(CUSTOMER, 1_000 * WHOLE);
        _enrich(OTHER, 1_000 * WHOLE);
    }

    function _host(address provider, bytes32 region, address agent) internal returns (uint256 hostId) {
        vm.prank(provider);
        hostId = registry.registerHost(region, agent);
        _attest(hostId, _capacity(64_000, 256_000, 4_000, 100_000));
        _beat(hostId);
    }

    function _attest(uint256 hostId, Capacity memory capacity) internal {
        vm.prank(AUDITOR);
        registry.attest(hostId, capacity, uint40(block.timestamp + 300 days), "evidence");
    }

    /// @dev Tokens, and leave for the lifecycle to take them.
    function _enrich(address account, uint256 amount) internal {
        for (uint256 i = 0; i < 4; ++i) {
            tokens[i].mint(account, amount);
            vm.prank(account);
            tokens[i].approve(address(lifecycle), type(uint256).max);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Steps
    // ------------------------------------------------------------------------------------------------------------

    function _capacity(uint32 cpu, uint32 mem, uint32 sto, uint32 net) internal pure returns (Capacity memory) {
        return Capacity({cpu: cpu, mem: mem, sto: sto, net: net});
    }

    /// @dev 2 vCPU, 4 GB, 50 GB of disk, 10 GB of traffic an hour.
    function _small() internal pure returns (Capacity memory) {
        return _capacity(2_000, 4_000, 50, 10_000);
    }

    function _agentOf(uint256 hostId) internal view returns (address agent) {
        (, agent) = registry.partiesOf(hostId);
    }

    function _beat(uint256 hostId) internal {
        address agent = _agentOf(hostId);
        vm.prank(agent);
        registry.heartbeat(hostId);
    }

    /// @dev So many seconds pass, in which the host's agent keeps beating.
    function _live(uint256 hostId, uint256 seconds_) internal {
        for (; seconds_ > 300; seconds_ -= 300) {
            vm.warp(block.timestamp + 300);
            _beat(hostId);
        }
        vm.warp(block.timestamp + seconds_);
        _beat(hostId);
    }

    function _create() internal returns (uint256 vmId) {
        vm.prank(CUSTOMER);
        return lifecycle.createVM(1, _small(), 10 hours, 0, CONFIGURATION);
    }

    function _epoch(uint256 vmId) internal view returns (uint32) {
        return lifecycle.vmOf(vmId).epoch;
    }

    function _state(uint256 vmId) internal view returns (IVMLifecycle.State) {
        return lifecycle.vmOf(vmId).state;
    }

    function _assertState(uint256 vmId, IVMLifecycle.State expected) internal view {
        vm.assertEq(uint256(_state(vmId)), uint256(expected));
    }

    function _start(uint256 vmId) internal {
        vm.prank(CUSTOMER);
        lifecycle.start(vmId);
    }

    function _acknowledgeStart(uint256 vmId) internal {
        (address agent, uint32 epoch) = (_agentOf(lifecycle.vmOf(vmId).hostId), _epoch(vmId));
        vm.prank(agent);
        lifecycle.acknowledgeStart(vmId, epoch);
    }

    function _running() internal returns (uint256 vmId) {
        vmId = _create();
        _start(vmId);
        _acknowledgeStart(vmId);
    }

    function _stop(uint256 vmId) internal {
        vm.prank(CUSTOMER);
        lifecycle.stop(vmId);
    }

    function _migrateToUS(uint256 vmId) internal {
        vm.prank(CUSTOMER);
        lifecycle.migrateVM(vmId, US);
    }

    /// @dev The approver of that position approves what waits.
    function _approve(uint256 vmId, uint256 position) internal {
        IVMLifecycle.VM memory lease = lifecycle.vmOf(vmId);
        vm.prank(vm.addr(keys[position]));
        lifecycle.approveMigration(vmId, lease.targetId, lease.epoch, lease.deadline);
    }

    function _release(uint256 vmId) internal {
        IVMLifecycle.VM memory lease = lifecycle.vmOf(vmId);
        address agent = _agentOf(lease.hostId);
        vm.prank(agent);
        lifecycle.acknowledgeRelease(vmId, lease.epoch, RECORD);
    }

    function _acknowledgeMigration(uint256 vmId) internal {
        IVMLifecycle.VM memory lease = lifecycle.vmOf(vmId);
        address agent = _agentOf(lease.targetId);
        vm.prank(agent);
        lifecycle.acknowledgeMigration(vmId, lease.epoch);
    }

    // ------------------------------------------------------------------------------------------------------------
    // What is held
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Tokens for seconds of a number of thousandths, rounded down: the definition, not the contract's.
    function _worth(uint256 units, uint256 seconds_) internal pure returns (uint256) {
        return units * seconds_ * WHOLE / 3_600_000;
    }

    function _balance(address account) internal view returns (uint256) {
        return lifecycle.balanceOf(account, Resource.CPU);
    }
}
