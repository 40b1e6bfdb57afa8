"""The part of the suite's plan that says what was signed and released: verifiers, verifications, models."""

from __future__ import annotations

from novacron.deploy.plan import Instance, Item, Ref

#: The verifier of each scheme, in the order of `interfaces/IPostQuantumScheme.sol`.
VERIFIERS = ("MLDSA44", "MLDSA65", "MLDSA87", "SLHDSASHA2128s")


def models_instances() -> tuple[Item, ...]:
    """Contracts, each after what it needs. All are immutable; only the registry has an authority, for certifiers."""
    return (
        Instance("PostQuantumKeys", "PostQuantumKeys"),
        *(Instance(name, name, (Ref("PostQuantumKeys"),)) for name in VERIFIERS[:3]),
        Instance("SLHDSASHA2128s", "SLHDSASHA2128s"),
        Instance("QuantumVerification", "QuantumVerification", (tuple(Ref(name) for name in VERIFIERS),)),
        Instance(
            "ModelRegistry",
            "ModelRegistry",
            (Ref("Authority"), Ref("ProofOfTraining"), Ref("QuantumVerification")),
        ),
    )
