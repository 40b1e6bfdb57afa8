// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";

/// @title Zoo
/// @notice One variable of every kind that storage can hold, for the tests of decoded storage.
contract Zoo {
    using Checkpoints for Checkpoints.Trace208;

    enum Mode {
        Off,
        On,
        Auto
    }

    type Money is uint96;

    struct Cage {
        uint64 width;
        uint64 height;
        address keeper;
        Mode mode;
    }

    struct House {
        Cage front;
        mapping(uint256 => Cage) rooms;
        uint16[] doors;
        string label;
    }

    /// @custom:storage-location erc7201:novacron.test.Aviary
    struct Aviary {
        uint32 birds;
        uint48 opened;
        address warden;
        mapping(address => Cage) nests;
        Cage[] rows;
        uint8[5] perches;
        Money price;
        Mode mode;
    }

    // keccak256(abi.encode(uint256(keccak256("novacron.test.Aviary")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant AVIARY =
        keccak256(abi.encode(uint256(keccak256("novacron.test.Aviary")) - 1)) & ~bytes32(uint256(0xff));

    bool public flag;
    Mode public mode;
    uint40 public when;
    address public who;
    Money public money;
    mapping(address => mapping(bytes32 => uint256)) public nested;
    House public house;
    Cage[2] public pair;
    Cage[] public row;
    bytes public blob;
    string public text;
    mapping(string => uint256) public byName;
    mapping(Mode => mapping(int16 => mapping(bool => mapping(bytes4 => uint8)))) public odd;
    uint8[40] public bytesRow;
    int128 public signed;
    uint256[] public numbers;
    bytes4 public tag;
    function() external callback;
    uint256[3][] public grid;
    Checkpoints.Trace208 private _history;
    Time.Delay public delay;
    Ownable public place;

    event Wrote(address indexed who, string indexed title, uint256[] values, Cage cage);

    function packed(address account) external {
        (flag, mode, when, who, money) = (true, Mode.Auto, 77, account, Money.wrap(5));
        (signed, tag, callback, place) = (-3, 0x01020304, this.nothing, Ownable(account));
    }

    function onlyMode(Mode value) external {
        mode = value;
    }

    function mappings(address account, uint256 room, string calldata name, int16 depth) external {
        nested[account]["key"] = 9;
        house.rooms[room].height = 3;
        byName[name] = 1;
        odd[Mode(room % 3)][depth][depth < 0][bytes4(keccak256(bytes(name)))] = 4;
    }

    function constantKeys() external {
        house.rooms[42].width = 1;
        nested[address(0)][0] = 2;
    }

    function arrays(address account) external {
        pair[1].keeper = account;
        row.push(Cage(4, 5, account, Mode.On));
        house.doors.push(1);
        house.doors.push(2);
        bytesRow[33] = 6;
        numbers.push(7);
        numbers.push(8);
        grid.push([uint256(1), 2, 3]);
    }

    function drop() external {
        numbers.pop();
        delete row;
    }

    function texts(string calldata first, bytes calldata second) external {
        (text, blob, house.label) = (first, second, "short");
    }

    function lastByte() external {
        blob[blob.length - 1] = 0x07;
    }

    function aviary(address account) external {
        Aviary storage $ = _aviary();
        ($.birds, $.opened, $.warden, $.mode, $.price) = (3, 99, account, Mode.On, Money.wrap(11));
        $.nests[account].keeper = account;
        $.rows.push(Cage(1, 2, account, Mode.Auto));
        $.perches[4] = 8;
    }

    function checkpoint(uint48 key, uint208 value) external {
        _history.push(key, value);
        delay = Time.Delay.wrap((uint112(key) << 64) | (uint112(5) << 32) | 6);
    }

    function raw(bytes32 slot, bytes32 value) external {
        assembly ("memory-safe") {
            sstore(slot, value)
        }
    }

    /// @dev Bytes 27 to 31 of the first slot belong to no variable.
    function padding(uint256 value) external {
        assembly ("memory-safe") {
            sstore(0, or(sload(0), shl(224, value)))
        }
    }

    function backAndForth() external {
        numbers.push(1);
        numbers.pop();
        (when, flag) = (when + 1, flag);
        when -= 1;
    }

    function hashes(uint256 count) external {
        bytes32 last;
        for (uint256 i; i < count; ++i) {
            last = keccak256(abi.encode(last, i));
        }
        nested[msg.sender][last] = count;
    }

    function announce(address account) external {
        uint256[] memory values = new uint256[](2);
        (values[0], values[1]) = (1, 2);
        emit Wrote(account, "title", values, Cage(1, 2, account, Mode.On));
    }

    function nothing() external {}

    function _aviary() private pure returns (Aviary storage $) {
        bytes32 slot = AVIARY;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}

/// @title Coin
/// @notice An ERC-20 that a call makes.
contract Coin is ERC20("Coin", "COIN"), Ownable2Step {
    constructor(address owner, uint256 amount) payable Ownable(owner) {
        _mint(owner, amount);
    }

    function burn(address payable to) external {
        selfdestruct(to);
    }
}

/// @title Actor
/// @notice Moves ETH in every way there is, and makes contracts.
contract Actor {
    error Refused(address who, uint256 amount);

    event Undone();

    address public last;

    receive() external payable {}

    function make(uint256 amount) external payable {
        Coin coin = new Coin{value: msg.value}(address(this), amount);
        last = address(coin);
        coin.transfer(msg.sender, 1);
        coin.transferOwnership(msg.sender);
    }

    /// @dev Made and destroyed in one transaction: its ETH moves without a call.
    function flash(address payable to) external payable {
        new Coin{value: msg.value}(address(this), 0).burn(to);
    }

    function pay(address payable to, uint256 amount) external {
        (bool done,) = to.call{value: amount}("");
        require(done, Refused(to, amount));
    }

    /// @dev The inner call moves ETH, logs and writes, and is undone.
    function attempt(address payable to) external {
        try this.payAndFail(to) {} catch {}
    }

    function payAndFail(address payable to) external {
        this.pay(to, 1);
        last = to;
        emit Undone();
        revert Refused(to, 1);
    }

    function refuse(address who) external pure {
        revert Refused(who, 5);
    }
}
