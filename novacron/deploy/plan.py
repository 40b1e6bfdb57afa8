"""A deployment plan: named instances of contracts, their constructor arguments, and which needs which.

A plan is data. `check_against_abis` compares it with the compiled contracts before anything is sent, so that a wrong
name or a missing argument costs nothing; `resolve_arguments` puts addresses in the place of references.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError, ParseError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import is_checksum_formatted_address, is_hex_address, to_checksum_address

from novacron.deploy.create2 import salt_of
from novacron.exceptions import PlanError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]*")


@dataclass(frozen=True)
class Ref:
    """The address of another instance of the same plan."""

    instance: str


@dataclass(frozen=True)
class Account:
    """The address of an account that the deployment is given by name; `deployer` always exists."""

    name: str


@dataclass(frozen=True)
class Instance:
    """One contract to deploy.

    Args:
        name: unique in the plan.
        contract: the Solidity contract, `Name` or `contracts/path/File.sol:Name`.
        arguments: constructor arguments in order; `Ref` and `Account` may stand for addresses, also within lists.
        version: part of the salt. Change it to deploy the same code to another address.
        salt_label: what the salt is the Keccak-256 of; `<plan>/<name>/<version>` when empty.
    """

    name: str
    contract: str
    arguments: tuple[Any, ...] = ()
    version: str = "1"
    salt_label: str = ""


@dataclass(frozen=True)
class Plan:
    """Named instances, deployed in the order of their references."""

    name: str
    instances: tuple[Instance, ...]

    def __post_init__(self) -> None:
        """Check names and references.

        Raises:
            PlanError: naming what is malformed, used twice, unknown, or part of a cycle.
        """
        _check_name("plan", self.name)
        if not self.instances:
            raise PlanError(f"plan {self.name} has no instances; add one")
        seen: set[str] = set()
        labels: dict[tuple[str, str], str] = {}
        for instance in self.instances:
            _check_name(f"plan {self.name}: instance", instance.name)
            if _VERSION.fullmatch(instance.version) is None:
                raise PlanError(f"{instance.name}: version {instance.version!r} is not of the form 1 or 1.2-rc1")
            if instance.name in seen:
                raise PlanError(f"plan {self.name} has two instances named {instance.name}; rename one")
            seen.add(instance.name)
            other = labels.setdefault((self.salt_label(instance), instance.contract), instance.name)
            if other != instance.name:
                raise PlanError(f"{other} and {instance.name} share a contract and a salt label; give them two labels")
        for instance in self.instances:
            for reference in references(instance.arguments):
                if reference not in seen:
                    raise PlanError(f"{instance.name} refers to {reference}, which plan {self.name} does not have")
        self.ordered()

    def salt_label(self, instance: Instance) -> str:
        """What the salt of `instance` is derived from; the same on every chain."""
        return instance.salt_label or f"{self.name}/{instance.name}/{instance.version}"

    def salt(self, instance: Instance) -> bytes:
        """CREATE2 salt, 32 bytes."""
        return salt_of(self.salt_label(instance))

    def ordered(self) -> tuple[Instance, ...]:
        """The instances, each after those it refers to, otherwise in the plan's order.

        Raises:
            PlanError: naming the cycle.
        """
        by_name = {instance.name: instance for instance in self.instances}
        done: dict[str, Instance] = {}
        path: list[str] = []

        def visit(name: str) -> None:
            if name in done:
                return
            if name in path:
                raise PlanError(f"references go in a circle: {' → '.join([*path[path.index(name) :], name])}")
            path.append(name)
            for reference in references(by_name[name].arguments):
                visit(reference)
            path.pop()
            done[name] = by_name[name]

        for instance in self.instances:
            visit(instance.name)
        return tuple(done.values())


def references(arguments: Sequence[Any]) -> list[str]:
    """Names of the instances that `arguments` refer to, nested ones included, in order."""
    found: list[str] = []
    for value in arguments:
        if isinstance(value, Ref):
            found.append(value.instance)
        elif isinstance(value, (list, tuple)):
            found.extend(references(value))
    return found


def constructor_types(abi: Sequence[Mapping[str, Any]]) -> list[str]:
    """ABI types of the constructor's parameters, tuples in their canonical form; empty without a constructor."""
    for item in abi:
        if item.get("type") == "constructor":
            return [collapse_if_tuple(dict(parameter)) for parameter in item.get("inputs", [])]
    return []


def resolve_arguments(instance: Instance, addresses: Mapping[str, str], accounts: Mapping[str, str]) -> tuple[Any, ...]:
    """Constructor arguments with every `Ref` and `Account` replaced by a checksum address.

    Args:
        instance: whose arguments.
        addresses: address of each instance deployed so far, by name.
        accounts: address of each named account.

    Raises:
        PlanError: an account that was not given, or a value that is no address.
    """

    def resolve(value: Any) -> Any:
        if isinstance(value, Ref):
            return addresses[value.instance]
        if isinstance(value, Account):
            if value.name not in accounts:
                known = ", ".join(sorted(accounts)) or "none"
                raise PlanError(f"{instance.name} needs the account {value.name!r}; given: {known}")
            return _checksum(instance.name, accounts[value.name])
        if isinstance(value, (list, tuple)):
            return [resolve(item) for item in value]
        if isinstance(value, str) and is_hex_address(value):
            return _checksum(instance.name, value)
        return value

    return tuple(resolve(value) for value in instance.arguments)


def encode_arguments(name: str, abi: Sequence[Mapping[str, Any]], arguments: Sequence[Any]) -> bytes:
    """ABI-encode resolved constructor arguments; they follow the creation code in the init code.

    Raises:
        PlanError: naming the instance `name` and the argument of the wrong count or type.
    """
    types = constructor_types(abi)
    if len(arguments) != len(types):
        wanted = f"({', '.join(types)})"
        raise PlanError(f"{name}: {len(arguments)} constructor arguments given, the constructor takes {wanted}")
    for position, (kind, value) in enumerate(zip(types, arguments, strict=True), 1):
        try:
            encode([kind], [value])
        except (EncodingError, ParseError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise PlanError(f"{name}: constructor argument {position} is {value!r}, which is no {kind}") from error
    return bytes(encode(types, list(arguments)))


def check_against_abis(plan: Plan, abis: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Check every instance's constructor arguments against its contract's ABI, before any address is known.

    Args:
        plan: the plan.
        abis: the ABI of each instance's contract, by instance name.

    Raises:
        PlanError: wrong number or type of arguments, naming instance and argument.
    """
    stand_in = "0x" + "00" * 19 + "01"
    for instance in plan.instances:
        names = dict.fromkeys(_accounts(instance.arguments), stand_in)
        values = resolve_arguments(instance, {item.name: stand_in for item in plan.instances}, names)
        encode_arguments(instance.name, abis[instance.name], values)


def _accounts(arguments: Sequence[Any]) -> set[str]:
    found: set[str] = set()
    for value in arguments:
        if isinstance(value, Account):
            found.add(value.name)
        elif isinstance(value, (list, tuple)):
            found |= _accounts(value)
    return found


def _check_name(what: str, name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise PlanError(f"{what} {name!r}: a name starts with a letter and has letters, digits, - and _ only")


def _checksum(instance: str, value: str) -> str:
    if not is_hex_address(value):
        raise PlanError(f"{instance}: {value!r} is no address; give 0x and 40 hexadecimal digits")
    checksummed = str(to_checksum_address(value))
    if is_checksum_formatted_address(value) and value != checksummed:
        raise PlanError(f"{instance}: {value} has a wrong checksum (EIP-55); a digit is mistyped")
    return checksummed
