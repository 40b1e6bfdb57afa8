"""What a deployment of the suite starts with: who gets which tokens, who guards, who attests.

A TOML file (`ape run deploy --genesis FILE`; `docs/deployer.md` explains it). Everything is checked here, before
anything is sent: addresses, amounts against the caps, three of five guardians.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.deploy.safe import SENTINEL, ZERO
from novacron.exceptions import InputError, PlanError

#: Largest supply of each token, in whole tokens of 18 decimals.
CAPS: Mapping[str, int] = MappingProxyType(
    {"NovaToken": 10_000_000_000, "CPU": 1_000_000, "MEM": 2_000_000, "STO": 5_000_000, "NET": 10_000_000}
)
#: The tokens that buy machine time, in the order of `interfaces/IResources.sol`.
RESOURCE_NAMES = ("CPU", "MEM", "STO", "NET")
#: How a file names the treasury, which is the timelock.
TREASURY = "Timelock"
GUARDIANS, THRESHOLD = 5, 3
UNIT = 10**18
_AMOUNT = re.compile(r"(\d[\d_]*)(?:\.(\d{1,18}))?")
_KEYS = {"attesters", "quota", "guardian", "allocations", "auditors", "arbiters", "certifiers", "market"}
#: Whole tokens or dollars with up to 18 decimals.
_PRICE = re.compile(r"\d{1,9}(?:\.\d{1,18})?")
#: Largest fee of the curve, in parts per million.
_MAX_FEE = 10_000


@dataclass(frozen=True)
class MarketSettings:
    """What the curve of each resource starts with; base price and steepness never change afterwards.

    Attributes:
        eth_usd: dollars for an ether, as text; turns the base prices in dollars into wei.
        steepness: by resource, base units sold at which the price has doubled.
        fee: of purchases and sales, in parts per million.
    """

    eth_usd: str
    steepness: Mapping[str, int]
    fee: int

    def __post_init__(self) -> None:
        """Check everything.

        Raises:
            PlanError: naming the value and what would do.
        """
        if not isinstance(self.eth_usd, str) or not _PRICE.fullmatch(self.eth_usd) or Decimal(self.eth_usd) <= 0:
            raise PlanError(
                f'genesis: market.eth_usd is {self.eth_usd!r}; give dollars above 0 as text, such as "2500"'
            )
        _keys(self.steepness, set(RESOURCE_NAMES), "[market.steepness]")
        for token, amount in self.steepness.items():
            if not 0 < amount <= CAPS[token] * UNIT:
                raise PlanError(f"genesis: market.steepness.{token} is {shown(amount)}; give up to {CAPS[token]:,}")
        if isinstance(self.fee, bool) or not isinstance(self.fee, int) or not 0 <= self.fee <= _MAX_FEE:
            raise PlanError(f"genesis: market.fee_ppm is {self.fee!r}; give a number from 0 to {_MAX_FEE}")

    def to_json(self) -> dict[str, Any]:
        """As the manifest keeps it."""
        steepness = {token: str(self.steepness[token]) for token in RESOURCE_NAMES}
        return {"eth_usd": self.eth_usd, "steepness": steepness, "fee_ppm": self.fee}


@dataclass(frozen=True)
class Genesis:
    """Who gets what.

    Attributes:
        allocations: by token instance, recipients (an address or `Timelock`) and amounts in base units, in order.
        guardians: the owners of the guardian Safe; three of them sign.
        attesters: who may verify accounts.
        quota: how many each of them may verify in a season.
        auditors: who may attest what hosts carry.
        arbiters: the committee that rules on disputes.
        certifiers: who may certify models.
        market: what the curves start with.
    """

    allocations: Mapping[str, tuple[tuple[str, int], ...]]
    guardians: tuple[str, ...]
    attesters: tuple[str, ...]
    quota: int
    auditors: tuple[str, ...]
    arbiters: tuple[str, ...]
    certifiers: tuple[str, ...]
    market: MarketSettings

    def __post_init__(self) -> None:
        """Check everything.

        Raises:
            PlanError: naming the value and what would do.
        """
        unknown = sorted(self.allocations.keys() - CAPS.keys())
        if unknown:
            raise PlanError(f"genesis: allocations of {unknown[0]!r}; tokens are {', '.join(CAPS)}")
        for token, cap in CAPS.items():
            given = self.allocations.get(token, ())
            _unique([to for to, _ in given], f"genesis: allocations of {token}")
            total = 0
            for to, amount in given:
                if to != TREASURY:
                    _account(to, f"genesis: allocations of {token}")
                if amount <= 0:
                    raise PlanError(f"genesis: {token} for {to}: give an amount above 0, or leave the line out")
                total += amount
            if total > cap * UNIT:
                raise PlanError(f"genesis: {shown(total)} {token} are given away, the cap is {cap:,}")
        if len(self.guardians) != GUARDIANS:
            raise PlanError(f"genesis: {len(self.guardians)} guardian owners; name {GUARDIANS}")
        named = (
            ("guardian owners", self.guardians),
            ("attesters", self.attesters),
            ("auditors", self.auditors),
            ("arbiters", self.arbiters),
            ("certifiers", self.certifiers),
        )
        for what, accounts in named:
            _unique(accounts, f"genesis: {what}")
            for account in accounts:
                _account(account, f"genesis: {what}")
        if isinstance(self.quota, bool) or not isinstance(self.quota, int) or not 0 <= self.quota < 2**32:
            raise PlanError(f"genesis: quota is {self.quota!r}; give a number from 0 to {2**32 - 1}")

    @property
    def roles(self) -> Mapping[str, tuple[str, ...]]:
        """The accounts that are given a role of the Authority, by its name; the guardian is a Safe of its own."""
        return {
            "ATTESTER": self.attesters,
            "AUDITOR": self.auditors,
            "ARBITER": self.arbiters,
            "CERTIFIER": self.certifiers,
        }

    @property
    def others(self) -> tuple[str, ...]:
        """Everybody with a role, guardians excepted."""
        return tuple(account for accounts in self.roles.values() for account in accounts)

    def to_json(self) -> dict[str, Any]:
        """As the manifest keeps it; amounts in base units, as decimal text."""
        return {
            "allocations": {
                token: [[to, str(amount)] for to, amount in self.allocations.get(token, ())] for token in CAPS
            },
            "guardian": {"owners": list(self.guardians), "threshold": THRESHOLD},
            "attesters": list(self.attesters),
            "quota": self.quota,
            "auditors": list(self.auditors),
            "arbiters": list(self.arbiters),
            "certifiers": list(self.certifiers),
            "market": self.market.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Genesis:
        """The reverse of `to_json`.

        Raises:
            PlanError: it is malformed.
        """
        try:
            return cls(
                {
                    str(token): tuple((str(to), int(amount)) for to, amount in given)
                    for token, given in document["allocations"].items()
                },
                tuple(document["guardian"]["owners"]),
                tuple(document["attesters"]),
                document["quota"],
                tuple(document["auditors"]),
                tuple(document["arbiters"]),
                tuple(document["certifiers"]),
                MarketSettings(
                    document["market"]["eth_usd"],
                    {str(token): int(amount) for token, amount in document["market"]["steepness"].items()},
                    document["market"]["fee_ppm"],
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, PlanError):
                raise
            raise PlanError(f"the recorded genesis configuration is malformed: {error!r}") from error


def load_genesis(path: Path) -> Genesis:
    """Read a genesis file.

    Raises:
        PlanError: it cannot be read, or a value in it cannot be; the message names it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"genesis: {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"genesis: {path} is no TOML file: {error}") from error
    return parse_genesis(document)


def parse_genesis(document: Mapping[str, Any]) -> Genesis:
    """A genesis configuration from parsed TOML.

    Raises:
        PlanError: a key that is unknown or missing, or a value that cannot be.
    """
    _keys(document, _KEYS, "the file")
    guardian = _table(document["guardian"], "guardian")
    _keys(guardian, {"owners", "threshold"}, "[guardian]")
    if guardian["threshold"] != THRESHOLD:
        raise PlanError(f"genesis: guardian.threshold is {guardian['threshold']!r}; it is {THRESHOLD} of {GUARDIANS}")
    allocations = {
        str(token): tuple(
            (
                TREASURY if to == TREASURY else _account(to, f"genesis: allocations.{token}"),
                _whole(f"allocations.{token} for {to}", amount),
            )
            for to, amount in _table(given, f"allocations.{token}").items()
        )
        for token, given in _table(document["allocations"], "allocations").items()
    }
    return Genesis(
        allocations,
        _accounts(guardian["owners"], "guardian.owners"),
        _accounts(document["attesters"], "attesters"),
        document["quota"],
        _accounts(document["auditors"], "auditors"),
        _accounts(document["arbiters"], "arbiters"),
        _accounts(document["certifiers"], "certifiers"),
        _market(_table(document["market"], "market")),
    )


def _market(table: Mapping[str, Any]) -> MarketSettings:
    _keys(table, {"eth_usd", "steepness", "fee_ppm"}, "[market]")
    steepness = _table(table["steepness"], "market.steepness")
    amounts = {str(token): _whole(f"market.steepness.{token}", amount) for token, amount in steepness.items()}
    return MarketSettings(table["eth_usd"], amounts, table["fee_ppm"])


def shown(amount: int) -> str:
    """Base units as whole tokens."""
    whole, rest = divmod(amount, UNIT)
    return f"{whole:,}" + (f".{rest:018d}".rstrip("0") if rest else "")


def _whole(where: str, value: Any) -> int:
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value * UNIT
    if found is None:  # a TOML float would lose digits
        raise PlanError(
            f"genesis: {where} is {value!r}; give whole tokens as a number above 0, or as text "
            'with up to 18 decimals, such as "1_000_000.5"'
        )
    whole, decimals = found.group(1).replace("_", ""), (found.group(2) or "").ljust(18, "0")
    return int(whole) * UNIT + int(decimals)


def _keys(table: Mapping[str, Any], known: set[str], where: str) -> None:
    missing, unknown = sorted(known - table.keys()), sorted(table.keys() - known)
    if missing or unknown:
        what = f"lacks {', '.join(missing)}" if missing else f"has the unknown {', '.join(unknown)}"
        raise PlanError(f"genesis: {where} {what}; it has {', '.join(sorted(known))}")


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise PlanError(f"genesis: {where} is {value!r}; make it a table, [{where}]")
    return value


def _accounts(values: Any, where: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise PlanError(f"genesis: {where} is {values!r}; give a list of addresses")
    return tuple(_account(value, f"genesis: {where}") for value in values)


def _account(value: Any, where: str) -> str:
    try:
        found = parse_address(value, f"{where}:")
    except InputError as error:
        raise PlanError(str(error)) from None
    if found in (ZERO, SENTINEL):
        raise PlanError(f"{where}: {found} is nobody's address")
    return found


def _unique(accounts: Any, where: str) -> None:
    seen: set[str] = set()
    for account in accounts:
        if account.lower() in seen:
            raise PlanError(f"{where}: {account} is named twice")
        seen.add(account.lower())


#: anvil's development accounts (`novacron.chain.anvil.DEV_MNEMONIC`); the first one deploys.
_DEV = (
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
    "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
    "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
    "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
    "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
    "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
)
#: For development chains only: everybody has these accounts' keys. Accounts 1 to 5 hold NOVA, 5 to 9 own the guardian
#: Safe, 8 and 9 attest accounts, 7 attests hosts, 6 and 7 rule on disputes,
#: 4 certifies models.
LOCAL_GENESIS = Genesis(
    {
        "NovaToken": ((TREASURY, 1_000_000_000 * UNIT), *((_DEV[i], (5 - i) * 1_000_000 * UNIT) for i in range(5))),
        "CPU": ((TREASURY, 400_000 * UNIT),),
        "MEM": ((TREASURY, 800_000 * UNIT),),
        "STO": ((TREASURY, 2_000_000 * UNIT),),
        "NET": ((TREASURY, 4_000_000 * UNIT),),
    },
    guardians=_DEV[4:9],
    attesters=_DEV[7:9],
    quota=1000,
    auditors=_DEV[6:7],
    arbiters=_DEV[5:7],
    certifiers=_DEV[3:4],
    market=MarketSettings("2500", {token: CAPS[token] * UNIT // 10 for token in RESOURCE_NAMES}, fee=3_000),
)
