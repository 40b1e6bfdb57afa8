// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IArbitrator} from "../../interfaces/IArbitration.sol";
import {ISLATypes} from "../../interfaces/ISLA.sol";
import {IVMLifecycle} from "../../interfaces/IVMLifecycle.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title SLAStorage
/// @notice Where `SLA` keeps everything (ERC-7201), and what both parts of it do with that.
abstract contract SLAStorage is ISLATypes {
    /// @dev Two slots.
    ///
    ///     0   released 8 | withdrawn 8 | windows 32 | startedAt 40 | terms 160
    ///     1   settledWindows 32 | stake 128
    struct AgreementData {
        /// @dev SSTORE2: its code is the encoded `Terms`.
        address terms;
        uint40 startedAt;
        uint32 windows;
        bool withdrawn;
        bool released;
        uint128 stake;
        uint32 settledWindows;
    }

    /// @dev One slot: outcome 8 | signers 8 | value 32 | since 40 | claimant 160.
    struct ClaimData {
        address claimant;
        uint40 since;
        uint32 value;
        uint8 signers;
        Outcome outcome;
    }

    /// @dev The same slot once the claim is penalised: nobody is owed a bond any more, and no period runs.
    ///
    ///     outcome 8 | signers 8 | value 32 | 0 8 | takenFromFee 96 | credited 96
    struct PenaltyData {
        /// @dev What the customer was credited with; both are at most the fee, which has 96 bits.
        uint96 credited;
        uint96 takenFromFee;
        uint8 none;
        uint32 value;
        uint8 signers;
        Outcome outcome;
    }

    /// @dev Which claim an arbitrator's dispute is about. One slot; there is none when `slaId` is 0.
    struct DisputeData {
        uint128 slaId;
        uint32 window;
        uint8 guarantee;
        /// @dev Monitors in the evidence that was disputed: evidence that replaces it has more.
        uint8 signers;
    }

    /// @custom:storage-location erc7201:novacron.storage.SLA
    struct SLAData {
        IERC20 nova;
        IVMLifecycle lifecycle;
        address treasury;
        IArbitrator defaultArbitrator;
        uint256 count;
        mapping(address account => uint256) balances;
        mapping(uint256 slaId => AgreementData) agreements;
        /// @dev By `_claimKey`.
        mapping(uint256 claimKey => ClaimData) claims;
        /// @dev A bit a window, 256 in a word.
        mapping(uint256 slaId => mapping(uint256 word => uint256)) settled;
        mapping(uint256 claimKey => uint256) disputeIds;
        mapping(address arbitrator => mapping(uint256 disputeId => DisputeData)) disputes;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("novacron.storage.SLA")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant STORAGE = 0xec4a91ab0f1c39b6f4aaeea83eab37839504d22b54c0c743b9a69df092ac8b00;

    /// @dev As long as a ruling may come, in seconds.
    uint40 internal constant RULING_PERIOD = 14 days;

    function _credit(address account, uint256 amount) internal {
        if (amount != 0) _sla().balances[account] += amount;
    }

    function _debit(address account, uint256 amount) internal {
        uint256 balance = _sla().balances[account];
        if (amount > balance) revert SLA_InsufficientBalance(account, balance, amount);
        _sla().balances[account] = balance - amount;
    }

    /// @dev Exists.
    function _agreementOf(uint256 slaId) internal view returns (AgreementData storage agreement) {
        agreement = _sla().agreements[slaId];
        if (agreement.terms == address(0)) revert SLA_UnknownAgreement(slaId);
    }

    /// @dev Was accepted.
    function _activeOf(uint256 slaId) internal view returns (AgreementData storage agreement) {
        agreement = _agreementOf(slaId);
        if (agreement.startedAt == 0) revert SLA_NotActive(slaId);
    }

    /// @param guarantees how many the agreement has.
    function _stateOf(uint256 slaId, uint256 guarantees, uint256 window)
        internal
        view
        returns (WindowState memory state)
    {
        for (uint256 guarantee = 0; guarantee < guarantees; ++guarantee) {
            PenaltyData storage penalty = _penaltyOf(_claimKey(slaId, guarantee, window));
            if (penalty.outcome == Outcome.Penalised) {
                state.credited += penalty.credited;
                state.takenFromFee += penalty.takenFromFee;
            }
        }
        state.settled = _sla().settled[slaId][window >> 8] >> (window & 0xff) & 1 == 1;
    }

    /// @dev What the slot of a claim says when its outcome is Penalised.
    function _penaltyOf(uint256 claimKey) internal view returns (PenaltyData storage penalty) {
        ClaimData storage claim = _sla().claims[claimKey];
        assembly ("memory-safe") {
            penalty.slot := claim.slot
        }
    }

    /// @dev Of a guarantee in a window: slaId | window 32 | guarantee 8.
    function _claimKey(uint256 slaId, uint256 guarantee, uint256 window) internal pure returns (uint256) {
        return slaId << 40 | window << 8 | guarantee;
    }

    function _sla() internal pure returns (SLAData storage $) {
        assembly ("memory-safe") {
            $.slot := STORAGE
        }
    }
}
