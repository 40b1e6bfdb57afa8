// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EmergencyBrake} from "../../contracts/governance/EmergencyBrake.sol";
import {Governance} from "../../contracts/governance/Governance.sol";
import {ProofOfTraining} from "../../contracts/provenance/ProofOfTraining.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {ResourceToken} from "../../contracts/tokens/ResourceToken.sol";
import {IEmergencyBrake} from "../../interfaces/IEmergencyBrake.sol";
import {IGovernance} from "../../interfaces/IGovernance.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {IRecords} from "../../interfaces/IRecords.sol";
import {Test} from "./Vm.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";

/// @title GovernanceHandler
/// @notice Drives proposals, votes, minting and the brake through random histories, beside a plain model of them.
/// @dev Every action predicts its outcome, refusals with their exact error included, so nothing is skipped silently.
contract GovernanceHandler is Test {
    enum Kind {
        MintCpu,
        MintNova,
        Dismissal,
        Unpause,
        Nobody
    }

    struct Proposal {
        uint256 id;
        Kind kind;
        uint256 amount;
        uint256 number;
        uint256 createdAt;
        uint256 snapshot;
        uint256 deadline;
        uint256 queuedAt;
        bool executed;
        bool canceled;
        uint256[3] sums;
    }

    uint256 private constant CPU_CAP = 1_000_000e18;
    uint256 private constant MAX_PROPOSALS = 12;

    Governance private immutable _governance;
    NovaToken private immutable _nova;
    ResourceToken private immutable _cpu;
    EmergencyBrake private immutable _brake;
    ProofOfTraining private immutable _proof;
    address private immutable _guardian;
    address[4] private _people;

    Proposal[] private _proposals;
    mapping(uint256 id => mapping(address voter => bool)) private _voted;
    mapping(bytes32 name => uint256) public calls;
    uint256 public mintedCpu;
    uint256 public mintedNova;
    bool public paused;
    uint256[] private _pauses;

    constructor(
        Governance governance,
        ResourceToken cpu,
        EmergencyBrake brake,
        ProofOfTraining proof,
        address[4] memory people
    ) {
        (_governance, _cpu, _brake, _proof, _people) = (governance, cpu, brake, proof, people);
        _nova = NovaToken(address(governance.nova()));
        _guardian = governance.proposalGuardian();
    }

    // ------------------------------------------------------------------------------------------------------------
    // Proposals
    // ------------------------------------------------------------------------------------------------------------

    /// @dev By the first of the people, who has the threshold, or by the last, who has not.
    function propose(uint8 kind, uint256 amount, bool allowed) external {
        if (_proposals.length == MAX_PROPOSALS) return;
        Proposal memory p;
        p.kind = Kind(kind % 5);
        p.amount = _bound(amount, 1, CPU_CAP);
        p.number = _proposals.length;
        (p.createdAt, p.snapshot) = (block.timestamp, block.timestamp + 1 days);
        p.deadline = p.snapshot + 7 days;
        (address[] memory t, uint256[] memory v, bytes[] memory c, string memory description) = contentsOf(p);
        p.id = uint256(keccak256(abi.encode(t, v, c, keccak256(bytes(description)))));
        address caller = allowed ? _people[0] : _people[3];
        bytes memory refusal;
        if (!allowed) {
            refusal =
                abi.encodeWithSelector(IGovernor.GovernorInsufficientProposerVotes.selector, caller, 0, 100_000e18);
        }
        bytes memory call_ = abi.encodeCall(IGovernor.propose, (t, v, c, description));
        if (!_expect("propose", address(_governance), caller, call_, refusal)) return;
        _proposals.push(p);
    }

    function vote(uint256 which, uint256 who, uint8 support) external {
        if (_proposals.length == 0) return;
        Proposal storage p = _proposals[which % _proposals.length];
        address voter = _people[who % 4];
        support %= 4;
        bytes memory refusal = _stateRefusal(p, IGovernor.ProposalState.Active);
        if (refusal.length == 0 && _voted[p.id][voter]) {
            refusal = abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, voter);
        } else if (refusal.length == 0 && support == 3) {
            refusal = abi.encodeWithSelector(IGovernor.GovernorInvalidVoteType.selector);
        }
        bytes memory call_ = abi.encodeCall(IGovernor.castVote, (p.id, support));
        if (!_expect("vote", address(_governance), voter, call_, refusal)) return;
        _voted[p.id][voter] = true;
        bool before = _hasQuorum(p);
        p.sums[support] += _votes().getPastVotes(voter, p.snapshot);
        if (!before && _hasQuorum(p) && block.timestamp + 2 days > p.deadline) {
            p.deadline = block.timestamp + 2 days;
            ++calls["extended"];
        }
    }

    function queue(uint256 which) external {
        if (_proposals.length == 0) return;
        Proposal storage p = _proposals[which % _proposals.length];
        (address[] memory t, uint256[] memory v, bytes[] memory c, string memory description) = contentsOf(p);
        bytes memory call_ = abi.encodeCall(IGovernor.queue, (t, v, c, keccak256(bytes(description))));
        bytes memory refusal = _stateRefusal(p, IGovernor.ProposalState.Succeeded);
        if (_expect("queue", address(_governance), msg.sender, call_, refusal)) p.queuedAt = block.timestamp;
    }

    /// @dev Nothing is executed before delay, vote and timelock have passed, whoever calls.
    function execute(uint256 which) external {
        if (_proposals.length == 0) return;
        Proposal storage p = _proposals[which % _proposals.length];
        (address[] memory t, uint256[] memory v, bytes[] memory c, string memory description) = contentsOf(p);
        bytes memory call_ = abi.encodeCall(IGovernor.execute, (t, v, c, keccak256(bytes(description))));
        bytes memory refusal = _stateRefusal(p, IGovernor.ProposalState.Queued);
        bool early = refusal.length == 0 && block.timestamp < p.queuedAt + 2 days;
        if (early) refusal = "early"; // the error names the operation of the timelock
        else if (refusal.length == 0) refusal = _actionRefusal(p);
        if (!_expect("execute", address(_governance), msg.sender, call_, refusal)) return;
        vm.assertTrue(block.timestamp > p.createdAt + 10 days, "executed too soon");
        vm.assertTrue(_hasQuorum(p) && p.sums[1] > p.sums[0], "executed without a majority");
        p.executed = true;
        ++calls[bytes32(uint256(p.kind))];
        if (p.kind == Kind.MintCpu) mintedCpu += p.amount;
        if (p.kind == Kind.MintNova) mintedNova += p.amount;
        if (p.kind == Kind.Unpause) paused = false;
    }

    /// @dev By the guardian, the proposer, or somebody else.
    function cancel(uint256 which, uint8 who) external {
        if (_proposals.length == 0 || which % 3 != 0) return; // seldom: there is less to do with what is cancelled
        Proposal storage p = _proposals[which / 3 % _proposals.length];
        address caller = who % 3 == 0 ? _guardian : who % 3 == 1 ? _people[0] : _people[1];
        (address[] memory t, uint256[] memory v, bytes[] memory c, string memory description) = contentsOf(p);
        IGovernor.ProposalState state = stateOf(p);
        bytes memory refusal;
        if (caller == _guardian && p.kind == Kind.Dismissal) {
            refusal = abi.encodeWithSelector(IGovernance.Governance_GuardianCannotCancelDismissal.selector, p.id);
        } else if (caller != _guardian && (caller != _people[0] || state != IGovernor.ProposalState.Pending)) {
            refusal = abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, p.id, caller);
        } else if (p.canceled || p.executed) {
            refusal = abi.encodeWithSelector(
                IGovernor.GovernorUnexpectedProposalState.selector, p.id, state, bytes32(uint256(0x3b))
            );
        }
        bytes memory call_ = abi.encodeCall(IGovernor.cancel, (t, v, c, keccak256(bytes(description))));
        if (_expect("cancel", address(_governance), caller, call_, refusal)) p.canceled = true;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Tokens, brake, time
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Nobody but the timelock mints, and the timelock only executes.
    function mint(uint256 who, uint256 amount, bool which) external {
        address caller = who % 5 == 0 ? _guardian : who % 5 == 1 ? address(_governance) : _people[who % 4];
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        address token = which ? address(_nova) : address(_cpu);
        _expect("mint", token, caller, abi.encodeCall(_cpu.mint, (caller, amount)), refusal);
        ++calls["mint"];
    }

    /// @dev Some, so that the first keeps the threshold.
    function transfer(uint256 from, uint256 to, uint256 amount) external {
        address sender = _people[from % 4];
        uint256 keep = from % 4 == 0 ? 200_000e18 : 0;
        amount = _bound(amount, 0, _nova.balanceOf(sender) - keep);
        bytes memory call_ = abi.encodeCall(_nova.transfer, (_people[to % 4], amount));
        _expect("transfer", address(_nova), sender, call_, "");
    }

    function pause(uint256 who) external {
        address caller = who % 4 == 0 ? _people[who % 4] : _guardian;
        bytes memory refusal;
        uint256 last = _pauses.length == 0 ? 0 : _pauses[_pauses.length - 1];
        if (caller != _guardian) {
            refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        } else if (last != 0 && block.timestamp < last + 3 days + 14 days) {
            refusal = abi.encodeWithSelector(
                IEmergencyBrake.EmergencyBrake_CoolingDown.selector, address(_proof), last + 17 days
            );
        } else if (paused) {
            refusal = abi.encodeWithSelector(IRecords.Records_Paused.selector);
        }
        bytes memory call_ = abi.encodeCall(_brake.pause, (address(_proof)));
        if (!_expect("pause", address(_brake), caller, call_, refusal)) return;
        paused = true;
        _pauses.push(block.timestamp);
    }

    /// @dev Whoever calls: refused for 72 hours, never afterwards.
    function lift() external {
        bytes memory refusal;
        uint256 until = _pauses.length == 0 ? 0 : _pauses[_pauses.length - 1] + 3 days;
        if (block.timestamp < until) {
            refusal = abi.encodeWithSelector(IEmergencyBrake.EmergencyBrake_StillPaused.selector, _proof, until);
        } else if (!paused) {
            refusal = abi.encodeWithSelector(IRecords.Records_NotPaused.selector);
        }
        if (_expect("lift", address(_brake), msg.sender, abi.encodeCall(_brake.lift, (address(_proof))), refusal)) {
            paused = false;
        }
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + _bound(time, 1, 2 days));
    }

    /// @dev To a moment that matters to a proposal, when it lies ahead.
    function advance(uint256 which, uint8 moment) external {
        if (_proposals.length == 0) return;
        Proposal storage p = _proposals[which % _proposals.length];
        uint256[6] memory moments =
            [p.snapshot, p.snapshot + 1, p.deadline - 1 days, p.deadline, p.deadline + 1, p.queuedAt + 2 days];
        uint256 time = moments[moment % 6];
        if (time > block.timestamp) vm.warp(time);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The model
    // ------------------------------------------------------------------------------------------------------------

    function proposals() external view returns (Proposal[] memory) {
        return _proposals;
    }

    function pauses() external view returns (uint256[] memory) {
        return _pauses;
    }

    function hasVoted(uint256 id, address voter) external view returns (bool) {
        return _voted[id][voter];
    }

    function stateOf(Proposal memory p) public view returns (IGovernor.ProposalState) {
        if (p.executed) return IGovernor.ProposalState.Executed;
        if (p.canceled) return IGovernor.ProposalState.Canceled;
        if (block.timestamp <= p.snapshot) return IGovernor.ProposalState.Pending;
        if (block.timestamp <= p.deadline) return IGovernor.ProposalState.Active;
        if (!_hasQuorum(p) || p.sums[1] <= p.sums[0]) return IGovernor.ProposalState.Defeated;
        return p.queuedAt == 0 ? IGovernor.ProposalState.Succeeded : IGovernor.ProposalState.Queued;
    }

    function contentsOf(Proposal memory p)
        public
        view
        returns (address[] memory t, uint256[] memory v, bytes[] memory c, string memory description)
    {
        (t, v, c) = (new address[](1), new uint256[](1), new bytes[](1));
        description = string(abi.encode(p.number));
        if (p.kind == Kind.MintCpu) (t[0], c[0]) = (address(_cpu), abi.encodeCall(_cpu.mint, (_people[0], p.amount)));
        if (p.kind == Kind.MintNova) {
            (t[0], c[0]) = (address(_nova), abi.encodeCall(_nova.mint, (_people[1], p.amount)));
        }
        if (p.kind == Kind.Unpause) {
            (t[0], c[0]) = (address(_brake), abi.encodeCall(_brake.unpause, (address(_proof))));
        }
        if (p.kind == Kind.Nobody) (t[0], c[0]) = (address(0xdead), "nothing");
        if (p.kind == Kind.Dismissal) {
            // Of nobody new: histories go on with the same guardian.
            (t[0], c[0]) = (address(_governance), abi.encodeCall(_governance.setProposalGuardian, (_guardian)));
        }
    }

    function _hasQuorum(Proposal memory p) private view returns (bool) {
        return 100 * (p.sums[1] + p.sums[2]) >= 40 * _votes().getPastTotalSupply(p.snapshot) / 100 * 100;
    }

    function _votes() private view returns (IQuadraticVotes) {
        return _nova.quadraticVotes();
    }

    function _stateRefusal(Proposal memory p, IGovernor.ProposalState needed) private view returns (bytes memory) {
        IGovernor.ProposalState state = stateOf(p);
        if (state == needed) return "";
        return abi.encodeWithSelector(
            IGovernor.GovernorUnexpectedProposalState.selector, p.id, state, bytes32(2 ** uint256(needed))
        );
    }

    function _actionRefusal(Proposal memory p) private view returns (bytes memory) {
        if (p.kind == Kind.MintCpu && mintedCpu + p.amount > CPU_CAP) {
            return abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, mintedCpu + p.amount, CPU_CAP);
        }
        if (p.kind == Kind.Unpause && !paused) return abi.encodeWithSelector(IRecords.Records_NotPaused.selector);
        return "";
    }

    /// @dev Calls, and fails the campaign unless the outcome is the predicted one. True if it went through.
    function _expect(bytes32 name, address target, address caller, bytes memory call_, bytes memory refusal)
        private
        returns (bool ok)
    {
        bytes memory answer;
        vm.prank(caller);
        (ok, answer) = target.call(call_);
        if (refusal.length == 0) {
            vm.assertTrue(ok, string(abi.encodePacked("an allowed action was refused: ", name)));
            ++calls[name];
        } else {
            vm.assertFalse(ok, string(abi.encodePacked("a forbidden action went through: ", name)));
            if (refusal.length > 5) vm.assertEq(answer, refusal);
        }
    }
}
