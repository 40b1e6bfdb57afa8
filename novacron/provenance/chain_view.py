"""What a proof's verifier reads from a chain: views and receipts of one ProofOfTraining contract, by JSON-RPC alone.

It needs no key, no journal and no compiled artifact: a stranger verifies with an RPC address and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import is_address, to_checksum_address

from novacron.exceptions import InconsistentEndpointError
from novacron.provenance.keccak import keccak256


class Rpc(Protocol):
    """The part of `novacron.chain.endpoints.EndpointPool` that is used here."""

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """Result of one JSON-RPC method."""

    def chain_id(self) -> int:
        """EIP-155 chain id."""


@dataclass(frozen=True)
class Event:
    """One event of a receipt: its indexed arguments after the signature, and the rest decoded."""

    topics: tuple[bytes, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Receipt:
    """A mined transaction as an endpoint reports it."""

    succeeded: bool
    block_number: int
    block_hash: str
    logs: tuple[dict[str, Any], ...]


class ContractView:
    """Reads of a ProofOfTraining contract."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        """Raises InconsistentEndpointError when `address` is no address."""
        if not is_address(address):
            raise InconsistentEndpointError(f"{address!r} is not a contract address")
        self._rpc, self.address = rpc, to_checksum_address(address)

    def chain_id(self) -> int:
        """EIP-155 chain id of the endpoints."""
        return self._rpc.chain_id()

    def has_code(self) -> bool:
        """Whether there is a contract at the address."""
        return self._rpc.request("eth_getCode", [self.address, "latest"]) not in ("0x", "0x0", None)

    def code_hash(self, block: int | None = None) -> bytes:
        """Keccak-256 of the runtime code at the address, at `block` (None: now); of nothing without code."""
        tag = "latest" if block is None else hex(block)
        code = str(self._rpc.request("eth_getCode", [self.address, tag]))
        try:
            return keccak256(bytes.fromhex(code.removeprefix("0x")))
        except ValueError as error:
            raise InconsistentEndpointError(f"the code of {self.address} is malformed: {error}") from error

    def called_by(self, transaction: str) -> str | None:
        """The sender of a transaction that was sent to the contract itself; None when it went elsewhere."""
        found = self._rpc.request("eth_getTransactionByHash", [transaction])
        if not isinstance(found, dict) or str(found.get("to")).lower() != self.address.lower():
            return None
        return str(found.get("from"))

    def transactions_with(
        self, signatures: Sequence[str], topics: Sequence[bytes | None], block: int | None = None
    ) -> list[str]:
        """Hashes of the transactions that emitted an event with one of these signatures and these indexed arguments
        (None: any), in `block` or in the whole chain."""
        first = ["0x" + keccak256(signature.encode()).hex() for signature in signatures]
        query = {
            "address": self.address,
            "topics": [first, *(None if topic is None else "0x" + topic.hex() for topic in topics)],
            "fromBlock": "0x0" if block is None else hex(block),
            "toBlock": "latest" if block is None else hex(block),
        }
        found = self._rpc.request("eth_getLogs", [query])
        try:
            hashes = [str(log["transactionHash"]) for log in found if not log.get("removed")]
        except (KeyError, TypeError, AttributeError) as error:
            raise InconsistentEndpointError(f"a log of {self.address} is malformed: {error!r}") from error
        return list(dict.fromkeys(hashes))

    def head_of(self, run: bytes) -> tuple[str, int, bytes, int, bytes]:
        """(owner, size, root, updated at, model digest) of a run; the owner is the zero address when there is none."""
        owner, size, root, updated, model = self._call(
            "headOf(bytes32)", ["address", "uint64", "bytes32", "uint64", "bytes32"], ["bytes32"], [run]
        )
        return to_checksum_address(owner), size, root, updated, model

    def verify_entry(self, run: bytes, leaf: bytes, index: int, proof: Sequence[bytes], block: int | None) -> bool:
        """The contract's own check against the head it held at `block` (None: now)."""
        kinds = ["bytes32", "bytes32", "uint64", "bytes32[]"]
        signature = "verifyEntry(bytes32,bytes32,uint64,bytes32[])"
        return bool(self._call(signature, ["bool"], kinds, [run, leaf, index, list(proof)], block)[0])

    def anchor_of(self, submitter: str, digest: bytes) -> tuple[int, int, int]:
        """(block time, block number, size) of an anchor; zeros when there is none."""
        kinds, results = ["address", "bytes32"], ["uint64", "uint64", "uint64"]
        time, number, size = self._call("anchorOf(address,bytes32)", results, kinds, [submitter, digest])
        return time, number, size

    def verify_inclusion(self, submitter: str, root: bytes, leaf: bytes, proof: Sequence[bytes]) -> bool:
        """The contract's own check of a batch's leaf."""
        signature, kinds = "verifyInclusion(address,bytes32,bytes32,bytes32[])", ["address", "bytes32", "bytes32"]
        return bool(self._call(signature, ["bool"], [*kinds, "bytes32[]"], [submitter, root, leaf, list(proof)])[0])

    def receipt(self, transaction: str) -> Receipt | None:
        """The receipt of a mined transaction, None when the endpoint knows none."""
        value = self._rpc.request("eth_getTransactionReceipt", [transaction])
        if value is None:
            return None
        try:
            return Receipt(
                int(value["status"], 16) == 1, int(value["blockNumber"], 16), value["blockHash"], tuple(value["logs"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InconsistentEndpointError(f"the receipt of {transaction} is malformed: {error!r}") from error

    def block(self, number: int) -> tuple[str, int] | None:
        """Hash and time (seconds since the Unix epoch) of the canonical block of this number, None beyond the head."""
        block = self._rpc.request("eth_getBlockByNumber", [hex(number), False])
        if block is None:
            return None
        try:
            return str(block["hash"]), int(block["timestamp"], 16)
        except (KeyError, TypeError, ValueError) as error:
            raise InconsistentEndpointError(f"block {number} is malformed: {error!r}") from error

    def events(self, receipt: Receipt, signature: str, indexed: int, data: Sequence[str]) -> Iterator[Event]:
        """The contract's events with this signature; `data` are the types that are not indexed."""
        topic = "0x" + keccak256(signature.encode()).hex()
        for log in receipt.logs:
            try:
                topics = [str(item).lower() for item in log["topics"]]
                if str(log["address"]).lower() != self.address.lower() or topics[:1] != [topic]:
                    continue
                if len(topics) != indexed + 1 or log.get("removed"):
                    continue
                values = decode(list(data), bytes.fromhex(str(log["data"]).removeprefix("0x")))
                yield Event(tuple(bytes.fromhex(item.removeprefix("0x")) for item in topics[1:]), values)
            except (KeyError, TypeError, ValueError, DecodingError) as error:
                raise InconsistentEndpointError(f"a log of {self.address} is malformed: {error!r}") from error

    def _call(
        self, signature: str, results: list[str], kinds: list[str], values: list[Any], block: int | None = None
    ) -> tuple[Any, ...]:
        data = keccak256(signature.encode())[:4] + encode(kinds, values)
        tag = "latest" if block is None else hex(block)
        answer = self._rpc.request("eth_call", [{"to": self.address, "data": "0x" + data.hex()}, tag])
        try:
            return decode(results, bytes.fromhex(str(answer).removeprefix("0x")))
        except (DecodingError, ValueError) as error:
            name = signature.split("(")[0]
            raise InconsistentEndpointError(
                f"{self.address} answers {name} with {str(answer)[:80]!r}: not a ProofOfTraining contract"
            ) from error
