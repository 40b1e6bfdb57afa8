"""Node error messages sorted into retryable, rejected and reverted; revert data decoded by name.

Neither codes nor messages of transaction errors are standardised, so both are matched: geth, reth, anvil, erigon,
nethermind, besu and the large hosted services, as of 2026. What no pattern knows is `rejected`: repeating it blindly
would hide it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from novacron.chain.codec import abi_names, load_abi, selector_of, types_of
from novacron.exceptions import (
    ChainError,
    InsufficientFundsError,
    NonceError,
    RejectedError,
    RetryableError,
    RevertedError,
)


class ErrorKind(Enum):
    """What an error of a node means for the caller."""

    ALREADY_KNOWN = "already known"
    NONCE_TOO_LOW = "nonce too low"
    REPLACEMENT_UNDERPRICED = "replacement underpriced"
    UNDERPRICED = "underpriced"
    INSUFFICIENT_FUNDS = "insufficient funds"
    REVERTED = "reverted"
    RETRYABLE = "retryable"
    UNSUPPORTED = "method not supported"
    LOG_RANGE = "log range too large"
    REJECTED = "rejected"


# Order matters: the first match wins.
_PATTERNS: tuple[tuple[ErrorKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            ErrorKind.ALREADY_KNOWN,
            r"already ?known|known transaction|already imported|already exists|existing tx with same hash|"
            r"already in mempool",
        ),
        (
            ErrorKind.REPLACEMENT_UNDERPRICED,
            r"replacement transaction underpriced|replacement ?not ?allowed|could not replace existing|"
            r"replacement fee too low|another transaction with same nonce|gas price.*too low to replace",
        ),
        (
            ErrorKind.NONCE_TOO_LOW,
            r"nonce.{0,12}too low|oldnonce|nonce has already been used|nonce is too low|"
            r"invalid nonce; got \d+, expected",
        ),
        (
            ErrorKind.RETRYABLE,
            r"nonce.{0,4}too (?:high|distant)|noncegap|nonce gap|(?:tx|transaction) ?pool is full|mempool is full|"
            r"replace pending|transaction pool not accepting|in-flight transaction limit",
        ),
        (
            ErrorKind.INSUFFICIENT_FUNDS,
            r"insufficient ?funds|upfront cost exceeds|insufficient balance|doesn't have enough funds|"
            r"out of balance",
        ),
        (
            ErrorKind.UNDERPRICED,
            r"underpriced|feetoolow|fee too low|max ?fee ?per ?gas.{0,40}less than|gas price below|"
            r"gas price.{0,12}too low|below the minimum|below configured minimum|gasprice.*lower than",
        ),
        (
            ErrorKind.LOG_RANGE,
            r"query returned more than|block range.{0,40}(?:large|wide|exceed|limit|maximum)|"
            r"(?:exceed|maximum|limited to).{0,40}range|too many (?:results|logs|blocks)|response size|"
            r"query exceeds max|range too large|more than \d+ logs",
        ),
        (
            ErrorKind.REVERTED,
            r"revert|vm exception|vm execution error|invalid ?f?e? ?opcode|evm error|out of ?gas(?! price)|"
            r"stack ?(?:under|over)flow|invalid jump|badinstruction|bad instruction|contract creation code storage",
        ),
        (
            ErrorKind.RETRYABLE,
            r"rate.?limit|too many requests|request count exceeded|capacity exceeded|throughput|timed? ?out|timeout|"
            r"header not found|missing trie node|(?:block|state).{0,20}not (?:found|available)|unknown block|"
            r"sync(?:ing|hroniz)|unavailable|overloaded|try again|temporar|internal (?:server )?error|no healthy|"
            r"bad gateway|upstream|request failed|limit exceeded|daily request|compute units",
        ),
        (
            ErrorKind.UNSUPPORTED,
            r"method.{0,80}(?:not found|not supported|does not exist|is not available|not allowed|not whitelisted)|"
            r"unsupported method|unknown method",
        ),
    )
)
_RETRYABLE_CODES = frozenset({-32005, -32097, 429, -32016})

#: Panic codes of Solidity (docs.soliditylang.org, "Panic via assert and Error via require").
PANICS = {
    0x00: "generic compiler panic",
    0x01: "assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division or modulo by zero",
    0x21: "value outside an enum",
    0x22: "malformed storage byte array",
    0x31: "pop of an empty array",
    0x32: "array index out of bounds",
    0x41: "too much memory allocated",
    0x51: "call of an uninitialised function",
}


def message_of(error: Mapping[str, Any]) -> str:
    """The node's own words, one line, at most 300 characters."""
    text = " ".join(str(error.get("message", "")).split())
    data = error.get("data")
    if isinstance(data, str) and not data.startswith("0x"):
        text = f"{text} {' '.join(data.split())}"
    return text[:300]


def revert_data(error: Mapping[str, Any]) -> bytes | None:
    """The revert data inside a node's error object, wherever this node puts it; None when there is none."""
    queue: list[Any] = [error.get("data")]
    while queue:
        item = queue.pop(0)
        if isinstance(item, Mapping):
            queue += [item.get("data"), item.get("result"), item.get("output"), item.get("return")]
        elif isinstance(item, str):
            found = re.search(r"(?:^|\s)0x([0-9a-fA-F]*)$", item.strip())  # nethermind: "Reverted 0x…"
            if found and len(found.group(1)) % 2 == 0:
                return bytes.fromhex(found.group(1))
    return None


def kind_of(error: Mapping[str, Any]) -> ErrorKind:
    """Sort the `error` member of a JSON-RPC answer."""
    code, text = error.get("code"), message_of(error)
    if code == 3 or text.lower().startswith("execution reverted"):  # its reason may quote any other message
        return ErrorKind.REVERTED
    for kind, pattern in _PATTERNS:
        if pattern.search(text):
            return kind
    if code == -32601:
        return ErrorKind.UNSUPPORTED
    if code in _RETRYABLE_CODES:
        return ErrorKind.RETRYABLE
    return ErrorKind.REJECTED


class ErrorDecoder:
    """Custom errors of a set of ABIs, by selector; `Error(string)` and `Panic(uint256)` are always known."""

    def __init__(self, *abis: Iterable[Mapping[str, Any]]) -> None:
        self._errors: dict[bytes, tuple[str, list[str]]] = {}
        for entry in (entry for abi in abis for entry in abi):
            if entry.get("type") == "error":
                self._errors[selector_of(entry)] = (entry["name"], types_of(entry.get("inputs", [])))

    def merged(self, other: ErrorDecoder) -> ErrorDecoder:
        """A decoder that knows both tables; this one's entries win."""
        both = ErrorDecoder()
        both._errors = {**other._errors, **self._errors}
        return both

    def decode(self, data: bytes) -> tuple[str | None, tuple[Any, ...]]:
        """Name and arguments; (None, ()) when the selector is unknown or the data does not fit it."""
        selector, body = data[:4], data[4:]
        known = _BUILTIN.get(selector) or self._errors.get(selector)
        if known is None:
            return None, ()
        name, types = known
        try:
            values = abi_decode(types, body)
        except (DecodingError, OverflowError, UnicodeDecodeError):
            return None, ()
        return name, tuple(_readable(kind, value) for kind, value in zip(types, values, strict=True))

    def error(self, data: bytes, *, context: str = "", transaction_hash: str | None = None) -> RevertedError:
        """Revert data as an exception that names the custom error and its arguments."""
        name, arguments = self.decode(data)
        if name == "Error" and data[:4] == _ERROR_STRING:
            text = f"reverted: {arguments[0]}"
        elif name == "Panic" and data[:4] == _PANIC:
            text = f"reverted: panic 0x{arguments[0]:02x} ({PANICS.get(arguments[0], 'unknown code')})"
        elif name is not None:
            text = f"reverted: {name}({', '.join(_show(argument) for argument in arguments)})"
        elif data:
            text = f"reverted with unknown data 0x{data[:36].hex()}" + ("…" if len(data) > 36 else "")
        else:
            text = "reverted without a reason"
        where = f"{context} " if context else ""
        return RevertedError(where + text, name=name, arguments=arguments, data=data, transaction_hash=transaction_hash)


_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_BUILTIN: dict[bytes, tuple[str, list[str]]] = {_ERROR_STRING: ("Error", ["string"]), _PANIC: ("Panic", ["uint256"])}


def _readable(kind: str, value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        inner = kind[: kind.rindex("[")] if kind.endswith("]") else ""
        return tuple(_readable(inner, item) for item in value)
    return to_checksum_address(value) if kind == "address" else value


def _show(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


@functools.cache
def package_errors() -> ErrorDecoder:
    """Decoder of every custom error in the package's ABIs."""
    return ErrorDecoder(*(load_abi(name) for name in abi_names()))


def classify(error: Mapping[str, Any], *, decoder: ErrorDecoder | None = None, context: str = "the node") -> ChainError:
    """The exception that the `error` member of a JSON-RPC answer stands for.

    Args:
        error: `{"code": int, "message": str, "data": …}` (JSON-RPC 2.0 section 5.1).
        decoder: custom errors to know besides the package's own.
        context: who answered what, first words of the message.
    """
    kind, text = kind_of(error), message_of(error)
    if kind is ErrorKind.REVERTED:
        known = package_errors() if decoder is None else decoder.merged(package_errors())
        data = revert_data(error)
        if data:
            return known.error(data, context=context)
        return RevertedError(f"{context} reverted: {text or 'no reason given'}", data=b"")
    words = f"{context}: {text or 'error without a message'}"
    if kind is ErrorKind.RETRYABLE:
        return RetryableError(words)
    if kind is ErrorKind.INSUFFICIENT_FUNDS:
        return InsufficientFundsError(words)
    if kind is ErrorKind.NONCE_TOO_LOW:
        return NonceError(words)
    return RejectedError(words)
