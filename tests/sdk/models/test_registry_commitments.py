"""Whose a model is: commitments, what they displace, and going on after a crash with one of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.chain.transport import HttpTransport
from novacron.exceptions import InputError, ModelError, RevertedError
from novacron.market.advice import moment
from novacron.market.deployment import Account
from novacron.models.onchain import ZERO, Lineage, Verdict
from novacron.models.registration import PROVISIONAL_PERIOD, Registration, commit, commitment_of, register
from novacron.models.salts import commitment_salt
from tests.support.model_world import CERTIFIER, DAY, OTHER, RELEASER, Actors, ModelWorld, digest_of, request_of

# -- stopped on the way ----------------------------------------------------------------------------------------------


class _Stop(Exception):
    """The process is gone."""


def crashing(step: str, number: int) -> Callable[[str, str], None]:
    seen = []

    def on_step(name: str, key: str) -> None:
        seen.extend([key] if name == step else [])
        if len(seen) == number:
            raise _Stop

    return on_step


@pytest.mark.parametrize(
    ("step", "number"), [("signed", 1), ("sent", 1), ("mined", 1), ("signed", 2), ("sent", 2), ("mined", 2)]
)
def test_a_crash_at_any_step_is_gone_on_from_with_the_same_salt(
    world: ModelWorld, actors: Actors, tmp_path: Path, step: str, number: int
) -> None:
    request = request_of("model")
    with pytest.raises(_Stop):
        register(actors.account(on_step=crashing(step, number)), request)
    done = register(actors.account(), request)
    assert done.model.owner == world.accounts[RELEASER]
    assert done.provisional
    assert done.receipt is not None
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == 2
    committed = world.registry.events.Committed().get_logs(from_block=0)
    salt = commitment_salt(
        tmp_path / f"{RELEASER}.sqlite",
        chain_id=31337,
        registry=world.registry.address,
        owner=world.accounts[RELEASER],
        model_hash=request.model_hash,
    )
    expected = commitment_of(world.accounts[RELEASER], request.model_hash, salt)
    assert [event["args"]["commitment"] for event in committed] == [expected]


def test_a_lost_journal_does_not_commit_twice(world: ModelWorld, actors: Actors, tmp_path: Path) -> None:
    request = request_of("model")
    with pytest.raises(_Stop):
        register(actors.account(on_step=crashing("mined", 1)), request)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    name = f"{RELEASER}.sqlite.salts"
    (moved / name).write_bytes((tmp_path / name).read_bytes())
    assert not register(actors.account(folder=moved), request).existed
    assert len(world.registry.events.Committed().get_logs(from_block=0)) == 1


# -- whose it is -----------------------------------------------------------------------------------------------------


def test_a_copy_out_of_the_mempool_gives_way_to_the_older_commitment(world: ModelWorld, actors: Actors) -> None:
    account, request = actors.account(), request_of("model")
    with pytest.raises(_Stop):
        register(actors.account(on_step=crashing("mined", 1)), request)
    world.send(world.registry, "registerModel", request.model_hash, ZERO, "6.6.6", "\x00", sender=OTHER)
    done = register(account, request)
    assert (done.model.owner, done.model.version) == (account.address, "1.0.0")
    view = actors.registry.view()
    assert view.metadata(view.state(request.model_hash)) == ""


def test_who_commits_when_the_seal_shows_the_digest_gives_way_to_who_committed_before(
    world: ModelWorld, actors: Actors
) -> None:
    owner, bot, request = actors.account(), actors.account(OTHER), request_of("model")
    commit(owner, request.model_hash)
    run = world.sealed_run(request.model_hash)
    stolen = register(bot, dataclasses.replace(request, version="6.6.6"))
    assert (stolen.provisional, stolen.model.owner) == (True, bot.address)
    done = register(owner, dataclasses.replace(request, lineage=Lineage(run=run)))
    assert (done.provisional, done.model.owner, done.model.version) == (True, owner.address, "1.0.0")
    with pytest.raises(ModelError, match="displaced since, by an owner who committed earlier"):
        register(bot, dataclasses.replace(request, version="6.6.6"))
    world.pass_hour()
    assert actors.registry.view().state(request.model_hash).verdict is Verdict.NOT_CERTIFIED


def test_a_commitment_of_an_hour_makes_a_registration_final_at_once_and_displaces_a_younger_one(
    world: ModelWorld, actors: Actors
) -> None:
    account, request = actors.account(), request_of("model")
    made = commit(account, request.model_hash)
    world.next_block_at(made.matures_at - 10)
    world.register_on(world.claim(request.model_hash, OTHER), request.model_hash, "6.6.6", sender=OTHER)
    world.next_block_at(made.matures_at)
    done = register(account, request)
    assert (done.model.owner, done.provisional, done.final_at) == (account.address, False, done.model.registered_at)


def test_a_younger_commitment_does_not_displace_and_says_so(world: ModelWorld, actors: Actors) -> None:
    digest, late = digest_of("model"), actors.account(OTHER)
    salt = world.claim(digest)
    made = commit(late, digest)
    world.register_on(salt, digest)
    words = rf"commitment of .* \(block {made.block}\) is not older than theirs: it stays theirs, for good from"
    for _ in range(2):
        with pytest.raises(ModelError, match=words):
            register(late, Registration(digest, "1.0.0"))
    assert world.w3.eth.get_transaction_count(late.address) == 1


def test_a_provisional_registration_that_is_older_stays_theirs(world: ModelWorld, actors: Actors) -> None:
    request = request_of("model")
    world.register_on(ZERO, request.model_hash, "6.6.6", sender=OTHER)
    with pytest.raises(ModelError, match="this account has not committed to it; the registration is final at"):
        register(actors.account(), request, commit=False)
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == 0
    with pytest.raises(ModelError, match="is not older than theirs"):
        register(actors.account(), request)


def test_a_commitment_is_made_once_and_tells_when(world: ModelWorld, actors: Actors, tmp_path: Path) -> None:
    account, request = actors.account(), request_of("model")
    made = commit(account, request.model_hash)
    block = world.w3.eth.get_block("latest")
    assert (made.existed, made.block, made.timestamp) == (False, block["number"], block["timestamp"])
    assert world.registry.functions.PROVISIONAL_PERIOD().call() == PROVISIONAL_PERIOD
    assert made.matures_at == made.timestamp + PROVISIONAL_PERIOD
    world.pass_hour()
    assert commit(account, request.model_hash) == dataclasses.replace(made, existed=True)
    (tmp_path / "moved").mkdir()  # the journal is lost, not the secret
    name = f"{RELEASER}.sqlite.salts"
    (tmp_path / "moved" / name).write_bytes((tmp_path / name).read_bytes())
    again = commit(actors.account(folder=tmp_path / "moved"), request.model_hash)
    assert again == dataclasses.replace(made, existed=True, receipt=None)
    assert not register(account, request).provisional
    assert world.w3.eth.get_transaction_count(account.address) == 2
    with pytest.raises(ModelError, match=f"committed to in block {made.block}, and registered with that since"):
        commit(account, request.model_hash)
    for digest in (ZERO, b"short"):
        with pytest.raises(InputError, match="digest is 32 bytes, not all zero"):
            commit(account, digest)


def test_a_commitment_that_somebody_copied_counts(
    world: ModelWorld, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, request = actors.account(), request_of("model")
    plain = Account.send

    def overtaken(self: Account, key: str, handle: Any, fn: str, *arguments: Any, **options: Any) -> Any:
        if fn == "commit":
            world.send(world.registry, "commit", *arguments, sender=OTHER)
        return plain(self, key, handle, fn, *arguments, **options)

    monkeypatch.setattr(Account, "send", overtaken)
    assert register(account, request).model.owner == account.address
    assert world.w3.eth.get_transaction_count(account.address) == 1


def test_nothing_shows_the_digest_to_a_node_before_the_commitment_is_mined(
    actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, asked, plain = request_of("model"), [], HttpTransport.post

    def post(transport: HttpTransport, document: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(repr(document))
        return plain(transport, document, *arguments, **options)

    monkeypatch.setattr(HttpTransport, "post", post)
    with pytest.raises(_Stop):
        register(actors.account(on_step=crashing("mined", 1)), request)
    assert len(asked) > 5
    assert not [one for one in asked if request.model_hash.hex() in one]
    register(actors.account(), request)
    assert [one for one in asked if request.model_hash.hex() in one]


@pytest.mark.parametrize("commits", [True, False])
def test_a_registration_is_reported_as_provisional_until_its_hour_is_over(
    world: ModelWorld, actors: Actors, commits: bool
) -> None:
    account, request, registry = actors.account(), request_of("model"), actors.registry
    done = registry.register(account, request, commit=commits)
    assert done.provisional
    assert done.final_at == done.model.registered_at + PROVISIONAL_PERIOD
    assert registry.view().state(request.model_hash).verdict is Verdict.PROVISIONAL
    name, _ = registry.create_name(account, "resnet50")
    words = re.escape(f"is provisional until {moment(done.final_at)}: publish it, certify it or build on it then")
    with pytest.raises(RevertedError, match=words):
        registry.publish(account, name, request.model_hash)
    with pytest.raises(RevertedError, match=words):
        registry.certify(actors.account(CERTIFIER), request.model_hash, world.now() + DAY, digest_of("evidence"))
    world.next_block_at(done.final_at - 1)
    assert register(account, request, commit=commits).provisional
    world.next_block_at(done.final_at)
    again = register(account, request, commit=commits)
    assert (again.existed, again.provisional, again.model) == (True, False, done.model)
    registry.publish(account, name, request.model_hash)
