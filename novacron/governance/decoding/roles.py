"""Roles and ownerships that changed hands, read from the events of OpenZeppelin's contracts and of Safe."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from novacron.chain.codec import abi_names, load_abi, selector_of, signature_of
from novacron.governance.expectations.expectation import AUTHORITY_ROLES
from novacron.governance.model import EventRecord, RoleChange, Write
from novacron.governance.suite import NOBODY

#: AccessManager's role that everybody has.
_PUBLIC = (1 << 64) - 1
#: Roles that OpenZeppelin's contracts define, besides those of the package's ABIs.
_OPENZEPPELIN = ("PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE")


@dataclass(frozen=True)
class RoleNames:
    """What roles and functions are called.

    Attributes:
        numbers: AccessManager's roles; `names`: AccessControl's, by hash; `functions`: signatures by selector.
    """

    numbers: Mapping[int, str]
    names: Mapping[bytes, str]
    functions: Mapping[bytes, str]

    @classmethod
    def of_package(cls) -> RoleNames:
        """Those that the package's ABIs and the roles table give."""
        return _package_names()

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Every known AccessControl role."""
        return tuple(self.names)

    def number(self, role: Any) -> str:
        """An AccessManager role."""
        return self.numbers.get(role, str(role))

    def digest(self, role: Any) -> str:
        """An AccessControl role, given as 0x-hexadecimal text."""
        return self.names.get(bytes.fromhex(str(role)[2:]), str(role))

    def of_key(self, kind: str, raw: bytes, path: str) -> str | None:
        """Name of a mapping's key where a role or a function is the key; None elsewhere."""
        if path == "_roles" and kind == "uint64":
            return self.numbers.get(int.from_bytes(raw, "big"))
        if path.endswith("_roles") and kind == "bytes32":
            return self.names.get(raw)
        if path.endswith(".allowedRoles") and kind == "bytes4":
            return self.functions.get(raw[:4])
        return None


@functools.cache
def _package_names() -> RoleNames:
    functions: dict[bytes, str] = {}
    names = set(_OPENZEPPELIN)
    for contract in abi_names():
        for item in load_abi(contract):
            if item.get("type") != "function":
                continue
            functions[selector_of(item)] = signature_of(item)
            kinds = [output["type"] for output in item.get("outputs", [])]
            if item["name"].endswith("_ROLE") and kinds == ["bytes32"] and not item.get("inputs"):
                names.add(item["name"])
    hashes = {keccak(text=name): name for name in sorted(names - {"DEFAULT_ADMIN_ROLE"})}
    numbers = {number: label for label, number in AUTHORITY_ROLES.items()}
    return RoleNames({**numbers, _PUBLIC: "PUBLIC"}, {bytes(32): "DEFAULT_ADMIN_ROLE", **hashes}, functions)


# --------------------------------------------------------------------------------------------------------------------
# From events to changes
# --------------------------------------------------------------------------------------------------------------------


def role_changes(events: Iterable[EventRecord], writes: Sequence[Write], names: RoleNames) -> list[RoleChange]:
    """Every role or ownership that the events tell of, in their order.

    Args:
        writes: of the same transaction, for what an event does not say: who had it before.
    """
    found: list[RoleChange] = []
    for event in events:
        read = _READERS.get(event.event)
        if read is not None:
            before = {write.path: write.before for write in writes if write.address == event.address}
            found += read(_Happening(event.contract, event.event, dict(event.arguments), before, names))
    return [change for change in found if change.account != NOBODY]


@dataclass(frozen=True)
class _Happening:
    """An event, and what the contract's variables were before."""

    contract: str
    event: str
    given: Mapping[str, Any]
    before: Mapping[str, Any]
    names: RoleNames

    def change(self, role: str, account: Any, *, granted: bool) -> RoleChange:
        return RoleChange(self.contract, role, str(account), "granted" if granted else "revoked")

    def handed(self, role: str, previous: Any, now: Any) -> list[RoleChange]:
        """`previous` lost it to `now`; None when nobody knows who had it."""
        gained = self.change(role, now, granted=True)
        if previous is None or previous == now:
            return [gained]
        return [self.change(role, previous, granted=False), gained]


Reader = Callable[[_Happening], list[RoleChange]]


def _role(happened: _Happening) -> list[RoleChange]:
    """AccessManager's and AccessControl's RoleGranted and RoleRevoked."""
    given, names = happened.given, happened.names
    role = names.number(given["roleId"]) if "roleId" in given else names.digest(given.get("role", "0x"))
    return [happened.change(role, given["account"], granted=happened.event == "RoleGranted")]


def _handed(role: str, old: str | None, new: str) -> Reader:
    """A holder that is followed by another; `old` names the argument, or is None and the storage knows."""

    def read(happened: _Happening) -> list[RoleChange]:
        if old is not None:
            previous = happened.given[old]
        else:
            places = (path for path in happened.before if path.split(".")[-1].lstrip("_") == role)
            previous = next((happened.before[path] for path in places), None)
        return happened.handed(role, previous, happened.given[new])

    return read


def _member(role: str, *, granted: bool) -> Reader:
    """A membership that the event gives or takes; its argument has the role's name."""
    return lambda happened: [happened.change(role, happened.given[role], granted=granted)]


def _function_role(happened: _Happening) -> list[RoleChange]:
    """AccessManager: which role may call a function."""
    given, names = happened.given, happened.names
    selector = str(given["selector"])
    function = names.functions.get(bytes.fromhex(selector[2:]), selector)
    keys = (f"_targets[{given['target']}].allowedRoles[{key}]" for key in (function, selector))
    previous = next((names.number(happened.before[key]) for key in keys if key in happened.before), None)
    return happened.handed(f"{given['target']}.{function}", previous, names.number(given["roleId"]))


def _over_role(what: str) -> Reader:
    """AccessManager: which role administers or guards another."""

    def read(happened: _Happening) -> list[RoleChange]:
        names = happened.names
        governed = names.number(happened.given["roleId"])
        previous = happened.before.get(f"_roles[{governed}].{what}")
        known = None if previous is None else names.number(previous)
        return happened.handed(f"{what} of {governed}", known, names.number(happened.given[what]))

    return read


def _admin_of_role(happened: _Happening) -> list[RoleChange]:
    """RoleAdminChanged of AccessManager, or of AccessControl, which says what was before."""
    given, names = happened.given, happened.names
    if "roleId" in given:
        return _over_role("admin")(happened)
    role = f"admin of {names.digest(given['role'])}"
    return happened.handed(role, names.digest(given["previousAdminRole"]), names.digest(given["newAdminRole"]))


def _pending_owner(happened: _Happening) -> list[RoleChange]:
    return [happened.change("pendingOwner", happened.given["newOwner"], granted=True)]


_READERS: dict[str, Reader] = {
    "RoleGranted": _role,
    "RoleRevoked": _role,
    "RoleAdminChanged": _admin_of_role,
    "RoleGuardianChanged": _over_role("guardian"),
    "TargetFunctionRoleUpdated": _function_role,
    "AuthorityUpdated": _handed("authority", None, "authority"),
    "OwnershipTransferred": _handed("owner", "previousOwner", "newOwner"),
    "OwnershipTransferStarted": _pending_owner,
    "ProposalGuardianSet": _handed("proposalGuardian", "oldProposalGuardian", "newProposalGuardian"),
    "TimelockChange": _handed("timelock", "oldTimelock", "newTimelock"),
    "Upgraded": _handed("implementation", None, "implementation"),
    "AdminChanged": _handed("admin", "previousAdmin", "newAdmin"),
    "BeaconUpgraded": _handed("beacon", None, "beacon"),
    # Safe (OwnerManager, ModuleManager, GuardManager, FallbackManager)
    "AddedOwner": _member("owner", granted=True),
    "RemovedOwner": _member("owner", granted=False),
    "EnabledModule": _member("module", granted=True),
    "DisabledModule": _member("module", granted=False),
    "ChangedGuard": _handed("guard", None, "guard"),
    "ChangedModuleGuard": _handed("moduleGuard", None, "moduleGuard"),
    "ChangedFallbackHandler": _handed("fallbackHandler", None, "handler"),
}
