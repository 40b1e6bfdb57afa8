"""Compiles requirements*.in into hash-pinned lock files that name no index, and package.json into package-lock.json.

`make lock`. The resolver (uv) lives in an environment of its own and is pinned here.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = "uv==0.13.8"
#: In requirements-torch.in torch is installed by version first, with its accelerator packages.
UNLOCKED = re.compile(r"^(torch|triton|nvidia-.*|cuda-.*)==")


def main() -> int:
    """Return 0 when every lock file was written."""
    environment = ROOT / ".build" / "lock"
    uv = environment / "bin" / "uv"
    if not uv.is_file():
        venv.create(environment, with_pip=True)
        subprocess.run([environment / "bin" / "pip", "install", "--quiet", UV], check=True)
    for source in sorted(ROOT.glob("requirements*.in")):
        target = source.with_suffix(".lock")
        options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--quiet"]
        options += ["--custom-compile-command", "make lock", "-o", str(target)]
        subprocess.run([uv, "pip", "compile", *options, source.name], cwd=ROOT, check=True)
        if source.stem == "requirements-torch":
            target.write_text(without_unlocked(target.read_text()))
    subprocess.run(["npm", "install", "--package-lock-only", "--ignore-scripts"], cwd=ROOT, check=True)
    return 0


def without_unlocked(lock: str) -> str:
    """The lock file without the packages that `UNLOCKED` names."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    return "".join(block for block in blocks if not UNLOCKED.match(block))


if __name__ == "__main__":
    sys.exit(main())
