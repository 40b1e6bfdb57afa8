// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IArbitrator
/// @notice Who rules disputes (ERC-792).
interface IArbitrator {
    event DisputeCreation(uint256 indexed disputeID, IArbitrable indexed arbitrable);

    /// @notice Open a dispute of the caller's with rulings 1 to `choices`; 0 is "refused to rule".
    function createDispute(uint256 choices, bytes calldata extraData) external payable returns (uint256 disputeID);
    /// @notice What `createDispute` costs, in wei.
    function arbitrationCost(bytes calldata extraData) external view returns (uint256 cost);
}

/// @title IArbitrable
/// @notice What asks for a ruling (ERC-792).
interface IArbitrable {
    event Ruling(IArbitrator indexed arbitrator, uint256 indexed disputeID, uint256 ruling);

    /// @notice The arbitrator's answer.
    function rule(uint256 disputeID, uint256 ruling) external;
}

/// @title ICommitteeArbitrator
/// @notice Governance's committee as an arbitrator: free of charge, a member rules.
interface ICommitteeArbitrator is IArbitrator {
    struct Dispute {
        IArbitrable arbitrable;
        uint40 createdAt;
        bool ruled;
        uint8 choices;
        uint8 ruling;
    }

    error CommitteeArbitrator_UnknownDispute(uint256 disputeID);
    error CommitteeArbitrator_AlreadyRuled(uint256 disputeID);
    /// @notice A dispute has 1 to 255 choices.
    error CommitteeArbitrator_BadChoices(uint256 choices);
    error CommitteeArbitrator_BadRuling(uint256 ruling, uint256 choices);
    /// @notice It costs nothing.
    error CommitteeArbitrator_NothingToPay(uint256 value);

    /// @notice Rule, for good. @dev Restricted to ARBITER.
    function giveRuling(uint256 disputeID, uint256 ruling) external;
    function disputeOf(uint256 disputeID) external view returns (Dispute memory);
    function disputeCount() external view returns (uint256);
}
