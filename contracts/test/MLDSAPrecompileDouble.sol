// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title MLDSAPrecompileDouble
/// @notice Test only: stands at the address of EIP-8051's precompile, which no chain has. Honest, it knows the inputs
/// that a test says are valid, and no others; or it misbehaves in each way that its caller must withstand.
contract MLDSAPrecompileDouble {
    enum Mode {
        HONEST,
        ONE,
        ZERO,
        TWO,
        EMPTY,
        SHORT,
        LONG,
        REVERT,
        BURN
    }

    error MLDSAPrecompileDouble_Broken();

    uint256 private constant LENGTH = 22_996;

    Mode private _mode;
    /// @dev The bytes of an input that an honest double does not look at: none, unless a test says so.
    uint256 private _from;
    uint256 private _to;
    bool private _shorter;
    bool private _longer;
    mapping(bytes32 digest => bool valid) private _valid;

    function setMode(Mode mode) external {
        _mode = mode;
    }

    /// @notice Makes it careless; `teach` afterwards.
    function ignore(uint256 from, uint256 to) external {
        (_from, _to) = (from, to);
    }

    /// @notice Makes it accept inputs without their last byte, or with more than the last byte.
    function ignoreLength(bool shorter, bool longer) external {
        (_from, _to, _shorter, _longer) = (LENGTH - 1, LENGTH, shorter, longer);
    }

    function teach(bytes calldata input) external {
        _valid[_digest(input)] = true;
    }

    // solhint-disable-next-line no-complex-fallback
    fallback(bytes calldata input) external returns (bytes memory) {
        Mode mode = _mode;
        if (mode == Mode.ONE) return abi.encode(1);
        if (mode == Mode.ZERO) return abi.encode(0);
        if (mode == Mode.TWO) return abi.encode(2);
        if (mode == Mode.EMPTY) return "";
        if (mode == Mode.SHORT) return new bytes(31);
        if (mode == Mode.LONG) return abi.encode(1, 0);
        if (mode == Mode.REVERT) revert MLDSAPrecompileDouble_Broken();
        if (mode == Mode.BURN) {
            assembly {
                invalid()
            }
        }
        if (input.length < LENGTH && !(_shorter && input.length == LENGTH - 1)) return abi.encode(0);
        if (input.length > LENGTH && !_longer) return abi.encode(0);
        return abi.encode(_valid[_digest(input)]);
    }

    function _digest(bytes calldata input) private view returns (bytes32) {
        bytes memory seen = new bytes(LENGTH);
        (uint256 from, uint256 to) = (_from, _to);
        assembly ("memory-safe") {
            calldatacopy(add(seen, 32), input.offset, LENGTH)
            calldatacopy(add(add(seen, 32), from), calldatasize(), sub(to, from)) // zeros
        }
        return keccak256(seen);
    }
}
