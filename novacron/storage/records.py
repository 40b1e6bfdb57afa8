"""VM state records: what a VM was at one epoch, as canonical JSON (RFC 8785) in a raw block whose SHA-256 is on chain.

32 bytes on chain thus find everything: the digest is the record's CID (`Cid.from_digest`), the record names the files
by theirs, and each block is checked on the way. Records of a VM form a chain by `previous`.

    {"chainId": 31337, "contract": "0x…", "createdAt": 1767225600, "epoch": "7",
     "files": {"domain.xml": {"cid": "bafkrei…", "size": 2048}}, "kind": "snapshot", "previous": "<64 hex>" | null,
     "schema": "novacron/vm-state/v1", "vmId": "42"}

`vmId` and `epoch` are decimal text, since JSON numbers are exact only to 2**53.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from novacron.chain.addresses import parse_address
from novacron.exceptions import InvalidCidError, InvalidStateRecordError
from novacron.provenance.digest import canonical_json
from novacron.storage import varint
from novacron.storage.cid import Cid
from novacron.storage.storage import Storage

SCHEMA: Final = "novacron/vm-state/v1"
#: Largest record, in bytes.
MAX_RECORD = 256 * 1024
#: Most files of a record.
MAX_FILES = 1024

Kind = Literal["configuration", "snapshot"]

_KEYS = frozenset({"chainId", "contract", "createdAt", "epoch", "files", "kind", "previous", "schema", "vmId"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_JSON = 2**53 - 1


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a record: its CID and its size in bytes."""

    cid: Cid
    size: int


@dataclass(frozen=True)
class StateRecord:
    """A VM's state at one epoch; validated when made.

    Attributes:
        vm_id: id in the VM contract, uint256.
        chain_id: EIP-155 id of the chain.
        contract: address of the VM contract; kept in EIP-55 form.
        epoch: the VM's epoch that this state belongs to, uint64.
        kind: "configuration" or "snapshot".
        created_at: seconds since 1970, as the recorder's clock said.
        files: by name, at least one; names are letters, digits, `.`, `_`, `-`, and start with a letter or digit.
        previous: digest of the VM's record before this one; None for the first.

    Raises:
        InvalidStateRecordError: names the field and the value.
    """

    vm_id: int
    chain_id: int
    contract: str
    epoch: int
    kind: Kind
    created_at: int
    files: Mapping[str, StoredFile]
    previous: bytes | None = None

    def __post_init__(self) -> None:
        _whole("vm id", self.vm_id, 0, 2**256 - 1)
        _whole("chain id", self.chain_id, 1, _MAX_JSON)
        _whole("epoch", self.epoch, 0, 2**64 - 1)
        _whole("created at", self.created_at, 0, _MAX_JSON)
        contract = parse_address(self.contract, "contract", InvalidStateRecordError)
        object.__setattr__(self, "contract", contract)
        if self.kind not in get_args(Kind):
            raise InvalidStateRecordError(f"kind is configuration or snapshot, got {self.kind!r:.80}")
        if self.previous is not None and (not isinstance(self.previous, bytes) or len(self.previous) != 32):
            raise InvalidStateRecordError(f"previous is a digest of 32 bytes or None, got {self.previous!r:.80}")
        if not isinstance(self.files, Mapping) or not 1 <= len(self.files) <= MAX_FILES:
            raise InvalidStateRecordError(f"a record names 1 to {MAX_FILES} files")
        for name, file in self.files.items():
            if not isinstance(name, str) or _NAME.fullmatch(name) is None:
                raise InvalidStateRecordError(
                    f"file name {name!r:.140} is not 1 to 128 letters, digits, '.', '_' or '-', starting with a letter "
                    "or digit"
                )
            if not isinstance(file, StoredFile) or not isinstance(file.cid, Cid):
                raise InvalidStateRecordError(f"file {name} is a StoredFile(cid, size), got {type(file).__name__}")
            _whole(f"size of {name}", file.size, 0, min(_MAX_JSON, varint.MAXIMUM))
        object.__setattr__(self, "files", MappingProxyType(dict(sorted(self.files.items()))))
        if len(self.to_bytes()) > MAX_RECORD:
            raise InvalidStateRecordError(f"the record has more than {MAX_RECORD} bytes; name fewer files")

    def __hash__(self) -> int:
        return hash(self.digest)

    # -- bytes --------------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The record's canonical bytes: equal records, equal bytes."""
        return self._bytes

    @cached_property
    def _bytes(self) -> bytes:
        return canonical_json(
            {
                "chainId": self.chain_id,
                "contract": self.contract,
                "createdAt": self.created_at,
                "epoch": str(self.epoch),
                "files": {name: {"cid": str(file.cid), "size": file.size} for name, file in self.files.items()},
                "kind": self.kind,
                "previous": None if self.previous is None else self.previous.hex(),
                "schema": SCHEMA,
                "vmId": str(self.vm_id),
            }
        )

    @property
    def cid(self) -> Cid:
        """The CID of the record's raw block."""
        return Cid.of(self.to_bytes())

    @property
    def digest(self) -> bytes:
        """SHA-256 of the record, 32 bytes: what goes on chain."""
        return self.cid.digest

    @classmethod
    def from_bytes(cls, data: bytes) -> StateRecord:
        """Parse a record.

        Raises:
            InvalidStateRecordError: too large, no JSON, other fields than the schema's, a value out of range, or not
                the canonical bytes.
        """
        if len(data) > MAX_RECORD:
            raise InvalidStateRecordError(f"a record has at most {MAX_RECORD} bytes, got {len(data)}")
        try:
            value = json.loads(data.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise InvalidStateRecordError(f"a record is JSON in UTF-8: {error}") from error
        if not isinstance(value, dict) or value.get("schema") != SCHEMA:
            schema = value.get("schema") if isinstance(value, dict) else type(value).__name__
            raise InvalidStateRecordError(f"this is no record of schema {SCHEMA}, but {schema!r:.80}")
        _same_keys("the record", value, _KEYS)
        previous = value["previous"]
        if previous is not None and (not isinstance(previous, str) or _DIGEST.fullmatch(previous) is None):
            raise InvalidStateRecordError(f"previous is 64 lower-case hexadecimal digits or null, got {previous!r:.80}")
        record = cls(
            vm_id=_decimal("vmId", value["vmId"]),
            chain_id=value["chainId"],
            contract=value["contract"],
            epoch=_decimal("epoch", value["epoch"]),
            kind=value["kind"],
            created_at=value["createdAt"],
            files=_files(value["files"]),
            previous=None if previous is None else bytes.fromhex(previous),
        )
        if record.to_bytes() != data:
            raise InvalidStateRecordError("the record is not canonical JSON (RFC 8785): its digest would not be unique")
        return record

    # -- storage ------------------------------------------------------------------------------------------------------

    def put(self, storage: Storage) -> bytes:
        """Store the record and pin it and its files for as long as the record is kept; durable when this returns.

        Returns:
            The digest, 32 bytes, for the chain.

        Raises:
            InvalidStateRecordError: a file has another size than the record says.
            MissingBlockError, CorruptBlockError, InvalidDagError: a file's root or inner node is not there or faulty.
            StorageError, StoreError: the record cannot be stored.
        """
        with storage.hold():
            for name, file in self.files.items():
                found = storage.stat(file.cid).size
                if found != file.size:
                    raise InvalidStateRecordError(f"file {name} ({file.cid}) has {found} bytes, not {file.size}")
            cid = storage.put_block(self.to_bytes(), pin=None)
            # All pins or none: a crash leaves either a record that is kept with its files, or nothing that is kept.
            storage.pin_all([cid, *dict.fromkeys(file.cid for file in self.files.values())], _label(self.digest))
        return self.digest

    @classmethod
    def get(cls, storage: Storage, digest: bytes | str) -> StateRecord:
        """The record of a digest on chain.

        Raises:
            InvalidCidError: no digest. InvalidStateRecordError: the block is no record.
            MissingBlockError, CorruptBlockError, StorageError, StoreError: it cannot be read.
        """
        return cls.from_bytes(storage.get(Cid.from_digest(digest), limit=MAX_RECORD))

    @classmethod
    def verify(cls, storage: Storage, digest: bytes | str) -> StateRecord:
        """As `get`, and every block of every file is read and hashed, each size compared. Raises as `get` and `put`."""
        record = cls.get(storage, digest)
        for name, file in record.files.items():
            found = storage.verify(file.cid).size
            if found != file.size:
                raise InvalidStateRecordError(f"file {name} ({file.cid}) has {found} bytes, not {file.size}")
        return record

    @classmethod
    def history(cls, storage: Storage, digest: bytes | str) -> Iterator[tuple[bytes, StateRecord]]:
        """The record of `digest` and those before it, newest first.

        Raises:
            InvalidStateRecordError: one is of another VM, chain or contract, or of a later epoch than its successor.
            MissingBlockError, CorruptBlockError, StorageError, StoreError: one cannot be read.
        """
        current: bytes | None = Cid.from_digest(digest).digest
        newer: StateRecord | None = None
        while current is not None:
            record = cls.get(storage, current)
            if newer is not None:
                _check_succession(record, newer)
            yield current, record
            current, newer = record.previous, record

    @staticmethod
    def drop(storage: Storage, digest: bytes | str) -> bool:
        """Keep the record and its files no longer; `Storage.collect` frees what nothing else keeps.

        Returns:
            False when it was not kept.

        Raises:
            StorageError: the back end does not remove content.
        """
        return storage.unpin_label(_label(Cid.from_digest(digest).digest)) > 0


def _label(digest: bytes) -> str:
    return f"record:{digest.hex()}"


def _check_succession(older: StateRecord, newer: StateRecord) -> None:
    for what in ("vm_id", "chain_id", "contract"):
        if getattr(older, what) != getattr(newer, what):
            raise InvalidStateRecordError(
                f"record {newer.digest.hex()} follows {older.digest.hex()} of another {what.replace('_', ' ')} "
                f"({getattr(newer, what)} and {getattr(older, what)})"
            )
    if older.epoch > newer.epoch:
        raise InvalidStateRecordError(
            f"record {newer.digest.hex()} of epoch {newer.epoch} follows {older.digest.hex()} of epoch {older.epoch}"
        )


def _files(value: Any) -> dict[str, StoredFile]:
    if not isinstance(value, dict):
        raise InvalidStateRecordError(f"files is an object, got {type(value).__name__}")
    files = {}
    for name, item in value.items():
        if not isinstance(item, dict):
            raise InvalidStateRecordError(f"file {name!r:.140} is an object, got {type(item).__name__}")
        _same_keys(f"file {name!r:.140}", item, frozenset({"cid", "size"}))
        try:
            files[name] = StoredFile(Cid.parse(item["cid"]), item["size"])
        except InvalidCidError as error:
            raise InvalidStateRecordError(f"file {name!r:.140}: {error}") from error
    return files


def _same_keys(what: str, value: Mapping[str, Any], keys: frozenset[str]) -> None:
    missing, unknown = sorted(keys - value.keys()), sorted(value.keys() - keys)
    if missing or unknown:
        fault = f"lacks {', '.join(missing)}" if missing else f"has the unknown field {unknown[0]!r:.80}"
        raise InvalidStateRecordError(f"{what} {fault}")


def _decimal(what: str, value: Any) -> int:
    if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None:
        raise InvalidStateRecordError(f"{what} is a whole number as text, got {value!r:.80}")
    return int(value)


def _whole(what: str, value: Any, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidStateRecordError(f"{what} is a whole number from {least} to {most}, got {value!r:.80}")


__all__ = ["MAX_FILES", "MAX_RECORD", "SCHEMA", "Kind", "StateRecord", "StoredFile"]
