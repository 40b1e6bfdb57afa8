"""The post-quantum signature schemes that the chain verifies, by the numbers that Solidity gives them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from novacron.exceptions import InputError


@dataclass(frozen=True)
class SchemeFacts:
    """What a standard says of one parameter set; sizes in bytes.

    Attributes:
        fips_name: as the standard writes it.
        standard: which one.
        category: NIST security category, 1 to 5.
        secret_size: of what is kept: the 32-byte seed ξ of ML-DSA, the whole private key of SLH-DSA.
    """

    fips_name: str
    standard: str
    category: int
    public_key_size: int
    signature_size: int
    secret_size: int


class PostQuantumScheme(IntEnum):
    """`PostQuantumScheme` of interfaces/IPostQuantumScheme.sol."""

    ML_DSA_44 = 0
    ML_DSA_65 = 1
    ML_DSA_87 = 2
    SLH_DSA_SHA2_128S = 3

    def __str__(self) -> str:
        return self.fips_name

    @property
    def facts(self) -> SchemeFacts:
        """Sizes and category."""
        return _FACTS[self]

    @property
    def fips_name(self) -> str:
        """As FIPS 204 or FIPS 205 writes it, such as "ML-DSA-87"."""
        return self.facts.fips_name

    @property
    def is_ml_dsa(self) -> bool:
        """Whether it is of FIPS 204: such a key is registered on chain before it can be used."""
        return self is not PostQuantumScheme.SLH_DSA_SHA2_128S


# FIPS 204, tables 1 and 2; FIPS 205, table 2.
_FACTS = MappingProxyType(
    {
        PostQuantumScheme.ML_DSA_44: SchemeFacts("ML-DSA-44", "FIPS 204", 2, 1_312, 2_420, 32),
        PostQuantumScheme.ML_DSA_65: SchemeFacts("ML-DSA-65", "FIPS 204", 3, 1_952, 3_309, 32),
        PostQuantumScheme.ML_DSA_87: SchemeFacts("ML-DSA-87", "FIPS 204", 5, 2_592, 4_627, 32),
        PostQuantumScheme.SLH_DSA_SHA2_128S: SchemeFacts("SLH-DSA-SHA2-128s", "FIPS 205", 1, 32, 7_856, 64),
    }
)


def parse_scheme(text: str) -> PostQuantumScheme:
    """A scheme by its name, in any case. Raises InputError."""
    for scheme in PostQuantumScheme:
        if text.strip().lower() == scheme.fips_name.lower():
            return scheme
    raise InputError(f"{text!r} is no scheme: choose one of {', '.join(one.fips_name for one in PostQuantumScheme)}")
