"""Crashes at every journal step, many processes, many threads: each key exactly once, nonces without gaps."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import Anvil, EndpointPool, FeeQuote, Intent, Journal, TransactionManager
from novacron.chain.entries import Signed
from novacron.exceptions import CorruptStoreError, NonceError, NovaCronError, SigningKeyError, UnknownRecordError
from tests.sdk.chain.conftest import SINK, Funded, payloads
from tests.support.workers import after_fork, in_processes, in_threads, output_of

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
    [(code, errors)] = output_of([worker(anvil, account, path, ["once"], crash_at=step)], limit=60)
    assert code == 77, errors

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
    for code, errors in output_of([worker(anvil, account, path, own) for own in keys]):
        assert code == 0, errors
    mined = payloads(anvil, account.address)
    assert sorted(mined) == sorted(key.encode() for own in keys for key in own)
    with Journal(path) as journal:
        assert [entry.nonce for entry in sorted(journal.entries(), key=lambda e: e.nonce or 0)] == list(range(80))


def test_eight_processes_with_the_same_keys_send_each_once(anvil: Anvil, account: Funded, tmp_path: Path) -> None:
    keys = [f"shared-{number}" for number in range(5)]
    for code, errors in output_of([worker(anvil, account, tmp_path / "journal.db", keys) for _ in range(8)]):
        assert code == 0, errors
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

    in_threads(run, *[(name,) for name in range(8)])
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


def _begin_after_a_fork(path: str) -> tuple[int, list[str]]:
    with Journal(path) as journal:
        journal.begin(Intent("k", 1, SINK, SINK, b""))
        code = after_fork(lambda: journal.begin(Intent("child", 1, SINK, SINK, b"")))
        return code, [entry.key for entry in journal.entries()]


def test_a_forked_process_opens_the_journal_itself(tmp_path: Path) -> None:
    assert in_processes(_begin_after_a_fork, (str(tmp_path / "journal.db"),)) == [(0, ["k", "child"])]


def test_only_unsigned_intents_can_be_withdrawn(journal: Journal, manager: TransactionManager) -> None:
    manager.submit("once", to=SINK, data=b"x")
    manager.journal.withdraw("once")
    assert manager.journal.require("once").nonce == 0
    journal.begin(Intent("k", 1, SINK, SINK, b""))
    journal.withdraw("k")
    with pytest.raises(UnknownRecordError):
        journal.require("k")


# -- the nonce ledger ------------------------------------------------------------------------------------------------


def signed(fee: int = 1) -> Callable[[int], Signed]:
    return lambda nonce: Signed(f"raw {nonce} {fee}".encode(), FeeQuote(fee, fee))


def test_nonces_continue_from_the_higher_of_chain_and_journal(journal: Journal) -> None:
    nonces = []
    for number, floor in enumerate([5, 5, 3, 9, 0]):
        intent = Intent(f"k{number}", 1, SINK, SINK, b"")
        nonces.append(journal.sign(intent, floor=floor, gas=21000, build=signed()).nonce)
    assert nonces == [5, 6, 7, 9, 10]
    other_chain = Intent("other", 2, SINK, SINK, b"")
    assert journal.sign(other_chain, floor=0, gas=21000, build=signed()).nonce == 0


def test_a_failing_signature_uses_no_nonce(journal: Journal) -> None:
    def fail(_: int) -> Signed:
        raise SigningKeyError("device unplugged")

    intent = Intent("k", 1, SINK, SINK, b"")
    with pytest.raises(SigningKeyError):
        journal.sign(intent, floor=0, gas=21000, build=fail)
    assert journal.next_nonce(1, SINK) is None
    assert journal.sign(intent, floor=0, gas=21000, build=signed()).nonce == 0


def test_no_second_nonce_while_the_first_could_still_be_mined(journal: Journal) -> None:
    first, second = Intent("first", 1, SINK, SINK, b"1"), Intent("second", 1, SINK, SINK, b"2")
    journal.sign(first, floor=0, gas=21000, build=signed(1))
    assert journal.release("first", "refused")
    assert journal.sign(second, floor=0, gas=21000, build=signed(2)).nonce == 0
    with pytest.raises(NonceError, match="signed with nonce 0, which the chain has not used yet"):
        journal.sign(first, floor=0, gas=21000, build=signed(1))
    assert journal.sign(first, floor=1, gas=21000, build=signed(1)).nonce == 1


def test_a_nonce_with_a_higher_one_above_it_is_not_given_back(journal: Journal) -> None:
    for key in ("low", "high"):
        journal.sign(Intent(key, 1, SINK, SINK, b""), floor=0, gas=21000, build=signed())
    assert not journal.release("low", "refused")
    assert journal.require("low").nonce == 0
    assert journal.release("high", "refused")


def test_an_accepted_transaction_never_gives_its_nonce_back(journal: Journal) -> None:
    journal.sign(Intent("k", 1, SINK, SINK, b""), floor=0, gas=21000, build=signed())
    journal.mark_sent("k", 1)
    assert not journal.release("k", "refused")


def test_a_transaction_that_may_be_under_way_never_gives_its_nonce_back(journal: Journal) -> None:
    entry = journal.sign(Intent("k", 1, SINK, SINK, b""), floor=0, gas=21000, build=signed())
    for _ in range(2):  # two processes send it, one of them dies
        assert journal.expose("k", entry.live[0])
    journal.refused("k", entry.live[0])
    assert not journal.release("k", "refused")
    journal.refused("k", entry.live[0])
    assert journal.release("k", "refused")
    assert not journal.expose("k", entry.live[0])  # whoever still has the old entry must not send it


def test_two_waiters_do_not_both_replace_the_version_they_saw(journal: Journal) -> None:
    journal.sign(Intent("k", 1, SINK, SINK, b""), floor=0, gas=21000, build=signed(1))
    assert len(journal.add_attempt("k", after=1, build=signed(2)).attempts) == 2
    assert len(journal.add_attempt("k", after=1, build=signed(3)).attempts) == 2


def test_only_one_of_two_processes_signs_again(journal: Journal) -> None:
    journal.sign(Intent("k", 1, SINK, SINK, b""), floor=0, gas=21000, build=signed(1))
    assert journal.sign_again("k", spent=0, floor=1, build=signed(1)).nonce == 1
    again = journal.sign_again("k", spent=0, floor=1, build=signed(2))
    assert (again.nonce, len(again.attempts)) == (1, 2)
