// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "../../contracts/provenance/ModelRegistry.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryFixture} from "./ModelRegistryFixture.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

contract ModelRegistryTest is ModelRegistryFixture {
    string private constant LONG = "1.22.333-alpha.4444+55555.666666";

    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function test_ConstructorRefusesAccountsWithoutCode() public {
        address[3] memory all = [address(proof), address(proof), address(proof)];
        for (uint256 i = 0; i < 3; ++i) {
            all[i] = OWNER;
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotAContract.selector, OWNER));
            new ModelRegistry(all[0], all[1], all[2]);
            all[i] = address(proof);
        }
    }

    // ------------------------------------------------------------------------------------------------------------
    // commit
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_Commit(address anybody, bytes32 commitment) public {
        vm.assertEq(registry.commitmentBlock(commitment), 0);
        vm.expectEmit();
        emit IModelRegistry.Committed(commitment);
        vm.prank(anybody);
        registry.commit(commitment);
        vm.assertEq(registry.commitmentBlock(commitment), BLOCK);
    }

    function testFuzz_CommitTwiceReverts(address anybody, bytes32 commitment, uint256 later) public {
        registry.commit(commitment);
        vm.roll(_bound(later, BLOCK, 2 ** 40 - 1));
        _expect(IModelRegistry.ModelRegistry_AlreadyCommitted.selector, commitment);
        vm.prank(anybody);
        registry.commit(commitment);
        vm.assertEq(registry.commitmentBlock(commitment), BLOCK);
    }

    function testFuzz_CommitmentOf(address owner, bytes32 modelHash, bytes32 salt) public view {
        vm.assertEq(registry.commitmentOf(owner, modelHash, salt), keccak256(abi.encode(owner, modelHash, salt)));
    }

    // ------------------------------------------------------------------------------------------------------------
    // registerModel
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_RegisterModel(address owner, bytes32 modelHash, bytes32 vectorHash, uint256 length) public {
        vm.assume(modelHash != 0 && owner != address(0));
        string memory metadata = _text(_bound(length, 0, 2_048));
        vm.expectEmit();
        emit IModelRegistry.ModelRegistered(modelHash, owner, "10.20.30");
        vm.expectEmit();
        emit IModelRegistry.ModelDescribed(modelHash, vectorHash, metadata);
        vm.recordLogs();
        vm.prank(owner);
        registry.registerModel(modelHash, vectorHash, "10.20.30", metadata);
        vm.assertEq(vm.getRecordedLogs().length, 2);
        IModelRegistry.Model memory expected = IModelRegistry.Model({
            owner: owner,
            registeredAt: uint40(START),
            finalAt: uint40(START + PERIOD),
            revokedAt: 0,
            vectorHash: vectorHash,
            metadataDigest: keccak256(bytes(metadata)),
            version: "10.20.30",
            stage: IModelRegistry.Stage.None,
            metadataKept: false
        });
        vm.assertEq(abi.encode(registry.models(modelHash)), abi.encode(expected));
        vm.assertEq(abi.encode(registry.lineageOf(modelHash)), abi.encode(_none()));
        vm.assertEq(registry.metadataOf(modelHash), "");
        vm.assertEq(registry.ancestorsOf(modelHash).length, 0);
        vm.assertEq(registry.pendingOwnerOf(modelHash), address(0));
    }

    /// @dev 12 bytes of version stand in the slot, 13 in a contract of their own; 32 are the most.
    function test_RegisterModelKeepsVersionsOfAnyLength() public {
        string[4] memory versions = ["0.0.0", "1.0.0-beta.2", "1.0.0-beta.11", LONG];
        for (uint256 i = 0; i < 4; ++i) {
            vm.prank(OWNER);
            registry.registerModel(_id(i), VECTOR, versions[i], "{}");
            IModelRegistry.Model memory model = registry.models(_id(i));
            vm.assertEq(model.version, versions[i]);
            vm.assertFalse(model.metadataKept);
            vm.assertEq(registry.metadataOf(_id(i)), "");
            vm.assertEq(abi.encode(registry.lineageOf(_id(i))), abi.encode(_none()));
        }
    }

    function test_RegisterModelWritesFourSlots() public {
        string memory metadata = _text(2_048);
        vm.record();
        vm.prank(OWNER);
        registry.registerModel(_id(1), VECTOR, LONG, metadata);
        vm.assertEq(_written(address(registry)), 4);
    }

    function test_RegisterModelOfNothingReverts() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_EmptyModelHash.selector));
        registry.registerModel(0, VECTOR, "1.0.0", "");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_EmptyModelHash.selector));
        _reveal(OWNER, 0, _none(), 0);
    }

    function testFuzz_RegisterTooMuchMetadataReverts(uint256 length, bool plain) public {
        length = _bound(length, 2_049, 10_000);
        string memory metadata = _text(length);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_MetadataTooLong.selector, length, 2_048));
        if (plain) registry.registerModel(_id(1), VECTOR, "1.0.0", metadata);
        else registry.register(_id(1), VECTOR, "1.0.0", metadata, true, _none(), 0);
    }

    /// @dev 2,048 bytes are the most.
    function testFuzz_RegisterMetadataAtTheLimit(bool plain, bool kept) public {
        string memory metadata = _text(2_049);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_MetadataTooLong.selector, 2_049, 2_048));
        if (plain) registry.registerModel(_id(1), VECTOR, "1.0.0", metadata);
        else registry.register(_id(1), VECTOR, "1.0.0", metadata, kept, _none(), 0);
        metadata = _text(2_048);
        vm.prank(OWNER);
        if (plain) registry.registerModel(_id(1), VECTOR, "1.0.0", metadata);
        else registry.register(_id(1), VECTOR, "1.0.0", metadata, kept, _none(), 0);
        vm.assertEq(registry.models(_id(1)).metadataDigest, keccak256(bytes(metadata)));
        vm.assertEq(registry.metadataOf(_id(1)), kept && !plain ? metadata : "");
    }

    function test_RegisterInvalidVersionReverts() public {
        string[4] memory versions = ["1.0", "", "01.0.0", string.concat(LONG, "0")];
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(IModelRegistry.ModelRegistry_InvalidVersion.selector, versions[i], 32);
            vm.expectRevert(refusal);
            registry.registerModel(_id(1), VECTOR, versions[i], "");
            vm.expectRevert(refusal);
            registry.register(_id(1), VECTOR, versions[i], "", true, _none(), 0);
        }
    }

    function testFuzz_RegisterAgainReverts(address anybody, bool committed, uint256 later, bool plain) public {
        if (committed) _finally(OWNER, _id(1));
        else _register(OWNER, _id(1));
        vm.warp(_bound(later, START, 2 ** 40 - 1));
        _expect(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, _id(1), OWNER);
        if (plain) _register(anybody, _id(1));
        else _reveal(anybody, _id(1), _none(), 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // register
    // ------------------------------------------------------------------------------------------------------------

    function test_RegisterWithEverything() public {
        _finally(OTHER, _id(10));
        _finally(OTHER, _id(11));
        IModelRegistry.Lineage memory lineage = _childOfMany(10, 2);
        lineage.parents[1].relation = IModelRegistry.Relation.Distillation;
        lineage.datasets = new bytes32[](16);
        for (uint256 i = 0; i < 16; ++i) {
            lineage.datasets[i] = keccak256(abi.encode(i));
        }
        lineage.run = _sealedRun(OWNER, _id(1));
        lineage.verificationKey = KEY;
        verifications.set(KEY, _id(1), true);
        string memory metadata = _text(2_048);

        bytes32 commitment = _commitAhead(OWNER, _id(1));
        vm.expectEmit();
        emit IModelRegistry.ModelRegistered(_id(1), OWNER, LONG);
        vm.expectEmit();
        emit IModelRegistry.ModelDescribed(_id(1), VECTOR, metadata);
        vm.expectEmit();
        emit IModelRegistry.LineageRecorded(_id(1), lineage);
        vm.record();
        vm.prank(OWNER);
        registry.register(_id(1), VECTOR, LONG, metadata, true, lineage, SALT);
        // Four for the model; the commitment's is cleared.
        vm.assertEq(_written(address(registry)), 5);
        vm.assertEq(registry.commitmentBlock(commitment), 0);

        IModelRegistry.Model memory model = registry.models(_id(1));
        vm.assertEq(model.version, LONG);
        vm.assertEq(model.finalAt, START);
        vm.assertTrue(model.metadataKept);
        vm.assertEq(model.metadataDigest, keccak256(bytes(metadata)));
        vm.assertEq(registry.metadataOf(_id(1)), metadata);
        vm.assertEq(abi.encode(registry.lineageOf(_id(1))), abi.encode(lineage));
        bytes32[] memory ancestors = registry.ancestorsOf(_id(1));
        vm.assertTrue(ancestors.length == 2 && ancestors[0] == _id(10) && ancestors[1] == _id(11));
    }

    /// @dev Every combination of what may be there or not reads back as it was written.
    function testFuzz_RegisterReadsBack(uint256 word, uint256 parents, uint256 datasets, uint256 length) public {
        (parents, datasets, length) = (parents % 9, datasets % 17, length % 2_049);
        for (uint256 i = 0; i < parents; ++i) {
            _finally(OTHER, _id(100 + i));
        }
        IModelRegistry.Lineage memory lineage = _childOfMany(100, parents);
        for (uint256 i = 0; i < parents; ++i) {
            lineage.parents[i].relation = IModelRegistry.Relation((word >> (8 + 2 * i)) & 3);
        }
        lineage.datasets = new bytes32[](datasets);
        for (uint256 i = 0; i < datasets; ++i) {
            lineage.datasets[i] = keccak256(abi.encode(word, i));
        }
        if (word & 1 != 0) lineage.run = _sealedRun(OWNER, _id(1));
        if (word & 2 != 0) {
            verifications.set(KEY, _id(1), true);
            lineage.verificationKey = KEY;
        }
        string memory metadata = _text(length);
        string memory version = word & 4 != 0 ? LONG : "2.0.0";
        bool kept = word & 8 != 0;
        vm.prank(OWNER);
        registry.register(_id(1), VECTOR, version, metadata, kept, lineage, 0);
        vm.assertEq(abi.encode(registry.lineageOf(_id(1))), abi.encode(lineage));
        vm.assertEq(registry.metadataOf(_id(1)), kept ? metadata : "");
        IModelRegistry.Model memory model = registry.models(_id(1));
        vm.assertEq(model.version, version);
        vm.assertEq(model.metadataKept, kept);
        vm.assertEq(model.finalAt, START + PERIOD);
        vm.assertEq(registry.ancestorsOf(_id(1)).length, parents);
    }

    function test_RegisterWithoutLineageTellsNone() public {
        vm.recordLogs();
        vm.prank(OWNER);
        registry.register(_id(1), VECTOR, LONG, "{}", true, _none(), 0);
        vm.assertEq(vm.getRecordedLogs().length, 2);
    }

    /// @dev What fits the slots makes no contract.
    function test_RegisterCreatesNoContractWithoutDetails() public {
        vm.record();
        vm.prank(OWNER);
        registry.register(_id(1), VECTOR, "1.0.0", _text(256), false, _none(), 0);
        vm.assertEq(_written(address(registry)), 4);
        address details = vm.computeCreateAddress(address(registry), 1);
        vm.assertEq(details.code.length, 0);
        vm.prank(OWNER);
        registry.register(_id(2), VECTOR, "1.0.0", "{}", true, _none(), 0);
        vm.assertTrue(details.code.length != 0);
    }

    function test_RegisterWithoutThatCommitmentReverts() public {
        _commit(OWNER, _id(1));
        _nextBlock();
        bytes32 wrong = keccak256("wrong");
        bytes32 missing = keccak256(abi.encode(OWNER, _id(1), wrong));
        _expect(IModelRegistry.ModelRegistry_NotCommitted.selector, missing, 0);
        _reveal(OWNER, _id(1), _none(), wrong);
        missing = keccak256(abi.encode(OWNER, _id(2), SALT));
        _expect(IModelRegistry.ModelRegistry_NotCommitted.selector, missing, 0);
        _reveal(OWNER, _id(2), _none(), SALT);
    }

    function test_RegisterInTheBlockOfTheCommitmentReverts() public {
        bytes32 commitment = _commit(OWNER, _id(1));
        vm.warp(START + 12);
        _expect(IModelRegistry.ModelRegistry_NotCommitted.selector, commitment, BLOCK);
        _reveal(OWNER, _id(1), _none(), SALT);
        _nextBlock();
        _reveal(OWNER, _id(1), _none(), SALT);
        vm.assertEq(registry.models(_id(1)).finalAt, START + 12 + PERIOD);
    }

    /// @dev The hour is that of the registration, not of the commitment.
    function testFuzz_RegisterOnAYoungerCommitmentIsProvisional(uint256 age) public {
        age = _bound(age, 0, PERIOD - 1);
        _commit(OWNER, _id(1));
        _nextBlock();
        vm.warp(START + age);
        _reveal(OWNER, _id(1), _none(), SALT);
        uint256 finalAt = START + age + PERIOD;
        vm.assertEq(registry.models(_id(1)).registeredAt, START + age);
        vm.assertEq(registry.models(_id(1)).finalAt, finalAt);
        vm.warp(finalAt - 1);
        _assertVerdict(_id(1), IModelRegistry.Verdict.Provisional, _id(1));
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, _id(1), finalAt);
        _certify(_id(1), finalAt + 1);
        vm.warp(finalAt);
        _certify(_id(1), finalAt + 1);
        _assertVerdict(_id(1), IModelRegistry.Verdict.Deployable, 0);
    }

    /// @dev The last second in which a commitment is too young, and the first in which it is old enough.
    function testFuzz_RegisterIsFinalOnceTheCommitmentIsAnHourOld(uint256 age, bool kept) public {
        age = _bound(age, PERIOD, 2 ** 39);
        _commit(OWNER, _id(1));
        _commit(OWNER, _id(2));
        _commit(OWNER, _id(3));
        _nextBlock();
        vm.warp(START + PERIOD - 1);
        _reveal(OWNER, _id(1), _none(), SALT);
        vm.assertEq(registry.models(_id(1)).finalAt, START + 2 * PERIOD - 1);
        vm.warp(START + PERIOD);
        _reveal(OWNER, _id(2), _none(), SALT);
        vm.assertEq(registry.models(_id(2)).finalAt, START + PERIOD);
        _expect(IModelRegistry.ModelRegistry_Provisional.selector, _id(1), START + 2 * PERIOD - 1);
        _certify(_id(1), START + PERIOD + 1);
        _certify(_id(2), START + PERIOD + 1);
        vm.warp(START + age);
        vm.prank(OWNER);
        registry.register(_id(3), VECTOR, "1.0.0", "{}", kept, _none(), SALT);
        vm.assertEq(registry.models(_id(3)).finalAt, START + age);
        vm.assertEq(registry.models(_id(3)).metadataKept, kept);
    }

    function test_RegisterWithTooManyReverts() public {
        IModelRegistry.Lineage memory lineage = _none();
        lineage.datasets = new bytes32[](17);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_TooMany.selector, 17, 16));
        _reveal(OWNER, _id(1), lineage, 0);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_TooMany.selector, 9, 8));
        _reveal(OWNER, _id(1), _childOfMany(2, 9), 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Runs and verifications
    // ------------------------------------------------------------------------------------------------------------

    function test_RegisterWithARunThatIsNotItsReverts() public {
        bytes32 run = _sealedRun(OWNER, _id(1));
        IModelRegistry.Lineage memory lineage = _none();
        lineage.run = run;
        bytes4 refusal = IModelRegistry.ModelRegistry_RunMismatch.selector;
        // Somebody else's run, another model, no run at all, one that is open.
        vm.expectRevert(abi.encodeWithSelector(refusal, run, _id(1), OTHER));
        _reveal(OTHER, _id(1), lineage, 0);
        vm.expectRevert(abi.encodeWithSelector(refusal, run, _id(2), OWNER));
        _reveal(OWNER, _id(2), lineage, 0);
        lineage.run = KEY;
        vm.expectRevert(abi.encodeWithSelector(refusal, KEY, _id(1), OWNER));
        _reveal(OWNER, _id(1), lineage, 0);
        vm.prank(OWNER);
        lineage.run = proof.openRun(KEY, KEY);
        vm.expectRevert(abi.encodeWithSelector(refusal, lineage.run, _id(1), OWNER));
        _reveal(OWNER, _id(1), lineage, 0);
        lineage.run = run;
        _reveal(OWNER, _id(1), lineage, 0);
        vm.assertEq(registry.lineageOf(_id(1)).run, run);
    }

    function test_RegisterWithoutItsVerificationReverts() public {
        IModelRegistry.Lineage memory lineage = _none();
        lineage.verificationKey = KEY;
        verifications.set(KEY, _id(2), true);
        verifications.set(EVIDENCE, ONE, true);
        _expect(IModelRegistry.ModelRegistry_NotVerified.selector, KEY, uint256(ONE));
        _reveal(OWNER, ONE, lineage, 0);
        verifications.set(KEY, ONE, true);
        _reveal(OWNER, ONE, lineage, 0);
        vm.assertEq(registry.lineageOf(ONE).verificationKey, KEY);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_ViewsOfNoModelRevert(bytes32 modelHash) public {
        bytes4 refusal = IModelRegistry.ModelRegistry_UnknownModel.selector;
        _expect(refusal, modelHash);
        registry.models(modelHash);
        _expect(refusal, modelHash);
        registry.lineageOf(modelHash);
        _expect(refusal, modelHash);
        registry.metadataOf(modelHash);
        _expect(refusal, modelHash);
        registry.ancestorsOf(modelHash);
        _expect(refusal, modelHash);
        registry.stageAt(modelHash, 0);
        vm.assertEq(registry.pendingOwnerOf(modelHash), address(0));
        vm.assertEq(registry.certificateOf(modelHash).expiresAt, 0);
    }

    function test_Constants() public view {
        vm.assertEq(registry.PROVISIONAL_PERIOD(), PERIOD);
        vm.assertEq(registry.MAX_CERTIFICATE(), MAX_CERTIFICATE);
    }

    /// @dev The authority itself moves the administration on, nobody else.
    function testFuzz_SetAuthorityByAnotherReverts(address anybody) public {
        vm.assume(anybody != registry.authority());
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, anybody));
        vm.prank(anybody);
        registry.setAuthority(address(proof));
    }
}
