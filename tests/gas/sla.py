"""Gas of service-level agreements; used by tests/gas/snapshot.py.

Five monitors and two guarantees. Steady state: every account has a balance and keeps one, agreements and windows before
have written what is written once; each transaction is mined at a time of its own.
"""

from __future__ import annotations

from typing import Any

from tests.gas.governance import DAY, NOVA, Chain, person, started
from tests.support.agreements import Terms, deploy_sla, monitors, observation

UPTIME, LATENCY = 0, 1
GOOD, BAD = 999_900, 995_000


class Agreements:
    """An SLA contract with a provider, a customer and somebody who reports."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.provider, self.customer, self.reporter, self.treasury = (person(i) for i in range(4))
        for account in (self.provider, self.customer, self.reporter, self.treasury):
            chain.unlock(account)
        self.authority = chain.deploy("Authority", chain.deployer)
        self.nova = chain.deploy("NovaToken", self.authority.address, [(chain.deployer, 10**9 * NOVA)])
        self.lease = chain.deploy("LeaseDouble")
        addresses = (self.authority.address, chain.deployer, self.nova.address, self.lease.address, self.treasury)
        self.sla, self.committee = deploy_sla(chain.deploy, *addresses)
        self.f = self.sla.functions
        self.monitors = monitors(5)
        chain.gas(self.nova.functions.approve(self.sla.address, 10**9 * NOVA))
        for account in (self.provider, self.customer, self.reporter, self.treasury, self.committee.address):
            chain.gas(self.f.deposit(10**6 * NOVA, account))

    def terms(self, vm_id: int = 0) -> tuple[Any, ...]:
        """Of ten windows, from now on."""
        return Terms(self.provider, self.customer, self.monitors, self.chain.time + DAY, vm_id=vm_id).encoded()

    def agree(self, vm_id: int = 0) -> int:
        """The number of an agreement that begins now."""
        self.chain.gas(self.f.offer(self.terms(vm_id)), self.provider)
        sla_id = int(self.f.agreementCount().call())
        self.chain.gas(self.f.accept(sla_id), self.customer)
        return sla_id

    def evidence(self, sla_id: int, guarantee: int, window: int, value: int, count: int = 5) -> list[tuple[Any, ...]]:
        """Of the first monitors, each a little different."""
        begin, end = self.f.windowOf(sla_id, window).call()
        claim, chain_id = (sla_id, guarantee, window), self.chain.node.chain_id
        return [
            observation(self.sla, chain_id, i, monitor.key, claim, value + i - 2, (begin + i, end - 1 - i))
            for i, monitor in enumerate(self.monitors[:count])
        ]

    def report(self, sla_id: int, guarantee: int, window: int, value: int) -> int:
        """Gas of a report with the evidence of five."""
        evidence = self.evidence(sla_id, guarantee, window, value)
        full = self.sla.get_function_by_signature(
            "reportViolation(uint256,uint256,uint256,uint256,(uint8,uint32,uint32,uint40,uint40,bytes)[])"
        )
        return self.chain.gas(full(sla_id, guarantee, window, value, evidence), self.reporter)

    def measure(self, sla_id: int, guarantee: int, window: int, value: int) -> int:
        """Gas of a measurement by five."""
        evidence = self.evidence(sla_id, guarantee, window, value)
        return self.chain.gas(self.f.recordMeasurement(sla_id, guarantee, window, evidence), self.reporter)

    def end(self, sla_id: int, window: int) -> None:
        """Wait for the end of a window."""
        end = self.f.windowOf(sla_id, window).call()[1]
        self.chain.wait(max(1, end - self.chain.time))


def measure_sla() -> dict[str, int]:
    """Gas used, by operation, from one chain."""
    with started() as node:
        world = Agreements(Chain(node))
        figures = _agreements(world)
        figures |= _claims(world)
        figures |= _leases(world)
        return figures


def _agreements(world: Agreements) -> dict[str, int]:
    chain, f = world.chain, world.f
    world.agree()
    figures = {"offer, 5 monitors, 2 guarantees": chain.gas(f.offer(world.terms()), world.provider)}
    figures["accept"] = chain.gas(f.accept(f.agreementCount().call()), world.customer)
    figures["terminate"] = chain.gas(f.terminate(f.agreementCount().call()), world.customer)
    figures["deposit"] = chain.gas(f.deposit(NOVA, world.customer))
    chain.gas(f.withdraw(NOVA, world.customer), world.customer)
    figures["withdraw"] = chain.gas(f.withdraw(NOVA, world.customer), world.customer)
    return figures


def _claims(world: Agreements) -> dict[str, int]:
    chain, f = world.chain, world.f
    sla_id = world.agree()
    # The first window, settled, leaves the agreement in its steady state.
    world.end(sla_id, 0)
    world.measure(sla_id, UPTIME, 0, GOOD)
    chain.wait(2 * DAY)
    chain.gas(f.settleWindow(sla_id, 0))
    world.end(sla_id, 3)
    figures = {
        "recordMeasurement, 5 monitors": world.measure(sla_id, LATENCY, 3, 50),
        "reportViolation, evidence of 5 monitors": world.report(sla_id, UPTIME, 3, BAD),
    }
    chain.wait(DAY)
    figures["finalise, undisputed"] = chain.gas(f.finalise(sla_id, UPTIME, 3))
    chain.wait(DAY)
    figures["settleWindow, penalised"] = chain.gas(f.settleWindow(sla_id, 3))
    bare = world.sla.get_function_by_signature("reportViolation(uint256,uint256,uint256)")
    figures["reportViolation, without evidence"] = chain.gas(bare(sla_id, UPTIME, BAD), world.reporter)
    window = f.lastWindow(sla_id).call()
    evidence = world.evidence(sla_id, UPTIME, window, BAD)
    figures["submitEvidence, 5 monitors"] = chain.gas(
        f.submitEvidence(sla_id, UPTIME, window, evidence), world.reporter
    )
    figures["dispute, before the committee"] = chain.gas(f.dispute(sla_id, UPTIME, window), world.provider)
    return figures


def _leases(world: Agreements) -> dict[str, int]:
    chain = world.chain
    chain.gas(world.lease.functions.lease(1, world.customer, 1, world.provider))
    sla_id = world.agree(vm_id=1)
    world.end(sla_id, 0)
    return {"reportViolation of a VM, evidence of 5 monitors": world.report(sla_id, UPTIME, 0, BAD)}
