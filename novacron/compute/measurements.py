"""Signed measurements: what a monitor says about one guarantee in one window, as EIP-712 typed data, and their median.

The contract decides by the median of at least `quorum` of them (`interfaces/ISLA.sol`); everything here agrees with it
to the bit, so that nothing is sent that it would refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from novacron.chain.addresses import parse_address
from novacron.chain.typed_data import TypedDataSigner, digest_of, signer_of
from novacron.compute.samples import Observed, Span
from novacron.compute.sla_terms import Direction, Terms
from novacron.exceptions import InputError, MeasurementError

NAME, VERSION = "NovaCron SLA", "1"
#: EIP-712 type of a measurement; field order is the contract's.
FIELDS = ("slaId", "guarantee", "window", "value", "samples", "from", "to")
_TYPES: Mapping[str, Any] = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Measurement": [{"name": name, "type": "uint256"} for name in FIELDS],
}
_SIGNATURE = re.compile(r"0x[0-9a-f]{130}")
#: Widths of the contract's `Observation`, bits; the other numbers are identifiers, kept below SQLite's 2^63.
_WIDTHS = {"value": 32, "samples": 32, "from": 40, "to": 40}


@dataclass(frozen=True)
class Domain:
    """Which contract on which chain a measurement is for (EIP-712)."""

    chain_id: int
    contract: str

    def to_dict(self) -> dict[str, Any]:
        """The domain as typed data has it."""
        return {"name": NAME, "version": VERSION, "chainId": self.chain_id, "verifyingContract": self.contract}


@dataclass(frozen=True)
class Measurement:
    """What a monitor measured of a guarantee in a window.

    Attributes:
        guarantee: its position in the terms.
        value: ppm or milliseconds.
        samples: how many samples it rests on.
        first, last: when the first and the last of them began, Unix seconds.
    """

    sla_id: int
    guarantee: int
    window: int
    value: int
    samples: int
    first: int
    last: int

    @classmethod
    def of(cls, sla_id: int, guarantee: int, window: int, observed: Observed) -> Self:
        """A window's observation as a measurement."""
        return cls(sla_id, guarantee, window, observed.value, observed.samples, observed.first, observed.last)

    def values(self) -> dict[str, int]:
        """By the names of the typed data."""
        numbers = (self.sla_id, self.guarantee, self.window, self.value, self.samples, self.first, self.last)
        return dict(zip(FIELDS, numbers, strict=True))

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """The document that is signed (EIP-712)."""
        return {
            "types": dict(_TYPES),
            "primaryType": "Measurement",
            "domain": domain.to_dict(),
            "message": self.values(),
        }

    def digest(self, domain: Domain) -> bytes:
        """What is signed, 32 bytes; the contract's `hashMeasurement`."""
        return digest_of(self.typed_data(domain))


@dataclass(frozen=True)
class SignedMeasurement:
    """A measurement with the monitor that signed it. Proves nothing before `verify`."""

    measurement: Measurement
    monitor: str
    signature: bytes

    @classmethod
    def make(cls, measurement: Measurement, domain: Domain, signer: TypedDataSigner) -> Self:
        """Sign a measurement as `signer`."""
        return cls(measurement, signer.address, signer.sign_typed_data(measurement.typed_data(domain)))

    def verify(self, domain: Domain, terms: Terms, window: Span) -> None:
        """Check everything that the contract checks of one measurement.

        Args:
            domain: the contract and chain it must be for.
            terms: of its agreement.
            window: the time of its window.

        Raises:
            MeasurementError: says what is wrong.
        """
        one, who = self.measurement, f"measurement of {self.monitor}"
        if terms.monitor_index(self.monitor) is None:
            raise MeasurementError(f"{who}: it is no monitor of agreement {one.sla_id}")
        if one.guarantee >= len(terms.guarantees):
            raise MeasurementError(f"{who}: agreement {one.sla_id} has no guarantee {one.guarantee}")
        if one.samples < terms.min_samples:
            raise MeasurementError(f"{who}: it rests on {one.samples} samples, the terms ask for {terms.min_samples}")
        if not window.start <= one.first <= one.last < window.end:
            raise MeasurementError(
                f"{who}: its samples are from {one.first} to {one.last}, window {one.window} is from {window.start} "
                f"to {window.end}"
            )
        if signer_of(one.digest(domain), self.signature) != self.monitor:
            raise MeasurementError(
                f"{who}: it did not sign this for chain {domain.chain_id} and contract {domain.contract}"
            )

    def observation(self, terms: Terms) -> tuple[Any, ...]:
        """The contract's `Observation`."""
        one = self.measurement
        index = terms.monitor_index(self.monitor)
        if index is None:
            raise MeasurementError(f"{self.monitor} is no monitor of agreement {one.sla_id}")
        return (index, one.value, one.samples, one.first, one.last, self.signature)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as it travels between monitors."""
        return {**self.measurement.values(), "monitor": self.monitor, "signature": "0x" + self.signature.hex()}

    @classmethod
    def from_dict(cls, value: Any) -> Self:
        """From a stranger's JSON: exact keys and types. The signature is not checked here.

        Raises:
            MeasurementError: malformed.
        """
        if not isinstance(value, Mapping) or set(value) != {*FIELDS, "monitor", "signature"}:
            raise MeasurementError(f"a measurement has exactly the keys {', '.join((*FIELDS, 'monitor', 'signature'))}")
        for name in FIELDS:
            number, width = value[name], _WIDTHS.get(name, 63)
            if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**width:
                raise MeasurementError(f"measurement: {name} is no number of {width} bits")
        signature = value["signature"]
        if not isinstance(signature, str) or _SIGNATURE.fullmatch(signature) is None:
            raise MeasurementError("measurement: the signature is not 0x and 65 bytes in lower-case hexadecimal")
        try:
            monitor = parse_address(value["monitor"], "measurement: monitor")
        except InputError as error:
            raise MeasurementError(str(error)) from error
        return cls(Measurement(*(value[name] for name in FIELDS)), monitor, bytes.fromhex(signature[2:]))


def median(values: Sequence[int], direction: Direction) -> int:
    """The middle value; of an even number the middle one nearer to the promise, in the provider's favour.

    Raises:
        InputError: no values.
    """
    if not values:
        raise InputError("the median of no values does not exist")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 0 and direction is Direction.AT_MOST:
        middle -= 1
    return ordered[middle]


@dataclass(frozen=True)
class Evidence:
    """Verified measurements of one guarantee in one window, by distinct monitors, ascending as the contract wants them.

    Attributes:
        value: their median.
        tier: 0, 1 or 2 when it breaks the promise, else None.
    """

    measurements: tuple[SignedMeasurement, ...]
    value: int
    tier: int | None

    @classmethod
    def of(cls, measurements: Iterable[SignedMeasurement], terms: Terms, guarantee: int) -> Self | None:
        """The evidence that these make; None for fewer than the quorum. The first of each monitor counts."""
        found: dict[int, SignedMeasurement] = {}
        for one in measurements:
            index = terms.monitor_index(one.monitor)
            if index is not None and one.measurement.guarantee == guarantee:
                found.setdefault(index, one)
        if len(found) < terms.quorum:
            return None
        ordered = tuple(found[index] for index in sorted(found))
        promise = terms.guarantees[guarantee]
        value = median([one.measurement.value for one in ordered], promise.direction)
        return cls(ordered, value, promise.tier(value))

    @property
    def signers(self) -> int:
        """How many monitors it is from."""
        return len(self.measurements)

    def observations(self, terms: Terms) -> list[tuple[Any, ...]]:
        """The contract's `Observation[]`."""
        return [one.observation(terms) for one in self.measurements]
