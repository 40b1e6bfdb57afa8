// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommitteeArbitrator} from "../../contracts/compute/CommitteeArbitrator.sol";
import {SLA} from "../../contracts/compute/SLA.sol";
import {Authority} from "../../contracts/governance/Authority.sol";
import {Proxy} from "../../contracts/governance/Proxy.sol";
import {LeaseDouble} from "../../contracts/test/LeaseDouble.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {IArbitrator} from "../../interfaces/IArbitration.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {Test} from "./Vm.sol";

/// @title SLASuite
/// @notice Base of the tests of agreements: a proxy, a committee, five monitors, and parties with NOVA in their balances.
/// @dev The test itself is ADMIN of the authority and ARBITER.
abstract contract SLASuite is Test {
    uint256 internal constant NOVA = 1e18;
    uint256 internal constant START = 1_900_000_000;
    uint64 internal constant ARBITER_ROLE = 4;

    address internal constant PROVIDER = address(0xf00d);
    address internal constant CUSTOMER = address(0xc057);
    address internal constant REPORTER = address(0x4e90);
    address internal constant STRANGER = address(0x57a4);
    address internal constant TREASURY = address(0x74ea);
    address internal constant BRAKE = address(0xb4ae);

    uint128 internal constant FEE = uint128(100 * NOVA);
    uint128 internal constant STAKE = uint128(1_000 * NOVA);
    uint128 internal constant BOND = uint128(10 * NOVA);
    uint40 internal constant WINDOW = 1 days;
    uint40 internal constant REPORT = 2 days;
    uint40 internal constant DISPUTE = 1 days;
    uint40 internal constant TIMEOUT = 14 days;
    uint32 internal constant WINDOWS = 10;

    /// @dev The two guarantees: uptime of at least, latency of at most.
    uint256 internal constant UPTIME = 0;
    uint256 internal constant LATENCY = 1;

    Authority internal authority;
    NovaToken internal nova;
    LeaseDouble internal lease;
    CommitteeArbitrator internal committee;
    SLA internal sla;
    /// @dev By ascending address.
    uint256[] internal keys;
    address[] internal monitors;

    function setUp() public virtual {
        vm.warp(START);
        authority = new Authority(address(this));
        INovaToken.Allocation[] memory genesis = new INovaToken.Allocation[](1);
        genesis[0] = INovaToken.Allocation(address(this), 1e9 * NOVA);
        nova = new NovaToken(address(authority), genesis);
        lease = new LeaseDouble();
        committee = new CommitteeArbitrator(address(authority));
        sla = _deploySLA(new SLA());
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = CommitteeArbitrator.giveRuling.selector;
        authority.setTargetFunctionRole(address(committee), selectors, ARBITER_ROLE);
        authority.grantRole(ARBITER_ROLE, address(this), 0);
        _makeMonitors(5);
        nova.approve(address(sla), type(uint256).max);
        _fund(PROVIDER, 10_000 * NOVA);
        _fund(CUSTOMER, 10_000 * NOVA);
        _fund(REPORTER, 1_000 * NOVA);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Agreements
    // ------------------------------------------------------------------------------------------------------------

    function _terms() internal view returns (ISLATypes.Terms memory terms) {
        terms.provider = PROVIDER;
        terms.customer = CUSTOMER;
        terms.specification = sha256("what is measured and how");
        terms.offerExpiry = uint40(block.timestamp + 1 days);
        terms.window = WINDOW;
        terms.windows = WINDOWS;
        terms.reportPeriod = REPORT;
        terms.disputePeriod = DISPUTE;
        (terms.fee, terms.stake, terms.bond) = (FEE, STAKE, BOND);
        terms.minSamples = 10;
        terms.quorum = 3;
        terms.monitors = monitors;
        terms.guarantees = new ISLATypes.Guarantee[](2);
        terms.guarantees[UPTIME] = ISLATypes.Guarantee("uptime", ISLATypes.Direction.AtLeast, 999_000, 990_000, 900_000);
        terms.guarantees[LATENCY] = ISLATypes.Guarantee("latency", ISLATypes.Direction.AtMost, 100, 200, 1_000);
    }

    function _offer(ISLATypes.Terms memory terms) internal returns (uint256) {
        vm.prank(terms.provider);
        return sla.offer(terms);
    }

    /// @dev An agreement that begins now.
    function _agree(ISLATypes.Terms memory terms) internal returns (uint256 slaId) {
        slaId = _offer(terms);
        vm.prank(terms.customer);
        sla.accept(slaId);
    }

    function _agree() internal returns (uint256) {
        return _agree(_terms());
    }

    /// @dev To the end of a window, or so long after it.
    function _toEnd(uint256 slaId, uint256 window, uint256 later) internal {
        (, uint256 to) = sla.windowOf(slaId, window);
        vm.warp(to + later);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Evidence
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The first so many monitors, all with this value.
    function _evidence(uint256 slaId, uint256 guarantee, uint256 window, uint256 count, uint256 value)
        internal
        view
        returns (ISLATypes.Observation[] memory list)
    {
        uint256[] memory values = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            values[i] = value;
        }
        return _evidence(slaId, guarantee, window, values);
    }

    /// @dev The first monitors, each with its value, over the whole window.
    function _evidence(uint256 slaId, uint256 guarantee, uint256 window, uint256[] memory values)
        internal
        view
        returns (ISLATypes.Observation[] memory list)
    {
        list = new ISLATypes.Observation[](values.length);
        (uint256 from, uint256 to) = sla.windowOf(slaId, window);
        for (uint256 i = 0; i < values.length; ++i) {
            list[i] = ISLATypes.Observation(uint8(i), uint32(values[i]), 1_440, uint40(from), uint40(to - 1), "");
            _sign(slaId, guarantee, window, list[i]);
        }
    }

    function _sign(uint256 slaId, uint256 guarantee, uint256 window, ISLATypes.Observation memory observation)
        internal
        view
    {
        observation.signature =
            _signature(keys[observation.monitor], sla.hashMeasurement(slaId, guarantee, window, observation));
    }

    function _signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev By the reporter, with evidence of so many monitors.
    function _report(uint256 slaId, uint256 guarantee, uint256 window, uint256 count, uint256 value) internal {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, guarantee, window, count, value);
        vm.prank(REPORTER);
        sla.reportViolation(slaId, guarantee, window, value, evidence);
    }

    function _measure(uint256 slaId, uint256 guarantee, uint256 window, uint256 count, uint256 value) internal {
        ISLATypes.Observation[] memory evidence = _evidence(slaId, guarantee, window, count, value);
        vm.prank(STRANGER);
        sla.recordMeasurement(slaId, guarantee, window, evidence);
    }

    function _dispute(uint256 slaId, uint256 guarantee, uint256 window) internal returns (uint256) {
        vm.prank(PROVIDER);
        return sla.dispute(slaId, guarantee, window);
    }

    function _outcome(uint256 slaId, uint256 guarantee, uint256 window) internal view returns (uint256) {
        return uint256(sla.claimOf(slaId, guarantee, window).outcome);
    }

    // ------------------------------------------------------------------------------------------------------------
    // World
    // ------------------------------------------------------------------------------------------------------------

    function _deploySLA(SLA implementation) internal returns (SLA) {
        bytes memory call = abi.encodeCall(
            SLA.initialize,
            (address(authority), BRAKE, nova, IVMLifecycle(address(lease)), TREASURY, IArbitrator(address(committee)))
        );
        return SLA(address(new Proxy(address(implementation), call)));
    }

    function _implementation() internal returns (SLA) {
        return new SLA();
    }

    function _fund(address account, uint256 amount) internal {
        sla.deposit(amount, account);
    }

    /// @dev Keys whose addresses ascend.
    function _makeMonitors(uint256 count) internal {
        (keys, monitors) = (new uint256[](0), new address[](0));
        for (uint256 key = 1; keys.length < count; ++key) {
            keys.push(key);
            monitors.push(vm.addr(key));
            for (uint256 i = keys.length - 1; i != 0 && monitors[i - 1] > monitors[i]; --i) {
                (monitors[i - 1], monitors[i]) = (monitors[i], monitors[i - 1]);
                (keys[i - 1], keys[i]) = (keys[i], keys[i - 1]);
            }
        }
    }
}
