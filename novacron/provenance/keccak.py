"""Keccak-256 as Ethereum uses it, from the fastest implementation installed."""

from __future__ import annotations

from collections.abc import Callable

try:
    from sha3 import keccak_256  # type: ignore[import-untyped]
except ModuleNotFoundError:  # safe-pysha3 has no wheel for every platform; web3's own backend gives the same, slower
    from eth_hash.auto import keccak

    keccak256: Callable[[bytes], bytes] = keccak
else:

    def keccak256(data: bytes) -> bytes:
        """Keccak-256 of `data` (the original Keccak padding, not FIPS 202 SHA3-256): 32 bytes."""
        digest: bytes = keccak_256(data).digest()
        return digest
