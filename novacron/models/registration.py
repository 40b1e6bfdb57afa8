"""Registering a model so that nobody can take it out of the mempool: commit, and register a block later.

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
from novacron.models.advice import MODEL_ADVICE
from novacron.models.archive import encode_index
from novacron.models.onchain import ZERO, Lineage, Model, hexed
from novacron.models.references import parse_version
from novacron.models.salts import commitment_salt
from novacron.models.snapshot import RegistryView, pin_blocks
from novacron.provenance.digest import canonical_json
from novacron.provenance.manifest import Manifest

#: Longest metadata, bytes.
MAX_METADATA = 2_048
MAX_PARENTS = 8
MAX_DATASETS = 16
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
class Registered:
    """A model that is registered now.

    Attributes:
        receipt: of the registration; None where it was there before, sent from elsewhere.
        existed: whether it was there before this call.
    """

    model: Model
    receipt: TransactionReceipt | None
    existed: bool

    @property
    def provisional(self) -> bool:
        """Whether somebody who committed earlier could still displace it after its registration."""
        return self.model.final_at > self.model.registered_at


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


def register(account: Account, request: Registration, *, commit: bool = True) -> Registered:
    """Register a model as the account's own, in two transactions; called again, it does what is left to do.

    Args:
        commit: False registers in one transaction. It is then provisional for an hour, in which an owner whose
            commitment is older can displace it, and nothing can build on it.

    Raises:
        ModelError: the digest is registered already: by somebody else, or by the account with other words.
        RevertedError: with advice, before anything was sent: an unknown parent, a run that is not sealed with it …
        Others as `TransactionManager.send`.
    """
    contract = account.deployment.handle("ModelRegistry")
    salt = _salt(account, contract, request.model_hash) if commit else ZERO
    commitment = commitment_of(account.address, request.model_hash, salt)
    key, commit_key = f"model/register/{commitment.hex()}", f"model/commit/{commitment.hex()}"
    committed = commit and (account.begun(commit_key) or bool(contract.call("commitmentBlock", commitment)))
    standing = _standing(account, request, committed)
    if standing is not None:
        receipt = account.send(key, contract, "register", *request.arguments, salt) if account.begun(key) else None
        return Registered(standing, receipt, True)
    gas = None
    if commit and not account.begun(key):
        if not committed:
            with explaining(MODEL_ADVICE):  # nothing is committed to that would be refused at the second step
                contract.call("register", *request.arguments, ZERO, sender=account.address)
        _commit(account, contract, commit_key, commitment)
        gas = _gas(account, contract, key, contract.encode("register", *request.arguments, salt))
    receipt = account.send(key, contract, "register", *request.arguments, salt, gas=gas)
    model = RegistryView(account.deployment, pin_blocks(account.deployment.pool)[1]).find(request.model_hash)
    if model is None or not same_hex(model.owner, account.address):
        raise ModelError(
            f"{hexed(request.model_hash)} was registered in {receipt.hash} and displaced since, by an owner who "
            "committed earlier: look at it (novacron model show)"
        )
    return Registered(model, receipt, False)


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


def _standing(account: Account, request: Registration, committed: bool) -> Model | None:
    """The registration that stands, if it is this very one; None where there is none, or one that can be displaced."""
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
        return model
    if head.time >= model.final_at:
        raise ModelError(
            f"{digest} is registered by {model.owner} since {moment(model.registered_at)}: it stays theirs"
        )
    if not committed:
        raise ModelError(
            f"{digest} was registered by {model.owner} at {moment(model.registered_at)}, before this account committed "
            f"to it; the registration is final at {moment(model.final_at)}"
        )
    return None  # ours is older: the registry decides


def _commit(account: Account, contract: ContractHandle, key: str, commitment: bytes) -> None:
    try:
        account.send(key, contract, "commit", commitment)
    except RevertedError as error:
        # In an earlier life of the journal, or by whoever copied it: it counts for this account only.
        if error.name != "ModelRegistry_AlreadyCommitted":
            raise


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
