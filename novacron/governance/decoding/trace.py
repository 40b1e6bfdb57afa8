"""What a node tells about a mined transaction: calls, storage before and after, and what was hashed.

Three traces: geth's `callTracer`, `prestateTracer` in diff mode (the net change of every slot), and the inputs of all
KECCAK256 instructions. The last comes from a few lines of JavaScript that the node runs, else from its struct logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import ErrorKind, kind_of
from novacron.exceptions import InconsistentEndpointError, RejectedError, RevertedError, TraceUnavailableError
from novacron.governance.simulation.fork import Fork

#: Longest input of a hash that is kept: keys of mappings are short, and long inputs are code or messages.
_MOST = 1024

#: Collects distinct inputs of KECCAK256 while the node replays the transaction: kilobytes, where struct logs with
#: memory are megabytes.
_HASHES = (
    "{seen:{},fault:function(){},"
    "step:function(l){if(l.op.toNumber()==32){"  # KECCAK256
    "var a=l.stack.peek(0).valueOf(),n=l.stack.peek(1).valueOf();"
    f"if(n>=32&&n<={_MOST}){{this.seen[toHex(l.memory.slice(a,a+n))]=1}}}}}},"
    "result:function(){return Object.keys(this.seen)}}"
)


@dataclass(frozen=True)
class Frame:
    """One call. `error` is "" when it succeeded; `data` is its input, or the init code of a creation."""

    kind: str
    source: str
    to: str
    value: int
    data: bytes
    output: bytes
    error: str
    calls: tuple[Frame, ...]

    def walk(self) -> Iterator[Frame]:
        """This frame and all within it, in order, without those that were undone."""
        if self.error:
            return
        yield self
        for call in self.calls:
            yield from call.walk()


@dataclass(frozen=True)
class Trace:
    """A transaction.

    Attributes:
        root: the outermost call.
        storage: checksum address → slot → (before, after), where they differ.
        balances: checksum address → wei (before, after), where they differ; the fee and its receiver included.
        created: addresses of contracts that came to be.
        preimages: what was hashed, by hash.
    """

    root: Frame
    storage: dict[str, dict[int, tuple[int, int]]]
    balances: dict[str, tuple[int, int]]
    created: tuple[str, ...]
    preimages: dict[int, bytes]


def trace_of(chain: Fork | EndpointPool, transaction: str) -> Trace:
    """All that a node tells about a mined transaction.

    Raises:
        TraceUnavailableError: the node offers no debug_traceTransaction, or not for this transaction.
        ChainUnavailableError: it does not answer.
    """
    root = frames_of(chain, transaction)
    state = _traced(chain, transaction, {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}})
    if not isinstance(state, dict) or not isinstance(state.get("pre"), dict) or not isinstance(state.get("post"), dict):
        raise InconsistentEndpointError(f"the node's state difference of {transaction} has no pre and post")
    before, after = _by_address(state["pre"]), _by_address(state["post"])
    created = {frame.to for frame in root.walk() if frame.kind.startswith("CREATE")}
    created |= {where for where, account in after.items() if "code" in account and "code" not in before.get(where, {})}
    return Trace(
        root,
        {where: changed for where in sorted({*before, *after}) if (changed := _slots(before, after, where))},
        _balances(before, after),
        tuple(sorted(created)),
        {int.from_bytes(keccak(item), "big"): item for item in _preimages(chain, transaction)},
    )


def frames_of(chain: Fork | EndpointPool, transaction: str) -> Frame:
    """The calls of a transaction, also of one that failed; errors as `trace_of`."""
    answer = _traced(chain, transaction, {"tracer": "callTracer"})
    if not answer:
        raise _unavailable(transaction, "it has no trace of it; is it mined?")
    return _frame(answer)


# --------------------------------------------------------------------------------------------------------------------
# Requests
# --------------------------------------------------------------------------------------------------------------------


def _traced(chain: Fork | EndpointPool, transaction: str, options: dict[str, Any]) -> Any:
    try:
        if isinstance(chain, Fork):
            return chain.rpc("debug_traceTransaction", transaction, options)
        answer = chain.exchange("debug_traceTransaction", [transaction, options])
    except (RejectedError, RevertedError) as error:
        raise _unavailable(transaction, str(error)) from error
    if "error" in answer:
        if kind_of(answer["error"]) is ErrorKind.RETRYABLE:
            raise _unavailable(transaction, f"{answer['error'].get('message')}; it may keep too little history")
        raise _unavailable(transaction, str(answer["error"].get("message")))
    return answer["result"]


def _unavailable(transaction: str, reason: str) -> TraceUnavailableError:
    return TraceUnavailableError(
        f"the node does not trace {transaction}: {reason}; use one with the debug namespace (debug_traceTransaction)"
    )


def _preimages(chain: Fork | EndpointPool, transaction: str) -> Iterator[bytes]:
    try:
        found = _traced(chain, transaction, {"tracer": _HASHES})
    except TraceUnavailableError:
        found = None  # no JavaScript tracers: several hosted nodes and clients have none
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        for item in found:
            yield bytes.fromhex(item.removeprefix("0x"))
        return
    logs = _traced(chain, transaction, {"enableMemory": True, "disableStorage": True, "enableReturnData": False})
    for step in logs.get("structLogs", []) if isinstance(logs, dict) else []:
        if step.get("op") in ("KECCAK256", "SHA3"):
            start, length = (int(word, 16) for word in reversed(step["stack"][-2:]))
            if 32 <= length <= _MOST:
                memory = bytes.fromhex("".join(word.removeprefix("0x") for word in step.get("memory") or []))
                # Memory that was never written reads as zeros, and the node may not list it.
                yield memory[start : start + length].ljust(length, b"\0")


# --------------------------------------------------------------------------------------------------------------------
# Answers
# --------------------------------------------------------------------------------------------------------------------


def _frame(answer: Any) -> Frame:
    if not isinstance(answer, dict) or "type" not in answer:
        raise InconsistentEndpointError("the node answered a call trace that has no type")
    return Frame(
        kind=str(answer["type"]),
        source=_address(answer.get("from")),
        to=_address(answer.get("to")),
        value=int(answer.get("value") or "0x0", 16),
        data=bytes.fromhex(str(answer.get("input") or "0x")[2:]),
        output=bytes.fromhex(str(answer.get("output") or "0x")[2:]),
        error=str(answer.get("error") or ""),
        calls=tuple(_frame(call) for call in answer.get("calls") or []),
    )


def _address(value: Any) -> str:
    return str(to_checksum_address(value)) if value else ""


def _by_address(accounts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {_address(where): account for where, account in accounts.items()}


def _slots(before: dict[str, Any], after: dict[str, Any], where: str) -> dict[int, tuple[int, int]]:
    """Slots that differ. In diff mode a slot is left out on the side where it is zero."""
    first = {int(k, 16): int(v, 16) for k, v in (before.get(where, {}).get("storage") or {}).items()}
    last = {int(k, 16): int(v, 16) for k, v in (after.get(where, {}).get("storage") or {}).items()}
    pairs = {slot: (first.get(slot, 0), last.get(slot, 0)) for slot in sorted({*first, *last})}
    return {slot: pair for slot, pair in pairs.items() if pair[0] != pair[1]}


def _balances(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[int, int]]:
    found = {}
    for where in sorted(after):
        if "balance" in after[where]:
            pair = int(before.get(where, {}).get("balance", "0x0"), 16), int(after[where]["balance"], 16)
            if pair[0] != pair[1]:
                found[where] = pair
    return found
