"""Keys that open packages: where the key store is, whose package it will be, and the passphrase."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from novacron.cli.quantum_options import passphrase_of, store_of, unlocking_options
from novacron.exceptions import InputError
from novacron.quantum.keyfile import ML_KEM
from novacron.quantum.keys import KEM_PUBLIC_SIZE, EncryptionKey, RecipientKey


def decryption_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--key, --keys and where the passphrase is; see `decryption_key`."""
    name = click.option("--key", "key_name", required=True, help="Your ML-KEM-1024 key in the store.")
    return name(unlocking_options(command))


def decryption_key(words: dict[str, Any]) -> EncryptionKey:
    """The key that opens a package; takes its options out of `words`.

    Raises:
        KeyStoreError, WrongPassphraseError, SigningKeyError, InputError: as `KeyStore.unlock_encryption`.
    """
    store, name = store_of(words.pop("folder")), words.pop("key_name")
    file, variable = words.pop("passphrase_file"), words.pop("passphrase_env")
    return store.unlock_encryption(name, passphrase_of(name, file, variable))


def recipient_of(words: str, folder: Path | None) -> RecipientKey:
    """A recipient: a file with a public key (raw, hexadecimal, or JSON with `public_key`), or a key of the store.

    Raises:
        InputError: neither, or not a public key of ML-KEM-1024.
    """
    path = Path(words)
    if path.is_file():
        return _public_key(path)
    if folder is None:
        raise InputError(f"--to {words!r} is no file; for a key of your own store, say where it is (--keys)")
    entry = store_of(folder).entry(words)
    if entry.algorithm != ML_KEM:
        raise InputError(f"--to {words!r} is a key of {entry.algorithm}: packages are sealed for keys of {ML_KEM}")
    return RecipientKey(entry.public_key)


def _public_key(path: Path) -> RecipientKey:
    with path.open("rb") as stream:
        raw = stream.read(65_536)
    if len(raw) != KEM_PUBLIC_SIZE:
        try:
            text = raw.decode().strip()
            if text.startswith("{"):
                text = str(json.loads(text)["public_key"])
            raw = bytes.fromhex(text.removeprefix("0x"))
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path} holds no public key of {ML_KEM}: {KEM_PUBLIC_SIZE} bytes, raw, as hexadecimal digits, or as "
                "public_key of what `novacron --json quantum key show` prints"
            ) from None
    return RecipientKey(raw)
