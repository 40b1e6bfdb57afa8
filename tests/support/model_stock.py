"""A model that is stored, released and certified, and a way to fetch it; for tests of whoever uses models."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import (
    ModelRefusedError,
    NovaCronError,
)
from novacron.models.fetching import Fetched, fetch
from novacron.models.onchain import Lineage, Parent, Relation
from novacron.models.package import put_model
from novacron.models.policy import Policy
from novacron.models.references import Reference
from novacron.models.registration import manifest_digest, metadata_text
from novacron.models.stores_local import LocalObjectStore
from novacron.provenance.manifest import build_manifest
from novacron.quantum.keys import EncryptionKey
from tests.support.model_world import Actors, ModelWorld

Fetch = Callable[..., Fetched]
KEY = EncryptionKey.generate()


@pytest.fixture(scope="module")
def stock(built: ModelWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bytes]]:
    """A model that is stored, registered with its files' names, and certified; tuned from a base. Made once."""
    before = built.node.rpc("evm_snapshot")
    folder = tmp_path_factory.mktemp("stock")
    source = folder / "model"
    source.mkdir()
    (source / "weights.safetensors").write_bytes(bytes(range(256)) * 40)
    (source / "config.json").write_text('{"layers": 2}')
    store = LocalObjectStore(folder / "store")
    digest = put_model(source, store=store, recipients=[KEY.recipient]).model_hash
    oldest = built.released("oldest")
    base = built.released("base", lineage=Lineage((Parent(oldest, Relation.BASE),)))
    run, key = built.sealed_run(digest), built.verify(digest)
    lineage = Lineage((Parent(base, Relation.FINE_TUNE),), (), run, key)
    metadata = metadata_text({}, manifest_digest(build_manifest(source)))
    built.register(digest, "1.2.0", lineage=lineage, metadata=metadata)
    built.certify(digest)
    yield folder, digest
    built.node.rpc("evm_revert", before)


@pytest.fixture
def released(world: ModelWorld, stock: tuple[Path, bytes]) -> bytes:
    return stock[1]


@pytest.fixture
def source(stock: tuple[Path, bytes], tmp_path: Path) -> Path:
    return shutil.copytree(stock[0] / "model", tmp_path / "model")


@pytest.fixture
def store(stock: tuple[Path, bytes], tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(shutil.copytree(stock[0] / "store", tmp_path / "store"))


@pytest.fixture
def get(actors: Actors, store: LocalObjectStore, released: bytes, tmp_path: Path) -> Fetch:
    """Fetch the released model, or another one; nothing must be left beside the target, whatever happens."""

    def fetched(
        reference: Reference | None = None, policy: Policy | None = None, folder: Any = "fetched", **more: Any
    ) -> Fetched:
        folder = tmp_path / folder
        folder.mkdir(exist_ok=True)
        words: dict[str, Any] = {"store": store, "key": KEY, "target": folder / "model", **more}
        try:
            wanted = reference or Reference(model_hash=released)
            return fetch(actors.registry, wanted, policy=policy or Policy(), **words)
        except NovaCronError:
            assert list(folder.iterdir()) == []
            raise
        finally:
            assert [one.name for one in folder.iterdir() if one.name != "model"] == []

    return fetched


def refused(get: Fetch, policy: Policy | None = None, **more: Any) -> tuple[str, list[str]]:
    """Why a fetch is refused, and the objections' codes."""
    with pytest.raises(ModelRefusedError) as caught:
        get(policy=policy, **more)
    return str(caught.value), [one.code for one in caught.value.objections]
