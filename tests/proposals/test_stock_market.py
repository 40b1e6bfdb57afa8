"""scripts/proposals/stock_market.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

AMOUNT = 100_000 * 10**18


def test_the_market_can_sell_what_the_treasury_has_given(dao: Any, proposal: Any, run: Any, as_timelock: Any) -> None:
    stocked = proposal("stock_market")
    result = run(stocked)
    assert result.ok, result.findings
    [write] = [write for write in result.effects.writes if write.path.endswith("inventory")]
    assert write.after - write.before == AMOUNT
    treasury = dao.CPU.balanceOf(dao.Timelock)
    as_timelock(stocked)
    assert dao.ResourceMarket.inventoryOf(0) == dao.CPU.balanceOf(dao.ResourceMarket) == AMOUNT
    assert treasury - dao.CPU.balanceOf(dao.Timelock) == AMOUNT
    assert dao.CPU.allowance(dao.Timelock, dao.ResourceMarket) == 0


def test_an_approval_of_more_than_is_stocked_is_not_explained(dao: Any, proposal: Any, run: Any) -> None:
    honest = proposal("stock_market")
    result = run(replace(honest, actions=(dao.CPU.approve(dao.ResourceMarket, AMOUNT + 1), honest.actions[1])))
    assert result.executed
    assert not result.ok
    messages = [finding.message for finding in result.findings if finding.severity == "error"]
    assert any("CPU._allowances[Timelock][ResourceMarket] changed 0 → 1" in message for message in messages), messages


def test_without_the_approval_it_fails(proposal: Any, run: Any) -> None:
    honest = proposal("stock_market")
    result = run(replace(honest, actions=honest.actions[1:]))
    assert not result.executed
    [failure] = [finding for finding in result.findings if finding.severity == "error"]
    assert "ERC20InsufficientAllowance" in failure.message
