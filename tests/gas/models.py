"""Gas of the registry of models; used by tests/gas/snapshot.py.

Steady state: each transaction is mined at a time and in a block of its own; digests and texts have no zero byte, and
QuantumVerification is a double, which no measured call asks. Commitments are made an hour ahead, so that what is
registered on them is final at once. What differs from that says so in its name.
"""

from __future__ import annotations

import hashlib
from typing import Any

from eth_utils import function_abi_to_4byte_selector
from web3.contract import Contract

from tests.gas.governance import DAY, Chain, person, started

#: What the project promises, whole transaction.
BOUNDS = {"Model: registerModel, metadata 256 B": 140_000}

ZERO = b"\0" * 32
HOUR = 3_600
FINE_TUNE, STAGING, PRODUCTION = 1, 1, 2
#: As long as a version may be; 12 bytes are the longest that take no contract of their own.
LONG = "1.22.333-alpha.4444+55555.666666"


def digest(name: str) -> bytes:
    """32 bytes without a zero among them, a function of `name`."""
    return hashlib.sha256(name.encode()).digest().replace(b"\0", b"\1")


def text(length: int) -> str:
    """Metadata of so many bytes."""
    return "".join(digest(f"metadata {i}").hex() for i in range(length // 64 + 1))[:length]


class Registry:
    """A registry with an owner, its heir and a certifier."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.owner, self.heir, self.certifier = (person(2_000 + i) for i in range(3))
        for account in (self.owner, self.heir, self.certifier):
            chain.unlock(account)
        authority = chain.deploy("Authority", chain.deployer)
        self.proof: Contract = chain.deploy("ProofOfTraining", chain.deployer)
        verifications = chain.deploy("VerificationDouble")
        registry = chain.deploy("ModelRegistry", authority.address, self.proof.address, verifications.address)
        self.f = registry.functions
        restricted = {"certify", "revokeCertificate", "revokeModel"}
        selectors = [function_abi_to_4byte_selector(f) for f in registry.abi if f.get("name") in restricted]
        chain.gas(authority.functions.setTargetFunctionRole(registry.address, selectors, 3))
        chain.gas(authority.functions.grantRole(3, self.certifier, 0))

    def plain(self, name: str, metadata: int, version: str = "1.2.3") -> int:
        """Gas of a registration without commitment and lineage."""
        return self.chain.gas(self.f.registerModel(digest(name), digest("vector"), version, text(metadata)), self.owner)

    def commit(self, name: str) -> int:
        """Gas of the commitment to a registration."""
        commitment = self.f.commitmentOf(self.owner, digest(name), digest("salt")).call()
        return self.chain.gas(self.f.commit(commitment), self.owner)

    def reveal(
        self,
        name: str,
        parents: tuple[str, ...] = (),
        datasets: int = 0,
        run: bytes = ZERO,
        metadata: int = 256,
        kept: bool = False,
        version: str = "1.2.3",
        ahead: int = HOUR,
    ) -> int:
        """Gas of a registration that was committed to so many seconds before, at least: final at once after an hour."""
        self.commit(name)
        self.chain.wait(ahead)
        lineage = (
            [(digest(parent), FINE_TUNE) for parent in parents],
            [digest(f"data set {i}") for i in range(datasets)],
            run,
            ZERO,
        )
        arguments = (digest(name), digest("vector"), version, text(metadata), kept, lineage, digest("salt"))
        return self.chain.gas(self.f.register(*arguments), self.owner)

    def sealed(self, name: str) -> bytes:
        """A run of the owner that ended in this model."""
        f, chain = self.proof.functions, self.chain
        run: bytes = f.runId(self.owner, digest("salt"), digest("manifest")).call()
        chain.gas(f.openRun(digest("salt"), digest("manifest")), self.owner)
        chain.gas(f.extendRun(run, 1, digest("root"), []), self.owner)
        chain.gas(f.sealRun(run, digest(name)), self.owner)
        return run


def measure_models() -> dict[str, int]:
    """Gas used, by operation, from one chain."""
    with started() as node:
        registry = Registry(Chain(node))
        figures = {**_registrations(registry), **_life(registry), **_names(registry)}
    return {f"Model: {name}": used for name, used in figures.items()}


def _registrations(registry: Registry) -> dict[str, int]:
    figures = {
        f"registerModel, metadata {length:,} B": registry.plain(f"plain {length}", length) for length in (0, 256, 2_048)
    }
    figures["registerModel, version of 32 B"] = registry.plain("long", 0, LONG)
    figures["commit"] = registry.commit("committed")
    parents = tuple(f"parent {i}" for i in range(8))
    for parent in parents:
        registry.reveal(parent)
    return figures | {
        "register, committed": registry.reveal("revealed"),
        "register, committed a minute before, provisional": registry.reveal("hasty", ahead=60),
        "register, committed, metadata 256 B kept": registry.reveal("kept", kept=True),
        "register, committed, 1 parent and its run": registry.reveal(
            "child", parents[:1], run=registry.sealed("child")
        ),
        "register, committed, 8 parents, 16 data sets": registry.reveal("merged", parents, 16),
    }


def _life(registry: Registry) -> dict[str, int]:
    f, model = registry.f, digest("parent 0")

    def by_owner(function: Any) -> int:
        return registry.chain.gas(function, registry.owner)

    def certify() -> int:
        until = registry.chain.time + 300 * DAY
        return registry.chain.gas(f.certify(model, until, digest("evidence")), registry.certifier)

    return {
        "setStage, first": by_owner(f.setStage(model, STAGING)),
        "setStage": by_owner(f.setStage(model, PRODUCTION)),
        "certify, first": certify(),
        "certify": certify(),
        "revokeCertificate": registry.chain.gas(f.revokeCertificate(model, "careless"), registry.certifier),
        "transferModel": by_owner(f.transferModel(model, registry.heir)),
        "acceptModel": registry.chain.gas(f.acceptModel(model), registry.heir),
        "revokeModel, owner": registry.chain.gas(f.revokeModel(model, "broken"), registry.heir),
        "revokeModel, certifier": registry.chain.gas(f.revokeModel(digest("parent 1"), "broken"), registry.certifier),
    }


def _names(registry: Registry) -> dict[str, int]:
    f, first, second = registry.f, digest("first"), digest("second")
    registry.reveal("first")
    registry.reveal("second", version="2.0.0")

    def by_owner(function: Any) -> int:
        return registry.chain.gas(function, registry.owner)

    figures = {"createName": by_owner(f.createName("resnet50"))}
    name = f.nameIdOf(registry.owner, "resnet50").call()
    by_owner(f.publish(name, first))
    return figures | {
        "publish": by_owner(f.publish(name, second)),
        "setAlias, first": by_owner(f.setAlias(name, "champion", ZERO, first)),
        "setAlias": by_owner(f.setAlias(name, "champion", first, second)),
        "freezeAlias": by_owner(f.freezeAlias(name, "champion")),
        "transferName": by_owner(f.transferName(name, registry.heir)),
        "acceptName": registry.chain.gas(f.acceptName(name), registry.heir),
        "freezeName": registry.chain.gas(f.freezeName(name), registry.heir),
    }
