"""`deployments/<network>/proposals/<name>/`: the report of a proposal in three forms, and the very object to submit.

`proposal.json` is written last and removed first, so that a folder has it only together with the report it belongs to.
Reading it computes every hash again: a file that was changed after the simulation is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from novacron.atomic import write_atomically
from novacron.chain.addresses import parse_address
from novacron.deploy.lock import exclusive
from novacron.exceptions import InputError, StoreBusyError, StoreError, TamperedProposalError, UnknownProposalError
from novacron.governance.authoring import Description, parse_description
from novacron.governance.lifecycle.drift import Outcome
from novacron.governance.model import Action, Proposal, calldata_hash, proposal_id

FORMAT = "novacron-proposal-v1"
FILE = "proposal.json"
REPORT = "report.json"


@dataclass(frozen=True)
class StoredProposal:
    """What was simulated and is, or will be, on the chain.

    Attributes:
        name: of the folder and of the author's file.
        chain_id, governor: where it belongs.
        proposer: the only account that may propose it.
        targets, values, calldatas, description: the four arguments of `propose`; values in wei.
        transactions: hash of the transaction that did each step: propose, queue, execute.
        report: the document of `report.json`.
    """

    name: str
    chain_id: int
    governor: str
    proposer: str
    targets: tuple[str, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str
    transactions: Mapping[str, str] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> int:
        """OpenZeppelin's proposal id."""
        return proposal_id(list(self.targets), list(self.values), list(self.calldatas), self.description)

    @property
    def call_arguments(self) -> tuple[list[str], list[int], list[bytes], bytes]:
        """Arguments of `queue` and `execute`."""
        return *_calls(self), bytes(keccak(text=self.description))

    @property
    def proposal(self) -> Proposal:
        """As an author's proposal, with actions that are not decoded and nothing expected."""
        actions = tuple(map(Action, self.targets, self.values, self.calldatas))
        return Proposal(self.name, self.parts.title, self.parts.body, actions)

    @property
    def parts(self) -> Description:
        """The parts of the description."""
        return parse_description(self.description)

    @property
    def executed_at(self) -> int | None:
        """Time of the simulated execution, Unix seconds; from the report, whose hash the description holds."""
        found = self.report.get("executed_at")
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    @property
    def pinned(self) -> Outcome:
        """What it was shown to do."""
        return Outcome(self.report["effects"], self.executed_at)

    @property
    def state(self) -> str:
        """The furthest step that we saw done: simulated, submitted, queued or executed."""
        steps = {"execute": "executed", "queue": "queued", "propose": "submitted"}
        return next((state for step, state in steps.items() if step in self.transactions), "simulated")

    def to_json(self) -> str:
        """The text of `proposal.json`."""
        document = {
            "format": FORMAT,
            "name": self.name,
            "state": self.state,
            "id": f"0x{self.id:064x}",
            "chain_id": self.chain_id,
            "governor": self.governor,
            "proposer": self.proposer,
            "targets": list(self.targets),
            "values": [str(value) for value in self.values],
            "calldatas": ["0x" + data.hex() for data in self.calldatas],
            "description": self.description,
            "executed_at": self.executed_at,
            "transactions": dict(self.transactions),
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def require_same(self, proposal: Proposal, proposer: str) -> None:
        """Raise TamperedProposalError unless the author's file still says what was simulated."""
        parts = self.parts
        changed = [
            what
            for what, same in (
                ("actions", _calls(self) == _calls(proposal)),
                ("title", parts.title == proposal.title),
                ("description", parts.body == proposal.body),
                ("proposer", self.proposer == proposer),
            )
            if not same
        ]
        if changed:
            raise TamperedProposalError(
                f"{self.name}: {' and '.join(changed)} changed since the simulation; simulate again before you submit"
            )


class ProposalFolder:
    """The folder of one proposal. `path` is `deployments/<network>/proposals/<name>`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The proposal's name."""
        return self.path.name

    @property
    def exists(self) -> bool:
        """Whether it holds a simulated proposal."""
        return (self.path / FILE).is_file()

    @property
    def claims_submitted(self) -> bool:
        """Whether the file says that a step was taken, however little it can be trusted otherwise."""
        try:
            document = json.loads((self.path / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(document, dict) and bool(document.get("transactions"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs from simulating or submitting the same proposal meanwhile.

        Raises:
            StoreBusyError: one does.
        """
        with ExitStack() as held:
            try:
                held.enter_context(exclusive(self.path))
            except StoreBusyError:
                raise StoreBusyError(f"another run works on {self.name}; wait until it has finished") from None
            yield

    def load(self) -> StoredProposal:
        """Read and check everything.

        Raises:
            UnknownProposalError: nothing was simulated here.
            TamperedProposalError: a file was changed: names the part whose hash does not fit.
        """
        try:
            document = json.loads((self.path / FILE).read_text(encoding="utf-8"))
            raw = (self.path / REPORT).read_bytes()
        except FileNotFoundError as error:
            missing = Path(str(error.filename)).name
            if missing == REPORT:
                raise TamperedProposalError(f"{self.name}: {REPORT} is missing beside {FILE}; simulate again") from None
            raise UnknownProposalError(
                f"no proposal {self.name!r} was simulated here ({self.path}); simulate it first"
            ) from None
        except (OSError, ValueError) as error:
            raise TamperedProposalError(f"{self.name}: {FILE} cannot be read: {error}") from None
        return self._checked(document, raw)

    def save(self, stored: StoredProposal | None, report: bytes, markdown: str, html: str) -> None:
        """Write the report in its three forms, then the proposal; each file appears complete or not at all.

        Without `stored` (the simulation failed) there is a report to read and nothing that could be submitted.

        Raises:
            StoreError: a file cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / FILE).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error
        write_atomically(self.path / REPORT, report)
        write_atomically(self.path / "report.md", markdown)
        write_atomically(self.path / "report.html", html)
        if stored is not None:
            write_atomically(self.path / FILE, stored.to_json())

    def note(self, stored: StoredProposal, step: str, transaction: str) -> StoredProposal:
        """Write down which transaction did a step; nothing changes when that is known."""
        if stored.transactions.get(step) == transaction:
            return stored
        changed = replace(stored, transactions={**stored.transactions, step: transaction})
        write_atomically(self.path / FILE, changed.to_json())
        return changed

    def _checked(self, document: Any, raw: bytes) -> StoredProposal:
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise TamperedProposalError(f"{self.name}: {FILE} is no {FORMAT} file; simulate again")
        try:
            stored = StoredProposal(
                name=str(document["name"]),
                chain_id=int(document["chain_id"]),
                governor=parse_address(document["governor"]),
                proposer=parse_address(document["proposer"]),
                targets=tuple(parse_address(target) for target in document["targets"]),
                values=tuple(int(value) for value in document["values"]),
                calldatas=tuple(bytes.fromhex(data.removeprefix("0x")) for data in document["calldatas"]),
                description=str(document["description"]),
                transactions={str(step): str(found) for step, found in document["transactions"].items()},
                report=json.loads(raw),
            )
            stated, executed_at = int(document["id"], 16), document["executed_at"]
        except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
            raise TamperedProposalError(
                f"{self.name}: {FILE} or {REPORT} is malformed: {error}; simulate again"
            ) from None
        for what, fits in (
            ("the id does not belong to the actions and the description", stored.id == stated),
            *hash_checks(stored, raw),
            (f"executed_at in {FILE} is not that of {REPORT}", executed_at == stored.executed_at),
            (f"{FILE} is of another proposal", stored.name == self.name),
        ):
            if not fits:
                raise TamperedProposalError(f"{self.name}: {what}; a file was changed after the simulation")
        return stored


def hash_checks(stored: StoredProposal, report: bytes) -> list[tuple[str, bool]]:
    """What is wrong when a hash in the description does not fit, and whether it fits."""
    parts = stored.parts
    calls = calldata_hash(list(stored.targets), list(stored.values), list(stored.calldatas))
    return [
        ("the description has no report hash", parts.report_hash is not None),
        (f"{REPORT} does not have the hash in the description", parts.report_hash == hashlib.sha256(report).digest()),
        ("the actions do not have the calldata hash in the description", parts.calldata_hash == calls),
        ("the description names another proposer", parts.proposer == stored.proposer),
    ]


def stored_proposals(root: Path) -> tuple[dict[int, ProposalFolder], list[str]]:
    """Folders below `root` by proposal id, and what is wrong with those that cannot be used."""
    found: dict[int, ProposalFolder] = {}
    problems = []
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        folder = ProposalFolder(path)
        if not folder.exists:
            continue
        try:
            found[folder.load().id] = folder
        except TamperedProposalError as error:
            problems.append(str(error))
    return found, problems


def _calls(proposal: StoredProposal | Proposal) -> tuple[list[str], list[int], list[bytes]]:
    return list(proposal.targets), list(proposal.values), list(proposal.calldatas)


def parse_id(reference: str) -> int | None:
    """A proposal id in decimal or 0x hexadecimal digits; None for anything else."""
    try:
        return int(reference, 16 if reference.lower().startswith("0x") else 10)
    except ValueError:
        return None
