"""Votes and permits by signature: what a wallet signs counts once, where and for what it was signed."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from web3 import Web3
from web3.contract import Contract

from tests.contracts.evm import events, refusal, send
from tests.support.contracts import deploy
from tests.support.small_dao import NOVA, SmallDao

BALLOT = {
    "Ballot": [
        {"name": "proposalId", "type": "uint256"},
        {"name": "support", "type": "uint8"},
        {"name": "voter", "type": "address"},
        {"name": "nonce", "type": "uint256"},
    ]
}
EXTENDED = {
    "ExtendedBallot": [
        *BALLOT["Ballot"],
        {"name": "reason", "type": "string"},
        {"name": "params", "type": "bytes"},
    ]
}
PERMIT = {
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}
DELEGATION = {
    "Delegation": [
        {"name": "delegatee", "type": "address"},
        {"name": "nonce", "type": "uint256"},
        {"name": "expiry", "type": "uint256"},
    ]
}
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def signed(contract: Contract, types: dict[str, Any], message: dict[str, Any], key: str, **domain: Any) -> bytes:
    """EIP-712 signature for the domain that the contract states (ERC-5267), with changes."""
    _, name, version, chain_id, address, _, _ = contract.functions.eip712Domain().call()
    full = {"name": name, "version": version, "chainId": chain_id, "verifyingContract": address} | domain
    return bytes(Account.sign_typed_data(key, domain_data=full, message_types=types, message_data=message).signature)


def vrs(signature: bytes) -> tuple[int, bytes, bytes]:
    return signature[64], signature[:32], signature[32:64]


class Ballots:
    """Ballots of the second member, relayed by a stranger."""

    def __init__(self, dao: SmallDao, proposal: int) -> None:
        self.dao, self.proposal = dao, proposal
        self.governor = dao.contracts["Governance"]
        self.voter, self.key = dao.node.accounts[2]
        self.relay = dao.accounts[6]

    def sign(self, **changes: Any) -> bytes:
        domain = {k: changes.pop(k) for k in ("chainId", "verifyingContract", "name", "version") if k in changes}
        key = changes.pop("key", self.key)
        message = {"proposalId": self.proposal, "support": 1, "voter": self.voter, "nonce": 0} | changes
        return signed(self.governor, BALLOT, message, key, **domain)

    def cast(self, signature: bytes, support: int = 1, voter: str | None = None, proposal: int | None = None) -> Any:
        return self.governor.functions.castVoteBySig(
            self.proposal if proposal is None else proposal, support, voter or self.voter, signature
        )


@pytest.fixture
def ballots(dao: SmallDao, proposal: int) -> Ballots:
    return Ballots(dao, proposal)


def test_a_signed_vote_counts_whoever_brings_it(ballots: Ballots) -> None:
    receipt = send(ballots.dao.w3, ballots.cast(ballots.sign()), ballots.relay)
    [(name, arguments)] = events(ballots.governor, receipt)
    assert (name, arguments["voter"], arguments["weight"]) == ("VoteCast", ballots.voter, 2_000_000)
    assert ballots.governor.functions.nonces(ballots.voter).call() == 1
    assert ballots.governor.functions.nonces(ballots.relay).call() == 0


FORGERIES: dict[str, dict[str, Any]] = {
    "another chain": {"chainId": 1},
    "another contract": {"verifyingContract": "0x" + "11" * 20},
    "another name": {"name": "Governor"},
    "another version": {"version": "2"},
    "a nonce to come": {"nonce": 1},
    "another proposal": {"proposalId": 7},
    "another support": {"support": 0},
    "another voter": {"voter": "0x" + "22" * 20},
    "another key": {"key": "0x" + "33" * 32},
}


@pytest.mark.parametrize("changes", FORGERIES.values(), ids=FORGERIES)
def test_a_ballot_signed_for_something_else_is_refused(ballots: Ballots, changes: dict[str, Any]) -> None:
    assert refusal(ballots.cast(ballots.sign(**changes)), ballots.relay) == (
        "GovernorInvalidSignature",
        (ballots.voter,),
    )
    assert refusal(ballots.cast(ballots.sign()), ballots.relay) is None


def test_a_ballot_is_refused_a_second_time(ballots: Ballots) -> None:
    signature = ballots.sign()
    send(ballots.dao.w3, ballots.cast(signature), ballots.relay)
    assert refusal(ballots.cast(signature), ballots.relay) == ("GovernorInvalidSignature", (ballots.voter,))
    again = ballots.sign(nonce=1)
    assert refusal(ballots.cast(again), ballots.relay) == ("GovernorAlreadyCastVote", (ballots.voter,))


def test_a_ballot_is_refused_on_a_chain_that_split_off(ballots: Ballots) -> None:
    signature = ballots.sign()
    node = ballots.dao.node
    node.rpc("anvil_setChainId", 31_338)
    try:
        assert refusal(ballots.cast(signature), ballots.relay) == ("GovernorInvalidSignature", (ballots.voter,))
    finally:
        node.rpc("anvil_setChainId", node.chain_id)
    assert refusal(ballots.cast(signature), ballots.relay) is None


def test_a_ballot_is_refused_by_a_twin_of_the_governor(ballots: Ballots) -> None:
    contracts, dao = ballots.dao.contracts, ballots.dao
    signature = ballots.sign()
    nova, timelock, cpu = (contracts[name].address for name in ("NovaToken", "Timelock", "CPU"))
    twin = deploy(dao.w3, "Governance", nova, timelock, dao.accounts[0])
    action = ([cpu], [0], [contracts["CPU"].encode_abi("mint", [timelock, 1])])
    send(dao.w3, twin.functions.propose(*action, "Mint"), dao.members[0])
    dao.pass_time(86_401)
    assert twin.functions.state(ballots.proposal).call() == 1
    replayed = twin.functions.castVoteBySig(ballots.proposal, 1, ballots.voter, signature)
    assert refusal(replayed, ballots.relay) == ("GovernorInvalidSignature", (ballots.voter,))


@pytest.mark.parametrize("length", [0, 1, 64, 66])
def test_a_signature_of_another_length_is_refused(ballots: Ballots, length: int) -> None:
    signature = (ballots.sign() + b"\0")[:length]
    assert refusal(ballots.cast(signature), ballots.relay) == ("GovernorInvalidSignature", (ballots.voter,))


def test_the_other_half_of_the_curve_is_refused(ballots: Ballots) -> None:
    v, r, s = vrs(ballots.sign())
    mirrored = r + (ORDER - int.from_bytes(s, "big")).to_bytes(32, "big") + bytes([v ^ 1 ^ 6])
    assert v in (27, 28)
    assert mirrored[64] == 55 - v
    assert refusal(ballots.cast(mirrored), ballots.relay) == ("GovernorInvalidSignature", (ballots.voter,))


def test_nobody_votes_for_the_zero_address(ballots: Ballots) -> None:
    zero = "0x" + "00" * 20
    for signature in (b"", bytes(65), ballots.sign()):
        assert refusal(ballots.cast(signature, voter=zero), ballots.relay) == ("GovernorInvalidSignature", (zero,))


def test_reason_and_parameters_are_signed_for(ballots: Ballots) -> None:
    message = {"proposalId": ballots.proposal, "support": 1, "voter": ballots.voter, "nonce": 0}
    signature = signed(ballots.governor, EXTENDED, message | {"reason": "good", "params": b"\x01"}, ballots.key)
    cast = ballots.governor.functions.castVoteWithReasonAndParamsBySig
    for reason, params in (("bad", b"\x01"), ("good", b"\x02"), ("good", b""), ("", b"\x01")):
        forged = cast(ballots.proposal, 1, ballots.voter, reason, params, signature)
        assert refusal(forged, ballots.relay) == ("GovernorInvalidSignature", (ballots.voter,))
    short = ballots.cast(signature)
    assert refusal(short, ballots.relay) == ("GovernorInvalidSignature", (ballots.voter,))
    honest = cast(ballots.proposal, 1, ballots.voter, "good", b"\x01", signature)
    [(name, arguments)] = events(ballots.governor, send(ballots.dao.w3, honest, ballots.relay))
    assert (name, arguments["reason"], arguments["weight"]) == ("VoteCastWithParams", "good", 2_000_000)


def test_a_contract_votes_with_what_its_owner_signs(dao: SmallDao) -> None:
    owner, key = dao.node.accounts[7]
    voter = deploy(dao.w3, "ContractVoter", owner)
    season = dao.now // (91 * 86_400) + 1
    dao.send(dao.accounts[5], "IdentityGate", "verify", voter.address, season)
    dao.send(dao.members[1], "NovaToken", "transfer", voter.address, 10_000 * NOVA)
    dao.pass_time(12)
    governor, cpu = dao.contracts["Governance"], dao.contracts["CPU"]
    action = ([cpu.address], [0], [cpu.encode_abi("mint", [cpu.address, 1])])
    dao.send(dao.members[0], "Governance", "propose", *action, "Another")
    proposal = governor.functions.getProposalId(*action, Web3.keccak(text="Another")).call()
    dao.pass_time(86_401)
    message = {"proposalId": proposal, "support": 1, "voter": voter.address, "nonce": 0}
    relay = dao.accounts[6]
    stranger = signed(governor, BALLOT, message, dao.node.accounts[8][1])
    forged = governor.functions.castVoteBySig(proposal, 1, voter.address, stranger)
    assert refusal(forged, relay) == ("GovernorInvalidSignature", (voter.address,))
    signature = signed(governor, BALLOT, message, key)
    assert refusal(governor.functions.castVoteBySig(proposal, 1, owner, signature), relay) is not None
    honest = governor.functions.castVoteBySig(proposal, 1, voter.address, signature)
    [(_, arguments)] = events(governor, send(dao.w3, honest, relay))
    assert (arguments["voter"], arguments["weight"]) == (voter.address, 100_000)
    assert refusal(honest, relay) == ("GovernorInvalidSignature", (voter.address,))


@pytest.mark.parametrize("name", ["NovaToken", "CPU"])
def test_a_permit_counts_once_for_its_token_and_its_time(dao: SmallDao, name: str) -> None:
    token, other = dao.contracts[name], dao.contracts["CPU" if name == "NovaToken" else "NovaToken"]
    owner, key = dao.node.accounts[1]
    spender, relay = dao.accounts[6], dao.accounts[7]
    message = {"owner": owner, "spender": spender, "value": 5, "nonce": 0, "deadline": dao.now + 100}

    def permit(signature: bytes, **changes: Any) -> Any:
        m = message | changes
        return token.functions.permit(owner, m["spender"], m["value"], m["deadline"], *vrs(signature))

    for wrong in (
        permit(signed(token, PERMIT, message, key, chainId=1)),
        permit(signed(token, PERMIT, message, key, verifyingContract=other.address)),
        permit(signed(other, PERMIT, message, key)),
        permit(signed(token, PERMIT, message | {"nonce": 1}, key)),
        permit(signed(token, PERMIT, message, key), value=6),
        permit(signed(token, PERMIT, message, key), spender=relay),
        permit(signed(token, PERMIT, message, dao.node.accounts[2][1])),
    ):
        refused = refusal(wrong, relay)
        assert refused is not None
        assert refused[0] == "ERC2612InvalidSigner"
        assert refused[1][1] == owner
    honest = permit(signed(token, PERMIT, message, key))
    send(dao.w3, honest, relay)
    assert token.functions.allowance(owner, spender).call() == 5
    assert (refusal(honest, relay) or ("",))[0] == "ERC2612InvalidSigner"
    late = message | {"nonce": 1}
    dao.pass_time(200)
    expired = permit(signed(token, PERMIT, late, key))
    assert refusal(expired, relay) == ("ERC2612ExpiredSignature", (message["deadline"],))


def test_linear_and_quadratic_delegations_are_signed_apart(dao: SmallDao) -> None:
    nova, votes = dao.contracts["NovaToken"], dao.contracts["QuadraticVotes"]
    owner, key = dao.node.accounts[2]
    to, relay = dao.members[0], dao.accounts[6]
    dao.send(to, "QuadraticVotes", "setOpen", True)
    expiry = dao.now + 1_000
    nonce = nova.functions.nonces(owner).call()
    linear = signed(nova, DELEGATION, {"delegatee": to, "nonce": nonce, "expiry": expiry}, key)
    send(dao.w3, nova.functions.delegateBySig(to, nonce, expiry, *vrs(linear)), relay)
    assert nova.functions.delegates(owner).call() == to
    quadratic = votes.functions.delegateBySig(to, nonce, expiry, *vrs(linear))
    refused = refusal(quadratic, relay)  # the signer that the wrong digest spells is somebody, with other nonces
    assert refused is None or refused[0] == "InvalidAccountNonce"
    assert votes.functions.delegates(owner).call() == owner
