"""forge's build information: the compilation that a contract comes from, reduced to what the contract needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from novacron.governance.decoding.artifacts import BuiltContract


class BuildInfos:
    """Build information below some folders of forge output (`out/forge/build-info`)."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder / "build-info" for folder in folders]

    def of(self, contract: BuiltContract) -> dict[str, Any] | None:
        """The newest compilation that gave this very code, with the contract's own sources only; None if there is none.

        A later build of part of the project leaves out what had not changed, so several files may have to be looked at.
        """
        files = [path for folder in self._folders for path in folder.glob("*.json")]
        code = contract.runtime_code.hex()
        for path in sorted(files, key=_age, reverse=True):
            try:
                text = path.read_text(encoding="utf-8")
                found = json.loads(text) if code in text else None
            except (OSError, ValueError):  # a build is writing or has removed it at this moment
                continue
            reduced = None if found is None else _reduced(found, contract)
            if reduced is not None:
                return reduced
        return None


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _reduced(document: dict[str, Any], contract: BuiltContract) -> dict[str, Any] | None:
    try:
        output, given = document["output"], document["input"]
        built = output["contracts"][contract.source][contract.name]["evm"]["deployedBytecode"]["object"]
        if bytes.fromhex(built.removeprefix("0x")) != contract.runtime_code:
            return None
        wanted = contract.sources
        if not all("ast" in output["sources"].get(source, {}) for source in wanted):
            return None
        return {
            **document,
            "input": {**given, "sources": {source: given["sources"][source] for source in wanted}},
            "output": {
                **output,
                "errors": [],
                "sources": {source: output["sources"][source] for source in wanted},
                "contracts": {s: output["contracts"][s] for s in wanted if s in output["contracts"]},
            },
        }
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
