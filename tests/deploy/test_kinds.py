"""Everything a plan can have besides a plain instance: created, published, from a factory, behind a proxy; calls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.chain.anvil import Anvil
from novacron.chain.contracts import ContractHandle
from novacron.chain.endpoints import EndpointPool
from novacron.chain.journal import Journal
from novacron.chain.signer import LocalSigner, signer_from_key
from novacron.chain.transactions import TransactionManager
from novacron.deploy.arguments import encode_call, selector
from novacron.deploy.compiler import Compiler
from novacron.deploy.manifest import DeploymentManifest, load_manifest
from novacron.deploy.onchain import code_at
from novacron.deploy.plan import Account, Call, Calldata, Created, Instance, Plan, Reading, Ref, SafeAccount
from novacron.deploy.preview import preview_plan
from novacron.deploy.published import load_artifact
from novacron.deploy.resolve import compile_plan, resolve_plan
from novacron.deploy.run import DeployEvent, call_key
from novacron.deploy.safe import decode_creation, initializer, read_safe
from novacron.deploy.verify import verify_deployment
from novacron.exceptions import CompilerError, DeployError, PlanError, RejectedError, RevertedError, VerificationError
from tests.deploy.support import (
    BOX,
    CALLS,
    FAMILY,
    GUARDIAN,
    HANDOVER,
    OWNERS,
    RICH,
    ROOT,
    SAFE,
    SETTINGS,
    deploy,
    transactions_of,
)


def view(pool: EndpointPool, address: str, signature: str) -> int:
    answer = pool.request("eth_call", [{"to": address, "data": "0x" + selector(signature).hex()}, "latest"])
    return int(answer, 16)


def only_guardian(**changes: Any) -> Plan:
    return Plan("guarded", (*GUARDIAN[:3], replace(GUARDIAN[3], **changes)))


# ----------------------------------------------------------------------------------------------------------------------
# All of it
# ----------------------------------------------------------------------------------------------------------------------


def test_a_plan_of_every_kind_is_deployed_called_handed_over_and_verified(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    events: list[DeployEvent] = []
    manifest = deploy(pool, signer, compiler, out_dir, RICH, on_event=events.append)
    assert list(manifest.instances) == [item.name for item in RICH.ordered()]
    assert [(call.label, call.target) for call in manifest.calls] == [
        ("set the limit", "Settings"), ("label it", "Settings"), ("give it away", "Settings"),
    ]  # fmt: skip
    assert load_manifest(out_dir / "manifest.json") == manifest
    assert view(pool, manifest.address_of("Settings"), "limit()") == 9
    assert view(pool, manifest.address_of("Settings"), "owner()") == int(manifest.address_of("Guardian"), 16)
    assert view(pool, manifest.address_of("Box"), "size()") == 5
    steps = [event.step for event in events if event.instance == "set the limit"]
    assert steps == ["intent", "signed", "broadcast", "sent", "mined", "done", "recorded"]
    report = verify_deployment(pool, out_dir, compiler, {"rich": RICH})
    report.raise_if_failed()
    assert all(item.exact for item in report.instances)

    before = ((out_dir / "manifest.json").read_bytes(), transactions_of(pool, signer.address))
    assert deploy(pool, signer, compiler, out_dir, RICH) == manifest
    assert ((out_dir / "manifest.json").read_bytes(), transactions_of(pool, signer.address)) == before


def test_without_manifest_and_journal_all_of_it_is_adopted(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, tmp_path: Path
) -> None:
    first = deploy(pool, signer, compiler, out_dir, RICH)
    count = transactions_of(pool, signer.address)
    second = deploy(pool, signer, compiler, tmp_path / "elsewhere" / "testing-net", RICH)
    assert transactions_of(pool, signer.address) == count
    assert all(record.adopted for record in second.instances.values())
    assert {name: one.address for name, one in second.instances.items()} == {
        name: one.address for name, one in first.instances.items()
    }
    assert [call.transaction_hash for call in second.calls] == [None]  # once handed over, the calls are not looked at


@pytest.mark.parametrize("simulates", [True, False])
def test_the_preview_tells_what_each_kind_costs(
    pool: EndpointPool,
    signer: LocalSigner,
    compiler: Compiler,
    out_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    simulates: bool,
) -> None:
    real = EndpointPool.request

    def limited(self: EndpointPool, method: str, params: Any) -> Any:
        if method == "eth_simulateV1":
            raise RejectedError("the method eth_simulateV1 does not exist")
        return real(self, method, params)

    if not simulates:
        monkeypatch.setattr(EndpointPool, "request", limited)
    rows = {row.instance: row for row in preview_plan(pool, RICH, signer.address, compiler).rows}
    assert transactions_of(pool, signer.address) == 0
    manifest = deploy(pool, signer, compiler, out_dir, RICH)
    records = {**manifest.instances, **{call.label: call for call in manifest.calls}}
    assert set(rows) == set(records)
    for name, record in records.items():
        row = rows[name]
        if name in ("First", "Second"):
            assert (row.gas, row.note) == (0, "created by Parent")
            continue
        used = int(pool.request("eth_getTransactionReceipt", [record.transaction_hash])["gasUsed"], 16)
        if simulates:
            assert row.gas == used, name
        elif name in ("Guardian", *(call.label for call in (*CALLS, *HANDOVER))):
            assert row.gas is None
            assert "cannot estimate it before" in row.note
        elif name == "Box":
            assert row.gas is not None
            assert "without their storage" in row.note
        else:
            assert row.gas is not None
            assert used <= row.gas <= used * 1.1
    after = preview_plan(pool, RICH, signer.address, compiler)
    assert all(row.exists and row.gas == 0 for row in after.rows)


# ----------------------------------------------------------------------------------------------------------------------
# Created by a constructor
# ----------------------------------------------------------------------------------------------------------------------


def test_what_a_constructor_creates_is_recorded_with_its_creator(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir, Plan("family", FAMILY))
    parent = manifest.instances["Parent"]
    for name, nonce, mark in (("First", 1, 7), ("Second", 2, 8)):
        record = manifest.instances[name]
        assert (record.creator, record.creator_nonce, record.salt) == (parent.address, nonce, None)
        assert record.transaction_hash == parent.transaction_hash
        assert view(pool, record.address, "mark()") == mark
        assert view(pool, record.address, "creator()") == int(parent.address, 16)
    assert view(pool, parent.address, "second()") == int(manifest.address_of("Second"), 16)
    assert transactions_of(pool, signer.address) == 1


def test_a_creation_that_does_not_happen_is_named(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    plan = Plan("family", (FAMILY[0], replace(FAMILY[2], nonce=3)))
    with pytest.raises(DeployError, match="First: Parent has created nothing at 0x"):
        deploy(pool, signer, compiler, out_dir, plan)


def test_a_created_contract_with_other_arguments_is_found_by_its_immutables(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    plan = Plan("family", (FAMILY[0], replace(FAMILY[2], arguments=(Ref("Parent"), 9))))
    with pytest.raises(VerificationError, match="First: immutable mark at byte offset"):
        deploy(pool, signer, compiler, out_dir, plan)
    plan = Plan("family", (FAMILY[0], replace(FAMILY[2], contract="Registry", arguments=(Ref("Parent"),))))
    with pytest.raises(VerificationError, match="First: the code on the chain has"):
        deploy(pool, signer, compiler, out_dir, plan)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"creator_nonce": 2}, "creator and nonce give the address"),
        ({"creator": "0x" + "11" * 20}, "creator and nonce give the address"),
        ({"address": "0x" + "11" * 20}, "creator and nonce give the address"),
    ],
)
def test_a_tampered_record_of_a_creation_is_found(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, change: dict[str, Any], finding: str
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir, Plan("family", FAMILY))
    manifest.with_record(replace(manifest.instances["First"], **change)).save(out_dir / "manifest.json")
    findings = verify_deployment(pool, out_dir, compiler).findings
    assert any(finding in one and one.startswith("First:") for one in findings), findings


def test_a_creator_that_is_not_in_the_manifest_is_found(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir, Plan("family", FAMILY))
    replace(manifest, instances={"First": manifest.instances["First"]}).save(out_dir / "manifest.json")
    findings = verify_deployment(pool, out_dir, compiler).findings
    assert any("which is not in the manifest" in one for one in findings), findings


# ----------------------------------------------------------------------------------------------------------------------
# Published artifacts
# ----------------------------------------------------------------------------------------------------------------------


def test_a_published_contract_is_deployed_as_it_was_published_and_without_solc(
    pool: EndpointPool, signer: LocalSigner, project: Path, out_dir: Path, tmp_path: Path
) -> None:
    compiler = Compiler(project, solc=tmp_path / "no-solc")
    manifest = deploy(pool, signer, compiler, out_dir, only_guardian())
    for name in ("SafeL2", "Factory", "Handler"):
        record = manifest.instances[name]
        assert record.package is not None
        path = ROOT / "node_modules" / record.package.name / record.package.artifact
        assert code_at(pool, record.address) == bytes.fromhex(json.loads(path.read_text())["deployedBytecode"][2:])
        assert (record.package.name, record.package.version) == ("@safe-global/safe-smart-account", "1.5.0")
        assert (record.compiler_input, record.compiler_input_hash) == (None, None)
        assert record.compiler_version == "0.7.6+commit.7338295f"
    verify_deployment(pool, out_dir, compiler, {"guarded": only_guardian()}).raise_if_failed()


def test_a_package_that_changed_since_the_deployment_is_found(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir, only_guardian())
    record = manifest.instances["SafeL2"]
    assert record.package is not None
    changed = replace(record, package=replace(record.package, version="1.4.1", artifact_hash="00" * 32))
    manifest.with_record(changed).save(out_dir / "manifest.json")
    findings = verify_deployment(pool, out_dir, compiler).findings
    assert len(findings) == 1
    assert "SafeL2: the artifact here is" in findings[0]


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ("npm:left-pad", "names no published artifact"),
        ("npm:@safe-global/safe-smart-account/../../../etc/x.json", "names no published artifact"),
        ("npm:left-pad/build/X.json", "X.json is not installed; run `make setup`"),
        (f"{SAFE}/interfaces/ISafe.sol/ISafe.json", "no code that can be deployed"),
        ("npm:@safe-global/safe-smart-account/package.json", "is no artifact"),
    ],
)
def test_what_is_no_published_artifact_is_refused(project: Path, contract: str, message: str) -> None:
    with pytest.raises(CompilerError, match=message):
        load_artifact(project, contract)


# ----------------------------------------------------------------------------------------------------------------------
# A Safe from its factory
# ----------------------------------------------------------------------------------------------------------------------


def test_the_safe_is_at_its_predicted_address_with_its_owners(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir, only_guardian())
    record = manifest.instances["Guardian"]
    assert (record.creator, record.implementation) == (manifest.address_of("Factory"), "SafeL2")
    state = read_safe(pool, record.address)
    assert state is not None
    assert set(state.owners) == set(OWNERS)
    assert (state.threshold, state.modules) == (2, ())
    assert state.singleton == manifest.address_of("SafeL2")
    assert state.handler == manifest.address_of("Handler")
    factory = ContractHandle(pool, record.creator, load_artifact(ROOT, GUARDIAN[1].contract).abi)
    assert factory.call("proxyCreationCode") == load_artifact(ROOT, GUARDIAN[3].contract).creation_code


def test_owners_threshold_and_version_move_the_safe(compiler: Compiler) -> None:
    def address(**changes: Any) -> str:
        plan = only_guardian(**changes)
        return resolve_plan(plan, compile_plan(plan, compiler), {"deployer": OWNERS[0]})[-1].address

    changes: list[dict[str, Any]] = [
        {}, {"threshold": 3}, {"owners": OWNERS[:2]}, {"owners": OWNERS[::-1]}, {"version": "2"},
    ]  # fmt: skip
    assert len({address(**change) for change in changes}) == len(changes)


def test_a_safe_that_somebody_else_created_first_is_adopted(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, tmp_path: Path
) -> None:
    plan = only_guardian()
    guardian = resolve_plan(plan, compile_plan(plan, compiler), {"deployer": signer.address})[-1]

    def overtake(event: DeployEvent) -> None:
        if (event.instance, event.step) == ("Guardian", "signed"):
            rival = TransactionManager(pool, signer_from_key(anvil.accounts[1][1]), Journal(tmp_path / "rival.sqlite"))
            rival.send("x", to=guardian.creator, data=guardian.call_data)

    manifest = deploy(pool, signer, compiler, out_dir, plan, on_event=overtake)
    assert manifest.instances["Guardian"].adopted
    assert manifest.address_of("Guardian") == guardian.address
    verify_deployment(pool, out_dir, compiler, {"guarded": plan}).raise_if_failed()


def test_a_safe_whose_owners_are_others_by_now_is_not_adopted(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, tmp_path: Path
) -> None:
    first = deploy(pool, signer, compiler, out_dir, only_guardian())
    safe = ContractHandle(pool, first.address_of("Guardian"), load_artifact(ROOT, GUARDIAN[0].contract).abi)
    anvil.rpc("anvil_setBalance", safe.address, hex(10**18))
    anvil.rpc("anvil_impersonateAccount", safe.address)
    for call in (("changeThreshold", 1), ("enableModule", "0x" + "00" * 18 + "5705")):
        data = "0x" + safe.encode(*call).hex()
        anvil.rpc("eth_sendTransactionSync", {"from": safe.address, "to": safe.address, "data": data})
    with pytest.raises(VerificationError, match="Guardian: 1 owners sign, 2 are configured; Guardian: the module"):
        deploy(pool, signer, compiler, tmp_path / "elsewhere" / "testing-net", only_guardian())
    # Once it is recorded, that is its owners' to change: a later run leaves it alone, and verifying tells.
    assert deploy(pool, signer, compiler, out_dir, only_guardian()) == first
    report = verify_deployment(pool, out_dir, compiler)
    report.raise_if_failed()
    notes = next(item.notes for item in report.instances if item.instance == "Guardian")
    assert any(note.startswith("1 of 3 owners") for note in notes)
    assert any(note.startswith("module 0x") for note in notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": 0}, "threshold 0 of 3 owners"),
        ({"threshold": 4}, "threshold 4 of 3 owners"),
        ({"owners": (OWNERS[0], OWNERS[0].lower(), OWNERS[1])}, "an owner is named twice"),
        ({"owners": ("0x" + "00" * 20, OWNERS[0])}, "addresses 0 and 1"),
        ({"owners": ("0x12", OWNERS[0])}, "the owner '0x12' is no address"),
    ],
)
def test_a_safe_that_cannot_be_is_refused_before_anything_is_sent(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        deploy(pool, signer, compiler, out_dir, only_guardian(**changes))
    assert transactions_of(pool, signer.address) == 0


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"salt_label": "guarded/Guardian/9"}, "is not the Keccak-256 of"),
        ({"creation_call": "0x1688f0b9"}, "is not the deployer's"),
        ({"creator": "0x" + "11" * 20}, "give the address"),
        ({"salt": "0x" + "00" * 32}, "salt 0x00"),
    ],
)
def test_a_tampered_record_of_a_safe_is_found(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, change: dict[str, Any], finding: str
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir, only_guardian())
    manifest.with_record(replace(manifest.instances["Guardian"], **change)).save(out_dir / "manifest.json")
    findings = verify_deployment(pool, out_dir, compiler).findings
    assert any(finding in one and one.startswith("Guardian:") for one in findings), findings


def test_an_initialiser_that_runs_code_is_not_taken_for_ours() -> None:
    from eth_abi import encode

    from novacron.deploy.safe import _SETUP_TYPES, ZERO, creation_call

    good = initializer("Guardian", OWNERS, 2, OWNERS[0])
    assert decode_creation(creation_call(OWNERS[1], good, bytes(32)))[3:5] == (OWNERS, 2)
    bad = good[:4] + encode(_SETUP_TYPES, [list(OWNERS), 2, OWNERS[0], b"\1", ZERO, ZERO, 0, ZERO])
    with pytest.raises(ValueError, match="runs code"):
        decode_creation(creation_call(OWNERS[1], bad, bytes(32)))


# ----------------------------------------------------------------------------------------------------------------------
# Initialisers and calls
# ----------------------------------------------------------------------------------------------------------------------


def test_an_initialiser_is_part_of_the_address_and_refers_to_instances(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    plan = Plan("boxed", (SETTINGS, *BOX))
    manifest = deploy(pool, signer, compiler, out_dir, plan)
    assert view(pool, manifest.address_of("Box"), "keeper()") == int(manifest.address_of("Settings"), 16)
    assert manifest.instances["Box"].implementation == "BoxImplementation"
    data = encode_call("Box", "initialize(address,uint256)", [manifest.address_of("Settings"), 5])
    assert manifest.instances["Box"].constructor_arguments[1].value == "0x" + data.hex()


@pytest.mark.parametrize(
    ("calldata", "message"),
    [
        (Calldata("initialise(address,uint256)", (Ref("Settings"), 5)), "no function initialise"),
        (Calldata("initialize(address,uint8)", (Ref("Settings"), 5)), r"it has initialize\(address,uint256\)"),
        (Calldata("initialize(address,uint256)", (Ref("Settings"),)), "1 arguments for initialize"),
        (Calldata("initialize(address,uint256)", (Ref("Settings"), -1)), "argument of .* 2 is -1"),
        (Calldata("initialize(address, uint256)", (Ref("Settings"), 1)), "is no signature"),
    ],
)
def test_an_initialiser_that_does_not_fit_is_refused(compiler: Compiler, calldata: Calldata, message: str) -> None:
    box = replace(BOX[1], arguments=(Ref("BoxImplementation"), calldata))
    with pytest.raises(PlanError, match=message):
        compile_plan(Plan("boxed", (SETTINGS, BOX[0], box)), compiler)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"function": "setLimits(uint256)"}, "no function setLimits"),
        ({"arguments": (1, 2)}, "2 arguments for setLimit"),
        ({"done": (Reading("Settings", "limits()", (), 9),)}, "no function limits"),
        ({"done": (replace(CALLS[1].done[0], event="Named"),)}, "no event Named"),
    ],
)
def test_a_call_that_does_not_fit_the_abi_is_refused(compiler: Compiler, change: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        compile_plan(Plan("called", (SETTINGS,), (replace(CALLS[0], **change),)), compiler)


def test_a_call_is_not_sent_when_its_effect_is_there(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    deploy(pool, signer, compiler, out_dir, Plan("called", (SETTINGS,)))
    address = load_manifest(out_dir / "manifest.json").address_of("Settings")
    anvil.rpc("anvil_setStorageAt", address, f"0x{1:064x}", f"0x{9:064x}")
    manifest = deploy(pool, signer, compiler, out_dir, Plan("called", (SETTINGS,), CALLS))
    assert [call.transaction_hash is None for call in manifest.calls] == [True, False]
    assert transactions_of(pool, signer.address) == 2
    with Journal(out_dir / "journal.sqlite") as journal:
        assert [entry.intent.key.split(":")[:2] for entry in journal.entries()] == [
            ["deploy", "Settings"], ["call", "label it"],
        ]  # fmt: skip


def test_a_call_that_would_revert_costs_nothing_and_is_named(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    manifest = deploy(pool, signer, compiler, out_dir, Plan("called", (SETTINGS,)))
    anvil.rpc("anvil_setStorageAt", manifest.address_of("Settings"), "0x" + "00" * 32, "0x" + "00" * 32)
    with pytest.raises(RevertedError, match="Settings_NotOwner"):
        deploy(pool, signer, compiler, out_dir, Plan("called", (SETTINGS,), CALLS))
    assert transactions_of(pool, signer.address) == 1


def test_a_call_that_was_undone_is_not_repeated_silently(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    plan = Plan("called", (SETTINGS,), CALLS[:1])
    manifest = deploy(pool, signer, compiler, out_dir, plan)
    anvil.rpc("anvil_setStorageAt", manifest.address_of("Settings"), f"0x{1:064x}", f"0x{4:064x}")
    with pytest.raises(DeployError, match=r"set the limit: transaction 0x.* does not show its effect"):
        deploy(pool, signer, compiler, out_dir, plan)
    assert transactions_of(pool, signer.address) == 2


def test_a_node_that_lags_behind_the_receipt_is_waited_for(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, stale = EndpointPool.exchange, {"Parent": 2, "limit": 4}

    def lagging(self: EndpointPool, method: str, params: Any) -> Any:
        answer = real(self, method, params)
        if method == "eth_getCode" and transactions_of(pool, signer.address) == 2 and stale["Parent"]:
            stale["Parent"] -= 1
            return {"result": "0x"}
        reads_limit = method == "eth_call" and params[0].get("data") == "0x" + selector("limit()").hex()
        if reads_limit and int(answer["result"], 16) == 9 and stale["limit"]:
            stale["limit"] -= 1
            return {"result": "0x" + "00" * 32}
        return answer

    monkeypatch.setattr(EndpointPool, "exchange", lagging)
    plan = Plan("lagging", (SETTINGS, *FAMILY), CALLS[:1])
    manifest = deploy(pool, signer, compiler, out_dir, plan, patience=10)
    assert stale == {"Parent": 0, "limit": 0}
    assert manifest.calls[0].transaction_hash is not None


def test_a_call_that_failed_on_chain_can_be_tried_again(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    address = deploy(pool, signer, compiler, out_dir, Plan("called", (SETTINGS,))).address_of("Settings")
    data = encode_call("x", "setLimit(uint256)", [9])
    with Journal(out_dir / "journal.sqlite") as journal:  # the first attempt ran out of gas
        manager = TransactionManager(pool, signer, journal)
        with pytest.raises(RevertedError):
            manager.send(call_key("set the limit", address, data), to=address, data=data, gas=22_000)
    manifest = deploy(pool, signer, compiler, out_dir, Plan("called", (SETTINGS,), CALLS[:1]))
    assert manifest.calls[0].transaction_hash is not None
    assert transactions_of(pool, signer.address) == 3


def test_the_latest_event_counts(pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path) -> None:
    other = replace(
        CALLS[1], label="other", arguments=(1, "TWO"), done=(replace(CALLS[1].done[0], expected={"label": "TWO"}),)
    )
    manifest = deploy(pool, signer, compiler, out_dir, Plan("called", (SETTINGS,), (CALLS[1], other)))
    assert all(call.transaction_hash for call in manifest.calls)
    with pytest.raises(DeployError, match="label it: transaction"):  # "ONE" was there, and is not any more
        deploy(pool, signer, compiler, out_dir, Plan("called", (SETTINGS,), (CALLS[1],)))


def test_a_gate_that_objects_stops_before_the_hand_over(
    pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    asked: list[DeploymentManifest] = []

    def objects(_: EndpointPool, manifest: DeploymentManifest, __: Any) -> list[str]:
        asked.append(manifest)
        return ["Settings: something is wrong"]

    with pytest.raises(DeployError, match="not handed over: Settings: something is wrong"):
        deploy(pool, signer, compiler, out_dir, replace(RICH, gate=objects))
    assert len(asked[0].calls) == 2  # everything before it was done
    manifest = load_manifest(out_dir / "manifest.json")
    assert view(pool, manifest.address_of("Settings"), "owner()") == int(signer.address, 16)
    assert deploy(pool, signer, compiler, out_dir, replace(RICH, gate=lambda *_: [])).calls[2].transaction_hash


def test_another_configuration_or_deployer_does_not_go_on(
    anvil: Anvil, pool: EndpointPool, signer: LocalSigner, compiler: Compiler, out_dir: Path
) -> None:
    plan = Plan("called", (SETTINGS,), configuration={"quota": 5, "who": ["a"]})
    deploy(pool, signer, compiler, out_dir, plan)
    with pytest.raises(DeployError, match="with another configuration; quota differs"):
        deploy(pool, signer, compiler, out_dir, replace(plan, configuration={"quota": 6, "who": ["a"]}))
    with pytest.raises(DeployError, match=r"with deployer 0xf39F.*now it is 0x7099"):
        deploy(pool, signer_from_key(anvil.accounts[1][1]), compiler, out_dir, plan)
    assert transactions_of(pool, signer.address) == 1


# ----------------------------------------------------------------------------------------------------------------------
# What a plan refuses
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ((FAMILY[0], replace(FAMILY[2], nonce=0)), "nonces begin with 1"),
        ((FAMILY[0], replace(FAMILY[1], nonce=1), FAMILY[2]), "both creation 1 of Parent"),
        ((replace(FAMILY[2], creator="Nobody"),), "refers to Nobody"),
        ((FAMILY[0], FAMILY[2], Created("Grandchild", "Child", "First")), "First is no Instance"),
        ((replace(BOX[1], arguments=()),), "refers to BoxImplementation"),
        (GUARDIAN[1:], "refers to SafeL2"),
        ((Instance("A", "X", (Calldata("f(address)", (Ref("B"),)),)),), "refers to B"),
        ((Instance("A", "X", (Calldata("f(address)", (Ref("A"),)),)),), "A → A"),
        ((Instance("A", "X", (Ref("C"),)), Created("C", "Y", "A")), "A → C → A"),
        ((Instance("A", "X"), replace(GUARDIAN[3], version="1/2")), "version"),
    ],
)
def test_instances_that_do_not_fit_together_are_refused(instances: tuple[Any, ...], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Plan("p", instances)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (replace(CALLS[0], label=""), "empty, used twice"),
        (replace(CALLS[0], label="a:b"), "has a :"),
        (replace(CALLS[0], label=CALLS[1].label), "used twice"),
        (replace(CALLS[0], target="Nobody"), "refers to Nobody"),
        (replace(CALLS[0], done=()), "nothing tells whether it is done"),
        (replace(CALLS[0], arguments=(Ref("Nobody"),)), "refers to Nobody"),
        (replace(CALLS[0], done=(Reading("Nobody", "f()", (), 1),)), "refers to Nobody"),
    ],
)
def test_calls_that_do_not_fit_the_plan_are_refused(call: Call, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Plan("p", (SETTINGS,), (call,), (CALLS[1],))


def test_an_account_in_a_call_or_among_owners_must_be_given(compiler: Compiler) -> None:
    guardian = SafeAccount(
        "Guardian", (Account("alice"), *OWNERS), 2, GUARDIAN[3].contract, "Factory", "SafeL2", "Handler"
    )
    plan = Plan("p", (*GUARDIAN[:3], guardian))
    with pytest.raises(PlanError, match="Guardian needs the account 'alice'; given: deployer"):
        resolve_plan(plan, compile_plan(plan, compiler), {"deployer": OWNERS[0]})
