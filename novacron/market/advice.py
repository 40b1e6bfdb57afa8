"""What the market's errors mean, and what to do about each."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from novacron.market.deployment import Advice
from novacron.market.resources import Resource, decimal_text, native_text, tokens_text


def moment(timestamp: int) -> str:
    """Unix seconds as `2026-11-21 10:28:00 UTC`; the number itself beyond the year 9999."""
    if not 0 <= timestamp < 253_402_300_800:
        return str(timestamp)
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def amount(value: int, resource: int) -> str:
    """Base units of a resource by its number."""
    return tokens_text(value, Resource(resource))


def _late(deadline: int, now: int) -> str:
    return f"the deadline {moment(deadline)} had passed at {moment(now)}: ask for a new quotation and send again"


def _paused(*_: Any) -> str:
    return "this is paused by the guardian; selling, removing, cancelling and withdrawing still work"


#: ResourceMarket, LiquidityPool, OrderBook, ResourceStaking, and the tokens they move.
MARKET_ADVICE: Advice = MappingProxyType(
    {
        "EnforcedPause": _paused,
        "ERC20InsufficientBalance": lambda who, has, needs: (
            f"{who} has {has} base units of the token and needs {needs}: buy more, or use less"
        ),
        "ERC20InsufficientAllowance": lambda who, has, needs: (
            f"{who} may take {has} base units of the token and needs {needs}: approve it"
        ),
        "ERC6909InsufficientBalance": lambda who, has, needs, resource: (
            f"{who} has {has} shares of the {Resource(resource).name} pool, not {needs}: remove no more than that"
        ),
        "FailedCall": lambda: "the recipient refuses the native currency: name another recipient",
        # Curve
        "ResourceMarket_ZeroAmount": lambda: "that is so little that it is worth nothing: trade more at once",
        "ResourceMarket_Expired": _late,
        "ResourceMarket_InvalidRecipient": lambda who: f"nothing may be sent to {who}: name another recipient",
        "ResourceMarket_InsufficientPayment": lambda cost, payment: (
            f"it costs {native_text(cost)} by now, more than the limit of {native_text(payment)}: "
            "ask for a new quotation, or raise the limit"
        ),
        "ResourceMarket_InsufficientInventory": lambda resource, wanted, there: (
            f"the market has {amount(there, resource)} left, not {amount(wanted, resource)}: buy less, or look at the "
            "pool and the offers"
        ),
        "ResourceMarket_InsufficientAmount": lambda gets, least: (
            f"the payment buys {gets} base units by now, fewer than the {least} asked for: ask for a new quotation"
        ),
        "ResourceMarket_InsufficientProceeds": lambda gets, least: (
            f"it brings {native_text(gets)} by now, less than the limit of {native_text(least)}: ask for a new "
            "quotation, or lower the limit"
        ),
        "ResourceMarket_InsufficientSold": lambda resource, wanted, sold: (
            f"the curve has sold {amount(sold, resource)} and buys no more than that back, not "
            f"{amount(wanted, resource)}: sell less, or to the pool or an offer"
        ),
        "ResourceMarket_NoFees": lambda resource: f"no fees of {Resource(resource).name} wait to be collected",
        # Pool
        "LiquidityPool_ZeroAmount": lambda: "that is so little that it brings nothing: use more",
        "LiquidityPool_Expired": _late,
        "LiquidityPool_InvalidRecipient": lambda who: f"nothing may be sent to {who}: name another recipient",
        "LiquidityPool_Empty": lambda resource: (
            f"nobody has added to the {Resource(resource).name} pool yet: trade with the curve, or be the first to add"
        ),
        "LiquidityPool_FirstTooSmall": lambda root, locked: (
            f"the first to add leaves {locked} shares behind, and this gives {root}: add more"
        ),
        "LiquidityPool_InsufficientReserve": lambda wanted, there: (
            f"the pool holds {there} base units, of which {wanted} cannot be bought: ask for less"
        ),
        "LiquidityPool_InsufficientShares": lambda gets, least: (
            f"there would be {gets} shares, fewer than {least}: the ratio has moved; ask for a new quotation"
        ),
        "LiquidityPool_ExcessiveShares": lambda wanted, there: (
            f"the pool has given out {there} shares, not {wanted}: remove no more than you have"
        ),
        "LiquidityPool_InsufficientToken": lambda gets, least: (
            f"there would be {gets} base units of the token, fewer than the limit of {least}: ask for a new quotation"
        ),
        "LiquidityPool_InsufficientNative": lambda gets, least: (
            f"there would be {native_text(gets)}, less than the limit of {native_text(least)}: ask for a new quotation"
        ),
        "LiquidityPool_ExcessiveToken": lambda takes, most: (
            f"it takes {takes} base units of the token by now, more than the limit of {most}: ask for a new quotation"
        ),
        "LiquidityPool_InsufficientPayment": lambda takes, payment: (
            f"it takes {native_text(takes)} by now, more than the limit of {native_text(payment)}: "
            "ask for a new quotation"
        ),
        # Orders
        "OrderBook_NoOffer": lambda number: f"offer {number} has ended or never was: list the offers that stand",
        "OrderBook_OtherToken": lambda number, token, offered: (
            f"offer {number} is of the token {offered}, not of {token}: look at it again before you take it"
        ),
        "OrderBook_NotListed": lambda token: (
            f"the token {token} is not traded here (any more): offers can only be ended"
        ),
        "OrderBook_BadExpiry": lambda expiry, now: (
            f"the expiry {moment(expiry)} is not after {moment(now)}: use a later one"
        ),
        "OrderBook_Expired": lambda number, expiry: f"offer {number} expired at {moment(expiry)}: take another one",
        "OrderBook_TooLate": _late,
        "OrderBook_WrongValue": lambda sent, needed: f"{native_text(sent)} were sent, {native_text(needed)} are needed",
        "OrderBook_FillTooSmall": lambda takes, least: f"take at least {least} base units of the offer, not {takes}",
        "OrderBook_LeavesTooLittle": lambda rest, least: (
            f"that would leave {rest} base units, less than anybody may take ({least}): take all, or less"
        ),
        "OrderBook_MoreThanRemains": lambda takes, there: f"only {there} base units of the offer are left, not {takes}",
        "OrderBook_LimitExceeded": lambda value, limit: (
            f"the fill is worth {native_text(value)}, beyond the limit of {native_text(limit)}"
        ),
        "OrderBook_NotMaker": lambda caller, maker: (
            f"{caller} did not make the offer, {maker} did; anybody may end it once it has expired"
        ),
        "OrderBook_NothingToWithdraw": lambda who, token: (
            f"{who} has nothing of "
            + (f"token {token}" if int(token, 16) else "the native currency")
            + " to withdraw here: only what ended or filled offers left is"
        ),
        "OrderBook_BadRecipient": lambda who: f"nothing may be sent to {who}: name another recipient",
        # Staking
        "ResourceStaking_NoPosition": lambda number: f"position {number} has been paid out or never was",
        "ResourceStaking_NotOwner": lambda number, caller, owner: (
            f"position {number} is {owner}'s, not {caller}'s: use the owner's account"
        ),
        "ResourceStaking_BadTerm": lambda term: f"a term of {term} seconds is not between 30 and 365 days",
        "ResourceStaking_NoReward": lambda resource, principal, term: (
            f"{amount(principal, resource)} for {term} seconds earn nothing: stake more, or longer"
        ),
        "ResourceStaking_BudgetExceeded": lambda resource, wanted, free: (
            f"the reward of {amount(wanted, resource)} is more than the {amount(free, resource)} left in the budget: "
            "stake less or shorter, or wait until somebody funds it"
        ),
        "ResourceStaking_NotMature": lambda number, maturity: (
            f"position {number} matures at {moment(maturity)}: wait, or leave without the reward "
            "(novacron market stake exit)"
        ),
        "ResourceStaking_Mature": lambda number, maturity: (
            f"position {number} has matured at {moment(maturity)}: withdraw it, with the reward "
            "(novacron market stake withdraw)"
        ),
        "ResourceStaking_Guaranteeing": lambda number: (
            f"position {number} backs a guarantee: release it first (novacron market stake release)"
        ),
        "ResourceStaking_NotGuaranteeing": lambda number: f"position {number} backs no guarantee",
        "ResourceStaking_BadUnits": lambda number, units, backed: (
            f"position {number} pays for {decimal_text(backed, 1_000)} tokens an hour, "
            f"not {decimal_text(units, 1_000)}: guarantee no more than that, or stake more"
        ),
        "ResourceStaking_BadRecipient": lambda who: f"nothing may be sent to {who}: name another recipient",
    }
)
