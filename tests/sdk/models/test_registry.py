"""The registry's client: registering in two steps, names, aliases, stages, and reads that are of one block."""

from __future__ import annotations

import dataclasses
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from novacron.exceptions import (
    CorruptStoreError,
    InputError,
    ModelError,
    RevertedError,
)
from novacron.models.onchain import ZERO, Lineage, Parent, Relation, Stage, Verdict
from novacron.models.registration import (
    Registration,
    commit,
    manifest_digest_of,
    metadata_text,
    register,
)
from novacron.models.salts import commitment_salt
from tests.support.model_world import CERTIFIER, DAY, OTHER, RELEASER, Actors, ModelWorld, digest_of, request_of

ROOT = Path(__file__).resolve().parents[3]


# -- registering -----------------------------------------------------------------------------------------------------


def test_a_model_is_registered_with_everything_and_read_back(world: ModelWorld, actors: Actors) -> None:
    base, teacher = world.released("base"), world.released("teacher", "0.9.0-rc.1+build.77")
    request = request_of("model", "2.1.0")
    commit(actors.account(), request.model_hash)
    run, key = world.sealed_run(request.model_hash), world.verify(request.model_hash)
    world.pass_hour()
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
    for commits, sent in ((False, 0), (True, 1), (True, 1)):  # to ask before the commitment would show the digest
        with pytest.raises(ModelError, match=f"is registered by {world.accounts[RELEASER]} since .* it stays theirs"):
            register(actors.account(OTHER), Registration(digest, "1.0.0"), commit=commits)
        assert world.w3.eth.get_transaction_count(world.accounts[OTHER]) == sent


@pytest.mark.parametrize(
    ("lineage", "words"),
    [
        (Lineage((Parent(b"\x01" * 32, Relation.BASE),)), "no model 0x0101.* is registered"),
        (Lineage(run=b"\x02" * 32), "run 0x0202.* is not sealed with"),
        (Lineage(verification_key=b"\x03" * 32), "key 0x0303.* has no good verification"),
    ],
)
def test_what_the_registry_would_refuse_costs_no_more_than_the_commitment(
    world: ModelWorld, actors: Actors, lineage: Lineage, words: str
) -> None:
    account = actors.account()
    with pytest.raises(RevertedError, match=words):
        register(account, request_of("model", lineage=lineage))
    assert world.w3.eth.get_transaction_count(account.address) == 1
    register(account, request_of("model"))  # on the same commitment
    assert world.w3.eth.get_transaction_count(account.address) == 2


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
