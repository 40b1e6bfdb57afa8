"""Compares code on a chain with what the source compiles to.

Two comparisons, since each sees what the other does not. The masked one compares the compiler's runtime code byte by
byte and leaves out immutables; it names the byte that differs. The exact one runs the init code in a simulated call,
with the recorded constructor arguments and at the very address, and compares everything the constructor returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from novacron.chain.endpoints import EndpointPool
from novacron.deploy.compiler import CompiledContract
from novacron.deploy.create2 import DEPLOYMENT_PROXY, DEPLOYMENT_PROXY_CODE
from novacron.exceptions import DeployError, RejectedError, RevertedError


@dataclass(frozen=True)
class ImmutableValue:
    """An immutable's value in the code on the chain: 0x and the raw bytes."""

    name: str
    type: str
    value: str


@dataclass(frozen=True)
class CodeCheck:
    """Outcome of comparing code.

    Attributes:
        findings: one sentence for each difference; empty when the code is the source's.
        exact: whether the whole code equals what the constructor returns; None where the node cannot simulate it.
        immutables: values found on the chain.
    """

    findings: tuple[str, ...]
    exact: bool | None
    immutables: tuple[ImmutableValue, ...]


def code_at(pool: EndpointPool, address: str) -> bytes:
    """Runtime code at `address` in the latest block; empty without a contract."""
    return bytes.fromhex(str(pool.request("eth_getCode", [address, "latest"]))[2:])


def require_proxy(pool: EndpointPool) -> None:
    """Make sure that the deployment proxy is on this chain.

    Raises:
        DeployError: it is not, or other code is in its place.
    """
    code = code_at(pool, DEPLOYMENT_PROXY)
    if not code:
        raise DeployError(
            f"the deployment proxy {DEPLOYMENT_PROXY} is not on chain {pool.chain_id()}; deploy it first with its "
            "pre-signed transaction (Arachnid's deterministic deployment proxy), then repeat"
        )
    if code != DEPLOYMENT_PROXY_CODE:
        raise DeployError(f"the code at {DEPLOYMENT_PROXY} on chain {pool.chain_id()} is not the deployment proxy's")


def simulate_constructor(
    pool: EndpointPool,
    address: str,
    init_code: bytes,
    others: Mapping[str, bytes] | None = None,
    *,
    creator: str = DEPLOYMENT_PROXY,
    children: Sequence[str] = (),
) -> bytes | None:
    """Runtime code that `init_code` would leave at `address`, without deploying it.

    The init code is put at `address` by a state override, with empty storage, and called by its creator:
    `address(this)` and `msg.sender` are then those of the real creation.

    Args:
        pool: the chain, in its latest state.
        address: where the code would go.
        init_code: creation code and encoded arguments.
        others: code to assume at further addresses.
        creator: who creates it.
        children: addresses where the constructor creates contracts; they are assumed empty, else it would fail once
            it has run.

    Returns:
        The code, or None when the node does not take state overrides.

    Raises:
        RevertedError: the constructor reverts.
    """
    assumed: dict[str, dict[str, object]] = {
        place: {"code": "0x" + code.hex()} for place, code in (others or {}).items()
    }
    assumed |= {child: {"code": "0x", "state": {}, "nonce": "0x0"} for child in children}
    override = assumed | {address: {"code": "0x" + init_code.hex(), "state": {}, "nonce": "0x1", "balance": "0x0"}}
    try:
        answer = pool.request("eth_call", [{"from": creator, "to": address}, "latest", override])
    except RevertedError:
        raise
    except RejectedError:
        return None
    return bytes.fromhex(str(answer)[2:])


def check_code(name: str, contract: CompiledContract, found: bytes, expected: bytes | None) -> CodeCheck:
    """Compare the code `found` on a chain with the source's.

    Args:
        name: of the instance, for the findings.
        contract: what the source compiles to.
        found: code on the chain.
        expected: what the constructor returns (`simulate_constructor`), None when unknown.
    """
    if not found:
        return CodeCheck((f"{name}: there is no contract at the recorded address",), None, ())
    findings: list[str] = []
    masked_found, masked_source = _masked(contract, found), _masked(contract, contract.runtime_code)
    if len(found) != len(contract.runtime_code):
        findings.append(
            f"{name}: the code on the chain has {len(found)} bytes, the source compiles to {len(contract.runtime_code)}"
        )
    difference = _first_difference(masked_found, masked_source)
    if difference is not None and difference < min(len(masked_found), len(masked_source)):
        findings.append(_describe(name, masked_found, masked_source, difference))
    values, torn = _immutable_values(contract, found)
    findings += [f"{name}: immutable {item} has two values in the code on the chain" for item in torn]
    exact = None if expected is None else found == expected
    if exact is False and not findings:
        assert expected is not None
        findings.append(_immutable_difference(name, contract, found, expected))
    return CodeCheck(tuple(findings), exact, values)


def _masked(contract: CompiledContract, code: bytes) -> bytes:
    masked = bytearray(code)
    for immutable in contract.immutables:
        for start, length in immutable.places:
            masked[start : start + length] = bytes(len(masked[start : start + length]))
    return bytes(masked)


def _first_difference(left: bytes, right: bytes) -> int | None:
    for offset, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return offset
    return None if len(left) == len(right) else min(len(left), len(right))


def _describe(name: str, found: bytes, source: bytes, offset: int) -> str:
    count = sum(one != other for one, other in zip(found, source, strict=False))
    text = (
        f"{name}: code differs from the source at byte offset {offset} (0x{offset:x}): "
        f"0x{found[offset]:02x} on the chain, 0x{source[offset]:02x} in the source; {count} bytes differ in all"
    )
    trailer = len(source) - 2 - int.from_bytes(source[-2:], "big")  # solc: CBOR metadata, then its length in two bytes
    if 0 < trailer <= offset:
        text += "; only the metadata hash differs: the same instructions from another source text or settings"
    return text


def _immutable_values(contract: CompiledContract, code: bytes) -> tuple[tuple[ImmutableValue, ...], Sequence[str]]:
    values, torn = [], []
    for immutable in contract.immutables:
        copies = {code[start : start + length] for start, length in immutable.places}
        if len(copies) != 1:
            torn.append(immutable.name)
        first, length = immutable.places[0]
        values.append(ImmutableValue(immutable.name, immutable.type, "0x" + code[first : first + length].hex()))
    return tuple(values), torn


def _immutable_difference(name: str, contract: CompiledContract, found: bytes, expected: bytes) -> str:
    for immutable in contract.immutables:
        for start, length in immutable.places:
            here, there = found[start : start + length], expected[start : start + length]
            if here != there:
                return (
                    f"{name}: immutable {immutable.name} at byte offset {start} (0x{start:x}) is 0x{here.hex()} on the "
                    f"chain, the constructor gives 0x{there.hex()}"
                )
    offset = _first_difference(found, expected)
    return f"{name}: code differs from what the constructor returns at byte offset {offset}"
