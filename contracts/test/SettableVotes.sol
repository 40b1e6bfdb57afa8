// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title SettableVotes
/// @notice A votes contract whose numbers are whatever the test says, at any time; its own token, too.
contract SettableVotes {
    uint256 private _total;
    mapping(address account => uint256) private _votes;

    function set(address account, uint256 votes) external {
        _votes[account] = votes;
    }

    function setTotal(uint256 total) external {
        _total = total;
    }

    function quadraticVotes() external view returns (address) {
        return address(this);
    }

    function getPastVotes(address account, uint256) external view returns (uint256) {
        return _votes[account];
    }

    function getPastTotalSupply(uint256) external view returns (uint256) {
        return _total;
    }

    function clock() external view returns (uint48) {
        return uint48(block.timestamp);
    }
}
