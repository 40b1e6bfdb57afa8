// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Authority} from "../../contracts/governance/Authority.sol";
import {QuadraticVotes} from "../../contracts/governance/QuadraticVotes.sol";
import {GateHarness} from "../../contracts/test/GateHarness.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {Test, Vm} from "./Vm.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

/// @notice Cheatcodes that only the tests of votes need.
interface VmVotes {
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function chainId(uint256 id) external;
    function store(address target, bytes32 slot, bytes32 value) external;
}

/// @title QuadraticVotesFixture
/// @notice A NovaToken with its votes contract, a gate that says whatever it is told, and words for what happens.
/// The test itself is the administrator.
abstract contract QuadraticVotesFixture is Test {
    VmVotes internal constant vmVotes = VmVotes(address(vm));

    uint256 internal constant SEASON = 13 weeks;
    /// @dev The season that every test starts in, a day after its begin.
    uint256 internal constant NOW = 230;
    uint256 internal constant START = NOW * SEASON + 1 days;
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant CAROL = address(0xca401);
    address internal constant DAVE = address(0xdafe);

    Authority internal authority;
    NovaToken internal nova;
    QuadraticVotes internal votes;
    GateHarness internal gate;

    function setUp() public virtual {
        vm.warp(START);
        authority = new Authority(address(this));
        nova = new NovaToken(address(authority), new INovaToken.Allocation[](0));
        votes = QuadraticVotes(address(nova.quadraticVotes()));
        gate = new GateHarness();
        votes.setGate(gate);
    }

    // ------------------------------------------------------------------------------------------------------------
    // What people do
    // ------------------------------------------------------------------------------------------------------------

    /// @dev `account` holds `amount` whole NOVA more, and is verified until the end of season `last`.
    function _join(address account, uint256 amount, uint256 last) internal {
        nova.mint(account, amount * 1e18);
        _verify(account, last);
    }

    function _verify(address account, uint256 last) internal {
        gate.set(account, uint48(_endOf(last)));
        votes.sync(account);
    }

    /// @dev Accepted and delegated.
    function _follow(address delegator, address delegatee) internal {
        vm.prank(delegatee);
        votes.acceptDelegator(delegator, true);
        vm.prank(delegator);
        votes.delegate(delegatee);
    }

    function _delegate(address delegator, address delegatee) internal {
        vm.prank(delegator);
        votes.delegate(delegatee);
    }

    function _open(address delegatee) internal {
        vm.prank(delegatee);
        votes.setOpen(true);
    }

    function _transfer(address from, address to, uint256 amount) internal {
        vm.prank(from);
        vm.assertTrue(nova.transfer(to, amount));
    }

    /// @dev Open accounts 1 to `length` of a chain, each delegating to the one after.
    function _chain(uint256 length) internal {
        for (uint256 i = 1; i <= length; ++i) {
            _open(_link(i));
        }
        for (uint256 i = 1; i < length; ++i) {
            _delegate(_link(i), _link(i + 1));
        }
    }

    function _link(uint256 i) internal pure returns (address) {
        return address(uint160(0xc0de00 + i));
    }

    // ------------------------------------------------------------------------------------------------------------
    // What the contract says
    // ------------------------------------------------------------------------------------------------------------

    function _votesAre(address account, uint256 expected) internal view {
        vm.assertEq(votes.getVotes(account), expected, "votes");
    }

    /// @dev The total is `expected` and the votes of these accounts, of whom nobody else has any, make it up.
    function _sumIs(address[4] memory accounts, uint256 expected) internal view {
        uint256 sum;
        for (uint256 i = 0; i < accounts.length; ++i) {
            sum += votes.getVotes(accounts[i]);
        }
        vm.assertEq(sum, expected, "sum over voters");
        vm.assertEq(votes.getTotalSupply(), expected, "total");
    }

    function _people() internal pure returns (address[4] memory) {
        return [ALICE, BOB, CAROL, DAVE];
    }

    // ------------------------------------------------------------------------------------------------------------
    // Events, to the last
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Events of the votes contract since `vm.recordLogs`, in order; there are exactly `count`.
    function _logs(uint256 count) internal returns (Vm.Log[] memory logs) {
        Vm.Log[] memory all = vm.getRecordedLogs();
        logs = new Vm.Log[](count);
        uint256 found;
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].emitter != address(votes)) continue;
            vm.assertTrue(found < count, "more events than expected");
            logs[found++] = all[i];
        }
        vm.assertEq(found, count, "number of events");
    }

    function _isDelegateChanged(Vm.Log memory log, address who, address from, address to) internal pure {
        _isEvent(log, IVotes.DelegateChanged.selector, who, "");
        vm.assertEq(log.topics[2], _word(from), "from");
        vm.assertEq(log.topics[3], _word(to), "to");
    }

    function _isVotesChanged(Vm.Log memory log, address who, uint256 before, uint256 afterwards) internal pure {
        _isEvent(log, IVotes.DelegateVotesChanged.selector, who, abi.encode(before, afterwards));
    }

    function _isSynced(Vm.Log memory log, address who, uint256 until) internal pure {
        _isEvent(log, IQuadraticVotes.VerificationSynced.selector, who, abi.encode(until));
    }

    function _isAnswered(Vm.Log memory log, address delegatee, address delegator, IQuadraticVotes.Acceptance answer)
        internal
        pure
    {
        _isEvent(log, IQuadraticVotes.DelegatorAnswered.selector, delegatee, abi.encode(answer));
        vm.assertEq(log.topics[2], _word(delegator), "delegator");
    }

    function _isEvent(Vm.Log memory log, bytes32 selector, address who, bytes memory data) internal pure {
        vm.assertEq(log.topics[0], selector, "event");
        vm.assertEq(log.topics[1], _word(who), "account of the event");
        vm.assertEq(log.data, data);
    }

    function _word(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Plain arithmetic
    // ------------------------------------------------------------------------------------------------------------

    function _endOf(uint256 season) internal pure returns (uint256) {
        return (season + 1) * SEASON;
    }

    /// @dev Power of `balance`, in units of 1e-18 NOVA: the largest number whose square is not above its millionths.
    function _root(uint256 balance) internal pure returns (uint256 low) {
        uint256 units = balance / 1e12;
        uint256 high = 1e8 + 1;
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (middle * middle <= units) low = middle;
            else high = middle;
        }
    }
}
