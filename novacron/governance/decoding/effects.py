"""Everything that a transaction changed, in the words of the suite: variables, events, roles, transfers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.chain.addresses import parse_address
from novacron.chain.codec import AbiItem, decode_values, is_dynamic_topic, topic_of
from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import ErrorDecoder
from novacron.governance.decoding.identify import Identifier
from novacron.governance.decoding.roles import RoleNames, role_changes
from novacron.governance.decoding.slots import SlotNamer
from novacron.governance.decoding.storage_layout import Layout, LayoutBook
from novacron.governance.decoding.texts import TextReader
from novacron.governance.decoding.trace import Frame, Trace, trace_of
from novacron.governance.decoding.values import key_of, named, value_of
from novacron.governance.model import Effects, EventRecord, Proposal, Transfer, Write, proposal_id
from novacron.governance.simulation.fork import Fork
from novacron.governance.suite import Suite

_TRANSFER = keccak(text="Transfer(address,address,uint256)")
ETH = "ETH"


@dataclass(frozen=True)
class Bookkeeping:
    """How Governance and Timelock know one proposal: what they note of it is not its effect.

    Attributes:
        governance, timelock: checksum addresses.
        proposal: id; `operation`: the timelock's id of the batch, 32 bytes.
    """

    governance: str
    timelock: str
    proposal: int
    operation: bytes

    @classmethod
    def of(cls, dao: Suite, proposal: Proposal, description: str) -> Bookkeeping:
        """For a proposal under its final description (OpenZeppelin's Governor, TimelockController 5.x)."""
        governance, timelock = dao.address_of("Governance"), dao.address_of("Timelock")
        salt = int(governance, 16) << 96 ^ int.from_bytes(keccak(text=description), "big")
        targets, values, calldatas = proposal.targets, proposal.values, proposal.calldatas
        types = ["address[]", "uint256[]", "bytes[]", "bytes32", "bytes32"]
        operation = keccak(encode(types, [targets, values, calldatas, bytes(32), salt.to_bytes(32, "big")]))
        return cls(governance, timelock, proposal_id(targets, values, calldatas, description), operation)

    def of_write(self, write: Write) -> Write | None:
        """The write with `proposal` and `operation` in the place of their ids, when it is only bookkeeping."""
        number, operation = str(self.proposal), "0x" + self.operation.hex()
        if write.address == self.governance:
            # `_governanceCall` lists the calls that the Governor makes to itself, for as long as it executes.
            known = (f"_proposals[{number}].executed", f"_proposals[{number}].etaSeconds", f"_timelockIds[{number}]")
            if write.path in known or write.path.startswith("_governanceCall."):
                return replace(write, path=write.path.replace(number, "proposal"))
        elif write.address == self.timelock and write.path == f"_timestamps[{operation}]":
            return replace(write, path="_timestamps[operation]")
        return None

    def of_event(self, event: EventRecord) -> EventRecord | None:
        """As `of_write`, for an event."""
        number, operation = self.proposal, "0x" + self.operation.hex()
        first = event.arguments[0] if event.arguments else ("", None)
        where, name = event.address, event.event
        if where == self.governance and name in ("ProposalExecuted", "ProposalQueued") and first[1] == number:
            return replace(event, arguments=((first[0], "proposal"), *event.arguments[1:]))
        if where == self.timelock and name in ("CallExecuted", "CallScheduled", "CallSalt") and first[1] == operation:
            return replace(event, arguments=((first[0], "operation"), *event.arguments[1:]))
        return None


class EffectsReader:
    """Reads the effects of transactions on one chain or fork.

    Args:
        chain: where they are mined.
        dao: the suite; its names are used.
        book: layouts and ABIs, read from the suite's artifacts when None.
    """

    def __init__(self, chain: Fork | EndpointPool, dao: Suite, book: LayoutBook | None = None) -> None:
        self._chain = chain
        self._dao = dao
        self._names = RoleNames.of_package()
        self.book = book or LayoutBook(dao.artifacts)
        self.contracts = Identifier(chain, dao, self.book.artifacts)

    def effects(
        self, transaction: str, bookkeeping: Bookkeeping | None = None, *, trace: Trace | None = None
    ) -> Effects:
        """Effects of a mined transaction.

        Args:
            transaction: its hash.
            bookkeeping: of the proposal that it executes, to be told apart.
            trace: of it, when the caller has it already.

        Raises:
            TraceUnavailableError: the node does not trace it.
            ChainError: it does not answer.
        """
        trace = trace_of(self._chain, transaction) if trace is None else trace
        receipt = self._request("eth_getTransactionReceipt", transaction)
        number = int(receipt["blockNumber"], 16)
        self.contracts.at(number)
        writes = [write for where in trace.storage for write in self._writes(trace, where, number)]
        events = [self.event_of(log) for log in receipt["logs"]]
        moves = [(frame.source, frame.to, frame.value) for frame in trace.root.walk() if frame.value and _moves(frame)]
        writes += self._unmoved(trace, moves, receipt)
        transfers = [Transfer(ETH, self._dao.name_of(a), self._dao.name_of(b), wei) for a, b, wei in moves]
        transfers += _token_moves(receipt["logs"], self._dao)
        roles = role_changes(events, writes, self._names)
        kept, aside = _apart(writes, events, bookkeeping)
        return Effects(
            writes=tuple(sorted((item for item in kept if isinstance(item, Write)), key=_order)),
            events=tuple(item for item in kept if isinstance(item, EventRecord)),
            roles=tuple(roles),
            transfers=tuple(transfers),
            bookkeeping=tuple(aside),
            created=trace.created,
        )

    def errors(self) -> ErrorDecoder:
        """Every custom error that any known contract declares."""
        return ErrorDecoder(*(contract.abi for contract in self.book.artifacts.contracts))

    # -- storage -----------------------------------------------------------------------------------------------------

    def _writes(self, trace: Trace, where: str, block: int) -> list[Write]:
        """Every changed slot of a contract as one or more writes."""
        name, changed = self._dao.name_of(where), trace.storage[where]
        namers = [self._namer(trace, layout) for layout in self._layouts(where)]
        found: list[Write] = []
        texts = TextReader(lambda slot, at: self._word(where, slot, at), changed, block)
        for slot, (before, after) in changed.items():
            leaves = next((leaves for namer in namers if (leaves := namer.leaves(slot))), [])
            covered = 0
            for leaf in leaves:
                if leaf.kind in ("head", "data"):
                    write = texts.write(leaf)
                    covered |= texts.covers(leaf, slot)
                    if write is not None:
                        found.append(Write(where, name, leaf.path, leaf.type, *write))
                elif leaf.kind != "mapping":
                    mask = ((1 << 8 * leaf.size) - 1) << 8 * leaf.offset
                    covered |= mask
                    if (before ^ after) & mask:
                        values = (self._value(leaf.type, word, leaf.offset, leaf.size) for word in (before, after))
                        found.append(Write(where, name, leaf.path, leaf.type, *values))
            if (before ^ after) & ~covered:  # nothing is dropped: bytes that no variable has are shown as they are
                found.append(Write(where, name, f"slot(0x{slot:064x})", "bytes32", _word(before), _word(after)))
        return found

    def _layouts(self, where: str) -> list[Layout]:
        """Layouts of the code that runs on a contract's storage: its own, and those a proxy had before and after."""
        known = [self.book.layout(contract) for contract in self.contracts.logic(where)]
        return [*self.contracts.special(where), *known] or [self.book.layout(None)]

    def _namer(self, trace: Trace, layout: Layout) -> SlotNamer:
        def key(kind: str, raw: bytes, path: str) -> str:
            label = self._names.of_key(kind, raw, path)
            return label if label is not None else key_of(kind, raw, self._dao.name_of)

        return SlotNamer(layout, trace.preimages, key, self._guesses(trace))

    def _guesses(self, trace: Trace) -> list[bytes]:
        """Words that a contract may use as constant keys: accounts, roles, small numbers."""
        accounts = {self._dao.address_of(name) for name in self._dao.instances} | set(trace.storage)
        accounts |= {frame.to for frame in trace.root.walk() if frame.to}
        words = [bytes(12) + bytes.fromhex(account[2:]) for account in sorted(accounts)]
        return [*words, *self._names.hashes, *(number.to_bytes(32, "big") for number in range(257))]

    def _value(self, kind: str, word: int, offset: int, size: int) -> Any:
        raw = ((word >> 8 * offset) & ((1 << 8 * size) - 1)).to_bytes(size, "big")
        return value_of(kind, raw, self._dao.name_of)

    def _word(self, where: str, slot: int, block: int) -> int:
        return int(self._request("eth_getStorageAt", where, f"0x{slot:064x}", hex(block)), 16)

    def _unmoved(self, trace: Trace, moves: list[tuple[str, str, int]], receipt: Mapping[str, Any]) -> list[Write]:
        """Balances of ETH that changed by other than the calls' values; fees aside, which a fork mostly has none of."""
        fees: set[str] = set()
        if not isinstance(self._chain, Fork) or int(receipt.get("effectiveGasPrice") or "0x0", 16):
            miner = self._request("eth_getBlockByHash", str(receipt["blockHash"]), False)["miner"]
            fees = {trace.root.source, parse_address(str(miner).lower())}
        found = []
        for where, (before, after) in trace.balances.items():
            moved = sum(wei for _, to, wei in moves if to == where) - sum(wei for a, _, wei in moves if a == where)
            if after - before != moved and where not in fees:
                found.append(Write(where, self._dao.name_of(where), "balance", "wei", before, after))
        return found

    # -- events ------------------------------------------------------------------------------------------------------

    def event_of(self, log: Mapping[str, Any]) -> EventRecord:
        """A log entry of a receipt, decoded by the ABI of who emitted it, or else by any that knows it."""
        where = parse_address(str(log["address"]).lower())
        name = self._dao.name_of(where)
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        data = bytes.fromhex(str(log["data"])[2:])
        first = "0x" + topics[0].hex() if topics else ""
        for item in [*self._event_items(where), *self.contracts.any_event(first)]:
            arguments = _arguments(item, topics, data, self._dao)
            if arguments is not None:
                return EventRecord(where, name, str(item["name"]), arguments)
        raw = tuple((f"topic{number}", "0x" + topic.hex()) for number, topic in enumerate(topics))
        return EventRecord(where, name, "", (*raw, ("data", "0x" + data.hex())))

    def _event_items(self, where: str) -> Iterable[AbiItem]:
        return [item for item in self.contracts.abi(where) if item.get("type") == "event" and not item.get("anonymous")]

    def _request(self, method: str, *parameters: Any) -> Any:
        if isinstance(self._chain, Fork):
            return self._chain.rpc(method, *parameters)
        return self._chain.request(method, parameters)


def effects_of(
    chain: Fork | EndpointPool,
    transaction: str,
    dao: Suite,
    *,
    book: LayoutBook | None = None,
    bookkeeping: Bookkeeping | None = None,
) -> Effects:
    """Effects of one mined transaction; arguments and errors as `EffectsReader`."""
    return EffectsReader(chain, dao, book).effects(transaction, bookkeeping)


def _moves(frame: Frame) -> bool:
    """Whether a frame's value is ETH that goes from one account to another; a DELEGATECALL only repeats it."""
    return frame.kind in ("CALL", "CREATE", "CREATE2", "SELFDESTRUCT")


def _token_moves(logs: Sequence[Mapping[str, Any]], dao: Suite) -> list[Transfer]:
    """ERC-20 Transfer events. ERC-721's has the same name, and a third indexed argument."""
    found = []
    for log in logs:
        topics, data = log["topics"], str(log["data"])[2:]
        if len(topics) == 3 and topics[0].lower() == "0x" + _TRANSFER.hex() and len(data) == 64:
            source, to = (dao.name_of("0x" + topic[-40:].lower()) for topic in topics[1:])
            token = dao.name_of(str(log["address"]).lower())
            found.append(Transfer(token, source, to, int(data, 16)))
    return found


def _arguments(item: AbiItem, topics: list[bytes], data: bytes, dao: Suite) -> tuple[tuple[str, Any], ...] | None:
    """Arguments of a log by its event's ABI, in the ABI's order; None when it is no such event."""
    inputs = list(item.get("inputs", []))
    indexed = [parameter for parameter in inputs if parameter["indexed"]]
    if not topics or topics[0] != topic_of(item) or len(topics) != len(indexed) + 1:
        return None
    plain = [parameter for parameter in inputs if not parameter["indexed"]]
    try:
        values = iter(decode_values(plain, data))
        hashed = iter(topics[1:])
        found = []
        for number, parameter in enumerate(inputs):
            if not parameter["indexed"]:
                value = named(parameter, next(values), dao.name_of)
            else:
                topic = next(hashed)
                whole = is_dynamic_topic(str(parameter["type"]))
                value = "0x" + topic.hex() if whole else decode_values([parameter], topic)[0]
                value = value if whole else named(parameter, value, dao.name_of)
            found.append((str(parameter["name"] or f"#{number}"), value))
    except ValueError:
        return None
    return tuple(found)


def _apart(
    writes: Iterable[Write], events: Iterable[EventRecord], bookkeeping: Bookkeeping | None
) -> tuple[list[Write | EventRecord], list[Write | EventRecord]]:
    """What is an effect, and what only accounts for the proposal."""
    kept: list[Write | EventRecord] = []
    aside: list[Write | EventRecord] = []
    items: list[Write | EventRecord] = [*sorted(writes, key=_order), *events]
    for item in items:
        noted: Write | EventRecord | None = None
        if bookkeeping is not None:
            noted = bookkeeping.of_write(item) if isinstance(item, Write) else bookkeeping.of_event(item)
        if noted is None:
            kept.append(item)
        else:
            aside.append(noted)
    return kept, aside


def _order(write: Write) -> tuple[str, str]:
    return write.contract, write.path


def _word(value: int) -> str:
    return f"0x{value:064x}"
