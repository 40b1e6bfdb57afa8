"""One market a module; what a test does to the chain is undone."""

from __future__ import annotations

from tests.sdk.market.conftest import actors, answer, built, command, customer, world

__all__ = ["actors", "answer", "built", "command", "customer", "world"]
