// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PostQuantumScheme} from "../../interfaces/IPostQuantumScheme.sol";
import {IQuantumVerification} from "../../interfaces/IQuantumVerification.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @title QuantumVerificationSchemes
/// @notice The verifier of each scheme, fixed for good, and the one way in which it is asked.
abstract contract QuantumVerificationSchemes is IQuantumVerification {
    address private immutable _mlDsa44;
    address private immutable _mlDsa65;
    address private immutable _mlDsa87;
    address private immutable _slhDsaSha2128s;

    /// @param verifiers ERC-7913 contracts, in the order of `PostQuantumScheme`.
    constructor(address[4] memory verifiers) {
        for (uint256 i = 0; i < verifiers.length; ++i) {
            if (verifiers[i].code.length == 0) {
                revert QuantumVerification_NotAVerifier(PostQuantumScheme(i), verifiers[i]);
            }
        }
        (_mlDsa44, _mlDsa65, _mlDsa87, _slhDsaSha2128s) = (verifiers[0], verifiers[1], verifiers[2], verifiers[3]);
    }

    /// @inheritdoc IQuantumVerification
    function verifierOf(PostQuantumScheme scheme) public view returns (address verifier) {
        if (scheme == PostQuantumScheme.ML_DSA_87) return _mlDsa87;
        if (scheme == PostQuantumScheme.SLH_DSA_SHA2_128S) return _slhDsaSha2128s;
        return scheme == PostQuantumScheme.ML_DSA_44 ? _mlDsa44 : _mlDsa65;
    }

    /// @dev Reverts unless the scheme's verifier accepts. `key` is only named in the error.
    function _checkSignature(
        bytes32 key,
        PostQuantumScheme scheme,
        bytes32 publicKey,
        bytes32 digest,
        bytes calldata signature
    ) internal view {
        bytes memory question = abi.encodeCall(
            IERC7913SignatureVerifier.verify, (abi.encodePacked(publicKey), digest, signature)
        );
        if (!_accepts(verifierOf(scheme), question)) revert QuantumVerification_InvalidSignature(key, digest);
    }

    /// @dev Yes is exactly this: the call came back (no revert, not out of gas), with 32 bytes, and these are the magic
    /// value. The verifier gets 63/64 of the gas that is left; one that runs out fails, and 1/64 remains to revert with.
    /// A static call can change nothing, here or elsewhere, so there is nothing to re-enter. An answer of any length
    /// costs nothing: 32 bytes of it are copied.
    function _accepts(address verifier, bytes memory question) private view returns (bool accepted) {
        bytes4 magic = IERC7913SignatureVerifier.verify.selector;
        assembly ("memory-safe") {
            let returned := staticcall(gas(), verifier, add(question, 0x20), mload(question), 0x00, 0x20)
            accepted := and(returned, and(eq(returndatasize(), 0x20), eq(mload(0x00), magic)))
        }
    }
}
