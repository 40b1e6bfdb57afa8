"""Signers: three sources, one rule: the key never shows."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account import Account
from eth_keys.backends import get_backend
from eth_keys.backends.coincurve import CoinCurveECCBackend

from novacron.chain import (
    Signer,
    passphrase_from_env,
    passphrase_from_file,
    signer_from_command,
    signer_from_env,
    signer_from_key,
    signer_from_keystore,
)
from novacron.exceptions import ConfigurationError, KeyMismatchError, SigningKeyError

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
OTHER = "0x00000000000000000000000000000000000baBe5"
ZERO, TOO_BIG = "00" * 32, "ff" * 32


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key.json"
    path.write_text(json.dumps(Account.encrypt(KEY, "correct horse", kdf="pbkdf2", iterations=2)))
    return path


def prints(text: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"import sys; print({text!r}); print({text!r}, file=sys.stderr); sys.exit({code})"]


def test_every_source_gives_the_same_signer(keystore: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOVACRON_PRIVATE_KEY", KEY + "\n")
    monkeypatch.setenv("PASS", "correct horse")
    (tmp_path / "pass").write_text("correct horse\nsecond line\n")
    signers: list[Signer] = [
        signer_from_key(KEY),
        signer_from_key(bytes.fromhex(KEY[2:])),
        signer_from_env(expected_address=ADDRESS.lower()),
        signer_from_keystore(keystore, "correct horse", expected_address=ADDRESS),
        signer_from_keystore(str(keystore), passphrase_from_env("PASS")),
        signer_from_keystore(keystore, passphrase_from_file(tmp_path / "pass")),
        signer_from_command(prints(KEY), expected_address=ADDRESS),
        signer_from_command(prints(KEY[2:].upper())),
    ]
    assert {signer.address for signer in signers} == {ADDRESS}
    tx = {"chainId": 1, "nonce": 0, "gas": 21000, "gasPrice": 1, "to": OTHER, "value": 0, "data": b""}
    raws = {signer.sign_transaction(dict(tx)) for signer in signers}
    assert len(raws) == 1
    assert Account.recover_transaction(raws.pop()) == ADDRESS


def test_signing_uses_the_fast_backend() -> None:
    assert isinstance(get_backend(), CoinCurveECCBackend)


@pytest.mark.parametrize("expected", [OTHER, OTHER.lower()])
def test_a_key_of_another_address_names_both_addresses(
    keystore: Path, monkeypatch: pytest.MonkeyPatch, expected: str
) -> None:
    monkeypatch.setenv("K", KEY)
    for make in (
        lambda: signer_from_env("K", expected_address=expected),
        lambda: signer_from_keystore(keystore, "correct horse", expected_address=expected),
        lambda: signer_from_command(prints(KEY), expected_address=expected),
    ):
        with pytest.raises(KeyMismatchError, match=f"{ADDRESS}.*{OTHER}"):
            make()


def test_an_expected_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0x12"):
        signer_from_key(KEY, expected_address="0x12")


@pytest.mark.parametrize("bad", ["", "0x", KEY[:-1], KEY + "0", "zz" * 32, ZERO, TOO_BIG, KEY[2:] + " " + KEY[2:]])
def test_what_is_no_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setenv("K", bad)
    for make in (lambda: signer_from_env("K"), lambda: signer_from_command(prints(bad)), lambda: signer_from_key(bad)):
        with pytest.raises(SigningKeyError) as caught:
            make()
        assert_hidden(caught.value, *([bad] if len(bad) > 8 else []))


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOVACRON_PRIVATE_KEY", raising=False)
    with pytest.raises(SigningKeyError, match="NOVACRON_PRIVATE_KEY"):
        signer_from_env()


def test_a_wrong_passphrase_says_so_and_no_more(keystore: Path) -> None:
    wrong = "wrong " + "battery"
    with pytest.raises(SigningKeyError, match="wrong passphrase") as caught:
        signer_from_keystore(keystore, wrong)
    assert_hidden(caught.value, wrong)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"crypto": 1}', '{"crypto": {}}', '{"crypto": {}, "version": 3}', '{"crypto": {}, "version": 9}'],
)
def test_a_damaged_keystore_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(SigningKeyError, match=r"broken\.json"):
        signer_from_keystore(path, "x")


def test_a_missing_keystore_is_named(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="No such file"):
        signer_from_keystore(tmp_path / "none.json", "x")


def test_a_failing_command_does_not_echo_its_output() -> None:
    with pytest.raises(SigningKeyError, match="exit code 3") as caught:
        signer_from_command(prints(KEY, code=3))
    assert_hidden(caught.value)


def test_a_hanging_command_is_ended() -> None:
    argv = [sys.executable, "-c", f"import time; print('{KEY}', flush=True); time.sleep(60)"]
    with pytest.raises(SigningKeyError, match=r"longer than 0\.5 s") as caught:
        signer_from_command(argv, timeout=0.5)
    assert_hidden(caught.value)


def test_a_missing_command_is_named() -> None:
    with pytest.raises(SigningKeyError, match="no-such-command"):
        signer_from_command(["no-such-command", KEY])


def test_a_command_is_never_given_to_a_shell(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="list of arguments"):
        signer_from_command(f"touch {tmp_path}/x")
    with pytest.raises(SigningKeyError):
        signer_from_command(["echo", f"; touch {tmp_path}/x"])
    assert list(tmp_path.iterdir()) == []


def test_the_key_never_shows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    signer = signer_from_key(KEY)
    logging.getLogger("novacron").warning("%r %s %r", signer, signer, [signer])
    texts = [repr(signer), str(signer), format(signer), caplog.text]
    assert not any(KEY[2:] in text.lower() for text in texts)
    assert not hasattr(signer, "__dict__")


def test_a_signer_is_never_pickled_or_copied() -> None:
    signer = signer_from_key(KEY)
    for action in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="private key"):
            action(signer)


def assert_hidden(error: BaseException, *secrets: str) -> None:
    """Neither the key nor `secrets` appear in the exception, its context, or what a traceback would print."""
    text = "".join(traceback.format_exception(error))
    chain: BaseException | None = error
    while chain is not None:
        text += repr(chain) + str(vars(chain))
        chain = chain.__cause__ or chain.__context__
    for secret in (KEY[2:], *secrets):
        assert secret not in text.lower(), "a secret shows"


@pytest.mark.parametrize("make", [signer_from_env, passphrase_from_env])
@pytest.mark.parametrize("name", ["0x" + "59" * 32, "59" * 32, "ab" * 32, "correct horse", "", "A=B"])
def test_a_secret_given_as_the_name_of_a_variable_is_never_shown(make: Callable[[str], object], name: str) -> None:
    with pytest.raises(ConfigurationError, match="must be the name of an environment variable") as caught:
        make(name)
    assert not name or name not in str(caught.value)
