"""A project folder and a network: where the manifest, the proposals' files, their reports and the journal are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from novacron.chain.endpoints import EndpointPool
from novacron.chain.fees import FeePolicy
from novacron.chain.journal import Journal
from novacron.chain.signer import Signer
from novacron.chain.transactions import TransactionManager
from novacron.deploy.apply import MANIFEST_NAME, journal_name, require_same_chain
from novacron.deploy.manifest import load_manifest
from novacron.governance.authoring import load_proposal
from novacron.governance.lifecycle.lifecycle import Lifecycle
from novacron.governance.lifecycle.proposal_files import ProposalFolder, parse_id
from novacron.governance.lifecycle.safe import SafeAccount
from novacron.governance.lifecycle.sending import SafeSender, Sender
from novacron.governance.model import Proposal
from novacron.governance.simulation.fork_simulator import ForkSimulator
from novacron.governance.suite import Suite


@dataclass
class Workspace:
    """One network of one project.

    Attributes:
        root: the project: `scripts/proposals`, `out/forge`, `deployments`.
        folder: `deployments/<ecosystem>-<network>`.
        pool: the chain.
    """

    root: Path
    folder: Path
    pool: EndpointPool

    @classmethod
    def of_manifest(cls, manifest: Path, pool: EndpointPool) -> Workspace:
        """The project that a manifest `<root>/deployments/<network>/manifest.json` lies in."""
        folder = manifest.resolve().parent
        return cls(folder.parents[1], folder, pool)

    @cached_property
    def dao(self) -> Suite:
        """The deployed suite.

        Raises:
            DeployError, WrongChainError: no manifest, or that of another chain.
        """
        path = self.folder / MANIFEST_NAME
        manifest = load_manifest(path)
        require_same_chain(self.pool, manifest, path)
        return Suite.connect(self.pool, manifest, self.root / "out" / "forge")

    @property
    def proposals(self) -> Path:
        """Folder of the reports."""
        return self.folder / "proposals"

    def proposal(self, name: str) -> Proposal:
        """`scripts/proposals/<name>.py`. Raises ProposalError."""
        return load_proposal(self.root / "scripts" / "proposals" / f"{Path(name).stem}.py", self.dao)

    def manager(
        self, signer: Signer, fees: FeePolicy | None = None, *, confirmations: int = 1, timeout: float = 600.0
    ) -> TransactionManager:
        """Sends as `signer`; the journal is the network's, shared with deployments."""
        self.folder.mkdir(parents=True, exist_ok=True)
        journal = Journal(self.folder / journal_name(self.pool, self.folder))
        return TransactionManager(self.pool, signer, journal, fees, confirmations=confirmations, timeout=timeout)

    def safe_sender(self, address: str) -> SafeSender:
        """Acts as a Safe; its transactions are files in `deployments/<network>/safe`."""
        return SafeSender(SafeAccount(self.pool, self.dao.resolve(address)), self.folder / "safe")

    def proposal_id(self, reference: str) -> int:
        """Id of a proposal by its name or its id.

        Raises:
            UnknownProposalError: nothing of this name was simulated here.
        """
        number = parse_id(reference)
        return ProposalFolder(self.proposals / Path(reference).stem).load().id if number is None else number

    def lifecycle(self, sender: Sender | None = None, notify: Callable[[str], None] | None = None) -> Lifecycle:
        """The steps of a proposal's life here."""
        return Lifecycle(self.dao, self.proposals, ForkSimulator(notify), sender, notify=notify)
