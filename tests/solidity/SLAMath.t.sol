// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLAMath} from "../../contracts/compute/SLAMath.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {Test} from "./Vm.sol";

contract SLAMathTest is Test {
    /// @dev As many are below and above as the rank says, by counting; and sorting loses nothing.
    function testFuzz_Median(uint256[] memory values, bool isAtLeast) public pure {
        uint256 count = values.length % 33;
        if (count == 0) return;
        assembly ("memory-safe") {
            mstore(values, count)
        }
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) {
            values[i] >>= 8;
            sum += values[i] >> 8;
        }
        uint256 value = SLAMath.median(values, isAtLeast ? ISLATypes.Direction.AtLeast : ISLATypes.Direction.AtMost);
        uint256 below;
        uint256 same;
        for (uint256 i = 0; i < count; ++i) {
            if (values[i] < value) ++below;
            if (values[i] == value) ++same;
            if (i != 0) vm.assertTrue(values[i - 1] <= values[i]);
            sum -= values[i] >> 8;
        }
        uint256 rank = isAtLeast ? count / 2 : (count - 1) / 2;
        vm.assertTrue(below <= rank && rank < below + same);
        vm.assertEq(sum, 0);
    }

    /// @dev While more than half say one thing, no other can come out, on either side of it.
    function testFuzz_AMinorityMovesTheMedianNowhere(uint256[] memory values, uint256 honest, bool isAtLeast)
        public
        pure
    {
        uint256 count = values.length % 33;
        if (count == 0) return;
        assembly ("memory-safe") {
            mstore(values, count)
        }
        for (uint256 i = 0; i <= count / 2; ++i) {
            values[i * 2 % count + (count % 2 == 0 && i * 2 >= count ? 1 : 0)] = honest;
        }
        vm.assertEq(
            SLAMath.median(values, isAtLeast ? ISLATypes.Direction.AtLeast : ISLATypes.Direction.AtMost), honest
        );
    }

    function testFuzz_PenaltyPaysWhatItTakes(
        uint128 fee,
        uint32 share,
        uint128 stake,
        uint128 credited,
        uint128 takenFromFee
    ) public pure {
        share = uint32(_bound(share, 0, 10_000_000));
        credited = uint128(_bound(credited, 0, fee));
        takenFromFee = uint128(_bound(takenFromFee, 0, credited));
        (uint256 fromStake, uint256 fromFee, uint256 credit, uint256 excess) =
            SLAMath.penalty(fee, share, stake, ISLATypes.WindowState(credited, takenFromFee, false));
        uint256 due = uint256(fee) * share / 1e6;
        vm.assertEq(fromStake + fromFee, credit + excess);
        vm.assertTrue(fromStake <= stake);
        vm.assertTrue(fromFee + takenFromFee <= fee);
        vm.assertTrue(credit + credited <= fee);
        vm.assertTrue(fromStake + fromFee <= due);
        // Less than is due only when there is no more.
        if (fromStake + fromFee < due) vm.assertTrue(fromStake == stake && fromFee + takenFromFee == fee);
        // The fee only when the stake does not do, the treasury only when the customer has all it may have.
        if (fromFee != 0) vm.assertEq(fromStake, uint256(stake));
        if (excess != 0) vm.assertEq(credit + credited, uint256(fee));
    }

    /// @dev Penalties one after the other, then the settlement: what came in goes out, and the customer has at most the
    /// fee; unmeasured, exactly the fee.
    function testFuzz_AWindowAddsUp(uint128 fee, uint32[8] memory shares, uint128 stake, bool measured) public pure {
        ISLATypes.WindowState memory state;
        uint256 excesses;
        uint256 left = stake;
        for (uint256 i = 0; i < 8; ++i) {
            (uint256 fromStake, uint256 fromFee, uint256 credit, uint256 excess) =
                SLAMath.penalty(fee, shares[i] % 10_000_001, left, state);
            left -= fromStake;
            excesses += excess;
            state =
                ISLATypes.WindowState(state.credited + uint128(credit), state.takenFromFee + uint128(fromFee), false);
            // What `settlement` relies on.
            vm.assertTrue(state.takenFromFee <= state.credited || state.credited == fee);
        }
        (uint256 toProvider, uint256 toCustomer) = SLAMath.settlement(fee, state, measured);
        vm.assertEq(toProvider + toCustomer + state.credited + excesses, fee + (stake - left));
        vm.assertTrue(state.credited + toCustomer <= fee);
        if (!measured) vm.assertEq(state.credited + toCustomer, uint256(fee));
        else vm.assertEq(toCustomer, 0);
    }

    /// @dev Tiers never fall as it gets worse, and begin strictly beyond each limit.
    function testFuzz_Tiers(uint32 a, uint32 b, uint32 c, uint32 value, bool isAtLeast) public pure {
        (a, b, c) = _sorted(a, b, c);
        ISLATypes.Guarantee memory guarantee = isAtLeast
            ? ISLATypes.Guarantee("m", ISLATypes.Direction.AtLeast, c, b, a)
            : ISLATypes.Guarantee("m", ISLATypes.Direction.AtMost, a, b, c);
        uint256 tier = SLAMath.tierOf(guarantee, value);
        uint256 expected;
        if (isAtLeast) expected = (value < c ? 1 : 0) + (value < b ? 1 : 0) + (value < a ? 1 : 0);
        else expected = (value > a ? 1 : 0) + (value > b ? 1 : 0) + (value > c ? 1 : 0);
        vm.assertEq(tier, expected);
    }

    function _sorted(uint32 a, uint32 b, uint32 c) private pure returns (uint32, uint32, uint32) {
        if (a > b) (a, b) = (b, a);
        if (b > c) (b, c) = (c, b);
        if (a > b) (a, b) = (b, a);
        return (a, b, c);
    }
}
