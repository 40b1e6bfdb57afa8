"""Terms of a service-level agreement: a dataclass, a TOML file, the contract's struct (`interfaces/ISLA.sol`)."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

from novacron.chain.addresses import parse_address
from novacron.compute.quantities import (
    milliseconds,
    parse_milliseconds,
    parse_nova,
    parse_ppm,
    parse_seconds,
    percent,
)
from novacron.exceptions import InputError

NOBODY = "0x" + "0" * 40
#: Shares of a window's fee where the terms name none, in ppm: 10, 25 and 100 %.
DEFAULT_CREDITS = (100_000, 250_000, 1_000_000)

HOUR, DAY = 3_600, 86_400
_UINT32, _UINT40, _UINT96, _UINT128 = 2**32 - 1, 2**40 - 1, 2**96 - 1, 2**128 - 1
_METRIC = re.compile(r"[a-z][a-z0-9._-]{0,31}")
_DIGEST = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")


class Direction(IntEnum):
    """Which side of its value a guarantee allows."""

    AT_LEAST = 0
    AT_MOST = 1


#: Metrics that `novacron sla monitor` measures: their unit, and the side that they allow.
MEASURED: Mapping[str, Direction] = {"uptime": Direction.AT_LEAST, "latency": Direction.AT_MOST}


@dataclass(frozen=True)
class Guarantee:
    """A promise about one metric: uptime in ppm, latency in milliseconds.

    Attributes:
        metric: its name, up to 32 characters.
        value: beyond this the first credit is due, beyond `severe` the second, beyond `critical` the third.
    """

    metric: str
    direction: Direction
    value: int
    severe: int
    critical: int

    def breaks(self, measured: int) -> bool:
        """Whether a measured value breaks the promise."""
        return self.tier(measured) is not None

    def tier(self, measured: int) -> int | None:
        """0, 1 or 2: which credit a measured value is due; None when the promise held."""
        tiers = [
            number
            for number, limit in enumerate((self.value, self.severe, self.critical))
            if (measured < limit if self.direction is Direction.AT_LEAST else measured > limit)
        ]
        return max(tiers, default=None)

    def words(self, value: int) -> str:
        """A value in this metric's unit, for people."""
        if self.metric == "latency":
            return milliseconds(value)
        return percent(value) if self.metric == "uptime" else f"{value:,}"

    @classmethod
    def from_table(cls, table: Any, what: str) -> Self:
        """One `[[guarantee]]` table. Raises InputError."""
        if not isinstance(table, Mapping):
            raise InputError(f"{what} is no table; write [[guarantee]] and its keys below")
        _known(table, ("metric", "at_least", "at_most", "severe", "critical"), what)
        metric = table.get("metric")
        if not isinstance(metric, str) or _METRIC.fullmatch(metric) is None:
            raise InputError(
                f"{what}: metric = {metric!r}; a metric is a short lower-case name such as uptime, latency"
            )
        sides = [name for name in ("at_least", "at_most") if name in table]
        if len(sides) != 1:
            raise InputError(f"{what} ({metric}): give at_least or at_most, exactly one of them")
        direction = Direction.AT_LEAST if sides[0] == "at_least" else Direction.AT_MOST
        if MEASURED.get(metric, direction) is not direction:
            wanted = "at_least" if MEASURED[metric] is Direction.AT_LEAST else "at_most"
            raise InputError(f"{what}: {metric} is promised with {wanted}")

        def value(name: str, default: str | None = None) -> int:
            given = table.get(name, default and table.get(default))
            label = f"{what}: {name}"
            if metric == "uptime":
                return parse_ppm(given, label)
            if metric == "latency":
                return parse_milliseconds(given, label)
            return _integer(given, label)

        made = cls(
            metric,
            direction,
            value(sides[0]),
            value("severe", sides[0]),
            value("critical", "severe" if "severe" in table else sides[0]),
        )
        made.check(what)
        return made

    def check(self, what: str) -> None:
        """Raises InputError where the contract would refuse it."""
        values = (self.value, self.severe, self.critical)
        if self.metric == "uptime" and max(values) > 1_000_000:
            raise InputError(f"{what}: an uptime is at most 100 %, not {percent(max(values))}")
        if max(values) > _UINT32:
            raise InputError(f"{what}: {max(values)} is too large (32 bits)")
        ordered = sorted(values, reverse=self.direction is Direction.AT_LEAST)
        if list(values) != ordered:
            side = "below" if self.direction is Direction.AT_LEAST else "above"
            limits = f"severe {self.words(self.severe)} and critical {self.words(self.critical)}"
            raise InputError(f"{what}: {limits} must lie {side} {self.words(self.value)}, in this order")

    def to_abi(self) -> tuple[Any, ...]:
        """The contract's struct."""
        return (metric_bytes(self.metric), int(self.direction), self.value, self.severe, self.critical)

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        """From the contract's struct."""
        metric, direction, value, severe, critical = values
        return cls(metric_name(metric), Direction(direction), value, severe, critical)

    def __str__(self) -> str:
        return f"{self.metric} {'≥' if self.direction is Direction.AT_LEAST else '≤'} {self.words(self.value)}"


@dataclass(frozen=True)
class Terms:
    """Terms of an agreement. Times in seconds, amounts in base units of NOVA (18 decimals), shares in ppm.

    Attributes:
        vm_id: the VM it is about; 0 for a service that the chain knows nothing of.
        specification: SHA-256 of the file that says what is measured and how (`monitor.specification`).
        offer_expiry: Unix time.
        report_period: after a window, how long it can be measured and reported.
        dispute_period: after a report with evidence, how long it can be disputed.
        min_samples: fewest samples a monitor's measurement rests on.
        arbitrator: who rules disputes; the zero address for the committee.
        monitors: strictly ascending addresses.
    """

    provider: str
    customer: str
    vm_id: int
    specification: bytes
    offer_expiry: int
    window: int
    windows: int
    report_period: int
    dispute_period: int
    fee: int
    stake: int
    bond: int
    credits: tuple[int, int, int]
    min_samples: int
    quorum: int
    arbitrator: str
    monitors: tuple[str, ...]
    guarantees: tuple[Guarantee, ...]

    # -- TOML ---------------------------------------------------------------------------------------------------------

    @classmethod
    def from_toml(cls, path: Path | str, *, now: int, provider: str | None = None) -> Self:
        """Read a terms file; `specification` is a file beside it, or 0x and a SHA-256.

        Args:
            now: Unix time; an `offer_expiry` such as "7 days" counts from it.
            provider: who offers, where the file does not say.

        Raises:
            InputError: it cannot be read, or a value is one that the contract would refuse; names the key.
        """
        path = Path(path)
        return cls.from_table(read_toml(path), base=path.parent, now=now, provider=provider, source=str(path))

    @classmethod
    def from_table(
        cls, table: Mapping[str, Any], *, base: Path, now: int, provider: str | None = None, source: str = "terms"
    ) -> Self:
        """As `from_toml`, from parsed TOML."""
        _known(table, (*_KEYS, "guarantee"), source)
        missing = [key for key in _REQUIRED if key not in table]
        if missing:
            raise InputError(f"{source}: {', '.join(missing)} missing")
        if "provider" not in table and provider is None:
            raise InputError(f"{source}: provider missing")
        monitors = table["monitors"]
        if not isinstance(monitors, list):
            raise InputError(f"{source}: monitors is a list of addresses")
        credits_given = table.get("credits", [])
        if not isinstance(credits_given, list) or len(credits_given) not in (0, 3):
            raise InputError(f'{source}: credits are three shares, such as ["10 %", "25 %", "100 %"]')
        shares = [parse_ppm(share, f"{source}: credits") for share in credits_given] or [0, 0, 0]
        guarantees = table.get("guarantee")
        if not isinstance(guarantees, list):
            raise InputError(f"{source}: no [[guarantee]]")
        made = cls(
            provider=parse_address(table.get("provider", provider), f"{source}: provider"),
            customer=parse_address(table["customer"], f"{source}: customer"),
            vm_id=_integer(table.get("vm", 0), f"{source}: vm"),
            specification=_digest_of(table["specification"], base, f"{source}: specification"),
            offer_expiry=_moment(table["offer_expiry"], now, f"{source}: offer_expiry"),
            window=parse_seconds(table["window"], f"{source}: window"),
            windows=_integer(table["windows"], f"{source}: windows"),
            report_period=parse_seconds(table["report_period"], f"{source}: report_period"),
            dispute_period=parse_seconds(table["dispute_period"], f"{source}: dispute_period"),
            fee=parse_nova(table["fee"], f"{source}: fee"),
            stake=parse_nova(table["stake"], f"{source}: stake"),
            bond=parse_nova(table["bond"], f"{source}: bond"),
            credits=(shares[0], shares[1], shares[2]),
            min_samples=_integer(table["min_samples"], f"{source}: min_samples"),
            quorum=_integer(table["quorum"], f"{source}: quorum"),
            arbitrator=parse_address(table.get("arbitrator", NOBODY), f"{source}: arbitrator"),
            # The contract wants them ascending; the order has no other meaning.
            monitors=tuple(sorted((parse_address(one, f"{source}: monitors") for one in monitors), key=_number)),
            guarantees=tuple(Guarantee.from_table(one, f"{source}: guarantee {i}") for i, one in enumerate(guarantees)),
        )
        made.check(source, now=now)
        return made

    def check(self, what: str = "terms", *, now: int | None = None) -> None:
        """Refuse what the contract would refuse, in words. Raises InputError."""
        problem = next((text for bad, text in self._rules(now) if bad), None)
        if problem is not None:
            raise InputError(f"{what}: {problem}")
        for number, guarantee in enumerate(self.guarantees):
            guarantee.check(f"{what}: guarantee {number}")

    @property
    def effective_credits(self) -> tuple[int, int, int]:
        """The credits that apply: those of the terms, or the defaults when all are zero. In ppm of the window's fee."""
        return self.credits if any(self.credits) else DEFAULT_CREDITS

    def credit(self, tier: int) -> int:
        """What a violation of this tier costs the provider, in base units of NOVA."""
        return self.fee * self.effective_credits[tier] // 1_000_000

    def monitor_index(self, address: str) -> int | None:
        """Position of a monitor; None when it is none."""
        wanted = parse_address(address)
        return self.monitors.index(wanted) if wanted in self.monitors else None

    def _rules(self, now: int | None) -> list[tuple[bool, str]]:
        monitors = [_number(one) for one in self.monitors]
        lowest = sorted(set(monitors))
        largest = max((self.fee * share // 1_000_000 for share in self.effective_credits), default=0)
        amounts = (self.fee, self.stake, self.bond)
        return [
            (self.provider == NOBODY or self.customer == NOBODY, "provider and customer are real addresses"),
            (self.provider == self.customer, f"provider and customer are both {self.provider}"),
            (not any(self.specification), "the specification is missing"),
            (now is not None and self.offer_expiry <= now, f"the offer expires at {self.offer_expiry}, which is past"),
            (not HOUR <= self.window <= 31 * DAY, f"a window is 1 hour to 31 days, not {self.window} seconds"),
            (not 1 <= self.windows <= 10_000, f"an agreement has 1 to 10,000 windows, not {self.windows}"),
            (not HOUR <= self.report_period <= 30 * DAY, "report_period is 1 hour to 30 days"),
            (not HOUR <= self.dispute_period <= 30 * DAY, "dispute_period is 1 hour to 30 days"),
            (not all(0 < amount <= _UINT128 for amount in amounts), "fee, stake and bond are positive"),
            (self.fee > _UINT96, f"a window's fee is at most {_UINT96} base units"),
            (self.arbitrator in (self.provider, self.customer), "a party cannot be the arbitrator"),
            (list(self.credits) != sorted(self.credits), "credits must not fall from tier to tier"),
            (max(self.credits) > 10_000_000, "a credit is at most 1,000 %"),
            (self.stake < largest, f"the stake must cover the largest credit of a window, {largest} base units"),
            (not 1 <= self.min_samples <= _UINT32, f"min_samples = {self.min_samples}; at least 1"),
            (not 1 <= len(monitors) <= 32, f"there are 1 to 32 monitors, not {len(monitors)}"),
            (len(lowest) != len(monitors), "a monitor is named twice"),
            (monitors != lowest, "the monitors are not ascending"),
            (bool({self.provider, self.customer} & set(self.monitors)), "a party cannot be a monitor"),
            (
                not len(monitors) < 2 * self.quorum <= 2 * len(monitors),
                f"quorum = {self.quorum}: it takes more than half of {len(monitors)} monitors, at most all",
            ),
            (not 1 <= len(self.guarantees) <= 8, f"there are 1 to 8 guarantees, not {len(self.guarantees)}"),
            (len({one.metric for one in self.guarantees}) != len(self.guarantees), "a metric is promised twice"),
            (not 0 < self.offer_expiry <= _UINT40, "offer_expiry is a Unix time in seconds"),
        ]

    # -- the contract -------------------------------------------------------------------------------------------------

    def to_abi(self) -> tuple[Any, ...]:
        """The contract's struct."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["guarantees"] = [one.to_abi() for one in self.guarantees]
        values["credits"], values["monitors"] = list(self.credits), list(self.monitors)
        return tuple(values.values())

    @classmethod
    def from_abi(cls, values: Sequence[Any]) -> Self:
        """From the contract's struct."""
        named = dict(zip((item.name for item in fields(cls)), values, strict=True))
        named["guarantees"] = tuple(Guarantee.from_abi(one) for one in named["guarantees"])
        return cls(**named)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: amounts as texts of base units, times in seconds, shares in ppm."""
        value = {item.name: getattr(self, item.name) for item in fields(self)}
        value |= {name: str(value[name]) for name in ("fee", "stake", "bond")}
        value["specification"] = self.specification.hex()
        value["guarantees"] = [
            {**vars(one), "direction": "at_least" if one.direction is Direction.AT_LEAST else "at_most"}
            for one in self.guarantees
        ]
        return value


_KEYS = ("vm", *(name for name in Terms.__dataclass_fields__ if name not in ("vm_id", "guarantees")))
_REQUIRED = tuple(key for key in _KEYS if key not in ("vm", "provider", "credits", "arbitrator"))


def metric_bytes(name: str) -> bytes:
    """A metric's name as 32 bytes, left-aligned."""
    return name.encode("ascii").ljust(32, b"\0")


def metric_name(value: bytes) -> str:
    """The name of 32 bytes; hexadecimal where they are no text."""
    try:
        text = value.rstrip(b"\0").decode("ascii")
    except UnicodeDecodeError:
        return "0x" + value.hex()
    return text if _METRIC.fullmatch(text) else "0x" + value.hex()


def read_toml(path: Path) -> dict[str, Any]:
    """A parsed TOML file. Raises InputError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is no TOML: {error}") from error


def _known(table: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    unknown = sorted(set(table) - set(keys))
    if unknown:
        raise InputError(f"{what}: unknown key {unknown[0]!r}; known are {', '.join(keys)}")


def _integer(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**256 - 1:
        raise InputError(f"{what} = {value!r}: a whole number, not negative")
    return value


def _number(address: str) -> int:
    return int(address, 16)


def _moment(value: Any, now: int, what: str) -> int:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputError(f"{what} = {value}: say which time zone, for example {value.isoformat()}Z")
        return int(value.timestamp())
    return now + parse_seconds(value, what)


def _digest_of(value: Any, base: Path, what: str) -> bytes:
    if not isinstance(value, str) or not value:
        raise InputError(f"{what} is the path of a file, or 0x and its SHA-256")
    digest = _DIGEST.fullmatch(value)
    if digest is not None:
        return bytes.fromhex(digest[1])
    try:
        return hashlib.sha256((base / value).read_bytes()).digest()
    except OSError as error:
        raise InputError(f"{what}: cannot read {base / value}: {error.strerror}") from error
