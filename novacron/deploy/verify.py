"""Proves that what a manifest describes is on the chain and comes from this source tree.

Everything is computed again: the source is compiled without any cache, published artifacts are read and hashed, salt
and address follow from their labels, and the code is read from the chain. Each difference becomes a finding; nothing
stops at the first.
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
from novacron.deploy.apply import MANIFEST_NAME, require_same_chain
from novacron.deploy.compiler import CompiledContract, ContractSource, compile_many
from novacron.deploy.create2 import DEPLOYMENT_PROXY, create2_address, create_address, salt_of
from novacron.deploy.manifest import DeploymentManifest, InstanceRecord, load_manifest, readable_arguments
from novacron.deploy.onchain import ImmutableValue, check_code, code_at, simulate_constructor
from novacron.deploy.plan import Created, Plan, SafeAccount
from novacron.deploy.resolve import resolve_plan
from novacron.deploy.safe import ZERO, creation_salt, decode_creation, read_safe
from novacron.exceptions import CompilerError, DeployError, RevertedError, VerificationError


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
    pool: EndpointPool, out_dir: Path | str, compiler: ContractSource, plans: Mapping[str, Plan] | None = None
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
    require_same_chain(pool, manifest, out_dir / MANIFEST_NAME)
    built = compile_many(compiler, (_wanted(record) for record in manifest.instances.values()))
    compiled = {name: one for name, one in built.items() if not isinstance(one, CompilerError)}
    check = _Verification(pool, manifest, out_dir, built)
    reports = [check.instance(record) for _, record in sorted(manifest.instances.items())]
    if plans is not None:
        wrong = {name: _check_plan(record, plans) for name, record in manifest.instances.items()}
        for name, plan in plans.items():
            for instance, finding in _check_arguments(manifest, name, plan, compiled):
                wrong[instance].append(finding)
        reports = [replace(report, findings=(*report.findings, *wrong[report.instance])) for report in reports]
        reports += _missing(manifest, plans)
    return VerificationReport(manifest, tuple(reports))


def _check_plan(record: InstanceRecord, plans: Mapping[str, Plan]) -> list[str]:
    """An instance's name promises the contract that its plan says, under the plan's salt."""
    plan = plans.get(record.plan)
    planned = {instance.name: instance for instance in plan.instances} if plan else {}
    if plan is None or record.instance not in planned:
        return [f"{record.instance}: no plan {record.plan!r} with this instance exists in this source tree"]
    instance, findings = planned[record.instance], []
    names = [record.package.contract] if record.package else [record.contract, f"{record.source}:{record.contract}"]
    if instance.contract not in names:
        findings.append(f"{record.instance}: the plan deploys {instance.contract}, the manifest has {record.contract}")
    if (instance.implementation or None) != record.implementation:
        findings.append(
            f"{record.instance}: the plan's implementation is {instance.implementation or 'none'}, the manifest has "
            f"{record.implementation or 'none'}"
        )
    wanted = None if isinstance(instance, Created) else plan.salt_label(instance)
    if wanted != record.salt_label:
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


def _check_arguments(
    manifest: DeploymentManifest, name: str, plan: Plan, compiled: Mapping[str, CompiledContract]
) -> list[tuple[str, str]]:
    """Constructor arguments and owners are those that the plan gives with the recorded accounts."""
    there = manifest.plans.get(name)
    contracts = {
        item.name: compiled[_wanted(manifest.instances[item.name])]
        for item in plan.instances
        if item.name in manifest.instances and _wanted(manifest.instances[item.name]) in compiled
    }
    if there is None or len(contracts) < len(plan.instances):
        return []  # an incomplete deployment has findings of its own
    findings = []
    for item in resolve_plan(plan, contracts, there.accounts):
        record = manifest.instances[item.name]
        call = "0x" + item.call_data.hex() if isinstance(item.instance, SafeAccount) else None
        if record.plan == name and (record.encoded_arguments, record.creation_call) != (
            "0x" + item.encoded_arguments.hex(),
            call,
        ):
            findings.append((item.name, f"{item.name}: the plan gives it other arguments than the manifest has"))
    return findings


def _wanted(record: InstanceRecord) -> str:
    """What the compiler calls a recorded contract."""
    return record.package.contract if record.package else f"{record.source}:{record.contract}"


@dataclass(frozen=True)
class _Verification:
    pool: EndpointPool
    manifest: DeploymentManifest
    out_dir: Path
    built: Mapping[str, CompiledContract | CompilerError]

    def instance(self, record: InstanceRecord) -> InstanceReport:
        name, findings, notes = record.instance, address_findings(self.manifest, record), _provenance_notes(record)
        found, wanted = code_at(self.pool, record.address), _wanted(record)
        report = InstanceReport(name, record.contract, record.address, len(found), None, (), (), ())
        contract = self.built[wanted]
        if isinstance(contract, CompilerError):
            findings.append(f"{name}: the source cannot be compiled: {contract}")
            return replace(report, findings=tuple(findings), notes=tuple(notes))
        findings += _check_source(record, contract, self.out_dir)
        init_code = contract.creation_code + bytes.fromhex(record.encoded_arguments[2:])
        if "0x" + keccak(init_code).hex() != record.init_code_hash:
            findings.append(
                f"{name}: source and recorded constructor arguments give the init code hash "
                f"0x{keccak(init_code).hex()}, the manifest has {record.init_code_hash}"
            )
        code = check_code(name, contract, found, self._expected(record, init_code, notes))
        findings += code.findings
        findings += _check_transaction(self.pool, record, notes)
        if record.creation_call is not None:
            notes += self._safe_notes(record)
        return replace(
            report, exact=code.exact, immutables=code.immutables, findings=tuple(findings), notes=tuple(notes)
        )

    def _expected(self, record: InstanceRecord, init_code: bytes, notes: list[str]) -> bytes | None:
        children = [
            one.address
            for one in self.manifest.instances.values()
            if one.creator == record.address and one.creator_nonce is not None
        ]
        try:
            expected = simulate_constructor(
                self.pool, record.address, init_code, creator=record.creator, children=children
            )
        except RevertedError as error:
            notes.append(f"the constructor reverts when it is simulated now: {error}")
            return None
        if expected is None:
            notes.append("this node cannot simulate the constructor: the values of immutables were not checked")
        return expected

    def _safe_notes(self, record: InstanceRecord) -> list[str]:
        """Owners and the rest now; they are the owners' to change, so that a difference is no finding here."""
        state = read_safe(self.pool, record.address)
        if state is None:
            return ["it does not answer like a Safe"]
        notes = [f"{state.threshold} of {len(state.owners)} owners: {', '.join(state.owners)}"]
        notes += [f"module {module}" for module in state.modules]
        notes += [
            f"{what} {found}"
            for what, found in (("guard", state.guard), ("module guard", state.module_guard))
            if found != ZERO
        ]
        return notes


def address_findings(manifest: DeploymentManifest, record: InstanceRecord) -> list[str]:
    """Salt and address follow from their labels and hashes (EIP-1014), or from creator and nonce."""
    name = record.instance
    if record.creator_nonce is not None:
        address = create_address(record.creator, record.creator_nonce)
        if address == record.address:
            return _known_creator(manifest, record)
        return [f"{name}: creator and nonce give the address {address}, the manifest has {record.address}"]
    findings = []
    assert record.salt is not None and record.salt_label is not None  # noqa: PT018 - load_manifest has seen to it
    salt = salt_of(record.salt_label)
    if record.creation_call is not None:
        try:
            _, setup, nonce, *_ = decode_creation(bytes.fromhex(record.creation_call[2:]))
        except ValueError as error:
            return [f"{name}: the recorded creation call is not the deployer's: {error}"]
        if nonce != salt:
            findings.append(f"{name}: the salt nonce 0x{nonce.hex()} is not the Keccak-256 of {record.salt_label!r}")
        salt = creation_salt(setup, nonce)
    if "0x" + salt.hex() != record.salt:
        findings.append(f"{name}: salt {record.salt} is not the Keccak-256 of {record.salt_label!r}")
    address = create2_address(record.creator, bytes.fromhex(record.salt[2:]), bytes.fromhex(record.init_code_hash[2:]))
    if address != record.address:
        findings.append(
            f"{name}: salt and init code hash give the address {address}, the manifest has {record.address}"
        )
    return findings + _known_creator(manifest, record)


def _known_creator(manifest: DeploymentManifest, record: InstanceRecord) -> list[str]:
    """A contract comes from the deployment proxy or from another instance, whose code is checked, too."""
    ours = {one.address for one in manifest.instances.values()}
    wanted = ours if record.creator_nonce is not None or record.creation_call is not None else {DEPLOYMENT_PROXY}
    if record.creator in wanted:
        return []
    return [f"{record.instance}: it was created by {record.creator}, which is not in the manifest"]


def _check_source(record: InstanceRecord, contract: CompiledContract, out_dir: Path) -> list[str]:
    """The kept standard-json input is the recorded one, and is what this source tree gives.

    Of a published contract, the artifact is the recorded one.
    """
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
    if contract.package != record.package:
        findings.append(f"{name}: the artifact here is {contract.package}, deployed was {record.package}")
    if record.compiler_input is None:
        return findings
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
    """The recorded transaction is in the recorded block and went to whoever creates the contract."""
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
    called = DEPLOYMENT_PROXY if record.creation_call is None else record.creator
    if not same_hex(receipt.get("from"), record.deployer) or not same_hex(receipt.get("to"), called):
        what = "the deployment proxy" if record.creation_call is None else called
        findings.append(f"{name}: the recorded transaction is not one of {record.deployer} to {what}")
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
