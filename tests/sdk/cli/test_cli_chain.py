"""The command line against a real chain: anvil with the contract, and deployments that do not work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.support.clients import Chain, dead_url

Run = Callable[..., Result]
Json = Callable[..., Any]


@pytest.fixture
def config(chain: Chain, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A configuration file for the chain; arguments replace values."""
    monkeypatch.setenv("TEST_KEY", chain.node.accounts[4][1])

    def written(**changes: Any) -> Path:
        values = {
            "rpc_urls": [chain.node.url],
            "contract": chain.contract,
            "chain_id": 31337,
            "store": "store",
            "private_key_env": "TEST_KEY",
            "timeout": 15,
            "rpc_timeout": 2,
            **changes,
        }
        path = folder / "chain.toml"
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items() if value is not None]
        path.write_text("[client]\n" + "\n".join(lines))
        return path

    return written


def results(report: Any) -> dict[str, str]:
    return {check["name"]: check["result"] for check in report["checks"]}


def test_the_self_check_of_a_good_deployment_passes(json_of: Json, novacron: Run, config: Callable[..., Path]) -> None:
    report = json_of("--config", config(), "provenance", "test", "--blockchain")
    assert report["ok"], report
    assert set(results(report).values()) == {"pass"}
    assert list(results(report))[2:] == [
        "endpoints",
        "chain id",
        "contract code",
        "contract interface",
        "key",
        "estimate of an anchor",
        "balance",
        "write and read",
    ]
    table = novacron("--config", config(), "provenance", "test", "--blockchain", "--no-write").stdout
    assert "estimate of an anchor" in table
    assert "skip" in table


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({"contract": "0x" + "11" * 20}, "contract code"),
        ({"chain_id": 1}, "chain id"),
        ({"address": "0x" + "11" * 20}, "key"),
        ({"private_key_env": "NO_SUCH_VARIABLE"}, "key"),
        ({"rpc_urls": [dead_url()]}, "endpoints"),
    ],
)
def test_the_self_check_names_what_does_not_work(
    json_of: Json, config: Callable[..., Path], chain: Chain, changes: dict[str, Any], fails: str
) -> None:
    report = json_of("--config", config(**changes), "provenance", "test", "--blockchain", code=1)
    found = results(report)
    assert [name for name, result in found.items() if result == "fail"] == [fails]
    assert found["write and read"] == "skip"
    assert chain.node.accounts[4][1] not in json.dumps(report)


@pytest.mark.parametrize("options", [(), ("--no-write",)])
def test_the_self_check_of_a_poor_account_fails_and_writes_nothing(
    json_of: Json, config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TEST_KEY", "0x" + "42" * 32)  # an account that nobody has funded
    report = json_of("--config", config(), "provenance", "test", "--blockchain", *options, code=1)
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["write and read"]["result"] == "skip"
    assert checks["balance"]["result"] == "fail"
    assert "holds 0 of" in checks["balance"]["detail"]
    assert "and needs " in checks["balance"]["detail"]


def test_the_self_check_quotes_under_the_configured_cap(json_of: Json, config: Callable[..., Path]) -> None:
    report = json_of("--config", config(max_fee_per_gas=1), "provenance", "test", "--blockchain", code=1)
    assert [check["name"] for check in report["checks"] if check["result"] == "fail"] == ["estimate of an anchor"]


def test_a_read_only_configuration_skips_the_key(json_of: Json, config: Callable[..., Path]) -> None:
    path = config(private_key_env=None, store=None, read_only=True)
    report = json_of("--config", path, "provenance", "test", "--blockchain")
    assert results(report)["contract interface"] == "pass"
    assert results(report)["key"] == "skip"


def test_anchor_and_string_records_on_chain(json_of: Json, novacron: Run, config: Callable[..., Path]) -> None:
    path = config()
    digest = os.urandom(32).hex()
    record = json_of("--config", path, "anchor", "hash", digest, "--metadata", '{"a": 1}')
    assert record["status"] == "confirmed"
    assert record["transactionHash"].startswith("0x")
    novacron("--config", path, "anchor", "proof", record["id"], "-o", "a.novaproof.json")
    assert json_of("--config", path, "proof", "verify", "a.novaproof.json")["ok"]
    path = config(store="records")
    stored = json_of("--config", path, "records", "store", digest, "--metadata", '{"a": 1}')
    assert "#" in stored["id"]
    assert json_of("--config", path, "records", "get", stored["id"])["metadata"] == {"a": 1}
    assert json_of("--config", path, "records", "verify", digest, stored["id"])["verified"]
    assert not json_of("--config", path, "records", "verify", "ab" * 32, stored["id"], code=1)["verified"]


def test_a_run_on_chain_is_proven_with_an_rpc_address_alone(
    json_of: Json, novacron: Run, config: Callable[..., Path], chain: Chain, folder: Path
) -> None:
    (folder / "model.bin").write_bytes(b"weights")
    path = config()
    novacron("--config", path, "run", "open", "run", "--model", "digits", "--anchor-every", 1)
    novacron("--config", path, "run", "checkpoint", "run", "model.bin", "--epoch", 1)
    novacron("--config", path, "run", "seal", "run")
    novacron("--config", path, "proof", "make", "run", "--entry", 1, "-o", "p.novaproof.json")
    arguments = ("proof", "verify", "p.novaproof.json", "--artifact", "model.bin")
    assert json_of(*arguments, "--rpc", chain.node.url, "--complete")["complete"]
    offline = json_of(*arguments)
    assert offline["ok"]
    assert not offline["complete"]
    unreachable = json_of(*arguments, "--rpc", dead_url(), code=3)
    assert unreachable["verdict"] == "valid as far as checked"
    assert "no endpoint answers" in json.dumps(unreachable)
    document = json.loads((folder / "p.novaproof.json").read_text())
    document["chain"]["chain_id"] = 1
    (folder / "p.novaproof.json").write_text(json.dumps(document))
    wrong = json_of(*arguments, "--rpc", chain.node.url, code=1)
    assert [check["name"] for check in wrong["checks"] if check["status"] == "failed"] == ["chain id"]


def test_with_the_chain_down_a_run_is_pending_and_reconciled_later(
    json_of: Json, novacron: Run, config: Callable[..., Path], folder: Path
) -> None:
    (folder / "model.bin").write_bytes(b"weights")
    down = config(rpc_urls=[dead_url()])
    opened = json_of("--config", down, "run", "open", "run", "--model", "digits", "--anchor-every", 1)
    assert opened["anchor"]["status"] == "pending"
    saved = json_of("--config", down, "run", "checkpoint", "run", "model.bin", "--epoch", 1)
    assert saved["status"] == "pending"
    record = json_of("--config", down, "anchor", "hash", os.urandom(32).hex())
    assert record["status"] == "pending"
    assert json_of("run", "status", "run")["pending"]
    assert json_of("--config", down, "run", "reconcile", "run", code=1)["anchor"]["status"] == "pending"
    novacron("--config", down, "anchor", "reconcile", code=1)
    up = config()
    assert json_of("--config", up, "run", "reconcile", "run")["anchored_size"] == 2
    assert len(json_of("--config", up, "anchor", "reconcile")["confirmed"]) == 1
    assert json_of("--config", up, "anchor", "show", record["id"])["status"] == "confirmed"


def test_a_string_record_waits_in_an_outbox_of_its_own(json_of: Json, config: Callable[..., Path]) -> None:
    digest = "5e" * 32
    down = config(rpc_urls=[dead_url()], store="both")
    assert json_of("--config", down, "records", "store", digest)["status"] == "pending"
    up = config(store="both")
    assert json_of("--config", up, "anchor", "pending")["pending"] == []
    assert json_of("--config", up, "anchor", "reconcile")["confirmed"] == []
    assert [record["hash"] for record in json_of("--config", up, "records", "pending")["pending"]] == [digest]
    (confirmed,) = json_of("--config", up, "records", "reconcile")["confirmed"]
    assert "#" in confirmed["id"]
