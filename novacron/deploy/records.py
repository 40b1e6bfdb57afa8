"""What a manifest says about one instance, one call and one plan, and how a person reads constructor arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from novacron.deploy.create2 import DEPLOYMENT_PROXY
from novacron.deploy.published import Package
from novacron.exceptions import DeployError

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True)
class Argument:
    """A constructor argument as a person reads it: integers in decimal, bytes and addresses in hexadecimal."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True)
class InstanceRecord:
    """One deployed instance.

    Attributes:
        instance, plan: its name and the plan it belongs to.
        contract, source: Solidity contract and the file that defines it.
        implementation: of a proxy, the instance whose functions it answers; None for any other.
        address: EIP-55 checksum address.
        creator: whose CREATE2 or CREATE made it: the deployment proxy, a factory, or another instance.
        creator_nonce: the creator's nonce for CREATE, None for CREATE2.
        creation_call: what a factory was called with, hexadecimal; None for any other creator.
        constructor_arguments, encoded_arguments: the same values, to read and as ABI-encoded hexadecimal.
        salt_label, salt: the CREATE2 salt and the text it is the Keccak-256 of (a factory hashes that once more with
            its call); None for CREATE.
        init_code_hash: Keccak-256 of creation code and encoded arguments.
        compiler_version: solc with its commit.
        compiler_input_hash: SHA-256 of the standard-json input, which is the file `compiler_input` beside the manifest;
            both None for a published contract.
        package: where a published contract comes from, None for what was compiled here.
        deployer: account that sent the transaction, or found the contract already there.
        adopted: whether somebody else had deployed it; then there is no transaction.
        transaction_hash, block_number, block_hash: where it was mined, None when adopted.
        git_commit: commit of the source tree, None outside git.
        git_dirty: whether the tree had uncommitted changes, None outside git.
        previous_addresses: where this instance was before, oldest first.
    """

    instance: str
    plan: str
    contract: str
    source: str
    address: str
    constructor_arguments: tuple[Argument, ...]
    encoded_arguments: str
    salt_label: str | None
    salt: str | None
    init_code_hash: str
    compiler_version: str
    compiler_input_hash: str | None
    compiler_input: str | None
    deployer: str
    adopted: bool
    transaction_hash: str | None
    block_number: int | None
    block_hash: str | None
    git_commit: str | None
    git_dirty: bool | None
    previous_addresses: tuple[str, ...] = ()
    implementation: str | None = None
    creator: str = DEPLOYMENT_PROXY
    creator_nonce: int | None = None
    creation_call: str | None = None
    package: Package | None = None


@dataclass(frozen=True)
class CallRecord:
    """A call that the deployer has sent after the instances were there, or found done.

    Attributes:
        label, plan: its name and the plan it belongs to.
        target: instance.
        function: full signature.
        data: call data, hexadecimal.
        transaction_hash, block_number, block_hash: where it was mined; None when it was found done already.
    """

    label: str
    plan: str
    target: str
    function: str
    data: str
    transaction_hash: str | None
    block_number: int | None
    block_hash: str | None


@dataclass(frozen=True)
class PlanRecord:
    """What a plan was deployed with.

    Attributes:
        accounts: addresses of the accounts it names, `deployer` among them.
        configuration: what the plan was made from, as JSON; None for a plan without any.
    """

    accounts: Mapping[str, str]
    configuration: Mapping[str, Any] | None = None


def readable_arguments(abi: Sequence[Mapping[str, Any]], encoded: bytes) -> tuple[Argument, ...]:
    """Decode ABI-encoded constructor arguments for a person.

    Raises:
        DeployError: `encoded` does not fit the constructor.
    """
    constructor = next((item for item in abi if item.get("type") == "constructor"), None)
    parameters = constructor.get("inputs", []) if constructor else []
    types = [collapse_if_tuple(dict(parameter)) for parameter in parameters]
    try:
        values = decode(types, encoded)
    except (DecodingError, OverflowError) as error:
        raise DeployError(f"0x{encoded.hex()} are no arguments of a constructor ({', '.join(types)})") from error
    names = [str(parameter.get("name", "")) for parameter in parameters]
    return tuple(
        Argument(name, kind, _plain(kind, value)) for name, kind, value in zip(names, types, values, strict=True)
    )


def _plain(kind: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (tuple, list)):
        return [_plain("", item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _ADDRESS.fullmatch(value) and kind != "string":
        return str(to_checksum_address(value))
    return value
