"""Permits of the resource tokens (ERC-2612): an allowance signed off line, so that paying takes one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from novacron.chain.contracts import ContractHandle
from novacron.chain.typed_data import TypedData, typed_data_signer
from novacron.exceptions import ConfigurationError
from novacron.market.deployment import Account

_MEMBERS = (
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
)
_DOMAIN = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))


@dataclass(frozen=True)
class Permit:
    """The signature's parts, in the order in which contracts take them."""

    v: int
    r: bytes
    s: bytes


def can_permit(account: Account) -> bool:
    """Whether the account's key signs messages."""
    try:
        typed_data_signer(account.manager.signer)
    except ConfigurationError:
        return False
    return True


def permit_document(
    token: ContractHandle, chain_id: int, owner: str, spender: str, amount: int, deadline: int
) -> TypedData:
    """The typed data of a permit with the owner's present nonce (ERC-2612, EIP-712)."""
    domain, nonce = token.call_many([("eip712Domain",), ("nonces", owner)])
    return {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN],
            "Permit": [{"name": name, "type": kind} for name, kind in _MEMBERS],
        },
        "primaryType": "Permit",
        "domain": {
            "name": domain[1],
            "version": domain[2],
            "chainId": chain_id,
            "verifyingContract": token.address,
        },
        "message": {"owner": owner, "spender": spender, "value": amount, "nonce": nonce, "deadline": deadline},
    }


def sign_permit(account: Account, token: ContractHandle, spender: str, amount: int, deadline: int) -> Permit:
    """Sign that `spender` may take `amount` base units until `deadline`.

    Raises:
        ConfigurationError: this kind of account signs transactions only; approve instead.
    """
    signer = typed_data_signer(account.manager.signer)
    chain_id = account.deployment.pool.chain_id()
    document = permit_document(token, chain_id, account.address, spender, amount, deadline)
    signature = signer.sign_typed_data(document)
    return Permit(signature[64], signature[:32], signature[32:64])
