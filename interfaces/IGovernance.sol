// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {INovaToken} from "./INovaToken.sol";

/// @title IQuadraticCounting
/// @notice Against, For, Abstain as GovernorBravo knows them, and late-quorum protection: a vote that brings the quorum
/// at the last moment prolongs the vote, so that the others can answer. Events and names are OpenZeppelin's.
interface IQuadraticCounting {
    /// @notice The vote on the proposal goes on until `extendedDeadline`, because quorum was reached late.
    event ProposalExtended(uint256 indexed proposalId, uint64 extendedDeadline);

    /// @notice Time that is left to vote after a late quorum, in seconds.
    function lateQuorumVoteExtension() external view returns (uint48);

    /// @notice Votes so far, in the unit of `IQuadraticVotes`.
    function proposalVotes(uint256 proposalId)
        external
        view
        returns (uint256 againstVotes, uint256 forVotes, uint256 abstainVotes);
}

/// @title IGovernance
/// @notice An OpenZeppelin Governor: whoever has 100,000 NOVA in linear votes proposes, verified square roots decide.
///
///     propose ──24 h──▶ vote ──7 d──▶ queue ──48 h──▶ execute        cancel: the proposer while pending,
///                       └ extended to 2 d after a late quorum                the guardian until executed
///
/// @dev Quorum is 40 % of all verified square roots at the snapshot (or two weeks before, if those were more), For and
/// Abstain counted. The guardian cancels and does nothing else, and never a proposal that is only about the guardian.
interface IGovernance {
    /// @notice The guardian cannot cancel its own dismissal.
    error Governance_GuardianCannotCancelDismissal(uint256 proposalId);

    /// @notice How long the quorum remembers a larger electorate, in seconds. Many verifications may end in the same
    /// second, with their season, or be revoked at once: whoever is left cannot decide alone before the others had this
    /// time to be verified again. An electorate that was not there that long ago is not remembered.
    function QUORUM_MEMORY() external view returns (uint256);

    /// @notice Its linear votes are needed to propose.
    function nova() external view returns (INovaToken);
}
