"""Keccak-256 of the runtime code of ProofOfTraining; `make abi` writes this file from forge's build."""

from __future__ import annotations

PROOF_OF_TRAINING: frozenset[bytes] = frozenset(
    {
        bytes.fromhex("fb52898c734024164632c940deb811b6b989e0ada0bb6227e2c130758eace44b"),
    }
)
