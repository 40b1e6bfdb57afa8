"""Static analysis, all of it; any finding fails. `python tools/lint.py [NAME ...]` runs only those named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORGE = ROOT / ".build" / "bin" / "forge"
TRIAGE = ROOT / "slither.db.json"
ANALYSIS = ROOT / "out" / "analysis"
ENV = {
    **os.environ,
    "PATH": f"{FORGE.parent}{os.pathsep}{os.environ['PATH']}",
}  # Slither asks forge for its configuration
PYTHON_DIRS = ("novacron", "scripts", "tests", "tools")


def command(*parts: str | Path) -> tuple[bool, str]:
    """Run a command in the project's root; returns success and everything it printed."""
    done = subprocess.run([str(p) for p in parts], cwd=ROOT, env=ENV, capture_output=True, text=True, check=False)
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def tool(name: str) -> Path:
    """A console script of the virtual environment this runs in."""
    return Path(sys.executable).parent / name


def slither() -> tuple[bool, str]:
    """Slither over a build of its own (forge keeps every build-info that it ever wrote, which Slither would read)."""
    shutil.rmtree(ANALYSIS, ignore_errors=True)
    built, text = command(
        FORGE, "build", "--force", "--skip", "test", "--out", ANALYSIS, "--cache-path", ANALYSIS / "cache"
    )
    if not built:
        return False, text
    reports = {"sarif": ANALYSIS / "slither.sarif", "json": ANALYSIS / "slither.json"}
    clean, text = command(
        tool("slither"), ".", "--ignore-compile", "--foundry-out-directory", ANALYSIS.relative_to(ROOT),
        *[part for kind, path in reports.items() for part in (f"--{kind}", path)],
    )  # fmt: skip
    if not all(path.is_file() for path in reports.values()):
        return False, "Slither wrote no report\n" + text
    unexplained = [entry["check"] for entry in json.loads(TRIAGE.read_text()) if not entry.get("reason")]
    if unexplained:
        return False, f"{TRIAGE.name}: accepted without a reason: {', '.join(unexplained)}"
    findings = json.loads(reports["json"].read_text())["results"].get("detectors", [])
    return clean and not findings, text


CHECKS = {
    "slither": slither,
    "ruff": lambda: command(tool("ruff"), "check", *PYTHON_DIRS),
    "ruff format": lambda: command(tool("ruff"), "format", "--check", *PYTHON_DIRS),
    "mypy": lambda: command(tool("mypy")),
    "forge fmt": lambda: command(FORGE, "fmt", "--check"),
    "solhint": lambda: command(
        "node", "node_modules/solhint/solhint.js", "--max-warnings", "0", "--disc", "--noPoster",
        "contracts/**/*.sol", "interfaces/**/*.sol",
    ),
    "abi": lambda: command(sys.executable, "tools/abi.py", "--check"),
}  # fmt: skip


def main(names: Sequence[str]) -> int:
    """Return the number of failed checks."""
    chosen = {name: check for name, check in CHECKS.items() if not names or name in names}
    failed = 0
    # Two at a time: Slither, which comes first, takes longer than all others together.
    with ThreadPoolExecutor(2) as workers:
        for done in as_completed([workers.submit(run, name, check) for name, check in chosen.items()]):
            name, seconds, clean, text = done.result()
            print(f"lint: {name:12} {'clean' if clean else 'FAILED':7} {seconds:5.1f} s", flush=True)
            if not clean:
                failed += 1
                print(text, flush=True)
    return failed


def run(name: str, check: Callable[[], tuple[bool, str]]) -> tuple[str, float, bool, str]:
    """The check's name, seconds, whether it found nothing, and what it printed."""
    started = time.monotonic()
    clean, text = check()
    return name, time.monotonic() - started, clean, text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
