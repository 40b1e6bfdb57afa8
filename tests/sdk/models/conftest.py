"""One registry; what a test does to the chain is undone."""

from __future__ import annotations

from tests.support.model_world import actors, built, world

__all__ = ["actors", "built", "world"]
