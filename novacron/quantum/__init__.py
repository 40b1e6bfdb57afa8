"""Post-quantum keys, and what they sign for the chain to verify."""

from novacron.quantum.keys import EncryptionKey, RecipientKey, SigningKey, VerifyingKey
from novacron.quantum.schemes import PostQuantumScheme, parse_scheme

__all__ = ["EncryptionKey", "PostQuantumScheme", "RecipientKey", "SigningKey", "VerifyingKey", "parse_scheme"]
