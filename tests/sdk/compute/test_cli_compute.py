"""`novacron host` and `novacron vm` from end to end; the agent is played by the test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from novacron.cli.main import cli
from novacron.compute.vms import VMs
from novacron.market.resources import UNIT, Resource
from novacron.storage.records import StateRecord
from novacron.storage.storage import open_storage
from tests.support.market_world import STOCK, THERE, MarketWorld

Run = Callable[..., Result]
Json = Callable[..., Any]
SIZE = ("--cpu", "2 vCPU", "--memory", "4 GB", "--storage", "50 GB", "--network", "10 GB/h")


def create(answer: Json, *more: object) -> int:
    return int(answer("vm", "create", "--host", 1, *SIZE, "--for", "10 h", *more)["vm"])


def agent_of(world: MarketWorld, monkeypatch: pytest.MonkeyPatch, **replies: str) -> None:
    """An agent that answers when somebody waits: acknowledgement by the state it is given for."""
    plain = VMs.vm

    def vm(vms: VMs, number: int) -> Any:
        found = plain(vms, number)
        reply = replies.get(found.state.name)
        if reply is not None:
            world.acknowledge(reply, number, found.target or found.host)
            found = plain(vms, number)
        return found

    monkeypatch.setattr(VMs, "vm", vm)


def test_a_provider_registers_a_host_has_it_attested_and_takes_it_down(
    world: MarketWorld, command: Run, answer: Json, tmp_path: Path
) -> None:
    host = answer("host", "register", "mars", "--agent", world.accounts[8], account=1)["host"]
    report = tmp_path / "report.pdf"
    report.write_bytes(b"what the auditor saw")
    attested = answer("host", "attest", host, *SIZE, "--until", "+100 days", "--evidence", report, account=0)
    assert attested["evidence"] == hashlib.sha256(report.read_bytes()).hexdigest()
    assert (
        "has not the role"
        in command(
            "host", "attest", host, *SIZE, "--until", "+100 days", "--evidence", "11" * 32, account=1, code=1
        ).stderr
    )
    shown = command("host", "show", host, "--holder", world.customer).stdout
    assert "attested  2 vCPU, 4 GB memory, 50 GB storage, 10 GB/h" in shown
    assert "status  vanished" in shown  # its agent has not been heard of yet
    assert [one["status"] for one in answer("host", "list")] == ["accepting", "accepting", "vanished"]
    assert answer("host", "accepting", 1, "off", account=1)["accepting"] is False
    assert [one["id"] for one in answer("host", "list", "--region", THERE)] == [2]
    command("host", "reservable", 1, "--cpu", "1 vCPU", "--memory", "1 GB", account=1)
    command("host", "default", 1, account=1)
    command("host", "agent", 1, world.accounts[9], account=1)
    planned = answer("host", "maintenance", "announce", 2, "--start", "+25 h", "--for", "2 h", account=1)
    assert planned["end"] - planned["start"] == 7_200
    assert [one["start"] for one in answer("host", "show", 2)["maintenances"]] == [planned["start"]]
    command("host", "maintenance", "cancel", 2, account=1)
    assert (
        "24 hours ahead"
        in command("host", "maintenance", "announce", 2, "--start", "+1 h", "--for", "2 h", account=1, code=1).stderr
    )


def test_a_vm_from_deposit_to_the_last_refund(
    world: MarketWorld, command: Run, answer: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("vm", "deposit", "CPU", "30")
    number = create(answer)
    agent_of(world, monkeypatch, STARTING="acknowledgeStart", STOPPING="acknowledgeStop")
    started = answer("vm", "start", number)
    assert (started["state"], started["host"]) == ("Running", 1)
    world.pass_time(100)
    assert "you can  stop, pause, migrate, top-up, terminate" in command("vm", "show", number).stdout
    assert answer("vm", "pause", number)["state"] == "Paused"
    assert answer("vm", "resume", number)["state"] == "Running"
    topped = answer("vm", "top-up", number, "1 h")
    assert topped["added"]["CPU"] == str(2 * UNIT)
    assert answer("vm", "stop", number)["state"] == "Stopped"
    assert answer("vm", "settle", number)["settled"] >= 100
    used = answer("vm", "show", number)["used"]
    assert answer("vm", "terminate", number)["state"] == "Terminated"
    assert answer("vm", "list") == []
    assert [one["id"] for one in answer("vm", "list", "--all")] == [number]
    prepaid = answer("vm", "balance")["prepaid"]
    assert prepaid["CPU"] == str(30 * UNIT - used * 2_000 * UNIT // 3_600_000)
    for resource in Resource:
        command("vm", "withdraw", resource.name, "all")
    spent = used * 2_000 * UNIT // 3_600_000
    assert world.balance(Resource.CPU, world.customer) == STOCK - spent
    assert "withdraw no more" in command("vm", "withdraw", "CPU", "all", code=1).stderr


def test_a_new_vm_has_a_record_beside_the_manifest(command: Run, answer: Json, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("hello")
    number = create(answer, "--file", f"note.txt={note}")
    digest = bytes.fromhex(answer("vm", "show", number)["record"])
    with open_storage(str(tmp_path / "anvil-local" / "storage")) as storage:
        record = StateRecord.verify(storage, digest)
    assert (record.vm_id, set(record.files)) == (number, {"lease.json", "note.txt"})
    other = create(answer, "--configuration", "22" * 32)
    assert answer("vm", "show", other)["record"] == "22" * 32
    assert "NAME=PATH" in command("vm", "create", "--host", 1, *SIZE, "--for", "1 h", "--file", "x", code=1).stderr


def test_waiting_that_takes_too_long_says_what_to_do(command: Run, answer: Json, world: MarketWorld) -> None:
    number = create(answer)
    late = command("vm", "start", number, "--timeout", 1, code=1)
    assert "VM 1 is Starting" in late.stderr
    assert f"novacron vm expire {number}" in late.stderr
    again = command("vm", "start", number, "--no-wait", code=1)
    assert "what can be is stop, top-up, terminate" in again.stderr
    world.pass_time(901)
    assert answer("vm", "expire", number)["state"] == "Failed"


def test_a_move_abroad_with_approvals_signed_off_line(
    world: MarketWorld, command: Run, answer: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = create(answer)
    moving = answer("vm", "migrate", number, THERE, "--no-wait")
    assert (moving["state"], moving["target"]) == ("MigrationPending", 2)
    request = tmp_path / "request.json"
    command("vm", "approval-request", number, request)
    monkeypatch.delenv("NOVACRON_MANIFEST")  # signing needs no chain
    url = world.node.url
    monkeypatch.delenv("NOVACRON_RPC_URLS")
    for account in (5, 6):
        shown = command("vm", "sign-approval", request, tmp_path / f"{account}.json", account=account).stdout
        assert f"VM  {number}" in shown
    monkeypatch.setenv("NOVACRON_MANIFEST", str(tmp_path / "anvil-local" / "manifest.json"))
    monkeypatch.setenv("NOVACRON_RPC_URLS", url)
    forged = json.loads((tmp_path / "5.json").read_text())
    forged["approval"]["message"]["targetHostId"] = 1
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    assert "have it signed again" in command("vm", "send-approvals", tmp_path / "forged.json", account=8, code=1).stderr
    sent = answer("vm", "send-approvals", tmp_path / "5.json", tmp_path / "6.json", account=8)
    assert sent["state"] == "Migrating"
    world.acknowledge("acknowledgeRelease", number, 1, b"\x05" * 32)
    agent_of(world, monkeypatch, MIGRATING="acknowledgeMigration")
    assert answer("vm", "await-move", number)["host"] == 2


def test_a_move_that_is_given_up_leaves_the_vm_where_it_was(command: Run, answer: Json) -> None:
    number = create(answer)
    waiting = command("vm", "migrate", number, THERE, "--timeout", 1, code=1)
    assert "0 of 2 approvals" in waiting.stderr
    assert f"approvals are missing (novacron vm approve {number})" in waiting.stderr
    command("vm", "approve", number, account=7)
    assert "is no approver" in command("vm", "approve", number, account=8, code=1).stderr
    assert answer("vm", "cancel-migration", number)["state"] == "Stopped"
    assert "where to?" in command("vm", "migrate", number, code=2).stderr


def test_policies_are_made_and_shown(world: MarketWorld, command: Run, answer: Json) -> None:
    made = answer("vm", "policy", "create", world.accounts[6], world.accounts[5], "--threshold", 1)
    assert answer("vm", "policy", "show", made["policy"])["threshold"] == 1
    assert "must agree" in command("vm", "policy", "create", world.accounts[6], "--threshold", 2, code=1).stderr


def test_too_few_tokens_are_named_before_an_approval_is_given(world: MarketWorld, command: Run) -> None:
    poor = 9
    command("market", "buy", "CPU", 1, "--max-cost", 1)  # so that the curve buys back
    count = world.w3.eth.get_transaction_count(world.accounts[poor])
    for arguments, needed in (
        (("vm", "deposit", "CPU", "5"), "5 CPU"),
        (("vm", "create", "--host", 1, "--cpu", "2", "--memory", "4 GB", "--for", "1 h"), "2 CPU"),
        (("market", "sell", "CPU", "0.5", "--min-proceeds", "1 wei"), "0.5 CPU"),
        (("market", "order", "place", "sell", "CPU", "3", "--price", "1", "--expires", "+1 h"), "3 CPU"),
        (("market", "stake", "open", "CPU", "7", "--term", "90 days"), "7 CPU"),
    ):
        error = command(*arguments, account=poor, code=1).stderr
        assert f"{world.accounts[poor]} holds 0 CPU, and {needed} are to be taken from it: get more" in error
    assert world.w3.eth.get_transaction_count(world.accounts[poor]) == count


def test_without_a_key_the_variables_are_named(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    command("host", "list")
    monkeypatch.delenv("NOVACRON_PRIVATE_KEY")
    with monkeypatch.context() as inside:
        result = CliRunner(mix_stderr=False).invoke(cli, ["vm", "list"])
        inside.undo()
    assert result.exit_code == 1
    assert "NOVACRON_KEYSTORE, NOVACRON_PRIVATE_KEY or NOVACRON_KEY_COMMAND" in result.stderr


def test_an_account_without_gas_money_is_told_so(world: MarketWorld, command: Run) -> None:
    world.node.rpc("anvil_setBalance", world.accounts[9], "0x0")
    error = command("host", "register", "mars", "--agent", world.accounts[8], account=9, code=1).stderr
    assert "too little of the native currency for this and its gas" in error


def test_a_missing_report_is_named(command: Run) -> None:
    error = command(
        "host", "attest", 1, *SIZE, "--until", "+9 days", "--evidence", "nope.pdf", account=0, code=1
    ).stderr
    assert "--evidence 'nope.pdf' is no file, and not the 64 hexadecimal digits of a SHA-256" in error


def test_bad_input_is_refused_before_anything_is_sent(world: MarketWorld, command: Run) -> None:
    count = world.w3.eth.get_transaction_count(world.customer)
    for arguments, words, code in (
        (("vm", "create", "--host", 1, "--cpu", "2", "--memory", "4", "--for", "1 h"), "4 GB", 1),
        (("vm", "create", "--host", 1, "--cpu", "2", "--memory", "4 GB", "--for", "1"), "number and a unit", 1),
        (("vm", "create", "--cpu", "2", "--memory", "4 GB", "--for", "1 h"), "Give --host", 2),
        (("vm", "deposit", "CPU", "-1"), "plain decimal", 2),
        (("vm", "deposit", "GPU", "1"), "there is no resource", 2),
        (("vm", "deposit", "CPU", "0"), "more than nothing", 1),
        (("vm", "top-up", 1, "1 h"), "there is no VM 1", 1),
        (("vm", "start", 1), "there is no VM 1", 1),
    ):
        result = command(*arguments, code=code)
        assert words in result.stderr or "No such option" in result.stderr, result.stderr
    assert world.w3.eth.get_transaction_count(world.customer) == count
