"""A command runner in an empty folder, with nothing configured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from novacron.chain.anvil import Anvil
from novacron.cli.main import cli
from tests.support.clients import Chain
from tests.support.contracts import deploy_proof_of_training

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def chain() -> Iterator[Chain]:
    with Anvil() as node:
        yield Chain(node, deploy_proof_of_training(node.url))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; no NOVACRON_ variable leaks in from outside."""
    import os

    for name in list(os.environ):
        if name.startswith("NOVACRON_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def novacron() -> Run:
    """Run a command; a traceback fails the test, and so does another exit code than `code`."""

    def run(*arguments: object, code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner(mix_stderr=False).invoke(cli, [str(argument) for argument in arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stdout + result.stderr
        return result

    return run


@pytest.fixture
def json_of(novacron: Run) -> Callable[..., Any]:
    """Run a command with --json and parse what it prints."""

    def run(*arguments: object, code: int = 0, stdin: str | None = None) -> Any:
        return json.loads(novacron("--json", *arguments, code=code, stdin=stdin).stdout)

    return run


@pytest.fixture
def local_config(folder: Path) -> Path:
    path = folder / "local.toml"
    path.write_text('[client]\nkind = "local"\nstore = "chain.sqlite"\n')
    return path
