"""A folder of encrypted keys: one file a key, written whole or not at all, readable by its owner only.

    NAME.json        see `keyfile`; mode 0600
    .lock            held while somebody writes
    .NAME.….new      what a crash left; removed by the next one who writes

A key that takes another's place names it (`replaces`), in the one file that is written: there is no state in which one
half of a rotation is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from novacron.chain.signer import PassphraseSource
from novacron.exceptions import InputError, KeyExpiredError, KeyStoreError
from novacron.market.advice import moment
from novacron.quantum.derivation import MasterSeed
from novacron.quantum.keyfile import (
    ALGORITHMS,
    MASTER,
    ML_KEM,
    SCHEMES,
    KdfCost,
    KeyEntry,
    Secret,
    check_name,
    describe,
    read,
    seal,
    unseal,
)
from novacron.quantum.keys import EncryptionKey, SigningKey, VerifyingKey
from novacron.quantum.schemes import PostQuantumScheme
from novacron.stores import sync, translate_errors

#: Seconds a working key lives: 90 days, the contract's MAX_LIFETIME.
LIFETIME = 90 * 86_400

_LARGEST = 65_536  # bytes of a key file
Clock = Callable[[], float]


class StoredSigningKey:
    """An unlocked signature key that stops signing at the second at which it expires."""

    def __init__(self, entry: KeyEntry, key: SigningKey, clock: Clock) -> None:
        self.entry = entry
        self._key, self._clock = key, clock

    @property
    def verifying_key(self) -> VerifyingKey:
        """The public half."""
        return self._key.verifying_key

    @property
    def scheme(self) -> PostQuantumScheme:
        """Its scheme."""
        return self._key.scheme

    def sign(self, message: bytes, context: bytes = b"") -> bytes:
        """As `SigningKey.sign`. Raises KeyExpiredError."""
        require_alive(self.entry, self._clock())
        return self._key.sign(message, context)

    def __repr__(self) -> str:
        return f"<StoredSigningKey {self.entry.name} {self.scheme}>"


class KeyStore:
    """The keys in a folder, which is created by the first one.

    Args:
        folder: where they are.
        clock: Unix seconds.
        cost: of new files' passphrases.
    """

    def __init__(self, folder: Path | str, *, clock: Clock = time.time, cost: KdfCost | None = None) -> None:
        self.folder = Path(folder)
        self._clock, self._cost = clock, cost or KdfCost()

    def __repr__(self) -> str:
        return f"<KeyStore {self.folder}>"

    # -- reading -----------------------------------------------------------------------------------------------------

    def entries(self) -> list[KeyEntry]:
        """All keys, oldest first. Raises KeyStoreError for a file that is none."""
        with translate_errors(self.folder):
            names = [path.stem for path in self.folder.glob("[a-z0-9]*.json")] if self.folder.is_dir() else []
        return sorted((self.entry(name) for name in names), key=lambda one: (one.created, one.name))

    def entry(self, name: str) -> KeyEntry:
        """What a key's file says, which only its passphrase proves. Raises KeyStoreError."""
        return read(self._text(name), name)[0]

    def successor(self, name: str) -> KeyEntry | None:
        """The key that takes this one's place."""
        return next((one for one in self.entries() if one.replaces == name), None)

    # -- unlocking ---------------------------------------------------------------------------------------------------

    def unlock(self, name: str, passphrase: PassphraseSource) -> tuple[KeyEntry, Secret]:
        """The secret, whatever it is, expired or not: for copies and changes of the passphrase.

        Raises:
            KeyStoreError: no such key, an altered file, or one that others may read.
            WrongPassphraseError: the passphrase is another.
            SigningKeyError: there is no passphrase where it should be.
        """
        return self._unlock(name, passphrase, ALGORITHMS, "")

    def unlock_signing(self, name: str, passphrase: PassphraseSource) -> StoredSigningKey:
        """A signature key. Raises KeyExpiredError, InputError for a key of another kind; others as `unlock`."""
        entry, secret = self._unlock(name, passphrase, tuple(SCHEMES), "signs nothing")
        assert isinstance(secret, SigningKey)
        return StoredSigningKey(entry, secret, self._clock)

    def unlock_encryption(self, name: str, passphrase: PassphraseSource) -> EncryptionKey:
        """A key that decrypts; it does so after its expiry, too, or old data would be lost. Raises as `unlock`."""
        secret = self._unlock(name, passphrase, (ML_KEM,), "decrypts nothing")[1]
        assert isinstance(secret, EncryptionKey)
        return secret

    def unlock_master(self, name: str, passphrase: PassphraseSource) -> MasterSeed:
        """A master seed. Raises as `unlock`."""
        secret = self._unlock(name, passphrase, (MASTER,), "is no master seed")[1]
        assert isinstance(secret, MasterSeed)
        return secret

    # -- writing -----------------------------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        secret: Secret,
        passphrase: PassphraseSource,
        *,
        lifetime: int | None = LIFETIME,
        replaces: str | None = None,
        origin: str | None = None,
    ) -> KeyEntry:
        """Store a key.

        Args:
            lifetime: seconds; None for a key without an end (a root, a master seed, a recipient).
            replaces: the key that it takes the place of; a key has one successor.
            origin: "NAME:PATH" of the master seed that it was derived from.

        Raises:
            KeyStoreError: the name is taken; the replaced key is missing, has a successor, or is of another algorithm.
            InputError: a name or passphrase that cannot be, a lifetime of nothing.
        """
        algorithm, public_key = describe(secret)
        if lifetime is not None and lifetime <= 0:
            raise InputError(f"a lifetime of {lifetime} seconds is over before it begins")
        created = int(self._clock())
        expires = None if lifetime is None else created + lifetime
        entry = KeyEntry(check_name(name), algorithm, public_key, created, expires, replaces, origin)
        text = seal(entry, secret, passphrase() if callable(passphrase) else passphrase, self._cost)
        with self._writing():
            if replaces is not None:
                self._require_replaceable(entry, replaces)
            self._write(name, text, replace=False)
        return entry

    def rotate(
        self, name: str, new_name: str, passphrase: PassphraseSource, *, lifetime: int | None = LIFETIME
    ) -> KeyEntry:
        """A fresh key of the same algorithm, under the same passphrase, that takes this one's place.

        The old key signs until it expires, so that there is time to have the new one authorised.

        Raises:
            WrongPassphraseError: the passphrase is not that of the old key. Others as `add` and `unlock`.
        """
        word = passphrase() if callable(passphrase) else passphrase
        before = self.unlock(name, word)[0]
        secret: Secret
        if before.algorithm in SCHEMES:
            secret = SigningKey.generate(SCHEMES[before.algorithm])
        else:
            secret = EncryptionKey.generate() if before.algorithm == ML_KEM else MasterSeed.generate()
        return self.add(new_name, secret, word, lifetime=lifetime, replaces=name)

    def change_passphrase(self, name: str, old: PassphraseSource, new: PassphraseSource) -> None:
        """Store a key under another passphrase. Copies of the file keep the old one."""
        entry, secret = self.unlock(name, old)
        text = seal(entry, secret, new() if callable(new) else new, self._cost)
        with self._writing():
            self._write(name, text, replace=True)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _unlock(
        self, name: str, passphrase: PassphraseSource, algorithms: tuple[str, ...], otherwise: str
    ) -> tuple[KeyEntry, Secret]:
        entry, members = read(self._text(name, private=True), name)
        if entry.algorithm not in algorithms:
            raise InputError(
                f"key {name} is of {entry.algorithm} and {otherwise}: choose one of {', '.join(algorithms)}"
            )
        if algorithms == tuple(SCHEMES):  # before the passphrase is asked for; what is unsealed has the same date
            require_alive(entry, self._clock())
        return entry, unseal(entry, members, passphrase() if callable(passphrase) else passphrase)

    def _require_replaceable(self, entry: KeyEntry, replaces: str) -> None:
        before, successor = self.entry(replaces), self.successor(replaces)
        if before.algorithm != entry.algorithm:
            raise KeyStoreError(f"{entry.name} is of {entry.algorithm} and cannot replace one of {before.algorithm}")
        if successor is not None:
            raise KeyStoreError(f"key {replaces} was replaced by {successor.name} already: rotate that one")

    def _path(self, name: str) -> Path:
        return self.folder / f"{check_name(name)}.json"

    def _text(self, name: str, *, private: bool = False) -> str:
        path = self._path(name)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise KeyStoreError(f"{self.folder} has no key {name}: list them (novacron quantum key list)") from None
        except OSError as error:
            raise KeyStoreError(f"key {name}: {path}: {error.strerror or type(error).__name__}") from None
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            if private and stat.S_IMODE(found.st_mode) & 0o077:
                raise KeyStoreError(f"{path} may be read or written by others: chmod 600 it, and ask who read it")
            raw = file.read(_LARGEST + 1)
        try:
            return raw[:_LARGEST].decode()
        except UnicodeDecodeError:
            raise KeyStoreError(f"the file of key {name} is no text; restore it from a copy") from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with translate_errors(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            for draft in self.folder.glob(".*.new"):  # nobody writes now: a crash left it
                draft.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)

    def _write(self, name: str, text: str, *, replace: bool) -> None:
        path = self._path(name)
        draft = self.folder / f".{name}.{secrets.token_hex(8)}.new"
        with translate_errors(path):
            handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                draft.replace(path)
            else:
                try:
                    os.link(draft, path)  # unlike a rename, never over another key
                except FileExistsError:
                    raise KeyStoreError(f"{self.folder} has a key {name} already: choose another name") from None
                finally:
                    draft.unlink(missing_ok=True)
            sync(self.folder)


def require_alive(entry: KeyEntry, now: float) -> None:
    """Raises KeyExpiredError from the second on at which a key expires."""
    if entry.expired(now):
        assert entry.expires is not None
        raise KeyExpiredError(
            f"key {entry.name} expired at {moment(entry.expires)}: make its successor (novacron quantum key rotate) "
            "and have the root authorise it"
        )
