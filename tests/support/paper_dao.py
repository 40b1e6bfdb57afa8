"""A suite without a chain: fixed addresses, the package's ABIs, and answers that a test writes down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from novacron.chain.endpoints import EndpointPool
from novacron.deploy.manifest import DeploymentManifest, InstanceRecord
from novacron.governance.suite import IMPLEMENTATION_SLOT, Suite

CONTRACTS = {
    "Authority": "Authority",
    "CPU": "ResourceToken",
    "EmergencyBrake": "EmergencyBrake",
    "Governance": "Governance",
    "GuardianSafe": "npm:@safe-global/safe-smart-account/build/artifacts/SafeProxy.sol/SafeProxy.json",
    "IdentityGate": "Proxy",
    "IdentityGateImplementation": "IdentityGate",
    "MEM": "ResourceToken",
    "NovaToken": "NovaToken",
    "ProofOfTraining": "ProofOfTraining",
    "QuadraticVotes": "QuadraticVotes",
    "Timelock": "Timelock",
}
ADDRESSES = {name: str(to_checksum_address(f"0x{0xDA0 + number:040x}")) for number, name in enumerate(CONTRACTS, 1)}
ALICE = "0x00000000000000000000000000000000000A11cE"
BOB = "0x0000000000000000000000000000000000000B0b"
WORD = "0x" + "0" * 64


class PaperPool(EndpointPool):
    """Answers `eth_call` by (address, call data) and storage by (address, slot) from what the test gave it."""

    def __init__(self, chain_id: int = 31337) -> None:
        super().__init__(["http://127.0.0.1:1"], chain_id=chain_id, health_interval=None)
        self.calls: dict[tuple[str, str], str] = {}
        self.storage: dict[tuple[str, str], str] = {
            (ADDRESSES["IdentityGate"], IMPLEMENTATION_SLOT): word(ADDRESSES["IdentityGateImplementation"])
        }
        self.asked: list[tuple[str, Sequence[Any]]] = []

    def exchange(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        self.asked.append((method, params))
        if method == "eth_getStorageAt":
            return {"result": self.storage.get((params[0], params[1]), WORD)}
        if method == "eth_call":
            answer = self.calls.get((params[0]["to"], params[0]["data"]))
            return {"error": {"code": 3, "message": "execution reverted"}} if answer is None else {"result": answer}
        raise AssertionError(f"the test has no answer to {method}")


def word(value: int | str) -> str:
    """A 32-byte word as the chain answers it."""
    return f"0x{int(value, 16) if isinstance(value, str) else value:064x}"


def paper_manifest(contracts: Mapping[str, str] = CONTRACTS) -> DeploymentManifest:
    return DeploymentManifest("ethereum-paper", 31337, WORD, {name: _record(name, c) for name, c in contracts.items()})


def paper_suite(pool: EndpointPool | None = None, artifacts: Path | Sequence[Path] = ()) -> Suite:
    return Suite.connect(pool or PaperPool(), paper_manifest(), artifacts)


def _record(name: str, contract: str) -> InstanceRecord:
    return InstanceRecord(
        instance=name,
        plan="paper",
        contract=contract,
        source="",
        address=ADDRESSES[name],
        constructor_arguments=(),
        encoded_arguments="0x",
        salt_label=name,
        salt=WORD,
        init_code_hash=WORD,
        compiler_version="",
        compiler_input_hash="0" * 64,
        compiler_input="x.json",
        deployer=ALICE,
        adopted=False,
        transaction_hash=None,
        block_number=None,
        block_hash=None,
        git_commit=None,
        git_dirty=None,
    )
