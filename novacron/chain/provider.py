"""web3.py over an EndpointPool: every request of a Web3 gets the pool's failover and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from web3 import Web3
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from novacron.exceptions import ChainError

if TYPE_CHECKING:
    from novacron.chain.endpoints import EndpointPool


class PoolProvider(JSONBaseProvider):
    """A synchronous web3 provider whose transport is an EndpointPool."""

    def __init__(self, pool: EndpointPool) -> None:
        super().__init__()
        self._pool = pool

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request. Raises ChainUnavailableError or WrongChainError; node errors are returned, as web3 expects."""
        return cast(RPCResponse, self._pool.exchange(str(method), list(params or [])))

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """Several requests, answers in the same order."""
        calls = [(str(method), list(params or [])) for method, params in requests]
        return cast("list[RPCResponse]", self._pool.batch_exchange(calls))

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether any endpoint answers."""
        try:
            self._pool.request("eth_blockNumber", [])
        except ChainError:
            if show_traceback:
                raise
            return False
        return True


def web3_over(pool: EndpointPool) -> Web3:
    """A Web3 over the pool; blocks of proof-of-authority chains (Polygon, Clique) are understood too."""
    w3 = Web3(PoolProvider(pool))
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    return w3
