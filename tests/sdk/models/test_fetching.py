"""Fetching and verifying: what is refused, what is written, and that it is all or nothing."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import EndpointPool
from novacron.exceptions import (
    ChainError,
    ChainUnavailableError,
    ConfigurationError,
    CorruptObjectError,
    InputError,
    ModelError,
    ModelMismatchError,
    ModelRefusedError,
    NotARecipientError,
    NovaCronError,
    PackageError,
    ReorgError,
    RevertedError,
    SealError,
    UnknownPackageError,
)
from novacron.market.deployment import Deployment
from novacron.models.decision import decide
from novacron.models.fetching import Fetched, fetch
from novacron.models.lineage import lineage_of
from novacron.models.onchain import ZERO, Lineage, Parent, Relation, Stage, Verdict
from novacron.models.package import Package, put_model
from novacron.models.policy import Policy
from novacron.models.references import Reference, parse_reference
from novacron.models.registration import manifest_digest, metadata_text
from novacron.models.registry import ModelRegistry
from novacron.models.stores_local import LocalObjectStore
from novacron.models.verification import verify_model
from novacron.provenance.manifest import build_manifest
from novacron.quantum.keys import EncryptionKey
from tests.support.clients import dead_url
from tests.support.model_world import CERTIFIER, DAY, OTHER, RELEASER, Actors, ModelWorld, digest_of

Fetch = Callable[..., Fetched]
KEY = EncryptionKey.generate()


@pytest.fixture(scope="module")
def stock(built: ModelWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bytes]]:
    """A model that is stored, registered with its files' names, and certified; tuned from a base. Made once."""
    before = built.node.rpc("evm_snapshot")
    folder = tmp_path_factory.mktemp("stock")
    source = folder / "model"
    source.mkdir()
    (source / "weights.safetensors").write_bytes(bytes(range(256)) * 40)
    (source / "config.json").write_text('{"layers": 2}')
    store = LocalObjectStore(folder / "store")
    digest = put_model(source, store=store, recipients=[KEY.recipient]).model_hash
    oldest = built.released("oldest")
    base = built.released("base", lineage=Lineage((Parent(oldest, Relation.BASE),)))
    run, key = built.sealed_run(digest), built.verify(digest)
    lineage = Lineage((Parent(base, Relation.FINE_TUNE),), (), run, key)
    metadata = metadata_text({}, manifest_digest(build_manifest(source)))
    built.register(digest, "1.2.0", lineage=lineage, metadata=metadata)
    built.certify(digest)
    yield folder, digest
    built.node.rpc("evm_revert", before)


@pytest.fixture
def world(built: ModelWorld, stock: tuple[Path, bytes]) -> Iterator[ModelWorld]:
    before = built.node.rpc("evm_snapshot")
    yield built
    built.node.rpc("evm_revert", before)


@pytest.fixture
def released(world: ModelWorld, stock: tuple[Path, bytes]) -> bytes:
    return stock[1]


@pytest.fixture
def source(stock: tuple[Path, bytes], tmp_path: Path) -> Path:
    return shutil.copytree(stock[0] / "model", tmp_path / "model")


@pytest.fixture
def store(stock: tuple[Path, bytes], tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(shutil.copytree(stock[0] / "store", tmp_path / "store"))


@pytest.fixture
def get(actors: Actors, store: LocalObjectStore, released: bytes, tmp_path: Path) -> Fetch:
    """Fetch the released model, or another one; nothing must be left beside the target, whatever happens."""

    def fetched(
        reference: Reference | None = None, policy: Policy | None = None, folder: Any = "fetched", **more: Any
    ) -> Fetched:
        folder = tmp_path / folder
        folder.mkdir(exist_ok=True)
        words: dict[str, Any] = {"store": store, "key": KEY, "target": folder / "model", **more}
        try:
            wanted = reference or Reference(model_hash=released)
            return fetch(actors.registry, wanted, policy=policy or Policy(), **words)
        except NovaCronError:
            assert list(folder.iterdir()) == []
            raise
        finally:
            assert [one.name for one in folder.iterdir() if one.name != "model"] == []

    return fetched


def refused(get: Fetch, policy: Policy | None = None, **more: Any) -> tuple[str, list[str]]:
    """Why a fetch is refused, and the objections' codes."""
    with pytest.raises(ModelRefusedError) as caught:
        get(policy=policy, **more)
    return str(caught.value), [one.code for one in caught.value.objections]


# -- what passes -----------------------------------------------------------------------------------------------------


def test_a_certified_model_is_fetched_and_is_what_was_released(get: Fetch, released: bytes, source: Path) -> None:
    strict = Policy(signed=True, run=True, names=True)
    done = get(policy=strict)
    assert done.names_bound
    assert done.manifest.root == released
    assert {one.name: one.read_bytes() for one in done.target.iterdir()} == {
        one.name: one.read_bytes() for one in source.iterdir()
    }


def test_an_alias_is_fetched_as_of_one_block(world: ModelWorld, actors: Actors, get: Fetch, released: bytes) -> None:
    registry, account = actors.registry, actors.account()
    name, _ = registry.create_name(account, "resnet50")
    registry.publish(account, name, released)
    registry.set_alias(account, name, "champion", before=ZERO, to=released)
    other = world.released("other", "9.0.0")
    registry.publish(account, name, other)
    world.mine(2)
    # The alias moves in the newest block, which is not confirmed: the answer is still all of the block before.
    registry.set_alias(account, name, "champion", before=released, to=other)
    reference = parse_reference(f"{name}@champion")
    done = get(reference, confirmations=2)
    assert done.decision.model_hash == released
    assert done.decision.head.number - done.decision.graph.pin.number == 1
    with pytest.raises(ModelRefusedError, match=f"0x{other.hex()} is not certified"):
        decide(registry, reference, Policy()).require_passed()


def test_an_alias_that_moves_between_two_reads_is_judged_as_it_was_resolved(
    world: ModelWorld, actors: Actors, get: Fetch, released: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, account = actors.registry, actors.account()
    name, _ = registry.create_name(account, "resnet50")
    registry.publish(account, name, released)
    registry.set_alias(account, name, "champion", before=ZERO, to=released)
    world.register(digest_of("other"), "9.0.0")
    registry.publish(account, name, digest_of("other"))
    from novacron.models.snapshot import RegistryView

    plain = RegistryView.resolve

    def resolve(view: RegistryView, reference: Reference, time: int | None = None) -> bytes:
        found = plain(view, reference, time)
        if reference.alias is not None:
            registry.set_alias(account, name, "champion", before=released, to=digest_of("other"))
        return found

    monkeypatch.setattr(RegistryView, "resolve", resolve)
    done = get(parse_reference(f"{name}@champion"))
    assert (done.decision.model_hash, done.decision.graph.root.state.model.version) == (released, "1.2.0")


def test_what_an_alias_meant_at_a_time_is_fetched_and_judged_by_now(
    world: ModelWorld, actors: Actors, get: Fetch, released: bytes
) -> None:
    registry, account = actors.registry, actors.account()
    name, _ = registry.create_name(account, "resnet50")
    registry.publish(account, name, released)
    registry.set_alias(account, name, "champion", before=ZERO, to=released)
    then = world.now()
    world.next_block_at(then + 10)
    registry.set_alias(account, name, "champion", before=released, to=ZERO)
    reference = parse_reference(f"{name}@champion")
    assert get(reference, time=then + 5).decision.model_hash == released
    with pytest.raises(ModelError, match="points to nothing"):
        decide(registry, reference, Policy())
    world.send(world.registry, "revokeModel", released, "stolen", sender=CERTIFIER)
    with pytest.raises(ModelRefusedError, match="is revoked since"):
        decide(registry, reference, Policy(), time=then + 5).require_passed()


# -- what the chain refuses ------------------------------------------------------------------------------------------


def test_a_revoked_grandparent_is_named_in_the_refusal(world: ModelWorld, get: Fetch, released: bytes) -> None:
    world.send(world.registry, "revokeModel", digest_of("oldest"), "poisoned", sender=CERTIFIER)
    words, codes = refused(get, store=None)  # the store is not even asked
    assert codes == ["ancestor-revoked"]
    assert f"0x{released.hex()} descends from 0x{digest_of('oldest').hex()} 1.0.0, its grandparent" in words
    assert "(poisoned)" in words


def test_a_revoked_model_is_refused_without_a_certificate_being_asked_for(
    world: ModelWorld, get: Fetch, released: bytes
) -> None:
    world.send(world.registry, "revokeModel", released, "stolen", sender=CERTIFIER)
    assert refused(get, Policy(certified=False))[1] == ["revoked"]


def test_an_ancestor_is_looked_at_even_where_the_registry_first_says_uncertified(
    world: ModelWorld, get: Fetch, released: bytes
) -> None:
    world.send(world.registry, "revokeCertificate", released, "a mistake", sender=CERTIFIER)
    assert refused(get)[1] == ["not-certified"]
    assert get(policy=Policy(certified=False)).names_bound
    world.send(world.registry, "revokeModel", digest_of("base"), "poisoned", sender=CERTIFIER)
    assert refused(get, Policy(certified=False), folder="again")[1] == ["ancestor-revoked"]


def test_a_certificate_is_over_in_the_second_in_which_it_ends(
    world: ModelWorld, actors: Actors, released: bytes
) -> None:
    until, reference = world.certify(released, 1_000), Reference(model_hash=released)
    world.next_block_at(until - 1)
    assert decide(actors.registry, reference, Policy(), now=until - 1).passed
    # The chain's clock is a second behind this machine's.
    late = decide(actors.registry, reference, Policy(), now=until)
    assert [one.code for one in late.objections] == ["certificate-expired"]
    world.next_block_at(until)
    over = decide(actors.registry, reference, Policy(), now=until - 1)
    assert [one.code for one in over.objections] == ["certificate-expired"]
    assert decide(actors.registry, reference, Policy(certified=False), now=until).passed


def test_what_was_revoked_a_moment_ago_is_refused_before_it_is_confirmed(
    world: ModelWorld, actors: Actors, get: Fetch, released: bytes
) -> None:
    world.mine(3)
    world.send(world.registry, "revokeModel", released, "stolen", sender=CERTIFIER)
    assert refused(get, confirmations=3)[1] == ["revoked"]


def test_what_was_certified_a_moment_ago_waits_for_its_confirmations(
    world: ModelWorld, get: Fetch, released: bytes
) -> None:
    world.send(world.registry, "revokeCertificate", released, "a mistake", sender=CERTIFIER)
    world.mine(3)
    world.certify(released)
    assert refused(get, confirmations=3)[1] == ["not-certified"]
    world.mine(2)
    get(confirmations=3)


def test_what_is_revoked_during_the_download_is_not_handed_out(world: ModelWorld, get: Fetch, released: bytes) -> None:
    def revoke(*_: object) -> None:
        world.send(world.registry, "revokeModel", released, "stolen", sender=CERTIFIER)

    words, codes = refused(get, on_decision=revoke)
    assert codes == ["revoked"]
    assert "stolen" in words


def test_a_stolen_key_voids_what_it_signed(world: ModelWorld, get: Fetch) -> None:
    world.revoke_key()
    assert refused(get)[1] == ["verification-void"]
    assert refused(get, Policy(certified=False))[1] == ["verification-void"]


def test_a_provisional_registration_is_refused(world: ModelWorld, actors: Actors) -> None:
    digest = digest_of("quick")
    world.send(world.registry, "registerModel", digest, ZERO, "1.0.0", "", sender=RELEASER)
    found = decide(actors.registry, Reference(model_hash=digest), Policy(certified=False))
    assert [one.code for one in found.objections] == ["provisional"]


def test_a_model_that_is_not_confirmed_yet_is_said_to_be(world: ModelWorld, actors: Actors) -> None:
    digest = world.released("new")
    with pytest.raises(ModelError, match="in one of the newest 1 blocks, which are not confirmed yet"):
        decide(actors.registry, Reference(model_hash=digest), Policy(), confirmations=2)
    with pytest.raises(RevertedError, match=r"no model 0x.* is registered"):
        decide(actors.registry, Reference(model_hash=digest_of("nobody's")), Policy(), confirmations=2)


# -- what the policy refuses -----------------------------------------------------------------------------------------


def test_each_demand_of_a_policy_is_refused_by_name(world: ModelWorld, actors: Actors, released: bytes) -> None:
    plain = world.released("plain")
    world.certify(plain)
    releaser, certifier, other = (world.accounts[number] for number in (RELEASER, CERTIFIER, OTHER))

    def codes(digest: bytes, **demands: Any) -> list[str]:
        found = decide(actors.registry, Reference(model_hash=digest), Policy(**demands))
        return [one.code for one in found.objections]

    for demand, code in (
        ({"signed": True}, "unsigned"),
        ({"roots": frozenset([world.root])}, "unsigned"),
        ({"run": True}, "run"),
        ({"names": True}, "names"),
    ):
        assert codes(plain, **demand) == [code]
        assert codes(released, **demand) == []
    assert codes(released, roots=frozenset([digest_of("another root")])) == ["root"]
    for demand, good, bad in (
        ("owners", releaser, other),
        ("certifiers", certifier, other),
        ("stages", Stage.NONE, Stage.PRODUCTION),
    ):
        assert codes(released, **{demand: frozenset([good])}) == []
        assert codes(released, **{demand: frozenset([bad])}) == [demand[:-1]]


def test_the_registrys_verdict_and_the_facts_must_both_be_good(actors: Actors, released: bytes) -> None:
    graph = lineage_of(actors.registry.view(), released)
    root, lax = graph.root, Policy(certified=False)

    def codes(policy: Policy, model: dict[str, Any] | None = None, **state: Any) -> list[str]:
        """Objections to the same graph where the node says otherwise about the root."""
        other = replace(root.state, **state, model=replace(root.state.model, **(model or {})))
        nodes = {**graph.nodes, released: replace(root, state=other)}
        return [one.code for one in policy.objections(replace(graph, nodes=nodes), graph.pin.time)]

    assert codes(Policy()) == []
    for verdict in Verdict:
        if verdict is not Verdict.DEPLOYABLE:
            assert codes(Policy(), verdict=verdict) == [verdict.word]
            passes = verdict in (Verdict.NOT_CERTIFIED, Verdict.CERTIFICATE_EXPIRED)
            assert codes(lax, verdict=verdict) == ([] if passes else [verdict.word])
    # And the other way about: it says deployable, and the facts are others.
    assert codes(lax, {"final_at": graph.pin.time + 1}) == ["provisional"]
    assert codes(lax, {"revoked_at": 1}) == ["revoked"]
    assert codes(Policy(), certificate=None) == ["not-certified"]


def test_a_signature_that_cannot_be_looked_up_is_none(actors: Actors, released: bytes) -> None:
    instances = {"ModelRegistry": actors.deployment.instances["ModelRegistry"]}
    registry = ModelRegistry(Deployment(actors.pool, instances))
    found = decide(registry, Reference(model_hash=released), Policy(run=True))
    assert sorted(one.code for one in found.objections) == ["run", "verification-void"]


def test_a_node_that_has_stopped_is_not_believed(world: ModelWorld, actors: Actors, released: bytes) -> None:
    reference, now = Reference(model_hash=released), world.now()
    assert decide(actors.registry, reference, Policy(), now=now + 3_600).passed
    late = decide(actors.registry, reference, Policy(), now=now + 3_601)
    assert [one.code for one in late.objections] == ["stale"]
    assert "3601 seconds ago" in late.objections[0].text
    assert decide(actors.registry, reference, Policy(max_age=None), now=now + 2 * DAY).passed


def test_a_decision_over_a_block_that_is_gone_is_none(
    world: ModelWorld, actors: Actors, released: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.send(world.registry, "commit", digest_of("in the block that goes"))

    def reorganised(*arguments: Any, **options: Any) -> Any:
        found = lineage_of(*arguments, **options)
        world.node.rpc("anvil_reorg", 1, [])
        return found

    monkeypatch.setattr("novacron.models.decision.lineage_of", reorganised)
    with pytest.raises(ReorgError, match="was reorganised away while it was read"):
        decide(actors.registry, Reference(model_hash=released), Policy())


def test_no_chain_is_no_permission(actors: Actors, get: Fetch) -> None:
    pool = EndpointPool([dead_url()], chain_id=31337, timeout=1, retries=1)
    away = ModelRegistry(Deployment(pool, actors.deployment.instances))
    with pytest.raises(ChainUnavailableError):
        decide(away, Reference(model_hash=digest_of("x")), Policy())


# -- policies as files -----------------------------------------------------------------------------------------------


def test_a_policy_file_says_what_is_demanded(tmp_path: Path) -> None:
    path, who = tmp_path / "policy.toml", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    path.write_text(
        f'[policy]\nsigned = true\nrun = true\nstages = ["Production"]\nowners = ["{who.lower()}"]\n'
        f'roots = ["{"ab" * 32}"]\nmax_age = "10 min"\n'
    )
    assert Policy.from_toml(path) == Policy(
        signed=True,
        run=True,
        stages=frozenset([Stage.PRODUCTION]),
        owners=frozenset([who]),
        roots=frozenset([b"\xab" * 32]),
        max_age=600,
    )
    path.write_text("certified = true\nmax_age = false\n")
    assert Policy.from_toml(path) == Policy(max_age=None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sigend = true", "unknown member 'sigend'; known are certified"),
        ("signed = 'yes'", "signed: write true or false"),
        ("stages = 'production'", "stages: write a list"),
        ("stages = []", "the list is empty"),
        ("stages = ['live']", "'live' is none of none, staging"),
        ("owners = ['acme']", "is no address"),
        ("roots = ['00']", "expected 64"),
        ("max_age = '1 h'\n[policy]\nsigned = true", "members beside"),
        ("max_age = 7", "max_age"),
        ("signed = ", "is no TOML"),
    ],
)
def test_a_policy_that_is_not_understood_lets_nothing_pass(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        Policy.from_toml(path)


def test_a_policy_that_is_not_there_lets_nothing_pass(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Policy.from_toml(tmp_path / "none.toml")


# -- what the files refuse -------------------------------------------------------------------------------------------


def test_a_package_that_does_not_hash_is_refused(
    store: LocalObjectStore, get: Fetch, released: bytes, source: Path
) -> None:
    payload = Package.load(store, released).payload
    whole = b"".join(store.get(payload))
    store.delete(payload)
    store.put(payload, [whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]])
    with pytest.raises((SealError, PackageError)):
        get()


def test_another_models_package_under_this_digest_is_refused(
    store: LocalObjectStore, get: Fetch, released: bytes, tmp_path: Path
) -> None:
    (tmp_path / "evil").write_bytes(b"other weights")
    other = put_model(tmp_path / "evil", store=store, recipients=[KEY.recipient])
    record = json.loads(b"".join(store.get(f"packages/{other.model_hash.hex()}")))
    store.delete(f"packages/{released.hex()}")
    store.put(f"packages/{released.hex()}", [json.dumps(record).encode()])
    with pytest.raises(CorruptObjectError, match="is the record of another model"):
        get()
    record["modelHash"] = released.hex()
    store.delete(f"packages/{released.hex()}")
    store.put(f"packages/{released.hex()}", [json.dumps(record, sort_keys=True, separators=(",", ":")).encode()])
    with pytest.raises(PackageError):
        get()


def test_what_was_written_is_hashed_again(
    get: Fetch, source: Path, released: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(change: Callable[[Path], object]) -> Callable[..., None]:
        def fetched(package: Package, store: object, key: object, target: Path, **_: object) -> None:
            change(shutil.copytree(source, target))

        return fetched

    for change in (
        lambda folder: (folder / "config.json").write_text("{}"),
        lambda folder: (folder / "config.json").rename(folder / "d.json"),
        lambda folder: (folder / ".git").write_text("more"),
    ):
        monkeypatch.setattr(Package, "fetch", written(change))
        with pytest.raises(ModelMismatchError, match="nothing was kept"):
            get()
    monkeypatch.setattr(Package, "fetch", written(lambda _: None))
    assert get().manifest.root == released


def test_files_that_were_renamed_inside_the_package_are_refused(
    world: ModelWorld, store: LocalObjectStore, get: Fetch, released: bytes, source: Path
) -> None:
    (source / "weights.safetensors").rename(source / "weightz.safetensors")
    renamed = put_model(source, store=store, recipients=[KEY.recipient], replace=True)
    assert renamed.model_hash == released  # the digest covers contents and their order only
    with pytest.raises(PackageError):
        get()


def test_a_wrong_recipient_gets_nothing(get: Fetch) -> None:
    with pytest.raises(NotARecipientError):
        get(key=EncryptionKey.generate())


def test_a_model_that_is_not_in_the_store_is_named(get: Fetch, tmp_path: Path, released: bytes) -> None:
    with pytest.raises(UnknownPackageError, match=released.hex()):
        get(store=LocalObjectStore(tmp_path / "empty"))


def test_a_target_that_is_there_is_left_alone(get: Fetch, tmp_path: Path, source: Path) -> None:
    for target, words in ((source, "is there already"), (tmp_path / "none" / "model", "is no folder")):
        with pytest.raises(InputError, match=words):
            get(target=target)
    assert (source / "config.json").read_text() == '{"layers": 2}'


# -- verifying -------------------------------------------------------------------------------------------------------


def statuses(registry: ModelRegistry, path: Path, *more: Any, **options: Any) -> dict[str, str]:
    reference, policy = (*more, None, None)[:2]
    report = verify_model(registry, path, reference, policy or Policy(), **options)
    return {one.name: one.status for one in report.checks}


def test_files_are_verified_check_by_check(actors: Actors, released: bytes, source: Path) -> None:
    report = verify_model(actors.registry, source, Reference(model_hash=released), Policy())
    assert (report.verdict, report.attested) == ("valid", True)
    names = ["files", "identity", "registered", "not revoked", "ancestors", "certificate", "signature", "training run"]
    assert [one.name for one in report.checks] == [*names, "file names", "fresh"]


def test_each_thing_that_is_wrong_with_files_fails_its_own_check(
    world: ModelWorld, actors: Actors, released: bytes, source: Path, tmp_path: Path
) -> None:
    registry = actors.registry

    def failed(path: Path = source, *more: Any) -> list[str]:
        return [name for name, status in statuses(registry, path, *more).items() if status == "failed"]

    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "weights").write_bytes(b"other")
    assert failed(changed) == ["registered"]
    assert failed(changed, Reference(model_hash=released)) == ["identity"]
    assert failed(source, parse_reference(f"{world.accounts[RELEASER]}/nothing@champion")) == ["identity"]
    assert failed(source, None, Policy(stages=frozenset([Stage.PRODUCTION]))) == ["stage"]
    (source / "config.json").rename(source / "confih.json")
    assert failed() == ["file names"]
    (source / "confih.json").rename(source / "config.json")
    world.send(world.registry, "revokeCertificate", released, "a mistake", sender=CERTIFIER)
    assert failed() == ["certificate"]
    world.revoke_key()
    assert failed() == ["certificate", "signature"]
    world.send(world.registry, "revokeModel", digest_of("oldest"), "poisoned", sender=CERTIFIER)
    assert failed() == ["ancestors", "certificate", "signature"]
    world.send(world.registry, "revokeModel", released, "stolen", sender=CERTIFIER)
    assert failed() == ["not revoked", "ancestors", "certificate", "signature"]


def test_what_was_not_looked_at_is_said_to_be(world: ModelWorld, actors: Actors, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    digest = build_manifest(file).root
    world.register(digest)
    found = statuses(actors.registry, file, None, Policy(certified=False, max_age=None))
    skipped = [name for name, status in found.items() if status == "not_checked"]
    assert skipped == ["certificate", "signature", "training run", "file names", "fresh"]
    assert "failed" not in found.values()


def test_files_are_not_verified_without_a_chain(actors: Actors, source: Path) -> None:
    pool = EndpointPool([dead_url()], chain_id=31337, timeout=1, retries=1)
    with pytest.raises(ChainError):
        verify_model(ModelRegistry(Deployment(pool, actors.deployment.instances)), source, None, Policy())


def test_the_clock_of_this_machine_is_asked_where_none_is_given(
    actors: Actors, released: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 10 * DAY)
    assert [one.code for one in decide(actors.registry, Reference(model_hash=released), Policy()).objections] == [
        "stale"
    ]
