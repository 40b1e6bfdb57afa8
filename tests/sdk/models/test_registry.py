"""The registry's client: registering in two steps, names, aliases, stages, and reads that are of one block."""

from __future__ import annotations

import dataclasses
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from novacron.chain import EndpointPool
from novacron.exceptions import (
    ChainUnavailableError,
    CorruptStoreError,
    InconsistentEndpointError,
    InputError,
    ModelError,
    ReorgError,
    RevertedError,
)
from novacron.market.deployment import Deployment
from novacron.models.onchain import ZERO, Lineage, Parent, Relation, Stage, Verdict
from novacron.models.references import NameReference, parse_reference
from novacron.models.registration import (
    Registration,
    commitment_of,
    manifest_digest_of,
    metadata_text,
    register,
)
from novacron.models.registry import ModelRegistry
from novacron.models.salts import commitment_salt
from novacron.models.snapshot import Pin, RegistryView, pin_blocks, require_canonical
from tests.support.clients import dead_url
from tests.support.model_world import CERTIFIER, DAY, OTHER, RELEASER, Actors, ModelWorld, digest_of, request_of

ROOT = Path(__file__).resolve().parents[3]


# -- registering -----------------------------------------------------------------------------------------------------


def test_a_model_is_registered_with_everything_and_read_back(world: ModelWorld, actors: Actors) -> None:
    base, teacher = world.released("base"), world.released("teacher", "0.9.0-rc.1+build.77")
    request = request_of("model", "2.1.0")
    run, key = world.sealed_run(request.model_hash), world.verify(request.model_hash)
    lineage = Lineage(
        (Parent(base, Relation.FINE_TUNE), Parent(teacher, Relation.DISTILLATION)), (digest_of("data"),), run, key
    )
    request = dataclasses.replace(request, lineage=lineage, metadata='{"task":"vision"}', vector_hash=digest_of("v"))
    done = register(actors.account(), request)
    assert not done.existed
    assert not done.provisional
    state = actors.registry.view().state(request.model_hash)
    assert (state.model, state.lineage, state.verdict) == (done.model, lineage, Verdict.NOT_CERTIFIED)
    assert (state.model.version, state.model.vector_hash) == ("2.1.0", digest_of("v"))
    assert state.model.metadata_digest == keccak(text='{"task":"vision"}')
    view = actors.registry.view()
    assert view.metadata(state) == '{"task":"vision"}'
    head, found = view.run(run), view.signature(key, request.model_hash)
    assert (head.size, head.model_digest) == (3, request.model_hash)
    assert (found.good, found.root, found.scheme.fips_name) == (True, world.root, "SLH-DSA-SHA2-128s")
    assert view.state(teacher).model.version == "0.9.0-rc.1+build.77"


def test_kept_metadata_is_read_from_the_chain(actors: Actors) -> None:
    request = request_of("model", metadata="naïve ✓", keep_metadata=True)
    register(actors.account(), request)
    view = actors.registry.view()
    assert view.kept_metadata(request.model_hash) == view.metadata(view.state(request.model_hash)) == "naïve ✓"


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
    assert not done.provisional
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
    assert not register(actors.account(folder=moved), request).provisional
    assert len(world.registry.events.Committed().get_logs(from_block=0)) == 1


def test_registering_again_changes_nothing_and_other_words_are_refused(world: ModelWorld, actors: Actors) -> None:
    account, request = actors.account(), request_of("model", metadata="{}")
    first = register(account, request)
    again = register(account, request)
    assert (again.existed, again.model) == (True, first.model)
    assert again.receipt is not None
    assert first.receipt is not None
    assert again.receipt.hash == first.receipt.hash
    other = dataclasses.replace(request, version="1.0.1", metadata="")
    with pytest.raises(ModelError, match="another version, another metadata: a registration never changes"):
        register(account, other)
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == 2


def test_somebody_elses_model_is_not_overwritten(world: ModelWorld, actors: Actors) -> None:
    digest = world.released("model")
    with pytest.raises(ModelError, match=f"is registered by {world.accounts[RELEASER]} since .* it stays theirs"):
        register(actors.account(OTHER), Registration(digest, "1.0.0"))
    assert world.w3.eth.get_transaction_count(world.accounts[OTHER]) == 0


def test_a_copy_out_of_the_mempool_gives_way_to_the_older_commitment(world: ModelWorld, actors: Actors) -> None:
    account, request = actors.account(), request_of("model")
    with pytest.raises(_Stop):
        register(actors.account(on_step=crashing("mined", 1)), request)
    world.send(world.registry, "registerModel", request.model_hash, ZERO, "6.6.6", "\x00", sender=OTHER)
    done = register(account, request)
    assert (done.model.owner, done.model.version) == (account.address, "1.0.0")
    view = actors.registry.view()
    assert view.metadata(view.state(request.model_hash)) == ""


def test_a_provisional_registration_that_is_older_is_waited_for_without_committing(
    world: ModelWorld, actors: Actors
) -> None:
    request = request_of("model")
    world.send(world.registry, "registerModel", request.model_hash, ZERO, "6.6.6", "", sender=OTHER)
    with pytest.raises(ModelError, match="before this account committed to it; the registration is final at"):
        register(actors.account(), request)
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == 0


def test_one_transaction_without_a_commitment_is_provisional(actors: Actors) -> None:
    request = request_of("model")
    done = register(actors.account(), request, commit=False)
    assert done.provisional
    assert done.model.final_at == done.model.registered_at + 3_600
    assert actors.registry.view().state(request.model_hash).verdict is Verdict.PROVISIONAL


@pytest.mark.parametrize(
    ("lineage", "words"),
    [
        (Lineage((Parent(b"\x01" * 32, Relation.BASE),)), "no model 0x0101.* is registered"),
        (Lineage(run=b"\x02" * 32), "run 0x0202.* is not sealed with"),
        (Lineage(verification_key=b"\x03" * 32), "key 0x0303.* has no good verification"),
    ],
)
def test_what_the_registry_would_refuse_is_found_before_anything_is_committed(
    world: ModelWorld, actors: Actors, lineage: Lineage, words: str
) -> None:
    with pytest.raises(RevertedError, match=words):
        register(actors.account(), request_of("model", lineage=lineage))
    assert world.w3.eth.get_transaction_count(world.accounts[RELEASER]) == 0


def test_a_revoked_parent_and_a_run_of_somebody_else_are_refused(world: ModelWorld, actors: Actors) -> None:
    base, request = world.released("base"), request_of("model")
    world.send(world.registry, "revokeModel", base, "poisoned", sender=CERTIFIER)
    with pytest.raises(RevertedError, match="is revoked since"):
        register(actors.account(), request_of("model", lineage=Lineage((Parent(base, Relation.BASE),))))
    foreign = world.sealed_run(request.model_hash, OTHER)
    with pytest.raises(RevertedError, match="is not sealed with"):
        register(actors.account(), dataclasses.replace(request, lineage=Lineage(run=foreign)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_hash": ZERO}, "32 zero bytes"),
        ({"model_hash": b"short"}, "a digest is 32 bytes"),
        ({"version": "01.0.0"}, "Semantic Versioning"),
        ({"version": "1.0.0-" + "x" * 27}, "at most 32 bytes"),
        ({"metadata": "é" * 1_025}, "metadata of 2050 bytes"),
        ({"lineage": Lineage(tuple(Parent(digest_of(str(n)), Relation.BASE) for n in range(9)))}, "8 parents"),
        ({"lineage": Lineage(datasets=tuple(digest_of(str(n)) for n in range(17)))}, "16 data sets"),
        ({"lineage": Lineage((Parent(digest_of("p"), Relation.BASE),) * 2)}, "named twice"),
        ({"lineage": Lineage((Parent(digest_of("model"), Relation.BASE),))}, "its own parent"),
    ],
)
def test_what_can_never_be_registered_is_refused_without_a_chain(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Registration(**{"model_hash": digest_of("model"), "version": "1.0.0", **changes})


def test_the_secret_of_the_salts_is_private_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    words = {"chain_id": 1, "registry": "0x" + "11" * 20, "owner": "0x" + "22" * 20, "model_hash": digest_of("model")}
    salt = commitment_salt(journal, **words)  # type: ignore[arg-type]
    assert any(salt)
    assert salt == commitment_salt(journal, **words)  # type: ignore[arg-type]
    file = tmp_path / "journal.sqlite.salts"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    others = [{**words, name: other} for name, other in (("chain_id", 2), ("owner", "0x" + "33" * 20))]
    assert len({commitment_salt(journal, **one) for one in [words, *others]}) == 3  # type: ignore[arg-type]
    file.write_bytes(b"cut")
    with pytest.raises(CorruptStoreError, match=r"journal\.sqlite\.salts does not hold 32 bytes"):
        commitment_salt(journal, **words)  # type: ignore[arg-type]


def test_processes_that_make_the_secret_at_once_share_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from novacron.models.salts import commitment_salt as c; "
        "print(c(Path(sys.argv[1]), chain_id=1, registry='0x'+'11'*20, owner='0x'+'22'*20, model_hash=bytes(32)).hex())"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "journal")]
    started = [subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(3)]
    assert len({one.communicate(timeout=60)[0] for one in started}) == 1


def test_metadata_is_canonical_and_binds_the_manifest() -> None:
    text = metadata_text({"b": 1, "a": "x"}, digest_of("manifest"))
    assert text == f'{{"a":"x","b":1,"manifest":"{digest_of("manifest").hex()}"}}'
    assert manifest_digest_of(text) == digest_of("manifest")
    assert [manifest_digest_of(one) for one in ("", "[]", "{", '{"manifest":7}', '{"manifest":"00"}', None)] == [
        None
    ] * 6
    assert metadata_text({}) == ""
    with pytest.raises(InputError, match="the files' own is"):
        metadata_text({"manifest": "00" * 32}, digest_of("manifest"))
    with pytest.raises(InputError, match="at most 2048"):
        metadata_text({"a": "x" * 2_048})


# -- what owners and certifiers do -----------------------------------------------------------------------------------


def test_a_model_changes_hands_in_two_steps(world: ModelWorld, actors: Actors) -> None:
    digest, registry = world.released("model"), actors.registry
    registry.transfer(actors.account(), digest, world.accounts[OTHER])
    assert registry.view().state(digest).pending_owner == world.accounts[OTHER]
    with pytest.raises(RevertedError, match="was not offered to"):
        registry.accept(actors.account(CERTIFIER), digest)
    registry.accept(actors.account(OTHER), digest)
    state = registry.view().state(digest)
    assert (state.model.owner, state.pending_owner) == (world.accounts[OTHER], None)
    registry.transfer(actors.account(OTHER), digest, world.accounts[RELEASER])
    registry.transfer(actors.account(OTHER), digest, None)
    assert registry.view().state(digest).pending_owner is None


def test_stages_certificates_and_revocations_with_advice(world: ModelWorld, actors: Actors) -> None:
    digest, registry = world.released("model"), actors.registry
    registry.set_stage(actors.account(), digest, Stage.PRODUCTION)
    with pytest.raises(RevertedError, match="is in stage production already"):
        registry.set_stage(actors.account(), digest, Stage.PRODUCTION)
    with pytest.raises(RevertedError, match="has not the role for this"):
        registry.certify(actors.account(), digest, world.now() + DAY, digest_of("evidence"))
    certifier = actors.account(CERTIFIER)
    with pytest.raises(RevertedError, match="at most 730 days from now"):
        registry.certify(certifier, digest, world.now() + 731 * DAY, digest_of("evidence"))
    registry.certify(certifier, digest, world.now() + DAY, digest_of("evidence"), key="once")
    registry.certify(certifier, digest, world.now() + DAY + 9, digest_of("evidence"), key="once")
    assert registry.view().state(digest).verdict is Verdict.DEPLOYABLE
    registry.revoke_certificate(certifier, digest, "a mistake")
    assert registry.view().state(digest).verdict is Verdict.NOT_CERTIFIED
    with pytest.raises(RevertedError, match="has no certificate that could be revoked"):
        registry.revoke_certificate(certifier, digest, "again")
    for reason in ("", "é" * 129):
        with pytest.raises(InputError, match="a reason has 1 to 256 bytes"):
            registry.revoke(actors.account(), digest, reason)
    with pytest.raises(RevertedError, match="use its owner's account"):
        registry.revoke(actors.account(OTHER), digest, "I do not like it")
    registry.revoke(actors.account(), digest, "trained on the wrong data")
    view = registry.view()
    state = view.state(digest)
    assert (state.verdict, view.revocation_reason(state.model)) == (Verdict.REVOKED, "trained on the wrong data")


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
    assert view.names_of(digest_of("2.0.0")) == [(named, "2.0.0")]
    assert view.names_by(named.publisher) == [named]
    for text, words in (
        (f"{named}@challenger", "points to nothing"),
        (f"{named}/3.0.0", "has no version 3.0.0"),
    ):
        with pytest.raises(ModelError, match=words):
            view.resolve(parse_reference(text))
    with pytest.raises(RevertedError, match="there is no such name"):
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
