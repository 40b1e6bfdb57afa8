"""The second chapter: deploy the suite, hand it over, and take a proposal from its Python file to its execution."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from novacron.chain import Anvil, EndpointPool
from novacron.chain.contracts import ContractHandle
from novacron.chain.signer import signer_from_key
from novacron.deploy.handover import check_handover
from novacron.deploy.local import LOCAL_HOLDERS, deploy_local, local_compiler, make_voters
from novacron.governance.lifecycle.proposal_files import ProposalFolder
from novacron.governance.lifecycle.sending import AccountSender
from novacron.governance.lifecycle.votes import Support, cast_vote
from novacron.governance.model import Simulation, Voter
from novacron.governance.onchain import GovernorReader
from novacron.governance.workspace import Workspace

DAY = 86_400
NAIVE, PROPOSAL = "mint_cpu_naive", "mint_cpu"


@dataclass(frozen=True)
class Outcome:
    """What the chapter showed.

    Attributes:
        naive_refused: the naive proposal failed in simulation.
        matches: what the executed proposal did is what was predicted.
        report: the page of the simulation.
    """

    naive_refused: bool
    matches: bool
    report: Path


class Dao:
    """One run of the chapter.

    Args:
        root: the checkout: `scripts/proposals`, `out/forge`.
        folder: receives everything; emptied first.
        console: where it is shown.
        say: prints a line of progress.
    """

    def __init__(self, root: Path, folder: Path, console: Console, say: Callable[[str], None]) -> None:
        self.root, self.folder, self.console, self.say = root, folder, console, say
        self.network = folder / "ethereum-local"

    def run(self) -> Outcome:
        """Run it on an anvil of its own."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.network.mkdir(parents=True)
        with Anvil() as node, EndpointPool([node.url], chain_id=node.chain_id) as pool:
            manifest = deploy_local(pool, self.network)
            self.say(f"{len(manifest.instances)} contracts deployed, roles given, handed over to the timelock")
            handover = check_handover(pool, manifest, local_compiler())
            facts = sum(section.checked for section in handover.sections)
            self.say(f"check_handover: {facts:,} facts read from the chain, {len(handover.findings)} findings")
            make_voters(pool, manifest)
            self.delegate(pool, manifest.address_of("QuadraticVotes"))

            # Blocks mined within one second are dated ahead of the clock by which anvil estimates gas.
            wait(node, 60)

            workspace = Workspace(self.root, self.network, pool)
            self.show_voters(GovernorReader(workspace.dao).voters())
            naive = workspace.lifecycle().simulate(workspace.proposal(NAIVE), LOCAL_HOLDERS[0]).simulation
            reason = next((finding.message for finding in naive.findings if finding.severity == "error"), "")
            self.console.print(f"  [bold red]refused[/] {naive.proposal.title}: {reason}", highlight=False)

            good = workspace.proposal(PROPOSAL)
            proposer = AccountSender(workspace.manager(signer_from_key(node.accounts[1][1])))
            lifecycle = workspace.lifecycle(proposer)
            started = time.monotonic()
            prepared = lifecycle.simulate(good, proposer.address)
            self.say(f"simulated {PROPOSAL} on a fork, report written, in {time.monotonic() - started:.1f} s")
            self.show_effects(prepared.simulation)
            lifecycle.submit(good)
            stored = ProposalFolder(workspace.proposals / PROPOSAL).load()
            self.say(f"submitted exactly that: its description ends with {stored.description.splitlines()[-3]}")

            wait(node, DAY + 1)
            reader = GovernorReader(workspace.dao)
            electorate = {voter.account for voter in reader.voters()}
            for account, key in node.accounts[1:6]:
                if workspace.dao.name_of(account) in electorate or account in electorate:
                    cast_vote(reader, AccountSender(workspace.manager(signer_from_key(key))), stored.id, Support.FOR)
            wait(node, 7 * DAY)
            lifecycle.queue(PROPOSAL)
            wait(node, 2 * DAY + 1)
            lifecycle.execute(PROPOSAL)
            verification = lifecycle.verify(stored)
            matches = verification.matches and verification.complete
            self.say(
                "voted, queued, executed after the timelock; what it did on the chain "
                + ("[green]is exactly what was predicted[/]" if matches else "[bold red]differs from the prediction[/]")
            )
        report = self.network / "proposals" / PROPOSAL / "report.html"
        refused = not naive.ok and "ERC20ExceededCap" in reason
        return Outcome(refused and not handover.findings, matches, report)

    def delegate(self, pool: EndpointPool, address: str) -> None:
        """A chain of delegations: the fifth holder to the fourth, the fourth to the third."""
        votes = ContractHandle(pool, address, local_compiler().compile("QuadraticVotes").abi)
        for delegatee, delegator in ((LOCAL_HOLDERS[3], LOCAL_HOLDERS[4]), (LOCAL_HOLDERS[2], LOCAL_HOLDERS[3])):
            for sender, data in (
                (delegatee, votes.encode("acceptDelegator", delegator, True)),
                (delegator, votes.encode("delegate", delegatee)),
            ):
                call = {"from": sender, "to": votes.address, "data": "0x" + data.hex()}
                pool.request("eth_sendTransaction", [call])
        pool.request("evm_mine", [])

    def show_voters(self, voters: list[Voter]) -> None:
        """The electorate: square roots, delegated ones included."""
        table = Table(title="Voters", title_justify="left", box=None, padding=(0, 1))
        table.add_column("account")
        table.add_column("power (√NOVA)", justify="right")
        table.add_column("share", justify="right")
        for voter in voters:
            table.add_row(voter.account, f"{voter.power / 1000:,.3f}", f"{voter.share:.1%}")
        self.console.print(table)

    def show_effects(self, simulation: Simulation) -> None:
        """Every write, as the report decodes it."""
        table = Table(title="What it would change", title_justify="left", box=None, padding=(0, 1))
        for column in ("storage", "before", "after"):
            table.add_column(column, justify="left" if column == "storage" else "right")
        for write in simulation.effects.writes:
            table.add_row(write.name, f"{write.before:,}", f"{write.after:,}")
        self.console.print(table)


def wait(node: Anvil, seconds: int) -> None:
    """Let time pass on the chain."""
    node.rpc("evm_increaseTime", seconds)
    node.rpc("evm_mine")
