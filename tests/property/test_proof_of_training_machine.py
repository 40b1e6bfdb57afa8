"""ProofOfTraining against a plain Python model of it: random histories of several accounts on anvil.

Every rule predicts its outcome from the model: the exact error, or the exact events and the new state. The model and
its RFC 9162 share no code with the SDK. Each example runs on a snapshot and leaves the chain as it found it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from novacron.chain.anvil import Anvil
from tests.contracts import rfc9162_reference as rfc
from tests.contracts.evm import Outcome, events, refusal, send
from tests.support.contracts import deploy

ZERO = "0x" + "00" * 20
LIMIT = 2_048
MAX_ENTRIES = 60
ACCOUNTS = 4

accounts = st.integers(0, ACCOUNTS - 1)
digests = st.sampled_from([bytes([i]) * 32 for i in range(8)])
metadata = st.one_of(st.just(b""), st.binary(max_size=70), st.sampled_from([b"x" * LIMIT, b"x" * (LIMIT + 1)]))
picks = st.integers(0, 1_000)


@dataclass
class Run:
    owner: str
    leaves: list[bytes] = field(default_factory=list)
    recorders: set[str] = field(default_factory=set)
    model: bytes = bytes(32)
    updated_at: int = 0


@dataclass
class Model:
    """What ProofOfTraining promises, as dictionaries."""

    owner: str
    pending: str = ZERO
    paused: bool = False
    anchors: dict[tuple[str, bytes], list[int]] = field(default_factory=dict)
    runs: dict[bytes, Run] = field(default_factory=dict)
    records: list[list[Any]] = field(default_factory=list)


class ProofOfTrainingMachine(RuleBasedStateMachine):
    node: Anvil
    w3: Web3
    proof: Contract

    # -----------------------------------------------------------------------------------------------------------------
    # Frame
    # -----------------------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.snapshot = self.node.rpc("evm_snapshot")
        self.people = [str(a) for a in self.w3.eth.accounts[:ACCOUNTS]]
        self.model = Model(owner=self.people[0])
        self.now, self.height = 0, 0

    def teardown(self) -> None:
        if hasattr(self, "snapshot"):
            assert self.node.rpc("evm_revert", self.snapshot) is True

    def act(
        self, name: str, sender: str, function: ContractFunction, error: Outcome | None, *expected: tuple[str, dict]
    ) -> bool:
        """Do it, and compare with the prediction: this error, or these events. True if it went through.

        The time and the number of the block are `now` and `height` afterwards; the string None in an expected event
        stands for the time.
        """
        outcome = refusal(function, sender)
        assert outcome == error, f"{name}: the contract answers {outcome}, the model {error}"
        if error is not None:
            return False
        receipt = send(self.w3, function, sender)
        self.now = self.w3.eth.get_block(receipt["blockNumber"])["timestamp"]
        self.height = receipt["blockNumber"]
        clock = {"timestamp": self.now, "blockNumber": self.height}
        told = [(event, {k: clock[k] if v is None else v for k, v in args.items()}) for event, args in expected]
        assert events(self.proof, receipt) == told
        REACHED.add(name)
        return True

    # -----------------------------------------------------------------------------------------------------------------
    # Anchors
    # -----------------------------------------------------------------------------------------------------------------

    def anchored(self, who: str, digest: bytes) -> Outcome | None:
        return ("Anchors_AlreadyAnchored", (who, digest)) if (who, digest) in self.model.anchors else None

    @rule(who=accounts, digest=digests)
    def anchor(self, who: int, digest: bytes) -> None:
        sender = self.people[who]
        function = self.proof.functions["anchor(bytes32)"](digest)
        told = ("Anchored", {"submitter": sender, "digest": digest})
        if self.act("anchor", sender, function, self.anchored(sender, digest), told):
            self.model.anchors[sender, digest] = [self.now, self.height, 1]

    @rule(who=accounts, digest=digests, data=metadata)
    def anchor_with_metadata(self, who: int, digest: bytes, data: bytes) -> None:
        sender = self.people[who]
        error = self.too_long("Anchors", data) or self.anchored(sender, digest)
        function = self.proof.functions["anchor(bytes32,bytes)"](digest, data)
        told = ("AnchoredWithMetadata", {"submitter": sender, "digest": digest, "metadata": data})
        if self.act("anchor with metadata", sender, function, error, told):
            self.model.anchors[sender, digest] = [self.now, self.height, 1]

    @rule(who=accounts, digest=digests, size=st.sampled_from([0, 1, 2, 1_000, 2**64 - 1]), data=metadata)
    def anchor_batch(self, who: int, digest: bytes, size: int, data: bytes) -> None:
        sender = self.people[who]
        error: Outcome | None = ("Anchors_EmptyBatch", ()) if size == 0 else None
        error = error or self.too_long("Anchors", data) or self.anchored(sender, digest)
        told = ("BatchAnchored", {"submitter": sender, "root": digest, "size": size, "metadata": data})
        if self.act("anchor batch", sender, self.proof.functions.anchorBatch(digest, size, data), error, told):
            self.model.anchors[sender, digest] = [self.now, self.height, size]

    @rule(who=accounts, many=st.lists(digests, max_size=4))
    def anchor_many(self, who: int, many: list[bytes]) -> None:
        sender = self.people[who]
        error: Outcome | None = None if many else ("Anchors_EmptyBatch", ())
        for place, digest in enumerate(many):
            if digest in many[:place]:
                error = error or ("Anchors_AlreadyAnchored", (sender, digest))
            error = error or self.anchored(sender, digest)
        told = [("Anchored", {"submitter": sender, "digest": digest}) for digest in many]
        if self.act("anchor many", sender, self.proof.functions.anchorMany(many), error, *told):
            for digest in many:
                self.model.anchors[sender, digest] = [self.now, self.height, 1]

    def too_long(self, area: str, data: bytes) -> Outcome | None:
        return (f"{area}_MetadataTooLong", (len(data), LIMIT)) if len(data) > LIMIT else None

    # -----------------------------------------------------------------------------------------------------------------
    # Runs
    # -----------------------------------------------------------------------------------------------------------------

    @rule(who=accounts, salt=st.integers(0, 1))
    def open_run(self, who: int, salt: int) -> None:
        sender, salted, manifest = self.people[who], bytes([salt]) * 32, b"\x4d" * 32
        run = Web3.keccak(bytes(12) + bytes.fromhex(sender[2:]) + salted + manifest)
        error = ("TrainingRuns_AlreadyOpen", (bytes(run),)) if bytes(run) in self.model.runs else None
        told = ("RunOpened", {"run": bytes(run), "owner": sender, "manifestDigest": manifest, "salt": salted})
        if self.act("open", sender, self.proof.functions.openRun(salted, manifest), error, told):
            self.model.runs[bytes(run)] = Run(sender, updated_at=self.now)

    def chosen(self, pick: int, who: int) -> tuple[bytes, Run, str]:
        """A run, and its owner as the caller more often than somebody else."""
        identifier = list(self.model.runs)[pick % len(self.model.runs)]
        run = self.model.runs[identifier]
        return identifier, run, run.owner if pick % 3 else self.people[who]

    @precondition(lambda self: self.model.runs)
    @rule(pick=picks, who=accounts, grow=st.integers(1, 12))
    def extend_run(self, pick: int, who: int, grow: int) -> None:
        self.extend(pick, who, grow, "none")

    @precondition(lambda self: any(run.leaves for run in self.model.runs.values()))
    @rule(
        pick=picks,
        who=accounts,
        grow=st.integers(-3, 12),
        damage=st.sampled_from(["fork", "flip", "drop", "add", "root"]),
    )
    def attack_run(self, pick: int, who: int, grow: int, damage: str) -> None:
        self.extend(pick, who, grow, damage)

    def extend(self, pick: int, who: int, grow: int, damage: str) -> None:
        identifier, run, sender = self.chosen(pick, who)
        old, new = len(run.leaves), max(0, len(run.leaves) + grow)
        # Anything follows the empty log: a made-up root there attacks nobody and would only hide the entries.
        if new > MAX_ENTRIES or (old == 0 and damage != "none"):
            return
        fresh = [rfc.leaf_hash(b"%s %d" % (identifier, i)) for i in range(old, new)]
        leaves = [*run.leaves, *fresh][:new]
        shown = list(leaves)
        if damage == "fork" and min(old, new):
            shown[pick % min(old, new)] = rfc.leaf_hash(b"rewritten")
        root = rfc.root(shown)
        path = rfc.consistency_proof(old, shown) if old <= new else []
        if damage == "flip" and path:
            path[pick % len(path)] = bytes([path[pick % len(path)][0] ^ 1]) + path[pick % len(path)][1:]
        elif damage == "drop":
            path = path[:-1]
        elif damage == "add":
            path = [*path, root]
        elif damage == "root":
            root = rfc.leaf_hash(root)

        error: Outcome | None = None
        if sender != run.owner and sender not in run.recorders:
            error = ("TrainingRuns_NotRecorder", (identifier, sender))
        elif run.model != bytes(32):
            error = ("TrainingRuns_Sealed", (identifier,))
        elif new <= old:
            error = ("TrainingRuns_NotGrowing", (identifier, old, new))
        elif not rfc.consistent(old, rfc.root(run.leaves), new, root, path):
            error = ("TrainingRuns_Inconsistent", (identifier, old, new))
        told = {"run": identifier, "recorder": sender, "oldSize": old, "newSize": new, "newRoot": root}
        function = self.proof.functions.extendRun(identifier, new, root, path)
        if self.act("extend", sender, function, error, ("RunExtended", told)):
            assert root == rfc.root(leaves), "an attack went through"
            run.leaves, run.updated_at = leaves, self.now

    @precondition(lambda self: self.model.runs)
    @rule(pick=picks, who=accounts, digest=st.sampled_from([b"\x77" * 32, bytes(32)]))
    def seal_run(self, pick: int, who: int, digest: bytes) -> None:
        identifier, run, sender = self.chosen(pick, who)
        error = self.not_mine(identifier, run, sender)
        if error is None and digest == bytes(32):
            error = ("TrainingRuns_EmptyModelDigest", (identifier,))
        elif error is None and not run.leaves:
            error = ("TrainingRuns_EmptyRun", (identifier,))
        told = {"run": identifier, "modelDigest": digest, "size": len(run.leaves), "root": rfc.root(run.leaves)}
        if self.act("seal", sender, self.proof.functions.sealRun(identifier, digest), error, ("RunSealed", told)):
            run.model, run.updated_at = digest, self.now

    @precondition(lambda self: self.model.runs)
    @rule(pick=picks, who=accounts, recorder=accounts, authorised=st.booleans())
    def set_recorder(self, pick: int, who: int, recorder: int, authorised: bool) -> None:
        identifier, run, sender = self.chosen(pick, who)
        other = self.people[recorder]
        told = {"run": identifier, "recorder": other, "authorised": authorised}
        function = self.proof.functions.setRecorder(identifier, other, authorised)
        error = self.not_mine(identifier, run, sender)
        if self.act("set recorder", sender, function, error, ("RecorderSet", told)):
            (run.recorders.add if authorised else run.recorders.discard)(other)

    def not_mine(self, identifier: bytes, run: Run, sender: str) -> Outcome | None:
        if sender != run.owner:
            return ("TrainingRuns_NotOwner", (identifier, sender))
        return ("TrainingRuns_Sealed", (identifier,)) if run.model != bytes(32) else None

    @rule(who=accounts, what=st.sampled_from(["extend", "seal", "recorder"]))
    def unknown_run(self, who: int, what: str) -> None:
        missing = b"\xee" * 32
        f = self.proof.functions
        functions = {
            "extend": f.extendRun(missing, 1, missing, []),
            "seal": f.sealRun(missing, missing),
            "recorder": f.setRecorder(missing, self.people[who], True),
        }
        self.act("unknown run", self.people[who], functions[what], ("TrainingRuns_UnknownRun", (missing,)))

    @precondition(lambda self: any(run.leaves for run in self.model.runs.values()))
    @rule(pick=picks, wrong=st.sampled_from(["none", "leaf", "index", "node", "length"]))
    def verify_entry(self, pick: int, wrong: str) -> None:
        runs = [(identifier, run) for identifier, run in self.model.runs.items() if run.leaves]
        identifier, run = runs[pick % len(runs)]
        index = pick % len(run.leaves)
        leaf, path = run.leaves[index], rfc.inclusion_proof(index, run.leaves)
        if wrong == "leaf":
            leaf = rfc.leaf_hash(leaf)
        elif wrong == "index":
            index += 1
        elif wrong == "node" and path:
            path[0] = rfc.leaf_hash(path[0])
        elif wrong == "length":
            path.append(leaf)
        expected = rfc.included(leaf, index, len(run.leaves), path, rfc.root(run.leaves))
        assert self.proof.functions.verifyEntry(identifier, leaf, index, path).call() is expected
        assert expected is (wrong == "none" or (wrong == "node" and not path))
        REACHED.add("verify entry")

    # -----------------------------------------------------------------------------------------------------------------
    # Records
    # -----------------------------------------------------------------------------------------------------------------

    @rule(
        who=accounts,
        digest=digests,
        spelling=st.sampled_from(["lower", "upper", "0x", "0xUPPER", "short", "long", "letter"]),
        text=st.one_of(st.text(max_size=40), st.sampled_from(["", "m" * 32, "m" * 33, "m" * LIMIT, "m" * (LIMIT + 1)])),
    )
    def store_hash(self, who: int, digest: bytes, spelling: str, text: str) -> None:
        digest = bytes(b ^ 0xA5 for b in digest)  # letters among the digits
        digits = digest.hex()
        written = {
            "lower": digits,
            "upper": digits.upper(),
            "0x": "0x" + digits,
            "0xUPPER": "0x" + digits.upper(),
            "short": digits[1:],
            "long": "0x" + digits + "0",
            "letter": digits[:17] + "g" + digits[18:],
        }[spelling]
        length = len(text.encode())
        error: Outcome | None = None
        if self.model.paused:
            error = ("Records_Paused", ())
        elif length > LIMIT:
            error = ("Records_MetadataTooLong", (length, LIMIT))
        elif spelling in ("short", "long"):
            error = ("Records_InvalidHashLength", (len(written),))
        elif spelling == "letter":
            error = ("Records_InvalidHashCharacter", (17,))
        number, sender = len(self.model.records) + 1, self.people[who]
        told = {"transactionId": number, "hashValue": bytes(Web3.keccak(text=digits)), "submitter": sender}
        told |= {"timestamp": None, "blockNumber": None}
        if self.act("store", sender, self.proof.functions.storeHash(written, text), error, ("HashStored", told)):
            self.model.records.append([digits, text, self.now, self.height, sender])
            assert self.proof.functions.verifyHash(written, number).call() is True
            assert self.proof.functions.verifyHash(digits, number + 1).call() is False

    def administrator(self, who: int) -> str:
        return self.model.owner if who % 2 else self.people[who]

    def not_owner(self, sender: str) -> Outcome | None:
        return None if sender == self.model.owner else ("Records_NotOwner", (sender,))

    @rule(who=accounts, again=st.sampled_from([False, False, True]))
    def pause(self, who: int, again: bool) -> None:
        sender, pause = self.administrator(who), self.model.paused == again
        error = self.not_owner(sender)
        if error is None and pause == self.model.paused:
            error = ("Records_Paused" if pause else "Records_NotPaused", ())
        f = self.proof.functions
        function = f.pauseContract() if pause else f.unpauseContract()
        told = ("ContractPaused" if pause else "ContractUnpaused", {"owner": sender, "timestamp": None})
        if self.act("pause" if pause else "unpause", sender, function, error, told):
            self.model.paused = pause

    @rule(who=accounts, to=st.integers(-1, ACCOUNTS - 1))
    def transfer_ownership(self, who: int, to: int) -> None:
        sender, target = self.administrator(who), ZERO if to < 0 else self.people[to]
        told = ("OwnershipTransferStarted", {"previousOwner": sender, "newOwner": target})
        function = self.proof.functions.transferOwnership(target)
        if self.act("transfer", sender, function, self.not_owner(sender), told):
            self.model.pending = target

    @rule(who=accounts, pending=st.booleans())
    def accept_ownership(self, who: int, pending: bool) -> None:
        sender = self.model.pending if pending and self.model.pending != ZERO else self.people[who]
        error = None if sender == self.model.pending else ("Records_NotPendingOwner", (sender,))
        told = ("OwnershipTransferred", {"previousOwner": self.model.owner, "newOwner": sender})
        if self.act("accept", sender, self.proof.functions.acceptOwnership(), error, told):
            self.model.owner, self.model.pending = sender, ZERO

    # -----------------------------------------------------------------------------------------------------------------
    # What holds after every step
    # -----------------------------------------------------------------------------------------------------------------

    @invariant()
    def administration_reads_as_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        f = self.proof.functions
        assert f.getTransactionCount().call() == len(self.model.records)
        assert (f.owner().call(), f.paused().call()) == (self.model.owner, self.model.paused)

    @rule()
    def everything_reads_as_the_model(self) -> None:
        f = self.proof.functions
        assert f.pendingOwner().call() == self.model.pending
        for (who, digest), anchor in self.model.anchors.items():
            assert f.anchorOf(who, digest).call() == anchor
        for identifier, run in self.model.runs.items():
            head = [run.owner, len(run.leaves), rfc.root(run.leaves), run.updated_at, run.model]
            assert f.headOf(identifier).call() == head
            for person in self.people:
                expected = person == run.owner or person in run.recorders
                assert f.isRecorder(identifier, person).call() is expected
        for number, record in enumerate(self.model.records, start=1):
            assert f.getHash(number).call() == record
        REACHED.add("look")


#: What went through at least once, so that no test here can pass by being refused everything.
REACHED: set[str] = set()


@pytest.fixture
def machine(node: Anvil, w3: Web3) -> type[ProofOfTrainingMachine]:
    """The state machine over a fresh contract."""
    REACHED.clear()
    proof = deploy(w3, "ProofOfTraining", w3.eth.accounts[0])
    return type("Machine", (ProofOfTrainingMachine,), {"node": node, "w3": w3, "proof": proof})


def test_every_rule_of_the_machine_can_succeed(machine: type[ProofOfTrainingMachine]) -> None:
    """One history by hand, through the same rules and predictions; what random histories reach is left to chance."""
    walk = machine()
    walk.begin()
    one, two, three, four = (bytes([i]) * 32 for i in range(4))
    walk.anchor(0, one)
    walk.anchor_with_metadata(0, two, b"m")
    walk.anchor_batch(0, three, 5, b"")
    walk.anchor_many(1, [one, four])
    walk.open_run(0, 0)
    walk.set_recorder(1, 0, 2, True)
    walk.extend_run(1, 0, 7)
    walk.extend_run(3, 2, 5)  # by the recorder: a pick divisible by three lets the caller be anybody
    for damage in ("fork", "flip", "drop", "add", "root"):
        walk.attack_run(1, 0, 4, damage)
    for wrong in ("none", "leaf", "index", "node", "length"):
        walk.verify_entry(5, wrong)
    walk.seal_run(1, 0, b"\x77" * 32)
    walk.extend_run(1, 0, 1)
    walk.store_hash(3, one, "0xUPPER", "metadata")
    walk.pause(1, False)
    walk.store_hash(3, one, "lower", "")
    walk.pause(1, False)
    walk.transfer_ownership(1, 2)
    walk.accept_ownership(0, True)
    walk.everything_reads_as_the_model()
    [run] = walk.model.runs.values()
    assert (len(run.leaves), run.model, walk.model.owner) == (12, b"\x77" * 32, walk.people[2])
    walk.teardown()
    assert (
        " ".join(sorted(REACHED))
        == "accept anchor anchor batch anchor many anchor with metadata extend look open pause "
        "seal set recorder store transfer unpause verify entry"
    )


@pytest.mark.parametrize("examples", [40, pytest.param(250, marks=pytest.mark.deep)])
def test_proof_of_training_behaves_as_the_model(machine: type[ProofOfTrainingMachine], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"anchor", "open", "extend", "store"} <= REACHED
