// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @title AnyAnswerVerifier
/// @notice Test only: answers `verify` with a word of 32 bytes, the magic value unless it is told otherwise.
contract AnyAnswerVerifier {
    bytes32 private _answer = bytes32(IERC7913SignatureVerifier.verify.selector);

    function setAnswer(bytes32 answer) external {
        _answer = answer;
    }

    function verify(bytes calldata, bytes32, bytes calldata) external view returns (bytes32) {
        return _answer;
    }
}
