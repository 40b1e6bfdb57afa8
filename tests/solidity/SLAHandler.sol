// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLA} from "../../contracts/compute/SLA.sol";
import {HostileArbitrator} from "../../contracts/test/HostileArbitrator.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {IArbitrator} from "../../interfaces/IArbitration.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {Vm} from "./Vm.sol";

uint256 constant AGREEMENTS = 3;
uint256 constant PERIODS = 4;
uint256 constant GUARANTEES = 2;

/// @title SLAHandler
/// @notice Drives three agreements between three parties, each a provider of one and the customer of the next, through
/// random histories. What cannot be done is counted and left; where money lies is added up from what the contract
/// says of agreements, windows and claims.
contract SLAHandler {
    Vm private constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    uint128 private constant FEE = 100e18;
    uint128 private constant STAKE = 150e18;
    uint128 private constant BOND = 10e18;
    uint40 private constant WINDOW = 1 days;

    SLA private immutable _sla;
    NovaToken private immutable _nova;
    address private immutable _treasury;
    HostileArbitrator public immutable arbitrator = new HostileArbitrator();
    uint256[] private _keys;
    address[] private _monitors;

    address[4] public people = [address(0xa1), address(0xb2), address(0xc3), address(0xd4)];
    /// @dev What a customer has received of a window: credit and settlement, without bonds.
    mapping(uint256 slaId => mapping(uint256 window => uint256)) public received;
    /// @dev What penalties have taken from the stake of an agreement.
    mapping(uint256 slaId => uint256) public taken;
    mapping(bytes32 name => uint256) public calls;
    /// @dev Put in less taken out, by all.
    uint256 public held;
    uint256 public time;
    uint256[] public disputes;
    /// @dev The word that says what was disputed last.
    uint256 private _disputed;

    constructor(SLA sla, NovaToken nova, address treasury_, uint256[] memory keys, address[] memory monitors) {
        (_sla, _nova, _treasury) = (sla, nova, treasury_);
        (_keys, _monitors) = (keys, monitors);
        time = block.timestamp;
    }

    /// @dev After this contract has NOVA: everybody has a balance, and the agreements have begun.
    function begin() external {
        _nova.approve(address(_sla), type(uint256).max);
        for (uint256 i = 0; i < 4; ++i) {
            _sla.deposit(2_000e18, people[i]);
            held += 2_000e18;
        }
        for (uint256 i = 0; i < AGREEMENTS; ++i) {
            vm.prank(people[i]);
            uint256 slaId = _sla.offer(_terms(i));
            vm.prank(people[(i + 1) % 3]);
            _sla.accept(slaId);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    function wait(uint256 word) external {
        uint256[6] memory steps = [uint256(1), 1 hours, 6 hours, 12 hours, 1 days, 3 days];
        time += word % 64 == 0 ? 14 days : steps[word % 6];
        _count("wait", true);
    }

    function deposit(uint256 who, uint256 amount) external onTime {
        amount = 1 + amount % 100e18;
        _sla.deposit(amount, people[who % 4]);
        held += amount;
        _count("deposit", true);
    }

    function withdraw(uint256 who, uint256 amount) external onTime {
        address account = people[who % 4];
        uint256 balance = _sla.balanceOf(account);
        if (balance < 100e18) return;
        amount = 1 + amount % (balance / 10);
        vm.prank(account);
        _sla.withdraw(amount, account);
        held -= amount;
        _count("withdraw", true);
    }

    function report(uint256 who, uint256 word, uint256 value) external onTime {
        // Now and then by all monitors, of what was disputed last.
        bool isAnswer = value % 4 == 0 && disputes.length != 0;
        (uint256 slaId, uint256 guarantee, uint256 window) = _pick(isAnswer ? _disputed : word);
        if (!_hasEnded(slaId, window)) return;
        value = guarantee == 0 ? value % 999_000 : 101 + value % 5_000;
        ISLATypes.Observation[] memory evidence =
            _evidence(slaId, guarantee, window, isAnswer ? 3 : 1 + (word >> 40) % 5, value, word >> 48);
        bool isDisputed = _sla.claimOf(slaId, guarantee, window).outcome == ISLATypes.Outcome.Disputed;
        vm.prank(people[who % 4]);
        try _sla.reportViolation(slaId, guarantee, window, value, evidence) {
            _count("report", true);
            _count("answer", isDisputed);
        } catch {
            _count("report", false);
        }
    }

    function reportBare(uint256 who, uint256 word, uint256 value) external onTime {
        (uint256 slaId, uint256 guarantee,) = _pick(word);
        vm.prank(people[who % 4]);
        try _sla.reportViolation(slaId, guarantee, value % 2_000_000) {
            _count("reportBare", true);
        } catch {
            _count("reportBare", false);
        }
    }

    function submit(uint256 word, uint256 value) external onTime {
        (uint256 slaId, uint256 guarantee, uint256 window) = _pick(word);
        if (!_hasEnded(slaId, window)) return;
        ISLATypes.Observation[] memory evidence =
            _evidence(slaId, guarantee, window, 2 + (word >> 40) % 4, value % 1_000_001, word >> 48);
        try _sla.submitEvidence(slaId, guarantee, window, evidence) {
            _count("submit", true);
        } catch {
            _count("submit", false);
        }
    }

    function measure(uint256 word) external onTime {
        (uint256 slaId, uint256 guarantee, uint256 window) = _pick(word);
        if (!_hasEnded(slaId, window)) return;
        ISLATypes.Observation[] memory evidence =
            _evidence(slaId, guarantee, window, 2 + (word >> 40) % 4, guarantee == 0 ? 999_500 : 7, word >> 48);
        try _sla.recordMeasurement(slaId, guarantee, window, evidence) {
            _count("measure", true);
        } catch {
            _count("measure", false);
        }
    }

    function dispute(uint256 word) external onTime {
        (uint256 slaId, uint256 guarantee, uint256 window) = _pick(word);
        vm.prank(people[slaId - 1]);
        try _sla.dispute(slaId, guarantee, window) returns (uint256 disputeId) {
            disputes.push(disputeId);
            _disputed = word;
            _count("dispute", true);
        } catch {
            _count("dispute", false);
        }
    }

    function rule(uint256 word, uint256 ruling) external onTime {
        if (disputes.length == 0) return;
        uint256 disputeId = disputes[word % disputes.length];
        uint256[4] memory before = _stakes();
        try arbitrator.rule(_sla, disputeId, ruling % 4) {
            _count("rule", true);
        } catch {
            _count("rule", false);
        }
        _note(before);
    }

    function finalise(uint256 word) external onTime {
        (uint256 slaId, uint256 guarantee, uint256 window) = _pick(word);
        uint256[4] memory before = _stakes();
        try _sla.finalise(slaId, guarantee, window) {
            _count("finalise", true);
        } catch {
            _count("finalise", false);
        }
        _note(before);
    }

    function settle(uint256 word) external onTime {
        (uint256 slaId,, uint256 window) = _pick(word);
        if (!_hasEnded(slaId, window)) return;
        ISLATypes.WindowState memory state = _sla.windowStateOf(slaId, window);
        address customer = people[slaId % 3];
        uint256 balance = _sla.balanceOf(customer);
        try _sla.settleWindow(slaId, window) {
            received[slaId][window] = state.credited + _sla.balanceOf(customer) - balance;
            _count("settle", true);
        } catch {
            _count("settle", false);
        }
    }

    function terminate(uint256 who, uint256 word) external onTime {
        (uint256 slaId,,) = _pick(word);
        if (word >> 60 & 7 != 0) return;
        vm.prank(people[who % 4]);
        try _sla.terminate(slaId) {
            _count("terminate", true);
        } catch {
            _count("terminate", false);
        }
    }

    function release(uint256 word) external onTime {
        (uint256 slaId,,) = _pick(word);
        try _sla.releaseStake(slaId) {
            _count("release", true);
        } catch {
            _count("release", false);
        }
    }

    /// @dev Whatever has happened: time passes, nobody but strangers acts, and everybody takes all that is theirs.
    function takeAll() external {
        time += 60 days;
        vm.warp(time);
        for (uint256 slaId = 1; slaId <= AGREEMENTS; ++slaId) {
            ISLATypes.Agreement memory agreement = _sla.agreementOf(slaId);
            for (uint256 window = 0; window < agreement.windows; ++window) {
                for (uint256 guarantee = 0; guarantee < GUARANTEES; ++guarantee) {
                    ISLATypes.Outcome outcome = _sla.claimOf(slaId, guarantee, window).outcome;
                    if (
                        outcome == ISLATypes.Outcome.Reported || outcome == ISLATypes.Outcome.Violated
                            || outcome == ISLATypes.Outcome.Disputed
                    ) _sla.finalise(slaId, guarantee, window);
                }
                if (!_sla.windowStateOf(slaId, window).settled) _sla.settleWindow(slaId, window);
            }
            if (!agreement.released) _sla.releaseStake(slaId);
        }
        for (uint256 i = 0; i < 5; ++i) {
            address account = i < 4 ? people[i] : _treasury;
            uint256 balance = _sla.balanceOf(account);
            if (balance == 0) continue;
            vm.prank(account);
            _sla.withdraw(balance, account);
            held -= balance;
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Where the money lies
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Balances, and the treasury's.
    function balances() public view returns (uint256 sum) {
        for (uint256 i = 0; i < 4; ++i) {
            sum += _sla.balanceOf(people[i]);
        }
        sum += _sla.balanceOf(_treasury);
    }

    function stakes() external view returns (uint256 sum) {
        for (uint256 slaId = 1; slaId <= AGREEMENTS; ++slaId) {
            sum += _sla.agreementOf(slaId).stake;
        }
    }

    /// @dev Fees of windows that are not settled, less what penalties took from them.
    function fees() external view returns (uint256 sum) {
        for (uint256 slaId = 1; slaId <= AGREEMENTS; ++slaId) {
            uint256 windows = _sla.agreementOf(slaId).windows;
            for (uint256 window = 0; window < windows; ++window) {
                ISLATypes.WindowState memory state = _sla.windowStateOf(slaId, window);
                if (!state.settled) sum += FEE - state.takenFromFee;
            }
        }
    }

    function bonds() external view returns (uint256 sum) {
        for (uint256 slaId = 1; slaId <= AGREEMENTS; ++slaId) {
            uint256 windows = _sla.agreementOf(slaId).windows;
            for (uint256 window = 0; window < windows; ++window) {
                for (uint256 guarantee = 0; guarantee < GUARANTEES; ++guarantee) {
                    ISLATypes.Outcome outcome = _sla.claimOf(slaId, guarantee, window).outcome;
                    if (outcome == ISLATypes.Outcome.Reported || outcome == ISLATypes.Outcome.Violated) sum += BOND;
                    if (outcome == ISLATypes.Outcome.Disputed) sum += 2 * BOND;
                }
            }
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    modifier onTime() {
        vm.warp(time);
        _;
    }

    function _terms(uint256 i) private view returns (ISLATypes.Terms memory terms) {
        (terms.provider, terms.customer) = (people[i], people[(i + 1) % 3]);
        (terms.specification, terms.offerExpiry) = (bytes32(uint256(1)), uint40(time + 1));
        (terms.window, terms.windows) = (WINDOW, uint32(PERIODS));
        (terms.reportPeriod, terms.disputePeriod) = (WINDOW, WINDOW / 2);
        (terms.fee, terms.stake, terms.bond) = (FEE, STAKE, BOND);
        (terms.minSamples, terms.quorum) = (1, 2);
        // The third's credits exceed the fee, so that its stake is used up.
        if (i == 2) terms.credits = [uint32(100_000), 700_000, 1_500_000];
        if (i != 0) terms.arbitrator = IArbitrator(address(arbitrator));
        terms.monitors = _monitors;
        terms.guarantees = new ISLATypes.Guarantee[](GUARANTEES);
        terms.guarantees[0] = ISLATypes.Guarantee("uptime", ISLATypes.Direction.AtLeast, 999_000, 990_000, 900_000);
        terms.guarantees[1] = ISLATypes.Guarantee("latency", ISLATypes.Direction.AtMost, 100, 200, 1_000);
    }

    function _pick(uint256 word) private pure returns (uint256 slaId, uint256 guarantee, uint256 window) {
        return (1 + word % AGREEMENTS, (word >> 16) % GUARANTEES, (word >> 32) % PERIODS);
    }

    function _hasEnded(uint256 slaId, uint256 window) private view returns (bool) {
        if (window >= _sla.agreementOf(slaId).windows) return false;
        (, uint256 to) = _sla.windowOf(slaId, window);
        return time >= to;
    }

    /// @dev By so many of the three monitors, beginning with one or another; all of one mind.
    function _evidence(uint256 slaId, uint256 guarantee, uint256 window, uint256 count, uint256 value, uint256 word)
        private
        view
        returns (ISLATypes.Observation[] memory list)
    {
        if (count > 3) count = 3;
        uint256 first = word % (4 - count);
        (uint256 from, uint256 to) = _sla.windowOf(slaId, window);
        list = new ISLATypes.Observation[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = ISLATypes.Observation(uint8(first + i), uint32(value), 5, uint40(from), uint40(to - 1), "");
            bytes32 digest = _sla.hashMeasurement(slaId, guarantee, window, list[i]);
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[first + i], digest);
            list[i].signature = abi.encodePacked(r, s, v);
        }
    }

    function _stakes() private view returns (uint256[4] memory list) {
        for (uint256 slaId = 1; slaId <= AGREEMENTS; ++slaId) {
            list[slaId] = _sla.agreementOf(slaId).stake;
        }
    }

    /// @dev What left the stakes.
    function _note(uint256[4] memory before) private {
        uint256[4] memory present = _stakes();
        for (uint256 slaId = 1; slaId <= AGREEMENTS; ++slaId) {
            taken[slaId] += before[slaId] - present[slaId];
        }
    }

    function _count(bytes32 name, bool success) private {
        if (success) ++calls[name];
    }
}
