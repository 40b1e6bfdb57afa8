// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {IResourceToken} from "../../interfaces/IResourceToken.sol";
import {Test} from "./Vm.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ShortStrings} from "@openzeppelin/contracts/utils/ShortStrings.sol";

contract ResourceTokenTest is Test {
    address private constant ALICE = address(0xa11ce);
    uint256 private constant CAP = 1_000_000e18;

    AccessManager private manager = new AccessManager(address(this));
    ResourceToken private cpu = _deploy("vCPU-hour", CAP, 0);

    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Constructor(uint256 cap, uint256 genesis) public {
        cap = _bound(cap, 1, type(uint256).max);
        genesis = _bound(genesis, 0, cap);
        ResourceToken fresh = _deploy("GB-hour", cap, genesis);
        vm.assertEq(fresh.name(), "NovaCron CPU");
        vm.assertEq(fresh.symbol(), "CPU");
        vm.assertEq(fresh.unit(), "GB-hour");
        vm.assertEq(uint256(fresh.decimals()), uint256(18));
        vm.assertEq(fresh.cap(), cap);
        vm.assertEq(fresh.totalSupply(), genesis);
        vm.assertEq(fresh.balanceOf(ALICE), genesis);
        vm.assertEq(fresh.authority(), address(manager));
        (, string memory name, string memory version,, address contract_,,) = fresh.eip712Domain();
        vm.assertEq(string.concat(name, version), "NovaCron CPU1");
        vm.assertEq(contract_, address(fresh));
    }

    function test_ConstructorRejectsNoCap() public {
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20InvalidCap.selector, 0));
        _deploy("GB", 0, 0);
    }

    function testFuzz_GenesisBeyondTheCapReverts(uint256 cap, uint256 genesis) public {
        cap = _bound(cap, 1, type(uint256).max - 1);
        genesis = _bound(genesis, cap + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, genesis, cap));
        _deploy("GB", cap, genesis);
    }

    /// @dev A unit is a word, not a text.
    function test_ConstructorRejectsLongUnits() public {
        vm.assertEq(_deploy("thirty-one characters, not more", CAP, 0).unit(), "thirty-one characters, not more");
        string memory long = "thirty-two characters, one more.";
        vm.expectRevert(abi.encodeWithSelector(ShortStrings.StringTooLong.selector, long));
        _deploy(long, CAP, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // mint
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Mint(address to, uint256 amount) public {
        vm.assume(to != address(0));
        amount = _bound(amount, 0, CAP);
        vm.expectEmit();
        emit IERC20.Transfer(address(0), to, amount);
        cpu.mint(to, amount);
        vm.assertEq(cpu.balanceOf(to), amount);
        vm.assertEq(cpu.totalSupply(), amount);
    }

    /// @dev In one step or in two.
    function testFuzz_MintBeyondTheCapReverts(uint256 first, uint256 second) public {
        first = _bound(first, 0, CAP);
        second = _bound(second, CAP - first + 1, type(uint256).max - first);
        cpu.mint(ALICE, first);
        vm.expectRevert(abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, first + second, CAP));
        cpu.mint(ALICE, second);
    }

    function testFuzz_MintByAnotherReverts(address caller) public {
        vm.assume(caller != address(this));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
        cpu.mint(caller, 1);
    }

    // ------------------------------------------------------------------------------------------------------------
    // permit, transfer
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Permit(uint256 key, uint256 value) public {
        key = _bound(key, 1, 2 ** 200);
        address owner = vm.addr(key);
        bytes32 permit = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner,
                ALICE,
                value,
                0,
                block.timestamp
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", cpu.DOMAIN_SEPARATOR(), permit));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        cpu.permit(owner, ALICE, value, block.timestamp, v, r, s);
        vm.assertEq(cpu.allowance(owner, ALICE), value);
        vm.expectRevert(); // once
        cpu.permit(owner, ALICE, value, block.timestamp, v, r, s);
    }

    /// @dev A transfer at the cap is no minting.
    function testFuzz_TransferAtTheCap(uint256 amount, address to) public {
        vm.assume(to != address(0) && to != ALICE);
        amount = _bound(amount, 0, CAP);
        cpu.mint(ALICE, CAP);
        vm.prank(ALICE);
        vm.assertTrue(cpu.transfer(to, amount));
        vm.assertEq(cpu.balanceOf(to), amount);
        vm.assertEq(cpu.totalSupply(), CAP);
    }

    function _deploy(string memory unit, uint256 cap, uint256 amount) private returns (ResourceToken) {
        IResourceToken.Allocation[] memory genesis = new IResourceToken.Allocation[](1);
        genesis[0] = IResourceToken.Allocation(ALICE, amount);
        return new ResourceToken("NovaCron CPU", "CPU", unit, cap, address(manager), genesis);
    }
}
