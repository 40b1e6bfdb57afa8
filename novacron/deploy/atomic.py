"""Files that are there complete or not at all, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import uuid
from pathlib import Path

from novacron.exceptions import StoreError, StoreFullError


def write_atomically(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`: temporary file, fsync, rename, fsync of the folder.

    Raises:
        StoreFullError: no space left; the old file is untouched.
        StoreError: the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        kind = StoreFullError if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else StoreError
        raise kind(f"{path} cannot be written: {error.strerror}; the previous version, if any, is untouched") from error
