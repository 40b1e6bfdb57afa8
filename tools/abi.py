"""Writes the ABIs that the SDK ships (`novacron/chain/abi/`) and the hash of ProofOfTraining's runtime code
(`novacron/provenance/known_code.py`), or with --check fails where one is out of date.

The source is forge's build: run `forge build` first (`make abi` does).
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = (
    "ProofOfTraining",
    "NovaToken",
    "QuadraticVotes",
    "ResourceToken",
    "IdentityGate",
    "Authority",
    "Timelock",
    "Governance",
    "EmergencyBrake",
    "Proxy",
    "ResourceMarket",
    "LiquidityPool",
    "OrderBook",
    "ResourceStaking",
    "HostRegistry",
    "VMLifecycle",
    "VMLifecycleExtension",
    "SLA",
    "SLATermsBook",
    "SLACourt",
    "CommitteeArbitrator",
    "PostQuantumKeys",
    "MLDSA44",
    "MLDSA65",
    "MLDSA87",
    "SLHDSASHA2128s",
    "QuantumVerification",
    "ModelRegistry",
)
CODE = ROOT / "novacron/provenance/known_code.py"


def code_module(artifact: dict[str, Any]) -> str:
    """The module with the Keccak-256 of the contract's runtime code, which no constructor argument changes."""
    from novacron.provenance.keccak import keccak256

    deployed = artifact["deployedBytecode"]
    if deployed.get("immutableReferences") or deployed.get("linkReferences"):
        raise SystemExit("the runtime code has immutables or links: its hash would not be that of the deployed code")
    digest = keccak256(bytes.fromhex(deployed["object"].removeprefix("0x"))).hex()
    return textwrap.dedent(f'''\
        """Keccak-256 of the runtime code of ProofOfTraining; `make abi` writes this file from forge's build."""

        from __future__ import annotations

        PROOF_OF_TRAINING: frozenset[bytes] = frozenset(
            {{
                bytes.fromhex("{digest}"),
            }}
        )
    ''')


def main() -> int:
    """Return 1 if --check finds a difference."""
    stale, files = [], {}
    for name in CONTRACTS:
        artifact = json.loads((ROOT / f"out/forge/{name}.sol/{name}.json").read_text())
        files[ROOT / f"novacron/chain/abi/{name}.json"] = json.dumps(artifact["abi"], indent=1, sort_keys=True) + "\n"
        if name == "ProofOfTraining":
            files[CODE] = code_module(artifact)
    for target, text in files.items():
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
