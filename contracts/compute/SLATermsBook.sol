// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLATypes} from "../../interfaces/ISLA.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @title SLATermsBook
/// @notice Checks the terms of agreements and writes them down as the code of an address, once and for good. Part of `SLA`,
/// which makes its own; has no storage and no rights.
contract SLATermsBook {
    uint256 private constant MIN_PERIOD = 1 hours;
    uint256 private constant MAX_PERIOD = 30 days;
    uint256 private constant MAX_WINDOW = 31 days;
    uint256 private constant MAX_WINDOWS = 10_000;
    uint256 private constant MAX_MONITORS = 32;
    uint256 private constant MAX_GUARANTEES = 8;
    uint256 private constant MAX_CREDIT = 10_000_000;
    uint256 private constant PPM = 1_000_000;

    /// @notice Write `terms` with the credits filled in that they do not give; reverts with `SLA_BadTerms`.
    /// @dev `SLA` checks who the parties are.
    /// @return pointer whose code is, after a zero byte, `abi.encode(terms)` as Solidity encodes it.
    function write(ISLATypes.Terms calldata terms) external returns (address pointer) {
        ISLATypes.Terms memory copy = terms;
        _checkCredits(copy);
        _checkNumbers(copy);
        _checkArbitrator(copy);
        _checkMonitors(copy);
        _checkGuarantees(copy.guarantees);
        return SSTORE2.write(abi.encode(copy));
    }

    function _checkCredits(ISLATypes.Terms memory terms) private pure {
        uint32[3] memory credits = terms.credits;
        if (credits[0] == 0 && credits[1] == 0 && credits[2] == 0) {
            (credits[0], credits[1], credits[2]) = (100_000, 250_000, 1_000_000);
        }
        _require(credits[0] <= credits[1], "credits", credits[1]);
        _require(credits[1] <= credits[2] && credits[2] <= MAX_CREDIT, "credits", credits[2]);
        _require(terms.stake >= uint256(terms.fee) * credits[2] / PPM, "stake", terms.stake);
    }

    function _checkNumbers(ISLATypes.Terms memory terms) private view {
        _require(terms.specification != 0, "specification", 0);
        _require(terms.offerExpiry > block.timestamp, "offerExpiry", terms.offerExpiry);
        _require(terms.window >= MIN_PERIOD && terms.window <= MAX_WINDOW, "window", terms.window);
        _require(terms.windows != 0 && terms.windows <= MAX_WINDOWS, "windows", terms.windows);
        _require(_isPeriod(terms.reportPeriod), "reportPeriod", terms.reportPeriod);
        _require(_isPeriod(terms.disputePeriod), "disputePeriod", terms.disputePeriod);
        _require(terms.fee != 0 && terms.fee <= type(uint96).max, "fee", terms.fee);
        _require(terms.bond != 0, "bond", 0);
        _require(terms.minSamples != 0, "minSamples", 0);
    }

    function _checkArbitrator(ISLATypes.Terms memory terms) private view {
        address arbitrator = address(terms.arbitrator);
        if (arbitrator == address(0)) return;
        _require(
            arbitrator.code.length != 0 && arbitrator != terms.provider && arbitrator != terms.customer,
            "arbitrator",
            uint160(arbitrator)
        );
    }

    function _checkMonitors(ISLATypes.Terms memory terms) private pure {
        uint256 count = terms.monitors.length;
        _require(count != 0 && count <= MAX_MONITORS, "monitors", count);
        _require(terms.quorum <= count && 2 * uint256(terms.quorum) > count, "quorum", terms.quorum);
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address monitor = terms.monitors[i];
            _require(
                monitor > previous && monitor != terms.provider && monitor != terms.customer,
                "monitors",
                uint160(monitor)
            );
            previous = monitor;
        }
    }

    function _checkGuarantees(ISLATypes.Guarantee[] memory guarantees) private pure {
        uint256 count = guarantees.length;
        _require(count != 0 && count <= MAX_GUARANTEES, "guarantees", count);
        for (uint256 i = 0; i < count; ++i) {
            ISLATypes.Guarantee memory guarantee = guarantees[i];
            _require(guarantee.metric != 0, "metric", i);
            bool isAtLeast = guarantee.direction == ISLATypes.Direction.AtLeast;
            _require(_isOrdered(isAtLeast, guarantee.value, guarantee.severe), "severe", guarantee.severe);
            _require(_isOrdered(isAtLeast, guarantee.severe, guarantee.critical), "critical", guarantee.critical);
        }
    }

    function _isPeriod(uint256 period) private pure returns (bool) {
        return period >= MIN_PERIOD && period <= MAX_PERIOD;
    }

    function _isOrdered(bool isAtLeast, uint256 nearer, uint256 farther) private pure returns (bool) {
        return isAtLeast ? farther <= nearer : farther >= nearer;
    }

    function _require(bool condition, bytes32 field, uint256 value) private pure {
        if (!condition) revert ISLATypes.SLA_BadTerms(field, value);
    }
}
