// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {IRecords} from "../../interfaces/IRecords.sol";
import {Test} from "./Vm.sol";

contract RecordsTest is Test {
    bytes private constant DIGITS = "0123456789abcdef";
    uint256 private constant LIMIT = 2_048;
    address private constant ALICE = address(0xa11ce);
    address private constant BOB = address(0xb0b);
    string private constant HASH = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    ProofOfTraining private proof = new ProofOfTraining(address(this));

    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Constructor(address first) public {
        vm.assume(first != address(0));
        vm.expectEmit();
        emit IRecords.OwnershipTransferred(address(0), first);
        ProofOfTraining fresh = new ProofOfTraining(first);
        vm.assertEq(fresh.owner(), first);
        vm.assertEq(fresh.pendingOwner(), address(0));
        vm.assertEq(fresh.getTransactionCount(), uint256(0));
        vm.assertFalse(fresh.paused());
    }

    function test_ConstructorRejectsZeroOwner() public {
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_ZeroOwner.selector));
        new ProofOfTraining(address(0));
    }

    // ------------------------------------------------------------------------------------------------------------
    // storeHash
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Spelled in any way, it reads and is filtered in one.
    function testFuzz_StoreHash(
        address submitter,
        bytes32 digest,
        uint64 upper,
        bool prefixed,
        string memory metadata,
        uint40 time
    ) public {
        uint40 number = time ^ 0x5555; // another value in the same range
        vm.assume(bytes(metadata).length <= LIMIT);
        vm.warp(time);
        vm.roll(number);
        string memory spelled = _spell(digest, upper, prefixed);
        vm.expectEmit();
        emit IRecords.HashStored(1, _spell(digest, 0, false), submitter, time, number);
        vm.prank(submitter);
        vm.assertEq(proof.storeHash(spelled, metadata), uint256(1));

        vm.assertEq(_read(1), abi.encode(_spell(digest, 0, false), metadata, uint256(time), uint256(number), submitter));
        vm.assertEq(proof.getTransactionCount(), uint256(1));
        vm.assertTrue(proof.verifyHash(spelled, 1));
    }

    /// @dev Each length at which the way of keeping changes, byte by byte: none, inline, contract code.
    function test_StoreHashKeepsMetadataOfEveryLength() public {
        uint16[11] memory lengths = [0, 1, 2, 31, 32, 33, 64, 100, 2_000, 2_047, 2_048];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory metadata = new bytes(lengths[i]);
            for (uint256 j = 0; j < metadata.length; ++j) {
                metadata[j] = bytes1(uint8(j * 7 + i)); // zero bytes among them
            }
            uint256 id = proof.storeHash(HASH, string(metadata));
            (, string memory read,,,) = proof.getHash(id);
            vm.assertEq(bytes(read), metadata);
        }
    }

    function testFuzz_StoreHashCountsUp(uint8 stores) public {
        for (uint256 i = 1; i <= stores % 20; ++i) {
            vm.assertEq(proof.storeHash(HASH, ""), i);
            vm.assertEq(proof.getTransactionCount(), i);
            vm.assertTrue(proof.transactionExists(i));
            vm.assertFalse(proof.transactionExists(i + 1));
        }
    }

    function testFuzz_StoreHashRejectsLongerMetadata(uint256 length) public {
        length = _bound(length, LIMIT + 1, 3 * LIMIT);
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_MetadataTooLong.selector, length, LIMIT));
        proof.storeHash(HASH, string(new bytes(length)));
    }

    /// @dev Every length from 0 to 140 but the right ones, of digits only.
    function test_StoreHashRejectsEveryOtherLength() public {
        for (uint256 length = 0; length <= 140; ++length) {
            bytes memory refusal = abi.encodeWithSelector(IRecords.Records_InvalidHashLength.selector, length);
            if (length != 64) {
                vm.expectRevert(refusal);
                proof.storeHash(_fill(length, false), "");
            }
            if (length >= 2 && length != 66) {
                vm.expectRevert(refusal); // 64 characters among them: 0x and 62 digits
                proof.storeHash(_fill(length, true), "");
            }
        }
        vm.assertEq(proof.getTransactionCount(), uint256(0));
    }

    /// @dev 0x is the only prefix.
    function test_StoreHashRejectsOtherPrefixes() public {
        string[4] memory prefixes = ["0X", "00", "x0", " 0"];
        for (uint256 i = 0; i < prefixes.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IRecords.Records_InvalidHashLength.selector, 66));
            proof.storeHash(string.concat(prefixes[i], HASH), "");
        }
    }

    /// @dev The first wrong character, counted from the start of what was submitted.
    function testFuzz_StoreHashNamesTheWrongCharacter(bytes32 digest, uint256 where, uint8 wrong, bool prefixed)
        public
    {
        where = _bound(where, 0, 63);
        vm.assume(!_isDigit(wrong));
        vm.assume(prefixed || where != 1 || wrong != 0x78); // "0x" and 62 digits: wrong length, see below
        bytes memory text = bytes(_spell(digest, 0, prefixed));
        uint256 position = prefixed ? where + 2 : where;
        text[position] = bytes1(wrong);
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_InvalidHashCharacter.selector, position));
        proof.storeHash(string(text), "");
    }

    /// @dev Every character that is no digit, at every position; the loop that searches it ends.
    function test_StoreHashRejectsEveryWrongCharacter() public {
        proof.storeHash(HASH, ""); // '!' for '1' and the like must not match it
        bytes memory text = bytes(HASH);
        for (uint256 c = 0; c < 256; ++c) {
            if (_isDigit(uint8(c))) continue;
            for (uint256 i = 2; i < 64; i += c % 5 + 1) {
                bytes1 right = text[i];
                text[i] = bytes1(uint8(c));
                vm.expectRevert(abi.encodeWithSelector(IRecords.Records_InvalidHashCharacter.selector, i));
                proof.storeHash(string(text), "");
                vm.assertFalse(proof.verifyHash(string(text), 1));
                text[i] = right;
            }
        }
    }

    function testFuzz_StoreHashWhenPausedReverts(string calldata hashValue, string calldata metadata) public {
        proof.pauseContract();
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_Paused.selector));
        proof.storeHash(hashValue, metadata);
    }

    /// @dev The data contract that holds metadata cannot be called: its first byte is STOP.
    function test_MetadataContractDoesNothingWhenCalled() public {
        vm.record();
        proof.storeHash(HASH, string(abi.encodePacked(hex"60006000fd", new bytes(60))));
        (, bytes32[] memory writes) = vm.accesses(address(proof));
        address pointer = address(uint160(uint256(vm.load(address(proof), writes[writes.length - 1]))));
        vm.assertEq(pointer.code.length, uint256(66));
        vm.assertEq(uint256(uint8(pointer.code[0])), uint256(0));
        (bool ok, bytes memory answer) = pointer.call("");
        vm.assertTrue(ok);
        vm.assertEq(answer.length, uint256(0));
    }

    function test_RecordTakesTwoSlotsAndAThirdForMetadata() public {
        proof.storeHash(HASH, ""); // the counter's slot is not the record's
        uint16[4] memory lengths = [0, 1, 32, 500];
        for (uint256 i = 0; i < lengths.length; ++i) {
            vm.record();
            proof.storeHash(HASH, string(new bytes(lengths[i])));
            (, bytes32[] memory writes) = vm.accesses(address(proof));
            vm.assertEq(_distinct(writes), uint256(lengths[i] == 0 ? 3 : 4)); // with the counter's
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // getHash, verifyHash, transactionExists
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_UnknownRecord(uint256 id, uint8 stores) public {
        uint256 count = stores % 4;
        for (uint256 i = 0; i < count; ++i) {
            proof.storeHash(HASH, "");
        }
        if (id != 0) id = _bound(id, count + 1, type(uint256).max);
        vm.assertFalse(proof.transactionExists(id));
        vm.assertFalse(proof.verifyHash(HASH, id));
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_UnknownRecord.selector, id));
        proof.getHash(id);
    }

    /// @dev A digest of zero is no way to match records that do not exist.
    function testFuzz_ZeroDigestMatchesNoUnknownRecord(uint256 id) public view {
        vm.assertFalse(proof.verifyHash(_spell(0, 0, true), id));
    }

    function testFuzz_VerifyHashComparesDigests(bytes32 stored, bytes32 asked, uint64 upper, bool prefixed) public {
        proof.storeHash(_spell(stored, 0, false), "");
        vm.assertEq(proof.verifyHash(_spell(asked, upper, prefixed), 1), asked == stored);
    }

    function testFuzz_VerifyHashNeverReverts(string calldata text, uint256 id) public {
        proof.storeHash(HASH, "");
        vm.assume(bytes(text).length != 64 && bytes(text).length != 66);
        vm.assertFalse(proof.verifyHash(text, id));
        vm.assertFalse(proof.verifyHash(text, 1));
    }

    // ------------------------------------------------------------------------------------------------------------
    // pause
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Pause(uint64 time) public {
        vm.warp(time);
        vm.expectEmit();
        emit IRecords.ContractPaused(address(this), time);
        proof.pauseContract();
        vm.assertTrue(proof.paused());
        vm.expectEmit();
        emit IRecords.ContractUnpaused(address(this), time);
        proof.unpauseContract();
        vm.assertFalse(proof.paused());
        proof.storeHash(HASH, "");
    }

    function test_PauseTwiceReverts() public {
        proof.pauseContract();
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_Paused.selector));
        proof.pauseContract();
    }

    function test_UnpauseWhenNotPausedReverts() public {
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_NotPaused.selector));
        proof.unpauseContract();
    }

    function testFuzz_AdministrationByAnotherReverts(address other, address target) public {
        vm.assume(other != address(this));
        bytes memory refusal = abi.encodeWithSelector(IRecords.Records_NotOwner.selector, other);
        vm.expectRevert(refusal);
        vm.prank(other);
        proof.pauseContract();
        vm.expectRevert(refusal);
        vm.prank(other);
        proof.transferOwnership(target);
        proof.pauseContract();
        vm.expectRevert(refusal);
        vm.prank(other);
        proof.unpauseContract();
    }

    /// @dev Pausing stops `storeHash` and nothing else.
    function testFuzz_PausedContractDoesEverythingElse(bytes32 digest, string calldata metadata) public {
        vm.assume(bytes(metadata).length <= LIMIT);
        proof.storeHash(HASH, metadata);
        proof.pauseContract();
        vm.prank(ALICE);
        proof.anchor(digest);
        vm.prank(BOB);
        proof.anchorBatch(digest, 4, bytes(metadata));
        bytes32 run = proof.openRun("s", "m");
        proof.extendRun(run, 1, "root", new bytes32[](0));
        proof.sealRun(run, digest == 0 ? bytes32("model") : digest);
        (, string memory read,,,) = proof.getHash(1);
        vm.assertEq(read, metadata);
        vm.assertTrue(proof.verifyHash(HASH, 1));
    }

    // ------------------------------------------------------------------------------------------------------------
    // ownership
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_OwnershipPassesInTwoSteps(address next, uint8 stores, bool isPaused) public {
        vm.assume(next != address(0));
        for (uint256 i = 0; i < stores % 4; ++i) {
            proof.storeHash(HASH, "");
        }
        if (isPaused) proof.pauseContract();
        vm.expectEmit();
        emit IRecords.OwnershipTransferStarted(address(this), next);
        proof.transferOwnership(next);
        vm.assertEq(proof.owner(), address(this));
        vm.assertEq(proof.pendingOwner(), next);
        vm.expectEmit();
        emit IRecords.OwnershipTransferred(address(this), next);
        vm.prank(next);
        proof.acceptOwnership();
        vm.assertEq(proof.owner(), next);
        vm.assertEq(proof.pendingOwner(), address(0));
        // The neighbours in the slot are what they were.
        vm.assertEq(proof.getTransactionCount(), uint256(stores % 4));
        vm.assertEq(proof.paused(), isPaused);
    }

    function testFuzz_AcceptByAnotherReverts(address next, address other) public {
        vm.assume(other != next && other != address(0));
        proof.transferOwnership(next);
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_NotPendingOwner.selector, other));
        vm.prank(other);
        proof.acceptOwnership();
    }

    function testFuzz_WithdrawnOfferCannotBeAccepted(address next) public {
        vm.assume(next != address(0));
        proof.transferOwnership(next);
        proof.transferOwnership(address(0));
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_NotPendingOwner.selector, next));
        vm.prank(next);
        proof.acceptOwnership();
    }

    function test_AcceptedOfferCannotBeAcceptedAgain() public {
        proof.transferOwnership(ALICE);
        vm.prank(ALICE);
        proof.acceptOwnership();
        vm.prank(ALICE);
        proof.transferOwnership(BOB);
        vm.expectRevert(abi.encodeWithSelector(IRecords.Records_NotPendingOwner.selector, ALICE));
        vm.prank(ALICE);
        proof.acceptOwnership();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Helpers
    // ------------------------------------------------------------------------------------------------------------

    /// @dev What `getHash` returns, encoded.
    function _read(uint256 id) private view returns (bytes memory answer) {
        bool ok;
        (ok, answer) = address(proof).staticcall(abi.encodeCall(proof.getHash, (id)));
        vm.assertTrue(ok);
    }

    /// @dev Digits of `digest`; bit i of `upper` makes digit i upper case.
    function _spell(bytes32 digest, uint64 upper, bool prefixed) private pure returns (string memory) {
        bytes memory text = new bytes(64);
        for (uint256 i = 0; i < 64; ++i) {
            uint8 nibble = i % 2 == 0 ? uint8(digest[i / 2]) >> 4 : uint8(digest[i / 2]) & 0x0f;
            text[i] = DIGITS[nibble];
            if (nibble > 9 && (upper >> i) & 1 == 1) text[i] = text[i] ^ 0x20;
        }
        return prefixed ? string.concat("0x", string(text)) : string(text);
    }

    function _fill(uint256 length, bool prefixed) private pure returns (string memory) {
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = "7";
        }
        if (prefixed) (text[0], text[1]) = ("0", "x");
        return string(text);
    }

    function _isDigit(uint8 c) private pure returns (bool) {
        return (c >= 48 && c <= 57) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102);
    }

    function _distinct(bytes32[] memory list) private pure returns (uint256 count) {
        for (uint256 i = 0; i < list.length; ++i) {
            bool seen = false;
            for (uint256 j = 0; j < i; ++j) {
                seen = seen || list[j] == list[i];
            }
            if (!seen) ++count;
        }
    }
}
