"""A registry of models on an anvil, with what it leans on; the verifiers accept keccak256(key ‖ hash) and cost little.

account 0   ADMIN of the authority
account 1   releases models
account 2   certifies and revokes
account 3   somebody else
account 4   consumes models
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from eth_utils.abi import function_abi_to_4byte_selector
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract

from novacron.chain import Anvil, EndpointPool, Journal, TransactionManager, signer_from_key
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.records import InstanceRecord
from novacron.market.deployment import Account, Deployment
from novacron.models.advice import MODEL_ADVICE
from novacron.models.onchain import ZERO, Lineage
from novacron.models.registration import Registration
from novacron.models.registry import ModelRegistry
from novacron.quantum.schemes import PostQuantumScheme
from tests.support.contracts import deploy

ADMIN, RELEASER, CERTIFIER, OTHER, CONSUMER = range(5)
DAY = 86_400
_ROLE = 77


def digest_of(text: str) -> bytes:
    """A digest that stands for a model, a data set …"""
    return hashlib.sha256(text.encode()).digest()


class ModelWorld:
    """Contracts, manifest and accounts."""

    def __init__(self, node: Anvil, folder: Path) -> None:
        self.node, self.folder = node, folder
        self.w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 60}))
        self.accounts = [address for address, _ in node.accounts]
        self.keys = [key for _, key in node.accounts]
        admin = self.accounts[ADMIN]
        self.authority = deploy(self.w3, "Authority", admin)
        self.runs = deploy(self.w3, "ProofOfTraining", admin)
        verifier = deploy(self.w3, "VerifierDouble")
        self.verification = deploy(self.w3, "QuantumVerification", [verifier.address] * 4)
        addresses = (self.authority.address, self.runs.address, self.verification.address)
        self.registry = deploy(self.w3, "ModelRegistry", *addresses)
        functions = ("certify", "revokeCertificate", "revokeModel")
        abi = [self.registry.get_function_by_name(name).abi for name in functions]
        selectors = [function_abi_to_4byte_selector(item) for item in abi]
        self.send(self.authority, "setTargetFunctionRole", self.registry.address, selectors, _ROLE)
        self.send(self.authority, "grantRole", _ROLE, self.accounts[CERTIFIER], 0)
        self.manifest = folder / "anvil-local" / "manifest.json"
        self._write_manifest()
        self.root, self.key = self._keys()

    def _keys(self) -> tuple[bytes, bytes]:
        """A root key, and a working key under it, of SLH-DSA as far as the double is concerned."""
        scheme, root_key, key = int(PostQuantumScheme.SLH_DSA_SHA2_128S), digest_of("root"), digest_of("working")
        views = self.verification.functions
        nobody, until = "0x" + "00" * 20, self.now() + 60 * DAY
        root = views.keyIdOf(ZERO, scheme, root_key).call()
        signature = keccak(root_key + views.rootDigest(scheme, root_key, nobody).call())
        self.send(self.verification, "enrolRoot", scheme, root_key, nobody, signature)
        digest = views.authorizationDigest(root, scheme, key, nobody, 0, until, ZERO, 0).call()
        signature = keccak(root_key + digest)
        self.send(self.verification, "authorizeKey", root, scheme, key, nobody, 0, until, ZERO, signature)
        return root, views.keyIdOf(root, scheme, key).call()

    def verify(self, model_hash: bytes) -> bytes:
        """Have the working key sign a model on chain; returns the key's id."""
        digest = self.verification.functions.verificationDigest(model_hash, self.key).call()
        self.send(
            self.verification, "verifyData", model_hash, self.key + keccak(digest_of("working") + digest), sender=OTHER
        )
        return self.key

    def revoke_key(self) -> None:
        """The root says that the working key was stolen before it ever signed."""
        since, reason = self.verification.functions.keyOf(self.key).call()[4], digest_of("stolen")
        digest = self.verification.functions.revocationDigest(self.key, since, reason).call()
        self.send(self.verification, "revokeKey", self.key, since, reason, keccak(digest_of("root") + digest))

    def sealed_run(self, model_hash: bytes, owner: int = RELEASER) -> bytes:
        """A run of three entries, sealed with a model."""
        salt, plan = os.urandom(32), digest_of("plan")
        run = self.runs.functions.runId(self.accounts[owner], salt, plan).call()
        self.send(self.runs, "openRun", salt, plan, sender=owner)
        self.send(self.runs, "extendRun", run, 3, digest_of("log"), [], sender=owner)
        self.send(self.runs, "sealRun", run, model_hash, sender=owner)
        return bytes(run)

    # -- the chain ---------------------------------------------------------------------------------------------------

    def send(self, contract: Contract, fn: str, *arguments: Any, sender: int = ADMIN) -> Any:
        """A transaction of an unlocked account, mined."""
        hashed = contract.get_function_by_name(fn)(*arguments).transact({"from": self.accounts[sender]})
        receipt = self.w3.eth.wait_for_transaction_receipt(hashed, poll_latency=0.01)
        assert receipt["status"] == 1, fn
        return receipt

    def now(self) -> int:
        """Timestamp of the newest block."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def mine(self, blocks: int = 1) -> None:
        """Mine empty blocks, a second apart."""
        self.node.rpc("anvil_mine", hex(blocks), hex(1))

    def next_block_at(self, time: int) -> None:
        """Mine a block of exactly this second."""
        self.node.rpc("evm_setNextBlockTimestamp", time)
        self.mine()

    def pass_hour(self) -> None:
        """Mine a block an hour later: commitments mature, and provisional registrations become final."""
        self.node.rpc("evm_increaseTime", 3_600)
        self.mine()

    # -- models without a client -------------------------------------------------------------------------------------

    def released(
        self, name: str, version: str = "1.0.0", *, lineage: Lineage | None = None, metadata: str = ""
    ) -> bytes:
        """A model that is registered for good, by the releaser."""
        digest = digest_of(name)
        self.register(digest, version, lineage=lineage, metadata=metadata)
        return digest

    def register(
        self,
        digest: bytes,
        version: str = "1.0.0",
        *,
        lineage: Lineage | None = None,
        metadata: str = "",
        sender: int = RELEASER,
    ) -> None:
        """Commit, and register an hour later: final at once."""
        salt = self.claim(digest, sender)
        self.pass_hour()
        self.register_on(salt, digest, version, lineage=lineage, metadata=metadata, sender=sender)

    def claim(self, digest: bytes, sender: int = RELEASER) -> bytes:
        """Commit; returns the salt. The next block is one later."""
        salt = os.urandom(32)
        commitment = self.registry.functions.commitmentOf(self.accounts[sender], digest, salt).call()
        self.send(self.registry, "commit", commitment, sender=sender)
        self.mine()  # estimates are made on the newest block
        return salt

    def register_on(
        self,
        salt: bytes,
        digest: bytes,
        version: str = "1.0.0",
        *,
        lineage: Lineage | None = None,
        metadata: str = "",
        sender: int = RELEASER,
    ) -> None:
        """Register on a commitment, of whatever age; zero for none."""
        arguments = (digest, ZERO, version, metadata, False, (lineage or Lineage()).to_tuple(), salt)
        self.send(self.registry, "register", *arguments, sender=sender)

    def certify(self, digest: bytes, seconds: int = 100 * DAY) -> int:
        """Certify a model; returns the first second at which that is over."""
        until = self.now() + seconds
        self.send(self.registry, "certify", digest, until, digest_of("evidence"), sender=CERTIFIER)
        return until

    def _write_manifest(self) -> None:
        genesis = "0x" + bytes(self.w3.eth.get_block(0)["hash"]).hex().removeprefix("0x")
        instances = {
            "ModelRegistry": self.registry,
            "ProofOfTraining": self.runs,
            "QuantumVerification": self.verification,
        }
        records = {
            name: InstanceRecord(
                instance=name,
                plan="novacron",
                contract=name,
                source=f"contracts/provenance/{name}.sol",
                address=contract.address,
                constructor_arguments=(),
                encoded_arguments="0x",
                salt_label=name,
                salt="0x" + "00" * 32,
                init_code_hash="0x" + "00" * 32,
                compiler_version="0.8.37",
                compiler_input_hash="00" * 32,
                compiler_input="input.json",
                deployer=self.accounts[ADMIN],
                adopted=False,
                transaction_hash="0x" + "00" * 32,
                block_number=0,
                block_hash=genesis,
                git_commit=None,
                git_dirty=None,
            )
            for name, contract in instances.items()
        }
        self.manifest.parent.mkdir(parents=True)
        DeploymentManifest("anvil-local", 31337, genesis, records).save(self.manifest)


class Actors:
    """SDK accounts over a world; each has a journal of its own."""

    def __init__(self, world: ModelWorld, folder: Path, resources: ExitStack) -> None:
        self.world, self.folder, self._resources = world, folder, resources
        self.pool = resources.enter_context(EndpointPool([world.node.url], health_interval=None))
        self.deployment = Deployment.of_manifest(world.manifest, self.pool)
        self.registry = ModelRegistry(self.deployment)

    def account(self, number: int = RELEASER, *, folder: Path | None = None, **options: Any) -> Account:
        """An account by its number."""
        journal = self._resources.enter_context(Journal((folder or self.folder) / f"{number}.sqlite"))
        signer = signer_from_key(self.world.keys[number])
        options = {"poll_interval": 0.05, "timeout": 20, **options}
        return Account(self.deployment, TransactionManager(self.pool, signer, journal, **options), MODEL_ADVICE)


def request_of(name: str, version: str = "1.0.0", **more: Any) -> Registration:
    """A registration of the model that stands for a name."""
    return Registration(digest_of(name), version, **more)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelWorld]:
    with Anvil() as node:
        yield ModelWorld(node, tmp_path_factory.mktemp("models"))


@pytest.fixture
def world(built: ModelWorld) -> Iterator[ModelWorld]:
    before = built.node.rpc("evm_snapshot")
    yield built
    built.node.rpc("evm_revert", before)


@pytest.fixture
def actors(world: ModelWorld, tmp_path: Path) -> Iterator[Actors]:
    with ExitStack() as resources:
        yield Actors(world, tmp_path, resources)
