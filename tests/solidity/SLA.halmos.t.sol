// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLAMath} from "../../contracts/compute/SLAMath.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {Test} from "./Vm.sol";

/// @notice Proofs over all inputs by symbolic execution; forge ignores `check_`, halmos runs them.
contract SLASymbolic is Test {
    /// @dev N-4, for all stakes, what is due and states before: what is taken is given, no more than there is.
    function check_PenaltyPaysWhatItTakes(uint96 fee, uint128 stake, uint96 credited, uint96 takenFromFee)
        external
        pure
    {
        vm.assume(credited <= fee);
        vm.assume(takenFromFee <= fee);
        // A share of 100 %: the division is then exact, and what is due is the fee.
        (uint256 fromStake, uint256 fromFee, uint256 credit, uint256 excess) =
            SLAMath.penalty(fee, 1_000_000, stake, ISLATypes.WindowState(credited, takenFromFee, false));
        assert(fromStake + fromFee == credit + excess);
        assert(fromStake <= stake);
        assert(fromFee + takenFromFee <= fee);
        assert(credit + credited <= fee);
        if (fromFee != 0) assert(fromStake == stake);
        if (excess != 0) assert(credit + credited == fee);
    }

    /// @dev N-4, for all fees and states that penalties lead to: the settlement gives away exactly what is left, the
    /// customer has at most the fee, and exactly the fee when something was not measured.
    function check_SettlementSharesWhatIsLeft(uint128 fee, uint128 credited, uint128 takenFromFee, bool measured)
        external
        pure
    {
        vm.assume(credited <= fee);
        vm.assume(takenFromFee <= credited || credited == fee);
        vm.assume(takenFromFee <= fee);
        (uint256 toProvider, uint256 toCustomer) =
            SLAMath.settlement(fee, ISLATypes.WindowState(credited, takenFromFee, false), measured);
        assert(toProvider + toCustomer + takenFromFee == fee);
        assert(measured ? toCustomer == 0 : toCustomer + credited == fee);
    }

    /// @dev N-3, for all values: of 1 to 5 measurements, as many lie below and above as the middle says.
    function check_MedianOfUpToFive(uint8 count, uint32 a, uint32 b, uint32 c, uint32 d, uint32 e, bool isAtLeast)
        external
        pure
    {
        vm.assume(count != 0 && count <= 5);
        uint256[5] memory given = [uint256(a), b, c, d, e];
        uint256[] memory values = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            values[i] = given[i];
        }
        uint256 value = SLAMath.median(values, isAtLeast ? ISLATypes.Direction.AtLeast : ISLATypes.Direction.AtMost);
        uint256 below;
        uint256 above;
        for (uint256 i = 0; i < count; ++i) {
            if (given[i] < value) ++below;
            if (given[i] > value) ++above;
        }
        uint256 rank = isAtLeast ? count / 2 : (count - 1) / 2;
        assert(below <= rank);
        assert(above <= count - 1 - rank);
        assert(below + above < count);
    }

    /// @dev N-3, for all values and limits in order: worse never means a lower tier, and the promise itself is kept.
    function check_TiersNeverFall(uint32 limit, uint32 severe, uint32 critical, uint32 value, uint32 worse)
        external
        pure
    {
        vm.assume(limit >= severe && severe >= critical && value >= worse);
        ISLATypes.Guarantee memory guarantee =
            ISLATypes.Guarantee("uptime", ISLATypes.Direction.AtLeast, limit, severe, critical);
        assert(SLAMath.tierOf(guarantee, value) <= SLAMath.tierOf(guarantee, worse));
        assert(SLAMath.tierOf(guarantee, limit) == 0);
    }
}
