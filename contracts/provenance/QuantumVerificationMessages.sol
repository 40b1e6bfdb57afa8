// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title QuantumVerificationMessages
/// @notice The five messages of `IQuantumVerification`, as EIP-712 digests. No two of them can be taken for each other:
/// each has a type hash of its own, and the domain names chain and contract (a fork of the chain is another chain).
abstract contract QuantumVerificationMessages is IQuantumVerification, EIP712 {
    /// @dev The fields of a KeyAuthorization in their order: encoding the struct is EIP-712's encoding of its fields.
    struct Authorization {
        bytes32 root;
        PostQuantumScheme scheme;
        bytes32 publicKey;
        address account;
        uint40 validFrom;
        uint40 validUntil;
        bytes32 replaces;
        uint256 nonce;
    }

    bytes32 private constant ROOT_ENROLMENT =
        keccak256("RootEnrolment(uint8 scheme,bytes32 publicKey,address account)");
    bytes32 private constant KEY_AUTHORIZATION = keccak256(
        "KeyAuthorization(bytes32 root,uint8 scheme,bytes32 publicKey,address account,uint40 validFrom,uint40 validUntil,bytes32 replaces,uint256 nonce)"
    );
    bytes32 private constant KEY_REVOCATION = keccak256("KeyRevocation(bytes32 key,uint40 since,bytes32 reason)");
    bytes32 private constant VERIFICATION = keccak256("Verification(bytes32 dataHash,bytes32 key,address account)");
    bytes32 private constant BATCH = keccak256("Batch(bytes32 root,uint64 size,bytes32 key,address account)");

    constructor() EIP712("QuantumVerification", "1") {}

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IQuantumVerification
    function rootDigest(PostQuantumScheme scheme, bytes32 publicKey, address account) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ROOT_ENROLMENT, scheme, publicKey, account)));
    }

    /// @inheritdoc IQuantumVerification
    function authorizationDigest(
        bytes32 root,
        PostQuantumScheme scheme,
        bytes32 publicKey,
        address account,
        uint40 validFrom,
        uint40 validUntil,
        bytes32 replaces,
        uint256 nonce
    ) external view returns (bytes32) {
        return _authorizationDigest(
            Authorization(root, scheme, publicKey, account, validFrom, validUntil, replaces, nonce)
        );
    }

    /// @inheritdoc IQuantumVerification
    function revocationDigest(bytes32 key, uint40 since, bytes32 reason) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(KEY_REVOCATION, key, since, reason)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _authorizationDigest(Authorization memory authorization) internal view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(KEY_AUTHORIZATION, authorization)));
    }

    function _verificationDigest(bytes32 dataHash, bytes32 key, address account) internal view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VERIFICATION, dataHash, key, account)));
    }

    function _batchDigest(bytes32 root, uint64 size, bytes32 key, address account) internal view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(BATCH, root, size, key, account)));
    }
}
