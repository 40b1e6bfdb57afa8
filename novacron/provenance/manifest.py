"""Manifests: which files a model consists of, and one digest over them all.

Compatible with the OpenSSF model-signing v1 manifest (package model-signing 1.1): files hashed whole with SHA-256,
ordered by path components, and the root is SHA-256 over the concatenated file digests. It depends neither on where the
model lies nor on its name. It covers contents and their order, not the names themselves: `diff_manifests` reports a
renamed file even where the root is the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from novacron.exceptions import InputError, InvalidDigestError, ProofFormatError, ProofInvalidError
from novacron.provenance.digest import parse_digest
from novacron.provenance.files import (
    GIT_PATHS,
    FoundFile,
    await_clock_tick,
    check_name,
    expect_same,
    hash_file,
    scan,
    sort_key,
)
from novacron.provenance.hash_cache import FileStamp, HashCache

FORMAT = "novacron-manifest-v1"
ALGORITHM = "sha256"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MODEL_SIGNING_PREDICATE = "https://model_signing/signature/v1.0"

_FLUSH_FILES, _FLUSH_BYTES = 256, 1 << 30  # how much hashing a crash may cost the cache

ProgressCallback = Callable[[int, int], None]


@dataclass(frozen=True)
class FileEntry:
    """One file: POSIX path inside the model ("." for a model of one file), size in bytes, digest (32 bytes)."""

    path: str
    size: int
    algorithm: str
    digest: bytes


@dataclass(frozen=True)
class Manifest:
    """The files of a model in manifest order and the root over them (32 bytes). Build it with `build_manifest`.

    Raises:
        ProofInvalidError: the root does not follow from the files.
        ProofFormatError: files out of order, repeated, or with a path that leaves the model.
    """

    name: str
    files: tuple[FileEntry, ...]
    root: bytes
    ignore_paths: tuple[str, ...] = ()
    allow_symlinks: bool = False

    def __post_init__(self) -> None:
        keys = []
        for file in self.files:
            _check_entry(file)
            keys.append(sort_key(file.path))
        if not keys:
            raise ProofFormatError("a manifest lists at least one file")
        if any(first >= second for first, second in itertools.pairwise(keys)):
            raise ProofFormatError("the files of a manifest are sorted by path components, each path once")
        if self.root != root_of_files(self.files):
            raise ProofInvalidError(f"manifest root {self.root.hex()} is not the digest of the files it lists")

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form, read back by `from_json`; digests as 64 hexadecimal digits."""
        return {
            "format": FORMAT,
            "name": self.name,
            "root": self.root.hex(),
            "serialization": self.serialization(),
            "files": [
                {"path": file.path, "size": file.size, "algorithm": file.algorithm, "digest": file.digest.hex()}
                for file in self.files
            ],
        }

    def to_text(self) -> str:
        """`to_json` as indented JSON text that ends with a line end."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes | Mapping[str, Any]) -> Manifest:
        """Read what `to_json` or `to_text` made, and check its root against its files.

        Raises:
            ProofFormatError: not such a manifest.
            ProofInvalidError: the root does not follow from the files.
        """
        if isinstance(data, str | bytes):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise ProofFormatError(f"manifest is not JSON: {error}") from error
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, Mapping) else type(data).__name__
            raise ProofFormatError(f"manifest has format {found!r}, expected {FORMAT!r}")
        try:
            name, serialization, files = data["name"], data["serialization"], data["files"]
            ignored, allow_symlinks = serialization.get("ignore_paths", []), serialization["allow_symlinks"]
            entries = tuple(
                FileEntry(file["path"], file["size"], file["algorithm"], parse_digest(file["digest"])) for file in files
            )
            root = parse_digest(data["root"])
        except (KeyError, TypeError, AttributeError, InvalidDigestError) as error:
            raise ProofFormatError(f"manifest misses a part or it is malformed: {error!r}") from error
        if (
            not isinstance(name, str)
            or not isinstance(allow_symlinks, bool)
            or not isinstance(ignored, list)
            or not all(isinstance(path, str) for path in ignored)
        ):
            raise ProofFormatError("manifest name, allow_symlinks or ignore_paths is of the wrong type")
        return cls(name, entries, root, tuple(ignored), allow_symlinks)

    def serialization(self) -> dict[str, Any]:
        """How the model was serialised, in model-signing's terms."""
        parameters: dict[str, Any] = {
            "method": "files",
            "hash_type": ALGORITHM,
            "allow_symlinks": self.allow_symlinks,
        }
        if self.ignore_paths:
            parameters["ignore_paths"] = list(self.ignore_paths)
        return parameters

    def model_signing_statement(self) -> dict[str, Any]:
        """The in-toto v1 statement that model-signing 1.x signs for this model (predicate v1.0)."""
        return {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": self.name, "digest": {"sha256": self.root.hex()}}],
            "predicateType": MODEL_SIGNING_PREDICATE,
            "predicate": {
                "serialization": self.serialization(),
                "resources": [
                    {"name": file.path, "algorithm": file.algorithm, "digest": file.digest.hex()} for file in self.files
                ],
            },
        }


def _sizes(old: FileEntry, new: FileEntry) -> str:
    if old.size == new.size:
        return f"{new.size} bytes as before, other contents"
    return f"{old.size} → {new.size} bytes"


@dataclass(frozen=True)
class ManifestDiff:
    """How one manifest differs from an older one; a pair is (old entry, new entry). True when anything differs."""

    added: tuple[FileEntry, ...] = ()
    removed: tuple[FileEntry, ...] = ()
    changed: tuple[tuple[FileEntry, FileEntry], ...] = ()
    renamed: tuple[tuple[FileEntry, FileEntry], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.renamed)

    def lines(self) -> list[str]:
        """One sentence fragment a difference, for people."""
        return [
            *(f"changed: {new.path} ({_sizes(old, new)})" for old, new in self.changed),
            *(f"added: {file.path} ({file.size} bytes)" for file in self.added),
            *(f"removed: {file.path} ({file.size} bytes)" for file in self.removed),
            *(f"renamed: {old.path} → {new.path}" for old, new in self.renamed),
        ]


def root_of_files(files: Sequence[FileEntry]) -> bytes:
    """SHA-256 over the files' digests in the order given: model-signing's root for files in manifest order."""
    return hashlib.sha256(b"".join(file.digest for file in files)).digest()


def build_manifest(
    path: Path | str,
    *,
    cache: HashCache | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
    ignore_paths: Iterable[str | Path] = (),
    ignore_git: bool = True,
    allow_symlinks: bool = False,
) -> Manifest:
    """Hash a model: a folder with everything in it, or one file.

    Every file is read once, 1 MiB at a time, several at once; with a cache, unchanged files are not read at all. The
    manifest describes one state: a model that changes before the last file is hashed is refused.

    Args:
        path: the model's folder or file.
        cache: digests of earlier runs.
        workers: files read at once (default: twice the processors, at most 16).
        progress: called with (bytes done, bytes in all), never by two threads at once.
        ignore_paths: files or folders inside the model to leave out.
        ignore_git: leave out .git, .gitattributes, .github and .gitignore at the top, as model-signing does.
        allow_symlinks: hash what a link to a file points to instead of refusing it (links to folders stay refused).

    Raises:
        SymlinkError, UnreadableFileError, FileChangedError: name the file.
        ManifestError: a special file, a name that is not UTF-8, or nothing to hash.
        InputError: an ignored path outside the model, or workers below 1.
        CorruptStoreError, StoreFullError, StoreBusyError: from the cache.
    """
    root = Path(path)
    name = root.name if root.name not in ("", "..") else root.resolve().name
    check_name(root, name)
    if workers is not None and workers < 1:
        raise InputError(f"workers is at least 1, got {workers}")
    ignored = _ignored(root, ignore_paths, ignore_git)
    found = scan(root, ignored, allow_symlinks=allow_symlinks)
    job = _HashJob(found, cache, progress, allow_symlinks)
    job.run(workers or min(16, 2 * (os.cpu_count() or 1)))
    expect_same(found, scan(root, ignored, allow_symlinks=allow_symlinks))
    files = tuple(
        FileEntry(file.relative, file.stamp.size, ALGORITHM, digest)
        for file, digest in zip(found, job.digests, strict=True)
    )
    return Manifest(name, files, root_of_files(files), ignored, allow_symlinks)


def diff_manifests(old: Manifest, new: Manifest) -> ManifestDiff:
    """Which files differ. A file that went and one that came with the same content count as renamed."""
    before = {file.path: file for file in old.files}
    after = {file.path: file for file in new.files}
    changed = tuple(
        (before[path], file)
        for path, file in after.items()
        if path in before and before[path] != file  # the size too: what a manifest says of it is checked
    )
    gone: dict[tuple[str, bytes], list[FileEntry]] = {}
    for path, file in before.items():
        if path not in after:
            gone.setdefault((file.algorithm, file.digest), []).append(file)
    added, renamed = [], []
    for path, file in after.items():
        if path in before:
            continue
        candidates = gone.get((file.algorithm, file.digest))
        if candidates:
            renamed.append((candidates.pop(0), file))
        else:
            added.append(file)
    kept = {file.path for files in gone.values() for file in files}
    removed = tuple(file for path, file in before.items() if path in kept)
    return ManifestDiff(tuple(added), removed, changed, tuple(renamed))


def verify_manifest(
    path: Path | str,
    manifest: Manifest,
    *,
    cache: HashCache | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> ManifestDiff:
    """Hash the model at `path` the way `manifest` was made and say how it differs; an empty diff means it is the same.

    Raises:
        as `build_manifest`.
    """
    current = build_manifest(
        path,
        cache=cache,
        workers=workers,
        progress=progress,
        ignore_paths=manifest.ignore_paths,
        ignore_git=False,
        allow_symlinks=manifest.allow_symlinks,
    )
    return diff_manifests(manifest, current)


@contextlib.contextmanager
def progress_bar(description: str = "Hashing", *, console: Console | None = None) -> Iterator[ProgressCallback]:
    """A progress bar for `build_manifest(progress=…)`: bytes, speed and time left; gone when done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _HashJob:
    """Hashes the found files into `digests` (same order), through the cache where there is one."""

    def __init__(
        self,
        found: Sequence[FoundFile],
        cache: HashCache | None,
        progress: ProgressCallback | None,
        allow_symlinks: bool,
    ) -> None:
        self.digests: list[bytes] = [b""] * len(found)
        self._found, self._cache, self._progress, self._allow_symlinks = found, cache, progress, allow_symlinks
        self._done, self._total = 0, sum(file.stamp.size for file in found)
        self._lock = threading.Lock()
        self._fresh: list[tuple[Path, FileStamp, bytes]] = []  # hashed, not in the cache yet
        self._unsaved = 0  # bytes of those

    def run(self, workers: int) -> None:
        keys = [Path(os.path.abspath(file.location)) for file in self._found]  # noqa: PTH100  # links stay as they are
        todo = [index for index in range(len(keys)) if not self._from_cache(index, keys[index])]
        self._advance(0)
        await_clock_tick(self._found[index] for index in todo)
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(self._flush)  # last: what was hashed is kept, also when another file fails
            pool = ThreadPoolExecutor(max_workers=workers)
            cleanup.callback(pool.shutdown, wait=True, cancel_futures=True)
            for future in as_completed([pool.submit(self._hash, index, keys[index]) for index in todo]):
                future.result()
                if len(self._fresh) >= _FLUSH_FILES or self._unsaved >= _FLUSH_BYTES:
                    self._flush()

    def _from_cache(self, index: int, key: Path) -> bool:
        if self._cache is None:
            return False
        file = self._found[index]
        digest = self._cache.lookup(key, file.stamp)
        if digest is None:
            return False
        self.digests[index] = digest
        self._done += file.stamp.size
        return True

    def _hash(self, index: int, key: Path) -> None:
        file = self._found[index]
        keep = self._cache is not None and self._cache.settled(file.stamp)  # asked before the file is read
        digest = hash_file(file, allow_symlinks=self._allow_symlinks, advance=self._advance)
        self.digests[index] = digest
        if keep:
            with self._lock:
                self._fresh.append((key, file.stamp, digest))
                self._unsaved += file.stamp.size

    def _advance(self, count: int) -> None:
        if self._progress is not None:
            with self._lock:
                self._done += count
                self._progress(self._done, self._total)

    def _flush(self) -> None:
        with self._lock:
            fresh, self._fresh, self._unsaved = self._fresh, [], 0
        if self._cache is not None:
            self._cache.remember(fresh)


def _ignored(root: Path, paths: Iterable[str | Path], ignore_git: bool) -> tuple[str, ...]:
    ignored = set(GIT_PATHS) if ignore_git else set()
    for path in paths:
        relative = Path(path)
        if relative.is_absolute():
            relative = Path(os.path.relpath(relative, root.absolute()))
        if ".." in relative.parts or not relative.parts:
            raise InputError(f"ignored path {str(path)!r} is not inside the model {root}")
        ignored.add(relative.as_posix())
    return tuple(sorted(ignored))


def _check_entry(file: FileEntry) -> None:
    if not isinstance(file.path, str) or not file.path or "\x00" in file.path:
        raise ProofFormatError(f"manifest lists a file with path {file.path!r}")
    pure = PurePosixPath(file.path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != file.path:
        raise ProofFormatError(f"manifest path {file.path!r} is not a plain path inside the model")
    if type(file.size) is not int or file.size < 0:
        raise ProofFormatError(f"manifest size of {file.path!r} is {file.size!r}")
    if file.algorithm != ALGORITHM or len(file.digest) != 32:
        raise ProofFormatError(f"manifest digest of {file.path!r} is not a SHA-256 digest ({file.algorithm!r})")
