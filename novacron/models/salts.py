"""Salts of commitments: secret until they are used, and the same again after a crash.

A commitment hides which model is about to be registered. Its salt is derived from 32 random bytes beside the journal,
so nothing has to be written down between the commitment and the registration.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from pathlib import Path

from novacron.exceptions import CorruptStoreError
from novacron.stores import sync, translate_errors

_SIZE = 32
_LABEL = b"novacron-model-commitment-v1"


def commitment_salt(journal: Path, *, chain_id: int, registry: str, owner: str, model_hash: bytes) -> bytes:
    """The salt of one owner's commitment to one model in one registry, 32 bytes: HMAC-SHA-256 of all of these.

    Args:
        journal: the journal's file; the secret is kept beside it and made when absent.

    Raises:
        CorruptStoreError: the secret's file is damaged.
        StoreError, StoreFullError: it cannot be written.
    """
    parts = (_LABEL, chain_id.to_bytes(32, "big"), bytes.fromhex(registry[2:]), bytes.fromhex(owner[2:]), model_hash)
    return hmac.digest(_secret(journal.with_name(journal.name + ".salts")), b"".join(parts), "sha256")


def _secret(path: Path) -> bytes:
    with translate_errors(path):
        if not path.exists():
            draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
            try:
                handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_bytes(_SIZE))
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):  # another process was faster: its secret counts
                    os.link(draft, path)
            finally:
                draft.unlink(missing_ok=True)
            sync(path.parent)
        found = path.read_bytes()
    if len(found) != _SIZE:
        raise CorruptStoreError(
            f"{path} does not hold {_SIZE} bytes: restore it, or remove it, and commitments that were not used yet are "
            "made anew"
        )
    return found
