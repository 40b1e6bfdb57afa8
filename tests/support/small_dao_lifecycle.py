"""A stage for the tests of a proposal's life: lifecycles of any account over one folder and one journal each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import EndpointPool
from novacron.governance.expects import NOBODY, transfer
from novacron.governance.lifecycle.lifecycle import Lifecycle
from novacron.governance.lifecycle.sending import AccountSender
from novacron.governance.model import Proposal
from novacron.governance.onchain import GovernorReader
from novacron.governance.simulation.fork_simulator import ForkSimulator
from novacron.governance.suite import Suite
from tests.support.small_dao import NOVA, SmallDao


def mint_proposal(suite: Suite, amount: int, *, name: str = "mint_cpu", expects: Any = None) -> Proposal:
    """Mint CPU to the timelock, and expect that."""
    action = suite.contract("CPU").mint(suite.contract("Timelock"), amount)
    expected = (transfer("CPU", NOBODY, "Timelock", amount),) if expects is None else expects
    return Proposal(name, "Mint CPU", "because", (action,), expected)


@dataclass
class Stage:
    """The DAO, and where its proposals' files go."""

    dao: SmallDao
    suite: Suite
    folder: Path
    simulator: ForkSimulator
    nonce: int

    @property
    def reader(self) -> GovernorReader:
        return GovernorReader(self.suite)

    def lifecycle(
        self, by: int = 1, *, pool: EndpointPool | None = None, journal: str = "", **options: Any
    ) -> Lifecycle:
        """As anvil's account `by`; each call is another run of the program."""
        suite = self.suite if pool is None else self.suite.on(pool)
        manager = self.dao.manager(by, self.folder / f"journal-{journal or by}.db", suite.pool, **options)
        return Lifecycle(suite, self.folder / "proposals", self.simulator, AccountSender(manager))

    def passed(self, amount: int = 5 * NOVA) -> int:
        """A submitted mint proposal after a successful vote; its id."""
        number = self.lifecycle().submit(mint_proposal(self.suite, amount)).proposal
        self.dao.carry(number)
        return number


@pytest.fixture(scope="session")
def simulator() -> ForkSimulator:
    return ForkSimulator()


@pytest.fixture
def stage(dao: SmallDao, suite: Suite, tmp_path: Path, simulator: ForkSimulator) -> Stage:
    nonce = int(dao.w3.eth.get_transaction_count(dao.accounts[1]))
    return Stage(dao, suite, tmp_path, simulator, nonce)
