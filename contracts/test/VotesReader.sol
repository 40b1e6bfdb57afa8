// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";

/// @title VotesReader
/// @notice Test only: reads everything that a votes contract says about many accounts and moments, in one call.
contract VotesReader {
    struct Reading {
        uint256 votes;
        uint256 power;
        uint256 depth;
        uint256 height;
        address representative;
        address delegatee;
        uint48 verifiedUntil;
        bool open;
    }

    function read(IQuadraticVotes votes, address[] calldata accounts)
        external
        view
        returns (Reading[] memory readings, uint256 total)
    {
        readings = new Reading[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            readings[i] = Reading({
                votes: votes.getVotes(account),
                power: votes.powerOf(account),
                delegatee: votes.delegates(account),
                representative: votes.representative(account),
                depth: votes.depthOf(account),
                height: votes.heightOf(account),
                verifiedUntil: votes.verifiedUntil(account),
                open: votes.isOpen(account)
            });
        }
        total = votes.getTotalSupply();
    }

    /// @return past For each moment, the votes of each account and, last, the total.
    function readPast(IQuadraticVotes votes, address[] calldata accounts, uint256[] calldata moments)
        external
        view
        returns (uint256[][] memory past)
    {
        past = new uint256[][](moments.length);
        for (uint256 i = 0; i < moments.length; ++i) {
            past[i] = new uint256[](accounts.length + 1);
            for (uint256 j = 0; j < accounts.length; ++j) {
                past[i][j] = votes.getPastVotes(accounts[j], moments[i]);
            }
            past[i][accounts.length] = votes.getPastTotalSupply(moments[i]);
        }
    }
}
