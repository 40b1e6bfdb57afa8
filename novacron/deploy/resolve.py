"""From a plan to init codes and addresses: compiles every contract and fills in every argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from novacron.deploy.compiler import CompiledContract, Compiler
from novacron.deploy.create2 import DEPLOYMENT_PROXY, MAX_INIT_CODE, create2_address
from novacron.deploy.plan import Instance, Plan, check_against_abis, encode_arguments, references, resolve_arguments
from novacron.exceptions import PlanError


@dataclass(frozen=True)
class ResolvedInstance:
    """An instance whose address is known.

    Attributes:
        instance, contract: what the plan says and what it compiles to.
        salt_label, salt: text and its Keccak-256 (32 bytes).
        encoded_arguments: ABI-encoded constructor arguments.
        init_code: creation code followed by them.
        init_code_hash: Keccak-256, 32 bytes.
        address: EIP-55 checksum address, the same on every chain.
        needs: names of the instances it refers to.
    """

    instance: Instance
    contract: CompiledContract
    salt_label: str
    salt: bytes
    encoded_arguments: bytes = field(repr=False)
    init_code: bytes = field(repr=False)
    init_code_hash: bytes
    address: str
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.instance.name

    @property
    def call_data(self) -> bytes:
        """What the deployment proxy is called with: salt, then init code."""
        return self.salt + self.init_code


def compile_plan(plan: Plan, compiler: Compiler) -> dict[str, CompiledContract]:
    """Compile each instance's contract (each contract once), by instance name.

    Raises:
        CompilerError: the source does not compile.
        PlanError: constructor arguments do not fit.
    """
    by_contract: dict[str, CompiledContract] = {}
    for instance in plan.instances:
        if instance.contract not in by_contract:
            by_contract[instance.contract] = compiler.compile(instance.contract)
    compiled = {instance.name: by_contract[instance.contract] for instance in plan.instances}
    check_against_abis(plan, {name: contract.abi for name, contract in compiled.items()})
    return compiled


def resolve_plan(
    plan: Plan, compiled: Mapping[str, CompiledContract], accounts: Mapping[str, str]
) -> tuple[ResolvedInstance, ...]:
    """Addresses and init codes of all instances, in the order of deployment. Nothing is sent.

    Args:
        plan: the plan.
        compiled: `compile_plan`.
        accounts: address of every account the plan names; `deployer` among them.

    Raises:
        PlanError: an account is missing, an argument does not fit, or an init code exceeds EIP-3860's limit.
    """
    addresses: dict[str, str] = {}
    resolved: list[ResolvedInstance] = []
    for instance in plan.ordered():
        contract = compiled[instance.name]
        encoded = encode_arguments(instance.name, contract.abi, resolve_arguments(instance, addresses, accounts))
        init_code = contract.creation_code + encoded
        if len(init_code) > MAX_INIT_CODE:
            raise PlanError(f"{instance.name}: its init code has {len(init_code)} bytes, the limit is {MAX_INIT_CODE}")
        salt, init_code_hash = plan.salt(instance), bytes(keccak(init_code))
        addresses[instance.name] = create2_address(DEPLOYMENT_PROXY, salt, init_code_hash)
        resolved.append(
            ResolvedInstance(
                instance=instance,
                contract=contract,
                salt_label=plan.salt_label(instance),
                salt=salt,
                encoded_arguments=encoded,
                init_code=init_code,
                init_code_hash=init_code_hash,
                address=addresses[instance.name],
                needs=tuple(dict.fromkeys(references(instance.arguments))),
            )
        )
    return tuple(resolved)
