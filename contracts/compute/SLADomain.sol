// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISLATypes} from "../../interfaces/ISLA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title SLADomain
/// @notice What monitors sign. The domain's name lies in immutables of the code, its address is the proxy's.
/// @custom:oz-upgrades-unsafe-allow state-variable-immutable
abstract contract SLADomain is EIP712("NovaCron SLA", "1") {
    bytes32 private constant MEASUREMENT = keccak256(
        "Measurement(uint256 slaId,uint256 guarantee,uint256 window,uint256 value,uint256 samples,uint256 from,uint256 to)"
    );

    function _hash(uint256 slaId, uint256 guarantee, uint256 window, ISLATypes.Observation calldata observation)
        internal
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    MEASUREMENT,
                    slaId,
                    guarantee,
                    window,
                    observation.value,
                    observation.samples,
                    observation.from,
                    observation.to
                )
            )
        );
    }
}
