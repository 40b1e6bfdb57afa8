"""From a plan to init codes and addresses: compiles every contract and fills in every argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from novacron.deploy.arguments import check_against_abis, encode_arguments, resolve_arguments, resolve_values
from novacron.deploy.compiler import CompiledContract, ContractSource, compile_many
from novacron.deploy.create2 import DEPLOYMENT_PROXY, MAX_INIT_CODE, create2_address, create_address
from novacron.deploy.plan import Created, Instance, Item, Plan, SafeAccount, needs
from novacron.deploy.safe import creation_call, creation_salt, initializer
from novacron.exceptions import CompilerError, PlanError


@dataclass(frozen=True)
class ResolvedInstance:
    """An instance whose address is known.

    Attributes:
        instance, contract: what the plan says and what it compiles to.
        salt_label, salt: text and the CREATE2 salt (32 bytes); None for what a constructor creates.
        encoded_arguments: ABI-encoded constructor arguments.
        init_code: creation code followed by them.
        init_code_hash: Keccak-256, 32 bytes.
        address: EIP-55 checksum address, the same on every chain.
        creator: whose CREATE or CREATE2 makes it: the deployment proxy, a factory, or another instance.
        call_data: what `creator` is called with; empty for what a constructor creates.
        needs: names of the instances that must be there first.
        children: addresses of the contracts that its constructor creates.
    """

    instance: Item
    contract: CompiledContract
    salt_label: str | None
    salt: bytes | None
    encoded_arguments: bytes = field(repr=False)
    init_code: bytes = field(repr=False)
    init_code_hash: bytes
    address: str
    creator: str
    call_data: bytes = field(repr=False)
    needs: tuple[str, ...]
    children: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.instance.name


def compile_plan(plan: Plan, compiler: ContractSource) -> dict[str, CompiledContract]:
    """Compile each instance's contract (each contract once), by instance name.

    Raises:
        CompilerError: the source does not compile, or a published artifact is not there.
        PlanError: constructor arguments or calls do not fit.
    """
    by_contract = compile_many(compiler, (instance.contract for instance in plan.instances))
    compiled: dict[str, CompiledContract] = {}
    for instance in plan.instances:
        built = by_contract[instance.contract]
        if isinstance(built, CompilerError):
            raise built
        compiled[instance.name] = built
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
        PlanError: an account is missing, an argument does not fit, an init code exceeds EIP-3860's limit, or the
            deployer is somebody who has a part in the result.
    """
    if accounts.get("deployer", "").lower() in {other.lower() for other in plan.others}:
        raise PlanError(
            f"the deployer {accounts['deployer']} is also named as guardian, attester, auditor or arbiter; after "
            "the hand-over it must hold nothing: deploy with another account, or name another one there"
        )
    addresses: dict[str, str] = {}
    resolved: list[ResolvedInstance] = []
    for item in plan.ordered():
        contract = compiled[item.name]
        if isinstance(item, SafeAccount):
            found = _safe(plan, item, contract, addresses, accounts)
        else:
            encoded = encode_arguments(item.name, contract.abi, resolve_arguments(item, addresses, accounts))
            init_code = contract.creation_code + encoded
            if len(init_code) > MAX_INIT_CODE:
                raise PlanError(f"{item.name}: its init code has {len(init_code)} bytes, the limit is {MAX_INIT_CODE}")
            if isinstance(item, Created):
                found = _created(item, contract, encoded, init_code, addresses[item.creator])
            else:
                found = _instance(plan, item, contract, encoded, init_code)
        addresses[item.name] = found.address
        resolved.append(found)
    return tuple(resolved)


def _instance(
    plan: Plan, item: Instance, contract: CompiledContract, encoded: bytes, init_code: bytes
) -> ResolvedInstance:
    salt, init_code_hash = plan.salt(item), bytes(keccak(init_code))
    address = create2_address(DEPLOYMENT_PROXY, salt, init_code_hash)
    made = [one for one in plan.instances if isinstance(one, Created) and one.creator == item.name]
    return ResolvedInstance(
        instance=item,
        contract=contract,
        salt_label=plan.salt_label(item),
        salt=salt,
        encoded_arguments=encoded,
        init_code=init_code,
        init_code_hash=init_code_hash,
        address=address,
        creator=DEPLOYMENT_PROXY,
        call_data=salt + init_code,  # what the deployment proxy takes
        needs=tuple(dict.fromkeys(needs(item))),
        children=tuple(create_address(address, one.nonce) for one in made),
    )


def _created(
    item: Created, contract: CompiledContract, encoded: bytes, init_code: bytes, creator: str
) -> ResolvedInstance:
    return ResolvedInstance(
        instance=item,
        contract=contract,
        salt_label=None,
        salt=None,
        encoded_arguments=encoded,
        init_code=init_code,
        init_code_hash=bytes(keccak(init_code)),
        address=create_address(creator, item.nonce),
        creator=creator,
        call_data=b"",
        needs=tuple(dict.fromkeys(needs(item))),
    )


def _safe(
    plan: Plan,
    item: SafeAccount,
    contract: CompiledContract,
    addresses: Mapping[str, str],
    accounts: Mapping[str, str],
) -> ResolvedInstance:
    owners = resolve_values(item.name, item.owners, addresses, accounts)
    singleton, factory = addresses[item.singleton], addresses[item.factory]
    setup = initializer(item.name, owners, item.threshold, addresses[item.handler])
    encoded = encode_arguments(item.name, contract.abi, (singleton,))
    init_code = contract.creation_code + encoded
    salt, init_code_hash = creation_salt(setup, plan.salt(item)), bytes(keccak(init_code))
    return ResolvedInstance(
        instance=item,
        contract=contract,
        salt_label=plan.salt_label(item),
        salt=salt,
        encoded_arguments=encoded,
        init_code=init_code,
        init_code_hash=init_code_hash,
        address=create2_address(factory, salt, init_code_hash),
        creator=factory,
        call_data=creation_call(singleton, setup, plan.salt(item)),
        needs=tuple(dict.fromkeys(needs(item))),
    )
