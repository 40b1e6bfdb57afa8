"""The governance contracts on an anvil, handed over to the timelock, with a few verified members. Deployed directly:
the deployment plan has tests of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract
from web3.logs import DISCARD

from novacron.chain import Anvil, EndpointPool, Journal, TransactionManager, signer_from_key
from novacron.chain.signer import LocalSigner
from novacron.deploy.manifest import DeploymentManifest, InstanceRecord
from novacron.governance.model import ProposalState, proposal_id
from novacron.governance.suite import Suite

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "out" / "forge"
SAFE_ARTIFACTS = ROOT / "node_modules" / "@safe-global" / "safe-smart-account" / "build" / "artifacts" / "contracts"

DAY = 86_400
SEASON = 91 * DAY
NOVA = 10**18
#: NOVA of the members, anvil accounts 1 to 4: squares of 3,000, 2,000, 1,000 and 500.
HOLDINGS = (9_000_000, 4_000_000, 1_000_000, 250_000)
#: Voting power has three decimals.
POWERS = (3_000_000, 2_000_000, 1_000_000, 500_000)
CPU_CAP = 1_000_000 * NOVA
DEPLOYER, ATTESTER, STRANGER = 0, 5, 6


@dataclass
class SmallDao:
    """The contracts by instance name, and the people."""

    node: Anvil
    w3: Web3
    contracts: dict[str, Contract] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def accounts(self) -> list[str]:
        return [address for address, _ in self.node.accounts]

    @property
    def members(self) -> list[str]:
        return self.accounts[1:5]

    def signer(self, number: int) -> LocalSigner:
        """The signer of anvil's account of this number."""
        return signer_from_key(self.node.accounts[number][1])

    def manifest(self) -> DeploymentManifest:
        genesis = str(self.w3.eth.get_block(0)["hash"].to_0x_hex())
        records = {name: self._record(name) for name in self.contracts if name != "QuadraticVotes"}
        return DeploymentManifest("ethereum-local", self.node.chain_id, genesis, records)

    def suite(self, pool: EndpointPool) -> Suite:
        return Suite.connect(pool, self.manifest(), ARTIFACTS)

    def pool(self, url: str | None = None, **options: Any) -> EndpointPool:
        defaults: dict[str, Any] = {"timeout": 5.0, "max_time": 8.0, "backoff": 0.01, "cooldown": 0.1}
        return EndpointPool([url or self.node.url], **(defaults | {"health_interval": None} | options))

    def manager(
        self, number: int, journal: Path, pool: EndpointPool | None = None, **options: Any
    ) -> TransactionManager:
        defaults: dict[str, Any] = {"poll_interval": 0.05, "timeout": 20.0}
        return TransactionManager(pool or self.pool(), self.signer(number), Journal(journal), **(defaults | options))

    # -- time and transactions ---------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def warp(self, to: int) -> None:
        """Mine a block at this time, Unix seconds."""
        self.node.rpc("evm_setNextBlockTimestamp", to)
        self.node.rpc("evm_mine")

    def pass_time(self, seconds: int) -> None:
        self.warp(self.now + seconds)

    def send(self, sender: str, name: str, function: str, *arguments: Any) -> Any:
        """A transaction from any account; contracts are impersonated."""
        call = self.contracts[name].get_function_by_name(function)(*arguments)
        self.node.rpc("anvil_impersonateAccount", sender)
        self.node.rpc("anvil_setBalance", sender, hex(10**20))
        receipt = self.w3.eth.wait_for_transaction_receipt(call.transact({"from": sender}))
        assert receipt["status"] == 1, f"{name}.{function} reverted"
        return receipt

    # -- a proposal's life, without the code under test --------------------------------------------------------------

    def calldata(self, name: str, function: str, *arguments: Any) -> bytes:
        return bytes.fromhex(self.contracts[name].encode_abi(function, list(arguments))[2:])

    def mint(self, amount: int, to: str | None = None) -> tuple[str, int, bytes]:
        """The action of minting CPU, to the timelock by default: target, value, call data."""
        receiver = to or self.contracts["Timelock"].address
        return self.contracts["CPU"].address, 0, self.calldata("CPU", "mint", receiver, amount)

    def propose(self, *actions: tuple[str, int, bytes], description: str, by: int = 1) -> int:
        """Propose from anvil's account `by`; the id."""
        targets, values, calldatas = (list(column) for column in zip(*actions, strict=True))
        self.send(self.accounts[by], "Governance", "propose", targets, values, calldatas, description)
        return proposal_id(targets, values, calldatas, description)

    def open_vote(self, number: int) -> None:
        """Go to the first moment of voting."""
        snapshot = int(self.contracts["Governance"].functions.proposalSnapshot(number).call())
        self.warp(max(self.now, snapshot) + 1)

    def carry(self, number: int) -> None:
        """Vote For with the three largest members and wait for the end of voting."""
        self.open_vote(number)
        for member in self.members[:3]:
            self.send(member, "Governance", "castVote", number, 1)
        self.warp(int(self.contracts["Governance"].functions.proposalDeadline(number).call()) + 1)

    def state(self, number: int) -> ProposalState:
        return ProposalState(self.contracts["Governance"].functions.state(number).call())

    def _record(self, name: str) -> InstanceRecord:
        word, address = "0x" + "0" * 64, str(self.contracts[name].address)
        return InstanceRecord(
            instance=name,
            plan="governance",
            contract=self.sources[name],
            source=f"contracts/{self.sources[name]}.sol",
            address=address,
            constructor_arguments=(),
            encoded_arguments="0x",
            salt_label=name,
            salt=word,
            init_code_hash=word,
            compiler_version="",
            compiler_input_hash="0" * 64,
            compiler_input="x.json",
            deployer=self.accounts[DEPLOYER],
            adopted=False,
            transaction_hash=word,
            block_number=self.blocks[name],
            block_hash=word,
            git_commit=None,
            git_dirty=None,
        )

    def deploy(
        self, name: str, contract: str, *arguments: Any, folder: Path | None = None, source: str = ""
    ) -> Contract:
        """Deploy from the first account."""
        path = (folder or ARTIFACTS) / f"{source or contract}.sol" / f"{contract}.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path.relative_to(ROOT)} is missing: run `make build`")
        built = json.loads(path.read_text(encoding="utf-8"))
        code = built["bytecode"]["object"] if isinstance(built["bytecode"], dict) else built["bytecode"]
        factory = self.w3.eth.contract(abi=built["abi"], bytecode=code)
        sent = factory.constructor(*arguments).transact({"from": self.accounts[DEPLOYER]})
        receipt = self.w3.eth.wait_for_transaction_receipt(sent)
        assert receipt["status"] == 1, f"deployment of {contract} reverted"
        made = self.w3.eth.contract(address=receipt["contractAddress"], abi=built["abi"])
        self.contracts[name], self.sources[name] = made, contract
        self.blocks[name] = int(receipt["blockNumber"])
        return made


def small_dao(node: Anvil) -> SmallDao:
    """Deploy, verify the members, hand over."""
    w3 = Web3(Web3.HTTPProvider(node.url))
    dao = SmallDao(node, w3)
    admin, members = dao.accounts[DEPLOYER], dao.members
    authority = dao.deploy("Authority", "Authority", admin)
    genesis = [(member, amount * NOVA) for member, amount in zip(members, HOLDINGS, strict=True)]
    nova = dao.deploy("NovaToken", "NovaToken", authority.address, genesis)
    votes_abi = json.loads((ARTIFACTS / "QuadraticVotes.sol" / "QuadraticVotes.json").read_text(encoding="utf-8"))[
        "abi"
    ]
    votes = w3.eth.contract(address=nova.functions.quadraticVotes().call(), abi=votes_abi)
    dao.contracts["QuadraticVotes"] = votes
    dao.deploy("CPU", "ResourceToken", "NovaCron CPU", "CPU", "vCPU-hour", CPU_CAP, authority.address, [(admin, 1000)])
    timelock = dao.deploy("Timelock", "Timelock", 2 * DAY, [], [], admin)
    safe = _deploy_safe(dao, members[:3])
    governance = dao.deploy("Governance", "Governance", nova.address, timelock.address, safe)
    gate = dao.deploy("IdentityGateImplementation", "IdentityGate")
    start = gate.encode_abi("initialize", [authority.address, votes.address, 100])
    proxy = dao.deploy("IdentityGate", "Proxy", gate.address, start)
    dao.contracts["IdentityGate"] = w3.eth.contract(address=proxy.address, abi=gate.abi)
    for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"):
        identifier = timelock.get_function_by_name(role)().call()
        dao.send(admin, "Timelock", "grantRole", identifier, governance.address)
    dao.send(admin, "QuadraticVotes", "setGate", proxy.address)
    selectors = [keccak(text=signature)[:4] for signature in ("verify(address,uint256)", "revoke(address)")]
    dao.send(admin, "Authority", "setTargetFunctionRole", proxy.address, selectors, 2)
    dao.send(admin, "Authority", "grantRole", 2, dao.accounts[ATTESTER], 0)
    for member in members:
        dao.send(dao.accounts[ATTESTER], "IdentityGate", "verify", member, dao.now // SEASON + 2)
        dao.send(member, "NovaToken", "delegate", member)
    dao.send(admin, "Authority", "grantRole", 0, timelock.address, 0)
    dao.send(admin, "Authority", "renounceRole", 0, admin)
    dao.send(admin, "Timelock", "renounceRole", bytes(32), admin)
    dao.pass_time(60)  # votes count from the second after they were delegated
    return dao


def _deploy_safe(dao: SmallDao, owners: list[str]) -> str:
    """A Safe of these owners, two of whom must sign."""
    before = set(dao.contracts)
    singleton = dao.deploy("singleton", "SafeL2", folder=SAFE_ARTIFACTS)
    factory = dao.deploy("factory", "SafeProxyFactory", folder=SAFE_ARTIFACTS / "proxies")
    handler = dao.deploy("handler", "CompatibilityFallbackHandler", folder=SAFE_ARTIFACTS / "handler")
    none = "0x" + "0" * 40
    setup = singleton.encode_abi("setup", [owners, 2, none, b"", handler.address, none, 0, none])
    receipt = dao.w3.eth.wait_for_transaction_receipt(
        factory.functions.createProxyWithNonce(singleton.address, setup, 0).transact({"from": owners[0]})
    )
    [created] = factory.events.ProxyCreation().process_receipt(receipt, errors=DISCARD)
    for name in set(dao.contracts) - before:
        del dao.contracts[name]
    address = str(created["args"]["proxy"])
    dao.contracts["GuardianSafe"] = dao.w3.eth.contract(address=address, abi=singleton.abi)
    dao.sources["GuardianSafe"], dao.blocks["GuardianSafe"] = "SafeProxy", int(receipt["blockNumber"])
    return address
