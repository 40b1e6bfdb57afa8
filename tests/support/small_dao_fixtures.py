"""Fixtures over one small DAO; a test module imports those it uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from novacron.chain import Anvil, TransactionManager
from novacron.governance.onchain import GovernorReader
from novacron.governance.suite import Suite
from tests.support.small_dao import SmallDao, small_dao


@pytest.fixture(scope="session")
def deployed_dao() -> Iterator[SmallDao]:
    with Anvil() as node:
        yield small_dao(node)


@pytest.fixture
def dao(deployed_dao: SmallDao) -> Iterator[SmallDao]:
    """The DAO as it was deployed; whatever a test does is undone."""
    mark = deployed_dao.node.rpc("evm_snapshot")
    yield deployed_dao
    deployed_dao.node.rpc("evm_revert", mark)


@pytest.fixture
def suite(dao: SmallDao) -> Iterator[Suite]:
    with dao.pool() as pool:
        yield dao.suite(pool)


@pytest.fixture
def reader(suite: Suite) -> GovernorReader:
    return GovernorReader(suite)


@pytest.fixture
def manager(dao: SmallDao, suite: Suite, tmp_path: Path) -> TransactionManager:
    """Sends as the first member."""
    return dao.manager(1, tmp_path / "journal.db", suite.pool)
