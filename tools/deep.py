"""What `make test-deep` runs besides forge and pytest: symbolic proofs (halmos) and the PyTorch adapters.

Both need packages that do not fit into the main environment; each has its own, made here from its lock file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"


def environment(name: str, first: Sequence[str] = ()) -> Path:
    """The bin directory of the virtual environment `.venv-<name>`, installed from requirements-<name>.lock."""
    directory, lock = ROOT / f".venv-{name}", ROOT / f"requirements-{name}.lock"
    stamp = directory / "installed"
    if not stamp.is_file() or stamp.read_text() != lock.read_text():
        print(f"deep: installing {lock.name}", flush=True)
        if not directory.is_dir():
            venv.create(directory, with_pip=True)
        pip = [directory / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        if first:
            subprocess.run([*pip, *first], check=True)
        subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", lock], check=True)
        stamp.write_text(lock.read_text())
    return directory / "bin"


def halmos() -> int:
    """Every `check_` function of tests/solidity/, with the loop bound that docs/invariants.md states.

    One process a contract: halmos 0.3.3 has been seen to wait for ever between two contracts of one process.
    """
    paths = f"{ROOT / '.build' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    failed = 0
    for source in sorted((ROOT / "tests" / "solidity").glob("*.halmos.t.sol")):
        for contract in re.findall(r"^contract (\w+)", source.read_text(), flags=re.MULTILINE):
            command = [environment("halmos") / "halmos", "--contract", contract, "--function", "check_", "--loop", "8"]
            command += ["--forge-build-out", "out/forge"]
            done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": paths}, check=False, timeout=1800)
            failed |= done.returncode
    return failed


def torch() -> int:
    """The adapters for PyTorch, Hugging Face Trainer and Lightning, against the real packages."""
    python = environment("torch", first=[TORCH]) / "python"
    tests = "tests/sdk/recorder/test_torch_adapters.py"
    paths = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    imports = "import torch, transformers, accelerate, lightning"  # a test that skips itself here would hide a break
    subprocess.run([python, "-c", imports], cwd=ROOT, env=paths, check=True)
    command = [python, "-m", "pytest", "-q", tests]
    return subprocess.run(command, cwd=ROOT, env=paths, check=False).returncode


if __name__ == "__main__":
    sys.exit(max(halmos(), torch()))
