// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuadraticVotes} from "../../contracts/governance/QuadraticVotes.sol";
import {GateHarness} from "../../contracts/test/GateHarness.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {Test} from "./Vm.sol";

/// @dev Enough for a chain that is too long.
uint256 constant ACTORS = 12;

/// @title QuadraticVotesHandler
/// @notice Drives NovaToken and QuadraticVotes through random histories of twelve accounts, beside the plainest model of
/// them: balances, last seasons and who delegates to whom. Power and votes are computed from that anew at each look.
/// @dev Every action predicts its outcome, refusals with their exact error included, so nothing is skipped silently.
contract QuadraticVotesHandler is Test {
    /// @dev All that voting depends on, as it was at the end of a second.
    struct Moment {
        uint256 time;
        uint256[ACTORS] roots;
        uint256[ACTORS] lastSeasons;
        uint256[ACTORS] representatives;
    }

    uint256 private constant SEASON = 13 weeks;
    uint256 private constant DEPTH = 8;

    NovaToken public immutable NOVA;
    QuadraticVotes public immutable VOTES;
    GateHarness[2] public gates;

    /// @dev Time is kept here: `block.timestamp` would be read once by the optimiser.
    uint256 public time;
    uint256 public gate;
    uint256[ACTORS] private _balances;
    uint256[ACTORS] private _lastSeasons;
    uint256[ACTORS] private _delegatees;
    bool[ACTORS] private _open;
    mapping(uint256 delegatee => mapping(uint256 delegator => IQuadraticVotes.Acceptance)) private _answers;
    Moment[] private _moments;
    mapping(bytes32 name => uint256) public calls;

    constructor(NovaToken nova, GateHarness first, GateHarness second, uint256 time_) {
        NOVA = nova;
        VOTES = QuadraticVotes(address(nova.quadraticVotes()));
        gates = [first, second];
        time = time_;
        for (uint256 i = 0; i < ACTORS; ++i) {
            _delegatees[i] = i;
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Tokens
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Small amounts move the last decimals, large ones everything.
    function transfer(uint256 from, uint256 to, uint256 amount, uint256 noise) external {
        (from, to) = (from % ACTORS, to % ACTORS);
        _tick(noise);
        amount = noise % 3 == 0 ? _balances[from] : _bound(amount, 0, _balances[from]);
        _expect("transfer", from, address(NOVA), abi.encodeCall(NOVA.transfer, (actor(to), amount)), "");
        _balances[from] -= amount;
        _balances[to] += amount;
        _remember();
    }

    function mint(uint256 to, uint256 amount, uint256 noise) external {
        to = to % ACTORS;
        _tick(noise);
        amount = _bound(amount, 0, noise % 4 == 0 ? 500_000_000e18 : 100e18);
        if (NOVA.totalSupply() + amount > NOVA.cap()) return;
        NOVA.mint(actor(to), amount); // the handler is the administrator
        ++calls["mint"];
        _balances[to] += amount;
        _remember();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Verification
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The gate says anything, and is heard at once or later.
    function verify(uint256 who, uint256 ahead, uint256 second, bool heard, uint256 noise) external {
        who = who % ACTORS;
        _tick(noise);
        ahead %= 6;
        uint256 until = ahead == 0 ? 0 : (time / SEASON + ahead) * SEASON + (second % 4 == 0 ? second % SEASON : 0);
        gates[gate].set(actor(who), uint48(until));
        if (heard) _sync(who);
        _remember();
    }

    function sync(uint256 who, uint256 noise) external {
        _tick(noise);
        _sync(who % ACTORS);
        _remember();
    }

    function swapGate(uint256 who, uint256 noise) external {
        if (noise % 4 != 0) return; // seldom: the other one knows others
        _tick(noise);
        gate = 1 - gate;
        VOTES.setGate(gates[gate]);
        ++calls["swapGate"];
        _sync(who % ACTORS);
        _remember();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Delegation
    // ------------------------------------------------------------------------------------------------------------

    function answer(uint256 delegatee, uint256 delegator, bool accepted, uint256 noise) external {
        (delegatee, delegator) = (delegatee % ACTORS, delegator % ACTORS);
        _tick(noise);
        bytes memory call_ = abi.encodeCall(VOTES.acceptDelegator, (actor(delegator), accepted));
        _expect("answer", delegatee, address(VOTES), call_, "");
        _answers[delegatee][delegator] =
            accepted ? IQuadraticVotes.Acceptance.Accepted : IQuadraticVotes.Acceptance.Refused;
        _remember();
    }

    function setOpen(uint256 delegatee, bool open, uint256 noise) external {
        delegatee = delegatee % ACTORS;
        _tick(noise);
        open = open || noise % 4 != 0;
        _expect("setOpen", delegatee, address(VOTES), abi.encodeCall(VOTES.setOpen, (open)), "");
        _open[delegatee] = open;
        _remember();
    }

    /// @dev Often to the neighbour, so that chains grow long; with `willing` the delegatee accepts first.
    function delegate(uint256 from, uint256 to, bool willing, bool zero, uint256 noise) external {
        from = from % ACTORS;
        to = noise % 3 != 0 ? (from + 1) % ACTORS : to % ACTORS;
        _tick(noise);
        if (willing) {
            vm.prank(actor(to));
            VOTES.acceptDelegator(actor(from), true);
            _answers[to][from] = IQuadraticVotes.Acceptance.Accepted;
        }
        address target = to == from && zero ? address(0) : actor(to);
        bytes memory call_ = abi.encodeCall(VOTES.delegate, (target));
        bytes32 name = to == from ? bytes32("undelegate") : bytes32("delegate");
        if (_expect(name, from, address(VOTES), call_, _delegateRefusal(from, to))) _delegatees[from] = to;
        _remember();
    }

    function release(uint256 delegator, uint256 caller, uint256 noise) external {
        delegator = delegator % ACTORS;
        caller = noise % 3 == 0 ? caller % ACTORS : _delegatees[delegator];
        _tick(noise);
        bytes memory refusal = _delegatees[delegator] == caller && caller != delegator
            ? bytes("")
            : abi.encodeWithSelector(
                IQuadraticVotes.QuadraticVotes_NotDelegator.selector, actor(delegator), actor(caller)
            );
        bytes memory call_ = abi.encodeCall(VOTES.release, (actor(delegator)));
        if (_expect("release", caller, address(VOTES), call_, refusal)) {
            _delegatees[delegator] = delegator;
            _answers[caller][delegator] = IQuadraticVotes.Acceptance.Refused;
        }
        _remember();
    }

    // ------------------------------------------------------------------------------------------------------------
    // The model, read
    // ------------------------------------------------------------------------------------------------------------

    function moments() external view returns (Moment[] memory) {
        return _moments;
    }

    /// @dev What `moment` says of a second in `season`: votes of each account, and the total.
    function tally(Moment memory moment, uint256 season)
        public
        pure
        returns (uint256[ACTORS] memory votes, uint256 total)
    {
        for (uint256 i = 0; i < ACTORS; ++i) {
            if (moment.lastSeasons[i] < season) continue;
            votes[moment.representatives[i]] += moment.roots[i];
            total += moment.roots[i];
        }
    }

    function present() public view returns (Moment memory moment) {
        moment.time = time;
        moment.lastSeasons = _lastSeasons;
        for (uint256 i = 0; i < ACTORS; ++i) {
            moment.roots[i] = root(_balances[i]);
            moment.representatives[i] = i;
            for (uint256 d = depthOf(i); d > 0; --d) {
                moment.representatives[i] = _delegatees[moment.representatives[i]];
            }
        }
    }

    function delegateeOf(uint256 who) external view returns (uint256) {
        return _delegatees[who];
    }

    function depthOf(uint256 who) public view returns (uint256 depth) {
        for (; _delegatees[who] != who; who = _delegatees[who]) {
            ++depth;
        }
    }

    /// @dev The longest way from anybody to `who`.
    function heightOf(uint256 who) public view returns (uint256 height) {
        for (uint256 i = 0; i < ACTORS; ++i) {
            uint256 distance;
            uint256 above = i;
            for (; above != who && _delegatees[above] != above; above = _delegatees[above]) {
                ++distance;
            }
            if (above == who && distance > height) height = distance;
        }
    }

    function lastSeasonOf(uint256 who) external view returns (uint256) {
        return _lastSeasons[who];
    }

    function actor(uint256 who) public pure returns (address) {
        return address(uint160(0xac00 + who));
    }

    /// @dev The largest number whose square is not above the balance in millionths of NOVA.
    function root(uint256 balance) public pure returns (uint256 low) {
        uint256 high = 1e8 + 1;
        while (high - low > 1) {
            uint256 middle = (low + high) / 2;
            if (middle * middle <= balance / 1e12) low = middle;
            else high = middle;
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _sync(uint256 who) private {
        uint256 season = time / SEASON;
        uint256 until = gates[gate].verifiedUntil(actor(who));
        uint256 last = until / SEASON; // one more than the last whole season
        if (last < season + 1) last = 0;
        else if (last > season + 4) last = season + 3;
        else --last;
        bool news = last != (_lastSeasons[who] < season ? 0 : _lastSeasons[who]);
        vm.assertEq(VOTES.sync(actor(who)), news, "news");
        if (news) ++calls[last == 0 ? bytes32("unverified") : bytes32("verified")];
        if (news) _lastSeasons[who] = last;
    }

    function _delegateRefusal(uint256 from, uint256 to) private view returns (bytes memory) {
        if (from == to) return "";
        IQuadraticVotes.Acceptance said = _answers[to][from];
        if (said == IQuadraticVotes.Acceptance.Refused || (said == IQuadraticVotes.Acceptance.Unanswered && !_open[to]))
        {
            return abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_NotAccepted.selector, actor(from), actor(to));
        }
        for (uint256 above = to; _delegatees[above] != above; above = _delegatees[above]) {
            if (_delegatees[above] == from || above == from) {
                return abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_Cycle.selector, actor(from), actor(to));
            }
        }
        uint256 depth = heightOf(from) + 1 + depthOf(to);
        if (depth <= DEPTH) return "";
        return
            abi.encodeWithSelector(
                IQuadraticVotes.QuadraticVotes_TooDeep.selector, actor(from), actor(to), depth, DEPTH
            );
    }

    /// @dev Calls, and fails the campaign unless the outcome is the predicted one. True if it went through.
    function _expect(bytes32 name, uint256 caller, address target, bytes memory call_, bytes memory refusal)
        private
        returns (bool)
    {
        vm.prank(actor(caller));
        (bool ok, bytes memory said) = target.call(call_);
        if (refusal.length == 0) {
            vm.assertTrue(ok, "an allowed action was refused");
            ++calls[name];
        } else {
            vm.assertFalse(ok, "a forbidden action went through");
            vm.assertEq(said, refusal);
            ++calls[bytes4(refusal)];
        }
        return ok;
    }

    /// @dev The same second again, a little later, or somewhere around the end of a season near or far.
    function _tick(uint256 noise) private {
        noise = uint256(keccak256(abi.encode(noise)));
        uint256 kind = noise % 16;
        if (kind == 15) time = (time / SEASON + 1 + (noise >> 8) % 2) * SEASON - 1 + (noise >> 16) % 3;
        else if (kind == 14 && (noise >> 8) % 4 == 0) time += noise % (3 * SEASON);
        else if (kind > 9) time += noise % 1_000_000;
        vm.warp(time);
    }

    function _remember() private {
        if (_moments.length > 0 && _moments[_moments.length - 1].time == time) _moments.pop();
        _moments.push(present());
    }
}
