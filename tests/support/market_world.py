"""The whole compute market on an anvil, with a manifest beside it, and accounts that act through the SDK.

Accounts of anvil: 0 governance (ADMIN, owner of everything), 1 provider, 2 and 3 agents of hosts in `here` and `there`,
4 customer, 5 to 7 approvers (two of three), 8 a stranger.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from web3 import Web3
from web3.contract import Contract

from novacron.chain import Anvil, EndpointPool, Journal, LocalSigner, TransactionManager, signer_from_key
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.records import InstanceRecord
from novacron.market.deployment import Account, Deployment
from novacron.market.plan import base_prices
from novacron.market.resources import UNIT, Resource
from tests.support.contracts import artifact, deploy

HERE, THERE = "here", "there"
#: Milli-vCPU, MB, GB, MB/h of a host.
AMPLE = (64_000, 256_000, 4_000, 100_000)
STOCK = 100_000 * UNIT
STEEPNESS = 50_000 * UNIT
FEE = 3_000
DAY = 86_400


class MarketWorld:
    """Contracts, manifest and accounts."""

    def __init__(self, node: Anvil, folder: Path) -> None:
        self.node, self.folder = node, folder
        self.w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 120}))
        self.accounts = [address for address, _ in node.accounts]
        self.keys = [key for _, key in node.accounts]
        self.admin, self.provider, self.customer = (self.accounts[number] for number in (0, 1, 4))
        self.approvers = self.accounts[5:8]
        self._deploy()
        self._furnish()
        self.manifest = folder / "anvil-local" / "manifest.json"
        self._write_manifest()

    # -- building ----------------------------------------------------------------------------------------------------

    def _deploy(self) -> None:
        authority = deploy(self.w3, "Authority", self.admin)
        self.tokens = [
            deploy(self.w3, "ResourceToken", r.name, r.name, r.unit, 10**7 * UNIT, authority.address, [])
            for r in Resource
        ]
        addresses = [token.address for token in self.tokens]
        prices = base_prices(2_500)
        curves = [(token, prices[r], STEEPNESS) for r, token in zip(Resource, addresses, strict=True)]
        self.market = deploy(self.w3, "ResourceMarket", authority.address, self.admin, self.accounts[9], curves, FEE)
        self.pool = deploy(self.w3, "LiquidityPool", self.admin, addresses)
        self.book = deploy(self.w3, "OrderBook", authority.address, self.admin)
        self.registry = self._proxied("HostRegistry", [], [authority.address])
        self.staking = deploy(
            self.w3, "ResourceStaking", authority.address, self.admin, self.registry.address, addresses
        )
        extension = deploy(self.w3, "VMLifecycleExtension")
        start = [authority.address, self.admin, self.registry.address, addresses]
        self.lifecycle = self._proxied("VMLifecycle", [extension.address], start)
        self.instances: dict[str, Contract] = {
            "ResourceMarket": self.market,
            "LiquidityPool": self.pool,
            "OrderBook": self.book,
            "ResourceStaking": self.staking,
            "HostRegistry": self.registry,
            "VMLifecycle": self.lifecycle,
            **{r.name: token for r, token in zip(Resource, self.tokens, strict=True)},
        }

    def _proxied(self, name: str, arguments: list[Any], start: list[Any]) -> Contract:
        logic = deploy(self.w3, name, *arguments)
        proxy = deploy(self.w3, "Proxy", logic.address, logic.encode_abi("initialize", args=start))
        return self.w3.eth.contract(address=proxy.address, abi=artifact(name)["abi"])

    def _furnish(self) -> None:
        self.send(self.registry, "setLifecycle", self.lifecycle.address)
        self.send(self.registry, "setStaking", self.staking.address)
        for resource, token in zip(Resource, self.tokens, strict=True):
            self.send(token, "mint", self.admin, 2 * STOCK)
            self.send(token, "mint", self.customer, STOCK)
            self.send(token, "approve", self.market.address, STOCK)
            self.send(self.market, "stock", int(resource), STOCK)
            self.send(self.book, "setListed", token.address, True)
        until = self.now() + 300 * DAY
        for number, region in enumerate((HERE, THERE), 1):
            raw = region.encode().ljust(32, b"\0")
            self.send(self.registry, "registerHost", raw, self.accounts[1 + number], sender=self.provider)
            self.send(self.registry, "attest", number, AMPLE, until, b"\x02" * 32)
            self.beat(number)
        self.send(self.lifecycle, "createPolicy", sorted(self.approvers, key=lambda one: int(one, 16)), 2)
        self.send(self.lifecycle, "setDefaultPolicy", 1)

    def _write_manifest(self) -> None:
        genesis = "0x" + bytes(self.w3.eth.get_block(0)["hash"]).hex().removeprefix("0x")
        records = {
            name: InstanceRecord(
                instance=name,
                plan="novacron",
                contract=name,
                source=f"contracts/{name}.sol",
                address=contract.address,
                constructor_arguments=(),
                encoded_arguments="0x",
                salt_label=name,
                salt="0x" + "00" * 32,
                init_code_hash="0x" + "00" * 32,
                compiler_version="0.8.37",
                compiler_input_hash="00" * 32,
                compiler_input="input.json",
                deployer=self.admin,
                adopted=False,
                transaction_hash="0x" + "00" * 32,
                block_number=0,
                block_hash=genesis,
                git_commit=None,
                git_dirty=None,
            )
            for name, contract in self.instances.items()
        }
        self.manifest.parent.mkdir(parents=True)
        DeploymentManifest("anvil-local", 31337, genesis, records).save(self.manifest)

    # -- acting as others --------------------------------------------------------------------------------------------

    def send(self, contract: Contract, fn: str, *arguments: Any, sender: str | None = None, value: int = 0) -> Any:
        """A transaction of an unlocked account, mined."""
        options = {"from": sender or self.admin, "value": value}
        hashed = contract.get_function_by_name(fn)(*arguments).transact(options)
        receipt = self.w3.eth.wait_for_transaction_receipt(hashed, poll_latency=0.01)
        assert receipt["status"] == 1, fn
        return receipt

    def beat(self, host: int) -> None:
        """A heartbeat of a host's agent."""
        self.send(self.registry, "heartbeat", host, sender=self.accounts[1 + host])

    def acknowledge(self, fn: str, vm: int, host: int, *arguments: Any) -> None:
        """An agent's call in the VM's present epoch."""
        epoch = self.lifecycle.functions.vmOf(vm).call()[6]
        self.send(self.lifecycle, fn, vm, epoch, *arguments, sender=self.accounts[1 + host])

    def now(self) -> int:
        """Timestamp of the newest block."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def pass_time(self, seconds: int) -> None:
        """Mine a block so much later."""
        self.node.rpc("evm_increaseTime", seconds)
        self.node.rpc("evm_mine")

    def balance(self, resource: Resource, account: str) -> int:
        """Base units that an account holds."""
        return int(self.tokens[resource].functions.balanceOf(account).call())


class Actors:
    """SDK accounts over a world; each has a journal of its own."""

    def __init__(self, world: MarketWorld, folder: Path, resources: ExitStack) -> None:
        self.world, self._folder, self._resources = world, folder, resources
        self.pool = resources.enter_context(EndpointPool([world.node.url], health_interval=None))
        self.deployment = Deployment.of_manifest(world.manifest, self.pool)

    def signer(self, number: int) -> LocalSigner:
        """The key of an anvil account."""
        return signer_from_key(self.world.keys[number])

    def account(self, number: int, *, signer: Any = None) -> Account:
        """An account by its number."""
        journal = self._resources.enter_context(Journal(self._folder / f"{number}.sqlite"))
        manager = TransactionManager(self.pool, signer or self.signer(number), journal, poll_interval=0.05, timeout=20)
        return Account(self.deployment, manager, COMPUTE_ADVICE)
