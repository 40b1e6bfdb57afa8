"""QuantumVerification: keys and what they signed, each step once, however often it is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from novacron.chain.contracts import Block
from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import InconsistentEndpointError, QuantumError, RevertedError
from novacron.market.deployment import Account, Deployment, read
from novacron.provenance.digest import parse_digest
from novacron.provenance.merkle import MerkleBatch
from novacron.quantum.advice import QUANTUM_ADVICE
from novacron.quantum.keys import VerifyingKey
from novacron.quantum.messages import (
    ANYBODY,
    NO_KEY,
    Batch,
    Domain,
    KeyAuthorization,
    KeyRevocation,
    Message,
    RootEnrolment,
    SignedRequest,
    Verification,
    root_id,
)
from novacron.quantum.records import BatchProof, BatchRecord, KeyRecord, VerificationRecord, WorkingKey
from novacron.quantum.registrar import KeyRegistrar
from novacron.quantum.schemes import PostQuantumScheme

_PAGE = 100
T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """What came of handing a request in; `receipt` is None where it was done before."""

    key: KeyRecord
    receipt: TransactionReceipt | None


@dataclass(frozen=True)
class Verified:
    """A datum that the chain verified; `receipt` is None where it was done before."""

    data_hash: bytes
    record: VerificationRecord
    receipt: TransactionReceipt | None


@dataclass(frozen=True)
class VerifiedBatch:
    """A batch that the chain verified; `receipt` is None where it was done before."""

    batch: MerkleBatch
    record: VerificationRecord
    receipt: TransactionReceipt | None

    def proofs(self) -> Iterator[BatchProof]:
        """Of each datum, in the order in which they were given."""
        return (BatchProof.of(self.batch, number) for number in range(len(self.batch)))


class QuantumVerification:
    """The keys and verifications of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("QuantumVerification")

    @property
    def domain(self) -> Domain:
        """Where its messages count."""
        return Domain(self.deployment.pool.chain_id(), self.contract.address)

    # -- reading -----------------------------------------------------------------------------------------------------

    def key(self, key: bytes, *, block: Block = "latest") -> KeyRecord:
        """A key. Raises RevertedError with advice when there is none."""
        return KeyRecord.of(key, read(self.contract, QUANTUM_ADVICE, "keyOf", key, block=block))

    def find_key(self, key: bytes) -> KeyRecord | None:
        """A key, None when there is none."""
        try:
            return KeyRecord.of(key, self.contract.call("keyOf", key))
        except RevertedError as error:
            if error.name == "QuantumVerification_UnknownKey":
                return None
            raise

    def keys_of(self, root: bytes) -> list[KeyRecord]:
        """The working keys that a root authorised, oldest first."""
        found = self.contract.events("KeyAuthorized", self.deployment.first_block, filters={"root": root})
        return [self.key(event.args["key"]) for event in found]

    def is_valid_key(self, key: bytes) -> bool:
        """Whether it may sign data now, by the clock of the newest block."""
        return bool(self.contract.call("isValidKey", key))

    def nonce(self, root: bytes) -> int:
        """What the next authorisation by a root carries."""
        return int(self.contract.call("nonceOf", root))

    def verification(self, key: bytes, data_hash: bytes, *, block: Block = "latest") -> VerificationRecord | None:
        """The verification of a datum by a key, None if there is none."""
        return VerificationRecord.of(self.contract.call("verificationOf", key, data_hash, block=block))

    def verifications(self, data_hash: bytes, limit: int = 1_000) -> list[VerificationRecord]:
        """Who signed a datum, oldest first. Anybody can lengthen that list: `limit` entries at most are read."""
        found: list[VerificationRecord] = []
        while len(found) < limit:
            count = min(_PAGE, limit - len(found))
            page = self.contract.call("verifications(bytes32,uint256,uint256)", data_hash, len(found), count)
            found += [one for answer in page if (one := VerificationRecord.of(answer)) is not None]
            if len(page) < count:
                break
        return found

    def batch(self, key: bytes, root: bytes) -> BatchRecord | None:
        """The verification of a Merkle root by a key, None if there is none."""
        answer, size = self.contract.call("batchOf", key, root)
        record = VerificationRecord.of(answer)
        return None if record is None else BatchRecord(record, root, size)

    def is_verified(self, key: bytes, data_hash: bytes, *, block: Block = "latest") -> bool:
        """Whether a key signed a datum, and that still counts."""
        return bool(self.contract.call("isVerified", key, data_hash, block=block))

    def is_verified_in_batch(self, key: bytes, proof: BatchProof) -> bool:
        """Whether a datum is in a batch that a key signed, and that still counts."""
        return bool(self.contract.call("isVerifiedInBatch", key, proof.root, proof.data_hash, list(proof.path)))

    def transaction_of(self, key: bytes, digest: bytes, *, batch: bool = False) -> tuple[str, int]:
        """Hash and block number of the transaction in which a key's datum, or root of a batch, was verified.

        Raises:
            InconsistentEndpointError: the node has no event of it.
        """
        event, name = ("BatchVerified", "root") if batch else ("DataVerified", "dataHash")
        filters = {name: digest, "key": key}
        found = list(self.contract.events(event, self.deployment.first_block, filters=filters))
        if len(found) != 1 or found[0].transaction_hash is None or found[0].block_number is None:
            raise InconsistentEndpointError(
                f"the endpoint has {len(found)} {event} of {digest.hex()} by key {key.hex()}, and there must be one: "
                "does it serve old events?"
            )
        return found[0].transaction_hash, found[0].block_number

    # -- requests to a root ------------------------------------------------------------------------------------------

    def enrolment(self, root: VerifyingKey, account: str | None = None) -> RootEnrolment:
        """What a root signs to be enrolled.

        Args:
            account: the only one that may hand in what it signs; None for anybody.
        """
        return RootEnrolment(self.domain, root.scheme, root.onchain, account or ANYBODY)

    def authorization(
        self,
        root: bytes,
        key: VerifyingKey,
        valid_until: int,
        *,
        valid_from: int = 0,
        account: str | None = None,
        replaces: bytes = NO_KEY,
    ) -> KeyAuthorization:
        """What a root signs to authorise a working key, with the root's nonce of now.

        Args:
            valid_from, valid_until: Unix seconds; `valid_from` 0 for when it is mined.
            account: the only one that may submit for the key; None for anybody.
            replaces: a working key of the same root that ends when this one begins.
        """
        return KeyAuthorization(
            self.domain,
            root,
            key.scheme,
            key.onchain,
            valid_until,
            self.nonce(root),
            account or ANYBODY,
            valid_from,
            replaces,
        )

    def revocation(self, key: bytes, since: int, reason: bytes = NO_KEY) -> KeyRevocation:
        """What a root signs to revoke a key as of a Unix second, now at the latest; `reason` is 32 bytes."""
        return KeyRevocation(self.domain, key, since, reason)

    def hand_in(self, account: Account, signed: SignedRequest) -> Done:
        """Hand in what a root signed; anybody may, unless the root is bound to an account.

        Raises:
            QuantumError: it is for another chain or contract, wrongly signed, signed by another key than the root it
                is about, out of date, or about an ML-DSA key that is not registered.
            RevertedError: with advice.
        """
        message = signed.message
        if message.domain != self.domain:
            raise QuantumError(
                f"this was signed for {message.domain.contract} on chain {message.domain.chain_id}, not for "
                f"{self.domain.contract} on {self.domain.chain_id}: make the request on the right network"
            )
        signed.require_valid()
        if isinstance(message, RootEnrolment):
            return self._enrol(account, message, signed)
        if isinstance(message, KeyAuthorization):
            return self._authorize(account, message, signed)
        if isinstance(message, KeyRevocation):
            return self._revoke(account, message, signed)
        raise QuantumError(f"a {message.KIND} is handed in with its datum (verify_data, verify_batch)")

    def revoke_own(self, account: Account, key: bytes, reason: bytes = NO_KEY) -> Done:
        """Revoke a key from now on as the account that it is bound to, without its root.

        Raises:
            RevertedError: with advice, as when it is bound to another account.
        """
        before = self.key(key)
        if before.revoked_since is not None:
            return Done(before, None)
        name = f"quantum/revoke/{key.hex()}/own"
        receipt = account.send(name, self.contract, "revokeKey", key, 0, reason, b"")
        return Done(self.key(key), receipt)

    # -- data --------------------------------------------------------------------------------------------------------

    def proof(self, key: WorkingKey, data_hash: bytes) -> bytes:
        """The quantum proof of a datum: the key's id and its signature. Raises as `SigningKey.sign` and `key`."""
        return _proof(key, self._verification(key, parse_digest(data_hash)))

    def proves(self, key: WorkingKey, data_hash: bytes, proof: bytes) -> bool:
        """Whether these bytes are a proof of the datum by this key, as far as that can be told off the chain."""
        message = self._verification(key, parse_digest(data_hash))
        return proof[:32] == key.id and key.signer.verifying_key.verify(proof[32:], message.digest)

    def verify_data(
        self, account: Account, key: WorkingKey, data_hash: bytes, *, proof: bytes | None = None
    ) -> Verified:
        """Sign a digest of 32 bytes and have the chain verify it; once for each key and datum.

        Args:
            proof: what `proof` gave; None signs now.

        Raises:
            QuantumError: `proof` is none of this key and datum, or it was verified and counts no more.
            KeyExpiredError: the key's time is over. RevertedError: with advice. Others as `TransactionManager.send`.
        """
        digest = parse_digest(data_hash)

        def call() -> tuple[Any, ...]:
            if proof is not None and not self.proves(key, digest, proof):
                raise QuantumError(f"this is no proof of {digest.hex()} by key {key.id.hex()}: sign it again")
            return "verifyData", digest, proof if proof is not None else self.proof(key, digest)

        name = f"quantum/verify/{key.id.hex()}/{digest.hex()}"
        record, receipt = self._once(account, name, lambda: self.verification(key.id, digest), call)
        return Verified(digest, _counting(record, digest), receipt)

    def verify_batch(self, account: Account, key: WorkingKey, data_hashes: Sequence[bytes]) -> VerifiedBatch:
        """Sign the Merkle root of digests and have the chain verify it: one signature for all of them.

        Raises:
            InputError: no digests, or one that has not 32 bytes. Others as `verify_data`.
        """
        batch = MerkleBatch.of([parse_digest(one) for one in data_hashes])

        def call() -> tuple[Any, ...]:
            message = Batch(self.domain, batch.root, len(batch), key.id, self._bound_to(key))
            return "verifyBatch", batch.root, len(batch), _proof(key, message)

        def done() -> VerificationRecord | None:
            found = self.batch(key.id, batch.root)
            return None if found is None else found.record

        name = f"quantum/batch/{key.id.hex()}/{batch.root.hex()}"
        record, receipt = self._once(account, name, done, call)
        return VerifiedBatch(batch, _counting(record, batch.root), receipt)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _enrol(self, account: Account, message: RootEnrolment, signed: SignedRequest) -> Done:
        if (signed.signer.scheme, signed.signer.onchain) != (message.scheme, message.public_key):
            raise QuantumError("a root enrols itself: this was signed by another key")
        self._require_registered(message.scheme, message.public_key)
        call = ("enrolRoot", int(message.scheme), message.public_key, message.account, signed.signature)
        name = f"quantum/enrol/{message.key.hex()}"
        done = Done(*self._once(account, name, lambda: self.find_key(message.key), lambda: call))
        return _as_asked(done, message.account)

    def _authorize(self, account: Account, message: KeyAuthorization, signed: SignedRequest) -> Done:
        if root_id(signed.signer) != message.root:
            raise QuantumError(f"root {message.root.hex()} authorises its keys: this was signed by another key")
        nonce = self.nonce(message.root)
        if nonce != message.nonce and self.find_key(message.key) is None:
            raise QuantumError(
                f"this authorisation was made for nonce {message.nonce}, and root {message.root.hex()} is at {nonce}: "
                "it authorised another key since; make the request again and have the root sign it"
            )
        self._require_registered(message.scheme, message.public_key)
        call = (
            "authorizeKey",
            message.root,
            int(message.scheme),
            message.public_key,
            message.account,
            message.valid_from,
            message.valid_until,
            message.replaces,
            signed.signature,
        )
        name = f"quantum/authorize/{message.key.hex()}/{message.nonce}"
        done = Done(*self._once(account, name, lambda: self.find_key(message.key), lambda: call))
        return _as_asked(done, message.account, message.valid_until)

    def _revoke(self, account: Account, message: KeyRevocation, signed: SignedRequest) -> Done:
        before = self.key(message.key)
        if root_id(signed.signer) != (message.key if before.is_root else before.root):
            raise QuantumError(f"the root of key {message.key.hex()} revokes it: this was signed by another key")

        def done() -> KeyRecord | None:
            now = self.key(message.key)
            return now if now.revoked_since is not None and now.revoked_since <= message.since else None

        call = ("revokeKey", message.key, message.since, message.reason, signed.signature)
        return Done(*self._once(account, f"quantum/revoke/{message.key.hex()}/{message.since}", done, lambda: call))

    def _once(
        self, account: Account, name: str, done: Callable[[], T | None], call: Callable[[], tuple[Any, ...]]
    ) -> tuple[T, TransactionReceipt | None]:
        """Make a call unless the chain shows that it was made. A signature differs each time it is made, so what an
        earlier call left under way is finished as it is rather than made again."""
        for pending in account.unfinished([f"{name}/{account.address}"]):
            with contextlib.suppress(RevertedError):  # then it is not done, and the call below says why
                account.manager.wait(pending)
        found = done()
        if found is not None:
            return found, None
        try:
            fn, *args = call()
            receipt = account.send(name, self.contract, fn, *args)
        except RevertedError:
            found = done()  # somebody else was faster
            if found is None:
                raise
            return found, None
        found = done()
        if found is None:
            raise InconsistentEndpointError(
                f"transaction {receipt.hash} is final and the endpoint does not show what it did: is it behind?"
            )
        return found, receipt

    def _bound_to(self, key: WorkingKey) -> str:
        return self.key(key.id).account or ANYBODY

    def _verification(self, key: WorkingKey, data_hash: bytes) -> Verification:
        return Verification(self.domain, data_hash, key.id, self._bound_to(key))

    def _require_registered(self, scheme: PostQuantumScheme, public_key: bytes) -> None:
        KeyRegistrar(self.deployment).require_registered(scheme, public_key)


def _proof(key: WorkingKey, message: Message) -> bytes:
    digest = message.digest
    signature = key.signer.sign(digest)
    if not key.signer.verifying_key.verify(signature, digest):  # a fault while signing can give a key away
        raise QuantumError(f"key {key.id.hex()} made a signature that does not verify: is this machine sound?")
    return key.id + signature


def _as_asked(done: Done, account: str, valid_until: int | None = None) -> Done:
    """That a key which was there before is the one that was asked for: its account and life never change."""
    found = done.key
    if (found.account or ANYBODY) != account:
        raise QuantumError(
            f"key {found.id.hex()} is there already, for {found.account or 'anybody'}: this request for {account} was "
            "not done, and never will be; revoke the key and take a new one"
        )
    if valid_until is not None and done.receipt is None and found.revoked_since is not None:
        raise QuantumError(
            f"key {found.id.hex()} is revoked, for good: it is not authorised again; make a new key (novacron quantum "
            "key rotate)"
        )
    if valid_until is not None and found.valid_until > valid_until:
        raise QuantumError(
            f"key {found.id.hex()} is there already, until {found.valid_until}: this request until {valid_until} was "
            "not done, and never will be; revoke the key when its time is over"
        )
    return done


def _counting(record: VerificationRecord, digest: bytes) -> VerificationRecord:
    if not record.good:
        raise QuantumError(
            f"key {record.key.hex()} signed {digest.hex()}, and was revoked as of then or before: it counts for "
            "nothing; sign it with a key that is valid"
        )
    return record
