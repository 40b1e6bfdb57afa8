"""The plan `novacron`: the whole suite on a development chain, its configuration, and what verifying says about it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.chain.anvil import Anvil, foundry_binary
from novacron.chain.contracts import ContractHandle
from novacron.chain.endpoints import EndpointPool
from novacron.chain.signer import signer_from_key
from novacron.deploy.artifacts import ForgeArtifacts
from novacron.deploy.compiler import Compiler, ContractSource
from novacron.deploy.genesis import CAPS, LOCAL_GENESIS, UNIT
from novacron.deploy.local import LOCAL_HOLDERS, deploy_local, make_voters
from novacron.deploy.manifest import DeploymentManifest, load_manifest
from novacron.deploy.plans import FOUNDATION, SUITE, TIMELOCK_DELAY, plan_named, plans_of, suite
from novacron.deploy.preview import preview_plan
from novacron.deploy.resolve import compile_plan, resolve_plan
from novacron.deploy.roles import TABLE, assigned_roles
from novacron.deploy.rules import ROLES
from novacron.deploy.verify import verify_deployment
from novacron.exceptions import ConfigurationError, DeployError, PlanError
from novacron.market.plan import base_prices
from novacron.market.resources import Resource
from tests.deploy.support import ROOT, SOLC, deploy, transactions_of

Handles = Callable[[str], ContractHandle]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deployed") / "ethereum-local"


@pytest.fixture(scope="module")
def manifest(node: Anvil, folder: Path, source: ContractSource) -> DeploymentManifest:
    return deploy_local(node.url, folder, compiler=source)


@pytest.fixture
def handle(pool: EndpointPool, manifest: DeploymentManifest, source: ContractSource) -> Handles:
    def at(name: str) -> ContractHandle:
        record = manifest.instances[name]
        return ContractHandle(pool, record.address, source.compile(record.contract).abi)

    return at


def test_the_default_plan_is_the_suite_and_needs_a_genesis() -> None:
    assert plan_named(SUITE, LOCAL_GENESIS) == suite(LOCAL_GENESIS)
    with pytest.raises(PlanError, match="give a genesis file"):
        plan_named(SUITE)


def test_the_deployer_may_be_no_guardian_and_no_attester(
    pool: EndpointPool, anvil: Anvil, source: ContractSource, tmp_path: Path
) -> None:
    for number in (5, 9):
        with pytest.raises(
            PlanError, match=f"deployer {anvil.accounts[number][0]} is also named as guardian, attester"
        ):
            deploy_local(pool, tmp_path / "x-local", signer=signer_from_key(anvil.accounts[number][1]), compiler=source)
        assert transactions_of(pool, anvil.accounts[number][0]) == 0


def test_the_local_genesis_is_of_anvils_accounts() -> None:
    accounts = [account for account, _ in Anvil().accounts]
    assert list(LOCAL_HOLDERS) == accounts[1:6]
    assert list(LOCAL_GENESIS.guardians) == accounts[5:10]
    assert list(LOCAL_GENESIS.attesters) == accounts[8:10]
    assert accounts[0] not in str(LOCAL_GENESIS.to_json())  # the deployer has no part in it


def test_everybody_starts_with_what_the_genesis_says(manifest: DeploymentManifest, handle: Handles) -> None:
    token, timelock = handle("NovaToken"), manifest.address_of("Timelock")
    assert token.call("balanceOf", timelock) == 1_000_000_000 * UNIT
    assert [token.call("balanceOf", one) for one in LOCAL_HOLDERS] == [n * 1_000_000 * UNIT for n in (5, 4, 3, 2, 1)]
    supplies = {"CPU": 400_000, "MEM": 800_000, "STO": 2_000_000, "NET": 4_000_000}
    caps = {"CPU": 1_000_000, "MEM": 2_000_000, "STO": 5_000_000, "NET": 10_000_000}
    units = {"CPU": "vCPU-hour", "MEM": "GB-hour", "STO": "TB-hour", "NET": "GB"}
    for name, supply in supplies.items():
        resource = handle(name)
        assert resource.call("totalSupply") == resource.call("balanceOf", timelock) == supply * UNIT
        assert (resource.call("cap"), resource.call("unit")) == (caps[name] * UNIT, units[name])
        assert resource.call("symbol") == name


def test_the_timelock_begins_with_48_hours(manifest: DeploymentManifest, handle: Handles) -> None:
    assert handle("Timelock").call("getMinDelay") == TIMELOCK_DELAY == 48 * 3600


def test_roles_that_are_not_admin_come_from_the_table(manifest: DeploymentManifest, handle: Handles) -> None:
    assert {(instance, function.partition("(")[0], role) for instance, function, role in assigned_roles()} == {
        ("IdentityGate", "verify", "ATTESTER"),
        ("IdentityGate", "revoke", "ATTESTER"),
        ("EmergencyBrake", "pause", "GUARDIAN"),
        ("HostRegistry", "attest", "AUDITOR"),
        ("CommitteeArbitrator", "giveRuling", "ARBITER"),
        ("ModelRegistry", "certify", "CERTIFIER"),
        ("ModelRegistry", "revokeCertificate", "CERTIFIER"),
        ("ModelRegistry", "revokeModel", "CERTIFIER"),
    }
    authority = handle("Authority")
    labels = {log.args["roleId"]: log.args["label"] for log in authority.events("RoleLabel")}
    assert labels == {number: name for name, number in ROLES.items() if name != "ADMIN"}
    assert set(TABLE) == set(manifest.instances)


def test_the_market_starts_with_the_curves_of_the_genesis_and_lists_the_four_resources(
    pool: EndpointPool, manifest: DeploymentManifest, source: ContractSource, handle: Handles
) -> None:
    market, book, prices = handle("ResourceMarket"), handle("OrderBook"), base_prices("2500")
    assert market.call("fee") == LOCAL_GENESIS.market.fee == 3_000
    for resource in Resource:
        token = manifest.address_of(resource.name)
        assert market.call("curveOf", resource) == (token, prices[resource], CAPS[resource.name] * UNIT // 10)
        assert market.call("inventoryOf", resource) == 0  # nothing is for sale before governance says so
        assert book.call("isListed", token)
    assert not book.call("isListed", manifest.address_of("NovaToken"))
    registry = ContractHandle(pool, manifest.address_of("HostRegistry"), source.compile("HostRegistry").abi)
    assert registry.call("lifecycle") == manifest.address_of("VMLifecycle")
    assert registry.call("staking") == manifest.address_of("ResourceStaking")


def test_holders_become_voters_with_their_square_roots(
    pool: EndpointPool, manifest: DeploymentManifest, handle: Handles
) -> None:
    make_voters(pool, manifest)
    votes = handle("QuadraticVotes")
    assert [votes.call("getVotes", one) for one in LOCAL_HOLDERS] == [2236067, 2000000, 1732050, 1414213, 1000000]
    token = handle("NovaToken")
    assert token.call("getVotes", LOCAL_HOLDERS[4]) == 1_000_000 * UNIT


def test_deploying_again_sends_nothing_also_when_governance_has_changed_something(
    anvil: Anvil, pool: EndpointPool, manifest: DeploymentManifest, folder: Path, source: ContractSource
) -> None:
    timelock, votes = manifest.address_of("Timelock"), manifest.address_of("QuadraticVotes")
    anvil.rpc("anvil_setBalance", timelock, hex(10**18))
    anvil.rpc("anvil_impersonateAccount", timelock)
    data = (
        "0x"
        + ContractHandle(pool, votes, source.compile("QuadraticVotes").abi).encode("setGate", "0x" + "00" * 20).hex()
    )
    anvil.rpc("eth_sendTransactionSync", {"from": timelock, "to": votes, "data": data})
    count, before = transactions_of(pool, anvil.accounts[0][0]), (folder / "manifest.json").read_bytes()
    assert deploy_local(pool, folder, compiler=source) == manifest
    assert transactions_of(pool, anvil.accounts[0][0]) == count
    assert (folder / "manifest.json").read_bytes() == before


def test_the_suite_is_verified_with_plan_configuration_and_all_bytes(
    pool: EndpointPool, manifest: DeploymentManifest, folder: Path, source: ContractSource
) -> None:
    plans = plans_of(load_manifest(folder / "manifest.json"))
    assert plans == {SUITE: suite(LOCAL_GENESIS), "foundation": FOUNDATION}
    report = verify_deployment(pool, folder, source, plans)
    report.raise_if_failed()
    assert [item.instance for item in report.instances if not item.exact] == []
    assert len(report.instances) == len(suite(LOCAL_GENESIS).instances) == 38


def test_a_manifest_with_another_configuration_is_found(
    pool: EndpointPool, manifest: DeploymentManifest, folder: Path, source: ContractSource
) -> None:
    other = replace(LOCAL_GENESIS, quota=7, guardians=(*LOCAL_GENESIS.guardians[:4], LOCAL_HOLDERS[0]))
    findings = verify_deployment(pool, folder, source, {SUITE: suite(other)}).findings
    assert {one.partition(":")[0] for one in findings} == {"IdentityGate", "GuardianSafe", "Governance"}
    assert all("the plan gives it other arguments" in one for one in findings)


def test_addresses_depend_on_configuration_and_deployer_alone(anvil: Anvil, source: ContractSource) -> None:
    def addresses(genesis: object = LOCAL_GENESIS, deployer: int = 0) -> dict[str, str]:
        plan = suite(genesis)  # type: ignore[arg-type]
        accounts = {"deployer": anvil.accounts[deployer][0]}
        return {item.name: item.address for item in resolve_plan(plan, compile_plan(plan, source), accounts)}

    first = addresses()
    assert addresses() == first
    moved = {name for name, address in addresses(replace(LOCAL_GENESIS, quota=7)).items() if address != first[name]}
    assert moved == {"IdentityGate"}
    stay = {name for name, address in addresses(deployer=1).items() if address == first[name]}
    assert stay == {
        "SafeL2", "SafeProxyFactory", "CompatibilityFallbackHandler", "GuardianSafe", "IdentityGateImplementation",
        "HostRegistryImplementation", "VMLifecycleExtension", "VMLifecycleImplementation", "SLAImplementation",
        "SLATermsBook", "SLACourt", "PostQuantumKeys", "MLDSA44", "MLDSA65", "MLDSA87", "SLHDSASHA2128s",
        "QuantumVerification",
    }  # fmt: skip


def test_the_preview_of_the_suite_counts_every_transaction(
    pool: EndpointPool, anvil: Anvil, source: ContractSource
) -> None:
    plan = suite(replace(LOCAL_GENESIS, quota=8))
    preview = preview_plan(pool, plan, anvil.accounts[3][0], source)
    assert all(row.gas is not None for row in preview.rows), [row for row in preview.rows if row.gas is None]
    assert len(preview.rows) == len(plan.instances) + len(plan.calls) + len(plan.handover)
    assert 45_000_000 < sum(row.gas or 0 for row in preview.rows) < 75_000_000


def test_the_suite_takes_over_from_the_foundation_only_when_told(
    pool: EndpointPool, anvil: Anvil, source: ContractSource, tmp_path: Path
) -> None:
    signer, out_dir = signer_from_key(anvil.accounts[2][1]), tmp_path / "testing-net"
    first = deploy(pool, signer, source, out_dir, FOUNDATION)
    plan = suite(LOCAL_GENESIS)
    with pytest.raises(DeployError, match="ProofOfTraining belongs to plan foundation"):
        deploy(pool, signer, source, out_dir, plan)
    second = deploy(pool, signer, source, out_dir, plan, allow_new_address=True)
    assert second.instances["ProofOfTraining"].previous_addresses == (first.address_of("ProofOfTraining"),)


def test_deploy_local_refuses_a_chain_that_is_no_development_chain(tmp_path: Path, source: ContractSource) -> None:
    with Anvil(chain_id=4242) as other, pytest.raises(ConfigurationError, match="4242 is no development chain"):
        deploy_local(other.url, tmp_path / "x-local", compiler=source)


# ----------------------------------------------------------------------------------------------------------------------
# Contracts from forge's artifacts
# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test project, built by forge."""
    folder = tmp_path_factory.mktemp("forged") / "project"
    shutil.copytree(ROOT / "tests" / "deploy" / "project", folder)
    toml = folder / "foundry.toml"
    text = toml.read_text().replace("../../../.build", str(ROOT / ".build"))
    toml.write_text(text + "auto_detect_remappings = false\nlibs = []\nast = true\n")
    arguments = ["build", "--quiet", "--out", "out/forge", "--cache-path", "cache"]
    subprocess.run([str(foundry_binary("forge")), *arguments], cwd=folder, check=True, timeout=300)
    return folder


@pytest.fixture
def small(built: Path, tmp_path: Path, compiled_cache: Path) -> tuple[Path, Compiler]:
    """A copy of it, and its compiler."""
    project = Path(shutil.copytree(built, tmp_path / "forged"))
    return project, Compiler(project, cache=compiled_cache, solc=SOLC)


def in_order(abi: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in abi)


def test_forges_artifacts_are_what_the_compiler_makes(small: tuple[Path, Compiler]) -> None:
    project, compiler = small
    unable = Compiler(project, solc=project / "no-solc")
    for name in ("Registry", "Vault", "Parent", "BoxProxy"):
        found, wanted = ForgeArtifacts(unable).compile(name), compiler.compile(name)
        assert (found.creation_code, found.runtime_code) == (wanted.creation_code, wanted.runtime_code)
        assert in_order(found.abi) == in_order(wanted.abi)
        assert [item.places for item in found.immutables] == [item.places for item in wanted.immutables]
        assert (found.standard_input, found.compiler_version) == (wanted.standard_input, wanted.compiler_version)


@pytest.mark.parametrize("change", ["source", "settings", "damage", "nothing there"])
def test_an_artifact_of_something_else_is_not_used(small: tuple[Path, Compiler], change: str) -> None:
    project, compiler = small
    artifact = project / "out" / "forge" / "Child.sol" / "Child.json"
    if change == "source":
        file = project / "contracts" / "Child.sol"
        file.write_text(file.read_text().replace("creator = msg.sender", "creator = tx.origin"))
    elif change == "settings":
        toml = project / "foundry.toml"
        toml.write_text(toml.read_text().replace("optimizer_runs = 200", "optimizer_runs = 7"))
        compiler = Compiler(project, cache=project / "cache", solc=SOLC)
    elif change == "damage":
        artifact.write_text("{")
    else:
        artifact.unlink()
    assert ForgeArtifacts(compiler).compile("Child") == compiler.compile("Child")
