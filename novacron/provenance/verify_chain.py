"""The checks of a proof that need a chain. `verify_store` has those that need the embedded store.

A head counts only when the chain vouches for it: it is the run's head now, or the contract emitted the event of the
extension that made it. Anything else fails, for a log of one's own can always be made up for somebody else's run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eth_abi.abi import encode

from novacron.exceptions import ChainError, InputError, ProofFormatError, RetryableError
from novacron.provenance.chain_view import ContractView, Event, Receipt, Rpc
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.expectation import Expectation
from novacron.provenance.known_code import PROOF_OF_TRAINING
from novacron.provenance.metadata import decode_metadata
from novacron.provenance.proof import AnchorProof, ChainReceipt, RunProof
from novacron.provenance.proof_build import client_rpc
from novacron.provenance.report import CheckList
from novacron.provenance.rfc9162 import leaf_hash
from novacron.provenance.verify_store import check_anchor_in_store, check_run_in_store, decide_seal, skip

RUN_CHECKS = (
    "chain id",
    "contract",
    "run on chain",
    "transaction",
    "block",
    "trusted contract",
    "entry on chain",
    "seal",
)
ANCHOR_CHECKS = ("chain id", "contract", "anchor on chain", "transaction", "block", "metadata", "trusted contract")

_OPENED = "RunOpened(bytes32,address,bytes32,bytes32)"
_EXTENDED = "RunExtended(bytes32,address,uint64,uint64,bytes32)"
_PLAIN = "Anchored(address,bytes32)"
_RICH = "AnchoredWithMetadata(address,bytes32,bytes)"
_BATCH = "BatchAnchored(address,bytes32,uint64,bytes)"


def check_run_on_chain(
    checks: CheckList, proof: RunProof, client: BlockchainClient | None, pool: Rpc | None, expect: Expectation
) -> None:
    """Whether the chain holds the run, the anchored head and the entry."""
    chain = proof.chain
    if chain is None or proof.anchored is None or chain.run is None:
        skip(checks, RUN_CHECKS, "that the head is on chain: the run was not anchored when the proof was made")
        return
    if chain.client == "local":
        check_run_in_store(checks, proof, chain, client)
        return
    rpc = pool or client_rpc(client)
    if rpc is None:
        skip(checks, RUN_CHECKS, "that the head is on chain: no RPC given")
        return
    on_chain = _RunOnChain(checks, proof, chain, rpc, expect)
    _run_steps(checks, RUN_CHECKS, on_chain.steps())
    checks.attested = on_chain.bound and all(map(checks.has_passed, ("trusted contract", "anchored entry")))


def check_anchor_on_chain(
    checks: CheckList, proof: AnchorProof, client: BlockchainClient | None, pool: Rpc | None, expect: Expectation
) -> None:
    """Whether the chain holds the anchor, or the batch it is in."""
    if proof.chain.client == "local":
        check_anchor_in_store(checks, proof, client)
        return
    rpc = pool or client_rpc(client)
    if rpc is None:
        skip(checks, ANCHOR_CHECKS, "that the anchor is on chain: no RPC given")
        return
    _run_steps(checks, ANCHOR_CHECKS, _AnchorOnChain(checks, proof, rpc, expect).steps())
    checks.attested = all(map(checks.has_passed, ("trusted contract", "anchor on chain")))


def _run_steps(checks: CheckList, names: Sequence[str], steps: Sequence[Callable[[], bool]]) -> None:
    """Run one step a check. A step that answers False ends the list; an endpoint that fails is no verdict."""
    for place, (name, step) in enumerate(zip(names, steps, strict=True)):
        try:
            go_on, reason = step(), f"{name!r} failed"
        except RetryableError as error:
            checks.skipped(name, f"no endpoint answers: {error}")
            go_on, reason = False, "no endpoint answers"
        except ChainError as error:
            checks.failed(name, str(error))
            go_on, reason = False, f"{name!r} failed"
        if not go_on:
            skip(checks, names[place + 1 :], f"not reached: {reason}")
            return


# -- EVM chains -------------------------------------------------------------------------------------------------------


class _OnChain:
    """The steps that both kinds of proof share."""

    def __init__(self, checks: CheckList, chain: ChainReceipt, rpc: Rpc, expect: Expectation) -> None:
        self.checks, self.chain, self._rpc, self._expect = checks, chain, rpc, expect
        self.bound = False  # the chain vouches for the head, or for the anchor
        self.mined: str | None = None  # the transaction found to have done it, with its receipt and event
        self.receipt: Receipt | None = None
        self.event: Event | None = None

    @property
    def view(self) -> ContractView:
        return ContractView(self._rpc, self.chain.contract)

    def chain_id(self) -> bool:
        found = self._rpc.chain_id()
        return self.checks.decide(
            "chain id",
            found == self.chain.chain_id,
            f"the endpoint serves chain {found}",
            f"the endpoint serves chain {found}, the proof is of chain {self.chain.chain_id}",
        )

    def contract(self) -> bool:
        return self.checks.decide(
            "contract",
            self.view.has_code(),
            f"there is a contract at {self.chain.contract} on chain {self.chain.chain_id}",
            f"there is no contract at {self.chain.contract} on chain {self.chain.chain_id}",
        )

    def transaction(
        self,
        description: str,
        find: Callable[[ContractView, Receipt], Event | None],
        look_up: Callable[[ContractView], Sequence[str]],
    ) -> bool:
        """Check the transaction that the proof names, or else the one whose event the chain has."""
        name, chain = "transaction", self.chain
        if chain.transaction is not None:
            hashes: Sequence[str] = [chain.transaction]
        else:
            try:
                hashes = look_up(self.view)
            except RetryableError:
                raise
            except ChainError as error:  # many public endpoints limit how far back they look for events
                reason = f"the proof names no transaction, and the endpoint does not search for it: {error}"
                (self.checks.skipped if self.bound else self.checks.failed)(name, reason)
                return True
            if not hashes:
                self.checks.failed(name, f"the contract has no event that did {description}")
                return True
        complaint = ""
        for mined in hashes:
            receipt = self.view.receipt(mined)
            if receipt is None:
                complaint = f"the chain has no transaction {mined}"
                continue
            event = find(self.view, receipt) if receipt.succeeded else None
            if event is None:
                complaint = f"transaction {mined} did not {description}"
                continue
            if not self._placed(receipt):
                complaint = f"transaction {mined} is in block {receipt.block_number}, the proof says "
                complaint += f"{chain.block_number} with hash {chain.block_hash}"
                continue
            self.mined, self.receipt, self.event, self.bound = mined, receipt, event, True
            self.checks.passed(name, f"transaction {mined} did {description}, in block {receipt.block_number}")
            return True
        self.checks.failed(name, complaint)
        return True

    def _placed(self, receipt: Receipt) -> bool:
        chain = self.chain
        named = chain.transaction is not None or chain.block_number is not None
        if named and receipt.block_number != chain.block_number:
            return False
        return chain.block_hash is None or receipt.block_hash.lower() == chain.block_hash.lower()

    def trust(self) -> bool:
        """Whether the contract is one to believe, and not merely one that the proof names.

        Known code is not enough by itself: whoever deploys can write any state in the constructor. So the head, the run
        or the anchor must come from a call of the owner to the contract as it stands.
        """
        name, address = "trusted contract", self.chain.contract
        if self._expect.names_contract(self.chain):
            self.checks.passed(name, f"{address} on chain {self.chain.chain_id} is the contract that you expect")
            return True
        relies = f"relies on {address}, which the proof itself names"
        code = self.view.code_hash()
        if code not in PROOF_OF_TRAINING:
            self.checks.skipped(name, f"{relies}: its code (keccak-256 {code.hex()}) is not the known ProofOfTraining")
            return True
        try:
            good = self.vouched()
        except RetryableError:
            raise
        except ChainError as error:
            self.checks.skipped(name, f"{relies}; its code is known, its owner's call cannot be looked up: {error}")
            return True
        if good:
            text = f"{address} runs the known code of ProofOfTraining, and {self.chain.owner} called it"
            self.checks.passed(name, text)
        else:
            self.checks.skipped(name, f"{relies}; its code is known, but no call of {self.chain.owner} to it was found")
        return True

    def vouched(self) -> bool:
        """Whether the owner called the contract's own code. Overridden."""
        raise NotImplementedError

    def ran_known_code(self, transaction: str, block: int) -> bool:
        """Whether the contract stood before the transaction: it was sent to the contract, or there was code before."""
        return self.view.called_by(transaction) is not None or self.view.code_hash(block - 1) in PROOF_OF_TRAINING

    def block(self) -> bool:
        name, receipt = "block", self.receipt
        if receipt is None:
            self.checks.skipped(name, "there is no transaction whose block could be looked up")
            return True
        number, claimed = receipt.block_number, self.chain.updated_at
        block = self.view.block(number)
        if block is None or block[0].lower() != receipt.block_hash.lower():
            found = "is unknown" if block is None else f"now has the hash {block[0]}"
            self.checks.failed(name, f"block {number} {found}: the transaction's block was reorganised away")
        elif claimed is not None and claimed != block[1]:
            self.checks.failed(name, f"block {number} is of time {block[1]}, the proof says {claimed}")
        else:
            self.checks.passed(name, f"block {number} with hash {receipt.block_hash} and time {block[1]} is canonical")
        return True


class _RunOnChain(_OnChain):
    def __init__(self, checks: CheckList, proof: RunProof, chain: ChainReceipt, rpc: Rpc, expect: Expectation) -> None:
        super().__init__(checks, chain, rpc, expect)
        assert proof.anchored is not None  # check_run_on_chain has looked
        assert chain.run is not None
        self.proof, self.anchored, self.run = proof, proof.anchored, chain.run
        self.model, self.size = b"", 0

    def steps(self) -> list[Callable[[], bool]]:
        return [self.chain_id, self.contract, self.head, self.extension, self.block, self.trust, self.entry, self.seal]

    def head(self) -> bool:
        name = "run on chain"
        owner, self.size, root, _, self.model = self.view.head_of(self.run)
        if int(owner, 16) == 0:
            self.checks.failed(name, f"the contract has no run 0x{self.run.hex()}")
            return False
        if owner.lower() != self.chain.owner.lower():
            self.checks.failed(name, f"the run's owner is {owner}, the proof says {self.chain.owner}")
        elif self.size < self.anchored.size:
            self.checks.failed(name, f"the chain holds {self.size} entries, the proof says {self.anchored.size}")
        elif self.size == self.anchored.size:
            self.bound = self.checks.decide(
                name,
                root == self.anchored.root,
                f"the chain's head of run 0x{self.run.hex()} of {owner} is this one: {self.size} entries, root "
                f"{root.hex()}",
                f"the chain's root at {self.size} entries is {root.hex()}, the proof says {self.anchored.root.hex()}",
            )
        else:  # bound by the event of the extension, or not at all
            self.checks.passed(
                name, f"run 0x{self.run.hex()} of {owner} is open and has grown to {self.size} entries since"
            )
        return True

    def extension(self) -> bool:
        size = self.anchored.size.to_bytes(32, "big")  # newSize is the third indexed argument

        def find(view: ContractView, receipt: Receipt) -> Event | None:
            for event in view.events(receipt, _EXTENDED, 3, ["uint64", "bytes32"]):
                if (event.topics[0], event.topics[2], event.values[1]) == (self.run, size, self.anchored.root):
                    return event
            return None

        def look_up(view: ContractView) -> list[str]:
            return view.transactions_with([_EXTENDED], [self.run, None, size], self.chain.block_number)

        return self.transaction(f"extend the run to {self.anchored.size} entries with this root", find, look_up)

    def vouched(self) -> bool:
        owner = encode(["address"], [self.chain.owner])
        if self.event is not None and self.event.topics[1] == owner and self.mined and self.receipt:
            return self.ran_known_code(self.mined, self.receipt.block_number)
        for mined in self.view.transactions_with([_OPENED], [self.run, owner]):
            receipt = self.view.receipt(mined)
            if receipt is not None and receipt.succeeded:
                return self.ran_known_code(mined, receipt.block_number)
        return False

    def entry(self) -> bool:
        name, proof = "entry on chain", self.proof
        if self.anchored.inclusion is None:
            self.checks.skipped(name, f"entry {proof.index} is newer than the anchored head")
            return True
        grown = self.size != self.anchored.size
        block = self.receipt.block_number if grown and self.receipt is not None else None
        if grown and block is None:
            self.checks.skipped(
                name, "the run has grown since, and no transaction was found to tell the block to ask at"
            )
            return True
        leaf = leaf_hash(proof.entry)
        try:
            accepted = self.view.verify_entry(self.run, leaf, proof.index, self.anchored.inclusion, block)
        except ChainError as error:
            if not grown:
                raise
            self.checks.skipped(name, f"the endpoint does not keep the state of block {block}: {error}")
            return True
        self.checks.decide(
            name,
            accepted,
            f"the contract accepts entry {proof.index}" + (f" as of block {block}" if grown else ""),
            f"the contract does not accept entry {proof.index}",
        )
        return True

    def seal(self) -> bool:
        decide_seal(self.checks, self.proof, self.model if any(self.model) else None, self.chain.model)
        return True


class _AnchorOnChain(_OnChain):
    def __init__(self, checks: CheckList, proof: AnchorProof, rpc: Rpc, expect: Expectation) -> None:
        super().__init__(checks, proof.chain, rpc, expect)
        self.record = proof.record
        self.submitter = encode(["address"], [proof.chain.owner])
        self.digest = self.record.digest if self.record.batch is None else self.record.batch.root
        self.number: int | None = None  # the block that the slot names

    def steps(self) -> list[Callable[[], bool]]:
        return [self.chain_id, self.contract, self.slot, self.anchoring, self.block, self.metadata, self.trust]

    def slot(self) -> bool:
        name, record, batch = "anchor on chain", self.record, self.record.batch
        time, number, size = self.view.anchor_of(self.chain.owner, self.digest)
        self.number = number if size else None
        expected = 1 if batch is None else batch.size
        if size != expected or (time, number) != (record.timestamp, record.block_number):
            found = f"{size} in block {number}" if size else "nothing"
            self.checks.failed(
                name,
                f"under {self.digest.hex()} of {self.chain.owner} the chain holds {found}, the proof says {expected} "
                f"in block {record.block_number}",
            )
        elif batch is not None and not self.view.verify_inclusion(
            self.chain.owner, batch.root, batch.leaf_hash, batch.proof
        ):
            self.checks.failed(name, "the contract does not accept the record as part of the batch")
        else:
            self.bound = True
            self.checks.passed(name, f"{self.chain.owner} anchored {self.digest.hex()} in block {number}")
        return True

    def anchoring(self) -> bool:
        def find(view: ContractView, receipt: Receipt) -> Event | None:
            kinds = [(_BATCH, ["uint64", "bytes"])] if self.record.batch else [(_RICH, ["bytes"]), (_PLAIN, [])]
            for signature, data in kinds:
                for event in view.events(receipt, signature, 2, data):
                    if event.topics == (self.submitter, self.digest):
                        return event
            return None

        def look_up(view: ContractView) -> list[str]:
            signatures = [_BATCH] if self.record.batch else [_RICH, _PLAIN]
            return view.transactions_with(signatures, [self.submitter, self.digest], self.number)

        return self.transaction("anchor this record", find, look_up)

    def metadata(self) -> bool:
        """The metadata of a record by itself is in the event; a batch's leaf commits to that of its records."""
        name, record = "metadata", self.record
        if record.batch is not None:
            good = self.checks.has_passed("batch inclusion")
            self.checks.decide(name, good, "the leaf in the batch commits to it", "the record is not in the batch")
            return True
        if self.event is None:
            self.checks.failed(name, "no event of the chain confirms the record's metadata")
            return True
        try:
            found = decode_metadata(self.event.values[0]) if self.event.values else {}
        except (ProofFormatError, InputError) as error:
            self.checks.failed(name, f"the chain's metadata cannot be read: {error}")
            return True
        self.checks.decide(
            name,
            found == record.metadata,
            "as in the event" if found else "none, as in the event",
            f"the chain's event says {str(found)[:200]}, the proof says {str(record.metadata)[:200]}",
        )
        return True

    def vouched(self) -> bool:
        return bool(self.mined and self.receipt and self.ran_known_code(self.mined, self.receipt.block_number))
