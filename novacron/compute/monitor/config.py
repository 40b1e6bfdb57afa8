"""Configuration of `novacron sla monitor`: a TOML file; relative paths start at its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from novacron.compute.monitor.specification import Specification, split_url
from novacron.compute.quantities import parse_seconds
from novacron.compute.sla_terms import read_toml
from novacron.exceptions import InputError

_MONITOR_KEYS = ("store", "listen", "peers", "folder", "every", "patience", "stagger", "send")
_AGREEMENT_KEYS = ("id", "specification")


@dataclass(frozen=True)
class MonitorConfig:
    """How a monitor runs. Times in seconds.

    Attributes:
        store: its SQLite file.
        listen: host and port on which it serves what it has signed; None to serve nothing.
        peers: addresses of other monitors.
        folder: a folder that all monitors can read and write; None for none.
        every: between two looks at the chain.
        patience: how long after a window it waits for the measurements of all monitors before a quorum will do.
        stagger: between the turns of two monitors to send what is due.
        send: whether it sends transactions; without, it measures, signs and serves.
        agreements: what is measured, by agreement.
    """

    store: Path
    listen: tuple[str, int] | None
    peers: tuple[str, ...]
    folder: Path | None
    every: int
    patience: int
    stagger: int
    send: bool
    agreements: Mapping[int, Specification]

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a configuration file and the specifications it names. Raises InputError, which names the key."""
        path = Path(path)
        table, base, source = read_toml(path), path.parent, str(path)
        _known(table, ("monitor", "agreement"), source)
        monitor = table.get("monitor")
        if not isinstance(monitor, dict):
            raise InputError(f"{source}: [monitor] is missing")
        _known(monitor, _MONITOR_KEYS, f"{source}: [monitor]")
        peers = monitor.get("peers", [])
        if not isinstance(peers, list):
            raise InputError(f"{source}: peers is a list of addresses")
        for peer in peers:
            split_url(peer, f"{source}: peers", ("http", "https"))
        send = monitor.get("send", True)
        if not isinstance(send, bool):
            raise InputError(f"{source}: send = {send!r}; true or false")
        folder = monitor.get("folder")
        return cls(
            store=base / _text(monitor.get("store"), f"{source}: store"),
            listen=_address(monitor["listen"], f"{source}: listen") if "listen" in monitor else None,
            peers=tuple(peers),
            folder=None if folder is None else base / _text(folder, f"{source}: folder"),
            every=_positive(monitor.get("every", "30 s"), f"{source}: every"),
            patience=parse_seconds(monitor.get("patience", "15 min"), f"{source}: patience"),
            stagger=parse_seconds(monitor.get("stagger", "2 min"), f"{source}: stagger"),
            send=send,
            agreements=_agreements(table.get("agreement"), base, source),
        )


def _agreements(tables: Any, base: Path, source: str) -> dict[int, Specification]:
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{source}: no [[agreement]]")
    found: dict[int, Specification] = {}
    for table in tables:
        _known(table, _AGREEMENT_KEYS, f"{source}: [[agreement]]")
        number = table.get("id")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**63:
            raise InputError(f"{source}: [[agreement]] id = {number!r}; the agreement's number")
        if number in found:
            raise InputError(f"{source}: agreement {number} is there twice")
        name = _text(table.get("specification"), f"{source}: specification of agreement {number}")
        found[number] = Specification.load(base / name)
    return found


def _known(table: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    unknown = sorted(set(table) - set(keys))
    if unknown:
        raise InputError(f"{what}: unknown key {unknown[0]!r}; known are {', '.join(keys)}")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{what} is missing, or no text")
    return value


def _positive(value: Any, what: str) -> int:
    seconds = parse_seconds(value, what)
    if seconds < 1:
        raise InputError(f"{what} = {value!r}; at least 1 s")
    return seconds


def _address(value: Any, what: str) -> tuple[str, int]:
    host, separator, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not separator or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f'{what} = {value!r}; write host:port, such as "127.0.0.1:8645", or ":8645" for 127.0.0.1')
    return host.strip("[]") or "127.0.0.1", int(port)
