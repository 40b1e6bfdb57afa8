// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHostRegistry} from "../../interfaces/IHostRegistry.sol";
import {IMigrationApprovals} from "../../interfaces/IMigrationApprovals.sol";
import {VMAgents} from "./VMAgents.sol";
import {VMCommands} from "./VMCommands.sol";
import {VMExpiry} from "./VMExpiry.sol";
import {VMForwarders} from "./VMForwarders.sol";
import {VMViews} from "./VMViews.sol";
import {
    AccessManagedUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title VMLifecycle
/// @notice See `IVMLifecycle`. Upgradeable by governance through the timelock. What is called often is here; the rest
/// is in VMLifecycleExtension, because a contract has at most 24,576 bytes.
/// @custom:oz-upgrades-unsafe-allow delegatecall
contract VMLifecycle is
    VMCommands,
    VMAgents,
    VMExpiry,
    VMForwarders,
    VMViews,
    UUPSUpgradeable,
    AccessManagedUpgradeable
{
    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor(address extension_) VMForwarders(extension_) {
        _disableInitializers();
    }

    /// @notice Set up the proxy, once.
    /// @param owner_ EmergencyBrake, which may stop what lets value in.
    /// @param tokens_ in the order of `Resource`.
    function initialize(address authority_, address owner_, IHostRegistry registry_, IERC20[4] calldata tokens_)
        external
        initializer
    {
        __AccessManaged_init(authority_);
        __Ownable_init(owner_);
        VMLifecycleStorage storage $ = _vms();
        $.registry = registry_;
        bool isComplete = address(registry_) != address(0);
        for (uint256 i = 0; i < 4; ++i) {
            isComplete = isComplete && address(tokens_[i]) != address(0);
            $.tokens[i] = tokens_[i];
        }
        if (!isComplete) revert VMLifecycle_ZeroAddress();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Governance
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMigrationApprovals
    function setDefaultPolicy(uint256 policyId) external restricted {
        VMLifecycleStorage storage $ = _vms();
        if (policyId > $.policyCount) revert MigrationApprovals_UnknownPolicy(policyId);
        $.defaultPolicy = uint32(policyId);
        emit DefaultPolicySet(policyId);
    }

    function _authorizeUpgrade(address) internal override restricted {}
}
