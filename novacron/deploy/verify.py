"""Proves that what a manifest describes is on the chain and comes from this source tree.

Everything is computed again: the source is compiled without any cache, salt and address follow from their labels, and
the code is read from the chain. Each difference becomes a finding; nothing stops at the first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from novacron.chain.answers import same_hex
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.apply import MANIFEST_NAME, genesis_hash
from novacron.deploy.compiler import CompiledContract, Compiler
from novacron.deploy.create2 import DEPLOYMENT_PROXY, create2_address, salt_of
from novacron.deploy.manifest import DeploymentManifest, InstanceRecord, load_manifest, readable_arguments
from novacron.deploy.onchain import ImmutableValue, check_code, code_at, simulate_constructor
from novacron.deploy.plan import Plan
from novacron.exceptions import CompilerError, DeployError, RevertedError, VerificationError, WrongChainError


@dataclass(frozen=True)
class InstanceReport:
    """Outcome for one instance.

    Attributes:
        findings: differences; empty when everything holds.
        notes: what could not be checked, or is worth knowing.
        exact: the whole code equals what the constructor returns; None where the node cannot simulate it.
        code_size: bytes of code on the chain.
        immutables: values found on the chain.
    """

    instance: str
    contract: str
    address: str
    code_size: int
    exact: bool | None
    immutables: tuple[ImmutableValue, ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class VerificationReport:
    """Outcome for a manifest."""

    manifest: DeploymentManifest
    instances: tuple[InstanceReport, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """Every finding."""
        return tuple(finding for report in self.instances for finding in report.findings)

    def raise_if_failed(self) -> None:
        """Raise VerificationError with every finding, if there is one."""
        if self.findings:
            raise VerificationError("; ".join(self.findings))


def verify_deployment(
    pool: EndpointPool, out_dir: Path | str, compiler: Compiler, plans: Mapping[str, Plan] | None = None
) -> VerificationReport:
    """Check every instance of the manifest in `out_dir`, and that the manifest is what the plans say.

    Args:
        pool: the chain.
        out_dir: `deployments/<ecosystem>-<network>`.
        compiler: of the source tree to compare with; give one without a cache.
        plans: the plans by name; None compares with none.

    Raises:
        DeployError: no manifest, a malformed one, or one without instances.
        WrongChainError: the endpoint serves another chain than the manifest's.
        ChainUnavailableError: no endpoint answers.
    """
    out_dir = Path(out_dir)
    manifest = load_manifest(out_dir / MANIFEST_NAME)
    if not manifest.instances:
        raise DeployError(f"{out_dir / MANIFEST_NAME} has no instances; deploy first (ape run deploy)")
    chain_id, genesis = pool.chain_id(), genesis_hash(pool)
    if (manifest.chain_id, manifest.genesis) != (chain_id, genesis):
        raise WrongChainError(
            f"{out_dir / MANIFEST_NAME} belongs to chain {manifest.chain_id} with genesis {manifest.genesis}, the "
            f"endpoint serves chain {chain_id} with genesis {genesis}"
        )
    compiled: dict[str, CompiledContract] = {}
    reports = [_verify(pool, record, out_dir, compiler, compiled) for _, record in sorted(manifest.instances.items())]
    if plans is not None:
        reports = [
            replace(report, findings=(*report.findings, *_check_plan(manifest.instances[report.instance], plans)))
            for report in reports
        ]
        reports += _missing(manifest, plans)
    return VerificationReport(manifest, tuple(reports))


def _check_plan(record: InstanceRecord, plans: Mapping[str, Plan]) -> list[str]:
    """An instance's name promises the contract that its plan says, under the plan's salt."""
    plan = plans.get(record.plan)
    planned = {instance.name: instance for instance in plan.instances} if plan else {}
    if plan is None or record.instance not in planned:
        return [f"{record.instance}: no plan {record.plan!r} with this instance exists in this source tree"]
    instance, findings = planned[record.instance], []
    if instance.contract not in (record.contract, f"{record.source}:{record.contract}"):
        findings.append(f"{record.instance}: the plan deploys {instance.contract}, the manifest has {record.contract}")
    if plan.salt_label(instance) != record.salt_label:
        wanted = plan.salt_label(instance)
        findings.append(
            f"{record.instance}: the plan's salt label is {wanted!r}, the manifest has {record.salt_label!r}"
        )
    return findings


def _missing(manifest: DeploymentManifest, plans: Mapping[str, Plan]) -> list[InstanceReport]:
    """Instances that a begun plan still lacks."""
    begun = {record.plan for record in manifest.instances.values()} & plans.keys()
    return [
        InstanceReport(
            item.name, item.contract, "", 0, None, (), (f"{item.name}: planned in {name}, not deployed",), ()
        )
        for name in sorted(begun)
        for item in plans[name].instances
        if item.name not in manifest.instances
    ]


def _verify(
    pool: EndpointPool,
    record: InstanceRecord,
    out_dir: Path,
    compiler: Compiler,
    compiled: dict[str, CompiledContract],
) -> InstanceReport:
    name, findings, notes = record.instance, _check_addresses(record), _provenance_notes(record)
    found = code_at(pool, record.address)
    wanted = f"{record.source}:{record.contract}"
    try:
        if wanted not in compiled:
            compiled[wanted] = compiler.compile(wanted)
    except CompilerError as error:
        findings.append(f"{name}: the source cannot be compiled: {error}")
        return InstanceReport(
            name, record.contract, record.address, len(found), None, (), tuple(findings), tuple(notes)
        )
    contract = compiled[wanted]
    findings += _check_source(record, contract, out_dir)
    encoded = bytes.fromhex(record.encoded_arguments[2:])
    init_code = contract.creation_code + encoded
    if "0x" + keccak(init_code).hex() != record.init_code_hash:
        findings.append(
            f"{name}: source and recorded constructor arguments give the init code hash 0x{keccak(init_code).hex()}, "
            f"the manifest has {record.init_code_hash}"
        )
    expected = None
    try:
        expected = simulate_constructor(pool, record.address, init_code)
        if expected is None:
            notes.append("this node cannot simulate the constructor: the values of immutables were not checked")
    except RevertedError as error:
        notes.append(f"the constructor reverts when it is simulated now: {error}")
    code = check_code(name, contract, found, expected)
    findings += code.findings
    findings += _check_transaction(pool, record, notes)
    return InstanceReport(
        name,
        record.contract,
        record.address,
        len(found),
        code.exact,
        code.immutables,
        tuple(findings),
        tuple(notes),
    )


def _check_addresses(record: InstanceRecord) -> list[str]:
    """Salt and address follow from their labels and hashes (EIP-1014)."""
    findings = []
    salt = salt_of(record.salt_label)
    if "0x" + salt.hex() != record.salt:
        findings.append(f"{record.instance}: salt {record.salt} is not the Keccak-256 of {record.salt_label!r}")
    address = create2_address(
        DEPLOYMENT_PROXY, bytes.fromhex(record.salt[2:]), bytes.fromhex(record.init_code_hash[2:])
    )
    if address != record.address:
        findings.append(
            f"{record.instance}: salt and init code hash give the address {address}, the manifest has {record.address}"
        )
    return findings


def _check_source(record: InstanceRecord, contract: CompiledContract, out_dir: Path) -> list[str]:
    """The kept standard-json input is the recorded one, and is what this source tree gives."""
    name, findings = record.instance, []
    if contract.compiler_version != record.compiler_version:
        findings.append(
            f"{name}: compiled with {contract.compiler_version}, deployed with {record.compiler_version}; "
            "use the recorded compiler"
        )
    try:
        encoded = bytes.fromhex(record.encoded_arguments[2:])
        if readable_arguments(contract.abi, encoded) != record.constructor_arguments:
            findings.append(f"{name}: the readable constructor arguments are not those that are encoded")
    except DeployError as error:
        findings.append(f"{name}: {error}")
    path = out_dir / record.compiler_input
    try:
        text = path.read_bytes()
    except OSError as error:
        return [*findings, f"{name}: {record.compiler_input} cannot be read: {error.strerror}"]
    if hashlib.sha256(text).hexdigest() != record.compiler_input_hash:
        findings.append(f"{name}: {record.compiler_input} was changed: it does not have the hash in the manifest")
    if text.decode(errors="replace") != contract.standard_input:
        findings += _input_differences(name, record.compiler_input, text, contract.standard_input)
    return findings


def _input_differences(name: str, file: str, kept: bytes, fresh: str) -> list[str]:
    """Which source files and settings differ. The output selection has no part in the bytecode and is left out."""
    try:
        there, here = json.loads(kept), json.loads(fresh)
        sources = _differing(there["sources"], here["sources"])
        settings = _differing(
            {key: value for key, value in there["settings"].items() if key != "outputSelection"},
            {key: value for key, value in here["settings"].items() if key != "outputSelection"},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{name}: {file} is no standard-json input"]
    findings = [f"{name}: {source} differs from the source in {file}" for source in sources]
    return findings + [f"{name}: compiler setting {key} differs from the one in {file}" for key in settings]


def _differing(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))


def _check_transaction(pool: EndpointPool, record: InstanceRecord, notes: list[str]) -> list[str]:
    """The recorded transaction is in the recorded block and went to the deployment proxy."""
    if record.transaction_hash is None:
        return []
    receipt = pool.request("eth_getTransactionReceipt", [record.transaction_hash])
    if receipt is None:
        notes.append(f"this node does not know the transaction {record.transaction_hash}")
        return []
    name, findings = record.instance, []
    if record.block_number != int(receipt["blockNumber"], 16) or not same_hex(receipt["blockHash"], record.block_hash):
        findings.append(
            f"{name}: the transaction is in block {int(receipt['blockNumber'], 16)} {receipt['blockHash']}, the "
            f"manifest has {record.block_number} {record.block_hash}"
        )
    if not same_hex(receipt.get("from"), record.deployer) or not same_hex(receipt.get("to"), DEPLOYMENT_PROXY):
        findings.append(f"{name}: the recorded transaction is not one of {record.deployer} to the deployment proxy")
    return findings


def _provenance_notes(record: InstanceRecord) -> list[str]:
    notes = []
    if record.adopted:
        notes.append("somebody else had deployed it; the code is what counts")
    if record.git_dirty:
        notes.append("deployed from a work tree with uncommitted changes")
    if record.git_commit is None:
        notes.append("deployed outside git: no commit is recorded")
    return notes
