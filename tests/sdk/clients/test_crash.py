"""A process that dies at any line: the next one finishes its work, and every record is on the chain exactly once.

The scenario runs in a process of its own under a tracer that ends it (`os._exit`, no clean-up of any kind) when a
chosen line of the client or of the transaction manager is about to run. A second process opens the same store, stores
what never reached the outbox, reconciles, and the test counts the events on the chain.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import novacron
from novacron.chain import EndpointPool, signer_from_key
from novacron.exceptions import DuplicateRecordError
from novacron.provenance.clients.records_client import RecordsBlockchainClient
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from novacron.provenance.rfc9162 import leaf_hash, root_of
from tests.support.clients import Chain, dead_url
from tests.support.workers import Ended, end_of_processes

PACKAGE = Path(novacron.__file__).parent
TRACED = {str(path) for path in (PACKAGE / "provenance" / "clients").glob("*.py")} | {
    str(PACKAGE / "chain" / name) for name in ("journal.py", "steps.py", "transactions.py")
}
KILLED = 77
LEAVES = [leaf_hash(b"first"), leaf_hash(b"second")]

Line = tuple[str, int]


class Killer:
    """Counts executed lines of the traced files; ends the process before the chosen one."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.kill_at = kill_at
        self.lines: list[Line] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            if self.kill_at is not None and len(self.lines) == self.kill_at:
                os._exit(KILLED)
            self.lines.append((frame.f_code.co_filename, frame.f_lineno))
        return self


class Scenario:
    """The work of one case: its own store and digests, all of one account. Goes to the processes that do it."""

    def __init__(self, chain: Chain, store: Path, kind: type[Web3BlockchainClient]) -> None:
        self.url, self.contract, self.key = chain.node.url, chain.contract, chain.node.accounts[4][1]
        self.store, self.kind = store, kind
        self.plain, self.tagged, self.early, self.early_tagged = (os.urandom(32) for _ in range(4))
        self.members = [os.urandom(32) for _ in range(3)]
        self.salt, self.manifest = os.urandom(32), os.urandom(32)
        self.root: bytes = b""

    def open(self, url: str, timeout: float = 20) -> Web3BlockchainClient:
        pool = EndpointPool([url], chain_id=31337, retries=1, cooldown=0.01)
        return self.kind(pool, self.contract, signer=signer_from_key(self.key), store=self.store, timeout=timeout)

    def prepare(self) -> None:
        """Two records that wait, as after an outage."""
        with self.open(dead_url()) as client:
            client.store_hash(self.early)
            client.store_hash(self.early_tagged, {"early": True})

    def work(self) -> None:
        with self.open(self.url) as client:
            client.store_hash(self.plain)
            client.store_hash(self.tagged, {"epoch": 1})
            client.batch_store_hashes([(value, {"n": n}) for n, value in enumerate(self.members)])
            client.reconcile()
            if self.kind is Web3BlockchainClient:
                self.extend(client)

    def extend(self, client: Web3BlockchainClient) -> None:
        """Bring the run to its end from wherever the chain has it, as the recorder does."""
        run = client.open_run(self.salt, self.manifest).run
        for size, proof in ((1, []), (2, [LEAVES[1]])):
            if client.run_head(run).size < size:
                client.extend_run(run, size, root_of(LEAVES[:size]), proof)
        client.seal_run(run, self.manifest)

    def recover(self) -> None:
        """What a restarted program does: repeat its calls, then reconcile."""
        with self.open(self.url) as client:
            repeats: list[Callable[[], object]] = [
                lambda: client.store_hash(self.plain),
                lambda: client.store_hash(self.tagged, {"epoch": 1}),
                lambda: client.batch_store_hashes([(value, {"n": n}) for n, value in enumerate(self.members)]),
            ]
            for repeat in repeats:
                try:
                    repeat()
                except DuplicateRecordError:
                    continue
            report = client.reconcile()
            assert report.complete, report
            assert client.failed() == []
            client.check()
            if self.kind is Web3BlockchainClient:
                self.extend(client)
                head = client.run_head(client.run_id(self.salt, self.manifest))
                assert (head.size, head.root, head.model_digest) == (2, root_of(LEAVES), self.manifest)

    def verify(self, chain: Chain) -> None:
        """Every record exactly once on the chain, and known as confirmed."""
        account = chain.account(4)
        with self.open(self.url) as client:
            single = [self.plain, self.tagged, self.early, self.early_tagged]
            for value in [*single, *self.members]:
                found = client.retrieve_hash(client.record_id(value))
                assert found.status == "confirmed"
                assert client.verify_record(found)
            batch = client.retrieve_hash(client.record_id(self.members[0])).batch
            assert batch is not None
            assert len(chain.anchors_of(batch.root, account)) == 1
            for value in single:
                events = (
                    chain.anchors_of(value, account) if self.kind is Web3BlockchainClient else chain.records_of(value)
                )
                assert len(events) == 1


def traced(work: Callable[[], object], kill_at: int | None) -> list[Line]:
    """Run `work` under the tracer; the lines it ran."""
    killer = Killer(kill_at)
    sys.settrace(killer)
    try:
        work()
    finally:
        sys.settrace(None)
    return killer.lines


def in_child(work: Callable[..., object], *arguments: object) -> Ended:
    """Run `work` in a process of its own; how that ended."""
    [ended] = end_of_processes(work, [arguments])
    return ended


def trace(chain: Chain, folder: Path, kind: type[Web3BlockchainClient]) -> list[Line]:
    scenario = Scenario(chain, folder / "trace", kind)
    prepared, ran = in_child(scenario.prepare), in_child(traced, scenario.work, None)
    assert (prepared.exit_code, prepared.error, ran.exit_code, ran.error) == (0, "", 0, "")
    scenario.verify(chain)
    lines: list[Line] = ran.value
    return lines


def survive(chain: Chain, folder: Path, kind: type[Web3BlockchainClient], kill_at: int, lines: list[Line]) -> bool:
    """One death and recovery; False when the run was over before the chosen line."""
    name, number = lines[kill_at]
    place = f"killed at {Path(name).name}:{number} (step {kill_at})"
    scenario = Scenario(chain, folder / str(kill_at), kind)
    prepared = in_child(scenario.prepare)
    assert (prepared.exit_code, prepared.error) == (0, ""), place
    ended = in_child(traced, scenario.work, kill_at)
    assert ended.exit_code in (KILLED, 0), place
    assert ended.error == "", place
    recovered = in_child(scenario.recover)
    assert (recovered.exit_code, recovered.error) == (0, ""), place
    scenario.verify(chain)
    return ended.exit_code == KILLED


def first_steps(lines: list[Line]) -> list[int]:
    """For each distinct line, the step that runs it first."""
    seen: dict[Line, int] = {}
    for step, line in enumerate(lines):
        seen.setdefault(line, step)
    return sorted(seen.values())


def test_the_scenario_runs_through_the_code_it_is_about(chain: Chain, tmp_path: Path) -> None:
    covered = {Path(name).name for name, _ in trace(chain, tmp_path, Web3BlockchainClient)}
    expected = {"web3_client.py", "web3_runs.py", "dispatch.py", "outbox.py", "journal.py", "transactions.py"}
    assert expected <= covered


def test_a_death_at_a_sample_of_lines_loses_and_repeats_nothing(chain: Chain, tmp_path: Path) -> None:
    lines = trace(chain, tmp_path, Web3BlockchainClient)
    steps = first_steps(lines)
    killed = sum(survive(chain, tmp_path, Web3BlockchainClient, step, lines) for step in steps[::7])
    assert killed > 0.9 * len(steps[::7])


def test_a_death_between_every_pair_of_steps_of_a_transaction(chain: Chain, tmp_path: Path) -> None:
    """The lines where something becomes durable or leaves the process: commits, signatures, broadcasts."""
    lines = trace(chain, tmp_path, Web3BlockchainClient)
    marks = ("outbox.py", "dispatch.py")
    steps = [step for step in first_steps(lines) if Path(lines[step][0]).name in marks]
    assert sum(survive(chain, tmp_path, Web3BlockchainClient, step, lines) for step in steps[3::7]) > 5


def test_the_string_interface_survives_too(chain: Chain, tmp_path: Path) -> None:
    lines = trace(chain, tmp_path, RecordsBlockchainClient)
    steps = first_steps(lines)
    assert sum(survive(chain, tmp_path, RecordsBlockchainClient, step, lines) for step in steps[5::31]) > 5


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", [Web3BlockchainClient, RecordsBlockchainClient])
def test_a_death_at_every_line_loses_and_repeats_nothing(
    chain: Chain, tmp_path: Path, kind: type[Web3BlockchainClient]
) -> None:
    lines = trace(chain, tmp_path, kind)
    steps = sorted({*first_steps(lines), *range(0, len(lines), 23)})
    killed = sum(survive(chain, tmp_path, kind, step, lines) for step in steps)
    assert killed > 0.9 * len(steps)
