// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ContractMonitor} from "../../contracts/test/ContractMonitor.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {SLASuite} from "./SLASuite.sol";

/// @notice What counts as a measurement.
contract SLAEvidenceTest is SLASuite {
    uint32 private constant BAD = 995_000;

    uint256 private slaId;
    uint256 private end;

    function setUp() public override {
        super.setUp();
        slaId = _agree();
        _toEnd(slaId, 1, 0);
        end = block.timestamp;
    }

    /// @dev The digest is that of EIP-712, spelled out.
    function testFuzz_Digest(ISLATypes.Observation memory observation, uint64 chain) public {
        vm.assume(chain != 0);
        vm.chainId(chain);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("NovaCron SLA"),
                keccak256("1"),
                chain,
                address(sla)
            )
        );
        bytes32 content = keccak256(
            abi.encode(
                keccak256(
                    "Measurement(uint256 slaId,uint256 guarantee,uint256 window,uint256 value,uint256 samples,uint256 from,uint256 to)"
                ),
                slaId,
                LATENCY,
                1,
                observation.value,
                observation.samples,
                observation.from,
                observation.to
            )
        );
        vm.assertEq(
            sla.hashMeasurement(slaId, LATENCY, 1, observation), keccak256(abi.encodePacked(hex"1901", domain, content))
        );
    }

    /// @dev Any choice of monitors in ascending order, three to five.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_AnySubsetInOrder(uint256 mask) public {
        mask = _bound(mask, 1, 31);
        ISLATypes.Observation[] memory all = _evidence(slaId, UPTIME, 1, 5, BAD);
        uint256 count;
        for (uint256 i = 0; i < 5; ++i) {
            if (mask >> i & 1 == 1) all[count++] = all[i];
        }
        ISLATypes.Observation[] memory some = new ISLATypes.Observation[](count);
        for (uint256 i = 0; i < count; ++i) {
            some[i] = all[i];
        }
        if (count < 3) vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_TooFewMeasurements.selector, count, 3));
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 1, BAD, some);
        if (count >= 3) vm.assertEq(uint256(sla.claimOf(slaId, UPTIME, 1).signers), count);
    }

    function test_NoEvidenceReverts() public {
        _fails(new ISLATypes.Observation[](0), abi.encodeWithSelector(ISLATypes.SLA_TooFewMeasurements.selector, 0, 3));
    }

    function test_DuplicateMonitorsRevert() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 1, 3, BAD);
        evidence[2] = evidence[1];
        _fails(evidence, abi.encodeWithSelector(ISLATypes.SLA_MonitorsNotAscending.selector, 2));
        evidence[1] = evidence[0];
        _fails(evidence, abi.encodeWithSelector(ISLATypes.SLA_MonitorsNotAscending.selector, 1));
    }

    function test_UnsortedMonitorsRevert() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 1, 4, BAD);
        (evidence[0], evidence[1]) = (evidence[1], evidence[0]);
        _fails(evidence, abi.encodeWithSelector(ISLATypes.SLA_MonitorsNotAscending.selector, 1));
    }

    /// @dev One that is not in the terms, though it signs.
    function test_UnknownMonitorReverts() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 1, 5, BAD);
        ISLATypes.Observation[] memory more = new ISLATypes.Observation[](6);
        for (uint256 i = 0; i < 5; ++i) {
            more[i] = evidence[i];
        }
        keys.push(99);
        more[5] = ISLATypes.Observation(5, BAD, 100, evidence[0].from, evidence[0].to, "");
        _sign(slaId, UPTIME, 1, more[5]);
        _fails(more, abi.encodeWithSelector(ISLATypes.SLA_UnknownMonitor.selector, 5, 5));
        evidence[4].monitor = 255;
        _fails(evidence, abi.encodeWithSelector(ISLATypes.SLA_UnknownMonitor.selector, 4, 255));
    }

    /// @dev Everything that is signed, changed after signing; and another's signature.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_ChangedAfterSigningReverts(uint256 what, uint256 which) public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 1, 5, BAD);
        which = _bound(which, 0, 4);
        what = _bound(what, 0, 7);
        ISLATypes.Observation memory changed = evidence[which];
        if (what == 0) changed.value ^= 1;
        if (what == 1) changed.samples ^= 1;
        if (what == 2) changed.from += 1;
        if (what == 3) changed.to -= 1;
        if (what == 4) changed.signature[40] ^= 0x01;
        if (what == 5) changed.signature = new bytes(0);
        if (what == 6) changed.signature = new bytes(65);
        if (what == 7) changed.signature = evidence[(which + 1) % 5].signature;
        _fails(evidence, abi.encodeWithSelector(ISLATypes.SLA_BadSignature.selector, which, monitors[which]));
    }

    /// @dev Of another window, guarantee, agreement, chain or contract.
    function test_ReplayedMeasurementsRevert() public {
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_BadSignature.selector, 0, monitors[0]);
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 1, 3, BAD);
        vm.expectRevert(refusal);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, LATENCY, 1, BAD, evidence);

        // A second agreement of the very same window.
        vm.warp(START);
        uint256 twin = _agree();
        vm.warp(end);
        vm.expectRevert(refusal);
        vm.prank(REPORTER);
        sla.reportViolation(twin, UPTIME, 1, BAD, evidence);

        // Signed of window 0 with the times of window 1.
        ISLATypes.Observation[] memory other = _evidence(slaId, UPTIME, 1, 3, BAD);
        for (uint256 i = 0; i < 3; ++i) {
            _sign(slaId, UPTIME, 0, other[i]);
        }
        _fails(other, refusal);

        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        _fails(evidence, refusal);
        vm.chainId(chain);

        // The same proxy code at another address, with the same agreement.
        address before = address(sla);
        sla = _deploySLA(_implementation());
        nova.approve(address(sla), type(uint256).max);
        _fund(PROVIDER, 10_000 * NOVA);
        _fund(CUSTOMER, 10_000 * NOVA);
        _fund(REPORTER, 1_000 * NOVA);
        vm.warp(START);
        vm.assertEq(_agree(), slaId);
        vm.warp(end);
        vm.assertTrue(address(sla) != before);
        _fails(evidence, refusal);
    }

    /// @dev Samples before the window, after it, at its end, and in the wrong order.
    function test_MeasurementsOutsideTheWindowRevert() public {
        (uint256 from, uint256 to) = sla.windowOf(slaId, 1);
        uint256[2][5] memory times =
            [[from - 1, to - 1], [from, to], [from - WINDOW, to - 1 - WINDOW], [to, to + 5], [from + 2, from + 1]];
        for (uint256 i = 0; i < 5; ++i) {
            ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 1, 3, BAD);
            (evidence[1].from, evidence[1].to) = (uint40(times[i][0]), uint40(times[i][1]));
            _sign(slaId, UPTIME, 1, evidence[1]);
            _fails(evidence, abi.encodeWithSelector(ISLATypes.SLA_OutsideWindow.selector, 1, times[i][0], times[i][1]));
        }
        // One moment is enough, when the samples are.
        ISLATypes.Observation[] memory short = _evidence(slaId, UPTIME, 1, 3, BAD);
        short[1].to = short[1].from;
        _sign(slaId, UPTIME, 1, short[1]);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 1, BAD, short);
    }

    function test_TooFewSamplesRevert() public {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 1, 3, BAD);
        evidence[2].samples = 9;
        _sign(slaId, UPTIME, 1, evidence[2]);
        _fails(evidence, abi.encodeWithSelector(ISLATypes.SLA_TooFewSamples.selector, 2, 9, 10));
        evidence[2].samples = 10;
        _sign(slaId, UPTIME, 1, evidence[2]);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 1, BAD, evidence);
    }

    /// @dev ERC-1271: a contract among the monitors counts while it stands by its word.
    function test_ContractsAreMonitors() public {
        ContractMonitor contract_ = new ContractMonitor();
        ISLATypes.Terms memory terms = _terms();
        terms.monitors = new address[](1);
        (terms.monitors[0], terms.quorum) = (address(contract_), 1);
        slaId = _agree(terms);
        _toEnd(slaId, 1, 0);
        (uint256 from, uint256 to) = sla.windowOf(slaId, 1);
        ISLATypes.Observation[] memory evidence = new ISLATypes.Observation[](1);
        evidence[0] = ISLATypes.Observation(0, BAD, 10, uint40(from), uint40(to - 1), hex"1234");
        bytes32 digest = sla.hashMeasurement(slaId, UPTIME, 1, evidence[0]);
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_BadSignature.selector, 0, address(contract_));
        _fails(evidence, refusal);
        contract_.sign(digest, true);
        contract_.sign(digest, false);
        _fails(evidence, refusal);
        contract_.sign(digest, true);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 1, BAD, evidence);
        vm.assertEq(_outcome(slaId, UPTIME, 1), uint256(ISLATypes.Outcome.Violated));
    }

    /// @dev 32 monitors, whose median is the one of a sorted list.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_ThirtyTwoMonitors(uint256 word, uint256 count) public {
        _makeMonitors(32);
        ISLATypes.Terms memory terms = _terms();
        terms.quorum = 17;
        slaId = _agree(terms);
        _toEnd(slaId, 1, 0);
        uint256[] memory values = new uint256[](_bound(count, 17, 32));
        for (uint256 i = 0; i < values.length; ++i) {
            values[i] = uint256(keccak256(abi.encode(word, i))) % 900_000;
        }
        ISLATypes.Observation[] memory evidence = _evidence(slaId, UPTIME, 1, values);
        uint256 value = _ranked(values, values.length / 2);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 1, value, evidence);
        vm.assertEq(uint256(sla.claimOf(slaId, UPTIME, 1).value), value);
    }

    /// @dev The value with so many before it, by counting.
    function _ranked(uint256[] memory values, uint256 rank) private pure returns (uint256) {
        for (uint256 i = 0; i < values.length; ++i) {
            uint256 below;
            uint256 same;
            for (uint256 j = 0; j < values.length; ++j) {
                if (values[j] < values[i]) ++below;
                if (values[j] == values[i]) ++same;
            }
            if (below <= rank && rank < below + same) return values[i];
        }
        revert();
    }

    /// @dev Through each of the three functions that take evidence.
    function _fails(ISLATypes.Observation[] memory evidence, bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 1, BAD, evidence);
        vm.expectRevert(refusal);
        sla.recordMeasurement(slaId, UPTIME, 1, evidence);
        uint256 state = vm.snapshotState();
        vm.prank(REPORTER);
        sla.reportViolation(slaId, UPTIME, 0);
        vm.expectRevert(refusal);
        sla.submitEvidence(slaId, UPTIME, 1, evidence);
        vm.revertToState(state);
    }
}
