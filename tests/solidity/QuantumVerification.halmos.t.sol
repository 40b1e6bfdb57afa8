// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuantumVerification} from "../../contracts/provenance/QuantumVerification.sol";
import {AnyAnswerVerifier} from "../../contracts/test/AnyAnswerVerifier.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {Test} from "./Vm.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @notice Proofs over all inputs by symbolic execution, see Symbolic.halmos.t.sol. One root with one working key and a
/// signature of one byte, which the verifier accepts unless it is told otherwise: that signatures are asked for is for
/// the other tests. No loop.
contract QuantumVerificationSymbolic is Test {
    uint40 private constant START = 1_800_000_000;
    uint40 private constant END = START + 90 days;
    PostQuantumScheme private constant DSA = PostQuantumScheme.ML_DSA_87;

    QuantumVerification private qv;
    AnyAnswerVerifier private verifier;
    bytes32 private root;
    bytes32 private key;

    function setUp() public {
        vm.warp(START);
        verifier = new AnyAnswerVerifier();
        address one = address(verifier);
        qv = new QuantumVerification([one, one, one, one]);
        root = qv.enrolRoot(DSA, "root", address(0), "s");
        key = qv.authorizeKey(root, DSA, "key", address(0), 0, END, 0, "s");
    }

    /// @dev D-9, for all answers of 32 bytes: one of them is a yes.
    function check_OneAnswerIsAYes(bytes32 answer, bytes32 data) external {
        verifier.setAnswer(answer);
        (bool verified,) = address(qv).call(abi.encodeCall(qv.verifyData, (data, abi.encodePacked(key, "s"))));
        assert(verified == (answer == bytes32(IERC7913SignatureVerifier.verify.selector)));
        assert(qv.isVerified(key, data) == verified);
    }

    /// @dev D-4, for all times and any two seconds, of root or key: what stands is the earlier of those that were
    /// allowed, and one to come or of zero never is.
    function check_RevocationMovesBackOnly(uint40 time, uint40 first, uint40 second, bool ofRoot) external {
        vm.assume(time >= START);
        vm.warp(time);
        bytes32 which = ofRoot ? root : key;
        (bool one,) = address(qv).call(abi.encodeCall(qv.revokeKey, (which, first, 0, "s")));
        assert(one == (first != 0 && first <= time));
        (bool two,) = address(qv).call(abi.encodeCall(qv.revokeKey, (which, second, 0, "s")));
        assert(two == (second != 0 && second <= time && (!one || second < first)));
        assert(qv.keyOf(which).revokedSince == (two ? second : one ? first : 0));
    }

    /// @dev D-5 and D-7, for all data and seconds, of root or key: it is written in the life of the key only, and counts
    /// exactly if it is older than the revocation.
    function check_CountsUntilRevokedAsOfThen(bytes32 data, uint40 time, uint40 later, uint40 since, bool ofRoot)
        external
    {
        vm.assume(time >= START && later >= time);
        vm.warp(time);
        (bool verified,) = address(qv).call(abi.encodeCall(qv.verifyData, (data, abi.encodePacked(key, "s"))));
        assert(verified == (time < END));
        vm.warp(later);
        bytes memory call_ = abi.encodeCall(qv.revokeKey, (ofRoot ? root : key, since, 0, "s"));
        (bool revoked,) = address(qv).call(call_);
        assert(qv.isVerified(key, data) == (verified && (!revoked || time < since)));
        assert(qv.isValidKey(key) == (!revoked && later < END));
    }

    /// @dev D-2, for all times: a working key begins now or later and lives 1 second to 90 days.
    function check_LifetimeOfAKey(uint40 time, uint40 from, uint40 until) external {
        vm.assume(time >= START);
        vm.warp(time);
        bytes memory call_ = abi.encodeCall(qv.authorizeKey, (root, DSA, "next", address(0), from, until, 0, "s"));
        (bool authorized,) = address(qv).call(call_);
        uint256 start = from == 0 ? time : from;
        assert(authorized == (start >= time && until > start && until - start <= 90 days));
    }

    /// @dev D-2, for all times: a rotation never lengthens the life of the previous key.
    function check_RotationNeverLengthens(uint40 time, uint40 from, uint40 until) external {
        vm.assume(time >= START);
        vm.warp(time);
        bytes memory call_ = abi.encodeCall(qv.authorizeKey, (root, DSA, "next", address(0), from, until, key, "s"));
        (bool authorized,) = address(qv).call(call_);
        uint256 start = from == 0 ? time : from;
        assert(qv.keyOf(key).validUntil == (authorized && start < END ? start : END));
    }
}
