"""A sealed model in an object store: fetch, verify, re-key, copy, delete. `novacron.models.package` puts one there.

    payloads/<salt>         the sealed archive (novacron.models.archive, novacron.models.sealing)
    headers/<sha256>        what opens it
    packages/<model hash>   a small JSON record that names the header; written last, so that it is what counts

The model's hash is the root of its manifest, the digest that training runs are sealed with. Nothing in a store is
believed: what is fetched must open under a key of ours and hash to the model that was asked for, wholly, before a byte
of it is written. No plaintext reaches a disk but the one that the caller asked for.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from novacron.exceptions import (
    ArchiveError,
    CorruptObjectError,
    InputError,
    InvalidDigestError,
    MissingObjectError,
    PackageExistsError,
    PackageMismatchError,
    SealFormatError,
    UnknownPackageError,
)
from novacron.models.archive import Index, Sink, read_archive
from novacron.models.output import Output, Verification
from novacron.models.pickles import find_pickles, inspect_container, refuse_pickles
from novacron.models.recipients import FileKey
from novacron.models.sealing import MAX_HEADER_SIZE, SealedHeader, SealedView, rekey, unseal
from novacron.models.stores import ObjectStore, read_object
from novacron.provenance.digest import canonical_json, parse_digest
from novacron.provenance.manifest import Manifest, ProgressCallback
from novacron.quantum.keys import EncryptionKey, RecipientKey

FORMAT = "novacron-package-v1"
MAX_RECORD = 4096
#: Reads of a record whose header is gone, each time another one, before the store counts as damaged.
_ATTEMPTS = 5
PACKAGES, HEADERS, PAYLOADS = "packages/", "headers/", "payloads/"

_HEX = re.compile("[0-9a-f]{64}")
_FIELDS = frozenset({"format", "modelHash", "manifestDigest", "modelSize", "files", "header"})


@dataclass(frozen=True)
class Package:
    """A sealed model in a store. Its claims about the content are the store's until `fetch` has checked them.

    Attributes:
        model_hash: root of the model's manifest, 32 bytes.
        manifest_digest: SHA-256 of the archive's index: it binds the names of the files, which the root does not.
        size: bytes of the model's files. files: how many.
        header: who may open it, and what the payload is.
    """

    model_hash: bytes
    manifest_digest: bytes
    size: int
    files: int
    header: SealedHeader

    @property
    def header_id(self) -> bytes:
        """SHA-256 of the header's bytes."""
        return self.header.id

    @property
    def payload(self) -> str:
        """The payload's name in the store."""
        return PAYLOADS + self.header.salt.hex()

    @property
    def payload_digest(self) -> bytes:
        """SHA-256 of the payload's bytes."""
        return self.header.payload_digest

    @property
    def sealed_size(self) -> int:
        """Bytes of the payload."""
        return self.header.payload_size

    @property
    def recipients(self) -> tuple[bytes, ...]:
        """Ids of the keys that open it."""
        return self.header.recipients

    def to_json(self) -> dict[str, Any]:
        """The record, JSON-ready; digests as 64 hexadecimal digits, sizes in bytes."""
        return {
            "format": FORMAT,
            "modelHash": self.model_hash.hex(),
            "manifestDigest": self.manifest_digest.hex(),
            "modelSize": self.size,
            "files": self.files,
            "header": self.header_id.hex(),
        }

    # -- reading ------------------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, store: ObjectStore, model_hash: bytes) -> Package:
        """The package of a model: its record and its header.

        Raises:
            UnknownPackageError: the store has none.
            CorruptObjectError: record or header are damaged, or do not belong together.
            StorageError, StoreError: the store does not answer.
        """
        record, encoded = cls._load_bytes(store, model_hash)
        header_name = HEADERS + record["header"]
        if hashlib.sha256(encoded).hexdigest() != record["header"]:
            raise CorruptObjectError(f"{header_name} in {store!r} is damaged; copy the package again or put it anew")
        try:
            header = SealedHeader.decode(encoded)
        except SealFormatError as error:
            raise CorruptObjectError(f"{header_name} in {store!r}: {error}") from error
        manifest_digest = bytes.fromhex(record["manifestDigest"])
        return cls(model_hash, manifest_digest, record["modelSize"], record["files"], header)

    @staticmethod
    def _load_bytes(store: ObjectStore, model_hash: bytes) -> tuple[dict[str, Any], bytes]:
        """Record and encoded header."""
        name = _record_name(model_hash)
        missing = ""
        for _ in range(_ATTEMPTS):
            try:
                record = _parse_record(read_object(store, name, MAX_RECORD), name, store)
            except MissingObjectError:
                raise UnknownPackageError(f"{store!r} has no package of the model {model_hash.hex()}") from None
            if record["modelHash"] != model_hash.hex():
                raise CorruptObjectError(f"{name} in {store!r} is the record of another model; put the model again")
            if record["header"] == missing:
                raise CorruptObjectError(f"{HEADERS}{missing} is missing in {store!r}; put the model again")
            try:
                return record, read_object(store, HEADERS + record["header"], MAX_HEADER_SIZE)
            except MissingObjectError:  # re-keyed between the two reads, or really lost
                missing = record["header"]
        raise CorruptObjectError(f"{name} in {store!r} names another header each time it is read; put the model again")

    def fetch(
        self,
        store: ObjectStore,
        key: EncryptionKey,
        target: Path | str,
        *,
        allow_pickle: bool = False,
        manifest_digest: bytes | None = None,
        approve: Callable[[Path], object] | None = None,
        progress: ProgressCallback | None = None,
    ) -> Manifest:
        """Write the model to `target`, a file or folder that does not exist yet; returns its manifest.

        The payload is read twice: all of it is opened and hashed, and only then is it written, beside the target, and
        renamed. So a target that is there is the model, whole. Files are for their owner only (0600, folders 0700).

        Args:
            allow_pickle: write a model with pickled objects too. Nothing here ever loads them.
            manifest_digest: what the archive's index must hash to, where the caller knows it.
            approve: shown all that was written before it gets its name; what it raises leaves nothing.
            progress: called with (bytes done, bytes in all), both passes counted.

        Raises:
            NotARecipientError, SealTamperedError: the key does not open it, or it was altered.
            PackageMismatchError: it opens, but is not this model.
            PickleRefusedError: it holds pickled objects.
            InputError: the target exists, or its folder does not.
            StoreBusyError: another process fetches to the same target.
            StoreFullError, StorageError, StoreError: the disk, or the store. Nothing is at the target in any case.
        """
        file_key = self.header.open(key)
        report = Progress(progress, 2 * self.header.size)
        with Output(Path(target)) as output:
            verification = Verification()
            index = self._read(store, file_key, verification, manifest_digest, report)
            if not allow_pickle:
                refuse_pickles(self._pickles(store, file_key, index, verification))
            self._read(store, file_key, output, manifest_digest, report)
            if not allow_pickle:  # again: a store and a maker in league can show other bytes to who looks into a part
                refuse_pickles(find_pickles(output.content))
            if approve is not None:
                approve(output.content)
            output.publish()
        return index.manifest

    def verify(
        self,
        store: ObjectStore,
        key: EncryptionKey,
        *,
        manifest_digest: bytes | None = None,
        progress: ProgressCallback | None = None,
    ) -> Manifest:
        """Open and hash all of it, write nothing; returns the manifest. Raises as `fetch`, pickles aside."""
        report = Progress(progress, self.header.size)
        return self._read(store, self.header.open(key), Verification(), manifest_digest, report).manifest

    def verify_sealed(self, store: ObjectStore) -> None:
        """Check that the payload is the one of the header, without a key.

        Raises:
            CorruptObjectError: damaged, or missing.
            StorageError, StoreError: the store does not answer.
        """
        for _ in self._checked_payload(store):
            pass

    def _read(
        self,
        store: ObjectStore,
        file_key: FileKey,
        sink: Output | Verification,
        manifest_digest: bytes | None,
        report: Progress,
    ) -> Index:
        def accept(index: Index) -> Sink:
            self._expect(index, manifest_digest)
            sink.start(index)
            return sink

        try:
            payload = store.get(self.payload)
            return read_archive(report.counted(unseal(self.header, file_key, payload)), accept)
        except MissingObjectError:
            raise CorruptObjectError(f"{self.payload} is missing in {store!r}; put the model again") from None
        except ArchiveError as error:
            raise PackageMismatchError(
                f"the package of {self.model_hash.hex()}: {error}; nothing was written"
            ) from error

    def _expect(self, index: Index, manifest_digest: bytes | None) -> None:
        root = index.manifest.root
        if root != self.model_hash:
            raise PackageMismatchError(
                f"the package of {self.model_hash.hex()} holds the model {root.hex()}; nothing was written"
            )
        if manifest_digest is not None and index.digest != manifest_digest:
            raise PackageMismatchError(
                f"the index of the package of {self.model_hash.hex()} hashes to {index.digest.hex()}, expected "
                f"{manifest_digest.hex()}: its files have other names; nothing was written"
            )
        claims = (index.digest, index.manifest.size, len(index.manifest.files), index.archive_size)
        if claims != (self.manifest_digest, self.size, self.files, self.header.size):
            raise PackageMismatchError(
                f"the record of the package of {self.model_hash.hex()} describes another archive; nothing was written"
            )

    def _pickles(
        self, store: ObjectStore, file_key: FileKey, index: Index, verification: Verification
    ) -> list[tuple[str, str]]:
        def fetch(start: int, length: int) -> bytes:
            return b"".join(store.get(self.payload, start, length))

        findings = dict(verification.findings)
        position = index.length
        for entry in index.manifest.files:
            if entry.path in verification.containers:
                with io.BufferedReader(SealedView(self.header, file_key, fetch, position, entry.size)) as view:
                    reason = inspect_container(view)
                if reason is not None:
                    findings.setdefault(entry.path, reason)
            position += entry.size
        return sorted(findings.items())

    # -- writing ------------------------------------------------------------------------------------------------------

    def rekey(self, store: ObjectStore, key: EncryptionKey, recipients: Sequence[RecipientKey]) -> Package:
        """Give the package other recipients; the payload stays byte for byte. The old header is removed.

        Whoever could open it before may have kept the old header or the file key: see `novacron.models.sealing.rekey`.

        Raises:
            NotARecipientError, SealTamperedError, InputError: as `novacron.models.sealing.rekey`.
            StorageError, StoreError: the store; then the old header still counts.
        """
        new = replace(self, header=rekey(self.header, key, recipients))
        new.write_record(store)
        new.remove_replaced(store, self)
        return new

    def copy_to(self, store: ObjectStore, other: ObjectStore, *, replace: bool = False) -> Package:
        """Copy the package from `store` to another one, sealed as it is. An upload that was killed goes on.

        Args:
            replace: replace a package that the other store has of the same model.

        Raises:
            PackageExistsError: the other store has the model for other recipients, or under another key.
            CorruptObjectError: the payload here is not the one of the header; nothing counts there.
            StorageError, StoreError: either store.
        """
        present = load_if_sound(other, self.model_hash)
        if present is not None and present.header_id != self.header_id and not replace:
            raise PackageExistsError(
                f"{other!r} has the model {self.model_hash.hex()} under another header; delete it there, or replace it"
            )
        found = other.stat(self.payload)
        if found is None or found.size != self.sealed_size:
            other.put(self.payload, self._checked_payload(store), size=self.sealed_size, resume=True)
        self.write_record(other)
        if present is not None:
            self.remove_replaced(other, present)
        return self

    def delete(self, store: ObjectStore) -> None:
        """Remove the package: the record first, so that nothing counts any more. Raises StorageError, StoreError."""
        store.delete(_record_name(self.model_hash))
        store.delete(HEADERS + self.header_id.hex())
        store.delete(self.payload)

    def _checked_payload(self, store: ObjectStore) -> Iterator[bytes]:
        """The payload's bytes, the last of them only when all hash to what the header says."""
        digest, held = hashlib.sha256(), b""
        try:
            for piece in store.get(self.payload):
                digest.update(piece)
                if held:
                    yield held
                held = piece
        except MissingObjectError:
            raise CorruptObjectError(f"{self.payload} is missing in {store!r}; put the model again") from None
        if digest.digest() != self.payload_digest:
            raise CorruptObjectError(
                f"{self.payload} in {store!r} is damaged: it does not hash to what its header says"
            )
        yield held

    def write_record(self, store: ObjectStore) -> None:
        """Let the package count in a store that has its payload: header first, record last."""
        store.put(HEADERS + self.header_id.hex(), [self.header.encode()])
        store.put(_record_name(self.model_hash), [canonical_json(self.to_json())])

    def remove_replaced(self, store: ObjectStore, old: Package) -> None:
        """Remove what was the package's before this one was written."""
        if old.header_id != self.header_id:
            store.delete(HEADERS + old.header_id.hex())
        if old.payload != self.payload:
            store.delete(old.payload)


def load_if_sound(store: ObjectStore, model_hash: bytes) -> Package | None:
    """The package of a model; None when the store has none, or one that is damaged, which may be put again.

    Raises:
        StorageError, StoreError: the store.
    """
    try:
        return Package.load(store, model_hash)
    except (UnknownPackageError, CorruptObjectError):
        return None


class Progress:
    """Adds up what is done."""

    def __init__(self, callback: ProgressCallback | None, total: int) -> None:
        self._callback, self._total, self._done = callback, total, 0

    def counted(self, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        """The pieces, reported when each was taken."""
        for piece in pieces:
            yield piece
            self.advance(len(piece))

    def advance(self, count: int) -> None:
        """So many bytes more are done."""
        self._done += count
        if self._callback is not None:
            self._callback(self._done, self._total)


def _record_name(model_hash: bytes) -> str:
    try:
        return PACKAGES + parse_digest(model_hash).hex()
    except InvalidDigestError as error:
        raise InputError(f"a model is named by its hash: {error}") from error


def _parse_record(data: bytes, name: str, store: ObjectStore) -> dict[str, Any]:
    def damaged(why: str) -> CorruptObjectError:
        return CorruptObjectError(f"{name} in {store!r} is no record of a package ({why}); put the model again")

    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        raise damaged("not JSON") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT or record.keys() != _FIELDS:
        raise damaged("another format")
    for field in ("modelHash", "manifestDigest", "header"):
        if not isinstance(record[field], str) or _HEX.fullmatch(record[field]) is None:
            raise damaged(field)
    for field in ("modelSize", "files"):
        if type(record[field]) is not int or record[field] < 0:
            raise damaged(field)
    return record


__all__ = ["Package"]
