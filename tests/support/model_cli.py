"""`novacron model` in a folder with a model, keys and a store, over a registry on anvil."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from novacron.cli.main import cli
from novacron.models.onchain import Lineage, Parent, Relation
from novacron.models.package import put_model
from novacron.models.registration import manifest_digest, metadata_text
from novacron.models.stores_local import LocalObjectStore
from novacron.provenance.manifest import build_manifest
from novacron.quantum.keyfile import KdfCost
from novacron.quantum.keys import EncryptionKey, SigningKey
from novacron.quantum.keystore import KeyStore
from novacron.quantum.schemes import PostQuantumScheme
from tests.support.model_world import (
    ModelWorld,
)

Run = Callable[..., Result]
Json = Callable[..., Any]
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def stock(built: ModelWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, keys, and a store with the model sealed for `mine`."""
    folder = tmp_path_factory.mktemp("stock")
    source = folder / "model"
    source.mkdir()
    (source / "weights.safetensors").write_bytes(bytes(range(256)) * 9)
    (source / "config.json").write_text("{}")
    keys = KeyStore(folder / "keys", cost=KdfCost(memory_kib=8, passes=1, lanes=1))
    mine = EncryptionKey.generate()
    keys.add("mine", mine, PASSPHRASE, lifetime=None)
    keys.add("another", EncryptionKey.generate(), PASSPHRASE, lifetime=None)
    keys.add("signer", SigningKey.generate(PostQuantumScheme.ML_DSA_44), PASSPHRASE)
    put_model(source, store=LocalObjectStore(folder / "store"), recipients=[mine.recipient])
    return folder


@pytest.fixture
def world(built: ModelWorld) -> Iterator[ModelWorld]:
    before = built.node.rpc("evm_snapshot")
    yield built
    built.node.rpc("evm_revert", before)


@pytest.fixture
def folder(stock: Path, tmp_path: Path) -> Path:
    """The stock's files, to be changed by the test."""
    return shutil.copytree(stock, tmp_path / "stock")


@pytest.fixture
def digest(stock: Path) -> bytes:
    return build_manifest(stock / "model").root


@pytest.fixture
def command(world: ModelWorld, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `novacron model …` as an anvil account, or without a key; a traceback fails the test."""
    for name in list(os.environ):
        if name.startswith("NOVACRON_"):
            monkeypatch.delenv(name)
    (tmp_path / "anvil-local").mkdir()
    manifest = tmp_path / "anvil-local" / "manifest.json"
    manifest.write_text(world.manifest.read_text())
    monkeypatch.setenv("NOVACRON_RPC_URLS", world.node.url)
    monkeypatch.setenv("NOVACRON_MANIFEST", str(manifest))
    monkeypatch.setenv("NOVACRON_MODEL_STORE", str(folder / "store"))
    monkeypatch.setenv("NOVACRON_QUANTUM_KEYS", str(folder / "keys"))
    monkeypatch.setenv("NOVACRON_QUANTUM_PASSPHRASE", PASSPHRASE)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "mycode", raising=False)

    def run(*arguments: object, account: int | None = None, code: int = 0, as_json: bool = False) -> Result:
        if account is None:
            monkeypatch.delenv("NOVACRON_PRIVATE_KEY", raising=False)
        else:
            monkeypatch.setenv("NOVACRON_PRIVATE_KEY", world.keys[account])
        words = [*(["--json"] if as_json else []), "model", *map(str, arguments)]
        result = CliRunner(mix_stderr=False).invoke(cli, words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stdout + result.stderr
        return result

    return run


@pytest.fixture
def answer(command: Run) -> Json:
    """Run a command with --json and parse what it prints."""
    return lambda *arguments, **options: json.loads(command(*arguments, as_json=True, **options).stdout)


@pytest.fixture
def released(world: ModelWorld, folder: Path, digest: bytes) -> bytes:
    """The model, registered and certified without commands."""
    base = world.released("base", "0.9.0")
    metadata = metadata_text({"task": "vision"}, manifest_digest(build_manifest(folder / "model")))
    world.register(digest, "1.2.0", lineage=Lineage((Parent(base, Relation.FINE_TUNE),)), metadata=metadata)
    world.certify(digest)
    return digest
