"""Names and aliases, and reads that are all of one block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from novacron.chain import EndpointPool
from novacron.chain.contracts import EventLog
from novacron.exceptions import (
    ChainUnavailableError,
    InconsistentEndpointError,
    ModelError,
    ReorgError,
    RevertedError,
)
from novacron.market.deployment import Deployment
from novacron.models.onchain import ZERO, Verdict
from novacron.models.references import NameReference, parse_reference
from novacron.models.registration import (
    register,
)
from novacron.models.registry import ModelRegistry
from novacron.models.snapshot import Pin, RegistryView, pin_blocks, require_canonical
from tests.support.clients import dead_url
from tests.support.model_world import CERTIFIER, OTHER, RELEASER, Actors, ModelWorld, digest_of, request_of

ROOT = Path(__file__).resolve().parents[3]


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def named(world: ModelWorld, actors: Actors) -> NameReference:
    """A name with versions 1.0.0 and 2.0.0; champion points to the first."""
    name, _ = actors.registry.create_name(actors.account(), "resnet50")
    for version in ("1.0.0", "2.0.0"):
        actors.registry.publish(actors.account(), name, world.released(version, version))
    actors.registry.set_alias(actors.account(), name, "champion", before=ZERO, to=digest_of("1.0.0"))
    return name


def test_names_versions_and_aliases_resolve(world: ModelWorld, actors: Actors, named: NameReference) -> None:
    view = actors.registry.view()
    assert named.id == world.registry.functions.nameIdOf(named.publisher, named.name).call()
    for text, expected in ((f"{named}@champion", "1.0.0"), (f"{named}/2.0.0", "2.0.0")):
        assert view.resolve(parse_reference(text)) == digest_of(expected)
    assert view.resolve(parse_reference("resnet50@champion", named.publisher)) == digest_of("1.0.0")
    assert view.resolve(parse_reference("ab" * 32)) == b"\xab" * 32
    assert view.versions(named) == [("1.0.0", digest_of("1.0.0")), ("2.0.0", digest_of("2.0.0"))]
    assert view.aliases(named) == {"champion": (digest_of("1.0.0"), False)}
    models = [digest_of("1.0.0"), digest_of("2.0.0")]
    assert view.names_of([*models, digest_of("none")]) == {
        one: [(named, version)] for one, version in zip(models, ("1.0.0", "2.0.0"), strict=True)
    }
    assert view.names_by(named.publisher) == [named]
    for text, words in (
        (f"{named}@challenger", "points to nothing"),
        (f"{named}/3.0.0", "has no version 3.0.0"),
    ):
        with pytest.raises(ModelError, match=words):
            view.resolve(parse_reference(text))
    with pytest.raises(ModelError, match="there is no name 0x"):
        view.resolve(parse_reference(f"{named.publisher}/resnet51@champion"))


def test_an_alias_is_only_moved_from_where_the_caller_saw_it(actors: Actors, named: NameReference) -> None:
    account, registry = actors.account(), actors.registry
    registry.set_alias(account, named, "champion", before=digest_of("1.0.0"), to=digest_of("2.0.0"))
    with pytest.raises(RevertedError, match=f"has been moved meanwhile and points to 0x{digest_of('2.0.0').hex()}"):
        registry.set_alias(account, named, "champion", before=digest_of("1.0.0"), to=ZERO)
    registry.set_alias(account, named, "champion", before=digest_of("2.0.0"), to=ZERO)
    assert registry.view().alias(named, "champion") == (ZERO, False)
    moves = [target for _, target in registry.view().alias_moves(named, "champion")]
    assert moves == [digest_of("1.0.0"), digest_of("2.0.0"), ZERO]


def test_what_an_alias_meant_at_a_time(world: ModelWorld, actors: Actors, named: NameReference) -> None:
    before = world.now()
    world.next_block_at(before + 100)
    actors.registry.set_alias(actors.account(), named, "champion", before=digest_of("1.0.0"), to=digest_of("2.0.0"))
    world.next_block_at(before + 200)
    view, champion = actors.registry.view(), parse_reference(f"{named}@champion")
    assert view.resolve(champion, before + 50) == digest_of("1.0.0")
    assert view.resolve(champion, before + 150) == digest_of("2.0.0")
    with pytest.raises(ModelError, match="pointed to nothing at that time"):
        view.resolve(champion, 1)
    with pytest.raises(RevertedError, match="is known when that second is over"):
        view.resolve(champion, before + 200)


def test_frozen_names_and_aliases_stay(world: ModelWorld, actors: Actors, named: NameReference) -> None:
    account, registry = actors.account(), actors.registry
    registry.freeze_alias(account, named, "champion")
    with pytest.raises(RevertedError, match="alias champion is frozen"):
        registry.set_alias(account, named, "champion", before=digest_of("1.0.0"), to=digest_of("2.0.0"))
    registry.freeze_name(account, named)
    with pytest.raises(RevertedError, match="the name is frozen"):
        registry.publish(account, named, world.released("3.0.0", "3.0.0"))
    assert registry.view().name(named).frozen


def test_a_name_changes_hands_and_keeps_its_namespace(world: ModelWorld, actors: Actors, named: NameReference) -> None:
    registry = actors.registry
    registry.transfer_name(actors.account(), named, world.accounts[OTHER])
    registry.accept_name(actors.account(OTHER), named)
    state = registry.view().name(named)
    assert (state.owner, state.reference.publisher) == (world.accounts[OTHER], world.accounts[RELEASER])
    with pytest.raises(RevertedError, match="use its owner's account"):
        registry.set_alias(actors.account(), named, "champion", before=digest_of("1.0.0"), to=ZERO)
    taken = request_of("another", "1.0.0")
    register(actors.account(OTHER), taken)
    world.pass_hour()
    with pytest.raises(RevertedError, match=r"version 1\.0\.0 of this name is 0x.* already"):
        registry.publish(actors.account(OTHER), named, taken.model_hash)
    with pytest.raises(RevertedError, match="is not published under this name"):
        registry.set_alias(actors.account(OTHER), named, "mine", before=ZERO, to=taken.model_hash)


# -- one block -------------------------------------------------------------------------------------------------------


def test_an_alias_that_moves_while_it_is_read_gives_an_answer_of_one_block(
    world: ModelWorld, actors: Actors, named: NameReference
) -> None:
    view, champion = actors.registry.view(), parse_reference(f"{named}@champion")
    first = view.resolve(champion)
    world.certify(first)
    actors.registry.set_alias(actors.account(), named, "champion", before=first, to=digest_of("2.0.0"))
    world.send(world.registry, "revokeModel", first, "too late for the view", sender=CERTIFIER)
    # Everything else about the answer is of the block where the alias pointed there.
    assert view.resolve(champion) == first
    assert view.aliases(named)["champion"][0] == first
    state = view.state(first)
    assert (state.verdict, state.model.revoked_at) == (Verdict.NOT_CERTIFIED, 0)
    after = actors.registry.view()
    assert after.resolve(champion) == digest_of("2.0.0")
    assert after.state(first).verdict is Verdict.REVOKED


def test_confirmed_reads_are_of_the_block_so_far_back(world: ModelWorld, actors: Actors, named: NameReference) -> None:
    actors.registry.set_alias(actors.account(), named, "champion", before=digest_of("1.0.0"), to=digest_of("2.0.0"))
    champion = parse_reference(f"{named}@champion")
    assert actors.registry.view(confirmations=2).resolve(champion) == digest_of("1.0.0")
    confirmed, head = pin_blocks(actors.pool, 2)
    assert head.number - confirmed.number == 1
    world.mine()
    assert actors.registry.view(confirmations=2).resolve(champion) == digest_of("2.0.0")


def test_a_block_that_is_reorganised_away_is_noticed(world: ModelWorld, actors: Actors) -> None:
    world.send(world.registry, "commit", digest_of("in the block that goes"))
    pin = pin_blocks(actors.pool)[1]
    require_canonical(actors.pool, pin)
    world.node.rpc("anvil_reorg", 1, [])
    with pytest.raises(ReorgError, match="was reorganised away while it was read"):
        require_canonical(actors.pool, pin)


def test_without_a_chain_nothing_is_said(world: ModelWorld, actors: Actors) -> None:
    pool = EndpointPool([dead_url()], chain_id=31337, timeout=1, retries=1)
    registry = ModelRegistry(Deployment(pool, actors.deployment.instances))
    with pytest.raises(ChainUnavailableError, match="no RPC endpoint answers"):
        registry.view()
    with pytest.raises(ChainUnavailableError):
        RegistryView(registry.deployment, Pin(1, "0x" + "00" * 32, 0)).find(digest_of("model"))


def test_on_a_long_chain_events_are_looked_for_in_the_blocks_of_their_second(
    world: ModelWorld, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.mine(20)
    digest = world.released("model", metadata="{}")
    world.mine(20)
    world.send(world.registry, "revokeModel", digest, "stolen", sender=CERTIFIER)
    world.mine(20)
    view = actors.registry.view()
    state, asked = view.state(digest), []
    plain = type(view.contract).events

    def events(handle: Any, name: str, first: int, last: int, *more: Any, **options: Any) -> Any:
        asked.append(last - first + 1)
        return plain(handle, name, first, last, *more, **options)

    monkeypatch.setattr(type(view.contract), "events", events)
    assert (view.metadata(state), view.revocation_reason(state.model)) == ("{}", "stolen")
    assert min(asked[0], asked[2]) > 60
    asked.clear()
    monkeypatch.setattr("novacron.models.snapshot._SHORT", 5)
    assert (view.metadata(state), view.revocation_reason(state.model)) == ("{}", "stolen")
    assert max(asked) < 10


def test_metadata_that_a_node_has_lost_is_not_taken_for_none(
    world: ModelWorld, actors: Actors, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, plain = world.released("model", metadata="{}"), world.released("plain")
    view = actors.registry.view()
    monkeypatch.setattr(type(view.contract), "events", lambda *_, **__: iter(()))
    assert view.metadata(view.state(plain)) == ""
    with pytest.raises(InconsistentEndpointError, match="may not keep events that far back"):
        view.metadata(view.state(digest))
    other = EventLog("ModelDescribed", {"metadata": "[]"}, view.contract.address, 1, None, None, None)
    monkeypatch.setattr(type(view.contract), "events", lambda *_, **__: iter((other,)))
    with pytest.raises(InconsistentEndpointError, match="with the digest that the registry holds"):
        view.metadata(view.state(digest))


def test_text_that_is_none_does_not_stand_in_the_way(world: ModelWorld, actors: Actors) -> None:
    digest = digest_of("model")
    data = world.registry.encode_abi("registerModel", args=[digest, ZERO, "1.0.0", "??"])
    raw = data.replace(b"??".hex(), "fffe")
    sender = world.accounts[RELEASER]
    hashed = world.w3.eth.send_transaction({"from": sender, "to": world.registry.address, "data": raw})
    assert world.w3.eth.wait_for_transaction_receipt(hashed)["status"] == 1
    view = actors.registry.view()
    assert view.metadata(view.state(digest)) is None


def test_an_unknown_model_is_named(actors: Actors) -> None:
    view = actors.registry.view()
    assert view.find(digest_of("nobody's")) is None
    with pytest.raises(RevertedError, match=r"no model 0x[0-9a-f]{64} is registered"):
        view.state(digest_of("nobody's"))
