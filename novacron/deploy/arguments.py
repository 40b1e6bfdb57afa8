"""Arguments of a plan: references replaced by addresses, checked against the ABIs, encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import ABITypeError, EncodingError, ParseError
from eth_abi.grammar import TupleType, parse
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import is_checksum_formatted_address, is_hex_address, to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.codec import signature_of
from novacron.deploy.plan import (
    Account,
    Calldata,
    Created,
    Emitted,
    Instance,
    Item,
    Plan,
    Reading,
    Ref,
    SafeAccount,
)
from novacron.exceptions import PlanError

Abi = Sequence[Mapping[str, Any]]


def constructor_types(abi: Abi) -> list[str]:
    """ABI types of the constructor's parameters, tuples in their canonical form; empty without a constructor."""
    for item in abi:
        if item.get("type") == "constructor":
            return [collapse_if_tuple(dict(parameter)) for parameter in item.get("inputs", [])]
    return []


def selector(signature: str) -> bytes:
    """First four bytes of the Keccak-256 of a function's signature."""
    return bytes(keccak(text=signature)[:4])


def resolve_arguments(
    instance: Instance | Created, addresses: Mapping[str, str], accounts: Mapping[str, str]
) -> tuple[Any, ...]:
    """Constructor arguments with every `Ref` and `Account` replaced by a checksum address.

    Args:
        instance: whose arguments.
        addresses: address of each instance deployed so far, by name.
        accounts: address of each named account.

    Raises:
        PlanError: an account that was not given, or a value that is no address.
    """
    return resolve_values(instance.name, instance.arguments, addresses, accounts)


def resolve_values(
    name: str, values: Sequence[Any], addresses: Mapping[str, str], accounts: Mapping[str, str]
) -> tuple[Any, ...]:
    """As `resolve_arguments`, for any values; `name` is who needs them."""

    def resolve(value: Any) -> Any:
        if isinstance(value, Ref):
            return addresses[value.instance]
        if isinstance(value, Account):
            if value.name not in accounts:
                known = ", ".join(sorted(accounts)) or "none"
                raise PlanError(f"{name} needs the account {value.name!r}; given: {known}")
            return _checksum(name, accounts[value.name])
        if isinstance(value, Calldata):
            return encode_call(name, value.signature, [resolve(item) for item in value.arguments])
        if isinstance(value, (list, tuple)):
            return [resolve(item) for item in value]
        if isinstance(value, str) and is_hex_address(value):
            return _checksum(name, value)
        return value

    return tuple(resolve(value) for value in values)


def encode_arguments(name: str, abi: Abi, arguments: Sequence[Any]) -> bytes:
    """ABI-encode resolved constructor arguments; they follow the creation code in the init code.

    Raises:
        PlanError: naming the instance `name` and the argument of the wrong count or type.
    """
    return _encode(name, "the constructor", "constructor argument", constructor_types(abi), arguments)


def encode_call(name: str, signature: str, arguments: Sequence[Any]) -> bytes:
    """Selector and ABI-encoded resolved arguments.

    Raises:
        PlanError: as `encode_arguments`.
    """
    return selector(signature) + _encode(
        name, signature, f"argument of {signature}", signature_types(signature), arguments
    )


def signature_types(signature: str) -> list[str]:
    """ABI types of a signature such as `f(address,(uint256,bytes)[])`.

    Raises:
        PlanError: it is none.
    """
    _, bracket, rest = signature.partition("(")
    if bracket and rest == ")":
        return []
    try:
        parsed = parse(bracket + rest)
        parsed.validate()
    except (ParseError, ABITypeError) as error:
        raise PlanError(f"{signature!r} is no signature; write name(type,…) without spaces") from error
    if not isinstance(parsed, TupleType) or parsed.is_array:
        raise PlanError(f"{signature!r} is no signature; write name(type,…) without spaces")
    return [component.to_type_str() for component in parsed.components]


def _encode(name: str, what: str, noun: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
    if len(values) != len(types):
        given = "constructor arguments" if noun.startswith("constructor") else f"arguments for {what}"
        raise PlanError(f"{name}: {len(values)} {given} given, {what} takes ({', '.join(types)})")
    for position, (kind, value) in enumerate(zip(types, values, strict=True), 1):
        try:
            encode([kind], [value])
        except (EncodingError, ParseError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise PlanError(f"{name}: {noun} {position} is {value!r}, which is no {kind}") from error
    return bytes(encode(list(types), list(values)))


def check_against_abis(plan: Plan, abis: Mapping[str, Abi]) -> None:
    """Check constructor arguments, initialisers, calls and readings against the ABIs, before any address is known.

    Args:
        plan: the plan.
        abis: the ABI of each instance's contract, by instance name.

    Raises:
        PlanError: a wrong number or type of arguments or an unknown function, naming instance and argument.
    """
    stand_in = "0x" + "00" * 19 + "01"
    addresses = {item.name: stand_in for item in plan.instances}
    calls = (*plan.calls, *plan.handover)
    everything = [*(_values(item) for item in plan.instances), *(call.arguments for call in calls)]
    everything += [tuple(_check_values(check)) for call in calls for check in call.done]
    accounts = dict.fromkeys(_accounts(everything), stand_in)
    for item in plan.instances:
        if isinstance(item, SafeAccount):
            continue
        encode_arguments(item.name, abis[item.name], resolve_arguments(item, addresses, accounts))
        for value in item.arguments:
            if isinstance(value, Calldata) and item.implementation:
                _require(item.name, abis[item.implementation], "function", value.signature)
    for call in calls:
        abi = answering_abi(plan, call.target, abis)
        _require(call.label, abi, "function", call.function)
        encode_call(call.label, call.function, resolve_values(call.label, call.arguments, addresses, accounts))
        for check in call.done:
            abi = answering_abi(plan, check.target, abis)
            if isinstance(check, Emitted):
                _require(call.label, abi, "event", check.event)
                continue
            _require(call.label, abi, "function", check.function)
            encode_call(call.label, check.function, resolve_values(call.label, check.arguments, addresses, accounts))


def answering_abi(plan: Plan, name: str, abis: Mapping[str, Abi]) -> Abi:
    """ABI of the functions that an instance answers: a proxy's implementation's."""
    item = next(item for item in plan.instances if item.name == name)
    return abis[item.implementation or item.name]


def _require(name: str, abi: Abi, kind: str, wanted: str) -> None:
    known = [item for item in abi if item.get("type") == kind]
    if not any(wanted in (signature_of(item), item["name"] if kind == "event" else "") for item in known):
        near = sorted(signature_of(item) for item in known if item["name"] == wanted.partition("(")[0])
        raise PlanError(f"{name}: the ABI has no {kind} {wanted}{'; it has ' + ', '.join(near) if near else ''}")


def _values(item: Item) -> tuple[Any, ...]:
    return item.owners if isinstance(item, SafeAccount) else item.arguments


def _check_values(check: Reading | Emitted) -> list[Any]:
    if isinstance(check, Emitted):
        return [*check.filters.values(), *check.expected.values()]
    return [*check.arguments, check.expected]


def _accounts(arguments: Sequence[Any]) -> set[str]:
    found: set[str] = set()
    for value in arguments:
        if isinstance(value, Account):
            found.add(value.name)
        elif isinstance(value, Calldata):
            found |= _accounts(value.arguments)
        elif isinstance(value, (list, tuple)):
            found |= _accounts(value)
    return found


def _checksum(instance: str, value: str) -> str:
    if not is_hex_address(value):
        raise PlanError(f"{instance}: {value!r} is no address; give 0x and 40 hexadecimal digits")
    checksummed = str(to_checksum_address(value))
    if is_checksum_formatted_address(value) and value != checksummed:
        raise PlanError(f"{instance}: {value} has a wrong checksum (EIP-55); a digit is mistyped")
    return checksummed
