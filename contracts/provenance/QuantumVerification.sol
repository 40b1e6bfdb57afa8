// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuantumVerificationRecords} from "./QuantumVerificationRecords.sol";
import {QuantumVerificationSchemes} from "./QuantumVerificationSchemes.sol";

/// @title QuantumVerification
/// @notice See `IQuantumVerification`, and its parts in this folder:
///
///   Messages   what is signed: five EIP-712 types
///   Schemes    who checks signatures, and what counts as a yes
///   Keys       roots and the working keys that they sign; validity and revocation
///   Records    what working keys signed
///
/// @dev Immutable: no proxy, no owner, no pause. It calls verifiers only, and those by static calls.
contract QuantumVerification is QuantumVerificationRecords {
    /// @param verifiers ERC-7913 contracts, in the order of `PostQuantumScheme`.
    constructor(address[4] memory verifiers) QuantumVerificationSchemes(verifiers) {}
}
