// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Authority} from "../../contracts/governance/Authority.sol";
import {EmergencyBrake} from "../../contracts/governance/EmergencyBrake.sol";
import {Governance} from "../../contracts/governance/Governance.sol";
import {IdentityGate} from "../../contracts/governance/IdentityGate.sol";
import {Proxy} from "../../contracts/governance/Proxy.sol";
import {Timelock} from "../../contracts/governance/Timelock.sol";
import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {IIdentityGate} from "../../interfaces/IIdentityGate.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {IResourceToken} from "../../interfaces/IResourceToken.sol";
import {Test} from "./Vm.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @title GovernanceSuite
/// @notice Base of the tests of governance: the whole suite, handed over to the timelock, with four verified voters.
/// @dev Powers have three decimals: 3,000 + 2,000 + 1,000 + 500 = 6,500, of which 2,600 are a quorum.
abstract contract GovernanceSuite is Test {
    /// @dev Actions and description, as `propose` takes them.
    struct Draft {
        address[] targets;
        uint256[] values;
        bytes[] calldatas;
        string description;
    }

    uint256 internal constant NOVA = 1e18;
    uint256 internal constant SEASON = 13 weeks;
    /// @dev A day after the beginning of season 240.
    uint256 internal constant START = 240 * SEASON + 1 days;
    uint64 internal constant ADMIN_ROLE = 0;
    uint64 internal constant GUARDIAN_ROLE = 1;
    uint64 internal constant ATTESTER_ROLE = 2;
    uint32 internal constant QUOTA = 20;
    uint8 internal constant AGAINST = 0;
    uint8 internal constant FOR = 1;
    uint8 internal constant ABSTAIN = 2;

    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant CAROL = address(0xca401);
    address internal constant DAVE = address(0xda7e);
    address internal constant STRANGER = address(0x57a4);
    address internal constant GUARDIAN = address(0x6a4d);
    address internal constant ATTESTER = address(0xa77e57);

    Authority internal authority;
    NovaToken internal nova;
    IQuadraticVotes internal votes;
    IdentityGate internal gate;
    Timelock internal timelock;
    Governance internal governance;
    EmergencyBrake internal brake;
    ProofOfTraining internal proof;
    ResourceToken internal cpu;

    function setUp() public virtual {
        vm.warp(START);
        authority = new Authority(address(this));
        _deployTokens();
        _deployGate();
        timelock = new Timelock(48 hours, new address[](0), new address[](0), address(this));
        governance = new Governance(nova, timelock, GUARDIAN);
        brake = new EmergencyBrake(address(authority));
        proof = new ProofOfTraining(address(brake));
        _handOver();
        vm.warp(START + 1 hours);
    }

    function _deployTokens() private {
        INovaToken.Allocation[] memory genesis = new INovaToken.Allocation[](4);
        genesis[0] = INovaToken.Allocation(ALICE, 9_000_000 * NOVA);
        genesis[1] = INovaToken.Allocation(BOB, 4_000_000 * NOVA);
        genesis[2] = INovaToken.Allocation(CAROL, 1_000_000 * NOVA);
        genesis[3] = INovaToken.Allocation(DAVE, 250_000 * NOVA);
        nova = new NovaToken(address(authority), genesis);
        votes = nova.quadraticVotes();
        cpu = new ResourceToken(
            "NovaCron CPU", "CPU", "vCPU-hour", 1_000_000e18, address(authority), new IResourceToken.Allocation[](0)
        );
        vm.prank(ALICE);
        nova.delegate(ALICE);
    }

    function _deployGate() private {
        bytes memory setUpCall = abi.encodeCall(IdentityGate.initialize, (address(authority), votes, QUOTA));
        gate = IdentityGate(address(new Proxy(address(new IdentityGate()), setUpCall)));
        votes.setGate(IIdentityGate(address(gate)));
        bytes4[] memory selectors = new bytes4[](2);
        (selectors[0], selectors[1]) = (gate.verify.selector, gate.revoke.selector);
        authority.setTargetFunctionRole(address(gate), selectors, ATTESTER_ROLE);
        authority.grantRole(ATTESTER_ROLE, ATTESTER, 0);
        address[4] memory people = [ALICE, BOB, CAROL, DAVE];
        for (uint256 i = 0; i < people.length; ++i) {
            _verify(ATTESTER, people[i], 2);
        }
    }

    function _handOver() private {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = brake.pause.selector;
        authority.setTargetFunctionRole(address(brake), selectors, GUARDIAN_ROLE);
        authority.grantRole(GUARDIAN_ROLE, GUARDIAN, 0);
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governance));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governance));
        timelock.grantRole(timelock.EXECUTOR_ROLE(), address(governance));
        authority.grantRole(ADMIN_ROLE, address(timelock), 0);
        authority.renounceRole(ADMIN_ROLE, address(this));
        timelock.renounceRole(bytes32(0), address(this));
    }

    // ------------------------------------------------------------------------------------------------------------
    // Proposals
    // ------------------------------------------------------------------------------------------------------------

    function _draft(address target, bytes memory data, string memory description)
        internal
        pure
        returns (Draft memory draft)
    {
        draft = Draft(new address[](1), new uint256[](1), new bytes[](1), description);
        (draft.targets[0], draft.calldatas[0]) = (target, data);
    }

    /// @dev `draft` with another action behind its own.
    function _and(Draft memory draft, address target, bytes memory data) internal pure returns (Draft memory longer) {
        uint256 length = draft.targets.length;
        longer = Draft(new address[](length + 1), new uint256[](length + 1), new bytes[](length + 1), draft.description);
        for (uint256 i = 0; i < length; ++i) {
            longer.targets[i] = draft.targets[i];
            longer.values[i] = draft.values[i];
            longer.calldatas[i] = draft.calldatas[i];
        }
        (longer.targets[length], longer.calldatas[length]) = (target, data);
    }

    function _mintCpu(uint256 amount, string memory description) internal view returns (Draft memory) {
        return _draft(address(cpu), abi.encodeCall(cpu.mint, (address(timelock), amount)), description);
    }

    function _idOf(Draft memory draft) internal pure returns (uint256) {
        bytes32 description = keccak256(bytes(draft.description));
        return uint256(keccak256(abi.encode(draft.targets, draft.values, draft.calldatas, description)));
    }

    function _propose(Draft memory draft) internal returns (uint256) {
        vm.prank(ALICE);
        return governance.propose(draft.targets, draft.values, draft.calldatas, draft.description);
    }

    function _vote(address voter, uint256 proposalId, uint8 support) internal {
        vm.prank(voter);
        governance.castVote(proposalId, support);
    }

    function _queue(Draft memory draft) internal returns (uint256) {
        return governance.queue(draft.targets, draft.values, draft.calldatas, keccak256(bytes(draft.description)));
    }

    function _execute(Draft memory draft) internal returns (uint256) {
        return governance.execute(draft.targets, draft.values, draft.calldatas, keccak256(bytes(draft.description)));
    }

    function _cancel(address caller, Draft memory draft) internal returns (uint256) {
        vm.prank(caller);
        return governance.cancel(draft.targets, draft.values, draft.calldatas, keccak256(bytes(draft.description)));
    }

    /// @dev Propose, and wait for the first second of the vote.
    function _open(Draft memory draft) internal returns (uint256 proposalId) {
        proposalId = _propose(draft);
        vm.warp(governance.proposalSnapshot(proposalId) + 1);
    }

    /// @dev Propose, have Alice and Bob vote for it, and wait for the end of the vote.
    function _pass(Draft memory draft) internal returns (uint256 proposalId) {
        proposalId = _open(draft);
        _vote(ALICE, proposalId, FOR);
        _vote(BOB, proposalId, FOR);
        vm.warp(governance.proposalDeadline(proposalId) + 1);
    }

    /// @dev Everything up to the second in which `execute` is possible.
    function _ready(Draft memory draft) internal returns (uint256 proposalId) {
        proposalId = _pass(draft);
        _queue(draft);
        vm.warp(governance.proposalEta(proposalId));
    }

    /// @dev Everything.
    function _enact(Draft memory draft) internal returns (uint256 proposalId) {
        proposalId = _ready(draft);
        _execute(draft);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Expectations and people
    // ------------------------------------------------------------------------------------------------------------

    function _assertState(uint256 proposalId, IGovernor.ProposalState expected) internal view {
        vm.assertEq(uint256(governance.state(proposalId)), uint256(expected), "state of the proposal");
    }

    function _expectUnexpectedState(uint256 proposalId, IGovernor.ProposalState current, bytes32 allowed) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IGovernor.GovernorUnexpectedProposalState.selector, proposalId, current, allowed)
        );
    }

    function _bitmap(IGovernor.ProposalState state) internal pure returns (bytes32) {
        return bytes32(2 ** uint256(state));
    }

    function _season() internal view returns (uint256) {
        return block.timestamp / SEASON;
    }

    /// @dev Verified until the end of the season `later` seasons from now.
    function _verify(address attester, address account, uint256 later) internal {
        uint256 season = _season() + later;
        vm.prank(attester);
        gate.verify(account, season);
    }

    function _give(address from, address to, uint256 amount) internal {
        vm.prank(from);
        vm.assertTrue(nova.transfer(to, amount));
    }
}
