"""Forged proofs: somebody else's run, contracts of one's own, manifests and metadata nobody recorded."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from eth_typing import HexStr
from eth_utils.address import to_checksum_address

from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import InputError, ProofInvalidError, RejectedError
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.digest import canonical_json
from novacron.provenance.entries import Artifact, LogEntry
from novacron.provenance.intoto import to_statement
from novacron.provenance.keccak import keccak256
from novacron.provenance.known_code import PROOF_OF_TRAINING
from novacron.provenance.manifest import build_manifest
from novacron.provenance.proof import Proof
from novacron.provenance.proof_build import build_anchor_proof
from novacron.provenance.recorder import ProvenanceRecorder
from novacron.provenance.report import VerificationReport
from novacron.provenance.rfc9162 import EMPTY_ROOT, leaf_hash, root_of
from novacron.provenance.verify import Expectation, verify_proof
from tests.support.clients import Chain
from tests.support.contracts import artifact

if TYPE_CHECKING:
    from novacron.provenance.clients.web3_client import Web3BlockchainClient

Checkpoint = Callable[[int], Path]
Document = dict[str, Any]


def failed(report: VerificationReport) -> set[str]:
    return {check.name for check in report.failures}


def document_of(proof: Proof) -> Document:
    return json.loads(proof.to_bytes())  # type: ignore[no-any-return]


@pytest.fixture
def run(web3: Web3BlockchainClient, checkpoint: Checkpoint, tmp_path: Path) -> Iterator[ProvenanceRecorder]:
    with ProvenanceRecorder(tmp_path / "run", web3, model="digits", anchor_every=1) as recorder:
        recorder.record_training_checkpoint(checkpoint(1), epoch=1)
        recorder.record_training_checkpoint(checkpoint(2), epoch=2)
        yield recorder


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    path = tmp_path / "evil.bin"
    path.write_bytes(b"evil")
    return path


def forged(document: Document, evil: Path) -> Document:
    """The document with a log of one's own, of one entry about `evil`, in place of the run's."""
    changed = copy.deepcopy(document)
    manifest = build_manifest(evil)
    digest = sha256(canonical_json(changed["run_manifest"])).digest()
    entry = LogEntry("checkpoint", digest, 0, "2030-01-01T00:00:00.000000Z", epoch=9, checkpoint=Artifact.of(manifest))
    data = entry.to_bytes()
    leaf = leaf_hash(data).hex()
    encoded = base64.b64encode(data).decode()
    changed["entry"] = {"index": 0, "bytes": encoded, "leaf": leaf, "decoded": entry.to_dict()}
    changed["manifest"] = manifest.to_json()
    changed["log"] = {"size": 1, "root": leaf, "inclusion": []}
    changed["anchored"] = {"size": 1, "root": leaf, "consistency": [], "inclusion": []}
    return changed


def without_transaction(document: Document) -> Document:
    changed = copy.deepcopy(document)
    changed["chain"].update(transaction=None, block_number=None, block_hash=None)
    return changed


class Pool:
    """A pool whose answers to some methods are replaced."""

    def __init__(self, pool: EndpointPool, **answers: Callable[[Any], Any]) -> None:
        self._pool, self._answers = pool, answers

    def chain_id(self) -> int:
        return self._pool.chain_id()

    def request(self, method: str, params: Any) -> Any:
        return self._answers[method](params) if method in self._answers else self._pool.request(method, params)


# -- a log of one's own for somebody else's run ------------------------------------------------------------------------


def test_an_entry_forged_into_a_run_fails(run: ProvenanceRecorder, pool: EndpointPool, evil: Path) -> None:
    document = forged(document_of(run.generate_proof(-1)), evil)
    for attempt in (document, without_transaction(document)):
        report = verify_proof(attempt, pool=pool, artifact_path=evil)
        assert "transaction" in failed(report)
        assert not report.attested
        assert report.verdict == "invalid"


def test_an_entry_appended_to_an_anchored_head_is_not_attested(
    run: ProvenanceRecorder, pool: EndpointPool, evil: Path
) -> None:
    """The head is the chain's, the entry after it anybody's."""
    genuine = document_of(run.generate_proof(-1))
    document = forged(genuine, evil)
    index = genuine["log"]["size"]
    entry = {**document["entry"]["decoded"], "sequence": index}
    data = canonical_json(entry)
    leaves = [run._store.log.leaf_hash_at(place) for place in range(index)] + [leaf_hash(data)]
    document["entry"] = {
        "index": index,
        "bytes": base64.b64encode(data).decode(),
        "leaf": leaf_hash(data).hex(),
        "decoded": entry,
    }
    assert index == 3
    left = root_of(leaves[2:3])
    document["log"] = {"size": 4, "root": root_of(leaves).hex(), "inclusion": [left.hex(), root_of(leaves[:2]).hex()]}
    consistency = [left, leaves[3], root_of(leaves[:2])]
    document["anchored"] = {
        **genuine["anchored"],
        "consistency": [node.hex() for node in consistency],
        "inclusion": None,
    }
    report = verify_proof(document, pool=pool, artifact_path=evil)
    assert report.ok, report
    assert not report.complete
    assert not report.attested


def test_a_head_of_no_entries_is_refused(run: ProvenanceRecorder, evil: Path) -> None:
    document = forged(document_of(run.generate_proof(-1)), evil)
    document["anchored"] = {"size": 0, "root": EMPTY_ROOT.hex(), "consistency": [], "inclusion": None}
    assert failed(verify_proof(document)) == {"format"}


def test_a_chain_without_an_anchored_head_is_refused(run: ProvenanceRecorder) -> None:
    document = document_of(run.generate_proof(-1))
    document["anchored"] = None
    assert failed(verify_proof(document)) == {"anchored head"}


def test_a_genuine_old_head_is_found_without_its_transaction(
    run: ProvenanceRecorder, pool: EndpointPool, checkpoint: Checkpoint
) -> None:
    document = without_transaction(document_of(run.generate_proof(1)))
    run.record_training_checkpoint(checkpoint(3), epoch=3)
    report = verify_proof(document, pool=pool, artifact_path=checkpoint(1))
    assert report.complete, report
    assert report.attested

    def limited(_: Any) -> Any:
        raise RejectedError("query exceeds max block range")

    report = verify_proof(document, pool=Pool(pool, eth_getLogs=limited))
    assert failed(report) == {"transaction"}


def test_the_newest_head_needs_no_search_for_its_transaction(run: ProvenanceRecorder, pool: EndpointPool) -> None:
    def limited(_: Any) -> Any:
        raise RejectedError("query exceeds max block range")

    document = without_transaction(document_of(run.generate_proof(1)))
    report = verify_proof(document, pool=Pool(pool, eth_getLogs=limited))
    assert report.ok
    assert report.check("run on chain").status == "passed"
    assert report.check("transaction").status == "not_checked"
    assert report.check("trusted contract").status == "not_checked"


def test_a_forged_time_of_the_head_fails(run: ProvenanceRecorder, pool: EndpointPool) -> None:
    document = document_of(run.generate_proof(1))
    document["chain"]["updated_at"] -= 1_000_000
    assert failed(verify_proof(document, pool=pool)) == {"block"}


def test_an_entry_forged_into_an_embedded_run_fails(
    local: LocalBlockchainClient, checkpoint: Checkpoint, tmp_path: Path, evil: Path
) -> None:
    with ProvenanceRecorder(tmp_path / "run", local, model="digits", anchor_every=1) as run:
        run.record_training_checkpoint(checkpoint(1), epoch=1)
        old = document_of(run.generate_proof(1))
        run.record_training_checkpoint(checkpoint(2), epoch=2)
        attempt = without_transaction(forged(document_of(run.generate_proof(-1)), evil))
        report = verify_proof(attempt, client=local, artifact_path=evil)
        assert failed(report) == {"run on chain"}
        assert not report.attested
        report = verify_proof(old, client=local)
        assert report.attested
        assert "grown to 3" in report.check("run on chain").detail


# -- a contract of one's own -------------------------------------------------------------------------------------------


def push(value: bytes) -> bytes:
    return bytes([0x5F + len(value)]) + value


def store(value: bytes, offset: int) -> bytes:
    return push(value.rjust(32, b"\0")) + push(offset.to_bytes(2, "big")) + b"\x52"


def deploy(chain: Chain, code: bytes) -> tuple[str, Any]:
    from web3 import Web3

    w3 = Web3(Web3.HTTPProvider(chain.node.url))
    sent = w3.eth.send_transaction({"from": w3.eth.accounts[9], "data": HexStr("0x" + code.hex()), "gas": 10_000_000})
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1
    return str(receipt["contractAddress"]), receipt


def test_a_copy_of_the_contract_with_planted_state_is_not_trusted(
    run: ProvenanceRecorder, web3: Web3BlockchainClient, pool: EndpointPool, chain: Chain, evil: Path
) -> None:
    """The known code, deployed by a constructor that emits the event: the head is nobody's but the deployer's."""
    document = forged(document_of(run.generate_proof(-1)), evil)
    root, name = bytes.fromhex(document["log"]["root"]), bytes.fromhex(document["chain"]["run"])
    owner = bytes.fromhex(document["chain"]["owner"].removeprefix("0x"))
    runtime = bytes.fromhex(artifact("ProofOfTraining")["deployedBytecode"]["object"].removeprefix("0x"))
    topic = keccak256(b"RunExtended(bytes32,address,uint64,uint64,bytes32)")
    emit = store(b"", 0) + store(root, 32)
    for indexed in ((1).to_bytes(32, "big"), owner.rjust(32, b"\0"), name, topic):
        emit += push(indexed)
    emit += push(b"\x40") + push(b"\0") + b"\xa4"  # LOG4 of 64 bytes
    tail = len(emit) + 15
    size, start = push(len(runtime).to_bytes(2, "big")), push(tail.to_bytes(2, "big"))
    code = emit + size + start + push(b"\0") + b"\x39" + size + push(b"\0") + b"\xf3"
    code = code.ljust(tail, b"\0") + runtime
    planted, receipt = deploy(chain, code)
    state = encode_head(owner, root)
    document["chain"].update(
        contract=planted,
        transaction="0x" + bytes(receipt["transactionHash"]).hex(),
        block_number=receipt["blockNumber"],
        block_hash="0x" + bytes(receipt["blockHash"]).hex(),
        updated_at=None,
    )

    def call(params: Any) -> Any:  # stands for the storage that the constructor could have planted too
        return (
            state
            if params[0]["data"].startswith("0x" + keccak256(b"headOf(bytes32)")[:4].hex())
            else "0x" + "0" * 63 + "1"
        )

    lying = Pool(pool, eth_call=call)
    report = verify_proof(document, pool=lying, artifact_path=evil)
    assert report.check("transaction").status == "passed", report
    assert report.check("trusted contract").status == "not_checked"
    assert "which the proof itself names; its code is known" in report.check("trusted contract").detail
    assert not report.complete
    assert not report.attested
    assert "expected" in failed(verify_proof(document, client=web3))


def encode_head(owner: bytes, root: bytes) -> str:
    words = [owner.rjust(32, b"\0"), (1).to_bytes(32, "big"), root, (1).to_bytes(32, "big"), bytes(32)]
    return "0x" + b"".join(words).hex()


def test_unknown_code_is_relied_on_and_never_complete(
    run: ProvenanceRecorder, pool: EndpointPool, checkpoint: Checkpoint, chain: Chain
) -> None:
    proof = run.generate_proof(1)
    other = Pool(pool, eth_getCode=lambda _: "0x6001")
    report = verify_proof(proof, pool=other, artifact_path=checkpoint(1))
    assert report.ok
    assert [check.name for check in report.checks if check.status != "passed"] == ["trusted contract"]
    assert not report.attested
    trusted = Expectation(contract=chain.contract.lower())
    report = verify_proof(proof, pool=other, artifact_path=checkpoint(1), expect=trusted)
    assert report.complete
    assert report.attested


def test_the_shipped_code_hash_is_that_of_the_built_contract() -> None:
    code = bytes.fromhex(artifact("ProofOfTraining")["deployedBytecode"]["object"].removeprefix("0x"))
    assert keccak256(code) in PROOF_OF_TRAINING


@pytest.mark.parametrize(
    "expect",
    [
        Expectation(contract="0x" + "11" * 20),
        Expectation(chain_id=1),
        Expectation(owner="0x" + "22" * 20),
        Expectation(run=bytes(32)),
    ],
)
def test_another_run_than_expected_fails_also_offline(
    run: ProvenanceRecorder, pool: EndpointPool, expect: Expectation
) -> None:
    proof = run.generate_proof(1)
    assert failed(verify_proof(proof, expect=expect)) == {"expected"}
    assert failed(verify_proof(proof, pool=pool, expect=expect)) == {"expected"}


def test_what_is_expected_passes_and_the_subject_is_shown(
    run: ProvenanceRecorder, web3: Web3BlockchainClient, checkpoint: Checkpoint
) -> None:
    proof = run.generate_proof(1)
    assert proof.chain is not None
    expect = Expectation(owner=proof.chain.owner.lower(), run=proof.chain.run)
    report = verify_proof(proof, client=web3, expect=expect, artifact_path=checkpoint(1))
    assert report.complete
    assert report.verdict == "valid"
    assert report.subject["owner"] == to_checksum_address(proof.chain.owner)
    assert set(report.subject) == {"contract", "chain id", "owner", "run"}
    with pytest.raises(InputError, match="neither an address"):
        Expectation(contract="registry")


# -- manifests, metadata, seals ----------------------------------------------------------------------------------------


def test_a_manifest_that_the_entry_does_not_name_is_not_believed(tmp_path: Path, evil: Path) -> None:
    with ProvenanceRecorder(tmp_path / "run", model="digits") as recorder:
        recorder.record_training_checkpoint(sha256(b"good").digest())
        document = document_of(recorder.generate_proof())
    document["manifest"] = build_manifest(evil).to_json()
    assert failed(verify_proof(document, artifact_path=evil)) == {"checkpoint manifest", "artifact"}
    with pytest.raises(ProofInvalidError, match="checkpoint manifest"):
        to_statement(Proof.from_dict(document))


def test_a_swapped_manifest_decides_nothing_about_the_files(
    run: ProvenanceRecorder, evil: Path, checkpoint: Checkpoint
) -> None:
    document = document_of(run.generate_proof(1))
    document["manifest"] = build_manifest(evil).to_json()
    assert failed(verify_proof(document, artifact_path=evil)) == {"checkpoint manifest", "artifact"}
    assert failed(verify_proof(document, artifact_path=checkpoint(1))) == {"checkpoint manifest"}


def test_paths_that_the_manifest_ignores_are_named_and_not_vouched_for(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README").write_text("hi")
    (folder / "weights.bin").write_bytes(b"w")
    with ProvenanceRecorder(tmp_path / "run", model="digits") as recorder:
        recorder.record_training_checkpoint(build_manifest(folder, ignore_paths=["weights.bin"]))
        proof = recorder.generate_proof()
        check = verify_proof(proof, artifact_path=folder).check("artifact")
        assert check.status == "not_checked"
        assert "1 paths ignored by the manifest: weights.bin" in check.detail
        (folder / "README").write_text("ho")
        assert verify_proof(proof, artifact_path=folder).check("artifact").status == "failed"


def test_a_wrong_size_in_a_recorded_manifest_is_found(tmp_path: Path, evil: Path) -> None:
    from dataclasses import replace

    manifest = build_manifest(evil)
    wrong = replace(manifest, files=(replace(manifest.files[0], size=4_000_000),))
    with ProvenanceRecorder(tmp_path / "run", model="digits") as recorder:
        recorder.record_training_checkpoint(wrong)
        report = verify_proof(recorder.generate_proof(), artifact_path=evil)
    assert failed(report) == {"artifact"}
    assert "4000000 → 4 bytes" in report.check("artifact").detail


@pytest.mark.parametrize("transaction", [True, False])
def test_forged_metadata_fails(web3: Web3BlockchainClient, pool: EndpointPool, transaction: bool) -> None:
    import os

    record = web3.store_hash(os.urandom(32), {"license": "proprietary"})
    document = document_of(build_anchor_proof(record, web3))
    if not transaction:
        document["record"]["transactionHash"] = document["chain"]["transaction"] = None
        document["chain"]["block_hash"] = None
    report = verify_proof(document, pool=pool)
    assert report.attested, report
    assert [check.status for check in report.checks if check.name != "artifact"] == ["passed"] * 10
    assert verify_proof(document).check("metadata").status == "not_checked"
    document["record"]["metadata"] = {"license": "MIT"}
    assert failed(verify_proof(document, pool=pool)) == {"metadata"}
    document["record"]["metadata"] = {}
    assert failed(verify_proof(document, pool=pool)) == {"metadata"}


def test_without_the_event_metadata_is_not_believed(web3: Web3BlockchainClient, pool: EndpointPool) -> None:
    import os

    document = document_of(build_anchor_proof(web3.store_hash(os.urandom(32), {"a": 1}), web3))
    document["record"]["transactionHash"] = document["chain"]["transaction"] = None
    report = verify_proof(document, pool=Pool(pool, eth_getLogs=lambda _: []))
    assert failed(report) == {"transaction", "metadata"}


def test_a_seal_entry_is_compared_with_the_chains_seal(
    web3: Web3BlockchainClient, pool: EndpointPool, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    with ProvenanceRecorder(tmp_path / "run", web3, model="digits", anchor_every=1) as run:
        run.record_training_checkpoint(checkpoint(1), epoch=1)
        manifest = build_manifest(checkpoint(1))
        store, binding = run._store, run._anchor.binding
        assert binding is not None
        digest = store.manifest_digest
        seal = LogEntry("seal", digest, 2, "2030-01-01T00:00:00.000000Z", checkpoint=Artifact.of(manifest))
        store.store_manifest(manifest)
        store.log.append(seal.to_bytes())
        head = web3.run_head(binding.run)
        web3.extend_run(binding.run, 3, store.log.root(3), store.log.consistency_proof(head.size, 3))
        proof = run.generate_proof(2)
        assert verify_proof(proof, pool=pool).check("seal").status == "not_checked"
        web3.seal_run(binding.run, sha256(b"another model").digest())
        assert failed(verify_proof(proof, pool=pool)) == {"seal"}


def test_a_batch_of_another_size_fails_and_no_index_is_claimed(local: LocalBlockchainClient) -> None:
    record = local.batch_store_hashes([bytes([n]) * 32 for n in range(1, 6)])[2]
    document = document_of(build_anchor_proof(record))
    assert "record 2" not in verify_proof(document).check("batch inclusion").detail
    for size in (1, 2, 3, 17, 5000):
        document["record"]["batch"]["size"] = size
        assert "batch inclusion" in failed(verify_proof(document)), size


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [2**53, 2**63, -(2**63), 2**256, 10**400, "\ud800", float("nan"), float("inf"), {"a": "\udfff"}, {"\ud800": 1}],
)
@pytest.mark.parametrize("path", [("run_manifest", "config"), ("log", "size"), ("entry", "decoded")])
def test_values_without_canonical_form_fail_the_format(
    run: ProvenanceRecorder, value: Any, path: tuple[str, str]
) -> None:
    document = document_of(run.generate_proof(1))
    document[path[0]][path[1]] = value
    assert failed(verify_proof(document)) == {"format"}


@pytest.mark.parametrize(
    "created", ["yesterday", "2030-13-01T00:00:00Z", "2030-01-01T00:00:00", "2030-01-01T00:00:00Z\n"]
)
def test_created_is_a_time(run: ProvenanceRecorder, created: str) -> None:
    document = {**document_of(run.generate_proof(1)), "created": created}
    assert failed(verify_proof(document)) == {"format"}


@pytest.mark.parametrize("generator", ["x\x1b[2J", "a\nb", "x" * 101, "\u202ex", "\x9b2J"])
def test_the_generator_is_short_printable_text(run: ProvenanceRecorder, generator: str) -> None:
    document = {**document_of(run.generate_proof(1)), "generator": generator}
    assert failed(verify_proof(document)) == {"format"}


VALUES: tuple[Any, ...] = (
    None, 0, -1, 1, 2, 2**53 - 1, 2**63, 2**64, 2**256, 1e308, True, "", "x", "00" * 32, "0x" + "11" * 20, "11" * 20,
    [], {}, [[]], [None], {"a": 1}, "\ud800", "0x" + "FF" * 20, "local:abc", "web3", "local", "run", "anchor",
    ["00" * 32] * 300, "0x" + "AB" * 32, 10**400, "pending", 3.5, "\x1b[2J",
)  # fmt: skip


def places(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield (*prefix, key)
        yield from places(part, (*prefix, key))


def test_no_damage_raises_and_none_that_matters_is_complete(
    run: ProvenanceRecorder, web3: Web3BlockchainClient, pool: EndpointPool, evil: Path
) -> None:
    """Values from all over put anywhere, once or twice, offline and against the chain."""
    import os

    single = web3.store_hash(os.urandom(32), {"a": "b"})
    batch = web3.batch_store_hashes([(os.urandom(32), {"i": i}) for i in range(5)])
    documents = [document_of(run.generate_proof(index)) for index in (0, 2)]
    documents += [document_of(build_anchor_proof(record, web3)) for record in (single, batch[2])]
    rng = random.Random(20260601)
    for _ in range(1200):
        original = rng.choice(documents)
        document = copy.deepcopy(original)
        changed = []
        for _ in range(1 + (rng.random() < 0.3)):
            place = rng.choice(list(places(document)))
            target = document
            for key in place[:-1]:
                target = target[key]
            before, target[place[-1]] = target[place[-1]], copy.deepcopy(rng.choice(VALUES))
            if target[place[-1]] != before:
                changed.append(place)
        online = rng.random() < 0.25
        subject: Any = document
        if rng.random() < 0.5:
            subject = json.dumps(document).encode()
        report = verify_proof(subject, pool=pool if online else None, artifact_path=rng.choice([None, evil]))
        report.to_dict()
        unproven = {("created",), ("generator",), ("record", "batch", "index")}
        if online and report.attested and document != original:
            dropped = {("chain", "transaction"), ("chain", "block_number"), ("chain", "block_hash")}
            loose = {("chain", "updated_at"), ("chain", "model")}
            assert set(changed) <= unproven | dropped | loose, (changed, report)
