// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuantumVerification} from "../../contracts/provenance/QuantumVerification.sol";
import {VerifierDouble} from "../../contracts/test/VerifierDouble.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {QuantumVerificationFixture} from "./QuantumVerificationFixture.sol";

/// @notice Broken and hostile verifiers, replays, copied transactions, thieves, long lists.
contract QuantumVerificationAttacksTest is QuantumVerificationFixture {
    bytes32 private key;

    function setUp() public override {
        super.setUp();
        key = _authorize(WORK_KEY);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Verifiers
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Every answer but the exact one is a no, in each of the five places that ask.
    function testFuzz_OnlyTheExactAnswerIsAYes(uint8 mode) public {
        VerifierDouble.Mode m = VerifierDouble.Mode(mode % 12); // all but REENTER
        bool yes = m == VerifierDouble.Mode.HONEST || m == VerifierDouble.Mode.ACCEPT;
        Auth memory a = _auth("next");
        bytes32 one = "one";
        bytes[5] memory calls = [
            abi.encodeCall(qv.enrolRoot, (SLH, one, ALICE, _sign(one, _typed(_enrolment(SLH, one, ALICE))))),
            _signed(a),
            _verifyCall(DATA, key),
            _batchCall("tree", 3, key),
            _revokeCall(key, START, ROOT_KEY)
        ];
        bytes[5] memory refusals = [
            _invalid(qv.keyIdOf(0, SLH, one), _typed(_enrolment(SLH, one, ALICE))),
            _invalid(root, _typed(_authorization(a))),
            _invalid(key, _typed(_verification(DATA, key, address(0)))),
            _invalid(key, _typed(_batch("tree", 3, key, address(0)))),
            _invalid(root, _typed(_revocation(key, START, "why")))
        ];
        verifiers[uint256(SLH)].setMode(m);
        verifiers[uint256(DSA)].setMode(m);
        for (uint256 i = 0; i < 5; ++i) {
            if (yes) {
                _allowed(BOB, calls[i]);
            } else {
                vm.prank(BOB);
                (bool success, bytes memory answer) = address(qv).call{gas: 3_000_000}(calls[i]);
                vm.assertFalse(success);
                vm.assertEq(answer, refusals[i]);
            }
        }
        vm.assertEq(verifiers[uint256(DSA)].written(), uint256(0));
    }

    /// @dev Whatever the gas: out of gas anywhere ends in a revert, and never in a record.
    function testFuzz_OutOfGasIsNeverAYes(uint256 gas_, bool burns) public {
        if (burns) verifiers[uint256(DSA)].setMode(VerifierDouble.Mode.BURN);
        bytes memory call_ = _verifyCall(DATA, key);
        vm.prank(BOB);
        (bool success,) = address(qv).call{gas: _bound(gas_, 1_000, 250_000)}(call_);
        vm.assertEq(qv.isVerified(key, DATA), success);
        if (burns) vm.assertFalse(success);
    }

    /// @dev A verifier gets all the gas that the EVM lets it have: 63/64 of what is left.
    function test_AVerifierGetsTheGasThatIsLeft() public {
        verifiers[uint256(DSA)].setMode(VerifierDouble.Mode.BURN);
        bytes memory call_ = _verifyCall(DATA, key);
        uint256 before = gasleft();
        (bool success,) = address(qv).call{gas: 2_000_000}(call_);
        uint256 used = before - gasleft();
        vm.assertFalse(success);
        vm.assertTrue(used > 1_930_000, "the verifier got less");
    }

    /// @dev A verifier is called statically: it cannot act, here or elsewhere, and what it can read is not yet written.
    function test_AVerifierCannotReenter() public {
        Auth memory a = _auth("of another scheme");
        a.scheme = PostQuantumScheme.ML_DSA_44;
        bytes32 other = _authorize(a);
        bytes memory inner = abi.encodeCall(qv.verifyData, (DATA, _proof(DATA, other, "of another scheme", address(0))));
        verifiers[uint256(DSA)].setCall(inner);
        bytes32 digest = _typed(_verification(DATA, key, address(0)));
        _refused(BOB, _verifyCall(DATA, key), _invalid(key, digest));
        vm.assertFalse(qv.isVerified(other, DATA));
        // The call itself was in order, and so is a view.
        _allowed(BOB, inner);
        verifiers[uint256(DSA)].setCall(abi.encodeCall(qv.isVerified, (key, DATA)));
        _allowed(BOB, _verifyCall(DATA, key));
    }

    /// @dev Only the verifier of the key's own scheme has a say.
    function testFuzz_TheOtherVerifiersHaveNoSay(uint8 mode) public {
        for (uint256 i = 0; i < 4; ++i) {
            if (i != uint256(DSA)) verifiers[i].setMode(VerifierDouble.Mode(mode % 12));
        }
        _allowed(BOB, _verifyCall(DATA, key));
        verifiers[0].setMode(VerifierDouble.Mode.ACCEPT);
        verifiers[1].setMode(VerifierDouble.Mode.ACCEPT);
        verifiers[3].setMode(VerifierDouble.Mode.ACCEPT);
        bytes32 digest = _typed(_verification("other", key, address(0)));
        bytes memory proof = _proof(DATA, key, WORK_KEY, address(0));
        _refused(BOB, abi.encodeCall(qv.verifyData, ("other", proof)), _invalid(key, digest));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Replays
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A signature of one kind of message is none of another, whatever the fields.
    function test_NoMessageStandsForAnother() public {
        bytes32 digest = _typed(_verification(DATA, key, address(0)));
        bytes memory ofData = abi.encodePacked(key, _sign(WORK_KEY, digest));
        bytes memory ofTree = abi.encodePacked(key, _sign(WORK_KEY, _typed(_batch(DATA, 1, key, address(0)))));
        _refused(BOB, abi.encodeCall(qv.verifyData, (DATA, ofTree)), _invalid(key, digest));
        digest = _typed(_batch(DATA, 1, key, address(0)));
        _refused(BOB, abi.encodeCall(qv.verifyBatch, (DATA, 1, ofData)), _invalid(key, digest));
    }

    function testFuzz_NothingIsReplayedOnAnotherChain(uint64 chain) public {
        vm.assume(chain != 0 && chain != block.chainid);
        bytes memory data = _verifyCall(DATA, key);
        bytes memory authorization = _signed(_auth("next"));
        bytes memory revocation = _revokeCall(key, START, ROOT_KEY);
        bytes memory enrolment =
            abi.encodeCall(qv.enrolRoot, (SLH, "x", BOB, _sign("x", _typed(_enrolment(SLH, "x", BOB)))));
        // A fork: the same contract with the same state and another chain id.
        vm.chainId(chain);
        _refused(BOB, data, _invalid(key, _typed(_verification(DATA, key, address(0)))));
        _refused(BOB, authorization, _invalid(root, _typed(_authorization(_auth("next")))));
        _refused(BOB, revocation, _invalid(root, _typed(_revocation(key, START, "why"))));
        _refused(BOB, enrolment, _invalid(qv.keyIdOf(0, SLH, "x"), _typed(_enrolment(SLH, "x", BOB))));
    }

    function test_NothingIsReplayedInAnotherContract() public {
        bytes[3] memory calls = [_verifyCall(DATA, key), _revokeCall(key, START, ROOT_KEY), _signed(_auth("next"))];
        bytes memory enrolment = _sign(ROOT_KEY, _typed(_enrolment(SLH, ROOT_KEY, address(0))));
        qv = _deploy();
        bytes32 digest = _typed(_enrolment(SLH, ROOT_KEY, address(0)));
        _refused(BOB, abi.encodeCall(qv.enrolRoot, (SLH, ROOT_KEY, address(0), enrolment)), _invalid(root, digest));
        // The same root, the same nonce and the same working key, so that the contract is all that differs.
        _enrol(ROOT_KEY, address(0));
        vm.assertEq(_authorize(WORK_KEY), key);
        _refused(BOB, calls[0], _invalid(key, _typed(_verification(DATA, key, address(0)))));
        _refused(BOB, calls[1], _invalid(root, _typed(_revocation(key, START, "why"))));
        _refused(BOB, calls[2], _invalid(root, _typed(_authorization(_auth("next")))));
    }

    /// @dev One secret key may serve two roots. What it signs for one is nothing to the other.
    function test_NothingIsReplayedUnderAnotherRoot() public {
        Auth memory a = _auth(WORK_KEY);
        (a.root, a.nonce) = (_enrol("second", address(0)), qv.nonceOf(root));
        bytes memory ofFirst = _sign(ROOT_KEY, _typed(_authorization(_auth(WORK_KEY))));
        a.nonce = 0;
        bytes32 digest = _typed(_authorization(a));
        _refused(BOB, _authorizeCall(a, ofFirst), _invalid(a.root, digest));
        _refused(BOB, _authorizeCall(a, _sign(ROOT_KEY, digest)), _invalid(a.root, digest));
        bytes memory call_ = _authorizeCall(a, _sign("second", digest));
        bytes32 second = abi.decode(_allowed(BOB, call_), (bytes32));
        bytes memory stolen = _sign(WORK_KEY, _typed(_verification(DATA, key, address(0))));
        digest = _typed(_verification(DATA, second, address(0)));
        _refused(BOB, abi.encodeCall(qv.verifyData, (DATA, abi.encodePacked(second, stolen))), _invalid(second, digest));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Copied transactions
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Who copies a transaction does what its sender wanted; only `verifier` says who it was.
    function test_ACopiedTransactionDoesWhatItsSenderWanted() public {
        bytes memory enrolment =
            abi.encodeCall(qv.enrolRoot, (SLH, "x", BOB, _sign("x", _typed(_enrolment(SLH, "x", BOB)))));
        _allowed(ALICE, enrolment);
        _refused(BOB, enrolment, _exists(qv.keyIdOf(0, SLH, "x")));
        vm.assertEq(qv.keyOf(qv.keyIdOf(0, SLH, "x")).account, BOB);

        bytes memory authorization = _signed(_auth("next"));
        _allowed(ALICE, authorization);
        _refused(BOB, authorization, _exists(qv.keyIdOf(root, DSA, "next")));

        _allowed(ALICE, _verifyCall(DATA, key));
        _refused(BOB, _verifyCall(DATA, key), _already(key, DATA));
        vm.assertEq(qv.verificationOf(key, DATA).verifier, ALICE);
        vm.assertTrue(qv.isVerified(key, DATA));
    }

    /// @dev A root cannot be taken before its owner comes: without the secret key there is no signature.
    function testFuzz_NobodyEnrolsAnotherAccountForARoot(address thief) public {
        vm.assume(thief != ALICE);
        bytes memory signature = _sign("x", _typed(_enrolment(SLH, "x", ALICE)));
        bytes32 digest = _typed(_enrolment(SLH, "x", thief));
        bytes memory call_ = abi.encodeCall(qv.enrolRoot, (SLH, "x", thief, signature));
        _refused(BOB, call_, _invalid(qv.keyIdOf(0, SLH, "x"), digest));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Thieves
    // ------------------------------------------------------------------------------------------------------------

    /// @dev A working key is stolen at START + 10 and used; found out at START + 50: honest work before it stands.
    function test_AStolenWorkingKey() public {
        _allowed(BOB, _verifyCall("honest", key));
        vm.warp(START + 10);
        _allowed(BOB, _verifyCall("forged", key));
        vm.warp(START + 50);
        bytes memory more = _verifyCall("more", key);
        _revoke(key, START + 10);
        _refused(BOB, more, _revoked(key, START + 10));
        vm.assertTrue(qv.isVerified(key, "honest"));
        vm.assertFalse(qv.isVerified(key, "forged"));
        vm.assertEq(qv.verifications("forged").length, uint256(1)); // the record stays, and says so
    }

    /// @dev A stolen root authorises a key of the thief: revoking the root takes it with it, from the theft on.
    function test_AStolenRoot() public {
        _allowed(BOB, _verifyCall("honest", key));
        vm.warp(START + 10);
        bytes32 thief = _authorize("of the thief");
        bytes memory proof = _proof("forged", thief, "of the thief", address(0));
        _allowed(BOB, abi.encodeCall(qv.verifyData, ("forged", proof)));
        vm.warp(START + 20);
        _revoke(root, START + 10);
        vm.assertTrue(qv.isVerified(key, "honest"));
        vm.assertFalse(qv.isVerified(thief, "forged"));
        vm.assertFalse(qv.isValidKey(thief));
        _refused(BOB, _signed(_auth("again")), _revoked(root, START + 10));
    }

    /// @dev Anybody may write into the list of a datum; whoever asks for a key's own record is not disturbed.
    function test_AListMadeLongByStrangersTouchesNobodysRecord() public {
        _allowed(BOB, _verifyCall(DATA, key));
        uint256 before = _readsOfIsVerified();
        for (uint256 i = 0; i < 50; ++i) {
            bytes32 publicKey = bytes32(1_000 + i);
            bytes32 stranger = _authorize(publicKey);
            _allowed(ALICE, abi.encodeCall(qv.verifyData, (DATA, _proof(DATA, stranger, publicKey, address(0)))));
        }
        vm.assertEq(_readsOfIsVerified(), before);
        vm.assertEq(qv.verifications(DATA).length, uint256(51));
        vm.assertEq(qv.verifications(DATA, 0, 1)[0].key, key);
        vm.assertEq(qv.verifications(DATA, 50, 10).length, uint256(1));
    }

    /// @dev Of the whole contract nothing takes ether.
    function test_NothingIsPayable() public {
        vm.deal(BOB, 1 ether);
        vm.prank(BOB);
        (bool success,) = address(qv).call{value: 1}(_verifyCall(DATA, key));
        vm.assertFalse(success);
        vm.prank(BOB);
        (success,) = address(qv).call{value: 1}("");
        vm.assertFalse(success);
    }

    function _readsOfIsVerified() private returns (uint256) {
        vm.record();
        vm.assertTrue(qv.isVerified(key, DATA));
        (bytes32[] memory reads,) = vm.accesses(address(qv));
        return reads.length;
    }
}
