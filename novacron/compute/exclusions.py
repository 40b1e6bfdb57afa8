"""Times that an agreement leaves out: a VM that was not due to run, and announced maintenance of its host.

Both are views of the chain (`IVMLifecycle.dueIn`, `IHostRegistry.maintenancesOf`), the ones that the SLA contract
itself decides by, so that monitors and contract never disagree about what is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from novacron.chain.contracts import Block, ContractHandle
from novacron.compute.samples import Span, merged

#: Seconds in which a VM was due, for several spans at once.
DueIn = Callable[[Sequence[Span]], Sequence[int]]


def not_due(window: Span, due_in: DueIn) -> list[Span]:
    """The parts of a window in which a VM was not due to run, exact to the second.

    `due_in` counts; a span that is due in full or not at all is decided, any other is halved. A VM remembers six
    changes, so that this takes few rounds: one for each halving, each of a few spans.
    """
    found: list[Span] = []
    open_spans = [window] if window.end > window.start else []
    while open_spans:
        halves: list[Span] = []
        for span, due in zip(open_spans, due_in(open_spans), strict=True):
            length = span.end - span.start
            if due <= 0:
                found.append(span)
            elif due < length:
                middle = span.start + length // 2
                halves += [Span(span.start, middle), Span(middle, span.end)]
        open_spans = halves
    return merged(found)


def exclusions(
    window: Span, lifecycle: ContractHandle, registry: ContractHandle, vm_id: int, *, block: Block = "latest"
) -> list[Span]:
    """Everything that is left out of a window of a VM's agreement.

    Args:
        window: one that has ended at `block`.

    Raises:
        ChainError: the chain does not answer.
    """

    def due_in(spans: Sequence[Span]) -> Sequence[int]:
        calls = [("dueIn", vm_id, span.start, span.end) for span in spans]
        return lifecycle.call_many(calls, block=block)

    # A VM that is moving is on its source until the target has acknowledged, as the contract has it.
    host_id = _host_of(lifecycle.call("vmOf", vm_id, block=block))
    starts, ends = registry.call("maintenancesOf", host_id, block=block)
    maintenance = [
        Span(max(start, window.start), min(end, window.end)) for start, end in zip(starts, ends, strict=True)
    ]
    return merged([*not_due(window, due_in), *maintenance])


def warmed_up(spans: Sequence[Span], seconds: int) -> list[Span]:
    """The same spans, each longer at its end by the time that a service needs to come up again."""
    return merged([Span(span.start, span.end + seconds) for span in spans])


def _host_of(vm: Sequence[object]) -> int:
    # struct VM: customer, policyId, state, origin, released, holding, epoch, hostId, …
    host = vm[7]
    assert isinstance(host, int)
    return host
