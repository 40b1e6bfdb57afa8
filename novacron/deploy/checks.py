"""Whether what a plan's call is for can be seen on the chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from novacron.chain.contracts import ContractHandle
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.arguments import answering_abi, encode_call, resolve_values
from novacron.deploy.compiler import CompiledContract
from novacron.deploy.plan import Call, Emitted, Plan, Reading

Resolve = Callable[[Sequence[Any]], tuple[Any, ...]]


@dataclass(frozen=True)
class Calls:
    """The calls of a plan whose addresses are known.

    Attributes:
        pool: the chain.
        plan: whose calls.
        addresses, accounts: of instances and of the accounts the plan names.
        compiled: contracts by instance.
    """

    pool: EndpointPool
    plan: Plan
    addresses: Mapping[str, str]
    accounts: Mapping[str, str]
    compiled: Mapping[str, CompiledContract]

    def data(self, call: Call) -> bytes:
        """Call data."""
        return encode_call(call.label, call.function, self._resolve(call, call.arguments))

    def done(self, call: Call, since: int = 0) -> bool:
        """Whether everything that shows a call's effect is on the chain; events are looked for from block `since`.

        Raises:
            NoContractError: an instance that shows it is not there yet.
        """
        abis = {name: contract.abi for name, contract in self.compiled.items()}
        return all(
            holds(
                self.pool,
                check,
                self.addresses[check.target],
                answering_abi(self.plan, check.target, abis),
                lambda values: self._resolve(call, values),
                since,
            )
            for check in call.done
        )

    def _resolve(self, call: Call, values: Sequence[Any]) -> tuple[Any, ...]:
        return resolve_values(call.label, values, self.addresses, self.accounts)


def holds(
    pool: EndpointPool,
    check: Reading | Emitted,
    address: str,
    abi: Sequence[Mapping[str, Any]],
    resolve: Resolve,
    from_block: int = 0,
) -> bool:
    """Whether a reading or event is as expected, in the latest block.

    Args:
        pool: the chain.
        check: what to look at.
        address: of its target.
        abi: of what answers there.
        resolve: puts addresses in the place of references.
        from_block: where to begin looking for events.

    Raises:
        RevertedError: a view reverts.
        ChainError: the node does not answer.
    """
    handle = ContractHandle(pool, address, abi)
    if isinstance(check, Reading):
        found = handle.call(check.function, *resolve(check.arguments))
        (expected,) = resolve((check.expected,))
        return _same(expected, found)
    filters = dict(zip(check.filters, resolve(tuple(check.filters.values())), strict=True))
    wanted = dict(zip(check.expected, resolve(tuple(check.expected.values())), strict=True))
    latest = None
    for latest in handle.events(check.event, from_block, filters=filters):  # noqa: B007 - the last one counts
        pass
    return latest is not None and all(_same(value, latest.args[name]) for name, value in wanted.items())


def _same(expected: Any, found: Any) -> bool:
    """Equal values; None stands for any, a list for a tuple."""
    if expected is None:
        return True
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(found, (list, tuple))
            and len(expected) == len(found)
            and all(_same(one, other) for one, other in zip(expected, found, strict=True))
        )
    return bool(type(expected) is type(found) and expected == found)
