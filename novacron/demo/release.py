"""The fourth chapter: release the model that was trained before, find it, fetch it, revoke its parent.

Encrypted for whoever may have it (ML-KEM-1024), signed by a working key (ML-DSA-87) that a root key (SLH-DSA) vouches
for, both verified by the chain, bound to its training run, certified, and refused once its parent is revoked. Two
things are shortened: in earnest the root's key never touches a machine with a network (docs/quantum.md), and the hour
that a commitment grows old is let pass on the chain rather than waited for.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from novacron.chain import Anvil, EndpointPool, Journal, TransactionManager, TransactionReceipt, signer_from_key
from novacron.demo.training import Digits, Epoch, predictor
from novacron.exceptions import ModelRefusedError
from novacron.market.deployment import Account, Deployment
from novacron.models.advice import MODEL_ADVICE
from novacron.models.embedding import embed
from novacron.models.evaluation import Evaluation, evaluate
from novacron.models.fetching import fetch
from novacron.models.index import ModelIndex
from novacron.models.lineage import lineage_of
from novacron.models.lineage_svg import lineage_svg
from novacron.models.onchain import Lineage, Parent, Relation, short
from novacron.models.package import put_model
from novacron.models.policy import Policy
from novacron.models.references import NameReference, Reference
from novacron.models.registration import Registration, manifest_digest, metadata_text
from novacron.models.registry import ModelRegistry
from novacron.models.stores_local import LocalObjectStore
from novacron.provenance.manifest import build_manifest
from novacron.quantum.advice import QUANTUM_ADVICE
from novacron.quantum.client import QuantumVerification
from novacron.quantum.keys import EncryptionKey, SigningKey
from novacron.quantum.messages import sign_request
from novacron.quantum.records import WorkingKey
from novacron.quantum.registrar import KeyRegistrar
from novacron.quantum.schemes import PostQuantumScheme

HOUR, DAY = 3_600, 86_400
#: Accounts of anvil: the trainer, who deployed, and the certifier of the local genesis.
TRAINER, CERTIFIER = 0, 4
NAME, ALIAS = "digits-mlp", "champion"
#: The parent: an early epoch of the same training.
PARENT_EPOCH = 5


@dataclass(frozen=True)
class Trained:
    """What the first chapter leaves: the chain it ran on, the run, and the checkpoints.

    Attributes:
        manifest: of the deployment.
        run: id of the sealed run, 32 bytes.
        best: the epoch that the run was sealed with.
    """

    node: Anvil
    pool: EndpointPool
    manifest: Path
    run: bytes
    data: Digits
    data_root: bytes
    epochs: Sequence[Epoch]
    best: Epoch


@dataclass(frozen=True)
class ReleaseOutcome:
    """What the chapter showed.

    Attributes:
        verified: the chain verified signatures of all three: root, working key, model.
        found: the model was found by its likeness.
        fetched: what was fetched is, byte by byte, what was trained.
        refused: after its parent's revocation the fetch was refused, naming the parent, and wrote nothing.
        lineage: the picture of the graph.
    """

    verified: bool
    found: bool
    fetched: bool
    refused: bool
    lineage: Path

    @property
    def failed(self) -> str:
        """What did not go as it should."""
        return ", ".join(name for name in ("verified", "found", "fetched", "refused") if not getattr(self, name))


class Release:
    """One run of the chapter.

    Args:
        folder: receives everything; emptied first.
        console: where it is shown.
        say: prints a line of progress.
    """

    def __init__(self, trained: Trained, folder: Path, console: Console, say: Callable[[str], None]) -> None:
        self.trained, self.folder, self.console, self.say = trained, folder, console, say
        self.steps: list[tuple[str, str, int | None]] = []

    def run(self) -> ReleaseOutcome:
        """Run it on the chain of the first chapter."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        with ExitStack() as stack:
            self.stack = stack
            self.deployment = Deployment.of_manifest(self.trained.manifest, self.trained.pool)
            self.trainer, self.certifier = self.account(TRAINER), self.account(CERTIFIER)
            self.registry, self.quantum = ModelRegistry(self.deployment), QuantumVerification(self.deployment)
            self.store = stack.enter_context(LocalObjectStore(self.folder / "store"))
            self.consumer = EncryptionKey.generate()
            working = self.keys()
            parent, model = self.release(working)
            verified = self.quantum.is_verified(working.id, model)
            self.certify(model)
            found = self.search(model)
            fetched = self.fetch()
            lineage = self.folder / "lineage.svg"
            refused = self.revoke(parent, model, lineage)
        self.show()
        return ReleaseOutcome(verified, found, fetched, refused, lineage)

    # -- the steps ---------------------------------------------------------------------------------------------------

    def keys(self) -> WorkingKey:
        """A root key vouches for a working key, whose expanded form the contract derives itself."""
        root = SigningKey.generate(PostQuantumScheme.SLH_DSA_SHA2_128S)
        signer = SigningKey.generate(PostQuantumScheme.ML_DSA_87)
        done = self.quantum.hand_in(self.trainer, sign_request(self.quantum.enrolment(root.verifying_key), root))
        self.note("root key", "SLH-DSA-SHA2-128s: enrolled, its signature verified by the chain", done.receipt)
        registered = KeyRegistrar(self.deployment).register(self.trainer, signer.verifying_key)
        for number, receipt in enumerate(registered.receipts, 1):
            self.note("trainer", f"ML-DSA-87 key: the contract derives its matrix, step {number}", receipt)
        until = self.time() + 90 * DAY - 60
        request = self.quantum.authorization(done.key.id, signer.verifying_key, until, account=self.trainer.address)
        authorised = self.quantum.hand_in(self.trainer, sign_request(request, root))
        self.note("root key", "authorises it for 90 days, for this account only", authorised.receipt)
        return WorkingKey(done.key.id, signer)

    def release(self, working: WorkingKey) -> tuple[bytes, bytes]:
        """Commit to both, seal, sign, and register an early epoch as the base and the best one as its fine-tune."""
        early = next(epoch for epoch in self.trained.epochs if epoch.number == PARENT_EPOCH)
        for epoch in (early, self.trained.best):
            digest = build_manifest(epoch.checkpoint).root
            self.note("trainer", f"commits to epoch {epoch.number}", self.registry.commit(self.trainer, digest).receipt)
        self.trained.node.rpc("evm_increaseTime", HOUR)
        self.trained.node.rpc("evm_mine")
        parent = self.register(early, "0.1.0", Lineage(datasets=(self.trained.data_root,)))
        best, digest = self.trained.best, build_manifest(self.trained.best.checkpoint).root
        package = put_model(best.checkpoint, store=self.store, recipients=[self.consumer.recipient])
        self.note(
            "trainer",
            f"encrypts epoch {best.number} for one recipient (ML-KEM-1024, AES-256-GCM): {package.sealed_size:,} bytes",
        )
        verified = self.quantum.verify_data(self.trainer, working, digest)
        self.note("working key", "signs the model (ML-DSA-87), the chain verifies it", verified.receipt)
        model = self.register(
            best,
            "1.0.0",
            Lineage(
                parents=(Parent(parent, Relation.FINE_TUNE),),
                datasets=(self.trained.data_root,),
                run=self.trained.run,
                verification_key=working.id,
            ),
        )
        name, receipt = self.registry.create_name(self.trainer, NAME)
        self.note("trainer", f"creates the name {NAME}", receipt)
        self.note("trainer", "publishes 1.0.0 under it", self.registry.publish(self.trainer, name, model))
        moved = self.registry.set_alias(self.trainer, name, ALIAS, before=bytes(32), to=model)
        self.note("trainer", f"points {NAME}@{ALIAS} to it", moved)
        return parent, model

    def register(self, epoch: Epoch, version: str, lineage: Lineage) -> bytes:
        """Register the checkpoint of an epoch."""
        manifest = build_manifest(epoch.checkpoint)
        metadata = metadata_text({"name": NAME, "epoch": epoch.number}, manifest_digest(manifest))
        request = Registration(
            manifest.root, version, metadata, vector_hash=embed(epoch.checkpoint).hash, lineage=lineage
        )
        registered = self.registry.register(self.trainer, request)
        what = "with its run, its parent and its signature" if any(lineage.run) else "as the base"
        self.note("trainer", f"registers epoch {epoch.number} as {version}, {what}", registered.receipt)
        return manifest.root

    def certify(self, model: bytes) -> None:
        """A certifier evaluates the model itself and binds what it found to its certificate."""
        evaluation = self.evaluate()
        evaluation.save(self.folder / "evaluation.json")
        receipt = self.registry.certify(self.certifier, model, self.time() + 365 * DAY, evaluation.digest)
        self.note(
            "certifier",
            f"measures {evaluation.accuracy:.1%} on images it kept, certifies for a year",
            receipt,
        )

    def evaluate(self) -> Evaluation:
        """Of the best checkpoint, on the images that were held out."""
        data = self.trained.data
        checkpoint = self.trained.best.checkpoint
        digest = build_manifest(checkpoint).root
        return evaluate(predictor(checkpoint), data.test_images, data.test_labels, model_hash=digest, test_part=None)

    def search(self, model: bytes) -> bool:
        """Find the model by the likeness of its weights, among all epochs."""
        index = ModelIndex(self.folder / "index")
        for epoch in self.trained.epochs:
            index.add(build_manifest(epoch.checkpoint).root, embed(epoch.checkpoint))
        last = self.trained.epochs[-1]
        probe = last if last is not self.trained.best else self.trained.epochs[-2]
        hits = index.search(embed(probe.checkpoint).vector, k=len(self.trained.epochs))
        known = {build_manifest(epoch.checkpoint).root: epoch.number for epoch in self.trained.epochs}
        nearest = ", ".join(f"epoch {known[hit.model_hash]} ({hit.similarity:.4f})" for hit in hits[:4])
        self.note("consumer", f"searches with the weights of epoch {probe.number}: {nearest}")
        registered = [hit for hit in hits if self.registry.view().find(hit.model_hash) is not None]
        return bool(registered) and registered[0].model_hash == model

    def fetch(self) -> bool:
        """Fetch by name, verify, compare with what was trained."""
        target = self.folder / "fetched"
        fetched = self.get(target)
        self.note(
            "consumer",
            f"fetches {NAME}@{ALIAS}: certified, signed, sealed run, every byte hashes to {short(fetched)}",
        )
        trained = self.trained.best.checkpoint
        return all((target / one.name).read_bytes() == one.read_bytes() for one in trained.iterdir())

    def get(self, target: Path) -> bytes:
        """Fetch the champion under a policy that wants everything; its digest."""
        fetched = fetch(
            self.registry,
            Reference(name=NameReference(self.trainer.address, NAME), alias=ALIAS),
            store=self.store,
            key=self.consumer,
            target=target,
            policy=Policy(signed=True, run=True, names=True, max_age=None),
        )
        return fetched.manifest.root

    def revoke(self, parent: bytes, model: bytes, lineage: Path) -> bool:
        """Revoke the parent; the same fetch is refused now."""
        receipt = self.registry.revoke(self.trainer, parent, "trained on images that must not be used")
        self.note("trainer", "revokes the parent", receipt)
        target = self.folder / "refused"
        try:
            self.get(target)
            refusal = ""
        except ModelRefusedError as error:
            refusal = str(error)
        self.note("consumer", f"the same fetch is refused: {refusal}")
        lineage.write_text(lineage_svg(lineage_of(self.registry.view(), model, names=True)))
        return parent.hex() in refusal and not target.exists()

    # -- the means ---------------------------------------------------------------------------------------------------

    def account(self, number: int) -> Account:
        """An account with a journal of its own."""
        journal = self.stack.enter_context(Journal(self.folder / f"journal-{number}.sqlite"))
        signer = signer_from_key(self.trained.node.accounts[number][1])
        manager = TransactionManager(self.trained.pool, signer, journal, poll_interval=0.02, timeout=30)
        return Account(self.deployment, manager, {**MODEL_ADVICE, **QUANTUM_ADVICE})

    def time(self) -> int:
        """The chain's."""
        block = self.trained.pool.request("eth_getBlockByNumber", ["latest", False])
        return int(str(block["timestamp"]), 16)

    def note(self, who: str, what: str, receipt: TransactionReceipt | None = None) -> None:
        """A line of the table."""
        self.steps.append((who, what, None if receipt is None else receipt.gas_used))

    def show(self) -> None:
        """What happened, and what it cost."""
        table = Table(title="Release", title_justify="left", box=None, padding=(0, 1))
        for column in ("who", "what", "gas"):
            table.add_column(column, justify="right" if column == "gas" else "left")
        for who, what, gas in self.steps:
            table.add_row(who, what, "" if gas is None else f"{gas:,}")
        self.console.print(table)
