"""Verification: an honest deployment passes, and every kind of tampering is found and located."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import LocalSigner
from novacron.deploy.compiler import Compiler
from novacron.deploy.manifest import DeploymentManifest, load_manifest
from novacron.deploy.onchain import code_at
from novacron.deploy.plan import Account, Instance, Plan
from novacron.deploy.verify import VerificationReport, verify_deployment
from novacron.exceptions import DeployError, VerificationError, WrongChainError
from tests.deploy.support import PLAN, deploy


@pytest.fixture
def manifest(pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path) -> DeploymentManifest:
    return deploy(pool, signer, compiler, out_dir)


@pytest.fixture
def verify(pool: EndpointPool, compiler: Compiler, out_dir: Path, manifest: DeploymentManifest) -> Any:
    return lambda: verify_deployment(pool, out_dir, compiler)


def only(report: VerificationReport, *fragments: str) -> None:
    """Exactly these findings, in any order."""
    assert len(report.findings) == len(fragments), report.findings
    for fragment in fragments:
        assert any(fragment in finding for finding in report.findings), (fragment, report.findings)
    with pytest.raises(VerificationError):
        report.raise_if_failed()


def set_byte(anvil: Anvil, pool: EndpointPool, address: str, offset: int) -> int:
    """Change one byte of code; returns the old one."""
    code = bytearray(code_at(pool, address))
    old = code[offset]
    code[offset] ^= 0xFF
    anvil.rpc("anvil_setCode", address, "0x" + code.hex())
    return old


def test_an_honest_deployment_is_equal_in_every_byte(
    verify: Any, manifest: DeploymentManifest, signer: LocalSigner
) -> None:
    report = verify()
    report.raise_if_failed()
    assert [item.instance for item in report.instances] == ["MainVault", "Registry"]
    assert all(item.exact for item in report.instances)
    values = {value.name: value.value for value in report.instances[1].immutables}
    assert values["owner"].endswith(signer.address[2:].lower())
    assert values["self"].endswith(manifest.address_of("Registry")[2:].lower())  # the simulation runs at the address
    limits = {value.name: value.value for value in report.instances[0].immutables}
    assert int(limits["limit"], 16) == 2**200


@pytest.mark.parametrize("offset", [0, 1, 100])
def test_a_tampered_byte_is_found_at_its_offset(
    verify: Any, anvil: Anvil, pool: EndpointPool, manifest: DeploymentManifest, offset: int
) -> None:
    old = set_byte(anvil, pool, manifest.address_of("Registry"), offset)
    only(
        verify(), f"Registry: code differs from the source at byte offset {offset} (0x{offset:x}): 0x{old ^ 255:02x} on"
    )


def test_a_tampered_immutable_is_found_although_it_is_masked(
    verify: Any, anvil: Anvil, pool: EndpointPool, compiler: Compiler, manifest: DeploymentManifest
) -> None:
    limit = next(item for item in compiler.compile("Vault").immutables if item.name == "limit")
    for start, length in limit.places:
        set_byte(anvil, pool, manifest.address_of("MainVault"), start + length - 1)
    only(verify(), f"MainVault: immutable limit at byte offset {limit.places[0][0]}")


def test_an_immutable_with_two_values_is_found(
    verify: Any, anvil: Anvil, pool: EndpointPool, compiler: Compiler, manifest: DeploymentManifest
) -> None:
    owner = next(item for item in compiler.compile("Registry").immutables if item.name == "owner")
    assert len(owner.places) > 1
    set_byte(anvil, pool, manifest.address_of("Registry"), owner.places[1][0])
    only(verify(), "immutable owner has two values")


def test_a_changed_comment_is_told_from_changed_code(
    pool: EndpointPool, project: Path, compiler: Compiler, out_dir: Path, manifest: DeploymentManifest
) -> None:
    source = project / "contracts" / "Vault.sol"
    source.write_text(source.read_text() + "// later\n")
    only(
        verify_deployment(pool, out_dir, compiler),
        "only the metadata hash differs",
        "contracts/Vault.sol differs from the source in Vault.standard-input.json",
        "MainVault: source and recorded constructor arguments give the init code hash",
    )


def test_longer_code_on_the_chain_is_found(
    verify: Any, anvil: Anvil, pool: EndpointPool, manifest: DeploymentManifest
) -> None:
    address = manifest.address_of("Registry")
    size = len(code_at(pool, address))
    anvil.rpc("anvil_setCode", address, "0x" + code_at(pool, address).hex() + "00")
    only(verify(), f"Registry: the code on the chain has {size + 1} bytes, the source compiles to {size}")


def test_a_contract_that_is_gone_is_found(verify: Any, anvil: Anvil, manifest: DeploymentManifest) -> None:
    anvil.rpc("anvil_setCode", manifest.address_of("Registry"), "0x")
    # The vault's constructor asks the registry, so it cannot be simulated any more; that is a note, not a finding.
    report = verify()
    only(report, "Registry: there is no contract at the recorded address")
    assert any("reverts when it is simulated" in note for note in report.instances[0].notes)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"salt_label": "testing/Registry/9"}, "is not the Keccak-256 of"),
        ({"salt": "0x" + "00" * 32}, "give the address"),
        ({"init_code_hash": "0x" + "00" * 32}, "give the init code hash"),
        ({"address": "0x" + "11" * 20}, "give the address"),
        ({"encoded_arguments": "0x" + "00" * 31 + "01"}, "give the init code hash"),
        ({"encoded_arguments": "0x01"}, "are no arguments"),
        ({"constructor_arguments": ()}, "readable constructor arguments"),
        ({"compiler_version": "0.8.36+commit.00000000"}, "deployed with 0.8.36"),
        ({"compiler_input_hash": "00" * 32}, "was changed"),
        ({"compiler_input": "nothing.json"}, "nothing.json cannot be read"),
        ({"contract": "Nothing"}, "defines no contract Nothing"),
        ({"source": "contracts/Nothing.sol"}, "contracts/Nothing.sol does not exist"),
        ({"block_number": 999}, "the manifest has 999"),
        ({"block_hash": "0x" + "00" * 32}, "the transaction is in block"),
        ({"deployer": "0x" + "11" * 20}, "not one of 0x1111"),
    ],
)
def test_a_tampered_manifest_is_found(
    verify: Any, out_dir: Path, manifest: DeploymentManifest, change: dict[str, Any], finding: str
) -> None:
    manifest.with_record(replace(manifest.instances["Registry"], **change)).save(out_dir / "manifest.json")
    report = verify()
    assert any(finding in item and item.startswith("Registry:") for item in report.findings), report.findings
    assert not report.instances[0].findings  # the other instance is not accused


def test_a_changed_standard_input_is_found(verify: Any, out_dir: Path, manifest: DeploymentManifest) -> None:
    path = out_dir / manifest.instances["Registry"].compiler_input
    document = json.loads(path.read_text())
    document["settings"]["optimizer"]["runs"] = 1
    path.write_text(json.dumps(document))
    only(verify(), "was changed", "compiler setting optimizer differs")


def test_a_standard_input_that_is_no_json_is_found(verify: Any, out_dir: Path, manifest: DeploymentManifest) -> None:
    (out_dir / manifest.instances["Registry"].compiler_input).write_text("{")
    only(verify(), "was changed", "is no standard-json input")


def test_another_output_selection_is_no_difference(verify: Any, out_dir: Path, manifest: DeploymentManifest) -> None:
    import hashlib

    path = out_dir / manifest.instances["Registry"].compiler_input
    document = json.loads(path.read_text())
    document["settings"]["outputSelection"] = {}
    path.write_text(json.dumps(document))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.with_record(replace(manifest.instances["Registry"], compiler_input_hash=digest)).save(
        out_dir / "manifest.json"
    )
    verify().raise_if_failed()


def test_an_unknown_transaction_is_a_note(verify: Any, out_dir: Path, manifest: DeploymentManifest) -> None:
    record = replace(manifest.instances["Registry"], transaction_hash="0x" + "12" * 32)
    manifest.with_record(record).save(out_dir / "manifest.json")
    report = verify()
    report.raise_if_failed()
    assert any("does not know the transaction" in note for note in report.instances[1].notes)


def test_another_chain_is_refused(compiler: Compiler, out_dir: Path, manifest: DeploymentManifest) -> None:
    with Anvil(chain_id=77) as other, EndpointPool([other.url]) as pool, pytest.raises(WrongChainError):
        verify_deployment(pool, out_dir, compiler)


def test_a_manifest_without_instances_is_refused(
    pool: EndpointPool, compiler: Compiler, out_dir: Path, manifest: DeploymentManifest
) -> None:
    replace(manifest, instances={}).save(out_dir / "manifest.json")
    with pytest.raises(DeployError, match="no instances"):
        verify_deployment(pool, out_dir, compiler)
    assert load_manifest(out_dir / "manifest.json").instances == {}


def test_a_node_without_state_overrides_leaves_a_note_not_a_verdict(
    pool: EndpointPool, compiler: Compiler, out_dir: Path, manifest: DeploymentManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from novacron.exceptions import RejectedError

    real = EndpointPool.request

    def limited(self: EndpointPool, method: str, params: Any) -> Any:
        if method == "eth_call" and len(params) > 2:
            raise RejectedError("too many arguments, want at most 2")
        return real(self, method, params)

    monkeypatch.setattr(EndpointPool, "request", limited)
    report = verify_deployment(pool, out_dir, compiler)
    report.raise_if_failed()
    assert [item.exact for item in report.instances] == [None, None]
    assert all(any("immutables were not checked" in note for note in item.notes) for item in report.instances)


def test_the_manifest_must_be_what_the_plan_says(
    pool: EndpointPool, compiler: Compiler, out_dir: Path, manifest: DeploymentManifest
) -> None:
    assert set(manifest.instances) == {"MainVault", "Registry"}
    verify_deployment(pool, out_dir, compiler, {"testing": PLAN}).raise_if_failed()
    other = Plan(
        "testing",
        (
            Instance("MainVault", "Registry", (Account("deployer"),), version="2"),
            Instance("Registry", "contracts/Other.sol:Registry", (Account("deployer"),)),
            Instance("Treasury", "Vault"),
        ),
    )
    only(
        verify_deployment(pool, out_dir, compiler, {"testing": other}),
        "MainVault: the plan deploys Registry, the manifest has Vault",
        "MainVault: the plan's salt label is 'testing/MainVault/2', the manifest has 'testing/MainVault/1'",
        "Registry: the plan deploys contracts/Other.sol:Registry",
        "Treasury: planned in testing, not deployed",
    )
    only(
        verify_deployment(pool, out_dir, compiler, {}),
        "MainVault: no plan 'testing' with this instance",
        "Registry: no plan 'testing' with this instance",
    )
