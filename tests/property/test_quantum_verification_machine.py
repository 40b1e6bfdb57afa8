"""QuantumVerification against a plain Python model of it: random histories of several accounts on anvil.

Every rule predicts its outcome from the model: the exact error, or the exact events and the new state. The verifiers
are doubles whose only valid signature is a hash, so that a signature costs nothing; a thief's is one by another key or
of another message. Each example runs on a snapshot and leaves the chain as it found it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from novacron.chain.anvil import Anvil
from tests.contracts.evm import Outcome, events, refusal, send
from tests.property.quantum_model import (
    DAY,
    LIFE,
    ML_DSA_87,
    NONE,
    SLH_DSA,
    ZERO,
    Event,
    Message,
    QuantumModel,
    Refused,
    Signed,
    digest,
    key_id,
)
from tests.support.contracts import deploy

ACCOUNTS = 3
ROOTS = [bytes([0xA0 + i]) * 32 for i in range(3)]
WORKING = [bytes([0xB0 + i]) * 32 for i in range(5)]
DATA = [bytes([i]) * 32 for i in range(1, 8)]
THIEF = b"\xee" * 32
WHY = b"lost".ljust(32, b"\0")

picks = st.integers(0, 1_000)
people = st.integers(0, ACCOUNTS - 1)
accounts = st.sampled_from([None, None, 0, 1])
#: What is wrong with a signature, mostly nothing.
faults = st.sampled_from([*[""] * 8, "thief", "message"])


class QuantumMachine(RuleBasedStateMachine):
    node: Anvil
    w3: Web3
    contract: Contract

    @initialize()
    def begin(self) -> None:
        self.snapshot = self.node.rpc("evm_snapshot")
        self.people = [str(account) for account in self.w3.eth.accounts[:ACCOUNTS]]
        now = int(self.w3.eth.get_block("latest")["timestamp"])
        self.model = QuantumModel(self.w3.eth.chain_id, self.contract.address, now)
        self.f = self.contract.functions
        self.enrol(0, 0, None, "")
        self.authorize(1, 1, 0, None, None, LIFE, None, 0, "")

    def teardown(self) -> None:
        if hasattr(self, "snapshot"):
            assert self.node.rpc("evm_revert", self.snapshot) is True

    # -----------------------------------------------------------------------------------------------------------------
    # Frame
    # -----------------------------------------------------------------------------------------------------------------

    def act(self, name: str, sender: str, function: ContractFunction, predict: Callable[[], list[Event]]) -> None:
        """Do it in this very second, and compare with the model: the error that it raises, or its events."""
        expected, refused = outcome_of(predict)
        if refused is not None:
            found = refusal(function, sender)
            assert found == refused, f"{name}: the contract answers {found}, the model {refused}"
            REACHED.add(refused[0].partition("_")[2])
            return
        self.node.rpc("evm_setNextBlockTimestamp", self.model.now)
        receipt = send(self.w3, function, sender)
        assert events(self.contract, receipt) == expected, name
        REACHED.add(name)

    def signature(self, signed: Signed) -> bytes:
        """As the double accepts it."""
        return keccak(signed.public_key + digest(self.model.chain, self.model.contract, signed.message))

    def sign(self, public_key: bytes, message: Message, fault: str) -> Signed:
        if fault == "message":
            kind, values = message
            name = next(name for name in ("publicKey", "reason", "dataHash", "root") if name in values)
            message = kind, values | {name: THIEF}
        return Signed(THIEF if fault == "thief" else public_key, message)

    def account(self, which: int | None) -> str:
        return ZERO if which is None else self.people[which]

    def sender(self, account: str, who: int) -> str:
        """The account that may, more often than somebody else."""
        return account if account != ZERO and who else self.people[who]

    def chosen(self, pick: int, root: bool) -> bytes:
        """A root or a working key; seldom one of the other kind, or none."""
        keys = list(self.model.keys)
        fitting = [key for key in keys if (self.model.keys[key].root == NONE) == root] or keys
        return THIEF if pick % 31 == 0 else keys[pick % len(keys)] if pick % 7 == 0 else fitting[pick % len(fitting)]

    # -----------------------------------------------------------------------------------------------------------------
    # Rules
    # -----------------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 60, DAY, 30 * DAY, LIFE - 1, LIFE]))
    def wait(self, seconds: int) -> None:
        self.model.now += seconds
        self.node.rpc("evm_setNextBlockTimestamp", self.model.now)
        self.node.rpc("evm_mine")

    @rule(who=people, which=st.integers(0, len(ROOTS) - 1), named=accounts, fault=faults)
    def enrol(self, who: int, which: int, named: int | None, fault: str) -> None:
        public_key, account = ROOTS[which], self.account(named)
        values = {"scheme": SLH_DSA, "publicKey": public_key, "account": account}
        signed = self.sign(public_key, ("RootEnrolment", values), fault)
        function = self.f.enrolRoot(SLH_DSA, public_key, account, self.signature(signed))
        predict = lambda: self.model.enrol(SLH_DSA, public_key, account, signed)  # noqa: E731
        self.act("enrol", self.people[who], function, predict)

    @rule(
        who=people, pick=picks, which=st.integers(0, len(WORKING) - 1), named=accounts,
        start=st.sampled_from([None, None, None, 0, 1, DAY, -1]),
        life=st.sampled_from([1, DAY, 30 * DAY, LIFE, LIFE, LIFE, LIFE + 1, 0]),
        old=st.one_of(st.none(), picks), skip=st.sampled_from([0, 0, 0, 0, 1]), fault=faults,
    )  # fmt: skip
    def authorize(
        self, who: int, pick: int, which: int, named: int | None, start: int | None,
        life: int, old: int | None, skip: int, fault: str,
    ) -> None:  # fmt: skip
        root = self.chosen(pick, True)
        r = self.model.keys.get(root)
        valid_from = 0 if start is None else self.model.now + start
        valid_until = (valid_from or self.model.now) + life
        replaces = NONE if old is None else self.chosen(old, False)
        terms = (root, ML_DSA_87, WORKING[which], self.account(named), valid_from, valid_until, replaces)
        message = self.model.authorization(*terms, nonce=(r.nonce if r else 0) + skip)
        signed = self.sign(r.public_key if r else THIEF, message, fault)
        sender = self.sender(r.account if r else ZERO, who)
        predict = lambda: self.model.authorize(sender, *terms, signed)  # noqa: E731
        self.act("rotate" if old else "authorize", sender, self.f.authorizeKey(*terms, self.signature(signed)), predict)

    @rule(
        who=people, pick=picks, root=st.sampled_from([*[False] * 3, True]), alone=st.sampled_from([False, False, True]),
        ago=st.sampled_from([*[0, 1, DAY, 40 * DAY] * 2, -1, None]), fault=faults,
    )  # fmt: skip
    def revoke(self, who: int, pick: int, root: bool, alone: bool, ago: int | None, fault: str) -> None:
        key = self.chosen(pick, root)
        k = self.model.keys.get(key)
        since = 0 if ago is None else self.model.now - ago
        signer = self.model.keys[key if k.root == NONE else k.root] if k else None
        message = ("KeyRevocation", {"key": key, "since": since, "reason": WHY})
        signed = None if alone else self.sign(signer.public_key if signer else THIEF, message, fault)
        owner = k if alone else signer
        sender = self.sender(owner.account if owner else ZERO, who)
        function = self.f.revokeKey(key, since, WHY, b"" if signed is None else self.signature(signed))
        name = "revoke alone" if alone else "revoke root" if k and k.root == NONE else "revoke"
        self.act(name, sender, function, lambda: self.model.revoke(sender, key, since, WHY, signed))

    @rule(who=people, pick=picks, what=st.sampled_from(DATA), fault=faults)
    def verify_data(self, who: int, pick: int, what: bytes, fault: str) -> None:
        self.verify(who, pick, what, 0, fault)

    @rule(who=people, pick=picks, what=st.sampled_from(DATA), size=st.sampled_from([1, 7, 2**56 - 1]), fault=faults)
    def verify_batch(self, who: int, pick: int, what: bytes, size: int, fault: str) -> None:
        self.verify(who, pick, what, size, fault)

    def verify(self, who: int, pick: int, what: bytes, size: int, fault: str) -> None:
        key = self.chosen(pick, False)
        k = self.model.keys.get(key)
        message: Message = ("Verification", {"dataHash": what, "key": key, "account": ZERO})
        signed = self.sign(k.public_key if k else THIEF, self.model.statement(what, size, key) if k else message, fault)
        proof = key + self.signature(signed)
        sender = self.sender(k.account if k else ZERO, who)
        function = self.f.verifyBatch(what, size, proof) if size else self.f.verifyData(what, proof)
        predict = lambda: self.model.verify(sender, what, size, key, signed, proof)  # noqa: E731
        self.act("batch" if size else "verify", sender, function, predict)

    @precondition(lambda self: self.model.records)
    @rule(who=people, pick=picks)
    def replay(self, who: int, pick: int) -> None:
        """A proof that was seen on the chain, for other data: no signature of it."""
        kind, key, what = list(self.model.records)[pick % len(self.model.records)]
        other = DATA[(DATA.index(what) + 1) % len(DATA)]
        size = self.model.records[kind, key, what].size
        signed = Signed(self.model.keys[key].public_key, self.model.statement(what, size, key))
        proof = key + self.signature(signed)
        sender = self.sender(self.model.keys[key].account, who)
        function = self.f.verifyBatch(other, size, proof) if size else self.f.verifyData(other, proof)
        self.act("replay", sender, function, lambda: self.model.verify(sender, other, size, key, signed, proof))

    @rule()
    def everything_reads_as_the_model(self) -> None:
        self.check()

    def check(self) -> None:
        f, model = self.f, self.model
        for key, k in model.keys.items():
            told = (k.root, k.scheme, k.public_key, k.account, k.since, k.until, k.revoked or 0)
            assert tuple(f.keyOf(key).call()) == told
            assert (f.nonceOf(key).call(), f.isValidKey(key).call()) == (k.nonce, model.valid(key))
        for (kind, key, what), record in model.records.items():
            if kind == "Batch":
                assert tuple(map(plain, f.batchOf(key, what).call())) == (model.shown(key, record), record.size)
            else:
                assert plain(f.verificationOf(key, what).call()) == model.shown(key, record)
                assert f.isVerified(key, what).call() is model.good(key, record)
        for what in DATA:
            expected = model.verifications(what)
            assert [plain(v) for v in f.verifications(what).call()] == expected
            assert [plain(v) for v in f.verifications(what, 1, 2).call()] == expected[1:3]
        REACHED.add("look")


def outcome_of(predict: Callable[[], list[Event]]) -> tuple[list[Event], Outcome | None]:
    """The events that the model returns, or the error that it raises."""
    try:
        return predict(), None
    except Refused as refused:
        return [], refused.outcome


def plain(value: Any) -> Any:
    """A struct as a tuple."""
    return tuple(value) if isinstance(value, (list, tuple)) else value


#: What was done and refused at least once, so that no test here can pass by being refused everything.
REACHED: set[str] = set()


@pytest.fixture
def machine(node: Anvil, w3: Web3) -> type[QuantumMachine]:
    """The state machine over a fresh contract."""
    REACHED.clear()
    double = deploy(w3, "VerifierDouble").address
    contract = deploy(w3, "QuantumVerification", [double] * 4)
    return type("Machine", (QuantumMachine,), {"node": node, "w3": w3, "contract": contract})


def test_a_life_of_keys_as_the_model_tells_it(machine: type[QuantumMachine]) -> None:
    """One history by hand, through the same rules and predictions; what random histories reach is left to chance."""
    walk = machine()
    walk.begin()
    for fault in ("thief", "message"):
        walk.authorize(1, 1, 1, None, None, LIFE, None, 0, fault)
    walk.verify(1, 1, DATA[0], 0, "")
    walk.verify(2, 1, DATA[0], 0, "")  # the second sender of one proof
    walk.verify(1, 1, DATA[1], 100, "")
    walk.wait(30 * DAY)
    first = key_id(key_id(NONE, SLH_DSA, ROOTS[0]), ML_DSA_87, WORKING[0])
    assert walk.model.valid(first)
    walk.authorize(1, 1, 1, 1, None, LIFE, 1, 0, "")  # rotates, to a key with an account
    assert not walk.model.valid(first)
    walk.verify(1, 1, DATA[2], 0, "")  # by the second key and its account
    walk.revoke(2, 2, False, False, 40 * DAY, "")  # the first key, as of before it signed
    walk.everything_reads_as_the_model()
    assert [walk.model.good(key, record) for (_, key, _), record in walk.model.records.items()] == [False, False, True]
    walk.revoke(1, 1, False, True, 0, "")  # the second, by its account
    walk.revoke(1, 1, True, False, 1, "")  # and the root
    walk.authorize(1, 1, 2, None, None, LIFE, None, 0, "")
    walk.enrol(0, 1, 1, "")
    walk.authorize(2, 1, 2, None, None, LIFE, 1, 0, "")  # replaces a key of another root
    walk.everything_reads_as_the_model()
    walk.teardown()
    done = {"enrol", "authorize", "rotate", "verify", "batch", "revoke", "revoke alone", "revoke root", "look"}
    refused = {"InvalidSignature", "AlreadyVerified", "KeyRevoked", "ForeignKey"}
    assert done | refused == REACHED


@pytest.mark.parametrize("examples", [12, pytest.param(150, marks=pytest.mark.deep)])
def test_quantum_verification_behaves_as_the_model(machine: type[QuantumMachine], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"authorize", "verify", "batch", "revoke", "look"} <= REACHED
