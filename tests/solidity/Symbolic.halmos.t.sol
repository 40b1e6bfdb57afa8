// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HexDigest} from "../../contracts/crypto/HexDigest.sol";
import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {Test} from "./Vm.sol";

/// @notice Proofs over all inputs by symbolic execution; forge ignores `check_`, halmos runs them:
/// `halmos --function check_ --loop 8 --forge-build-out out/forge`.
contract HexDigestSymbolic is Test {
    /// @dev H-1, for all 2^256 digests; no loop.
    function check_ParseUndoesFormat(bytes32 digest) external pure {
        (bytes32 high, bytes32 low) = HexDigest.format(digest);
        (bytes32 parsed, bool valid) = HexDigest.parse(high, low);
        assert(valid);
        assert(parsed == digest);
    }

    /// @dev H-2, for all 2^512 texts and any one of the 64 characters: what parses is what `format` writes, but for
    /// the case of letters; in particular every character is a digit. No loop.
    function check_ParsedTextIsItsFormat(bytes32 high, bytes32 low, uint256 position) external pure {
        vm.assume(position < 32);
        (bytes32 digest, bool valid) = HexDigest.parse(high, low);
        vm.assume(valid);
        (bytes32 highDigits, bytes32 lowDigits) = HexDigest.format(digest);
        assert(_lower(_character(high, position)) == _character(highDigits, position));
        assert(_lower(_character(low, position)) == _character(lowDigits, position));
    }

    /// @dev H-3, for all texts: 64 digits are never refused, and one character that is none always is. No loop.
    function check_ParseRefusesOtherCharacters(bytes32 high, bytes32 low, uint256 position) external pure {
        vm.assume(position < 32);
        (, bool valid) = HexDigest.parse(high, low);
        if (!_isDigit(_character(high, position)) || !_isDigit(_character(low, position))) assert(!valid);
    }

    /// @dev H-4, for all characters: the search for the wrong character stops exactly where `parse` found one.
    function check_IsDigit(bytes1 character) external pure {
        assert(HexDigest.isDigit(character) == _isDigit(uint256(uint8(character))));
    }

    function _character(bytes32 text, uint256 position) private pure returns (uint256) {
        return (uint256(text) >> (8 * position)) & 0xff;
    }

    function _lower(uint256 c) private pure returns (uint256) {
        return c >= 65 && c <= 90 ? c + 32 : c;
    }

    function _isDigit(uint256 c) private pure returns (bool) {
        return (c >= 48 && c <= 57) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102);
    }
}

contract ProofOfTrainingSymbolic is Test {
    ProofOfTraining private proof;
    address private constant OWNER = address(0xbeef);

    function setUp() public {
        proof = new ProofOfTraining(OWNER);
    }

    /// @dev A-3, for all submitters, digests, sizes, times and heights below 2^64: what is packed reads back.
    function check_AnchorPacksAndUnpacks(address who, bytes32 digest, uint64 size, uint64 time, uint64 number)
        external
    {
        vm.assume(size > 0);
        vm.warp(time);
        vm.roll(number);
        vm.prank(who);
        proof.anchorBatch(digest, size, "");
        (uint64 t, uint64 b, uint64 s) = proof.anchorOf(who, digest);
        assert(t == time);
        assert(b == number);
        assert(s == size);
    }

    /// @dev A-1, for any two callers, digests, sizes and times: a second anchor never changes the first.
    function check_AnchorIsWriteOnce(
        address first,
        bytes32 digest,
        uint64 size,
        address second,
        bytes32 other,
        uint64 otherSize,
        uint64 later
    ) external {
        vm.assume(size > 0);
        vm.prank(first);
        proof.anchorBatch(digest, size, "");
        (uint64 t, uint64 b, uint64 s) = proof.anchorOf(first, digest);
        vm.warp(later);
        vm.prank(second);
        (bool ok,) = address(proof).call(abi.encodeCall(proof.anchorBatch, (other, otherSize, "")));
        (uint64 t2, uint64 b2, uint64 s2) = proof.anchorOf(first, digest);
        assert(t == t2 && b == b2 && s == s2);
        if (first == second && digest == other) assert(!ok);
    }

    /// @dev R-2, for all sizes and roots: an extension to a size that is not larger is refused.
    function check_ExtendNeverShrinks(uint64 size, bytes32 root, uint64 newSize, bytes32 newRoot) external {
        bytes32[] memory none = new bytes32[](0);
        bytes32 run = proof.openRun("s", "m");
        (bool opened,) = address(proof).call(abi.encodeCall(proof.extendRun, (run, size, root, none)));
        vm.assume(opened);
        (bool ok,) = address(proof).call(abi.encodeCall(proof.extendRun, (run, newSize, newRoot, none)));
        if (newSize <= size) assert(!ok);
        (, uint64 stands, bytes32 rootStands,,) = proof.headOf(run);
        if (!ok) assert(stands == size && rootStands == root);
    }

    /// @dev R-3, for all arguments and callers: nothing changes the head of a sealed run.
    function check_SealedRunIsFinal(address caller, uint64 newSize, bytes32 newRoot, bytes32 model, address recorder)
        external
    {
        bytes32[] memory none = new bytes32[](0);
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, 5, "root", none);
        proof.sealRun(run, "model");
        vm.prank(caller);
        (bool extended,) = address(proof).call(abi.encodeCall(proof.extendRun, (run, newSize, newRoot, none)));
        vm.prank(caller);
        (bool resealed,) = address(proof).call(abi.encodeCall(proof.sealRun, (run, model)));
        vm.prank(caller);
        (bool set,) = address(proof).call(abi.encodeCall(proof.setRecorder, (run, recorder, true)));
        assert(!extended && !resealed && !set);
    }

    /// @dev R-5, for all callers: a stranger neither extends, nor seals, nor authorises.
    function check_StrangersHavePowerOverNoRun(address caller, uint64 newSize, bytes32 newRoot, bytes32 model)
        external
    {
        vm.assume(caller != address(this));
        bytes32[] memory none = new bytes32[](0);
        bytes32 run = proof.openRun("s", "m");
        vm.prank(caller);
        (bool extended,) = address(proof).call(abi.encodeCall(proof.extendRun, (run, newSize, newRoot, none)));
        vm.prank(caller);
        (bool ended,) = address(proof).call(abi.encodeCall(proof.sealRun, (run, model)));
        vm.prank(caller);
        (bool set,) = address(proof).call(abi.encodeCall(proof.setRecorder, (run, caller, true)));
        assert(!extended && !ended && !set);
    }

    /// @dev S-3, for all callers and arguments: no administrative call disturbs its neighbours in the packed slot.
    function check_AdministrationKeepsItsNeighbours(address caller, address next, uint8 what) external {
        proof.storeHash("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "");
        uint256 count = proof.getTransactionCount();
        vm.prank(OWNER);
        proof.transferOwnership(next);
        bytes memory call_ = what == 0
            ? abi.encodeCall(proof.pauseContract, ())
            : what == 1 ? abi.encodeCall(proof.acceptOwnership, ()) : abi.encodeCall(proof.transferOwnership, (caller));
        vm.prank(caller);
        (bool ok,) = address(proof).call(call_);
        assert(proof.getTransactionCount() == count);
        if (what == 1) assert(proof.owner() == (ok ? caller : OWNER));
        else assert(proof.owner() == OWNER);
        assert(proof.paused() == (ok && what == 0));
        if (ok && what == 1) assert(caller == next);
        if (ok && what != 1) assert(caller == OWNER);
    }

    /// @dev S-1, S-3, for all submitters, times and heights (the spelling is H-1's matter): storing a record counts one
    /// up and changes neither owner nor flag, and the record's packed slot reads back.
    function check_StoreKeepsItsNeighbours(address who, uint40 time, uint40 number) external {
        string memory digits = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        vm.warp(time);
        vm.roll(number);
        vm.prank(who);
        uint256 id = proof.storeHash(digits, "metadata");
        assert(id == 1 && proof.getTransactionCount() == 1);
        assert(proof.owner() == OWNER && !proof.paused());
        (,, uint256 t, uint256 b, address s) = proof.getHash(1);
        assert(t == time && b == number && s == who);
        assert(proof.verifyHash(digits, 1));
    }
}
