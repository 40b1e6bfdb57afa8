// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuadraticVotes} from "../../contracts/governance/QuadraticVotes.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {GovernanceSuite} from "./GovernanceSuite.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

contract NovaTokenTest is GovernanceSuite {
    uint256 private constant CAP = 10_000_000_000e18;
    uint256 private constant GENESIS = 14_250_000e18;

    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function test_Constructor() public view {
        vm.assertEq(nova.name(), "NovaCron");
        vm.assertEq(nova.symbol(), "NOVA");
        vm.assertEq(uint256(nova.decimals()), uint256(18));
        vm.assertEq(nova.cap(), CAP);
        vm.assertEq(nova.authority(), address(authority));
        vm.assertEq(nova.CLOCK_MODE(), "mode=timestamp");
        vm.assertEq(uint256(nova.clock()), block.timestamp);
    }

    /// @dev The allocation, whoever is in it however often; nothing else exists.
    function testFuzz_Genesis(address[3] calldata owners, uint64[7] calldata amounts) public {
        INovaToken.Allocation[] memory genesis = new INovaToken.Allocation[](amounts.length);
        uint256 sum;
        for (uint256 i = 0; i < amounts.length; ++i) {
            address to = owners[amounts[i] % 3];
            vm.assume(to != address(0));
            genesis[i] = INovaToken.Allocation(to, amounts[i]);
            sum += amounts[i];
        }
        NovaToken fresh = new NovaToken(address(authority), genesis);
        vm.assertEq(fresh.totalSupply(), sum);
        for (uint256 i = 0; i < amounts.length; ++i) {
            uint256 expected;
            for (uint256 j = 0; j < amounts.length; ++j) {
                if (genesis[j].to == genesis[i].to) expected += amounts[j];
            }
            vm.assertEq(fresh.balanceOf(genesis[i].to), expected);
        }
    }

    /// @dev All of it or too much.
    function test_GenesisKeepsTheCap() public {
        INovaToken.Allocation[] memory genesis = new INovaToken.Allocation[](2);
        genesis[0] = INovaToken.Allocation(ALICE, CAP - 1);
        genesis[1] = INovaToken.Allocation(BOB, 1);
        vm.assertEq(new NovaToken(address(authority), genesis).totalSupply(), CAP);
        genesis[1].amount = 2;
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, CAP + 1, CAP));
        new NovaToken(address(authority), genesis);
    }

    function test_GenesisToNobodyReverts() public {
        INovaToken.Allocation[] memory genesis = new INovaToken.Allocation[](1);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        new NovaToken(address(authority), genesis);
    }

    /// @dev The token's first creation, so that its address is known before; bound to this token and this authority.
    function test_VotesContractIsTheTokensOwn() public view {
        vm.assertEq(address(votes), vm.computeCreateAddress(address(nova), 1));
        vm.assertEq(votes.token(), address(nova));
        vm.assertEq(QuadraticVotes(address(votes)).authority(), address(authority));
    }

    // ------------------------------------------------------------------------------------------------------------
    // mint
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Mint(address to, uint256 amount) public {
        vm.assume(to != address(0));
        amount = _bound(amount, 0, CAP - GENESIS);
        uint256 before = nova.balanceOf(to);
        vm.expectEmit();
        emit IERC20.Transfer(address(0), to, amount);
        vm.prank(address(timelock));
        nova.mint(to, amount);
        vm.assertEq(nova.balanceOf(to), before + amount);
        vm.assertEq(nova.totalSupply(), GENESIS + amount);
    }

    function testFuzz_MintBeyondTheCapReverts(uint256 amount) public {
        amount = _bound(amount, CAP - GENESIS + 1, type(uint256).max - GENESIS);
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, GENESIS + amount, CAP));
        vm.prank(address(timelock));
        nova.mint(ALICE, amount);
    }

    function testFuzz_MintByAnotherReverts(address caller) public {
        vm.assume(caller != address(timelock));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
        nova.mint(caller, 1);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Votes of both kinds
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Linear votes follow the tokens, square roots the balance of the verified, each to the unit.
    function testFuzz_TransferMovesBothKindsOfVotes(uint256 amount) public {
        amount = _bound(amount, 0, 9_000_000e18);
        vm.prank(BOB);
        nova.delegate(BOB);
        _give(ALICE, BOB, amount);
        vm.assertEq(nova.getVotes(ALICE), 9_000_000e18 - amount);
        vm.assertEq(nova.getVotes(BOB), 4_000_000e18 + amount);
        vm.assertEq(votes.getVotes(ALICE), votes.powerOf(ALICE));
        vm.assertEq(votes.getVotes(BOB), votes.powerOf(BOB));
        uint256 root = votes.getVotes(ALICE);
        uint256 scaled = (9_000_000e18 - amount) / 1e12;
        vm.assertTrue(root * root <= scaled && (root + 1) * (root + 1) > scaled);
        vm.assertEq(votes.getTotalSupply(), votes.getVotes(ALICE) + votes.getVotes(BOB) + 1_500_000);
    }

    function test_MintedTokensVote() public {
        vm.prank(address(timelock));
        nova.mint(ALICE, 7_000_000e18);
        vm.assertEq(votes.getVotes(ALICE), uint256(4_000_000));
        vm.assertEq(nova.getVotes(ALICE), 16_000_000e18);
    }

    /// @dev Of the past, and of nothing else.
    function test_PastVotes() public {
        uint256 before = block.timestamp;
        vm.expectRevert(abi.encodeWithSelector(Votes.ERC5805FutureLookup.selector, before, uint48(before)));
        nova.getPastVotes(ALICE, before);
        _give(ALICE, BOB, 1e18);
        vm.warp(before + 1);
        vm.assertEq(nova.getPastVotes(ALICE, before), 9_000_000e18 - 1e18);
        vm.assertEq(nova.getPastVotes(ALICE, before - 1), 9_000_000e18);
    }

    // ------------------------------------------------------------------------------------------------------------
    // permit
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A permit is good for one owner, one nonce, one chain, one token and its time.
    function testFuzz_Permit(uint256 key, uint256 value, uint8 flaw) public {
        key = _bound(key, 1, 2 ** 200);
        flaw %= 5;
        address owner = vm.addr(key);
        uint256 deadline = block.timestamp + 1;
        bytes32 domain =
            _domain(flaw == 1 ? block.chainid + 1 : block.chainid, flaw == 2 ? address(cpu) : address(nova));
        uint256 nonce = flaw == 3 ? 1 : 0;
        bytes32 permit = keccak256(abi.encode(PERMIT, owner, STRANGER, value, nonce, deadline));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, permit));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        if (flaw == 4) {
            vm.warp(deadline + 1);
            vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, deadline));
        } else if (flaw != 0) {
            vm.expectRevert(); // the signer that the wrong digest spells is anybody
        }
        nova.permit(owner, STRANGER, value, deadline, v, r, s);
        vm.assertEq(nova.allowance(owner, STRANGER), flaw == 0 ? value : 0);
        vm.assertEq(nova.nonces(owner), uint256(flaw == 0 ? 1 : 0));
        if (flaw != 0) return;
        vm.expectRevert(); // once
        nova.permit(owner, STRANGER, value, deadline, v, r, s);
    }

    function _domain(uint256 chainId, address contract_) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("NovaCron"),
                keccak256("1"),
                chainId,
                contract_
            )
        );
    }
}
