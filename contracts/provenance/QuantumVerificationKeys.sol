// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {QuantumVerificationMessages} from "./QuantumVerificationMessages.sol";
import {QuantumVerificationSchemes} from "./QuantumVerificationSchemes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title QuantumVerificationKeys
/// @notice The keys of `IQuantumVerification`. Three slots a working key, two a root (whose slot 0 stays zero), and slot
/// 3 for a key that is revoked or a root that has signed a key:
///
///    slot 0   id of the root that signed it, zero for a root
///    slot 1   public key
///             255  248 247    240 239        200 199       160 159                 0
///            +--------+----------+--------------+-------------+---------------------+
///    slot 2  | unused |  scheme  |  validUntil  |  validFrom  |       account       |
///            +--------+----------+--------------+-------------+---------------------+
///             255                                    40 39                         0
///            +-----------------------------------------+---------------------------+
///    slot 3  |    nonce of the next authorisation      |       revokedSince        |
///            +-----------------------------------------+---------------------------+
///
/// `validUntil` is never zero for a key that exists. Of what is written only three things ever change, each in one
/// direction: `validUntil` and `revokedSince` (once it is set) only get smaller, the nonce only larger.
abstract contract QuantumVerificationKeys is QuantumVerificationMessages, QuantumVerificationSchemes {
    struct KeyState {
        bytes32 root;
        bytes32 publicKey;
        address account;
        uint40 validFrom;
        uint40 validUntil;
        PostQuantumScheme scheme;
        uint40 revokedSince;
        uint216 nonce;
    }

    /// @inheritdoc IQuantumVerification
    uint40 public constant MAX_LIFETIME = 90 days;

    mapping(bytes32 key => KeyState) private _keys;

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IQuantumVerification
    function enrolRoot(PostQuantumScheme scheme, bytes32 publicKey, address account, bytes calldata signature)
        external
        returns (bytes32 root)
    {
        root = keyIdOf(0, scheme, publicKey);
        KeyState storage k = _keys[root];
        // Check
        if (k.validUntil != 0) revert QuantumVerification_KeyExists(root);
        _checkSignature(root, scheme, publicKey, rootDigest(scheme, publicKey, account), signature);
        // Effect
        k.publicKey = publicKey;
        (k.account, k.validFrom, k.validUntil, k.scheme) = (account, _now(), type(uint40).max, scheme);
        emit RootEnrolled(root, scheme, publicKey, account);
    }

    /// @inheritdoc IQuantumVerification
    function authorizeKey(
        bytes32 root,
        PostQuantumScheme scheme,
        bytes32 publicKey,
        address account,
        uint40 validFrom,
        uint40 validUntil,
        bytes32 replaces,
        bytes calldata signature
    ) external returns (bytes32 key) {
        return _authorize(
            Authorization(root, scheme, publicKey, account, validFrom, validUntil, replaces, _keys[root].nonce),
            signature
        );
    }

    /// @inheritdoc IQuantumVerification
    function revokeKey(bytes32 key, uint40 since, bytes32 reason, bytes calldata signature) external {
        KeyState storage k = _existing(key);
        // Check: by the account of the key, from now on; or by the root, as of any second that is not to come.
        if (signature.length == 0) {
            address account = k.account;
            if (account == address(0) || msg.sender != account) {
                revert QuantumVerification_WrongAccount(key, account, msg.sender);
            }
            since = _now();
        }
        uint40 current = k.revokedSince;
        bool possible = since != 0 && since <= _now() && _before(since, current);
        if (!possible) revert QuantumVerification_InvalidRevocation(key, since, current);
        if (signature.length != 0) {
            bytes32 root = k.root == 0 ? key : k.root;
            KeyState storage r = _keys[root];
            // A revoked root may still sign here: nothing but power can be lost by it.
            _checkAccount(root, r.account);
            _checkSignature(root, r.scheme, r.publicKey, revocationDigest(key, since, reason), signature);
        }
        // Effect
        k.revokedSince = since;
        emit KeyRevoked(key, since, reason);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IQuantumVerification
    function keyIdOf(bytes32 root, PostQuantumScheme scheme, bytes32 publicKey) public pure returns (bytes32 key) {
        return keccak256(abi.encode(root, scheme, publicKey));
    }

    /// @inheritdoc IQuantumVerification
    function keyOf(bytes32 key) external view returns (Key memory) {
        KeyState memory k = _existing(key);
        return Key(k.root, k.scheme, k.publicKey, k.account, k.validFrom, k.validUntil, k.revokedSince);
    }

    /// @inheritdoc IQuantumVerification
    function nonceOf(bytes32 root) external view returns (uint256 nonce) {
        return _keys[root].nonce;
    }

    /// @inheritdoc IQuantumVerification
    function isValidKey(bytes32 key) external view returns (bool) {
        KeyState storage k = _keys[key];
        bytes32 root = k.root;
        if (k.revokedSince != 0 || _keys[root].revokedSince != 0) return false;
        // A root signs no data; an unknown key has no root either.
        return root != 0 && block.timestamp >= k.validFrom && block.timestamp < k.validUntil;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _authorize(Authorization memory a, bytes calldata signature) private returns (bytes32 key) {
        KeyState storage r = _existing(a.root);
        key = keyIdOf(a.root, a.scheme, a.publicKey);
        KeyState storage k = _keys[key];
        // Check
        if (r.root != 0) revert QuantumVerification_WrongKind(a.root);
        _checkAccount(a.root, r.account);
        _checkNotRevoked(a.root, r.revokedSince);
        if (k.validUntil != 0) revert QuantumVerification_KeyExists(key);
        uint40 start = a.validFrom != 0 ? a.validFrom : _now();
        if (start < _now() || a.validUntil <= start || a.validUntil - start > MAX_LIFETIME) {
            revert QuantumVerification_InvalidLifetime(start, a.validUntil, MAX_LIFETIME);
        }
        if (a.replaces != 0) _checkReplaces(a.replaces, a.root);
        _checkSignature(a.root, r.scheme, r.publicKey, _authorizationDigest(a), signature);

        // Effect
        ++r.nonce;
        (k.root, k.publicKey) = (a.root, a.publicKey);
        (k.account, k.validFrom, k.validUntil, k.scheme) = (a.account, start, a.validUntil, a.scheme);
        emit KeyAuthorized(a.root, key, a.scheme, a.publicKey, a.account, start, a.validUntil);
        if (a.replaces != 0) _replace(a.replaces, key, start);
    }

    /// @dev The previous key ends when the next begins, or when it would have ended anyway.
    function _replace(bytes32 previous, bytes32 key, uint40 start) private {
        KeyState storage p = _keys[previous];
        uint40 end = uint40(Math.min(p.validUntil, start));
        p.validUntil = end;
        emit KeyRotated(previous, key, end);
    }

    function _checkReplaces(bytes32 previous, bytes32 root) private view {
        bytes32 other = _existing(previous).root;
        if (other == 0) revert QuantumVerification_WrongKind(previous);
        if (other != root) revert QuantumVerification_ForeignKey(previous, root);
    }

    /// @dev Account of a working key for which the caller may submit; `digest` is checked by `_checkProof`.
    function _checkSubmitter(bytes32 key) internal view returns (address account) {
        KeyState storage k = _existing(key);
        if (k.root == 0) revert QuantumVerification_WrongKind(key);
        account = k.account;
        _checkAccount(key, account);
    }

    /// @dev That a working key may sign data now, and that it signed `digest`.
    function _checkProof(bytes32 key, bytes32 digest, bytes calldata signature) internal view {
        KeyState storage k = _keys[key];
        bytes32 root = k.root;
        _checkNotRevoked(key, k.revokedSince);
        _checkNotRevoked(root, _keys[root].revokedSince);
        (uint40 validFrom, uint40 validUntil) = (k.validFrom, k.validUntil);
        if (block.timestamp < validFrom || block.timestamp >= validUntil) {
            revert QuantumVerification_KeyNotValid(key, validFrom, validUntil, block.timestamp);
        }
        _checkSignature(key, k.scheme, k.publicKey, digest, signature);
    }

    /// @dev Whether neither the key nor its root is revoked as of `timestamp` or before.
    function _countsAt(bytes32 key, uint40 timestamp) internal view returns (bool) {
        KeyState storage k = _keys[key];
        return _before(timestamp, k.revokedSince) && _before(timestamp, _keys[k.root].revokedSince);
    }

    function _accountOf(bytes32 key) internal view returns (address account) {
        return _existing(key).account;
    }

    function _existing(bytes32 key) private view returns (KeyState storage k) {
        k = _keys[key];
        if (k.validUntil == 0) revert QuantumVerification_UnknownKey(key);
    }

    function _checkAccount(bytes32 key, address account) private view {
        if (account != address(0) && msg.sender != account) {
            revert QuantumVerification_WrongAccount(key, account, msg.sender);
        }
    }

    function _checkNotRevoked(bytes32 key, uint40 since) private pure {
        if (since != 0) revert QuantumVerification_KeyRevoked(key, since);
    }

    function _before(uint40 timestamp, uint40 revokedSince) private pure returns (bool) {
        return revokedSince == 0 || timestamp < revokedSince;
    }

    function _now() internal view returns (uint40) {
        return uint40(block.timestamp);
    }
}
