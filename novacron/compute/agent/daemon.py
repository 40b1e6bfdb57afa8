"""The daemon: puts an agent together from its configuration and runs passes until it is told to stop."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from novacron.chain import EndpointPool, ErrorDecoder, FeePolicy, Journal, Signer, TransactionManager, load_abi
from novacron.chain.contracts import ContractHandle
from novacron.compute.agent.config import AgentConfig
from novacron.compute.agent.driver import LibvirtHypervisor
from novacron.compute.agent.images import ImageStore
from novacron.compute.agent.outbox import Outbox
from novacron.compute.agent.reconcile import Reconciler
from novacron.compute.agent.report import Report
from novacron.compute.agent.view import ChainView
from novacron.exceptions import (
    AgentError,
    ChainResetError,
    CorruptStoreError,
    HypervisorError,
    NovaCronError,
    RevertedError,
    StoreBusyError,
)
from novacron.market.deployment import Deployment
from novacron.storage.storage import open_storage
from novacron.stores import translate_errors

log = logging.getLogger(__name__)

#: Longest pause between two passes while something does not answer, in seconds.
LONGEST_PAUSE = 60.0


@contextmanager
def open_agent(config: AgentConfig, signer: Signer, stop: threading.Event | None = None) -> Iterator[Reconciler]:
    """An agent ready for its first pass; nothing else may use its state folder meanwhile.

    Raises:
        StoreBusyError: another agent runs in this folder.
        AgentError: the host is not in the registry, or its agent is another account.
        ConfigurationError, HypervisorUnavailableError, ChainError, StorageError: what they say.
    """
    chain = config.chain
    address, chain_id = chain.deployed()
    with contextlib.ExitStack() as resources:
        resources.enter_context(_only_one(config.state))
        pool = resources.enter_context(
            EndpointPool(chain.rpc_urls, chain_id=chain_id, timeout=chain.rpc_timeout, max_time=15.0)
        )
        cap = chain.max_fee_per_gas
        manager = TransactionManager(
            pool,
            signer,
            resources.enter_context(Journal(config.state / "journal.db")),
            FeePolicy(chain.fee_speed) if cap is None else FeePolicy(chain.fee_speed, cap),
            confirmations=chain.confirmations,
            poll_interval=0.5,
            timeout=1.0,  # the passes wait, not the transactions
            decoder=ErrorDecoder([*load_abi("VMLifecycle"), *load_abi("HostRegistry")]),
        )
        registry = str(ContractHandle(pool, address, "VMLifecycle").call("registry"))
        view = ChainView(
            pool,
            address,
            registry,
            config.host,
            confirmations=chain.confirmations,
            cursor=config.state / "cursor.json",
            first_block=_first_block(config, pool),
        )
        _require_agent(view, signer)
        owner = view.owner()
        hypervisor = resources.enter_context(
            LibvirtHypervisor(config.hypervisor, owner, template=config.template, domain_type=config.domain_type)
        )
        yield Reconciler(
            hypervisor,
            view,
            Outbox(manager),
            resources.enter_context(open_storage(config.storage)),
            ImageStore(config.state / "images", owner),
            heartbeat=config.heartbeat,
            snapshots=config.snapshots or None,
            stop=stop,
        )


def run(
    reconciler: Reconciler,
    stop: threading.Event,
    interval: float,
    report: Callable[[Report], None],
    *,
    clock: Callable[[], float] = time.time,
) -> None:
    """Pass after pass until `stop` is set; the VM that a pass is at is finished first.

    A chain or hypervisor that does not answer is asked again after ever longer pauses, up to a minute.

    Raises:
        ChainResetError, CorruptStoreError: going on would do harm; a person has to look.
    """
    pause = interval
    while not stop.is_set():
        try:
            report(reconciler.step())
            pause = interval
        except (ChainResetError, CorruptStoreError):
            raise
        except NovaCronError as error:
            log.warning("no pass: %s", error)
            with contextlib.suppress(HypervisorError):
                report(reconciler.offline())
            pause = min(max(pause * 2, 1.0), LONGEST_PAUSE)
        ends = reconciler.next_exhaustion()
        stop.wait(pause if ends is None else min(pause, max(ends - clock(), 0.2)))


def _first_block(config: AgentConfig, pool: EndpointPool) -> int:
    if config.first_block or config.chain.manifest is None:
        return config.first_block
    return Deployment.of_manifest(config.chain.manifest, pool).first_block


def _require_agent(view: ChainView, signer: Signer) -> None:
    try:
        agent = str(view.host()["agent"])
    except RevertedError as error:
        raise AgentError(f"host {view.host_id} is not in the registry {view.registry.address}: {error}") from error
    if agent.lower() != signer.address.lower():
        raise AgentError(
            f"the agent of host {view.host_id} is {agent}, the configured key is that of {signer.address}: use the "
            f"right key, or let the provider name it (novacron host agent {view.host_id} {signer.address})"
        )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the system lets go of it however the process ends."""
    with translate_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusyError(f"another agent runs with {folder}; stop it, or give this one a folder") from None
        yield
    finally:
        os.close(handle)
