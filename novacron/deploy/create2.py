"""Deterministic addresses: CREATE2 through the deployment proxy that is at the same address on every chain.

EIP-1014 makes an address depend on the deploying contract, a salt and the init code, and on nothing else. With the
same proxy, plan and source, a contract therefore has one address on every chain. Anybody may send the same init code
with the same salt first; the resulting code is the same (constructor arguments are in the init code): it is adopted.
"""

from __future__ import annotations

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.exceptions import InputError

#: The deterministic deployment proxy: calldata is `salt (32 bytes) ++ init code`, the answer is the address.
DEPLOYMENT_PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
#: Its runtime code on every chain.
DEPLOYMENT_PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd"
    "5b8082525050506014600cf3"
)
#: Largest init code a transaction may carry, in bytes (EIP-3860).
MAX_INIT_CODE = 49_152


def create2_address(deployer: str, salt: bytes, init_code_hash: bytes) -> str:
    """Address of a contract that `deployer` creates with CREATE2 (EIP-1014).

    Args:
        deployer: the creating contract, 0x and 40 hexadecimal digits.
        salt: 32 bytes.
        init_code_hash: Keccak-256 of the init code, 32 bytes.

    Returns:
        The EIP-55 checksum address: the last 20 bytes of `keccak256(0xff ++ deployer ++ salt ++ init_code_hash)`.

    Raises:
        InputError: an argument of another length.
    """
    sender = _address_bytes(deployer)
    if len(salt) != 32 or len(init_code_hash) != 32:
        raise InputError(f"salt and init code hash have {len(salt)} and {len(init_code_hash)} bytes; both need 32")
    return str(to_checksum_address(keccak(b"\xff" + sender + salt + init_code_hash)[12:]))


def create_address(creator: str, nonce: int) -> str:
    """Address of a contract that `creator` makes with CREATE as its `nonce`-th creation (a contract's first has 1).

    Returns:
        The EIP-55 checksum address: the last 20 bytes of `keccak256(rlp([creator, nonce]))` (Yellow Paper, section 7).

    Raises:
        InputError: `creator` is no address, or `nonce` is not from 1 to 2^64 - 2 (EIP-2681).
    """
    sender = _address_bytes(creator)
    if not 1 <= nonce < 2**64 - 1:
        raise InputError(f"nonce {nonce} of a contract: it is from 1 to 2^64 - 2")
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    encoded = number if nonce < 0x80 else bytes([0x80 + len(number)]) + number
    payload = b"\x94" + sender + encoded
    return str(to_checksum_address(keccak(bytes([0xC0 + len(payload)]) + payload)[12:]))


def salt_of(label: str) -> bytes:
    """The 32-byte salt of a label: its Keccak-256. The label names plan, instance and version, never a chain."""
    return bytes(keccak(text=label))


def _address_bytes(address: str) -> bytes:
    try:
        found = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 20:
        raise InputError(f"{address!r} is no address: give 0x and 40 hexadecimal digits")
    return found
