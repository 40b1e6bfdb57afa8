// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {IAnchors} from "../../interfaces/IAnchors.sol";
import {IRecords} from "../../interfaces/IRecords.sol";
import {ITrainingRuns} from "../../interfaces/ITrainingRuns.sol";
import {NaiveLog} from "./NaiveLog.sol";
import {Test} from "./Vm.sol";

/// @title ProofOfTrainingHandler
/// @notice Drives ProofOfTraining through random histories and keeps, in ghost state, what must hold for ever after.
/// @dev Every action predicts its outcome, refusals with their exact error included, so nothing is skipped silently.
contract ProofOfTrainingHandler is Test {
    struct Anchor {
        address submitter;
        bytes32 digest;
        uint256 timestamp;
        uint256 blockNumber;
        uint256 size;
    }

    struct Run {
        address owner;
        uint256 seed;
        uint256 size;
        uint256 updatedAt;
        bytes32 root;
        bytes32 model;
    }

    struct Stored {
        bytes32 digest;
        bytes32 metadataHash;
        uint256 timestamp;
        uint256 blockNumber;
        address submitter;
    }

    uint256 private constant MAX_LEAVES = 48;

    ProofOfTraining public immutable PROOF;
    address public owner;
    address public pendingOwner;
    bool public paused;
    uint256 public stores;

    Anchor[] private _anchors;
    bytes32[] private _runIds;
    Stored[] private _stored;
    mapping(bytes32 run => Run) private _runs;
    mapping(bytes32 run => mapping(address => bool)) private _recorders;
    mapping(address => mapping(bytes32 => bool)) private _anchored;
    mapping(bytes32 name => uint256) public calls;

    constructor(ProofOfTraining proof) {
        PROOF = proof;
        owner = proof.owner();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Anchors
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Few digests and few submitters, so that repeats happen.
    function anchor(uint256 who, uint8 what, uint64 size, uint8 way) external {
        _tick(who);
        address submitter = _actor(who);
        bytes32 digest = keccak256(abi.encode("digest", what % 40));
        size = way % 3 == 2 ? uint64(_bound(size, 1, type(uint64).max)) : 1;
        bytes memory call_ = way % 3 == 0
            ? abi.encodeWithSignature("anchor(bytes32)", digest)
            : way % 3 == 1
                ? abi.encodeWithSignature("anchor(bytes32,bytes)", digest, bytes("m"))
                : abi.encodeCall(PROOF.anchorBatch, (digest, size, "m"));
        bytes memory refusal = _anchored[submitter][digest]
            ? abi.encodeWithSelector(IAnchors.Anchors_AlreadyAnchored.selector, submitter, digest)
            : bytes("");
        if (!_expect("anchor", submitter, call_, refusal)) return;
        _anchored[submitter][digest] = true;
        _anchors.push(Anchor(submitter, digest, block.timestamp, block.number, size));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Runs
    // ------------------------------------------------------------------------------------------------------------

    function openRun(uint256 who, uint8 salt) external {
        _tick(who);
        address opener = _actor(who);
        bytes32 run = PROOF.runId(opener, bytes32(uint256(salt % 4)), "manifest");
        bytes memory refusal = _runs[run].owner == address(0)
            ? bytes("")
            : abi.encodeWithSelector(ITrainingRuns.TrainingRuns_AlreadyOpen.selector, run);
        bytes memory call_ = abi.encodeCall(PROOF.openRun, (bytes32(uint256(salt % 4)), "manifest"));
        if (!_expect("openRun", opener, call_, refusal)) return;
        _runIds.push(run);
        _runs[run] = Run(opener, uint256(run), 0, block.timestamp, sha256(""), 0);
    }

    /// @dev `attack`: 0 to 2 honest; 3 a rewritten entry; 4 a damaged proof; 5 no proof.
    function extendRun(uint256 who, uint256 which, uint8 grow, uint8 attack, uint256 noise) external {
        if (_runIds.length == 0) return;
        _tick(who);
        bytes32 run = _runIds[which % _runIds.length];
        Run storage r = _runs[run];
        address caller = who % 3 == 0 ? _actor(who / 3) : r.owner;
        uint256 newSize = r.size + grow % 8;
        if (grow == 255 && r.size > 0) newSize = noise % r.size; // try to shrink
        if (newSize > MAX_LEAVES) return;

        bytes32[] memory d = NaiveLog.leaves(r.seed, newSize > r.size ? newSize : r.size);
        attack %= 6;
        if (attack == 3 && r.size > 0) d[noise % r.size] = bytes32(noise);
        bytes32 root = NaiveLog.root(d, 0, newSize);
        bytes32[] memory path = r.size <= newSize ? NaiveLog.consistencyProof(d, r.size, newSize) : new bytes32[](0);
        if (attack == 4 && path.length > 0) path[noise % path.length] ^= bytes32(uint256(1) << (noise % 256));
        if (attack == 5) path = new bytes32[](0);

        bytes memory refusal = _extendRefusal(run, caller, newSize, root, path, attack);
        bytes memory call_ = abi.encodeCall(PROOF.extendRun, (run, uint64(newSize), root, path));
        if (!_expect("extendRun", caller, call_, refusal)) return;
        (r.size, r.root, r.updatedAt) = (newSize, root, block.timestamp);
    }

    function sealRun(uint256 who, uint256 which, bytes32 model) external {
        if (_runIds.length == 0 || who % 4 != 0) return; // seldom: a sealed run is less to play with
        _tick(who);
        bytes32 run = _runIds[which % _runIds.length];
        Run storage r = _runs[run];
        address caller = who % 8 == 0 ? _actor(who / 8) : r.owner;
        bytes memory refusal = _ownerRefusal(run, caller);
        if (refusal.length == 0 && model == 0) {
            refusal = abi.encodeWithSelector(ITrainingRuns.TrainingRuns_EmptyModelDigest.selector, run);
        } else if (refusal.length == 0 && r.size == 0) {
            refusal = abi.encodeWithSelector(ITrainingRuns.TrainingRuns_EmptyRun.selector, run);
        }
        if (!_expect("sealRun", caller, abi.encodeCall(PROOF.sealRun, (run, model)), refusal)) return;
        (r.model, r.updatedAt) = (model, block.timestamp);
    }

    function setRecorder(uint256 who, uint256 which, uint256 recorder, bool authorised) external {
        if (_runIds.length == 0) return;
        _tick(who);
        bytes32 run = _runIds[which % _runIds.length];
        address caller = who % 3 == 0 ? _actor(who / 3) : _runs[run].owner;
        bytes memory call_ = abi.encodeCall(PROOF.setRecorder, (run, _actor(recorder), authorised));
        if (!_expect("setRecorder", caller, call_, _ownerRefusal(run, caller))) return;
        _recorders[run][_actor(recorder)] = authorised;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Records
    // ------------------------------------------------------------------------------------------------------------

    function storeHash(uint256 who, bytes32 digest, uint8 length) external {
        _tick(who);
        bytes memory metadata = new bytes(length % 80);
        for (uint256 i = 0; i < metadata.length; ++i) {
            metadata[i] = digest[i % 32];
        }
        bytes memory refusal = paused ? abi.encodeWithSelector(IRecords.Records_Paused.selector) : bytes("");
        bytes memory call_ = abi.encodeCall(PROOF.storeHash, (digits(digest), string(metadata)));
        if (!_expect("storeHash", _actor(who), call_, refusal)) return;
        ++stores;
        _stored.push(Stored(digest, keccak256(metadata), block.timestamp, block.number, _actor(who)));
    }

    function administer(uint256 who, uint256 next, uint8 what) external {
        _tick(who);
        address caller = who % 2 == 0 ? owner : who % 3 == 0 && pendingOwner != address(0) ? pendingOwner : _actor(who);
        what %= 4;
        bytes memory refusal =
            caller == owner ? bytes("") : abi.encodeWithSelector(IRecords.Records_NotOwner.selector, caller);
        if (what == 0) {
            if (refusal.length == 0 && paused) refusal = abi.encodeWithSelector(IRecords.Records_Paused.selector);
            if (_expect("pause", caller, abi.encodeCall(PROOF.pauseContract, ()), refusal)) paused = true;
        } else if (what == 1) {
            if (refusal.length == 0 && !paused) refusal = abi.encodeWithSelector(IRecords.Records_NotPaused.selector);
            if (_expect("unpause", caller, abi.encodeCall(PROOF.unpauseContract, ()), refusal)) paused = false;
        } else if (what == 2) {
            address to = next % 5 == 0 ? address(0) : _actor(next);
            bytes memory call_ = abi.encodeCall(PROOF.transferOwnership, (to));
            if (_expect("transferOwnership", caller, call_, refusal)) pendingOwner = to;
        } else {
            refusal = caller == pendingOwner
                ? bytes("")
                : abi.encodeWithSelector(IRecords.Records_NotPendingOwner.selector, caller);
            if (_expect("acceptOwnership", caller, abi.encodeCall(PROOF.acceptOwnership, ()), refusal)) {
                (owner, pendingOwner) = (caller, address(0));
            }
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // Ghost state
    // ------------------------------------------------------------------------------------------------------------

    function anchors() external view returns (Anchor[] memory) {
        return _anchors;
    }

    function runIds() external view returns (bytes32[] memory) {
        return _runIds;
    }

    function runOf(bytes32 run) external view returns (Run memory) {
        return _runs[run];
    }

    function stored() external view returns (Stored[] memory) {
        return _stored;
    }

    function isRecorder(bytes32 run, address account) external view returns (bool) {
        return account == _runs[run].owner || _recorders[run][account];
    }

    function actors() external pure returns (address[] memory list) {
        list = new address[](4);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = _actor(i);
        }
    }

    /// @dev 64 lower-case hexadecimal digits.
    function digits(bytes32 digest) public pure returns (string memory) {
        bytes memory text = new bytes(64);
        for (uint256 i = 0; i < 64; ++i) {
            text[i] = bytes("0123456789abcdef")[(uint256(digest) >> (252 - 4 * i)) & 0x0f];
        }
        return string(text);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Calls, and fails the campaign unless the outcome is the predicted one. True if it went through.
    function _expect(bytes32 name, address caller, bytes memory call_, bytes memory refusal) private returns (bool) {
        vm.prank(caller);
        (bool ok, bytes memory answer) = address(PROOF).call(call_);
        if (refusal.length == 0) {
            vm.assertTrue(ok, "an allowed action was refused");
            ++calls[name];
        } else {
            vm.assertFalse(ok, "a forbidden action went through");
            vm.assertEq(answer, refusal);
        }
        return ok;
    }

    function _extendRefusal(
        bytes32 run,
        address caller,
        uint256 newSize,
        bytes32 root,
        bytes32[] memory path,
        uint8 attack
    ) private view returns (bytes memory) {
        Run storage r = _runs[run];
        if (caller != r.owner && !_recorders[run][caller]) {
            return abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotRecorder.selector, run, caller);
        }
        if (r.model != 0) return abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Sealed.selector, run);
        if (newSize <= r.size) {
            return abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotGrowing.selector, run, r.size, newSize);
        }
        bool consistent = NaiveLog.checkConsistency(r.size, r.root, newSize, root, path);
        // The reference agrees with what we know of the attack, else it is no reference.
        if (r.size > 0 && attack >= 3) vm.assertFalse(consistent, "the reference accepts an attack");
        else vm.assertTrue(consistent, "the reference refuses an honest extension");
        if (consistent) return "";
        return abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Inconsistent.selector, run, r.size, newSize);
    }

    function _ownerRefusal(bytes32 run, address caller) private view returns (bytes memory) {
        Run storage r = _runs[run];
        if (caller != r.owner) {
            return abi.encodeWithSelector(ITrainingRuns.TrainingRuns_NotOwner.selector, run, caller);
        }
        if (r.model != 0) return abi.encodeWithSelector(ITrainingRuns.TrainingRuns_Sealed.selector, run);
        return "";
    }

    function _actor(uint256 who) private pure returns (address) {
        return address(uint160(0xac00 + who % 4));
    }

    /// @dev Time and blocks pass between actions.
    function _tick(uint256 noise) private {
        vm.warp(block.timestamp + noise % 1_000);
        vm.roll(block.number + noise % 3);
    }
}
