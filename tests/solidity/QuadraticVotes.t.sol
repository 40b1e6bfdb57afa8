// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {GateHarness} from "../../contracts/test/GateHarness.sol";
import {IIdentityGate} from "../../interfaces/IIdentityGate.sol";
import {IQuadraticVotes} from "../../interfaces/IQuadraticVotes.sol";
import {QuadraticVotesFixture} from "./QuadraticVotesFixture.sol";
import {Vm} from "./Vm.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

/// @notice Delegation, function by function.
contract QuadraticVotesDelegationTest is QuadraticVotesFixture {
    // ------------------------------------------------------------------------------------------------------------
    // constructor
    // ------------------------------------------------------------------------------------------------------------

    function test_ConstructorBindsTokenAndAuthority() public view {
        vm.assertEq(votes.token(), address(nova));
        vm.assertEq(votes.authority(), address(authority));
        vm.assertEq(address(votes.gate()), address(gate));
        vm.assertEq(votes.MAX_DEPTH(), uint256(8));
        vm.assertEq(votes.SEASON(), SEASON);
        vm.assertEq(votes.CLOCK_MODE(), "mode=timestamp");
        vm.assertEq(uint256(votes.clock()), START);
        (, string memory name, string memory version, uint256 chain, address verifying,,) = votes.eip712Domain();
        vm.assertEq(name, "NovaCron Quadratic Votes");
        vm.assertEq(version, "1");
        vm.assertEq(chain, block.chainid);
        vm.assertEq(verifying, address(votes));
    }

    // ------------------------------------------------------------------------------------------------------------
    // delegate
    // ------------------------------------------------------------------------------------------------------------

    function test_DelegateGivesPowerToTheDelegatee() public {
        _join(ALICE, 1_000_000, NOW);
        _join(BOB, 4, NOW + 2);
        _open(BOB);
        vm.recordLogs();
        _delegate(ALICE, BOB);

        Vm.Log[] memory logs = _logs(3);
        _isDelegateChanged(logs[0], ALICE, ALICE, BOB);
        _isVotesChanged(logs[1], ALICE, 1_000_000, 0);
        _isVotesChanged(logs[2], BOB, 2_000, 1_002_000);
        vm.assertEq(votes.delegates(ALICE), BOB);
        vm.assertEq(votes.representative(ALICE), BOB);
        vm.assertEq(votes.depthOf(ALICE), uint256(1));
        vm.assertEq(votes.heightOf(ALICE), uint256(0));
        vm.assertEq(votes.powerOf(ALICE), uint256(1_000_000));
        vm.assertEq(votes.delegates(BOB), BOB);
        vm.assertEq(votes.representative(BOB), BOB);
        vm.assertEq(votes.depthOf(BOB), uint256(0));
        vm.assertEq(votes.heightOf(BOB), uint256(1));
        vm.assertEq(votes.powerOf(BOB), uint256(2_000));
        _votesAre(ALICE, 0);
        _votesAre(BOB, 1_002_000);
        _sumIs(_people(), 1_002_000);
    }

    /// @dev Square roots are added, not the root of the sum taken; also when the root delegates later.
    function test_DelegateByARootPassesOnWhatItReceived() public {
        _join(ALICE, 9, NOW);
        _join(BOB, 16, NOW + 1);
        _join(CAROL, 25, NOW + 3);
        _follow(ALICE, BOB);
        _votesAre(BOB, 7_000);
        vm.prank(CAROL);
        votes.acceptDelegator(BOB, true);
        vm.recordLogs();
        _delegate(BOB, CAROL);

        Vm.Log[] memory logs = _logs(3);
        _isDelegateChanged(logs[0], BOB, BOB, CAROL);
        _isVotesChanged(logs[1], BOB, 7_000, 0);
        _isVotesChanged(logs[2], CAROL, 5_000, 12_000);
        vm.assertEq(votes.representative(ALICE), CAROL);
        vm.assertEq(votes.delegates(ALICE), BOB);
        vm.assertEq(votes.depthOf(ALICE), uint256(2));
        vm.assertEq(votes.heightOf(CAROL), uint256(2));
        _votesAre(ALICE, 0);
        _sumIs(_people(), 12_000);
        // Back to himself he has what he had, Alice's among it.
        _delegate(BOB, address(0));
        _votesAre(BOB, 7_000);
        _votesAre(CAROL, 5_000);
        vm.assertEq(votes.heightOf(CAROL), uint256(0));
        _sumIs(_people(), 12_000);
    }

    /// @dev From the middle of one tree into the middle of another, with everybody below.
    function test_DelegateElsewhereTakesEverybodyBelowAlong() public {
        _join(ALICE, 9, NOW);
        _join(BOB, 16, NOW + 1);
        _join(CAROL, 25, NOW + 3);
        _join(DAVE, 36, NOW + 2);
        _follow(ALICE, BOB);
        _follow(BOB, CAROL);
        _follow(DAVE, _link(1));
        _follow(_link(1), _link(2));
        vm.prank(DAVE);
        votes.acceptDelegator(BOB, true);
        vm.recordLogs();
        _delegate(BOB, DAVE);

        Vm.Log[] memory logs = _logs(3);
        _isDelegateChanged(logs[0], BOB, CAROL, DAVE);
        _isVotesChanged(logs[1], CAROL, 12_000, 5_000);
        _isVotesChanged(logs[2], _link(2), 6_000, 13_000);
        vm.assertEq(votes.depthOf(ALICE), uint256(4));
        vm.assertEq(votes.heightOf(_link(2)), uint256(4));
        vm.assertEq(votes.heightOf(CAROL), uint256(0));
        vm.assertEq(votes.getTotalSupply(), uint256(18_000));
        // Each lane arrived where it belongs.
        vm.warp(_endOf(NOW));
        _votesAre(_link(2), 10_000);
        vm.warp(_endOf(NOW + 1));
        _votesAre(_link(2), 6_000);
        vm.warp(_endOf(NOW + 2));
        _votesAre(_link(2), 0);
        _votesAre(CAROL, 5_000);
    }

    /// @dev Within one tree, from a long way up to a shorter one and back: the representative's votes stay.
    function test_DelegateWithinATreeCountsNothingTwice() public {
        _join(_link(1), 100, NOW);
        _chain(4);
        _votesAre(_link(4), 10_000);
        _delegate(_link(1), _link(3));
        _votesAre(_link(4), 10_000);
        vm.assertEq(votes.heightOf(_link(4)), uint256(2));
        vm.assertEq(votes.heightOf(_link(2)), uint256(0));
        _delegate(_link(2), address(0)); // carries nothing any more
        _votesAre(_link(4), 10_000);
        _votesAre(_link(2), 0);
        vm.assertEq(votes.getTotalSupply(), uint256(10_000));
    }

    function testFuzz_DelegateToOneselfTakesBack(bool zero) public {
        _join(ALICE, 4, NOW);
        _follow(ALICE, BOB);
        vm.recordLogs();
        _delegate(ALICE, zero ? address(0) : ALICE);
        Vm.Log[] memory logs = _logs(3);
        _isDelegateChanged(logs[0], ALICE, BOB, ALICE);
        _isVotesChanged(logs[1], BOB, 2_000, 0);
        _isVotesChanged(logs[2], ALICE, 0, 2_000);
        vm.assertEq(votes.delegates(ALICE), ALICE);
        vm.assertEq(votes.heightOf(BOB), uint256(0));
        // Once more changes nothing, and says so.
        vm.recordLogs();
        _delegate(ALICE, zero ? address(0) : ALICE);
        _isDelegateChanged(_logs(1)[0], ALICE, ALICE, ALICE);
        _votesAre(ALICE, 2_000);
    }

    function test_DelegateToTheSameAgainChangesNothing() public {
        _join(ALICE, 4, NOW);
        _follow(ALICE, BOB);
        vm.recordLogs();
        _delegate(ALICE, BOB);
        _isDelegateChanged(_logs(1)[0], ALICE, BOB, BOB);
        _votesAre(BOB, 2_000);
        vm.assertEq(votes.heightOf(BOB), uint256(1));
    }

    /// @dev Nothing moves and nothing is checkpointed; what comes later goes the way it was sent.
    function test_DelegateOfNothingSendsWhatComesLater() public {
        vm.prank(BOB);
        votes.acceptDelegator(ALICE, true);
        vm.recordLogs();
        _delegate(ALICE, BOB);
        _isDelegateChanged(_logs(1)[0], ALICE, ALICE, BOB);
        vm.assertEq(votes.heightOf(BOB), uint256(1));

        vm.recordLogs();
        _verify(ALICE, NOW);
        _isSynced(_logs(1)[0], ALICE, _endOf(NOW));
        vm.recordLogs();
        nova.mint(ALICE, 25e18);
        _isVotesChanged(_logs(1)[0], BOB, 0, 5_000);
        _votesAre(ALICE, 0);
    }

    // ------------------------------------------------------------------------------------------------------------
    // delegate: acceptance
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_DelegateToWhoHasNotAcceptedReverts(address delegator, address delegatee) public {
        vm.assume(delegatee != address(0) && delegator != address(0) && delegator != delegatee);
        vm.expectRevert(_notAccepted(delegator, delegatee));
        _delegate(delegator, delegatee);
        // Nor does it help that it accepted another, or that the delegator accepted it.
        vm.prank(delegatee);
        votes.acceptDelegator(address(this), true);
        vm.prank(delegator);
        votes.acceptDelegator(delegatee, true);
        vm.assume(delegator != address(this));
        vm.expectRevert(_notAccepted(delegator, delegatee));
        _delegate(delegator, delegatee);
        vm.assertEq(votes.delegates(delegator), delegator);
    }

    function test_DelegateByTheRefusedReverts() public {
        _open(BOB);
        vm.prank(BOB);
        votes.acceptDelegator(ALICE, false);
        vm.expectRevert(_notAccepted(ALICE, BOB)); // though he is open
        _delegate(ALICE, BOB);
        _delegate(CAROL, BOB);

        vm.prank(BOB);
        votes.setOpen(false);
        vm.expectRevert(_notAccepted(DAVE, BOB));
        _delegate(DAVE, BOB);
        vm.prank(BOB);
        votes.acceptDelegator(ALICE, true);
        _delegate(ALICE, BOB); // accepted, though he is not open
        vm.assertEq(votes.delegates(ALICE), BOB);
        vm.assertEq(votes.delegates(CAROL), BOB);
    }

    // ------------------------------------------------------------------------------------------------------------
    // delegate: cycles and depth
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Of every length from 2 to 9, closed by whoever is on top.
    function test_DelegateIntoACycleReverts() public {
        _chain(9);
        for (uint256 length = 9; length >= 2; --length) {
            _delegate(_link(length), address(0));
            for (uint256 i = 1; i < length; ++i) {
                vm.expectRevert(_cycle(_link(length), _link(i)));
                _delegate(_link(length), _link(i));
            }
            // From the middle down to the first.
            if (length > 2) vm.expectRevert(_cycle(_link(length - 1), _link(1)));
            if (length > 2) _delegate(_link(length - 1), _link(1));
        }
        vm.assertEq(votes.delegates(_link(1)), _link(2));
        vm.assertEq(votes.delegates(_link(2)), _link(2));
    }

    /// @dev A chain below of `below` delegations and one above of 8 - `below` would make 9, wherever they meet.
    function test_DelegateDeeperThanEightReverts() public {
        _chain(9);
        vm.assertEq(votes.depthOf(_link(1)), uint256(8));
        vm.assertEq(votes.heightOf(_link(9)), uint256(8));
        for (uint256 below = 0; below <= 8; ++below) {
            // The chain that ends in 20 + below.
            for (uint256 i = 0; i < below; ++i) {
                _open(_link(20 * (below + 1) + i + 1));
                _delegate(_link(20 * (below + 1) + i), _link(20 * (below + 1) + i + 1));
            }
            address top = _link(20 * (below + 1) + below);
            for (uint256 above = 0; above <= 8; ++above) {
                uint256 id = vm.snapshotState();
                if (below + 1 + above > 8) {
                    vm.expectRevert(_tooDeep(top, _link(9 - above), below + 1 + above));
                    _delegate(top, _link(9 - above));
                } else {
                    _delegate(top, _link(9 - above));
                    vm.assertEq(votes.depthOf(_link(20 * (below + 1))), below + 1 + above);
                    vm.assertEq(votes.heightOf(_link(9 - above)), below + 1 > 8 - above ? below + 1 : 8 - above);
                }
                vm.revertToState(id);
            }
        }
    }

    /// @dev Heights follow when the longest chain leaves: what was too deep fits then.
    function test_DelegateFitsAgainWhenTheLongestHasLeft() public {
        _chain(9);
        _open(_link(10));
        vm.expectRevert(_tooDeep(_link(9), _link(10), 9));
        _delegate(_link(9), _link(10));
        _delegate(_link(1), address(0));
        vm.assertEq(votes.heightOf(_link(9)), uint256(7));
        vm.assertEq(votes.heightOf(_link(2)), uint256(0));
        _delegate(_link(9), _link(10));
        vm.assertEq(votes.heightOf(_link(10)), uint256(8));
        vm.assertEq(votes.depthOf(_link(2)), uint256(8));
        vm.expectRevert(_tooDeep(_link(1), _link(2), 9));
        _delegate(_link(1), _link(2));
        _delegate(_link(1), _link(3));
    }

    /// @dev Two of one height: the height stays until the second has left, too.
    function test_HeightCountsDelegatorsOfEachHeight() public {
        _chain(3);
        _follow(_link(11), _link(12));
        _follow(_link(12), _link(3));
        vm.assertEq(votes.heightOf(_link(3)), uint256(2));
        _delegate(_link(2), address(0));
        vm.assertEq(votes.heightOf(_link(3)), uint256(2));
        _delegate(_link(12), address(0));
        vm.assertEq(votes.heightOf(_link(3)), uint256(0));
    }

    /// @dev Of one height, 2^24 - 1 direct delegators; put there by hand.
    function test_DelegateToWhoIsFullReverts() public {
        _open(BOB); // number 1
        bytes32 slot = keccak256(abi.encode(uint256(1), uint256(10)));
        bytes32 flags = vm.load(address(votes), slot);
        vm.assertEq(flags, bytes32(uint256(3) << 254)); // it is the word
        vmVotes.store(address(votes), slot, flags | bytes32(uint256(type(uint24).max)));
        vm.expectRevert(abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_TooManyDelegators.selector, BOB));
        _delegate(ALICE, BOB);
        _follow(CAROL, ALICE);
        _delegate(ALICE, BOB); // of another height there is room
        vm.assertEq(votes.heightOf(BOB), uint256(2));
    }

    // ------------------------------------------------------------------------------------------------------------
    // delegateBySig
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_DelegateBySigIsDelegateOfTheSigner(uint256 key, uint256 expiry, address relayer) public {
        key = _bound(key, 1, type(uint128).max);
        expiry = _bound(expiry, START, type(uint256).max); // in its very second, too
        address signer = vmVotes.addr(key);
        _join(signer, 4, NOW);
        _open(BOB);
        vm.recordLogs();
        vm.prank(relayer);
        _send(key, BOB, 0, expiry, votes, block.chainid);
        _isDelegateChanged(_logs(3)[0], signer, signer, BOB);
        vm.assertEq(votes.nonces(signer), uint256(1));
        _votesAre(BOB, 2_000);
        // The next one, back to herself.
        _send(key, address(0), 1, expiry, votes, block.chainid);
        _votesAre(signer, 2_000);
    }

    function testFuzz_DelegateBySigAfterExpiryReverts(uint256 expiry) public {
        expiry = _bound(expiry, 0, START - 1);
        _open(BOB);
        _sendRefused(7, BOB, 0, expiry, abi.encodeWithSignature("VotesExpiredSignature(uint256)", expiry));
        vm.assertEq(votes.nonces(vmVotes.addr(7)), uint256(0));
    }

    /// @dev A replay is another nonce.
    function test_DelegateBySigWithAnotherNonceReverts() public {
        address signer = vmVotes.addr(7);
        _open(BOB);
        bytes4 refusal = bytes4(keccak256("InvalidAccountNonce(address,uint256)"));
        _sendRefused(7, BOB, 1, START, abi.encodeWithSelector(refusal, signer, 0));
        _send(7, BOB, 0, START, votes, block.chainid);
        _delegate(signer, address(0));
        _sendRefused(7, BOB, 0, START, abi.encodeWithSelector(refusal, signer, 1));
        vm.assertEq(votes.delegates(signer), signer);
    }

    /// @dev Made for another chain, contract, delegatee, nonce or expiry, it is somebody else's, whom nobody accepted.
    function test_DelegateBySigForElsewhereIsNotTheSigners() public {
        address signer = vmVotes.addr(7);
        vm.prank(BOB);
        votes.acceptDelegator(signer, true);
        bytes32[5] memory digests = [
            _digest(BOB, 0, START, address(votes), block.chainid + 1),
            _digest(BOB, 0, START, address(nova), block.chainid),
            _digest(CAROL, 0, START, address(votes), block.chainid),
            _digest(BOB, 1, START, address(votes), block.chainid),
            _digest(BOB, 0, START + 1, address(votes), block.chainid)
        ];
        bytes32 right = _digest(BOB, 0, START, address(votes), block.chainid);
        for (uint256 i = 0; i < digests.length; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vmVotes.sign(7, digests[i]);
            address other = ecrecover(right, v, r, s);
            vm.assertFalse(other == signer);
            vm.expectRevert(_notAccepted(other, BOB));
            votes.delegateBySig(BOB, 0, START, v, r, s);
        }
        (uint8 v_, bytes32 r_, bytes32 s_) = vmVotes.sign(7, right);
        votes.delegateBySig(BOB, 0, START, v_, r_, s_);
        vm.assertEq(votes.delegates(signer), BOB);
    }

    /// @dev A chain that split off has another id: what was signed before is void there.
    function test_DelegateBySigAfterAForkOfTheChain() public {
        (uint8 v, bytes32 r, bytes32 s) = vmVotes.sign(7, _digest(BOB, 0, START, address(votes), block.chainid));
        vm.prank(BOB);
        votes.acceptDelegator(vmVotes.addr(7), true);
        vmVotes.chainId(block.chainid + 1);
        address other = ecrecover(_digest(BOB, 0, START, address(votes), block.chainid), v, r, s);
        vm.expectRevert(_notAccepted(other, BOB));
        votes.delegateBySig(BOB, 0, START, v, r, s);
    }

    function test_DelegateBySigWithAMalformedSignatureReverts() public {
        _open(BOB);
        (uint8 v, bytes32 r, bytes32 s) = vmVotes.sign(7, _digest(BOB, 0, START, address(votes), block.chainid));
        vm.expectRevert(abi.encodeWithSignature("ECDSAInvalidSignature()"));
        votes.delegateBySig(BOB, 0, START, 29, r, s);
        // The other signature of the same key.
        bytes32 high = bytes32(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141 - uint256(s));
        vm.expectRevert(abi.encodeWithSignature("ECDSAInvalidSignatureS(bytes32)", high));
        votes.delegateBySig(BOB, 0, START, v == 27 ? 28 : 27, r, high);
    }

    /// @dev A signature gets around neither acceptance nor depth.
    function test_DelegateBySigKeepsTheRulesOfDelegate() public {
        _sendRefused(7, BOB, 0, START, _notAccepted(vmVotes.addr(7), BOB));
        vm.assertEq(votes.nonces(vmVotes.addr(7)), uint256(0));
        _chain(9);
        _sendRefused(7, _link(1), 0, START, _tooDeep(vmVotes.addr(7), _link(1), 9));
    }

    // ------------------------------------------------------------------------------------------------------------
    // acceptDelegator, setOpen
    // ------------------------------------------------------------------------------------------------------------

    /// @dev For the caller and this delegator only.
    function testFuzz_AcceptDelegatorAnswers(address delegatee, address delegator, bool accepted) public {
        vm.assume(delegatee != address(0));
        IQuadraticVotes.Acceptance answer =
            accepted ? IQuadraticVotes.Acceptance.Accepted : IQuadraticVotes.Acceptance.Refused;
        vm.recordLogs();
        vm.prank(delegatee);
        votes.acceptDelegator(delegator, accepted);
        _isAnswered(_logs(1)[0], delegatee, delegator, answer);
        vm.assertEq(uint256(votes.acceptanceOf(delegatee, delegator)), uint256(answer));
        if (delegatee != delegator) vm.assertEq(uint256(votes.acceptanceOf(delegator, delegatee)), uint256(0));
        vm.assertFalse(votes.isOpen(delegatee));
    }

    /// @dev Whoever answers pays for the slot that counts delegators, so that the first of them need not.
    function test_AcceptDelegatorMakesTheSlotOfHeights() public {
        vm.prank(BOB); // number 1
        votes.acceptDelegator(ALICE, false);
        bytes32 slot = keccak256(abi.encode(uint256(1), uint256(10)));
        vm.assertEq(vm.load(address(votes), slot), bytes32(uint256(1) << 255));
    }

    function test_RefusalLeavesAnExistingDelegationAlone() public {
        _join(ALICE, 4, NOW);
        _follow(ALICE, BOB);
        vm.prank(BOB);
        votes.acceptDelegator(ALICE, false);
        vm.assertEq(votes.delegates(ALICE), BOB);
        _votesAre(BOB, 2_000);
        nova.mint(ALICE, 5e18);
        _votesAre(BOB, 3_000);
        vm.expectRevert(_notAccepted(ALICE, BOB)); // not even again
        _delegate(ALICE, BOB);
        _delegate(ALICE, address(0)); // she may always leave
        _votesAre(ALICE, 3_000);
        vm.expectRevert(_notAccepted(ALICE, BOB));
        _delegate(ALICE, BOB);
    }

    /// @dev It changes nothing but who may come.
    function test_SetOpenAcceptsEverybodyNotRefused() public {
        _join(ALICE, 4, NOW);
        _join(BOB, 9, NOW);
        vm.recordLogs();
        _open(BOB);
        _isEvent(_logs(1)[0], IQuadraticVotes.OpenSet.selector, BOB, abi.encode(true));
        vm.assertTrue(votes.isOpen(BOB));
        vm.assertFalse(votes.isOpen(ALICE));
        _delegate(ALICE, BOB);
        vm.recordLogs();
        vm.prank(BOB);
        votes.setOpen(false);
        _isEvent(_logs(1)[0], IQuadraticVotes.OpenSet.selector, BOB, abi.encode(false));
        vm.assertFalse(votes.isOpen(BOB));
        vm.assertEq(votes.heightOf(BOB), uint256(1));
        _votesAre(BOB, 5_000);
        vm.expectRevert(_notAccepted(CAROL, BOB));
        _delegate(CAROL, BOB);
        _open(BOB);
        vm.prank(BOB);
        votes.acceptDelegator(DAVE, true);
        vm.assertTrue(votes.isOpen(BOB)); // an answer closes nothing
    }

    // ------------------------------------------------------------------------------------------------------------
    // release
    // ------------------------------------------------------------------------------------------------------------

    /// @dev The delegator goes with everybody below, and stays away until accepted.
    function test_ReleaseSendsADelegatorAway() public {
        _join(ALICE, 4, NOW);
        _join(BOB, 9, NOW + 1);
        _join(CAROL, 16, NOW);
        _follow(ALICE, BOB);
        _follow(BOB, CAROL);
        _open(CAROL);
        vm.recordLogs();
        vm.prank(CAROL);
        votes.release(BOB);

        Vm.Log[] memory logs = _logs(4);
        _isAnswered(logs[0], CAROL, BOB, IQuadraticVotes.Acceptance.Refused);
        _isDelegateChanged(logs[1], BOB, CAROL, BOB);
        _isVotesChanged(logs[2], CAROL, 9_000, 4_000);
        _isVotesChanged(logs[3], BOB, 0, 5_000);
        vm.assertEq(votes.heightOf(CAROL), uint256(0));
        vm.assertEq(votes.representative(ALICE), BOB);
        vm.expectRevert(_notAccepted(BOB, CAROL));
        _delegate(BOB, CAROL);
        vm.prank(CAROL);
        votes.acceptDelegator(BOB, true);
        _delegate(BOB, CAROL);
        _sumIs(_people(), 9_000);
    }

    /// @dev A chain as long as can be hangs below one that is open: one call frees it to delegate on.
    function test_ReleaseFreesFromADeepTree() public {
        _chain(9);
        _open(BOB);
        vm.expectRevert(_tooDeep(_link(9), BOB, 9));
        _delegate(_link(9), BOB);
        vm.prank(_link(9));
        votes.release(_link(8));
        _delegate(_link(9), BOB);
        vm.assertEq(votes.representative(_link(9)), BOB);
    }

    function testFuzz_ReleaseByAnotherReverts(address caller) public {
        vm.assume(caller != address(0) && caller != BOB);
        _follow(ALICE, BOB);
        _follow(BOB, CAROL);
        vm.expectRevert(_notDelegator(ALICE, caller)); // Carol, who is further up, among them
        vm.prank(caller);
        votes.release(ALICE);
        vm.assertEq(uint256(votes.acceptanceOf(caller, ALICE)), uint256(0));
    }

    function test_ReleaseOfWhoIsNoDelegatorReverts() public {
        _follow(BOB, CAROL);
        address[3] memory others = [BOB, CAROL, DAVE]; // one who delegates elsewhere, himself elsewhere, and nobody
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(_notDelegator(others[i], ALICE));
            vm.prank(ALICE);
            votes.release(others[i]);
        }
        vm.expectRevert(_notDelegator(CAROL, CAROL));
        vm.prank(CAROL);
        votes.release(CAROL);
        vm.expectRevert(_notDelegator(CAROL, BOB)); // the delegation goes the other way
        vm.prank(BOB);
        votes.release(CAROL);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internals
    // ------------------------------------------------------------------------------------------------------------

    function _digest(address delegatee, uint256 nonce, uint256 expiry, address verifying, uint256 chain)
        private
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("NovaCron Quadratic Votes"),
                keccak256("1"),
                chain,
                verifying
            )
        );
        bytes32 type_ = keccak256("Delegation(address delegatee,uint256 nonce,uint256 expiry)");
        bytes32 message = keccak256(abi.encode(type_, delegatee, nonce, expiry));
        return keccak256(abi.encodePacked("\x19\x01", domain, message));
    }

    function _send(uint256 key, address delegatee, uint256 nonce, uint256 expiry, IQuadraticVotes where, uint256 chain)
        private
    {
        (uint8 v, bytes32 r, bytes32 s) = vmVotes.sign(key, _digest(delegatee, nonce, expiry, address(where), chain));
        where.delegateBySig(delegatee, nonce, expiry, v, r, s);
    }

    function _sendRefused(uint256 key, address delegatee, uint256 nonce, uint256 expiry, bytes memory refusal) private {
        bytes32 digest = _digest(delegatee, nonce, expiry, address(votes), block.chainid);
        (uint8 v, bytes32 r, bytes32 s) = vmVotes.sign(key, digest);
        vm.expectRevert(refusal);
        votes.delegateBySig(delegatee, nonce, expiry, v, r, s);
    }

    function _notAccepted(address delegator, address delegatee) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_NotAccepted.selector, delegator, delegatee);
    }

    function _cycle(address delegator, address delegatee) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_Cycle.selector, delegator, delegatee);
    }

    function _tooDeep(address delegator, address delegatee, uint256 depth) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_TooDeep.selector, delegator, delegatee, depth, 8);
    }

    function _notDelegator(address delegator, address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_NotDelegator.selector, delegator, caller);
    }
}

/// @notice Verifications, balances and the past, function by function.
contract QuadraticVotesPowerTest is QuadraticVotesFixture {
    // ------------------------------------------------------------------------------------------------------------
    // sync
    // ------------------------------------------------------------------------------------------------------------

    function testFuzz_SyncGivesTheSquareRoot(uint256 balance, uint256 ahead) public {
        balance = _bound(balance, 1e12, 10_000_000_000e18);
        uint256 last = NOW + _bound(ahead, 0, 3);
        nova.mint(ALICE, balance);
        _votesAre(ALICE, 0);
        vm.assertEq(votes.powerOf(ALICE), uint256(0));
        gate.set(ALICE, uint48(_endOf(last)));
        vm.recordLogs();
        vm.assertTrue(votes.sync(ALICE));
        Vm.Log[] memory logs = _logs(2);
        _isVotesChanged(logs[0], ALICE, 0, _root(balance));
        _isSynced(logs[1], ALICE, _endOf(last));
        _votesAre(ALICE, _root(balance));
        vm.assertEq(votes.powerOf(ALICE), _root(balance));
        vm.assertEq(votes.getTotalSupply(), _root(balance));
        vm.assertEq(uint256(votes.verifiedUntil(ALICE)), _endOf(last));
    }

    function test_SyncWithoutNewsDoesNothing() public {
        _join(ALICE, 4, NOW + 1);
        vm.recordLogs();
        vm.assertFalse(votes.sync(ALICE));
        vm.assertFalse(votes.sync(BOB)); // never heard of
        _logs(0);
        vm.warp(_endOf(NOW + 1)); // over by itself: no news, either
        vm.assertFalse(votes.sync(ALICE));
        _logs(0);
    }

    /// @dev Only seasons that are verified to their end count, and none further than three ahead.
    function testFuzz_SyncCountsWholeSeasonsWithinReach(uint48 until, uint256 second) public {
        vm.warp(_bound(second, START, _endOf(NOW) - 1));
        _join(ALICE, 4, NOW + 1); // something to change
        gate.set(ALICE, until);
        uint256 expected;
        for (uint256 last = NOW; last <= NOW + 3; ++last) {
            if (until >= _endOf(last)) expected = _endOf(last);
        }
        vm.assertEq(votes.sync(ALICE), expected != _endOf(NOW + 1));
        vm.assertEq(uint256(votes.verifiedUntil(ALICE)), expected);
        _votesAre(ALICE, expected == 0 ? 0 : 2_000);
        vm.assertEq(votes.getTotalSupply(), expected == 0 ? 0 : uint256(2_000));
    }

    /// @dev The gate's word reaches further than the lanes: each season it can be taken up again.
    function test_SyncProlongsAVerificationBeyondReach() public {
        nova.mint(ALICE, 4e18);
        gate.set(ALICE, type(uint48).max);
        for (uint256 season = NOW; season < NOW + 9; ++season) {
            vm.warp(season * SEASON);
            vm.assertTrue(votes.sync(ALICE));
            vm.assertEq(uint256(votes.verifiedUntil(ALICE)), _endOf(season + 3));
            _votesAre(ALICE, 2_000);
            vm.assertEq(votes.getTotalSupply(), uint256(2_000));
        }
        vm.warp(_endOf(NOW + 11) - 1);
        _votesAre(ALICE, 2_000);
        vm.warp(_endOf(NOW + 11));
        _votesAre(ALICE, 0);
    }

    /// @dev Shortened or prolonged, it counts once, and until its new end.
    function testFuzz_SyncMovesToAnotherSeason(uint256 first, uint256 second, bool delegated) public {
        first = NOW + _bound(first, 0, 3);
        second = NOW + _bound(second, 0, 3);
        _join(BOB, 9, NOW + 3);
        if (delegated) _follow(ALICE, BOB);
        _join(ALICE, 4, first);
        _verify(ALICE, second);
        address voter = delegated ? BOB : ALICE;
        uint256 others = delegated ? 3_000 : 0;
        vm.assertEq(uint256(votes.verifiedUntil(ALICE)), _endOf(second));
        vm.warp(_endOf(second) - 1);
        _votesAre(voter, others + 2_000);
        vm.assertEq(votes.getTotalSupply(), uint256(5_000));
        vm.warp(_endOf(second));
        _votesAre(voter, second == NOW + 3 ? 0 : others);
        vm.assertEq(votes.powerOf(ALICE), uint256(0));
        vm.assertEq(votes.getTotalSupply(), second == NOW + 3 ? 0 : uint256(3_000));
    }

    function test_SyncTakesARevocationUp() public {
        _join(ALICE, 4, NOW + 1);
        _join(BOB, 9, NOW + 1);
        _follow(ALICE, BOB);
        gate.set(ALICE, 0);
        _votesAre(BOB, 5_000); // not before
        vm.recordLogs();
        vm.assertTrue(votes.sync(ALICE));
        Vm.Log[] memory logs = _logs(2);
        _isVotesChanged(logs[0], BOB, 5_000, 3_000);
        _isSynced(logs[1], ALICE, 0);
        vm.assertEq(uint256(votes.verifiedUntil(ALICE)), uint256(0));
        vm.assertEq(votes.powerOf(ALICE), uint256(0));
        vm.assertEq(votes.delegates(ALICE), BOB); // she stays where she is
        _transfer(ALICE, BOB, 4e18); // and her balance counts no more
        vm.assertEq(votes.getTotalSupply(), _root(13e18));
    }

    /// @dev Revoked after it was over, or verified anew for the lane that it had: once, never twice.
    function test_SyncAfterTheEndTakesNothingAway() public {
        _join(ALICE, 4, NOW);
        _join(BOB, 9, NOW + 3);
        vm.warp(_endOf(NOW));
        gate.set(ALICE, 0);
        vm.assertFalse(votes.sync(ALICE));
        vm.assertEq(votes.getTotalSupply(), uint256(3_000));
        _verify(ALICE, NOW + 4); // the same lane, a year on
        _votesAre(ALICE, 2_000);
        vm.assertEq(votes.getTotalSupply(), uint256(5_000));
        vm.warp(_endOf(NOW + 3));
        vm.assertEq(votes.getTotalSupply(), uint256(2_000));
        vm.warp(_endOf(NOW + 4));
        vm.assertEq(votes.getTotalSupply(), uint256(0));
    }

    function test_SyncManySyncsEachOne() public {
        address[] memory accounts = new address[](3);
        (accounts[0], accounts[1], accounts[2]) = (ALICE, BOB, ALICE);
        nova.mint(ALICE, 4e18);
        nova.mint(BOB, 9e18);
        gate.set(ALICE, uint48(_endOf(NOW)));
        gate.set(BOB, uint48(_endOf(NOW + 1)));
        vm.recordLogs();
        votes.syncMany(accounts);
        Vm.Log[] memory logs = _logs(4);
        _isSynced(logs[1], ALICE, _endOf(NOW));
        _isSynced(logs[3], BOB, _endOf(NOW + 1));
        _sumIs(_people(), 5_000);
    }

    /// @dev Without a gate nobody is verified, once synced.
    function test_SyncWithoutAGateUnverifies() public {
        _join(ALICE, 4, NOW);
        votes.setGate(IIdentityGate(address(0)));
        _votesAre(ALICE, 2_000);
        vm.assertTrue(votes.sync(ALICE));
        _votesAre(ALICE, 0);
    }

    /// @dev A gate that breaks stops nothing but `sync`.
    function test_BrokenGateStopsSyncOnly() public {
        _join(ALICE, 4, NOW);
        gate.setBroken(true);
        vm.expectRevert(abi.encodeWithSignature("GateHarness_Broken()"));
        votes.sync(ALICE);
        _transfer(ALICE, BOB, 3e18);
        _votesAre(ALICE, 1_000);
        _follow(ALICE, BOB);
        vm.warp(_endOf(NOW));
        _votesAre(BOB, 0);
    }

    /// @dev A strange gate verifies the zero address, and the token goes on being minted and burnt.
    function test_ZeroAddressNeverCounts() public {
        _verify(address(0), NOW + 3);
        _join(ALICE, 4, NOW + 3);
        _votesAre(ALICE, 2_000);
        _votesAre(address(0), 0);
        vm.assertEq(votes.getTotalSupply(), uint256(2_000));
        vm.prank(address(nova));
        votes.afterTransfer(ALICE, address(0), 1e18, 3e18, 0);
        vm.assertEq(votes.getTotalSupply(), _root(3e18));
    }

    // ------------------------------------------------------------------------------------------------------------
    // setGate
    // ------------------------------------------------------------------------------------------------------------

    function test_SetGateReadsAnotherGateFromThenOn() public {
        _join(ALICE, 4, NOW);
        _join(BOB, 9, NOW);
        GateHarness next = new GateHarness();
        next.set(BOB, uint48(_endOf(NOW + 1)));
        vm.recordLogs();
        votes.setGate(next);
        Vm.Log[] memory logs = _logs(1);
        vm.assertEq(logs[0].topics[0], IQuadraticVotes.GateSet.selector);
        vm.assertEq(logs[0].topics[1], _word(address(next)));
        vm.assertEq(address(votes.gate()), address(next));
        _sumIs(_people(), 5_000); // until they are synced, or it ends
        votes.sync(ALICE);
        votes.sync(BOB);
        vm.assertEq(uint256(votes.verifiedUntil(BOB)), _endOf(NOW + 1));
        _sumIs(_people(), 3_000);
    }

    function testFuzz_SetGateByAnotherReverts(address caller) public {
        vm.assume(caller != address(this));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
        vm.prank(caller);
        votes.setGate(IIdentityGate(caller));
        vm.assertEq(address(votes.gate()), address(gate));
    }

    // ------------------------------------------------------------------------------------------------------------
    // afterTransfer
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Whatever moves, each has the root of what it holds.
    function testFuzz_TransferMovesRoots(uint256 alice, uint256 bob, uint256 amount, bool delegated, uint8 verified)
        public
    {
        alice = _bound(alice, 0, 5_000_000_000e18);
        bob = _bound(bob, 0, 5_000_000_000e18);
        amount = _bound(amount, 0, alice);
        nova.mint(ALICE, alice);
        nova.mint(BOB, bob);
        if (verified & 1 != 0) _verify(ALICE, NOW + 1);
        if (verified & 2 != 0) _verify(BOB, NOW + 2);
        if (delegated) _follow(ALICE, CAROL);
        _transfer(ALICE, BOB, amount);
        uint256 left = verified & 1 != 0 ? _root(alice - amount) : 0;
        uint256 right = verified & 2 != 0 ? _root(bob + amount) : 0;
        _votesAre(delegated ? CAROL : ALICE, left);
        _votesAre(BOB, right);
        _sumIs(_people(), left + right);
        vm.warp(_endOf(NOW + 1));
        _sumIs(_people(), right);
    }

    function test_TransferTellsBothRepresentatives() public {
        _join(ALICE, 9, NOW);
        _join(BOB, 16, NOW);
        _follow(ALICE, CAROL);
        _follow(BOB, DAVE);
        vm.recordLogs();
        _transfer(ALICE, BOB, 9e18);
        Vm.Log[] memory logs = _logs(2);
        _isVotesChanged(logs[0], CAROL, 3_000, 0);
        _isVotesChanged(logs[1], DAVE, 4_000, 5_000);
    }

    function test_TransferToOneselfOrOfNothingChangesNothing() public {
        _join(ALICE, 4, NOW);
        _join(BOB, 4, NOW);
        vm.recordLogs();
        _transfer(ALICE, ALICE, 4e18);
        _transfer(ALICE, ALICE, 1);
        _transfer(ALICE, BOB, 0);
        _transfer(ALICE, BOB, 1e3); // less than either root can show… but for Alice's, who had a square
        Vm.Log[] memory logs = _logs(1);
        _isVotesChanged(logs[0], ALICE, 2_000, 1_999);
        _votesAre(BOB, 2_000);
    }

    /// @dev Over, it is no business of the lanes: neither of the old ones nor of those that took their place.
    function test_TransferAfterTheEndCountsNothing() public {
        _join(ALICE, 4, NOW);
        _join(BOB, 9, NOW + 3);
        vm.warp(_endOf(NOW));
        vm.recordLogs();
        _transfer(ALICE, CAROL, 3e18);
        _transfer(CAROL, ALICE, 2e18);
        _logs(0);
        _transfer(BOB, ALICE, 9e18);
        _sumIs(_people(), 0);
        _verify(ALICE, NOW + 4);
        _sumIs(_people(), _root(12e18));
    }

    /// @dev At the bottom of two chains of eight, back and forth, in every season.
    function test_TransferAtDepthEight() public {
        _chain(9);
        _join(_link(1), 100, NOW + 3);
        for (uint256 i = 1; i < 9; ++i) {
            _follow(_link(100 + i), _link(101 + i));
        }
        _join(_link(101), 100, NOW + 2);
        vm.assertEq(votes.depthOf(_link(101)), uint256(8));
        for (uint256 season = NOW; season < NOW + 5; ++season) {
            vm.warp(season * SEASON + 1 days);
            _transfer(_link(1), _link(101), 36e18);
            _votesAre(_link(9), season <= NOW + 3 ? 8_000 : 0);
            _votesAre(_link(109), season <= NOW + 2 ? _root(136e18) : 0);
            _transfer(_link(101), _link(1), 36e18);
            _votesAre(_link(9), season <= NOW + 3 ? 10_000 : 0);
            _votesAre(_link(109), season <= NOW + 2 ? 10_000 : 0);
        }
    }

    function testFuzz_AfterTransferByAnotherReverts(address caller) public {
        vm.assume(caller != address(nova));
        vm.expectRevert(abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_NotToken.selector, caller));
        vm.prank(caller);
        votes.afterTransfer(ALICE, BOB, 1, 0, 1);
    }

    // ------------------------------------------------------------------------------------------------------------
    // The past
    // ------------------------------------------------------------------------------------------------------------

    /// @dev Each second up to now has what was so at its end; the ends of seasons fall where they do.
    function test_PastVotesAreThoseOfThatSecond() public {
        _join(ALICE, 4, NOW);
        vm.warp(START + 100);
        _transfer(ALICE, BOB, 3e18);
        _join(BOB, 13, NOW + 1); // the same second
        vm.warp(START + 101);
        _follow(BOB, ALICE);
        vm.warp(_endOf(NOW + 3)); // no transaction in between, and none at the ends
        uint256[2][8] memory expected = [
            [uint256(START - 1), 0],
            [START, 2_000],
            [START + 99, 2_000],
            [START + 100, 1_000],
            [START + 101, 5_000],
            [_endOf(NOW) - 1, 5_000],
            [_endOf(NOW), 4_000],
            [_endOf(NOW + 1) - 1, 4_000]
        ];
        for (uint256 i = 0; i < expected.length; ++i) {
            vm.assertEq(votes.getPastVotes(ALICE, expected[i][0]), expected[i][1]);
            uint256 bob = expected[i][0] == START + 100 ? 4_000 : 0;
            vm.assertEq(votes.getPastVotes(BOB, expected[i][0]), bob);
            vm.assertEq(votes.getPastTotalSupply(expected[i][0]), expected[i][1] + bob);
        }
        vm.assertEq(votes.getPastVotes(ALICE, _endOf(NOW + 1)), uint256(0));
        vm.assertEq(votes.getPastTotalSupply(_endOf(NOW + 1)), uint256(0));
        vm.assertEq(votes.getPastTotalSupply(_endOf(NOW + 3) - 1), uint256(0));
        _votesAre(ALICE, 0);
    }

    /// @dev Of the changes within a second, the past knows the last.
    function test_PastKnowsTheLastOfASecond() public {
        _join(ALICE, 4, NOW);
        _follow(ALICE, BOB);
        _delegate(ALICE, address(0));
        _follow(ALICE, CAROL);
        nova.mint(ALICE, 12e18);
        vm.warp(START + 1);
        _delegate(ALICE, address(0));
        vm.warp(START + 2);
        vm.assertEq(votes.getPastVotes(ALICE, START), uint256(0));
        vm.assertEq(votes.getPastVotes(BOB, START), uint256(0));
        vm.assertEq(votes.getPastVotes(CAROL, START), uint256(4_000));
        vm.assertEq(votes.getPastVotes(ALICE, START + 1), uint256(4_000));
        vm.assertEq(votes.getPastVotes(CAROL, START + 1), uint256(0));
        vm.assertEq(votes.getPastTotalSupply(START), uint256(4_000));
    }

    /// @dev One account ends with each season: the total steps down at each end and nowhere else, also long after, and
    /// the lanes are free for new ones.
    function test_EndsTakeEffectByThemselves() public {
        for (uint256 i = 0; i < 4; ++i) {
            _join(_link(i), 4, NOW + i);
            if (i > 0) _follow(_link(i), _link(0));
        }
        vm.assertEq(votes.getTotalSupply(), uint256(8_000));
        for (uint256 i = 0; i < 4; ++i) {
            vm.warp(_endOf(NOW + i) - 1);
            _votesAre(_link(0), 8_000 - 2_000 * i);
            vm.warp(_endOf(NOW + i));
            _votesAre(_link(0), 6_000 - 2_000 * i);
            vm.assertEq(votes.getTotalSupply(), 6_000 - 2_000 * i);
            vm.assertEq(uint256(votes.verifiedUntil(_link(i))), uint256(0));
        }
        vm.warp(_endOf(NOW + 40));
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(votes.getPastVotes(_link(0), _endOf(NOW + i) - 1), 8_000 - 2_000 * i);
            vm.assertEq(votes.getPastTotalSupply(_endOf(NOW + i)), 6_000 - 2_000 * i);
        }
        _verify(_link(2), NOW + 44);
        _votesAre(_link(0), 2_000);
        vm.assertEq(votes.getTotalSupply(), uint256(2_000));
    }

    /// @dev In the middle of a chain somebody's verification ends: what passes through passes on.
    function test_ExpiredInAChainPassesOthersOn() public {
        _join(ALICE, 4, NOW + 2);
        _join(BOB, 9, NOW);
        _join(CAROL, 16, NOW + 1);
        _follow(ALICE, BOB);
        _follow(BOB, CAROL);
        vm.warp(_endOf(NOW));
        _votesAre(CAROL, 6_000);
        _transfer(ALICE, BOB, 3e18); // into a balance that does not count
        _votesAre(CAROL, 5_000);
        vm.warp(_endOf(NOW + 1)); // the representative's own is over: it votes with Alice's alone
        _votesAre(CAROL, 1_000);
        _delegate(BOB, address(0));
        _votesAre(BOB, 1_000);
        _votesAre(CAROL, 0);
        _sumIs(_people(), 1_000);
    }

    function testFuzz_LookupOfTheFutureReverts(uint256 timepoint) public {
        timepoint = _bound(timepoint, START, type(uint256).max);
        bytes memory refusal =
            abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_FutureLookup.selector, timepoint, START);
        vm.expectRevert(refusal);
        votes.getPastVotes(ALICE, timepoint);
        vm.expectRevert(refusal);
        votes.getPastTotalSupply(timepoint);
        vm.assertEq(votes.getPastVotes(ALICE, START - 1), uint256(0));
    }

    /// @dev The present second is not over, and may bring more.
    function test_LookupOfThePresentReverts() public {
        _join(ALICE, 4, NOW);
        bytes memory refusal =
            abi.encodeWithSelector(IQuadraticVotes.QuadraticVotes_FutureLookup.selector, START, START);
        vm.expectRevert(refusal);
        votes.getPastVotes(ALICE, START);
        vm.expectRevert(refusal);
        votes.getPastTotalSupply(START);
        vm.warp(START + 1);
        vm.assertEq(votes.getPastVotes(ALICE, START), uint256(2_000));
    }

    function testFuzz_NobodyHasNothing(address account) public view {
        _votesAre(account, 0);
        vm.assertEq(votes.getPastVotes(account, START - 1), uint256(0));
        vm.assertEq(votes.powerOf(account), uint256(0));
        vm.assertEq(votes.delegates(account), account);
        vm.assertEq(votes.representative(account), account);
        vm.assertEq(votes.depthOf(account) + votes.heightOf(account), uint256(0));
        vm.assertEq(uint256(votes.verifiedUntil(account)), uint256(0));
        vm.assertFalse(votes.isOpen(account));
    }
}
