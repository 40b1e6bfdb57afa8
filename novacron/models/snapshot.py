"""What the chain says about models at ONE block: every answer of a `RegistryView` is of the same moment.

Reads name the block by its hash (EIP-1898). So an alias that moves, a certificate that is revoked or a block that is
reorganised away while something is being read changes the next answer, never half of this one.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_utils.crypto import keccak

from novacron.chain.answers import is_quantity, same_hex
from novacron.chain.contracts import ContractHandle, EventLog
from novacron.chain.endpoint import Reader
from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import ChainError, InconsistentEndpointError, ModelError, ReorgError, RevertedError
from novacron.market.deployment import Deployment, explaining
from novacron.models.advice import MODEL_ADVICE
from novacron.models.onchain import Certificate, Lineage, Model, RunHead, Signature, Verdict, hexed
from novacron.models.references import NameReference, Reference
from novacron.quantum.schemes import PostQuantumScheme


@dataclass(frozen=True)
class Pin:
    """A block: its number, hash (0x and 64 digits) and time (Unix seconds)."""

    number: int
    hash: str
    time: int

    @classmethod
    def of(cls, block: Mapping[str, Any]) -> Pin:
        """From what a node says of a block."""
        return cls(int(block["number"], 16), str(block["hash"]).lower(), int(block["timestamp"], 16))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"number": self.number, "hash": self.hash, "time": self.time}


def pin_blocks(pool: EndpointPool, confirmations: int = 1) -> tuple[Pin, Pin]:
    """The newest block that has `confirmations` (itself included), and the newest of all, on one endpoint's chain.

    Raises:
        ChainUnavailableError and others, as `EndpointPool.request`.
    """

    def read(reader: Reader) -> tuple[Pin, Pin]:
        head = _block(reader, "latest")
        if confirmations <= 1:
            return head, head
        return _block(reader, hex(max(head.number - confirmations + 1, 0))), head

    return pool.on_one(read)


def pin_at(pool: EndpointPool, number: int) -> Pin:
    """The block of this number. Raises InconsistentEndpointError when the node shows none."""
    return pool.on_one(lambda reader: _block(reader, hex(number)))


def require_canonical(pool: EndpointPool, pin: Pin) -> None:
    """Raise ReorgError when the chain has another block at the pin's height by now."""
    if not same_hex(pin_at(pool, pin.number).hash, pin.hash):
        raise ReorgError(f"block {pin.number} ({pin.hash}) was reorganised away while it was read: try again")


def _block(reader: Reader, tag: str) -> Pin:
    found = reader.request("eth_getBlockByNumber", [tag, False])
    if found is None or not is_quantity(found.get("timestamp")):
        raise InconsistentEndpointError(f"{reader.label} shows no block {tag}")
    return Pin.of(found)


@dataclass(frozen=True)
class ModelState:
    """A model, where it came from, and whether it may be deployed."""

    model: Model
    lineage: Lineage
    certificate: Certificate | None
    verdict: Verdict
    culprit: bytes
    pending_owner: str | None

    @property
    def model_hash(self) -> bytes:
        """Its digest, 32 bytes."""
        return self.model.model_hash


@dataclass(frozen=True)
class NameState:
    """A name: who owns it now, who is offered it, and whether it is frozen."""

    reference: NameReference
    owner: str
    pending_owner: str | None
    frozen: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": str(self.reference),
            "id": hexed(self.reference.id),
            "owner": self.owner,
            "pending_owner": self.pending_owner,
            "frozen": self.frozen,
        }


_NOBODY = "0x" + "00" * 20
#: Digest of no metadata.
_NOTHING = bytes(keccak(b""))
#: Blocks in which a node searches for events at once, as most do.
_SHORT = 10_000


class RegistryView:
    """Reads of a deployment's registry at one block.

    Args:
        deployment: where the contracts are.
        pin: the block.
    """

    def __init__(self, deployment: Deployment, pin: Pin) -> None:
        self.deployment, self.pin = deployment, pin
        self.contract = deployment.handle("ModelRegistry")

    def __repr__(self) -> str:
        return f"<RegistryView of block {self.pin.number}>"

    @cached_property
    def _runs(self) -> ContractHandle:
        return self.deployment.handle("ProofOfTraining")

    @cached_property
    def _verification(self) -> ContractHandle:
        return self.deployment.handle("QuantumVerification")

    def _many(self, handle: ContractHandle, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        with explaining(MODEL_ADVICE):
            return handle.call_many(calls, block=self.pin.hash)

    def _one(self, handle: ContractHandle, fn: str, *args: Any) -> Any:
        return self._many(handle, [(fn, *args)])[0]

    # -- models ------------------------------------------------------------------------------------------------------

    def find(self, model_hash: bytes) -> Model | None:
        """A model, or None when none has this digest."""
        try:
            return Model.of(model_hash, self._one(self.contract, "models", model_hash))
        except RevertedError as error:
            if error.name == "ModelRegistry_UnknownModel":
                return None
            raise

    def state(self, model_hash: bytes) -> ModelState:
        """A model with everything that decides about it. Raises RevertedError with advice when there is none."""
        return self.states([model_hash])[0]

    def states(self, hashes: Sequence[bytes]) -> list[ModelState]:
        """As `state`, for several in one round trip."""
        functions = ("models", "lineageOf", "certificateOf", "verdictOf", "pendingOwnerOf")
        answers = self._many(self.contract, [(fn, one) for one in hashes for fn in functions])
        found = []
        for number, one in enumerate(hashes):
            model, lineage, certificate, verdict, pending = answers[5 * number : 5 * number + 5]
            found.append(
                ModelState(
                    Model.of(one, model),
                    Lineage.of(lineage),
                    Certificate.of(certificate),
                    Verdict(verdict[0]),
                    verdict[1],
                    None if pending == _NOBODY else pending,
                )
            )
        return found

    def verdicts(self, hashes: Sequence[bytes]) -> list[Verdict]:
        """What the registry says of several digests, registered or not, in one round trip for each hundred."""
        return [Verdict(verdict) for verdict, _ in self._many(self.contract, [("verdictOf", one) for one in hashes])]

    def kept_metadata(self, model_hash: bytes) -> str:
        """Metadata that is kept on chain; empty where it is in the event only."""
        return str(self._one(self.contract, "metadataOf", model_hash))

    def run(self, run: bytes) -> RunHead:
        """The head of a training run. Raises ConfigurationError when ProofOfTraining is not in the manifest."""
        owner, size, root, updated_at, model = self._one(self._runs, "headOf", run)
        return RunHead(run, owner, size, root, updated_at, model)

    def signature(self, key: bytes, model_hash: bytes) -> Signature:
        """What QuantumVerification holds of a key's signature of a model; not good where there is none.

        Raises:
            ConfigurationError: QuantumVerification is not in the manifest.
            RevertedError: no such key.
        """
        calls = [("verificationOf", key, model_hash), ("isVerified", key, model_hash), ("keyOf", key)]
        verification, good, found = self._many(self._verification, calls)
        _, _, timestamp, verifier, counts = verification
        root, scheme = found[0], PostQuantumScheme(found[1])
        return Signature(key, root, scheme, timestamp, verifier, bool(good and counts and timestamp))

    # -- names -------------------------------------------------------------------------------------------------------

    def name(self, reference: NameReference) -> NameState:
        """A name. Raises RevertedError with advice when there is none."""
        owner, pending, frozen, name = self._one(self.contract, "nameOf", reference.id)
        if name != reference.name:
            raise InconsistentEndpointError(f"the registry calls {reference} {name!r}")
        return NameState(reference, owner, None if pending == _NOBODY else pending, frozen)

    def has_name(self, reference: NameReference) -> bool:
        """Whether a name was created."""
        try:
            self.name(reference)
        except RevertedError as error:
            if error.name == "ModelRegistry_UnknownName":
                return False
            raise
        return True

    def alias(self, name: NameReference, alias: str) -> tuple[bytes, bool]:
        """What an alias points to (zero for nothing), and whether it is frozen."""
        target, frozen = self._one(self.contract, "aliasOf", name.id, alias)
        return target, frozen

    def resolve(self, reference: Reference, time: int | None = None) -> bytes:
        """The digest of the model that a reference names.

        Args:
            time: Unix seconds: what an alias meant at the end of that second. Digests and versions never change.

        Raises:
            RevertedError: a second that is not over.
            ModelError: no such name; the alias points to nothing, or the name has no such version.
        """
        if reference.model_hash is not None:
            return reference.model_hash
        assert reference.name is not None  # a Reference is a digest or a name
        name = reference.name.id
        calls: list[tuple[Any, ...]] = [("nameOf", name)]
        if reference.version is not None:
            calls.append(("modelOf", name, reference.version))
        elif time is None:
            calls.append(("aliasOf", name, reference.alias))
        else:
            calls.append(("aliasAt", name, reference.alias, time))
        try:
            _, answer = self._many(self.contract, calls)
        except RevertedError as error:
            if error.name != "ModelRegistry_UnknownName":
                raise
            raise ModelError(
                f"there is no name {reference.name}: look at its spelling and its publisher (novacron model name list)"
            ) from None
        found = answer[0] if isinstance(answer, tuple) else answer
        if any(found):
            return bytes(found)
        if reference.version is not None:
            raise ModelError(
                f"{reference.name} has no version {reference.version}: list them (novacron model name show)"
            )
        then = "points to nothing" if time is None else "pointed to nothing at that time"
        raise ModelError(f"{reference} {then}: its owner sets it (novacron model alias set)")

    # -- events ------------------------------------------------------------------------------------------------------

    def _events(self, name: str, filters: Mapping[str, Any], span: tuple[int, int] | None = None) -> list[EventLog]:
        """Events up to the view's block, oldest first; asked for at once, and in parts where the node wants that."""
        first, last = (self.deployment.first_block, self.pin.number) if span is None else span
        return list(self.contract.events(name, first, last, filters, chunk=max(last - first + 1, 1)))

    def _blocks_of(self, time: int) -> tuple[int, int]:
        """First and last block of a second, found by halves where the chain is long: nodes limit their searches."""
        first, last = self.deployment.first_block, self.pin.number
        if last - first <= _SHORT:
            return first, last
        numbers = range(first, last + 1)
        start = bisect.bisect_left(numbers, time, key=self._time_of)
        return first + start, first + bisect.bisect_right(numbers, time, lo=start, key=self._time_of) - 1

    def _time_of(self, number: int) -> int:
        return self.deployment.pool.on_one(lambda reader: _block(reader, hex(number))).time

    def metadata(self, state: ModelState) -> str | None:
        """The metadata of a model, from the chain or from the event; None where the event's text is no UTF-8.

        Raises:
            InconsistentEndpointError: the node has no event whose text has the digest that the registry holds.
        """
        model, filters = state.model, {"modelHash": state.model_hash}
        if model.metadata_digest == _NOTHING:
            return ""
        if model.metadata_kept:
            texts = [self.kept_metadata(model.model_hash)]
        else:
            # The registration that stands is the latest; one that was displaced before it may have said anything.
            registered = self._events("ModelRegistered", filters, self._blocks_of(model.registered_at))[-1:]
            try:
                spans = [(event.block_number or 0, event.block_number or 0) for event in registered]
                described = [event for span in spans for event in self._events("ModelDescribed", filters, span)]
            except InconsistentEndpointError:
                return None
            texts = [event.args["metadata"] for event in described]
        for text in texts:
            if keccak(text.encode()) == model.metadata_digest:
                return str(text)
        raise InconsistentEndpointError(
            f"the node has no metadata of {hexed(model.model_hash)} with the digest that the registry holds; it may "
            "not keep events that far back: use another RPC address"
        )

    def revocation_reason(self, model: Model) -> str | None:
        """Why a model was revoked; None when it was not, or the reason is not to be had. It decides nothing."""
        if not model.revoked_at:
            return None
        try:
            events = self._events("ModelRevoked", {"modelHash": model.model_hash}, self._blocks_of(model.revoked_at))
        except ChainError:
            return None
        return events[-1].args["reason"] if events else None

    def names_of(self, model_hashes: Sequence[bytes]) -> dict[bytes, list[tuple[NameReference, str]]]:
        """Under which names, and as which version each, models were published; nothing of those that were not."""
        found: dict[bytes, list[tuple[NameReference, str]]] = {}
        events = self._events("VersionPublished", {"modelHash": list(model_hashes)})
        ids = list(dict.fromkeys(event.args["nameId"] for event in events))
        created = {one.args["nameId"]: one.args for one in self._events("NameCreated", {"nameId": ids})} if ids else {}
        for event in events:
            if (name := created.get(event.args["nameId"])) is not None:
                one = NameReference(name["creator"], name["name"])
                found.setdefault(event.args["modelHash"], []).append((one, event.args["version"]))
        return found

    def names_by(self, publisher: str) -> list[NameReference]:
        """The names that somebody created, oldest first."""
        events = self._events("NameCreated", {"creator": publisher})
        return [NameReference(event.args["creator"], event.args["name"]) for event in events]

    def versions(self, name: NameReference) -> list[tuple[str, bytes]]:
        """Versions of a name and their models, oldest publication first."""
        events = self._events("VersionPublished", {"nameId": name.id})
        return [(event.args["version"], event.args["modelHash"]) for event in events]

    def aliases(self, name: NameReference) -> dict[str, tuple[bytes, bool]]:
        """Every alias a name ever had: what it points to at this block (zero for nothing), and whether it is frozen."""
        words = list(dict.fromkeys(event.args["name"] for event in self._events("AliasMoved", {"nameId": name.id})))
        answers = self._many(self.contract, [("aliasOf", name.id, word) for word in words]) if words else []
        return dict(zip(words, answers, strict=True))

    def alias_moves(self, name: NameReference, alias: str) -> list[tuple[int, bytes]]:
        """Every movement of an alias: the block's number, and what it pointed to from then on (zero for nothing)."""
        events = self._events("AliasMoved", {"nameId": name.id})
        return [(event.block_number or 0, event.args["to"]) for event in events if event.args["name"] == alias]
