"""Roots, working keys and data on chain: each step once, also after a crash; what the chain refuses, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from novacron.chain.typed_data import TypedData
from novacron.exceptions import InputError, QuantumError, RevertedError
from novacron.market.deployment import Account
from novacron.provenance.keccak import keccak256
from novacron.quantum import PostQuantumScheme, SigningKey
from novacron.quantum.client import QuantumVerification
from novacron.quantum.messages import Domain, Verification, root_id, sign_request
from novacron.quantum.records import BatchProof, WorkingKey
from tests.sdk.quantum.world import DAY, ML_DSA_44, OPERATOR, OTHER, Actors, QuantumWorld

SLH_DSA = PostQuantumScheme.SLH_DSA_SHA2_128S
DATUM = b"\xda" * 32


def working_key(world: QuantumWorld) -> WorkingKey:
    """A fresh one of the world's root, not authorised yet; SLH-DSA needs no registration."""
    return WorkingKey(world.root_id, SigningKey.generate(SLH_DSA))


# -- roots and working keys --------------------------------------------------------------------------------------------


def test_a_root_is_enrolled_once_whoever_hands_it_in(
    world: QuantumWorld, actors: Actors, client: QuantumVerification
) -> None:
    root = SigningKey.generate(SLH_DSA)
    signed = sign_request(client.enrolment(root.verifying_key), root)
    done = client.hand_in(actors.account(OTHER), signed)
    assert done.receipt is not None
    assert done.key.id == root_id(root.verifying_key)
    assert (done.key.is_root, done.key.account, done.key.public_key) == (True, None, root.onchain)
    again = client.hand_in(actors.account(OPERATOR), signed)
    assert (again.key, again.receipt) == (done.key, None)
    assert world.transactions(OPERATOR) == 0


def test_a_working_key_is_authorised_until_a_day_and_listed(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, operator: Account
) -> None:
    key = working_key(world)
    actors.authorize(operator, key, days=30)
    found = client.key(key.id)
    assert (found.root, found.scheme, found.is_root) == (world.root_id, SLH_DSA, False)
    assert 29 * DAY < found.valid_until - found.valid_from <= 30 * DAY
    assert [one.id for one in client.keys_of(world.root_id)] == [world.working.id, key.id]
    assert client.is_valid_key(key.id)
    world.pass_time(30 * DAY)
    assert not client.is_valid_key(key.id)


def test_a_successor_ends_its_predecessor(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, operator: Account
) -> None:
    begins, key = world.now() + 10 * DAY, world.spare
    actors.authorize(operator, key, valid_from=begins, replaces=world.working.id)
    assert client.key(world.working.id).valid_until == begins == client.key(key.id).valid_from
    with pytest.raises(RevertedError, match=r"is valid from .* on, and it is .*: wait"):
        client.verify_data(operator, key, DATUM)
    world.pass_time(10 * DAY)
    with pytest.raises(RevertedError, match=r"ended at .* sign with its successor"):
        client.verify_data(operator, world.working, DATUM)
    assert client.verify_data(operator, key, DATUM).record.good


def test_an_authorisation_counts_once_and_in_its_turn(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, operator: Account
) -> None:
    first, second = working_key(world), working_key(world)
    until = world.now() + DAY
    signed = [
        sign_request(client.authorization(world.root_id, key.signer.verifying_key, until), world.root)
        for key in (first, second)
    ]
    nonce = client.nonce(world.root_id)
    assert client.hand_in(operator, signed[0]).receipt is not None
    assert client.hand_in(operator, signed[0]).receipt is None
    with pytest.raises(QuantumError, match=f"was made for nonce {nonce}, and root .* is at {nonce + 1}"):
        client.hand_in(operator, signed[1])
    assert client.find_key(second.id) is None


def test_a_key_that_is_there_for_another_account_or_longer_is_not_what_was_asked_for(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, operator: Account
) -> None:
    """A root bound to nobody, and a key that lives longer: who asked for less must not be told that it is done."""
    root, key = SigningKey.generate(SLH_DSA), working_key(world)
    client.hand_in(operator, sign_request(client.enrolment(root.verifying_key), root))
    with pytest.raises(QuantumError, match=f"is there already, for anybody: this request for {operator.address}"):
        client.hand_in(operator, sign_request(client.enrolment(root.verifying_key, operator.address), root))
    actors.authorize(operator, key, days=30)
    with pytest.raises(QuantumError, match="is there already, for anybody"):
        actors.authorize(operator, key, days=30, account=operator.address)
    with pytest.raises(QuantumError, match=r"is there already, until \d+: this request until"):
        actors.authorize(operator, key, days=20)


def test_a_working_key_lives_90_days_at_most(world: QuantumWorld, actors: Actors, operator: Account) -> None:
    with pytest.raises(RevertedError, match="lives 90 days at most"):
        actors.authorize(operator, working_key(world), days=91)


def test_signatures_of_the_wrong_key_for_the_wrong_place_or_altered_are_refused_before_anything_is_sent(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    stranger, key = SigningKey.generate(ML_DSA_44), working_key(world)
    enrolment = client.enrolment(stranger.verifying_key)
    authorization = client.authorization(world.root_id, key.signer.verifying_key, world.now() + DAY)
    revocation = client.revocation(world.working.id, world.now())
    elsewhere = Domain(1, client.domain.contract)
    for message, signer, words in (
        (enrolment, world.root, "a root enrols itself"),
        (enrolment, stranger, "is not registered"),
        (authorization, stranger, "this was signed by another key"),
        (revocation, stranger, "this was signed by another key"),
        (replace(authorization, domain=elsewhere), world.root, "on chain 1, not for"),
        (Verification(client.domain, DATUM, world.working.id), world.root, "is handed in with its datum"),
    ):
        with pytest.raises(QuantumError, match=words):
            client.hand_in(operator, sign_request(message, signer))
    signed = sign_request(authorization, world.root)
    with pytest.raises(QuantumError, match="is not that of"):
        client.hand_in(operator, replace(signed, message=replace(authorization, valid_until=world.now() + 2 * DAY)))
    assert world.transactions(OPERATOR) == 0


def test_the_chain_refuses_a_forged_signature_itself(world: QuantumWorld, client: QuantumVerification) -> None:
    proof = client.proof(world.working, DATUM)
    forged = proof[:-1] + bytes([proof[-1] ^ 1])
    for calldata, error in ((forged, "InvalidSignature"), (proof + b"\0", "InvalidSignature"), (b"", "MalformedProof")):
        with pytest.raises(RevertedError) as raised:
            client.contract.call("verifyData", DATUM, calldata)
        assert raised.value.name == f"QuantumVerification_{error}"


# -- revocation --------------------------------------------------------------------------------------------------------


def test_a_root_revokes_a_stolen_key_as_of_the_theft(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    before = client.verify_data(operator, world.working, DATUM).record
    world.pass_time(DAY)
    after = client.verify_data(operator, world.working, b"\x02" * 32).record
    signed = sign_request(client.revocation(world.working.id, after.timestamp), world.root)
    done = client.hand_in(operator, signed)
    assert done.key.revoked_since == after.timestamp
    assert client.hand_in(operator, signed).receipt is None
    assert client.is_verified(world.working.id, DATUM)
    assert not client.is_verified(world.working.id, b"\x02" * 32)
    assert client.verification(world.working.id, DATUM) == before
    with pytest.raises(QuantumError, match="counts for nothing"):
        client.verify_data(operator, world.working, b"\x02" * 32)
    with pytest.raises(RevertedError, match="is revoked as of"):
        client.verify_data(operator, world.working, b"\x03" * 32)
    earlier = sign_request(client.revocation(world.working.id, before.timestamp), world.root)
    assert client.hand_in(operator, earlier).receipt is not None
    assert not client.is_verified(world.working.id, DATUM)


def test_a_revoked_root_voids_what_its_keys_sign(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    client.hand_in(operator, sign_request(client.revocation(world.root_id, world.now()), world.root))
    with pytest.raises(RevertedError, match=f"key 0x{world.root_id.hex()} is revoked"):
        client.verify_data(operator, world.working, DATUM)


def test_the_account_of_a_key_revokes_it_without_the_root(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, operator: Account
) -> None:
    key = world.spare
    actors.authorize(operator, key, account=operator.address)
    with pytest.raises(RevertedError, match=f"only {operator.address} may send"):
        client.revoke_own(actors.account(OTHER), key.id)
    assert client.revoke_own(operator, key.id).key.revoked_since == world.now()
    assert client.revoke_own(operator, key.id).receipt is None
    with pytest.raises(RevertedError, match="is bound to no account: its root has to sign this"):
        client.revoke_own(operator, world.working.id)


# -- data --------------------------------------------------------------------------------------------------------------


def test_a_datum_is_verified_once_and_for_good(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    proof = client.proof(world.working, DATUM)
    verified = client.verify_data(operator, world.working, DATUM, proof=proof)
    assert verified.receipt is not None
    record = verified.record
    assert (record.key, record.verifier, record.good) == (world.working.id, operator.address, True)
    assert record.proof_digest == keccak256(proof)
    assert record.timestamp == world.now()
    again = client.verify_data(operator, world.working, DATUM)
    assert (again.record, again.receipt) == (record, None)
    assert world.transactions(OPERATOR) == 1
    assert client.verifications(DATUM) == [record]
    assert client.verifications(b"\x01" * 32) == []
    assert client.verification(world.root_id, DATUM) is None
    assert client.transaction_of(world.working.id, DATUM) == (verified.receipt.hash, verified.receipt.block_number)


def test_every_signer_of_a_datum_is_listed_page_by_page(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, operator: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.spare
    actors.authorize(operator, other)
    for key in (world.working, other):
        client.verify_data(operator, key, DATUM)
    monkeypatch.setattr("novacron.quantum.client._PAGE", 1)
    assert [one.key for one in client.verifications(DATUM)] == [world.working.id, other.id]
    assert [one.key for one in client.verifications(DATUM, limit=1)] == [world.working.id]


def test_a_key_bound_to_an_account_needs_both_signatures(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, operator: Account
) -> None:
    key = world.spare
    actors.authorize(operator, key, account=operator.address)
    with pytest.raises(RevertedError, match=f"only {operator.address} may send for key"):
        client.verify_data(actors.account(OTHER), key, DATUM)
    assert client.verify_data(operator, key, DATUM).record.verifier == operator.address


def test_a_key_of_nobody_and_a_root_sign_no_data(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    with pytest.raises(RevertedError, match=r"no key has the id .*: enrol the root"):
        client.verify_data(operator, world.spare, DATUM)
    wrong_root = WorkingKey(b"\x01" * 32, world.working.signer)
    with pytest.raises(RevertedError, match="is the root named the right one"):
        client.verify_data(operator, wrong_root, DATUM)
    with pytest.raises(InputError, match="32 bytes"):
        client.verify_data(operator, world.working, b"short")


def test_a_proof_of_something_else_is_not_sent(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    for proof in (client.proof(world.working, b"\x01" * 32), b"", world.working.id):
        with pytest.raises(QuantumError, match="this is no proof"):
            client.verify_data(operator, world.working, DATUM, proof=proof)
    assert world.transactions(OPERATOR) == 0


class FaultySigner:
    """A machine whose signatures come out wrong, as after a fault that is meant to give the key away."""

    def __init__(self, key: SigningKey) -> None:
        self.verifying_key = key.verifying_key
        self._key = key

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        return self._key.sign(message + b"fault", context)


def test_a_faulty_signature_never_leaves_the_machine(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    signer = world.working.signer
    assert isinstance(signer, SigningKey)
    with pytest.raises(QuantumError, match="made a signature that does not verify"):
        client.verify_data(operator, WorkingKey(world.root_id, FaultySigner(signer)), DATUM)
    assert world.transactions(OPERATOR) == 0


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("step", ["intent", "signed", "broadcast", "sent"])
def test_a_crash_at_any_step_leaves_one_transaction(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, step: str
) -> None:
    account = actors.account(OPERATOR)

    def crash(at: str, _: str) -> None:
        if at == step:
            raise Crash

    account.manager._on_step = crash
    with pytest.raises(Crash):
        client.verify_data(account, world.working, DATUM)
    # A new process, with the same journal. It signs anew, and must not send that.
    assert client.verify_data(actors.account(OPERATOR), world.working, DATUM).record.good
    assert world.transactions(OPERATOR) == 1


def test_somebody_who_was_faster_is_no_failure(
    world: QuantumWorld, actors: Actors, client: QuantumVerification, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, plain = actors.account(OPERATOR), Account.send

    def send(self: Account, *args: Any, **options: Any) -> Any:
        if self is account:
            plain(actors.account(OTHER), *args, **options)
        return plain(self, *args, **options)

    monkeypatch.setattr(Account, "send", send)
    verified = client.verify_data(account, world.working, DATUM)
    assert verified.receipt is None
    assert verified.record.verifier == world.accounts[OTHER]


# -- batches -----------------------------------------------------------------------------------------------------------


def test_one_signature_proves_every_datum_of_a_batch_and_no_other(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    data = [bytes([number]) * 32 for number in range(1, 8)]
    verified = client.verify_batch(operator, world.working, data)
    assert verified.receipt is not None
    proofs = list(verified.proofs())
    assert [proof.data_hash for proof in proofs] == data
    assert all(client.is_verified_in_batch(world.working.id, proof) for proof in proofs)
    first = proofs[0]
    for wrong in (
        replace(first, data_hash=data[1]),
        replace(first, data_hash=verified.batch.root),
        replace(first, path=first.path[:-1]),
        replace(first, path=(*first.path, bytes(32))),
        replace(first, root=bytes(32)),
        BatchProof(verified.batch.root, 7, verified.batch.root, ()),
    ):
        assert not client.is_verified_in_batch(world.working.id, wrong)
    assert not client.is_verified(world.working.id, verified.batch.root)  # a root is no datum
    batch = client.batch(world.working.id, verified.batch.root)
    assert batch is not None
    assert (batch.size, batch.record) == (7, verified.record)
    assert client.verify_batch(operator, world.working, data).receipt is None
    client.hand_in(operator, sign_request(client.revocation(world.working.id, 1), world.root))
    assert not client.is_verified_in_batch(world.working.id, first)
    with pytest.raises(QuantumError, match="counts for nothing"):
        client.verify_batch(operator, world.working, data)


def test_a_batch_of_one_or_of_doubles_is_a_batch_and_one_of_none_is_not(
    world: QuantumWorld, client: QuantumVerification, operator: Account
) -> None:
    for data in ([DATUM], [DATUM, DATUM]):
        (*_, proof) = client.verify_batch(operator, world.working, data).proofs()
        assert client.is_verified_in_batch(world.working.id, proof)
    with pytest.raises(InputError, match="at least one value"):
        client.verify_batch(operator, world.working, [])
    with pytest.raises(InputError, match="32 bytes"):
        client.verify_batch(operator, world.working, [DATUM, b"short"])


def test_nothing_but_the_message_itself_is_ever_signed(world: QuantumWorld, client: QuantumVerification) -> None:
    """A node that answers with a digest of its own gets no signature over it."""
    signed: list[bytes] = []

    class Watching(FaultySigner):
        def sign(self, message: bytes, context: bytes = b"") -> bytes:
            signed.append(message)
            return self._key.sign(message, context)

    signer = world.working.signer
    assert isinstance(signer, SigningKey)
    client.proof(WorkingKey(world.root_id, Watching(signer)), DATUM)
    document: TypedData = Verification(client.domain, DATUM, world.working.id).typed_data
    assert document["message"]["dataHash"] == "0x" + DATUM.hex()
    assert signed == [Verification(client.domain, DATUM, world.working.id).digest]
