// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {PostQuantumScheme} from "./IPostQuantumScheme.sol";

/// @title IQuantumVerification
/// @notice Says on chain that a post-quantum key signed a datum, when, and whether that key could be trusted then. A
/// root key signs working keys, working keys sign data; each signature is verified by the chain (FIPS 204, FIPS 205).
/// @dev Immutable, without any administrator. Every message is an EIP-712 digest over chain, contract, key and account;
/// the post-quantum signature is over those 32 bytes, in FIPS pure mode with an empty context. A key that names an
/// account works for that account only: the transaction's ECDSA signature AND the post-quantum one are then needed.
/// WARNING: the verifiers are unaudited. A post-quantum check protects only what a contract makes depend on it.
interface IQuantumVerification {
    // ------------------------------------------------------------------------------------------------------------
    // Types
    // ------------------------------------------------------------------------------------------------------------

    /// @notice A root key (`root` zero, no end) or a working key.
    struct Key {
        bytes32 root;
        PostQuantumScheme scheme;
        /// @dev As the scheme's verifier takes it: the id of a registered ML-DSA key, or an SLH-DSA public key.
        bytes32 publicKey;
        /// @dev The only account that may submit for this key; zero for anybody.
        address account;
        uint40 validFrom;
        /// @dev First second at which it is no longer valid.
        uint40 validUntil;
        /// @dev What it signed at or after this second counts for nothing; zero while it is not revoked.
        uint40 revokedSince;
    }

    /// @notice One signed datum. Nothing of it ever changes but `good`, once, from true to false.
    struct Verification {
        bytes32 key;
        /// @dev keccak256 of the quantum proof.
        bytes32 proofDigest;
        uint40 timestamp;
        /// @dev Account that submitted the proof. WARNING: for a key without an account this is anybody who saw it.
        address verifier;
        /// @dev Whether it still counts: neither the key nor its root was revoked as of `timestamp` or before.
        bool good;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice No key has this id.
    error QuantumVerification_UnknownKey(bytes32 key);

    /// @notice This key is enrolled or authorised already.
    error QuantumVerification_KeyExists(bytes32 key);

    /// @notice A root key signs keys only, a working key data only.
    error QuantumVerification_WrongKind(bytes32 key);

    /// @notice The key is valid from `validFrom` until before `validUntil`, and it is `timestamp` now.
    error QuantumVerification_KeyNotValid(bytes32 key, uint40 validFrom, uint40 validUntil, uint256 timestamp);

    /// @notice The key, or its root, is revoked as of `since`.
    error QuantumVerification_KeyRevoked(bytes32 key, uint40 since);

    /// @notice Only `account` may submit for this key.
    error QuantumVerification_WrongAccount(bytes32 key, address account, address caller);

    /// @notice The verifier of the key's scheme does not accept the signature; it also says so when it runs out of gas.
    /// `digest` is what should have been signed.
    error QuantumVerification_InvalidSignature(bytes32 key, bytes32 digest);

    /// @notice A proof is a key's id, 32 bytes, and a signature, not empty; this one has `length` bytes.
    error QuantumVerification_MalformedProof(uint256 length);

    /// @notice This key signed this datum before.
    error QuantumVerification_AlreadyVerified(bytes32 key, bytes32 dataHash);

    /// @notice Working keys begin now or later, and live 1 second to `limit` seconds. A `validFrom` of zero, which
    /// stands for now, is named here as the second that it stood for.
    error QuantumVerification_InvalidLifetime(uint40 validFrom, uint40 validUntil, uint40 limit);

    /// @notice The key to be replaced belongs to another root.
    error QuantumVerification_ForeignKey(bytes32 key, bytes32 root);

    /// @notice A revocation takes effect now or before, and can only be moved back; it stands at `current`.
    error QuantumVerification_InvalidRevocation(bytes32 key, uint40 since, uint40 current);

    /// @notice A batch has at least one leaf.
    error QuantumVerification_EmptyBatch();

    /// @notice A batch has at most 2^56 - 1 leaves.
    error QuantumVerification_SizeOverflow(uint64 size);

    /// @notice A verifier is a contract.
    error QuantumVerification_NotAVerifier(PostQuantumScheme scheme, address verifier);

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice A root key proved that it is held, and was enrolled.
    event RootEnrolled(bytes32 indexed root, PostQuantumScheme scheme, bytes32 publicKey, address indexed account);

    /// @notice A root authorised a working key.
    event KeyAuthorized(
        bytes32 indexed root,
        bytes32 indexed key,
        PostQuantumScheme scheme,
        bytes32 publicKey,
        address indexed account,
        uint40 validFrom,
        uint40 validUntil
    );

    /// @notice `key` takes the place of `previous`, which ends at `end`.
    event KeyRotated(bytes32 indexed previous, bytes32 indexed key, uint40 end);

    /// @notice What `key` signed at or after `since` counts for nothing.
    event KeyRevoked(bytes32 indexed key, uint40 since, bytes32 reason);

    /// @notice `key` signed `dataHash`, and the chain verified it.
    event DataVerified(bytes32 indexed dataHash, bytes32 indexed key, address indexed verifier, bytes32 proofDigest);

    /// @notice `key` signed a Merkle root of `size` data, and the chain verified it.
    event BatchVerified(
        bytes32 indexed root, bytes32 indexed key, address indexed verifier, uint64 size, bytes32 proofDigest
    );

    // ------------------------------------------------------------------------------------------------------------
    // Keys
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Enrols a root key. Anybody may send it: possession is proved by the signature, which names the account.
    /// @dev WARNING: a root whose account is lost can sign nothing any more, not even its own revocation.
    /// @param scheme Scheme of the key.
    /// @param publicKey 32 bytes as the scheme's verifier takes them.
    /// @param account The only account that may send what this root signs; zero for anybody.
    /// @param signature Of `rootDigest(scheme, publicKey, account)`.
    /// @return root keyIdOf(0, scheme, publicKey).
    function enrolRoot(PostQuantumScheme scheme, bytes32 publicKey, address account, bytes calldata signature)
        external
        returns (bytes32 root);

    /// @notice Authorises a working key for at most `MAX_LIFETIME`.
    /// @dev A public key may serve several roots: the id of a working key names its root, and so do its messages. It
    /// serves one root once: nobody can lengthen its life. The new key need not prove that it is held, nor, for ML-DSA,
    /// be registered yet. A signed authorisation can be sent until its nonce is used or `validUntil` passes: a root that
    /// wants one back that was not sent uses its nonce for another.
    /// @param root The root that signs.
    /// @param scheme Scheme of the new key.
    /// @param publicKey Public key of the new key.
    /// @param account The only account that may submit for it; zero for anybody.
    /// @param validFrom First second, now at the earliest; zero for the second in which it is mined.
    /// @param validUntil First second at which it is over.
    /// @param replaces A working key of the same root that ends when this one begins (it never lives longer for it), or
    /// zero.
    /// @param signature Of `authorizationDigest(…)` with the root's current nonce, by the root.
    /// @return key keyIdOf(root, scheme, publicKey).
    function authorizeKey(
        bytes32 root,
        PostQuantumScheme scheme,
        bytes32 publicKey,
        address account,
        uint40 validFrom,
        uint40 validUntil,
        bytes32 replaces,
        bytes calldata signature
    ) external returns (bytes32 key);

    /// @notice Revokes a root or working key. Nothing can undo it; a later call may only move it back in time.
    /// @dev A signed revocation has no nonce and never expires: sent again it is refused, sent late it takes all that was
    /// verified since its second. A revoked root may still sign revocations, for they give nobody any power.
    /// @param key The key. Revoking a root voids what its keys sign from then on, too.
    /// @param since What was verified at or after this second counts for nothing: now at the latest. Only the root can
    /// name the past, which is for keys that were stolen some time ago.
    /// @param reason Digest of, or short text about, why.
    /// @param signature Of `revocationDigest(key, since, reason)` by the root (for a root: by itself); empty if the
    /// caller is the account of the key, which may revoke from now on (`since` is then ignored).
    function revokeKey(bytes32 key, uint40 since, bytes32 reason, bytes calldata signature) external;

    // ------------------------------------------------------------------------------------------------------------
    // Data
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Verifies that a working key signed `dataHash`, and records it for good, once for each key.
    /// @dev For a key without an account anybody who sees the proof may send it, any time while the key is valid; who
    /// comes second gets `AlreadyVerified`, and what he wanted. WARNING: a contract that calls this and catches the
    /// revert must not take it for a bad signature: too little gas ends the same way.
    /// @param dataHash Digest of the datum.
    /// @param quantumProof Id of the key (32 bytes), then its signature of `verificationDigest(dataHash, key)`.
    function verifyData(bytes32 dataHash, bytes calldata quantumProof) external;

    /// @notice As `verifyData`, for all leaves of a Merkle tree (OpenZeppelin's standard format, as `IAnchors`).
    /// @dev WARNING: `size` is stated by the signer and bounds the length of accepted proofs; it is not proven. A key
    /// signs a root once, with one size.
    /// @param root Root of the tree.
    /// @param size Number of leaves, 1 to 2^56 - 1.
    /// @param quantumProof Id of the key, then its signature of `batchDigest(root, size, key)`.
    function verifyBatch(bytes32 root, uint64 size, bytes calldata quantumProof) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Longest life of a working key, seconds: 90 days.
    function MAX_LIFETIME() external view returns (uint40);

    /// @notice The verifier of a scheme, an ERC-7913 contract.
    function verifierOf(PostQuantumScheme scheme) external view returns (address verifier);

    /// @notice Id of a key: keccak256(abi.encode(root, scheme, publicKey)); `root` zero for a root key.
    function keyIdOf(bytes32 root, PostQuantumScheme scheme, bytes32 publicKey) external pure returns (bytes32 key);

    /// @notice A key; reverts if there is none.
    function keyOf(bytes32 key) external view returns (Key memory);

    /// @notice What the next authorisation by this root carries; zero for what is no root.
    function nonceOf(bytes32 root) external view returns (uint256 nonce);

    /// @notice Whether `key` is a working key that may sign data now. Never reverts.
    function isValidKey(bytes32 key) external view returns (bool);

    /// @notice Every verification of `dataHash`, oldest first.
    /// @dev For off-chain readers: anybody can lengthen the list at some million gas an entry. Contracts ask `isVerified`.
    function verifications(bytes32 dataHash) external view returns (Verification[] memory);

    /// @notice `count` verifications of `dataHash` from number `start`; fewer at the end.
    function verifications(bytes32 dataHash, uint256 start, uint256 count) external view returns (Verification[] memory);

    /// @notice The verification of `dataHash` by `key`; all zero if there is none.
    function verificationOf(bytes32 key, bytes32 dataHash) external view returns (Verification memory);

    /// @notice Whether `key` signed `dataHash` at a time at which neither it nor its root was revoked. Never reverts.
    /// @dev WARNING: anybody can enrol a root and sign anything. Who asks must know whose key it asks about: `keyOf` names
    /// its root. The answer can turn from true to false (a revocation), never back.
    function isVerified(bytes32 key, bytes32 dataHash) external view returns (bool);

    /// @notice As `verificationOf`, of a Merkle root; `size` is the stated number of leaves.
    function batchOf(bytes32 key, bytes32 root) external view returns (Verification memory verification, uint64 size);

    /// @notice Whether `dataHash` is a leaf of a tree that `key` signed, and that still counts. Never reverts.
    /// @dev The leaf is keccak256(keccak256(abi.encode(dataHash))), computed here.
    function isVerifiedInBatch(bytes32 key, bytes32 root, bytes32 dataHash, bytes32[] calldata proof)
        external
        view
        returns (bool);

    /// @notice EIP-712 digest that enrols a root.
    function rootDigest(PostQuantumScheme scheme, bytes32 publicKey, address account) external view returns (bytes32);

    /// @notice EIP-712 digest that authorises a working key.
    function authorizationDigest(
        bytes32 root,
        PostQuantumScheme scheme,
        bytes32 publicKey,
        address account,
        uint40 validFrom,
        uint40 validUntil,
        bytes32 replaces,
        uint256 nonce
    ) external view returns (bytes32);

    /// @notice EIP-712 digest that revokes a key.
    function revocationDigest(bytes32 key, uint40 since, bytes32 reason) external view returns (bytes32);

    /// @notice EIP-712 digest that `key` signs for `dataHash`; reverts if there is no such key.
    function verificationDigest(bytes32 dataHash, bytes32 key) external view returns (bytes32);

    /// @notice EIP-712 digest that `key` signs for a tree; reverts if there is no such key.
    function batchDigest(bytes32 root, uint64 size, bytes32 key) external view returns (bytes32);
}
