// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QuadraticCounting} from "../governance/QuadraticCounting.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";

/// @title TallyHarness
/// @notice `QuadraticCounting` of one proposal whose vote ends at 0, for proofs.
contract TallyHarness is QuadraticCounting {
    uint256 private _quorum;

    constructor() Governor("Tally") {}

    function setQuorum(uint256 quorum_) external {
        _quorum = quorum_;
    }

    function count(address account, uint8 support, uint256 weight) external {
        _countVote(0, account, support, weight, "");
    }

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function votingDelay() public pure override returns (uint256) {
        return 0;
    }

    function votingPeriod() public pure override returns (uint256) {
        return 0;
    }

    function quorum(uint256) public view override returns (uint256) {
        return _quorum;
    }

    function _getVotes(address, uint256, bytes memory) internal pure override returns (uint256) {
        return 0;
    }
}
