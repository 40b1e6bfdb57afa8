"""`novacron storage`: what it prints, exit codes, one line for every error, files whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from novacron.cli.main import cli
from novacron.storage.cid import Cid
from novacron.storage.storage import open_storage

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `novacron storage …` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, code: int = 0, store: str = "store", stdin: bytes | None = None) -> Result:
        words = ["--json", "storage", *map(str, arguments)]
        result = CliRunner(mix_stderr=False).invoke(cli, words, input=stdin, env={"NOVACRON_STORAGE": store})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stdout + result.stderr
        return result

    return call


def value(result: Result) -> Any:
    return json.loads(result.stdout)


def error(result: Result) -> str:
    return str(json.loads(result.stderr)["error"]["message"])


def test_a_file_goes_in_and_comes_out(run: Run, tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "in.bin").write_bytes(data)
    put = value(run("put", "in.bin"))
    cid = put["cid"]
    assert put == {"cid": cid, "size": len(data), "label": "manual"}
    assert value(run("put", "-", stdin=data))["cid"] == cid
    assert value(run("get", cid, "out.bin"))["size"] == len(data)
    assert (tmp_path / "out.bin").read_bytes() == data
    assert run("get", cid, "-").stdout_bytes == data
    stat = value(run("stat", cid))
    assert (stat["size"], stat["codec"], stat["digest"]) == (len(data), "dag-pb", Cid.parse(cid).digest.hex())
    assert value(run("verify", cid)) == {"cid": cid, "intact": True, "size": len(data), "faults": []}


def test_a_car_carries_a_file_to_another_store(run: Run) -> None:
    cid = value(run("put", "-", stdin=b"content"))["cid"]
    assert value(run("export", cid, "x.car"))["blocks"] == 1
    assert value(run("import", "x.car", store="other"))["cid"] == cid
    assert run("get", cid, "-", store="other").stdout_bytes == b"content"
    Path("cut.car").write_bytes(Path("x.car").read_bytes()[:-1])
    assert "truncated" in error(run("import", "cut.car", code=1))


def test_a_corrupt_block_is_named_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    cid = value(run("put", "-", stdin=b"content"))["cid"]
    digits = Cid.parse(cid).digest.hex()
    (tmp_path / "store" / "blocks" / digits[:2] / digits).write_bytes(b"contenT")
    before = sorted(path.name for path in tmp_path.iterdir())
    for command in ("get", "export"):
        assert cid in error(run(command, cid, "out", code=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    found = value(run("verify", cid, code=1))
    assert (found["intact"], found["faults"][0]["cid"], found["faults"][0]["kind"]) == (False, cid, "corrupt")


def test_a_file_is_replaced_only_when_asked(run: Run, tmp_path: Path) -> None:
    cid = value(run("put", "-", stdin=b"content"))["cid"]
    (tmp_path / "out").write_text("mine")
    assert "--force" in error(run("get", cid, "out", code=1))
    assert (tmp_path / "out").read_text() == "mine"
    run("get", cid, "out", "--force")
    assert (tmp_path / "out").read_text() == "content"


def test_pins_and_collecting(run: Run) -> None:
    cid = value(run("put", "-", "--label", "vm-7", stdin=b"content"))["cid"]
    assert value(run("pins")) == [{"cid": cid, "label": "vm-7"}]
    assert value(run("collect"))["removed"] == 0
    assert "is not pinned" in error(run("unpin", cid, code=1))
    run("unpin", cid, "--label", "vm-7")
    assert value(run("collect")) == {"kept": 0, "removed": 1, "freed": 7}
    assert "is not in" in error(run("stat", cid, code=1))


def test_mistakes_are_one_line_and_create_nothing(run: Run, tmp_path: Path) -> None:
    cid = str(Cid.of(b""))
    for arguments, message in (
        (("get", cid, "out"), "no block store here"),
        (("stat", cid), "no block store here"),
        (("stat", "Qm"), "no CID"),
        (("put", "absent"), "No such file"),
        (("import", "absent"), "No such file"),
        (("put", "-"), None),
    ):
        if message is not None:
            assert message in error(run(*arguments, code=1))
            assert list(tmp_path.iterdir()) == []
    assert "NOVACRON_STORAGE" in error(run("stat", cid, code=1, store=""))


def test_the_cli_and_the_library_share_a_store(run: Run, tmp_path: Path) -> None:
    cid = value(run("put", "-", stdin=b"content"))["cid"]
    with open_storage(tmp_path / "store") as storage:
        assert storage.get(Cid.parse(cid)) == b"content"
