"""Signing keys: from an encrypted keystore, an environment variable or an external command.

A key lives inside one object and nowhere else: not in its repr, not in an exception, not in a log record, not in a
pickle. Errors of libraries that may quote their input are replaced outside their handler, so that they do not travel
along as context either.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, runtime_checkable

from eth_account import Account
from eth_account.messages import SignableMessage
from eth_account.signers.local import LocalAccount

from novacron.chain.addresses import parse_address
from novacron.exceptions import ConfigurationError, KeyMismatchError, SigningKeyError

#: A passphrase, or a function that fetches it when it is needed.
PassphraseSource = str | Callable[[], str]

_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENV = "NOVACRON_PRIVATE_KEY"


@runtime_checkable
class Signer(Protocol):
    """Something that signs transactions for one account."""

    @property
    def address(self) -> str:
        """EIP-55 checksum address of the account."""

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Raw signed transaction (EIP-2718). `tx` has chainId, nonce, gas, to, value, data and the fee fields."""


class LocalSigner:
    """Signs with a key held in memory."""

    __slots__ = ("__account",)

    def __init__(self, account: LocalAccount) -> None:
        self.__account = account

    @property
    def address(self) -> str:
        """EIP-55 checksum address."""
        return str(self.__account.address)

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Raw signed transaction (EIP-2718)."""
        return bytes(self.__account.sign_transaction(tx).raw_transaction)

    def sign_message(self, message: SignableMessage) -> bytes:
        """Signature over an EIP-191 or EIP-712 message: 65 bytes, r, s and v of 27 or 28."""
        return bytes(self.__account.sign_message(message).signature)

    def __repr__(self) -> str:
        return f"<LocalSigner {self.address}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer is never pickled or copied: it holds a private key")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a signer is never pickled or copied: it holds a private key")


def signer_from_key(key: str | bytes, *, expected_address: str | None = None, source: str = "the key") -> LocalSigner:
    """A signer for a key the caller already holds (tests, development chains).

    Args:
        key: 32 bytes, or 64 hexadecimal digits with an optional 0x.
        expected_address: address the key must belong to.
        source: where the key came from, for messages.

    Raises:
        SigningKeyError: no secp256k1 private key.
        KeyMismatchError: the key belongs to another address.
    """
    text = key.hex() if isinstance(key, bytes) else key.strip()
    found = _KEY.fullmatch(text)
    if found is None:
        length = len(text.removeprefix("0x"))
        raise SigningKeyError(f"{source} holds no private key: expected 64 hexadecimal digits, got {length} characters")
    account: LocalAccount | None = None
    try:
        account = Account.from_key(bytes.fromhex(found.group(1)))
    except ValueError:  # its message may quote the key; eth_keys' ValidationError is a ValueError too
        account = None
    if account is None:
        raise SigningKeyError(f"{source} holds a number outside the range of secp256k1 private keys")
    return _checked(LocalSigner(account), expected_address, source)


def looks_like_key(text: str) -> bool:
    """Whether a text could be a private key: 64 hexadecimal digits, with or without 0x."""
    return _KEY.fullmatch(text.strip()) is not None


def variable_name(value: str, what: str) -> str:
    """`value`, when it can be an environment variable's name; a key put there by mistake is not repeated.

    Raises:
        ConfigurationError: naming `what`, never the value.
    """
    if _VARIABLE.fullmatch(value) is None or looks_like_key(value):
        raise ConfigurationError(
            f"{what} must be the name of an environment variable (letters, digits, underscores); what is there is not "
            "shown, since it may be the secret itself: put that into a variable and give the variable's name"
        )
    return value


def signer_from_env(variable: str = _ENV, *, expected_address: str | None = None) -> LocalSigner:
    """A signer whose key is in an environment variable.

    Raises:
        ConfigurationError: `variable` is no variable's name (a key, perhaps; it is not shown).
        SigningKeyError: the variable is unset or holds no key.
        KeyMismatchError: the key belongs to another address.
    """
    value = os.environ.get(variable_name(variable, "where to find the private key"))
    if not value:
        raise SigningKeyError(f"environment variable {variable} is not set; it must hold the private key")
    return signer_from_key(value, expected_address=expected_address, source=f"environment variable {variable}")


def signer_from_keystore(
    path: Path | str, passphrase: PassphraseSource, *, expected_address: str | None = None
) -> LocalSigner:
    """A signer from an encrypted keystore file (Web3 Secret Storage v3: scrypt or PBKDF2).

    Args:
        path: the JSON file.
        passphrase: the passphrase or a function that fetches it; see `passphrase_from_env`, `passphrase_from_file`.
        expected_address: address the key must belong to.

    Raises:
        SigningKeyError: no such file, no keystore, or a wrong passphrase.
        KeyMismatchError: the key belongs to another address.
    """
    path = Path(path)
    try:
        keystore = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SigningKeyError(f"keystore {path}: {error.strerror or type(error).__name__}") from None
    except ValueError:
        keystore = None
    if not isinstance(keystore, dict) or not isinstance(keystore.get("crypto", keystore.get("Crypto")), dict):
        raise SigningKeyError(f"{path} is no keystore: expected the JSON of Web3 Secret Storage version 3")
    secret = passphrase() if callable(passphrase) else passphrase
    problem: str | None = None
    key = b""
    try:
        key = bytes(Account.decrypt(keystore, secret))
    except ValueError as error:
        problem = "wrong passphrase" if "MAC" in str(error) else "it cannot be decrypted"
    except (KeyError, TypeError, NotImplementedError):
        problem = "it is incomplete or of an unknown version"
    if problem is not None:
        raise SigningKeyError(f"keystore {path}: {problem}")
    return signer_from_key(key, expected_address=expected_address, source=f"keystore {path}")


def signer_from_command(
    argv: Sequence[str], *, expected_address: str | None = None, timeout: float = 30.0
) -> LocalSigner:
    """A signer whose key an external command prints on its standard output (password manager, secret store).

    The command is run without a shell; neither its output nor its arguments appear in an error.

    Raises:
        SigningKeyError: it cannot be run, fails, takes longer than `timeout` seconds, or prints no key.
        KeyMismatchError: the key belongs to another address.
    """
    if isinstance(argv, str) or not argv:
        raise ConfigurationError("give the key command as a list of arguments; it is not run by a shell")
    name = f"key command {argv[0]}"
    output, problem = _run(list(argv), timeout)
    if problem is not None:
        raise SigningKeyError(f"{name} {problem}")
    return signer_from_key(output, expected_address=expected_address, source=name)


def passphrase_from_env(variable: str) -> Callable[[], str]:
    """Passphrase source: an environment variable, read when needed.

    Raises:
        ConfigurationError: `variable` is no variable's name (the passphrase, perhaps; it is not shown).
    """
    variable_name(variable, "where to find the passphrase")

    def read() -> str:
        value = os.environ.get(variable)
        if value is None:
            raise SigningKeyError(f"environment variable {variable} is not set; it must hold the keystore's passphrase")
        return value

    return read


def passphrase_from_file(path: Path | str) -> Callable[[], str]:
    """Passphrase source: the first line of a file, read when needed."""

    def read() -> str:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise SigningKeyError(f"passphrase file {path}: {error.strerror or type(error).__name__}") from None
        return text.split("\n", 1)[0].rstrip("\r")

    return read


def _run(argv: list[str], timeout: float) -> tuple[str, str | None]:
    try:
        done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return "", f"took longer than {timeout:g} s"
    except OSError as error:
        return "", f"cannot be run: {error.strerror or type(error).__name__}"
    if done.returncode != 0:
        return "", f"failed with exit code {done.returncode}; run it by hand to see why"
    try:
        return done.stdout.decode("ascii"), None
    except UnicodeDecodeError:
        return "", "printed something that is no key"


def _checked(signer: LocalSigner, expected: str | None, source: str) -> LocalSigner:
    if expected is None:
        return signer
    wanted = parse_address(expected, "expected address", ConfigurationError)
    if wanted != signer.address:
        raise KeyMismatchError(
            f"{source} is the key of {signer.address}, configured is {wanted}; use the right key or correct the address"
        )
    return signer
