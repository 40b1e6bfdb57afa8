"""Transaction fees: EIP-1559 from `eth_feeHistory`, legacy where the chain has no base fee, never above a hard cap."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import Any, Literal

from novacron.chain.answers import is_quantity
from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import ConfigurationError, FeeCapError, InconsistentEndpointError, RejectedError

Speed = Literal["slow", "medium", "fast"]

GWEI = 10**9
_BLOCKS = 10
_PERCENTILES = {"slow": 10, "medium": 50, "fast": 90}
#: Multiples of `eth_gasPrice` in per cent, for chains without a base fee.
_LEGACY_PERCENT = {"slow": 100, "medium": 110, "fast": 125}


@dataclass(frozen=True)
class FeeQuote:
    """Fees of one transaction, wei per gas. A legacy quote's gas price is `max_fee_per_gas`."""

    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    base_fee: int = 0
    legacy: bool = False

    def fields(self) -> dict[str, int]:
        """The fee fields of a transaction (EIP-1559 type 2, or `gasPrice`)."""
        if self.legacy:
            return {"gasPrice": self.max_fee_per_gas}
        return {
            "type": 2,
            "maxFeePerGas": self.max_fee_per_gas,
            "maxPriorityFeePerGas": self.max_priority_fee_per_gas,
        }


@dataclass(frozen=True)
class FeePolicy:
    """How much to pay.

    Args:
        speed: 10th, 50th or 90th percentile of the tips paid in the last ten blocks.
        max_fee_per_gas: hard cap in wei per gas; no transaction is ever signed above it. Default 500 gwei.
        legacy: True for `gasPrice` transactions, False for EIP-1559, None to ask the chain.
        min_priority_fee: smallest tip in wei per gas; nodes refuse a tip of 0 on most chains.
    """

    speed: Speed = "medium"
    max_fee_per_gas: int = 500 * GWEI
    legacy: bool | None = None
    min_priority_fee: int = 1_000_000

    def __post_init__(self) -> None:
        if self.speed not in _PERCENTILES:
            raise ConfigurationError(f"fee speed {self.speed!r}: use slow, medium or fast")
        if self.max_fee_per_gas <= 0:
            raise ConfigurationError(f"fee cap {self.max_fee_per_gas} wei: it must be positive")

    def quote(self, pool: EndpointPool) -> FeeQuote:
        """What to pay now.

        EIP-1559: max fee = 2 x next base fee + tip, which stays payable through at least five full blocks; where the
        cap cuts into that, first the headroom shrinks, then the tip.

        Raises:
            FeeCapError: the base fee (or legacy gas price) alone exceeds the cap.
            ChainUnavailableError: no endpoint answers.
        """
        if self.legacy:
            return self._legacy_quote(pool)
        latest, history = self._observe(pool)
        base_fee = _next_base_fee(latest, history)
        if base_fee is None:
            if self.legacy is False:
                raise ConfigurationError("this chain has no base fee (EIP-1559): set legacy=True or leave it None")
            return self._legacy_quote(pool)
        tip = _typical_tip(history, list(_PERCENTILES).index(self.speed))
        if tip is None:
            tip = self._suggested_tip(pool)
        return self._compose(base_fee, max(tip, self.min_priority_fee))

    def raised(self, old: FeeQuote, now: FeeQuote | None = None) -> FeeQuote:
        """Fees that replace a pending transaction paying `old`: both at least 12.5 % higher (nodes ask for 10 %).

        Args:
            old: what the pending transaction pays.
            now: a current quote; taken where it is higher still.

        Raises:
            FeeCapError: the cap leaves no room.
        """
        fee, tip = _eighth_more(old.max_fee_per_gas), _eighth_more(old.max_priority_fee_per_gas)
        if now is not None and now.legacy == old.legacy:
            fee, tip = max(fee, now.max_fee_per_gas), max(tip, now.max_priority_fee_per_gas)
        fee = max(fee, tip)
        if fee > self.max_fee_per_gas:
            fee = _eighth_more(old.max_fee_per_gas)  # the least the network accepts
            tip = min(tip, max(fee, _eighth_more(old.max_priority_fee_per_gas)))
        if max(fee, tip) > self.max_fee_per_gas:
            raise FeeCapError(
                f"replacing the pending transaction takes {max(fee, tip)} wei per gas, the cap is "
                f"{self.max_fee_per_gas}; raise max_fee_per_gas or wait"
            )
        return replace(old, max_fee_per_gas=fee, max_priority_fee_per_gas=tip)

    def _compose(self, base_fee: int, tip: int) -> FeeQuote:
        if base_fee > self.max_fee_per_gas:
            raise FeeCapError(
                f"the base fee is {base_fee} wei per gas, above the cap of {self.max_fee_per_gas}; "
                "wait for a calmer hour or raise max_fee_per_gas"
            )
        fee = min(2 * base_fee + tip, self.max_fee_per_gas)
        return FeeQuote(fee, min(tip, fee - base_fee), base_fee)

    def _legacy_quote(self, pool: EndpointPool) -> FeeQuote:
        suggested = int(pool.request("eth_gasPrice", []), 16)
        if suggested > self.max_fee_per_gas:
            raise FeeCapError(
                f"the gas price is {suggested} wei, above the cap of {self.max_fee_per_gas}; "
                "wait for a calmer hour or raise max_fee_per_gas"
            )
        price = min(-(-suggested * _LEGACY_PERCENT[self.speed] // 100), self.max_fee_per_gas)
        return FeeQuote(price, price, 0, legacy=True)

    def _observe(self, pool: EndpointPool) -> tuple[Any, Any]:
        latest, history = pool.batch_exchange(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_feeHistory", [hex(_BLOCKS), "latest", list(_PERCENTILES.values())]),
            ]
        )
        block = latest.get("result")
        if block is None:
            block = pool.request("eth_getBlockByNumber", ["latest", False])
        if block is None:
            raise InconsistentEndpointError("the node knows no latest block")
        return block, history.get("result") or {}

    @staticmethod
    def _suggested_tip(pool: EndpointPool) -> int:
        try:
            return int(pool.request("eth_maxPriorityFeePerGas", []), 16)
        except RejectedError:  # not part of the execution API's core; some nodes lack it
            return GWEI


def _eighth_more(value: int) -> int:
    return max(-(-value * 9 // 8), value + 1)


def _next_base_fee(latest: dict[str, Any], history: dict[str, Any]) -> int | None:
    """Base fee of the next block; None on a chain without EIP-1559."""
    own = latest.get("baseFeePerGas")
    if not is_quantity(own):
        return None
    values = history.get("baseFeePerGas")
    following = values[-1] if isinstance(values, list) and values else None
    # At most 1/8 above the latest block's (EIP-1559); a history that claims more is not believed.
    ceiling = int(own, 16) * 9 // 8 + 1
    return min(int(following, 16), ceiling) if is_quantity(following) else ceiling


def _typical_tip(history: dict[str, Any], column: int) -> int | None:
    """Median over the non-empty blocks of one reward percentile; None when no block had a transaction."""
    rewards, ratios = history.get("reward"), history.get("gasUsedRatio")
    if not isinstance(rewards, list) or not isinstance(ratios, list):
        return None
    tips = [
        int(row[column], 16)
        for row, ratio in zip(rewards, ratios, strict=False)
        if ratio and isinstance(row, list) and len(row) > column and is_quantity(row[column])
    ]
    return int(statistics.median(tips)) if tips else None
