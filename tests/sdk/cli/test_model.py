"""`novacron model` from end to end: released by one account, certified by another, consumed without a key."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from novacron.market.advice import moment
from tests.support.model_cli import Json, Run
from tests.support.model_cli import answer as answer
from tests.support.model_cli import command as command
from tests.support.model_cli import digest as digest
from tests.support.model_cli import folder as folder
from tests.support.model_cli import released as released
from tests.support.model_cli import stock as stock
from tests.support.model_cli import world as world
from tests.support.model_world import (
    CERTIFIER,
    DAY,
    OTHER,
    RELEASER,
    ModelWorld,
    digest_of,
)
from tests.support.model_world import built as built


def test_a_model_from_its_registration_to_the_refusal_of_its_descendants(
    world: ModelWorld, command: Run, answer: Json, folder: Path, digest: bytes
) -> None:
    world.released("base", "0.9.0")
    committed = answer("commit", "model", account=RELEASER)
    assert (committed["model"], committed["existed"]) == (f"0x{digest.hex()}", False)
    world.next_block_at(committed["matures_at"])
    run, key, who = world.sealed_run(digest), world.verify(digest), world.accounts[RELEASER]
    registered = answer(
        *("register", "model", "--version", "1.2.0", "--metadata", '{"task": "vision"}'),
        *("--parent", f"fine-tune={digest_of('base').hex()}", "--dataset", folder / "model" / "config.json"),
        *("--run", run.hex(), "--signed-by", key.hex(), "--vector", "22" * 32),
        account=RELEASER,
    )
    assert (registered["model"], registered["existed"]) == (f"0x{digest.hex()}", False)
    assert registered["provisional"] is False
    published = answer("publish", "resnet50", digest.hex(), account=RELEASER)
    assert (published["name"], published["version"]) == (f"{who}/resnet50", "1.2.0")
    moved = answer("alias", "set", "resnet50@champion", "resnet50/1.2.0", account=RELEASER)
    assert (moved["model"], moved["before"]) == (f"0x{digest.hex()}", None)
    champion = f"{who}/resnet50@champion"
    refused = command("fetch", champion, "out", "--key", "mine", code=1).stderr
    assert f"error: {champion} is refused: 0x{digest.hex()} is not certified" in refused
    assert not (folder / "out").exists()
    certified = answer("certify", champion, "--until", "+90 days", "--evidence", "model/config.json", account=CERTIFIER)
    assert certified["expires_at"] - world.now() in range(90 * DAY - 60, 90 * DAY + 1)
    fetched = answer("fetch", champion, "out", "--key", "mine", "--signed", "--run", "--names")
    assert (fetched["passed"], fetched["names_bound"], fetched["files"]) == (True, True, 2)
    assert (folder / "out" / "weights.safetensors").read_bytes() == bytes(range(256)) * 9
    assert answer("verify", "out", champion)["verdict"] == "valid"
    assert answer("check", champion)["passed"]
    answer("revoke", digest_of("base").hex(), "--reason", "poisoned", account=CERTIFIER)
    after = command("fetch", champion, "more", "--key", "mine", code=1).stderr
    assert f"descends from 0x{digest_of('base').hex()} 0.9.0, its parent, which is revoked since" in after
    assert "(poisoned)" in after
    assert not (folder / "more").exists()
    assert [one["code"] for one in answer("check", champion, code=1)["objections"]] == ["ancestor-revoked"]


def test_registering_again_says_that_it_is_there(world: ModelWorld, command: Run, answer: Json, digest: bytes) -> None:
    words = ("register", digest.hex(), "--version", "1.0.0")
    answer(*words, account=RELEASER)
    count = world.w3.eth.get_transaction_count(world.accounts[RELEASER])
    assert answer(*words, account=RELEASER)["existed"]
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == count
    other = command(*words[:-1], "2.0.0", account=RELEASER, code=1).stderr
    assert "registered by this account already, with another version" in other
    assert "is not older than theirs" in command(*words, account=OTHER, code=1).stderr
    world.pass_hour()
    assert "it stays theirs" in command(*words, account=OTHER, code=1).stderr


def test_a_commitment_is_told_and_told_again(world: ModelWorld, command: Run, answer: Json, digest: bytes) -> None:
    first = answer("commit", "model", account=RELEASER)
    block = world.w3.eth.get_block("latest")
    assert (first["committed_in"], first["committed_at"]) == (block["number"], block["timestamp"])
    again = command("commit", digest.hex(), account=RELEASER).stdout
    assert "existed  yes" in again
    assert f"Final at once from {moment(block['timestamp'] + 3_600)} on" in again
    answer("register", digest.hex(), "--version", "1.0.0", account=RELEASER)
    assert "registered with that since" in command("commit", "model", account=RELEASER, code=1).stderr
    assert "is no file or folder" in command("commit", "nowhere", account=RELEASER, code=1).stderr
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == 2


@pytest.mark.parametrize("words", [(), ("--no-commit",)])
def test_a_provisional_registration_says_when_it_is_final(
    world: ModelWorld, command: Run, answer: Json, words: tuple[str, ...]
) -> None:
    register = ("register", "11" * 32, "--version", "1.0.0", *words)
    done = command(*register, account=RELEASER)
    shown = answer("show", "11" * 32)
    until = moment(shown["final_at"])
    assert f"provisional until {until}: an owner whose commitment is older can take its place" in done.stderr
    assert f"final  {until}" in done.stdout
    assert f"final  {until}, provisional until then" in command("show", "11" * 32).stdout
    assert "provisional until" in command("check", "11" * 32, "--uncertified", code=1).stdout
    certify = ("certify", "11" * 32, "--until", "+90 days", "--evidence", "22" * 32)
    refused = command(*certify, account=CERTIFIER, code=1).stderr
    assert f"is provisional until {until}: publish it, certify it or build on it then" in refused
    world.next_block_at(shown["final_at"])
    again = answer(*register, account=RELEASER)
    assert (again["existed"], again["provisional"], again["final_at"]) == (True, False, shown["final_at"])
    answer(*certify, account=CERTIFIER)


def test_what_is_shown_of_a_model(world: ModelWorld, command: Run, answer: Json, released: bytes) -> None:
    shown = answer("show", released.hex())
    assert (shown["version"], shown["verdict"], shown["culprit"]) == ("1.2.0", "deployable", None)
    assert json.loads(shown["metadata"])["task"] == "vision"
    assert shown["lineage"]["parents"] == [{"model": f"0x{digest_of('base').hex()}", "relation": "fine-tune"}]
    world.send(world.registry, "revokeModel", digest_of("base"), "bad \x1b[31m", sender=CERTIFIER)
    text = command("show", released.hex()).stdout
    assert f"verdict  ancestor-revoked: 0x{digest_of('base').hex()}" in text
    assert f"made from  fine-tune 0x{digest_of('base').hex()}" in text
    assert "reason  bad \\u001b[31m" in command("show", digest_of("base").hex()).stdout


def test_owners_hand_over_and_move_stages(world: ModelWorld, command: Run, answer: Json, released: bytes) -> None:
    assert answer("stage", released.hex(), "Production", account=RELEASER)["stage"] == "production"
    assert answer("check", released.hex(), "--stage", "production")["passed"]
    assert (
        "in stage production; the policy wants staging"
        in command("check", released.hex(), "--stage", "staging", code=1).stdout
    )
    answer("transfer", released.hex(), "--to", world.accounts[OTHER], account=RELEASER)
    assert answer("show", released.hex())["pending_owner"] == world.accounts[OTHER]
    answer("transfer", released.hex(), "--withdraw", account=RELEASER)
    assert "was not offered" in command("accept", released.hex(), account=OTHER, code=1).stderr
    answer("transfer", released.hex(), "--to", world.accounts[OTHER], account=RELEASER)
    assert answer("accept", released.hex(), account=OTHER)["owner"] == world.accounts[OTHER]
    assert "give --to ADDRESS, or --withdraw" in command("transfer", released.hex(), account=OTHER, code=2).stderr


def test_a_certificate_is_revoked_without_the_model(command: Run, answer: Json, released: bytes) -> None:
    answer("revoke", released.hex(), "--reason", "a mistake", "--certificate", account=CERTIFIER)
    shown = answer("show", released.hex())
    assert (shown["verdict"], shown["revoked_at"]) == ("not-certified", None)
    assert shown["certificate"]["revoked_at"] > 0
    command("check", released.hex(), "--uncertified")
    assert (
        "has not the role"
        in command(
            "certify", released.hex(), "--until", "+1 day", "--evidence", "11" * 32, account=OTHER, code=1
        ).stderr
    )


def test_names_aliases_and_their_history(world: ModelWorld, command: Run, answer: Json, released: bytes) -> None:
    who = world.accounts[RELEASER]
    answer("name", "create", "resnet50", account=RELEASER)
    answer("publish", "resnet50", released.hex(), account=RELEASER)
    answer("alias", "set", "resnet50@champion", released.hex(), account=RELEASER)
    then = world.now()
    world.next_block_at(then + 50)
    late = command(
        *("alias", "set", "resnet50@champion", released.hex(), "--from", "none"), account=RELEASER, code=1
    ).stderr
    assert f"has been moved meanwhile and points to 0x{released.hex()}" in late
    assert answer("alias", "remove", "resnet50@champion", account=RELEASER)["before"] == f"0x{released.hex()}"
    assert "points to nothing" in command("alias", "show", f"{who}/resnet50@champion", code=1).stderr
    world.next_block_at(then + 100)
    was = answer("alias", "show", f"{who}/resnet50@champion", "--at", then + 10)
    assert (was["model"], was["version"]) == (f"0x{released.hex()}", "1.2.0")
    moves = answer("alias", "history", f"{who}/resnet50@champion")
    assert [one["model"] for one in moves] == [f"0x{released.hex()}", None]
    answer("alias", "freeze", "resnet50@champion", account=RELEASER)
    answer("name", "freeze", "resnet50", account=RELEASER)
    answer("name", "transfer", "resnet50", "--to", world.accounts[OTHER], account=RELEASER)
    answer("name", "accept", "resnet50", "--publisher", who, account=OTHER)
    shown = answer("name", "show", f"{who}/resnet50")
    assert (shown["owner"], shown["frozen"]) == (world.accounts[OTHER], True)
    assert shown["versions"] == [{"version": "1.2.0", "model": f"0x{released.hex()}"}]
    assert shown["aliases"] == [{"alias": "champion", "model": None, "frozen": True}]
    assert [one["name"] for one in answer("name", "list", who)] == [f"{who}/resnet50"]
    assert "1.2.0\t0x" in command("name", "show", "resnet50", "--publisher", who).stdout


def test_the_lineage_as_text_data_and_picture(world: ModelWorld, command: Run, answer: Json, released: bytes) -> None:
    text = command("lineage", released.hex(), "--svg", "lineage.svg").stdout
    assert f"└─ fine-tune 0x{digest_of('base').hex()} 0.9.0" in text
    assert "drawn in lineage.svg" in text
    assert "Lineage of" in (ElementTree.parse("lineage.svg").getroot()[0].text or "")
    data = answer("lineage", released.hex())
    assert [one["version"] for one in data["nodes"]] == ["1.2.0", "0.9.0"]
