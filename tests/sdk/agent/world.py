"""A compute market on an anvil: registry, lifecycle, tokens, two hosts in two regions, a customer with tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from web3 import Web3
from web3.contract import Contract

from novacron.chain import Anvil, EndpointPool, Journal, TransactionManager, load_abi, signer_from_key
from novacron.compute.agent.domains import Domain, DomainState
from novacron.compute.agent.driver import Hypervisor, LibvirtHypervisor
from novacron.compute.agent.images import ImageStore
from novacron.compute.agent.outbox import Outbox
from novacron.compute.agent.reconcile import Reconciler
from novacron.compute.agent.view import ChainView
from novacron.compute.state_words import State as VMState
from novacron.storage.storage import open_storage
from tests.support.contracts import deploy

HERE, THERE = b"here".ljust(32, b"\0"), b"there".ljust(32, b"\0")
SIZE = (2000, 4000, 50, 1000)
CONFIGURATION = b"\x01" * 32
AMPLE = (10**6, 10**6, 10**5, 10**6)


class World:
    """Accounts: 0 admin, auditor and owner; 1 provider; 2 and 3 agents; 4 customer; 5 and 6 approvers."""

    def __init__(self, node: Anvil) -> None:
        self.node = node
        self.w3 = Web3(Web3.HTTPProvider(node.url))
        accounts = node.accounts
        self.admin, self.provider = accounts[0][0], accounts[1][0]
        self.agents = [accounts[2], accounts[3]]
        self.customer = accounts[4][0]
        self.approvers = sorted(accounts[5][0:1] + accounts[6][0:1], key=lambda one: int(one, 16))
        authority = deploy(self.w3, "Authority", self.admin)
        self.registry = self._proxied("HostRegistry", authority.address)
        self.tokens = [
            deploy(self.w3, "ResourceToken", name, name, "unit", 10**24, authority.address, [(self.customer, 10**24)])
            for name in ("CPU", "MEM", "STO", "NET")
        ]
        addresses = [token.address for token in self.tokens]
        extension = deploy(self.w3, "VMLifecycleExtension")
        arguments = authority.address, self.admin, self.registry.address, addresses
        self.lifecycle = self._proxied("VMLifecycle", *arguments, code=(extension.address,))
        self.send(self.registry, "setLifecycle", self.lifecycle.address)
        for region, (agent, _) in zip((HERE, THERE), self.agents, strict=True):
            self.send(self.registry, "registerHost", region, agent, sender=self.provider)
        now = int(self.w3.eth.get_block("latest")["timestamp"])
        for host in (1, 2):
            self.send(self.registry, "attest", host, AMPLE, now + 86_400 * 300, b"\x02" * 32)
            self.send(self.registry, "setAccepting", host, True, sender=self.provider)
        for token in self.tokens:
            self.send(token, "approve", self.lifecycle.address, 2**256 - 1, sender=self.customer)
        self.send(self.lifecycle, "createPolicy", self.approvers, 2)

    def _proxied(self, name: str, *arguments: Any, code: tuple[str, ...] = ()) -> Contract:
        logic = deploy(self.w3, name, *code)
        data = logic.encode_abi("initialize", args=list(arguments))
        proxy = deploy(self.w3, "Proxy", logic.address, data)
        return self.w3.eth.contract(address=proxy.address, abi=load_abi(name))

    def send(self, contract: Contract, fn: str, *arguments: Any, sender: str | None = None) -> Any:
        """A transaction of an unlocked account, mined."""
        hashed = contract.get_function_by_name(fn)(*arguments).transact({"from": sender or self.admin})
        receipt = self.w3.eth.wait_for_transaction_receipt(hashed)
        assert receipt["status"] == 1, fn
        return receipt

    # -- the customer ------------------------------------------------------------------------------------------------

    def command(self, fn: str, *arguments: Any) -> None:
        """A command of the customer."""
        signatures = {"createVM": "createVM(uint256,(uint32,uint32,uint32,uint32),uint40,uint32,bytes32)"}
        found = self.lifecycle.get_function_by_signature(signatures[fn]) if fn in signatures else None
        call = (found or self.lifecycle.get_function_by_name(fn))(*arguments)
        receipt = self.w3.eth.wait_for_transaction_receipt(call.transact({"from": self.customer}))
        assert receipt["status"] == 1, fn

    def create(self, host: int = 1, seconds: int = 7200, *, start: bool = True) -> int:
        """A VM, started unless told otherwise; returns its id."""
        self.command("createVM", host, SIZE, seconds, 1, CONFIGURATION)
        vm_id = int(self.lifecycle.functions.vmCount().call())
        if start:
            self.command("start", vm_id)
        return vm_id

    def approve(self, vm_id: int) -> None:
        """Both approvers agree with the migration that waits."""
        vm = self.vm(vm_id)
        for approver in self.approvers:
            self.send(
                self.lifecycle, "approveMigration", vm_id, vm["targetId"], vm["epoch"], vm["deadline"], sender=approver
            )

    def migrate(self, vm_id: int, region: bytes = THERE) -> None:
        """Ask for a migration, and let it be approved."""
        self.command("migrateVM", vm_id, region)
        self.approve(vm_id)

    # -- looking -----------------------------------------------------------------------------------------------------

    def vm(self, vm_id: int) -> dict[str, Any]:
        item = next(one for one in self.lifecycle.abi if one.get("name") == "vmOf")
        names = [part["name"] for part in item["outputs"][0]["components"]]
        return dict(zip(names, self.lifecycle.functions.vmOf(vm_id).call(), strict=True))

    def state(self, vm_id: int) -> VMState:
        return VMState(self.vm(vm_id)["state"])

    def pass_time(self, seconds: int) -> None:
        self.node.rpc("evm_increaseTime", seconds)
        self.node.rpc("evm_mine")

    def wait_until_mined(self) -> None:
        """Until no transaction waits that could be mined."""
        deadline = time.monotonic() + 10
        while self.node.rpc("anvil_getAutomine") and time.monotonic() < deadline:
            status: Any = self.node.rpc("txpool_status")
            if int(status["pending"], 16) == 0:
                return
            time.sleep(0.002)

    def mine(self, blocks: int = 1) -> None:
        self.node.rpc("anvil_mine", hex(blocks))


@dataclass
class Host:
    """A host with its agent, which can be killed and begun again; the hypervisor outlives it."""

    world: World
    number: int
    folder: Path
    storage: Path
    hypervisor: Hypervisor
    options: dict[str, Any] = field(default_factory=dict)
    confirmations: int = 1
    url: str | None = None
    on_step: Callable[[str, str], None] | None = None
    _resources: ExitStack = field(default_factory=ExitStack)
    agent: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> Reconciler:
        """A new agent on the same state, hypervisor and key."""
        self.end()
        world, number = self.world, self.number
        pool = self._resources.enter_context(
            EndpointPool(
                [self.url or world.node.url], timeout=5, max_time=3, retries=1, cooldown=1e-6, health_interval=None
            )
        )
        view = ChainView(
            pool,
            world.lifecycle.address,
            world.registry.address,
            number,
            confirmations=self.confirmations,
            cursor=self.folder / "cursor.json",
            **{name: self.options[name] for name in ("clock",) if name in self.options},
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        manager = TransactionManager(
            pool,
            signer_from_key(world.agents[number - 1][1]),
            self._resources.enter_context(Journal(self.folder / "journal.db")),
            confirmations=self.confirmations,
            poll_interval=0.02,
            timeout=0.2,
            on_step=self._stepped,
        )
        self.agent = Reconciler(
            self.hypervisor,
            view,
            Outbox(manager),
            self._resources.enter_context(open_storage(self.storage)),
            ImageStore(self.folder / "images", view.owner()),
            **self.options,
        )
        return self.agent

    def _stepped(self, step: str, key: str) -> None:
        if step == "sent":
            self.world.wait_until_mined()  # anvil answers before it mines; tests count blocks
        if self.on_step is not None:
            self.on_step(step, key)

    def end(self) -> None:
        """The agent is gone, as after a kill: nothing of it is left but its files."""
        self._resources.close()
        self._resources = ExitStack()

    def domain(self, vm_id: int) -> Domain | None:
        return self.hypervisor.domains().get(vm_id)

    def runs(self, vm_id: int) -> bool:
        found = self.domain(vm_id)
        return found is not None and found.state is DomainState.RUNNING


@contextmanager
def hosts(
    world: World, folder: Path, *, confirmations: int = 1, url: str | None = None, **options: Any
) -> Iterator[list[Host]]:
    """Host 1 (here) and host 2 (there), on two connections of libvirt's test driver.

    Args:
        url: the endpoint, when it is not the node itself.
        options: of `Reconciler`.
    """
    with ExitStack() as stack:
        made = []
        for number in (1, 2):
            file = folder / f"host{number}.xml"
            file.write_text("<node/>")
            owner = ChainView(
                stack.enter_context(EndpointPool([world.node.url], health_interval=None)),
                world.lifecycle.address,
                world.registry.address,
                number,
                cursor=folder / "unused.json",
            ).owner()
            hypervisor = stack.enter_context(LibvirtHypervisor(f"test://{file}", owner))
            folders = folder / f"agent{number}", folder / "storage"
            host = Host(world, number, *folders, hypervisor, options, confirmations, url)
            stack.callback(host.end)
            made.append(host)
        yield made


def settle(*all_hosts: Host, passes: int = 15, vm: int | None = None) -> None:
    """Passes of all agents until none has anything to do; at no moment two of them run VM `vm`."""
    reports = []
    for _ in range(passes):
        reports = []
        for host in all_hosts:
            reports.append(host.agent.step())
            assert not reports[-1].failures, reports[-1].failures
            assert vm is None or sum(one.runs(vm) for one in all_hosts) <= 1
        if all(report.quiet for report in reports):
            return
    raise AssertionError(f"the agents do not come to rest: {[report.done for report in reports]}")
