// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Capacities} from "../../contracts/compute/Capacities.sol";
import {Charges} from "../../contracts/compute/Charges.sol";
import {DueHistory} from "../../contracts/compute/DueHistory.sol";
import {Lease, Leases} from "../../contracts/compute/Leases.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {Test} from "./Vm.sol";

contract CapacitiesTest is Test {
    using Capacities for uint128;
    using Capacities for Capacity;
    using DueHistory for uint256;

    // ------------------------------------------------------------------------------------------------------------
    // Capacities
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_PackAndUnpack(Capacity memory capacity) public pure {
        uint128 word = capacity.pack();
        uint32[4] memory lanes = [capacity.cpu, capacity.mem, capacity.sto, capacity.net];
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(word.lane(i), uint256(lanes[i]));
            vm.assertEq(Capacities.single(Resource(i), lanes[i]).lane(i), uint256(lanes[i]));
        }
        vm.assertEq(keccak256(abi.encode(word.unpack())), keccak256(abi.encode(capacity)));
    }

    function testFuzz_MinusAndExceeds(uint128 a, uint128 b) public pure {
        uint128 difference = a.minus(b);
        bool over = false;
        uint256 first = 4;
        for (uint256 i = 0; i < 4; ++i) {
            (uint256 x, uint256 y) = (a.lane(i), b.lane(i));
            vm.assertEq(difference.lane(i), x > y ? x - y : 0);
            if (x > y && !over) (over, first) = (true, i);
        }
        (bool exceeds, Resource resource) = a.exceeds(b);
        vm.assertEq(exceeds, over);
        if (over) vm.assertEq(uint256(resource), first);
    }

    function testFuzz_PlusUndoesMinus(uint128 a, uint128 b) public pure {
        uint128 less = a.minus(b); // a lane of b above that of a leaves zero
        vm.assertEq(uint256(less.plus(a.minus(less))), uint256(a));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Charges
    // ------------------------------------------------------------------------------------------------------------

    /// @dev However often it is settled, the sum is what one payment would have been, and with the refund it is all.
    function testFuzz_SplitPaymentsComeToOne(uint128 capacity, uint40 funded, uint40[5] memory times) public pure {
        uint256[4] memory charged = Charges.charge(capacity, 0, funded);
        uint256[4] memory paid;
        uint256 settled = 0;
        for (uint256 i = 0; i < times.length; ++i) {
            uint256 used = _bound(times[i], settled, funded);
            uint256[4] memory part = Charges.payment(capacity, settled, used);
            for (uint256 j = 0; j < 4; ++j) {
                paid[j] += part[j];
            }
            settled = used;
        }
        uint256[4] memory rest = Charges.refund(capacity, settled, funded);
        for (uint256 j = 0; j < 4; ++j) {
            vm.assertEq(paid[j], Charges.payment(capacity, 0, settled)[j]);
            vm.assertEq(paid[j] + rest[j], charged[j]);
        }
    }

    function testFuzz_TopUpsComeToOne(uint128 capacity, uint40 first, uint40 second) public pure {
        second = uint40(_bound(second, first, type(uint40).max));
        for (uint256 j = 0; j < 4; ++j) {
            vm.assertEq(
                Charges.charge(capacity, 0, first)[j] + Charges.charge(capacity, first, second)[j],
                Charges.charge(capacity, 0, second)[j]
            );
        }
    }

    /// @dev To a base unit; the division of such products is beyond halmos.
    function testFuzz_HeldCoversPaid(uint32 units, uint40 seconds_) public pure {
        (uint256 held, uint256 paid) = (Charges.held(units, seconds_), Charges.paid(units, seconds_));
        vm.assertTrue(held >= paid && held <= paid + 1);
    }

    function test_AnHourOfAWholeUnitIsAToken() public pure {
        vm.assertEq(Charges.held(1_000, 3_600), 1e18);
        vm.assertEq(Charges.paid(1_000, 3_600), 1e18);
        vm.assertEq(Charges.held(1, 1), 277_777_777_778); // 10^18 / 3,600,000, rounded up
        vm.assertEq(Charges.paid(1, 1), 277_777_777_777);
        uint256 most = uint256(type(uint32).max) * 1e18 * type(uint40).max;
        vm.assertEq(Charges.paid(type(uint32).max, type(uint40).max), most / 3_600_000);
        vm.assertEq(Charges.held(type(uint32).max, type(uint40).max), (most + 3_599_999) / 3_600_000);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Leases
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_LeasePacksAndUnpacks(uint256 word) public pure {
        uint256 state = _bound(word & 0xff, 0, 10);
        uint256 origin = _bound((word >> 8) & 0xf, 0, 10);
        uint256 flags = word & (3 << 12);
        word = (word >> 16 << 16) | flags | origin << 8 | state;
        vm.assertEq(Leases.pack(Leases.unpack(word)), word);
    }

    function testFuzz_AccrueIsMonotoneAndBounded(uint40 since, uint40 used, uint40 funded, uint40 clock) public pure {
        Lease memory lease;
        (lease.since, lease.funded, lease.used) = (since, funded, uint40(_bound(used, 0, funded)));
        uint256 before = lease.used;
        Leases.accrue(lease, clock);
        vm.assertTrue(lease.used >= before && lease.used <= funded && lease.since >= since);
        uint256 gone = clock > since ? clock - since : 0;
        vm.assertEq(uint256(lease.used), before + gone < funded ? before + gone : funded);
    }

    // ------------------------------------------------------------------------------------------------------------
    // DueHistory
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Against a naive list of the last six changes.
    function testFuzz_DueHistory(uint16[9] memory gaps, uint256 from, uint256 to) public pure {
        uint256 history = DueHistory.empty();
        uint256[9] memory times;
        uint256 time = 1_000;
        for (uint256 i = 0; i < 9; ++i) {
            time += uint256(gaps[i]) + 1;
            times[i] = time;
            history = history.set(i % 2 == 0, time);
        }
        (from, to) = (_bound(from, 0, time + 1_000), _bound(to, 0, time + 1_000));
        uint256 sum = 0;
        for (uint256 i = 4; i < 9; i += 2) {
            // times[4], [6], [8] begin stretches; the last one lasts; times[3] is remembered and ended one
            uint256 end = i < 8 ? times[i + 1] : type(uint256).max;
            (uint256 low, uint256 high) = (times[i] > from ? times[i] : from, end < to ? end : to);
            if (high > low) sum += high - low;
        }
        vm.assertEq(history.within(from, to), sum);
        vm.assertTrue(history.isDue());
    }

    function test_ChangeAndBackInOneSecondIsNone() public pure {
        uint256 history = DueHistory.empty().set(true, 100);
        vm.assertEq(history.set(false, 150).set(true, 150), history);
        vm.assertEq(history.set(true, 170), history);
        vm.assertEq(DueHistory.empty().set(true, 100).set(false, 100), DueHistory.empty());
    }
}
