// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistry} from "../../contracts/provenance/ModelRegistry.sol";
import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {Test} from "./Vm.sol";

uint256 constant MODELS = 10;
uint256 constant PEOPLE = 3;
uint256 constant ALIASES = 2;

/// @title ModelRegistryHandler
/// @notice Drives a registry through random histories of three people, a certifier, ten models and one name, beside the
/// plainest model of it.
/// @dev Every action predicts its outcome, refusals with their exact error included, so nothing is skipped silently.
/// People are numbered from 1, so that 0 is nobody; so are models.
contract ModelRegistryHandler is Test {
    struct Entry {
        uint256 owner;
        uint256 pending;
        uint256 registeredAt;
        /// Block that it counts from: of its commitment, or its own.
        uint256 number;
        bool revealed;
        bool finalAtOnce;
        uint256 revokedAt;
        uint256[] parents;
        uint256 stage;
        uint256 certifiedUntil;
        bool certificateRevoked;
        bool published;
    }

    struct Commitment {
        uint256 number;
        uint256 time;
    }

    uint256 private constant PERIOD = 1 hours;
    bytes32 private constant SALT = keccak256("salt");

    ModelRegistry public immutable REGISTRY;
    bytes32 public immutable NAME;

    /// @dev Kept here: `block.timestamp` and `block.number` would be read once by the optimiser.
    uint256 public time;
    uint256 public number = 1_000;
    bool public nameFrozen;
    uint256 private _contested = 1;
    Entry[MODELS + 1] private _entries;
    mapping(uint256 who => mapping(uint256 model => Commitment)) private _commitments;
    uint256[ALIASES] public pointsTo;
    bool[ALIASES] public aliasFrozen;
    mapping(uint256 version => uint256 model) public publishedAs;
    mapping(bytes32 name => uint256) public calls;
    uint256 public steps;

    /// @dev The certifier of the registry is this contract; the name is the first person's.
    constructor(ModelRegistry registry, uint256 time_) {
        (REGISTRY, time) = (registry, time_);
        vm.roll(number);
        vm.prank(person(1));
        NAME = registry.createName("resnet50");
    }

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    function pass(uint256 seconds_, uint256 blocks) external {
        time += seconds_ % 3 == 0 ? PERIOD - 1 : seconds_ % 2_000;
        number += blocks % 3;
        vm.warp(time);
        vm.roll(number);
    }

    /// @dev Every other one to the model of the one before; the last of its block, or not.
    function commit(uint256 who, uint256 model, bool last) external {
        (who, model) = (_person(who), _contested = model & 256 == 0 ? _model(model) : _contested);
        bytes32 commitment = keccak256(abi.encode(person(who), digest(model), SALT));
        bytes memory refusal;
        if (_commitments[who][model].number != 0) {
            refusal = abi.encodeWithSelector(IModelRegistry.ModelRegistry_AlreadyCommitted.selector, commitment);
        }
        if (_expect("commit", who, abi.encodeCall(REGISTRY.commit, (commitment)), refusal)) {
            _commitments[who][model] = Commitment(number, time);
            if (last) ++number;
        }
    }

    function register(uint256 who, uint256 model, uint256 first, uint256 second, bool reveals) external {
        (who, model) = (_person(who), _model(model));
        if (reveals && second % 8 != 0) (who, model) = _committed(who, model);
        uint256 count = first % 3;
        uint256[] memory parents = new uint256[](count);
        IModelRegistry.Lineage memory lineage;
        lineage.parents = new IModelRegistry.Parent[](count);
        lineage.datasets = new bytes32[](0);
        for (uint256 i = 0; i < count; ++i) {
            parents[i] = _model(i == 0 ? first >> 8 : second);
            lineage.parents[i] = IModelRegistry.Parent(digest(parents[i]), IModelRegistry.Relation.Merge);
        }
        bytes memory call_ = abi.encodeCall(
            REGISTRY.register,
            (digest(model), digest(0), version(model), "", false, lineage, reveals ? SALT : bytes32(0))
        );
        Entry storage entry = _entries[model];
        bool displaces = entry.owner != 0;
        if (!_expect("register", who, call_, _noRegister(who, model, parents, reveals))) return;
        if (displaces) ++calls[entry.revealed ? bytes32("displace younger") : bytes32("displace")];
        (entry.owner, entry.registeredAt, entry.parents) = (who, time, parents);
        _claim(who, model, reveals);
    }

    /// @dev Of an accepted registration: what it counts from, and whether it is final at once.
    function _claim(uint256 who, uint256 model, bool reveals) private {
        Entry storage entry = _entries[model];
        Commitment storage made = _commitments[who][model];
        (entry.number, entry.revealed) = (reveals ? made.number : number, reveals);
        entry.finalAtOnce = reveals && time - made.time >= PERIOD;
        if (entry.finalAtOnce) ++calls["final at once"];
        if (reveals) delete _commitments[who][model];
    }

    function transfer(uint256 who, uint256 model, uint256 to) external {
        (who, model, to) = (_person(who), _model(model), to % (PEOPLE + 1));
        bytes memory call_ = abi.encodeCall(REGISTRY.transferModel, (digest(model), person(to)));
        if (_expect("transfer", who, call_, _notOwn(who, model))) _entries[model].pending = to;
    }

    function accept(uint256 who, uint256 model) external {
        (who, model) = (_person(who), _model(model));
        Entry storage entry = _entries[model];
        bytes memory refusal;
        if (entry.pending != who) {
            refusal = _error(IModelRegistry.ModelRegistry_NotPendingOwner.selector, model, uint160(person(who)));
        }
        if (!_expect("accept", who, abi.encodeCall(REGISTRY.acceptModel, (digest(model))), refusal)) return;
        (entry.owner, entry.pending) = (who, 0);
    }

    function setStage(uint256 who, uint256 model, uint256 stage) external {
        (who, model, stage) = (_person(who), _model(model), stage % 4);
        Entry storage entry = _entries[model];
        bytes memory refusal = _notOwn(who, model);
        if (refusal.length == 0 && stage != 3) refusal = _revoked(model);
        if (refusal.length == 0 && stage == entry.stage) {
            refusal = _error(IModelRegistry.ModelRegistry_SameStage.selector, model, stage);
        }
        bytes memory call_ = abi.encodeCall(REGISTRY.setStage, (digest(model), IModelRegistry.Stage(stage)));
        if (_expect("setStage", who, call_, refusal)) entry.stage = stage;
    }

    function revoke(uint256 who, uint256 model, uint256 chance) external {
        if (chance % 4 != 0) return;
        (who, model) = (who % (PEOPLE + 1), _model(model));
        bytes memory refusal = who == 0 ? _notFinal(model) : _notOwn(who, model);
        if (refusal.length == 0) refusal = _revoked(model);
        bytes memory call_ = abi.encodeCall(REGISTRY.revokeModel, (digest(model), "broken"));
        if (_expect("revoke", who, call_, refusal)) _entries[model].revokedAt = time;
    }

    function certify(uint256 model, uint256 life) external {
        model = _model(model);
        uint256 expiresAt = time + life % 20 * 1_000;
        bytes memory refusal = _notFinal(model);
        if (refusal.length == 0) refusal = _revoked(model);
        if (refusal.length == 0 && expiresAt == time) {
            refusal = abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_InvalidExpiry.selector, expiresAt, REGISTRY.MAX_CERTIFICATE()
            );
        }
        bytes memory call_ = abi.encodeCall(REGISTRY.certify, (digest(model), uint40(expiresAt), digest(0)));
        if (!_expect("certify", 0, call_, refusal)) return;
        (_entries[model].certifiedUntil, _entries[model].certificateRevoked) = (expiresAt, false);
    }

    function revokeCertificate(uint256 model, uint256 chance) external {
        if (chance % 2 != 0) return;
        model = _model(model);
        Entry storage entry = _entries[model];
        bytes memory refusal;
        if (entry.certifiedUntil == 0 || entry.certificateRevoked) {
            refusal = abi.encodeWithSelector(IModelRegistry.ModelRegistry_NoCertificate.selector, digest(model));
        }
        bytes memory call_ = abi.encodeCall(REGISTRY.revokeCertificate, (digest(model), "careless"));
        if (_expect("revokeCertificate", 0, call_, refusal)) entry.certificateRevoked = true;
    }

    function publish(uint256 who, uint256 model) external {
        (who, model) = (who % 4 == 0 ? 2 : 1, _model(model));
        bytes memory refusal = _notUnfrozen(who);
        if (refusal.length == 0) refusal = _notOwn(who, model);
        if (refusal.length == 0) refusal = _revoked(model);
        uint256 taken = publishedAs[model % 4];
        if (refusal.length == 0 && taken != 0) {
            refusal = abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_VersionTaken.selector, NAME, version(model), digest(taken)
            );
        }
        if (!_expect("publish", who, abi.encodeCall(REGISTRY.publish, (NAME, digest(model))), refusal)) return;
        publishedAs[model % 4] = model;
        _entries[model].published = true;
    }

    function setAlias(uint256 who, uint256 which, uint256 guess, uint256 to) external {
        (who, which, to) = (who % 4 == 0 ? 2 : 1, which % ALIASES, to % (MODELS + 1));
        if (to % 2 == 0) to = publishedAs[to % 4];
        uint256 from = guess % 4 == 0 ? (guess >> 8) % (MODELS + 1) : pointsTo[which];
        bytes memory refusal = _notMovable(who, which);
        if (refusal.length == 0 && from != pointsTo[which]) {
            refusal = abi.encodeWithSelector(
                IModelRegistry.ModelRegistry_AliasMoved.selector, NAME, aliasName(which), _pointer(pointsTo[which])
            );
        }
        if (refusal.length == 0 && to != 0 && !_entries[to].published) {
            refusal = abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotPublished.selector, NAME, digest(to));
        }
        if (refusal.length == 0 && to != 0) refusal = _revoked(to);
        bytes memory call_ = abi.encodeCall(REGISTRY.setAlias, (NAME, aliasName(which), _pointer(from), _pointer(to)));
        if (_expect("setAlias", who, call_, refusal)) pointsTo[which] = to;
    }

    function freeze(uint256 who, uint256 which, uint256 chance) external {
        if (chance % 16 != 0) return;
        (who, which) = (who % 4 == 0 ? 2 : 1, which % (4 * ALIASES));
        if (which >= ALIASES) {
            if (chance % 64 != 0) return;
            if (_expect("freezeName", who, abi.encodeCall(REGISTRY.freezeName, (NAME)), _notUnfrozen(who))) {
                nameFrozen = true;
            }
            return;
        }
        bytes memory call_ = abi.encodeCall(REGISTRY.freezeAlias, (NAME, aliasName(which)));
        if (_expect("freezeAlias", who, call_, _notMovable(who, which))) aliasFrozen[which] = true;
    }

    // ------------------------------------------------------------------------------------------------------------
    // The model
    // ------------------------------------------------------------------------------------------------------------

    function entryOf(uint256 model) external view returns (Entry memory) {
        return _entries[model];
    }

    function finalAt(uint256 model) public view returns (uint256) {
        Entry storage entry = _entries[model];
        return entry.finalAtOnce ? entry.registeredAt : entry.registeredAt + PERIOD;
    }

    /// @dev Whether `ancestor` is one, by plain recursion.
    function descends(uint256 model, uint256 ancestor) public view returns (bool) {
        uint256[] storage parents = _entries[model].parents;
        for (uint256 i = 0; i < parents.length; ++i) {
            if (parents[i] == ancestor || descends(parents[i], ancestor)) return true;
        }
        return false;
    }

    function verdict(uint256 model) external view returns (IModelRegistry.Verdict) {
        Entry storage entry = _entries[model];
        if (entry.owner == 0) return IModelRegistry.Verdict.Unknown;
        if (time < finalAt(model)) return IModelRegistry.Verdict.Provisional;
        if (entry.revokedAt != 0) return IModelRegistry.Verdict.Revoked;
        for (uint256 other = 1; other <= MODELS; ++other) {
            if (_entries[other].revokedAt != 0 && descends(model, other)) {
                return IModelRegistry.Verdict.AncestorRevoked;
            }
        }
        if (entry.certifiedUntil == 0 || entry.certificateRevoked) return IModelRegistry.Verdict.NotCertified;
        if (time >= entry.certifiedUntil) return IModelRegistry.Verdict.CertificateExpired;
        return IModelRegistry.Verdict.Deployable;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Values
    // ------------------------------------------------------------------------------------------------------------

    /// @dev 0 is nobody.
    function person(uint256 who) public pure returns (address) {
        return who == 0 ? address(0) : address(uint160(0xa0000 + who));
    }

    function digest(uint256 model) public pure returns (bytes32) {
        return keccak256(abi.encode("model", model));
    }

    /// @dev Of the remainder by four: several models share one.
    function version(uint256 model) public pure returns (string memory) {
        return ["0.0.0", "1.0.0", "2.0.0-rc.1+build.5", "3.0.0"][model % 4];
    }

    function aliasName(uint256 which) public pure returns (string memory) {
        return which == 0 ? "champion" : "challenger";
    }

    function _pointer(uint256 model) private pure returns (bytes32) {
        return model == 0 ? bytes32(0) : digest(model);
    }

    function _person(uint256 word) private pure returns (uint256) {
        return 1 + word % PEOPLE;
    }

    function _model(uint256 word) private pure returns (uint256) {
        return 1 + word % MODELS;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Predictions
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The next person and model, from these on, with a commitment that may be of use; these, if there is none.
    function _committed(uint256 who, uint256 model) private view returns (uint256, uint256) {
        for (uint256 i = 0; i < MODELS * PEOPLE; ++i) {
            bool open = _entries[model].owner == 0 || time < finalAt(model);
            if (open && _commitments[who][model].number != 0) break;
            who = 1 + who % PEOPLE;
            if (i % PEOPLE == PEOPLE - 1) model = 1 + model % MODELS;
        }
        return (who, model);
    }

    function _noRegister(uint256 who, uint256 model, uint256[] memory parents, bool reveals)
        private
        view
        returns (bytes memory refusal)
    {
        uint256 since = reveals ? _commitments[who][model].number : 0;
        if (reveals && (since == 0 || since == number)) {
            bytes32 commitment = keccak256(abi.encode(person(who), digest(model), SALT));
            return abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotCommitted.selector, commitment, since);
        }
        Entry storage entry = _entries[model];
        if (entry.owner != 0 && (!reveals || time >= finalAt(model) || entry.number <= since)) {
            return _error(IModelRegistry.ModelRegistry_AlreadyRegistered.selector, model, uint160(person(entry.owner)));
        }
        for (uint256 i = 0; i < parents.length; ++i) {
            refusal = _notFinal(parents[i]);
            if (refusal.length == 0) refusal = _revoked(parents[i]);
            if (refusal.length != 0) return refusal;
            if (i == 1 && parents[0] == parents[1]) {
                return abi.encodeWithSelector(IModelRegistry.ModelRegistry_DuplicateParent.selector, digest(parents[1]));
            }
        }
    }

    function _notFinal(uint256 model) private view returns (bytes memory) {
        if (_entries[model].owner == 0) {
            return abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownModel.selector, digest(model));
        }
        if (time < finalAt(model)) {
            return _error(IModelRegistry.ModelRegistry_Provisional.selector, model, finalAt(model));
        }
        return "";
    }

    function _notOwn(uint256 who, uint256 model) private view returns (bytes memory refusal) {
        refusal = _notFinal(model);
        if (refusal.length == 0 && _entries[model].owner != who) {
            refusal = _error(IModelRegistry.ModelRegistry_NotOwner.selector, model, uint160(person(who)));
        }
    }

    function _revoked(uint256 model) private view returns (bytes memory) {
        uint256 revokedAt = _entries[model].revokedAt;
        if (revokedAt == 0) return "";
        return _error(IModelRegistry.ModelRegistry_Revoked.selector, model, revokedAt);
    }

    function _notUnfrozen(uint256 who) private view returns (bytes memory) {
        if (who != 1) {
            return abi.encodeWithSelector(IModelRegistry.ModelRegistry_NotNameOwner.selector, NAME, person(who));
        }
        return nameFrozen ? abi.encodeWithSelector(IModelRegistry.ModelRegistry_Frozen.selector, NAME, "") : bytes("");
    }

    function _notMovable(uint256 who, uint256 which) private view returns (bytes memory refusal) {
        refusal = _notUnfrozen(who);
        if (refusal.length == 0 && aliasFrozen[which]) {
            refusal = abi.encodeWithSelector(IModelRegistry.ModelRegistry_Frozen.selector, NAME, aliasName(which));
        }
    }

    function _error(bytes4 selector, uint256 model, uint256 value) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, digest(model), value);
    }

    /// @dev Makes the call as a person, or as the certifier (0), which must end in this refusal, or go through if there is
    /// none. Counts either.
    function _expect(bytes32 name, uint256 who, bytes memory call_, bytes memory refusal) private returns (bool) {
        vm.warp(time);
        vm.roll(number);
        if (who != 0) vm.prank(person(who));
        (bool success, bytes memory answer) = address(REGISTRY).call(call_);
        vm.assertEq(success, refusal.length == 0, string(abi.encode(name)));
        if (!success) vm.assertEq(answer, refusal);
        ++steps;
        ++calls[success ? name : bytes32(bytes4(refusal))];
        return success;
    }
}
