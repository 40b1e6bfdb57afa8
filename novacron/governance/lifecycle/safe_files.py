"""Safe transactions as files: one that collects the owners' signatures, one for the Transaction Builder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from novacron.atomic import write_atomically
from novacron.chain.addresses import parse_address
from novacron.exceptions import InputError, SafeError
from novacron.governance.lifecycle.safe import SafeTransaction, signature_owner

FORMAT = "novacron-safe-transaction-v1"


def file_name(transaction: SafeTransaction) -> str:
    """`safe-<nonce>-<first eight digits of the hash>.json`."""
    return f"safe-{transaction.nonce}-{transaction.hash.hex()[:8]}.json"


def save_transaction(path: Path, transaction: SafeTransaction) -> Path:
    """Write a transaction with its signatures, replacing the file atomically."""
    document = {
        "format": FORMAT,
        "title": transaction.title,
        "key": transaction.key,
        "chainId": transaction.chain_id,
        "safe": transaction.safe,
        "to": transaction.to,
        "value": str(transaction.value),
        "data": "0x" + transaction.data.hex(),
        "operation": transaction.operation,
        "nonce": transaction.nonce,
        "safeTxHash": "0x" + transaction.hash.hex(),
        "signatures": {owner: "0x" + one.hex() for owner, one in sorted(transaction.signatures.items())},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return path


def load_transaction(path: Path) -> SafeTransaction:
    """Read a transaction; its hash and every signature are computed again.

    Raises:
        SafeError: no such file, malformed, or changed after its hash was written.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SafeError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SafeError(f"{path} is no JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SafeError(f"{path} is no Safe transaction: its format is not {FORMAT}")
    try:
        found = SafeTransaction(
            chain_id=_number(document["chainId"]),
            safe=parse_address(document["safe"]),
            to=parse_address(document["to"]),
            value=int(document["value"]),
            data=_bytes(document["data"]),
            nonce=_number(document["nonce"]),
            operation=_number(document["operation"]),
            title=str(document.get("title", "")),
            key=str(document.get("key", "")),
            signatures={parse_address(owner): _bytes(one) for owner, one in document["signatures"].items()},
        )
        stated = _bytes(document["safeTxHash"])
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise SafeError(f"{path} is malformed: {error}") from None
    if found.hash != stated:
        raise SafeError(f"{path} was changed: its content has the hash 0x{found.hash.hex()}, it says 0x{stated.hex()}")
    for owner, one in found.signatures.items():
        if signature_owner(found.hash, one) != owner:
            raise SafeError(f"{path}: the signature of {owner} is not theirs over this transaction")
    return found


def builder_document(transaction: SafeTransaction) -> dict[str, Any]:
    """The transaction as Safe's Transaction Builder imports it; nonce and signatures are made there."""
    call = {
        "to": transaction.to,
        "value": str(transaction.value),
        "data": "0x" + transaction.data.hex(),
        "contractMethod": None,
        "contractInputsValues": None,
    }
    return {
        "version": "1.0",
        "chainId": str(transaction.chain_id),
        # The title is signed by nobody; what the call does is decoded there.
        "meta": {"name": f"NovaCron, nonce {transaction.nonce}", "createdFromSafeAddress": transaction.safe},
        "transactions": [call],
    }


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no number")
    return value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"{value!r} is no 0x hexadecimal text")
    return bytes.fromhex(value[2:])
