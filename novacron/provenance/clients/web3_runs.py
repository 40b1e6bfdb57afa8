"""Runs over the contract: opened, extended and sealed, each call safe to repeat."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eth_abi.abi import encode

from novacron.chain import Journal, TransactionManager, TransactionReceipt
from novacron.exceptions import InputError, RevertedError, UnknownRecordError
from novacron.provenance.clients.model import RunHead, RunInfo
from novacron.provenance.clients.onchain import ProofOfTraining
from novacron.provenance.clients.run_rules import MAX_SIZE, check_extension, refuse_empty, refuse_sealed
from novacron.provenance.digest import parse_digest
from novacron.provenance.keccak import keccak256


class Web3Runs:
    """The run calls of one account on one contract."""

    def __init__(
        self,
        manager: TransactionManager,
        journal: Journal,
        contract: ProofOfTraining,
        submitter: str,
        timeout: float,
    ) -> None:
        self._manager, self._journal, self._contract = manager, journal, contract
        self._submitter, self._timeout = submitter, timeout
        self._scope = f"{contract.pool.chain_id()}:{contract.address}:{submitter}"

    def run_id(self, salt: bytes, manifest_digest: bytes) -> bytes:
        """`keccak256(abi.encode(owner, salt, manifestDigest))`, as the contract computes it."""
        values = (self._submitter, parse_digest(salt), parse_digest(manifest_digest))
        return keccak256(encode(["address", "bytes32", "bytes32"], values))

    def open(self, salt: bytes, manifest_digest: bytes) -> RunInfo:
        """See `BlockchainClient.open_run`."""
        salt, manifest_digest = parse_digest(salt), parse_digest(manifest_digest)
        run = self.run_id(salt, manifest_digest)
        info = RunInfo(run, self._submitter, salt, manifest_digest)
        key = self._key("open", run)
        if self._head(run) is not None:
            receipt = self._receipt(key)
            return info if receipt is None else _opened(info, receipt)
        try:
            receipt = self._send(key, "openRun", salt, manifest_digest)
        except RevertedError:
            if self._head(run) is None:
                raise
            return info  # opened by another process of this account meanwhile
        return _opened(info, receipt)

    def extend(self, run: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> RunHead:
        """See `BlockchainClient.extend_run`."""
        run, root = parse_digest(run), parse_digest(new_root)
        if not 0 < new_size <= MAX_SIZE:
            raise InputError(f"a log of {new_size} entries cannot be recorded: sizes are 1 to 2**48 - 1")
        # The key stands for these very bytes: the same head reached from another size is another transaction.
        key = self._key("extend", run, new_size, root.hex(), hashlib.sha256(b"".join(proof)).hexdigest())
        head = self._contract.run_head(run)
        if (head.size, head.root) == (new_size, root):
            return self._with_receipt(head, key)
        check_extension(head, new_size, root, proof)
        try:
            self._send(key, "extendRun", run, new_size, root, list(proof))
        except RevertedError:
            head = self._contract.run_head(run)
            if (head.size, head.root) != (new_size, root):
                check_extension(head, new_size, root, proof)
                raise
        head = self._contract.run_head(run)
        if head.size != new_size:  # grown further meanwhile: this transaction did not make that head
            return head
        return self._with_receipt(head, key)

    def seal(self, run: bytes, model_digest: bytes) -> RunHead:
        """See `BlockchainClient.seal_run`."""
        run, model = parse_digest(run), parse_digest(model_digest)
        if not any(model):
            raise InputError("a run cannot be sealed with an all-zero model digest; zero means not sealed")
        key = self._key("seal", run, model.hex())
        head = self._contract.run_head(run)
        if head.model_digest == model:
            return self._with_receipt(head, key)
        refuse_sealed(head)
        refuse_empty(head)
        try:
            self._send(key, "sealRun", run, model)
        except RevertedError:
            head = self._contract.run_head(run)
            if head.model_digest != model:
                refuse_sealed(head)
                raise
        return self._with_receipt(self._contract.run_head(run), key)

    def set_recorder(self, run: bytes, recorder: str, authorised: bool) -> None:
        """Let another account extend a run, or no longer; repeating it changes nothing."""
        run = parse_digest(run)
        if bool(self._contract.handle.call("isRecorder", run, recorder)) == authorised:
            return
        # Authorising again after a revocation is a new transaction.
        key = self._key("recorder", run, recorder, int(authorised), reuse=False)
        self._send(key, "setRecorder", run, recorder, authorised)

    def _head(self, run: bytes) -> RunHead | None:
        try:
            return self._contract.run_head(run)
        except UnknownRecordError:
            return None

    def _key(self, what: str, run: bytes, *parts: object, reuse: bool = True) -> str:
        """An idempotency key: numbered on when the transaction before it reverted (or, without `reuse`, was mined)."""
        base = ":".join(["run", what, self._scope, run.hex(), *map(str, parts)])
        over = ("failed", "replaced") if reuse else ("failed", "replaced", "mined")
        turn = 0
        while (entry := self._journal.get(f"{base}:{turn}")) is not None and entry.settled and entry.state in over:
            turn += 1
        return f"{base}:{turn}"

    def _send(self, key: str, function: str, *arguments: Any) -> TransactionReceipt:
        return self._contract.handle.send(self._manager, key, function, *arguments)

    def _receipt(self, key: str) -> TransactionReceipt | None:
        """The receipt of a key, where this store signed its transaction."""
        entry = self._journal.get(key)
        return None if entry is None or entry.unsigned else self._manager.wait(key, timeout=self._timeout)

    def _with_receipt(self, head: RunHead, key: str) -> RunHead:
        receipt = self._receipt(key)
        if receipt is None:
            return head
        return replace(head, transaction_hash=receipt.hash, block_number=receipt.block_number)


def _opened(info: RunInfo, receipt: TransactionReceipt) -> RunInfo:
    return replace(info, transaction_hash=receipt.hash, block_number=receipt.block_number)
