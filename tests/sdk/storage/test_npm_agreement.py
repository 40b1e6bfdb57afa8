"""The npm packages of IPFS make the same CIDs and blocks, and read what is written here; and the other way round."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from novacron.storage.cid import Cid
from novacron.storage.storage import Storage
from novacron.storage.unixfs import CHUNK, write_file

SCRIPT = Path(__file__).with_name("npm.mjs")
MIB = 1024 * 1024

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (SCRIPT.parents[3] / "node_modules" / "@ipld" / "car").is_dir(),
    reason="node, or the npm packages of `make setup`, are missing",
)


def node(*arguments: object, stdin: bytes = b"") -> bytes:
    command = ["node", str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


# Trees of one to eight levels; the last two are 174 chunks and one more, and 174 nodes and one chunk more, in small.
CASES = [
    (0, CHUNK, 174),
    (1, CHUNK, 174),
    (MIB - 1, CHUNK, 174),
    (MIB, CHUNK, 174),
    (MIB + 1, CHUNK, 174),
    (3 * MIB, CHUNK, 174),
    (1, 1, 2),
    (2, 1, 2),
    (3, 1, 2),
    (8, 1, 2),
    (9, 1, 2),
    (1000, 7, 3),
    (174 * 16, 16, 174),
    (174 * 16 + 1, 16, 174),
    (174 * 174 + 1, 1, 174),
]


@pytest.mark.parametrize(("size", "chunk", "links"), CASES)
def test_cids_and_blocks_are_those_of_npm(memory: Storage, tmp_path: Path, size: int, chunk: int, links: int) -> None:
    data, car = content_of(size), tmp_path / "npm.car"
    npm: dict[str, Any] = json.loads(node("add", chunk, links, car, stdin=data))
    ours = write_file(memory.blocks, io.BytesIO(data), chunk_size=chunk, max_links=links)
    assert str(ours.cid) == npm["root"]
    sink = io.BytesIO()
    summary = memory.export_car(ours.cid, sink)
    assert summary.blocks == len(npm["blocks"])
    # Their CAR, whose blocks come leaves first, is read here; ours, root first, there.
    with car.open("rb") as source:
        assert memory.import_car(source) == summary
    (tmp_path / "ours.car").write_bytes(sink.getvalue())
    assert node("read", tmp_path / "ours.car") == data


def test_the_public_way_is_the_one_that_agrees(memory: Storage, tmp_path: Path) -> None:
    data = content_of(2 * MIB + 5)
    npm = json.loads(node("add", CHUNK, 174, tmp_path / "npm.car", stdin=data))
    assert str(memory.put_bytes(data)) == npm["root"]


def test_a_record_is_a_block_that_npm_reads(memory: Storage, tmp_path: Path) -> None:
    cid = memory.put_block(b'{"a":1}')
    with (tmp_path / "r.car").open("wb") as sink:
        memory.export_car(cid, sink)
    assert node("read", tmp_path / "r.car") == b'{"a":1}'
    assert cid == Cid.of(b'{"a":1}')
