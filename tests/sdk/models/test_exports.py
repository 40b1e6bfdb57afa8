"""Exports: what other tools read says what the chain says, and is of the very files and documents that were given."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from eth_utils.crypto import keccak

from novacron.exceptions import InputError, ModelRefusedError
from novacron.models.evaluation import Evaluation
from novacron.models.exports import ModelFacts, load_signing_key, ml_bom, mlflow_tags, model_signing_bundle
from novacron.models.exports.mlflow import MAX_VALUE
from novacron.models.lineage import LineageGraph, Node
from novacron.models.onchain import (
    ZERO,
    Certificate,
    Lineage,
    Model,
    Parent,
    Relation,
    RunHead,
    Signature,
    Stage,
    Verdict,
)
from novacron.models.references import NameReference
from novacron.models.snapshot import ModelState, Pin
from novacron.provenance.manifest import build_manifest
from novacron.quantum.schemes import PostQuantumScheme

OWNER, CERTIFIER, REGISTRY = ("0x" + digit * 40 for digit in "123")
NOW, DAY = 1_800_000_000, 86_400
METADATA = json.dumps({"name": "digits", "description": "Ünïcode <b>", "license": "Apache-2.0"})


def digest_of(text: str) -> bytes:
    """A digest that stands for something."""
    return hashlib.sha256(text.encode()).digest()


def node(
    model: bytes, version: str, lineage: Lineage | None = None, verdict: Verdict = Verdict.DEPLOYABLE, **more: Any
) -> Node:
    """A model of the graph."""
    revoked = NOW - 60 if verdict is Verdict.REVOKED else 0
    kept = Model(model, OWNER, NOW - 5 * DAY, NOW - 5 * DAY, revoked, digest_of("vector"), keccak(METADATA.encode()),
                 version, Stage.PRODUCTION, False)  # fmt: skip
    state = ModelState(
        kept, lineage or Lineage(), more.pop("certificate", None), verdict, more.pop("culprit", ZERO), None
    )
    return Node(state, **more)


def family(model: bytes, evidence: bytes = ZERO, verdict: Verdict = Verdict.DEPLOYABLE) -> LineageGraph:
    """base ← tuned ← the model, teacher ← the model."""
    base, tuned, teacher = (digest_of(name) for name in ("base", "tuned", "teacher"))
    parents = (Parent(tuned, Relation.FINE_TUNE), Parent(teacher, Relation.DISTILLATION))
    lineage = Lineage(parents, (digest_of("data"), digest_of("more")), digest_of("run"), digest_of("key"))
    signed = Signature(digest_of("key"), digest_of("root"), PostQuantumScheme.ML_DSA_87, NOW - DAY, OWNER, True)
    nodes = [
        node(
            model,
            "1.2.0",
            lineage,
            verdict,
            culprit=base if verdict is Verdict.ANCESTOR_REVOKED else ZERO,
            certificate=Certificate(CERTIFIER, NOW - DAY, NOW + DAY, 0, evidence),
            run=RunHead(digest_of("run"), OWNER, 30, digest_of("log"), NOW - 2 * DAY, model),
            signature=signed,
            names=((NameReference(OWNER, "digits-mlp"), "1.2.0"), (NameReference(OWNER, "other"), "7.0.0")),
        ),
        node(tuned, "1.0.0", Lineage((Parent(base, Relation.BASE),))),
        node(teacher, "3.0.0"),
        node(base, "0.1.0", verdict=Verdict.REVOKED, reason="stolen \x1b[31m"),
    ]
    return LineageGraph(Pin(77, "0x" + "ab" * 32, NOW), {one.model_hash: one for one in nodes})


def evaluation_of(model: bytes) -> Evaluation:
    """An evaluation without measuring."""
    latency = {"p50": 0.5, "p95": 0.75, "p99": 1.0}
    return Evaluation(
        model, digest_of("images"), 3, 0.2, 360, 0.9875, (0.96, 0.97, 0.98, 0.99, 1.0), latency, 0.25, 4096
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's files."""
    found = tmp_path / "digits"
    (found / "sub").mkdir(parents=True)
    (found / "model.safetensors").write_bytes(b"weights")
    (found / "sub" / "config.json").write_text("{}")
    return found


@pytest.fixture
def facts(folder: Path) -> ModelFacts:
    """Everything there is."""
    manifest = build_manifest(folder)
    evaluation = evaluation_of(manifest.root)
    graph = family(manifest.root, evaluation.digest)
    return ModelFacts(graph, 31_337, REGISTRY, manifest=manifest, evaluation=evaluation, metadata=METADATA)


def bare(**changes: Any) -> ModelFacts:
    """A model of which there is nothing but its registration."""
    graph = LineageGraph(Pin(77, "0x" + "ab" * 32, NOW), {digest_of("m"): node(digest_of("m"), "1.0.0")})
    values: dict[str, Any] = {"graph": graph, "chain_id": 1, "registry": REGISTRY}
    return ModelFacts(**values | changes)


# -- what belongs together -------------------------------------------------------------------------------------------


def test_documents_of_another_model_are_refused(facts: ModelFacts, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weightz")
    with pytest.raises(InputError, match="the files are those of"):
        replace(facts, manifest=build_manifest(folder))
    with pytest.raises(InputError, match="the evaluation is of"):
        replace(facts, evaluation=evaluation_of(digest_of("other")))
    with pytest.raises(InputError, match="not what was registered"):
        replace(facts, metadata=METADATA + " ")
    with pytest.raises(InputError):
        replace(facts, registry="0x12")
    with pytest.raises(InputError, match="chain id 0"):
        replace(facts, chain_id=0)


def with_certificate(facts: ModelFacts, **changes: Any) -> ModelFacts:
    """With another certificate."""
    root = facts.graph.root
    assert root.state.certificate is not None
    state = replace(root.state, certificate=replace(root.state.certificate, **changes))
    return replace(
        facts, graph=replace(facts.graph, nodes=facts.graph.nodes | {root.model_hash: replace(root, state=state)})
    )


def test_an_evaluation_is_certified_when_a_standing_certificate_has_its_digest(facts: ModelFacts) -> None:
    assert facts.certified
    assert not replace(facts, evaluation=None).certified
    assert not bare(evaluation=evaluation_of(digest_of("m"))).certified
    assert not with_certificate(facts, evidence=digest_of("another")).certified
    assert not with_certificate(facts, expires_at=NOW).certified
    assert not with_certificate(facts, revoked_at=NOW - 1).certified


@pytest.mark.parametrize("metadata", ["", "plain text", "[1]", "[" * 2_000, '{"name": 7, "license": " "}'])
def test_metadata_may_be_any_text(metadata: str) -> None:
    model = digest_of("m")
    state = node(model, "1.0.0").state
    kept = replace(state.model, metadata_digest=keccak(metadata.encode()))
    graph = LineageGraph(Pin(77, "0x" + "ab" * 32, NOW), {model: Node(replace(state, model=kept))})
    found = bare(graph=graph, metadata=metadata)
    assert found.name == "0x" + model.hex()
    assert "licenses" not in json.loads(ml_bom(found))["metadata"]["component"]
    assert "novacron.license" not in mlflow_tags(found)


# -- MLflow ----------------------------------------------------------------------------------------------------------


def accepted(tags: dict[str, str]) -> None:
    """MLflow's own validation takes them: of a run, a registered model, a version, all in one batch."""
    validation = pytest.importorskip("mlflow.utils.validation")
    for key, value in tags.items():
        assert validation._validate_tag(key, value) is not None
        validation._validate_registered_model_tag(key, value)
        validation._validate_model_version_tag(key, value)
    assert len(tags) <= validation.MAX_PARAMS_TAGS_PER_BATCH
    assert all(value for value in tags.values())


def test_tags_say_what_the_chain_says_and_mlflow_takes_them(facts: ModelFacts) -> None:
    tags = mlflow_tags(facts)
    accepted(tags)
    assert all(key.startswith("novacron.") for key in tags)
    wanted = {
        "chain_id": "31337",
        "registry": REGISTRY,
        "block.number": "77",
        "block.time": "2027-01-15T08:00:00Z",
        "model": "0x" + facts.model_hash.hex(),
        "version": "1.2.0",
        "stage": "production",
        "verdict": "deployable",
        "published": f"{OWNER}/digits-mlp/1.2.0, {OWNER}/other/7.0.0",
        "parent": f"fine-tune 0x{digest_of('tuned').hex()}, distillation 0x{digest_of('teacher').hex()}",
        "dataset": f"0x{digest_of('data').hex()}, 0x{digest_of('more').hex()}",
        "ancestors": "3",
        "run.sealed_with_this_model": "true",
        "signature.scheme": "ML-DSA-87",
        "certificate.certifier": CERTIFIER,
        "certificate.expires": "2027-01-16T08:00:00Z",
        "evaluation.certified": "true",
        "evaluation.accuracy": "0.9875",
        "license": "Apache-2.0",
    }
    assert {name: tags[f"novacron.{name}"] for name in wanted} == wanted


def test_what_a_model_does_not_have_has_no_tag() -> None:
    tags = mlflow_tags(bare())
    accepted(tags)
    words = ("certificate", "evaluation", "run", "signature", "parent", "dataset", "published", "culprit", "revoked")
    assert [key for key in tags if key.split(".")[1] in words] == []


def test_a_revoked_model_says_so_and_why() -> None:
    revoked = node(digest_of("m"), "1.0.0", verdict=Verdict.REVOKED, reason="r" * 20_000)
    tags = mlflow_tags(bare(graph=LineageGraph(Pin(1, "0x" + "ab" * 32, NOW), {digest_of("m"): revoked})))
    accepted(tags)
    assert tags["novacron.verdict"] == "revoked"
    assert tags["novacron.revoked.reason"].endswith("r… 15020")


def test_a_tag_that_is_too_long_says_how_much_is_missing() -> None:
    names = tuple((NameReference(OWNER, f"name-{number}"), "1.0.0") for number in range(200))
    one = node(digest_of("m"), "1.0.0", names=names)
    tags = mlflow_tags(bare(graph=LineageGraph(Pin(1, "0x" + "ab" * 32, NOW), {digest_of("m"): one})))
    accepted(tags)
    shown = tags["novacron.published"].split(", ")
    assert len(tags["novacron.published"]) <= MAX_VALUE
    assert shown[-1] == f"… {200 - len(shown) + 1}"
    assert shown[:-1] == [f"{name}/{version}" for name, version in names[: len(shown) - 1]]


# -- CycloneDX -------------------------------------------------------------------------------------------------------


def properties(of: dict[str, Any]) -> dict[str, list[str]]:
    """Values by name, without the prefix."""
    found: dict[str, list[str]] = {}
    for one in of["properties"]:
        found.setdefault(one["name"].removeprefix("novacron:"), []).append(one["value"])
    return found


def valid(text: str) -> dict[str, Any]:
    """The document, after the schema took it."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found: dict[str, Any] = json.loads(text)
    assert (found["bomFormat"], found["specVersion"], found["version"]) == ("CycloneDX", "1.6", 1)
    return found


def test_the_ml_bom_is_valid_and_says_what_is_known(facts: ModelFacts, folder: Path) -> None:
    document = valid(ml_bom(facts))
    component = document["metadata"]["component"]
    assert (component["type"], component["name"], component["version"]) == (
        "machine-learning-model",
        "digits-mlp",
        "1.2.0",
    )
    assert component["hashes"] == [{"alg": "SHA-256", "content": facts.model_hash.hex()}]
    assert component["licenses"] == [{"license": {"acknowledgement": "declared", "id": "Apache-2.0"}}]
    assert component["description"] == "Ünïcode <b>"
    assert document["metadata"]["timestamp"] == "2027-01-15T08:00:00+00:00"
    files = {one["name"]: one["hashes"][0]["content"] for one in component["components"]}
    assert files == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("model.safetensors", "sub/config.json")
    }
    said = properties(component)
    assert (said["registry"], said["verdict"], said["evaluation.certified"]) == ([REGISTRY], ["deployable"], ["true"])
    assert len(said["parent"]) == len(said["published"]) == 2


def test_all_ancestors_are_in_the_pedigree_with_their_parents(facts: ModelFacts) -> None:
    ancestors = valid(ml_bom(facts))["metadata"]["component"]["pedigree"]["ancestors"]
    found = {one["name"]: properties(one) for one in ancestors}
    assert set(found) == {"0x" + digest_of(name).hex() for name in ("base", "tuned", "teacher")}
    assert found["0x" + digest_of("tuned").hex()]["parent"] == ["base 0x" + digest_of("base").hex()]
    base = found["0x" + digest_of("base").hex()]
    assert (base["verdict"], base["revoked.reason"]) == (["revoked"], ["stolen \x1b[31m"])


def test_the_model_card_has_data_and_measurements(facts: ModelFacts) -> None:
    card = valid(ml_bom(facts))["metadata"]["component"]["modelCard"]
    data = card["modelParameters"]["datasets"]
    assert [(one["type"], one["name"]) for one in data] == [
        ("dataset", "0x" + digest_of(name).hex()) for name in ("data", "more")
    ]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics[0] == {"type": "accuracy", "value": "0.9875", "slice": "test part 0.2 of the data, 360 examples"}
    assert {"type": "accuracy, mean of folds", "value": "0.98", "slice": "5 folds"} in metrics
    assert [one["value"] for one in metrics if one.get("slice", "").startswith("fold ")] == [
        "0.96",
        "0.97",
        "0.98",
        "0.99",
        "1.0",
    ]
    assert {"type": "peak of memory, bytes", "value": "4096"} in metrics
    assert facts.evaluation is not None
    assert properties(card)["evaluation.digest"] == ["0x" + facts.evaluation.digest.hex()]


def test_the_same_facts_give_the_same_bytes_and_others_another_serial_number(facts: ModelFacts) -> None:
    text = ml_bom(facts)
    assert ml_bom(facts) == text
    others = [
        replace(facts, evaluation=None),
        replace(facts, manifest=None),
        replace(facts, metadata=None),
        replace(facts, chain_id=1),
        replace(facts, graph=replace(facts.graph, pin=replace(facts.graph.pin, number=78))),
        with_certificate(facts, revoked_at=NOW - 1),
    ]
    serials = {json.loads(one)["serialNumber"] for one in (text, *map(ml_bom, others))}
    assert len(serials) == 7
    assert all(serial.startswith("urn:uuid:") for serial in serials)


def test_a_model_of_which_little_is_known_has_a_valid_ml_bom() -> None:
    component = valid(ml_bom(bare()))["metadata"]["component"]
    assert component["name"] == "0x" + digest_of("m").hex()
    assert {"pedigree", "licenses", "components"} & set(component) == set()
    assert component["modelCard"] == {"bom-ref": "model-card"}


@pytest.mark.parametrize(
    ("licence", "wanted"),
    [("MIT", {"license": {"id": "MIT", "acknowledgement": "declared"}}),
     ("MIT OR Apache-2.0", {"expression": "MIT OR Apache-2.0", "acknowledgement": "declared"}),
     ("Ours, ask us!", {"license": {"name": "Ours, ask us!", "acknowledgement": "declared"}})],
)  # fmt: skip
def test_a_licence_is_an_identifier_an_expression_or_a_name(licence: str, wanted: dict[str, Any]) -> None:
    metadata = json.dumps({"licence": licence})
    model = digest_of("m")
    state = node(model, "1.0.0").state
    kept = replace(state.model, metadata_digest=keccak(metadata.encode()))
    graph = LineageGraph(Pin(77, "0x" + "ab" * 32, NOW), {model: Node(replace(state, model=kept))})
    assert valid(ml_bom(bare(graph=graph, metadata=metadata)))["metadata"]["component"]["licenses"] == [wanted]


def test_a_model_of_one_file_has_it_by_name(tmp_path: Path) -> None:
    path = tmp_path / "digits.onnx"
    path.write_bytes(b"one file")
    manifest = build_manifest(path)
    graph = LineageGraph(Pin(1, "0x" + "ab" * 32, NOW), {manifest.root: node(manifest.root, "1.0.0")})
    (file,) = valid(ml_bom(bare(graph=graph, manifest=manifest)))["metadata"]["component"]["components"]
    assert (file["name"], file["type"]) == (manifest.name, "file")
    assert file["hashes"][0]["content"] == hashlib.sha256(b"one file").hexdigest()


# -- model-signing ---------------------------------------------------------------------------------------------------


def keys(tmp_path: Path, curve: ec.EllipticCurve, passphrase: bytes | None = None) -> tuple[Path, Path]:
    """A private and a public key in PEM."""
    key = ec.generate_private_key(curve)
    locked = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    private, public = tmp_path / "release.key", tmp_path / "release.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def verify(folder: Path, bundle: Path, public: Path, ignored: Sequence[Path] = ()) -> None:
    """As the tool `model_signing verify key` does."""
    pytest.importorskip("model_signing")
    from model_signing import hashing, verifying

    hashed: Any = hashing.Config  # which has no types
    config: Any = verifying.Config
    config = config().use_elliptic_key_verifier(public_key=public)
    config.set_hashing_config(hashed().set_ignored_paths(paths=[*ignored], ignore_git_paths=True))
    config.verify(folder, bundle)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: str(curve.name))
def test_model_signing_verifies_the_bundle(facts: ModelFacts, folder: Path, tmp_path: Path, curve: Any) -> None:
    private, public = keys(tmp_path, curve)
    bundle = tmp_path / "model.sig"
    bundle.write_text(model_signing_bundle(facts, load_signing_key(private)))
    verify(folder, bundle, public)
    (folder / "sub" / "config.json").write_text("{ }")
    with pytest.raises(ValueError, match=r"config\.json"):
        verify(folder, bundle, public)


def test_a_bundle_beside_the_files_is_left_out_of_them(facts: ModelFacts, folder: Path, tmp_path: Path) -> None:
    private, public = keys(tmp_path, ec.SECP256R1())
    signature = folder / "model.sig"
    manifest = build_manifest(folder, ignore_paths=["model.sig"])
    signature.write_text(model_signing_bundle(replace(facts, manifest=manifest), load_signing_key(private)))
    verify(folder, signature, public, [signature])
    assert build_manifest(folder, ignore_paths=["model.sig"]).root == facts.model_hash


def test_a_changed_bundle_or_another_key_does_not_verify(facts: ModelFacts, folder: Path, tmp_path: Path) -> None:
    private, public = keys(tmp_path, ec.SECP256R1())
    found = json.loads(model_signing_bundle(facts, load_signing_key(private)))
    bundle = tmp_path / "model.sig"
    payload = base64.b64decode(found["dsseEnvelope"]["payload"]).replace(b'"digits"', b'"digitz"')
    other = json.loads(json.dumps(found))
    other["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    bundle.write_text(json.dumps(other))
    with pytest.raises(InvalidSignature):
        verify(folder, bundle, public)
    bundle.write_text(json.dumps(found))
    with pytest.raises(ValueError, match="Key mismatch"):
        verify(folder, bundle, keys(tmp_path, ec.SECP256R1())[1])


def test_a_bundle_is_of_files_and_of_a_model_that_is_not_revoked(facts: ModelFacts) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(InputError, match="give their manifest"):
        model_signing_bundle(replace(facts, manifest=None), key)
    for verdict in (Verdict.REVOKED, Verdict.ANCESTOR_REVOKED):
        with pytest.raises(ModelRefusedError, match="is revoked"):
            model_signing_bundle(replace(facts, graph=family(facts.model_hash, verdict=verdict), evaluation=None), key)
    with pytest.raises(InputError, match="secp256k1"):
        model_signing_bundle(facts, ec.generate_private_key(ec.SECP256K1()))


def test_signing_keys_that_cannot_be_used_are_refused_without_a_word_of_them(tmp_path: Path) -> None:
    private, _ = keys(tmp_path, ec.SECP256R1(), b"right")
    assert load_signing_key(private, b"right").curve.name == "secp256r1"
    for passphrase in (None, b"wrong"):
        with pytest.raises(InputError, match=r"release\.key") as caught:
            load_signing_key(private, passphrase)
        assert "wrong" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        load_signing_key(tmp_path / "none.key")
    other = tmp_path / "other.key"
    other.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    with pytest.raises(InputError, match="no private key in PEM") as caught:
        load_signing_key(other)
    assert "c2VjcmV0" not in str(caught.value)
    for key, message in ((ed25519.Ed25519PrivateKey.generate(), "no key of an elliptic"),
                         (ec.generate_private_key(ec.SECP256K1()), "secp256k1")):  # fmt: skip
        other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(InputError, match=message):
            load_signing_key(other)
