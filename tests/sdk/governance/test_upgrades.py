"""New implementations are compared with the present ones, and analysed, before a proxy runs them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.governance.decoding.artifacts import ArtifactBook
from novacron.governance.decoding.identify import Identifier
from novacron.governance.decoding.storage_layout import ERC1967
from novacron.governance.decoding.trace import Frame, Trace
from novacron.governance.model import Action, Finding, Proposal
from novacron.governance.simulation import slither as slither_module
from novacron.governance.simulation.build_info import BuildInfos
from novacron.governance.simulation.fork import Fork, ForkReceipt
from novacron.governance.simulation.slither import slither_findings
from novacron.governance.simulation.upgrades import (
    Contracts,
    Upgrade,
    UpgradeCheck,
    not_among,
    upgrades_in,
    upgrades_of,
)
from novacron.governance.suite import Suite
from tests.support.small_dao import SmallDao
from tests.support.zoo import small_stage

NOBODY = "0x" + "00" * 20


@dataclass
class Boxes:
    stage: SmallDao
    suite: Suite
    fork: Fork
    book: ArtifactBook
    artifacts: Path

    def address(self, name: str) -> str:
        return str(self.stage.contracts[name].address)

    def proposal(self, implementation: str, proxy: str = "Proxy") -> Proposal:
        data = keccak(text="upgradeToAndCall(address,bytes)")[:4] + encode(["address", "bytes"], [implementation, b""])
        return Proposal("x", "t", "b", (Action(self.address(proxy), 0, data),))

    def check(self, proposal: Proposal, *, slither: bool = False, folders: list[Path] | None = None) -> list[Finding]:
        check = UpgradeCheck.of_artifacts(folders or [self.artifacts], slither=slither)
        contracts = Contracts(Identifier(self.fork, self.suite, self.book))
        return check.findings(upgrades_of(proposal), self.suite, contracts, lambda _: None)


@pytest.fixture(scope="module")
def boxes(zoo_artifacts: Path) -> Iterator[Boxes]:
    with Anvil() as node:
        names = ("Box", "BoxMore", "BoxTurned", "BoxDangerous")
        stage = small_stage(node, zoo_artifacts, {name: ("Boxes", name, ()) for name in names})
        start = stage.contracts["Box"].encode_abi("initialize", [5])
        arguments = (stage.contracts["Box"].address, bytes.fromhex(start[2:]))
        stage.deploy("Proxy", "BoxProxy", *arguments, folder=zoo_artifacts, source="Boxes")
        with EndpointPool([node.url], health_interval=None) as pool, Fork(pool) as fork:
            suite = Suite.connect(pool, stage.manifest(), [zoo_artifacts])
            yield Boxes(stage, suite, fork, ArtifactBook([zoo_artifacts]), zoo_artifacts)


def errors(findings: list[Finding]) -> list[str]:
    return [finding.message for finding in findings if finding.severity == "error"]


# -- which actions upgrade what ------------------------------------------------------------------------------------


def test_every_way_to_upgrade_is_recognised(boxes: Boxes) -> None:
    proxy, fresh = boxes.address("Proxy"), boxes.address("BoxMore")
    calls = (
        (proxy, "upgradeToAndCall(address,bytes)", [fresh, b"\x01"]),
        (proxy, "upgradeTo(address)", [fresh]),
        ("0x" + "77" * 20, "upgradeAndCall(address,address,bytes)", [proxy, fresh, b""]),
    )
    for target, signature, values in calls:
        types = signature[signature.index("(") + 1 : -1].split(",")
        action = Action(target, 0, keccak(text=signature)[:4] + encode(types, values))
        (found,) = upgrades_of(Proposal("x", "t", "b", (action,)))
        assert (found.proxy, found.implementation) == (proxy, fresh)


def test_other_calls_and_malformed_ones_are_no_upgrades(boxes: Boxes) -> None:
    selector = keccak(text="upgradeToAndCall(address,bytes)")[:4]
    actions = (Action(NOBODY, 0, b""), Action(NOBODY, 0, b"\x01\x02\x03\x04"), Action(NOBODY, 0, selector + b"\x01"))
    assert list(upgrades_of(Proposal("x", "t", "b", actions))) == []


def test_an_execution_tells_of_upgrades_by_events_and_slots_also_of_those_that_were_undone() -> None:
    proxy, beacon_proxy, old, fresh, beacon = ("0x" + digit * 40 for digit in "12345")
    logs = [
        {"address": proxy, "topics": ["0x" + keccak(text="Upgraded(address)").hex(), "0x" + "0" * 24 + where[2:]]}
        for where in (fresh, old)
    ]
    other = {"address": proxy, "topics": ["0x" + keccak(text="Paused(address)").hex(), "0x" + "0" * 24 + old[2:]]}
    receipt = ForkReceipt("0x", 0, 1, 1, (*logs, other))
    root = Frame("CALL", proxy, proxy, 0, b"", b"", "", ())
    storage = {
        beacon_proxy: {ERC1967["beacon"]: (0, int(beacon, 16))},
        fresh: {ERC1967["implementation"]: (int(old, 16), int(fresh, 16)), 5: (0, 1)},
    }
    found = upgrades_in(receipt, Trace(root, storage, {}, (), {}))
    assert found == [
        Upgrade(proxy, fresh),
        Upgrade(proxy, old, previous=fresh),
        Upgrade(beacon_proxy, beacon, beacon=True),
        Upgrade(fresh, fresh),
    ]
    assert not_among(found, [Upgrade(proxy, fresh), Upgrade(proxy, old)]) == found[2:]


def test_a_beacon_is_refused(boxes: Boxes) -> None:
    contracts = Contracts(Identifier(boxes.fork, boxes.suite, boxes.book))
    upgrade = Upgrade(boxes.address("Proxy"), boxes.address("BoxMore"), beacon=True)
    check = UpgradeCheck.of_artifacts([boxes.artifacts], slither=False)
    (message,) = errors(check.findings([upgrade], boxes.suite, contracts, lambda _: None))
    assert "takes its code from the beacon BoxMore" in message


# -- layouts -------------------------------------------------------------------------------------------------------


def test_a_layout_that_only_grows_fits(boxes: Boxes) -> None:
    findings = boxes.check(boxes.proposal(boxes.address("BoxMore")))
    assert errors(findings) == []
    assert any("the storage layout of BoxMore fits that of Box (Proxy)" in one.message for one in findings)


def test_members_in_another_order_do_not_fit(boxes: Boxes) -> None:
    (message,) = errors(boxes.check(boxes.proposal(boxes.address("BoxTurned"))))
    assert "the storage layout of BoxTurned does not fit that of Box (Proxy)" in message
    assert "Deleted `size`" in message


def test_selfdestruct_is_refused(boxes: Boxes) -> None:
    found = errors(boxes.check(boxes.proposal(boxes.address("BoxDangerous"))))
    assert any("selfdestruct" in message for message in found)


def test_code_of_no_known_source_is_refused(boxes: Boxes) -> None:
    with boxes.fork.trying():
        boxes.fork.rpc("anvil_setCode", "0x" + "77" * 20, "0x6001")
        (message,) = errors(boxes.check(boxes.proposal("0x" + "77" * 20)))
    assert "is none of this source tree" in message


def test_a_present_implementation_of_no_known_source_is_refused(boxes: Boxes) -> None:
    with boxes.fork.trying():
        boxes.fork.rpc("anvil_setCode", boxes.address("Box"), "0x6001")
        (message,) = errors(boxes.check(boxes.proposal(boxes.address("BoxMore"))))
    assert "the present implementation of Proxy is none of this source tree" in message


def test_what_is_no_proxy_and_what_changes_nothing_is_said(boxes: Boxes) -> None:
    found = boxes.check(boxes.proposal(boxes.address("BoxMore"), proxy="BoxTurned"))
    assert ["is no ERC-1967 proxy" in one.message for one in found if one.severity == "warning"] == [True]
    found = boxes.check(boxes.proposal(boxes.address("Box")))
    assert ["runs Box already" in one.message for one in found if one.severity == "warning"] == [True]


def test_missing_build_information_is_an_error_that_says_how_to_mend_it(boxes: Boxes, tmp_path: Path) -> None:
    (tmp_path / "foundry.toml").touch()
    found = errors(boxes.check(boxes.proposal(boxes.address("BoxMore")), folders=[tmp_path / "out"]))
    assert len(found) == 1
    assert "forge build --force" in found[0]


def test_without_node_modules_the_comparison_is_an_error_not_a_pass(boxes: Boxes, tmp_path: Path) -> None:
    (tmp_path / "foundry.toml").touch()
    (tmp_path / "out").symlink_to(boxes.artifacts)
    check = UpgradeCheck([tmp_path / "out"], tmp_path, slither=False)
    contracts = Contracts(Identifier(boxes.fork, boxes.suite, boxes.book))
    found = errors(
        check.findings(upgrades_of(boxes.proposal(boxes.address("BoxMore"))), boxes.suite, contracts, lambda _: None)
    )
    assert len(found) == 1
    assert found[0].startswith("the storage layout of BoxMore was not compared: it needs node and @openzeppelin/")


def test_build_information_is_that_of_the_very_code(boxes: Boxes, tmp_path: Path) -> None:
    box = boxes.book.find("Box")
    assert box is not None
    found = BuildInfos([boxes.artifacts]).of(box)
    assert found is not None
    assert set(found["output"]["sources"]) == set(box.sources)
    # A newer file in which the contract has other code, and one that is being written, are passed over.
    (tmp_path / "build-info").mkdir()
    (original,) = (boxes.artifacts / "build-info").glob("*.json")
    document = json.loads(original.read_text())
    (tmp_path / "build-info" / "right.json").write_text(json.dumps(document))
    deployed = document["output"]["contracts"][box.source]["Box"]["evm"]["deployedBytecode"]
    deployed["object"] = deployed["object"][:-2] + "00"
    (tmp_path / "build-info" / "other.json").write_text(json.dumps(document))
    (tmp_path / "build-info" / "half.json").write_text("{" + box.runtime_code.hex())
    os.utime(tmp_path / "build-info" / "right.json", (1, 1))
    assert BuildInfos([tmp_path]).of(box) == found


# -- Slither -------------------------------------------------------------------------------------------------------


def test_slither_lists_what_it_finds_by_severity(boxes: Boxes) -> None:
    findings = boxes.check(boxes.proposal(boxes.address("BoxDangerous")), slither=True)
    said = [one for one in findings if one.check == "slither"]
    high = [one.message for one in said if one.severity == "error"]
    assert any("suicidal" in message and "BoxDangerous.end" in message for message in high)
    assert any("arbitrary-send-eth" in message for message in high)
    assert not any("node_modules" in one.message for one in said)


def test_slither_runs_once_for_a_code(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def analyse(name: str, *_: object) -> list[Finding]:
        runs.append(name)
        return [Finding("note", "slither", "seen")]

    monkeypatch.setattr("novacron.governance.simulation.upgrades.slither_findings", analyse)
    check = UpgradeCheck.of_artifacts([boxes.artifacts])
    contracts = Contracts(Identifier(boxes.fork, boxes.suite, boxes.book))
    for _ in range(2):
        found = check.findings(
            upgrades_of(boxes.proposal(boxes.address("BoxMore"))), boxes.suite, contracts, lambda _: None
        )
        assert [one.message for one in found if one.check == "slither"] == ["seen"]
    assert runs == ["BoxMore"]


def test_accepted_findings_are_left_out(boxes: Boxes, tmp_path: Path) -> None:
    box = boxes.book.find("BoxDangerous")
    assert box is not None
    build = BuildInfos([boxes.artifacts]).of(box)
    assert build is not None
    before = slither_findings("BoxDangerous", build, None)
    (tmp_path / "slither.config.json").write_text('{"triage_database": "db.json"}')
    accepted = [{"id": identifier} for identifier in _identifiers(build)]
    (tmp_path / "db.json").write_text(json.dumps(accepted))
    assert before
    assert slither_findings("BoxDangerous", build, tmp_path) == []


def _identifiers(build: dict[str, object]) -> list[str]:
    """Slither's own ids of everything it finds."""
    seen: list[str] = []
    original = slither_module._finding

    def note(name: str, item: dict[str, object]) -> Finding:
        seen.append(str(item["id"]))
        return original(name, item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slither_module, "_finding", note)
        slither_findings("BoxDangerous", build, None)
    return seen


def test_a_missing_or_failing_slither_is_said(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = slither_findings("X", {"input": {"sources": {}}, "output": {}}, None)
    assert (finding.severity, finding.check) == ("warning", "slither")
    assert "was not analysed" in finding.message
    monkeypatch.setattr(slither_module.sys, "executable", "/nowhere/python")
    monkeypatch.setattr(slither_module.shutil, "which", lambda _: None)
    (finding,) = slither_findings("X", {"input": {"sources": {}}}, None)
    assert "not installed" in finding.message
