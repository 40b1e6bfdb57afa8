// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EmergencyBrake} from "../../contracts/governance/EmergencyBrake.sol";
import {Timelock} from "../../contracts/governance/Timelock.sol";
import {HostilePausable} from "../../contracts/test/HostilePausable.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {TallyHarness} from "../../contracts/test/TallyHarness.sol";
import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {IResourceToken} from "../../interfaces/IResourceToken.sol";
import {Test} from "./Vm.sol";

/// @notice Proofs over all inputs by symbolic execution; forge ignores `check_`, halmos runs them:
/// `halmos --function check_ --loop 8 --forge-build-out out/forge`.
/// @dev The authority is one that lets one account do everything and nobody else anything.
contract GovernanceSymbolic is Test {
    address private constant MASTER = address(0xbeef);
    uint256 private constant CAP = 1_000_000e18;

    EmergencyBrake private brake;
    HostilePausable private target;
    Timelock private timelock;
    ResourceToken private cpu;
    TallyHarness private tally;

    function setUp() public {
        OneRole authority = new OneRole(MASTER);
        brake = new EmergencyBrake(address(authority));
        target = new HostilePausable(brake);
        timelock = new Timelock(48 hours, new address[](0), new address[](0), MASTER);
        cpu = new ResourceToken("CPU", "CPU", "h", CAP, address(authority), new IResourceToken.Allocation[](0));
        tally = new TallyHarness();
    }

    /// @dev B-1, for all times below 2^64 and all callers: a pause is lifted by anybody after 72 hours, by nobody before.
    function check_PauseLasts72Hours(uint64 begin, uint64 end, address anybody) external {
        vm.warp(begin);
        vm.prank(MASTER);
        brake.pause(address(target));
        vm.warp(end);
        vm.prank(anybody);
        (bool lifted,) = address(brake).call(abi.encodeCall(brake.lift, (address(target))));
        assert(lifted == (end >= uint256(begin) + 72 hours));
        assert(target.paused() != lifted);
    }

    /// @dev B-2, for all times below 2^64, whether governance set the target going in between or not: a second pause
    /// comes 17 days after the first at the earliest.
    function check_PausesAreApart(uint64 first, uint64 second, bool unpaused) external {
        vm.assume(first > 0);
        vm.warp(first);
        vm.prank(MASTER);
        brake.pause(address(target));
        if (unpaused) {
            vm.prank(MASTER);
            brake.unpause(address(target));
        }
        vm.warp(second);
        vm.prank(MASTER);
        (bool again,) = address(brake).call(abi.encodeCall(brake.pause, (address(target))));
        assert(again == (second >= uint256(first) + 72 hours + 14 days));
    }

    /// @dev B-3, for all callers without the role: neither pause nor unpause.
    function check_StrangersHaveNoBrake(address stranger, address what) external {
        vm.assume(stranger != MASTER);
        vm.prank(stranger);
        (bool paused,) = address(brake).call(abi.encodeCall(brake.pause, (what)));
        vm.prank(stranger);
        (bool unpaused,) = address(brake).call(abi.encodeCall(brake.unpause, (what)));
        vm.prank(stranger);
        (bool moved,) = address(brake).call(abi.encodeCall(brake.transferTarget, (what, stranger)));
        assert(!paused && !unpaused && !moved);
    }

    /// @dev E-5, for all callers and delays: the delay is between 24 and 48 hours, and only the timelock changes it.
    function check_DelayStaysWithinBounds(address caller, uint256 delay) external {
        vm.prank(caller);
        (bool changed,) = address(timelock).call(abi.encodeCall(timelock.updateDelay, (delay)));
        uint256 now_ = timelock.getMinDelay();
        assert(now_ >= 24 hours && now_ <= 48 hours);
        assert(!changed || caller == address(timelock));
        assert(now_ == (changed ? delay : 48 hours));
    }

    /// @dev K-1, for all callers, receivers and amounts, twice: the supply is under the cap, and grows by the master only.
    function check_MintKeepsTheCap(address caller, address to, uint256 first, uint256 second) external {
        vm.prank(MASTER);
        (bool one,) = address(cpu).call(abi.encodeCall(cpu.mint, (to, first)));
        vm.prank(caller);
        (bool two,) = address(cpu).call(abi.encodeCall(cpu.mint, (to, second)));
        assert(cpu.totalSupply() <= CAP);
        assert(!two || caller == MASTER);
        assert(cpu.totalSupply() == (one ? first : 0) + (two ? second : 0));
    }

    /// @dev G-3, for any two votes of weights below 2^63: each adds its weight to the sum it names and to no other.
    function check_VoteAddsToOneSum(uint64 first, uint64 second, uint8 one, uint8 two) external {
        vm.assume(first < 2 ** 63 && second < 2 ** 63 && one < 3 && two < 3);
        tally.setQuorum(type(uint256).max);
        tally.count(address(1), one, first);
        tally.count(address(2), two, second);
        (uint256 against, uint256 inFavour, uint256 abstain) = tally.proposalVotes(0);
        assert(against == (one == 0 ? first : 0) + (two == 0 ? uint256(second) : 0));
        assert(inFavour == (one == 1 ? first : 0) + (two == 1 ? uint256(second) : 0));
        assert(abstain == (one == 2 ? first : 0) + (two == 2 ? uint256(second) : 0));
    }

    /// @dev G-9, for any quorum, two votes of weights below 2^63 at any times below 2^40, the vote being about to end:
    /// the deadline is two days after the vote that brought the quorum, and moves once.
    function check_DeadlineMovesWithTheQuorum(
        uint64 quorum,
        uint64 first,
        uint64 second,
        uint8 one,
        uint8 two,
        uint40 time,
        uint40 later
    ) external {
        vm.assume(first < 2 ** 63 && second < 2 ** 63 && one < 3 && two < 3 && quorum > 0);
        tally.setQuorum(quorum);
        vm.warp(time);
        tally.count(address(1), one, first);
        uint256 counted = one == 0 ? 0 : first;
        uint256 expected = counted >= quorum ? uint256(time) + 2 days : 0;
        assert(tally.proposalDeadline(0) == expected);
        vm.warp(later);
        tally.count(address(2), two, second);
        if (counted < quorum && two != 0 && counted + second >= quorum) expected = uint256(later) + 2 days;
        assert(tally.proposalDeadline(0) == expected);
    }
}
