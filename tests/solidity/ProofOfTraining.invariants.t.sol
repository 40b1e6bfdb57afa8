// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {ProofOfTrainingHandler} from "./ProofOfTrainingHandler.sol";
import {Test} from "./Vm.sol";

/// @notice Stateful fuzzing: after every action of the handler, what was ever written still reads as it did.
/// @dev The numbers are those of docs/invariants.md. The handler itself checks every refusal and every success.
contract ProofOfTrainingInvariants is Test {
    ProofOfTraining private proof;
    ProofOfTrainingHandler private handler;

    function setUp() public {
        vm.warp(1_700_000_000);
        proof = new ProofOfTraining(address(0xac00));
        handler = new ProofOfTrainingHandler(proof);
    }

    /// @dev Foundry calls this to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    /// @dev One invariant of four parts: Foundry runs the same histories again for each.
    function invariant_NothingWrittenChanges() external view {
        _anchorsNeverChange();
        _runsOnlyGrow();
        _recordsNeverChange();
        _packedStateIsIntact();
    }

    /// @dev A-1, A-2, P-1: an anchor reads for ever as it was written, whatever the owner of the records did.
    function _anchorsNeverChange() private view {
        ProofOfTrainingHandler.Anchor[] memory anchors = handler.anchors();
        for (uint256 i = 0; i < anchors.length; ++i) {
            (uint64 time, uint64 number, uint64 size) = proof.anchorOf(anchors[i].submitter, anchors[i].digest);
            vm.assertEq(uint256(time), anchors[i].timestamp, "timestamp of an anchor changed");
            vm.assertEq(uint256(number), anchors[i].blockNumber, "blockNumber of an anchor changed");
            vm.assertEq(uint256(size), anchors[i].size, "size of an anchor changed");
        }
    }

    /// @dev R-1 to R-4: a head is the one of the last accepted extension (which only ever grows it), and a sealed run
    /// keeps head and model.
    function _runsOnlyGrow() private view {
        bytes32[] memory runs = handler.runIds();
        address[] memory actors = handler.actors();
        for (uint256 i = 0; i < runs.length; ++i) {
            ProofOfTrainingHandler.Run memory expected = handler.runOf(runs[i]);
            (address owner, uint64 size, bytes32 root, uint64 updatedAt, bytes32 model) = proof.headOf(runs[i]);
            vm.assertEq(owner, expected.owner, "owner of a run changed");
            vm.assertEq(uint256(size), expected.size, "size of a run");
            vm.assertEq(root, expected.root, "root of a run");
            vm.assertEq(uint256(updatedAt), expected.updatedAt, "updatedAt of a run");
            vm.assertEq(model, expected.model, "model of a run");
            for (uint256 j = 0; j < actors.length; ++j) {
                vm.assertEq(
                    proof.isRecorder(runs[i], actors[j]), handler.isRecorder(runs[i], actors[j]), "recorders of a run"
                );
            }
        }
    }

    /// @dev S-1, S-2: records are numbered without gaps and never change.
    function _recordsNeverChange() private view {
        ProofOfTrainingHandler.Stored[] memory stored = handler.stored();
        vm.assertEq(proof.getTransactionCount(), handler.stores(), "count is the number of stores");
        for (uint256 i = 0; i < stored.length; ++i) {
            (string memory h, string memory m, uint256 time, uint256 number, address submitter) = proof.getHash(i + 1);
            vm.assertEq(h, handler.digits(stored[i].digest), "hash of a record changed");
            vm.assertEq(keccak256(bytes(m)), stored[i].metadataHash, "metadata of a record changed");
            vm.assertEq(time, stored[i].timestamp, "timestamp of a record changed");
            vm.assertEq(number, stored[i].blockNumber, "blockNumber of a record changed");
            vm.assertEq(submitter, stored[i].submitter, "submitter of a record changed");
        }
        vm.assertFalse(proof.transactionExists(0));
        vm.assertFalse(proof.transactionExists(stored.length + 1));
    }

    /// @dev S-3: owner, counter and pause flag share a slot and never disturb each other.
    function _packedStateIsIntact() private view {
        vm.assertEq(proof.owner(), handler.owner(), "owner");
        vm.assertEq(proof.pendingOwner(), handler.pendingOwner(), "pending owner");
        vm.assertEq(proof.paused(), handler.paused(), "paused");
        vm.assertEq(proof.getTransactionCount(), handler.stores(), "count");
    }

    /// @dev The invariants above say something only if the handler gets through: 1,500 pseudo-random actions do all of
    /// them many times over.
    function test_HandlerReachesEveryAction() external {
        uint256 word = 42;
        for (uint256 i = 0; i < 1_500; ++i) {
            word = uint256(keccak256(abi.encode(word)));
            (uint256 a, uint256 b, uint8 c, uint8 d) =
                (word >> 200, (word >> 100) % 1_000, uint8(word), uint8(word >> 8));
            if (i % 7 == 0) handler.anchor(a, c, uint64(b), d);
            else if (i % 7 == 1) handler.openRun(a, c);
            else if (i % 7 == 2) handler.extendRun(a, b, c, d, word);
            else if (i % 7 == 3) handler.sealRun(a, b, bytes32(word));
            else if (i % 7 == 4) handler.setRecorder(a, b, word, c % 2 == 0);
            else if (i % 7 == 5) handler.storeHash(a, bytes32(word), d);
            else handler.administer(a, b, c);
        }
        bytes32[9] memory names = [
            bytes32("anchor"),
            "openRun",
            "extendRun",
            "sealRun",
            "setRecorder",
            "storeHash",
            "pause",
            "transferOwnership",
            "acceptOwnership"
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(handler.calls(names[i]) >= 3, string(abi.encode(names[i])));
        }
    }
}
