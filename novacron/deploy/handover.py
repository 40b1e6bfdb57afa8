"""Proves from the chain that the deployer has handed the suite over: nobody has a right that the plan does not give.

`check_handover` asks the chain, not the manifest: the manifest says only where the contracts are, and that is checked
against the source first. Every finding names the contract, the role, the account, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak

from novacron.chain.answers import same_hex
from novacron.chain.endpoints import EndpointPool
from novacron.deploy import handover_authority, handover_compute, handover_history, handover_parts
from novacron.deploy.compiler import CompiledContract, ContractSource
from novacron.deploy.create2 import DEPLOYMENT_PROXY
from novacron.deploy.genesis import Genesis
from novacron.deploy.handover_view import Finding, Section, View
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.onchain import code_at
from novacron.deploy.plan import Plan
from novacron.deploy.resolve import compile_plan
from novacron.deploy.roles import missing_from_table
from novacron.deploy.verify import address_findings
from novacron.exceptions import DeployError, HandoverError

#: Everything that is checked once code and table are known to be ours.
_PARTS = (
    handover_authority.members,
    handover_authority.settings,
    handover_authority.functions,
    handover_authority.authorities,
    handover_parts.timelock,
    handover_parts.links,
    handover_parts.safe,
    handover_parts.locked,
    handover_history.proposals,
    handover_history.governor,
    handover_history.allowances,
    handover_history.supply,
    handover_history.verifications,
    handover_compute.settings,
    handover_compute.current,
    handover_compute.attestations,
)


@dataclass(frozen=True)
class HandoverReport:
    """Outcome of `check_handover`."""

    manifest: DeploymentManifest
    sections: tuple[Section, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding."""
        return tuple(finding for section in self.sections for finding in section.findings)

    def raise_if_failed(self) -> None:
        """Raise HandoverError with every finding, if there is one."""
        if self.findings:
            raise HandoverError("; ".join(str(finding) for finding in self.findings))


def check_handover(
    pool: EndpointPool,
    manifest: DeploymentManifest,
    compiler: ContractSource,
    *,
    genesis: Genesis | None = None,
) -> HandoverReport:
    """Compare every right on the chain with the table of `roles` and the configuration of the deployment.

    Args:
        pool: the chain.
        manifest: of the deployment.
        compiler: of this source tree: its ABIs say which functions there are, its code what must be on the chain.
        genesis: who should be guardian and attester now, when governance has changed that; None takes what was
            recorded when it was deployed.

    Raises:
        DeployError: the suite is not deployed there.
        ChainError: the node does not answer.
    """
    from novacron.deploy.plans import SUITE, plans_of  # the plan's gate is in this module

    plan = plans_of(manifest).get(SUITE)
    if plan is None or plan.configuration is None:
        known = ", ".join(sorted(manifest.plans)) or "none"
        raise DeployError(f"plan {SUITE} is not deployed on {manifest.network}; the manifest has the plans: {known}")
    lacking = [item.name for item in plan.instances if item.name not in manifest.instances]
    if lacking:
        raise DeployError(
            f"{', '.join(lacking)} of plan {SUITE} are not deployed on {manifest.network} yet; `ape run deploy` goes on"
        )
    recorded = Genesis.from_json(plan.configuration)
    view = _view(pool, manifest, plan, compile_plan(plan, compiler), genesis or recorded, before=False)
    return HandoverReport(manifest, _sections(view))


def gate(pool: EndpointPool, manifest: DeploymentManifest, compiled: Mapping[str, CompiledContract]) -> Sequence[str]:
    """What stands against the hand-over: the same proof, apart from what the deployer is about to give up."""
    from novacron.deploy.plans import SUITE, plans_of

    plan = plans_of(manifest)[SUITE]
    assert plan.configuration is not None  # the suite always has one
    view = _view(pool, manifest, plan, compiled, Genesis.from_json(plan.configuration), before=True)
    return [str(finding) for section in _sections(view) for finding in section.findings]


def _view(
    pool: EndpointPool,
    manifest: DeploymentManifest,
    plan: Plan,
    compiled: Mapping[str, CompiledContract],
    genesis: Genesis,
    *,
    before: bool,
) -> View:
    return View(pool, manifest, plan, compiled, genesis, _since(pool, manifest, plan, compiled), before)


def _since(
    pool: EndpointPool, manifest: DeploymentManifest, plan: Plan, compiled: Mapping[str, CompiledContract]
) -> int:
    """Block before which no contract of the plan was there, so that no event is missed.

    The manifest is the deployer's word: its blocks count only where the node shows the transaction that created the
    contract, which is possible once (EIP-1014). Otherwise events are read from the first block on, which is slower.
    """
    records = [manifest.instances[item.name] for item in plan.instances]
    # Others are created by these, in the same transaction or later.
    records = [record for record in records if record.creator == DEPLOYMENT_PROXY]
    hashes = [record.transaction_hash for record in records]
    if not hashes or None in hashes:
        return 0
    sent = pool.batch([("eth_getTransactionByHash", [one]) for one in hashes])
    receipts = pool.batch([("eth_getTransactionReceipt", [one]) for one in hashes])
    blocks = []
    for record, transaction, receipt in zip(records, sent, receipts, strict=True):
        if not isinstance(transaction, dict) or not isinstance(receipt, dict):
            return 0
        creation = compiled[record.instance].creation_code.hex() + record.encoded_arguments[2:]
        data = f"{record.salt}{creation}"
        if not (
            same_hex(transaction.get("to"), DEPLOYMENT_PROXY)
            and same_hex(transaction.get("input"), data)
            and same_hex(receipt.get("transactionHash"), record.transaction_hash)
            and receipt.get("status") == "0x1"
        ):
            return 0
        blocks.append(int(str(receipt["blockNumber"]), 16))
    return min(blocks)


def _sections(view: View) -> tuple[Section, ...]:
    first = (_code(view), _table(view))
    if any(section.findings for section in first):
        return first  # rights of other contracts than ours prove nothing
    return (*first, *(part(view) for part in _PARTS))


def _code(view: View) -> Section:
    """The contracts are at the addresses that this source gives: an address commits to code and arguments."""
    findings = []
    for name in view.instances:
        record, contract = view.manifest.instances[name], view.compiled[name]
        sentences = address_findings(view.manifest, record)
        init_code = contract.creation_code + bytes.fromhex(record.encoded_arguments[2:])
        if "0x" + keccak(init_code).hex() != record.init_code_hash:
            sentences.append(f"{name}: the source compiles to other code than was deployed")
        if not code_at(view.pool, record.address):
            sentences.append(f"{name}: there is no contract at {record.address}")
        mend = "`ape run verify_deployment` shows the difference; use the source and the network of the deployment"
        findings += [Finding(name, "code", "", sentence.partition(": ")[2], mend) for sentence in sentences]
    return Section("code", 3 * len(view.instances), tuple(findings))


def _table(view: View) -> Section:
    """Every function of every contract is in the table."""
    mend = "decide who may call it, and list it in novacron/deploy/roles.py"
    sentences = [(name, one) for name in view.instances for one in missing_from_table(name, view.abi(name))]
    findings = tuple(Finding(name, "table", "", one, mend) for name, one in sentences)
    return Section("table of roles", sum(len(view.abi(name)) for name in view.instances), findings)
