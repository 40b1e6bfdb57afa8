// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Capacity} from "../../interfaces/IResources.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";

/// @title Crowd
/// @notice Test only: a customer of very many VMs, out of its prepaid balance.
contract Crowd {
    function lease(IVMLifecycle lifecycle, uint256 hostId, uint256 count) external {
        for (uint256 i = 0; i < count; ++i) {
            lifecycle.createVM(hostId, Capacity({cpu: 1, mem: 1, sto: 0, net: 0}), 1 hours, 0, "crowd");
        }
    }
}
