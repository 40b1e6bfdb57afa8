// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLAMath} from "../../contracts/compute/SLAMath.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {Test} from "./Vm.sol";

/// @notice Proofs over all inputs by symbolic execution; forge ignores `check_`, halmos runs them.
contract SLASymbolic is Test {
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

    /// @dev N-3, for all values: as many lie below and above as the middle of three says.
    function check_MedianOfThree(uint32 a, uint32 b, uint32 c, bool isAtLeast) external pure {
        uint256[] memory values = new uint256[](3);
        (values[0], values[1], values[2]) = (a, b, c);
        _isMiddle([uint256(a), b, c, 0, 0], values, isAtLeast);
    }

    /// @dev N-3, the same of four.
    function check_MedianOfFour(uint32 a, uint32 b, uint32 c, uint32 d, bool isAtLeast) external pure {
        uint256[] memory values = new uint256[](4);
        (values[0], values[1], values[2], values[3]) = (a, b, c, d);
        _isMiddle([uint256(a), b, c, d, 0], values, isAtLeast);
    }

    /// @dev N-3, the same of five.
    function check_MedianOfFive(uint32 a, uint32 b, uint32 c, uint32 d, uint32 e, bool isAtLeast) external pure {
        uint256[] memory values = new uint256[](5);
        (values[0], values[1], values[2], values[3], values[4]) = (a, b, c, d, e);
        _isMiddle([uint256(a), b, c, d, e], values, isAtLeast);
    }

    function _isMiddle(uint256[5] memory given, uint256[] memory values, bool isAtLeast) private pure {
        uint256 count = values.length;
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
