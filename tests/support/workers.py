"""Processes and threads of a test. Every wait has a bound, and what went wrong in one of them fails the test.

Processes are never forked from the test runner, which has threads of its own (pytest-xdist's at least) whose locks a
forked child would find taken for ever. They come from a server process without threads that has imported what most of
them need, so that each starts in milliseconds. Functions and arguments must be picklable.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import pytest

#: Seconds for the slowest of them on a busy machine; what they do takes a few.
LIMIT = 120.0

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "pytest",
        "hypothesis.stateful",
        "tests.support.clients",
        "tests.support.contracts",
        "tests.support.faulty_rpc",
        "novacron.chain.provider",
        "novacron.provenance.clients.local",
        "novacron.provenance.clients.records_client",
        "novacron.provenance.clients.web3_client",
        "novacron.provenance.log",
        "novacron.provenance.manifest",
    ]
)


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, what its function returned, the traceback of what it raised."""

    exit_code: int | None
    value: Any
    error: str


def _run(writer: Connection, work: Callable[..., Any], arguments: Sequence[Any]) -> None:
    try:
        answer = (work(*arguments), "")
    except BaseException:  # noqa: BLE001  # told to the test
        answer = (None, traceback.format_exc())
    writer.send(answer)
    writer.close()


def end_of_processes(work: Callable[..., Any], calls: Sequence[Sequence[Any]], *, limit: float = LIMIT) -> list[Ended]:
    """Run `work(*call)` for each call in a process of its own, all at once; how each ended.

    Fails the test when one has not ended after `limit` seconds. None is left running.
    """
    deadline = time.monotonic() + limit
    processes, readers = [], []
    try:
        for call in calls:
            reader, writer = _CONTEXT.Pipe(duplex=False)
            readers.append(reader)
            with writer:  # its own end is closed here, so that the death of a process ends the reading
                process = _CONTEXT.Process(target=_run, args=(writer, work, call), daemon=True)
                process.start()
                processes.append(process)
        ended = []
        for number, (process, reader) in enumerate(zip(processes, readers, strict=True)):
            who = f"process {number} of {len(calls)} ({work.__name__})"
            if not reader.poll(max(0.0, deadline - time.monotonic())):
                pytest.fail(f"{who} has not answered after {limit:g} seconds")
            value, error = None, ""
            with contextlib.suppress(EOFError):  # it died
                value, error = reader.recv()
            process.join(max(1.0, deadline - time.monotonic()))
            if process.exitcode is None:
                pytest.fail(f"{who} has not ended after {limit:g} seconds")
            ended.append(Ended(process.exitcode, value, error))
        return ended
    finally:
        for process in processes:
            process.kill()
            process.join(10)
        for reader in readers:
            reader.close()


def in_processes(work: Callable[..., Any], *calls: Sequence[Any], limit: float = LIMIT) -> list[Any]:
    """As `end_of_processes`; what each returned. Fails the test when one raised or died."""
    ended = end_of_processes(work, calls, limit=limit)
    for number, end in enumerate(ended):
        if end.error or end.exit_code != 0:
            pytest.fail(
                f"process {number} of {len(calls)} ({work.__name__}) ended with {end.exit_code}:\n"
                + (end.error or "it died without an answer")
            )
    return [end.value for end in ended]


def after_fork(work: Callable[[], object], *, limit: int = 30) -> int:
    """Exit code of a fork of this process that ran `work`: 0, 1 when it raised, -SIGALRM when it did not end.

    For tests of what a fork inherits; to be called in a process of `in_processes`, which has one thread.
    """
    assert threading.active_count() == 1, "a process with threads must not be forked"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(limit)
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_threads(work: Callable[..., object], *calls: Sequence[Any], limit: float = LIMIT) -> None:
    """Run `work(*call)` for each call in a thread of its own, all at once. Fails the test when one raised or waits."""
    errors: list[str] = []

    def run(call: Sequence[Any]) -> None:
        try:
            work(*call)
        except BaseException:  # noqa: BLE001  # told to the test
            errors.append(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    join_all(threads, limit)
    if errors:
        pytest.fail(f"{len(errors)} of {len(calls)} threads raised; the first:\n{errors[0]}")


def join_all(threads: Sequence[threading.Thread], limit: float = LIMIT) -> None:
    """Wait for threads; fails the test when one has not ended after `limit` seconds. They should be daemons."""
    deadline = time.monotonic() + limit
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = sum(thread.is_alive() for thread in threads)
    if left:
        pytest.fail(f"{left} of {len(threads)} threads have not ended after {limit:g} seconds")


@contextlib.contextmanager
def killed_after(process: subprocess.Popen[Any], limit: float = LIMIT) -> Iterator[None]:
    """Kill a process when the block ends, or after `limit` seconds: then reads from it end, and the test fails."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        process.kill()

    timer = threading.Timer(limit, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if expired.is_set():
            pytest.fail(f"process {process.pid} was killed after {limit:g} seconds: {error!r}")
        raise
    finally:
        timer.cancel()
        _end(process)
    if expired.is_set():
        pytest.fail(f"process {process.pid} was killed after {limit:g} seconds")


def output_of(processes: Sequence[subprocess.Popen[bytes]], limit: float = LIMIT) -> list[tuple[int, str]]:
    """(exit code, standard error) of processes; fails the test, and leaves none running, when one does not end."""
    deadline = time.monotonic() + limit
    ended = []
    try:
        for process in processes:
            try:
                _, errors = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                pytest.fail(f"process {process.pid} has not ended after {limit:g} seconds")
            ended.append((process.returncode, errors.decode()))
        return ended
    finally:
        for process in processes:
            _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.wait(10)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
