"""The command line with the embedded client: what it prints, its exit codes, and one line for every error."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rich.console import Console

from novacron.cli.app import facts, rows_table
from novacron.provenance.manifest import build_manifest

Run = Callable[..., Result]
Json = Callable[..., Any]


@pytest.fixture
def model(folder: Path) -> Path:
    path = folder / "model"
    path.mkdir()
    (path / "weights.bin").write_bytes(b"weights" * 100)
    (path / "config.json").write_text("{}")
    return path


def test_digest_prints_the_manifest_root(novacron: Run, json_of: Json, model: Path) -> None:
    root = build_manifest(model).root.hex()
    assert novacron("digest", model).stdout.strip() == root
    assert json_of("digest", model) == {"name": "model", "root": root, "files": 2, "size": 702}
    assert json_of("digest", model, "--ignore", "config.json")["files"] == 1


def test_manifest_build_and_diff(novacron: Run, json_of: Json, model: Path, folder: Path) -> None:
    novacron("manifest", "build", model, "-o", "old.json")
    assert json.loads(novacron("manifest", "build", model).stdout)["root"] == build_manifest(model).root.hex()
    assert novacron("manifest", "diff", "old.json", model).stdout.strip() == "no difference"
    (model / "weights.bin").write_bytes(b"other")
    (model / "new.bin").write_bytes(b"new")
    value = json_of("manifest", "diff", "old.json", model, code=1)
    assert (value["changed"], value["added"], value["removed"]) == (["weights.bin"], ["new.bin"], [])
    novacron("manifest", "build", model, "-o", "new.json")
    assert "weights.bin" in novacron("manifest", "diff", "old.json", "new.json", code=1).stdout


def test_a_link_in_a_model_is_one_line(novacron: Run, model: Path) -> None:
    (model / "link").symlink_to("weights.bin")
    errors = novacron("digest", model, code=1).stderr
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert "link" in errors


def test_log_append_prove_verify_check(novacron: Run, json_of: Json, folder: Path) -> None:
    (folder / "entry.bin").write_bytes(b"three")
    assert json_of("log", "append", "log.sqlite", "one", "two", "--file", "entry.bin")["size"] == 3
    assert json_of("log", "append", "log.sqlite", "--stdin", stdin="four\nfive\n")["last"] == 4
    head = json_of("log", "head", "log.sqlite")
    novacron("log", "prove", "log.sqlite", 2, "-o", "proof.json")
    novacron("log", "consistency", "log.sqlite", 3, "-o", "consistency.json")
    good = json_of("log", "verify", "proof.json", "--entry", "three", "--root", head["root"])
    assert good == {"valid": True, "root": head["root"], "root_checked": True, "entry_checked": True}
    assert json_of("log", "verify", "consistency.json", "--root", head["root"])["valid"]
    assert "leaf hash" in novacron("log", "verify", "proof.json", "--entry", "two", code=1).stderr
    assert "not to" in novacron("log", "verify", "proof.json", "--root", "ab" * 32, code=1).stderr
    document = json.loads((folder / "proof.json").read_text())
    for damage in ({"index": 1}, {"size": 2}, {"proof": []}, {"leaf": "ab" * 32}, {"root": "ab" * 32}):
        (folder / "bad.json").write_text(json.dumps({**document, **damage}))
        assert "does not verify" in novacron("log", "verify", "bad.json", code=1).stderr
    for damage in ({"index": "1"}, {"extra": 1}, {"format": "other"}, {"proof": [1]}):
        (folder / "bad.json").write_text(json.dumps({**document, **damage}))
        assert novacron("log", "verify", "bad.json", code=1).stderr.startswith("error: ")
    assert json_of("log", "check", "log.sqlite")["intact"]


def test_log_errors_are_one_line(novacron: Run, folder: Path) -> None:
    novacron("log", "append", "log.sqlite", code=2)
    assert "does not exist" in novacron("log", "head", "nowhere.sqlite", code=1).stderr
    assert not (folder / "nowhere.sqlite").exists()
    novacron("log", "append", "log.sqlite", "one")
    assert "no entry 7" in novacron("log", "prove", "log.sqlite", 7, code=1).stderr
    (folder / "log.sqlite").write_bytes(b"garbage" * 1000)
    assert novacron("log", "head", "log.sqlite", code=1).stderr.startswith("error: ")


def test_a_command_without_configuration_says_how_to_configure(novacron: Run) -> None:
    errors = novacron("anchor", "hash", "ab" * 32, code=1).stderr
    assert "no client is configured" in errors
    assert "--config" in errors


def test_anchor_show_verify_and_proof(novacron: Run, json_of: Json, local_config: Path, model: Path) -> None:
    config = ("--config", local_config)
    record = json_of(*config, "anchor", "hash", "ab" * 32, "--metadata", '{"purpose": "test"}')
    assert (record["status"], record["metadata"]) == ("confirmed", {"purpose": "test"})
    assert json_of(*config, "anchor", "show", record["id"]) == record
    assert json_of(*config, "anchor", "verify", "ab" * 32, record["id"])["verified"]
    assert not json_of(*config, "anchor", "verify", "cd" * 32, record["id"], code=1)["verified"]
    assert json_of(*config, "anchor", "file", model)["hash"] == build_manifest(model).root.hex()
    novacron(*config, "anchor", "proof", record["id"], "-o", "record.novaproof.json")
    assert json_of(*config, "proof", "verify", "record.novaproof.json")["ok"]
    assert "recorded already" in novacron(*config, "anchor", "hash", "ab" * 32, code=1).stderr


def test_anchor_batch_from_lines(novacron: Run, json_of: Json, local_config: Path, folder: Path) -> None:
    lines = ["ab" * 32, "", json.dumps({"hash": "cd" * 32, "metadata": {"n": 1}})]
    (folder / "batch.txt").write_text("\n".join(lines))
    records = json_of("--config", local_config, "anchor", "batch", "batch.txt")
    assert [record["batch"]["index"] for record in records] == [0, 1]
    assert records[1]["metadata"] == {"n": 1}
    (folder / "bad.txt").write_text('{"digest": 1}')
    assert "line 1" in novacron("--config", local_config, "anchor", "batch", "bad.txt", code=1).stderr
    assert json_of("--config", local_config, "anchor", "pending") == {"pending": [], "failed": []}
    assert json_of("--config", local_config, "anchor", "reconcile")["failed"] == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["anchor", "hash", "abc"], "expected 64"),
        (["anchor", "hash", "zz" * 32], "not hexadecimal"),
        (["anchor", "hash", "ab" * 32, "--metadata", "{"], "not JSON"),
        (["anchor", "hash", "ab" * 32, "--metadata", "[]"], "JSON object"),
        (["anchor", "hash", "ab" * 32, "--metadata", "@nowhere.json"], "nowhere.json"),
        (["anchor", "show", "nonsense"], "malformed"),
        (["anchor", "batch", "nowhere.txt"], "nowhere.txt"),
        (["records", "get", "x"], "string interface"),
        (["proof", "show", "nowhere.json"], "nowhere.json"),
        (["run", "status", "nowhere"], "run.json"),
        (["log", "verify", "."], "directory"),
        (["log", "append", "log.sqlite", "--file", "nowhere"], "nowhere"),
        (["manifest", "build", ".", "-o", "nowhere/x"], "nowhere"),
    ],
)
def test_bad_input_is_one_line_on_standard_error(
    novacron: Run, local_config: Path, arguments: list[str], complaint: str
) -> None:
    novacron("--config", local_config, "anchor", "hash", "cd" * 32)
    result = novacron("--config", local_config, *arguments, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert complaint in result.stderr


def test_errors_are_json_with_json(novacron: Run, local_config: Path) -> None:
    result = novacron("--json", "--config", local_config, "anchor", "hash", "abc", code=1)
    error = json.loads(result.stderr)["error"]
    assert error["type"] == "InvalidDigestError"
    assert "expected 64" in error["message"]


def test_wrong_usage_exits_with_two(novacron: Run) -> None:
    novacron("surprise", code=2)
    novacron("digest", code=2)
    novacron("log", "prove", "log.sqlite", "x", code=2)


def test_a_run_from_opening_to_proof(novacron: Run, json_of: Json, local_config: Path, model: Path) -> None:
    config = ("--config", local_config)
    novacron(*config, "run", "open", "run", "--model", "digits", "--config-json", '{"lr": 0.1}', "--anchor-every", 1)
    saved = json_of(*config, "run", "checkpoint", "run", model, "--epoch", 1, "--metric", "loss=0.5", "--metric", "n=3")
    assert saved["status"] == "anchored"
    assert saved["entry"]["metrics"] == {"loss": 0.5, "n": 3}
    novacron(*config, "run", "validation", "run", "--metric", "accuracy=nan", "--epoch", 1)
    status = json_of("run", "status", "run")
    assert (status["size"], status["sealed"], status["pending"]) == (3, False, False)
    assert json_of(*config, "run", "seal", "run")["anchor"]["sealed"]
    assert "sealed" in novacron(*config, "run", "checkpoint", "run", model, code=1).stderr
    novacron(*config, "proof", "make", "run", "--entry", 1, "-o", "one.novaproof.json")
    novacron(*config, "proof", "make", "run")
    assert Path("digits-3.novaproof.json").is_file()
    report = json_of(*config, "proof", "verify", "one.novaproof.json", "--artifact", model, "--complete")
    assert report["complete"]
    assert "valid: all" in novacron(*config, "proof", "verify", "one.novaproof.json", "--artifact", model).stdout
    assert json_of("proof", "verify", "one.novaproof.json", "--store", "chain.sqlite")["ok"]


def test_verifying_offline_says_what_was_not_checked(novacron: Run, local_config: Path, model: Path) -> None:
    novacron("--config", local_config, "run", "open", "run", "--model", "digits")
    novacron("--config", local_config, "run", "checkpoint", "run", model)
    novacron("--config", local_config, "run", "seal", "run")
    novacron("--config", local_config, "proof", "make", "run", "-o", "p.novaproof.json")
    output = novacron("proof", "verify", "p.novaproof.json").stdout
    assert "not checked" in output
    assert "valid as far as checked" in output
    novacron("proof", "verify", "p.novaproof.json", "--complete", code=1)
    (model / "weights.bin").write_bytes(b"Weights" * 100)
    output = novacron("proof", "verify", "p.novaproof.json", "--artifact", model, code=1).stdout
    assert "INVALID: 1 of" in output
    assert "weights.bin" in output


def test_a_damaged_proof_is_reported_and_not_exported(novacron: Run, json_of: Json, model: Path, folder: Path) -> None:
    novacron("run", "open", "run", "--model", "digits")
    novacron("run", "checkpoint", "run", model)
    novacron("proof", "make", "run", "-o", "p.novaproof.json")
    statement = json.loads(novacron("proof", "export-intoto", "p.novaproof.json").stdout)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    novacron("proof", "export-intoto", "p.novaproof.json", "-o", "statement.json")
    assert json.loads((folder / "statement.json").read_text()) == statement
    assert json_of("proof", "show", "p.novaproof.json")["kind"] == "run"
    document = json.loads((folder / "p.novaproof.json").read_text())
    document["log"]["root"] = "ab" * 32
    (folder / "bad.novaproof.json").write_text(json.dumps(document))
    report = json_of("proof", "verify", "bad.novaproof.json", code=1)
    assert [check["name"] for check in report["checks"] if check["status"] == "failed"] == ["inclusion"]
    assert "inclusion" in novacron("proof", "export-intoto", "bad.novaproof.json", code=1).stderr
    (folder / "cut.novaproof.json").write_text(json.dumps(document)[:200])
    assert not json_of("proof", "verify", "cut.novaproof.json", code=1)["ok"]


def test_a_run_without_a_client_is_anchored_by_reconcile(
    novacron: Run, json_of: Json, local_config: Path, model: Path
) -> None:
    novacron("run", "open", "run", "--model", "digits")
    assert json_of("run", "checkpoint", "run", model, "--epoch", 1)["status"] == "recorded"
    assert "no client is configured" in novacron("run", "reconcile", "run", code=1).stderr
    done = json_of("--config", local_config, "run", "reconcile", "run")
    assert (done["anchor"]["status"], done["anchored_size"]) == ("anchored", 2)


@pytest.mark.parametrize("metric", ["loss", "loss=", "loss=low", "=1", "loss=1e400"])
def test_a_malformed_metric_is_refused(novacron: Run, model: Path, metric: str) -> None:
    novacron("run", "open", "run", "--model", "digits")
    assert repr(metric) in novacron("run", "checkpoint", "run", model, "--metric", metric, code=1).stderr


def test_store_export_import_check(novacron: Run, json_of: Json, local_config: Path, folder: Path) -> None:
    config = ("--config", local_config)
    assert "does not exist" in novacron(*config, "store", "check", code=1).stderr
    novacron(*config, "anchor", "hash", "ab" * 32)
    assert json_of(*config, "store", "check")["blocks"] == 1
    novacron(*config, "store", "export", "export.json")
    assert json_of("store", "import", "export.json", "--path", "copy.sqlite")["blocks_added"] >= 1
    assert json_of("store", "check", "--path", "copy.sqlite") == json_of(*config, "store", "check")
    (folder / "export.json").write_text("{}")
    assert novacron("store", "import", "export.json", "--path", "copy.sqlite", code=1).stderr.startswith("error: ")


def test_markup_in_values_is_shown_not_obeyed(novacron: Run, local_config: Path) -> None:
    shown = novacron("--config", local_config, "anchor", "hash", "ab" * 32, "--metadata", '{"a": "[bold]x[/bold]"}')
    assert "[bold]x[/bold]" in shown.stdout


def test_output_to_a_pipe_is_plain_lines_with_whole_values(
    novacron: Run, json_of: Json, local_config: Path, folder: Path
) -> None:
    config = ("--config", local_config)
    lines = novacron(*config, "anchor", "hash", "ab" * 32).stdout.splitlines()
    record = json_of(*config, "anchor", "show", lines[0].removeprefix("id  "))
    assert lines[:2] == [f"id  {record['id']}", f"hash  {'ab' * 32}"]
    digests = [f"{number:064x}" for number in range(30)]
    (folder / "batch.txt").write_text("\n".join(digests))
    rows = novacron(*config, "anchor", "batch", "batch.txt").stdout.splitlines()
    assert rows[0] == "hash\tstatus\tid"
    assert [row.split("\t")[0] for row in rows[1:]] == digests


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_never_breaks_a_digest_but_wraps_text() -> None:
    shown = Terminal()
    console = Console(file=shown, width=60, force_terminal=True, color_system=None)
    identifier = "local:" + "ab" * 60
    facts("Record", {"id": identifier, "digest": b"\xcd" * 32, "none": None})(console)
    rows_table("Rows", ["id", "why"], [(identifier, "some words " * 30)])(console)
    rows_table("Empty", ["id"], [])(console)
    text = shown.getvalue()
    assert text.count(identifier) == 2
    assert "cd" * 32 in text
    assert "some words " * 30 not in text


def test_self_check_without_and_with_a_local_client(novacron: Run, json_of: Json, local_config: Path) -> None:
    assert "pass" in novacron("provenance", "test").stdout
    report = json_of("--config", local_config, "provenance", "test", "--blockchain")
    assert report["ok"]
    assert {check["name"]: check["result"] for check in report["checks"]} == {
        "record and prove": "pass",
        "configuration": "pass",
        "store": "pass",
        "store intact": "pass",
        "write and read": "pass",
    }
    report = json_of("--config", local_config, "provenance", "test", "--blockchain", "--no-write")
    assert report["checks"][-1] == {"name": "write and read", "result": "skip", "detail": "--no-write"}
    unconfigured = json_of("provenance", "test", "--blockchain", code=1)
    assert unconfigured["checks"][-1]["result"] == "fail"


def test_the_environment_configures_a_client(json_of: Json, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("NOVACRON_CLIENT", "local")
    monkeypatch.setenv("NOVACRON_STORE", str(folder / "store.sqlite"))
    assert json_of("anchor", "hash", "ab" * 32)["status"] == "confirmed"


def test_the_installed_command_runs_in_a_process_of_its_own(model: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "novacron.cli.main"]
    done = subprocess.run([*command, "--json", "digest", str(model)], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["root"] == build_manifest(model).root.hex()
    assert done.returncode == 0
    done = subprocess.run([*command, "digest", "nowhere"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    done = subprocess.run([*command, "surprise"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2


def test_files_that_cannot_be_opened_are_one_line(novacron: Run, folder: Path) -> None:
    novacron("log", "append", "log.sqlite", "one")
    novacron("log", "prove", "log.sqlite", 0, "-o", "proof.json")
    errors = novacron("log", "verify", "proof.json", "--file", "nowhere", code=1).stderr
    assert errors == "error: nowhere: No such file or directory\n"


def test_help_of_every_command_is_there(novacron: Run) -> None:
    from novacron.cli.main import cli

    for name, command in cli.commands.items():
        novacron(name, "--help")
        for sub in getattr(command, "commands", {}):
            assert novacron(name, sub, "--help").stdout.startswith("Usage:")


def test_an_unreadable_configuration_is_one_line(novacron: Run, folder: Path) -> None:
    (folder / "bad.toml").write_text("kind = ")
    assert "no TOML" in novacron("--config", "bad.toml", "anchor", "pending", code=1).stderr
    (folder / "secret.toml").write_text('rpc_urls = ["http://x"]\nprivate_key = "0x1234567890abcdef"\n')
    errors = novacron("--config", "secret.toml", "anchor", "pending", code=1).stderr
    assert "0x1234567890abcdef" not in errors
    assert os.linesep not in errors.rstrip()


@pytest.mark.parametrize("name", ["nope.json", "nope.toml"])
def test_a_configuration_that_is_not_there_or_garbage_is_named(novacron: Run, folder: Path, name: str) -> None:
    assert f"{name}: no such file" in novacron("--config", name, "anchor", "pending", code=1).stderr
    (folder / name).write_bytes(b"\xff garbage")
    errors = novacron("--config", name, "anchor", "pending", code=1).stderr
    assert f"{name} is no " in errors
    assert "rpc_urls" not in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["anchor", "pending"],
        ["anchor", "reconcile"],
        ["anchor", "show", "x"],
        ["anchor", "verify", "ab" * 32, "x"],
        ["anchor", "proof", "x"],
        ["store", "check"],
        ["store", "export", "out.json"],
        ["proof", "make", "."],
    ],
)
def test_reading_a_store_that_is_not_there_is_refused_and_creates_nothing(
    novacron: Run, folder: Path, arguments: list[str]
) -> None:
    (folder / "typo.toml").write_text('kind = "local"\nstore = "typo/chain.sqlite"\n')
    errors = novacron("--config", "typo.toml", *arguments, code=1).stderr
    assert "typo/chain.sqlite: there is no store here" in errors
    assert [path.name for path in folder.iterdir()] == ["typo.toml"]


def test_the_self_check_that_may_not_write_creates_no_store(
    novacron: Run, json_of: Json, local_config: Path, folder: Path
) -> None:
    report = json_of("--config", local_config, "provenance", "test", "--blockchain", "--no-write", code=1)
    assert "there is no store here" in json.dumps(report)
    assert [path.name for path in folder.iterdir()] == [local_config.name]
    novacron("--config", local_config, "anchor", "hash", "ab" * 32)
    report = json_of("--config", local_config, "provenance", "test", "--blockchain", "--no-write")
    assert "1 block replayed" in json.dumps(report)


def test_a_failed_import_leaves_no_store_behind(novacron: Run, folder: Path) -> None:
    for text in ("garbage", "{}"):
        (folder / "bad.json").write_text(text)
        novacron("store", "import", "bad.json", "--path", "new/new.sqlite", code=1)
        assert [path.name for path in folder.iterdir()] == ["bad.json"]
