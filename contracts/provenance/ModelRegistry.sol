// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../../interfaces/IModelRegistry.sol";
import {ModelRegistryCertificates} from "./ModelRegistryCertificates.sol";
import {ModelRegistryNames} from "./ModelRegistryNames.sol";
import {ModelRegistryOwners} from "./ModelRegistryOwners.sol";
import {ModelRegistryRegistration} from "./ModelRegistryRegistration.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title ModelRegistry
/// @notice See `IModelRegistry`. One theme a base:
///
///   Records        the four slots of a model          Details   what does not fit them, as code
///   Registration   commitments and registrations      Ancestry  the walk through parents
///   Owners         transfers and stages               Text      versions, names, aliases
///   Certificates   certificates, revocations, verdicts
///   Names          names, published versions, aliases and their history
///
/// @dev Immutable: no proxy, no pause, and no way to change a final registration but to revoke it. The authority says who
/// certifies and revokes; it can register, name, move and publish nothing.
contract ModelRegistry is IModelRegistry, ModelRegistryCertificates, ModelRegistryOwners, ModelRegistryNames {
    /// @param authority_ AccessManager that says who may certify, and revoke what is not theirs.
    /// @param proofOfTraining Where runs are sealed.
    /// @param quantumVerification Where post-quantum signatures are verified.
    constructor(address authority_, address proofOfTraining, address quantumVerification)
        ModelRegistryRegistration(proofOfTraining, quantumVerification)
        AccessManaged(authority_)
    {
        if (authority_.code.length == 0) revert ModelRegistry_NotAContract(authority_);
    }
}
