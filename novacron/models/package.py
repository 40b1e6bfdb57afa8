"""Models in an object store, sealed: putting them there, and what of them is left behind.

from novacron.models.package import Package, put_model

package = put_model("resnet50", store=LocalObjectStore("models"), recipients=[key.recipient])
Package.load(store, package.model_hash).fetch(store, key, "resnet50-fetched")
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from novacron.exceptions import CorruptObjectError, PackageExistsError, UnknownPackageError
from novacron.models.archive import ArchiveSource, encode_index
from novacron.models.pickles import find_pickles, refuse_pickles
from novacron.models.recipients import check_recipients
from novacron.models.sealed_package import HEADERS, PACKAGES, PAYLOADS, Package, Progress, load_if_sound
from novacron.models.sealing import CHUNK_SIZE, Sealer, sealed_size
from novacron.models.stores import ObjectStore
from novacron.provenance.hash_cache import HashCache
from novacron.provenance.manifest import Manifest, ProgressCallback, build_manifest
from novacron.quantum.keys import RecipientKey

#: Seconds after which what no package names counts as left behind, rather than as being uploaded.
DAY = 86_400.0

_HEX = re.compile("[0-9a-f]{64}")


def put_model(
    source: Path | str,
    *,
    store: ObjectStore,
    recipients: Sequence[RecipientKey],
    staging: ObjectStore | None = None,
    allow_pickle: bool = False,
    replace: bool = False,
    chunk_size: int = CHUNK_SIZE,
    cache: HashCache | None = None,
    progress: ProgressCallback | None = None,
) -> Package:
    """Seal a model, a file or folder, into a store. A model that is there for the same recipients is not put again.

    The model is hashed, then read a second time and sealed as it goes; what is read must be what was hashed. Nothing
    counts before all of it is stored.

    Args:
        staging: a local store to seal into first. What is there is complete and stays the same, so an upload that is
            killed goes on where it was; it is removed from there in the end. Without it an upload begins anew.
        allow_pickle: take a model with pickled objects, as opaque bytes.
        replace: replace a package for other recipients. (To change recipients only, `Package.rekey` is quicker.)
        chunk_size: bytes sealed at a time.
        cache: digests of earlier runs.
        progress: called with (bytes done, bytes in all) of the model while it is sealed.

    Raises:
        FileChangedError, SymlinkError, UnreadableFileError, ManifestError: as `build_manifest`.
        PickleRefusedError: it holds pickled objects.
        PackageExistsError: the store has it for other recipients.
        InputError: no recipient, or one twice. ArchiveError: more files, or longer paths, than are packed.
        StoreFullError, StorageError, StoreError: the store. Nothing counts then.
    """
    path = Path(source)
    checked = check_recipients(recipients)
    manifest = build_manifest(path, cache=cache)
    wanted = {recipient.key_id for recipient in checked}
    present = _reusable(store, manifest, wanted, replace=replace)
    if present is not None:
        return present
    if not allow_pickle:
        refuse_pickles(find_pickles(path))
    if staging is None:
        return _seal(path, manifest, store, checked, chunk_size, progress)
    staged = _reusable(staging, manifest, wanted, replace=True)
    if staged is None:
        staged = _seal(path, manifest, staging, checked, chunk_size, progress)
    try:
        # Whether it may be replaced was decided above.
        package = staged.copy_to(staging, store, replace=True)
    except CorruptObjectError:
        staged.delete(staging)  # so that the next attempt seals it anew
        raise
    staged.delete(staging)
    return package


def stored_models(store: ObjectStore) -> Iterator[bytes]:
    """Hashes of the models that a store has packages of. Raises StorageError, StoreError."""
    for info in store.list(PACKAGES):
        digits = info.name.removeprefix(PACKAGES)
        if _HEX.fullmatch(digits):
            yield bytes.fromhex(digits)


def collect(store: ObjectStore, older_than: float = DAY) -> int:
    """Remove payloads and headers that no package names, and parts of uploads, of more than so many seconds ago.

    They are what killed uploads leave. Nothing is removed while one package cannot be read. Returns how many went.

    Raises:
        CorruptObjectError: a package cannot be read; delete it or put it again.
        StoreBusyError, StorageError, StoreError: the store.
    """
    latest = time.time() - older_than
    # Listed before the packages are read: what is put meanwhile is either not listed or already named.
    listed = [info for folder in (HEADERS, PAYLOADS) for info in store.list(folder)]
    kept: set[str] = set()
    for model_hash in stored_models(store):
        try:
            package = Package.load(store, model_hash)
        except UnknownPackageError:  # deleted meanwhile
            continue
        kept.update((package.payload, HEADERS + package.header_id.hex()))
    count = 0
    for info in listed:
        if info.name not in kept and info.modified <= latest:
            count += store.delete(info.name)
    return count + store.sweep(older_than)


def _seal(
    path: Path,
    manifest: Manifest,
    store: ObjectStore,
    recipients: Sequence[RecipientKey],
    chunk_size: int,
    progress: ProgressCallback | None,
) -> Package:
    sealer = Sealer(recipients, chunk_size=chunk_size)
    report = Progress(progress, manifest.size)
    before = load_if_sound(store, manifest.root)
    with ArchiveSource(path, manifest, advance=report.advance) as source:
        name = PAYLOADS + sealer.salt.hex()
        store.put(name, sealer.chunks(source), size=sealed_size(source.index.archive_size, chunk_size))
        package = Package(manifest.root, source.index.digest, manifest.size, len(manifest.files), sealer.header())
    package.write_record(store)
    if before is not None:
        package.remove_replaced(store, before)
    return package


def _reusable(store: ObjectStore, manifest: Manifest, wanted: set[bytes], *, replace: bool) -> Package | None:
    """The package that is there already, if it is the same model for the same recipients; None to put a new one."""
    present = load_if_sound(store, manifest.root)
    if present is None:
        return None
    whole = _has_payload(store, present)
    named = present.manifest_digest == hashlib.sha256(encode_index(manifest.files)).digest()
    if whole and named and set(present.recipients) == wanted:
        return present
    if not replace and whole:
        differs = "other recipients" if named else "other names of its files"
        raise PackageExistsError(
            f"{store!r} has the model {manifest.root.hex()} with {differs}; re-key it, delete it, or replace it"
        )
    return None


def _has_payload(store: ObjectStore, package: Package) -> bool:
    try:
        found = store.stat(package.payload)
    except CorruptObjectError:
        return False
    return found is not None and found.size == package.sealed_size


__all__ = ["Package", "collect", "put_model", "stored_models"]
