"""Writes the ABIs that the SDK ships (`novacron/chain/abi/`), or with --check fails where one is out of date.

The source is forge's build: run `forge build` first (`make abi` does).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ("ProofOfTraining",)


def main() -> int:
    """Return 1 if --check finds a difference."""
    stale = []
    for name in CONTRACTS:
        artifact = json.loads((ROOT / f"out/forge/{name}.sol/{name}.json").read_text())
        text = json.dumps(artifact["abi"], indent=1, sort_keys=True) + "\n"
        target = ROOT / f"novacron/chain/abi/{name}.json"
        if target.is_file() and target.read_text() == text:
            continue
        if "--check" in sys.argv:
            stale.append(str(target.relative_to(ROOT)))
        else:
            target.write_text(text)
    if stale:
        print(f"out of date: {', '.join(stale)}; run `make abi`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
