"""Files that are there complete or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from novacron.stores import sync, translate_errors


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace the file at `path` by `content` (text as UTF-8): temporary file, fsync, rename, fsync of the folder.

    When this raises, the previous version, if any, is untouched.

    Raises:
        StoreFullError: no space left, or a quota or file size limit.
        StoreError: the folder is missing or cannot be written.
    """
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    with translate_errors(path):
        try:
            with draft.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync(path.parent)
