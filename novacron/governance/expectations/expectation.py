"""The words that `expects(dao)` is written in, and the single facts that each of them stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, Literal

from eth_utils.crypto import keccak

from novacron.chain.codec import AbiItem
from novacron.deploy.rules import ROLES
from novacron.exceptions import ConfigurationError, ProposalError, UnknownContractError
from novacron.governance.expectations.facts import (
    ETH,
    Account,
    CreatedPart,
    EventPart,
    Part,
    RolePart,
    TransferPart,
    WritePart,
    code_of,
    label_of,
    named_keys,
    value_of,
)
from novacron.governance.suite import NOBODY, Suite

#: Roles of the `Authority` by the labels that people use; any other is given by its number.
AUTHORITY_ROLES = ROLES


# --------------------------------------------------------------------------------------------------------------------
# Expectations
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expectation:
    """A line of `expects(dao)`; made by the functions below."""

    word: str
    arguments: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        given = [code_of(argument) for argument in self.arguments]
        given += [f"{name}={code_of(value)}" for name, value in self.keywords]
        return f"{self.word}({', '.join(given)})"

    def parts(self, dao: Suite) -> tuple[Part, ...]:
        """The single facts it stands for, with the suite's names.

        Raises:
            ProposalError: unknown contract, event, argument or role; suggests what is meant.
        """
        parts: tuple[Part, ...] = _PARTS[self.word](dao, *self.arguments, **dict(self.keywords))
        return parts


def change(variable: str, *, by: int | None = None, to: Any = None, before: Any = None) -> Expectation:
    """A storage variable changes.

    Args:
        variable: `Contract.path` as the report names it, `*` for any text: `CPU._balances[Timelock]`,
            `QuadraticVotes._votes[*`. The contract's name is always written out.
        by: exact difference; several of one variable add up.
        to, before: exact value afterwards and before.

    Raises:
        ProposalError: `by` is no integer, or given together with `to`.
    """
    if by is not None and (isinstance(by, bool) or not isinstance(by, int) or by == 0):
        raise ProposalError(f"change({variable!r}): by={by!r} is no difference; give a non-zero integer")
    if by is not None and to is not None:
        raise ProposalError(f"change({variable!r}): give by= or to=, not both")
    given = (("by", by), ("to", to), ("before", before))
    return Expectation("change", (variable,), tuple(pair for pair in given if pair[1] is not None))


def event(name: str, /, **arguments: Any) -> Expectation:
    """One event, as `event("CPU.Transfer", to="Timelock", value=5)`; what is not given may be anything.

    Args:
        name: `Contract.Event`.
        arguments: by the ABI's names; `from_` for one named `from`, which Python keeps to itself.
    """
    return Expectation("event", (name,), tuple(arguments.items()))


def transfer(token: Account, source: Account, to: Account, amount: int, *, balances: bool = True) -> Expectation:
    """Tokens move: the Transfer event, and the balances and the supply changed by exactly this amount.

    Args:
        token: instance name or address; its balances are `_balances` and its supply `_totalSupply` (OpenZeppelin).
        source, to: `NOBODY` for a mint or a burn.
        amount: base units.
        balances: False for a token that keeps its balances otherwise: then only the event is explained, and each
            changed variable needs a `change`.

    Raises:
        ProposalError: the amount is no positive integer.
    """
    words = (token, source, to, _amount("transfer", amount))
    return Expectation("transfer", words, () if balances else (("balances", False),))


def mint(token: Account, to: Account, amount: int) -> Expectation:
    """New tokens: `transfer(token, NOBODY, to, amount)`."""
    return transfer(token, NOBODY, to, amount)


def ether(source: Account, to: Account, wei: int) -> Expectation:
    """ETH moves.

    Raises:
        ProposalError: the amount is no positive integer.
    """
    return Expectation("ether", (source, to, _amount("ether", wei)))


def grant(role: str | int, account: Account, *, at: str = "Authority") -> Expectation:
    """An account that lacked a role gets it: the event, its membership, nothing else.

    Args:
        role: label or number at an AccessManager (`GUARDIAN`), name or hash at an AccessControl (`PROPOSER_ROLE`).
        at: the contract that keeps the role.
    """
    return Expectation("grant", (role, account), () if at == "Authority" else (("at", at),))


def revoke(role: str | int, account: Account, *, at: str = "Authority") -> Expectation:
    """An account that had a role loses it; arguments as `grant`."""
    return Expectation("revoke", (role, account), () if at == "Authority" else (("at", at),))


def role_change(contract: str, role: str, account: Account, change: Literal["granted", "revoked"]) -> Expectation:
    """A line of the report's table of roles and ownerships alone, without the writes and events behind it."""
    if change not in ("granted", "revoked"):
        raise ProposalError(f"role_change: {change!r} is neither 'granted' nor 'revoked'")
    return Expectation("role_change", (contract, role, account, change))


def proposal_guardian(account: Account, *, at: str = "Governance") -> Expectation:
    """The account that may cancel proposals becomes this one; `NOBODY` for none any more."""
    return Expectation("proposal_guardian", (account,), () if at == "Governance" else (("at", at),))


def ownership(contract: Account, account: Account) -> Expectation:
    """An Ownable or Ownable2Step contract's owner becomes this account."""
    return Expectation("ownership", (contract, account))


def upgrade(proxy: Account, implementation: Account) -> Expectation:
    """An ERC-1967 proxy runs another implementation; what an initialiser does besides is not included."""
    return Expectation("upgrade", (proxy, implementation))


def deploys(address: Account | None = None) -> Expectation:
    """One new contract, at this address where it is given."""
    return Expectation("deploys", () if address is None else (address,))


def unknown_code(address: Account, codehash: str) -> Expectation:
    """A contract that is neither in the manifest nor of this source tree is called, created or trusted: accepted so.

    Args:
        address: where.
        codehash: Keccak-256 of its code (EXTCODEHASH), 0x and 64 hexadecimal digits; any other code is an error again.

    Raises:
        ProposalError: no hash.
    """
    if not isinstance(codehash, str) or re.fullmatch(r"0x[0-9a-fA-F]{64}", codehash) is None:
        raise ProposalError(f"unknown_code: {codehash!r} is no code hash; give 0x and 64 hexadecimal digits")
    return Expectation("unknown_code", (address, codehash.lower()))


def accepted_code(expectations: Sequence[Expectation], dao: Suite) -> dict[str, str]:
    """Code hashes that an author has accepted, by checksum address."""
    said = [item.arguments for item in expectations if item.word == "unknown_code"]
    return {dao.resolve(address): str(codehash) for address, codehash in said}


# --------------------------------------------------------------------------------------------------------------------
# What they stand for
# --------------------------------------------------------------------------------------------------------------------


def _change(
    dao: Suite, variable: str, *, by: int | None = None, to: Any = None, before: Any = None
) -> tuple[Part, ...]:
    contract, dot, path = variable.partition(".")
    if not dot or not path or "*" in contract:
        raise ProposalError(f'change({variable!r}): write "Contract.variable", the contract without *')
    name = f"{_contract(dao, contract)}.{named_keys(dao, path)}"
    return (WritePart((name,), by, value_of(dao, to), value_of(dao, before)),)


def _event(dao: Suite, name: str, /, **arguments: Any) -> tuple[Part, ...]:
    contract, dot, label = name.partition(".")
    if not dot:
        raise ProposalError(f'event({name!r}): write "Contract.Event"')
    contract = _contract(dao, contract)
    given = {key[:-1] if iskeyword(key[:-1]) else key: value for key, value in arguments.items()}
    if label and _abi(dao, contract):
        events = [item for item in _abi(dao, contract) if item.get("type") == "event"]
        fitting = [item for item in events if item["name"] == label.split("(")[0]]
        if not fitting:
            known = ", ".join(sorted({str(item["name"]) for item in events})) or "none"
            raise ProposalError(f"event({name!r}): {contract} has no such event; it has {known}")
        inputs = {str(parameter["name"]) for item in fitting for parameter in item["inputs"]}
        unknown = [key for key in given if key not in inputs]
        if unknown:
            raise ProposalError(f"event({name!r}) has no argument {unknown[0]!r}; it has {', '.join(sorted(inputs))}")
    return (EventPart(f"{contract}.{label}", tuple((key, value_of(dao, value)) for key, value in given.items())),)


def _transfer(
    dao: Suite, token: Account, source: Account, to: Account, amount: int, *, balances: bool = True
) -> tuple[Part, ...]:
    if str(token).upper() in ("ETH", "ETHER"):
        raise ProposalError(f"transfer({token!r}, …): ETH is no token here; write ether(source, to, wei)")
    name, origin, target = _contract(dao, token), label_of(dao, source), label_of(dao, to)
    if origin == target == NOBODY:
        raise ProposalError("transfer: from nobody to nobody; one of them is an account")
    facts: list[Part] = [
        TransferPart(name, origin, target, amount),
        EventPart(f"{name}.Transfer", (("from", origin), ("to", target), ("value", amount))),
    ]
    for account, sign in ((origin, -1), (target, 1)) if balances else ():
        # What nobody has is the supply: it grows when nobody sends, and shrinks when nobody receives.
        supply = account == NOBODY
        variable = f"{name}._totalSupply" if supply else f"{name}._balances[{account}]"
        facts.append(WritePart((variable,), by=(-sign if supply else sign) * amount))
    return tuple(facts)


def _ether(dao: Suite, source: Account, to: Account, wei: int) -> tuple[Part, ...]:
    return (TransferPart(ETH, label_of(dao, source), label_of(dao, to), wei),)


def _grant(dao: Suite, role: str | int, account: Account, *, at: str = "Authority") -> tuple[Part, ...]:
    return _membership(dao, role, account, at, granted=True)


def _revoke(dao: Suite, role: str | int, account: Account, *, at: str = "Authority") -> tuple[Part, ...]:
    return _membership(dao, role, account, at, granted=False)


def _membership(dao: Suite, role: str | int, account: Account, at: str, *, granted: bool) -> tuple[Part, ...]:
    who, where = label_of(dao, account), _contract(dao, at)
    signatures = {item["name"]: len(item["inputs"]) for item in _abi(dao, where) if item["type"] == "function"}
    word: Literal["granted", "revoked"] = "granted" if granted else "revoked"
    happened = "RoleGranted" if granted else "RoleRevoked"
    if signatures.get("grantRole") == 3:  # AccessManager: role numbers, members with a time since when and a delay
        number = AUTHORITY_ROLES.get(role, -1) if isinstance(role, str) else role
        if isinstance(number, bool) or not 0 <= number < 2**64:
            raise ProposalError(f"{role!r} is no role of {at}; give {', '.join(AUTHORITY_ROLES)} or a number")
        label = next((name for name, value in AUTHORITY_ROLES.items() if value == number), str(number))
        members = tuple(f"{where}._roles[{key}].members[{who}]" for key in (number, label))
        since = tuple(f"{member}.since" for member in members)
        return (
            RolePart(where, label, who, word),
            EventPart(f"{where}.{happened}", (("roleId", number), ("account", who))),
            WritePart(since, before=0) if granted else WritePart(since, to=0),
            *(() if granted else (WritePart(tuple(f"{member}.delay.*" for member in members), to=0, optional=True),)),
        )
    if signatures.get("grantRole") != 2:
        raise ProposalError(f"{at} keeps no roles; give at= an AccessManager or an AccessControl")
    if isinstance(role, int):
        raise ProposalError(f"{role!r} is no role of {at}; give its name, such as PROPOSER_ROLE, or its hash")
    digest = role.lower() if re.fullmatch(r"0x[0-9a-fA-F]{64}", role) else "0x" + _role_hash(role).hex()
    return (
        RolePart(where, role, who, word),
        EventPart(f"{where}.{happened}", (("role", digest), ("account", who))),
        WritePart(tuple(f"{where}._roles[{key}].hasRole[{who}]" for key in (digest, role)), to=granted),
    )


def _role_change(
    dao: Suite, contract: str, role: str, account: Account, change: Literal["granted", "revoked"]
) -> tuple[Part, ...]:
    # The holder of a function at an AccessManager is a role: any word may stand for one.
    return (RolePart(_contract(dao, contract), role, str(value_of(dao, account)), change),)


def _proposal_guardian(dao: Suite, account: Account, *, at: str = "Governance") -> tuple[Part, ...]:
    return _holder(
        _contract(dao, at), "proposalGuardian", label_of(dao, account), "ProposalGuardianSet", "newProposalGuardian"
    )


def _ownership(dao: Suite, contract: Account, account: Account) -> tuple[Part, ...]:
    where = _contract(dao, contract)
    parts = _holder(where, "owner", label_of(dao, account), "OwnershipTransferred", "newOwner")
    return (*parts, WritePart((f"{where}._pendingOwner",), to=NOBODY, optional=True))


def _holder(where: str, role: str, who: str, happened: str, argument: str) -> tuple[Part, ...]:
    """An address variable `_<role>` gets another holder."""
    return (
        RolePart(where, role, who, "granted", optional=who == NOBODY),
        RolePart(where, role, None, "revoked", optional=True),
        EventPart(f"{where}.{happened}", ((argument, who),)),
        WritePart((f"{where}._{role}",), to=who),
    )


def _upgrade(dao: Suite, proxy: Account, implementation: Account) -> tuple[Part, ...]:
    where, what = _contract(dao, proxy), label_of(dao, implementation)
    return (
        RolePart(where, "implementation", what, "granted"),
        RolePart(where, "implementation", None, "revoked", optional=True),
        EventPart(f"{where}.Upgraded", (("implementation", what),)),
        WritePart((f"{where}.erc1967.implementation",), to=what),
    )


def _deploys(dao: Suite, address: Account | None = None) -> tuple[Part, ...]:
    return (CreatedPart(None if address is None else dao.resolve(address)),)


def _unknown_code(dao: Suite, address: Account, _codehash: str) -> tuple[Part, ...]:
    dao.resolve(address)
    return ()  # no effect: the code check reads it


_PARTS: dict[str, Any] = {
    "change": _change,
    "event": _event,
    "transfer": _transfer,
    "ether": _ether,
    "grant": _grant,
    "revoke": _revoke,
    "role_change": _role_change,
    "proposal_guardian": _proposal_guardian,
    "ownership": _ownership,
    "upgrade": _upgrade,
    "deploys": _deploys,
    "unknown_code": _unknown_code,
}


def _contract(dao: Suite, name: Account) -> str:
    return dao.name_of(dao.resolve(name))


def _role_hash(role: str) -> bytes:
    return bytes(32) if role == "DEFAULT_ADMIN_ROLE" else keccak(text=role)


def _amount(word: str, amount: Any) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0:
        raise ProposalError(f"{word}: {amount!r} is no amount; give a positive integer of base units, as 5 * 10**18")
    return amount


def _abi(dao: Suite, name: str) -> Sequence[AbiItem]:
    """What a contract offers; nothing for one outside the suite or without an ABI."""
    try:
        return dao.contract(name).abi
    except (UnknownContractError, ConfigurationError):
        return ()
