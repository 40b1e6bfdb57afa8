"""How long the agent takes for a pass over many VMs (libvirt test driver, anvil): `python -m tests.bench.agent`."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from novacron.chain import Anvil
from novacron.compute.agent.driver import LibvirtHypervisor
from tests.sdk.agent.world import World, hosts
from tests.support.faulty_rpc import FaultyRpc

#: Far more than the hosts of tests carry.
HUGE = (4 * 10**9,) * 4


@dataclass(frozen=True)
class Pass:
    """One pass of an agent: VMs, seconds, and JSON-RPC requests."""

    what: str
    vms: int
    seconds: float
    requests: int
    done: int


def measure(vms: int = 500) -> list[Pass]:
    """Passes over `vms` VMs: when nothing is to be done, after a reboot of the host, and when all are to be started."""
    passes = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Anvil() as node,
        FaultyRpc(node.url) as counter,
    ):
        world = World(node)
        until = int(world.w3.eth.get_block("latest")["timestamp"]) + 86_400 * 300
        world.send(world.registry, "attest", 1, HUGE, until, b"\x03" * 32)
        with hosts(world, Path(folder), url=counter.url) as (here, _):

            def one(what: str) -> None:
                before, began = len(counter.calls), time.perf_counter()
                report = here.agent.step()
                passes.append(
                    Pass(what, vms, time.perf_counter() - began, len(counter.calls) - before, len(report.done))
                )

            for _ in range(vms):
                world.create()
            one("start all: define, start, acknowledge")
            while not here.agent.step().quiet:
                pass
            one("nothing to do")
            assert isinstance(here.hypervisor, LibvirtHypervisor)
            for vm_id in here.hypervisor.domains():
                here.hypervisor.destroy(vm_id)
            one("the host was rebooted: start all again")
            one("nothing to do, again")
    return passes


def show(console: Console) -> None:
    """Print the table."""
    table = Table(title="The agent of a host, libvirt's test driver", title_justify="left")
    table.add_column("pass")
    for column in ("VMs", "seconds", "requests", "actions"):
        table.add_column(column, justify="right")
    for row in measure():
        table.add_row(row.what, str(row.vms), f"{row.seconds:.2f}", f"{row.requests:,}", str(row.done))
    console.print(table)


if __name__ == "__main__":
    show(Console())
