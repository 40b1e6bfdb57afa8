"""The third chapter: buy CPU hours, run a VM on a libvirt host, move it abroad, be compensated for an outage.

Everything is real but three things: the hosts are libvirt's test driver, which keeps domains but runs no guests; the
service that the monitors probe is an HTTP server of this process, standing for the guest's; and the hour of the
agreement's window is let pass on the chain and on the monitors' clocks rather than waited for.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from novacron.chain import Anvil, EndpointPool, Journal, TransactionManager, signer_from_key
from novacron.chain.typed_data import typed_data_signer
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.agent.config import AgentConfig
from novacron.compute.agent.daemon import open_agent
from novacron.compute.agent.domains import DomainState
from novacron.compute.agent.reconcile import Reconciler
from novacron.compute.approvals import Approvals, sign_approval
from novacron.compute.capacity import Capacity
from novacron.compute.configuration import create_described
from novacron.compute.hosts import Hosts
from novacron.compute.sla import Outcome, Sla
from novacron.compute.sla_advice import SLA_ADVICE
from novacron.compute.state_records import verify_state_integrity
from novacron.compute.state_words import State
from novacron.compute.vms import VMs
from novacron.demo.monitoring import Service, Station, WallClock, agreement_terms, stations
from novacron.deploy.genesis import LOCAL_GENESIS, UNIT, Genesis
from novacron.deploy.local import deploy_local
from novacron.market.curve_client import CurveMarket
from novacron.market.deployment import Account, Deployment
from novacron.market.resources import Resource, native_text, tokens_text
from novacron.storage.storage import open_storage

HOUR = 3_600
#: Accounts of anvil. The provider holds NOVA and stocks the market, too; 7 is the auditor of the local genesis.
PROVIDER, CUSTOMER, AGENTS, APPROVERS, AUDITOR, MONITORS = 1, 2, (3, 4), (5, 6, 8), 7, (5, 6, 7, 8, 9)
REGIONS = ("eu-central", "us-east")
#: Pre-minted tokens that the market starts with.
STOCK = {Resource.CPU: 10_000, Resource.MEM: 20_000, Resource.STO: 50_000, Resource.NET: 100_000}
#: What the customer buys: two hours of 2 vCPU, 4 GB, 50 GB and 1 GB of traffic an hour, and some more.
BASKET = {Resource.CPU: 8, Resource.MEM: 16, Resource.STO: 1, Resource.NET: 4}
VM_SIZE = {"cpu": "2 vCPU", "memory": "4 GB", "storage": "50 GB", "network": "1 GB/h"}
VM_SECONDS = 2 * HOUR
#: Minutes of the window in which the service is down.
OUTAGE = range(20, 26)


@dataclass(frozen=True)
class Step:
    """A line of the timeline."""

    at: int
    who: str
    what: str
    gas: int | None


@dataclass(frozen=True)
class ComputeOutcome:
    """What the chapter showed.

    Attributes:
        started, moved: the domain ran on the first host, then on the second and there alone.
        compensated: the penalty was paid, and the customer received exactly it.
        refunded: what was not used came back, and nothing is left in the contracts for anybody else.
        steps: the timeline.
    """

    started: bool
    moved: bool
    compensated: bool
    refunded: bool
    steps: tuple[Step, ...]

    @property
    def failed(self) -> str:
        """What did not go as it should."""
        return ", ".join(name for name in ("started", "moved", "compensated", "refunded") if not getattr(self, name))

    @property
    def ok(self) -> bool:
        """Everything went as it should."""
        return not self.failed


class Compute:
    """One run of the chapter.

    Args:
        folder: receives everything; emptied first.
        console: where it is shown.
        say: prints a line of progress.
    """

    def __init__(self, folder: Path, console: Console, say: Callable[[str], None]) -> None:
        self.folder, self.console, self.say = folder, console, say
        self.steps: list[Step] = []

    def run(self) -> ComputeOutcome:
        """Run it on an anvil of its own."""
        shutil.rmtree(self.folder, ignore_errors=True)
        network = self.folder / "ethereum-local"
        network.mkdir(parents=True)
        with ExitStack() as stack:
            self.stack = stack
            self.node = stack.enter_context(Anvil())
            self.pool = stack.enter_context(EndpointPool([self.node.url], chain_id=self.node.chain_id))
            deploy_local(self.pool, network, genesis=_genesis(self.address(PROVIDER)))
            self.manifest = network / "manifest.json"
            self.deployment = Deployment.of_manifest(self.manifest, self.pool)
            self.accounts = {number: self.account(number) for number in range(10)}
            self.vms, self.hosts = VMs(self.deployment), Hosts(self.deployment)
            self.began = self.time()
            self.wall = WallClock(self.began)
            self.stock()
            self.register()
            self.buy()
            agents = [self.agent(number) for number in (1, 2)]
            vm = self.create()
            started = self.start(vm, agents)
            moved = self.migrate(vm, agents)
            compensated = self.outage(vm, agents)
            refunded = self.end(vm, agents)
        self.show()
        return ComputeOutcome(started, moved, compensated, refunded, tuple(self.steps))

    # -- the steps ---------------------------------------------------------------------------------------------------

    def stock(self) -> None:
        """The market gets its inventory."""
        market, seller, gas = self.deployment.handle("ResourceMarket"), self.accounts[PROVIDER], 0
        for resource, amount in STOCK.items():
            seller.allow(self.deployment.token(resource), market.address, amount * UNIT, f"stock/{resource.name}")
            sent = seller.send(f"stock/{resource.name}/sent", market, "stock", int(resource), amount * UNIT)
            gas += sent.gas_used
        self.note("provider", "stocks the curve with pre-minted CPU, MEM, STO and NET", gas)

    def register(self) -> None:
        """Two hosts in two regions, each with an agent, attested."""
        provider, auditor = self.accounts[PROVIDER], self.accounts[AUDITOR]
        carries = Capacity.parse(cpu="64 vCPU", memory="256 GB", storage="2000 GB", network="100 GB/h")
        for region, agent in zip(REGIONS, AGENTS, strict=True):
            number, receipt = self.hosts.register(provider, region, self.address(agent))
            self.note("provider", f"registers host {number} in {region}", receipt.gas_used)
            attested = self.hosts.attest(auditor, number, carries, self.time() + 90 * 24 * HOUR, bytes(31) + b"\1")
            self.hosts.set_accepting(provider, number, True)
            self.note("auditor", f"attests host {number}: {carries}", attested.gas_used)

    def buy(self) -> None:
        """The customer buys resources on the curve."""
        customer, market = self.accounts[CUSTOMER], CurveMarket(self.deployment)
        for resource, amount in BASKET.items():
            quote = market.quote_buy(resource, amount * UNIT)
            traded = market.buy(customer, resource, amount * UNIT, quote.native)
            price = native_text(traded.native)
            self.note("customer", f"buys {tokens_text(amount * UNIT, resource)} for {price}", traded.receipt.gas_used)
        for resource, amount in BASKET.items():
            self.vms.deposit(customer, resource, amount * UNIT)

    def create(self) -> int:
        """A VM whose configuration is content-addressed, with a policy of 2 of 3 approvers."""
        customer = self.accounts[CUSTOMER]
        approvers = [self.address(one) for one in APPROVERS]
        policy, _ = Approvals(self.vms).create_policy(customer, approvers, 2)
        storage = self.stack.enter_context(open_storage(str(self.folder / "storage")))
        capacity = Capacity.parse(**VM_SIZE)
        vm, receipt = create_described(self.vms, customer, storage, 1, capacity, VM_SECONDS, files={}, policy=policy)
        self.note("customer", f"leases VM {vm} on host 1: {capacity}, paid for 2 hours", receipt.gas_used)
        return vm

    def start(self, vm: int, agents: list[Reconciler]) -> bool:
        """The agent of the host starts the domain and says so."""
        receipt = self.vms.start(self.accounts[CUSTOMER], vm)
        self.note("customer", "start", receipt.gas_used)
        self.settle(agents)
        self.note("agent 1", f"defines and starts the libvirt domain {self.domain(agents[0], vm)}, acknowledges")
        return self.vms.vm(vm).state is State.RUNNING and self.where(agents, vm) == [1]

    def migrate(self, vm: int, agents: list[Reconciler]) -> bool:
        """To another region, with the approvals of two of three, signed off line and handed in together."""
        receipt = self.vms.migrate(self.accounts[CUSTOMER], vm, REGIONS[1])
        self.note("customer", f"asks to move it to {REGIONS[1]}; it runs on meanwhile", receipt.gas_used)
        approvals = Approvals(self.vms)
        request = approvals.request(vm)
        signed = [
            sign_approval(request, typed_data_signer(signer_from_key(self.node.accounts[one][1])))
            for one in APPROVERS[:2]
        ]
        receipt = approvals.hand_in(self.accounts[CUSTOMER], signed)
        self.note("2 of 3 approvers", "approve; from now on nobody is entitled to run it", receipt.gas_used)
        alone = self.where(agents, vm) == [1]
        agents[0].step()
        self.note("agent 1", "saves the VM, records its digest on chain, lets go of it")
        alone = alone and self.where(agents, vm) == []
        self.settle(agents)
        self.note("agent 2", f"restores it paused, acknowledges, resumes it: {self.domain(agents[1], vm)}")
        storage = self.stack.enter_context(open_storage(str(self.folder / "storage")))
        integrity = verify_state_integrity(self.vms, storage, vm)
        self.note("customer", f"verifies the recorded state: {'intact' if integrity.ok else integrity.problems}")
        entitled = self.vms.entitled_host(vm) == 2 and self.where(agents, vm) == [2]
        return alone and entitled and integrity.ok and self.vms.vm(vm).state is State.RUNNING

    def outage(self, vm: int, agents: list[Reconciler]) -> bool:
        """An agreement about the VM's service, six minutes of outage in its first hour, the penalty."""
        with Service() as service:
            terms = agreement_terms(self, service, vm)
            provider, customer = self.sla(PROVIDER), self.sla(CUSTOMER)
            provider.deposit(terms.stake + terms.bond)
            customer.deposit(terms.fee * terms.windows)
            number = provider.offer(terms)
            self.note("provider", f"offers uptime ≥ 99.9 % for {_nova(terms.fee)} an hour, stakes {_nova(terms.stake)}")
            receipt = customer.accept(number)
            self.note("customer", "accepts; the first window begins", receipt.gas_used)
            for one in MONITORS:
                provider.deposit(terms.bond, account=self.address(one))
            with stations(self, service, number, self.folder / "monitors") as monitors:
                before = customer.balance(self.address(CUSTOMER))
                self.measure(service, monitors, number, agents)
                return self.claim(monitors, number, before)

    def measure(self, service: Service, monitors: list[Station], number: int, agents: list[Reconciler]) -> None:
        """An hour, minute by minute: five probes each; agents go on with their heartbeats."""
        start = self.sla(CUSTOMER).agreement(number).started_at
        probes = 0
        for minute in range(60):
            self.wall.now = start + minute * 60 + 1
            service.status = 503 if minute in OUTAGE else 200
            probes += sum(station.sampler.take() is not None for station in monitors)
            if minute % 4 == 3:
                self.travel(start + minute * 60 + 2)
                for agent in agents:
                    agent.step()
        self.note("service", f"answers 503 for {len(OUTAGE)} of 60 minutes; 5 monitors made {probes} probes of it")

    def claim(self, monitors: list[Station], number: int, before: int) -> bool:
        """Monitors sign and report; nobody disputes; anybody finalises."""
        sla = self.sla(CUSTOMER)
        terms, agreement = sla.terms(number), sla.agreement(number)
        self.pass_to(agreement.started_at + terms.window + 10)
        for _ in range(2):  # in the first round each signs, in the second the first finds the others' signatures
            for station in monitors:
                station.monitor.step()
        claim = sla.claim(number, 0, 0)
        self.note("5 monitors", f"sign {claim.value / 10_000:.2f} % of uptime", None)
        self.note("a monitor", "reports the violation with their signatures and a bond", self.gas("ViolationReported"))
        self.pass_to(claim.since + terms.dispute_period)
        for station in monitors:
            station.monitor.step()
        credit = sla.balance(self.address(CUSTOMER)) - before
        self.note(
            "anybody",
            f"finalises after the dispute period: {_nova(credit)} paid to the customer",
            self.gas("Penalised"),
        )
        tier = terms.guarantees[0].tier(claim.value)
        expected = terms.credit(tier) if tier is not None else 0
        return sla.claim(number, 0, 0).outcome is Outcome.PENALISED and credit == expected > 0

    def end(self, vm: int, agents: list[Reconciler]) -> bool:
        """The customer ends the lease and gets back what was not used; the provider takes what it earned."""
        customer, provider = self.accounts[CUSTOMER], self.accounts[PROVIDER]
        receipt = self.vms.terminate(customer, vm)
        self.settle(agents)
        self.vms.settle(customer, vm)
        used = self.vms.vm(vm).used
        self.note("customer", f"ends the lease after {used // 60} minutes of use", receipt.gas_used)
        whole = True
        earned, left = [], []
        for resource in Resource:
            refund = self.vms.balances(self.address(CUSTOMER))[resource]
            income = self.vms.balances(self.address(PROVIDER))[resource]
            self.vms.withdraw(customer, resource, refund)
            self.vms.withdraw(provider, resource, income)
            earned.append(f"{income / UNIT:.4f} {resource.name}")
            left.append(f"{refund / UNIT:.4f} {resource.name}")
            whole = whole and refund + income == BASKET[resource] * UNIT
            held = self.deployment.token(resource).call("balanceOf", self.vms.contract.address)
            whole = whole and held == 0
        self.note("customer", "takes back " + ", ".join(left))
        self.note("provider", "has earned " + ", ".join(earned))
        return whole and self.where(agents, vm) == []

    # -- parts -------------------------------------------------------------------------------------------------------

    def agent(self, number: int) -> Reconciler:
        """The agent of a host, on a libvirt connection of its own."""
        home = self.folder / f"host{number}"
        home.mkdir()
        (home / "domains.xml").write_text("<node/>")
        chain = {"rpc_urls": [self.node.url], "manifest": str(self.manifest), "private_key_env": "UNUSED"}
        config = AgentConfig.from_mapping(
            {
                "agent": {
                    "host": number,
                    "hypervisor": f"test://{(home / 'domains.xml').resolve()}",
                    "state": "state",
                    "storage": str((self.folder / "storage").resolve()),
                    "heartbeat": 60,
                },
                "chain": chain,
            },
            base=home,
        )
        return self.stack.enter_context(open_agent(config, signer_from_key(self.node.accounts[AGENTS[number - 1]][1])))

    def settle(self, agents: list[Reconciler]) -> None:
        """Passes until the agents have nothing to do."""
        for _ in range(20):
            if all(report.quiet for report in [agent.step() for agent in agents]):
                return

    def where(self, agents: list[Reconciler], vm: int) -> list[int]:
        """The hosts on which the VM's domain runs."""
        found = [(number, agent.hypervisor.domains().get(vm)) for number, agent in enumerate(agents, 1)]
        return [number for number, domain in found if domain is not None and domain.state is DomainState.RUNNING]

    def domain(self, agent: Reconciler, vm: int) -> str:
        """The UUID of the VM's domain, in short, and its state."""
        found = agent.hypervisor.domains()[vm]
        return f"{str(agent.chain.owner().uuid_of(vm))[:8]}… ({found.state.value})"

    def account(self, number: int) -> Account:
        """An account with a journal of its own."""
        journal = self.stack.enter_context(Journal(self.folder / f"journal-{number}.sqlite"))
        signer = signer_from_key(self.node.accounts[number][1])
        manager = TransactionManager(self.pool, signer, journal, poll_interval=0.02, timeout=30)
        return Account(self.deployment, manager, {**COMPUTE_ADVICE, **SLA_ADVICE})

    def sla(self, number: int) -> Sla:
        """The agreements as an account sees them."""
        return Sla(self.deployment, self.accounts[number])

    def address(self, number: int) -> str:
        """An account of anvil's."""
        return self.node.accounts[number][0]

    def time(self) -> int:
        """The chain's."""
        return int(str(self.pool.request("eth_getBlockByNumber", ["latest", False])["timestamp"]), 16)

    def travel(self, to: int) -> None:
        """Let the chain's time pass."""
        self.node.rpc("evm_setNextBlockTimestamp", hex(max(to, self.time() + 1)))
        self.node.rpc("evm_mine")

    def pass_to(self, to: int) -> None:
        """The same for the monitors' clocks."""
        self.travel(to)
        self.wall.now = self.time()

    def gas(self, event: str) -> int | None:
        """Gas of the transaction with the agreements' latest event of a kind."""
        logs = list(self.sla(CUSTOMER).contract.events(event, 0, "latest"))
        receipt = self.pool.request("eth_getTransactionReceipt", [logs[-1].transaction_hash]) if logs else None
        return int(receipt["gasUsed"], 16) if receipt else None

    def note(self, who: str, what: str, gas: int | None = None) -> None:
        """A line of the timeline."""
        self.steps.append(Step(self.time() - self.began, who, what, gas))

    def show(self) -> None:
        """The timeline."""
        table = Table(title="Timeline (chain time)", title_justify="left", box=None, padding=(0, 1))
        for column in ("at", "who", "what", "gas"):
            table.add_column(column, justify="right" if column in ("at", "gas") else "left")
        for step in self.steps:
            minutes, seconds = divmod(step.at, 60)
            table.add_row(f"{minutes}:{seconds:02d}", step.who, step.what, "" if step.gas is None else f"{step.gas:,}")
        self.console.print(table)


def _genesis(holder: str) -> Genesis:
    """The local genesis, with the market's tokens in a holder's hands instead of the treasury's alone."""
    given = {resource.name: (holder, amount * UNIT) for resource, amount in STOCK.items()}
    allocations = {
        token: (*shares, given[token]) if token in given else shares
        for token, shares in LOCAL_GENESIS.allocations.items()
    }
    return replace(LOCAL_GENESIS, allocations=allocations)


def _nova(amount: int) -> str:
    return f"{amount / UNIT:,.0f} NOVA"
