"""Crashes at every journal step, many processes, many threads: each key exactly once, nonces without gaps."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import Anvil, EndpointPool, Intent, Journal, TransactionManager
from novacron.exceptions import CorruptStoreError, NovaCronError, UnknownRecordError
from tests.sdk.chain.conftest import SINK, Funded, payloads

ROOT = Path(__file__).resolve().parents[3]
PoolOf = Callable[..., EndpointPool]


def worker(anvil: Anvil, account: Funded, journal: Path, keys: list[str], crash_at: str | None = None) -> Any:
    task = {
        "url": anvil.url,
        "journal": str(journal),
        "private_key": account.key,
        "keys": keys,
        "to": SINK,
        "crash_at": crash_at,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.chain_worker", json.dumps(task)], cwd=ROOT, stderr=subprocess.PIPE
    )


@pytest.mark.parametrize("step", ["intent", "signed", "broadcast", "sent", "mined"])
def test_a_crash_after_any_step_leads_to_exactly_one_transaction(
    anvil: Anvil, account: Funded, tmp_path: Path, pool_of: PoolOf, step: str
) -> None:
    path = tmp_path / "journal.db"
    crashed = worker(anvil, account, path, ["once"], crash_at=step)
    _, errors = crashed.communicate(timeout=60)
    assert crashed.returncode == 77, errors.decode()

    manager = TransactionManager(pool_of(anvil.url), account.signer, Journal(path), poll_interval=0.05, timeout=20)
    finished = manager.resume()
    assert [outcome.error for outcome in finished] == ([] if step == "mined" else [None])
    assert manager.send("once", to=SINK, data=b"once").status == 1
    assert payloads(anvil, account.address) == [b"once"]


def test_resuming_again_and_again_changes_nothing(anvil: Anvil, account: Funded, manager: TransactionManager) -> None:
    manager.submit("once", to=SINK, data=b"x")
    for _ in range(3):
        manager.resume()
    assert payloads(anvil, account.address) == [b"x"]


def test_eight_processes_share_one_account_without_gaps(anvil: Anvil, account: Funded, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    keys = [[f"p{process}-{number}" for number in range(10)] for process in range(8)]
    workers = [worker(anvil, account, path, own) for own in keys]
    for process in workers:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    mined = payloads(anvil, account.address)
    assert sorted(mined) == sorted(key.encode() for own in keys for key in own)
    with Journal(path) as journal:
        assert [entry.nonce for entry in sorted(journal.entries(), key=lambda e: e.nonce or 0)] == list(range(80))


def test_eight_processes_with_the_same_keys_send_each_once(anvil: Anvil, account: Funded, tmp_path: Path) -> None:
    keys = [f"shared-{number}" for number in range(5)]
    workers = [worker(anvil, account, tmp_path / "journal.db", keys) for _ in range(8)]
    for process in workers:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    assert sorted(payloads(anvil, account.address)) == sorted(key.encode() for key in keys)


def test_eight_threads_share_one_manager_without_gaps(
    anvil: Anvil, account: Funded, manager: TransactionManager
) -> None:
    failures: list[BaseException] = []

    def run(name: int) -> None:
        try:
            for number in range(5):
                manager.send(f"t{name}-{number}", to=SINK, data=f"t{name}-{number}".encode())
                manager.send("shared", to=SINK, data=b"shared")
        except NovaCronError as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    expected = [f"t{name}-{number}".encode() for name in range(8) for number in range(5)] + [b"shared"]
    assert sorted(payloads(anvil, account.address)) == sorted(expected)


# -- the file --------------------------------------------------------------------------------------------------------


def test_the_journal_is_readable_by_its_owner_only(manager: TransactionManager) -> None:
    manager.send("once", to=SINK, data=b"x")
    folder = manager.journal.path.parent
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.glob("journal.db*")} == {0o600}


def test_the_journal_holds_no_key(manager: TransactionManager, account: Funded) -> None:
    manager.send("once", to=SINK, data=b"x")
    folder = manager.journal.path.parent
    everything = b"".join(file.read_bytes() for file in folder.glob("journal.db*"))
    assert bytes.fromhex(account.key[2:]) not in everything
    assert account.key[2:].encode() not in everything


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE attempts SET raw = x'02'", "attempt 1 of 'once' does not have its hash"),
        ("UPDATE transactions SET data = x'02'", "data of transaction 'once' does not have its digest"),
    ],
)
def test_changed_rows_are_detected_and_never_broadcast(
    manager: TransactionManager, statement: str, message: str
) -> None:
    manager.submit("once", to=SINK, data=b"x")
    manager.journal.close()
    connection = sqlite3.connect(manager.journal.path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(CorruptStoreError, match=message):
        manager.resume()


def test_a_journal_that_is_no_database_is_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(CorruptStoreError):
        Journal(path)
    assert path.read_bytes() == b"not a database" * 100


def test_a_forked_process_opens_the_journal_itself(journal: Journal) -> None:
    intent = Intent("k", 1, SINK, SINK, b"")
    journal.begin(intent)
    child = os.fork()
    if child == 0:
        try:
            journal.begin(Intent("child", 1, SINK, SINK, b""))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [entry.key for entry in journal.entries()] == ["k", "child"]


def test_only_unsigned_intents_can_be_withdrawn(journal: Journal, manager: TransactionManager) -> None:
    manager.submit("once", to=SINK, data=b"x")
    manager.journal.withdraw("once")
    assert manager.journal.require("once").nonce == 0
    journal.begin(Intent("k", 1, SINK, SINK, b""))
    journal.withdraw("k")
    with pytest.raises(UnknownRecordError):
        journal.require("k")
