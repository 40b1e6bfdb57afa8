"""The network that commands act on: its manifest, its endpoints, and the configured account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from novacron.chain.endpoints import EndpointPool
from novacron.chain.fees import FeePolicy
from novacron.chain.journal import Journal
from novacron.chain.signer import (
    Signer,
    passphrase_from_env,
    passphrase_from_file,
    signer_from_command,
    signer_from_env,
    signer_from_keystore,
)
from novacron.chain.transactions import TransactionManager
from novacron.cli.app import App
from novacron.deploy.apply import journal_name
from novacron.exceptions import ConfigurationError, MarketError
from novacron.market.deployment import Account, Advice, Deployment
from novacron.provenance.clients.config import ClientConfig

#: Beginnings of the keys under which these commands send transactions.
PREFIXES = ("market/", "vm/", "host/", "sla/", "model/")
#: Where the environment may have the account's key.
KEY_VARIABLES = ("NOVACRON_KEYSTORE", "NOVACRON_PRIVATE_KEY", "NOVACRON_KEY_COMMAND")


def settings_of(app: App, *, reading: bool) -> ClientConfig:
    """The configuration, with a manifest. Reading needs no key. Raises ConfigurationError."""
    in_file = app.config is not None and app.config.suffix != ".json"
    if in_file:
        config = app.settings()
    else:
        extra: dict[str, Any] = {} if app.config is None else {"manifest": app.config}
        if reading:
            extra["read_only"] = True
        elif not os.environ.get("NOVACRON_STORE"):
            extra["store"] = Path("deployments")  # a client's outbox, of which there is none here; never opened
        if not reading and not any(os.environ.get(name) for name in KEY_VARIABLES):
            raise ConfigurationError(
                "no key is configured: set NOVACRON_KEYSTORE, NOVACRON_PRIVATE_KEY or NOVACRON_KEY_COMMAND"
            )
        config = ClientConfig.from_environment(**extra)
    if config.manifest is None or not config.rpc_urls:
        raise ConfigurationError(
            "this needs a deployment's manifest and an RPC address: give "
            "--config deployments/<network>/manifest.json (or NOVACRON_MANIFEST) and set NOVACRON_RPC_URLS"
        )
    return config


def signer_of(config: ClientConfig) -> Signer:
    """The configured account. Raises ConfigurationError, SigningKeyError, KeyMismatchError."""
    if config.keystore is not None:
        file = config.passphrase_file
        source = passphrase_from_env(config.passphrase_env) if file is None else passphrase_from_file(file)
        return signer_from_keystore(config.keystore, source, expected_address=config.address)
    if config.key_command:
        return signer_from_command(config.key_command, expected_address=config.address)
    if config.private_key_env is not None and not config.read_only:
        return signer_from_env(config.private_key_env, expected_address=config.address)
    raise ConfigurationError(
        "no key is configured: set NOVACRON_PRIVATE_KEY, NOVACRON_KEYSTORE or NOVACRON_KEY_COMMAND"
    )


def offline_signer(app: App) -> Signer:
    """The configured account where no chain is needed, as for signing on a machine without a network."""
    if app.config is not None and app.config.suffix != ".json":
        return signer_of(app.settings())
    extra: dict[str, Any] = {"store": Path("deployments")}
    if not os.environ.get("NOVACRON_RPC_URLS"):
        extra["rpc_urls"] = ["http://127.0.0.1:8545"]  # a configuration has one; it is never asked
    return signer_of(ClientConfig.from_environment(**extra))


def fees_of(config: ClientConfig) -> FeePolicy:
    """What the configuration lets a transaction cost."""
    cap = config.max_fee_per_gas
    return FeePolicy(config.fee_speed) if cap is None else FeePolicy(config.fee_speed, cap)


@contextmanager
def _deployment(config: ClientConfig) -> Iterator[Deployment]:
    assert config.manifest is not None
    with EndpointPool(config.rpc_urls, chain_id=config.chain_id, timeout=config.rpc_timeout) as pool:
        yield Deployment.of_manifest(config.manifest, pool)


@contextmanager
def reading(app: App) -> Iterator[Deployment]:
    """The configured deployment; needs no key."""
    with _deployment(settings_of(app, reading=True)) as deployment:
        yield deployment


@contextmanager
def acting(app: App, advice: Advice) -> Iterator[Account]:
    """The configured account. Its journal is the network's, beside the manifest and shared with deployments."""
    config = settings_of(app, reading=False)
    signer = signer_of(config)
    assert config.manifest is not None
    folder = config.manifest.resolve().parent
    with _deployment(config) as deployment, Journal(folder / journal_name(deployment.pool, folder)) as journal:
        manager = TransactionManager(
            deployment.pool,
            signer,
            journal,
            fees_of(config),
            confirmations=config.confirmations,
            timeout=config.timeout,
        )
        yield Account(deployment, manager, advice)


def require_finished(app: App, account: Account, key: str | None) -> None:
    """Before an action that a repetition would do twice: finish what an earlier command of this account left under way.

    Raises:
        MarketError: there was something; it is finished now, and the caller looks whether it was this very action.
    """
    if key is not None:
        return
    pending = account.unfinished(PREFIXES)
    for name in pending:
        if not app.as_json:
            click.echo(f"… finishing {name}", err=True)
        account.manager.wait(name)
    if pending:
        raise MarketError(
            f"an earlier transaction of {account.address} was still under way and is finished now "
            f"({', '.join(pending)}): look whether that was this one; if not, run the command again. With --key NAME a "
            "repetition does it once"
        )


def progress(app: App, line: str) -> None:
    """One line of progress on standard error; nothing with --json."""
    if not app.as_json:
        click.echo(f"… {line}", err=True)
