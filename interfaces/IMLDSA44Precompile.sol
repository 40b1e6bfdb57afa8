// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMLDSAVerifier} from "./IMLDSAVerifier.sol";

/// @title IMLDSA44Precompile
/// @notice An ML-DSA-44 verifier that asks the precompile of EIP-8051 where the chain has it, for a third of the
/// price, and the verifier in Solidity where it has not. Callers see no difference but the price.
/// @dev WARNING: as of 2026 no chain is known to have this precompile. EIP-8051 is a draft, and what is here was tested
/// against a double only. The draft leaves open, or contradicts FIPS 204 in, what follows; where a precompile turns out
/// to be otherwise, the known-answer test fails and everything stays with the verifier in Solidity:
///  - its key has 32 bytes of tr. FIPS 204 has 64 and needs them all: 64 are handed over, 20,544 bytes for the key;
///  - the matrix is handed over row by row, each coefficient in four bytes, in the order of FIPS 204's NTT;
///  - t1 is NTT(t1), without the factor 2^13, as its `VERIFY_MLDSA` multiplies by that itself;
///  - it does not say how its 32-byte message is framed. What fits is a message of 32 bytes, "pure", under the empty
///    context; any other message or context goes to the verifier in Solidity without asking.
/// EIP-8355, a later draft, claims the same address for a precompile of another form. That there is something at an
/// address therefore means nothing here.
interface IMLDSA44Precompile is IMLDSAVerifier {
    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Not a valid signature by a registered key, says the verifier in Solidity: nothing to test with.
    error MLDSA44Precompile_NotAKnownAnswer(bytes32 key, bytes32 hash);

    /// @notice What is at the precompile's address, if anything, failed test number `test` (see `adopt`). Give more gas
    /// if there should be one.
    error MLDSA44Precompile_NotThere(uint256 test);

    /// @notice There is no contract at the address given for the verifier in Solidity.
    error MLDSA44Precompile_NotAVerifier(address verifier);

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice The precompile gave the known answers and is used from now on.
    event PrecompileAdopted(bytes32 indexed key, address indexed by);

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Makes use of the precompile from now on, if it gives the known answers: test 0, the signature given here,
    /// which the verifier in Solidity accepts; and tests 1 to 9, the same with one bit turned over in message, c̃, z, h,
    /// Â, tr and t1, with the last byte missing and with one more, which nothing may accept.
    /// @dev Open to anyone, with any key and signature: nothing about them is trusted. For good: whoever could break a
    /// precompile that once was right is the chain itself. Even so each answer is checked for plausibility, see `verify`.
    /// @param key Id of a completely registered key of ML-DSA-44.
    /// @param hash The message.
    /// @param signature A valid signature of it under the empty context.
    function adopt(bytes32 key, bytes32 hash, bytes calldata signature) external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Whether the precompile is used.
    function adopted() external view returns (bool);

    /// @notice The verifier in Solidity, an `IMLDSAVerifier` of ML-DSA-44.
    // slither-disable-next-line naming-convention
    function SOLIDITY() external view returns (address);
}
