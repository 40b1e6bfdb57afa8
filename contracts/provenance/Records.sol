// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRecords} from "../../interfaces/IRecords.sol";
import {HexDigest} from "../crypto/HexDigest.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @title Records
/// @notice See `IRecords`. Two slots a record, a third if it has metadata:
///
///    slot 0   hash
///             255            240 239         200 199       160 159                 0
///            +------------------+---------------+-------------+---------------------+
///    slot 1  |  metadataLength  |  blockNumber  |  timestamp  |      submitter      |
///            +------------------+---------------+-------------+---------------------+
///    slot 2   1 to 32 bytes of metadata: the bytes themselves, left-aligned
///             more:                      address of the contract whose code they are (SSTORE2)
abstract contract Records is IRecords {
    struct Record {
        bytes32 hash;
        address submitter;
        uint40 timestamp;
        uint40 blockNumber;
        uint16 metadataLength;
        bytes32 metadata;
    }

    /// @dev One slot, which `storeHash` reads and writes once.
    struct State {
        address owner;
        uint64 count;
        bool paused;
    }

    uint256 private constant MAX_METADATA = 2_048;
    uint256 private constant WORD = 32;

    State private _state;
    address private _pendingOwner;
    mapping(uint256 transactionId => Record) private _records;

    modifier onlyOwner() {
        if (msg.sender != _state.owner) revert Records_NotOwner(msg.sender);
        _;
    }

    constructor(address initialOwner) {
        if (initialOwner == address(0)) revert Records_ZeroOwner();
        _state.owner = initialOwner;
        emit OwnershipTransferred(address(0), initialOwner);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IRecords
    function storeHash(string calldata hashValue, string calldata metadata) external returns (uint256 transactionId) {
        State memory state = _state;
        // Check
        if (state.paused) revert Records_Paused();
        uint256 length = bytes(metadata).length;
        if (length > MAX_METADATA) revert Records_MetadataTooLong(length, MAX_METADATA);
        bytes32 digest = _parse(bytes(hashValue));

        // Effect
        transactionId = ++state.count;
        _state = state;
        Record storage record = _records[transactionId];
        record.hash = digest;
        (record.submitter, record.timestamp, record.blockNumber, record.metadataLength) =
        (msg.sender, uint40(block.timestamp), uint40(block.number), uint16(length));
        emit HashStored(transactionId, HexDigest.toString(digest), msg.sender, block.timestamp, block.number);

        // Interaction: SSTORE2 creates a contract whose code is data and never runs, so nothing can call back.
        if (length > WORD) {
            record.metadata = bytes32(uint256(uint160(SSTORE2.write(bytes(metadata)))));
        } else if (length > 0) {
            record.metadata = bytes32(bytes(metadata));
        }
    }

    /// @inheritdoc IRecords
    function pauseContract() external onlyOwner {
        if (_state.paused) revert Records_Paused();
        _state.paused = true;
        emit ContractPaused(msg.sender, block.timestamp);
    }

    /// @inheritdoc IRecords
    function unpauseContract() external onlyOwner {
        if (!_state.paused) revert Records_NotPaused();
        _state.paused = false;
        emit ContractUnpaused(msg.sender, block.timestamp);
    }

    /// @inheritdoc IRecords
    function transferOwnership(address newOwner) external onlyOwner {
        _pendingOwner = newOwner;
        emit OwnershipTransferStarted(msg.sender, newOwner);
    }

    /// @inheritdoc IRecords
    function acceptOwnership() external {
        if (msg.sender != _pendingOwner) revert Records_NotPendingOwner(msg.sender);
        delete _pendingOwner;
        emit OwnershipTransferred(_state.owner, msg.sender);
        _state.owner = msg.sender;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IRecords
    function getHash(uint256 transactionId)
        external
        view
        returns (
            string memory hashValue,
            string memory metadata,
            uint256 timestamp,
            uint256 blockNumber,
            address submitter
        )
    {
        if (!transactionExists(transactionId)) revert Records_UnknownRecord(transactionId);
        Record memory record = _records[transactionId];
        hashValue = HexDigest.toString(record.hash);
        metadata = _metadata(record);
        (timestamp, blockNumber, submitter) = (record.timestamp, record.blockNumber, record.submitter);
    }

    /// @inheritdoc IRecords
    function verifyHash(string calldata hashValue, uint256 transactionId) external view returns (bool matches) {
        (bytes32 digest, bool valid) = _tryParse(bytes(hashValue));
        return valid && transactionExists(transactionId) && _records[transactionId].hash == digest;
    }

    /// @inheritdoc IRecords
    function getTransactionCount() external view returns (uint256 count) {
        return _state.count;
    }

    /// @inheritdoc IRecords
    function transactionExists(uint256 transactionId) public view returns (bool exists) {
        return transactionId != 0 && transactionId <= _state.count;
    }

    /// @inheritdoc IRecords
    function owner() external view returns (address) {
        return _state.owner;
    }

    /// @inheritdoc IRecords
    function pendingOwner() external view returns (address) {
        return _pendingOwner;
    }

    /// @inheritdoc IRecords
    function paused() external view returns (bool) {
        return _state.paused;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The digest that `hashValue` spells, if it is 64 hexadecimal digits with or without 0x.
    function _tryParse(bytes calldata hashValue) private pure returns (bytes32 digest, bool valid) {
        if (hashValue.length == 66 && bytes2(hashValue) == "0x") hashValue = hashValue[2:];
        if (hashValue.length != 64) return (0, false);
        return HexDigest.parse(bytes32(hashValue), bytes32(hashValue[32:]));
    }

    /// @dev As `_tryParse`, but says what is wrong; the search for the character runs only on the way to a revert.
    function _parse(bytes calldata hashValue) private pure returns (bytes32 digest) {
        bool valid;
        (digest, valid) = _tryParse(hashValue);
        if (valid) return digest;

        uint256 start = bytes2(hashValue) == "0x" ? 2 : 0;
        if (hashValue.length - start != 64) revert Records_InvalidHashLength(hashValue.length);
        while (HexDigest.isDigit(hashValue[start])) ++start;
        revert Records_InvalidHashCharacter(start);
    }

    /// @dev Metadata of a record, wherever it is kept.
    function _metadata(Record memory record) private view returns (string memory metadata) {
        uint256 length = record.metadataLength;
        if (length > WORD) return string(SSTORE2.read(address(uint160(uint256(record.metadata)))));
        metadata = new string(length);
        bytes32 word = record.metadata;
        // Writes one word into a string of 0 to 32 bytes; a string of 0 bytes has no room for it.
        if (length > 0) {
            assembly ("memory-safe") {
                mstore(add(metadata, 0x20), word)
            }
        }
    }
}
