"""ModelRegistry against a plain Python model: random histories of four people and a certifier on anvil.

The model is dictionaries. Every rule predicts its outcome, the exact error or the exact events; after each step what
the contract says of the models and names it was about is compared, and at the end everything. Each example runs on a
snapshot and leaves the chain as it found it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import LogReceipt, Wei

from novacron.chain.anvil import Anvil
from tests.contracts.evm import Outcome, refusal, send
from tests.property.registry_model import (
    ARCHIVED,
    DAY,
    DEPLOYABLE,
    HOUR,
    LONGEST,
    NOBODY,
    PERIOD,
    ZERO,
    Alias,
    Certificate,
    Commitment,
    Model,
    Name,
    Registration,
    commitment_of,
    is_name,
    latest,
    name_id,
)
from tests.support.contracts import deploy

PEOPLE, MODELS = 4, 7
SALTS = [Web3.keccak(text=f"salt {i}") for i in range(2)]
KEYS = [bytes(Web3.keccak(text=f"key {i}")) for i in range(2)]
VERSIONS = ["1.0.0", "2.0.0", "1.0.0-rc.1", "1.22.333-alpha.4444+55555.666666", "01.0.0", "1.0"]
LENGTHS = [0, 1, 31, 32, 2_048, 2_049]
NAMES = ["resnet50", "bert", "ResNet"]
ALIASES = ["champion", "challenger", "latest"]
DIGESTS = [bytes(Web3.keccak(text=f"model {i}")) for i in range(MODELS)]
VECTOR, EVIDENCE = bytes(Web3.keccak(text="vector")), bytes(Web3.keccak(text="evidence"))

people = st.integers(0, PEOPLE - 1)
which = st.integers(0, MODELS - 1)
pauses = st.sampled_from([0, 0, 1, 12, PERIOD - 1, PERIOD])
owners = st.sampled_from([True, True, True, True, False])


@dataclass(frozen=True)
class World:
    """The contracts, and the state that every example starts from."""

    node: Anvil
    w3: Web3
    registry: Contract
    verifications: Contract
    certifier: str
    people: list[str]
    #: Runs by who sealed them, with which model.
    runs: dict[tuple[str, bytes], bytes]
    #: Events of the registry by their first topic.
    events: dict[bytes, Any]

    def decode(self, log: LogReceipt) -> tuple[str, dict[str, Any]]:
        """Name and arguments of an event."""
        decoded = self.events[bytes(log["topics"][0])]().process_log(log)
        return decoded["event"], dict(decoded["args"])


class RegistryMachine(RuleBasedStateMachine):
    world: World

    # ------------------------------------------------------------------------------------------------------------------
    # Frame
    # ------------------------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.snapshot = self.world.node.rpc("evm_snapshot")
        self.now = int(self.world.w3.eth.get_block("latest")["timestamp"])
        self.block = int(self.world.w3.eth.block_number)
        self.people, self.f = self.world.people, self.world.registry.functions
        self.model = Model(self.world.certifier, runs={run: made for made, run in self.world.runs.items()})
        #: What the last step was about.
        self.touched: bytes = DIGESTS[0]
        for model in (0, 1):
            self.verify(model, 0, True)
            self.commit(0, model, 0, False)
            self.register(0, model, 0, 0, 32, True, [0] if model else [], 1, "own" if model else "", 0, PERIOD)
            self.certify(model, 10 * DAY, True, 0)
        self.create_name(0, 0)
        self.publish(0, 0, True, True)
        self.set_alias(0, 0, 0, True, True, 0)

    def teardown(self) -> None:
        if not hasattr(self, "snapshot"):
            return
        try:
            for model in self.model.models:
                self.compare_model(model)
            self.compare_model(EVIDENCE)
            for name in self.model.names:
                self.compare_name(name)
        finally:
            assert self.world.node.rpc("evm_revert", self.snapshot) is True

    def later(self, seconds: int) -> None:
        """Mine an empty block so much later, if at all; calls are made as of then."""
        if seconds:
            self.now += seconds
            self.mine()

    def mine(self) -> None:
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        self.world.node.rpc("evm_mine")

    def act(
        self,
        name: str,
        sender: str,
        function: ContractFunction,
        error: Outcome | None,
        *told: tuple[str, dict[str, object]],
    ) -> bool:
        """Do it in this very second, and compare: this error, or exactly these events."""
        if error is not None:
            outcome = refusal(function, sender)
            assert outcome == error, f"{name}: the contract answers {outcome}, the model {error}"
            REACHED.add(error[0])
            return False
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        sent = function.transact({"from": sender, "gas": 3_000_000, "gasPrice": Wei(10**10)})
        receipt = self.world.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
        assert receipt["status"] == 1, f"{name}: the contract answers {refusal(function, sender)}"
        assert [self.world.decode(log) for log in receipt["logs"]] == list(told), name
        self.block = receipt["blockNumber"]
        REACHED.add(name)
        return True

    # ------------------------------------------------------------------------------------------------------------------
    # Registrations
    # ------------------------------------------------------------------------------------------------------------------

    @rule(who=people, model=which, salt=st.integers(0, 1), hasty=st.booleans())
    def commit(self, who: int, model: int, salt: int, hasty: bool) -> None:
        owner, digest = self.people[who], DIGESTS[model]
        commitment = commitment_of(owner, digest, SALTS[salt])
        error = None
        if commitment in self.model.commitments:
            error = ("ModelRegistry_AlreadyCommitted", (commitment,))
        # Anybody may send it.
        sender = self.people[who - 1]
        told = ("Committed", {"commitment": commitment})
        if not self.act("commit", sender, self.f.commit(commitment), error, told):
            return
        self.model.commitments[commitment] = Commitment(self.block, self.now)
        if hasty:  # a call sees the block of the commitment
            early = self.f.register(digest, VECTOR, "1.0.0", "", False, ([], [], ZERO, ZERO), SALTS[salt])
            assert refusal(early, owner) == ("ModelRegistry_NotCommitted", (commitment, self.block))
            REACHED.add("same block")
        self.mine()

    @rule(who=people, model=which, version=st.integers(0, 5), length=st.sampled_from(LENGTHS), pause=pauses)
    def register_model(self, who: int, model: int, version: int, length: int, pause: int) -> None:
        self.later(pause)
        made = self.made(who, None, version, length, False)
        digest = self.digest(model, length)
        function = self.f.registerModel(digest, made.vector, made.version, made.metadata)
        self.registered("registerModel", digest, made, ZERO, function)

    @rule(
        who=people,
        model=which,
        salt=st.sampled_from([None, 0, 0, 0, 1]),
        version=st.sampled_from([0, 0, 1, 1, 2, 3, 4]),
        length=st.sampled_from([0, 32, 32, 100, 2_049]),
        kept=st.booleans(),
        parents=st.lists(which, max_size=3),
        datasets=st.sampled_from([0, 0, 1, 16, 17]),
        run=st.sampled_from(["", "", "", "own", "other"]),
        key=st.sampled_from([None, None, 0, 1]),
        pause=pauses,
    )
    def register(
        self,
        who: int,
        model: int,
        salt: int | None,
        version: int,
        length: int,
        kept: bool,
        parents: list[int],
        datasets: int,
        run: str,
        key: int | None,
        pause: int,
    ) -> None:
        self.later(pause)
        digest, proof = DIGESTS[model], ZERO if salt is None else bytes(SALTS[salt])
        commitment = commitment_of(self.people[who], digest, proof)
        made = self.made(who, self.model.commitments.get(commitment), version, length, kept)
        made.parents = [(DIGESTS[parent], i) for i, parent in enumerate(parents)]
        made.datasets = [bytes(Web3.keccak(text=f"data {i}")) for i in range(datasets)]
        if run:
            made.run = self.world.runs.get((made.owner, digest if run == "own" else DIGESTS[0]), EVIDENCE)
        if key is not None:
            made.key = KEYS[key]
        function = self.f.register(digest, made.vector, made.version, made.metadata, kept, made.lineage, proof)
        if self.registered("register", digest, made, proof, function) and made.commitment:
            del self.model.commitments[commitment]
            REACHED.add("final at once" if made.final_at == made.at else "provisional with commitment")

    def made(self, who: int, made: Commitment | None, version: int, length: int, kept: bool) -> Registration:
        metadata = ("metadata " * 300)[:length]
        return Registration(
            self.people[who], self.now, 0, made, VECTOR if length else ZERO, VERSIONS[version], metadata, kept
        )

    def registered(self, name: str, digest: bytes, made: Registration, salt: bytes, function: ContractFunction) -> bool:
        self.touched = digest
        error = self.model.no_register(digest, made, salt, self.now)
        before = self.model.models.get(digest)
        text = {"modelHash": digest, "owner": made.owner, "version": made.version}
        described = {"modelHash": digest, "vectorHash": made.vector, "metadata": made.metadata}
        told: list[tuple[str, dict[str, object]]] = [
            ("ModelRegistered", dict(text)),
            ("ModelDescribed", dict(described)),
        ]
        if before:
            told.insert(0, ("ModelDisplaced", {"modelHash": digest, "previousOwner": before.owner}))
        if made.parents or made.datasets or made.run != ZERO or made.key != ZERO:
            parents = [{"modelHash": parent, "relation": relation} for parent, relation in made.parents]
            lineage = {
                "parents": parents, "datasets": made.datasets, "run": made.run, "verificationKey": made.key,
            }  # fmt: skip
            told.append(("LineageRecorded", {"modelHash": digest, "lineage": lineage}))
        if not self.act(name, made.owner, function, error, *told):
            return False
        if before:
            REACHED.add("displacement of a commitment" if before.commitment else "displacement")
        made.block = self.block
        self.model.models[digest] = made
        return True

    def digest(self, model: int, length: int) -> bytes:
        """Sometimes of nothing."""
        return ZERO if length == 31 else DIGESTS[model]

    # ------------------------------------------------------------------------------------------------------------------
    # Owners
    # ------------------------------------------------------------------------------------------------------------------

    @rule(who=people, model=which, own=owners, to=st.one_of(people, st.none()))
    def transfer_model(self, who: int, model: int, own: bool, to: int | None) -> None:
        digest = self.touch(model)
        caller, heir = self.owner(who, digest, own), NOBODY if to is None else self.people[to]
        error = self.model.not_own(digest, caller, self.now)
        told = ("ModelTransferStarted", {"modelHash": digest, "previousOwner": caller, "newOwner": heir})
        if self.act("transferModel", caller, self.f.transferModel(digest, heir), error, told):
            self.model.models[digest].pending = heir

    @rule(who=people, model=which, own=owners)
    def accept_model(self, who: int, model: int, own: bool) -> None:
        digest, caller = self.touch(model), self.people[who]
        made = self.model.models.get(digest)
        if own and made and made.pending != NOBODY:
            caller = made.pending
        error = None
        if made is None or made.pending != caller:
            error = ("ModelRegistry_NotPendingOwner", (digest, caller))
        previous = made.owner if made else NOBODY
        told = ("ModelTransferred", {"modelHash": digest, "previousOwner": previous, "newOwner": caller})
        if self.act("acceptModel", caller, self.f.acceptModel(digest), error, told) and made:
            made.owner, made.pending = caller, NOBODY

    @rule(who=people, model=which, own=owners, stage=st.integers(0, 3), pause=pauses)
    def set_stage(self, who: int, model: int, own: bool, stage: int, pause: int) -> None:
        self.later(pause)
        digest = self.touch(model)
        caller, made = self.owner(who, digest, own), self.model.models.get(digest)
        error = self.model.not_own(digest, caller, self.now)
        if not error and stage != ARCHIVED:
            error = self.model.revoked(digest)
        if not error and made and made.stage == stage:
            error = ("ModelRegistry_SameStage", (digest, stage))
        told = ("StageChanged", {"modelHash": digest, "from": made.stage if made else 0, "to": stage})
        if self.act("setStage", caller, self.f.setStage(digest, stage), error, told) and made:
            made.stages.append((self.now, stage))

    @rule(who=people, model=which, own=st.sampled_from([True, False, None]), length=st.sampled_from([0, 1, 256, 257]))
    def revoke_model(self, who: int, model: int, own: bool | None, length: int) -> None:
        digest, reason = self.touch(model), "x" * length
        caller = self.world.certifier if own is None else self.owner(who, digest, own)
        error = self.model.not_final(digest, self.now)
        if not error and own is not None:
            error = self.model.not_own(digest, caller, self.now)
        error = error or self.model.revoked(digest) or self.no_reason(length)
        told = ("ModelRevoked", {"modelHash": digest, "by": caller, "reason": reason})
        if self.act("revokeModel", caller, self.f.revokeModel(digest, reason), error, told):
            self.model.models[digest].revoked_at = self.now

    def touch(self, model: int) -> bytes:
        """Its digest; the step is about it."""
        self.touched = DIGESTS[model]
        return self.touched

    def owner(self, who: int, digest: bytes, own: bool) -> str:
        """The model's, if it has one and that is wished."""
        made = self.model.models.get(digest)
        return made.owner if made and own else self.people[who]

    @staticmethod
    def no_reason(length: int) -> Outcome | None:
        return None if 1 <= length <= 256 else ("ModelRegistry_InvalidReason", (length, 256))

    # ------------------------------------------------------------------------------------------------------------------
    # Certificates
    # ------------------------------------------------------------------------------------------------------------------

    @rule(
        model=which,
        life=st.sampled_from([0, 1, HOUR, DAY, LONGEST, LONGEST + 1]),
        entitled=owners,
        pause=pauses,
    )
    def certify(self, model: int, life: int, entitled: bool, pause: int) -> None:
        self.later(pause)
        digest, until = self.touch(model), self.now + life
        caller = self.world.certifier if entitled else self.people[0]
        error = None if entitled else ("AccessManagedUnauthorized", (caller,))
        error = error or self.model.not_final(digest, self.now) or self.model.revoked(digest)
        if not error and not 1 <= life <= LONGEST:
            error = ("ModelRegistry_InvalidExpiry", (until, LONGEST))
        told = {"modelHash": digest, "certifier": caller, "expiresAt": until, "evidence": EVIDENCE}
        function = self.f.certify(digest, until, EVIDENCE)
        if self.act("certify", caller, function, error, ("ModelCertified", told)):
            self.model.models[digest].certificate = Certificate(caller, self.now, until, EVIDENCE)

    @rule(model=which, entitled=owners, length=st.sampled_from([0, 1, 256, 257]))
    def revoke_certificate(self, model: int, entitled: bool, length: int) -> None:
        digest, reason = self.touch(model), "y" * length
        caller = self.world.certifier if entitled else self.people[0]
        made = self.model.models.get(digest)
        there = made.certificate if made else None
        error: Outcome | None = None if entitled else ("AccessManagedUnauthorized", (caller,))
        if not error and (there is None or there.revoked_at):
            error = ("ModelRegistry_NoCertificate", (digest,))
        error = error or self.no_reason(length)
        told = ("CertificateRevoked", {"modelHash": digest, "by": caller, "reason": reason})
        if self.act("revokeCertificate", caller, self.f.revokeCertificate(digest, reason), error, told) and there:
            there.revoked_at = self.now

    @rule(model=which, key=st.integers(0, 1), good=st.sampled_from([True, True, False]))
    def verify(self, model: int, key: int, good: bool) -> None:
        """QuantumVerification learns of a signature, or of the revocation of its key."""
        what = (KEYS[key], DIGESTS[model])
        self.world.node.rpc("evm_setNextBlockTimestamp", self.now)
        send(self.world.w3, self.world.verifications.functions.set(*what, good), self.world.certifier)
        self.model.verified = self.model.verified | {what} if good else self.model.verified - {what}

    # ------------------------------------------------------------------------------------------------------------------
    # Names
    # ------------------------------------------------------------------------------------------------------------------

    @rule(who=people, name=st.integers(0, 2))
    def create_name(self, who: int, name: int) -> None:
        creator, text = self.people[who], NAMES[name]
        created = name_id(creator, text)
        error: Outcome | None = None
        if not is_name(text):
            error = ("ModelRegistry_InvalidName", (text,))
        elif created in self.model.names:
            error = ("ModelRegistry_NameExists", (created,))
        told = ("NameCreated", {"nameId": created, "creator": creator, "name": text})
        if self.act("createName", creator, self.f.createName(text), error, told):
            self.model.names[created] = Name(creator, text)

    @rule(who=people, name=st.integers(0, 8), own=owners, to=st.one_of(people, st.none()))
    def transfer_name(self, who: int, name: int, own: bool, to: int | None) -> None:
        named, caller = self.name(name, who, own)
        heir = NOBODY if to is None else self.people[to]
        error = self.model.not_named(named, caller)
        told = ("NameTransferStarted", {"nameId": named, "previousOwner": caller, "newOwner": heir})
        if self.act("transferName", caller, self.f.transferName(named, heir), error, told):
            self.model.names[named].pending = heir

    @rule(who=people, name=st.integers(0, 8), own=owners)
    def accept_name(self, who: int, name: int, own: bool) -> None:
        named, _ = self.name(name, who, own)
        found, caller = self.model.names.get(named), self.people[who]
        if own and found and found.pending != NOBODY:
            caller = found.pending
        error = None
        if found is None or found.pending != caller:
            error = ("ModelRegistry_NotPendingNameOwner", (named, caller))
        previous = found.owner if found else NOBODY
        told = ("NameTransferred", {"nameId": named, "previousOwner": previous, "newOwner": caller})
        if self.act("acceptName", caller, self.f.acceptName(named), error, told) and found:
            found.owner, found.pending = caller, NOBODY

    @rule(name=st.integers(0, 8), model=which, own=owners, both=st.booleans())
    def publish(self, name: int, model: int, own: bool, both: bool) -> None:
        digest = self.touch(model)
        named, caller = self.name(name, 0, own)
        made, found = self.model.models.get(digest), self.model.names.get(named)
        if both and made:
            caller = made.owner
        error = self.model.not_changing(named, caller) or self.model.not_own(digest, caller, self.now)
        error = error or self.model.revoked(digest)
        if not error and made and found and made.version in found.versions:
            error = ("ModelRegistry_VersionTaken", (named, made.version, found.versions[made.version]))
        told = ("VersionPublished", {"nameId": named, "modelHash": digest, "version": made.version if made else ""})
        if self.act("publish", caller, self.f.publish(named, digest), error, told) and made and found:
            found.versions[made.version] = digest

    @rule(
        name=st.integers(0, 8),
        alias=st.sampled_from([0, 0, 0, 0, 1, 1, 2]),
        to=st.one_of(which, st.none()),
        own=owners,
        knows=owners,
        pause=pauses,
    )
    def set_alias(self, name: int, alias: int, to: int | None, own: bool, knows: bool, pause: int) -> None:
        self.later(pause)
        (named, caller), text = self.name(name, 1, own), ALIASES[alias]
        found = self.model.names.get(named)
        moved = found.aliases.get(text, Alias()) if found else Alias()
        current, target = moved.now, ZERO if to is None else DIGESTS[to]
        thought = current if knows else EVIDENCE
        error = self.model.no_alias(named, caller, text)
        if not error and thought != current:
            error = ("ModelRegistry_AliasMoved", (named, text, current))
        if not error and found and target != ZERO and target not in found.versions.values():
            error = ("ModelRegistry_NotPublished", (named, target))
        if not error and target != ZERO:
            error = self.model.revoked(target)
        told = ("AliasMoved", {"nameId": named, "name": text, "from": current, "to": target})
        function = self.f.setAlias(named, text, thought, target)
        if self.act("setAlias", caller, function, error, told) and found:
            moved.moves.append((self.now, target))
            found.aliases[text] = moved

    @rule(name=st.integers(0, 8), alias=st.integers(0, 2), own=owners, sure=st.sampled_from([True, False, False]))
    def freeze_alias(self, name: int, alias: int, own: bool, sure: bool) -> None:
        (named, caller), text = self.name(name, 1, own), ALIASES[alias]
        error = self.model.no_alias(named, caller, text)
        if not error and not sure:
            return
        told = ("AliasFrozen", {"nameId": named, "name": text})
        if self.act("freezeAlias", caller, self.f.freezeAlias(named, text), error, told):
            self.model.names[named].aliases.setdefault(text, Alias()).frozen = True

    @rule(name=st.integers(0, 8), own=owners, sure=st.sampled_from([True, False, False, False]))
    def freeze_name(self, name: int, own: bool, sure: bool) -> None:
        named, caller = self.name(name, 1, own)
        error = self.model.not_changing(named, caller)
        if not error and not sure:
            return
        told = ("NameFrozen", {"nameId": named})
        if self.act("freezeName", caller, self.f.freezeName(named), error, told):
            self.model.names[named].frozen = True

    def name(self, pick: int, who: int, own: bool) -> tuple[bytes, str]:
        """One of the names, mostly, and who is to ask: its owner, if there is one and that is wished."""
        names = list(self.model.names)
        if pick == 8 or not names:
            return EVIDENCE, self.people[who]
        named = names[pick % len(names)]
        return named, self.model.names[named].owner if own else self.people[who]

    # ------------------------------------------------------------------------------------------------------------------
    # The past
    # ------------------------------------------------------------------------------------------------------------------

    @rule(model=which, back=st.sampled_from([0, 1, 2, 13, PERIOD, 2 * PERIOD]), pick=st.integers(0, 9))
    def look_back(self, model: int, back: int, pick: int) -> None:
        """At some second, or at the edge of some change; nothing is known of this one."""
        digest, time = DIGESTS[model], self.now - back
        made, stages = self.model.models.get(digest), []
        if made:
            stages = made.stages
            if pick < len(stages):
                time = min(stages[pick][0] - back % 2, time)
        future = ("ModelRegistry_FutureLookup", (time, self.now))
        error = ("ModelRegistry_UnknownModel", (digest,)) if made is None else future if time >= self.now else None
        if error:
            assert refusal(self.f.stageAt(digest, time), self.people[0]) == error
            REACHED.add(error[0])
        else:
            assert self.f.stageAt(digest, time).call() == latest(stages, time, 0)
            REACHED.add("look back")
        for named, name in self.model.names.items():
            for text, moved in name.aliases.items():
                moments = [time, *(at - edge for at, _ in moved.moves for edge in (0, 1))]
                for moment in moments[:3] + moments[-2:]:
                    if moment < self.now:
                        assert self.f.aliasAt(named, text, moment).call() == moved.at(moment)

    # ------------------------------------------------------------------------------------------------------------------
    # What holds after every step
    # ------------------------------------------------------------------------------------------------------------------

    @invariant()
    def both_say_what_the_model_does(self) -> None:
        if not hasattr(self, "model"):
            return
        STEPS.append(1)
        made = self.model.models.get(self.touched)
        if made:
            assert self.said(self.touched) == self.expected(made)
        # Of the model that the step was about, and of one after the other.
        for digest in {self.touched, DIGESTS[len(STEPS) % MODELS]}:
            verdict = self.model.verdict(digest, self.now)
            assert tuple(self.f.verdictOf(digest).call()) == verdict
            VERDICTS.add(verdict[0])

    def said(self, digest: bytes) -> tuple[object, ...]:
        return tuple(self.f.models(digest).call())

    @staticmethod
    def expected(made: Registration) -> tuple[object, ...]:
        times = (made.at, made.final_at, made.revoked_at)
        hashes = (made.vector, bytes(Web3.keccak(text=made.metadata)))
        return made.owner, *times, *hashes, made.version, made.stage, made.kept

    def compare_model(self, digest: bytes) -> None:
        made = self.model.models.get(digest)
        verdict, culprit = self.model.verdict(digest, self.now)
        assert tuple(self.f.verdictOf(digest).call()) == (verdict, culprit)
        assert self.f.isDeployable(digest).call() == (verdict == DEPLOYABLE)
        if made is None:
            for view in (self.f.models, self.f.lineageOf, self.f.metadataOf, self.f.ancestorsOf):
                assert refusal(view(digest), self.people[0]) == ("ModelRegistry_UnknownModel", (digest,))
            return
        assert self.said(digest) == self.expected(made)
        assert tuple(self.f.lineageOf(digest).call()) == made.lineage
        assert self.f.metadataOf(digest).call() == (made.metadata if made.kept else "")
        assert self.f.ancestorsOf(digest).call() == self.model.ancestors(digest)
        assert self.f.pendingOwnerOf(digest).call() == made.pending
        c = made.certificate
        assert tuple(self.f.certificateOf(digest).call()) == (
            (c.certifier, c.issued_at, c.expires_at, c.revoked_at, c.evidence) if c else (NOBODY, 0, 0, 0, ZERO)
        )

    def compare_name(self, named: bytes) -> None:
        name = self.model.names[named]
        assert tuple(self.f.nameOf(named).call()) == (name.owner, name.pending, name.frozen, name.text)
        for version in VERSIONS[:4]:
            assert self.f.modelOf(named, version).call() == name.versions.get(version, ZERO)
        for digest in DIGESTS:
            assert self.f.isPublished(named, digest).call() == (digest in name.versions.values())
        for text in ALIASES:
            moved = name.aliases.get(text, Alias())
            assert tuple(self.f.aliasOf(named, text).call()) == (moved.now, moved.frozen or name.frozen)


#: What was reached at least once, so that no test here can pass by being refused everything.
REACHED: set[str] = set()
VERDICTS: set[int] = set()
STEPS: list[int] = []

SUCCESSES = [
    "acceptModel", "acceptName", "certify", "commit", "createName", "displacement", "displacement of a commitment",
    "final at once", "freezeAlias", "freezeName", "look back", "provisional with commitment", "publish", "register",
    "registerModel", "revokeCertificate", "revokeModel", "same block", "setAlias", "setStage", "transferModel",
    "transferName",
]  # fmt: skip
#: Not here: NotAContract, of the constructor, and TooManyAncestors, which seven models cannot have.
ERRORS = [
    "AccessManagedUnauthorized",
    *(
        f"ModelRegistry_{reason}"
        for reason in (
            "AliasMoved", "AlreadyCommitted", "AlreadyRegistered", "DuplicateParent", "EmptyModelHash", "Frozen",
            "FutureLookup", "InvalidExpiry", "InvalidName", "InvalidReason", "InvalidVersion", "MetadataTooLong",
            "NameExists", "NoCertificate", "NotCommitted", "NotNameOwner", "NotOwner", "NotPendingNameOwner",
            "NotPendingOwner", "NotPublished", "NotVerified", "Provisional", "Revoked", "RunMismatch", "SameStage",
            "TooMany", "UnknownModel", "UnknownName", "VersionTaken",
        )
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The registry on an anvil of its own; three people sealed a run with each of two models."""
    with Anvil(extra=("--accounts", str(PEOPLE + 1))) as node:
        w3 = Web3(Web3.HTTPProvider(node.url, request_kwargs={"timeout": 120}))
        certifier, *names = (str(account) for account in w3.eth.accounts)
        proof = deploy(w3, "ProofOfTraining", certifier)
        verifications = deploy(w3, "VerificationDouble")
        authority = deploy(w3, "OneRole", certifier)
        registry = deploy(w3, "ModelRegistry", authority.address, proof.address, verifications.address)
        runs = {}
        for who in names[:3]:
            for digest in DIGESTS[:2]:
                run: bytes = proof.functions.runId(who, digest, digest).call()
                send(w3, proof.functions.openRun(digest, digest), who)
                send(w3, proof.functions.extendRun(run, 1, digest, []), who)
                send(w3, proof.functions.sealRun(run, digest), who)
                runs[who, digest] = run
        topics = {bytes.fromhex(event.topic.removeprefix("0x")): event for event in registry.events}
        yield World(node, w3, registry, verifications, certifier, names, runs, topics)


@pytest.fixture
def machine(world: World) -> type[RegistryMachine]:
    """The state machine over that world."""
    for record in (REACHED, VERDICTS, STEPS):
        record.clear()
    return type("Machine", (RegistryMachine,), {"world": world})


def test_every_rule_of_the_registry_machine_can_succeed(machine: type[RegistryMachine]) -> None:
    """One history by hand, through the same rules and predictions, with every error and every verdict."""
    walk = machine()
    walk.begin()

    def register(model: int, **changed: Any) -> None:
        usual: dict[str, Any] = {
            "who": 0, "salt": None, "version": 1, "length": 32, "kept": False, "parents": [], "datasets": 0, "run": "",
            "key": None, "pause": 0,
        }  # fmt: skip
        walk.register(**usual | {"model": model} | changed)

    def plain(model: int, length: int = 1, version: int = 0, who: int = 1) -> None:
        walk.register_model(who, model, version, length, 0)

    steps = [
        lambda: walk.commit(0, 2, 0, True),
        lambda: walk.commit(0, 2, 0, False),
        lambda: plain(2),
        lambda: plain(2),
        lambda: register(3, parents=[2]),
        lambda: register(2, salt=1),
        lambda: register(2, salt=0, kept=True, parents=[0, 1]),
        # The youngest of three commitments first, each older one within an hour of it; a fourth is too young.
        *(lambda who=who: walk.commit(who, 5, 0, False) for who in (0, 1, 2, 3)),
        lambda: register(5, who=2, salt=0),
        lambda: register(5, who=3, salt=0),
        lambda: register(5, who=1, salt=0, pause=PERIOD - 1),
        lambda: walk.set_stage(0, 5, True, 1, 1),
        lambda: register(5, who=0, salt=0),
        lambda: walk.commit(1, 5, 1, False),
        lambda: register(5, who=1, salt=1),
        *(lambda length=length: plain(3, length) for length in (31, 2_049)),
        lambda: plain(3, version=4),
        lambda: register(3, parents=[0, 0]),
        lambda: register(3, parents=[6]),
        lambda: register(3, datasets=17),
        lambda: register(3, run="other"),
        lambda: register(3, key=1),
        lambda: register(3),
        lambda: walk.set_stage(0, 3, True, 1, 0),
        lambda: walk.set_stage(0, 3, True, 1, PERIOD),
        lambda: walk.set_stage(0, 3, True, 1, 0),
        lambda: walk.set_stage(1, 3, False, 2, 0),
        lambda: walk.set_stage(0, 3, True, 2, 1),
        lambda: walk.set_stage(0, 3, True, 3, 12),
        *(lambda back=back, pick=pick: walk.look_back(3, back, pick) for back in (0, 1, 2) for pick in (0, 1, 2, 9)),
        lambda: walk.look_back(6, 1, 0),
        lambda: walk.transfer_model(0, 3, True, 2),
        lambda: walk.accept_model(1, 3, False),
        lambda: walk.accept_model(1, 3, True),
        *(lambda life=life: walk.certify(3, life, True, 0) for life in (0, LONGEST + 1, LONGEST, 1)),
        lambda: walk.certify(3, DAY, False, 0),
        lambda: walk.later(1),
        lambda: walk.both_say_what_the_model_does(),
        *(lambda length=length: walk.revoke_certificate(3, True, length) for length in (0, 257, 256, 1)),
        lambda: walk.create_name(0, 0),
        lambda: walk.create_name(0, 2),
        lambda: walk.create_name(1, 0),
        lambda: walk.publish(0, 0, True, True),
        lambda: walk.publish(0, 2, True, True),
        lambda: walk.set_alias(0, 0, 1, True, True, 0),
        lambda: walk.set_alias(0, 0, 2, True, True, 12),
        lambda: walk.set_alias(0, 0, 0, True, False, 0),
        lambda: walk.set_alias(0, 0, 0, True, True, 0),
        lambda: walk.set_alias(0, 2, 0, True, True, 0),
        lambda: walk.set_alias(0, 1, None, True, True, 1),
        lambda: walk.look_back(3, 13, 9),
        lambda: walk.look_back(3, 1, 9),
        lambda: walk.transfer_name(0, 0, True, 3),
        lambda: walk.transfer_name(0, 0, True, None),
        lambda: walk.accept_name(3, 0, True),
        lambda: walk.transfer_name(0, 0, True, 3),
        lambda: walk.accept_name(1, 0, True),
        lambda: walk.publish(0, 0, False, True),
        lambda: walk.publish(8, 0, False, True),
        lambda: walk.freeze_alias(0, 0, True, True),
        lambda: walk.set_alias(0, 0, 2, True, True, 0),
        lambda: walk.freeze_name(0, True, True),
        lambda: walk.freeze_name(0, True, True),
        lambda: walk.verify(0, 0, False),
        lambda: walk.revoke_model(1, 0, False, 1),
        lambda: walk.revoke_model(1, 1, True, 0),
        lambda: walk.revoke_model(1, 1, None, 256),
        lambda: walk.certify(1, DAY, True, 0),
        lambda: walk.set_stage(0, 1, True, 1, 0),
        lambda: walk.set_stage(0, 1, True, 3, 0),
        lambda: plain(4),
        lambda: walk.revoke_model(1, 4, None, 1),
        lambda: walk.revoke_model(1, 0, True, 1),
    ]  # fmt: skip
    try:
        for step in steps:
            step()
            walk.both_say_what_the_model_does()
    finally:
        walk.teardown()
    assert sorted({*SUCCESSES, *ERRORS} - REACHED) == []
    assert sorted(VERDICTS) == list(range(8))


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(12, 25), pytest.param(120, 40, marks=[pytest.mark.deep, pytest.mark.timeout(3_600)])],
    ids=["few", "many"],
)
def test_registry_behaves_as_the_model(machine: type[RegistryMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert {"register", "registerModel", "certify", "setAlias", "publish"} <= REACHED
    assert len(STEPS) > 10 * examples
