"""Clients from mappings, TOML files, the environment and deployment manifests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from eth_account import Account

from novacron.exceptions import ConfigurationError, KeyMismatchError, SigningKeyError
from novacron.provenance.clients.config import ClientConfig
from novacron.provenance.clients.factory import client_from_config
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.records_client import RecordsBlockchainClient
from novacron.provenance.clients.web3_client import Web3BlockchainClient
from novacron.provenance.log import TransparencyLog
from tests.support.clients import Chain

ROOT = Path(__file__).resolve().parents[3]
URL = "http://127.0.0.1:1"
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("NOVACRON_")]:
        monkeypatch.delenv(name)


def test_the_embedded_store_is_opened_only_by_name(tmp_path: Path) -> None:
    with client_from_config({"kind": "local", "store": tmp_path / "s", "submitter": "alice"}) as client:
        assert isinstance(client, LocalBlockchainClient)
        assert client.submitter == "alice"
    for config in ({}, {"store": str(tmp_path / "t")}, None):
        with pytest.raises(ConfigurationError, match="kind"):
            client_from_config(config)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"kind": "local", "store": "s", "rpc_url": URL}, "rpc_url"),
        ({"kind": "memory", "store": "s"}, "memory"),
        ({"kind": "local"}, "store"),
        ({"kind": "local", "store": "s", "contract": ADDRESS}, "contract"),
        ({"kind": "web3", "contract": ADDRESS, "read_only": True}, "rpc_urls"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "store": "s"}, "no key"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "private_key_env": "K"}, "store"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "store": "s", "private_key_env": "K", "keystore": "k"}, "keep one"),
        ({"rpc_urls": URL, "contract": ADDRESS, "read_only": True}, "rpc_urls"),
        ({"rpc_urls": [], "contract": ADDRESS, "read_only": True}, "rpc_urls"),
        ({"rpc_urls": [URL], "read_only": True, "chain_id": 31337}, "contract"),
        ({"rpc_urls": [URL], "contract": "0x12", "read_only": True, "chain_id": 31337}, "0x12"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "read_only": "perhaps"}, "read_only"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "read_only": True, "chain_id": "one"}, "chain_id"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "read_only": True, "confirmations": 0}, "confirmations"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "read_only": True, "timeout": -1}, "timeout"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "read_only": True, "timeout": "nan"}, "timeout"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "read_only": True, "fee_speed": "warp"}, "warp"),
        ({"rpc_urls": [URL], "contract": ADDRESS, "read_only": True, "interface": "strings"}, "strings"),
        ({"rpc_urls": [URL], "contract": 7, "read_only": True}, "contract"),
        ({"kind": "local", "store": 7}, "store"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        client_from_config(values)


def test_a_key_does_not_belong_into_a_configuration(tmp_path: Path) -> None:
    secret = "ab" * 32
    (tmp_path / "c.toml").write_text(f'[client]\nrpc_urls = ["{URL}"]\nprivate_key = "{secret}"\n')
    with pytest.raises(ConfigurationError, match="private_key_env") as caught:
        client_from_config(tmp_path / "c.toml")
    assert secret not in str(caught.value)


SECRET = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"


KEYS = [SECRET, SECRET[2:], "ab" * 32, f" {SECRET}"]
MISPLACED = [
    *(
        (key, secret)
        for key in ("private_key_env", "passphrase_env")
        for secret in (*KEYS, SECRET + "0", "correct horse")
    ),
    # A path, a command or an address may have any text that is no key.
    *((key, secret) for key in ("keystore", "key_command", "address", "contract") for secret in KEYS),
]


@pytest.mark.parametrize(("key", "secret"), MISPLACED)
def test_a_secret_in_the_place_of_a_name_is_refused_and_never_shown(tmp_path: Path, key: str, secret: str) -> None:
    value = [secret] if key == "key_command" else secret
    with pytest.raises(ConfigurationError, match=key) as caught:
        ClientConfig.from_mapping({"rpc_urls": [URL], "contract": ADDRESS, "store": "s", key: value})
    assert secret.strip()[2:20] not in str(caught.value)
    (tmp_path / "c.toml").write_text(
        f'[client]\nrpc_urls = ["{URL}"]\nchain_id = 1\nstore = "s"\n{key} = {json.dumps(value)}\n'
    )
    command = [sys.executable, "-m", "novacron.cli.main", "--config", str(tmp_path / "c.toml"), "anchor", "pending"]
    if secret == SECRET:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
        assert (done.returncode != 0, key in done.stderr) == (True, True)
        assert SECRET[2:20] not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["MY_KEY", "_k1", "deadbeef"])
def test_names_of_variables_are_taken_and_not_shown(name: str) -> None:
    config = ClientConfig.from_mapping(
        {"rpc_urls": [URL], "contract": ADDRESS, "store": "s", "private_key_env": name, "passphrase_env": name + "2"}
    )
    assert (config.private_key_env, config.passphrase_env) == (name, name + "2")
    assert name not in repr(config)


@pytest.mark.parametrize("value", [7, {"a": "b"}, [7], [""], True])
@pytest.mark.parametrize("key", ["rpc_urls", "key_command"])
def test_a_list_that_is_none_is_named_with_an_example(key: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"{key} must be a list of texts; write {key} = \["):
        client_from_config({"rpc_urls": [URL], "contract": ADDRESS, "store": "s", key: value})


def test_a_number_that_is_infinite_is_named() -> None:
    with pytest.raises(ConfigurationError, match="chain_id"):
        client_from_config({"rpc_urls": [URL], "contract": ADDRESS, "read_only": True, "chain_id": float("inf")})


def test_an_open_quote_in_the_key_command_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOVACRON_RPC_URLS", URL)
    monkeypatch.setenv("NOVACRON_KEY_COMMAND", "pass show 's3cret")
    with pytest.raises(ConfigurationError, match=r"NOVACRON_KEY_COMMAND .*close its quotes") as caught:
        client_from_config()
    assert "s3cret" not in str(caught.value)


def test_stores_are_readable_by_their_owner_only(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", chain.node.accounts[5][1])
    base = {"rpc_urls": [chain.node.url], "contract": chain.contract, "store": tmp_path / "s", "chain_id": 31337}
    umask = os.umask(0o022)
    try:
        with (
            client_from_config({**base, "private_key_env": "MY_KEY"}) as client,
            client_from_config({"kind": "local", "store": tmp_path / "l"}) as local,
            TransparencyLog(tmp_path / "log.sqlite") as log,
        ):
            client.store_hash(os.urandom(32))
            local.store_hash(os.urandom(32))
            log.append(b"entry")
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.rglob("*") if file.is_file()}
    finally:
        os.umask(umask)
    assert {"outbox.sqlite", "outbox.sqlite-wal", "journal.sqlite", "l", "log.sqlite", "log.sqlite-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}, modes


def test_secrets_are_not_shown(chain: Chain) -> None:
    config = ClientConfig.from_mapping(
        {
            "rpc_urls": ["https://user:hunter2@example.org/token"],
            "contract": chain.contract,
            "key_command": ["pass", "s3cret"],
            "store": "s",
        }
    )
    assert "hunter2" not in repr(config)
    assert "s3cret" not in repr(config)


def test_a_toml_file_gives_a_client_and_its_paths_start_at_its_folder(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, key = chain.node.accounts[5]
    monkeypatch.setenv("MY_KEY", key)
    (tmp_path / "c.toml").write_text(
        f'[client]\nrpc_urls = ["{chain.node.url}"]\nchain_id = 31337\ncontract = "{chain.contract}"\n'
        f'store = "state"\nprivate_key_env = "MY_KEY"\naddress = "{address}"\nfee_speed = "fast"\n'
        "max_fee_per_gas = 100_000_000_000\nconfirmations = 1\ntimeout = 20\n"
    )
    with client_from_config(tmp_path / "c.toml") as client:
        assert type(client) is Web3BlockchainClient
        assert client.store_hash(os.urandom(32)).submitter == address
    assert (tmp_path / "state" / "outbox.sqlite").is_file()
    (tmp_path / "c.toml").write_text("kind = \"local\"\nstore = 'chain.sqlite'\n")
    with client_from_config(str(tmp_path / "c.toml")):
        assert (tmp_path / "chain.sqlite").is_file()


@pytest.mark.parametrize("text", ["kind = ", "client = 7"])
def test_a_broken_toml_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"c\.toml"):
        client_from_config(tmp_path / "c.toml")
    for missing in ("none.toml", "none.json", "none.yaml"):
        with pytest.raises(ConfigurationError):
            client_from_config(tmp_path / missing)


def test_the_environment_gives_a_client(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, key = chain.node.accounts[5]
    for name, value in {
        "NOVACRON_RPC_URLS": f"{URL}, {chain.node.url}",
        "NOVACRON_CONTRACT": chain.contract,
        "NOVACRON_CHAIN_ID": "31337",
        "NOVACRON_STORE": str(tmp_path / "state"),
        "NOVACRON_PRIVATE_KEY": key,
        "NOVACRON_INTERFACE": "records",
    }.items():
        monkeypatch.setenv(name, value)
    with client_from_config() as client:
        assert isinstance(client, RecordsBlockchainClient)
        assert client.store_hash(os.urandom(32)).submitter == address
    monkeypatch.setenv("NOVACRON_KEY_COMMAND", f"{sys.executable} -c 'print(1)'")
    with pytest.raises(ConfigurationError, match="private_key_env and key_command"):
        client_from_config()
    monkeypatch.delenv("NOVACRON_PRIVATE_KEY")
    monkeypatch.delenv("NOVACRON_KEY_COMMAND")
    monkeypatch.setenv("NOVACRON_READ_ONLY", "yes")
    with client_from_config() as client, pytest.raises(ConfigurationError, match="read-only"):
        client.store_hash(os.urandom(32))


def test_keys_come_from_a_keystore_or_a_command(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, key = chain.node.accounts[5]
    base = {"rpc_urls": [chain.node.url], "contract": chain.contract, "store": tmp_path / "s", "chain_id": 31337}
    keystore = Account.encrypt(key, "correct horse", kdf="pbkdf2", iterations=10)
    (tmp_path / "k.json").write_text(json.dumps(keystore))
    (tmp_path / "pass").write_text("correct horse\n")
    with client_from_config({**base, "keystore": tmp_path / "k.json", "passphrase_file": tmp_path / "pass"}) as client:
        assert client.submitter == address
    monkeypatch.setenv("NOVACRON_PASSPHRASE", "wrong")
    with pytest.raises(SigningKeyError):
        client_from_config({**base, "keystore": tmp_path / "k.json"})
    (tmp_path / "key").write_text(key)
    with client_from_config({**base, "key_command": ["cat", str(tmp_path / "key")]}) as client:
        assert client.submitter == address
    with pytest.raises(KeyMismatchError, match=chain.account(6)) as caught:
        client_from_config({**base, "key_command": ["cat", str(tmp_path / "key")], "address": chain.account(6)})
    assert key[2:] not in str(caught.value)


def test_a_deployment_manifest_gives_address_and_chain(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"chain_id": 31337, "instances": {"ProofOfTraining": {"address": chain.contract}}}))
    monkeypatch.setenv("NOVACRON_RPC_URLS", chain.node.url)
    monkeypatch.setenv("NOVACRON_READ_ONLY", "1")
    with client_from_config(manifest) as client:
        assert isinstance(client, Web3BlockchainClient)
        assert (client.contract, client.chain_id) == (chain.contract, 31337)
    base = {"rpc_urls": [chain.node.url], "read_only": True, "manifest": str(manifest)}
    with pytest.raises(ConfigurationError, match="Other"):
        client_from_config({**base, "contract": "Other"})
    with pytest.raises(ConfigurationError, match="chain 31337, configured is 1"):
        client_from_config({**base, "chain_id": 1})
    for broken in ("{", "[]", "{}"):
        manifest.write_text(broken)
        with pytest.raises(ConfigurationError, match=r"manifest\.json"):
            client_from_config(base)
