"""What a machine has, as people write it and as contracts count it, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from types import MappingProxyType
from typing import Any, Self

from novacron.exceptions import InputError
from novacron.market.curve import ceil_div
from novacron.market.resources import UNIT, Resource, decimal_text, scaled, split_quantity

#: Largest number of thousandths of one resource.
MAX_UNITS = (1 << 32) - 1
#: Thousandths of a token's unit in a second of a whole unit an hour.
_PER_HOUR = 3_600 * 1_000

#: Thousandths per unit, by what people write behind the number. Decimal prefixes: 1 GB is 1000 MB.
_CPU: Mapping[str, int] = MappingProxyType({"vcpu": 1_000, "vcpus": 1_000, "mcpu": 1, "": 1_000})
_MEM: Mapping[str, int] = MappingProxyType({"mb": 1, "gb": 1_000, "tb": 1_000_000})
_STO: Mapping[str, int] = MappingProxyType({"gb": 1, "tb": 1_000})
_NET: Mapping[str, int] = MappingProxyType({"mb/h": 1, "gb/h": 1_000, "tb/h": 1_000_000})
_UNITS: Mapping[Resource, tuple[Mapping[str, int], str]] = MappingProxyType(
    {
        Resource.CPU: (_CPU, '"2 vCPU" or "500 mCPU"'),
        Resource.MEM: (_MEM, '"4 GB" or "512 MB"'),
        Resource.STO: (_STO, '"50 GB" or "2 TB"'),
        Resource.NET: (_NET, '"10 GB/h" or "500 MB/h"'),
    }
)


@dataclass(frozen=True)
class Capacity:
    """Thousandths of each token's unit per hour, as in `interfaces/IResources.sol`.

    Attributes:
        cpu: thousandths of a vCPU.
        mem: MB of memory.
        sto: GB of storage.
        net: MB of traffic an hour.
    """

    cpu: int = 0
    mem: int = 0
    sto: int = 0
    net: int = 0

    def __post_init__(self) -> None:
        for resource in Resource:
            if not 0 <= self[resource] <= MAX_UNITS:
                raise InputError(f"{self[resource]} thousandths of {resource.name}: use 0 to {MAX_UNITS}")

    def __getitem__(self, resource: Resource) -> int:
        return int(self.to_tuple()[resource])

    @classmethod
    def parse(cls, *, cpu: str = "0", memory: str = "0", storage: str = "0", network: str = "0") -> Self:
        """From words: `Capacity.parse(cpu="2 vCPU", memory="4 GB", storage="50 GB", network="10 GB/h")`.

        Raises:
            InputError: no number with a unit of that resource, or finer than a thousandth.
        """
        words = {Resource.CPU: cpu, Resource.MEM: memory, Resource.STO: storage, Resource.NET: network}
        return cls(*(parse_units(text, resource) for resource, text in words.items()))

    @classmethod
    def of(cls, values: Any) -> Self:
        """From a contract's answer."""
        return cls(*(int(value) for value in values))

    def to_tuple(self) -> tuple[int, int, int, int]:
        """As contracts take it."""
        return astuple(self)

    def to_dict(self) -> dict[str, int]:
        """For JSON, in thousandths."""
        return {resource.name.lower(): self[resource] for resource in Resource}

    def funded(self, seconds: int) -> dict[Resource, int]:
        """Base units held for a number of seconds, rounded up: what funding it for so long takes."""
        return {resource: ceil_div(self[resource] * UNIT * seconds, _PER_HOUR) for resource in Resource}

    def used(self, seconds: int) -> dict[Resource, int]:
        """Base units that a number of seconds uses up, rounded down: what the provider earns."""
        return {resource: self[resource] * UNIT * seconds // _PER_HOUR for resource in Resource}

    def fits(self, available: Capacity) -> bool:
        """Whether there is enough of each resource."""
        return all(self[resource] <= available[resource] for resource in Resource)

    def __str__(self) -> str:
        return ", ".join(units_text(self[resource], resource) for resource in Resource)


def parse_units(text: str, resource: Resource, what: str | None = None) -> int:
    """Thousandths of a resource from words such as "2 vCPU", "4 GB", "50 GB", "10 GB/h"; "0" is nothing.

    Raises:
        InputError: no number, no unit of this resource, finer than a thousandth, or too much.
    """
    units, examples = _UNITS[resource]
    name = what or f"{resource.name} capacity"
    if text.strip() == "0":
        return 0
    per_hour = text.strip().endswith("/h")
    number, unit = split_quantity(text.strip().removesuffix("/h"), name)
    unit = unit.lower() + ("/h" if per_hour else "")
    if unit not in units:
        raise InputError(f"{name} {text!r}: write a number and its unit, such as {examples}")
    value = scaled(number, units[unit], name)
    if value > MAX_UNITS:
        raise InputError(f"{name} {text!r} is more than one machine can have")
    return value


def units_text(units: int, resource: Resource) -> str:
    """Thousandths of a resource in words: `2 vCPU`, `4 GB memory`, `50 GB storage`, `10 GB/h`."""
    if resource is Resource.CPU:
        return f"{decimal_text(units, 1_000)} vCPU"
    if resource is Resource.STO:
        return f"{units:,} GB storage"
    return f"{decimal_text(units, 1_000)} " + ("GB memory" if resource is Resource.MEM else "GB/h")
