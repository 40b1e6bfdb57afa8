"""Receipts one can rely on: checked against the block they name, counted in confirmations, aware of reorganisations."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from novacron.chain.answers import same_hex
from novacron.chain.endpoint import Reader
from novacron.chain.endpoints import EndpointPool
from novacron.chain.entries import Entry
from novacron.exceptions import ChainError, InconsistentEndpointError, RejectedError, RetryableError

#: Looks at a node that contradicts itself before that counts as a fault, and seconds between two.
_LOOKS, _PAUSE = 10, 0.1


@dataclass(frozen=True)
class TransactionReceipt:
    """Final receipt of a key's transaction. Hashes are 0x and 64 digits, gas prices wei per gas, `status` 1 or 0.

    `logs` are the node's JSON objects unchanged; `ContractHandle.decode_logs` reads them.
    """

    key: str
    hash: str
    block_number: int
    block_hash: str
    gas_used: int
    effective_gas_price: int
    status: int
    logs: tuple[dict[str, Any], ...] = field(repr=False)
    contract_address: str | None
    nonce: int

    @property
    def cost(self) -> int:
        """What it cost in wei, without the data fee of a layer 2."""
        return self.gas_used * self.effective_gas_price

    @classmethod
    def of(cls, entry: Entry) -> TransactionReceipt:
        """From the stored receipt of a settled entry."""
        raw = entry.receipt
        assert raw is not None
        mined = next(a for a in entry.attempts if same_hex(a.hash, raw["transactionHash"]))
        created = raw.get("contractAddress")
        return cls(
            key=entry.key,
            hash=raw["transactionHash"].lower(),
            block_number=int(raw["blockNumber"], 16),
            block_hash=raw["blockHash"].lower(),
            gas_used=int(raw["gasUsed"], 16),
            effective_gas_price=int(raw.get("effectiveGasPrice") or "0x0", 16),
            status=int(raw["status"], 16),
            logs=tuple(raw["logs"]),
            contract_address=to_checksum_address(created) if created else None,
            nonce=mined.nonce,
        )


@dataclass(frozen=True)
class Observation:
    """What one endpoint knows about an entry at one moment.

    Attributes:
        receipt: receipt of the attempt that was mined, verified against its block, or None.
        depth: confirmations, 1 for the newest block; 0 without a receipt.
        pending: whether the newest attempt waits in the node's pool.
        count: the account's transaction count at the head.
        head: number of the newest block.
    """

    receipt: dict[str, Any] | None
    depth: int
    pending: bool
    count: int
    head: int
    source: str


def observe(reader: Reader, entry: Entry) -> Observation:
    """Look at every attempt of an entry through one endpoint, in one round trip when nothing is mined.

    Raises:
        InconsistentEndpointError: the receipt contradicts the block it names, or the transaction that was signed.
    """
    # All attempts, older nonces too: a receipt of any of them settles the key.
    hashes = [attempt.hash for attempt in entry.attempts]
    calls: list[tuple[str, list[Any]]] = [("eth_getTransactionReceipt", [h]) for h in hashes]
    calls.append(("eth_getTransactionByHash", [hashes[-1]]))
    calls.append(("eth_getTransactionCount", [entry.intent.sender, "latest"]))
    calls.append(("eth_blockNumber", []))
    *receipts, newest, count, head = reader.batch(calls)
    found = next((receipt for receipt in receipts if receipt is not None), None)
    height = int(head, 16)
    if found is not None:
        found = _checked(reader, entry, found)
    depth = 0 if found is None else max(height - int(found["blockNumber"], 16) + 1, 0)
    return Observation(found, depth, newest is not None, int(count, 16), height, reader.label)


def _checked(reader: Reader, entry: Entry, receipt: dict[str, Any]) -> dict[str, Any] | None:
    """The receipt, once the endpoint's own chain contains it; None when a reorganisation has just removed it."""
    sender = receipt.get("from")
    if sender is not None and not same_hex(sender, entry.intent.sender):
        raise InconsistentEndpointError(f"{reader.label} gives a receipt of another sender for {entry.key!r}")
    for _ in range(2):  # a block may be reorganised between the two questions
        block = reader.request("eth_getBlockByNumber", [receipt["blockNumber"], False])
        if block is not None and same_hex(block.get("hash"), receipt["blockHash"]):
            inside = block.get("transactions")
            if isinstance(inside, list) and any(same_hex(item, receipt["transactionHash"]) for item in inside):
                return receipt
            raise InconsistentEndpointError(f"{reader.label} gives a receipt for a block without the transaction")
        again = reader.request("eth_getTransactionReceipt", [receipt["transactionHash"]])
        if again is None:
            return None
        receipt = again
    raise InconsistentEndpointError(f"{reader.label} gives a receipt whose block is not on its own chain")


def agreed(pool: EndpointPool, entry: Entry, seen: Observation, quorum: int) -> str | None:
    """Ask further endpoints about a receipt. None when `quorum` endpoints agree, else why not yet.

    With fewer endpoints configured than `quorum`, all of them must agree.
    """
    needed = min(quorum, len(pool))
    if needed < 2 or seen.receipt is None:
        return None
    votes, reasons = 0, []
    for label, view in pool.each(lambda reader: observe(reader, entry)):
        if isinstance(view, ChainError):
            reasons.append(str(view))
        elif view.receipt is not None and _same_receipt(view.receipt, seen.receipt):
            votes += 1
        else:
            reasons.append(f"{label} does not have it in that block")
    if votes >= needed:
        return None
    return f"only {votes} of {needed} endpoints confirm the receipt ({'; '.join(reasons)})"


def _same_receipt(left: dict[str, Any], right: dict[str, Any]) -> bool:
    fields = ("transactionHash", "blockHash", "status", "gasUsed")
    if any(not same_hex(left[name], right[name]) for name in fields) or len(left["logs"]) != len(right["logs"]):
        return False
    return all(
        same_hex(a["address"], b["address"])
        and same_hex(a["data"], b["data"])
        and [t.lower() for t in a["topics"]] == [t.lower() for t in b["topics"]]
        for a, b in zip(left["logs"], right["logs"], strict=True)
    )


def transaction_counts(pool: EndpointPool, address: str, following: int | None) -> int:
    """Transaction count of an account, pending ones included, as a floor for the next nonce.

    A count above what the journal explains is taken from the endpoint that says least: a nonce too low is refused and
    corrected, one too high would leave a gap.
    """

    def read(reader: Reader) -> int:
        answers = reader.batch([("eth_getTransactionCount", [address, tag]) for tag in ("latest", "pending")])
        return max(int(answer, 16) for answer in answers)

    first = pool.on_one(read)
    if len(pool) < 2 or (following is not None and first <= following):
        return first
    return min([first, *(count for _, count in pool.each(read) if isinstance(count, int))])


def spent_elsewhere(pool: EndpointPool, entry: Entry, nonce: int, confirmations: int) -> str | None:
    """Hash of the foreign transaction that used `nonce`, once it is `confirmations` deep; None when there is none.

    Looks for the transaction itself, since a wrong transaction count alone must never lead to a second signature.

    Raises:
        InconsistentEndpointError: the count says the nonce is used, the block where it changed says otherwise.
        RetryableError: an endpoint cannot be asked at the moment, or no longer has the state of that block.
    """
    own = {attempt.hash.lower() for attempt in entry.attempts}
    sender = entry.intent.sender

    def read(reader: Reader) -> str | None:
        # A node may count a transaction before it shows the block that it is executing it for: anvil does.
        for _ in range(_LOOKS - 1):
            try:
                return look(reader)
            except InconsistentEndpointError:
                time.sleep(_PAUSE)
        return look(reader)

    def look(reader: Reader) -> str | None:
        head = int(reader.request("eth_blockNumber", []), 16)
        top = head - max(confirmations, 1) + 1
        if top < 0 or _count_at(reader, sender, top) <= nonce:
            return None
        low, high, step = -1, top, 16  # count(low) <= nonce < count(high)
        while high - step > 0 and _count_at(reader, sender, high - step) > nonce:
            high, step = high - step, step * 4
        low = max(high - step, -1)
        while high - low > 1:
            middle = (low + high) // 2
            if _count_at(reader, sender, middle) > nonce:
                high = middle
            else:
                low = middle
        block = reader.request("eth_getBlockByNumber", [hex(high), True])
        for item in (block or {}).get("transactions", []):
            if same_hex(item.get("from"), sender) and int(item.get("nonce", "0x0"), 16) == nonce:
                return str(item["hash"]).lower()
        raise InconsistentEndpointError(f"{reader.label} counts nonce {nonce} as used but shows no transaction with it")

    try:
        taker = pool.on_one(read)
    except RejectedError as error:
        raise RetryableError(f"cannot tell which transaction used nonce {nonce}: {error}") from None
    return None if taker is None or taker in own else taker


def _count_at(reader: Reader, sender: str, block: int) -> int:
    return int(reader.request("eth_getTransactionCount", [sender, hex(block)]), 16)
