"""`novacron provenance test`: does a configured deployment work, from the key to the last read?"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from novacron.cli.app import App, rows_table
from novacron.exceptions import InconsistentEndpointError, InsufficientFundsError, NovaCronError
from novacron.provenance.anchoring import client_scope
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.digest import hex_digest
from novacron.provenance.proof_build import proof_of_record
from novacron.provenance.recorder import ProvenanceRecorder
from novacron.provenance.verify import verify_proof

if TYPE_CHECKING:
    from novacron.provenance.clients.base import BlockchainClient
    from novacron.provenance.clients.config import ClientConfig
    from novacron.provenance.clients.web3_client import Web3BlockchainClient

#: An account counts as funded when it holds this many times the cost of one plain anchor.
_RESERVE = 2


class Skip(Exception):
    """A check that cannot be made, with the reason."""


@dataclass
class SelfTest:
    """Runs checks one after the other; a check that needs an earlier one is skipped when that failed."""

    results: list[tuple[str, Literal["pass", "fail", "skip"], str]] = field(default_factory=list)

    def run(self, name: str, check: Callable[[], str], *needs: str) -> bool:
        """Run one check; its text says what was found."""
        missing = [needed for needed in needs if not self.passed(needed)]
        if missing:
            self.results.append((name, "skip", f"needs: {', '.join(missing)}"))
            return False
        try:
            self.results.append((name, "pass", check()))
        except Skip as reason:
            self.results.append((name, "skip", str(reason)))
        except NovaCronError as error:
            self.results.append((name, "fail", " ".join(str(error).split())))
        return self.passed(name)

    def passed(self, name: str) -> bool:
        """Whether a check was made and passed."""
        return any(found == name and result == "pass" for found, result, _ in self.results)

    @property
    def failed(self) -> bool:
        """Whether any check failed."""
        return any(result == "fail" for _, result, _ in self.results)


@click.group()
def provenance() -> None:
    """Provenance as a whole: the self-check."""


@provenance.command()
@click.option("--blockchain", is_flag=True, help="Also check the configured client: endpoints, contract, key, funds.")
@click.option("--no-write", is_flag=True, help="With --blockchain: write no record, spend nothing.")
@click.pass_context
def test(ctx: click.Context, blockchain: bool, no_write: bool) -> None:
    """Check that recording, anchoring and proving work; exit code 1 when a check fails."""
    app: App = ctx.obj
    suite = SelfTest()
    suite.run("record and prove", _embedded)
    if blockchain:
        _blockchain(app, suite, no_write)
    checks = [{"name": name, "result": result, "detail": detail} for name, result, detail in suite.results]
    app.emit(
        {"ok": not suite.failed, "checks": checks},
        rows_table("NovaCron self-check", ["check", "result", "detail"], suite.results),
    )
    if suite.failed:
        ctx.exit(1)


def _embedded() -> str:
    """A whole run in a temporary folder, with the embedded store."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "model.bin").write_bytes(secrets.token_bytes(1024))
        with LocalBlockchainClient(base / "chain.sqlite") as client:
            with ProvenanceRecorder(base / "run", client, model="self-check") as recorder:
                recorder.record_training_checkpoint(base / "model.bin", epoch=1, metrics={"loss": 0.5})
                proof = recorder.generate_proof(recorder.seal())
                report = recorder.verify_proof(proof, artifact_path=base / "model.bin")
        if not report.complete:
            check = next(check for check in report.checks if check.status != "passed")
            raise InconsistentEndpointError(f"the proof's check {check.name!r} is {check.status}: {check.detail}")
        return f"a run was recorded, sealed and proven: {len(report.checks)} checks passed"


def _blockchain(app: App, suite: SelfTest, no_write: bool) -> None:
    found: list[ClientConfig] = []

    def configuration() -> str:
        found.append(app.settings())
        where = app.config or "the environment"
        return f"{found[0].kind} client, from {where}"

    if not suite.run("configuration", configuration):
        return
    if found[0].kind == "local":
        _local(app, suite, no_write)
    else:
        _web3(app, found[0], suite, no_write)


def _local(app: App, suite: SelfTest, no_write: bool) -> None:
    opened: list[BlockchainClient] = []

    def store() -> str:
        opened.append(app.client(reading=no_write))
        return client_scope(opened[0])

    suite.run("store", store)
    try:
        suite.run("store intact", lambda: _check_store(opened[0]), "store")
        suite.run("write and read", lambda: _write_and_read(opened[0], no_write), "store intact")
    finally:
        for client in opened:
            client.close()


def _check_store(client: BlockchainClient) -> str:
    if not isinstance(client, LocalBlockchainClient):
        raise Skip("not the embedded client")
    client.check()
    return f"{_counted(client.head()[0], 'block')} replayed"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _web3(app: App, settings: ClientConfig, suite: SelfTest, no_write: bool) -> None:
    from novacron.chain.contracts import ContractHandle
    from novacron.chain.endpoints import EndpointPool

    opened: list[Web3BlockchainClient] = []
    quoted: list[int] = []
    with EndpointPool(settings.rpc_urls, timeout=settings.rpc_timeout) as pool:

        def endpoints() -> str:
            health = pool.health()
            good = [item for item in health if item.healthy]
            lines = [f"{item.label}: {item.error or f'block {item.head}'}" for item in health]
            if not good:
                raise InconsistentEndpointError("; ".join(lines))
            return f"{len(good)} of {len(health)} answer. " + "; ".join(lines)

        def chain_id() -> str:
            served, (_, wanted) = pool.chain_id(), settings.deployed()
            if wanted is not None and served != wanted:
                raise InconsistentEndpointError(f"the endpoints serve chain {served}, configured is {wanted}")
            return f"chain {served}" + ("" if wanted is not None else " (none configured: set chain_id)")

        def contract() -> str:
            address, _ = settings.deployed()
            ContractHandle(pool, address, "ProofOfTraining").require_code()
            return f"code at {address}"

        def interface() -> str:
            address, _ = settings.deployed()
            handle = ContractHandle(pool, address, "ProofOfTraining")
            handle.call("headOf", bytes(32))
            handle.call("anchorOf", address, bytes(32))
            count = handle.call("getTransactionCount")
            return f"anchors, runs and records answer; {_counted(count, 'record')}"

        def key() -> str:
            if settings.read_only:
                raise Skip("the configuration is read-only")
            from novacron.provenance.clients.web3_client import Web3BlockchainClient

            client = app.client()
            if not isinstance(client, Web3BlockchainClient):
                client.close()
                raise Skip("not a client of a chain")
            opened.append(client)
            return f"account {client.submitter}"

        def estimate() -> str:
            cost, gas, fee = _cost_of_anchor(settings, opened[0])
            quoted.append(cost)
            return f"{gas} gas at no more than {fee / 10**9:.3f} gwei: {cost / 10**18:.8f} of the chain's coin"

        def balance() -> str:
            wei, need = (
                int(str(pool.request("eth_getBalance", [opened[0].submitter, "latest"])), 16),
                _RESERVE * quoted[0],
            )
            if wei < need:
                raise InsufficientFundsError(
                    f"account {opened[0].submitter} holds {wei / 10**18:.6g} of the chain's coin and needs "
                    f"{need / 10**18:.6g} ({_RESERVE} anchors): fund it"
                )
            return f"{wei / 10**18:.6f} of the chain's coin"

        try:
            suite.run("endpoints", endpoints)
            suite.run("chain id", chain_id, "endpoints")
            suite.run("contract code", contract, "chain id")
            suite.run("contract interface", interface, "contract code")
            suite.run("key", key, "chain id")
            suite.run("estimate of an anchor", estimate, "contract interface", "key")
            suite.run("balance", balance, "estimate of an anchor")
            suite.run("write and read", lambda: _write_and_read(opened[0], no_write), "balance")
        finally:
            for client in opened:
                client.close()


def _cost_of_anchor(settings: ClientConfig, client: Web3BlockchainClient) -> tuple[int, int, int]:
    """(wei, gas, wei per gas) of anchoring a random digest now, without sending anything."""
    from novacron.chain.contracts import ContractHandle
    from novacron.chain.fees import FeePolicy

    handle = ContractHandle(client.pool, client.contract, "ProofOfTraining")
    data = handle.encode("anchor(bytes32)", secrets.token_bytes(32))
    call = {"from": client.submitter, "to": client.contract, "data": "0x" + data.hex()}
    gas = int(str(client.pool.request("eth_estimateGas", [call])), 16)
    cap = settings.max_fee_per_gas
    fees = FeePolicy(settings.fee_speed) if cap is None else FeePolicy(settings.fee_speed, cap)
    fee = fees.quote(client.pool).max_fee_per_gas
    return gas * fee, gas, fee


def _write_and_read(client: BlockchainClient, no_write: bool) -> str:
    if no_write:
        raise Skip("--no-write")
    digest = secrets.token_bytes(32)
    record = client.store_hash(digest, {"purpose": "novacron self-check"})
    if record.status != "confirmed":
        raise InconsistentEndpointError(f"record {record.id} is still pending: run `novacron anchor reconcile`")
    if not client.verify_hash(digest, record.id):
        raise InconsistentEndpointError(f"record {record.id} was written but does not verify")
    report = verify_proof(proof_of_record(client, record.id), client=client)
    if not report.ok:
        raise InconsistentEndpointError(f"{report.failures[0].name}: {report.failures[0].detail}")
    if not report.attested:
        raise InconsistentEndpointError(f"the proof of record {record.id} is not attested by the configured client")
    return f"{hex_digest(digest)} anchored in block {record.block_number}, read back and proven"
