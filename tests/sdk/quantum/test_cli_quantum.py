"""`novacron quantum` from the first key to the last revocation, with the root on this machine and without a network."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from novacron.cli.main import cli
from novacron.provenance.manifest import build_manifest
from novacron.quantum import RecipientKey, SigningKey
from novacron.quantum.keyfile import KdfCost
from novacron.quantum.keystore import KeyStore
from tests.sdk.quantum.world import DAY, OPERATOR, OTHER, ROOT_SEED, QuantumWorld

WORD = "correct horse battery"
Run = Callable[..., Result]
Json = Callable[..., Any]
DATUM = "da" * 32


@pytest.fixture
def command(world: QuantumWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as the operator, in a folder with the world's manifest; a traceback fails the test."""
    for name in list(os.environ):
        if name.startswith("NOVACRON_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "anvil-local"
    folder.mkdir()
    (folder / "manifest.json").write_text(world.manifest.read_text())
    monkeypatch.setenv("NOVACRON_RPC_URLS", world.node.url)
    monkeypatch.setenv("NOVACRON_MANIFEST", str(folder / "manifest.json"))
    monkeypatch.setenv("NOVACRON_QUANTUM_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("NOVACRON_QUANTUM_PASSPHRASE", WORD)
    monkeypatch.setattr("novacron.quantum.keystore.KdfCost", lambda: KdfCost(memory_kib=8, passes=1, lanes=1))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, code: int = 0, account: int = OPERATOR, stdin: str | None = None) -> Result:
        monkeypatch.setenv("NOVACRON_PRIVATE_KEY", world.private_keys[account])
        result = CliRunner(mix_stderr=False).invoke(cli, [str(one) for one in arguments], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stdout + result.stderr
        assert WORD not in result.stdout + result.stderr
        return result

    return run


@pytest.fixture
def answer(command: Run) -> Json:
    """Run `novacron --json quantum …` and parse what it prints."""

    def run(*arguments: object, **options: Any) -> Any:
        return json.loads(command("--json", "quantum", *arguments, **options).stdout)

    return run


@pytest.fixture
def root(world: QuantumWorld, tmp_path: Path, command: Run) -> str:
    """The world's root in the store; returns its id."""
    store = KeyStore(tmp_path / "keys", cost=KdfCost(memory_kib=8, passes=1, lanes=1))
    store.add("root", SigningKey.from_seed(world.root.scheme, ROOT_SEED), WORD, lifetime=None)
    return world.root_id.hex()


def test_from_the_first_key_to_its_revocation(command: Run, answer: Json, root: str, tmp_path: Path) -> None:
    made = answer("key", "new", "release", "--algorithm", "ml-dsa-44", "--days", 30)
    assert made["expires"] - made["created"] == 30 * DAY
    assert "is not registered, or half" in command(
        "quantum", "key", "authorize", "release", "--root", "root", code=1
    ).stderr  # fmt: skip
    assert len(answer("key", "register", "release")["transactions"]) == 1
    assert answer("key", "register", "--id", made["onchain"])["transactions"] == []
    authorised = answer("key", "authorize", "release", "--root", "root")
    assert (authorised["root"], authorised["valid_until"]) == (root, made["expires"])
    shown = command("quantum", "key", "show", "release", "--chain", "--root", "root").stdout
    assert "registered  yes" in shown
    assert "may sign now  yes" in shown
    assert answer("key", "show", "root", "--chain")["chain"]["record"]["root"] is None

    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    (signed,) = answer("sign", model, "--key", "release", "--root", "root")
    assert signed["digest"] == build_manifest(model).root.hex()
    (again,) = answer("sign", signed["digest"], "--key", "release", "--root", root)
    assert again["transaction"] is None
    assert "yes" in command("quantum", "verify", model).stdout
    for name in (("release", "--root", "root"), (authorised["id"],)):
        assert answer("verify", model, "--key", *name)["verified"]
    assert not answer("verify", model, "--key", "11" * 32, code=1)["verified"]
    assert "no: nobody signed it" in command("quantum", "verify", DATUM, code=1).stdout
    assert "did not sign it" in command("quantum", "verify", DATUM, "--key", authorised["id"], code=1).stdout

    revoked = answer("key", "revoke", "release", "--root", "root", "--since", signed["timestamp"], "--reason", "stolen")
    assert revoked["revoked_since"] == signed["timestamp"]
    assert "no: the key is revoked" in command("quantum", "verify", model, code=1).stdout
    assert "it is not authorised again" in command(
        "quantum", "key", "authorize", "release", "--root", "root", code=1
    ).stderr  # fmt: skip
    assert "is revoked as of" in command(
        "quantum", "sign", DATUM, "--key", "release", "--root", "root", code=1
    ).stderr  # fmt: skip


def test_a_root_without_a_network(
    command: Run, answer: Json, tmp_path: Path, world: QuantumWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = ("--keys", tmp_path / "away")
    domain = ("--chain-id", 31_337, "--contract", world.verification.address)
    with monkeypatch.context() as offline:
        offline.delenv("NOVACRON_RPC_URLS")
        answer("key", "new", "cold", "--algorithm", "ML-DSA-44", "--no-expiry", *away)
        enrolled = answer("key", "enrol", "cold", *domain, "--output", "enrolment.json", *away)
        assert enrolled["signs"] == "RootEnrolment"
    assert "is not registered" in command("quantum", "key", "submit", "enrolment.json", code=1).stderr
    root = answer("key", "submit", "enrolment.json", "--register")["id"]

    answer("key", "new", "hot", "--algorithm", "SLH-DSA-SHA2-128s")
    assert "is no key of this store" in command(
        "quantum", "key", "authorize", "hot", "--root", root, code=1
    ).stderr  # fmt: skip
    asked = answer("key", "authorize", "hot", "--root", root, "--until", "+10 days", "--output", "request.json")
    assert asked["root"] == "0x" + root
    with monkeypatch.context() as offline:
        offline.delenv("NOVACRON_RPC_URLS")
        refused = command(
            "quantum", "key", "approve", "request.json", "--key", "cold", "-o", "no.json", *away, code=1, stdin="n\n"
        )
        assert "signs  KeyAuthorization" in refused.stdout
        assert "it was not signed" in refused.stderr
        assert not (tmp_path / "no.json").exists()
        answer("key", "approve", "request.json", "--key", "cold", "-o", "signed.json", "--yes", *away)
    hot = answer("key", "submit", "signed.json", account=OTHER)
    assert (hot["root"], hot["account"]) == (root, None)
    assert answer("key", "submit", "signed.json")["transaction"] is None

    answer("key", "rotate", "hot", "hotter")
    rotate = ("hotter", "--root", root, "--replaces", "hot", "--until", "+10 days", "-o", "second.json")
    answer("key", "authorize", *rotate)
    answer("key", "approve", "second.json", "--key", "cold", "-o", "second.signed.json", "--yes", *away)
    answer("key", "submit", "second.signed.json")
    assert not answer("key", "show", "hot", "--chain", "--root", root)["chain"]["valid"]
    assert answer("key", "show", "hotter", "--chain", "--root", root)["chain"]["valid"]

    answer("key", "revoke", "hotter", "--root", root, "-o", "revoke.json", "--reason", "lost")
    shown = command("quantum", "key", "approve", "revoke.json", "--key", "cold", "-o", "r.json", *away, stdin="y\n")
    assert "reason  lost" in shown.stdout
    assert answer("key", "submit", "r.json")["revoked_since"]


def test_an_approval_of_another_roots_request_is_refused(
    command: Run, answer: Json, root: str, world: QuantumWorld, tmp_path: Path
) -> None:
    answer("key", "new", "other", "--algorithm", "ML-DSA-44")
    answer("key", "authorize", "other", "--root", root, "-o", "request.json")
    approve = ("quantum", "key", "approve", "request.json", "--key", "other", "--yes", "-o", "x.json")
    assert f"this request is for root 0x{root}" in command(*approve, code=1).stderr
    assert "nobody is asked" in command("--json", *approve[:6], "-o", "x.json", code=2).stderr
    (tmp_path / "request.json").write_text("{}")
    assert "asks a root for none of" in command(*approve, code=1).stderr
    (tmp_path / "x.json").write_text("kept")
    again = ("quantum", "key", "revoke", "other", "--root", root, "-o", "x.json")
    assert "is there already" in command(*again, code=1).stderr
    assert (tmp_path / "x.json").read_text() == "kept"


def test_the_account_of_a_key_can_revoke_it_alone(command: Run, answer: Json, root: str, world: QuantumWorld) -> None:
    answer("key", "new", "bound", "--algorithm", "SLH-DSA-SHA2-128s")
    answer("key", "authorize", "bound", "--root", "root", "--account", world.accounts[OPERATOR])
    own = ("key", "revoke", "bound", "--root", root, "--own")
    assert f"only {world.accounts[OPERATOR]} may send" in command("quantum", *own, account=OTHER, code=1).stderr
    assert answer(*own)["revoked_since"]


def test_a_batch_is_proven_datum_by_datum(command: Run, answer: Json, root: str, world: QuantumWorld) -> None:
    store = KeyStore(os.environ["NOVACRON_QUANTUM_KEYS"], cost=KdfCost(memory_kib=8, passes=1, lanes=1))
    signer = world.working.signer
    assert isinstance(signer, SigningKey)
    store.add("working", signer, WORD)
    data = [f"{number:02x}" * 32 for number in range(1, 6)]
    signed = answer("sign", *data, "--key", "working", "--root", root, "--batch", "proofs.json")
    assert signed["size"] == 5
    key = ("--key", "working", "--root", "root")
    for datum in data:
        assert answer("verify", datum, *key, "--batch", "proofs.json")["verified"]
    assert "has no proof of" in command("quantum", "verify", DATUM, *key, "--batch", "proofs.json", code=1).stderr
    document = json.loads(Path("proofs.json").read_text())
    document["proofs"][0]["path"][0] = "00" * 32
    Path("proofs.json").write_text(json.dumps(document))
    assert not answer("verify", data[0], *key, "--batch", "proofs.json", code=1)["verified"]
    assert "is there already" in command(
        "quantum", "sign", *data, *key, "--batch", "proofs.json", code=1
    ).stderr  # fmt: skip


def test_keys_are_listed_with_what_became_of_them(command: Run, answer: Json) -> None:
    answer("key", "new", "master", "--algorithm", "master-seed")
    derived = answer("key", "new", "a", "--from", "master", "--path", "release/1", "--algorithm", "ML-DSA-65")
    again = answer("key", "new", "b", "--from", "master", "--path", "release/1", "--algorithm", "ML-DSA-65")
    assert derived["public_key"] == again["public_key"]
    assert derived["origin"] == "master:release/1"
    recipient = answer("key", "new", "inbox", "--algorithm", "ML-KEM-1024")
    assert recipient["expires"] is None
    RecipientKey(bytes.fromhex(answer("key", "show", "inbox")["public_key"]))
    answer("key", "rotate", "a", "c", "--days", 5)
    rows = {row.split("\t")[0]: row.split("\t")[1:3] for row in command("quantum", "key", "list").stdout.splitlines()}
    assert rows["a"] == ["ML-DSA-65", "replaced by c"]
    assert rows["c"] == ["ML-DSA-65", "in use"]
    assert {one["name"]: one["successor"] for one in answer("key", "list")}["a"] == "c"
    assert "signs nothing" in command("quantum", "key", "register", "inbox", code=1).stderr
    assert "has a key a already" in command("quantum", "key", "new", "a", code=1).stderr


def test_passphrases_come_from_a_file_or_the_environment_and_are_changed(
    command: Run, answer: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer("key", "new", "a", "--algorithm", "ML-DSA-44")
    (tmp_path / "word").write_text("another passphrase\n")
    monkeypatch.setenv("NEW", "a third passphrase")
    answer("key", "passphrase", "a", "--new-passphrase-env", "NEW")
    assert "wrong passphrase for key a" in command("quantum", "key", "rotate", "a", "b", code=1).stderr
    answer("key", "passphrase", "a", "--passphrase-env", "NEW", "--new-passphrase-file", tmp_path / "word")
    answer("key", "rotate", "a", "b", "--passphrase-file", tmp_path / "word")
    leaked = command("quantum", "key", "rotate", "b", "c", "--passphrase-env", "the passphrase itself", code=1)
    assert "must be the name of an environment variable" in leaked.stderr
    assert "the passphrase itself" not in leaked.stderr
    monkeypatch.delenv("NOVACRON_QUANTUM_PASSPHRASE")
    assert "NOVACRON_QUANTUM_PASSPHRASE is not set" in command("quantum", "key", "new", "d", code=1).stderr
    assert len(answer("key", "list")) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("key", "new", "x", "--from", "m"), "belong together"),
        (("key", "new", "x", "--days", "1", "--no-expiry"), "contradict"),
        (("key", "register"), "name a key"),
        (("key", "enrol", "x", "--chain-id", "1"), "give --chain-id, --contract and --output"),
        (("key", "revoke", "x", "--root", "11" * 32, "--own", "--since", "1"), "leave --since"),
        (("verify", DATUM, "--key", "x"), "needs --root"),
        (("verify", DATUM, "--batch", "x.json"), "needs --key"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(command: Run, arguments: tuple[str, ...], words: str) -> None:
    assert words in command("quantum", *arguments, code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "no/such/file"), "is no file or folder"),
        (("key", "show", "nothing"), "has no key nothing"),
        (("key", "new", "A B"), "is no key name"),
        (("key", "register", "--id", "22" * 32), "nobody began to register"),
        (("key", "revoke", "33" * 32, "--root", "11" * 32, "--reason", "x" * 33), "32 at most"),
        (("key", "submit", "nothing.json"), "cannot read"),
    ],
)
def test_mistakes_are_one_line(command: Run, arguments: tuple[str, ...], words: str) -> None:
    printed = command("quantum", *arguments, code=1).stderr
    assert words in printed
    assert printed.count("\n") == 1


def test_without_a_folder_the_commands_ask_for_one(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOVACRON_QUANTUM_KEYS")
    assert "where are your keys?" in command("quantum", "key", "list", code=1).stderr
