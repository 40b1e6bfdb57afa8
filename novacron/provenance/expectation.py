"""What a verifier knows beforehand of the run it expects, to be compared with what a proof names itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from eth_utils.address import is_address

from novacron.exceptions import InputError, NovaCronError
from novacron.provenance.anchoring import client_scope
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.proof import ChainReceipt

__all__ = ["Expectation"]


@dataclass(frozen=True)
class Expectation:
    """What the verifier trusts; None for what it has no opinion of.

    Attributes:
        contract: address of ProofOfTraining, or `local:<store id>`.
        chain_id: EIP-155 chain id; 0 for the embedded store.
        owner: address (or name in the embedded store) of the run's owner, or of an anchor's submitter.
        run: run id, 32 bytes.
    """

    contract: str | None = None
    chain_id: int | None = None
    owner: str | None = None
    run: bytes | None = None

    def __post_init__(self) -> None:
        """Raises InputError for a contract that is no address."""
        if self.contract is not None and not self.contract.startswith("local:") and not is_address(self.contract):
            raise InputError(f"the expected contract {self.contract!r} is neither an address nor 'local:<store id>'")
        if self.run is not None and len(self.run) != 32:
            raise InputError(f"the expected run id has {len(self.run)} bytes, not 32")

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.contract, self.chain_id, self.owner, self.run))

    def with_client(self, client: BlockchainClient | None) -> Expectation:
        """This, with contract and chain id taken from the client where they are not given."""
        if client is None:
            return self
        try:
            scope = client_scope(client)
        except NovaCronError:  # a store that cannot be read: its own check says so
            return self
        if scope.startswith("local:"):
            contract, chain_id = scope, 0
        else:
            _, number, contract = scope.split(":", 2)
            chain_id = int(number)
        if self.contract is not None:
            return self
        return replace(self, contract=contract, chain_id=chain_id if self.chain_id is None else self.chain_id)

    def names_contract(self, chain: ChainReceipt) -> bool:
        """Whether the contract that the proof names is one that is expected by name."""
        return self.contract is not None and _same(self.contract, chain.contract)

    def mismatches(self, chain: ChainReceipt) -> list[str]:
        """One sentence fragment for each thing that the proof names otherwise."""
        found = []
        if self.contract is not None and not _same(self.contract, chain.contract):
            found.append(f"contract {chain.contract} instead of {self.contract}")
        if self.chain_id is not None and self.chain_id != chain.chain_id:
            found.append(f"chain {chain.chain_id} instead of {self.chain_id}")
        if self.owner is not None and not _same(self.owner, chain.owner):
            found.append(f"owner {chain.owner} instead of {self.owner}")
        if self.run is not None and self.run != chain.run:
            run = "no run" if chain.run is None else f"run 0x{chain.run.hex()}"
            found.append(f"{run} instead of 0x{self.run.hex()}")
        return found

    def named(self) -> str:
        """What is expected, for people."""
        values = {"contract": self.contract, "chain": self.chain_id, "owner": self.owner}
        parts = [f"{name} {value}" for name, value in values.items() if value is not None]
        return ", ".join([*parts, f"run 0x{self.run.hex()}"] if self.run is not None else parts)


def _same(first: str, second: str) -> bool:
    if is_address(first) and is_address(second):
        return first.lower().removeprefix("0x") == second.lower().removeprefix("0x")
    return first == second
