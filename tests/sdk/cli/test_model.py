"""`novacron model` from end to end: released by one account, certified by another, consumed without a key."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

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
from tests.support.clients import dead_url
from tests.support.model_world import (
    CERTIFIER,
    DAY,
    OTHER,
    RELEASER,
    ModelWorld,
    digest_of,
)
from tests.support.model_world import built as built  # the fixture

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


def test_a_model_from_its_registration_to_the_refusal_of_its_descendants(
    world: ModelWorld, command: Run, answer: Json, folder: Path, digest: bytes
) -> None:
    world.released("base", "0.9.0")
    run, key, who = world.sealed_run(digest), world.verify(digest), world.accounts[RELEASER]
    registered = answer(
        *("register", "model", "--version", "1.2.0", "--metadata", '{"task": "vision"}'),
        *("--parent", f"fine-tune={digest_of('base').hex()}", "--dataset", folder / "model" / "config.json"),
        *("--run", run.hex(), "--signed-by", key.hex(), "--vector", "22" * 32),
        account=RELEASER,
    )
    assert (registered["model"], registered["existed"]) == (f"0x{digest.hex()}", False)
    published = answer("publish", "resnet50", digest.hex(), account=RELEASER)
    assert (published["name"], published["version"]) == (f"{who}/resnet50", "1.2.0")
    moved = answer("alias", "set", "resnet50@champion", "resnet50/1.2.0", account=RELEASER)
    assert (moved["model"], moved["before"]) == (f"0x{digest.hex()}", None)
    champion = f"{who}/resnet50@champion"
    refused = command("fetch", champion, "out", "--key", "mine", code=1).stderr
    assert f"error: {champion} is refused: 0x{digest.hex()} is not certified" in refused
    assert not (folder / "out").exists()
    certified = answer("certify", champion, "--until", "+90 days", "--evidence", "model/config.json", account=CERTIFIER)
    assert certified["expires_at"] - world.now() in range(90 * DAY - 60, 90 * DAY + 1)
    fetched = answer("fetch", champion, "out", "--key", "mine", "--signed", "--run", "--names")
    assert (fetched["passed"], fetched["names_bound"], fetched["files"]) == (True, True, 2)
    assert (folder / "out" / "weights.safetensors").read_bytes() == bytes(range(256)) * 9
    assert answer("verify", "out", champion)["verdict"] == "valid"
    assert answer("check", champion)["passed"]
    answer("revoke", digest_of("base").hex(), "--reason", "poisoned", account=CERTIFIER)
    after = command("fetch", champion, "more", "--key", "mine", code=1).stderr
    assert f"descends from 0x{digest_of('base').hex()} 0.9.0, its parent, which is revoked since" in after
    assert "(poisoned)" in after
    assert not (folder / "more").exists()
    assert [one["code"] for one in answer("check", champion, code=1)["objections"]] == ["ancestor-revoked"]


def test_registering_again_says_that_it_is_there(world: ModelWorld, command: Run, answer: Json, digest: bytes) -> None:
    words = ("register", digest.hex(), "--version", "1.0.0")
    answer(*words, account=RELEASER)
    count = world.w3.eth.get_transaction_count(world.accounts[RELEASER])
    assert answer(*words, account=RELEASER)["existed"]
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == count
    other = command(*words[:-1], "2.0.0", account=RELEASER, code=1).stderr
    assert "registered by this account already, with another version" in other
    assert "it stays theirs" in command(*words, account=OTHER, code=1).stderr


def test_without_a_commitment_it_is_provisional(command: Run, answer: Json) -> None:
    shown = answer("register", "11" * 32, "--version", "1.0.0", "--no-commit", account=RELEASER)
    assert shown["final_at"] > 0
    assert "provisional until" in command("check", "11" * 32, "--uncertified", code=1).stdout


def test_what_is_shown_of_a_model(world: ModelWorld, command: Run, answer: Json, released: bytes) -> None:
    shown = answer("show", released.hex())
    assert (shown["version"], shown["verdict"], shown["culprit"]) == ("1.2.0", "deployable", None)
    assert json.loads(shown["metadata"])["task"] == "vision"
    assert shown["lineage"]["parents"] == [{"model": f"0x{digest_of('base').hex()}", "relation": "fine-tune"}]
    world.send(world.registry, "revokeModel", digest_of("base"), "bad \x1b[31m", sender=CERTIFIER)
    text = command("show", released.hex()).stdout
    assert f"verdict  ancestor-revoked: 0x{digest_of('base').hex()}" in text
    assert f"made from  fine-tune 0x{digest_of('base').hex()}" in text
    assert "reason  bad \\u001b[31m" in command("show", digest_of("base").hex()).stdout


def test_owners_hand_over_and_move_stages(world: ModelWorld, command: Run, answer: Json, released: bytes) -> None:
    assert answer("stage", released.hex(), "Production", account=RELEASER)["stage"] == "production"
    assert answer("check", released.hex(), "--stage", "production")["passed"]
    assert (
        "in stage production; the policy wants staging"
        in command("check", released.hex(), "--stage", "staging", code=1).stdout
    )
    answer("transfer", released.hex(), "--to", world.accounts[OTHER], account=RELEASER)
    assert answer("show", released.hex())["pending_owner"] == world.accounts[OTHER]
    answer("transfer", released.hex(), "--withdraw", account=RELEASER)
    assert "was not offered" in command("accept", released.hex(), account=OTHER, code=1).stderr
    answer("transfer", released.hex(), "--to", world.accounts[OTHER], account=RELEASER)
    assert answer("accept", released.hex(), account=OTHER)["owner"] == world.accounts[OTHER]
    assert "give --to ADDRESS, or --withdraw" in command("transfer", released.hex(), account=OTHER, code=2).stderr


def test_a_certificate_is_revoked_without_the_model(command: Run, answer: Json, released: bytes) -> None:
    answer("revoke", released.hex(), "--reason", "a mistake", "--certificate", account=CERTIFIER)
    shown = answer("show", released.hex())
    assert (shown["verdict"], shown["revoked_at"]) == ("not-certified", None)
    assert shown["certificate"]["revoked_at"] > 0
    command("check", released.hex(), "--uncertified")
    assert (
        "has not the role"
        in command(
            "certify", released.hex(), "--until", "+1 day", "--evidence", "11" * 32, account=OTHER, code=1
        ).stderr
    )


def test_names_aliases_and_their_history(world: ModelWorld, command: Run, answer: Json, released: bytes) -> None:
    who = world.accounts[RELEASER]
    answer("name", "create", "resnet50", account=RELEASER)
    answer("publish", "resnet50", released.hex(), account=RELEASER)
    answer("alias", "set", "resnet50@champion", released.hex(), account=RELEASER)
    then = world.now()
    world.next_block_at(then + 50)
    late = command(
        *("alias", "set", "resnet50@champion", released.hex(), "--from", "none"), account=RELEASER, code=1
    ).stderr
    assert f"has been moved meanwhile and points to 0x{released.hex()}" in late
    assert answer("alias", "remove", "resnet50@champion", account=RELEASER)["before"] == f"0x{released.hex()}"
    assert "points to nothing" in command("alias", "show", f"{who}/resnet50@champion", code=1).stderr
    world.next_block_at(then + 100)
    was = answer("alias", "show", f"{who}/resnet50@champion", "--at", then + 10)
    assert (was["model"], was["version"]) == (f"0x{released.hex()}", "1.2.0")
    moves = answer("alias", "history", f"{who}/resnet50@champion")
    assert [one["model"] for one in moves] == [f"0x{released.hex()}", None]
    answer("alias", "freeze", "resnet50@champion", account=RELEASER)
    answer("name", "freeze", "resnet50", account=RELEASER)
    answer("name", "transfer", "resnet50", "--to", world.accounts[OTHER], account=RELEASER)
    answer("name", "accept", "resnet50", "--publisher", who, account=OTHER)
    shown = answer("name", "show", f"{who}/resnet50")
    assert (shown["owner"], shown["frozen"]) == (world.accounts[OTHER], True)
    assert shown["versions"] == [{"version": "1.2.0", "model": f"0x{released.hex()}"}]
    assert shown["aliases"] == [{"alias": "champion", "model": None, "frozen": True}]
    assert [one["name"] for one in answer("name", "list", who)] == [f"{who}/resnet50"]
    assert "1.2.0\t0x" in command("name", "show", "resnet50", "--publisher", who).stdout


def test_the_lineage_as_text_data_and_picture(world: ModelWorld, command: Run, answer: Json, released: bytes) -> None:
    text = command("lineage", released.hex(), "--svg", "lineage.svg").stdout
    assert f"└─ fine-tune 0x{digest_of('base').hex()} 0.9.0" in text
    assert "drawn in lineage.svg" in text
    assert "Lineage of" in (ElementTree.parse("lineage.svg").getroot()[0].text or "")
    data = answer("lineage", released.hex())
    assert [one["version"] for one in data["nodes"]] == ["1.2.0", "0.9.0"]


def test_packages_are_put_and_re_keyed(command: Run, answer: Json, folder: Path, released: bytes) -> None:
    public = folder / "another.json"
    entry = KeyStore(folder / "keys").entry("another")
    public.write_text(json.dumps(entry.to_dict()))
    raw = folder / "another.pub"
    raw.write_bytes(entry.public_key)
    assert answer("put", "model", "--to", "mine")["model"] == f"0x{released.hex()}"
    assert "re-key it" in command("put", "model", "--to", public, code=1).stderr
    both = answer("rekey", released.hex(), "--to", "mine", "--to", raw, "--key", "mine")
    assert len(both["recipients"]) == 2
    command("fetch", released.hex(), "out", "--key", "another")
    answer("rekey", released.hex(), "--to", public, "--key", "mine")
    assert "mine" not in command("fetch", released.hex(), "more", "--key", "mine", code=1).stdout
    assert not (folder / "more").exists()
    for words, message in (
        (("put", "model", "--to", "signer"), "packages are sealed for keys of ML-KEM-1024"),
        (("put", "model", "--to", "model/config.json"), "holds no public key of ML-KEM-1024"),
        (("put", "model", "--to", "nobody"), "has no key nobody"),
        (("put", "nothing", "--to", "mine"), "nothing"),
        (("fetch", released.hex(), "more", "--key", "signer"), "decrypts nothing"),
    ):
        assert message in command(*words, code=1).stderr


def test_models_are_found_by_likeness_and_compared_with_the_chain(
    world: ModelWorld, command: Run, answer: Json, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOVACRON_MODEL_INDEX", str(folder / "index"))
    assert answer("search", "model", "--embedding", _vector(folder, "asked", 1, 0))["matches"] == []
    for number, (x, y) in enumerate(((1, 0.1), (1, 0.5), (0, 1), (-1, 0))):
        source = folder / f"model{number}"
        source.mkdir()
        (source / "weights").write_bytes(bytes([number]))
        vector = _vector(folder, str(number), x, y)
        digest = build_manifest(source).root
        made = answer("index", "add", source, "--embedding", vector)
        assert made["models"] == number + 1
        registered = answer("embed", source, "--embedding", vector)["vector_hash"]
        if number < 3:  # the last one is not registered, the first one with another embedding
            words = ("--vector", "77" * 32 if number == 0 else registered)
            answer("register", digest.hex(), "--version", f"{number}.0.0", *words, account=RELEASER)
            world.certify(digest)
    asked = ("search", "model", "--embedding", _vector(folder, "asked", 1, 0))
    found = answer(*asked)["matches"]
    assert [(one["version"], one["bound"], one["verdict"]) for one in found] == [
        ("0.0.0", False, "deployable"),
        ("1.0.0", True, "deployable"),
        ("2.0.0", True, "deployable"),
        (None, False, "unknown"),
    ]
    assert found[0]["similarity"] == pytest.approx(1 / 1.01**0.5, abs=1e-4)
    assert [one["version"] for one in answer(*asked, "--deployable", "-k", 1)["matches"]] == ["1.0.0"]
    lines = command(*asked, "-k", 2).stdout
    assert "NOT the registered one" in lines
    assert "1.0.0\tdeployable\tregistered" in lines
    answer("index", "remove", found[0]["model"])
    assert len(answer(*asked)["matches"]) == 3
    for words, message in (
        (("index", "remove", found[0]["model"]), "the index has no model"),
        (("search", "model"), "it is damaged"),
        (("search", "model", "--embedding", _vector(folder, "long", 1, 2, 3)), "vectors of 2 numbers"),
        (("search", "model", "--embedding", "model/config.json"), "no list of numbers"),
    ):
        assert message in command(*words, code=1).stderr


def _vector(folder: Path, name: str, *numbers: float) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(numbers))
    return path


def test_files_are_verified_and_what_is_wrong_is_marked(
    world: ModelWorld, command: Run, folder: Path, released: bytes
) -> None:
    assert "certificate\tpassed" in command("verify", "model").stdout
    (folder / "model" / "config.json").write_text("{ }")
    changed = command("verify", "model", released.hex(), code=1).stdout
    assert "identity\tFAILED" in changed
    assert "verdict\tinvalid" in changed
    assert "registered\tFAILED" in command("verify", "model", code=1).stdout


def test_a_policy_file_gates_and_fails_closed(
    world: ModelWorld, command: Run, answer: Json, folder: Path, released: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = folder / "policy.toml"
    policy.write_text(f'[policy]\nstages = ["staging", "production"]\nowners = ["{world.accounts[RELEASER]}"]\n')
    monkeypatch.setenv("NOVACRON_MODEL_POLICY", str(policy))
    assert [one["code"] for one in answer("check", released.hex(), code=1)["objections"]] == ["stage"]
    answer("stage", released.hex(), "production", account=RELEASER)
    assert answer("check", released.hex())["passed"]
    assert command("check", released.hex(), "--stage", "staging", code=1).exit_code == 1
    assert "nothing could pass" in command("check", released.hex(), "--stage", "archived", code=2).stderr
    assert "cannot take of it away" in command("check", released.hex(), "--uncertified", code=2).stderr
    policy.write_text("signd = true\n")
    assert "unknown member 'signd'" in command("check", released.hex(), code=1).stderr
    policy.unlink()
    assert "No such file" in command("fetch", released.hex(), "out", "--key", "mine", code=1).stderr
    assert not (folder / "out").exists()


def test_no_chain_is_no_permission(
    world: ModelWorld, command: Run, folder: Path, released: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOVACRON_RPC_URLS", dead_url())
    monkeypatch.setattr("novacron.chain.endpoints.time.sleep", lambda _: None)
    for words in (("check", released.hex()), ("fetch", released.hex(), "out", "--key", "mine"), ("verify", "model")):
        assert "no RPC endpoint answers" in command(*words, code=1).stderr
    assert not (folder / "out").exists()


def test_bad_input_is_one_line_that_says_what_to_write(
    world: ModelWorld, command: Run, folder: Path, released: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = world.w3.eth.get_transaction_count(world.accounts[RELEASER])
    for words, message in (
        (("show", "resnet50"), "does not say which of them"),
        (("show", "resnet50@champion"), "does not say whose: write publisher/resnet50@champion"),
        (("show", "0x1234"), "has 4 hexadecimal digits"),
        (("show", "33" * 32), "no model 0x3333"),
        (("show", f"{world.accounts[OTHER]}/resnet50@champion"), "there is no such name"),
        (("lineage", released.hex(), "--at", "2026-12-01"), "say the time zone"),
        (("alias", "show", f"{world.accounts[OTHER]}/x@y", "--at", "+1 day"), "write a time that is over"),
        (("fetch", released.hex(), "model", "--key", "mine"), "model is there already"),
    ):
        error = command(*words, code=1).stderr
        assert message in error
        assert error.count("\n") == 1
    for words, message in (
        (("register", "nowhere", "--version", "1.0.0"), "is no file or folder"),
        (("register", "model", "--version", "1.0"), "Semantic Versioning"),
        (("register", "model", "--version", "1.0.0", "--metadata", "[]"), "metadata is a JSON object"),
        (("register", "model", "--version", "1.0.0", "--parent", "33" * 32), "write RELATION=REFERENCE"),
        (("register", "model", "--version", "1.0.0", "--parent", f"uncle={'33' * 32}"), "'uncle' is none of base"),
        (("register", "44" * 32, "--version", "1.0.0", "--parent", f"base={'33' * 32}"), "no model 0x3333"),
        (("certify", released.hex(), "--until", "+1 day", "--evidence", "none.pdf"), "is no file, and not the 64"),
        (("revoke", released.hex(), "--reason", ""), "a reason has 1 to 256 bytes"),
        (("name", "create", "ResNet"), "1 to 63 of a-z"),
    ):
        assert message in command(*words, account=RELEASER, code=1).stderr
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == count
    monkeypatch.delenv("NOVACRON_MODEL_STORE")
    assert "where are the packages?" in command("put", "model", "--to", "mine", code=1).stderr
    as_json = command("show", "0x1234", code=1, as_json=True)
    assert json.loads(as_json.stderr)["error"]["type"] == "InvalidReferenceError"
