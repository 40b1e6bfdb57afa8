// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title HostileRegistry
/// @notice Test only: a registry gone wrong, to be put where HostRegistry's code was. It reverts, burns all gas, answers
/// nothing, nonsense or megabytes.
contract HostileRegistry {
    enum Mood {
        Reverting,
        Burning,
        Silent,
        Nonsense,
        Talkative
    }

    error HostileRegistry_No();

    Mood private immutable _mood;

    constructor(Mood mood) {
        _mood = mood;
    }

    // solhint-disable-next-line no-complex-fallback
    fallback() external {
        if (_mood == Mood.Reverting) revert HostileRegistry_No();
        if (_mood == Mood.Burning) {
            while (true) {}
        }
        if (_mood == Mood.Nonsense) {
            assembly {
                mstore(0, not(0))
                mstore(32, not(0))
                return(0, 64)
            }
        }
        if (_mood == Mood.Talkative) {
            assembly {
                revert(0, 1000000)
            }
        }
    }
}
