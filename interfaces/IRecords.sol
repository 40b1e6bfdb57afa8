// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IRecords
/// @notice The string interface that proof-of-training tools have used so far: a hash in hexadecimal with metadata,
/// both kept on chain under a running number.
/// @dev For those tools, and for contracts that must read metadata. `IAnchors` proves the same for a fraction of the
/// gas. The owner can stop new records and nothing else: records are never changed and reads never stop.
interface IRecords {
    // ------------------------------------------------------------------------------------------------------------
    // Errors
    // ------------------------------------------------------------------------------------------------------------

    /// @notice A hash is 64 hexadecimal digits, with or without 0x; this one has `length` characters.
    error Records_InvalidHashLength(uint256 length);

    /// @notice The character at `position` of the hash is no hexadecimal digit.
    error Records_InvalidHashCharacter(uint256 position);

    /// @notice Metadata of `length` bytes exceeds `limit`.
    error Records_MetadataTooLong(uint256 length, uint256 limit);

    /// @notice No record has this number.
    error Records_UnknownRecord(uint256 transactionId);

    /// @notice New records are stopped.
    error Records_Paused();

    /// @notice New records are not stopped.
    error Records_NotPaused();

    /// @notice `caller` is not the owner.
    error Records_NotOwner(address caller);

    /// @notice Ownership was not offered to `caller`.
    error Records_NotPendingOwner(address caller);

    /// @notice The first owner cannot be the zero address.
    error Records_ZeroOwner();

    // ------------------------------------------------------------------------------------------------------------
    // Events
    // ------------------------------------------------------------------------------------------------------------

    /// @notice A hash was recorded. The topic of `hashValue` is keccak256 of its 64 lower-case digits without 0x, in
    /// whatever spelling it was submitted, so that one filter finds every record of a hash.
    event HashStored(
        uint256 indexed transactionId,
        string indexed hashValue,
        address indexed submitter,
        uint256 timestamp,
        uint256 blockNumber
    );

    /// @notice New records are stopped.
    event ContractPaused(address indexed owner, uint256 timestamp);

    /// @notice New records are possible again.
    event ContractUnpaused(address indexed owner, uint256 timestamp);

    /// @notice Ownership was offered to `newOwner`; zero withdraws an offer.
    event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner);

    /// @notice Ownership passed to `newOwner`.
    event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);

    // ------------------------------------------------------------------------------------------------------------
    // Actions
    // ------------------------------------------------------------------------------------------------------------

    /// @notice Records a hash.
    /// @param hashValue 64 hexadecimal digits, 0x allowed, any case.
    /// @param metadata At most 2,048 bytes, usually JSON.
    /// @return transactionId Number of the record; the first is 1.
    function storeHash(string calldata hashValue, string calldata metadata) external returns (uint256 transactionId);

    /// @notice Stops new records. Owner only.
    function pauseContract() external;

    /// @notice Allows new records again. Owner only.
    function unpauseContract() external;

    /// @notice Offers ownership to `newOwner`, who must accept. Owner only. Zero withdraws an offer.
    function transferOwnership(address newOwner) external;

    /// @notice Takes the ownership that was offered to the caller.
    function acceptOwnership() external;

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @notice A record; reverts if there is none of this number.
    /// @return hashValue 64 lower-case hexadecimal digits without 0x.
    /// @return metadata As submitted, byte by byte.
    /// @return timestamp Block time, seconds since the epoch.
    /// @return blockNumber Block of the record.
    /// @return submitter Account that recorded it.
    function getHash(uint256 transactionId)
        external
        view
        returns (
            string memory hashValue,
            string memory metadata,
            uint256 timestamp,
            uint256 blockNumber,
            address submitter
        );

    /// @notice Whether record `transactionId` holds this hash, in whatever spelling. Never reverts.
    function verifyHash(string calldata hashValue, uint256 transactionId) external view returns (bool matches);

    /// @notice Number of records, which is also the number of the last one.
    function getTransactionCount() external view returns (uint256 count);

    /// @notice Whether there is a record of this number.
    function transactionExists(uint256 transactionId) external view returns (bool exists);

    /// @notice Account that may stop new records.
    function owner() external view returns (address);

    /// @notice Account that ownership is offered to, or zero.
    function pendingOwner() external view returns (address);

    /// @notice Whether new records are stopped.
    function paused() external view returns (bool);
}
