// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbitrable, IArbitrator, ICommitteeArbitrator} from "../../interfaces/IArbitration.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title CommitteeArbitrator
/// @notice See `ICommitteeArbitrator`.
contract CommitteeArbitrator is ICommitteeArbitrator, AccessManaged {
    /// @inheritdoc ICommitteeArbitrator
    uint256 public disputeCount;
    mapping(uint256 disputeID => Dispute) private _disputes;

    constructor(address authority_) AccessManaged(authority_) {}

    /// @inheritdoc IArbitrator
    function createDispute(uint256 choices, bytes calldata) external payable returns (uint256 disputeID) {
        // Check
        if (msg.value != 0) revert CommitteeArbitrator_NothingToPay(msg.value);
        if (choices == 0 || choices > type(uint8).max) revert CommitteeArbitrator_BadChoices(choices);

        // Effect
        disputeID = ++disputeCount;
        _disputes[disputeID] = Dispute({
            arbitrable: IArbitrable(msg.sender),
            createdAt: uint40(block.timestamp),
            ruled: false,
            choices: uint8(choices),
            ruling: 0
        });
        emit DisputeCreation(disputeID, IArbitrable(msg.sender));
    }

    /// @inheritdoc ICommitteeArbitrator
    function giveRuling(uint256 disputeID, uint256 ruling) external restricted {
        // Check
        Dispute storage dispute = _disputes[disputeID];
        IArbitrable arbitrable = dispute.arbitrable;
        if (address(arbitrable) == address(0)) revert CommitteeArbitrator_UnknownDispute(disputeID);
        if (dispute.ruled) revert CommitteeArbitrator_AlreadyRuled(disputeID);
        if (ruling > dispute.choices) revert CommitteeArbitrator_BadRuling(ruling, dispute.choices);

        // Effect
        (dispute.ruled, dispute.ruling) = (true, uint8(ruling));

        // Interaction
        arbitrable.rule(disputeID, ruling);
    }

    /// @inheritdoc ICommitteeArbitrator
    function disputeOf(uint256 disputeID) external view returns (Dispute memory) {
        return _disputes[disputeID];
    }

    /// @inheritdoc IArbitrator
    function arbitrationCost(bytes calldata) external pure returns (uint256) {
        return 0;
    }
}
