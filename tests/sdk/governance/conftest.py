"""Fixtures that this folder's tests share."""

from tests.support.zoo import zoo, zoo_artifacts, zoo_fork, zoo_node

__all__ = ["zoo", "zoo_artifacts", "zoo_fork", "zoo_node"]
