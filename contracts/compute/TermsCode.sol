// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLATypes} from "../../interfaces/ISLA.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @notice `ISLATypes.Terms` as they lie in memory when their encoding is read there: nothing is decoded.
/// @dev The encoding of a struct's head is one word a field with fixed arrays in line, and so is a struct of one-word
/// fields in memory. Only what `SLATermsBook` has written may be read so.
struct TermsHead {
    address provider;
    address customer;
    uint256 vmId;
    bytes32 specification;
    uint256 offerExpiry;
    uint256 window;
    uint256 windows;
    uint256 reportPeriod;
    uint256 disputePeriod;
    uint256 fee;
    uint256 stake;
    uint256 bond;
    uint256 slightCredit;
    uint256 severeCredit;
    uint256 criticalCredit;
    uint256 minSamples;
    uint256 quorum;
    address arbitrator;
    /// @dev From the head's beginning.
    uint256 monitorsOffset;
    uint256 guaranteesOffset;
}

/// @title TermsCode
/// @notice Reads terms that `SLATermsBook` has written.
library TermsCode {
    /// @notice The terms at `pointer`.
    function read(address pointer) internal view returns (TermsHead memory head) {
        bytes memory data = SSTORE2.read(pointer);
        assembly ("memory-safe") {
            // Past the length, and the word that says where the struct begins.
            head := add(data, 0x40)
        }
    }

    /// @notice Their monitors.
    function monitors(TermsHead memory head) internal pure returns (address[] memory list) {
        uint256 offset = head.monitorsOffset;
        assembly ("memory-safe") {
            list := add(head, offset)
        }
    }

    /// @notice How many guarantees they give.
    function guarantees(TermsHead memory head) internal pure returns (uint256 count) {
        uint256 offset = head.guaranteesOffset;
        assembly ("memory-safe") {
            count := mload(add(head, offset))
        }
    }

    /// @notice One of them; `index` must be below `guarantees`.
    function guaranteeAt(TermsHead memory head, uint256 index)
        internal
        pure
        returns (ISLATypes.Guarantee memory guarantee)
    {
        uint256 offset = head.guaranteesOffset;
        assembly ("memory-safe") {
            // Five words each, after their number.
            guarantee := add(add(add(head, offset), 0x20), mul(index, 0xa0))
        }
    }

    /// @notice The share of a window's fee that tier 1, 2 or 3 costs, in ppm.
    function creditOf(TermsHead memory head, uint256 tier) internal pure returns (uint256) {
        if (tier == 1) return head.slightCredit;
        return tier == 2 ? head.severeCredit : head.criticalCredit;
    }
}
