// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuantumVerification} from "../../contracts/provenance/QuantumVerification.sol";
import {VerifierDouble} from "../../contracts/test/VerifierDouble.sol";
import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {Test} from "./Vm.sol";

/// @title QuantumVerificationFixture
/// @notice A QuantumVerification over four honest doubles, a root that anybody may send for, and EIP-712 written again.
abstract contract QuantumVerificationFixture is Test {
    struct Auth {
        bytes32 root;
        PostQuantumScheme scheme;
        bytes32 publicKey;
        address account;
        uint40 validFrom;
        uint40 validUntil;
        bytes32 replaces;
        uint256 nonce;
    }

    uint40 internal constant START = 1_800_000_000;
    uint40 internal constant LIFE = 90 days;
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    PostQuantumScheme internal constant SLH = PostQuantumScheme.SLH_DSA_SHA2_128S;
    PostQuantumScheme internal constant DSA = PostQuantumScheme.ML_DSA_87;
    bytes32 internal constant ROOT_KEY = "public key of the root";
    bytes32 internal constant WORK_KEY = "public key of a working key";
    bytes32 internal constant DATA = "data";

    QuantumVerification internal qv;
    VerifierDouble[4] internal verifiers;
    bytes32 internal root;

    function setUp() public virtual {
        vm.warp(START);
        for (uint256 i = 0; i < 4; ++i) {
            verifiers[i] = new VerifierDouble();
        }
        qv = _deploy();
        root = _enrol(ROOT_KEY, address(0));
    }

    function _deploy() internal returns (QuantumVerification) {
        return new QuantumVerification(
            [address(verifiers[0]), address(verifiers[1]), address(verifiers[2]), address(verifiers[3])]
        );
    }

    // ------------------------------------------------------------------------------------------------------------
    // Signing, by rules of its own
    // ------------------------------------------------------------------------------------------------------------

    /// @dev What the honest double accepts.
    function _sign(bytes32 publicKey, bytes32 digest) internal pure returns (bytes memory) {
        return abi.encodePacked(keccak256(abi.encodePacked(publicKey, digest)));
    }

    function _typed(bytes memory structure) internal view returns (bytes32) {
        return _typedFor(block.chainid, address(qv), structure);
    }

    function _typedFor(uint256 chain, address target, bytes memory structure) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("QuantumVerification"),
                keccak256("1"),
                chain,
                target
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, keccak256(structure)));
    }

    function _enrolment(PostQuantumScheme scheme, bytes32 publicKey, address account)
        internal
        pure
        returns (bytes memory)
    {
        bytes32 kind = keccak256("RootEnrolment(uint8 scheme,bytes32 publicKey,address account)");
        return abi.encode(kind, uint256(scheme), publicKey, account);
    }

    function _authorization(Auth memory a) internal pure returns (bytes memory) {
        bytes32 kind = keccak256(
            "KeyAuthorization(bytes32 root,uint8 scheme,bytes32 publicKey,address account,uint40 validFrom,uint40 validUntil,bytes32 replaces,uint256 nonce)"
        );
        return bytes.concat(
            abi.encode(kind, a.root, uint256(a.scheme), a.publicKey, a.account),
            abi.encode(uint256(a.validFrom), uint256(a.validUntil), a.replaces, a.nonce)
        );
    }

    function _revocation(bytes32 key, uint40 since, bytes32 reason) internal pure returns (bytes memory) {
        bytes32 kind = keccak256("KeyRevocation(bytes32 key,uint40 since,bytes32 reason)");
        return abi.encode(kind, key, uint256(since), reason);
    }

    function _verification(bytes32 dataHash, bytes32 key, address account) internal pure returns (bytes memory) {
        return
            abi.encode(keccak256("Verification(bytes32 dataHash,bytes32 key,address account)"), dataHash, key, account);
    }

    function _batch(bytes32 tree, uint64 size, bytes32 key, address account) internal pure returns (bytes memory) {
        bytes32 kind = keccak256("Batch(bytes32 root,uint64 size,bytes32 key,address account)");
        return abi.encode(kind, tree, uint256(size), key, account);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Calls
    // ------------------------------------------------------------------------------------------------------------

    function _enrol(bytes32 publicKey, address account) internal returns (bytes32) {
        return qv.enrolRoot(SLH, publicKey, account, _sign(publicKey, _typed(_enrolment(SLH, publicKey, account))));
    }

    /// @dev A key of the fixture's root, from now for 90 days, for anybody.
    function _auth(bytes32 publicKey) internal view returns (Auth memory) {
        return Auth(root, DSA, publicKey, address(0), 0, uint40(block.timestamp) + LIFE, 0, qv.nonceOf(root));
    }

    function _authorizeCall(Auth memory a, bytes memory signature) internal view returns (bytes memory) {
        return abi.encodeCall(
            qv.authorizeKey,
            (a.root, a.scheme, a.publicKey, a.account, a.validFrom, a.validUntil, a.replaces, signature)
        );
    }

    /// @dev Signed by the key of the fixture's root.
    function _signed(Auth memory a) internal view returns (bytes memory) {
        return _authorizeCall(a, _sign(ROOT_KEY, _typed(_authorization(a))));
    }

    function _authorize(Auth memory a) internal returns (bytes32) {
        return abi.decode(_allowed(BOB, _signed(a)), (bytes32));
    }

    function _authorize(bytes32 publicKey) internal returns (bytes32) {
        return _authorize(_auth(publicKey));
    }

    function _revokeCall(bytes32 key, uint40 since, bytes32 publicKey) internal view returns (bytes memory) {
        bytes memory signature = _sign(publicKey, _typed(_revocation(key, since, "why")));
        return abi.encodeCall(qv.revokeKey, (key, since, "why", signature));
    }

    function _revoke(bytes32 key, uint40 since) internal {
        _allowed(BOB, _revokeCall(key, since, ROOT_KEY));
    }

    function _proof(bytes32 dataHash, bytes32 key, bytes32 publicKey, address account)
        internal
        view
        returns (bytes memory)
    {
        return abi.encodePacked(key, _sign(publicKey, _typed(_verification(dataHash, key, account))));
    }

    function _verifyCall(bytes32 dataHash, bytes32 key) internal view returns (bytes memory) {
        return abi.encodeCall(qv.verifyData, (dataHash, _proof(dataHash, key, WORK_KEY, address(0))));
    }

    function _batchCall(bytes32 tree, uint64 size, bytes32 key) internal view returns (bytes memory) {
        bytes memory signature = _sign(WORK_KEY, _typed(_batch(tree, size, key, address(0))));
        return abi.encodeCall(qv.verifyBatch, (tree, size, abi.encodePacked(key, signature)));
    }

    function _allowed(address caller, bytes memory call_) internal returns (bytes memory answer) {
        bool success;
        vm.prank(caller);
        (success, answer) = address(qv).call(call_);
        vm.assertEq(success ? bytes("") : answer, bytes(""));
        vm.assertTrue(success, "an allowed call was refused");
    }

    /// @dev That it ends in exactly this error.
    function _refused(address caller, bytes memory call_, bytes memory reason) internal {
        vm.prank(caller);
        (bool success, bytes memory answer) = address(qv).call(call_);
        vm.assertFalse(success, "a forbidden call went through");
        vm.assertEq(answer, reason);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    function _unknown(bytes32 key) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuantumVerification.QuantumVerification_UnknownKey.selector, key);
    }

    function _exists(bytes32 key) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuantumVerification.QuantumVerification_KeyExists.selector, key);
    }

    function _wrongKind(bytes32 key) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuantumVerification.QuantumVerification_WrongKind.selector, key);
    }

    function _revoked(bytes32 key, uint256 since) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuantumVerification.QuantumVerification_KeyRevoked.selector, key, since);
    }

    function _wrongAccount(bytes32 key, address account, address caller) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(IQuantumVerification.QuantumVerification_WrongAccount.selector, key, account, caller);
    }

    function _invalid(bytes32 key, bytes32 digest) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuantumVerification.QuantumVerification_InvalidSignature.selector, key, digest);
    }

    function _lifetime(uint256 from, uint256 until) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(IQuantumVerification.QuantumVerification_InvalidLifetime.selector, from, until, LIFE);
    }

    function _revocationRefused(bytes32 key, uint256 since, uint256 current) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IQuantumVerification.QuantumVerification_InvalidRevocation.selector, key, since, current
        );
    }

    function _already(bytes32 key, bytes32 what) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuantumVerification.QuantumVerification_AlreadyVerified.selector, key, what);
    }

    function _notValid(bytes32 key, uint256 from, uint256 until, uint256 time) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IQuantumVerification.QuantumVerification_KeyNotValid.selector, key, from, until, time
            );
    }

    function _malformed(uint256 length) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuantumVerification.QuantumVerification_MalformedProof.selector, length);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Trees
    // ------------------------------------------------------------------------------------------------------------

    /// @dev OpenZeppelin's standard tree of `n` data as a heap: node i over 2i + 1 and 2i + 2, the last n the leaves.
    function _tree(uint256 seed, uint256 n) internal pure returns (bytes32[] memory tree) {
        tree = new bytes32[](2 * n - 1);
        for (uint256 i = 0; i < n; ++i) {
            tree[n - 1 + i] = keccak256(bytes.concat(keccak256(bytes.concat(_datum(seed, i)))));
        }
        for (uint256 i = n - 1; i > 0; --i) {
            (bytes32 a, bytes32 b) = (tree[2 * i - 1], tree[2 * i]);
            tree[i - 1] = a < b ? keccak256(bytes.concat(a, b)) : keccak256(bytes.concat(b, a));
        }
    }

    function _datum(uint256 seed, uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("datum", seed, i));
    }

    function _path(bytes32[] memory tree, uint256 i) internal pure returns (bytes32[] memory path) {
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

    function _assertEqKeys(IQuantumVerification.Key memory a, IQuantumVerification.Key memory b) internal pure {
        vm.assertEq(abi.encode(a), abi.encode(b));
    }

    function _key(Auth memory a, uint40 from) internal pure returns (IQuantumVerification.Key memory) {
        return IQuantumVerification.Key(a.root, a.scheme, a.publicKey, a.account, from, a.validUntil, 0);
    }
}
