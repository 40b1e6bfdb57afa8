// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAttestedIdentityGate, IIdentityGate} from "../../interfaces/IIdentityGate.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {SeasonedPowers} from "./SeasonedPower.sol";
import {
    AccessManagedUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// @title IdentityGate
/// @notice See `IAttestedIdentityGate`. Upgradeable by governance through the timelock.
contract IdentityGate is IAttestedIdentityGate, UUPSUpgradeable, AccessManagedUpgradeable {
    struct Verification {
        address attester;
        uint32 season;
        /// @dev When it was made, in seconds.
        uint48 madeAt;
    }

    struct Usage {
        uint32 season;
        uint32 count;
    }

    /// @custom:storage-location erc7201:novacron.storage.IdentityGate
    struct IdentityGateStorage {
        IQuadraticVotes votes;
        uint32 quota;
        mapping(address account => Verification) verifications;
        mapping(address attester => Usage) usage;
    }

    /// @dev `Authority.ATTESTER`.
    uint64 private constant ATTESTER = 2;

    /// @dev keccak256(abi.encode(uint256(keccak256("novacron.storage.IdentityGate")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0x3e05ae8ad08c4f2b278d5bf63b6f37900924468afc3fcd6a85c76ff97ff3a600;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Set up the proxy, once.
    function initialize(address authority_, IQuadraticVotes votes_, uint32 quota_) external initializer {
        __AccessManaged_init(authority_);
        _storage().votes = votes_;
        _setQuota(quota_);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Attesters
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IAttestedIdentityGate
    function verify(address account, uint256 season) external restricted {
        // Check
        IdentityGateStorage storage $ = _storage();
        uint256 now_ = SeasonedPowers.seasonOf(block.timestamp);
        if (account == address(0)) revert IdentityGate_ZeroAccount();
        if (season < now_ || season > now_ + SeasonedPowers.REACH) {
            revert IdentityGate_SeasonOutOfReach(season, now_, now_ + SeasonedPowers.REACH);
        }
        address attester = attesterOf(account);
        if (attester != address(0) && attester != msg.sender) {
            revert IdentityGate_VerifiedByAnother(account, attester);
        }
        uint32 count = used(msg.sender);
        if (count >= $.quota) revert IdentityGate_QuotaExhausted(msg.sender, $.quota);

        // Effect
        $.usage[msg.sender] = Usage(uint32(now_), count + 1);
        $.verifications[account] = Verification(msg.sender, uint32(season), uint48(block.timestamp));
        emit Verified(account, msg.sender, season);

        // Interaction
        _sync(account);
    }

    /// @inheritdoc IAttestedIdentityGate
    function revoke(address account) external restricted {
        address attester = attesterOf(account);
        if (attester != address(0) && attester != msg.sender) {
            revert IdentityGate_VerifiedByAnother(account, attester);
        }
        _revoke(account, attester);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Governance
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IAttestedIdentityGate
    function strike(address account) external restricted {
        _revoke(account, attesterOf(account));
    }

    /// @inheritdoc IAttestedIdentityGate
    function setQuota(uint32 quota_) external restricted {
        _setQuota(quota_);
    }

    function _authorizeUpgrade(address) internal override restricted {}

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IIdentityGate
    function isVerified(address account) external view returns (bool) {
        return verifiedUntil(account) != 0;
    }

    /// @inheritdoc IIdentityGate
    function verifiedUntil(address account) public view returns (uint48) {
        Verification memory verification = _storage().verifications[account];
        uint256 until = SeasonedPowers.endOf(verification.season);
        if (block.timestamp >= until) return 0;
        // The role must have been held since without a break: giving it back revives nothing.
        (uint48 since,,,) = IAccessManager(authority()).getAccess(ATTESTER, verification.attester);
        return since != 0 && since <= verification.madeAt ? uint48(until) : 0;
    }

    /// @inheritdoc IAttestedIdentityGate
    function attesterOf(address account) public view returns (address) {
        return verifiedUntil(account) == 0 ? address(0) : _storage().verifications[account].attester;
    }

    /// @inheritdoc IAttestedIdentityGate
    function quota() external view returns (uint32) {
        return _storage().quota;
    }

    /// @inheritdoc IAttestedIdentityGate
    function used(address attester) public view returns (uint32) {
        Usage memory usage = _storage().usage[attester];
        return usage.season == SeasonedPowers.seasonOf(block.timestamp) ? usage.count : 0;
    }

    /// @inheritdoc IAttestedIdentityGate
    function quadraticVotes() external view returns (address) {
        return address(_storage().votes);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    function _revoke(address account, address attester) private {
        // Check
        if (attester == address(0)) revert IdentityGate_NotVerified(account);

        // Effect
        delete _storage().verifications[account];
        emit Revoked(account, attester);

        // Interaction
        _sync(account);
    }

    function _setQuota(uint32 quota_) private {
        _storage().quota = quota_;
        emit QuotaSet(quota_);
    }

    /// @dev Without effect when the votes contract reads another gate by now.
    function _sync(address account) private {
        _storage().votes.sync(account);
    }

    function _storage() private pure returns (IdentityGateStorage storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
