"""QuantumVerification with the verifiers on an anvil; the accounts act through the SDK.

account 0   deploys
account 1   operates: hands in and submits
account 2   somebody else
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from web3 import Web3
from web3.contract import Contract

from novacron.chain import Anvil, EndpointPool, Journal, TransactionManager, signer_from_key
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.records import InstanceRecord
from novacron.market.deployment import Account, Deployment
from novacron.quantum import PostQuantumScheme, SigningKey
from novacron.quantum.advice import QUANTUM_ADVICE
from novacron.quantum.client import QuantumVerification
from novacron.quantum.messages import root_id, sign_request
from novacron.quantum.records import WorkingKey
from novacron.quantum.registrar import KeyRegistrar
from tests.support.contracts import deploy

DAY = 86_400
OPERATOR, OTHER = 1, 2
ROOT_SEED, WORKING_SEED, SPARE_SEED = (bytes([number]) * 32 for number in (1, 2, 3))
ML_DSA_44, ML_DSA_87 = PostQuantumScheme.ML_DSA_44, PostQuantumScheme.ML_DSA_87


class QuantumWorld:
    """Contracts and a manifest. A root is enrolled, a working key of its authorised for 90 days, and a spare one
    registered; all of ML-DSA-44, whose registration is one transaction."""

    def __init__(self, node: Anvil, folder: Path) -> None:
        self.node, self.folder = node, folder
        self.w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 60}))
        self.accounts = [address for address, _ in node.accounts]
        self.private_keys = [key for _, key in node.accounts]
        self.keys = deploy(self.w3, "PostQuantumKeys")
        verifiers = [deploy(self.w3, name, self.keys.address).address for name in ("MLDSA44", "MLDSA65", "MLDSA87")]
        verifiers.append(deploy(self.w3, "SLHDSASHA2128s").address)
        self.verification = deploy(self.w3, "QuantumVerification", verifiers)
        self.instances: dict[str, Contract] = {
            "PostQuantumKeys": self.keys,
            "QuantumVerification": self.verification,
        }
        self.manifest = folder / "anvil-local" / "manifest.json"
        self._write_manifest()
        self.root = SigningKey.from_seed(ML_DSA_44, ROOT_SEED)
        self.root_id = root_id(self.root.verifying_key)
        self.working = WorkingKey(self.root_id, SigningKey.from_seed(ML_DSA_44, WORKING_SEED))
        self.spare = WorkingKey(self.root_id, SigningKey.from_seed(ML_DSA_44, SPARE_SEED))
        with ExitStack() as resources:
            self._furnish(Actors(self, folder, resources))

    def _furnish(self, actors: Actors) -> None:
        account = actors.account(0)
        for key in (self.root, self.working.signer, self.spare.signer):
            KeyRegistrar(account.deployment).register(account, key.verifying_key)
        actors.client.hand_in(account, sign_request(actors.client.enrolment(self.root.verifying_key), self.root))
        actors.authorize(account, self.working)

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
                deployer=self.accounts[0],
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

    def view(self, fn: str, *arguments: Any) -> Any:
        """A view of QuantumVerification."""
        return self.verification.get_function_by_name(fn)(*arguments).call()

    def now(self) -> int:
        """Timestamp of the newest block."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def pass_time(self, seconds: int) -> None:
        """Mine a block so much later."""
        self.node.rpc("evm_increaseTime", seconds)
        self.node.rpc("evm_mine")

    def transactions(self, number: int) -> int:
        """How many an account has sent."""
        return int(self.w3.eth.get_transaction_count(self.accounts[number]))


class Actors:
    """SDK accounts over a world; each has a journal of its own."""

    def __init__(self, world: QuantumWorld, folder: Path, resources: ExitStack, url: str | None = None) -> None:
        self.world, self._folder, self._resources = world, folder, resources
        self.pool = resources.enter_context(
            EndpointPool([url or world.node.url], health_interval=None, timeout=2, retries=2, backoff=0.01, max_time=4)
        )
        self.deployment = Deployment.of_manifest(world.manifest, self.pool)
        self.client = QuantumVerification(self.deployment)

    def account(self, number: int, *, confirmations: int = 1, timeout: float = 20) -> Account:
        """An account by its number; twice the same number is the same journal, as after a restart."""
        journal = self._resources.enter_context(Journal(self._folder / f"{number}.sqlite"))
        manager = TransactionManager(
            self.pool,
            signer_from_key(self.world.private_keys[number]),
            journal,
            confirmations=confirmations,
            poll_interval=0.02,
            timeout=timeout,
        )
        return Account(self.deployment, manager, QUANTUM_ADVICE)

    def authorize(self, sender: Account, key: WorkingKey, days: int = 90, **options: Any) -> None:
        """Have the world's root authorise a key."""
        until = self.world.now() + days * DAY - 60  # the chain's clock runs on until it is mined
        message = self.client.authorization(self.world.root_id, key.signer.verifying_key, until, **options)
        self.client.hand_in(sender, sign_request(message, self.world.root))
