// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Governance} from "../../contracts/governance/Governance.sol";
import {QuadraticVotes} from "../../contracts/governance/QuadraticVotes.sol";
import {Timelock} from "../../contracts/governance/Timelock.sol";
import {NovaToken} from "../../contracts/tokens/NovaToken.sol";
import {INovaToken} from "../../interfaces/INovaToken.sol";
import {QuadraticVotesFixture} from "./QuadraticVotesFixture.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

/// @notice Lends what it has for the length of a call.
contract FlashLender {
    NovaToken private immutable NOVA;

    constructor(NovaToken nova) {
        NOVA = nova;
    }

    function lend(Borrower borrower, uint256 amount) external {
        uint256 before = NOVA.balanceOf(address(this));
        require(NOVA.transfer(address(borrower), amount));
        borrower.onLoan(amount);
        require(NOVA.balanceOf(address(this)) == before);
    }
}

/// @notice A verified contract that borrows, delegates to itself, tries to propose and to vote, and pays back, all in
/// one transaction.
contract Borrower {
    NovaToken private immutable NOVA;
    QuadraticVotes private immutable VOTES;
    Governance private immutable GOVERNANCE;

    uint256 public votesWithLoan;
    uint256 public weight;
    bytes public refusal;

    constructor(NovaToken nova, Governance governance) {
        NOVA = nova;
        VOTES = QuadraticVotes(address(nova.quadraticVotes()));
        GOVERNANCE = governance;
        nova.delegate(address(this));
    }

    function attack(FlashLender lender, uint256 amount) external {
        lender.lend(this, amount);
    }

    function onLoan(uint256 amount) external {
        VOTES.sync(address(this));
        VOTES.delegate(address(this));
        votesWithLoan = VOTES.getVotes(address(this));
        uint256 proposal = GOVERNANCE.getProposalId(_targets(), new uint256[](1), new bytes[](1), keccak256("victim"));
        weight = GOVERNANCE.castVote(proposal, 1);
        try GOVERNANCE.propose(_targets(), new uint256[](1), new bytes[](1), "mine") {}
        catch (bytes memory reason) {
            refusal = reason;
        }
        require(NOVA.transfer(msg.sender, amount));
    }

    function _targets() private view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(NOVA);
    }
}

/// @notice Attempts to vote with more than one's own, against the real Governor.
contract QuadraticVotesAttacksTest is QuadraticVotesFixture {
    uint256 private constant MILLION = 1_000_000;

    Governance private governance;

    function setUp() public override {
        super.setUp();
        Timelock timelock = new Timelock(2 days, new address[](0), new address[](0), address(this));
        governance = new Governance(INovaToken(address(nova)), timelock, address(0xdad));
        _join(ALICE, MILLION, NOW + 3);
        vm.prank(ALICE);
        nova.delegate(ALICE); // linear votes, to propose
        vm.warp(START + 1);
    }

    /// @dev A wallet split into n: with one identity, the others count nothing, and the one counts less.
    function testFuzz_SplitWalletGainsNothing(uint256 balance, uint256 n) public {
        balance = _bound(balance, 1e18, 1_000_000_000e18);
        n = _bound(n, 2, 30);
        nova.mint(BOB, balance);
        _verify(BOB, NOW);
        uint256 whole = votes.getVotes(BOB);
        for (uint256 i = 1; i < n; ++i) {
            _transfer(BOB, _link(i), balance / n);
            _follow(_link(i), BOB);
            votes.sync(_link(i));
        }
        vm.assertTrue(votes.getVotes(BOB) < whole);
        vm.assertEq(votes.getTotalSupply(), 1_000_000 + votes.getVotes(BOB));
        // With n identities it would have gained: the gate is what stands between.
        for (uint256 i = 1; i < n; ++i) {
            _verify(_link(i), NOW);
        }
        vm.assertTrue(votes.getVotes(BOB) > whole);
    }

    /// @dev Borrowed and paid back within a transaction: no vote, no proposal, no trace.
    function test_FlashLoanNeitherVotesNorProposes() public {
        FlashLender lender = new FlashLender(nova);
        Borrower borrower = new Borrower(nova, governance);
        _join(address(borrower), 4, NOW + 1);
        nova.mint(address(lender), 100 * MILLION * 1e18);
        uint256 proposal = _propose();
        vm.warp(governance.proposalSnapshot(proposal) + 1);
        uint256 moment = block.timestamp;

        borrower.attack(lender, 100 * MILLION * 1e18);
        vm.assertEq(borrower.votesWithLoan(), _root((100 * MILLION + 4) * 1e18));
        vm.assertEq(borrower.weight(), uint256(2_000)); // of what it held at the snapshot
        vm.assertEq(
            borrower.refusal(),
            abi.encodeWithSelector(
                IGovernor.GovernorInsufficientProposerVotes.selector, address(borrower), 4e18, 100_000e18
            )
        );
        vm.warp(moment + 1);
        vm.assertEq(votes.getPastVotes(address(borrower), moment), uint256(2_000));
        vm.assertEq(votes.getPastTotalSupply(moment), uint256(1_002_000));
    }

    /// @dev In the very second of the snapshot, too: what counts is what is left when the second is over.
    function test_FlashLoanAtTheSnapshotLeavesNothing() public {
        FlashLender lender = new FlashLender(nova);
        Borrower borrower = new Borrower(nova, governance);
        _join(address(borrower), 4, NOW + 1);
        nova.mint(address(lender), 100 * MILLION * 1e18);
        uint256 proposal = _propose();
        vm.warp(governance.proposalSnapshot(proposal));
        vm.expectRevert(); // voting has not begun: the loan fails as a whole
        borrower.attack(lender, 100 * MILLION * 1e18);
        vm.warp(block.timestamp + 1);
        vm.assertEq(votes.getPastVotes(address(borrower), governance.proposalSnapshot(proposal)), uint256(2_000));
    }

    function test_VotesBoughtAfterTheSnapshotStayWithTheSeller() public {
        _join(BOB, 4, NOW + 1);
        uint256 proposal = _propose();
        vm.warp(governance.proposalSnapshot(proposal) + 1);
        _transfer(ALICE, BOB, MILLION * 1e18);
        _votesAre(ALICE, 0);
        vm.assertEq(_cast(BOB, proposal), uint256(2_000));
        vm.assertEq(_cast(ALICE, proposal), uint256(1_000_000));
    }

    function test_DelegationAfterTheSnapshotMovesNoVote() public {
        _join(BOB, 4, NOW + 1);
        _join(CAROL, 9, NOW + 1);
        _follow(CAROL, BOB);
        uint256 proposal = _propose();
        vm.warp(governance.proposalSnapshot(proposal) + 1);
        _delegate(CAROL, address(0));
        _follow(BOB, ALICE);
        _verify(DAVE, NOW);
        vm.assertEq(_cast(CAROL, proposal), uint256(0));
        vm.assertEq(_cast(BOB, proposal), uint256(5_000));
        vm.assertEq(_cast(ALICE, proposal), uint256(1_000_000));
        vm.assertEq(_cast(DAVE, proposal), uint256(0));
    }

    /// @dev An identity that ends during the vote counts as at the snapshot; one that ended before counts nothing, and
    /// the quorum remembers it for two weeks.
    function test_IdentityThatEndsMidVoteCountsAsAtTheSnapshot() public {
        _join(BOB, 4, NOW);
        _join(CAROL, 9, NOW + 1);
        _follow(BOB, CAROL);
        // The snapshot is the last second of the season.
        vm.warp(_endOf(NOW) - 1 - 1 days);
        uint256 first = _propose();
        vm.assertEq(governance.proposalSnapshot(first), _endOf(NOW) - 1);
        vm.warp(_endOf(NOW) - 1 days);
        uint256 second = _proposeNamed("a second later");
        vm.warp(_endOf(NOW) + 1);
        _votesAre(CAROL, 3_000);
        uint256 id = vm.snapshotState();
        vm.assertEq(_cast(CAROL, first), uint256(5_000));
        vm.assertEq(_cast(CAROL, second), uint256(3_000));
        vm.revertToState(id);
        votes.sync(BOB);
        gate.set(CAROL, 0);
        votes.sync(CAROL);
        _delegate(BOB, address(0));
        vm.assertEq(_cast(CAROL, first), uint256(5_000));
        vm.assertEq(_cast(CAROL, second), uint256(3_000));
        vm.assertEq(_cast(BOB, first), uint256(0));
        vm.assertEq(governance.quorum(_endOf(NOW) - 1), (1_005_000 * 40) / uint256(100));
        vm.assertEq(governance.quorum(_endOf(NOW)), (1_005_000 * 40) / uint256(100));
    }

    /// @dev Nobody can hang a tree below somebody who has not asked for it.
    function test_DeepTreeCannotBeForcedOnAnybody() public {
        _chain(8);
        vm.expectRevert();
        _delegate(_link(8), ALICE);
        _open(BOB);
        _delegate(ALICE, BOB);
        vm.assertEq(votes.heightOf(ALICE), uint256(0));
        vm.assertEq(votes.representative(ALICE), BOB);
    }

    /// @dev One block: every way to be counted twice that a second offers.
    function test_MovesWithinASecondAreCountedOnce() public {
        _join(BOB, 4, NOW);
        _join(CAROL, 0, NOW);
        _follow(BOB, DAVE);
        _transfer(BOB, CAROL, 4e18);
        _follow(CAROL, DAVE);
        _delegate(BOB, address(0));
        _transfer(CAROL, BOB, 1e18);
        _verify(CAROL, NOW + 3);
        gate.set(BOB, 0);
        votes.sync(BOB);
        _verify(BOB, NOW + 1);
        _delegate(CAROL, address(0));
        _follow(CAROL, DAVE);
        uint256 expected = 1_000 + _root(3e18);
        vm.assertEq(votes.getTotalSupply(), 1_000_000 + expected);
        vm.assertEq(votes.getVotes(BOB) + votes.getVotes(CAROL) + votes.getVotes(DAVE), expected);
        vm.warp(block.timestamp + 1);
        vm.assertEq(votes.getPastVotes(DAVE, block.timestamp - 1), _root(3e18));
        vm.assertEq(votes.getPastTotalSupply(block.timestamp - 1), 1_000_000 + expected);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _propose() private returns (uint256) {
        return _proposeNamed("victim");
    }

    function _proposeNamed(string memory name) private returns (uint256) {
        address[] memory targets = new address[](1);
        targets[0] = address(nova);
        vm.prank(ALICE);
        return governance.propose(targets, new uint256[](1), new bytes[](1), name);
    }

    function _cast(address voter, uint256 proposal) private returns (uint256) {
        vm.prank(voter);
        return governance.castVote(proposal, 1);
    }
}
