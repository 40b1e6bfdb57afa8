"""The checks of a proof that need a chain, or the embedded store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eth_abi.abi import encode

from novacron.exceptions import (
    ChainError,
    InputError,
    NovaCronError,
    ProofFormatError,
    RetryableError,
    UnknownRecordError,
)
from novacron.provenance.anchoring import client_scope
from novacron.provenance.chain_view import ContractView, Receipt, Rpc
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.metadata import decode_metadata
from novacron.provenance.proof import AnchorProof, ChainReceipt, RunProof
from novacron.provenance.proof_build import client_rpc
from novacron.provenance.report import CheckList
from novacron.provenance.rfc9162 import leaf_hash

RUN_CHECKS = ("chain id", "contract", "run on chain", "transaction", "block", "entry on chain", "seal")
ANCHOR_CHECKS = ("chain id", "contract", "anchor on chain", "transaction", "block")
LOCAL_RUN_CHECKS = ("contract", "run on chain", "seal")
LOCAL_ANCHOR_CHECKS = ("contract", "anchor on chain")

_EXTENDED = "RunExtended(bytes32,address,uint64,uint64,bytes32)"


def check_run_on_chain(checks: CheckList, proof: RunProof, client: BlockchainClient | None, pool: Rpc | None) -> None:
    """Whether the chain holds the run, the anchored head and the entry."""
    chain, anchored = proof.chain, proof.anchored
    if chain is None or anchored is None or chain.run is None:
        _skip(checks, RUN_CHECKS, "that the head is on chain: the run was not anchored when the proof was made")
        return
    if chain.client == "local":
        _guarded(checks, LOCAL_RUN_CHECKS, client, lambda known: _local_run(checks, proof, chain, known))
        return
    rpc = pool or client_rpc(client)
    if rpc is None:
        _skip(checks, RUN_CHECKS, "that the head is on chain: no RPC given")
        return
    _run_steps(checks, RUN_CHECKS, _RunOnChain(checks, proof, chain, rpc).steps())


def check_anchor_on_chain(
    checks: CheckList, proof: AnchorProof, client: BlockchainClient | None, pool: Rpc | None
) -> None:
    """Whether the chain holds the anchor, or the batch it is in."""
    chain = proof.chain
    if chain.client == "local":
        _guarded(checks, LOCAL_ANCHOR_CHECKS, client, lambda known: _local_anchor(checks, proof, known))
        return
    rpc = pool or client_rpc(client)
    if rpc is None:
        _skip(checks, ANCHOR_CHECKS, "that the anchor is on chain: no RPC given")
        return
    _run_steps(checks, ANCHOR_CHECKS, _AnchorOnChain(checks, proof, rpc).steps())


def _skip(checks: CheckList, names: Sequence[str], reason: str) -> None:
    for name in names:
        checks.skipped(name, reason)


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
            _skip(checks, names[place + 1 :], f"not reached: {reason}")
            return


# -- EVM chains -------------------------------------------------------------------------------------------------------


class _OnChain:
    """The steps that both kinds of proof share."""

    def __init__(self, checks: CheckList, chain: ChainReceipt, rpc: Rpc) -> None:
        self.checks, self.chain, self._rpc = checks, chain, rpc
        self.receipt: Receipt | None = None

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
            f"there is a contract at {self.chain.contract}",
            f"there is no contract at {self.chain.contract} on chain {self.chain.chain_id}",
        )

    def transaction(self, description: str, matches: Callable[[ContractView, Receipt], bool]) -> bool:
        """Check the receipt; True also when there is nothing to check, for the block's step says so itself."""
        name, chain = "transaction", self.chain
        if chain.transaction is None:
            self.checks.skipped(name, "the proof names no transaction")
            return True
        receipt = self.view.receipt(chain.transaction)
        if receipt is None:
            self.checks.failed(name, f"the chain has no transaction {chain.transaction}")
            return True
        place = (receipt.block_number, receipt.block_hash.lower())
        if not receipt.succeeded or not matches(self.view, receipt):
            self.checks.failed(name, f"transaction {chain.transaction} did not {description}")
        elif place[0] != chain.block_number or (chain.block_hash and place[1] != chain.block_hash.lower()):
            self.checks.failed(
                name, f"transaction {chain.transaction} is in block {place[0]}, the proof says {chain.block_number}"
            )
        else:
            self.receipt = receipt
            self.checks.passed(name, f"transaction {chain.transaction} did {description}, in block {place[0]}")
        return True

    def block(self) -> bool:
        name, receipt = "block", self.receipt
        if receipt is None:
            self.checks.skipped(name, "there is no transaction whose block could be looked up")
            return True
        found = self.view.block_hash(receipt.block_number)
        self.checks.decide(
            name,
            found is not None and found.lower() == receipt.block_hash.lower(),
            f"block {receipt.block_number} with hash {receipt.block_hash} is canonical",
            f"block {receipt.block_number} now has the hash {found}: the transaction's block was reorganised away",
        )
        return True


class _RunOnChain(_OnChain):
    def __init__(self, checks: CheckList, proof: RunProof, chain: ChainReceipt, rpc: Rpc) -> None:
        super().__init__(checks, chain, rpc)
        assert proof.anchored is not None  # check_run_on_chain has looked
        assert chain.run is not None
        self.proof, self.anchored, self.run = proof, proof.anchored, chain.run
        self.model, self.size = b"", 0

    def steps(self) -> list[Callable[[], bool]]:
        return [self.chain_id, self.contract, self.head, self.extension, self.block, self.entry, self.seal]

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
            self.checks.decide(
                name,
                root == self.anchored.root,
                f"the chain's head is this one: {self.size} entries, root {root.hex()}",
                f"the chain's root at {self.size} entries is {root.hex()}, the proof says {self.anchored.root.hex()}",
            )
        elif self.chain.transaction is None:
            self.checks.skipped(
                name, f"the run has grown to {self.size} entries, and the proof names no transaction: make a new proof"
            )
        else:
            self.checks.passed(name, f"the run is open and has grown to {self.size} entries since")
        return True

    def extension(self) -> bool:
        def matches(view: ContractView, receipt: Receipt) -> bool:
            size = self.anchored.size.to_bytes(32, "big")  # newSize is the third indexed argument
            for event in view.events(receipt, _EXTENDED, 3, ["uint64", "bytes32"]):
                if (event.topics[0], event.topics[2], event.values[1]) == (self.run, size, self.anchored.root):
                    return True
            return False

        return self.transaction(f"extend the run to {self.anchored.size} entries with this root", matches)

    def entry(self) -> bool:
        name, proof = "entry on chain", self.proof
        if self.anchored.inclusion is None:
            self.checks.skipped(name, f"entry {proof.index} is newer than the anchored head")
            return True
        grown = self.size != self.anchored.size
        block = self.receipt.block_number if grown and self.receipt is not None else None
        if grown and block is None:
            self.checks.skipped(name, "the run has grown since, and no transaction tells at which block to ask")
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
        name, wanted = "seal", self.chain.model
        if wanted is None:
            sealed = f"sealed since, with model {self.model.hex()}" if any(self.model) else "not sealed"
            self.checks.passed(name, f"the proof claims no seal; the run is {sealed}")
        else:
            found = self.model.hex() if any(self.model) else "none"
            self.checks.decide(
                name,
                self.model == wanted,
                f"the run is sealed with model {wanted.hex()}",
                f"the run is sealed with model {found}, the proof says {wanted.hex()}",
            )
        return True


class _AnchorOnChain(_OnChain):
    def __init__(self, checks: CheckList, proof: AnchorProof, rpc: Rpc) -> None:
        super().__init__(checks, proof.chain, rpc)
        self.record = proof.record

    def steps(self) -> list[Callable[[], bool]]:
        return [self.chain_id, self.contract, self.slot, self.event, self.block]

    def slot(self) -> bool:
        name, record, batch = "anchor on chain", self.record, self.record.batch
        digest = record.digest if batch is None else batch.root
        time, number, size = self.view.anchor_of(self.chain.owner, digest)
        expected = 1 if batch is None else batch.size
        if size != expected or (time, number) != (record.timestamp, record.block_number):
            found = f"{size} in block {number}" if size else "nothing"
            self.checks.failed(
                name,
                f"under {digest.hex()} the chain holds {found}, the proof says {expected} in block "
                f"{record.block_number}",
            )
        elif batch is not None and not self.view.verify_inclusion(
            self.chain.owner, batch.root, batch.leaf_hash, batch.proof
        ):
            self.checks.failed(name, "the contract does not accept the record as part of the batch")
        else:
            self.checks.passed(name, f"{digest.hex()} was anchored in block {number}")
        return True

    def event(self) -> bool:
        record = self.record
        submitter = encode(["address"], [self.chain.owner])

        def matches(view: ContractView, receipt: Receipt) -> bool:
            if record.batch is not None:
                found = view.events(receipt, "BatchAnchored(address,bytes32,uint64,bytes)", 2, ["uint64", "bytes"])
                return any(event.topics == (submitter, record.batch.root) for event in found)
            plain = view.events(receipt, "Anchored(address,bytes32)", 2, [])
            if not record.metadata:
                return any(event.topics == (submitter, record.digest) for event in plain)
            rich = view.events(receipt, "AnchoredWithMetadata(address,bytes32,bytes)", 2, ["bytes"])
            return any(
                event.topics == (submitter, record.digest) and _metadata_is(event.values[0], record.metadata)
                for event in rich
            )

        return self.transaction("anchor this record", matches)


def _metadata_is(data: bytes, metadata: dict[str, object]) -> bool:
    try:
        return decode_metadata(data) == metadata
    except (ProofFormatError, InputError):
        return False


# -- the embedded store -----------------------------------------------------------------------------------------------


def _guarded(
    checks: CheckList,
    names: Sequence[str],
    client: BlockchainClient | None,
    look: Callable[[BlockchainClient], None],
) -> None:
    if client is None:
        _skip(checks, names, "that the store holds it: no client for the embedded store given")
        return
    try:
        look(client)
    except NovaCronError as error:
        done = {check.name for check in checks.checks}
        left = [name for name in names if name not in done]
        checks.failed(left[0] if left else names[-1], str(error))
        _skip(checks, left[1:], f"not reached: {left[0]!r} failed" if left else "")


def _same_store(checks: CheckList, contract: str, client: BlockchainClient, names: Sequence[str]) -> bool:
    scope = client_scope(client)
    if not checks.decide(
        "contract",
        scope == contract,
        f"the proof is of this store, {contract}",
        f"the client serves {scope}, the proof is of {contract}",
    ):
        _skip(checks, names[1:], "not reached: 'contract' failed")
        return False
    return True


def _local_run(checks: CheckList, proof: RunProof, chain: ChainReceipt, client: BlockchainClient) -> None:
    assert proof.anchored is not None  # check_run_on_chain has looked
    assert chain.run is not None
    if not _same_store(checks, chain.contract, client, LOCAL_RUN_CHECKS):
        return
    name, anchored = "run on chain", proof.anchored
    try:
        head = client.run_head(chain.run)
    except UnknownRecordError as error:
        checks.failed(name, str(error))
        _skip(checks, ("seal",), f"not reached: {name!r} failed")
        return
    if head.size > anchored.size:
        checks.skipped(
            name, f"the run has grown to {head.size} entries; the store answers for its newest head: make a new proof"
        )
    else:
        checks.decide(
            name,
            (head.size, head.root, head.owner) == (anchored.size, anchored.root, chain.owner),
            f"the store's head is this one: {head.size} entries, root {head.root.hex()}",
            f"the store holds {head.size} entries with root {head.root.hex()} of {head.owner}, the proof says "
            f"{anchored.size} with {anchored.root.hex()} of {chain.owner}",
        )
    if chain.model is None:
        checks.passed("seal", "the proof claims no seal")
    else:
        checks.decide(
            "seal",
            head.model_digest == chain.model,
            f"the run is sealed with model {chain.model.hex()}",
            f"the run is sealed with {head.model_digest.hex() if head.model_digest else 'no model'}, the proof says "
            f"{chain.model.hex()}",
        )


def _local_anchor(checks: CheckList, proof: AnchorProof, client: BlockchainClient) -> None:
    if _same_store(checks, proof.chain.contract, client, LOCAL_ANCHOR_CHECKS):
        checks.decide(
            "anchor on chain",
            client.verify_record(proof.record),
            f"the store holds the record since block {proof.record.block_number}",
            "the store does not hold this record",
        )
