"""PostQuantumKeys: registers ML-DSA keys on chain, one step a transaction, and finishes what anybody left half done.

The contract derives the expanded key from the FIPS public key, so a registration can be finished, but not spoilt, by a
stranger: steps are the same for everybody, and every call does the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import InconsistentEndpointError, InputError, QuantumError, RevertedError
from novacron.market.deployment import Account, Deployment
from novacron.quantum.keys import VerifyingKey
from novacron.quantum.schemes import PostQuantumScheme

#: Told after each step: how many are done, of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Registration:
    """A registered key; `receipts` are those of the steps that this call took."""

    key: VerifyingKey
    receipts: tuple[TransactionReceipt, ...]


class KeyRegistrar:
    """The registered ML-DSA keys of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("PostQuantumKeys")

    def is_registered(self, key: VerifyingKey) -> bool:
        """Whether the verifiers know a key; an SLH-DSA key needs no registration."""
        return not key.scheme.is_ml_dsa or self._complete(key.onchain)

    def require_registered(self, scheme: int, public_key: bytes) -> None:
        """Raise QuantumError for an ML-DSA key (32 bytes, see `VerifyingKey.onchain`) that no verifier knows yet."""
        if PostQuantumScheme(scheme).is_ml_dsa and not self._complete(public_key):
            raise QuantumError(
                f"key {public_key.hex()} of {PostQuantumScheme(scheme)} is not registered, or half: register it first "
                "(novacron quantum key register)"
            )

    def progress(self, key: VerifyingKey) -> tuple[int, int]:
        """Steps done, and how many there are."""
        done, total = self.contract.call("progressOf", key.onchain)
        return int(done), int(total)

    def register(self, account: Account, key: VerifyingKey, progress: Progress | None = None) -> Registration:
        """Take every step that is left. A call after a crash, or by somebody else, goes on where it stopped.

        Raises:
            InputError: an SLH-DSA key.
            RevertedError: with advice. Others as `TransactionManager.send`.
        """
        if not key.scheme.is_ml_dsa:
            raise InputError(
                f"a key of {key.scheme} needs no registration: its 32 bytes are on chain wherever it is named"
            )
        receipts: list[TransactionReceipt] = []
        while not self._complete(key.onchain):
            done = self.progress(key)[0]
            name = f"quantum/register/{key.onchain.hex()}/{done}"
            try:
                receipts.append(account.send(name, self.contract, "registerKey", int(key.scheme), key.public_key))
            except RevertedError:
                if self._stands_at(key, done):
                    raise
                continue  # somebody else took this step, and the next one needed more gas than this one
            if self._stands_at(key, done):
                raise InconsistentEndpointError(
                    f"transaction {receipts[-1].hash} is final and step {done + 1} of key {key.onchain.hex()} is not "
                    "done: is the endpoint behind? Run this again"
                )
            if progress is not None:
                progress(*self.progress(key))
        return Registration(key, tuple(receipts))

    def started(self, onchain: bytes) -> VerifyingKey | None:
        """The public key of a registration that anybody began, from the chain's events; None when nobody did."""
        for event in self.contract.events(
            "KeyRegistrationStarted", self.deployment.first_block, filters={"keyId": onchain}
        ):
            key = VerifyingKey(PostQuantumScheme(event.args["scheme"]), event.args["publicKey"])
            if key.onchain != onchain:
                raise InconsistentEndpointError(f"the node's event of key {onchain.hex()} holds another key")
            return key
        return None

    def _complete(self, onchain: bytes) -> bool:
        return bool(self.contract.call("chunksOf", onchain)[1])

    def _stands_at(self, key: VerifyingKey, done: int) -> bool:
        return not self._complete(key.onchain) and self.progress(key)[0] <= done
