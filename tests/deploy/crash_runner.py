"""Deploys the test plan in child processes that are killed, one at every point where something outside has changed.

Run as a script: `crash_runner.py URL KEY PROJECT CACHE FOLDER`; prints the outcome of each crash as a line of JSON.

A point is: before and after every broadcast, in and around every transaction of the journal, before and after every
fsync and rename, and every step the deployer reports. Reads change nothing outside, so a crash at one equals a crash at
the next point. The child is forked, counts the points and sends SIGKILL to itself at the chosen one: no `finally`, no
`atexit`, no flushing. The chain is put back before each crash, the folder is a new one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import novacron.chain.journal
from novacron.chain.endpoint import Endpoint
from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import signer_from_key
from novacron.deploy.apply import DeployEvent
from novacron.deploy.compiler import Compiler
from novacron.deploy.manifest import load_manifest
from tests.deploy.support import SOLC, deploy, transactions_of

STEPS = ("intent", "signed", "broadcast", "sent", "mined", "confirmed", "checked", "recorded")
#: Every journal step of every instance, by name; then every point by number.
NAMED = [f"step {instance} {step}" for instance in ("Registry", "MainVault") for step in STEPS]


class Killer:
    """Counts points; kills the process at number or name `at`, after writing the point's name to `note`."""

    def __init__(self, at: int | str | None, note: Path) -> None:
        self.at, self.note, self.count = at, note, 0

    def point(self, name: str) -> None:
        self.count += 1
        if self.at in (self.count, name):
            with self.note.open("w") as file:
                file.write(name)
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if name == "broadcast" and args[1] != "eth_sendRawTransaction":
                return function(*args, **kwargs)
            self.point(f"before {name}")
            result = function(*args, **kwargs)
            self.point(f"after {name}")
            return result

        return wrapped

    def install(self) -> None:
        Endpoint.exchange = self.around("broadcast", Endpoint.exchange)  # type: ignore[method-assign]
        os.fsync = self.around("fsync", os.fsync)
        os.replace = self.around("rename", os.replace)
        original = novacron.chain.journal.transaction

        @contextlib.contextmanager
        def transaction(connection: Any) -> Iterator[Any]:
            self.point("before journal transaction")
            with original(connection) as db:
                yield db
                self.point("inside journal transaction")
            self.point("after journal transaction")

        novacron.chain.journal.transaction = transaction


def _name(event: DeployEvent) -> str:
    return f"step {event.instance} {event.step}"


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked child; its exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(url: str, key: str, project: str, cache: str, folder: str) -> None:
    """Crash at each named point, then at point 1, 2, 3, … until a run gets through."""
    compiler = Compiler(project, cache=Path(cache), solc=SOLC)
    signer = signer_from_key(key)

    def run(out_dir: Path, at: int | str | None) -> None:
        killer = Killer(at, out_dir.parent / "point")
        with EndpointPool([url], chain_id=31337) as pool:
            if at is not None:
                killer.install()
            deploy(pool, signer, compiler, out_dir, on_event=lambda event: killer.point(_name(event)))

    with EndpointPool([url], chain_id=31337) as pool:
        for number, at in enumerate(itertools.chain(NAMED, itertools.count(1))):
            state = pool.request("evm_snapshot", [])
            out_dir = Path(folder) / str(number) / "testing-net"
            out_dir.parent.mkdir(parents=True)
            status = in_child(lambda at=at, where=out_dir: run(where, at))  # type: ignore[misc]
            if status not in (0, -signal.SIGKILL):
                raise SystemExit(f"the deployment failed by itself, with status {status}, on the way to {at}")
            outcome: dict[str, Any] = {"crash": status, "between": "none"}
            if (out_dir / "manifest.json").exists():
                outcome["between"] = sorted(load_manifest(out_dir / "manifest.json").instances)
            outcome["resume"] = in_child(lambda where=out_dir: run(where, None))  # type: ignore[misc]
            manifest = load_manifest(out_dir / "manifest.json")
            outcome["point"] = (out_dir.parent / "point").read_text() if status else "none"
            outcome["transactions"] = transactions_of(pool, signer.address)
            outcome["records"] = {
                name: [record.address, record.adopted, record.transaction_hash]
                for name, record in manifest.instances.items()
            }
            outcome["inputs"] = all((out_dir / r.compiler_input).exists() for r in manifest.instances.values())
            print(json.dumps(outcome), flush=True)
            pool.request("evm_revert", [state])
            if status == 0:
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
