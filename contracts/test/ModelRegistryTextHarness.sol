// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelRegistryText} from "../provenance/ModelRegistryText.sol";

/// @title ModelRegistryTextHarness
/// @notice Opens the rules of versions, names and aliases, many texts at once.
contract ModelRegistryTextHarness {
    function areVersions(string[] calldata texts) external pure returns (bool[] memory are) {
        are = new bool[](texts.length);
        for (uint256 i = 0; i < texts.length; ++i) {
            are[i] = ModelRegistryText.isVersion(texts[i]);
        }
    }

    function areNames(string[] calldata texts) external pure returns (bool[] memory are) {
        are = new bool[](texts.length);
        for (uint256 i = 0; i < texts.length; ++i) {
            are[i] = ModelRegistryText.isName(texts[i]);
        }
    }

    function areAliases(string[] calldata texts) external pure returns (bool[] memory are) {
        are = new bool[](texts.length);
        for (uint256 i = 0; i < texts.length; ++i) {
            are[i] = ModelRegistryText.isAlias(texts[i]);
        }
    }
}
