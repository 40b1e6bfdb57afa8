"""Service-level agreements on a test chain: the contracts, terms, and measurements that monitors sign."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from web3.contract import Contract

from tests.support.contracts import artifact

ZERO = "0x" + "00" * 20
AT_LEAST, AT_MOST = 0, 1
NOVA = 10**18
#: Uptime in ppm and latency in ms: name, direction, and the limits of the three credits.
GUARANTEES = (
    (b"uptime".ljust(32, b"\0"), AT_LEAST, 999_000, 990_000, 900_000),
    (b"latency".ljust(32, b"\0"), AT_MOST, 100, 200, 1_000),
)
TYPES = {
    "Measurement": [
        {"name": name, "type": "uint256"} for name in ("slaId", "guarantee", "window", "value", "samples", "from", "to")
    ]
}
Deploy = Callable[..., Contract]


@dataclass(frozen=True)
class Monitor:
    """Somebody who measures, by the key that signs."""

    address: str
    key: str


def monitors(count: int) -> list[Monitor]:
    """So many, by ascending address, always the same."""
    keys = ["0x" + hashlib.sha256(f"monitor {number}".encode()).hexdigest() for number in range(count)]
    made = [Monitor(str(Account.from_key(key).address), key) for key in keys]
    return sorted(made, key=lambda monitor: int(monitor.address, 16))


@dataclass
class Terms:
    """`ISLA.Terms`; amounts in units of 1e-18 NOVA, times in seconds."""

    provider: str
    customer: str
    monitors: Sequence[Monitor]
    offer_expiry: int
    vm_id: int = 0
    specification: bytes = field(default_factory=lambda: hashlib.sha256(b"what is measured and how").digest())
    window: int = 86_400
    windows: int = 10
    report_period: int = 2 * 86_400
    dispute_period: int = 86_400
    fee: int = 100 * NOVA
    stake: int = 1_000 * NOVA
    bond: int = 10 * NOVA
    credits: tuple[int, int, int] = (0, 0, 0)
    min_samples: int = 10
    quorum: int = 3
    arbitrator: str = ZERO
    guarantees: Sequence[tuple[bytes, int, int, int, int]] = GUARANTEES

    def encoded(self) -> tuple[Any, ...]:
        """As the contract takes them."""
        return (
            self.provider, self.customer, self.vm_id, self.specification, self.offer_expiry, self.window, self.windows,
            self.report_period, self.dispute_period, self.fee, self.stake, self.bond, list(self.credits),
            self.min_samples, self.quorum, self.arbitrator, [monitor.address for monitor in self.monitors],
            list(self.guarantees),
        )  # fmt: skip


def observation(
    sla: Contract, chain_id: int, monitor: int, key: str, claim: tuple[int, int, int], value: int, span: tuple[int, int]
) -> tuple[Any, ...]:
    """What a monitor signs of a claim (agreement, guarantee, window), first and last sample included."""
    sla_id, guarantee, window = claim
    message = {"slaId": sla_id, "guarantee": guarantee, "window": window, "value": value, "samples": 1_440}
    message |= {"from": span[0], "to": span[1]}
    domain = {"name": "NovaCron SLA", "version": "1", "chainId": chain_id, "verifyingContract": sla.address}
    signed = Account.sign_typed_data(key, domain_data=domain, message_types=TYPES, message_data=message)
    return monitor, value, 1_440, span[0], span[1], bytes(signed.signature)


def deploy_sla(
    deploy: Deploy, authority: str, owner: str, nova: str, lease: str, treasury: str
) -> tuple[Contract, Contract]:
    """The agreements behind their proxy, and the committee."""
    committee = deploy("CommitteeArbitrator", authority)
    implementation = deploy("SLA")
    start = implementation.encode_abi("initialize", [authority, owner, nova, lease, treasury, committee.address])
    proxy = deploy("Proxy", implementation.address, start)
    return implementation.w3.eth.contract(address=proxy.address, abi=artifact("SLA")["abi"]), committee
