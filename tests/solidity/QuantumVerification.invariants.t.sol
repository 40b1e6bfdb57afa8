// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuantumVerification} from "../../contracts/provenance/QuantumVerification.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {QuantumVerificationHandler} from "./QuantumVerificationHandler.sol";
import {Test} from "./Vm.sol";

/// @notice Stateful fuzzing: after every action of the handler, what was ever written still reads as it did, and counts
/// exactly if it should. The handler itself checks every refusal and every success.
contract QuantumVerificationInvariants is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    QuantumVerification private qv;
    QuantumVerificationHandler private handler;

    function setUp() public {
        handler = new QuantumVerificationHandler();
        qv = handler.target();
    }

    /// @dev Foundry calls these to learn what to fuzz.
    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        list[0] = FuzzSelector(address(handler), new bytes4[](5));
        list[0].selectors[0] = handler.enrol.selector;
        list[0].selectors[1] = handler.authorize.selector;
        list[0].selectors[2] = handler.revoke.selector;
        list[0].selectors[3] = handler.verify.selector;
        list[0].selectors[4] = handler.verify.selector;
    }

    /// @dev One invariant of three parts: Foundry runs the same histories again for each. All is read every eighth step,
    /// which is enough: nothing that was lost or changed comes back, or the handler would have seen it.
    function invariant_KeysAndRecordsAreThoseOfTheHistory() external view {
        if (handler.steps() % 8 == 0) _readAll();
    }

    /// @dev Foundry calls this at the end of each history.
    function afterInvariant() external view {
        _readAll();
    }

    function _readAll() private view {
        _keysAreAsTheirRootsSigned();
        _recordsNeverChange();
        _listsHoldEachVerificationOnce();
    }

    function _keysAreAsTheirRootsSigned() private view {
        QuantumVerificationHandler.Ghost[] memory ghosts = handler.ghosts();
        for (uint256 i = 0; i < ghosts.length; ++i) {
            QuantumVerificationHandler.Ghost memory g = ghosts[i];
            IQuantumVerification.Key memory k = qv.keyOf(g.id);
            vm.assertEq(qv.keyIdOf(k.root, k.scheme, k.publicKey), g.id, "id of a key");
            vm.assertEq(k.root, g.root, "root of a key");
            vm.assertEq(k.publicKey, g.publicKey, "public key");
            vm.assertEq(k.account, g.account, "account of a key");
            vm.assertEq(uint256(k.validFrom), g.from, "begin of a key");
            vm.assertEq(uint256(k.validUntil), g.until, "end of a key");
            vm.assertEq(uint256(k.revokedSince), g.revoked, "revocation of a key");
            vm.assertEq(qv.nonceOf(g.id), g.nonce, "nonce of a root");
            bool valid = g.root != 0 && g.from <= block.timestamp && block.timestamp < g.until;
            valid = valid && handler.isGood(g.id, type(uint40).max);
            vm.assertEq(qv.isValidKey(g.id), valid, "validity of a key");
            if (g.root == 0) vm.assertEq(uint256(k.validUntil), type(uint40).max, "end of a root");
            else vm.assertTrue(k.validUntil < k.validFrom || k.validUntil - k.validFrom <= 90 days, "life of a key");
        }
    }

    function _recordsNeverChange() private view {
        QuantumVerificationHandler.Record[] memory records = handler.records();
        for (uint256 i = 0; i < records.length; ++i) {
            QuantumVerificationHandler.Record memory r = records[i];
            bool good = handler.isGood(r.key, r.time);
            IQuantumVerification.Verification memory found = qv.verificationOf(r.key, r.what);
            uint64 size = 0;
            if (r.size != 0) (found, size) = qv.batchOf(r.key, r.what);
            IQuantumVerification.Verification memory expected =
                IQuantumVerification.Verification(r.key, r.proofDigest, r.time, r.verifier, good);
            vm.assertEq(abi.encode(found), abi.encode(expected));
            vm.assertEq(uint256(size), r.size, "size of a batch");
            if (r.size == 0) vm.assertEq(qv.isVerified(r.key, r.what), good, "isVerified");
            IQuantumVerification.Key memory k = qv.keyOf(r.key);
            vm.assertTrue(k.root != 0 && k.validFrom <= r.time, "signed before the life of the key");
        }
    }

    function _listsHoldEachVerificationOnce() private view {
        QuantumVerificationHandler.Record[] memory records = handler.records();
        for (uint256 what = 1; what <= 6; ++what) {
            IQuantumVerification.Verification[] memory list = qv.verifications(bytes32(what));
            uint256 next = 0;
            for (uint256 i = 0; i < records.length; ++i) {
                if (records[i].what != bytes32(what) || records[i].size != 0) continue;
                vm.assertEq(list[next].key, records[i].key, "order of a list");
                vm.assertEq(list[next].proofDigest, records[i].proofDigest, "entry of a list");
                ++next;
            }
            vm.assertEq(list.length, next, "length of a list");
        }
    }

    /// @dev The invariants above say something only if the handler gets through.
    function test_HandlerReachesEveryAction() external {
        uint256 word = 42;
        for (uint256 i = 0; i < 1_500; ++i) {
            word = uint256(keccak256(abi.encode(word)));
            (uint256 a, uint256 b, uint256 c, uint256 d) = (word, word >> 40, word >> 80, word >> 120);
            if (i % 25 == 0) handler.enrol(a, b, c, uint8(d));
            else if (i % 5 == 1) handler.authorize(a, b, c, d, word >> 160, word >> 200);
            else if (i % 5 == 2) handler.revoke(a, b, c, uint8(d));
            else handler.verify(a, b, uint8(c), uint8(d), i % 2 == 0);
        }
        bytes32[8] memory names =
            [bytes32("enrol"), "authorize", "replace", "revoke", "revoke root", "verifyData", "verifyBatch", "refused"];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(handler.calls(names[i]) >= 1, string(abi.encodePacked(names[i])));
        }
        _readAll();
    }
}
