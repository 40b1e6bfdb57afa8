"""A deployed contract: calls, call data, events and errors by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from novacron.chain.addresses import parse_address
from novacron.chain.answers import same_hex
from novacron.chain.codec import (
    AbiItem,
    decode_values,
    encode_topic,
    encode_values,
    is_dynamic_topic,
    load_abi,
    selector_of,
    signature_of,
    topic_of,
)
from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import ErrorDecoder, ErrorKind, classify, kind_of, package_errors
from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import (
    ConfigurationError,
    InconsistentEndpointError,
    InputError,
    NoContractError,
    RevertedError,
)

if TYPE_CHECKING:
    from novacron.chain.transactions import TransactionManager

#: A block: its number, a tag such as "latest", or its 0x hash.
Block = int | str


@dataclass(frozen=True)
class EventLog:
    """One decoded event. Indexed strings, bytes, arrays and structs appear as the 32-byte hash the log holds."""

    name: str
    args: dict[str, Any]
    address: str
    block_number: int | None
    block_hash: str | None
    transaction_hash: str | None
    log_index: int | None


class ContractHandle:
    """A contract at an address.

    Args:
        pool: the chain.
        address: where it is.
        abi: its ABI, or the name of one of the package's (see `load_abi`).

    Raises:
        ConfigurationError: no address or a wrong checksum, unknown ABI name.
    """

    def __init__(self, pool: EndpointPool, address: str, abi: str | Sequence[AbiItem]) -> None:
        self.pool = pool
        self.address = parse_address(address, "contract address", ConfigurationError)
        items = load_abi(abi) if isinstance(abi, str) else list(abi)
        self._functions = [item for item in items if item.get("type") == "function"]
        self._events = [item for item in items if item.get("type") == "event" and not item.get("anonymous")]
        self.errors = ErrorDecoder(items).merged(package_errors())
        self._has_code = False

    def __repr__(self) -> str:
        return f"<ContractHandle {self.address}>"

    # -- functions ---------------------------------------------------------------------------------------------------

    def encode(self, fn: str, *args: Any) -> bytes:
        """Call data of a function: its selector and arguments.

        Args:
            fn: name, or full signature such as "anchor(bytes32,bytes)" where names are overloaded.

        Raises:
            InputError: unknown or ambiguous function, arguments that do not fit.
        """
        return self._encode(self._function(fn, len(args)), args)

    def call(self, fn: str, *args: Any, block: Block = "latest", sender: str | None = None) -> Any:
        """Result of a view function: the value, or a tuple of them.

        Args:
            block: number, tag or block hash to read at.
            sender: `msg.sender` of the call.

        Raises:
            RevertedError: custom errors by name.
            NoContractError: no code at the address.
        """
        return self.call_many([(fn, *args)], block=block, sender=sender)[0]

    def call_many(
        self, calls: Sequence[tuple[Any, ...]], *, block: Block = "latest", sender: str | None = None
    ) -> list[Any]:
        """Several view functions in one round trip: `[("headOf", run), ("owner",)]` → their results in order."""
        functions = [self._function(str(fn), len(args)) for fn, *args in calls]
        requests = []
        for function, (_, *args) in zip(functions, calls, strict=True):
            call: dict[str, Any] = {"to": self.address, "data": "0x" + self._encode(function, args).hex()}
            if sender is not None:
                call["from"] = sender
            requests.append(("eth_call", [call, block_parameter(block)]))
        answers = (
            self.pool.batch_exchange(requests) if len(requests) > 1 else [self.pool.exchange(*r) for r in requests]
        )
        return [self._result(function, answer) for function, answer in zip(functions, answers, strict=True)]

    def send(
        self, manager: TransactionManager, key: str, fn: str, *args: Any, value: int = 0, gas: int | None = None
    ) -> TransactionReceipt:
        """Call a state-changing function through a TransactionManager and wait; errors as its `send`.

        Raises:
            NoContractError: no code at the address; the transaction would succeed and do nothing.
        """
        data = self.encode(fn, *args)
        self.require_code()
        return manager.send(key, to=self.address, data=data, value=value, gas=gas)

    def require_code(self) -> None:
        """Raise NoContractError unless there is code at the address; asked once."""
        if self._has_code:
            return
        if self.pool.request("eth_getCode", [self.address, "latest"]) in ("0x", "0x0"):
            raise NoContractError(f"no contract at {self.address} on chain {self.pool.chain_id()}; deploy it first")
        self._has_code = True

    # -- events ------------------------------------------------------------------------------------------------------

    def decode_logs(
        self, source: TransactionReceipt | Iterable[Mapping[str, Any]], name: str | None = None
    ) -> list[EventLog]:
        """This contract's events among the logs of a receipt, or among raw log objects; others are left out.

        Args:
            name: keep this event only (name or signature).
        """
        logs = source.logs if isinstance(source, TransactionReceipt) else source
        wanted = self._events if name is None else [self._event(name)]
        decoded = (self._decode_log(log, wanted) for log in logs if same_hex(log.get("address"), self.address))
        return [event for event in decoded if event is not None]

    def events(
        self,
        name: str,
        from_block: int = 0,
        to_block: Block = "latest",
        filters: Mapping[str, Any] | None = None,
        *,
        chunk: int = 10_000,
    ) -> Iterator[EventLog]:
        """Events of one kind from the chain, oldest first; the range is split as far as the node wants it.

        Args:
            name: event name or signature.
            from_block, to_block: inclusive.
            filters: indexed arguments by name; a list of values matches any of them.
            chunk: most blocks asked for at once.

        Raises:
            InputError: unknown event, or a filter on an argument that is not indexed.
            InconsistentEndpointError: the node returned logs that were not asked for.
        """
        event = self._event(name)
        topics = self._topics(event, filters or {})
        last = int(self.pool.request("eth_blockNumber", []), 16) if to_block == "latest" else int(to_block)
        start, size = from_block, max(chunk, 1)
        while start <= last:
            end = min(start + size - 1, last)
            query = {"address": self.address, "topics": topics, "fromBlock": hex(start), "toBlock": hex(end)}
            answer = self.pool.exchange("eth_getLogs", [query])
            if "error" in answer:
                if end > start and kind_of(answer["error"]) in (ErrorKind.LOG_RANGE, ErrorKind.RETRYABLE):
                    size = max((end - start + 1) // 4, 1)
                    continue
                raise classify(answer["error"], context=f"logs of {self.address}, blocks {start} to {end}")
            for log in answer["result"]:
                self._require_asked_for(log, topics, start, end)
            yield from self.decode_logs(answer["result"], signature_of(event))
            start, size = end + 1, min(size * 2, max(chunk, 1))

    def decode_error(self, data: bytes | str) -> RevertedError:
        """Revert data as an exception that names the custom error and its arguments."""
        raw = bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else data
        return self.errors.error(raw, context=self.address)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _function(self, fn: str, arguments: int) -> AbiItem:
        found = [f for f in self._functions if fn in (f["name"], signature_of(f))]
        if len(found) > 1:
            found = [f for f in found if len(f.get("inputs", [])) == arguments]
        if len(found) == 1:
            return found[0]
        known = sorted(signature_of(f) for f in self._functions if f["name"] == fn.split("(")[0])
        hint = f"name one of {', '.join(known)}" if known else "the ABI has no such function"
        raise InputError(f"function {fn!r} with {arguments} arguments: {hint}")

    def _event(self, name: str) -> AbiItem:
        found = [e for e in self._events if name in (e["name"], signature_of(e))]
        if len(found) != 1:
            known = ", ".join(sorted(signature_of(e) for e in self._events))
            raise InputError(f"event {name!r} is {'ambiguous' if found else 'unknown'}; the ABI has {known or 'none'}")
        return found[0]

    def _encode(self, function: AbiItem, args: Sequence[Any]) -> bytes:
        return selector_of(function) + encode_values(function.get("inputs", []), args, signature_of(function))

    def _result(self, function: AbiItem, answer: dict[str, Any]) -> Any:
        context = f"{self.address} {signature_of(function)}"
        if "error" in answer:
            raise classify(answer["error"], decoder=self.errors, context=context)
        data = bytes.fromhex(answer["result"][2:])
        outputs = function.get("outputs", [])
        if not data and outputs:
            self.require_code()
        try:
            values = decode_values(outputs, data)
        except ValueError as error:
            raise InconsistentEndpointError(f"{context} answered {error}; is the ABI that of this contract?") from None
        return values[0] if len(values) == 1 else values

    def _decode_log(self, log: Mapping[str, Any], events: Sequence[AbiItem]) -> EventLog | None:
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        for event in events:
            indexed = [item for item in event["inputs"] if item["indexed"]]
            if not topics or topics[0] != topic_of(event) or len(topics) != len(indexed) + 1:
                continue
            plain = [item for item in event["inputs"] if not item["indexed"]]
            try:
                values = dict(
                    zip(
                        (item["name"] for item in plain),
                        decode_values(plain, bytes.fromhex(log["data"][2:])),
                        strict=True,
                    )
                )
                for item, topic in zip(indexed, topics[1:], strict=True):
                    whole = is_dynamic_topic(str(item["type"]))
                    values[item["name"]] = topic if whole else decode_values([item], topic)[0]
            except ValueError as error:
                raise InconsistentEndpointError(f"a log of {self.address} is no {event['name']}: {error}") from None
            return EventLog(
                event["name"],
                {item["name"]: values[item["name"]] for item in event["inputs"]},
                self.address,
                _number(log.get("blockNumber")),
                log.get("blockHash"),
                log.get("transactionHash"),
                _number(log.get("logIndex")),
            )
        return None

    def _topics(self, event: AbiItem, filters: Mapping[str, Any]) -> list[Any]:
        indexed = {item["name"]: item for item in event["inputs"] if item["indexed"]}
        unknown = set(filters) - set(indexed)
        if unknown:
            raise InputError(
                f"{event['name']} cannot be filtered by {', '.join(sorted(unknown))}; indexed: {', '.join(indexed)}"
            )
        topics: list[Any] = ["0x" + topic_of(event).hex()]
        for name, item in indexed.items():
            value, what = filters.get(name), f"{event['name']}.{name}"
            if value is None:
                topics.append(None)
            elif isinstance(value, (list, tuple)):
                topics.append([encode_topic(item, one, what) for one in value])
            else:
                topics.append(encode_topic(item, value, what))
        while topics[-1] is None:
            topics.pop()
        return topics

    def _require_asked_for(self, log: Mapping[str, Any], topics: Sequence[Any], start: int, end: int) -> None:
        number, have = _number(log.get("blockNumber")), log["topics"]
        fits = same_hex(log["address"], self.address) and number is not None and start <= number <= end
        for position, wanted in enumerate(topics):
            choices = wanted if isinstance(wanted, list) else [wanted]
            ok = wanted is None or (position < len(have) and any(same_hex(have[position], one) for one in choices))
            fits = fits and ok
        if not fits:
            raise InconsistentEndpointError(f"the node returned a log of {self.address} that was not asked for")


def block_parameter(block: Block) -> Any:
    """A block as eth_call wants it: 0x quantity, tag, or `{"blockHash": …}` (EIP-1898)."""
    if isinstance(block, int):
        return hex(block)
    return {"blockHash": block} if block.startswith("0x") and len(block) == 66 else block


def _number(value: Any) -> int | None:
    return int(value, 16) if isinstance(value, str) else None
