// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IProofOfTraining} from "../../interfaces/IProofOfTraining.sol";
import {Anchors} from "./Anchors.sol";
import {Records} from "./Records.sol";
import {TrainingRuns} from "./TrainingRuns.sol";

/// @title ProofOfTraining
/// @notice Three ways to prove training on one address, cheapest first. The three share no state and no code:
///
///   Anchors        this account knew this digest (or this Merkle tree of digests) at this block
///   TrainingRuns   this run's log has only ever grown, and ended in this model
///   Records        this hash with this metadata has this number; the interface that existing tools know
///
/// @dev Immutable: no proxy, and nobody can change or remove what was written. The owner can stop new records, which
/// touches neither anchors nor runs.
contract ProofOfTraining is IProofOfTraining, Anchors, TrainingRuns, Records {
    /// @param initialOwner Account that may stop new records: the deployer, then governance.
    constructor(address initialOwner) Records(initialOwner) {}
}
