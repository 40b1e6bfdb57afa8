"""Deploys a plan and kills itself at one of the points where something outside has changed.

Run as a script: `crash_runner.py URL KEY PLAN PROJECT CACHE FOLDER AT`; AT is the number or the name of a point. It
writes the name of the point to `FOLDER/../point` and sends SIGKILL to itself: no `finally`, no `atexit`, no flushing.
Without such a point it gets through, with exit code 0.

A point is: before and after every broadcast, in and around every transaction of the journal, before and after every
fsync and rename, and every step the deployer reports. Reads change nothing outside, so a crash at one equals a crash at
the next point.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import novacron.chain.journal
from novacron.chain.endpoint import Endpoint
from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import signer_from_key
from novacron.deploy.compiler import Compiler
from novacron.deploy.local import deploy_local
from novacron.deploy.run import DeployEvent
from tests.deploy.support import PLAN, RICH, ROOT, SOLC, deploy

STEPS = ("intent", "signed", "broadcast", "sent", "mined", "confirmed", "checked", "recorded")
PLANS = {plan.name: plan for plan in (PLAN, RICH)}


class Killer:
    """Counts points; kills the process at number or name `at`, after writing the point's name to `note`."""

    def __init__(self, at: int | str, note: Path) -> None:
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


def point_name(event: DeployEvent) -> str:
    """How a reported step is called as a point."""
    return f"step {event.instance} {event.step}"


def killed_at(
    at: int | str, *, url: str, key: str, plan: str, project: Path, cache: Path, out_dir: Path
) -> tuple[int, str]:
    """Run this script; its exit status (negative for a signal) and the point where it died ("" when it got through).

    Raises:
        AssertionError: it failed by itself.
    """
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    arguments = [url, key, plan, str(project), str(cache), str(out_dir), str(at)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.deploy.crash_runner", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-3000:]
    note = out_dir.parent / "point"
    return done.returncode, note.read_text() if done.returncode else ""


def main(url: str, key: str, plan: str, project: str, cache: str, folder: str, at: str) -> None:
    """Deploy with a killer in place."""
    out_dir = Path(folder)
    killer = Killer(int(at) if at.isdigit() else at, out_dir.parent / "point")
    signer = signer_from_key(key)
    with EndpointPool([url], chain_id=31337) as pool:
        killer.install()
        on_event = lambda event: killer.point(point_name(event))  # noqa: E731
        if plan == "novacron":
            deploy_local(pool, out_dir, signer=signer, on_event=on_event)
        else:
            compiler = Compiler(project, cache=Path(cache), solc=SOLC)
            deploy(pool, signer, compiler, out_dir, PLANS[plan], on_event=on_event)


if __name__ == "__main__":
    main(*sys.argv[1:])
