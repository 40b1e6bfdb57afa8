"""Clients from configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from novacron.chain import (
    EndpointPool,
    FeePolicy,
    Signer,
    passphrase_from_env,
    passphrase_from_file,
    signer_from_command,
    signer_from_env,
    signer_from_keystore,
)
from novacron.exceptions import ConfigurationError
from novacron.provenance.clients.base import BlockchainClient
from novacron.provenance.clients.config import ClientConfig
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.records_client import RecordsBlockchainClient
from novacron.provenance.clients.web3_client import Web3BlockchainClient


def client_from_config(config: ClientConfig | Mapping[str, Any] | Path | str | None = None) -> BlockchainClient:
    """Open the configured client.

    Args:
        config: a `ClientConfig`, a mapping of its keys, the path of a TOML file (`.toml`) or of a deployment manifest
            (`.json`, everything else from the environment), or None for the environment alone.

    Raises:
        ConfigurationError: an unknown key (named), a missing or contradicting value. Without any configuration this
            is an error too: the embedded store is never chosen silently.
        SigningKeyError, KeyMismatchError: the key cannot be had, or belongs to another address.
        ChainUnavailableError: no chain id is configured and no endpoint answers.
        CorruptStoreError: the store is damaged.
    """
    settings = _settings(config)
    if settings.kind == "local":
        assert settings.store is not None  # checked by the configuration
        return LocalBlockchainClient(settings.store, submitter=settings.submitter)
    contract, chain_id = settings.deployed()
    signer = None if settings.read_only else _signer(settings)
    fees = (
        FeePolicy(settings.fee_speed)
        if settings.max_fee_per_gas is None
        else FeePolicy(settings.fee_speed, settings.max_fee_per_gas)
    )
    pool = EndpointPool(settings.rpc_urls, chain_id=chain_id, timeout=settings.rpc_timeout)
    kind = RecordsBlockchainClient if settings.interface == "records" else Web3BlockchainClient
    with contextlib.ExitStack() as on_error:
        on_error.callback(pool.close)
        client = kind(
            pool,
            contract,
            signer=signer,
            store=settings.store,
            fees=fees,
            confirmations=settings.confirmations,
            timeout=settings.timeout,
        )
        on_error.pop_all()
    return client.own(pool)


def _settings(config: ClientConfig | Mapping[str, Any] | Path | str | None) -> ClientConfig:
    if isinstance(config, ClientConfig):
        return config
    if config is None:
        return ClientConfig.from_environment()
    if isinstance(config, Mapping):
        return ClientConfig.from_mapping(config)
    path = Path(config)
    if path.suffix == ".toml":
        return ClientConfig.from_toml(path)
    if path.suffix == ".json":
        return ClientConfig.from_environment(manifest=path)
    raise ConfigurationError(f"configuration {path} is neither a .toml file nor a deployment's manifest.json")


def _signer(settings: ClientConfig) -> Signer:
    if settings.keystore is not None:
        passphrase = (
            passphrase_from_env(settings.passphrase_env)
            if settings.passphrase_file is None
            else passphrase_from_file(settings.passphrase_file)
        )
        return signer_from_keystore(settings.keystore, passphrase, expected_address=settings.address)
    if settings.key_command:
        return signer_from_command(settings.key_command, expected_address=settings.address)
    if settings.private_key_env is not None:
        return signer_from_env(settings.private_key_env, expected_address=settings.address)
    raise ConfigurationError("no key is configured")
