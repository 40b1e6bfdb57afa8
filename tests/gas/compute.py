"""Gas of hosts and VMs; used by tests/gas/snapshot.py.

Whole transactions, each in a second of its own, in the steady state: the customer has another VM on the host, its
prepaid balance pays, and the provider has earned before.
"""

from __future__ import annotations

from web3.contract.contract import ContractFunction

from novacron.chain.anvil import Anvil
from tests.support.compute import CONFIGURATION, RECORD, SMALL, US, ComputeWorld

#: Long before any deadline, and the same for every run.
START = 2_000_000_000
SEVERAL = 2_000
LEASE = 100 * 3_600


class _Meter:
    def __init__(self, world: ComputeWorld) -> None:
        self.world = world

    def gas(self, function: ContractFunction, sender: str) -> int:
        return int(self.world.send(function, sender)["gasUsed"])

    def create(self) -> int:
        function = self.world.lifecycle.functions.createVM(1, SMALL, LEASE, 0, CONFIGURATION)
        return self.gas(function, self.world.customer)


def measure_compute() -> dict[str, int]:
    """Gas used, by operation, from one chain."""
    with Anvil(extra=("--timestamp", str(START), "--gas-limit", "9000000000000000")) as node:
        world = ComputeWorld(node)
        meter = _Meter(world)
        _earlier_life(world)
        figures = _life(meter, "")
        figures |= _others(meter)
        _crowd(world)
        figures |= _life(meter, f", {SEVERAL:,} VMs on the host")
        return figures


def _earlier_life(world: ComputeWorld) -> None:
    """A VM that stays, and has used something."""
    vm = world.create(LEASE)
    world.send(world.command("start", vm), world.customer)
    world.send(world.command("acknowledgeStart", vm), world.agents[0])
    world.send(world.command("settle", vm), world.stranger)


def _life(meter: _Meter, suffix: str) -> dict[str, int]:
    world = meter.world
    figures = {"createVM": meter.create()}
    vm = int(world.lifecycle.functions.vmCount().call())
    steps = (
        ("start", "start", world.customer),
        ("acknowledgeStart", "acknowledgeStart", world.agents[0]),
        ("settle", "settle", world.stranger),
        ("stop", "stop", world.customer),
        ("acknowledgeStop", "acknowledgeStop", world.agents[0]),
        ("terminate", "terminate", world.customer),
    )
    for name, command, sender in steps:
        figures[name] = meter.gas(world.command(command, vm), sender)
    return {name + suffix: gas for name, gas in figures.items()}


def _others(meter: _Meter) -> dict[str, int]:
    world = meter.world
    figures = {"heartbeat": meter.gas(world.registry.functions.heartbeat(1), world.agents[0])}
    figures["deposit"] = meter.gas(world.lifecycle.functions.deposit(0, 10**18, world.customer), world.customer)
    figures["withdraw"] = meter.gas(world.lifecycle.functions.withdraw(0, 10**18, world.customer), world.customer)
    vm = world.create(LEASE)
    figures["topUp"] = meter.gas(world.command("topUp", vm, 3_600), world.customer)
    world.send(world.command("start", vm), world.customer)
    world.send(world.command("acknowledgeStart", vm), world.agents[0])
    figures["recordState"] = meter.gas(world.command("recordState", vm, RECORD), world.agents[0])
    figures["pause"] = meter.gas(world.command("pause", vm), world.customer)
    figures["resume"] = meter.gas(world.command("resume", vm), world.customer)
    world.send(world.command("acknowledgeStart", vm), world.agents[0])
    figures["migrateVM abroad"] = meter.gas(world.command("migrateVM", vm, US), world.customer)
    figures["approveMigration, first"] = meter.gas(world.approval(vm), world.approvers[0])
    figures["approveMigration, last"] = meter.gas(world.approval(vm), world.approvers[1])
    figures["acknowledgeRelease"] = meter.gas(world.command("acknowledgeRelease", vm, RECORD), world.agents[0])
    figures["acknowledgeMigration"] = meter.gas(world.command("acknowledgeMigration", vm), world.agents[1])
    world.wait(LEASE)
    figures["expire, host vanished"] = meter.gas(world.command("expire", vm), world.stranger)
    world.beat(1)
    return figures


def _crowd(world: ComputeWorld) -> None:
    """So many VMs more, of another customer."""
    crowd = world.deploy("Crowd")
    for number in (0, 1):
        world.send(world.lifecycle.functions.deposit(number, 10 * 10**18, crowd.address), world.customer)
    world.attest(1, (2**32 - 1,) * 4)
    function = crowd.functions.lease(world.lifecycle.address, 1, SEVERAL)
    world.send(function, world.stranger, gas=2_000_000_000)
