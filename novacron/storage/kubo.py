"""Blocks of a Kubo node through its RPC (docs.ipfs.tech/reference/kubo/rpc): block/put, block/get, block/stat, pin/add.

The node is asked with `offline=true`: a missing block is missing at once, it is not looked for in the network. The
RPC gives whoever reaches it full control of the node, so Kubo binds it to 127.0.0.1; leave it there. An Authorization
header for a node behind a proxy comes from NOVACRON_KUBO_AUTHORIZATION.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from novacron.exceptions import ConfigurationError, MissingBlockError, StorageRefusedError, StorageUnavailableError
from novacron.storage.blocks import MAX_BLOCK, BlockStore, check_label
from novacron.storage.cid import Cid, Codec
from novacron.storage.http import ATTEMPTS, Address, Answer, HttpClient, HttpError, parse_address, wait_before

AUTHORIZATION_VARIABLE = "NOVACRON_KUBO_AUTHORIZATION"

_CODEC_NAMES = {Codec.RAW: "raw", Codec.DAG_PB: "dag-pb"}
_ANSWER_LIMIT = 1024 * 1024


class KuboBlockStore(BlockStore):
    """Blocks in a Kubo node. Safe with several threads and processes."""

    def __init__(self, address: Address, authorization: str | None = None) -> None:
        """Nothing is asked of the node yet. `authorization`: value of that header, never shown."""
        self._client = HttpClient(address)
        self._authorization = authorization

    @classmethod
    def from_environment(cls, url: str, environ: Mapping[str, str]) -> KuboBlockStore:
        """The node at `url`, such as http://127.0.0.1:5001.

        Raises:
            ConfigurationError: a malformed address, or credentials that would go unencrypted.
        """
        authorization = environ.get(AUTHORIZATION_VARIABLE) or None
        if authorization is not None and not (authorization.isascii() and authorization.isprintable()):
            raise ConfigurationError(f"{AUTHORIZATION_VARIABLE} is no value of a header; set it again")
        address = parse_address(
            url,
            "the Kubo node",
            allow_http=environ.get("NOVACRON_STORAGE_ALLOW_HTTP") == "1",
            sends_credentials=authorization is not None,
        )
        return cls(address, authorization)

    def __repr__(self) -> str:
        return f"KuboBlockStore({self._client.address.label!r})"

    def close(self) -> None:
        """Close this thread's connection."""
        self._client.close()

    def pin(self, cids: Sequence[Cid], label: str) -> None:
        """Pin recursively in the node, one after the other. Kubo keeps one pin for each root and no labels.

        Raises:
            MissingBlockError: the node lacks a block of it. StorageRefusedError, StorageUnavailableError.
        """
        check_label(label)
        for cid in cids:
            answer = self._call("pin/add", {"arg": str(cid), "recursive": "true", "progress": "false"})
            if answer.status != 200:
                message = _message(answer)
                if _is_missing(message):
                    raise MissingBlockError(f"{self!r} lacks a block of {cid}; it cannot be pinned", cid)
                raise self._refusal(answer, "pin/add", cid)
            if str(cid) not in (_json(answer).get("Pins") or ()):
                raise StorageUnavailableError(f"{self!r} did not confirm the pin of {cid}")

    def _write(self, cid: Cid, block: bytes) -> None:
        parameters = {"cid-codec": _CODEC_NAMES[cid.codec], "mhtype": "sha2-256", "mhlen": "32", "pin": "false"}
        if len(block) > 1024 * 1024:
            parameters["allow-big-block"] = "true"
        answer = self._call("block/put", parameters, block)
        if answer.status != 200:
            raise self._refusal(answer, "block/put", cid)
        key = _json(answer).get("Key")
        if key != str(cid):
            raise StorageUnavailableError(f"{self!r} stored block {cid} as {str(key)[:80]!r}: it is no Kubo of today")

    def _read(self, cid: Cid) -> bytes | None:
        answer = self._call("block/get", {"arg": str(cid)}, limit=MAX_BLOCK)
        if answer.status == 200:
            return answer.body
        if _is_missing(_message(answer)):
            return None
        raise self._refusal(answer, "block/get", cid)

    def _contains(self, cid: Cid) -> bool:
        answer = self._call("block/stat", {"arg": str(cid)})
        if answer.status == 200:
            return True
        if _is_missing(_message(answer)):
            return False
        raise self._refusal(answer, "block/stat", cid)

    def _call(
        self, command: str, parameters: Mapping[str, str], block: bytes | None = None, *, limit: int = _ANSWER_LIMIT
    ) -> Answer:
        target = f"{self._client.address.path}/api/v0/{command}?" + urlencode({**parameters, "offline": "true"})
        headers = {"User-Agent": "novacron"}
        body = b""
        if block is not None:
            body, headers["Content-Type"] = _multipart(block)
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        outcome: Answer | HttpError = HttpError("")
        for attempt in range(ATTEMPTS):
            if attempt:
                wait_before(attempt)
            outcome = self._client.attempt("POST", target, headers, body, limit=limit)
            # 500 is how Kubo says everything that went wrong, a missing block too: an answer, if it is one of Kubo's.
            if isinstance(outcome, Answer) and outcome.status not in (429, 502, 503, 504):
                return outcome
        if isinstance(outcome, HttpError):
            raise outcome
        raise StorageUnavailableError(f"{self!r} answered HTTP {outcome.status} to {command}, {ATTEMPTS} times")

    def _refusal(self, answer: Answer, command: str, cid: Cid) -> StorageRefusedError | StorageUnavailableError:
        if answer.status in (401, 403):
            return StorageRefusedError(
                f"{self!r} answered HTTP {answer.status} to {command}: check {AUTHORIZATION_VARIABLE} and the node's "
                "API.Authorizations"
            )
        if answer.status in (404, 405) or 300 <= answer.status < 400:
            return StorageRefusedError(
                f"{self!r} answered HTTP {answer.status} to {command}: it is not Kubo's RPC (port 5001, no gateway)"
            )
        message = "".join(filter(str.isprintable, _message(answer)))[:200] or "no reason given"
        return StorageUnavailableError(f"{self!r} cannot do {command} of {cid}: {message}")


def _multipart(block: bytes) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    while boundary.encode() in block:  # not in this universe
        boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="data"; filename="block"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + block + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _json(answer: Answer) -> dict[str, Any]:
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _message(answer: Answer) -> str:
    return str(_json(answer).get("Message") or "")


def _is_missing(message: str) -> bool:
    return "could not find" in message or "not found locally" in message or message.endswith("block not found")
