"""The small DAO on an anvil for the module; each test finds one active proposal and leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from novacron.chain.anvil import Anvil
from tests.support.small_dao import DAY, SmallDao, small_dao


@pytest.fixture(scope="module")
def deployed() -> Iterator[SmallDao]:
    with Anvil() as node:
        yield small_dao(node)


@pytest.fixture
def dao(deployed: SmallDao) -> Iterator[SmallDao]:
    """The DAO with `dao.contracts` as deployed; the chain goes back afterwards."""
    snapshot = deployed.node.rpc("evm_snapshot")
    yield deployed
    assert deployed.node.rpc("evm_revert", snapshot) is True


@pytest.fixture
def proposal(dao: SmallDao) -> int:
    """Number of a proposal whose vote has begun."""
    dao.pass_time(12)
    governor, cpu, timelock = (dao.contracts[name] for name in ("Governance", "CPU", "Timelock"))
    action = ([cpu.address], [0], [cpu.encode_abi("mint", [timelock.address, 1])])
    dao.send(dao.members[0], "Governance", "propose", *action, "Mint")
    number = governor.functions.getProposalId(*action, dao.w3.keccak(text="Mint")).call()
    dao.pass_time(DAY + 1)
    return int(number)
