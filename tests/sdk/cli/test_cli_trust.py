"""`novacron proof verify`: what is trusted, exit codes, and files that try to steer the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from novacron.cli.app import json_text, text_of
from novacron.provenance.manifest import build_manifest
from tests.support.clients import Chain, dead_url

Run = Callable[..., Result]
Json = Callable[..., Any]

PROOF = "p.novaproof.json"


@pytest.fixture
def proof(chain: Chain, folder: Path, novacron: Run, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run's proof in the working folder, made on chain; nothing is configured afterwards."""
    monkeypatch.setenv("TEST_KEY", chain.node.accounts[5][1])
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "chain.toml").write_text(
        f'[client]\nrpc_urls = ["{chain.node.url}"]\ncontract = "{chain.contract}"\nchain_id = 31337\n'
        'store = "store"\nprivate_key_env = "TEST_KEY"\ntimeout = 15\n'
    )
    config = ("--config", "chain.toml")
    novacron(*config, "run", "open", "run", "--model", "digits", "--anchor-every", 1)
    novacron(*config, "run", "checkpoint", "run", "model.bin", "--epoch", 1)
    novacron(*config, "proof", "make", "run", "--entry", 1, "-o", PROOF)
    return json.loads((folder / PROOF).read_text())  # type: ignore[no-any-return]


def failed(report: Any) -> list[str]:
    return [check["name"] for check in report["checks"] if check["status"] == "failed"]


def test_options_name_what_is_trusted(
    json_of: Json, novacron: Run, proof: dict[str, Any], chain: Chain, folder: Path
) -> None:
    owner, run = proof["chain"]["owner"], proof["chain"]["run"]
    verify = ("proof", "verify", PROOF, "--rpc", chain.node.url, "--artifact", "model.bin", "--complete")
    report = json_of(*verify, "--contract", chain.contract, "--owner", owner, "--run", "0x" + run)
    assert (report["verdict"], report["attested"]) == ("valid", True)
    assert report["subject"] == {"contract": chain.contract, "chain id": "31337", "owner": owner, "run": "0x" + run}
    other = "0x" + "11" * 20
    for wrong in (("--contract", other), ("--owner", other), ("--run", "ab" * 32)):
        assert failed(json_of(*verify, *wrong, code=1)) == ["expected"]
        assert failed(json_of("proof", "verify", PROOF, *wrong, code=1)) == ["expected"]
    for address, code in ((chain.contract, 0), (other, 1)):
        manifest = {"chain_id": 31337, "instances": {"ProofOfTraining": {"address": address}}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        json_of(*verify, "--manifest", "manifest.json", code=code)
    assert owner in novacron(*verify).stdout.splitlines()[-1]


def test_a_configured_contract_is_the_one_expected(
    json_of: Json, proof: dict[str, Any], chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOVACRON_RPC_URLS", chain.node.url)
    monkeypatch.setenv("NOVACRON_READ_ONLY", "1")
    monkeypatch.setenv("NOVACRON_CONTRACT", "0x" + "11" * 20)
    assert failed(json_of("proof", "verify", PROOF, code=1)) == ["expected"]
    assert failed(json_of("proof", "verify", PROOF, "--rpc", chain.node.url, code=1)) == ["expected"]
    assert json_of("proof", "verify", PROOF, "--contract", chain.contract)["attested"]
    monkeypatch.setenv("NOVACRON_CONTRACT", chain.contract)
    monkeypatch.setenv("NOVACRON_CHAIN_ID", "5")
    assert "expected" in failed(json_of("proof", "verify", PROOF, code=1))


def test_what_the_chain_does_not_attest_exits_with_three(
    json_of: Json, novacron: Run, proof: dict[str, Any], chain: Chain, folder: Path
) -> None:
    assert json_of("proof", "verify", PROOF)["verdict"] == "valid as far as checked"  # offline nobody was asked
    result = novacron("proof", "verify", PROOF, "--rpc", dead_url(), code=3)
    assert "NOT ATTESTED" in result.stdout
    export = ("proof", "export-intoto", PROOF)
    assert "attests" in novacron(*export, "--rpc", dead_url(), code=1).stderr
    assert json.loads(novacron(*export, "--rpc", chain.node.url).stdout)["subject"]
    (folder / PROOF).write_text(json.dumps({**proof, "anchored": None, "chain": None}))
    report = json_of("proof", "verify", PROOF, "--rpc", chain.node.url, code=3)
    assert not failed(report)


def test_a_manifest_nobody_recorded_is_not_exported(novacron: Run, proof: dict[str, Any], folder: Path) -> None:
    (folder / "evil.bin").write_bytes(b"evil")
    (folder / PROOF).write_text(json.dumps({**proof, "manifest": build_manifest(folder / "evil.bin").to_json()}))
    assert "checkpoint manifest" in novacron("proof", "export-intoto", PROOF, code=1).stderr


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(generator="x\x1b[2J\nvalid: all 18 checks passed\x1b[8m"),
        lambda found: found["run_manifest"].update(model="x\x1b[2J\x9b8m\u202evalid"),
        lambda found: found["entry"]["decoded"].update(time="\x1b]0;owned\x07"),
        lambda found: found.update({"\x1b[2J\u2066": 1}),
        lambda found: found["manifest"].update(name="\x1b[2J"),
    ],
)
def test_a_proof_cannot_steer_the_terminal(
    novacron: Run, proof: dict[str, Any], folder: Path, change: Callable[[Any], Any]
) -> None:
    change(proof)
    for ascii_only in (True, False):
        (folder / PROOF).write_text(json.dumps(proof, ensure_ascii=ascii_only), encoding="utf-8")
        outputs = [novacron("proof", "verify", PROOF, code=1), novacron("--json", "proof", "verify", PROOF, code=1)]
        outputs.append(novacron("proof", "export-intoto", PROOF, code=1))
        for result in outputs:
            text = result.stdout + result.stderr
            assert not {character for character in text if character < " " and character not in "\t\n"}
            assert not set(text) & set("\x7f\x9b\u202e\u2066")
            assert "valid: all 18" not in [line.strip() for line in text.splitlines()]


def test_escaped_text_is_still_the_same_json() -> None:
    value = {"a": "\x1b\x9b\u202e\u2028é", "b": ["x\ny"]}
    text = json_text(value)
    assert json.loads(text) == value
    assert not set(text) & set("\x1b\x9b\u202e\u2028")
    assert "é" in text
    assert text_of("a\n\x1b[bold]") == "a\\u000a\\u001b\\[bold]"
