"""Quantities with units, terms files and specification files: exact, or refused with the key and what to write."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest

from novacron.compute.monitor.config import MonitorConfig
from novacron.compute.monitor.specification import Specification
from novacron.compute.quantities import (
    milliseconds,
    nova,
    parse_bytes,
    parse_milliseconds,
    parse_nova,
    parse_ppm,
    parse_seconds,
    percent,
)
from novacron.compute.sla_terms import (
    _KEYS,
    DEFAULT_CREDITS,
    Direction,
    Guarantee,
    Terms,
    metric_bytes,
    metric_name,
)
from novacron.exceptions import InputError

NOW = 1_800_000_000
A, B, M1, M2, M3 = ("0x" + digit * 40 for digit in "12345")

TERMS = f"""
customer = "{B}"
specification = "service.toml"
offer_expiry = "7 days"
window = "1 day"
windows = 30
report_period = "2 days"
dispute_period = "36 h"
fee = "100 NOVA"
stake = "250.5 NOVA"
bond = "10 NOVA"
min_samples = 1000
quorum = 2
monitors = ["{M3}", "{M1}", "{M2}"]

[[guarantee]]
metric = "uptime"
at_least = "99.9 %"
severe = "99 %"
critical = "95 %"

[[guarantee]]
metric = "latency"
at_most = "100 ms"
critical = "1.5 s"
"""

SERVICE = 'url = "https://service.example/health"\ninterval = "30 s"\ntimeout = "5 s"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "service.toml").write_text(SERVICE)
    (tmp_path / "terms.toml").write_text(TERMS)
    return tmp_path


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_seconds, "1 day", 86_400),
        (parse_seconds, "90 min", 5_400),
        (parse_seconds, "1.5h", 5_400),
        (parse_seconds, "2 weeks", 1_209_600),
        (parse_milliseconds, "100 ms", 100),
        (parse_milliseconds, "0.25 s", 250),
        (parse_ppm, "99.9 %", 999_000),
        (parse_ppm, "99.9999%", 999_999),
        (parse_ppm, "5 ppm", 5),
        (parse_nova, "1_000.000000000000000001 NOVA", 1_000 * 10**18 + 1),
        (parse_bytes, "64 KiB", 65_536),
    ],
)
def test_a_quantity_is_exact(parse, text, value) -> None:  # type: ignore[no-untyped-def]
    assert parse(text, "x") == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_seconds, "1.5 s"),
        (parse_seconds, 86_400),
        (parse_seconds, "1"),
        (parse_seconds, "-1 day"),
        (parse_seconds, "1 fortnight"),
        (parse_seconds, ""),
        (parse_seconds, None),
        (parse_seconds, True),
        (parse_milliseconds, "0.1 ms"),
        (parse_ppm, "99.99999 %"),
        (parse_ppm, "0.999"),
        (parse_nova, "1e3 NOVA"),
        (parse_nova, "0.0000000000000000001 NOVA"),
        (parse_nova, "5 ETH"),
        (parse_bytes, "1.5 B"),
        (parse_nova, "9" * 200 + " NOVA"),
    ],
)
def test_what_is_not_exact_or_has_no_unit_is_refused_by_name(parse, text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="fee"):
        parse(text, "fee")


def test_values_are_shown_with_their_unit() -> None:
    assert [percent(999_500), percent(1_000_000), percent(5)] == ["99.95 %", "100 %", "0.0005 %"]
    assert [nova(10**18), nova(-(10**17)), nova(1_234_500 * 10**15)] == ["1 NOVA", "-0.1 NOVA", "1,234.5 NOVA"]
    assert milliseconds(1_500) == "1,500 ms"


def test_the_example_of_the_customer_handbook_has_every_key_and_is_accepted(tmp_path: Path) -> None:
    handbook = Path(__file__).parents[3] / "docs" / "customer.md"
    section = handbook.read_text(encoding="utf-8").split("\n## Agree on service levels\n")[1].split("\n## ")[0]
    example = section.split("```toml\n")[1].split("```")[0]
    (tmp_path / "service.toml").write_text(SERVICE)
    (tmp_path / "terms.toml").write_text(example, encoding="utf-8")
    terms = Terms.from_toml(tmp_path / "terms.toml", now=NOW)
    assert set(tomllib.loads(example)) == {*_KEYS, "guarantee"}
    assert terms.specification == Specification.load(tmp_path / "service.toml").digest
    # What the text around it says of these terms.
    fee, uptime = terms.fee * terms.windows, terms.guarantees[0]
    assert (nova(fee), nova(terms.stake + terms.bond)) == ("3,000 NOVA", "1,010 NOVA")
    tiers = [uptime.tier(parse_ppm(text, "x")) for text in ("99.5 %", "98 %", "90 %")]
    assert [nova(terms.credit(tier)) for tier in tiers if tier is not None] == ["10 NOVA", "25 NOVA", "100 NOVA"]
    assert terms.credits == DEFAULT_CREDITS


def test_amounts_in_json_are_texts(folder: Path) -> None:
    value = Terms.from_toml(folder / "terms.toml", now=NOW, provider=A).to_dict()
    assert (value["fee"], value["stake"], value["bond"]) == (str(100 * 10**18), str(250_500 * 10**15), str(10**19))
    numbers = [one for one in value.values() if isinstance(one, int)]
    assert max(numbers) < 2**53


def test_a_terms_file_becomes_terms(folder: Path) -> None:
    terms = Terms.from_toml(folder / "terms.toml", now=NOW, provider=A)
    assert terms.specification == hashlib.sha256(SERVICE.encode()).digest()
    assert (terms.offer_expiry, terms.window, terms.dispute_period) == (NOW + 604_800, 86_400, 129_600)
    assert (terms.fee, terms.stake) == (100 * 10**18, 250_500 * 10**15)
    assert terms.monitors == (M1, M2, M3)
    assert terms.guarantees == (
        Guarantee("uptime", Direction.AT_LEAST, 999_000, 990_000, 950_000),
        Guarantee("latency", Direction.AT_MOST, 100, 100, 1_500),
    )
    assert terms.credit(1) == 25 * 10**18
    assert terms.monitor_index(M2) == 1
    assert terms.monitor_index(A) is None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('window = "1 day"', "window = 86400", "window"),
        ('window = "1 day"', 'window = "1 min"', "1 hour to 31 days"),
        ("windows = 30", "windows = 30.0", "windows"),
        ("windows = 30", "windows = true", "windows"),
        ("quorum = 2", "quorum = 1", "more than half"),
        ("quorum = 2", "quorum = 4", "at most all"),
        ('fee = "100 NOVA"', 'fee = "0 NOVA"', "positive"),
        ('stake = "250.5 NOVA"', 'stake = "99 NOVA"', "largest credit"),
        ('"7 days"', "2026-01-01T00:00:00Z", "past"),
        ('"7 days"', "2029-01-01T00:00:00", "time zone"),
        (M1, B, "a party cannot be a monitor"),
        (M1, M2, "twice"),
        (M1, "0x12", "no address"),
        ('"service.toml"', '"nowhere.toml"', "cannot read"),
        ('at_least = "99.9 %"', 'at_most = "99.9 %"', "at_least"),
        ('at_least = "99.9 %"', 'at_least = "101 %"', "100 %"),
        ('severe = "99 %"', 'severe = "99.95 %"', "in this order"),
        ('metric = "latency"', 'metric = "uptime"', "at_least"),
        ('metric = "latency"', 'metric = "Latency of it"', "metric"),
        ('metric = "latency"', "", "metric"),
        ("min_samples = 1000", "min_samples = 1000\nmin_sample = 2", "min_sample"),
        ("min_samples = 1000", "", "min_samples"),
        ("min_samples = 1000", "min_samples = 0", "at least 1"),
        ("min_samples = 1000", 'min_samples = 1000\ncredits = ["1 %"]', "three shares"),
        ("min_samples = 1000", 'min_samples = 1000\ncredits = ["50 %", "10 %", "100 %"]', "fall"),
    ],
)
def test_a_bad_term_is_named(folder: Path, old: str, new: str, says: str) -> None:
    assert old in TERMS
    (folder / "terms.toml").write_text(TERMS.replace(old, new))
    with pytest.raises(InputError, match=says):
        Terms.from_toml(folder / "terms.toml", now=NOW, provider=A)


def test_a_metric_is_its_name_left_aligned() -> None:
    assert metric_bytes("uptime") == b"uptime" + bytes(26)
    assert metric_name(metric_bytes("uptime")) == "uptime"
    assert metric_name(b"\xff" * 32) == "0x" + "ff" * 32
    assert metric_name(b"\x1b[2J".ljust(32, b"\0")).startswith("0x")


@pytest.mark.parametrize(
    ("value", "tier"),
    [(999_000, None), (1_000_000, None), (998_999, 0), (990_000, 0), (989_999, 1), (950_000, 1), (949_999, 2), (0, 2)],
)
def test_beyond_a_limit_means_strictly_beyond(value: int, tier: int | None) -> None:
    promise = Guarantee("uptime", Direction.AT_LEAST, 999_000, 990_000, 950_000)
    assert promise.tier(value) == tier
    mirrored = Guarantee("latency", Direction.AT_MOST, 1_000, 10_000, 50_000)
    assert mirrored.tier(1_000_000 - value) == tier


def test_a_specification_is_named_by_the_hash_of_its_bytes() -> None:
    found = Specification.parse(SERVICE.encode())
    assert found.digest == hashlib.sha256(SERVICE.encode()).digest()
    assert (found.interval, found.timeout, found.percentile, found.body_limit) == (30, 5_000, 95, 65_536)
    assert Specification.parse(SERVICE.encode() + b"\n").digest != found.digest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"30 s"', '"61 s"', "60 s or more often"),
        ('"30 s"', '"0 s"', "60 s or more often"),
        ('"30 s"', "30", "interval"),
        ('"5 s"', '"31 s"', "timeout"),
        ('"5 s"', '"0 ms"', "timeout"),
        ("https://service.example/health", "ftp://service.example", "http"),
        ("https://service.example/health", "https://user:secret@service.example", "credentials"),
        ("https://service.example/health", "tcp://service.example", "host:port"),
        ("https://service.example/health", "tcp://service.example:22/x", "nothing behind"),
        ("https://service.example/health", "http://service.example:99999", "no URL"),
        ("https://service.example/health", "http://service.example/a b", "visible ASCII"),
        ("https://service.example/health", "http://service.example/#part", "#"),
        ("https://service.example/health", "http:///x", "host"),
        ("timeout", "percentile = 0\ntimeout", "percentile"),
        ("timeout", 'method = "POST"\ntimeout', "method"),
        ("timeout", "status = []\ntimeout", "status"),
        ("timeout", "status = [42]\ntimeout", "status"),
        ("timeout", 'body_limit = "2 MiB"\ntimeout', "body_limit"),
        ("timeout", 'method = "HEAD"\ncontains = "ok"\ntimeout', "HEAD"),
        ("timeout", 'warm_up = "2 h"\ntimeout', "warm_up"),
        ("timeout", 'colour = "red"\ntimeout', "colour"),
        ("url =", "uri =", "uri"),
    ],
)
def test_a_bad_specification_is_named_and_shows_no_credentials(old: str, new: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        Specification.parse(SERVICE.replace(old, new, 1).encode(), "service.toml")
    assert "secret" not in str(caught.value)


def test_a_tcp_specification_takes_no_http_keys() -> None:
    text = 'url = "tcp://db.example:5432"\ninterval = "10 s"\ntimeout = "1 s"\n'
    assert Specification.parse(text.encode()).parts.port == 5432
    with pytest.raises(InputError, match="http"):
        Specification.parse((text + "status = [200]\n").encode())


MONITOR = """
[monitor]
store = "monitor.sqlite"
listen = ":8645"
peers = ["http://127.0.0.1:8646/"]
folder = "shared"

[[agreement]]
id = 3
specification = "service.toml"
"""


def test_a_monitors_file_is_read_relative_to_itself(folder: Path) -> None:
    (folder / "monitor.toml").write_text(MONITOR)
    config = MonitorConfig.load(folder / "monitor.toml")
    assert config.store == folder / "monitor.sqlite"
    assert config.listen == ("127.0.0.1", 8645)
    assert config.folder == folder / "shared"
    assert (config.every, config.patience, config.stagger, config.send) == (30, 900, 120, True)
    assert config.agreements[3].url == "https://service.example/health"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('store = "monitor.sqlite"', "", "store"),
        ('":8645"', '"8645"', "host:port"),
        ('":8645"', '"localhost:0"', "host:port"),
        ('"http://127.0.0.1:8646/"', '"tcp://127.0.0.1:1"', "http"),
        ('peers = ["http://127.0.0.1:8646/"]', 'peers = "x"', "list"),
        ("id = 3", "id = 0", "id"),
        ("id = 3", 'id = "3"', "id"),
        (
            "[[agreement]]\nid = 3",
            '[[agreement]]\nid = 3\nspecification = "service.toml"\n[[agreement]]\nid = 3',
            "twice",
        ),
        ("[monitor]", "[monitor]\nsend = 1", "send"),
        ("[monitor]", '[monitor]\nprivate_key = "0x01"', "private_key"),
        ("[monitor]", '[monitor]\nevery = "0 s"', "at least 1 s"),
    ],
)
def test_a_bad_monitor_file_is_named(folder: Path, old: str, new: str, says: str) -> None:
    assert old in MONITOR
    (folder / "monitor.toml").write_text(MONITOR.replace(old, new))
    with pytest.raises(InputError, match=says):
        MonitorConfig.load(folder / "monitor.toml")
