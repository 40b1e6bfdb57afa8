"""Fixtures that this folder's tests share."""

from tests.support.small_dao_fixtures import dao, deployed_dao, manager, reader, suite
from tests.support.small_dao_lifecycle import simulator, stage
from tests.support.zoo import zoo, zoo_artifacts, zoo_fork, zoo_node

__all__ = [
    "dao",
    "deployed_dao",
    "manager",
    "reader",
    "simulator",
    "stage",
    "suite",
    "zoo",
    "zoo_artifacts",
    "zoo_fork",
    "zoo_node",
]
