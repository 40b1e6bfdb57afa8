// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGovernance} from "../../interfaces/IGovernance.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {QuadraticCounting} from "./QuadraticCounting.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorProposalGuardian} from "@openzeppelin/contracts/governance/extensions/GovernorProposalGuardian.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Governance
/// @notice See `IGovernance`. Everything but the proposal threshold and the guardian's limit is OpenZeppelin's.
contract Governance is
    IGovernance,
    Governor,
    GovernorSettings,
    QuadraticCounting,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorTimelockControl,
    GovernorProposalGuardian
{
    /// @inheritdoc IGovernance
    uint256 public constant QUORUM_MEMORY = 14 days;
    /// @inheritdoc IGovernance
    INovaToken public immutable nova;

    /// @dev `Authority.GUARDIAN`.
    uint64 private constant GUARDIAN = 1;

    constructor(INovaToken nova_, TimelockController timelock_, address guardian)
        Governor("NovaCron Governance")
        GovernorSettings(1 days, 7 days, 100_000e18)
        GovernorVotes(nova_.quadraticVotes())
        GovernorVotesQuorumFraction(40)
        GovernorTimelockControl(timelock_)
    {
        nova = nova_;
        _setProposalGuardian(guardian);
    }

    /// @notice Propose `calldatas` to `targets` with `values` in wei. Needs linear NOVA votes of a second ago; end the
    /// description with `#proposer=0x…` to keep others from proposing the same first.
    function propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description
    ) public override returns (uint256) {
        address proposer = _msgSender();
        if (!_isValidDescriptionForProposer(proposer, description)) revert GovernorRestrictedProposer(proposer);
        uint256 votes = IVotes(address(nova)).getPastVotes(proposer, clock() - 1);
        uint256 threshold = proposalThreshold();
        if (votes < threshold) revert GovernorInsufficientProposerVotes(proposer, votes, threshold);
        return _propose(targets, values, calldatas, description, proposer);
    }

    /// @notice Cancel a proposal: the proposer while it is pending, the guardian until it is executed.
    function cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) public override returns (uint256) {
        if (_msgSender() == proposalGuardian() && _concernsGuardianOnly(targets, calldatas)) {
            uint256 proposalId = getProposalId(targets, values, calldatas, descriptionHash);
            revert Governance_GuardianCannotCancelDismissal(proposalId);
        }
        return super.cancel(targets, values, calldatas, descriptionHash);
    }

    /// @notice Seconds since 1970 (ERC-6372), as in the votes contract, which need not be asked for it.
    function clock() public view override(Governor, GovernorVotes) returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override(Governor, GovernorVotes) returns (string memory) {
        return "mode=timestamp";
    }

    /// @notice Votes For and Abstain that a proposal with this snapshot needs: the fraction of all verified power, that
    /// of the snapshot or that of `QUORUM_MEMORY` before, whichever was more.
    function quorum(uint256 timepoint) public view override(Governor, GovernorVotesQuorumFraction) returns (uint256) {
        uint256 earlier = Math.saturatingSub(timepoint, QUORUM_MEMORY);
        uint256 electorate = Math.max(token().getPastTotalSupply(timepoint), token().getPastTotalSupply(earlier));
        return Math.mulDiv(electorate, quorumNumerator(timepoint), quorumDenominator());
    }

    /// @dev Whether every action appoints or dismisses a guardian, here or at the authority.
    function _concernsGuardianOnly(address[] memory targets, bytes[] memory calldatas) private view returns (bool) {
        address authority = IAccessManaged(address(nova)).authority();
        for (uint256 i = 0; i < targets.length && i < calldatas.length; ++i) {
            bytes memory data = calldatas[i];
            bytes4 selector = bytes4(data);
            if (targets[i] == address(this) && selector == this.setProposalGuardian.selector) continue;
            bool role = selector == IAccessManager.grantRole.selector || selector == IAccessManager.revokeRole.selector;
            if (targets[i] != authority || !role || data.length < 36) return false;
            uint256 roleId;
            // The first argument follows length word and selector.
            assembly ("memory-safe") {
                roleId := mload(add(data, 36))
            }
            if (roleId != GUARDIAN) return false;
        }
        return true;
    }

    // ------------------------------------------------------------------------------------------------------------
    // What two parents define
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc GovernorSettings
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    /// @inheritdoc GovernorTimelockControl
    function state(uint256 proposalId) public view override(Governor, GovernorTimelockControl) returns (ProposalState) {
        return super.state(proposalId);
    }

    /// @inheritdoc QuadraticCounting
    function proposalDeadline(uint256 proposalId) public view override(Governor, QuadraticCounting) returns (uint256) {
        return super.proposalDeadline(proposalId);
    }

    /// @inheritdoc GovernorTimelockControl
    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }

    /// @dev Where nobody is the guardian, OpenZeppelin's extension would make every proposer one of its own proposals.
    function _validateCancel(uint256 proposalId, address caller)
        internal
        view
        override(Governor, GovernorProposalGuardian)
        returns (bool)
    {
        if (proposalGuardian() == address(0)) return Governor._validateCancel(proposalId, caller);
        return super._validateCancel(proposalId, caller);
    }
}
