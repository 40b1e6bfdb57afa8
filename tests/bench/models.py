"""How fast models are sealed, opened, put and fetched, and the memory it takes: `python -m tests.bench.models`.

The model is one file of random bytes in a temporary folder; each measurement runs in a process of its own, so that its
peak of memory is its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from novacron.models.package import Package, put_model, stored_models
from novacron.models.recipients import FileKey
from novacron.models.sealing import SealedHeader, Sealer, unseal
from novacron.models.stores_local import LocalObjectStore
from novacron.quantum.keys import EncryptionKey

SIZE = 4 << 30
_KEY = EncryptionKey.from_seed(bytes(64))


@dataclass(frozen=True)
class Measured:
    """One operation over a model: seconds by the clock and of processors, peak of resident memory in bytes."""

    what: str
    size: int
    seconds: float
    busy: float
    peak: int

    @property
    def rate(self) -> float:
        """Megabytes (10⁶ bytes) of the model a second."""
        return self.size / self.seconds / 1e6


def _opened(folder: Path) -> tuple[SealedHeader, FileKey]:
    header = SealedHeader.decode((folder / "header").read_bytes())
    return header, header.open(_KEY)


def _seal(folder: Path, target: str) -> None:
    sealer = Sealer([_KEY.recipient])
    with (folder / "model").open("rb", buffering=0) as source, open(target, "wb", buffering=0) as sealed:  # noqa: PTH123
        for chunk in sealer.chunks(source):  # type: ignore[arg-type]  # the stubs' Buffer is 3.12's
            sealed.write(chunk)
    (folder / "header").write_bytes(sealer.header().encode())


def _unseal(folder: Path, target: str) -> None:
    header, key = _opened(folder)
    with (folder / "sealed").open("rb", buffering=0) as sealed, open(target, "wb", buffering=0) as plain:  # noqa: PTH123
        for chunk in unseal(header, key, iter(lambda: sealed.read(1 << 20), b"")):
            plain.write(chunk)


def _put(folder: Path) -> None:
    with LocalObjectStore(folder / "store") as store:
        put_model(folder / "model", store=store, recipients=[_KEY.recipient])


def _package(store: LocalObjectStore) -> Package:
    return Package.load(store, next(stored_models(store)))


def _verify(folder: Path) -> None:
    with LocalObjectStore(folder / "store") as store:
        _package(store).verify(store, _KEY)


def _fetch(folder: Path) -> None:
    with LocalObjectStore(folder / "store") as store:
        _package(store).fetch(store, _KEY, folder / "fetched")


STEPS: dict[str, Callable[[Path], None]] = {
    "seal, kept nowhere": lambda folder: _seal(folder, os.devnull),
    "seal to a file": lambda folder: _seal(folder, str(folder / "sealed")),
    "open, kept nowhere": lambda folder: _unseal(folder, os.devnull),
    "open to a file": lambda folder: _unseal(folder, str(folder / "opened")),
    "put: hash, seal, hash, store durably": _put,
    "verify: read, hash, open, hash": _verify,
    "fetch: verify, then write durably": _fetch,
}
_GONE_AFTER = {
    "open to a file": ("sealed", "opened", "header"),
    "fetch: verify, then write durably": ("fetched",),
}


def _step(what: str, folder: str) -> None:
    started, busy = time.perf_counter(), time.process_time()
    STEPS[what](Path(folder))
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([seconds, time.process_time() - busy, used.ru_maxrss * 1024]))


def measure(size: int = SIZE) -> list[Measured]:
    """Each step once, over a model of `size` bytes. Takes about three times that of the temporary folder."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        block = os.urandom(min(size, 64 << 20))
        with (folder / "model").open("wb") as file:
            for _ in range(size // len(block)):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        for what in STEPS:
            command = [sys.executable, "-m", "tests.bench.models", "--step", what, "--folder", name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append(Measured(what, (folder / "model").stat().st_size, *json.loads(done.stdout)))
            for left in _GONE_AFTER.get(what, ()):
                (folder / left).unlink()
            with contextlib.suppress(OSError):
                os.sync()  # what one step wrote is not what the next one waits for
    return rows


def show(console: Console, size: int = SIZE) -> None:
    """Print the table."""
    table = Table(title=f"Sealing a model of {size / (1 << 30):.1f} GiB", title_justify="left")
    table.add_column("step")
    for column in ("seconds", "MB/s", "processor seconds", "MB/s of one", "peak of memory, MiB"):
        table.add_column(column, justify="right")
    for row in measure(size):
        table.add_row(
            row.what,
            f"{row.seconds:.2f}",
            f"{row.rate:,.0f}",
            f"{row.busy:.2f}",  # other work on the machine changes it little
            f"{row.size / row.busy / 1e6:,.0f}",
            f"{row.peak / (1 << 20):.0f}",
        )
    console.print(table)


def main() -> None:
    """Print the table, for a model of the size given."""
    parser = argparse.ArgumentParser(description="Speed and memory of sealed storage.")
    parser.add_argument("--size", type=int, default=SIZE >> 20, help="of the model, in MiB (default: 4096)")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        _step(options.step, options.folder)
    else:
        needed = 3 * options.size << 20
        if shutil.disk_usage(tempfile.gettempdir()).free < needed:
            parser.error(f"{tempfile.gettempdir()} has no room for {needed} bytes; give a smaller --size")
        console = Console()
        show(console if console.is_terminal else Console(width=130), options.size << 20)


if __name__ == "__main__":
    main()
