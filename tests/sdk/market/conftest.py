"""One market a module; what a test does to the chain is undone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from novacron.chain import Anvil
from novacron.cli.main import cli
from novacron.market.deployment import Account
from tests.support.market_world import Actors, MarketWorld


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketWorld]:
    with Anvil() as node:
        yield MarketWorld(node, tmp_path_factory.mktemp("market"))


@pytest.fixture
def world(built: MarketWorld) -> Iterator[MarketWorld]:
    before = built.node.rpc("evm_snapshot")
    yield built
    built.node.rpc("evm_revert", before)


@pytest.fixture
def actors(world: MarketWorld, tmp_path: Path) -> Iterator[Actors]:
    with ExitStack() as resources:
        yield Actors(world, tmp_path, resources)


@pytest.fixture
def customer(actors: Actors) -> Account:
    return actors.account(4)


Cli = Callable[..., Any]


@pytest.fixture
def command(world: MarketWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command as an anvil account, in a folder with the world's manifest; a traceback fails the test."""
    for name in list(os.environ):
        if name.startswith("NOVACRON_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "anvil-local"
    folder.mkdir()
    manifest = folder / "manifest.json"
    manifest.write_text(world.manifest.read_text())
    monkeypatch.setenv("NOVACRON_RPC_URLS", world.node.url)
    monkeypatch.setenv("NOVACRON_MANIFEST", str(manifest))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, account: int = 4, code: int = 0, stdin: str | None = None) -> Result:
        monkeypatch.setenv("NOVACRON_PRIVATE_KEY", world.keys[account])
        result = CliRunner(mix_stderr=False).invoke(cli, [str(one) for one in arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stdout + result.stderr
        return result

    return run


@pytest.fixture
def answer(command: Callable[..., Result]) -> Cli:
    """Run a command with --json and parse what it prints."""

    def run(*arguments: object, **options: Any) -> Any:
        return json.loads(command("--json", *arguments, **options).stdout)

    return run
