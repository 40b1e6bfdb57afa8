// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIdentityGate} from "../../interfaces/IIdentityGate.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {DelegationHeights} from "./DelegationHeights.sol";
import {PowerTrace, PowerTraces} from "./PowerTrace.sol";
import {SeasonedPower, SeasonedPowers} from "./SeasonedPower.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title QuadraticVotes
/// @notice See `IQuadraticVotes`. Accounts have small numbers, so that all that a transfer needs to know of an account
/// on the way to its representative lies in one slot:
///
///     255      240 239                              48 47          32 31              0
///    +------------+-----------------------------------+--------------+-----------------+
///    |            |  received: power delegated to it  |  lastSeason  |    delegatee    |
///    +------------+-----------------------------------+--------------+-----------------+
///
/// @dev What is kept at every moment, in the season of the moment:
///  - received(a) = Σ over direct delegators d of own(d) + received(d), for every account;
///  - the latest checkpoint of a representative r is own(r) + received(r), that of every other account is 0;
///  - the latest total is Σ own(a); own(a) is floor(sqrt(balance / 1e12)) while the verification lasts.
contract QuadraticVotes is IQuadraticVotes, AccessManaged, EIP712, Nonces {
    using DelegationHeights for uint256;
    using PowerTraces for PowerTrace;

    struct Account {
        /// @dev Number of the delegatee, 0 for an account that votes itself.
        uint32 delegatee;
        /// @dev Last season of the verification; 0 for none.
        uint16 lastSeason;
        SeasonedPower received;
    }

    /// @inheritdoc IQuadraticVotes
    uint256 public constant MAX_DEPTH = 8;
    /// @inheritdoc IQuadraticVotes
    uint256 public constant SEASON = SeasonedPowers.SEASON;
    /// @inheritdoc IQuadraticVotes
    address public immutable token;
    /// @inheritdoc IQuadraticVotes
    IIdentityGate public gate;

    bytes32 private constant DELEGATION_TYPEHASH =
        keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");
    /// @dev A square root of units of 1e-6 NOVA has three decimals.
    uint256 private constant SCALE = 1e12;
    /// @dev Of `Account`: the lowest bit of `received`, and that of its season.
    uint256 private constant RECEIVED_AT = 48;
    uint256 private constant SEASON_AT = 224;

    /// @dev Shares a slot with `gate`. Numbers start at 1.
    uint32 private _count;
    PowerTrace private _total;
    mapping(address account => uint32 number) private _numbers;
    mapping(uint32 number => address account) private _addresses;
    mapping(uint32 number => Account) private _accounts;
    mapping(uint32 number => uint256) private _heights;
    mapping(uint32 number => PowerTrace) private _votes;
    mapping(address delegatee => mapping(address delegator => Acceptance)) private _acceptances;

    constructor(address token_, address authority_) AccessManaged(authority_) EIP712("NovaCron Quadratic Votes", "1") {
        token = token_;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Delegation
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Pass your power, and what others have passed to you, on to `delegatee`; yourself or 0 takes it back.
    function delegate(address delegatee) external {
        _delegate(msg.sender, delegatee);
    }

    /// @notice `delegate` for whoever signed (EIP-712, `Delegation(address delegatee,uint256 nonce,uint256 expiry)`).
    function delegateBySig(address delegatee, uint256 nonce, uint256 expiry, uint8 v, bytes32 r, bytes32 s) external {
        // Check
        if (block.timestamp > expiry) revert VotesExpiredSignature(expiry);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(DELEGATION_TYPEHASH, delegatee, nonce, expiry)));
        address signer = ECDSA.recover(digest, v, r, s);
        _useCheckedNonce(signer, nonce);

        // Effect
        _delegate(signer, delegatee);
    }

    /// @inheritdoc IQuadraticVotes
    function acceptDelegator(address delegator, bool accepted) external {
        _answer(msg.sender, delegator, accepted ? Acceptance.Accepted : Acceptance.Refused);
    }

    /// @inheritdoc IQuadraticVotes
    function setOpen(bool open) external {
        uint32 number = _register(msg.sender);
        _heights[number] = _heights[number].withOpen(open);
        emit OpenSet(msg.sender, open);
    }

    /// @inheritdoc IQuadraticVotes
    function release(address delegator) external {
        // Check
        uint32 number = _numbers[delegator];
        uint32 delegatee = _accounts[number].delegatee;
        if (delegatee == 0 || delegatee != _numbers[msg.sender]) {
            revert QuadraticVotes_NotDelegator(delegator, msg.sender);
        }

        // Effect
        _answer(msg.sender, delegator, Acceptance.Refused);
        _delegate(delegator, delegator);
    }

    function _answer(address delegatee, address delegator, Acceptance answer) private {
        uint32 number = _register(delegatee);
        _heights[number] = _heights[number].withUsed();
        _acceptances[delegatee][delegator] = answer;
        emit DelegatorAnswered(delegatee, delegator, answer);
    }

    function _delegate(address delegator, address delegatee) private {
        // Check: the zero address is another name for oneself, and stands for nobody else.
        if (delegatee == address(0)) delegatee = delegator;
        uint32 from = _register(delegator);
        uint32 previous = _accounts[from].delegatee;
        uint256 height = _heights[from].height();
        uint32 to = delegatee == delegator ? 0 : _requirePossible(delegator, delegatee, from, height);

        // Effect: take everything away from where it was, then bring it to where it goes.
        emit DelegateChanged(delegator, previous == 0 ? delegator : _addresses[previous], delegatee);
        if (previous == to) return;
        uint256 season = _season();
        SeasonedPower none = SeasonedPowers.create(0, 0, season);
        SeasonedPower whole = _own(IERC20(token).balanceOf(delegator), _accounts[from].lastSeason, season)
            .change(none, _accounts[from].received.settle(season), season);
        _pass(from, delegator, whole, none, season);
        _recount(previous, height, DelegationHeights.NONE);
        _accounts[from].delegatee = to;
        _pass(from, delegator, none, whole, season);
        _recount(to, DelegationHeights.NONE, height);
    }

    function _requirePossible(address delegator, address delegatee, uint32 from, uint256 height)
        private
        view
        returns (uint32 to)
    {
        // Whoever has answered or is open has a number.
        to = _numbers[delegatee];
        uint256 heights = _heights[to];
        Acceptance answer = _acceptances[delegatee][delegator];
        if (answer == Acceptance.Refused || (answer == Acceptance.Unanswered && !heights.isOpen())) {
            revert QuadraticVotes_NotAccepted(delegator, delegatee);
        }
        uint256 depth = height + 1;
        for (uint32 above = to; above != 0; above = _accounts[above].delegatee) {
            if (above == from) revert QuadraticVotes_Cycle(delegator, delegatee);
            if (above != to) ++depth;
        }
        if (depth > MAX_DEPTH) revert QuadraticVotes_TooDeep(delegator, delegatee, depth, MAX_DEPTH);
        if (!heights.hasRoom(height)) revert QuadraticVotes_TooManyDelegators(delegatee);
    }

    /// @dev A direct delegator of `number` is gone, came, or has another height now; tell those above as far as it
    /// changes their own.
    function _recount(uint32 number, uint256 removed, uint256 added) private {
        while (number != 0) {
            uint256 old = _heights[number];
            uint256 heights = old.recount(removed, added);
            _heights[number] = heights;
            (removed, added) = (old.height(), heights.height());
            if (removed == added) return;
            number = _accounts[number].delegatee;
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Verification
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IQuadraticVotes
    function sync(address account) external returns (bool changed) {
        return _sync(account);
    }

    /// @inheritdoc IQuadraticVotes
    function syncMany(address[] calldata accounts) external {
        for (uint256 i = 0; i < accounts.length; ++i) {
            _sync(accounts[i]);
        }
    }

    /// @inheritdoc IQuadraticVotes
    function setGate(IIdentityGate newGate) external restricted {
        gate = newGate;
        emit GateSet(address(newGate));
    }

    function _sync(address account) private returns (bool) {
        // Interaction: views only, of the token and of the gate that governance chose.
        uint256 season = _season();
        uint256 until = address(gate) == address(0) ? 0 : gate.verifiedUntil(account);
        uint256 balance = IERC20(token).balanceOf(account);

        // Effect: only whole seasons count, and none beyond the reach of the lanes.
        uint256 last = until < SEASON ? 0 : Math.min(until / SEASON - 1, season + SeasonedPowers.REACH);
        if (last < season) last = 0;
        uint256 previous = _accounts[_numbers[account]].lastSeason;
        if (previous < season) previous = 0;
        if (previous == last) return false;
        uint32 number = _register(account);
        _accounts[number].lastSeason = uint16(last);
        _changeOwn(number, account, _own(balance, previous, season), _own(balance, last, season), season);
        emit VerificationSynced(account, last == 0 ? 0 : uint48(SeasonedPowers.endOf(last)));
        return true;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Balances
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IQuadraticVotes
    function afterTransfer(address from, address to, uint256 amount, uint256 fromBalance, uint256 toBalance) external {
        if (msg.sender != token) revert QuadraticVotes_NotToken(msg.sender);
        if (from == to || amount == 0) return;
        uint256 season = _season();
        // Nobody is behind the zero address, whatever a gate says of it: it holds nothing that could be counted.
        if (from != address(0)) _changeBalance(from, fromBalance + amount, fromBalance, season);
        if (to != address(0)) _changeBalance(to, toBalance - amount, toBalance, season);
    }

    function _changeBalance(address account, uint256 before, uint256 afterwards, uint256 season) private {
        uint32 number = _numbers[account];
        if (number == 0) return;
        uint256 last = _accounts[number].lastSeason;
        if (last < season) return;
        _changeOwn(number, account, _own(before, last, season), _own(afterwards, last, season), season);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Accounting
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The account's own power changes: at its representative and in the total.
    function _changeOwn(uint32 number, address account, SeasonedPower less, SeasonedPower more, uint256 season)
        private
    {
        if (less.equals(more)) return;
        _pass(number, account, less, more, season);
        _total.change(less, more, block.timestamp, season);
    }

    /// @dev Pass a change of the whole power of `account`, whose number is `number`, up to its representative, and
    /// note it there. On the way each slot is read once and written once.
    function _pass(uint32 number, address account, SeasonedPower less, SeasonedPower more, uint256 season) private {
        if (less.equals(more)) return;
        uint256 plus = uint256(SeasonedPower.unwrap(more)) << RECEIVED_AT;
        uint256 minus = uint256(SeasonedPower.unwrap(less)) << RECEIVED_AT;
        uint32 top = number;
        uint32 above = _accounts[number].delegatee;
        while (above != 0) {
            top = above;
            Account storage delegatee = _accounts[above];
            uint256 word;
            assembly ("memory-safe") {
                word := sload(delegatee.slot)
            }
            if (word >> SEASON_AT != season) word = _settle(word, season);
            // As in `SeasonedPowers.change`: each has the tag of the season, and no lane borrows or overflows.
            unchecked {
                word = word + plus - minus;
            }
            assembly ("memory-safe") {
                sstore(delegatee.slot, word)
            }
            above = uint32(word);
        }
        (SeasonedPower old, SeasonedPower now_) = _votes[top].change(less, more, block.timestamp, season);
        if (top != number) account = _addresses[top];
        emit DelegateVotesChanged(account, old.valueIn(season), now_.valueIn(season));
    }

    /// @dev An `Account` whose `received` is written in `season`.
    function _settle(uint256 word, uint256 season) private pure returns (uint256) {
        SeasonedPower received = SeasonedPower.wrap(uint192(word >> RECEIVED_AT)).settle(season);
        return (uint256(SeasonedPower.unwrap(received)) << RECEIVED_AT) | (word & type(uint48).max);
    }

    function _own(uint256 balance, uint256 last, uint256 season) private pure returns (SeasonedPower) {
        return SeasonedPowers.create(Math.sqrt(balance / SCALE), last, season);
    }

    function _register(address account) private returns (uint32 number) {
        number = _numbers[account];
        if (number == 0) {
            number = ++_count;
            _numbers[account] = number;
            _addresses[number] = account;
        }
    }

    function _season() private view returns (uint256) {
        return SeasonedPowers.seasonOf(block.timestamp);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Power that `account` votes with now.
    function getVotes(address account) external view returns (uint256) {
        return _votes[_numbers[account]].latest().valueIn(_season());
    }

    /// @notice Power that `account` voted with at `timepoint`, seconds in the past.
    function getPastVotes(address account, uint256 timepoint) external view returns (uint256) {
        return _lookup(_votes[_numbers[account]], timepoint);
    }

    /// @notice Sum of the square roots of all accounts verified at `timepoint`, seconds in the past.
    function getPastTotalSupply(uint256 timepoint) external view returns (uint256) {
        return _lookup(_total, timepoint);
    }

    /// @inheritdoc IQuadraticVotes
    function getTotalSupply() external view returns (uint256) {
        return _total.latest().valueIn(_season());
    }

    /// @notice Whom `account` has delegated to; itself when it votes itself.
    function delegates(address account) external view returns (address) {
        uint32 delegatee = _accounts[_numbers[account]].delegatee;
        return delegatee == 0 ? account : _addresses[delegatee];
    }

    /// @inheritdoc IQuadraticVotes
    function representative(address account) external view returns (address) {
        (uint32 number,) = _top(account);
        return number == 0 ? account : _addresses[number];
    }

    /// @inheritdoc IQuadraticVotes
    function depthOf(address account) external view returns (uint256 depth) {
        (, depth) = _top(account);
    }

    /// @inheritdoc IQuadraticVotes
    function heightOf(address account) external view returns (uint256) {
        return _heights[_numbers[account]].height();
    }

    /// @inheritdoc IQuadraticVotes
    function verifiedUntil(address account) external view returns (uint48) {
        uint256 last = _accounts[_numbers[account]].lastSeason;
        return last < _season() ? 0 : uint48(SeasonedPowers.endOf(last));
    }

    /// @inheritdoc IQuadraticVotes
    function powerOf(address account) external view returns (uint256) {
        uint256 season = _season();
        return _own(IERC20(token).balanceOf(account), _accounts[_numbers[account]].lastSeason, season).valueIn(season);
    }

    /// @inheritdoc IQuadraticVotes
    function acceptanceOf(address delegatee, address delegator) external view returns (Acceptance) {
        return _acceptances[delegatee][delegator];
    }

    /// @inheritdoc IQuadraticVotes
    function isOpen(address delegatee) external view returns (bool) {
        return _heights[_numbers[delegatee]].isOpen();
    }

    /// @notice Seconds since 1970 (ERC-6372).
    function clock() public view returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() external pure returns (string memory) {
        return "mode=timestamp";
    }

    function _lookup(PowerTrace storage trace, uint256 timepoint) private view returns (uint256) {
        if (timepoint >= block.timestamp) revert QuadraticVotes_FutureLookup(timepoint, clock());
        SeasonedPower power = trace.lookup(timepoint);
        return power.valueIn(SeasonedPowers.seasonOf(timepoint));
    }

    function _top(address account) private view returns (uint32 number, uint256 depth) {
        number = _numbers[account];
        for (uint32 above = _accounts[number].delegatee; above != 0; above = _accounts[number].delegatee) {
            number = above;
            ++depth;
        }
    }
}
