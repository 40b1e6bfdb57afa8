// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

contract BoxProxy is ERC1967Proxy {
    constructor(address implementation, bytes memory data) ERC1967Proxy(implementation, data) {}
}

/// @title Box
/// @notice The first version, which everybody may upgrade: a test decides about nothing else.
contract Box is Initializable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:novacron.test.Box
    struct BoxStorage {
        uint256 size;
        address owner;
    }

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    function initialize(uint256 size) external initializer {
        _box().size = size;
    }

    function _authorizeUpgrade(address) internal override {}

    function _box() private pure returns (BoxStorage storage $) {
        assembly ("memory-safe") {
            $.slot := 0xac1614f4484e87a2f3e87976f216ffeb3581c1a590773e73882a20380b5b9c00
        }
    }
}

/// @title BoxMore
/// @notice A version that only adds a member at the end.
contract BoxMore is Initializable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:novacron.test.Box
    struct BoxStorage {
        uint256 size;
        address owner;
        uint256 weight;
    }

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    function initialize() external reinitializer(2) {
        weigh(4);
    }

    function weigh(uint256 weight) public {
        BoxStorage storage $;
        assembly ("memory-safe") {
            $.slot := 0xac1614f4484e87a2f3e87976f216ffeb3581c1a590773e73882a20380b5b9c00
        }
        $.weight = weight;
    }

    function _authorizeUpgrade(address) internal override {}
}

/// @title BoxTurned
/// @notice A version that changes the order of its members, which would read the one as the other.
contract BoxTurned is Initializable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:novacron.test.Box
    struct BoxStorage {
        address owner;
        uint256 size;
    }

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    function initialize() external reinitializer(2) {}

    function _authorizeUpgrade(address) internal override {}
}

/// @title BoxDangerous
/// @notice A version with what Slither and the upgrades plugin refuse: it can destroy itself, and a stranger can take its ETH.
contract BoxDangerous is Initializable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:novacron.test.Box
    struct BoxStorage {
        uint256 size;
        address owner;
    }

    function initialize() external reinitializer(2) {}

    function end(address payable to) external {
        selfdestruct(to);
    }

    function take(address payable to) external {
        to.transfer(address(this).balance);
    }

    function _authorizeUpgrade(address) internal override {}
}
