"""Keccak-256 of the runtime code of ProofOfTraining; `make abi` writes this file from forge's build."""

from __future__ import annotations

PROOF_OF_TRAINING: frozenset[bytes] = frozenset(
    {
        bytes.fromhex("86f3ebdf5f30a9ab8608a9448931887e8e56248cc7e609bd1ace0c466d985fe5"),
    }
)
