"""A BlockchainIntegrationService with what it needs, for its tests."""

from __future__ import annotations

import asyncio
from typing import Any

from novacron.models.cache import MemoryCache
from novacron.quantum.alerts import Alert, CallbackAlerts
from novacron.quantum.service import BlockchainIntegrationService
from tests.sdk.quantum.world import OPERATOR, Actors

DATA = b"the weights of a model"
LEVEL = 2


class Desk:
    """A service with what it needs, and what it told."""

    def __init__(self, actors: Actors, **options: Any) -> None:
        self.seconds = 0.0
        self.alerts: list[Alert] = []
        self.cache = options.pop("cache", None) or MemoryCache(clock=lambda: self.seconds)
        account = actors.account(OPERATOR, **{k: options.pop(k) for k in ("confirmations", "timeout") if k in options})
        keys = options.pop("keys", [actors.world.working])
        sinks = options.pop("alerts", [CallbackAlerts(self.alerts.append)])
        self.service = BlockchainIntegrationService(
            account, keys, cache=self.cache, alerts=sinks, clock=lambda: 1_800_000_000.5, **options
        )

    def data(self, data: Any = DATA, level: Any = LEVEL) -> Any:
        return asyncio.run(self.service.verify_data(data, level))

    def batch(self, data: Any, level: Any = LEVEL) -> Any:
        return asyncio.run(self.service.verify_batch(data, level))
