"""Digests, transparency log, proofs, and the clients that anchor them."""
