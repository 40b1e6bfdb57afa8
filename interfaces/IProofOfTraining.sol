// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAnchors} from "./IAnchors.sol";
import {IRecords} from "./IRecords.sol";
import {ITrainingRuns} from "./ITrainingRuns.sol";

/// @title IProofOfTraining
/// @notice Three ways to prove training on one immutable address, cheapest first: anchors, runs, records.
/// @dev Only records have an owner, who can stop new records; nobody can stop, change or censor anchors and runs.
interface IProofOfTraining is IAnchors, ITrainingRuns, IRecords {}
