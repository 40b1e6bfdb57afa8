// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Capacities} from "../../contracts/compute/Capacities.sol";
import {Charges} from "../../contracts/compute/Charges.sol";
import {Lease, Leases} from "../../contracts/compute/Leases.sol";
import {Capacity} from "../../interfaces/IResources.sol";
import {Test} from "./Vm.sol";

/// @notice Proofs over all inputs by symbolic execution; see `Symbolic.halmos.t.sol`.
contract ComputeSymbolic is Test {
    using Capacities for uint128;
    using Capacities for Capacity;

    /// @dev Loop of 4.
    function check_CapacityPacksAndUnpacks(uint32 cpu, uint32 mem, uint32 sto, uint32 net) external pure {
        Capacity memory read = Capacity({cpu: cpu, mem: mem, sto: sto, net: net}).pack().unpack();
        assert(read.cpu == cpu && read.mem == mem && read.sto == sto && read.net == net);
    }

    /// @dev Lane by lane for all words; loop of 4.
    function check_MinusStaysWithinItsLane(uint128 a, uint128 b) external pure {
        uint128 difference = a.minus(b);
        for (uint256 i = 0; i < 4; ++i) {
            (uint256 x, uint256 y) = (a.lane(i), b.lane(i));
            assert(difference.lane(i) == (x > y ? x - y : 0));
        }
    }

    /// @dev For all payments: two come to one, and with the refund to what was charged.
    function check_SplitSettlementsEqualOne(uint128 capacity, uint40 first, uint40 used, uint40 funded) external pure {
        vm.assume(first <= used && used <= funded);
        uint256 units = uint32(capacity);
        uint256 one = Charges.paid(units, used) - Charges.paid(units, 0);
        uint256 split = (Charges.paid(units, first) - Charges.paid(units, 0))
            + (Charges.paid(units, used) - Charges.paid(units, first));
        assert(split == one);
        assert(one + (Charges.held(units, funded) - Charges.paid(units, used)) == Charges.held(units, funded));
    }

    /// @dev For all leases and clocks.
    function check_AccrueNeverExceedsWhatIsFunded(uint40 since, uint40 used, uint40 funded, uint40 clock)
        external
        pure
    {
        vm.assume(used <= funded);
        Lease memory lease;
        (lease.since, lease.used, lease.funded) = (since, used, funded);
        Leases.accrue(lease, clock);
        assert(lease.used >= used && lease.used <= funded);
        assert(clock <= since ? lease.used == used : lease.since == clock);
        if (clock > since) assert(lease.used - used <= clock - since);
    }

    /// @dev For all words whose states there are.
    function check_LeasePacksAndUnpacks(uint256 word) external pure {
        vm.assume(uint8(word) <= 10 && (word >> 8) & 0xf <= 10 && word & (3 << 14) == 0);
        assert(Leases.pack(Leases.unpack(word)) == word);
    }
}
