"""One registry; what a test does to the chain is undone."""

from __future__ import annotations

from tests.support.model_stock import get, released, source, stock, store
from tests.support.model_world import actors, built, world

__all__ = ["actors", "built", "get", "released", "source", "stock", "store", "world"]
