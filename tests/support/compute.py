"""Hosts and VMs on an anvil: registry and lifecycle behind their proxies, three hosts, a customer with tokens.

    host 1   EU   provider   agent of host 1
    host 2   US   provider   agent of host 2
    host 3   EU   rival      agent of host 3

Every transaction has a second of its own, and no time passes otherwise, so that what is used is known to the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError
from web3.types import TxReceipt

from novacron.chain.anvil import Anvil
from tests.contracts.evm import Outcome, decode_error
from tests.support.contracts import artifact, deploy

WHOLE = 10**18
EU, US, ASIA = (name.encode().ljust(32, b"\0") for name in ("eu-central", "us-east", "asia-south"))
REGIONS = (EU, US, EU)
#: Thousandths of a vCPU, MB, GB of disk, MB an hour.
SMALL = (2_000, 4_000, 50, 10_000)
LARGE = (64_000, 256_000, 4_000, 100_000)
CONFIGURATION = b"\x11" * 32
RECORD = b"\x22" * 32
TIMEOUT = 300
HOUR = 3_600
AUDITOR = 3


class ComputeWorld:
    """The contracts, who is who, and the time.

    Attributes:
        time: timestamp of the latest block, in seconds.
        governance: ADMIN and AUDITOR of the authority, and owner of the lifecycle.
        agents: of hosts 1 to 3.
        approvers: of policy 1, ascending; two of the three suffice.
    """

    def __init__(self, node: Anvil) -> None:
        self.node = node
        self.w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 120}))
        self.time = int(self.w3.eth.get_block("latest")["timestamp"])
        accounts = [str(account) for account in self.w3.eth.accounts]
        self.governance, self.customer, self.provider, self.rival = accounts[:4]
        self.agents, self.approvers = accounts[4:7], sorted(accounts[7:10], key=lambda a: int(a, 16))
        self.stranger = Web3.to_checksum_address("0x" + "57a6" * 10)
        for address in (self.stranger,):
            node.rpc("anvil_impersonateAccount", address)
            node.rpc("anvil_setBalance", address, hex(10**20))
        self._deploy()
        for number, region in enumerate(REGIONS):
            owner = self.rival if number == 2 else self.provider
            self.send(self.registry.functions.registerHost(region, self.agents[number]), owner)
            self.attest(number + 1, LARGE)
            self.beat(number + 1)
        self.send(self.lifecycle.functions.createPolicy(self.approvers, 2), self.stranger)
        self.send(self.lifecycle.functions.setDefaultPolicy(1), self.governance)
        self.enrich(self.customer, 100_000 * WHOLE)

    def _deploy(self) -> None:
        self.authority = self.deploy("Authority", self.governance)
        self.registry = self.proxied("HostRegistry", [], [self.authority.address])
        self.tokens = [
            self.deploy("ResourceToken", symbol, symbol, "unit", 10**7 * WHOLE, self.authority.address, [])
            for symbol in ("CPU", "MEM", "STO", "NET")
        ]
        extension = self.deploy("VMLifecycleExtension")
        addresses = [token.address for token in self.tokens]
        start = [self.authority.address, self.governance, self.registry.address, addresses]
        self.lifecycle = self.proxied("VMLifecycle", [extension.address], start)
        self.send(self.registry.functions.setLifecycle(self.lifecycle.address), self.governance)
        self.send(self.registry.functions.setStaking(self.governance), self.governance)
        selector = Web3.keccak(text="attest(uint256,(uint32,uint32,uint32,uint32),uint40,bytes32)")[:4]
        roles = self.authority.functions
        self.send(roles.setTargetFunctionRole(self.registry.address, [bytes(selector)], AUDITOR), self.governance)
        self.send(roles.grantRole(AUDITOR, self.governance, 0), self.governance)

    # ------------------------------------------------------------------------------------------------------------
    # The chain
    # ------------------------------------------------------------------------------------------------------------

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """Deploy from governance."""
        self._tick()
        return deploy(self.w3, name, *arguments, sender=self.governance)

    def proxied(self, name: str, arguments: Sequence[Any], start: Sequence[Any]) -> Contract:
        """An upgradeable contract behind its proxy."""
        implementation = self.deploy(name, *arguments)
        proxy = self.deploy("Proxy", implementation.address, implementation.encode_abi("initialize", list(start)))
        return self.w3.eth.contract(address=proxy.address, abi=artifact(name)["abi"])

    def _tick(self) -> None:
        self.time += 1
        self.node.rpc("evm_setNextBlockTimestamp", self.time)

    def wait(self, seconds: int) -> None:
        """Mine a block so much later."""
        if seconds:
            self.time += seconds - 1
            self._tick()
            self.node.rpc("evm_mine")

    def send(self, function: ContractFunction, sender: str, gas: int = 8_000_000) -> TxReceipt:
        """Mine the call one second later.

        Raises:
            RuntimeError: it reverted.
        """
        self._tick()
        sent = function.transact({"from": sender, "gas": gas})
        receipt = self.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
        if receipt["status"] != 1:
            raise RuntimeError(f"{function.fn_name} reverted")
        return receipt

    def refusal(self, function: ContractFunction, sender: str) -> Outcome | None:
        """The custom error this call would end in at the present second; None if it would go through."""
        try:
            function.call({"from": sender})
        except ContractCustomError as error:
            return decode_error([*self.lifecycle.abi, *self.registry.abi], str(error.data))
        return None

    # ------------------------------------------------------------------------------------------------------------
    # Steps
    # ------------------------------------------------------------------------------------------------------------

    def enrich(self, account: str, amount: int) -> None:
        """Tokens of each resource, all of them paid into the prepaid balance, and leave to take more."""
        for number, token in enumerate(self.tokens):
            self.send(token.functions.mint(account, 2 * amount), self.governance)
            self.send(token.functions.approve(self.lifecycle.address, 2**256 - 1), account)
            self.send(self.lifecycle.functions.deposit(number, amount, account), account)

    def attest(self, host: int, capacity: Sequence[int]) -> None:
        """For 300 days."""
        self.send(
            self.registry.functions.attest(host, capacity, self.time + 300 * 86_400, b"\x33" * 32), self.governance
        )

    def beat(self, host: int) -> None:
        """A heartbeat of the host's agent."""
        self.send(self.registry.functions.heartbeat(host), self.agents[host - 1])

    def live(self, hosts: Sequence[int], seconds: int) -> None:
        """At least so many seconds pass, in which these hosts keep beating."""
        end = self.time + seconds
        while self.time < end:
            self.wait(min(TIMEOUT - len(hosts) - 10, end - self.time))
            for host in hosts:
                self.beat(host)

    def create(self, seconds: int = 10 * HOUR, host: int = 1) -> int:
        """A VM of the customer, Stopped."""
        function = self.lifecycle.functions.createVM(host, SMALL, seconds, 0, CONFIGURATION)
        self.send(function, self.customer)
        return int(self.lifecycle.functions.vmCount().call())

    def vm(self, number: int) -> dict[str, Any]:
        """`vmOf`, by name."""
        fields = next(e for e in self.lifecycle.abi if e.get("name") == "vmOf")["outputs"][0]["components"]
        return dict(zip((field["name"] for field in fields), self.lifecycle.functions.vmOf(number).call(), strict=True))

    def command(self, name: str, vm: int, *arguments: Any) -> ContractFunction:
        """A call about a VM; agents' calls get its present epoch."""
        function = getattr(self.lifecycle.functions, name)
        if name in {"acknowledgeStart", "acknowledgeStop", "reportFailure", "recover", "acknowledgeMigration"} | {
            "abortMigration",
            "acknowledgeRelease",
            "recordState",
        }:
            return function(vm, self.vm(vm)["epoch"], *arguments)
        return function(vm, *arguments)

    def approval(self, vm: int) -> ContractFunction:
        """Approval of the migration that waits."""
        now = self.vm(vm)
        return self.lifecycle.functions.approveMigration(vm, now["targetId"], now["epoch"], now["deadline"])
