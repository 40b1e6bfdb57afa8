"""One deployment per folder at a time. The operating system drops the lock when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from novacron.exceptions import StoreBusyError
from novacron.stores import translate_errors


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; the folder is created when absent.

    Raises:
        StoreBusyError: another process deploys there.
        StoreError: the folder cannot be written.
    """
    with translate_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(f"another deployment is writing to {folder}; wait until it has finished") from None
        yield
    finally:
        os.close(handle)
