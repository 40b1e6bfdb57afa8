// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbitrator} from "../../interfaces/IArbitration.sol";
import {ISLA} from "../../interfaces/ISLA.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {SLAForwarding} from "./SLAForwarding.sol";
import {SLAViews} from "./SLAViews.sol";
import {
    AccessManagedUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title SLA
/// @notice See `ISLA`. Upgradeable by governance through the timelock; the EmergencyBrake stops deposits, offers and
/// acceptances, nothing else.
contract SLA is SLAViews, SLAForwarding, UUPSUpgradeable, AccessManagedUpgradeable {
    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice Set up the proxy, once.
    /// @param authority_ AccessManager that says who governs.
    /// @param owner_ EmergencyBrake.
    /// @param nova_ NOVA.
    /// @param lifecycle_ where VMs are.
    /// @param treasury_ who gets what customers may not.
    /// @param arbitrator_ who rules where terms name nobody.
    function initialize(
        address authority_,
        address owner_,
        IERC20 nova_,
        IVMLifecycle lifecycle_,
        address treasury_,
        IArbitrator arbitrator_
    ) external initializer {
        if (address(nova_) == address(0) || address(lifecycle_) == address(0) || treasury_ == address(0)) {
            revert SLA_ZeroAddress();
        }
        __AccessManaged_init(authority_);
        __Ownable_init(owner_);
        (_sla().nova, _sla().lifecycle, _sla().treasury) = (nova_, lifecycle_, treasury_);
        _setDefaultArbitrator(arbitrator_);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Governance
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc ISLA
    function setDefaultArbitrator(IArbitrator arbitrator) external restricted {
        _setDefaultArbitrator(arbitrator);
    }

    function _authorizeUpgrade(address) internal override restricted {}

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _setDefaultArbitrator(IArbitrator arbitrator) private {
        if (address(arbitrator) == address(0)) revert SLA_ZeroAddress();
        _sla().defaultArbitrator = arbitrator;
        emit DefaultArbitratorSet(arbitrator);
    }
}
