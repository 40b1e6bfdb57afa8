"""Genesis files: what one may say, and that everything wrong in one is named before anything is sent."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.deploy.genesis import CAPS, LOCAL_GENESIS, TREASURY, UNIT, Genesis, load_genesis, parse_genesis, shown
from novacron.exceptions import PlanError
from tests.deploy.support import ROOT

A, B, C, D, E, F = (f"0x{n:040x}" for n in range(0xABC1, 0xABC7))
TEXT = f"""
quota = 500
attesters = ["{F}"]
auditors = ["{F}"]
arbiters = ["{E}", "{F}"]
certifiers = ["{F}"]

[market]
eth_usd = "2512.50"
fee_ppm = 3_000

[market.steepness]
CPU = 100_000
MEM = "200_000.5"
STO = 500_000
NET = 1_000_000

[guardian]
threshold = 3
owners = ["{A}", "{B}", "{C}", "{D}", "{E}"]

[allocations.NovaToken]
Timelock = "1_000_000_000"
"{A}" = "0.000000000000000001"
"{B}" = 5

[allocations.CPU]
Timelock = "1000000"
"""
DOCUMENT = tomllib.loads(TEXT)


def with_(path: str, value: Any) -> dict[str, Any]:
    """The document with one value changed, added, or (None) taken away; `path` has dots."""
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path.split(".")
    table = document
    for parent in parents:
        table = table.setdefault(parent, {})
    if value is None:
        del table[last]
    else:
        table[last] = value
    return document


def test_a_genesis_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "genesis.toml").write_text(TEXT)
    genesis = load_genesis(tmp_path / "genesis.toml")
    assert genesis.quota == 500
    assert genesis.allocations["NovaToken"][0] == (TREASURY, 1_000_000_000 * UNIT)
    assert [amount for _, amount in genesis.allocations["NovaToken"][1:]] == [1, 5 * UNIT]
    assert [one.lower() for one in genesis.guardians] == [A, B, C, D, E]
    assert genesis.allocations["CPU"] == ((TREASURY, 1_000_000 * UNIT),)  # the whole cap
    assert ([one.lower() for one in genesis.auditors], [one.lower() for one in genesis.arbiters]) == ([F], [E, F])
    assert (genesis.market.eth_usd, genesis.market.fee) == ("2512.50", 3_000)
    assert genesis.market.steepness["MEM"] == 200_000 * UNIT + UNIT // 2


@pytest.mark.parametrize("genesis", [LOCAL_GENESIS, parse_genesis(DOCUMENT)])
def test_the_manifest_keeps_it_whole(genesis: Genesis) -> None:
    again = Genesis.from_json(genesis.to_json())
    assert again.to_json() == genesis.to_json()
    for name in ("guardians", "attesters", "quota", "auditors", "arbiters", "certifiers", "market"):
        assert getattr(again, name) == getattr(genesis, name)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("quota", None, "the file lacks quota"),
        ("quotas", 5, "has the unknown quotas"),
        ("quota", -1, "quota is -1"),
        ("quota", True, "quota is True"),
        ("quota", 2**32, "quota is 4294967296"),
        ("quota", "5", "quota is '5'"),
        ("auditors", None, "the file lacks auditors"),
        ("auditors", [F, F], "auditors: 0x.* is named twice"),
        ("arbiters", ["0x" + "00" * 20], "nobody's address"),
        ("market", None, "the file lacks market"),
        ("market", 5, r"market is 5; make it a table, \[market\]"),
        ("market.fee_ppm", None, r"\[market\] lacks fee_ppm"),
        ("market.fee_ppm", 10_001, "market.fee_ppm is 10001; give a number from 0 to 10000"),
        ("market.fee_ppm", -1, "market.fee_ppm is -1"),
        ("market.fee_ppm", True, "market.fee_ppm is True"),
        ("market.eth_usd", 2500, "market.eth_usd is 2500; give dollars above 0 as text"),
        ("market.eth_usd", "0.00", "market.eth_usd is '0.00'"),
        ("market.eth_usd", "1e3", "market.eth_usd is '1e3'"),
        ("market.steepness.GPU", 1, r"\[market.steepness\] has the unknown GPU"),
        ("market.steepness.NET", None, r"\[market.steepness\] lacks NET"),
        ("market.steepness.CPU", 0, "market.steepness.CPU is 0"),
        ("market.steepness.CPU", 1_000_001, "market.steepness.CPU is 1,000,001; give up to 1,000,000"),
        ("attesters", "everybody", "attesters is 'everybody'; give a list"),
        ("attesters", [F, F.upper().replace("X", "x")], "attesters: 0x.* is named twice"),
        ("attesters", ["0x12"], "attesters: '0x12' is no address"),
        ("attesters", ["0x" + "00" * 20], "nobody's address"),
        ("attesters", ["0xf39fd6e51aad88F6F4ce6aB8827279cffFb92266"], "EIP-55"),
        ("guardian", [A], "guardian is .* make it a table"),
        ("guardian.threshold", 2, "guardian.threshold is 2; it is 3 of 5"),
        ("guardian.threshold", None, r"\[guardian\] lacks threshold"),
        ("guardian.owners", [A, B, C, D], "4 guardian owners; name 5"),
        ("guardian.owners", [A, B, C, D, A], "guardian owners: 0x.* is named twice"),
        ("guardian.owners", [A, B, C, D, "0x" + "00" * 19 + "01"], "nobody's address"),
        ("guardian.module", A, "has the unknown module"),
        ("allocations.GPU", {A: 1}, "allocations of 'GPU'; tokens are NovaToken, CPU, MEM, STO, NET"),
        (
            "allocations.CPU.Timelock",
            "1000000.000000000000000001",
            r"1,000,000\.0+1 CPU are given away, the cap is 1,00",
        ),
        ("allocations.NovaToken.Timelock", "10_000_000_000", "NovaToken are given away, the cap is 10,000,000,000"),
        ("allocations.CPU.Timelock", 0, "above 0"),
        ("allocations.CPU.Timelock", -5, "above 0"),
        ("allocations.CPU.Timelock", "0", "CPU for Timelock: give an amount above 0"),
        ("allocations.CPU.Timelock", 1.5, "is 1.5; give whole tokens"),
        ("allocations.CPU.Timelock", True, "is True"),
        ("allocations.CPU.Timelock", "1e6", "'1e6'"),
        ("allocations.CPU.Timelock", "1.0000000000000000001", "up to 18 decimals"),
        ("allocations.CPU.Treasury", 5, "'Treasury' is no address"),
        ("allocations.NovaToken." + A.upper().replace("X", "x"), 5, "allocations of NovaToken: 0x.* is named twice"),
        ("allocations.CPU", 5, "allocations.CPU is 5; make it a table"),
    ],
)
def test_what_cannot_be_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        parse_genesis(with_(path, value))
    assert str(caught.value).startswith("genesis: ")


@pytest.mark.parametrize(
    ("text", "message"), [("quota = ", "no TOML file"), (None, "cannot be read"), (b"\xff", "TOML")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | bytes | None, message: str) -> None:
    path = tmp_path / "genesis.toml"
    if isinstance(text, bytes):
        path.write_bytes(text)
    elif text is not None:
        path.write_text(text)
    with pytest.raises(PlanError, match=message):
        load_genesis(path)


@pytest.mark.parametrize("change", [{"guardian": {}}, {"allocations": 5}, {"quota": "x"}, {"attesters": None}])
def test_a_damaged_record_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        Genesis.from_json({**LOCAL_GENESIS.to_json(), **change})


@given(st.integers(1, CAPS["NovaToken"] * UNIT))
def test_an_amount_is_read_back_as_it_was_written(amount: int) -> None:
    text = shown(amount).replace(",", "_")
    genesis = parse_genesis(with_("allocations.NovaToken", {A: text}))
    assert genesis.allocations["NovaToken"][0][1] == amount


def test_the_example_of_the_documentation_is_a_genesis_file() -> None:
    text = (ROOT / "docs" / "deployer.md").read_text()
    example = text.split("```toml\n", 1)[1].split("```", 1)[0]
    assert parse_genesis(tomllib.loads(example)).quota > 0
