"""Policies: what each demand refuses, that they fail closed, and files that are verified check by check."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import EndpointPool
from novacron.exceptions import (
    ChainError,
    ChainUnavailableError,
    ConfigurationError,
    ReorgError,
)
from novacron.market.deployment import Deployment
from novacron.models.decision import decide
from novacron.models.lineage import lineage_of
from novacron.models.onchain import Stage, Verdict
from novacron.models.policy import Policy
from novacron.models.references import Reference, parse_reference
from novacron.models.registry import ModelRegistry
from novacron.models.verification import verify_model
from novacron.provenance.manifest import build_manifest
from tests.support.clients import dead_url
from tests.support.model_stock import Fetch
from tests.support.model_world import CERTIFIER, DAY, OTHER, RELEASER, Actors, ModelWorld, digest_of

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
