// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLA} from "../../contracts/compute/SLA.sol";
import {SLACourt} from "../../contracts/compute/SLACourt.sol";
import {Proxy} from "../../contracts/governance/Proxy.sol";
import {SLANext} from "../../contracts/test/SLANext.sol";
import {IArbitrator} from "../../interfaces/IArbitration.sol";
import {IBrakeable} from "../../interfaces/IBrakeable.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {SLASuite} from "./SLASuite.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC1967} from "@openzeppelin/contracts/interfaces/IERC1967.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract SLATest is SLASuite {
    // ------------------------------------------------------------------------------------------------------------
    // Proxy, initialize, upgrade
    // ------------------------------------------------------------------------------------------------------------

    function test_Initialize() public view {
        vm.assertEq(sla.authority(), address(authority));
        vm.assertEq(sla.owner(), BRAKE);
        vm.assertEq(sla.nova(), address(nova));
        vm.assertEq(sla.lifecycle(), address(lease));
        vm.assertEq(sla.treasury(), TREASURY);
        vm.assertEq(address(sla.defaultArbitrator()), address(committee));
        vm.assertEq(uint256(sla.ARBITRATION_TIMEOUT()), 14 days);
        (, string memory name, string memory version, uint256 chain, address domain,,) = sla.eip712Domain();
        vm.assertEq(name, "NovaCron SLA");
        vm.assertEq(version, "1");
        vm.assertEq(chain, block.chainid);
        vm.assertEq(domain, address(sla));
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_InitializeWithZeroReverts(uint256 which) public {
        which = _bound(which, 0, 3);
        SLA implementation = new SLA();
        bytes memory call = abi.encodeCall(
            SLA.initialize,
            (
                address(authority),
                BRAKE,
                IERC20(which == 0 ? address(0) : address(nova)),
                IVMLifecycle(which == 1 ? address(0) : address(lease)),
                which == 2 ? address(0) : TREASURY,
                IArbitrator(which == 3 ? address(0) : address(committee))
            )
        );
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ZeroAddress.selector));
        new Proxy(address(implementation), call);
    }

    function test_InitializeTwiceReverts() public {
        vm.expectRevert(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        sla.initialize(
            address(this), BRAKE, nova, IVMLifecycle(address(lease)), TREASURY, IArbitrator(address(committee))
        );
    }

    function test_ImplementationIsLocked() public {
        SLA implementation = new SLA();
        vm.expectRevert(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        implementation.initialize(
            address(this), BRAKE, nova, IVMLifecycle(address(lease)), TREASURY, IArbitrator(address(committee))
        );
    }

    function test_StorageIsWhereItsNameSays() public view {
        bytes32 slot = keccak256(abi.encode(uint256(keccak256("novacron.storage.SLA")) - 1)) & ~bytes32(uint256(0xff));
        vm.assertEq(uint256(vm.load(address(sla), slot)), uint256(uint160(address(nova))));
    }

    /// @dev The first slots belong to nobody: OpenZeppelin's EIP712 leaves its two empty.
    function test_NothingLiesInTheFirstSlots() public {
        uint256 slaId = _agree();
        _toEnd(slaId, 0, 0);
        _report(slaId, UPTIME, 0, 5, 0);
        for (uint256 slot = 0; slot < 16; ++slot) {
            vm.assertEq(uint256(vm.load(address(sla), bytes32(slot))), 0);
        }
    }

    /// @dev In the middle of a claim; nothing is lost, and what was signed still counts.
    function test_Upgrade() public {
        uint256 slaId = _agree();
        _toEnd(slaId, 0, 0);
        _report(slaId, UPTIME, 0, 3, 995_000);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 0, 5, 995_000);
        SLANext next = new SLANext();
        vm.expectEmit();
        emit IERC1967.Upgraded(address(next));
        sla.upgradeToAndCall(address(next), "");
        vm.assertEq(SLANext(address(sla)).version(), 2);
        vm.assertEq(abi.encode(sla.termsOf(slaId)), abi.encode(_written(START)));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0, 995_000, evidence);
        vm.warp(block.timestamp + DISPUTE);
        sla.finalise(slaId, UPTIME, 0);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - WINDOWS * FEE + FEE / 10);
        vm.expectRevert(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        sla.initialize(
            address(this), BRAKE, nova, IVMLifecycle(address(lease)), TREASURY, IArbitrator(address(committee))
        );
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_UpgradeByAnotherReverts(address caller) public {
        vm.assume(caller != address(this));
        address next = address(new SLANext());
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
        sla.upgradeToAndCall(next, "");
    }

    /// @dev The court's code is nobody's: called directly it knows no agreement.
    function test_CourtAloneKnowsNothing() public {
        SLACourt court = new SLACourt();
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownAgreement.selector, 1));
        court.finalise(1, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownDispute.selector, address(this), 1));
        court.rule(1, 2);
    }

    function test_SetDefaultArbitrator() public {
        vm.expectEmit();
        emit ISLATypes.DefaultArbitratorSet(IArbitrator(STRANGER));
        sla.setDefaultArbitrator(IArbitrator(STRANGER));
        vm.assertEq(address(sla.defaultArbitrator()), STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ZeroAddress.selector));
        sla.setDefaultArbitrator(IArbitrator(address(0)));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, STRANGER));
        vm.prank(STRANGER);
        sla.setDefaultArbitrator(IArbitrator(STRANGER));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Balances
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_DepositAndWithdraw(uint256 amount, uint256 out) public {
        amount = _bound(amount, 1, 1e8 * NOVA);
        out = _bound(out, 1, amount);
        uint256 held = nova.balanceOf(address(sla));
        vm.expectEmit();
        emit ISLATypes.Deposited(STRANGER, amount, address(this));
        sla.deposit(amount, STRANGER);
        vm.assertEq(sla.balanceOf(STRANGER), amount);
        vm.expectEmit();
        emit ISLATypes.Withdrawn(STRANGER, out, REPORTER);
        vm.prank(STRANGER);
        sla.withdraw(out, REPORTER);
        vm.assertEq(sla.balanceOf(STRANGER), amount - out);
        vm.assertEq(nova.balanceOf(REPORTER), out);
        vm.assertEq(nova.balanceOf(address(sla)), held + amount - out);
    }

    function test_DepositRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ZeroAmount.selector));
        sla.deposit(0, STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ZeroAddress.selector));
        sla.deposit(1, address(0));
        vm.expectRevert();
        vm.prank(STRANGER);
        sla.deposit(1, STRANGER);
        vm.assertEq(sla.balanceOf(STRANGER), 0);
    }

    function testFuzz_WithdrawMoreThanThereIsReverts(uint256 amount) public {
        amount = _bound(amount, 1_000 * NOVA + 1, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_InsufficientBalance.selector, REPORTER, 1_000 * NOVA, amount)
        );
        vm.prank(REPORTER);
        sla.withdraw(amount, REPORTER);
    }

    function test_WithdrawRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_ZeroAmount.selector));
        sla.withdraw(0, STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_BadRecipient.selector, address(0)));
        sla.withdraw(1, address(0));
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_BadRecipient.selector, address(sla)));
        sla.withdraw(1, address(sla));
    }

    /// @dev With a permit, with the same one used up by somebody else before, and with neither permit nor allowance.
    function test_DepositWithPermit() public {
        uint256 key = 0xabcdef;
        address owner = vm.addr(key);
        vm.assertTrue(nova.transfer(owner, 100 * NOVA));
        bytes32 digest = keccak256(
            abi.encodePacked(
                hex"1901",
                nova.DOMAIN_SEPARATOR(),
                keccak256(
                    abi.encode(
                        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                        owner,
                        address(sla),
                        60 * NOVA,
                        0,
                        block.timestamp
                    )
                )
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        nova.permit(owner, address(sla), 60 * NOVA, block.timestamp, v, r, s);
        vm.prank(owner);
        sla.depositWithPermit(60 * NOVA, CUSTOMER, block.timestamp, v, r, s);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_060 * NOVA);
        vm.expectRevert();
        vm.prank(owner);
        sla.depositWithPermit(40 * NOVA, CUSTOMER, block.timestamp, v, r, s);
    }

    /// @dev What is sent without `deposit` counts for nobody.
    function test_DonationsCountForNobody() public {
        vm.assertTrue(nova.transfer(address(sla), 5 * NOVA));
        vm.assertEq(sla.balanceOf(address(this)), 0);
        vm.assertEq(sla.balanceOf(address(sla)), 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The brake
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Entries stop; a whole agreement can be brought to its end meanwhile.
    function test_PauseStopsEntriesOnly() public {
        ISLATypes.Terms memory terms = _terms();
        uint256 offered = _offer(terms);
        uint256 slaId = _agree();
        vm.prank(BRAKE);
        sla.pauseContract();
        bytes memory refusal = abi.encodeWithSelector(PausableUpgradeable.EnforcedPause.selector);
        vm.expectRevert(refusal);
        sla.deposit(1, STRANGER);
        vm.expectRevert(refusal);
        sla.depositWithPermit(1, STRANGER, 0, 0, 0, 0);
        vm.expectRevert(refusal);
        sla.offer(terms);
        vm.expectRevert(refusal);
        sla.accept(offered);

        vm.prank(PROVIDER);
        sla.withdrawOffer(offered);
        vm.prank(CUSTOMER);
        sla.terminate(slaId);
        _toEnd(slaId, 0, 0);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0);
        sla.submitEvidence(slaId, UPTIME, 0, _evidence(slaId, UPTIME, 0, 3, 0));
        uint256 disputeId = _dispute(slaId, UPTIME, 0);
        committee.giveRuling(disputeId, 1);
        _report(slaId, LATENCY, 0, 3, 300);
        vm.warp(block.timestamp + REPORT);
        sla.finalise(slaId, LATENCY, 0);
        sla.settleWindow(slaId, 0);
        sla.releaseStake(slaId);
        address[4] memory all = [PROVIDER, CUSTOMER, REPORTER, TREASURY];
        for (uint256 i = 0; i < 4; ++i) {
            uint256 balance = sla.balanceOf(all[i]);
            vm.prank(all[i]);
            sla.withdraw(balance, all[i]);
        }
        vm.assertEq(nova.balanceOf(address(sla)), 0);

        vm.prank(BRAKE);
        sla.unpauseContract();
        sla.deposit(1, STRANGER);
    }

    function test_OnlyTheBrakePauses() public {
        vm.expectRevert(abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, address(this)));
        sla.pauseContract();
        vm.expectRevert(abi.encodeWithSelector(IBrakeable.Brakeable_OwnerIsNeeded.selector));
        vm.prank(BRAKE);
        sla.renounceOwnership();
    }

    /// @dev The terms of `_terms` at this time, as they are written down.
    function _written(uint256 when) private returns (ISLATypes.Terms memory terms) {
        uint256 time = block.timestamp;
        vm.warp(when);
        terms = _terms();
        terms.credits = [uint32(100_000), 250_000, 1_000_000];
        vm.warp(time);
    }
}
