// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Authority} from "../../contracts/governance/Authority.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

/// @notice Who may call what, after the hand-over.
contract AuthorityTest is GovernanceSuite {
    /// @dev A restricted function of the suite, called in a way that goes through for whoever may.
    struct Restricted {
        address target;
        bytes call_;
        uint64 role;
    }

    function testFuzz_Constructor(address admin) public {
        vm.assume(admin != address(0));
        Authority fresh = new Authority(admin);
        (bool member, uint32 delay) = fresh.hasRole(ADMIN_ROLE, admin);
        vm.assertTrue(member);
        vm.assertEq(uint256(delay), uint256(0));
        vm.assertEq(uint256(fresh.GUARDIAN()), uint256(GUARDIAN_ROLE));
        vm.assertEq(uint256(fresh.ATTESTER()), uint256(ATTESTER_ROLE));
    }

    function test_ConstructorRejectsZeroAdmin() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManager.AccessManagerInvalidInitialAdmin.selector, address(0)));
        new Authority(address(0));
    }

    /// @dev Each restricted function: its role goes through, every other holder of a role and strangers do not.
    function test_EveryRestrictedFunctionHasOneRole() public {
        Restricted[] memory all = _restricted();
        address[5] memory callers = [address(timelock), GUARDIAN, ATTESTER, STRANGER, address(this)];
        for (uint256 i = 0; i < all.length; ++i) {
            for (uint256 j = 0; j < callers.length; ++j) {
                uint256 clean = vm.snapshotState();
                vm.prank(callers[j]);
                (bool ok, bytes memory answer) = all[i].target.call(all[i].call_);
                vm.assertEq(ok, j == all[i].role, string(abi.encodePacked(bytes4(all[i].call_))));
                if (!ok) vm.assertEq(answer, _refusal(all[i].target, callers[j]));
                vm.revertToState(clean);
            }
        }
    }

    function testFuzz_OnlyTheTimelockAdministers(address anybody) public view {
        (bool member,) = authority.hasRole(ADMIN_ROLE, anybody);
        vm.assertEq(member, anybody == address(timelock));
    }

    function testFuzz_StrangersChangeNoRoles(address stranger, uint64 role) public {
        vm.assume(stranger != address(timelock));
        vm.assume(role != authority.PUBLIC_ROLE());
        vm.expectRevert(
            abi.encodeWithSelector(IAccessManager.AccessManagerUnauthorizedAccount.selector, stranger, ADMIN_ROLE)
        );
        vm.prank(stranger);
        authority.grantRole(role, stranger, 0);
    }

    /// @dev A proposal grants and takes away; without a delay, for the timelock has had its own.
    function test_ProposalNamesAnAttester() public {
        bytes memory grant = abi.encodeCall(authority.grantRole, (ATTESTER_ROLE, BOB, 0));
        _enact(_draft(address(authority), grant, "Attester"));
        (bool member,) = authority.hasRole(ATTESTER_ROLE, BOB);
        vm.assertTrue(member);
        bytes memory revoke = abi.encodeCall(authority.revokeRole, (ATTESTER_ROLE, BOB));
        _enact(_draft(address(authority), revoke, "No attester"));
        (member,) = authority.hasRole(ATTESTER_ROLE, BOB);
        vm.assertFalse(member);
    }

    /// @dev In the order of roles, so that the role of each is the number of the caller above.
    function _restricted() private returns (Restricted[] memory all) {
        vm.prank(ATTESTER);
        gate.verify(STRANGER, _season() + 1);
        address next = address(new Authority(address(this)));
        all = new Restricted[](13);
        all[0] = Restricted(address(nova), abi.encodeCall(nova.mint, (ALICE, 1)), ADMIN_ROLE);
        all[1] = Restricted(address(cpu), abi.encodeCall(cpu.mint, (ALICE, 1)), ADMIN_ROLE);
        all[2] = Restricted(address(votes), abi.encodeCall(votes.setGate, (votes.gate())), ADMIN_ROLE);
        all[3] = Restricted(address(gate), abi.encodeCall(gate.strike, (ALICE)), ADMIN_ROLE);
        all[4] = Restricted(address(gate), abi.encodeCall(gate.setQuota, (1)), ADMIN_ROLE);
        all[5] = Restricted(address(gate), abi.encodeCall(gate.verify, (BOB, _season())), ATTESTER_ROLE);
        all[6] = Restricted(address(gate), abi.encodeCall(gate.revoke, (BOB)), ATTESTER_ROLE);
        all[7] = Restricted(address(brake), abi.encodeCall(brake.pause, (address(proof))), GUARDIAN_ROLE);
        bytes memory transfer = abi.encodeCall(brake.transferTarget, (address(proof), BOB));
        all[8] = Restricted(address(brake), transfer, ADMIN_ROLE);
        bytes memory upgrade = abi.encodeCall(gate.upgradeToAndCall, (_implementation(), ""));
        all[9] = Restricted(address(gate), upgrade, ADMIN_ROLE);
        bytes memory move = abi.encodeCall(authority.updateAuthority, (address(nova), next));
        all[10] = Restricted(address(authority), move, ADMIN_ROLE);
        all[11] =
            Restricted(address(authority), abi.encodeCall(authority.setTargetClosed, (address(cpu), true)), ADMIN_ROLE);
        all[12] = Restricted(
            address(authority),
            abi.encodeCall(authority.setTargetFunctionRole, (address(cpu), new bytes4[](1), 7)),
            ADMIN_ROLE
        );
    }

    /// @dev The authority speaks for itself.
    function _refusal(address target, address caller) private view returns (bytes memory) {
        return target == address(authority)
            ? abi.encodeWithSelector(IAccessManager.AccessManagerUnauthorizedAccount.selector, caller, ADMIN_ROLE)
            : abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
    }

    function _implementation() private view returns (address) {
        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
        return address(uint160(uint256(vm.load(address(gate), slot))));
    }
}
