"""The demo: train, record, anchor, prove, verify, tamper, report; release the model under post-quantum signatures and
revoke its parent; deploy the DAO and carry out a proposal; buy machine time, run a VM with it, move it, and be
compensated for an outage.

Everything it writes is below one folder (`out/` unless told otherwise); the chain is an anvil of its own, stopped at
the end whatever happens.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from novacron.chain import Anvil, EndpointPool, LocalSigner
from novacron.demo import costs, training
from novacron.demo.dao import Dao
from novacron.demo.release import Release, Trained
from novacron.demo.report import LogRow, Report, write
from novacron.deploy.local import deploy_local
from novacron.exceptions import NovaCronError
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from novacron.provenance.manifest import build_manifest
from novacron.provenance.recorder import ProvenanceRecorder, RecordResult
from novacron.provenance.report import VerificationReport
from novacron.provenance.verify import verify_proof

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 25
ANCHOR_EVERY = 5
PROVEN_EPOCH = 10
MARKS = {"passed": "[green]✓ passed[/]", "failed": "[bold red]✗ failed[/]", "not_checked": "[dim]– not checked[/]"}


@dataclass(frozen=True)
class Checkpoint:
    """A recorded checkpoint: the epoch and the log entry that speaks of it."""

    epoch: training.Epoch
    entry: RecordResult


class Demo:
    """One run of the demo in `folder`."""

    def __init__(self, folder: Path, console: Console) -> None:
        self.folder, self.console = folder, console
        self.work = folder / "demo"
        self.proof_file = self.work / f"epoch-{PROVEN_EPOCH:02d}.novaproof.json"
        self.verifications: dict[str, VerificationReport] = {}

    def run(self) -> bool:
        """Whether everything went as it should: all verifications passed, and the tampered checkpoint was caught."""
        started = time.monotonic()
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        with ExitStack() as stack:
            node = stack.enter_context(Anvil())
            pool = EndpointPool([node.url], chain_id=node.chain_id)
            stack.callback(pool.close)
            signer = LocalSigner(Account.from_key(node.accounts[0][1]))
            self.say(f"anvil on {node.url}, chain {node.chain_id}, a new chain of our own")

            network = self.work / "ethereum-local"
            network.mkdir()
            manifest = deploy_local(pool, network, signer=signer)
            contract = manifest.address_of("ProofOfTraining")
            self.say(f"suite deployed and handed to its DAO; ProofOfTraining, made with CREATE2, is at {contract}")

            client = stack.enter_context(
                Web3BlockchainClient(pool, contract, signer=signer, store=self.work / "client")
            )
            data = training.load(self.work / "data")
            digest = build_manifest(self.work / "data").root
            client.store_hash(digest, {"dataset": "digits", "images": 1797, "source": "scikit-learn"})
            self.say(f"data set anchored: {digest.hex()}")
            recorder = stack.enter_context(
                ProvenanceRecorder(
                    self.work / "run",
                    client,
                    model="digits-mlp",
                    config=training.configuration(),
                    data=self.work / "data",
                    anchor_every=ANCHOR_EVERY,
                )
            )
            checkpoints, log = self.train(recorder, data)
            best = max(checkpoints, key=lambda c: c.epoch.validation_accuracy)
            sealed = recorder.seal(best.epoch.checkpoint)
            status = recorder.status()
            self.say(f"sealed with epoch {best.epoch.number}: the log of {status.size} entries is final on chain")

            files = [file for c in checkpoints for file in build_manifest(c.epoch.checkpoint).files]
            digests = list(dict.fromkeys(file.digest for file in files))
            client.batch_store_hashes(digests)
            self.say(
                f"every file of every checkpoint anchored in one transaction: {len(digests)} digests, one Merkle root"
            )

            proven = next(c for c in checkpoints if c.epoch.number == PROVEN_EPOCH)
            recorder.generate_proof(proven.entry).save(self.proof_file)
            offline = verify_proof(self.proof_file, artifact_path=proven.epoch.checkpoint)
            online = verify_proof(self.proof_file, pool=pool, artifact_path=proven.epoch.checkpoint)
            self.show("Verified offline, from the file alone", "offline", offline, only="not_checked")
            self.show("Verified against the chain", "on chain", online)
            intact = self.find_tampered(recorder, checkpoints)

            path = proven.epoch.checkpoint / "weights.npz"
            flip_byte(path)
            self.say(f"flipped one bit of byte {path.stat().st_size // 2:,} of {path.relative_to(self.work)}")
            tampered = verify_proof(self.proof_file, pool=pool, artifact_path=proven.epoch.checkpoint)
            self.show("The same proof after the flip", "after the flip", tampered, only="failed")
            caught = self.find_tampered(recorder, checkpoints)
            for line in caught:
                self.console.print(f"  [bold red]{line}[/]", highlight=False)
            self.console.print(f"  the files of the other {len(checkpoints) - len(caught)} checkpoints are as recorded")

            used = costs.operations(pool.w3, contract, signer.address)
            self.show_costs(used)
            head = f"{status.size} entries, root {status.root.hex()}"
            log.append(LogRow(sealed.index, "seal", "", "", "", block_of(sealed)))
            report = Report(
                run=status.chain.run.hex() if status.chain else "",
                contract=contract,
                chain_id=node.chain_id,
                head=head,
                epochs=[c.epoch for c in checkpoints],
                anchored_epochs=[c.epoch.number for c in checkpoints if c.entry.status == "anchored"],
                log=log,
                operations=used,
                verifications=self.verifications,
                shorten=self.relative,
                tamper=caught,
                seconds=time.monotonic() - started,
            )
            write(report, self.folder / "report.html")
            self.console.rule("release")
            began = time.monotonic()
            trained = Trained(
                node=node,
                pool=pool,
                manifest=network / "manifest.json",
                run=status.chain.run if status.chain else b"",
                data=data,
                data_root=digest,
                epochs=[c.epoch for c in checkpoints if c is not proven],
                best=best.epoch,
            )
            self.released = Release(trained, self.work / "release", self.console, self.say).run()
            self.say(
                f"[bold red]not as it should be[/]: {self.released.failed}"
                if self.released.failed
                else f"signed, registered, certified, found, fetched, revoked in {time.monotonic() - began:.1f} s"
            )
        self.say(f"lineage {shown(self.released.lineage)}")
        self.say(f"proof   {shown(self.proof_file)}  (try: .venv/bin/novacron proof verify {shown(self.proof_file)})")
        self.say(f"report  {shown(self.folder / 'report.html')}")
        self.say(f"{time.monotonic() - started:.1f} s; anvil stopped, nothing left running")
        one_file = len(caught) == 1 and len(tampered.failures) == 1
        return offline.ok and online.complete and not intact and one_file and not self.released.failed

    def train(self, recorder: ProvenanceRecorder, data: training.Digits) -> tuple[list[Checkpoint], list[LogRow]]:
        """Train, recording a checkpoint and a validation every epoch."""
        checkpoints: list[Checkpoint] = []
        rows = [LogRow(0, "open", "", "", "", "")]
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task("training", total=EPOCHS, note="")
            for epoch in training.train(data, EPOCHS, self.work / "checkpoints"):
                entry = recorder.record_training_checkpoint(
                    epoch.checkpoint, epoch=epoch.number, metrics={"loss": epoch.loss, "accuracy": epoch.accuracy}
                )
                metrics = {"loss": epoch.validation_loss, "accuracy": epoch.validation_accuracy}
                validation = recorder.record_validation(metrics, epoch=epoch.number)
                checkpoints.append(Checkpoint(epoch, entry))
                for result, loss, accuracy in (
                    (entry, epoch.loss, epoch.accuracy),
                    (validation, epoch.validation_loss, epoch.validation_accuracy),
                ):
                    artifact = result.entry.checkpoint
                    digest = artifact.digest.hex() if artifact else ""
                    text = f"loss {loss:.4f}, accuracy {accuracy:.4f}"
                    kind = result.entry.type
                    rows.append(LogRow(result.index, kind, str(epoch.number), text, digest, block_of(result)))
                head = f"head of {entry.index + 1} entries on chain" if entry.status == "anchored" else ""
                note = f"validation accuracy {epoch.validation_accuracy:.1%}  {head}"
                progress.update(task, advance=1, note=note)
        return checkpoints, rows

    def find_tampered(self, recorder: ProvenanceRecorder, checkpoints: Sequence[Checkpoint]) -> list[str]:
        """Check every checkpoint's files against the log; one line for each entry that fails."""
        lines = []
        for checkpoint in checkpoints:
            proof = recorder.generate_proof(checkpoint.entry)
            result = verify_proof(proof, artifact_path=checkpoint.epoch.checkpoint)
            lines += [
                f"log entry {checkpoint.entry.index} (epoch {checkpoint.epoch.number}): {self.relative(failure.detail)}"
                for failure in result.failures
            ]
        return lines

    def show(self, title: str, subject: str, report: VerificationReport, *, only: str | None = None) -> None:
        """Print a verification (all of it, or the checks with the outcome `only`) and keep it for the page."""
        count = {mark: sum(check.status == mark for check in report.checks) for mark in MARKS}
        summary = f"{count['passed']} passed, {count['failed']} failed, {count['not_checked']} not checked"
        self.console.print(f"[bold]{title}[/]: {summary}", highlight=False)
        table = Table(box=None, padding=(0, 1), show_header=False)
        for check in report.checks:
            if only in (None, check.status):
                table.add_row(check.name, MARKS[check.status], self.relative(check.detail))
        self.console.print(table)
        self.verifications[subject] = report

    def show_costs(self, used: Sequence[costs.Operation]) -> None:
        """Print the table of operations."""
        table = Table(title="Operations and cost", title_justify="left", box=None, padding=(0, 1))
        table.add_column("operation")
        for column in (
            "count",
            "gas each",
            "gas",
            f"ETH at {costs.ETH_GWEI:g} gwei",
            f"POL at {costs.POL_GWEI:g} gwei",
        ):
            table.add_column(column, justify="right")
        total = costs.sum_of(used)
        for row in [*used, total]:
            each = "" if row is total else f"{row.gas_each:,.0f}"
            table.add_row(row.name, str(row.count), each, f"{row.gas:,}", f"{row.eth:.6f}", f"{row.pol:.4f}")
        self.console.print(table)

    def relative(self, text: str) -> str:
        """`text` with paths below the working folder shortened."""
        return text.replace(f"{self.work}/", "")

    def say(self, text: str) -> None:
        """One line of progress."""
        self.console.print(f"[bold cyan]demo[/] {text}", highlight=False)


def block_of(result: RecordResult) -> str:
    """Block in which the head that covers this entry was anchored, or nothing if that came later."""
    anchored = result.anchor if result.status == "anchored" else None
    return "" if anchored is None or anchored.block_number is None else str(anchored.block_number)


def flip_byte(path: Path) -> None:
    """Flip the lowest bit of the byte in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def shown(path: Path) -> str:
    """`path` as a user would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def compute(demo: Demo) -> bool:
    """The chapter about machine time; left out, with the reason, where libvirt cannot be used."""
    if importlib.util.find_spec("libvirt") is None:
        demo.say("left out: Python's libvirt binding is not installed; `make setup` says what it lacks")
        return True
    from novacron.demo.compute import Compute

    began = time.monotonic()
    outcome = Compute(demo.work / "compute", demo.console, demo.say).run()
    demo.say(
        f"bought, run, moved, compensated, refunded in {time.monotonic() - began:.1f} s"
        if outcome.ok
        else f"[bold red]not as it should be[/]: {outcome.failed}"
    )
    return outcome.ok


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when the demo showed what it is meant to show."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="folder for everything that is written")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))  # so that anvil is stopped on the way out
    console = Console()
    console = console if console.is_terminal else Console(width=120)
    try:
        demo = Demo(options.out.resolve(), console)
        good = demo.run()
        console.rule("governance")
        governed = Dao(ROOT, demo.work / "dao", console, demo.say).run()
        good = good and governed.naive_refused and governed.matches
        demo.say(f"proposal's report  {shown(governed.report)}")
        console.rule("compute")
        good = compute(demo) and good
    except NovaCronError as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        return 1
    if not good:
        console.print("[bold red]error:[/] the demo did not end as it should; see the tables above", highlight=False)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
