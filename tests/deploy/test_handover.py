"""check_handover: an honest deployment passes, and what is not this source tree's is no deployment of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from novacron.deploy import roles
from novacron.deploy.genesis import LOCAL_GENESIS
from novacron.deploy.handover import check_handover
from novacron.deploy.rules import Rule, Who
from novacron.exceptions import DeployError
from tests.deploy.handover_suite import STRANGER, Suite, only


def test_an_honest_hand_over_passes_every_kind_of_check(suite: Suite) -> None:
    report = suite.check()
    report.raise_if_failed()
    assert [section.name for section in report.sections] == [
        "code", "table of roles", "members of roles", "settings of roles", "roles of functions",
        "authorities and restrictions", "timelock", "links and owners", "guardian Safe", "initialisers and proxies",
        "early proposals", "settings of the governor", "treasury allowances", "supply", "verifications",
        "settings of market, hosts and agreements", "fee and tokens", "attestations of hosts",
    ]  # fmt: skip
    idle = {section.name for section in report.sections if not section.checked}
    assert idle == {"verifications", "attestations of hosts"}  # of which there are none yet


def test_what_was_done_before_the_blocks_that_the_manifest_names_is_found_all_the_same(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 0, STRANGER, 0)
    suite.chain.rpc("evm_mine")
    latest = int(str(suite.chain.rpc("eth_blockNumber")), 16)
    later = suite.manifest
    for record in suite.manifest.instances.values():
        later = later.with_record(replace(record, block_number=latest))
    report = check_handover(suite.pool, later, suite.compiler)
    only(list(report.findings), "Authority", "ADMIN", STRANGER, "has the role ADMIN", "revokeRole(0, ")
    sent = suite.chain.rpc("eth_getBlockByNumber", "latest", True)
    assert isinstance(sent, dict)
    last = suite.chain.rpc("eth_getBlockByNumber", hex(latest - 1), False)
    assert isinstance(last, dict)
    for record in suite.manifest.instances.values():  # and another transaction
        later = later.with_record(replace(record, block_number=latest, transaction_hash=last["transactions"][0]))
    report = check_handover(suite.pool, later, suite.compiler)
    only(list(report.findings), "Authority", "ADMIN", STRANGER, "has the role ADMIN", "revokeRole(0, ")


def test_code_that_is_gone_stops_the_proof_at_once(suite: Suite) -> None:
    suite.chain.rpc("anvil_setCode", suite.manifest.address_of("NET"), "0x")
    report = suite.check()
    assert [section.name for section in report.sections] == ["code", "table of roles"]
    only(list(report.findings), "NET", "code", "", "there is no contract at", "verify_deployment")


def test_a_manifest_that_points_elsewhere_is_found(suite: Suite) -> None:
    record = suite.manifest.instances["Authority"]
    moved = replace(record, address=suite.manifest.address_of("Timelock"))
    changed = suite.manifest.with_record(moved)
    report = check_handover(suite.pool, changed, suite.compiler)
    assert {one.contract for one in report.findings} >= {"Authority"}
    assert all(one.role == "code" for one in report.findings)


def test_a_function_that_is_not_in_the_table_is_found(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    table: dict[str, Mapping[str, Rule]] = dict(roles.TABLE)
    table["CPU"] = {name: rule for name, rule in table["CPU"].items() if not name.startswith("mint")}
    table["MEM"] = {**table["MEM"], "burn(uint256)": Rule(Who.EVERYBODY, "lose their own")}
    monkeypatch.setattr(roles, "TABLE", table)
    found = suite.found()
    assert [(one.contract, one.role) for one in found] == [("CPU", "table"), ("MEM", "table")]
    assert "mint(address,uint256) is not in the table" in found[0].what
    assert "burn(uint256) is in the table, and the contract has no such function" in found[1].what


def test_what_governance_has_changed_can_be_told(suite: Suite) -> None:
    suite.send("Timelock", "Authority", "grantRole", 2, STRANGER, 0)
    assert suite.found()
    now = replace(LOCAL_GENESIS, attesters=(*LOCAL_GENESIS.attesters, STRANGER))
    assert not suite.found(genesis=now)


def test_a_deployment_that_is_not_complete_is_refused(suite: Suite) -> None:
    part = replace(
        suite.manifest, instances={name: one for name, one in suite.manifest.instances.items() if name != "Governance"}
    )
    with pytest.raises(DeployError, match="Governance of plan novacron are not deployed"):
        check_handover(suite.pool, part, suite.compiler)
    with pytest.raises(DeployError, match="plan novacron is not deployed"):
        check_handover(suite.pool, replace(suite.manifest, plans={}), suite.compiler)
