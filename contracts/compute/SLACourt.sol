// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SLADisputes} from "./SLADisputes.sol";

/// @title SLACourt
/// @notice The half of `SLA` that decides claims, which runs it by delegatecall in its own storage: one contract would be
/// larger than a chain takes. Called directly, it knows no agreement and holds nothing.
contract SLACourt is SLADisputes {}
