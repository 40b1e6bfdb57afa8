"""What a Safe's transaction calls, in words made of nothing but what its owners sign.

A file's own title is signed by nobody and says whatever its writer liked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.exceptions import SafeError
from novacron.governance import units
from novacron.governance.authoring import parse_description
from novacron.governance.contract_proxy import NamedAddress
from novacron.governance.lifecycle.safe import SafeTransaction
from novacron.governance.model import Action, proposal_id
from novacron.governance.onchain import GovernorReader, short_id

_LISTS = ("targets", "values", "calldatas")
_STEPS: dict[str, Literal["queue", "execute"]] = {"queue": "queue", "execute": "execute"}


@dataclass(frozen=True)
class SafeCall:
    """A Safe's transaction, decoded.

    Attributes:
        action: the call.
        title: function and, for a call of the Governor, the proposal's title as the call or the chain has it.
        step: which step of a proposal's life it takes, for those that need a fresh simulation.
        proposal: id of the proposal that it is about.
        inner: what that proposal calls, where the call itself holds it.
    """

    action: Action
    title: str
    step: Literal["queue", "execute"] | None = None
    proposal: int | None = None
    inner: tuple[Action, ...] = ()


def safe_call(reader: GovernorReader, transaction: SafeTransaction) -> SafeCall:
    """Decode a Safe's transaction.

    Raises:
        SafeError: it calls the Governor in a way that cannot be read, and so cannot be checked.
        ChainError: the chain does not answer.
    """
    dao = reader.dao
    action = dao.decode_action(transaction.to, transaction.value, transaction.data)
    if action.target != reader.governor.address:
        return SafeCall(action, function_words(action))
    if not action.signature:
        raise SafeError(
            f"this call of the Governor cannot be decoded (0x{transaction.data[:4].hex()}…), so nobody can see what it "
            "would do; do not sign it"
        )
    arguments = dict(action.arguments)
    name = action.signature.partition("(")[0]
    number: int | None = arguments.get("proposalId")
    inner: tuple[Action, ...] = ()
    if all(part in arguments for part in _LISTS):
        calls = [list(arguments[part]) for part in _LISTS]
        inner = tuple(dao.decode_action(*call) for call in zip(*calls, strict=False))
        if "descriptionHash" in arguments:
            number = _id([str(one) for one in calls[0]], calls[1], calls[2], arguments["descriptionHash"])
        elif "description" in arguments:
            number = proposal_id([str(one) for one in calls[0]], calls[1], calls[2], arguments["description"])
    title = function_words(action)
    if "description" in arguments:
        title += f": {parse_description(arguments['description']).title}"
    elif number is not None:
        found = reader.find(number)
        title += f": {'unknown proposal ' + short_id(number) if found is None else found.title}"
    return SafeCall(action, title, _STEPS.get(name), number, inner)


def function_words(action: Action) -> str:
    """`Governance.queue`, or what is known of a call that cannot be decoded."""
    target = action.contract or action.target
    if action.signature:
        return f"{target}.{action.signature.partition('(')[0]}"
    if action.calldata:
        return f"unknown function 0x{action.calldata[:4].hex()} of {target}"
    return f"ETH to {target}"


def argument_words(contract: str, name: str, value: Any) -> str:
    """An argument as a person reads it: addresses with their names, numbers with what they count."""
    if isinstance(value, NamedAddress):
        return f"{value.name} ({value!s})"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(argument_words(contract, name, item) for item in value) + "]"
    said = units.describe(contract, name, value)
    return f"{value} ({said})" if said else str(value)


def _id(targets: list[str], values: list[int], calldatas: list[bytes], description_hash: bytes) -> int:
    types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
    return int.from_bytes(keccak(encode(types, [targets, values, calldatas, description_hash])), "big")
