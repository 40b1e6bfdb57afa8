// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @title VerifierDouble
/// @notice Test only: an ERC-7913 verifier that costs little, and misbehaves in each way that a caller must withstand.
/// @dev Honest, its only valid signature by a key of 32 bytes is keccak256(key ‖ hash): there is no secret. It is not
/// declared a view, so that it can try what a static call forbids.
contract VerifierDouble {
    enum Mode {
        HONEST,
        ACCEPT,
        REJECT,
        REVERT,
        REVERT_WITH_MAGIC,
        BURN,
        EMPTY,
        SHORT,
        LONG,
        DIRTY,
        ANOTHER_MAGIC,
        WRITE,
        REENTER
    }

    error VerifierDouble_Broken();

    Mode public mode;
    uint256 public written;
    /// @dev What it calls on its caller in the mode REENTER; it accepts only if that went through.
    bytes public call;

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function setCall(bytes calldata call_) external {
        mode = Mode.REENTER;
        call = call_;
    }

    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) external returns (bytes4) {
        Mode m = mode;
        bytes4 magic = IERC7913SignatureVerifier.verify.selector;
        if (m == Mode.HONEST) return _isSigned(key, hash, signature) ? magic : bytes4(0xffffffff);
        if (m == Mode.REJECT) return 0xffffffff;
        if (m == Mode.REVERT) revert VerifierDouble_Broken();
        if (m == Mode.ANOTHER_MAGIC) return 0x1626ba7e; // ERC-1271's
        if (m == Mode.WRITE) written = 1;
        if (m == Mode.REENTER) {
            // solhint-disable-next-line avoid-low-level-calls
            (bool success,) = msg.sender.call{gas: 1_000_000}(call);
            if (!success) return 0xffffffff;
        }
        if (m == Mode.BURN) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        assembly ("memory-safe") {
            mstore(0x00, magic)
            mstore(0x20, 0)
            // Modes in the order of the enum.
            switch m
            case 4 { revert(0x00, 0x20) }
            case 6 { return(0x00, 0x00) }
            case 7 { return(0x00, 0x1f) }
            case 8 { return(0x00, 0x40) }
            case 9 {
                mstore8(0x1f, 1)
                return(0x00, 0x20)
            }
        }
        return magic;
    }

    function _isSigned(bytes calldata key, bytes32 hash, bytes calldata signature) private pure returns (bool) {
        if (key.length != 32 || signature.length != 32) return false;
        return bytes32(signature) == keccak256(abi.encodePacked(bytes32(key), hash));
    }
}
