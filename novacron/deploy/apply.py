"""Deploys a plan: exactly once, however often it is started and wherever it was killed.

Every transaction goes through the journal of `novacron.chain` under a key made of instance, salt and init code hash, so
that a second run sends the same bytes or none. The address decides what is left to do: code that is there is compared
with the source and adopted. The manifest is written after each instance, by rename, so that it is never half of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from novacron.atomic import write_atomically
from novacron.chain.endpoints import EndpointPool
from novacron.chain.fees import FeePolicy
from novacron.chain.journal import Journal
from novacron.chain.receipts import TransactionReceipt
from novacron.chain.signer import Signer
from novacron.chain.transactions import TransactionManager
from novacron.deploy.compiler import Compiler
from novacron.deploy.create2 import DEPLOYMENT_PROXY
from novacron.deploy.git import GitState, git_state
from novacron.deploy.lock import exclusive
from novacron.deploy.manifest import DeploymentManifest, InstanceRecord, load_manifest, readable_arguments
from novacron.deploy.onchain import CodeCheck, check_code, code_at, require_proxy, simulate_constructor
from novacron.deploy.plan import Plan
from novacron.deploy.resolve import ResolvedInstance, compile_plan, resolve_plan
from novacron.exceptions import DeployError, RevertedError, VerificationError, WrongChainError

MANIFEST_NAME = "manifest.json"
#: Folder suffix of development chains, whose state does not outlive the node.
LOCAL_SUFFIX = "-local"

Step = Literal[
    "compiled", "found", "intent", "signed", "broadcast", "sent", "mined", "confirmed", "checked", "recorded"
]


@dataclass(frozen=True)
class DeployEvent:
    """A step that has just taken effect; from intent to mined they are the journal's. `instance` is "" for the plan."""

    step: Step
    instance: str
    detail: str = ""


def deploy_plan(
    pool: EndpointPool,
    signer: Signer,
    plan: Plan,
    journal_path: Path | str,
    out_dir: Path | str,
    *,
    compiler: Compiler,
    accounts: Mapping[str, str] | None = None,
    fees: FeePolicy | None = None,
    confirmations: int = 1,
    allow_new_address: bool = False,
    on_event: Callable[[DeployEvent], None] | None = None,
) -> DeploymentManifest:
    """Deploy every instance of `plan` that is not there yet, and write the manifest.

    Args:
        pool: the chain.
        signer: account that pays; the plan knows it as `deployer`.
        plan: what to deploy.
        journal_path: SQLite file of the transaction journal; keep it until the deployment is complete.
        out_dir: `deployments/<ecosystem>-<network>`; receives `manifest.json` and the standard-json inputs.
        compiler: compiles the plan's contracts.
        accounts: further accounts the plan names.
        fees: how fees are chosen, with a hard cap.
        confirmations: blocks to wait for.
        allow_new_address: deploy an instance anew whose source or arguments have changed since its last deployment.
        on_event: told of every step.

    Returns:
        The manifest as written.

    Raises:
        PlanError, CompilerError: nothing was sent.
        DeployError: no deployment proxy, an instance that would move to another address, or a manifest of another plan.
        WrongChainError, ChainResetError: manifest or journal belong to another chain; nothing was sent.
        VerificationError: code on the chain is not the source's.
        StoreBusyError: another deployment is at work in `out_dir`.
        ChainError, SigningKeyError: as `TransactionManager.send`; repeat the call to go on where it stopped.
    """
    tell = on_event or (lambda _: None)
    out_dir = Path(out_dir)
    compiled = compile_plan(plan, compiler)
    tell(DeployEvent("compiled", "", f"{len(compiled)} instances with solc {compiler.settings.version}"))
    resolved = resolve_plan(plan, compiled, {**(accounts or {}), "deployer": signer.address})
    require_proxy(pool)
    with exclusive(out_dir), Journal(journal_path) as journal:
        manifest = open_manifest(pool, out_dir)
        for item in resolved:
            _check_move(plan, item, manifest, allow_new_address)
        manager = TransactionManager(
            pool,
            signer,
            journal,
            fees,
            confirmations=confirmations,
            on_step=lambda step, key: tell(DeployEvent(cast(Step, step), key.split(":")[1])),
        )
        run = _Run(pool, signer.address, plan, journal, manager, git_state(compiler.root), tell)
        for item in resolved:
            receipt = run.ensure(item)
            run.check(item)
            manifest = _record(run, item, receipt, manifest, out_dir)
    return manifest


def open_manifest(pool: EndpointPool, out_dir: Path) -> DeploymentManifest:
    """The manifest in `out_dir`, or a new one; a development chain that was restarted gets a new one.

    Raises:
        WrongChainError: it belongs to another chain.
        DeployError: it is malformed.
    """
    chain_id, genesis = pool.chain_id(), genesis_hash(pool)
    path = out_dir / MANIFEST_NAME
    fresh = DeploymentManifest(out_dir.name, chain_id, genesis)
    if not path.exists():
        return fresh
    manifest = load_manifest(path)
    if (manifest.chain_id, manifest.genesis) == (chain_id, genesis):
        return manifest
    if out_dir.name.endswith(LOCAL_SUFFIX):
        return fresh
    raise WrongChainError(
        f"{path} belongs to chain {manifest.chain_id} with genesis {manifest.genesis}, the endpoint serves chain "
        f"{chain_id} with genesis {genesis}; check the network and the RPC address"
    )


def genesis_hash(pool: EndpointPool) -> str:
    """Hash of block 0, lower case.

    Raises:
        DeployError: the node does not have block 0.
    """
    block = pool.request("eth_getBlockByNumber", ["0x0", False])
    if block is None:
        raise DeployError("the node does not have block 0, which tells chains apart; use another RPC address")
    return str(block["hash"]).lower()


def journal_name(pool: EndpointPool, out_dir: Path) -> str:
    """File name of the journal in `out_dir`: one for a network, one for each life of a development chain."""
    return f"journal-{genesis_hash(pool)[2:10]}.sqlite" if out_dir.name.endswith(LOCAL_SUFFIX) else "journal.sqlite"


def transaction_key(item: ResolvedInstance, number: int = 1) -> str:
    """Idempotency key of an instance's deployment; `number` counts attempts that the chain has reverted for good."""
    key = f"deploy:{item.name}:0x{item.salt.hex()}:0x{item.init_code_hash.hex()}"
    return key if number == 1 else f"{key}:{number}"


@dataclass(frozen=True)
class _Run:
    pool: EndpointPool
    sender: str
    plan: Plan
    journal: Journal
    manager: TransactionManager
    git: GitState
    tell: Callable[[DeployEvent], None]

    def ensure(self, item: ResolvedInstance) -> TransactionReceipt | None:
        """Have the instance's code on the chain; the receipt of our transaction, None when somebody else's did it."""
        key = self._key(item)
        entry = self.journal.get(key)
        if code_at(self.pool, item.address):
            self.tell(DeployEvent("found", item.name, f"already at {item.address}"))
            if entry is None or (entry.unsigned and not entry.attempts):
                self.journal.withdraw(key)  # somebody deployed it between our intent and now: nothing is left to do
                return None
        # What was ever signed may be in a node's pool: it is seen through to its receipt, also when code is there.
        try:
            receipt = self.manager.send(key, to=DEPLOYMENT_PROXY, data=item.call_data)
        except RevertedError:
            if code_at(self.pool, item.address):  # somebody was faster, which made our CREATE2 fail
                self.tell(DeployEvent("found", item.name, f"deployed by somebody else at {item.address}"))
                return None
            raise
        self.tell(DeployEvent("confirmed", item.name, f"block {receipt.block_number}, {receipt.gas_used} gas"))
        return receipt

    def check(self, item: ResolvedInstance) -> CodeCheck:
        """Compare the code on the chain with the source's.

        Raises:
            VerificationError: they differ, naming the byte.
        """
        try:
            expected = simulate_constructor(self.pool, item.address, item.init_code)
        except RevertedError:  # its outside conditions have changed since it ran; the masked comparison remains
            expected = None
        result = check_code(item.name, item.contract, code_at(self.pool, item.address), expected)
        if result.findings:
            raise VerificationError("; ".join(result.findings))
        how = "all bytes" if result.exact else "immutables left out: the constructor cannot be simulated here"
        self.tell(DeployEvent("checked", item.name, f"code equals the source ({how})"))
        return result

    def _key(self, item: ResolvedInstance) -> str:
        number = 1
        while True:
            key = transaction_key(item, number)
            entry = self.journal.get(key)
            if entry is None or not entry.settled or entry.state == "mined":
                return key
            number += 1


def _check_move(plan: Plan, item: ResolvedInstance, manifest: DeploymentManifest, allowed: bool) -> None:
    there = manifest.instances.get(item.name)
    if there is None:
        return
    if there.plan != plan.name:
        raise DeployError(f"{item.name} belongs to plan {there.plan} on {manifest.network}; rename one of the two")
    if there.address == item.address or there.salt_label != item.salt_label or allowed:
        return
    raise DeployError(
        f"{item.name} is deployed at {there.address} on {manifest.network}; source, settings or arguments have "
        f"changed, and it would go to {item.address}. Raise its version in the plan, or allow the new address "
        "(--new-address)"
    )


def _record(
    run: _Run,
    item: ResolvedInstance,
    receipt: TransactionReceipt | None,
    manifest: DeploymentManifest,
    out_dir: Path,
) -> DeploymentManifest:
    there = manifest.instances.get(item.name)
    same_place = there is not None and there.address == item.address
    if there is not None and same_place and (receipt is None or there.transaction_hash == receipt.hash):
        # The record of the deployment stays as it was; a later run from another commit does not rewrite it.
        run.tell(DeployEvent("recorded", item.name, "unchanged"))
        return manifest
    previous: tuple[str, ...] = ()
    if there is not None:
        previous = there.previous_addresses if same_place else (*there.previous_addresses, there.address)
    file = _input_file(item, manifest)
    write_atomically(out_dir / file, item.contract.standard_input)
    record = InstanceRecord(
        instance=item.name,
        plan=run.plan.name,
        contract=item.contract.name,
        source=item.contract.source,
        address=item.address,
        constructor_arguments=readable_arguments(item.contract.abi, item.encoded_arguments),
        encoded_arguments="0x" + item.encoded_arguments.hex(),
        salt_label=item.salt_label,
        salt="0x" + item.salt.hex(),
        init_code_hash="0x" + item.init_code_hash.hex(),
        compiler_version=item.contract.compiler_version,
        compiler_input_hash=item.contract.input_hash,
        compiler_input=file,
        deployer=run.sender,
        adopted=receipt is None,
        transaction_hash=None if receipt is None else receipt.hash,
        block_number=None if receipt is None else receipt.block_number,
        block_hash=None if receipt is None else receipt.block_hash,
        git_commit=run.git.commit,
        git_dirty=run.git.dirty,
        previous_addresses=previous,
    )
    manifest = manifest.with_record(record)
    manifest.save(out_dir / MANIFEST_NAME)
    run.tell(DeployEvent("recorded", item.name, str(out_dir / MANIFEST_NAME)))
    return manifest


def _input_file(item: ResolvedInstance, manifest: DeploymentManifest) -> str:
    """File for the standard-json input; another instance's different input of the same contract is not overwritten."""
    name = f"{item.contract.name}.standard-input.json"
    taken = any(
        record.compiler_input == name and record.compiler_input_hash != item.contract.input_hash
        for record in manifest.instances.values()
        if record.instance != item.name
    )
    return f"{item.contract.name}.{item.contract.input_hash[:8]}.standard-input.json" if taken else name
