// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HostileArbitrator} from "../../contracts/test/HostileArbitrator.sol";
import {IArbitrator} from "../../interfaces/IArbitration.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {SLASuite} from "./SLASuite.sol";
import {Vm} from "./Vm.sol";

/// @notice Offers, acceptances and ends.
contract SLAAgreementsTest is SLASuite {
    // ------------------------------------------------------------------------------------------------------------
    // offer
    // ------------------------------------------------------------------------------------------------------------

    function test_Offer() public {
        ISLATypes.Terms memory terms = _terms();
        vm.recordLogs();
        uint256 slaId = _offer(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1);
        vm.assertEq(logs[0].topics[0], ISLATypes.Offered.selector);
        vm.assertEq(uint256(logs[0].topics[1]), slaId);
        vm.assertEq(uint256(logs[0].topics[2]), uint160(PROVIDER));
        vm.assertEq(uint256(logs[0].topics[3]), uint160(CUSTOMER));
        (uint256 vmId, address pointer) = abi.decode(logs[0].data, (uint256, address));
        vm.assertEq(vmId, 0);
        vm.assertTrue(pointer.code.length > 1_000);
        vm.assertEq(slaId, 1);
        vm.assertEq(sla.agreementCount(), 1);
        vm.assertEq(sla.balanceOf(PROVIDER), 10_000 * NOVA - STAKE);
        ISLATypes.Agreement memory agreement = sla.agreementOf(1);
        vm.assertEq(abi.encode(agreement), abi.encode(ISLATypes.Agreement(0, WINDOWS, 0, false, false, STAKE)));
        terms.credits = [uint32(100_000), 250_000, 1_000_000];
        vm.assertEq(abi.encode(sla.termsOf(1)), abi.encode(terms));
    }

    /// @dev Whatever sizes and numbers: what is read back is what was offered.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_TermsReadBack(uint256 count, uint256 promises, uint256 word) public {
        _makeMonitors(_bound(count, 1, 32));
        ISLATypes.Terms memory terms = _terms();
        terms.quorum = uint8(monitors.length / 2 + 1 + word % ((monitors.length + 1) / 2));
        terms.guarantees = new ISLATypes.Guarantee[](_bound(promises, 1, 8));
        for (uint256 i = 0; i < terms.guarantees.length; ++i) {
            uint256 value = uint256(keccak256(abi.encode(word, i)));
            (uint32 a, uint32 b, uint32 c) = (uint32(value % 1e4), uint32(value % 2e4 + 1e4), uint32(value % 1e4 + 4e4));
            bool up = value >> 255 == 1;
            terms.guarantees[i] = up
                ? ISLATypes.Guarantee(bytes32(i + 1), ISLATypes.Direction.AtMost, a, b, c)
                : ISLATypes.Guarantee(bytes32(i + 1), ISLATypes.Direction.AtLeast, c, b, a);
        }
        terms.credits = [uint32(word % 10), uint32(word % 1e6 + 10), uint32(word % 9e6 + 1e6 + 10)];
        terms.vmId = word;
        vm.assertEq(abi.encode(sla.termsOf(_offer(terms))), abi.encode(terms));
    }

    /// @dev Each field, one thing wrong with it; with nothing wrong the same offer goes through.
    function test_OfferOfBadTermsReverts() public {
        for (uint256 which = 0; which < 46; ++which) {
            ISLATypes.Terms memory terms = _terms();
            (bytes32 field, uint256 value) = _spoil(terms, which);
            if (field != 0) vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_BadTerms.selector, field, value));
            vm.prank(PROVIDER);
            sla.offer(terms);
        }
        vm.assertEq(sla.agreementCount(), 9);
    }

    /// @dev Fields without name are at their limits, which are allowed.
    function _spoil(ISLATypes.Terms memory terms, uint256 which) private view returns (bytes32, uint256) {
        if (which == 0) return ("provider", uint160(terms.provider = CUSTOMER));
        if (which == 1) return ("customer", uint160(terms.customer = address(0)));
        if (which == 2) return ("customer", uint160(terms.customer = PROVIDER));
        if (which == 3) return ("customer", uint160(terms.customer = TREASURY));
        if (which == 4) return ("customer", uint160(terms.customer = address(sla)));
        if (which == 5) return ("specification", uint256(terms.specification = 0));
        if (which == 6) return ("offerExpiry", terms.offerExpiry = uint40(block.timestamp));
        if (which == 7) return ("window", terms.window = 1 hours - 1);
        if (which == 8) return ("window", terms.window = 31 days + 1);
        if (which == 9) return (0, terms.window = 1 hours);
        if (which == 10) return (0, terms.window = 31 days);
        if (which == 11) return ("windows", terms.windows = 0);
        if (which == 12) return ("windows", terms.windows = 10_001);
        if (which == 13) return (0, terms.windows = 10_000);
        if (which == 14) return ("reportPeriod", terms.reportPeriod = 1 hours - 1);
        if (which == 15) return ("reportPeriod", terms.reportPeriod = 30 days + 1);
        if (which == 16) return (0, terms.reportPeriod = 30 days);
        if (which == 17) return ("disputePeriod", terms.disputePeriod = 1 hours - 1);
        if (which == 18) return ("disputePeriod", terms.disputePeriod = 30 days + 1);
        if (which == 19) return (0, terms.disputePeriod = 1 hours);
        if (which == 20) return ("fee", terms.fee = 0);
        if (which == 21) return ("bond", terms.bond = 0);
        if (which == 22) return ("minSamples", terms.minSamples = 0);
        if (which == 23) return ("stake", terms.stake = FEE - 1);
        if (which == 24) return (0, terms.stake = FEE);
        if (which == 25) return _credits(terms, 2, 1, 3, "credits", 1);
        if (which == 26) return _credits(terms, 1, 3, 2, "credits", 2);
        if (which == 27) return _credits(terms, 0, 0, 10_000_001, "credits", 10_000_001);
        if (which == 28) return _credits(terms, 0, 0, 10_000_000, 0, 0);
        if (which == 29) return ("arbitrator", uint160(address(terms.arbitrator = IArbitrator(STRANGER))));
        if (which == 30) return (0, uint160(address(terms.arbitrator = IArbitrator(address(committee)))));
        return which < 40 ? _spoilMonitors(terms, which) : _spoilGuarantees(terms, which);
    }

    function _spoilMonitors(ISLATypes.Terms memory terms, uint256 which) private pure returns (bytes32, uint256) {
        if (which == 31) return ("quorum", terms.quorum = 2);
        if (which == 32) return ("quorum", terms.quorum = 6);
        if (which == 33) return (0, terms.quorum = 5);
        if (which == 34) {
            terms.monitors = new address[](0);
            return ("monitors", 0);
        }
        if (which == 35) {
            terms.monitors = new address[](33);
            return ("monitors", 33);
        }
        if (which == 36) return ("monitors", uint160(terms.monitors[0] = address(0)));
        if (which == 37) return ("monitors", uint160(terms.monitors[3] = terms.monitors[2]));
        if (which == 38) {
            (terms.monitors[2], terms.monitors[3]) = (terms.monitors[3], terms.monitors[2]);
            return ("monitors", uint160(terms.monitors[3]));
        }
        return ("monitors", uint160(terms.monitors[0] = PROVIDER));
    }

    function _spoilGuarantees(ISLATypes.Terms memory terms, uint256 which) private pure returns (bytes32, uint256) {
        if (which == 40) {
            terms.guarantees = new ISLATypes.Guarantee[](0);
            return ("guarantees", 0);
        }
        if (which == 41) {
            terms.guarantees = new ISLATypes.Guarantee[](9);
            return ("guarantees", 9);
        }
        if (which == 42) {
            terms.guarantees[1].metric = 0;
            return ("metric", 1);
        }
        if (which == 43) return ("severe", terms.guarantees[0].severe = 999_001);
        if (which == 44) return ("critical", terms.guarantees[1].critical = 199);
        return ("severe", terms.guarantees[1].severe = 99);
    }

    function _credits(ISLATypes.Terms memory terms, uint32 a, uint32 b, uint32 c, bytes32 field, uint256 value)
        private
        pure
        returns (bytes32, uint256)
    {
        terms.credits = [a, b, c];
        return (field, value);
    }

    /// @dev Monitors that are the customer.
    function test_OfferWithTheCustomerAsMonitorReverts() public {
        ISLATypes.Terms memory terms = _terms();
        terms.customer = monitors[2];
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_BadTerms.selector, bytes32("monitors"), uint160(monitors[2]))
        );
        vm.prank(PROVIDER);
        sla.offer(terms);
    }

    /// @dev A party as its own judge, though it is a contract; and the treasury as a provider.
    function test_OfferOfTheJudgeOrTheTreasuryReverts() public {
        ISLATypes.Terms memory terms = _terms();
        terms.customer = address(lease);
        terms.arbitrator = IArbitrator(address(lease));
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_BadTerms.selector, bytes32("arbitrator"), uint160(address(lease)))
        );
        vm.prank(PROVIDER);
        sla.offer(terms);
        terms = _terms();
        terms.provider = TREASURY;
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_BadTerms.selector, bytes32("provider"), uint160(TREASURY)));
        vm.prank(TREASURY);
        sla.offer(terms);
    }

    /// @dev Numbers that products of two leave 128 bits with.
    function test_OfferOfHugeNumbers() public {
        ISLATypes.Terms memory terms = _terms();
        terms.credits = [uint32(0), 0, 10_000_000];
        (terms.fee, terms.stake, terms.windows) = (type(uint96).max, type(uint96).max, 10_000);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_BadTerms.selector, bytes32("stake"), type(uint96).max));
        vm.prank(PROVIDER);
        sla.offer(terms);
        terms.credits = [uint32(0), 0, 1];
        terms.stake = STAKE;
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_BadTerms.selector, bytes32("stake"), uint256(STAKE)));
        vm.prank(PROVIDER);
        sla.offer(terms);
        terms.fee = uint128(type(uint96).max) + 1;
        terms.stake = type(uint128).max;
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_BadTerms.selector, bytes32("fee"), uint256(type(uint96).max) + 1)
        );
        vm.prank(PROVIDER);
        sla.offer(terms);
        (terms.fee, terms.stake) = (type(uint96).max, STAKE);
        terms.credits = [uint32(0), 0, 0];
        terms.credits[2] = 1;
        terms.fee = uint128(STAKE) * 1_000_000 + 999_999;
        uint256 slaId = _offer(terms);
        uint256 fees = uint256(terms.fee) * 10_000;
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_InsufficientBalance.selector, CUSTOMER, 10_000 * NOVA, fees)
        );
        vm.prank(CUSTOMER);
        sla.accept(slaId);
    }

    function test_OfferWithoutTheStakeReverts() public {
        ISLATypes.Terms memory terms = _terms();
        terms.stake = uint128(10_001 * NOVA);
        vm.expectRevert(
            abi.encodeWithSelector(ISLATypes.SLA_InsufficientBalance.selector, PROVIDER, 10_000 * NOVA, 10_001 * NOVA)
        );
        vm.prank(PROVIDER);
        sla.offer(terms);
    }

    // ------------------------------------------------------------------------------------------------------------
    // withdrawOffer, accept
    // ------------------------------------------------------------------------------------------------------------

    function test_WithdrawOffer() public {
        uint256 slaId = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotProvider.selector, slaId, CUSTOMER));
        vm.prank(CUSTOMER);
        sla.withdrawOffer(slaId);
        vm.warp(START + 365 days);
        vm.expectEmit();
        emit ISLATypes.OfferWithdrawn(slaId);
        vm.prank(PROVIDER);
        sla.withdrawOffer(slaId);
        vm.assertEq(sla.balanceOf(PROVIDER), 10_000 * NOVA);
        vm.assertTrue(sla.agreementOf(slaId).withdrawn);
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_NotOpen.selector, slaId);
        vm.expectRevert(refusal);
        vm.prank(PROVIDER);
        sla.withdrawOffer(slaId);
        vm.expectRevert(refusal);
        vm.prank(CUSTOMER);
        sla.accept(slaId);
    }

    function testFuzz_Accept(uint256 wait) public {
        uint256 slaId = _offer(_terms());
        wait = _bound(wait, 0, 1 days - 1);
        vm.warp(START + wait);
        vm.expectEmit();
        emit ISLATypes.Accepted(slaId, block.timestamp, block.timestamp + 10 days);
        vm.prank(CUSTOMER);
        sla.accept(slaId);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - WINDOWS * FEE);
        vm.assertEq(uint256(sla.agreementOf(slaId).startedAt), block.timestamp);
        bytes memory refusal = abi.encodeWithSelector(ISLATypes.SLA_NotOpen.selector, slaId);
        vm.expectRevert(refusal);
        vm.prank(CUSTOMER);
        sla.accept(slaId);
        vm.expectRevert(refusal);
        vm.prank(PROVIDER);
        sla.withdrawOffer(slaId);
    }

    function testFuzz_AcceptTooLateReverts(uint256 wait) public {
        uint256 slaId = _offer(_terms());
        vm.warp(_bound(wait, START + 1 days, START + 1_000 days));
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_OfferExpired.selector, slaId, START + 1 days));
        vm.prank(CUSTOMER);
        sla.accept(slaId);
    }

    function testFuzz_AcceptByAnotherReverts(address caller) public {
        vm.assume(caller != CUSTOMER);
        uint256 slaId = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotCustomer.selector, slaId, caller));
        vm.prank(caller);
        sla.accept(slaId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // terminate
    // ------------------------------------------------------------------------------------------------------------

    /// @dev At any moment, by either party: the window that runs is the last, and the fees of later ones are back.
    function testFuzz_Terminate(uint256 wait, bool byProvider) public {
        uint256 slaId = _agree();
        wait = _bound(wait, 0, 10 days - 1);
        vm.warp(START + wait);
        uint256 begun = wait / 1 days + 1;
        address by = byProvider ? PROVIDER : CUSTOMER;
        vm.expectEmit();
        emit ISLATypes.Terminated(slaId, by, begun, (WINDOWS - begun) * FEE);
        vm.prank(by);
        sla.terminate(slaId);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - begun * FEE);
        vm.assertEq(uint256(sla.agreementOf(slaId).windows), begun);
        vm.assertEq(uint256(sla.agreementOf(slaId).stake), uint256(STAKE));
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowOpen.selector, slaId, begun));
        sla.windowOf(slaId, begun);
        // Again in the same window: nothing more.
        vm.prank(CUSTOMER);
        sla.terminate(slaId);
        vm.assertEq(sla.balanceOf(CUSTOMER), 10_000 * NOVA - begun * FEE);
        vm.warp(START + begun * 1 days);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotActive.selector, slaId));
        vm.prank(CUSTOMER);
        sla.terminate(slaId);
    }

    function test_TerminateRefuses() public {
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownAgreement.selector, 1));
        sla.terminate(1);
        uint256 slaId = _offer(_terms());
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotActive.selector, slaId));
        vm.prank(PROVIDER);
        sla.terminate(slaId);
        vm.prank(CUSTOMER);
        sla.accept(slaId);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_NotParty.selector, slaId, STRANGER));
        vm.prank(STRANGER);
        sla.terminate(slaId);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Windows(uint256 window, uint256 wait) public {
        uint256 slaId = _agree();
        window = _bound(window, 0, 9);
        (uint256 from, uint256 to) = sla.windowOf(slaId, window);
        vm.assertEq(from, START + window * 1 days);
        vm.assertEq(to, from + 1 days);
        vm.assertEq(sla.dueIn(slaId, window), 1 days);
        wait = _bound(wait, 1 days, 100 days);
        vm.warp(START + wait);
        vm.assertEq(sla.lastWindow(slaId), (wait < 10 days ? wait / 1 days : 10) - 1);
    }

    function test_LastWindowBeforeOneHasEndedReverts() public {
        uint256 slaId = _agree();
        vm.warp(START + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowOpen.selector, slaId, 0));
        sla.lastWindow(slaId);
    }

    function test_ViewsOfWhatIsNotThereRevert() public {
        bytes memory unknown = abi.encodeWithSelector(ISLATypes.SLA_UnknownAgreement.selector, 7);
        vm.expectRevert(unknown);
        sla.agreementOf(7);
        vm.expectRevert(unknown);
        sla.termsOf(7);
        vm.expectRevert(unknown);
        sla.windowStateOf(7, 0);
        vm.expectRevert(unknown);
        sla.claimOf(7, 0, 0);
        uint256 slaId = _agree();
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownGuarantee.selector, slaId, 2));
        sla.claimOf(slaId, 2, 0);
        // What would be another claim's slot were it not refused.
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_UnknownGuarantee.selector, slaId, 256));
        sla.claimOf(slaId, 256, 0);
        vm.expectRevert(abi.encodeWithSelector(ISLATypes.SLA_WindowOpen.selector, slaId, 10));
        sla.claimOf(slaId, 0, 10);
    }

    /// @dev An arbitrator that is a contract and no party may be named.
    function test_OfferWithAnArbitrator() public {
        ISLATypes.Terms memory terms = _terms();
        terms.arbitrator = new HostileArbitrator();
        vm.assertEq(address(sla.termsOf(_offer(terms)).arbitrator), address(terms.arbitrator));
    }
}
