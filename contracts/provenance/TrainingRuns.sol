// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITrainingRuns} from "../../interfaces/ITrainingRuns.sol";
import {LogProofs} from "../crypto/LogProofs.sol";

/// @title TrainingRuns
/// @notice See `ITrainingRuns`. Two slots an open run, a third when it is sealed:
///
///    slot 0   root of the log (zero while it is empty)
///             255    248 247       208 207     160 159                 0
///            +----------+-------------+-----------+---------------------+
///    slot 1  | isSealed |  updatedAt  |   size    |        owner        |
///            +----------+-------------+-----------+---------------------+
///    slot 2   digest of the model (zero until sealed)
abstract contract TrainingRuns is ITrainingRuns {
    struct Run {
        bytes32 root;
        address owner;
        uint48 size;
        uint40 updatedAt;
        bool isSealed;
        bytes32 modelDigest;
    }

    mapping(bytes32 run => Run) private _runs;
    mapping(bytes32 run => mapping(address recorder => bool)) private _recorders;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ITrainingRuns
    function openRun(bytes32 salt, bytes32 manifestDigest) external returns (bytes32 run) {
        run = runId(msg.sender, salt, manifestDigest);
        Run storage r = _runs[run];
        // Check
        if (r.owner != address(0)) revert TrainingRuns_AlreadyOpen(run);
        // Effect
        (r.owner, r.updatedAt) = (msg.sender, uint40(block.timestamp));
        emit RunOpened(run, msg.sender, manifestDigest, salt);
    }

    /// @inheritdoc ITrainingRuns
    function extendRun(bytes32 run, uint64 newSize, bytes32 newRoot, bytes32[] calldata consistencyProof) external {
        Run storage r = _runs[run];
        (address runOwner, uint64 size) = (r.owner, r.size);
        // Check: caller, state, then the proof.
        if (runOwner == address(0)) revert TrainingRuns_UnknownRun(run);
        if (msg.sender != runOwner && !_recorders[run][msg.sender]) {
            revert TrainingRuns_NotRecorder(run, msg.sender);
        }
        if (r.isSealed) revert TrainingRuns_Sealed(run);
        if (newSize <= size) revert TrainingRuns_NotGrowing(run, size, newSize);
        if (newSize > type(uint48).max) revert TrainingRuns_SizeOverflow(newSize);
        if (!LogProofs.verifyConsistency(size, _root(r, size), newSize, newRoot, consistencyProof)) {
            revert TrainingRuns_Inconsistent(run, size, newSize);
        }
        // Effect
        r.root = newRoot;
        (r.size, r.updatedAt) = (uint48(newSize), uint40(block.timestamp));
        emit RunExtended(run, msg.sender, size, newSize, newRoot);
    }

    /// @inheritdoc ITrainingRuns
    function sealRun(bytes32 run, bytes32 modelDigest) external {
        Run storage r = _ownOpenRun(run);
        // Check
        if (modelDigest == 0) revert TrainingRuns_EmptyModelDigest(run);
        uint64 size = r.size;
        if (size == 0) revert TrainingRuns_EmptyRun(run);
        // Effect
        (r.updatedAt, r.isSealed) = (uint40(block.timestamp), true);
        r.modelDigest = modelDigest;
        emit RunSealed(run, modelDigest, size, r.root);
    }

    /// @inheritdoc ITrainingRuns
    function setRecorder(bytes32 run, address recorder, bool authorised) external {
        _ownOpenRun(run);
        _recorders[run][recorder] = authorised;
        emit RecorderSet(run, recorder, authorised);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ITrainingRuns
    function runId(address owner, bytes32 salt, bytes32 manifestDigest) public pure returns (bytes32 run) {
        return keccak256(abi.encode(owner, salt, manifestDigest));
    }

    /// @inheritdoc ITrainingRuns
    function headOf(bytes32 run)
        external
        view
        returns (address owner, uint64 size, bytes32 root, uint64 updatedAt, bytes32 modelDigest)
    {
        Run storage r = _runs[run];
        (owner, size, updatedAt, modelDigest) = (r.owner, r.size, r.updatedAt, r.modelDigest);
        root = owner == address(0) ? bytes32(0) : _root(r, size);
    }

    /// @inheritdoc ITrainingRuns
    function isRecorder(bytes32 run, address account) external view returns (bool) {
        address runOwner = _runs[run].owner;
        return runOwner != address(0) && (account == runOwner || _recorders[run][account]);
    }

    /// @inheritdoc ITrainingRuns
    function verifyEntry(bytes32 run, bytes32 leafHash, uint64 index, bytes32[] calldata inclusionProof)
        external
        view
        returns (bool)
    {
        Run storage r = _runs[run];
        return LogProofs.verifyInclusion(leafHash, index, r.size, r.root, inclusionProof);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The run, provided that the caller owns it and it is not sealed.
    function _ownOpenRun(bytes32 run) private view returns (Run storage r) {
        r = _runs[run];
        address runOwner = r.owner;
        if (runOwner == address(0)) revert TrainingRuns_UnknownRun(run);
        if (msg.sender != runOwner) revert TrainingRuns_NotOwner(run, msg.sender);
        if (r.isSealed) revert TrainingRuns_Sealed(run);
    }

    /// @dev The root of an empty log is a constant and takes no slot.
    function _root(Run storage r, uint64 size) private view returns (bytes32) {
        return size == 0 ? LogProofs.EMPTY_ROOT : r.root;
    }
}
