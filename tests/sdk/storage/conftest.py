"""Stores to test with, and nothing of the caller's environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from novacron.storage.embedded import EmbeddedBlockStore
from novacron.storage.storage import Storage
from tests.support.storage_doubles import KuboNode, MemoryBlockStore, S3Service


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("NOVACRON_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr("novacron.storage.http.FIRST_WAIT", 0.0)


@pytest.fixture
def memory() -> Storage:
    return Storage(MemoryBlockStore())


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Storage]:
    with Storage(EmbeddedBlockStore(tmp_path / "store", timeout=1.0)) as storage:
        yield storage


@pytest.fixture
def s3() -> Iterator[S3Service]:
    with S3Service().serve() as service:
        yield service


@pytest.fixture
def kubo() -> Iterator[KuboNode]:
    with KuboNode().serve() as node:
        yield node
