"""The Safe that a plan creates: its initialiser, its address, and what of it is on the chain (Safe 1.5.0).

`SafeProxyFactory.createProxyWithNonce` runs the initialiser in the transaction that creates the proxy, and the salt
commits to it. Whoever calls it first with the same arguments makes the same Safe with the same owners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import is_hex_address, to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import classify
from novacron.exceptions import PlanError, RevertedError

ZERO = "0x" + "00" * 20
#: Head of the Safe's linked lists of owners and modules, which is no owner.
SENTINEL = "0x" + "00" * 19 + "01"

_SETUP_TYPES = ["address[]", "uint256", "address", "bytes", "address", "address", "uint256", "address"]
_SETUP = keccak(text=f"setup({','.join(_SETUP_TYPES)})")[:4]
_CREATE_TYPES = ["address", "bytes", "uint256"]
_CREATE = keccak(text="createProxyWithNonce(address,bytes,uint256)")[:4]
_SLOTS = {
    "singleton": 0,
    "handler": int.from_bytes(keccak(text="fallback_manager.handler.address"), "big"),
    "guard": int.from_bytes(keccak(text="guard_manager.guard.address"), "big"),
    "module guard": int.from_bytes(keccak(text="module_manager.module_guard.address"), "big"),
}


@dataclass(frozen=True)
class SafeState:
    """What a Safe is on the chain; `modules` holds at most the first ten."""

    owners: tuple[str, ...]
    threshold: int
    modules: tuple[str, ...]
    singleton: str
    handler: str
    guard: str
    module_guard: str


def initializer(name: str, owners: Sequence[str], threshold: int, handler: str) -> bytes:
    """Call data of `Safe.setup`: owners, threshold and fallback handler; no module, no payment.

    Raises:
        PlanError: no owner, an owner twice or one that cannot be, or a threshold that the owners cannot reach.
    """
    wrong = [owner for owner in owners if not is_hex_address(owner)]
    if wrong:
        raise PlanError(f"{name}: the owner {wrong[0]!r} is no address; give 0x and 40 hexadecimal digits")
    if len({owner.lower() for owner in owners}) != len(owners):
        raise PlanError(f"{name}: an owner is named twice")
    if any(owner in (ZERO, SENTINEL) for owner in owners):
        raise PlanError(f"{name}: the addresses 0 and 1 cannot own a Safe")
    if not 1 <= threshold <= len(owners):
        raise PlanError(f"{name}: threshold {threshold} of {len(owners)} owners; give one from 1 to {len(owners)}")
    return _SETUP + encode(_SETUP_TYPES, [list(owners), threshold, ZERO, b"", handler, ZERO, 0, ZERO])


def creation_salt(setup: bytes, nonce: bytes) -> bytes:
    """CREATE2 salt that the factory makes of initialiser and salt nonce (32 bytes)."""
    return bytes(keccak(keccak(setup) + nonce))


def creation_call(singleton: str, setup: bytes, nonce: bytes) -> bytes:
    """Call data for the factory."""
    return _CREATE + encode(_CREATE_TYPES, [singleton, setup, int.from_bytes(nonce, "big")])


def decode_creation(data: bytes) -> tuple[str, bytes, bytes, tuple[str, ...], int, str]:
    """Singleton, initialiser, salt nonce, owners, threshold and handler of a `creation_call`.

    Raises:
        ValueError: it is none, or its initialiser does more than `initializer` lets one do.
    """
    try:
        singleton, setup, nonce = decode(_CREATE_TYPES, data[4:])
        owners, threshold, to, payload, handler, token, payment, receiver = decode(_SETUP_TYPES, setup[4:])
    except (DecodingError, OverflowError) as error:
        raise ValueError("it is no call of createProxyWithNonce with an initialiser") from error
    if data[:4] != _CREATE or setup[:4] != _SETUP:
        raise ValueError("it is no call of createProxyWithNonce with an initialiser")
    if (to, payload, token, payment, receiver) != (ZERO, b"", ZERO, 0, ZERO):
        raise ValueError("its initialiser runs code or pays somebody")
    named = tuple(str(to_checksum_address(owner)) for owner in owners)
    return (
        str(to_checksum_address(singleton)),
        bytes(setup),
        int(nonce).to_bytes(32, "big"),
        named,
        int(threshold),
        str(to_checksum_address(handler)),
    )


def read_safe(pool: EndpointPool, address: str) -> SafeState | None:
    """State of the Safe at `address`; None when what is there does not answer like one."""
    slots = [("eth_getStorageAt", [address, hex(slot), "latest"]) for slot in _SLOTS.values()]
    calls = [
        keccak(text="getOwners()")[:4],
        keccak(text="getThreshold()")[:4],
        keccak(text="getModulesPaginated(address,uint256)")[:4] + encode(["address", "uint256"], [SENTINEL, 10]),
    ]
    asked = [("eth_call", [{"to": address, "data": "0x" + data.hex()}, "latest"]) for data in calls]
    singleton, handler, guard, module_guard = [_address(str(word)) for word in pool.batch(slots)]
    answers = pool.batch_exchange(asked)
    try:
        owners, threshold, modules = [
            decode(types, bytes.fromhex(_result(answer)[2:]))[0]
            for types, answer in zip((["address[]"], ["uint256"], ["address[]", "address"]), answers, strict=True)
        ]
    except (DecodingError, OverflowError):
        return None
    return SafeState(
        tuple(str(to_checksum_address(owner)) for owner in owners),
        int(threshold),
        tuple(str(to_checksum_address(module)) for module in modules),
        singleton,
        handler,
        guard,
        module_guard,
    )


def safe_findings(
    name: str, state: SafeState | None, owners: Sequence[str], threshold: int, singleton: str, handler: str
) -> list[str]:
    """What of a Safe is not as configured; one sentence each."""
    if state is None:
        return [f"{name}: what is at its address does not answer like a Safe"]
    findings = []
    extra, missing = sorted(set(state.owners) - set(owners)), sorted(set(owners) - set(state.owners))
    findings += [f"{name}: {owner} is an owner and is not configured as one" for owner in extra]
    findings += [f"{name}: the configured owner {owner} is none" for owner in missing]
    if state.threshold != threshold:
        findings.append(f"{name}: {state.threshold} owners sign, {threshold} are configured")
    findings += [f"{name}: the module {module} acts without signatures" for module in state.modules]
    for what, found, wanted in (
        ("singleton", state.singleton, singleton),
        ("fallback handler", state.handler, handler),
        ("guard", state.guard, ZERO),
        ("module guard", state.module_guard, ZERO),
    ):
        if found != wanted:
            findings.append(f"{name}: its {what} is {found}, configured is {wanted if wanted != ZERO else 'none'}")
    return findings


def _result(answer: dict[str, object]) -> str:
    if "error" in answer:
        error = classify(answer["error"])  # type: ignore[arg-type]
        if not isinstance(error, RevertedError):
            raise error
        return "0x"
    return str(answer["result"])


def _address(word: str) -> str:
    return str(to_checksum_address(bytes.fromhex(word[2:].rjust(64, "0"))[12:]))
