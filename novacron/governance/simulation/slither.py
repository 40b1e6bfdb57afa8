"""Slither on one contract: over the very compilation that gave its code, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from novacron.chain.anvil import foundry_binary
from novacron.governance.model import Finding

#: Seconds one analysis may take.
TIMEOUT = 300.0
_CHECK = "slither"
_SEVERITY: dict[str, Literal["error", "warning", "note"]] = {"High": "error", "Medium": "warning"}


def slither_findings(name: str, build: dict[str, Any], root: Path | None) -> list[Finding]:
    """What Slither says about a contract and its own sources; libraries below node_modules are left out.

    Args:
        name: of the contract, for the findings.
        build: the contract's build information (`BuildInfos.of`).
        root: the project; findings that its `slither.config.json` has in the triage database are left out.

    Returns:
        A finding for each result, high impact as error, medium as warning, else as note; a warning when Slither is not
        there or fails.
    """
    program = Path(sys.executable).parent / "slither"
    found = str(program) if program.is_file() else shutil.which("slither")
    if found is None:
        return [Finding("warning", _CHECK, f"{name} was not analysed: Slither is not installed; run `make setup`")]
    with tempfile.TemporaryDirectory(prefix="novacron-slither-") as folder:
        place = Path(folder)
        _lay_out(place, build)
        arguments = [
            found,
            ".",
            "--ignore-compile",
            "--foundry-out-directory",
            "out",
            "--filter-paths",
            "node_modules/",
        ]
        arguments += ["--json", "result.json", "--disable-color", *_triage(root)]
        environment = {
            **os.environ,
            "PATH": f"{foundry_binary('forge').parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }
        try:
            done = subprocess.run(
                arguments, cwd=place, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
            result = json.loads((place / "result.json").read_text(encoding="utf-8"))
        except subprocess.TimeoutExpired:
            return [Finding("warning", _CHECK, f"{name} was not analysed: Slither took more than {TIMEOUT:.0f} s")]
        except (OSError, ValueError):
            lines = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
            return [Finding("warning", _CHECK, f"{name} was not analysed: Slither failed: {lines[-1][:300]}")]
    if not result.get("success"):
        reason = " ".join(str(result.get("error")).split())[:300]
        return [Finding("warning", _CHECK, f"{name} was not analysed: Slither failed: {reason}")]
    listed = [_finding(name, item) for item in result["results"].get("detectors", [])]
    return sorted(listed, key=lambda finding: finding.message)  # Slither's own order varies from run to run


def _lay_out(place: Path, build: dict[str, Any]) -> None:
    """The compiled sources as files, and the build information where Slither looks for it."""
    for source, entry in build["input"]["sources"].items():
        path = (place / source).resolve()
        if not path.is_relative_to(place.resolve()):
            continue  # an absolute path outside; Slither would only show its text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(entry["content"], encoding="utf-8")
    (place / "foundry.toml").write_text('[profile.default]\nsrc = "contracts"\nout = "out"\n', encoding="utf-8")
    (place / "out" / "build-info").mkdir(parents=True)
    (place / "out" / "build-info" / "build.json").write_text(json.dumps(build), encoding="utf-8")


def _triage(root: Path | None) -> list[str]:
    """The project's triage database, as an argument."""
    if root is None:
        return []
    try:
        configuration = json.loads((root / "slither.config.json").read_text(encoding="utf-8"))
        database = root / str(configuration["triage_database"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return ["--triage-database", str(database)] if database.is_file() else []


def _finding(name: str, item: dict[str, Any]) -> Finding:
    impact = str(item.get("impact"))
    text = re.sub(r"\s+", " ", str(item.get("description"))).strip()
    return Finding(
        _SEVERITY.get(impact, "note"), _CHECK, f"{name}: {impact.lower()} impact, {item.get('check')}: {text[:500]}"
    )
