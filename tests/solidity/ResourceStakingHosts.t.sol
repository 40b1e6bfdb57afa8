// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostRegistry} from "../../contracts/compute/HostRegistry.sol";
import {Proxy} from "../../contracts/governance/Proxy.sol";
import {HostileToken} from "../../contracts/test/HostileToken.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {ResourceStaking} from "../../contracts/tokens/ResourceStaking.sol";
import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {Test} from "./Vm.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Guarantees in the real HostRegistry, of which one host carries 10 vCPU.
contract ResourceStakingHostsTest is Test {
    address private constant STAKER = address(0x57a4);
    address private constant STRANGER = address(0x5743);
    uint256 private constant START = 2_000_000_000;
    uint256 private constant TERM = 30 days;

    HostRegistry private registry;
    ResourceStaking private staking;
    uint256 private host;

    function setUp() public {
        vm.warp(START);
        address authority = address(new OneRole(address(this)));
        bytes memory start = abi.encodeCall(HostRegistry.initialize, (authority));
        registry = HostRegistry(address(new Proxy(address(new HostRegistry()), start)));
        HostileToken token = new HostileToken();
        IERC20[4] memory tokens = [IERC20(token), token, token, token];
        staking = new ResourceStaking(authority, address(this), registry, tokens);
        registry.setStaking(address(staking));
        host = registry.registerHost("eu-west", address(0xa9e7));
        registry.setReservable(host, _cpu(10_000));
        _attest(10_000);
        token.mint(STAKER, 1e24);
        token.mint(address(this), 1e24);
        token.approve(address(staking), type(uint256).max);
        staking.fund(Resource.CPU, 1e23);
        vm.startPrank(STAKER);
        token.approve(address(staking), type(uint256).max);
        for (uint256 i = 0; i < 2; ++i) {
            staking.stake(Resource.CPU, 7_200e18, TERM); // 10,000 units for 30 days
        }
        vm.stopPrank();
    }

    /// @dev Kept from everybody but the position's owner, until maturity.
    function testFuzz_GuaranteeKeepsCapacity(uint256 units) public {
        units = _bound(units, 1, 10_000);
        _guarantee(1, units);
        IHostRegistry.Reservation memory kept = registry.reservationOf(1);
        vm.assertEq(kept.holder, STAKER);
        vm.assertEq(kept.units, units);
        vm.assertEq(kept.until, START + TERM);
        vm.assertTrue(kept.resource == Resource.CPU);
        vm.assertEq(registry.hostOf(host).reserved.cpu, units);
        vm.assertEq(registry.availableTo(host, STAKER).cpu, 10_000);
        vm.assertEq(registry.availableTo(host, STRANGER).cpu, 10_000 - units);
    }

    /// @dev All guarantees together are never more than what is attested, nor than what the provider allows.
    function testFuzz_GuaranteesNeverExceedTheAttested(uint256 first, uint256 second, bool allowed) public {
        (first, second) = (_bound(first, 1, 10_000), _bound(second, 1, 10_000));
        if (allowed) registry.setReservable(host, _cpu(6_000));
        uint256 most = allowed ? 6_000 : 10_000;
        vm.startPrank(STAKER);
        (bool ok,) = address(staking).call(abi.encodeCall(staking.guarantee, (1, host, first)));
        vm.assertEq(ok, first <= most);
        if (ok) most -= first;
        (ok,) = address(staking).call(abi.encodeCall(staking.guarantee, (2, host, second)));
        vm.assertEq(ok, second <= most);
        vm.stopPrank();
        IHostRegistry.Host memory carried = registry.hostOf(host);
        vm.assertTrue(carried.reserved.cpu <= carried.attested.cpu && carried.reserved.cpu <= carried.reservable.cpu);
    }

    /// @dev A lower attestation voids the reservation: cleared by somebody or not, the owner is free to go on.
    function testFuzz_VoidReservationLeavesNothingStuck(bool cleared, bool leaving) public {
        _guarantee(1, 8_000);
        _attest(5_000);
        vm.assertTrue(registry.reservationOf(1).isVoid);
        if (cleared) {
            vm.prank(STRANGER);
            registry.clear(1);
        }
        vm.prank(STAKER);
        staking.release(1);
        vm.expectRevert(abi.encodeWithSelector(IHostRegistry.HostRegistry_UnknownReservation.selector, 1));
        registry.reservationOf(1);
        if (leaving) {
            vm.prank(STAKER);
            vm.assertEq(staking.exitEarly(1, STAKER), 7_200e18);
        } else {
            _guarantee(1, 5_000);
            vm.assertEq(registry.hostOf(host).reserved.cpu, 5_000);
        }
    }

    /// @dev Paid out without a word to the registry, where anybody clears what is over.
    function test_WithdrawThenClear() public {
        _guarantee(1, 10_000);
        vm.warp(START + TERM);
        vm.prank(STAKER);
        staking.withdraw(1, STAKER);
        vm.prank(STRANGER);
        registry.clear(1);
        vm.assertEq(registry.hostOf(host).reserved.cpu, 0);
    }

    /// @dev Governance that lets another staking reserve, or upgrades the registry, takes the reservations, not the way out.
    function test_ReleaseAfterTheRegistryHasTurnedToAnother() public {
        _guarantee(1, 10_000);
        registry.setStaking(address(0x57a2));
        vm.startPrank(STAKER);
        staking.release(1);
        vm.assertEq(staking.exitEarly(1, STAKER), 7_200e18);
        vm.stopPrank();
        vm.assertEq(registry.reservationOf(1).units, 10_000);
        vm.warp(START + TERM);
        registry.clear(1);
        vm.assertEq(registry.hostOf(host).reserved.cpu, 0);
    }

    /// @dev What an honest registry needs is far below what it is given, so that a lack of gas is always seen.
    function testFuzz_ReleaseWithLittleGasEndsTheReservationOrNothing(uint256 gas_) public {
        _guarantee(1, 10_000);
        vm.prank(STAKER);
        (bool ok,) = address(staking).call{gas: _bound(gas_, 0, 300_000)}(abi.encodeCall(staking.release, (1)));
        vm.assertEq(staking.positionOf(1).isGuaranteeing, !ok);
        vm.assertEq(registry.hostOf(host).reserved.cpu, ok ? 0 : 10_000);
    }

    function test_ReleaseFreesCapacity() public {
        _guarantee(1, 10_000);
        vm.prank(STAKER);
        staking.release(1);
        vm.assertEq(registry.availableTo(host, STRANGER).cpu, 10_000);
        _guarantee(2, 10_000);
    }

    /// @dev No attestation, no guarantee; and the registry listens to the staking alone.
    function test_GuaranteeNeedsAnAttestation() public {
        uint256 bare = registry.registerHost("us-east", address(0xa9e8));
        registry.setReservable(bare, _cpu(10_000));
        vm.expectRevert(abi.encodeWithSelector(IHostRegistry.HostRegistry_NotAttested.selector, bare, 0));
        vm.prank(STAKER);
        staking.guarantee(1, bare, 1);
        vm.expectRevert(abi.encodeWithSelector(IHostRegistry.HostRegistry_NotStaking.selector, STAKER));
        vm.prank(STAKER);
        registry.reserve(9, host, STAKER, Resource.CPU, 1, uint40(START + 1));
    }

    function testFuzz_GuaranteeOnUnknownHostReverts(uint256 unknown) public {
        vm.assume(unknown != host);
        vm.expectRevert(abi.encodeWithSelector(IHostRegistry.HostRegistry_UnknownHost.selector, unknown));
        vm.prank(STAKER);
        staking.guarantee(1, unknown, 1);
    }

    function _guarantee(uint256 positionId, uint256 units) private {
        vm.prank(STAKER);
        staking.guarantee(positionId, host, units);
    }

    function _attest(uint32 cpu) private {
        registry.attest(host, _cpu(cpu), uint40(START + 300 days), "report");
    }

    function _cpu(uint32 cpu) private pure returns (Capacity memory) {
        return Capacity({cpu: cpu, mem: 0, sto: 0, net: 0});
    }
}
