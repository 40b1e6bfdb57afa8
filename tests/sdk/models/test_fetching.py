"""Fetching: what is refused, what is written, and that it is all or nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.exceptions import (
    CorruptObjectError,
    InputError,
    ModelError,
    ModelMismatchError,
    ModelRefusedError,
    NotARecipientError,
    PackageError,
    RevertedError,
    SealError,
    UnknownPackageError,
)
from novacron.models.decision import decide
from novacron.models.onchain import ZERO
from novacron.models.package import Package, put_model
from novacron.models.policy import Policy
from novacron.models.references import Reference, parse_reference
from novacron.models.stores_local import LocalObjectStore
from novacron.quantum.keys import EncryptionKey
from tests.support.model_stock import KEY, Fetch, refused
from tests.support.model_world import CERTIFIER, RELEASER, Actors, ModelWorld, digest_of

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
        def fetched(package: Package, store: object, key: object, target: Path, **more: Any) -> None:
            draft = shutil.copytree(source, target.with_name(".draft"))
            try:
                change(draft)
                more["approve"](draft)
                draft.rename(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)

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
