// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {Capacity, Resource} from "../../interfaces/IResources.sol";
import {ComputeSuite} from "./ComputeSuite.sol";

contract HostCapacityTest is ComputeSuite {
    uint40 private constant DAY = 1 days;

    function _expect(bytes memory reason) private {
        vm.expectRevert(reason);
    }

    function _occupy(uint256 hostId, address holder, uint32 cpu) private {
        vm.prank(address(lifecycle));
        registry.occupy(hostId, holder, _capacity(cpu, 1, 0, 0));
    }

    function _vacate(uint256 hostId, address holder, uint32 cpu) private {
        vm.prank(address(lifecycle));
        registry.vacate(hostId, holder, _capacity(cpu, 1, 0, 0));
    }

    function _reserve(uint256 positionId, address holder, uint32 units) private {
        vm.prank(STAKING);
        registry.reserve(positionId, 1, holder, Resource.CPU, units, uint40(block.timestamp) + 30 * DAY);
    }

    function _reservable(uint32 cpu) private {
        vm.prank(PROVIDER);
        registry.setReservable(1, _capacity(cpu, 0, 0, 0));
    }

    function _free(address holder) private view returns (uint256) {
        return registry.availableTo(1, holder).cpu;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Attestations and leases
    // ------------------------------------------------------------------------------------------------------------

    function test_AttestationEnds() public {
        uint40 until = uint40(block.timestamp) + 10;
        vm.prank(AUDITOR);
        vm.expectEmit();
        emit IHostRegistry.Attested(1, AUDITOR, _small(), until, "report", false);
        registry.attest(1, _small(), until, "report");
        vm.warp(until - 1);
        _occupy(1, CUSTOMER, 1);
        vm.warp(until);
        vm.assertEq(_free(CUSTOMER), 0);
        vm.prank(address(lifecycle));
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_NotAttested.selector, 1, until));
        registry.occupy(1, CUSTOMER, _capacity(1, 1, 0, 0));
        _vacate(1, CUSTOMER, 1);
    }

    function test_AttestationEndsWithinItsBounds() public {
        uint40 latest = uint40(block.timestamp) + 400 * DAY;
        vm.startPrank(AUDITOR);
        _expect(
            abi.encodeWithSelector(
                IHostRegistry.HostRegistry_BadAttestationEnd.selector, uint40(block.timestamp), latest
            )
        );
        registry.attest(1, _small(), uint40(block.timestamp), "");
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_BadAttestationEnd.selector, latest + 1, latest));
        registry.attest(1, _small(), latest + 1, "");
        registry.attest(1, _small(), latest, "");
    }

    function testFuzz_NoMoreIsLeasedThanAttested(uint32 attested, uint32 first, uint32 second) public {
        attested = uint32(_bound(attested, 2, type(uint32).max));
        first = uint32(_bound(first, 1, attested - 1));
        _attest(1, _capacity(attested, attested, 0, 0));
        _occupy(1, CUSTOMER, first);
        uint256 left = attested - first;
        vm.assertEq(_free(OTHER), left);
        if (second > left) {
            _expect(
                abi.encodeWithSelector(
                    IHostRegistry.HostRegistry_CapacityExceeded.selector, 1, Resource.CPU, second, left
                )
            );
            vm.prank(address(lifecycle));
            registry.occupy(1, OTHER, _capacity(second, 1, 0, 0));
        } else {
            _occupy(1, OTHER, second);
        }
    }

    function test_NotAcceptingRefusesOnlyNewLeases() public {
        _occupy(1, CUSTOMER, 5);
        vm.prank(PROVIDER);
        registry.setAccepting(1, false);
        vm.assertEq(_free(CUSTOMER), 0);
        vm.prank(address(lifecycle));
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_NotAccepting.selector, 1));
        registry.occupy(1, CUSTOMER, _small());
        _vacate(1, CUSTOMER, 5);
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 0);
    }

    /// @dev It saturates: nothing that the lifecycle gives back can make it fail.
    function testFuzz_VacateNeverReverts(uint256 hostId, address holder, Capacity memory capacity) public {
        _occupy(1, CUSTOMER, 5);
        vm.prank(address(lifecycle));
        registry.vacate(hostId, holder, capacity);
        vm.prank(address(lifecycle));
        registry.vacate(1, CUSTOMER, capacity);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Reservations
    // ------------------------------------------------------------------------------------------------------------

    function test_ReservationKeepsFree() public {
        _attest(1, _capacity(100, 100, 0, 0));
        _reservable(60);
        _occupy(1, CUSTOMER, 10);
        vm.expectEmit();
        emit IHostRegistry.Reserved(7, 1, CUSTOMER, Resource.CPU, 50, uint40(block.timestamp) + 30 * DAY);
        _reserve(7, CUSTOMER, 50); // 10 of which it leases already
        vm.assertEq(uint256(registry.hostOf(1).open.cpu), 40);
        vm.assertEq(_free(OTHER), 50);
        vm.assertEq(_free(CUSTOMER), 90);
        _occupy(1, OTHER, 50);
        vm.assertEq(_free(OTHER), 0);
        _occupy(1, CUSTOMER, 40);
        vm.assertEq(uint256(registry.hostOf(1).open.cpu), 0);
        vm.assertEq(uint256(registry.hostOf(1).leased.cpu), 100);
        _vacate(1, CUSTOMER, 25);
        vm.assertEq(uint256(registry.hostOf(1).open.cpu), 25);
        vm.assertEq(_free(OTHER), 0);
        vm.prank(STAKING);
        vm.expectEmit();
        emit IHostRegistry.ReservationEnded(7);
        registry.release(7);
        vm.assertEq(uint256(registry.hostOf(1).open.cpu), 0);
        vm.assertEq(_free(OTHER), 25);
    }

    function test_ReservationsStayWithinWhatIsLetAndThere() public {
        _attest(1, _capacity(100, 100, 0, 0));
        _reservable(60);
        _reserve(1, CUSTOMER, 40);
        bytes4 exceeded = IHostRegistry.HostRegistry_CapacityExceeded.selector;
        _expect(abi.encodeWithSelector(exceeded, 1, Resource.CPU, 21, 20));
        _reserve(2, OTHER, 21);
        _reserve(2, OTHER, 20);
        _reservable(200);
        _expect(abi.encodeWithSelector(exceeded, 1, Resource.CPU, 41, 40));
        _reserve(3, OTHER, 41);
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_ReservationExists.selector, 2));
        _reserve(2, OTHER, 1);
        _expect(
            abi.encodeWithSelector(
                IHostRegistry.HostRegistry_BadReservation.selector, 0, uint40(block.timestamp) + 30 * DAY
            )
        );
        _reserve(3, OTHER, 0);
        vm.prank(STAKING);
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_BadReservation.selector, 1, uint40(block.timestamp)));
        registry.reserve(3, 1, OTHER, Resource.CPU, 1, uint40(block.timestamp));
    }

    function test_AnybodyClearsWhatIsOver() public {
        _reservable(60);
        _reserve(1, CUSTOMER, 40);
        uint256 until = block.timestamp + 30 * DAY;
        vm.warp(until - 1);
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_ReservationRuns.selector, 1, until));
        registry.clear(1);
        vm.warp(until);
        vm.prank(STRANGER);
        registry.clear(1);
        vm.assertEq(uint256(registry.hostOf(1).reserved.cpu), 0);
        _expect(abi.encodeWithSelector(IHostRegistry.HostRegistry_UnknownReservation.selector, 1));
        registry.clear(1);
    }

    /// @dev Reserved is never more than attested; what was promised to nobody in particular ends for all.
    function test_LowerAttestationVoidsReservations() public {
        _attest(1, _capacity(100, 100, 0, 0));
        _reservable(100);
        _reserve(1, CUSTOMER, 40);
        _reserve(2, OTHER, 20);
        _attest(1, _capacity(60, 100, 0, 0));
        vm.assertFalse(registry.reservationOf(1).isVoid);
        vm.prank(AUDITOR);
        vm.expectEmit();
        emit IHostRegistry.Attested(1, AUDITOR, _capacity(59, 100, 0, 0), block.timestamp + DAY, "", true);
        registry.attest(1, _capacity(59, 100, 0, 0), uint40(block.timestamp) + DAY, "");
        vm.assertTrue(registry.reservationOf(1).isVoid && registry.reservationOf(2).isVoid);
        vm.assertEq(uint256(registry.hostOf(1).reserved.cpu), 0);
        vm.assertEq(uint256(registry.hostOf(1).open.cpu), 0);
        vm.assertEq(_free(STRANGER), 59);
        (, Capacity memory reserved) = registry.holdingsOf(1, CUSTOMER);
        vm.assertEq(uint256(reserved.cpu), 0);
        _reserve(3, CUSTOMER, 10);
        registry.clear(1); // void: at once, by anybody, and without a trace in the new ones
        vm.prank(STAKING);
        registry.release(2);
        vm.assertEq(uint256(registry.hostOf(1).reserved.cpu), 10);
        vm.assertEq(uint256(registry.hostOf(1).open.cpu), 10);
    }

    /// @dev Leased and open together may be more than a lower attestation: nothing is admitted until they are not.
    function test_NothingIsAdmittedWhileTooMuchIsPromised() public {
        _attest(1, _capacity(100, 100, 0, 0));
        _reservable(100);
        _reserve(1, CUSTOMER, 50);
        _occupy(1, OTHER, 50);
        _attest(1, _capacity(80, 100, 0, 0));
        vm.assertEq(_free(CUSTOMER), 0);
        vm.assertEq(_free(OTHER), 0);
        _vacate(1, OTHER, 20);
        vm.assertEq(_free(CUSTOMER), 50);
        vm.assertEq(_free(OTHER), 0);
    }
}
