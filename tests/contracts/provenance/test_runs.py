"""Runs as a Python user meets them: results, exact errors, exact events, and a log rebuilt from events."""

from __future__ import annotations

import pytest
from web3 import Web3
from web3.contract import Contract

from tests.contracts import rfc9162_reference as rfc
from tests.contracts.evm import events, refusal, send

SALT = b"\x11" * 32
MANIFEST = b"\x22" * 32
MODEL = b"\x33" * 32
LEAVES = [rfc.leaf_hash(b"entry %d" % i) for i in range(40)]


def opened(w3: Web3, proof: Contract, owner: str, salt: bytes = SALT) -> bytes:
    send(w3, proof.functions.openRun(salt, MANIFEST), owner)
    return proof.functions.runId(owner, salt, MANIFEST).call()


def extension(proof: Contract, run: bytes, old: int, new: int):
    """The honest call that moves the head of LEAVES from `old` to `new` entries."""
    return proof.functions.extendRun(run, new, rfc.root(LEAVES[:new]), rfc.consistency_proof(old, LEAVES[:new]))


def test_open_run_has_the_id_that_its_contents_spell(w3: Web3, proof: Contract, alice: str) -> None:
    run = Web3.keccak(bytes(12) + bytes.fromhex(alice[2:]) + SALT + MANIFEST)
    assert proof.functions.openRun(SALT, MANIFEST).call({"from": alice}) == run
    receipt = send(w3, proof.functions.openRun(SALT, MANIFEST), alice)
    expected = {"run": run, "owner": alice, "manifestDigest": MANIFEST, "salt": SALT}
    assert events(proof, receipt) == [("RunOpened", expected)]
    now = w3.eth.get_block(receipt["blockNumber"])["timestamp"]
    assert proof.functions.headOf(run).call() == [alice, 0, rfc.EMPTY_ROOT, now, bytes(32)]
    assert refusal(proof.functions.openRun(SALT, MANIFEST), alice) == ("TrainingRuns_AlreadyOpen", (run,))


def test_extend_run_follows_the_log(w3: Web3, proof: Contract, alice: str) -> None:
    run = opened(w3, proof, alice)
    for old, new in ((0, 1), (1, 2), (2, 7), (7, 8), (8, 33), (33, 40)):
        receipt = send(w3, extension(proof, run, old, new), alice)
        root = rfc.root(LEAVES[:new])
        expected = {"run": run, "recorder": alice, "oldSize": old, "newSize": new, "newRoot": root}
        assert events(proof, receipt) == [("RunExtended", expected)]
        now = w3.eth.get_block(receipt["blockNumber"])["timestamp"]
        assert proof.functions.headOf(run).call() == [alice, new, root, now, bytes(32)]


def test_extend_run_refuses_to_shrink_or_stand(w3: Web3, proof: Contract, alice: str) -> None:
    run = opened(w3, proof, alice)
    send(w3, extension(proof, run, 0, 8), alice)
    for size in (0, 1, 7, 8):
        error = ("TrainingRuns_NotGrowing", (run, 8, size))
        assert refusal(proof.functions.extendRun(run, size, rfc.root(LEAVES[:size]), []), alice) == error


def test_extend_run_refuses_forks_and_damaged_proofs(w3: Web3, proof: Contract, alice: str) -> None:
    run = opened(w3, proof, alice)
    send(w3, extension(proof, run, 0, 7), alice)
    fork = [*LEAVES[:3], rfc.leaf_hash(b"rewritten"), *LEAVES[4:]]
    root, path = rfc.root(LEAVES[:12]), rfc.consistency_proof(7, LEAVES[:12])
    error = ("TrainingRuns_Inconsistent", (run, 7, 12))
    extend = proof.functions.extendRun
    assert refusal(extend(run, 12, rfc.root(fork[:12]), rfc.consistency_proof(7, fork[:12])), alice) == error
    assert refusal(extend(run, 12, rfc.root(fork[:12]), path), alice) == error
    assert refusal(extend(run, 12, root, []), alice) == error
    assert refusal(extend(run, 12, root, path[:-1]), alice) == error
    assert refusal(extend(run, 12, root, [*path, MODEL]), alice) == error
    assert refusal(extend(run, 12, root, path[::-1]), alice) == error
    assert refusal(extend(run, 20, root, path), alice) == ("TrainingRuns_Inconsistent", (run, 7, 20))
    assert refusal(extend(run, 12, root, path), alice) is None


def test_a_wrong_new_size_never_costs_an_old_entry(w3: Web3, proof: Contract, alice: str) -> None:
    """RFC 9162 proves the old entries, not the number of new ones: 13 may be said where the tree has 12 leaves, because
    the new subtree is one node of the proof either way. What was there before still verifies, at its place."""
    run = opened(w3, proof, alice)
    send(w3, extension(proof, run, 0, 7), alice)
    twelve = LEAVES[:12]
    send(w3, proof.functions.extendRun(run, 13, rfc.root(twelve), rfc.consistency_proof(7, twelve)), alice)
    for index in range(7):
        path = rfc.inclusion_proof(index, twelve)
        assert proof.functions.verifyEntry(run, LEAVES[index], index, path).call() is True
    # The lie is to the recorder's own harm: the last of the new entries has no proof, and the honest log of 14 entries
    # no longer extends the head.
    path = rfc.inclusion_proof(11, twelve)
    assert proof.functions.verifyEntry(run, LEAVES[11], 12, path).call() is False
    assert refusal(extension(proof, run, 13, 14), alice) == ("TrainingRuns_Inconsistent", (run, 13, 14))


def test_the_first_extension_takes_no_proof(w3: Web3, proof: Contract, alice: str) -> None:
    run = opened(w3, proof, alice)
    error = ("TrainingRuns_Inconsistent", (run, 0, 5))
    assert refusal(proof.functions.extendRun(run, 5, MODEL, [MODEL]), alice) == error


def test_a_log_has_at_most_48_bits_of_entries(w3: Web3, proof: Contract, alice: str) -> None:
    run = opened(w3, proof, alice)
    extend = proof.functions.extendRun
    assert refusal(extend(run, 2**48, MODEL, []), alice) == ("TrainingRuns_SizeOverflow", (2**48,))
    assert refusal(extend(run, 2**64 - 1, MODEL, []), alice) == ("TrainingRuns_SizeOverflow", (2**64 - 1,))
    assert refusal(extend(run, 2**48 - 1, MODEL, []), alice) is None


def test_only_the_owner_and_its_recorders_extend(w3: Web3, proof: Contract, alice: str, bob: str, owner: str) -> None:
    run = opened(w3, proof, alice)
    stranger = ("TrainingRuns_NotRecorder", (run, bob))
    assert refusal(extension(proof, run, 0, 4), bob) == stranger
    # The owner of the records has no power over runs either.
    assert refusal(extension(proof, run, 0, 4), owner) == ("TrainingRuns_NotRecorder", (run, owner))

    receipt = send(w3, proof.functions.setRecorder(run, bob, True), alice)
    assert events(proof, receipt) == [("RecorderSet", {"run": run, "recorder": bob, "authorised": True})]
    assert proof.functions.isRecorder(run, bob).call() is True
    receipt = send(w3, extension(proof, run, 0, 4), bob)
    assert events(proof, receipt)[0][1]["recorder"] == bob
    for function in (proof.functions.sealRun(run, MODEL), proof.functions.setRecorder(run, owner, True)):
        assert refusal(function, bob) == ("TrainingRuns_NotOwner", (run, bob))

    receipt = send(w3, proof.functions.setRecorder(run, bob, False), alice)
    assert events(proof, receipt) == [("RecorderSet", {"run": run, "recorder": bob, "authorised": False})]
    assert proof.functions.isRecorder(run, bob).call() is False
    assert refusal(extension(proof, run, 4, 5), bob) == stranger


def test_seal_run_is_final(w3: Web3, proof: Contract, alice: str) -> None:
    run = opened(w3, proof, alice)
    assert refusal(proof.functions.sealRun(run, MODEL), alice) == ("TrainingRuns_EmptyRun", (run,))
    send(w3, extension(proof, run, 0, 9), alice)
    assert refusal(proof.functions.sealRun(run, bytes(32)), alice) == ("TrainingRuns_EmptyModelDigest", (run,))
    receipt = send(w3, proof.functions.sealRun(run, MODEL), alice)
    root = rfc.root(LEAVES[:9])
    assert events(proof, receipt) == [("RunSealed", {"run": run, "modelDigest": MODEL, "size": 9, "root": root})]
    now = w3.eth.get_block(receipt["blockNumber"])["timestamp"]
    assert proof.functions.headOf(run).call() == [alice, 9, root, now, MODEL]
    sealed = ("TrainingRuns_Sealed", (run,))
    assert refusal(extension(proof, run, 9, 10), alice) == sealed
    assert refusal(proof.functions.sealRun(run, SALT), alice) == sealed
    assert refusal(proof.functions.setRecorder(run, alice, True), alice) == sealed
    assert refusal(proof.functions.openRun(SALT, MANIFEST), alice) == ("TrainingRuns_AlreadyOpen", (run,))


def test_unknown_runs(proof: Contract, alice: str) -> None:
    error = ("TrainingRuns_UnknownRun", (MODEL,))
    assert refusal(proof.functions.extendRun(MODEL, 1, MODEL, []), alice) == error
    assert refusal(proof.functions.sealRun(MODEL, MODEL), alice) == error
    assert refusal(proof.functions.setRecorder(MODEL, alice, True), alice) == error
    zero = "0x" + "00" * 20
    assert proof.functions.headOf(MODEL).call() == [zero, 0, bytes(32), 0, bytes(32)]
    assert proof.functions.isRecorder(MODEL, zero).call() is False
    assert proof.functions.verifyEntry(MODEL, bytes(32), 0, []).call() is False


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_verify_entry_against_the_head(w3: Web3, proof: Contract, alice: str, size: int) -> None:
    run = opened(w3, proof, alice)
    assert proof.functions.verifyEntry(run, bytes(32), 0, []).call() is False  # no entries yet
    send(w3, extension(proof, run, 0, size), alice)
    verify = proof.functions.verifyEntry
    for index in range(size):
        path = rfc.inclusion_proof(index, LEAVES[:size])
        assert verify(run, LEAVES[index], index, path).call() is True
        assert verify(run, MODEL, index, path).call() is False
        assert verify(run, LEAVES[index], (index + 1) % size if size > 1 else 1, path).call() is False
        assert verify(run, LEAVES[index], size, path).call() is False
        assert verify(run, LEAVES[index], 2**64 - 1, path).call() is False
        assert verify(run, LEAVES[index], index, [*path, MODEL]).call() is False
        if path:
            assert verify(run, LEAVES[index], index, path[:-1]).call() is False


def test_a_run_takes_three_slots_in_its_life(w3: Web3, proof: Contract, alice: str) -> None:
    run = proof.functions.runId(alice, SALT, MANIFEST).call()
    touched: set[str] = set()
    for function in (
        proof.functions.openRun(SALT, MANIFEST),
        extension(proof, run, 0, 5),
        extension(proof, run, 5, 20),
        proof.functions.sealRun(run, MODEL),
    ):
        receipt = send(w3, function, alice)
        tracer = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
        trace = w3.provider.make_request("debug_traceTransaction", [receipt["transactionHash"].to_0x_hex(), tracer])
        after = {address.lower(): account for address, account in trace["result"]["post"].items()}
        touched |= after[proof.address.lower()]["storage"].keys()
    assert len(touched) == 3


def test_a_log_is_rebuilt_from_events_alone(w3: Web3, proof: Contract, alice: str, bob: str) -> None:
    """Two runs interleaved; whoever has only the events knows every head, recorder and end."""
    start = w3.eth.block_number + 1
    first, second = opened(w3, proof, alice), opened(w3, proof, bob)
    send(w3, extension(proof, first, 0, 3), alice)
    send(w3, extension(proof, second, 0, 5), bob)
    send(w3, proof.functions.setRecorder(first, bob, True), alice)
    send(w3, extension(proof, first, 3, 10), bob)
    send(w3, extension(proof, second, 5, 6), bob)
    send(w3, proof.functions.sealRun(first, MODEL), alice)

    heads: dict[bytes, list] = {}
    recorders: dict[bytes, set[str]] = {}
    logs = w3.eth.get_logs({"address": proof.address, "fromBlock": start})
    history: dict[bytes, list[int]] = {}
    for name, arguments in events(proof, {"logs": logs}):
        run = arguments["run"]
        if name == "RunOpened":
            rebuilt = Web3.keccak(bytes(12) + bytes.fromhex(arguments["owner"][2:]) + arguments["salt"] + MANIFEST)
            assert run == rebuilt
            heads[run] = [arguments["owner"], 0, rfc.EMPTY_ROOT, bytes(32)]
            recorders[run] = {arguments["owner"]}
        elif name == "RunExtended":
            assert arguments["recorder"] in recorders[run]
            assert arguments["oldSize"] == heads[run][1]
            heads[run][1:3] = [arguments["newSize"], arguments["newRoot"]]
            history.setdefault(run, []).append(arguments["newSize"])
        elif name == "RecorderSet":
            (recorders[run].add if arguments["authorised"] else recorders[run].discard)(arguments["recorder"])
        elif name == "RunSealed":
            assert [arguments["size"], arguments["root"]] == heads[run][1:3]
            heads[run][3] = arguments["modelDigest"]
    assert history == {first: [3, 10], second: [5, 6]}
    for run in (first, second):
        owner, size, root, _, model = proof.functions.headOf(run).call()
        assert heads[run] == [owner, size, root, model]
