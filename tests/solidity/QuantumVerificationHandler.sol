// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuantumVerification} from "../../contracts/provenance/QuantumVerification.sol";
import {QuantumVerificationFixture} from "./QuantumVerificationFixture.sol";

/// @title QuantumVerificationHandler
/// @notice Drives QuantumVerification through random histories and keeps, in ghost state, what must hold for ever after.
/// @dev Every action predicts its outcome, refusals with their exact error included, so nothing is skipped silently.
contract QuantumVerificationHandler is QuantumVerificationFixture {
    struct Ghost {
        bytes32 id;
        bytes32 root;
        bytes32 publicKey;
        address account;
        uint40 from;
        uint40 until;
        uint40 revoked;
        uint256 nonce;
    }

    struct Record {
        bytes32 key;
        bytes32 what;
        bytes32 proofDigest;
        address verifier;
        uint40 time;
        uint64 size;
    }

    Ghost[] private _ghosts;
    Record[] private _records;
    mapping(bytes32 id => uint256 place) private _places; // from 1
    mapping(bytes32 key => mapping(bytes32 what => bool)) private _data;
    mapping(bytes32 key => mapping(bytes32 what => bool)) private _batches;
    mapping(bytes32 name => uint256) public calls;
    uint256 public steps;

    constructor() {
        setUp();
        _add(Ghost(root, 0, ROOT_KEY, address(0), START, type(uint40).max, 0, 0));
        // A history has a root that anybody sends for, and one that only one actor does.
        bytes32 other = _enrol("root 1", _actor(1));
        _add(Ghost(other, 0, "root 1", _actor(1), START, type(uint40).max, 0, 0));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    function enrol(uint256 who, uint256 which, uint256 account, uint8 attack) external {
        _tick(who);
        bytes32 publicKey = bytes32("root 0") | bytes32(which % 5);
        address named = _account(account);
        bytes32 id = qv.keyIdOf(0, SLH, publicKey);
        bytes32 digest = _typed(_enrolment(SLH, publicKey, named));
        bytes memory refusal = _places[id] != 0 ? _exists(id) : attack % 4 == 0 ? _invalid(id, digest) : bytes("");
        bytes memory signature = _sign(attack % 4 == 0 ? bytes32("thief") : publicKey, digest);
        bytes memory call_ = abi.encodeCall(qv.enrolRoot, (SLH, publicKey, named, signature));
        if (!_expect("enrol", _actor(who), call_, refusal)) return;
        _add(Ghost(id, 0, publicKey, named, _time(), type(uint40).max, 0, 0));
    }

    function authorize(uint256 who, uint256 which, uint256 fresh, uint256 from, uint256 life, uint256 old) external {
        _tick(who);
        Ghost memory r = _ghosts[which % _ghosts.length];
        if (which % 8 != 0 && r.root != 0) r = _ghosts[_places[r.root] - 1]; // a working key seldom tries
        Auth memory a;
        (a.root, a.scheme, a.publicKey, a.account) = (r.id, DSA, bytes32("key 0") | bytes32(fresh % 9), _account(fresh));
        if (from % 3 == 0) a.validFrom = uint40(block.timestamp - 2 + from % 100);
        a.validUntil = uint40(block.timestamp + life % (life % 5 == 0 ? 2 * LIFE : LIFE));
        if (old % 2 == 0) a.replaces = old % 16 == 0 ? bytes32(old) : _ghosts[(old / 2) % _ghosts.length].id;
        a.nonce = fresh % 11 == 0 ? r.nonce + 1 : r.nonce;
        address caller = r.account != address(0) && who % 4 != 0 ? r.account : _actor(who);
        bytes memory call_ = _authorizeCall(a, _sign(r.publicKey, _typed(_authorization(a))));
        if (!_expect("authorize", caller, call_, _authorizeRefusal(a, r, caller))) return;
        ++_ghosts[_places[r.id] - 1].nonce;
        uint40 start = a.validFrom == 0 ? _time() : a.validFrom;
        _add(Ghost(qv.keyIdOf(r.id, DSA, a.publicKey), r.id, a.publicKey, a.account, start, a.validUntil, 0, 0));
        if (a.replaces == 0) return;
        ++calls["replace"];
        Ghost storage p = _ghosts[_places[a.replaces] - 1];
        if (start < p.until) p.until = start;
    }

    /// @dev `way`: 0 to 3 with the root's signature, 4 with the key's own, 5 and 6 without one.
    function revoke(uint256 who, uint256 which, uint256 since, uint8 way) external {
        if (which % 3 != 0) return; // seldom: what is revoked is less to play with
        _tick(who);
        way %= 7;
        Ghost memory k = _ghosts[(which / 3) % _ghosts.length];
        if (k.root == 0 && which % 5 != 0) return;
        Ghost memory r = k.root == 0 ? k : _ghosts[_places[k.root] - 1];
        address named = way >= 5 ? k.account : r.account;
        address caller = named != address(0) && who % 4 != 0 ? named : _actor(who);
        uint40 second = uint40(since % 7 == 0 ? since % 2 : block.timestamp + 5 - since % 1_000);
        bytes32 digest = _typed(_revocation(k.id, second, "r"));
        bytes memory signature = way >= 5 ? bytes("") : _sign(way == 4 ? k.publicKey : r.publicKey, digest);
        bytes memory refusal;
        if (way >= 5 && (k.account == address(0) || caller != k.account)) {
            refusal = _wrongAccount(k.id, k.account, caller);
        } else {
            if (way >= 5) second = _time();
            if (second == 0 || second > block.timestamp || (k.revoked != 0 && second >= k.revoked)) {
                refusal = _revocationRefused(k.id, second, k.revoked);
            } else if (way < 5 && r.account != address(0) && caller != r.account) {
                refusal = _wrongAccount(r.id, r.account, caller);
            } else if (way == 4 && k.publicKey != r.publicKey) {
                refusal = _invalid(r.id, digest);
            }
        }
        bytes memory call_ = abi.encodeCall(qv.revokeKey, (k.id, way >= 5 ? uint40(since) : second, "r", signature));
        if (!_expect(k.root == 0 ? bytes32("revoke root") : bytes32("revoke"), caller, call_, refusal)) return;
        // So nothing that does not count can ever count again.
        vm.assertTrue(k.revoked == 0 || second < k.revoked, "a revocation was moved forward");
        _ghosts[_places[k.id] - 1].revoked = second;
    }

    function verify(uint256 who, uint256 which, uint8 what, uint8 attack, bool tree) external {
        _tick(who);
        Ghost memory k = _ghosts[which % _ghosts.length];
        bytes32 data = bytes32(uint256(what % 6) + 1);
        uint64 size = tree ? uint64(1) << (what % 57) : 0;
        bytes32 digest = _typed(tree ? _batch(data, size, k.id, k.account) : _verification(data, k.id, k.account));
        bytes memory proof = abi.encodePacked(k.id, _sign(attack % 8 == 0 ? ~k.publicKey : k.publicKey, digest));
        address caller = k.account != address(0) && who % 4 != 0 ? k.account : _actor(who);
        bytes memory refusal = _verifyRefusal(k, caller, data, digest, attack % 8 == 0, tree);
        if (tree && size == 2 ** 56) refusal = abi.encodeWithSelector(qvSizeOverflow(), size);
        bytes memory call_ =
            tree ? abi.encodeCall(qv.verifyBatch, (data, size, proof)) : abi.encodeCall(qv.verifyData, (data, proof));
        if (!_expect(tree ? bytes32("verifyBatch") : bytes32("verifyData"), caller, call_, refusal)) return;
        (tree ? _batches : _data)[k.id][data] = true;
        _records.push(Record(k.id, data, keccak256(proof), caller, _time(), size));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    function target() external view returns (QuantumVerification) {
        return qv;
    }

    function ghosts() external view returns (Ghost[] memory) {
        return _ghosts;
    }

    function records() external view returns (Record[] memory) {
        return _records;
    }

    /// @dev As the interface says it: neither the key nor its root was revoked as of then or before.
    function isGood(bytes32 key, uint40 time) external view returns (bool) {
        Ghost memory k = _ghosts[_places[key] - 1];
        uint40 revokedRoot = _ghosts[_places[k.root] - 1].revoked;
        return (k.revoked == 0 || time < k.revoked) && (revokedRoot == 0 || time < revokedRoot);
    }

    function qvSizeOverflow() public pure returns (bytes4) {
        return bytes4(keccak256("QuantumVerification_SizeOverflow(uint64)"));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Calls, and fails the campaign unless the outcome is the predicted one. True if it went through.
    function _expect(bytes32 name, address caller, bytes memory call_, bytes memory refusal) private returns (bool) {
        if (refusal.length == 0) {
            _allowed(caller, call_);
            ++calls[name];
            return true;
        }
        _refused(caller, call_, refusal);
        ++calls["refused"];
        return false;
    }

    function _authorizeRefusal(Auth memory a, Ghost memory r, address caller) private view returns (bytes memory) {
        if (r.root != 0) return _wrongKind(r.id);
        if (r.account != address(0) && caller != r.account) return _wrongAccount(r.id, r.account, caller);
        if (r.revoked != 0) return _revoked(r.id, r.revoked);
        bytes32 id = qv.keyIdOf(r.id, DSA, a.publicKey);
        if (_places[id] != 0) return _exists(id);
        uint256 start = a.validFrom == 0 ? block.timestamp : a.validFrom;
        if (start < block.timestamp || a.validUntil <= start || a.validUntil - start > LIFE) {
            return _lifetime(start, a.validUntil);
        }
        if (a.replaces != 0) {
            if (_places[a.replaces] == 0) return _unknown(a.replaces);
            bytes32 other = _ghosts[_places[a.replaces] - 1].root;
            if (other == 0) return _wrongKind(a.replaces);
            if (other != r.id) {
                bytes4 foreign = bytes4(keccak256("QuantumVerification_ForeignKey(bytes32,bytes32)"));
                return abi.encodeWithSelector(foreign, a.replaces, r.id);
            }
        }
        if (a.nonce == r.nonce) return "";
        a.nonce = r.nonce; // what should have been signed
        return _invalid(r.id, _typed(_authorization(a)));
    }

    function _verifyRefusal(Ghost memory k, address caller, bytes32 data, bytes32 digest, bool forged, bool tree)
        private
        view
        returns (bytes memory)
    {
        if (k.root == 0) return _wrongKind(k.id);
        if (k.account != address(0) && caller != k.account) return _wrongAccount(k.id, k.account, caller);
        if ((tree ? _batches : _data)[k.id][data]) return _already(k.id, data);
        if (k.revoked != 0) return _revoked(k.id, k.revoked);
        uint40 revokedRoot = _ghosts[_places[k.root] - 1].revoked;
        if (revokedRoot != 0) return _revoked(k.root, revokedRoot);
        if (block.timestamp < k.from || block.timestamp >= k.until) {
            return _notValid(k.id, k.from, k.until, block.timestamp);
        }
        return forged ? _invalid(k.id, digest) : bytes("");
    }

    function _add(Ghost memory k) private {
        _ghosts.push(k);
        _places[k.id] = _ghosts.length;
    }

    function _account(uint256 noise) private pure returns (address) {
        return noise % 2 == 0 ? address(0) : _actor(noise / 2);
    }

    function _actor(uint256 who) private pure returns (address) {
        return address(uint160(0xac00 + who % 4));
    }

    function _time() private view returns (uint40) {
        return uint40(block.timestamp);
    }

    /// @dev Seconds pass between actions, sometimes weeks, and often none: several actions a block.
    function _tick(uint256 noise) private {
        ++steps;
        if (noise % 3 == 0) vm.warp(block.timestamp + noise % (noise % 7 == 0 ? 20 days : 1_000));
    }
}
