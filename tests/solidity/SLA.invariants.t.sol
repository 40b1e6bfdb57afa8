// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLATypes} from "../../interfaces/ISLA.sol";
import {AGREEMENTS, GUARANTEES, PERIODS, SLAHandler} from "./SLAHandler.sol";
import {SLASuite} from "./SLASuite.sol";

/// @notice Stateful fuzzing of three agreements: where all NOVA lies, after every action; and that everybody gets theirs
/// out in the end, whatever the others have done.
/// @dev The numbers are those of docs/invariants.md.
contract SLAInvariants is SLASuite {
    SLAHandler private handler;

    function setUp() public override {
        vm.warp(START);
        super.setUp();
        // A contract of its own, without the suite's balances.
        sla = _deploySLA(_implementation());
        _makeMonitors(3);
        handler = new SLAHandler(sla, nova, TREASURY, keys, monitors);
        vm.assertTrue(nova.transfer(address(handler), 1e8 * NOVA));
        handler.begin();
    }

    /// @dev Foundry calls this to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev Foundry calls this to learn what not to: `begin` and `takeAll` are ours.
    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = SLAHandler.wait.selector;
        selectors[1] = SLAHandler.deposit.selector;
        selectors[2] = SLAHandler.withdraw.selector;
        selectors[3] = SLAHandler.report.selector;
        selectors[4] = SLAHandler.reportBare.selector;
        selectors[5] = SLAHandler.submit.selector;
        selectors[6] = SLAHandler.measure.selector;
        selectors[7] = SLAHandler.dispute.selector;
        selectors[8] = SLAHandler.rule.selector;
        selectors[9] = SLAHandler.finalise.selector;
        selectors[10] = SLAHandler.settle.selector;
        selectors[11] = SLAHandler.terminate.selector;
        selectors[12] = SLAHandler.release.selector;
        list = new FuzzSelector[](1);
        list[0] = FuzzSelector(address(handler), selectors);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// forge-config: default.invariant.runs = 24
    /// forge-config: deep.invariant.runs = 128
    function invariant_EveryNovaHasItsPlace() external view {
        _addsUp();
    }

    /// @dev Foundry calls this at the end of each history.
    function afterInvariant() external {
        handler.takeAll();
        vm.assertEq(handler.held(), 0, "somebody's is left");
        vm.assertEq(nova.balanceOf(address(sla)), 0, "something is left");
    }

    /// @dev N-1: balances, stakes, fees and bonds are what is held, and what is held is what came in and did not go out.
    /// N-2: a customer's receipts of a window. N-5: a stake goes down by its own agreement's penalties, and at the end.
    function _addsUp() private view {
        uint256 sum = handler.balances() + handler.stakes() + handler.fees() + handler.bonds();
        vm.assertEq(sum, nova.balanceOf(address(sla)), "what lies where");
        vm.assertEq(sum, handler.held(), "in and out");
        for (uint256 slaId = 1; slaId <= AGREEMENTS; ++slaId) {
            ISLATypes.Agreement memory agreement = sla.agreementOf(slaId);
            uint256 staked = 150 * NOVA - handler.taken(slaId);
            vm.assertEq(uint256(agreement.stake), agreement.released ? 0 : staked, "stake");
            uint256 settled;
            for (uint256 window = 0; window < agreement.windows; ++window) {
                ISLATypes.WindowState memory state = sla.windowStateOf(slaId, window);
                vm.assertTrue(state.credited <= FEE && state.takenFromFee <= FEE, "credit");
                vm.assertTrue(handler.received(slaId, window) <= FEE, "received");
                if (state.settled) ++settled;
            }
            vm.assertEq(uint256(agreement.settledWindows), settled, "settled");
            if (agreement.released) vm.assertEq(settled, uint256(agreement.windows), "released");
        }
    }

    /// @dev The invariant says something only if the handler gets through: pseudo-random actions do all of them.
    function test_SLAHandlerReachesEveryAction() external {
        // What chance seldom finds: the word of two, disputed, is answered by all three.
        uint256 word = 1 << 40;
        handler.wait(4);
        handler.report(0, word, 1);
        handler.dispute(word);
        handler.report(1, word, 4);
        _addsUp();
        word = 42;
        for (uint256 i = 0; i < 1_500; ++i) {
            word = uint256(keccak256(abi.encode(word)));
            (uint256 a, uint256 b, uint256 c) = (word >> 200, word >> 8, word & 0xffff);
            uint256 kind = i % 16;
            if (kind == 0) handler.wait(i == 1_344 ? 64 : 1 + word % 3);
            else if (kind < 4) handler.report(a, b, c);
            else if (kind == 4) _reportAndSubmit(a, b, c);
            else if (kind == 5) handler.submit(b, word & 1 == 0 ? 999_500 : c);
            else if (kind < 8) handler.measure(b);
            else if (kind < 10) handler.dispute(b);
            else if (kind == 10) handler.rule(a, b);
            else if (kind < 13) handler.finalise(b);
            else if (kind == 13) handler.settle(b);
            else if (kind == 14) handler.deposit(a, b);
            else if (i % 64 == 15 && i > 700) handler.terminate(a, b);
            else handler.withdraw(a, b);
            if (i % 100 == 0) _addsUp();
            if (i % 750 == 749) {
                _addsUp();
                for (uint256 w = 0; w < 6 * PERIODS * GUARANTEES; ++w) {
                    handler.finalise(w | (w / 6 % 2) << 16 | (w / 12) << 32);
                    handler.settle(w | (w / 12) << 32);
                }
                for (uint256 w = 0; w < 3; ++w) {
                    handler.release(w);
                }
            }
        }
        _addsUp();
        bytes32[11] memory names = [
            bytes32("wait"),
            "deposit",
            "withdraw",
            "report",
            "reportBare",
            "submit",
            "measure",
            "dispute",
            "finalise",
            "settle",
            "answer"
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(handler.calls(names[i]) >= 1, string(abi.encode(names[i])));
        }
        handler.takeAll();
        vm.assertEq(nova.balanceOf(address(sla)), 0);
    }

    /// @dev A report without evidence, and evidence for whichever window it is about.
    function _reportAndSubmit(uint256 who, uint256 word, uint256 value) private {
        handler.reportBare(who, word, value);
        for (uint256 window = 0; window < PERIODS; ++window) {
            uint256 same = 1 << 40 | window << 32 | (word >> 16) % GUARANTEES << 16;
            while (same % AGREEMENTS != word % AGREEMENTS) {
                ++same;
            }
            handler.submit(same, value);
        }
    }
}
