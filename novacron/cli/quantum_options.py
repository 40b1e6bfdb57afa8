"""Options of the quantum commands: the key store, passphrases, roots and moments."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from novacron.chain.signer import PassphraseSource, passphrase_from_env, passphrase_from_file, variable_name
from novacron.cli.options import at_terminal
from novacron.exceptions import InputError, InvalidDigestError, SigningKeyError
from novacron.provenance.digest import DIGEST_SIZE, parse_digest
from novacron.quantum.keyfile import SHORTEST, KeyEntry
from novacron.quantum.keys import VerifyingKey
from novacron.quantum.keystore import KeyStore
from novacron.quantum.messages import root_id, working_id

PASSPHRASE_VARIABLE = "NOVACRON_QUANTUM_PASSPHRASE"  # noqa: S105 - a variable's name
PATH = click.Path(path_type=Path, dir_okay=False)

keys_option = click.option(
    "--keys",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="NOVACRON_QUANTUM_KEYS",
    help="Folder of the key store.",
)
_PASSPHRASE = (
    click.option("--passphrase-file", type=PATH, help="File whose first line is the passphrase."),
    click.option(
        "--passphrase-env",
        default=PASSPHRASE_VARIABLE,
        show_default=True,
        help="Environment variable that holds the passphrase. Without either it is asked for.",
    ),
)
root_option = click.option(
    "--root", required=True, envvar="NOVACRON_QUANTUM_ROOT", help="The root: a key of the store, or its id on chain."
)


def unlocking_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--keys and where the passphrase is; see `store_of` and `passphrase_of`."""
    for option in reversed((keys_option, *_PASSPHRASE)):
        command = option(command)
    return command


def store_of(folder: Path | None) -> KeyStore:
    """The key store. Raises InputError when none is named."""
    if folder is None:
        raise InputError("where are your keys? Give --keys FOLDER, or set NOVACRON_QUANTUM_KEYS")
    return KeyStore(folder)


def passphrase_of(what: str, file: Path | None, variable: str, *, fresh: bool = False) -> PassphraseSource:
    """From a file, the environment, or a prompt; never from an argument.

    Args:
        what: whose passphrase is asked for.
        fresh: it is a new one: ask twice.
    """
    if file is not None:
        return passphrase_from_file(file)
    if os.environ.get(variable_name(variable, "--passphrase-env")) is not None or not at_terminal():
        return passphrase_from_env(variable)

    def ask() -> str:
        words = f"New passphrase of {what}, {SHORTEST} characters or more" if fresh else f"Passphrase of {what}"
        try:
            return str(click.prompt(words, hide_input=True, confirmation_prompt=fresh, err=True))
        except click.Abort:
            raise SigningKeyError("no passphrase was given") from None

    return ask


def public_of(entry: KeyEntry) -> VerifyingKey:
    """The public signature key of an entry. Raises InputError for a key of another kind."""
    if entry.scheme is None:
        raise InputError(f"key {entry.name} is of {entry.algorithm} and signs nothing: name a signature key")
    return VerifyingKey(entry.scheme, entry.public_key)


def root_of(words: str, folder: Path | None) -> bytes:
    """Id of a root, by it or by its key's name in the store. Raises InputError, KeyStoreError."""
    found = _digest(words)
    return found if found is not None else root_id(public_of(store_of(folder).entry(words)))


def key_of(words: str, root: bytes, folder: Path | None) -> bytes:
    """Id of a root's working key, by it or by the key's name in the store. Raises InputError, KeyStoreError."""
    found = _digest(words)
    return found if found is not None else working_id(root, public_of(store_of(folder).entry(words)))


def reason_of(words: str) -> bytes:
    """32 bytes: a digest, or a short text with zeros behind it. Raises InputError."""
    found = _digest(words)
    raw = words.encode() if found is None else found
    if len(raw) > DIGEST_SIZE:
        raise InputError(f"--reason has {len(raw)} bytes: {DIGEST_SIZE} at most, or the SHA-256 of a document")
    return raw.ljust(DIGEST_SIZE, b"\0")


def _digest(words: str) -> bytes | None:
    try:
        return parse_digest(words)
    except InvalidDigestError:
        return None
