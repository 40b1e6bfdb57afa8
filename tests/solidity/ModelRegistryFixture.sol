// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "../../contracts/provenance/ModelRegistry.sol";
import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {OneRole} from "../../contracts/test/OneRole.sol";
import {VerificationDouble} from "../../contracts/test/VerificationDouble.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {SlotCounter} from "./SlotCounter.sol";

/// @title ModelRegistryFixture
/// @notice A registry with one certifier, real training runs, and verifications that say what they are told to.
abstract contract ModelRegistryFixture is SlotCounter {
    uint256 internal constant START = 2_000_000_000;
    uint256 internal constant BLOCK = 1_000;
    uint256 internal constant PERIOD = 1 hours;
    uint256 internal constant MAX_CERTIFICATE = 730 days;

    address internal constant OWNER = address(0xa11ce);
    address internal constant OTHER = address(0xb0b);
    address internal constant CERTIFIER = address(0xce47);

    bytes32 internal constant SALT = keccak256("salt");
    bytes32 internal constant VECTOR = keccak256("vector");
    bytes32 internal constant EVIDENCE = keccak256("evidence");
    bytes32 internal constant KEY = keccak256("key");
    /// @dev The word that a call which answers nothing leaves where its answer is looked for, see `VerificationDouble`.
    bytes32 internal constant ONE = bytes32(uint256(1));

    ModelRegistry internal registry;
    ProofOfTraining internal proof;
    VerificationDouble internal verifications;

    /// @dev Kept here: `block.number` would be read once by the optimiser.
    uint256 private _block;

    function setUp() public virtual {
        vm.warp(START);
        (proof, verifications) = (new ProofOfTraining(address(this)), new VerificationDouble());
        registry = new ModelRegistry(address(new OneRole(CERTIFIER)), address(proof), address(verifications));
        _block = BLOCK;
        vm.roll(BLOCK);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Acting
    // ------------------------------------------------------------------------------------------------------------

    function _nextBlock() internal {
        vm.roll(++_block);
    }

    function _number() internal view returns (uint256) {
        return _block;
    }

    /// @dev Provisionally, without lineage.
    function _register(address owner, bytes32 modelHash) internal {
        vm.prank(owner);
        registry.registerModel(modelHash, VECTOR, "1.0.0", "{}");
    }

    function _commit(address owner, bytes32 modelHash) internal returns (bytes32 commitment) {
        commitment = keccak256(abi.encode(owner, modelHash, SALT));
        registry.commit(commitment);
    }

    /// @dev An hour before START, so that a registration at START, in the next block, is final at once.
    function _commitAhead(address owner, bytes32 modelHash) internal returns (bytes32 commitment) {
        vm.warp(START - PERIOD);
        commitment = _commit(owner, modelHash);
        vm.warp(START);
        _nextBlock();
    }

    /// @dev With whatever commitment there is for `salt`.
    function _reveal(address owner, bytes32 modelHash, IModelRegistry.Lineage memory lineage, bytes32 salt) internal {
        vm.prank(owner);
        registry.register(modelHash, VECTOR, "1.0.0", "{}", false, lineage, salt);
    }

    /// @dev At START, and final at once: committed to an hour ahead.
    function _finally(address owner, bytes32 modelHash, IModelRegistry.Lineage memory lineage) internal {
        vm.assertEq(block.timestamp, START, "not the time for it");
        _commitAhead(owner, modelHash);
        _reveal(owner, modelHash, lineage, SALT);
    }

    function _finally(address owner, bytes32 modelHash) internal {
        _finally(owner, modelHash, _none());
    }

    function _certify(bytes32 modelHash, uint256 expiresAt) internal {
        vm.prank(CERTIFIER);
        registry.certify(modelHash, uint40(expiresAt), EVIDENCE);
    }

    function _revoke(bytes32 modelHash) internal {
        vm.prank(OWNER);
        registry.revokeModel(modelHash, "broken");
    }

    /// @dev A run that `owner` sealed with `modelHash`.
    function _sealedRun(address owner, bytes32 modelHash) internal returns (bytes32 run) {
        vm.startPrank(owner);
        run = proof.openRun(SALT, VECTOR);
        proof.extendRun(run, 1, keccak256("root"), new bytes32[](0));
        proof.sealRun(run, modelHash);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Values
    // ------------------------------------------------------------------------------------------------------------

    function _id(uint256 number) internal pure returns (bytes32) {
        return keccak256(abi.encode("model", number));
    }

    function _none() internal pure returns (IModelRegistry.Lineage memory lineage) {
        lineage.parents = new IModelRegistry.Parent[](0);
        lineage.datasets = new bytes32[](0);
    }

    function _childOf(bytes32 parent) internal pure returns (IModelRegistry.Lineage memory lineage) {
        lineage.parents = new IModelRegistry.Parent[](1);
        lineage.parents[0] = IModelRegistry.Parent(parent, IModelRegistry.Relation.FineTune);
        lineage.datasets = new bytes32[](0);
    }

    /// @dev `count` models from number `first` on.
    function _childOfMany(uint256 first, uint256 count) internal pure returns (IModelRegistry.Lineage memory lineage) {
        lineage = _none();
        lineage.parents = new IModelRegistry.Parent[](count);
        for (uint256 i = 0; i < count; ++i) {
            lineage.parents[i] = IModelRegistry.Parent(_id(first + i), IModelRegistry.Relation.Merge);
        }
    }

    function _text(uint256 length) internal pure returns (string memory) {
        bytes memory characters = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            characters[i] = bytes1(uint8(97 + i % 26));
        }
        return string(characters);
    }

    function _expect(bytes4 selector, bytes32 a) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a));
    }

    function _expect(bytes4 selector, bytes32 a, uint256 b) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a, b));
    }

    function _expect(bytes4 selector, bytes32 a, address b) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, a, b));
    }

    function _assertVerdict(bytes32 modelHash, IModelRegistry.Verdict verdict, bytes32 culprit) internal view {
        (IModelRegistry.Verdict said, bytes32 about) = registry.verdictOf(modelHash);
        vm.assertEq(uint256(said), uint256(verdict), "verdict");
        vm.assertEq(about, culprit, "culprit");
        vm.assertEq(registry.isDeployable(modelHash), verdict == IModelRegistry.Verdict.Deployable, "isDeployable");
    }
}
