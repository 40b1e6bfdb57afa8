// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {IAnchors} from "../../interfaces/IAnchors.sol";
import {Test} from "./Vm.sol";

contract AnchorsTest is Test {
    ProofOfTraining private proof = new ProofOfTraining(address(this));
    uint256 private constant LIMIT = 2_048;
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);

    // ------------------------------------------------------------------------------------------------------------
    // anchor
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Anchor(address submitter, bytes32 digest, uint64 time, uint64 number) public {
        vm.warp(time);
        vm.roll(number);
        vm.expectEmit();
        emit IAnchors.Anchored(submitter, digest);
        vm.prank(submitter);
        proof.anchor(digest);
        _assertAnchor(submitter, digest, time, number, 1);
    }

    function testFuzz_AnchorWithMetadata(bytes32 digest, bytes calldata metadata, uint64 time, uint64 number) public {
        vm.assume(metadata.length <= LIMIT);
        vm.warp(time);
        vm.roll(number);
        vm.expectEmit();
        emit IAnchors.AnchoredWithMetadata(ALICE, digest, metadata);
        vm.prank(ALICE);
        proof.anchor(digest, metadata);
        _assertAnchor(ALICE, digest, time, number, 1);
    }

    function test_AnchorTakesMetadataOfTheLimit() public {
        proof.anchor(bytes32("d"), new bytes(LIMIT));
        _assertAnchor(address(this), "d", block.timestamp, block.number, 1);
    }

    function testFuzz_AnchorRejectsLongerMetadata(uint256 length) public {
        length = _bound(length, LIMIT + 1, 3 * LIMIT);
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchors_MetadataTooLong.selector, length, LIMIT));
        proof.anchor(bytes32("d"), new bytes(length));
        _assertAnchor(address(this), "d", 0, 0, 0);
    }

    /// @dev Whatever wrote it first, no way in writes it again.
    function testFuzz_AnchorIsWriteOnce(bytes32 digest, uint8 first, uint8 second, uint64 later) public {
        vm.warp(1_000);
        _write(digest, first, 5);
        (uint64 time, uint64 number, uint64 size) = proof.anchorOf(address(this), digest);
        vm.warp(_bound(later, 1_000, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchors_AlreadyAnchored.selector, address(this), digest));
        _write(digest, second, 9);
        _assertAnchor(address(this), digest, time, number, size);
    }

    /// @dev Who copies a pending transaction anchors for itself and takes nothing from the submitter.
    function testFuzz_AnchorsOfTwoSubmittersAreApart(bytes32 digest) public {
        vm.warp(100);
        vm.prank(BOB);
        proof.anchorBatch(digest, 77, "");
        _assertAnchor(ALICE, digest, 0, 0, 0);
        vm.warp(200);
        vm.prank(ALICE);
        proof.anchor(digest);
        _assertAnchor(ALICE, digest, 200, block.number, 1);
        _assertAnchor(BOB, digest, 100, block.number, 77);
    }

    function testFuzz_AnchorWritesOneSlot(bytes32 digest, uint8 way) public {
        vm.record();
        _write(digest, way, 1_000);
        (, bytes32[] memory writes) = vm.accesses(address(proof));
        vm.assertEq(writes.length, uint256(1));
    }

    // ------------------------------------------------------------------------------------------------------------
    // anchorMany
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_AnchorMany(uint256 seed, uint256 count, uint64 time) public {
        vm.warp(time);
        bytes32[] memory digests = _digests(seed, _bound(count, 1, 30));
        for (uint256 i = 0; i < digests.length; ++i) {
            vm.expectEmit();
            emit IAnchors.Anchored(ALICE, digests[i]);
        }
        vm.prank(ALICE);
        proof.anchorMany(digests);
        for (uint256 i = 0; i < digests.length; ++i) {
            _assertAnchor(ALICE, digests[i], time, block.number, 1);
        }
    }

    function test_AnchorManyRejectsNone() public {
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchors_EmptyBatch.selector));
        proof.anchorMany(new bytes32[](0));
    }

    function testFuzz_AnchorManyIsAllOrNone(uint256 seed, uint256 count, uint256 known) public {
        bytes32[] memory digests = _digests(seed, _bound(count, 2, 30));
        known = _bound(known, 0, digests.length - 1);
        proof.anchor(digests[known]);
        vm.expectRevert(
            abi.encodeWithSelector(IAnchors.Anchors_AlreadyAnchored.selector, address(this), digests[known])
        );
        proof.anchorMany(digests);
        for (uint256 i = 0; i < digests.length; ++i) {
            if (i != known) _assertAnchor(address(this), digests[i], 0, 0, 0);
        }
    }

    function testFuzz_AnchorManyRejectsRepeats(uint256 seed, uint256 count, uint256 a, uint256 b) public {
        bytes32[] memory digests = _digests(seed, _bound(count, 2, 30));
        a = _bound(a, 0, digests.length - 2);
        b = _bound(b, a + 1, digests.length - 1);
        digests[b] = digests[a];
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchors_AlreadyAnchored.selector, address(this), digests[a]));
        proof.anchorMany(digests);
    }

    // ------------------------------------------------------------------------------------------------------------
    // anchorBatch
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_AnchorBatch(bytes32 root, uint64 size, bytes calldata metadata, uint64 time, uint64 number)
        public
    {
        vm.assume(metadata.length <= LIMIT);
        size = uint64(_bound(size, 1, type(uint64).max));
        vm.warp(time);
        vm.roll(number);
        vm.expectEmit();
        emit IAnchors.BatchAnchored(ALICE, root, size, metadata);
        vm.prank(ALICE);
        proof.anchorBatch(root, size, metadata);
        _assertAnchor(ALICE, root, time, number, size);
    }

    function testFuzz_AnchorBatchRejectsSizeZero(bytes32 root) public {
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchors_EmptyBatch.selector));
        proof.anchorBatch(root, 0, "");
    }

    function testFuzz_AnchorBatchRejectsLongerMetadata(uint256 length) public {
        length = _bound(length, LIMIT + 1, 3 * LIMIT);
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchors_MetadataTooLong.selector, length, LIMIT));
        proof.anchorBatch("root", 3, new bytes(length));
    }

    // ------------------------------------------------------------------------------------------------------------
    // anchorOf, verifyInclusion
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_UnknownAnchorIsZero(address submitter, bytes32 digest) public view {
        _assertAnchor(submitter, digest, 0, 0, 0);
    }

    /// @dev Every leaf of every standard tree of up to 20 leaves.
    function test_InclusionHoldsForEveryLeafOfSmallTrees() public {
        for (uint256 n = 1; n <= 20; ++n) {
            bytes32[] memory tree = _tree(n, n);
            proof.anchorBatch(tree[0], uint64(n), "");
            for (uint256 i = n - 1; i < tree.length; ++i) {
                vm.assertTrue(proof.verifyInclusion(address(this), tree[0], tree[i], _proof(tree, i)));
            }
        }
    }

    function testFuzz_InclusionHolds(uint256 seed, uint256 n, uint256 leaf) public {
        (bytes32[] memory tree, uint256 i) = _anchoredTree(seed, n, leaf);
        vm.assertTrue(proof.verifyInclusion(address(this), tree[0], tree[i], _proof(tree, i)));
    }

    function testFuzz_InclusionFailsForUnknownRoot(bytes32 root, bytes32[] calldata path) public view {
        vm.assertFalse(proof.verifyInclusion(address(this), root, root, path));
    }

    function testFuzz_InclusionFailsForAnotherSubmitter(uint256 seed, uint256 n, uint256 leaf) public {
        (bytes32[] memory tree, uint256 i) = _anchoredTree(seed, n, leaf);
        vm.assertFalse(proof.verifyInclusion(BOB, tree[0], tree[i], _proof(tree, i)));
    }

    function testFuzz_InclusionFailsForAnotherLeaf(uint256 seed, uint256 n, uint256 leaf, bytes32 other) public {
        (bytes32[] memory tree, uint256 i) = _anchoredTree(seed, n, leaf);
        vm.assume(other != tree[i]);
        vm.assertFalse(proof.verifyInclusion(address(this), tree[0], other, _proof(tree, i)));
    }

    function testFuzz_InclusionFailsForDamagedNode(uint256 seed, uint256 n, uint256 leaf, uint256 node, uint8 bit)
        public
    {
        (bytes32[] memory tree, uint256 i) = _anchoredTree(seed, _bound(n, 2, 60), leaf);
        bytes32[] memory path = _proof(tree, i);
        path[node % path.length] ^= bytes32(uint256(1) << bit);
        vm.assertFalse(proof.verifyInclusion(address(this), tree[0], tree[i], path));
    }

    /// @dev The size bounds the depth of a leaf, which keeps out inner nodes near the root and the root itself.
    function testFuzz_InclusionFailsForInnerNodesAboveTheLeaves(uint256 seed, uint256 n, uint256 node) public {
        n = _bound(n, 4, 60);
        (bytes32[] memory tree,) = _anchoredTree(seed, n, 0);
        uint256 depthOfLeaves = 0;
        while (2 ** (depthOfLeaves + 1) <= n) ++depthOfLeaves;
        node = _bound(node, 0, 2 ** depthOfLeaves - 2); // every node at a smaller depth
        vm.assertFalse(proof.verifyInclusion(address(this), tree[0], tree[node], _proof(tree, node)));
    }

    /// @dev And nodes below the stated leaves: a batch whose leaves are roots of other trees.
    function testFuzz_InclusionFailsBelowTheStatedSize(uint256 seed, uint256 n, uint64 stated) public {
        n = _bound(n, 4, 60);
        bytes32[] memory tree = _tree(seed, n);
        bytes32[] memory path = _proof(tree, 2 * n - 2);
        uint256 depth = path.length;
        stated = uint64(_bound(stated, 1, 2 ** (depth - 1)));
        proof.anchorBatch(tree[0], stated, "");
        vm.assertFalse(proof.verifyInclusion(address(this), tree[0], tree[2 * n - 2], path));
    }

    /// @dev Sizes up to the largest never make it revert.
    function testFuzz_InclusionNeverReverts(bytes32 root, uint64 size, bytes32 leaf, bytes32[] calldata path) public {
        size = uint64(_bound(size, 1, type(uint64).max));
        vm.assume(path.length > 0 || leaf != root);
        proof.anchorBatch(root, size, "");
        vm.assertFalse(proof.verifyInclusion(address(this), root, leaf, path));
    }

    function testFuzz_PlainAnchorIncludesItselfOnly(bytes32 digest, bytes32 sibling) public {
        proof.anchor(digest);
        vm.assertTrue(proof.verifyInclusion(address(this), digest, digest, new bytes32[](0)));
        vm.assertFalse(proof.verifyInclusion(address(this), digest, sibling, _one(digest)));
        vm.assertFalse(proof.verifyInclusion(address(this), digest, digest, _one(sibling)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Four ways in that write one digest.
    function _write(bytes32 digest, uint8 way, uint64 size) private {
        if (way % 4 == 0) proof.anchor(digest);
        else if (way % 4 == 1) proof.anchor(digest, "metadata");
        else if (way % 4 == 2) proof.anchorBatch(digest, size, "");
        else proof.anchorMany(_one(digest));
    }

    function _assertAnchor(address submitter, bytes32 digest, uint256 time, uint256 number, uint256 size) private view {
        (uint64 t, uint64 b, uint64 s) = proof.anchorOf(submitter, digest);
        vm.assertEq(uint256(t), time, "timestamp");
        vm.assertEq(uint256(b), number, "blockNumber");
        vm.assertEq(uint256(s), size, "size");
    }

    function _one(bytes32 digest) private pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = digest;
    }

    function _digests(uint256 seed, uint256 count) private pure returns (bytes32[] memory list) {
        list = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = keccak256(abi.encode(seed, i));
        }
    }

    function _anchoredTree(uint256 seed, uint256 n, uint256 leaf) private returns (bytes32[] memory tree, uint256 i) {
        n = _bound(n, 1, 60);
        tree = _tree(seed, n);
        i = n - 1 + leaf % n;
        proof.anchorBatch(tree[0], uint64(n), "");
    }

    /// @dev OpenZeppelin's standard tree as a heap: node i over 2i + 1 and 2i + 2, the last n nodes are the leaves.
    function _tree(uint256 seed, uint256 n) private pure returns (bytes32[] memory tree) {
        tree = new bytes32[](2 * n - 1);
        for (uint256 i = 0; i < n; ++i) {
            tree[n - 1 + i] = keccak256(bytes.concat(keccak256(abi.encode(seed, i))));
        }
        for (uint256 i = n - 1; i > 0; --i) {
            (bytes32 a, bytes32 b) = (tree[2 * i - 1], tree[2 * i]);
            tree[i - 1] = a < b ? keccak256(bytes.concat(a, b)) : keccak256(bytes.concat(b, a));
        }
    }

    function _proof(bytes32[] memory tree, uint256 i) private pure returns (bytes32[] memory path) {
        uint256 depth = 0;
        for (uint256 j = i; j > 0; j = (j - 1) / 2) {
            ++depth;
        }
        path = new bytes32[](depth);
        for (uint256 d = 0; d < depth; ++d) {
            path[d] = tree[i % 2 == 0 ? i - 1 : i + 1];
            i = (i - 1) / 2;
        }
    }
}
