"""Deploys a plan: exactly once, however often it is started and wherever it was killed.

First the instances, each recorded in the manifest when its code has been compared with the source; then the calls that
configure them; and last the hand-over, after which the deployer may do nothing. The manifest is written after each of
them, by rename, so that it is never half of one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from novacron.atomic import write_atomically
from novacron.chain.endpoints import EndpointPool
from novacron.chain.fees import FeePolicy
from novacron.chain.journal import Journal
from novacron.chain.receipts import TransactionReceipt
from novacron.chain.signer import Signer
from novacron.chain.transactions import TransactionManager
from novacron.deploy.compiler import ContractSource
from novacron.deploy.git import git_state
from novacron.deploy.lock import exclusive
from novacron.deploy.manifest import (
    CallRecord,
    DeploymentManifest,
    InstanceRecord,
    PlanRecord,
    load_manifest,
    readable_arguments,
)
from novacron.deploy.onchain import require_proxy
from novacron.deploy.plan import Call, Created, Plan, SafeAccount
from novacron.deploy.resolve import ResolvedInstance, compile_plan, resolve_plan
from novacron.deploy.run import DeployEvent, Run, Step, decoder_of
from novacron.exceptions import DeployError, WrongChainError

MANIFEST_NAME = "manifest.json"
#: Folder suffix of development chains, whose state does not outlive the node.
LOCAL_SUFFIX = "-local"


def deploy_plan(
    pool: EndpointPool,
    signer: Signer,
    plan: Plan,
    journal_path: Path | str,
    out_dir: Path | str,
    *,
    compiler: ContractSource,
    accounts: Mapping[str, str] | None = None,
    fees: FeePolicy | None = None,
    confirmations: int = 1,
    poll_interval: float = 2.0,
    patience: float = 20.0,
    allow_new_address: bool = False,
    on_event: Callable[[DeployEvent], None] | None = None,
) -> DeploymentManifest:
    """Deploy every instance of `plan` that is not there yet, make its calls, hand over, and write the manifest.

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
        poll_interval: longest pause between two looks at a pending transaction, seconds.
        patience: seconds to wait until a node shows what a receipt has promised; nodes behind one address may lag.
        allow_new_address: deploy an instance anew whose source or arguments have changed since its last deployment.
        on_event: told of every step.

    Returns:
        The manifest as written.

    Raises:
        PlanError, CompilerError: nothing was sent.
        DeployError: no deployment proxy, an instance that would move to another address, or a manifest of another plan;
            or the plan's gate objects to the hand-over, and nothing of it was sent.
        WrongChainError, ChainResetError: manifest or journal belong to another chain; nothing was sent.
        VerificationError: code on the chain is not the source's.
        StoreBusyError: another deployment is at work in `out_dir`.
        ChainError, SigningKeyError: as `TransactionManager.send`; repeat the call to go on where it stopped.
    """
    tell = on_event or (lambda _: None)
    out_dir = Path(out_dir)
    compiled = compile_plan(plan, compiler)
    tell(DeployEvent("compiled", "", f"{len(compiled)} instances with solc {compiler.settings.version}"))
    known = {**(accounts or {}), "deployer": signer.address}
    resolved = resolve_plan(plan, compiled, known)
    require_proxy(pool)
    with exclusive(out_dir), Journal(journal_path) as journal:
        manifest = open_manifest(pool, out_dir)
        _check_configuration(plan, known, manifest, allow_new_address)
        for item in resolved:
            _check_move(plan, item, manifest, allow_new_address)
        manifest = manifest.with_plan(plan.name, PlanRecord(known, _plain(plan.configuration)))
        manager = TransactionManager(
            pool,
            signer,
            journal,
            fees,
            confirmations=confirmations,
            poll_interval=poll_interval,
            decoder=decoder_of(compiled),
            on_step=lambda step, key: tell(DeployEvent(cast(Step, step), key.split(":")[1])),
        )
        by_name = {item.name: item for item in resolved}
        git = git_state(compiler.root)
        run = Run(pool, signer.address, plan, by_name, compiled, known, journal, manager, git, tell, patience)
        for item in resolved:
            receipt = run.ensure(item)
            run.check(item, configured=item.name not in manifest.instances)
            manifest = _record(run, item, receipt, manifest, out_dir)
        return _configure(run, manifest, out_dir)


def _configure(run: Run, manifest: DeploymentManifest, out_dir: Path) -> DeploymentManifest:
    """The calls, then the hand-over, unless the hand-over has been made."""
    plan, since = run.plan, first_block(manifest, run.plan)
    over = bool(plan.handover) and all(run.calls.done(call, since) for call in plan.handover)
    if over:
        run.tell(DeployEvent("found", "", "handed over: what follows the instances is governance's to change"))
    else:
        for call in plan.calls:
            manifest = _record_call(run, call, run.perform(call, since), manifest, out_dir)
    if plan.handover and not over and plan.gate is not None:
        objections = plan.gate(run.pool, manifest, run.compiled)
        if objections:
            raise DeployError(f"not handed over: {'; '.join(objections)}")
        run.tell(DeployEvent("checked", "", "everything is as planned; what is left is the hand-over"))
    for call in plan.handover:
        manifest = _record_call(run, call, run.perform(call, since), manifest, out_dir)
    return manifest


def first_block(manifest: DeploymentManifest, plan: Plan) -> int:
    """The block before which nothing of the plan was on the chain, as far as the manifest tells; 0 when unknown."""
    blocks = [record.block_number for record in manifest.instances.values() if record.plan == plan.name]
    return min((block or 0 for block in blocks), default=0)


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
    require_same_chain(pool, manifest, path)
    return manifest


def require_same_chain(pool: EndpointPool, manifest: DeploymentManifest, path: Path) -> None:
    """Make sure that the manifest read from `path` is of the chain that the endpoint serves.

    Raises:
        WrongChainError: it is not.
    """
    chain_id, genesis = pool.chain_id(), genesis_hash(pool)
    if (manifest.chain_id, manifest.genesis) == (chain_id, genesis):
        return
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


def _check_move(plan: Plan, item: ResolvedInstance, manifest: DeploymentManifest, allowed: bool) -> None:
    there = manifest.instances.get(item.name)
    if there is None:
        return
    if there.plan != plan.name and not allowed:
        raise DeployError(
            f"{item.name} belongs to plan {there.plan} on {manifest.network}; rename one of the two, or let this plan "
            "take it over at a new address (--new-address)"
        )
    if there.address == item.address or there.salt_label != item.salt_label or allowed:
        return
    raise DeployError(
        f"{item.name} is deployed at {there.address} on {manifest.network}; source, settings or arguments have "
        f"changed, and it would go to {item.address}. Raise its version in the plan, or allow the new address "
        "(--new-address)"
    )


def _check_configuration(plan: Plan, accounts: Mapping[str, str], manifest: DeploymentManifest, allowed: bool) -> None:
    """A deployment that has begun goes on with what it began with."""
    there = manifest.plans.get(plan.name)
    if there is None or allowed:
        return
    begun = any(record.plan == plan.name for record in manifest.instances.values())
    for name in sorted(accounts.keys() | there.accounts.keys()):
        before, now = there.accounts.get(name, "unset"), accounts.get(name, "unset")
        if begun and before != now:
            raise DeployError(
                f"plan {plan.name} was begun on {manifest.network} with {name} {before}, now it is {now}: all "
                "addresses would be others. Use the first one again, or allow the new addresses (--new-address)"
            )
    ours = _plain(plan.configuration)
    if begun and ours != there.configuration:
        old, new = there.configuration or {}, ours or {}
        keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        raise DeployError(
            f"plan {plan.name} was begun on {manifest.network} with another configuration; {', '.join(keys)} differs. "
            "Go on with the first one (it is in the manifest), or allow the new addresses (--new-address)"
        )


def _plain(configuration: Mapping[str, object] | None) -> dict[str, object] | None:
    """As it is read back from the manifest."""
    return None if configuration is None else dict(json.loads(json.dumps(configuration)))


def _record(
    run: Run,
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
    file = None
    if item.contract.package is None:
        file = _input_file(item, manifest)
        write_atomically(out_dir / file, item.contract.standard_input)
    instance = item.instance
    record = InstanceRecord(
        instance=item.name,
        plan=run.plan.name,
        contract=item.contract.name,
        source=item.contract.source,
        address=item.address,
        constructor_arguments=readable_arguments(item.contract.abi, item.encoded_arguments),
        encoded_arguments="0x" + item.encoded_arguments.hex(),
        salt_label=item.salt_label,
        salt=None if item.salt is None else "0x" + item.salt.hex(),
        init_code_hash="0x" + item.init_code_hash.hex(),
        compiler_version=item.contract.compiler_version,
        compiler_input_hash=None if file is None else item.contract.input_hash,
        compiler_input=file,
        deployer=run.sender,
        adopted=receipt is None,
        transaction_hash=None if receipt is None else receipt.hash,
        block_number=None if receipt is None else receipt.block_number,
        block_hash=None if receipt is None else receipt.block_hash,
        git_commit=run.git.commit,
        git_dirty=run.git.dirty,
        previous_addresses=previous,
        implementation=instance.implementation or None,
        creator=item.creator,
        creator_nonce=instance.nonce if isinstance(instance, Created) else None,
        creation_call="0x" + item.call_data.hex() if isinstance(instance, SafeAccount) else None,
        package=item.contract.package,
    )
    manifest = manifest.with_record(record)
    manifest.save(out_dir / MANIFEST_NAME)
    run.tell(DeployEvent("recorded", item.name, str(out_dir / MANIFEST_NAME)))
    return manifest


def _record_call(
    run: Run, call: Call, receipt: TransactionReceipt | None, manifest: DeploymentManifest, out_dir: Path
) -> DeploymentManifest:
    there = manifest.call(run.plan.name, call.label)
    data = "0x" + run.calls.data(call).hex()
    if there is not None and there.data == data and (receipt is None or there.transaction_hash == receipt.hash):
        return manifest
    record = CallRecord(
        label=call.label,
        plan=run.plan.name,
        target=call.target,
        function=call.function,
        data=data,
        transaction_hash=None if receipt is None else receipt.hash,
        block_number=None if receipt is None else receipt.block_number,
        block_hash=None if receipt is None else receipt.block_hash,
    )
    manifest = manifest.with_call(record)
    manifest.save(out_dir / MANIFEST_NAME)
    run.tell(DeployEvent("recorded", call.label, str(out_dir / MANIFEST_NAME)))
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
