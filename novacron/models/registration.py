"""Registering a model so that nobody can take it: commit before anything shows its digest, and register later.

Of two owners the one with the older commitment gets the model. So nothing here sends the digest to a node before the
commitment is mined: what the registry would refuse is found only then, and costs the commitment's gas. A registration
is provisional for an hour, and final at once where its commitment is an hour old.

Both steps go through the journal under keys that follow from the commitment, and its salt follows from a secret beside
the journal. So whoever is stopped between them, or inside one, calls `register` again and goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.chain.answers import same_hex
from novacron.chain.contracts import ContractHandle
from novacron.chain.entries import Intent
from novacron.chain.preflight import estimate
from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import InputError, ModelError, RevertedError
from novacron.market.advice import moment
from novacron.market.deployment import Account, explaining
from novacron.models.archive import encode_index
from novacron.models.onchain import ZERO, Lineage, Model, hexed
from novacron.models.references import parse_version
from novacron.models.salts import commitment_salt
from novacron.models.snapshot import RegistryView, pin_at, pin_blocks
from novacron.provenance.digest import canonical_json
from novacron.provenance.manifest import Manifest

#: Longest metadata, bytes.
MAX_METADATA = 2_048
MAX_PARENTS = 8
MAX_DATASETS = 16
#: Seconds for which a registration can be displaced, and after which a commitment makes one final at once.
PROVISIONAL_PERIOD = 3_600
#: Seconds to wait for a block after the commitment's, and between two looks; per cent added to the gas.
_PATIENCE, _PAUSE, _MARGIN = 120.0, 1.0, 20
#: Member of the metadata that binds the names of a model's files, too: the digest of its manifest.
MANIFEST_MEMBER = "manifest"


@dataclass(frozen=True)
class Registration:
    """What is to be registered.

    Attributes:
        model_hash: root of the model's manifest, 32 bytes.
        version: Semantic Versioning 2.0.0, at most 32 bytes.
        metadata: any text of at most 2,048 bytes; see `metadata_text`.
        vector_hash: digest of its embedding, zero for none.
        keep_metadata: whether contracts must be able to read the metadata (some 200 gas a byte more).

    Raises:
        InputError: what the registry would refuse by itself; names it.
    """

    model_hash: bytes
    version: str
    metadata: str = ""
    vector_hash: bytes = ZERO
    keep_metadata: bool = False
    lineage: Lineage = field(default_factory=Lineage)

    def __post_init__(self) -> None:
        parse_version(self.version)
        digests = [self.model_hash, self.vector_hash, self.lineage.run, self.lineage.verification_key]
        parents = [parent.model_hash for parent in self.lineage.parents]
        if any(len(one) != 32 for one in [*digests, *parents, *self.lineage.datasets]):
            raise InputError("a digest is 32 bytes")
        if not any(self.model_hash):
            raise InputError("a digest of 32 zero bytes is that of no model")
        size = len(self.metadata.encode())
        if size > MAX_METADATA:
            raise InputError(f"metadata of {size} bytes: at most {MAX_METADATA}; keep the rest elsewhere")
        if len(parents) > MAX_PARENTS or len(self.lineage.datasets) > MAX_DATASETS:
            raise InputError(f"at most {MAX_PARENTS} parents and {MAX_DATASETS} data sets")
        if len(set(parents)) != len(parents):
            raise InputError("a parent is named twice; name each once, with one relation")
        if self.model_hash in parents:
            raise InputError(f"{hexed(self.model_hash)} cannot be its own parent")

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Of `register`, without the salt."""
        words = (self.version, self.metadata, self.keep_metadata)
        return (self.model_hash, self.vector_hash, *words, self.lineage.to_tuple())

    def differences(self, model: Model, lineage: Lineage) -> list[str]:
        """In what a registered model is another one; empty when it is this."""
        pairs = {
            "version": (self.version, model.version),
            "metadata": (keccak(self.metadata.encode()), model.metadata_digest),
            "whether the metadata is kept": (self.keep_metadata, model.metadata_kept),
            "vector": (self.vector_hash, model.vector_hash),
            "parents": (self.lineage.parents, lineage.parents),
            "data sets": (self.lineage.datasets, lineage.datasets),
            "run": (self.lineage.run, lineage.run),
            "verification": (self.lineage.verification_key, lineage.verification_key),
        }
        return [name for name, (mine, theirs) in pairs.items() if mine != theirs]


@dataclass(frozen=True)
class Commitment:
    """A claim to a model that does not show it.

    Attributes:
        digest: what the chain holds, 32 bytes; see `commitment_of`.
        block: number of its block. Of two owners the one with the older commitment gets the model.
        timestamp: of that block, Unix seconds.
        receipt: of the commitment; None where it was sent from elsewhere.
        existed: whether it was there before this call.
    """

    digest: bytes
    block: int
    timestamp: int
    receipt: TransactionReceipt | None
    existed: bool

    @property
    def matures_at(self) -> int:
        """First second, Unix time, at which a registration on it is final at once."""
        return self.timestamp + PROVISIONAL_PERIOD


@dataclass(frozen=True)
class Registered:
    """A model that is registered now.

    Attributes:
        time: of the block as of which it is, Unix seconds.
        receipt: of the registration; None where it was there before, sent from elsewhere.
        existed: whether it was there before this call.
    """

    model: Model
    time: int
    receipt: TransactionReceipt | None
    existed: bool

    @property
    def final_at(self) -> int:
        """First second at which nobody can displace it, and it can be published, certified and built on; Unix time."""
        return self.model.final_at

    @property
    def provisional(self) -> bool:
        """Whether somebody who committed earlier can still displace it."""
        return self.time < self.final_at


def metadata_text(members: Mapping[str, Any], manifest_digest: bytes | None = None) -> str:
    """Metadata as this package writes it: canonical JSON (RFC 8785), with the manifest's digest where there is one.

    Raises:
        InputError: no JSON values, a `manifest` of the caller's own that differs, or more than 2,048 bytes.
    """
    whole = dict(members)
    if manifest_digest is not None:
        given = whole.setdefault(MANIFEST_MEMBER, manifest_digest.hex())
        if given != manifest_digest.hex():
            raise InputError(
                f"metadata {MANIFEST_MEMBER!r} is {given!r}, the files' own is {manifest_digest.hex()}: leave it out"
            )
    if not whole:
        return ""
    text = canonical_json(whole)
    if len(text) > MAX_METADATA:
        raise InputError(f"metadata of {len(text)} bytes: at most {MAX_METADATA}; keep the rest elsewhere")
    return text.decode()


def manifest_digest(manifest: Manifest) -> bytes:
    """SHA-256 that binds the names of a model's files, too, as `Package.manifest_digest`; its own digest does not."""
    return hashlib.sha256(encode_index(manifest.files)).digest()


def manifest_digest_of(metadata: str | None) -> bytes | None:
    """The manifest's digest in metadata that `metadata_text` wrote; None in any other."""
    try:
        members = json.loads(metadata or "")
        return bytes.fromhex(members[MANIFEST_MEMBER]) if len(members[MANIFEST_MEMBER]) == 64 else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def commit(account: Account, model_hash: bytes) -> Commitment:
    """Claim a model without showing it, before anything else does: sealing its run, signing it, looking it up.

    Called again, it says when that was. `register` uses the commitment, from the next block on.

    Raises:
        InputError: the digest is none.
        ModelError: the commitment is used up: the model was registered with it.
        Others as `TransactionManager.send`.
    """
    if len(model_hash) != len(ZERO) or not any(model_hash):
        raise InputError("a model's digest is 32 bytes, not all zero")
    contract = account.deployment.handle("ModelRegistry")
    salt = _salt(account, contract, model_hash)
    made = _commit(account, contract, commitment_of(account.address, model_hash, salt))
    if made.existed and not contract.call("commitmentBlock", made.digest):
        raise ModelError(
            f"{hexed(model_hash)} was committed to in block {made.block}, and registered with that since: look at it "
            "(novacron model show)"
        )
    return made


def register(account: Account, request: Registration, *, commit: bool = True) -> Registered:
    """Register a model as the account's own; called again, it does what is left to do.

    On the account's commitment (see `commit`), or, without one, on one that is made first. That takes a transaction,
    and its gas is all that is lost when the registration is refused then: asking before would show the digest.

    Args:
        commit: False registers in one transaction, which whoever sees it first can take the model from.

    Raises:
        ModelError: the digest is registered already: by the account with other words, or by somebody else, for good
            or on a commitment that is no younger.
        RevertedError: with advice, before the registration was sent: an unknown parent, a run that is not sealed with
            it …
        Others as `TransactionManager.send`.
    """
    contract = account.deployment.handle("ModelRegistry")
    salt = _salt(account, contract, request.model_hash) if commit else ZERO
    commitment = commitment_of(account.address, request.model_hash, salt)
    key = f"model/register/{commitment.hex()}"
    begun = account.begun(key)
    made = _commit(account, contract, commitment) if commit and not begun else None
    standing = _standing(account, request, may_displace=begun or made is not None)
    if standing is not None:
        receipt = account.send(key, contract, "register", *request.arguments, salt) if begun else None
        return Registered(*standing, receipt, True)
    gas = None
    if made is not None:
        try:
            gas = _gas(account, contract, key, contract.encode("register", *request.arguments, salt))
        except RevertedError as error:
            if error.name != "ModelRegistry_AlreadyRegistered":
                raise
            raise _came_first(account, request.model_hash, made) from None
    receipt = account.send(key, contract, "register", *request.arguments, salt, gas=gas)
    head = pin_blocks(account.deployment.pool)[1]
    model = RegistryView(account.deployment, head).find(request.model_hash)
    if model is None or not same_hex(model.owner, account.address):
        raise ModelError(
            f"{hexed(request.model_hash)} was registered in {receipt.hash} and displaced since, by an owner who "
            "committed earlier: look at it (novacron model show)"
        )
    return Registered(model, head.time, receipt, False)


def commitment_of(owner: str, model_hash: bytes, salt: bytes) -> bytes:
    """keccak256(abi.encode(owner, modelHash, salt)), as `IModelRegistry.commitmentOf`."""
    return bytes(keccak(encode(["address", "bytes32", "bytes32"], [owner, model_hash, salt])))


def _salt(account: Account, contract: ContractHandle, model_hash: bytes) -> bytes:
    return commitment_salt(
        account.manager.journal.path,
        chain_id=account.deployment.pool.chain_id(),
        registry=contract.address,
        owner=account.address,
        model_hash=model_hash,
    )


def _standing(account: Account, request: Registration, *, may_displace: bool) -> tuple[Model, int] | None:
    """The registration that stands, if it is this very one, and as of when; None where there is none, or a provisional
    one that an older commitment displaces: whether the account's is older only the registry knows."""
    _, head = pin_blocks(account.deployment.pool)
    view = RegistryView(account.deployment, head)
    model = view.find(request.model_hash)
    if model is None:
        return None
    digest = hexed(request.model_hash)
    if same_hex(model.owner, account.address):
        wrong = request.differences(model, view.state(request.model_hash).lineage)
        if wrong:
            raise ModelError(
                f"{digest} is registered by this account already, with another {', another '.join(wrong)}: a "
                "registration never changes (novacron model show)"
            )
        return model, head.time
    if head.time >= model.final_at:
        raise ModelError(
            f"{digest} is registered by {model.owner} since {moment(model.registered_at)}: it stays theirs"
        )
    if not may_displace:
        raise ModelError(
            f"{digest} was registered by {model.owner} at {moment(model.registered_at)}, and this account has not "
            f"committed to it; the registration is final at {moment(model.final_at)}"
        )
    return None


def _came_first(account: Account, model_hash: bytes, made: Commitment) -> ModelError:
    """The registry does not let the account's commitment displace the registration that stands."""
    model = RegistryView(account.deployment, pin_blocks(account.deployment.pool)[1]).find(model_hash)
    if model is None:  # reorganised away since
        return ModelError(f"the registration of {hexed(model_hash)} is changing: give the command again")
    return ModelError(
        f"{hexed(model_hash)} was registered by {model.owner} at {moment(model.registered_at)}, and this account's "
        f"commitment of {moment(made.timestamp)} (block {made.block}) is not older than theirs: it stays theirs, for "
        f"good from {moment(model.final_at)}, unless somebody else's is older (novacron model show)"
    )


def _commit(account: Account, contract: ContractHandle, digest: bytes) -> Commitment:
    key, receipt = f"model/commit/{digest.hex()}", None
    existed = account.begun(key)
    if existed or not contract.call("commitmentBlock", digest):
        try:
            receipt = account.send(key, contract, "commit", digest)
        except RevertedError as error:
            # By whoever copied it: it counts for this account only.
            if error.name != "ModelRegistry_AlreadyCommitted":
                raise
    # Without a receipt it was made in an earlier life of the journal, or by whoever copied it.
    number = int(contract.call("commitmentBlock", digest)) if receipt is None else receipt.block_number
    if not number:
        raise ModelError(f"the node does not show the commitment {hexed(digest)} any more: give the command again")
    timestamp = pin_at(account.deployment.pool, number).time
    return Commitment(digest, number, timestamp, receipt, existed or receipt is None)


def _gas(account: Account, contract: ContractHandle, key: str, data: bytes) -> int:
    """Gas of the registration as of the block after the newest: the commitment must be of an earlier one.

    Raises:
        ModelError: the node estimates on the commitment's own block, and there is no later one yet.
    """
    pool, end = account.deployment.pool, time.monotonic() + _PATIENCE
    intent = Intent(key, pool.chain_id(), account.address, contract.address, data)
    with explaining(account.advice):
        while True:
            try:
                return estimate(pool, intent, _MARGIN, pending=True, decoder=contract.errors)
            except RevertedError as error:
                if error.name != "ModelRegistry_NotCommitted" or not error.arguments[1]:
                    raise
            if time.monotonic() > end:
                raise ModelError(
                    "the commitment is made, and no block has followed its own yet: give the command again, it goes on "
                    "from here"
                )
            time.sleep(_PAUSE)
