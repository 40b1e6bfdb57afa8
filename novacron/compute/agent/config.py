"""Configuration of the agent: one TOML file.

[agent]
host = 1                                # number in the registry
hypervisor = "qemu:///system"           # libvirt's URI
state = "/var/lib/novacron"             # journal, saved memories; one agent a folder
storage = "s3://bucket/prefix"          # as `novacron.storage`; source and target of a migration must both reach it
template = "domain.xml"                 # optional: devices of the provider's VMs
interval = 5                            # seconds between two passes
heartbeat = 60                          # seconds
snapshots = 0                           # seconds between two snapshots of a running VM; 0 for none

[chain]                                 # keys of the other commands' client configuration
rpc_urls = ["https://…"]
manifest = "deployments/…/manifest.json"    # or contract = "0x…", the VMLifecycle
keystore = "agent.json"
confirmations = 3
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from novacron.exceptions import ConfigurationError
from novacron.provenance.clients.config import ClientConfig

#: The registry takes a host that was silent for five minutes to have vanished: three heartbeats may be lost.
LONGEST_HEARTBEAT = 100.0
_NUMBERS = {"interval": 0.1, "heartbeat": 1.0, "snapshots": 0.0}


@dataclass(frozen=True)
class AgentConfig:
    """What an agent needs to know.

    Attributes:
        host: number of the host in the registry.
        hypervisor: libvirt's URI.
        state: the agent's folder.
        storage: location as `novacron.storage.open_storage` takes it; None for NOVACRON_STORAGE.
        chain: endpoints, key, fees and confirmations; its `contract` is VMLifecycle's address or instance name.
        template: the provider's domain XML, or None.
        domain_type: of domains without a template: kvm, qemu or test; None for what fits the hypervisor.
        interval, heartbeat, snapshots: seconds; no snapshots at 0.
        first_block: where the contract's events begin.
    """

    host: int
    hypervisor: str
    state: Path
    chain: ClientConfig = field(repr=False)
    storage: str | None = None
    template: Path | None = None
    domain_type: str | None = None
    interval: float = 5.0
    heartbeat: float = 60.0
    snapshots: float = 0.0
    first_block: int = 0

    @classmethod
    def from_toml(cls, path: Path) -> AgentConfig:
        """Read a file; relative paths start at its folder.

        Raises:
            ConfigurationError: it cannot be read, or a key is unknown, missing or malformed.
        """
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"configuration {path}: {error.strerror or type(error).__name__}") from error
        except ValueError as error:
            raise ConfigurationError(f"configuration {path} is no TOML: {error}") from error
        return cls.from_mapping(data, base=path.resolve().parent, source=str(path))

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], *, base: Path, source: str = "configuration") -> AgentConfig:
        """From the tables `agent` and `chain`. Raises ConfigurationError, as `from_toml`."""
        unknown = sorted(set(data) - {"agent", "chain"})
        if unknown:
            raise ConfigurationError(f"{source}: unknown table {unknown[0]!r}; known are agent and chain")
        agent, chain = _table(data, "agent", source), _table(data, "chain", source)
        known = ("host", "hypervisor", "state", "storage", "template", "domain_type", "first_block", *_NUMBERS)
        for key in agent:
            if key not in known:
                raise ConfigurationError(f"{source}: unknown key agent.{key}; known are {', '.join(known)}")
        state = base / Path(_text(agent, "state", source)).expanduser()
        client = ClientConfig.from_mapping(
            {"store": str(state), "contract": "VMLifecycle"} | chain, base=base, source=f"{source}: chain"
        )
        if client.kind != "web3" or client.read_only:
            raise ConfigurationError(f"{source}: the agent sends transactions: it needs rpc_urls and a key")
        if client.manifest is None and not str(client.contract).startswith("0x"):
            raise ConfigurationError(f"{source}: give chain.manifest, or the address of VMLifecycle as chain.contract")
        made = cls(
            host=_whole(agent, "host", source, least=1),
            hypervisor=_text(agent, "hypervisor", source),
            state=state,
            chain=client,
            storage=_storage(agent, base, source),
            template=base / Path(_text(agent, "template", source)).expanduser() if "template" in agent else None,
            domain_type=_text(agent, "domain_type", source) if "domain_type" in agent else None,
            first_block=_whole(agent, "first_block", source, least=0) if "first_block" in agent else 0,
        )
        numbers: dict[str, Any] = {
            key: _number(agent, key, source, least) for key, least in _NUMBERS.items() if key in agent
        }
        made = replace(made, **numbers)
        if made.heartbeat > LONGEST_HEARTBEAT:
            raise ConfigurationError(
                f"{source}: agent.heartbeat = {made.heartbeat:g} s; at most {LONGEST_HEARTBEAT:g}, since the registry "
                "takes a host that was silent for 300 s to have vanished"
            )
        return made


def _table(data: Mapping[str, Any], name: str, source: str) -> dict[str, Any]:
    table = data.get(name)
    if not isinstance(table, dict):
        raise ConfigurationError(f"{source}: the table [{name}] is missing")
    return table


def _text(table: Mapping[str, Any], key: str, source: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{source}: agent.{key} must be a text, not {value!r}")
    return value


def _whole(table: Mapping[str, Any], key: str, source: str, *, least: int) -> int:
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{source}: agent.{key} must be a whole number of at least {least}, not {value!r}")
    return value


def _number(table: Mapping[str, Any], key: str, source: str, least: float) -> float:
    value = table[key]
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= least:
        raise ConfigurationError(f"{source}: agent.{key} must be a number of seconds ≥ {least:g}, not {value!r}")
    return float(value)


def _storage(table: Mapping[str, Any], base: Path, source: str) -> str | None:
    if "storage" not in table:
        return None
    text = _text(table, "storage", source)
    return text if text.startswith(("s3://", "kubo:")) else str(base / Path(text).expanduser())
