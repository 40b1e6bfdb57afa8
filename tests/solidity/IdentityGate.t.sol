// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IdentityGate} from "../../contracts/governance/IdentityGate.sol";
import {Proxy} from "../../contracts/governance/Proxy.sol";
import {IdentityGateNext} from "../../contracts/test/IdentityGateNext.sol";
import {IAttestedIdentityGate, IIdentityGate} from "../../interfaces/IIdentityGate.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IERC1967} from "@openzeppelin/contracts/interfaces/IERC1967.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

contract IdentityGateTest is GovernanceSuite {
    address private constant ROGUE = address(0x60ca7e);

    function setUp() public override {
        super.setUp();
        vm.prank(address(timelock));
        authority.grantRole(ATTESTER_ROLE, ROGUE, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Proxy, initialize, upgrade
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Initialize(uint32 quota) public {
        IdentityGate implementation = new IdentityGate();
        bytes memory call_ = abi.encodeCall(IdentityGate.initialize, (address(authority), votes, quota));
        vm.expectEmit();
        emit IERC1967.Upgraded(address(implementation));
        vm.expectEmit();
        emit IAttestedIdentityGate.QuotaSet(quota);
        IdentityGate fresh = IdentityGate(address(new Proxy(address(implementation), call_)));
        vm.assertEq(fresh.authority(), address(authority));
        vm.assertEq(fresh.quadraticVotes(), address(votes));
        vm.assertEq(uint256(fresh.quota()), uint256(quota));
    }

    function test_InitializeTwiceReverts() public {
        vm.expectRevert(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        gate.initialize(address(this), votes, 1);
    }

    /// @dev The code behind the proxy is nobody's.
    function test_ImplementationIsLocked() public {
        IdentityGate implementation = new IdentityGate();
        vm.expectRevert(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        implementation.initialize(address(this), votes, 1);
    }

    /// @dev A proxy that nobody has set up could be anybody's.
    function test_ProxyIsSetUpWhenItIsMade() public {
        IdentityGate implementation = new IdentityGate();
        vm.expectRevert(abi.encodeWithSelector(ERC1967Proxy.ERC1967ProxyUninitialized.selector));
        new Proxy(address(implementation), "");
    }

    function test_StorageIsWhereItsNameSays() public view {
        bytes32 slot =
            keccak256(abi.encode(uint256(keccak256("novacron.storage.IdentityGate")) - 1)) & ~bytes32(uint256(0xff));
        vm.assertEq(uint256(vm.load(address(gate), slot)), uint256(QUOTA) << 160 | uint160(address(votes)));
    }

    /// @dev Through a proposal; nothing is lost.
    function test_Upgrade() public {
        IdentityGateNext next = new IdentityGateNext();
        Draft memory draft = _draft(address(gate), abi.encodeCall(gate.upgradeToAndCall, (address(next), "")), "Next");
        _ready(draft);
        vm.expectEmit();
        emit IERC1967.Upgraded(address(next));
        _execute(draft);
        vm.assertEq(IdentityGateNext(address(gate)).version(), uint256(2));
        vm.assertEq(uint256(gate.quota()), uint256(QUOTA));
        vm.assertEq(gate.attesterOf(ALICE), ATTESTER);
        vm.expectRevert(abi.encodeWithSelector(Initializable.InvalidInitialization.selector));
        gate.initialize(address(this), votes, 1);
    }

    function test_UpgradeToSomethingElseReverts() public {
        vm.expectRevert(abi.encodeWithSelector(ERC1967Utils.ERC1967InvalidImplementation.selector, address(cpu)));
        vm.prank(address(timelock));
        gate.upgradeToAndCall(address(cpu), "");
        IdentityGate implementation = new IdentityGate();
        vm.expectRevert(abi.encodeWithSelector(UUPSUpgradeable.UUPSUnauthorizedCallContext.selector));
        vm.prank(address(timelock));
        implementation.upgradeToAndCall(address(implementation), "");
    }

    // ------------------------------------------------------------------------------------------------------------
    // verify
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Verify(address account, uint256 later) public {
        vm.assume(account != address(0) && gate.attesterOf(account) == address(0));
        uint256 season = _season() + _bound(later, 0, 3);
        _give(ALICE, account, 4 * NOVA);
        vm.expectEmit();
        emit IAttestedIdentityGate.Verified(account, ROGUE, season);
        vm.expectEmit();
        emit IQuadraticVotes.VerificationSynced(account, uint48((season + 1) * SEASON));
        vm.prank(ROGUE);
        gate.verify(account, season);
        vm.assertTrue(gate.isVerified(account));
        vm.assertEq(uint256(gate.verifiedUntil(account)), (season + 1) * SEASON);
        vm.assertEq(gate.attesterOf(account), ROGUE);
        vm.assertEq(uint256(gate.used(ROGUE)), uint256(1));
        vm.assertEq(votes.getVotes(account), uint256(2_000));
    }

    /// @dev It ends with the season, to the second.
    function testFuzz_VerificationEnds(uint256 later) public {
        later = _bound(later, 0, 3);
        _verify(ROGUE, STRANGER, later);
        vm.warp((_season() + later + 1) * SEASON - 1);
        vm.assertTrue(gate.isVerified(STRANGER));
        vm.warp(block.timestamp + 1);
        vm.assertFalse(gate.isVerified(STRANGER));
        vm.assertEq(uint256(gate.verifiedUntil(STRANGER)), uint256(0));
        vm.assertEq(gate.attesterOf(STRANGER), address(0));
    }

    /// @dev The same attester prolongs and shortens; each time counts.
    function test_VerifyAgain() public {
        _verify(ROGUE, STRANGER, 1);
        _verify(ROGUE, STRANGER, 3);
        vm.assertEq(uint256(gate.verifiedUntil(STRANGER)), (_season() + 4) * SEASON);
        _verify(ROGUE, STRANGER, 0);
        vm.assertEq(uint256(gate.verifiedUntil(STRANGER)), (_season() + 1) * SEASON);
        vm.assertEq(uint256(votes.verifiedUntil(STRANGER)), (_season() + 1) * SEASON);
        vm.assertEq(uint256(gate.used(ROGUE)), uint256(3));
    }

    function testFuzz_VerifyRejectsOtherSeasons(uint256 season) public {
        uint256 now_ = _season();
        vm.assume(season < now_ || season > now_ + 3);
        vm.expectRevert(
            abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_SeasonOutOfReach.selector, season, now_, now_ + 3)
        );
        vm.prank(ROGUE);
        gate.verify(STRANGER, season);
    }

    function test_VerifyRejectsTheSeasonsBeside() public {
        testFuzz_VerifyRejectsOtherSeasons(_season() - 1);
        testFuzz_VerifyRejectsOtherSeasons(_season() + 4);
    }

    function test_VerifyNobodyReverts() public {
        uint256 season = _season();
        vm.expectRevert(abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_ZeroAccount.selector));
        vm.prank(ROGUE);
        gate.verify(address(0), season);
    }

    function test_VerifyOfAnotherReverts() public {
        uint256 season = _season();
        _expectByAnother(ALICE, ATTESTER);
        vm.prank(ROGUE);
        gate.verify(ALICE, season);
    }

    function test_QuotaIsPerSeasonAndAttester() public {
        for (uint256 i = 0; i < QUOTA; ++i) {
            _verify(ROGUE, _sybil(i), 0);
        }
        vm.assertEq(uint256(gate.used(ROGUE)), uint256(QUOTA));
        uint256 season = _season();
        vm.expectRevert(
            abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_QuotaExhausted.selector, ROGUE, QUOTA)
        );
        vm.prank(ROGUE);
        gate.verify(_sybil(QUOTA), season);
        vm.expectRevert(
            abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_QuotaExhausted.selector, ROGUE, QUOTA)
        );
        vm.prank(ROGUE);
        gate.verify(_sybil(0), season);
        _verify(ATTESTER, _sybil(QUOTA), 0);
        vm.warp((season + 1) * SEASON);
        vm.assertEq(uint256(gate.used(ROGUE)), uint256(0));
        _verify(ROGUE, _sybil(QUOTA), 0);
        vm.assertEq(uint256(gate.used(ROGUE)), uint256(1));
    }

    /// @dev Revoking gives nothing back.
    function test_RevokingFreesNoQuota() public {
        for (uint256 i = 0; i < QUOTA; ++i) {
            _verify(ROGUE, STRANGER, 0);
            vm.prank(ROGUE);
            gate.revoke(STRANGER);
        }
        uint256 season = _season();
        vm.expectRevert(
            abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_QuotaExhausted.selector, ROGUE, QUOTA)
        );
        vm.prank(ROGUE);
        gate.verify(STRANGER, season);
    }

    // ------------------------------------------------------------------------------------------------------------
    // revoke, strike, setQuota
    // ------------------------------------------------------------------------------------------------------------

    function test_Revoke() public {
        vm.expectEmit();
        emit IAttestedIdentityGate.Revoked(ALICE, ATTESTER);
        vm.expectEmit();
        emit IQuadraticVotes.VerificationSynced(ALICE, 0);
        vm.prank(ATTESTER);
        gate.revoke(ALICE);
        vm.assertFalse(gate.isVerified(ALICE));
        vm.assertEq(votes.getVotes(ALICE), uint256(0));
        vm.expectRevert(abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_NotVerified.selector, ALICE));
        vm.prank(ATTESTER);
        gate.revoke(ALICE);
    }

    function test_RevokeOfAnotherReverts() public {
        _expectByAnother(ALICE, ATTESTER);
        vm.prank(ROGUE);
        gate.revoke(ALICE);
    }

    function testFuzz_RevokeOfUnverifiedReverts(address account) public {
        vm.assume(!gate.isVerified(account));
        vm.expectRevert(abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_NotVerified.selector, account));
        vm.prank(ATTESTER);
        gate.revoke(account);
        vm.expectRevert(abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_NotVerified.selector, account));
        vm.prank(address(timelock));
        gate.strike(account);
    }

    function test_StrikeTakesAnybodys() public {
        vm.expectEmit();
        emit IAttestedIdentityGate.Revoked(ALICE, ATTESTER);
        vm.prank(address(timelock));
        gate.strike(ALICE);
        vm.assertEq(votes.getVotes(ALICE), uint256(0));
        _verify(ROGUE, ALICE, 0);
        vm.assertEq(votes.getVotes(ALICE), uint256(3_000_000));
    }

    function testFuzz_SetQuota(uint32 quota) public {
        vm.expectEmit();
        emit IAttestedIdentityGate.QuotaSet(quota);
        vm.prank(address(timelock));
        gate.setQuota(quota);
        vm.assertEq(uint256(gate.quota()), uint256(quota));
        vm.assertEq(gate.quadraticVotes(), address(votes));
        if (quota > 4) return;
        uint256 season = _season(); // the attester of the suite has verified four
        vm.expectRevert(
            abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_QuotaExhausted.selector, ATTESTER, quota)
        );
        vm.prank(ATTESTER);
        gate.verify(STRANGER, season);
    }

    // ------------------------------------------------------------------------------------------------------------
    // An attester gone rogue
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The worst of it: in four seasons 4 · quota accounts, over which n tokens have √(4 · quota · n), and no more.
    function test_HarmOfARogueAttesterIsBounded() public {
        uint256 accounts;
        for (uint256 season = 0; season < 4; ++season) {
            for (uint256 i = 0; i < QUOTA; ++i) {
                _verify(ROGUE, _sybil(accounts++), 3);
            }
            if (season < 3) vm.warp((_season() + 1) * SEASON);
        }
        uint256 tokens = 800_000 * NOVA;
        uint256 honest = votes.getTotalSupply();
        for (uint256 i = 0; i < accounts; ++i) {
            _give(ALICE, _sybil(i), tokens / accounts);
        }
        uint256 power;
        for (uint256 i = 0; i < accounts; ++i) {
            power += votes.getVotes(_sybil(i));
        }
        vm.assertEq(accounts, uint256(4) * QUOTA);
        vm.assertEq(power, uint256(8_000_000)); // 80 · √10,000: √80 times the 894 of one account
        vm.assertTrue(honest < power);

        // Dismissed, its verifications are void, and anyone makes the votes follow.
        vm.prank(address(timelock));
        authority.revokeRole(ATTESTER_ROLE, ROGUE);
        address[] memory sybils = new address[](accounts);
        for (uint256 i = 0; i < accounts; ++i) {
            sybils[i] = _sybil(i);
            vm.assertFalse(gate.isVerified(sybils[i]));
        }
        vm.prank(STRANGER);
        votes.syncMany(sybils);
        for (uint256 i = 0; i < accounts; ++i) {
            vm.assertEq(votes.getVotes(sybils[i]), uint256(0));
        }
        _verify(ATTESTER, sybils[0], 0); // and whoever was a person after all is verified by another
        vm.assertTrue(gate.isVerified(sybils[0]));
    }

    /// @dev The role given back revives nothing: what it verified before is void for ever.
    function test_RoleGivenBackRevivesNothing() public {
        _verify(ROGUE, STRANGER, 3);
        vm.prank(address(timelock));
        authority.revokeRole(ATTESTER_ROLE, ROGUE);
        vm.assertFalse(gate.isVerified(STRANGER));
        vm.warp(block.timestamp + 1);
        vm.prank(address(timelock));
        authority.grantRole(ATTESTER_ROLE, ROGUE, 0);
        vm.assertFalse(gate.isVerified(STRANGER));
        _verify(ROGUE, STRANGER, 1);
        vm.assertTrue(gate.isVerified(STRANGER));
        vm.warp(block.timestamp + 1 days);
        vm.assertTrue(gate.isVerified(STRANGER));
    }

    /// @dev Another delay of the role is no break of it.
    function test_RoleChangedVoidsNothing() public {
        _verify(ROGUE, STRANGER, 3);
        vm.warp(block.timestamp + 1);
        vm.prank(address(timelock));
        authority.grantRole(ATTESTER_ROLE, ROGUE, 5);
        vm.assertTrue(gate.isVerified(STRANGER));
    }

    /// @dev It cannot touch the verifications of others; those it made itself it can take back, and others make anew.
    function test_RogueDisenfranchisesOnlyItsOwn() public {
        _verify(ROGUE, STRANGER, 3);
        vm.prank(ROGUE);
        gate.revoke(STRANGER);
        _verify(ATTESTER, STRANGER, 3);
        _expectByAnother(STRANGER, ATTESTER);
        vm.prank(ROGUE);
        gate.revoke(STRANGER);
    }

    /// @dev With another gate in place, the old one has no say any more, and does not fail either.
    function test_ReplacedGateHasNoSay() public {
        bytes memory call_ = abi.encodeCall(IdentityGate.initialize, (address(authority), votes, QUOTA));
        IdentityGate next = IdentityGate(address(new Proxy(address(new IdentityGate()), call_)));
        vm.prank(address(timelock));
        votes.setGate(IIdentityGate(address(next)));
        _verify(ROGUE, STRANGER, 3);
        vm.assertTrue(gate.isVerified(STRANGER));
        vm.assertEq(uint256(votes.verifiedUntil(STRANGER)), uint256(0));
        vm.assertTrue(votes.verifiedUntil(ALICE) != 0);
        votes.sync(ALICE);
        vm.assertEq(uint256(votes.verifiedUntil(ALICE)), uint256(0));
    }

    function _sybil(uint256 i) private pure returns (address) {
        return address(uint160(0x5b1100 + i));
    }

    function _expectByAnother(address account, address attester) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAttestedIdentityGate.IdentityGate_VerifiedByAnother.selector, account, attester)
        );
    }
}
