// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQuadraticCounting} from "../../interfaces/IGovernance.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title QuadraticCounting
/// @notice See `IQuadraticCounting`. A proposal's tally and its extension share one slot, and quorum is asked for only
/// when it can matter, which OpenZeppelin's GovernorCountingSimple with GovernorPreventLateQuorum does at every vote:
///
///     255     240 239            192 191        128 127         64 63           0
///    +-----------+------------------+--------------+--------------+--------------+
///    |           |  extended until  |   abstain    |     for      |   against    |
///    +-----------+------------------+--------------+--------------+--------------+
///
/// @dev Square roots of 1e10 NOVA held by 2^32 accounts stay under 2^43 (see SeasonedPower): 64 bits are enough.
abstract contract QuadraticCounting is IQuadraticCounting, Governor {
    struct Tally {
        uint64 against;
        uint64 inFavour;
        uint64 abstain;
        uint48 extendedDeadline;
    }

    /// @dev As in GovernorCountingSimple: Against, For, Abstain.
    uint8 private constant AGAINST = 0;
    uint8 private constant FOR = 1;
    uint8 private constant ABSTAIN = 2;

    /// @inheritdoc IQuadraticCounting
    // solhint-disable-next-line const-name-snakecase
    uint48 public constant lateQuorumVoteExtension = 2 days;

    mapping(uint256 proposalId => Tally) private _tallies;
    mapping(uint256 proposalId => mapping(address voter => bool)) private _hasVoted;

    /// @inheritdoc IQuadraticCounting
    function proposalVotes(uint256 proposalId)
        external
        view
        returns (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes)
    {
        Tally memory tally = _tallies[proposalId];
        return (tally.against, tally.inFavour, tally.abstain);
    }

    /// @notice Whether `account` has voted on the proposal.
    function hasVoted(uint256 proposalId, address account) external view returns (bool) {
        return _hasVoted[proposalId][account];
    }

    /// @notice Counting mode of ERC-6372-aware tools: Against, For, Abstain; For and Abstain make up the quorum.
    // solhint-disable-next-line func-name-mixedcase
    function COUNTING_MODE() external pure returns (string memory) {
        return "support=bravo&quorum=for,abstain";
    }

    /// @notice Last second in which votes are accepted, extended when quorum came late.
    function proposalDeadline(uint256 proposalId) public view virtual override returns (uint256) {
        uint256 deadline = super.proposalDeadline(proposalId);
        uint256 extended = _tallies[proposalId].extendedDeadline;
        return extended > deadline ? extended : deadline;
    }

    function _quorumReached(uint256 proposalId) internal view override returns (bool) {
        Tally memory tally = _tallies[proposalId];
        return uint256(tally.inFavour) + tally.abstain >= quorum(proposalSnapshot(proposalId));
    }

    function _voteSucceeded(uint256 proposalId) internal view override returns (bool) {
        Tally memory tally = _tallies[proposalId];
        return tally.inFavour > tally.against;
    }

    function _countVote(uint256 proposalId, address account, uint8 support, uint256 weight, bytes memory)
        internal
        override
        returns (uint256)
    {
        // Check
        if (_hasVoted[proposalId][account]) revert GovernorAlreadyCastVote(account);
        if (support > ABSTAIN) revert GovernorInvalidVoteType();

        // Effect
        _hasVoted[proposalId][account] = true;
        Tally memory tally = _tallies[proposalId];
        uint64 votes = SafeCast.toUint64(weight);
        if (support == AGAINST) {
            tally.against += votes;
        } else {
            _extendIfLate(proposalId, tally, votes);
            if (support == FOR) tally.inFavour += votes;
            else tally.abstain += votes;
        }
        _tallies[proposalId] = tally;
        return weight;
    }

    /// @dev When this vote brings the quorum and fewer than the extension's seconds are left, the rest is given again.
    function _extendIfLate(uint256 proposalId, Tally memory tally, uint256 votes) private {
        uint256 extended = uint256(clock()) + lateQuorumVoteExtension;
        if (extended <= super.proposalDeadline(proposalId)) return;
        uint256 before = uint256(tally.inFavour) + tally.abstain;
        // Where no quorum is asked for, the first power brings it.
        uint256 needed = Math.max(quorum(proposalSnapshot(proposalId)), 1);
        if (before >= needed || before + votes < needed) return;
        tally.extendedDeadline = uint48(extended);
        emit ProposalExtended(proposalId, uint64(extended));
    }
}
