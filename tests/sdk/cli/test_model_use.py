"""`novacron model`: packages, likeness, evaluations, exports, policies, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from novacron.provenance.manifest import build_manifest
from novacron.quantum.keystore import KeyStore
from tests.support.clients import dead_url
from tests.support.model_cli import Json, Run
from tests.support.model_cli import answer as answer
from tests.support.model_cli import command as command
from tests.support.model_cli import digest as digest
from tests.support.model_cli import folder as folder
from tests.support.model_cli import released as released
from tests.support.model_cli import stock as stock
from tests.support.model_cli import world as world
from tests.support.model_world import (
    CERTIFIER,
    OTHER,
    RELEASER,
    ModelWorld,
)
from tests.support.model_world import built as built


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
            world.pass_hour()
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
    answer("register", digest.hex(), "--version", "3.0.0", account=RELEASER)
    assert "none is registered" in command(*asked).stdout
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


def test_an_evaluation_is_the_evidence_of_a_certificate_and_goes_into_the_exports(
    world: ModelWorld, command: Run, answer: Json, folder: Path, released: bytes
) -> None:
    (folder / "mycode.py").write_text(
        "def load(path):\n    assert (path / 'config.json').exists()\n    return lambda inputs: inputs[:, 0] > 0\n"
        "def fit(inputs, labels):\n    return lambda others: others[:, 0] > 0\nnothing = 7\n"
    )
    values = np.linspace(-1, 1, 40).reshape(40, 1)
    np.savez(folder / "data.npz", inputs=values, labels=(values[:, 0] > 0).astype(int))
    words = ("evaluate", "model", "--load", "mycode:load", "--data", "data.npz")
    made = answer(*words, "--fit", "mycode:fit", "-o", "evaluation.json")
    assert (made["accuracy"], made["cross_validation"]["mean"], made["examples"]) == (1, 1, 8)
    certified = answer(
        "certify", released.hex(), "--until", "+1 day", "--evidence", "evaluation.json", account=CERTIFIER
    )
    assert certified["evidence"] == made["evidence"] == answer("show", released.hex())["certificate"]["evidence"]
    answer("export", "mlflow", released.hex(), "--evaluation", "evaluation.json", "-o", "tags.json")
    assert "1.2.0" in json.loads((folder / "tags.json").read_text()).values()
    answer("export", "ml-bom", released.hex(), "--model", "model", "-o", "bom.json")
    assert json.loads((folder / "bom.json").read_text())["specVersion"] == "1.6"
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(key)
    answer("export", "bundle", released.hex(), "--model", "model", "--signing-key", "key.pem", "-o", "model.sig")
    assert "dsseEnvelope" in json.loads((folder / "model.sig").read_text())
    np.savez(folder / "objects.npz", inputs=np.array([{}], dtype=object), labels=[1])
    (folder / "model" / "config.json").write_text("other")
    for wrong, message in (
        (("export", "ml-bom", released.hex(), "--model", "model", "-o", "x"), released.hex()),
        (("export", "mlflow", released.hex(), "--evaluation", "tags.json", "-o", "x"), "is no evaluation"),
        ((*words[:3], "mycode", *words[4:], "-o", "x"), "write MODULE:FUNCTION"),
        ((*words[:3], "mycode:nothing", *words[4:], "-o", "x"), "is no function"),
        ((*words[:3], "mycode:other", *words[4:], "-o", "x"), "has no attribute 'other'"),
        ((*words[:3], "yourcode:load", *words[4:], "-o", "x"), "No module named 'yourcode'"),
        ((*words[:5], "objects.npz", "-o", "x"), "without objects"),
        ((*words[:5], "tags.json", "-o", "x"), "an .npz file"),
    ):
        assert message in command(*wrong, code=1).stderr
    assert (
        "give --model PATH and --signing-key" in command("export", "bundle", released.hex(), "-o", "x", code=2).stderr
    )
    assert not (folder / "x").exists()


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
        (("show", f"{world.accounts[OTHER]}/resnet50@champion"), "there is no name 0x"),
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
        (("certify", released.hex(), "--until", "+1 day", "--evidence", "none.pdf"), "is no file, and not the 64"),
        (("revoke", released.hex(), "--reason", ""), "a reason has 1 to 256 bytes"),
        (("name", "create", "ResNet"), "1 to 63 of a-z"),
    ):
        assert message in command(*words, account=RELEASER, code=1).stderr
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == count
    unknown = ("register", "44" * 32, "--version", "1.0.0", "--parent", f"base={'33' * 32}")
    assert "no model 0x3333" in command(*unknown, account=RELEASER, code=1).stderr
    misspelt = ("fetch", released.hex(), "new", "--key", "mine", "--store", "nostore")
    assert "there is no store at nostore: is it misspelt?" in command(*misspelt, code=1).stderr
    assert not (folder / "nostore").exists()
    monkeypatch.delenv("NOVACRON_MODEL_STORE")
    assert "where are the packages?" in command("put", "model", "--to", "mine", code=1).stderr
    as_json = command("show", "0x1234", code=1, as_json=True)
    assert json.loads(as_json.stderr)["error"]["type"] == "InvalidReferenceError"
