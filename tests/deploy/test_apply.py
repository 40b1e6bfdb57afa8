"""Deploying: once, at the computed address, adopted when somebody was faster; and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.chain.fees import FeePolicy
from novacron.chain.journal import Journal
from novacron.chain.signer import LocalSigner, signer_from_key
from novacron.chain.transactions import TransactionManager
from novacron.deploy.apply import journal_name
from novacron.deploy.compiler import Compiler
from novacron.deploy.create2 import DEPLOYMENT_PROXY
from novacron.deploy.lock import exclusive
from novacron.deploy.manifest import load_manifest
from novacron.deploy.onchain import code_at
from novacron.deploy.plan import Account, Instance, Plan
from novacron.deploy.preview import OP_GAS_ORACLE, preview_plan
from novacron.deploy.resolve import ResolvedInstance, compile_plan, resolve_plan
from novacron.deploy.run import DeployEvent, transaction_key
from novacron.exceptions import (
    ChainResetError,
    DeployError,
    FeeCapError,
    InsufficientFundsError,
    RevertedError,
    StoreBusyError,
    VerificationError,
    WrongChainError,
)
from tests.deploy.support import PLAN, deploy, transactions_of


def resolved(compiler: Compiler, deployer: str, plan: Plan = PLAN) -> tuple[ResolvedInstance, ...]:
    return resolve_plan(plan, compile_plan(plan, compiler), {"deployer": deployer})


def test_a_plan_is_deployed_in_order_and_recorded(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    events: list[DeployEvent] = []
    manifest = deploy(pool, signer, compiler, out_dir, on_event=events.append)
    expected = resolved(compiler, signer.address)
    assert [item.name for item in expected] == ["Registry", "MainVault"]
    assert {name: record.address for name, record in manifest.instances.items()} == {
        item.name: item.address for item in expected
    }
    assert load_manifest(out_dir / "manifest.json") == manifest
    vault = manifest.instances["MainVault"]
    assert [argument.value for argument in vault.constructor_arguments] == [expected[0].address, str(2**200), "main"]
    assert vault.block_number == manifest.instances["Registry"].block_number + 1
    assert json.loads((out_dir / vault.compiler_input).read_text())["language"] == "Solidity"
    assert [event.step for event in events if event.instance == "Registry"] == [
        "intent", "signed", "broadcast", "sent", "mined", "confirmed", "checked", "recorded",
    ]  # fmt: skip


def test_nothing_that_is_written_holds_a_key_or_the_rpc_address(
    anvil: Anvil, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    with EndpointPool([anvil.url + "/?key=not-for-your-eyes"]) as pool:
        deploy(pool, signer, compiler, out_dir)
    for path in out_dir.iterdir():
        content = path.read_bytes()
        assert b"not-for-your-eyes" not in content
        assert bytes.fromhex(anvil.accounts[0][1][2:]) not in content
        assert anvil.accounts[0][1][2:].encode() not in content


def test_deploying_again_sends_nothing_and_leaves_the_manifest(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    first = deploy(pool, signer, compiler, out_dir)
    before = ((out_dir / "manifest.json").read_bytes(), transactions_of(pool, signer.address))
    assert deploy(pool, signer, compiler, out_dir) == first
    assert ((out_dir / "manifest.json").read_bytes(), transactions_of(pool, signer.address)) == before


def test_without_manifest_and_journal_existing_code_is_adopted(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, tmp_path: Path
) -> None:
    first = deploy(pool, signer, compiler, out_dir)
    count = transactions_of(pool, signer.address)
    second = deploy(pool, signer, compiler, tmp_path / "elsewhere" / "testing-net")
    assert transactions_of(pool, signer.address) == count
    for name, record in second.instances.items():
        assert record.adopted
        assert record.transaction_hash is None
        assert record.address == first.instances[name].address


def test_the_same_plan_gives_the_same_addresses_on_another_chain(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    here = deploy(pool, signer, compiler, out_dir)
    with Anvil(chain_id=4242) as other, EndpointPool([other.url]) as far:
        there = deploy(far, signer, compiler, out_dir.parent / "other-net")
    assert {n: r.address for n, r in here.instances.items()} == {n: r.address for n, r in there.instances.items()}
    assert there.chain_id == 4242


def test_somebody_who_deploys_first_is_adopted_and_our_intent_forgotten(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, tmp_path: Path
) -> None:
    registry = resolved(compiler, signer.address)[0]

    def overtake(event: DeployEvent) -> None:
        if (event.instance, event.step) == ("Registry", "intent"):
            rival = TransactionManager(pool, signer_from_key(anvil.accounts[1][1]), Journal(tmp_path / "rival.sqlite"))
            rival.send("x", to=DEPLOYMENT_PROXY, data=registry.call_data)

    manifest = deploy(pool, signer, compiler, out_dir, on_event=overtake)
    assert manifest.instances["Registry"].adopted
    assert not manifest.instances["MainVault"].adopted
    assert transactions_of(pool, signer.address) == 1
    with Journal(out_dir / "journal.sqlite") as journal:
        assert journal.get(transaction_key(registry)) is None


def test_somebody_who_is_faster_than_our_signed_transaction_is_adopted(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, tmp_path: Path
) -> None:
    registry = resolved(compiler, signer.address)[0]

    def overtake(event: DeployEvent) -> None:
        if (event.instance, event.step) == ("Registry", "signed"):
            rival = TransactionManager(pool, signer_from_key(anvil.accounts[1][1]), Journal(tmp_path / "rival.sqlite"))
            rival.send("x", to=DEPLOYMENT_PROXY, data=registry.call_data)

    manifest = deploy(pool, signer, compiler, out_dir, on_event=overtake)
    assert manifest.instances["Registry"].adopted  # our transaction was mined and reverted
    assert transactions_of(pool, signer.address) == 2
    assert deploy(pool, signer, compiler, out_dir) == manifest


def test_a_constructor_that_reverts_costs_nothing_and_is_named(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    plan = Plan("testing", (Instance("Registry", "Registry", ("0x" + "00" * 20,)),))
    with pytest.raises(RevertedError):
        deploy(pool, signer, compiler, out_dir, plan)
    assert transactions_of(pool, signer.address) == 0
    assert not (out_dir / "manifest.json").exists()


def test_a_deployment_that_failed_on_chain_can_be_tried_again(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    registry = resolved(compiler, signer.address)[0]
    with Journal(out_dir / "journal.sqlite") as journal:  # the first attempt ran out of gas
        manager = TransactionManager(pool, signer, journal)
        with pytest.raises(RevertedError):
            manager.send(transaction_key(registry), to=DEPLOYMENT_PROXY, data=registry.call_data, gas=130_000)
    manifest = deploy(pool, signer, compiler, out_dir)
    assert not manifest.instances["Registry"].adopted
    assert transactions_of(pool, signer.address) == 3


def test_an_account_without_money_is_told_what_it_needs(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    anvil.rpc("anvil_setBalance", signer.address, hex(10**12))
    with pytest.raises(InsufficientFundsError, match=signer.address):
        deploy(pool, signer, compiler, out_dir)
    assert transactions_of(pool, signer.address) == 0
    anvil.rpc("anvil_setBalance", signer.address, hex(10**18))
    assert len(deploy(pool, signer, compiler, out_dir).instances) == 2


def test_fees_above_the_cap_are_never_paid(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    with pytest.raises(FeeCapError):
        deploy(pool, signer, compiler, out_dir, fees=FeePolicy(max_fee_per_gas=1000))


def test_a_chain_without_the_proxy_is_refused(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    anvil.rpc("anvil_setCode", DEPLOYMENT_PROXY, "0x")
    with pytest.raises(DeployError, match=f"proxy {DEPLOYMENT_PROXY} is not on chain 31337"):
        deploy(pool, signer, compiler, out_dir)
    anvil.rpc("anvil_setCode", DEPLOYMENT_PROXY, "0x6000")
    with pytest.raises(DeployError, match="is not the deployment proxy's"):
        deploy(pool, signer, compiler, out_dir)
    assert not out_dir.exists()


def test_foreign_code_at_the_address_is_not_adopted(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    anvil.rpc("anvil_setCode", resolved(compiler, signer.address)[0].address, "0x600160015500")
    with pytest.raises(VerificationError, match="Registry: the code on the chain has 6 bytes"):
        deploy(pool, signer, compiler, out_dir)
    assert not (out_dir / "manifest.json").exists()


def test_an_endpoint_of_another_chain_is_refused(
    anvil: Anvil, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    with EndpointPool([anvil.url], chain_id=1) as pool, pytest.raises(WrongChainError):
        deploy(pool, signer, compiler, out_dir)


def test_a_manifest_of_another_chain_is_refused(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir)
    replace(manifest, genesis="0x" + "00" * 32).save(out_dir / "manifest.json")
    before = (out_dir / "manifest.json").read_bytes()
    with pytest.raises(WrongChainError, match="belongs to chain 31337 with genesis 0x00"):
        deploy(pool, signer, compiler, out_dir)
    assert (out_dir / "manifest.json").read_bytes() == before


def test_a_restarted_public_chain_id_is_refused_by_the_journal(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    with Journal(out_dir / "journal.sqlite") as journal:
        journal.bind_chain(31337, "0x" + "11" * 32)
    with pytest.raises(ChainResetError):
        deploy(pool, signer, compiler, out_dir)


def test_a_restarted_development_chain_starts_afresh(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, tmp_path: Path
) -> None:
    out_dir = tmp_path / "ethereum-local"
    first = deploy(pool, signer, compiler, out_dir)
    replace(first, genesis="0x" + "00" * 32, instances={"Old": replace(first.instances["Registry"], instance="Old")}
            ).save(out_dir / "manifest.json")  # fmt: skip
    name = journal_name(pool, out_dir)
    assert name.startswith("journal-")
    assert sorted(deploy(pool, signer, compiler, out_dir).instances) == ["MainVault", "Registry"]
    assert journal_name(pool, tmp_path / "ethereum-sepolia") == "journal.sqlite"


def test_changed_source_does_not_move_a_contract_silently(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, project: Path, out_dir: Path
) -> None:
    plan = Plan("testing", (Instance("Registry", "Registry", (Account("deployer"),)),))
    first = deploy(pool, signer, compiler, out_dir, plan)
    source = project / "contracts" / "Registry.sol"
    source.write_text(source.read_text().replace("count = 7", "count = 8"))
    with pytest.raises(DeployError, match=r"it would go to 0x.*Raise its version"):
        deploy(pool, signer, compiler, out_dir, plan)
    assert load_manifest(out_dir / "manifest.json") == first
    moved = deploy(pool, signer, compiler, out_dir, plan, allow_new_address=True).instances["Registry"]
    assert moved.previous_addresses == (first.instances["Registry"].address,)
    raised = Plan("testing", (replace(plan.instances[0], version="2"),))
    third = deploy(pool, signer, compiler, out_dir, raised).instances["Registry"]
    assert third.previous_addresses == (first.instances["Registry"].address, moved.address)


def test_two_plans_may_not_share_an_instance_name(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    deploy(pool, signer, compiler, out_dir)
    with pytest.raises(DeployError, match="Registry belongs to plan testing"):
        deploy(pool, signer, compiler, out_dir, replace(PLAN, name="second"))


def test_plans_share_a_manifest_and_keep_each_others_inputs(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, project: Path, out_dir: Path
) -> None:
    first = deploy(pool, signer, compiler, out_dir)
    source = project / "contracts" / "Registry.sol"
    source.write_text(source.read_text() + "// another input\n")
    other = Plan("second", (Instance("Other", "Registry", (Account("deployer"),)),))
    manifest = deploy(pool, signer, compiler, out_dir, other)
    assert sorted(manifest.instances) == ["MainVault", "Other", "Registry"]
    assert manifest.instances["Registry"] == first.instances["Registry"]
    names = {manifest.instances[name].compiler_input for name in ("Registry", "Other")}
    assert len(names) == 2
    assert all((out_dir / name).is_file() for name in names)


def test_two_deployments_at_once_in_one_folder_are_refused(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    with exclusive(out_dir), pytest.raises(StoreBusyError, match="another deployment"):
        deploy(pool, signer, compiler, out_dir)
    assert len(deploy(pool, signer, compiler, out_dir).instances) == 2


def test_the_manifest_tells_a_dirty_tree(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, project: Path, out_dir: Path
) -> None:
    from tests.deploy.test_manifest import _git

    _git(project, "init")
    _git(project, "add", ".")
    _git(project, "commit", "-m", "clean")
    registry = Plan("testing", (PLAN.instances[1],))
    clean = deploy(pool, signer, compiler, out_dir, registry).instances["Registry"]
    assert clean.git_commit is not None
    assert clean.git_dirty is False
    (project / "contracts" / "Vault.sol").write_text((project / "contracts" / "Vault.sol").read_text() + "\n")
    dirty = deploy(pool, signer, compiler, out_dir).instances["MainVault"]
    assert dirty.git_dirty is True
    assert dirty.git_commit == clean.git_commit


def test_the_preview_predicts_addresses_and_gas_and_sends_nothing(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    preview = preview_plan(pool, PLAN, signer.address, compiler)
    assert transactions_of(pool, signer.address) == 0
    assert [row.instance for row in preview.rows] == ["Registry", "MainVault"]
    assert not any(row.exists for row in preview.rows)
    manifest = deploy(pool, signer, compiler, out_dir)
    for row in preview.rows:
        record = manifest.instances[row.instance]
        used = int(pool.request("eth_getTransactionReceipt", [record.transaction_hash])["gasUsed"], 16)
        assert row.address == record.address
        assert row.gas is not None
        assert used <= row.gas <= used * 1.1
        assert preview.cost(row) == row.gas * preview.price
    after = preview_plan(pool, PLAN, signer.address, compiler)
    assert all(row.exists and row.gas == 0 for row in after.rows)
    assert after.total == 0


def test_the_preview_of_a_reverting_constructor_says_so(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler
) -> None:
    plan = Plan("testing", (Instance("Registry", "Registry", ("0x" + "00" * 20,)),))
    row = preview_plan(pool, plan, signer.address, compiler).rows[0]
    assert row.gas is None
    assert "reverts" in row.note


def test_the_preview_adds_what_a_layer_two_charges_for_data(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler
) -> None:
    # Returns the size of its call data, as a stand-in for getL1Fee(bytes).
    anvil.rpc("anvil_setCode", OP_GAS_ORACLE, "0x3660005260206000f3")
    plain = preview_plan(pool, PLAN, signer.address, compiler)
    for row, item in zip(plain.rows, resolved(compiler, signer.address), strict=True):
        assert len(item.call_data) < row.data_fee < len(item.call_data) + 200
        assert plain.cost(row) == (row.gas or 0) * plain.price + row.data_fee


def test_the_deployed_contracts_know_their_arguments(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir)
    registry = manifest.address_of("Registry")
    answer = bytes.fromhex(pool.request("eth_call", [{"to": registry, "data": "0x8da5cb5b"}, "latest"])[2:])
    assert answer[12:].hex() == signer.address[2:].lower()
    assert code_at(pool, manifest.address_of("MainVault"))
