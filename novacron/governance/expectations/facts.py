"""Single facts about a transaction, of which expectations are made, and the names and values they are told in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from novacron.governance.suite import NOBODY, ContractProxy, Suite

Account = str | ContractProxy

#: What ETH is called where a token's name could stand.
ETH = "ETH"


@dataclass(frozen=True)
class WritePart:
    """A variable changes. `names`: alternatives for `Contract.path`, `*` for any text; None: not said.

    `by` with a single name without `*` adds up over all expectations of a proposal.
    """

    names: tuple[str, ...]
    by: int | None = None
    to: Any = None
    before: Any = None
    optional: bool = False

    @property
    def adds_up(self) -> bool:
        """Whether it is one summand of an exact change."""
        return self.by is not None and len(self.names) == 1 and "*" not in self.names[0]

    def names_it(self, name: str) -> bool:
        """Whether `Contract.path` is meant."""
        return any(_glob(pattern).fullmatch(name) for pattern in self.names)

    def __str__(self) -> str:
        said = [
            f"by {self.by:+,}" if self.by is not None else "",
            f"from {self.before}" if self.before is not None else "",
            f"to {self.to}" if self.to is not None else "",
        ]
        return " ".join(["a change of", self.names[0], *filter(None, said)])


@dataclass(frozen=True)
class EventPart:
    """One event; arguments that are not given may be anything."""

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"the event {self.name}({', '.join(f'{name}={value}' for name, value in self.arguments)})"


@dataclass(frozen=True)
class RolePart:
    """One role gained or lost; `account` None for anybody."""

    contract: str
    role: str
    account: str | None
    change: Literal["granted", "revoked"]
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.role} of {self.contract} {self.change}" + (f" ({self.account})" if self.account else "")


@dataclass(frozen=True)
class TransferPart:
    """One movement of a token or of ETH, base units."""

    token: str
    source: str
    to: str
    amount: int

    def __str__(self) -> str:
        return f"a transfer of {self.amount:,} {self.token} from {self.source} to {self.to}"


@dataclass(frozen=True)
class CreatedPart:
    """One new contract; at `address` where given."""

    address: str | None = None

    def __str__(self) -> str:
        return "a new contract" + (f" at {self.address}" if self.address else "")


Part = WritePart | EventPart | RolePart | TransferPart | CreatedPart


# --------------------------------------------------------------------------------------------------------------------
# Names and values
# --------------------------------------------------------------------------------------------------------------------

_KEY = re.compile(r"\[(0x[0-9a-fA-F]{40})\]")


def value_of(dao: Suite, value: Any) -> Any:
    """A value as it is compared: addresses by the suite's names, bytes as 0x-hexadecimal text."""
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return tuple(value_of(dao, item) for item in value)
    if isinstance(value, ContractProxy):
        return dao.name_of(value.address)
    if isinstance(value, str) and (value == "0x0" or re.fullmatch(r"0x[0-9a-fA-F]{40}", value)):
        return label_of(dao, value)
    return value.lower() if isinstance(value, str) and re.fullmatch(r"0x[0-9a-fA-F]*", value) else value


def named_keys(dao: Suite, path: str) -> str:
    """A variable's path with instance names in the place of address keys."""
    return _KEY.sub(lambda found: f"[{label_of(dao, found[1])}]", path)


def label_of(dao: Suite, account: Account) -> str:
    return dao.name_of(dao.resolve(account))


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(piece) for piece in pattern.split("*")), re.DOTALL)


def code_of(value: Any) -> str:
    """A value as it is written in Python."""
    if value == NOBODY:
        return "NOBODY"
    if isinstance(value, ContractProxy):
        return f"dao.{value.instance}" if value.instance.isidentifier() else f'"{value.address}"'
    if isinstance(value, int) and not isinstance(value, bool):
        whole, rest = divmod(abs(value), 10**18)
        sign = "-" if value < 0 else ""
        return f"{sign}{whole:_} * 10**18" if whole and not rest else f"{value:_}"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if value.isprintable() else repr(value)
    return repr(value)
