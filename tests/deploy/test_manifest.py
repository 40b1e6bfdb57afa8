"""The manifest file: round trip, refusal of malformed ones, and writing that is all or nothing."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.atomic import write_atomically
from novacron.deploy.git import git_state
from novacron.deploy.manifest import (
    Argument,
    CallRecord,
    DeploymentManifest,
    InstanceRecord,
    PlanRecord,
    load_manifest,
)
from novacron.deploy.published import Package
from novacron.exceptions import DeployError, StoreError, StoreFullError

WORD = "0x" + "ab" * 32
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
RECORD = InstanceRecord(
    instance="Reg",
    plan="p",
    contract="Registry",
    source="contracts/Registry.sol",
    address=ADDRESS,
    constructor_arguments=(Argument("owner", "address", ADDRESS),),
    encoded_arguments="0x" + "00" * 32,
    salt_label="p/Reg/1",
    salt=WORD,
    init_code_hash=WORD,
    compiler_version="0.8.37+commit.f401782d",
    compiler_input_hash="cd" * 32,
    compiler_input="Registry.standard-input.json",
    deployer=ADDRESS,
    adopted=False,
    transaction_hash=WORD,
    block_number=3,
    block_hash=WORD,
    git_commit="00" * 20,
    git_dirty=False,
    previous_addresses=(ADDRESS,),
)
CALL = CallRecord("set the limit", "p", "Reg", "setLimit(uint256)", "0x12345678", WORD, 4, WORD)
PACKAGE = Package("@safe-global/safe-smart-account", "1.5.0", "build/X.json", "ef" * 32)
MANIFEST = DeploymentManifest(
    "ethereum-sepolia", 11155111, WORD, {"Reg": RECORD}, (CALL,), {"p": PlanRecord({"deployer": ADDRESS}, {"quota": 5})}
)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        replace(RECORD, adopted=True, transaction_hash=None, block_number=None, block_hash=None),
        replace(RECORD, git_commit=None, git_dirty=None, previous_addresses=()),
        replace(RECORD, constructor_arguments=(Argument("xs", "uint256[]", ["1", str(2**255)]),)),
        replace(RECORD, salt=None, salt_label=None, creator=ADDRESS, creator_nonce=1),
        replace(RECORD, package=PACKAGE, compiler_input=None, compiler_input_hash=None),
        replace(RECORD, creation_call="0x1234", creator=ADDRESS, implementation="Impl"),
    ],
)
def test_what_is_written_is_read_back(tmp_path: Path, record: InstanceRecord) -> None:
    manifest = MANIFEST.with_record(record)
    manifest.save(tmp_path / "manifest.json")
    assert load_manifest(tmp_path / "manifest.json") == manifest
    assert manifest.address_of("Reg") == ADDRESS


def test_an_instance_that_is_not_deployed_is_named() -> None:
    with pytest.raises(DeployError, match="Vault is not deployed on ethereum-sepolia; the manifest has Reg"):
        MANIFEST.address_of("Vault")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "0x12"),
        ("salt", "0x" + "ab" * 31),
        ("salt", None),
        ("init_code_hash", WORD[:-1] + "g"),
        ("compiler_input_hash", WORD),
        ("compiler_input", "../../etc/passwd.json"),
        ("encoded_arguments", "0x0"),
        ("adopted", 1),
        ("block_number", -1),
        ("block_number", True),
        ("block_hash", "0x"),
        ("transaction_hash", 5),
        ("git_dirty", "no"),
        ("git_commit", 1),
        ("deployer", []),
        ("previous_addresses", ["x"]),
        ("constructor_arguments", [{"name": "x"}]),
        ("contract", 1),
        ("instance", "Other"),
        ("salt_label", None),
        ("compiler_input", None),
        ("creator", "0x12"),
        ("creator_nonce", -1),
        ("creator_nonce", True),
        ("creation_call", "12"),
        ("implementation", 5),
        ("package", {"name": "x"}),
        ("package", {"name": "x", "version": 1, "artifact": "x", "artifact_hash": "x"}),
    ],
)
def test_a_malformed_field_is_named(tmp_path: Path, field: str, value: Any) -> None:
    document = json.loads(MANIFEST.to_json())
    document["instances"]["Reg"][field] = value
    (tmp_path / "m.json").write_text(json.dumps(document))
    with pytest.raises(DeployError, match=field):
        load_manifest(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no deployment manifest"),
        ("[]", "no deployment manifest"),
        ('{"format": "other"}', "format"),
        ('{"format": "novacron-deployment-v1"}', "chain_id"),
        (MANIFEST.to_json()[:-40], "no deployment manifest"),
        (MANIFEST.to_json().replace('"chain_id": 11155111', '"chain_id": "11155111"'), "chain_id"),
        (MANIFEST.to_json().replace('"plan": "p"', '"plan": "p", "plan": "q"'), "plan appears twice"),
        (MANIFEST.to_json().replace('"plan": "p",', ""), "lacks plan"),
        (MANIFEST.to_json().replace('"plan": "p"', '"plan": "p", "key": "k"'), "unknown key"),
        (MANIFEST.to_json().replace(f'"genesis": "{WORD}"', '"genesis": "0x"'), "genesis"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(DeployError, match=message):
        load_manifest(tmp_path / "m.json")


def test_a_missing_manifest_says_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="deploy first"):
        load_manifest(tmp_path / "m.json")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "m.json"
    write_atomically(path, "old")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StoreFullError, match="nothing was written"):
            write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["m.json"]


def test_a_folder_that_is_missing_or_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("file", "missing"):
        with pytest.raises(StoreError, match=f"{folder}/m.json"):
            write_atomically(tmp_path / folder / "m.json", "x")


def _git(folder: Path, *arguments: str) -> None:
    import subprocess

    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_git_state_sees_changes_but_not_the_deployers_own(tmp_path: Path) -> None:
    assert git_state(tmp_path).commit is None
    _git(tmp_path, "init")
    assert git_state(tmp_path).commit is None  # no commit yet
    (tmp_path / "a").write_text("1")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "one")
    clean = git_state(tmp_path)
    assert clean.commit is not None
    assert len(clean.commit) == 40
    assert clean.dirty is False
    (tmp_path / "deployments" / "net").mkdir(parents=True)
    (tmp_path / "deployments" / "net" / "manifest.json").write_text("{}")
    assert git_state(tmp_path).dirty is False
    (tmp_path / "b").write_text("untracked counts")
    assert git_state(tmp_path).dirty is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calls": {}}, "calls must be a list"),
        ({"plans": []}, "plans an object"),
        ({"calls": [5]}, "call 0 is no object"),
        ({"calls": [{"label": "x"}]}, "call 0 lacks"),
        ({"plans": {"p": {"accounts": {"deployer": "x"}, "configuration": None}}}, "plan p: accounts"),
        ({"plans": {"p": {"accounts": {}, "configuration": 5}}}, "plan p: configuration"),
        ({"plans": {"p": {"accounts": {}}}}, "plan p lacks configuration"),
    ],
)
def test_malformed_calls_and_plans_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "m.json").write_text(json.dumps({**json.loads(MANIFEST.to_json()), **change}))
    with pytest.raises(DeployError, match=message):
        load_manifest(tmp_path / "m.json")


@pytest.mark.parametrize(("field", "value"), [("data", "0x1"), ("block_number", -1), ("block_hash", 5), ("label", 5)])
def test_a_malformed_call_names_its_field(tmp_path: Path, field: str, value: Any) -> None:
    document = json.loads(MANIFEST.to_json())
    document["calls"][0][field] = value
    (tmp_path / "m.json").write_text(json.dumps(document))
    with pytest.raises(DeployError, match=f"call 0: {field}"):
        load_manifest(tmp_path / "m.json")


def test_a_manifest_of_the_first_format_is_read(tmp_path: Path) -> None:
    document = json.loads(replace(MANIFEST, calls=(), plans={}).to_json())
    document["format"] = "novacron-deployment-v1"
    for name in ("calls", "plans"):
        del document[name]
    for name in ("implementation", "creator", "creator_nonce", "creation_call", "package"):
        del document["instances"]["Reg"][name]
    (tmp_path / "m.json").write_text(json.dumps(document))
    manifest = load_manifest(tmp_path / "m.json")
    assert manifest == replace(MANIFEST, calls=(), plans={})
    manifest.save(tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["format"] == "novacron-deployment-v2"


def test_a_call_is_replaced_in_its_place() -> None:
    other = replace(CALL, label="other")
    both = MANIFEST.with_call(other)
    assert both.calls == (CALL, other)
    changed = both.with_call(replace(CALL, data="0x"))
    assert [(call.label, call.data) for call in changed.calls] == [("set the limit", "0x"), ("other", other.data)]
    assert changed.call("p", "other") == other
    assert changed.call("q", "other") is None
