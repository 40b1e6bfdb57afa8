"""`novacron market` from end to end: what a person and a script see, and that nothing is sent without a limit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from novacron.chain import EndpointPool, Journal
from novacron.chain.entries import Intent
from novacron.cli import options
from novacron.deploy.apply import journal_name
from novacron.market.resources import UNIT, Resource
from tests.support.market_world import DAY, STOCK, MarketWorld

Run = Callable[..., Result]
Json = Callable[..., Any]


def test_prices_and_quotations_are_tables_for_people_and_exact_for_machines(command: Run, answer: Json) -> None:
    lines = command("market", "prices").stdout.splitlines()
    assert lines[1].split("\t")[:4] == ["CPU", "vCPU-hour", "0.0000004 ETH", "100,000 CPU"]
    assert answer("market", "prices")[3]["curve_price"] == "4000000000"
    shown = command("market", "quote", "buy", "cpu", "1000").stdout
    assert "price impact  1 %" in shown
    assert "pool: nobody has added to the CPU pool yet" in shown
    quote = answer("market", "quote", "buy", "cpu", "1000")["quotes"][0]
    assert (quote["impact_ppm"], quote["amount"]) == (10_000, str(1_000 * UNIT))
    assert "buys no more than that back" in command("market", "quote", "sell", "cpu", "1", code=1).stderr


def test_a_purchase_needs_a_limit(world: MarketWorld, command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = command("market", "buy", "CPU", "10", code=2)
    assert "Give --max-cost ETH, or --slippage PERCENT" in refused.stderr
    assert (
        "both give a limit" in command("market", "buy", "CPU", "1", "--max-cost", "1", "--slippage", "1", code=2).stderr
    )
    assert "is no limit" in command("market", "buy", "CPU", "1", "--slippage", "60", code=1).stderr
    assert "not sent" in command("market", "buy", "CPU", "10", "--max-cost", "1 wei", code=1).stderr
    assert "give an AMOUNT, or --spend" in command("market", "buy", "CPU", code=2).stderr
    assert "give one limit" in command("market", "buy", "CPU", "--spend", "0.001", code=2).stderr
    assert "--min-amount with --spend" in command("market", "buy", "CPU", "1", "--min-amount", "1", code=2).stderr
    assert world.balance(Resource.CPU, world.customer) == STOCK
    # At a terminal it asks, with a limit near the quotation as the answer that Enter gives.
    monkeypatch.setattr(options, "at_terminal", lambda: True)
    asked = command("market", "buy", "CPU", "10", stdin="\n")
    assert "Most to pay" in asked.stdout
    assert world.balance(Resource.CPU, world.customer) == STOCK + 10 * UNIT


def test_buying_and_selling_show_the_impact_and_move_what_they_say(
    world: MarketWorld, command: Run, answer: Json
) -> None:
    shown = command("market", "buy", "CPU", "1000", "--slippage", "0.5").stdout
    assert "price impact  1 %" in shown
    assert "bought  1,000 CPU" in shown
    done = answer("market", "sell", "CPU", "400", "--slippage", "0.5")
    assert (done["amount"], done["resource"]) == (str(400 * UNIT), "CPU")
    assert world.balance(Resource.CPU, world.customer) == STOCK + 600 * UNIT
    spent = answer("market", "buy", "MEM", "--spend", "0.001", "--slippage", "1", "--recipient", world.accounts[8])
    assert spent["paid"] == str(10**15)
    assert world.balance(Resource.MEM, world.accounts[8]) == int(spent["amount"])


def test_the_same_key_buys_once(world: MarketWorld, answer: Json) -> None:
    runs = [answer("market", "buy", "CPU", "5", "--max-cost", "0.1", "--key", "k1") for _ in range(2)]
    assert runs[0] == runs[1]
    assert world.balance(Resource.CPU, world.customer) == STOCK + 5 * UNIT


def test_what_an_earlier_command_left_under_way_is_finished_before_anything_is_bought_twice(
    world: MarketWorld, command: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "anvil-local"
    with EndpointPool([world.node.url]) as pool, Journal(folder / journal_name(pool, folder)) as journal:
        journal.bind_chain(31337, pool.request("eth_getBlockByNumber", ["0x0", False])["hash"])
        to = world.tokens[0].address
        approve = bytes.fromhex(world.tokens[0].encode_abi("approve", args=[to, 1])[2:])
        journal.begin(Intent(f"market/buy/crashed/{world.customer}", 31337, world.customer, to, approve))
    refused = command("market", "buy", "CPU", "1", "--max-cost", "1", code=1)
    assert "is finished now (market/buy/crashed" in refused.stderr
    assert world.balance(Resource.CPU, world.customer) == STOCK
    command("market", "buy", "CPU", "1", "--max-cost", "1")
    assert world.balance(Resource.CPU, world.customer) == STOCK + UNIT


def test_a_pool_is_filled_traded_with_and_emptied(command: Run, answer: Json, world: MarketWorld) -> None:
    added = answer("market", "pool", "add", "CPU", "--native", "4", "--tokens", "1000", "--slippage", "0")
    assert added["native"] == str(4 * UNIT)
    bought = answer("market", "buy", "CPU", "10", "--venue", "pool", "--slippage", "1", account=0)
    assert bought["amount"] == str(10 * UNIT)
    assert "pool" in command("market", "quote", "sell", "CPU", "1").stdout
    sold = answer("market", "sell", "CPU", "10", "--venue", "pool", "--slippage", "1", account=0)
    assert int(sold["received"]) < int(bought["paid"])
    held = answer("market", "pool", "show", "--account", world.customer)[0]["held"]
    assert held == added["shares"]
    assert "is no limit" in command("market", "pool", "remove", "CPU", "all", "--slippage", "99", code=1).stderr
    gone = answer("market", "pool", "remove", "CPU", "all", "--slippage", "0.1")
    assert gone["shares"] == held
    assert "has 0 shares" in command("market", "pool", "remove", "CPU", "all", "--slippage", "1", code=1).stderr


def test_offers_from_end_to_end(command: Run, answer: Json, world: MarketWorld) -> None:
    placed = answer("market", "order", "place", "sell", "CPU", "10", "--price", "0.001", "--expires", "+2 days")
    bid = answer(
        "market", "order", "place", "buy", "MEM", "4", "--price", "0.002", "--expires", "+1 day", "--min-fill", "2"
    )
    assert [one["offer"] for one in answer("market", "order", "list")] == [bid["offer"], placed["offer"]]
    assert "sells CPU" in command("market", "order", "show", placed["offer"]).stdout
    assert (
        "beyond the limit" in command("market", "order", "fill", 1, "4", "--limit", "0.0039", account=0, code=1).stderr
    )
    filled = answer("market", "order", "fill", placed["offer"], "4", account=0)
    assert filled["paid"] == str(4 * UNIT // 1000)
    assert answer("market", "order", "fill", bid["offer"], "all", account=0)["received"] == str(8 * UNIT // 1000)
    command("market", "order", "cancel", placed["offer"])
    assert answer("market", "order", "balance") == {
        "native": str(4 * UNIT // 1000),
        "CPU": str(6 * UNIT),
        "MEM": str(4 * UNIT),
        "STO": "0",
        "NET": "0",
    }
    assert answer("market", "order", "withdraw")["amount"] == str(4 * UNIT // 1000)
    assert answer("market", "order", "withdraw", "cpu")["amount"] == str(6 * UNIT)
    assert answer("market", "order", "list") == []
    assert (
        "say the time zone"
        in command(
            "market", "order", "place", "sell", "CPU", "1", "--price", "1", "--expires", "2099-01-01T00:00", code=1
        ).stderr
    )


def test_stakes_and_guarantees_from_end_to_end(command: Run, answer: Json, world: MarketWorld) -> None:
    assert "left in the budget" in command("market", "stake", "open", "CPU", "1000", "--term", "30 days", code=1).stderr
    command("market", "stake", "fund", "CPU", "100", account=0)
    assert answer("market", "stake", "budget")[0] == {"resource": "CPU", "rate_bps": 1_000, "free": str(100 * UNIT)}
    made = answer("market", "stake", "open", "CPU", "1500", "--term", "30 days")
    assert [one["position"] for one in answer("market", "stake", "list")] == [made["position"]]
    world.send(world.registry, "setReservable", 1, (4_000, 0, 0, 0), sender=world.provider)
    greedy = command("market", "stake", "guarantee", made["position"], 1, "2.5 vCPU", code=1).stderr
    assert "pays for 2.083 vCPU, not 2.5 vCPU: guarantee no more than that, or stake more" in greedy
    kept = answer("market", "stake", "guarantee", made["position"], 1, "2 vCPU")
    assert kept["units"] == 2_000
    assert "2.083 vCPU" in command("market", "stake", "show", made["position"]).stdout
    command("market", "stake", "release", made["position"])
    assert command("market", "stake", "exit", made["position"], code=2)
    other = answer("market", "stake", "open", "CPU", "30", "--term", "30 days")["position"]
    assert "paid out  30 tokens" in command("market", "stake", "exit", other, "--give-up-reward").stdout
    world.pass_time(31 * DAY)
    paid = answer("market", "stake", "withdraw", made["position"])
    assert int(paid["amount"]) == 1_500 * UNIT + int(made["reward"])


def test_limits_and_empty_balances_are_in_words(command: Run) -> None:
    wide = command("market", "buy", "CPU", 1, "--slippage", 150, code=1).stderr
    assert "a slippage of 150 % is no limit; use 0 to 50 %" in wide
    lot = ("order", "place", "sell", "CPU", "10", "--price", "1 gwei", "--expires", "+1 day", "--min-fill", "20")
    assert "amount 10 CPU, least fill 20 CPU" in command("market", *lot, code=1).stderr
    assert "has nothing of the native currency" in command("market", "order", "withdraw", "native", code=1).stderr


def test_machines_get_errors_as_json_and_nothing_is_configured_is_said(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = command("--json", "market", "buy", "CPU", "1", "--max-cost", "1 wei", code=1)
    assert '"type": "MarketRefusedError"' in refused.stderr
    monkeypatch.delenv("NOVACRON_MANIFEST")
    assert "needs a deployment's manifest" in command("market", "prices", code=1).stderr
