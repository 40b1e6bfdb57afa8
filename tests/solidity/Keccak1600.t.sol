// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Keccak1600Harness} from "../../contracts/test/Keccak1600Harness.sol";
import {Test} from "./Vm.sol";

/// forge-config: default.fuzz.runs = 48
/// forge-config: deep.fuzz.runs = 2000
contract Keccak1600Test is Test {
    uint256 private constant ONES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    uint256 private constant LANE = 0xffffffffffffffff;

    Keccak1600Harness private kernels = new Keccak1600Harness();

    /// @dev XKCP, KeccakF-1600-IntermediateValues.txt: the permutation of zero, and of that.
    function test_PermutesZeroTwiceAsPublished() public view {
        uint256[25] memory words;
        words = kernels.permute(words);
        vm.assertEq(words[0], 0xf1258f7940e1dde7 * ONES);
        vm.assertEq(words[1], 0x84d5ccf933c0478a * ONES);
        vm.assertEq(words[24], 0xeaf1ff7b5ceca249 * ONES);
        words = kernels.permute(words);
        vm.assertEq(words[0], 0x2d5c954df96ecb3c * ONES);
        vm.assertEq(words[24], 0x20d06cd26a8fbf5c * ONES);
    }

    /// @dev A copy that was renewed from outside its window would differ from the others.
    function testFuzz_PermuteLeavesFourCopies(uint64[25] calldata lanes) public view {
        uint256[25] memory words;
        for (uint256 i = 0; i < 25; ++i) {
            words[i] = lanes[i] * ONES;
        }
        words = kernels.permute(words);
        for (uint256 i = 0; i < 25; ++i) {
            vm.assertEq(words[i], (words[i] & LANE) * ONES);
        }
    }

    function testFuzz_Permute2IsPermuteTwice(uint64[25] calldata low, uint64[25] calldata high) public view {
        uint256[25] memory words;
        uint256[25] memory first;
        uint256[25] memory second;
        for (uint256 i = 0; i < 25; ++i) {
            words[i] = (low[i] * ONES >> 128) | (high[i] * ONES << 128);
            first[i] = low[i] * ONES;
            second[i] = high[i] * ONES;
        }
        words = kernels.permute2(words);
        first = kernels.permute(first);
        second = kernels.permute(second);
        for (uint256 i = 0; i < 25; ++i) {
            vm.assertEq(words[i], (first[i] >> 128) | (second[i] << 128));
        }
    }

    function testFuzz_Permute4IsPermuteFourTimes(uint256[25] memory words) public view {
        uint256[25] memory permuted = kernels.permute4(words);
        for (uint256 part = 0; part < 4; ++part) {
            uint256[25] memory one;
            for (uint256 i = 0; i < 25; ++i) {
                one[i] = ((words[i] >> (64 * part)) & LANE) * ONES;
            }
            one = kernels.permute(one);
            for (uint256 i = 0; i < 25; ++i) {
                vm.assertEq((permuted[i] >> (64 * part)) & LANE, one[i] & LANE);
            }
        }
    }

    function test_CostNoMoreThanTheyDid() public view {
        (uint256 one, uint256 two, uint256 four) = kernels.gas();
        vm.assertTrue(one < 37_100, "permute");
        vm.assertTrue(two < 43_000, "permute2");
        vm.assertTrue(four < 55_500, "permute4");
    }
}
