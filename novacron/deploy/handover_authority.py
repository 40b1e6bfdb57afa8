"""What of the Authority (OpenZeppelin AccessManager) is not as the table of roles says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_abi.abi import encode
from eth_abi.grammar import parse

from novacron.chain.codec import selector_of, signature_of, types_of
from novacron.chain.errors import classify
from novacron.deploy.genesis import Genesis
from novacron.deploy.handover_history import ANEW
from novacron.deploy.handover_view import STRANGER, Finding, Section, View
from novacron.deploy.roles import TABLE
from novacron.deploy.rules import PUBLIC_ROLE, ROLES
from novacron.exceptions import RevertedError

_NAMES = {number: name for name, number in ROLES.items()} | {PUBLIC_ROLE: "PUBLIC"}


def role_name(number: int) -> str:
    """Name of a role, or its number."""
    return _NAMES.get(number, str(number))


def members(view: View) -> Section:
    """Who has which role: from the events, and by asking for every known account."""
    authority, now, findings = view.handle("Authority"), view.now(), []
    granted = [(log.args["roleId"], log.args["account"]) for log in view.events("Authority", "RoleGranted")]
    roles = sorted({role for role, _ in granted} | set(ROLES.values()))
    pairs = sorted({*granted, *((role, account) for role in roles for account in view.accounts())})
    expected, strange = _expected_members(view), _strange_grants(view)
    answers = authority.call_many([("getAccess", role, account) for role, account in pairs])
    for (role, account), (since, delay, pending, effect) in zip(pairs, answers, strict=True):
        name, wanted = role_name(role), expected.get(role, {})
        if since == 0:
            if wanted.get(account):
                findings.append(
                    Finding(
                        "Authority", name, account, f"{view.name_of(account)} does not have the role {name}",
                        f"Authority.grantRole({role}, {account}, 0) by an ADMIN",
                    )
                )  # fmt: skip
            elif (role, account) in strange:
                findings.append(
                    Finding("Authority", name, account, f"{view.name_of(account)} had the role {name} once", ANEW)
                )
        elif account not in wanted:
            when = f" from {since} s on" if since > now else ""
            how = f"Authority.revokeRole({role}, {account}) by a proposal"
            if account == view.deployer:
                how = f"the deployer calls Authority.renounceRole({role}, {account})"
            findings.append(
                Finding("Authority", name, account, f"{view.name_of(account)} has the role {name}{when}", how)
            )
        elif delay or pending or effect > now:
            findings.append(
                Finding(
                    "Authority", name, account,
                    f"{view.name_of(account)} has the role {name} with a delay of {delay} s, {pending} s to come",
                    f"Authority.grantRole({role}, {account}, 0) by an ADMIN",
                )
            )  # fmt: skip
    return Section("members of roles", len(pairs), tuple(findings))


def _strange_grants(view: View) -> set[tuple[int, str]]:
    """Roles and accounts that neither the plan nor a proposal has brought together; ADMIN not even by a proposal."""
    planned = {
        (ROLES["ADMIN"], view.deployer),
        (ROLES["ADMIN"], view.address("Timelock")),
        (ROLES["GUARDIAN"], view.address("GuardianSafe")),
        *(
            (role, account)
            for one in (view.recorded, view.genesis)
            for role, accounts in _named(one).items()
            for account in accounts
        ),
    }
    return {
        (log.args["roleId"], log.args["account"])
        for log in view.events("Authority", "RoleGranted")
        if log.args["roleId"] == ROLES["ADMIN"] or not view.governed(log)
    } - planned


def _expected_members(view: View) -> dict[int, dict[str, bool]]:
    """By role, who may have it, and whether they must."""
    timelock, deployer = view.address("Timelock"), view.deployer
    admins = {timelock: False, deployer: False} if view.before else {timelock: True}
    return {
        ROLES["ADMIN"]: admins,
        ROLES["GUARDIAN"]: {view.address("GuardianSafe"): True},
        **{role: dict.fromkeys(accounts, True) for role, accounts in _named(view.genesis).items()},
    }


def _named(genesis: Genesis) -> dict[int, tuple[str, ...]]:
    """By role, the accounts that a genesis names."""
    return {ROLES[name]: accounts for name, accounts in genesis.roles.items()}


def settings(view: View) -> Section:
    """Who administers and guards the roles, delays, and what is scheduled."""
    authority, now, findings = view.handle("Authority"), view.now(), []
    roles = set(ROLES.values())
    for event in ("RoleGranted", "RoleAdminChanged", "RoleGuardianChanged", "RoleGrantDelayChanged"):
        roles |= {log.args["roleId"] for log in view.events("Authority", event)}
    asked = [
        (view_name, setter, role)
        for role in sorted(roles - {PUBLIC_ROLE})
        for view_name, setter in (
            ("getRoleAdmin", "setRoleAdmin"),
            ("getRoleGuardian", "setRoleGuardian"),
            ("getRoleGrantDelay", "setGrantDelay"),
        )
    ]
    answers = authority.call_many([(name, role) for name, _, role in asked])
    for (name, setter, role), found in zip(asked, answers, strict=True):
        if found:
            what = f"{name} of {role_name(role)} is {found}, and should be 0"
            findings.append(Finding("Authority", role_name(role), "", what, f"Authority.{setter}({role}, 0)"))
    for event, subject, setter in (
        ("RoleGrantDelayChanged", "roleId", "setGrantDelay"),
        ("TargetAdminDelayUpdated", "target", "setTargetAdminDelay"),
    ):
        latest: dict[Any, tuple[int, int]] = {}
        for log in view.events("Authority", event):
            latest[log.args[subject]] = (log.args["delay"], log.args["since"])
        findings += [
            Finding(
                "Authority", str(key), "", f"the delay of {key} becomes {delay} s at {since} s",
                f"Authority.{setter}({key}, 0) by a proposal",
            )
            for key, (delay, since) in latest.items() if since > now and delay
        ]  # fmt: skip
    scheduled = {log.args["operationId"]: log for log in view.events("Authority", "OperationScheduled")}
    times = authority.call_many([("getSchedule", one) for one in scheduled]) if scheduled else []
    for (one, log), at in zip(scheduled.items(), times, strict=True):
        if at:
            caller, target = log.args["caller"], log.args["target"]
            what = f"{view.name_of(caller)} has scheduled a call of {view.name_of(target)} (operation 0x{one.hex()})"
            mend = f"Authority.cancel({caller}, {target}, 0x{log.args['data'].hex()}) by a proposal"
            findings.append(Finding("Authority", "scheduled call", caller, what, mend))
    return Section("settings of roles", len(asked) + len(scheduled), tuple(findings))


def functions(view: View) -> Section:
    """Which role each function asks for, and whether contracts are closed, delayed or under another authority."""
    authority, findings = view.handle("Authority"), []
    names = {view.address(name): name for name in view.instances}
    wanted = {
        (view.address(name), selector): role for name in view.instances for selector, role in _roles_of(view, name)
    }
    labels = {selector_of(item): signature_of(item) for name in view.instances for item in _functions(view, name)}
    touched = [
        (log.args["target"], log.args["selector"]) for log in view.events("Authority", "TargetFunctionRoleUpdated")
    ]
    pairs = sorted({*wanted, *touched})
    answers = authority.call_many([("getTargetFunctionRole", target, selector) for target, selector in pairs])
    for (target, selector), found in zip(pairs, answers, strict=True):
        expected = wanted.get((target, selector), ROLES["ADMIN"])
        if found != expected:
            contract, function = names.get(target, target), labels.get(selector, f"0x{selector.hex()}")
            findings.append(
                Finding(
                    contract, role_name(found), "",
                    f"{function} asks for the role {role_name(found)}, in the table it is {role_name(expected)}",
                    f"Authority.setTargetFunctionRole({target}, [0x{selector.hex()}], {expected}) by a proposal",
                )
            )  # fmt: skip
    other = [log for event in ("TargetClosed", "TargetAdminDelayUpdated") for log in view.events("Authority", event)]
    targets = sorted({*names, *(log.args["target"] for log in other)})
    closed = authority.call_many([("isTargetClosed", target) for target in targets])
    delays = authority.call_many([("getTargetAdminDelay", target) for target in targets])
    for target, is_closed, delay in zip(targets, closed, delays, strict=True):
        contract = names.get(target, target)
        if is_closed:
            mend = f"Authority.setTargetClosed({target}, false) by a proposal"
            findings.append(Finding(contract, "closed", "", "the Authority has closed its restricted functions", mend))
        if delay:
            mend = f"Authority.setTargetAdminDelay({target}, 0) by a proposal"
            findings.append(Finding(contract, "admin delay", "", f"changes of it take {delay} s longer", mend))
    return Section("roles of functions", len(pairs) + 2 * len(targets), tuple(findings))


def authorities(view: View) -> Section:
    """Every managed contract is under this Authority, and refuses a stranger exactly where the table says so."""
    ours, findings, checked = view.address("Authority"), [], 0
    for name in managed(view):
        if name.endswith("Implementation"):
            continue  # a locked implementation has no authority; `locked` looks at it
        found = view.handle(name).call("authority")
        if found != ours:
            mend = f"the authority {found} calls setAuthority({ours}) at {view.address(name)}"
            findings.append(Finding(name, "authority", found, f"its authority is {view.name_of(found)}", mend))
            continue
        for log in list(view.events(name, "AuthorityUpdated"))[1:]:  # the first is the constructor's
            if not view.governed(log):
                what = f"its authority was set to {view.name_of(log.args['authority'])}, and not by a proposal"
                findings.append(Finding(name, "authority", log.args["authority"], what, ANEW))
        tried = _refusals(view, name)
        checked += 1 + len(tried)
        for signature, refused in tried.items():
            rule = TABLE.get(name, {}).get(signature)
            restricted = rule is not None and rule.who.refused_by_authority
            if refused != restricted:
                listed = "not listed" if rule is None else rule.who.value
                what = f"{signature} {'refuses' if refused else 'admits'} a stranger, in the table it is {listed}"
                mend = "correct the table in novacron/deploy/roles.py, or deploy the code that it describes"
                findings.append(Finding(name, "restriction", "", what, mend))
    return Section("authorities and restrictions", checked, tuple(findings))


def managed(view: View) -> list[str]:
    """Instances whose restricted functions ask the Authority."""
    return [name for name in view.instances if view.has(name, "authority") and view.has(name, "setAuthority")]


def _functions(view: View, name: str) -> list[Mapping[str, Any]]:
    return [item for item in view.abi(name) if item.get("type") == "function"]


def _roles_of(view: View, name: str) -> list[tuple[bytes, int]]:
    """Selector and the role that it must have at the Authority, of every function of an instance."""
    rules = {} if name.endswith("Implementation") else TABLE.get(name, {})
    found = []
    for item in _functions(view, name):
        rule = rules.get(signature_of(item))
        role = rule.who.role if rule is not None and view.has(name, "authority") else None
        found.append((selector_of(item), ROLES[role or "ADMIN"]))
    return found


def _refusals(view: View, name: str) -> dict[str, bool]:
    """For each state-changing function, whether the Authority's refusal is what a stranger's call ends in."""
    items = [item for item in _functions(view, name) if item["stateMutability"] not in ("view", "pure")]
    calls = [
        ("eth_call", [{"from": STRANGER, "to": view.address(name), "data": "0x" + _zero_call(item).hex()}, "latest"])
        for item in items
    ]
    answers = view.pool.batch_exchange(calls)
    handle, refused = view.handle(name), {}
    for item, answer in zip(items, answers, strict=True):
        error = classify(answer["error"], decoder=handle.errors) if "error" in answer else None
        if error is not None and not isinstance(error, RevertedError):
            raise error
        refused[signature_of(item)] = error is not None and error.name == "AccessManagedUnauthorized"
    return refused


def _zero_call(item: Mapping[str, Any]) -> bytes:
    types = types_of(item.get("inputs", []))
    return selector_of(item) + encode(types, [zero_of(kind) for kind in types])


def zero_of(kind: str) -> Any:
    """The zero of an ABI type."""
    if kind.endswith("]"):
        count = kind[kind.rindex("[") + 1 : -1]
        return [zero_of(kind[: kind.rindex("[")])] * int(count or 0)
    if kind.startswith("("):
        return tuple(zero_of(part.to_type_str()) for part in parse(kind).components)
    if kind == "address":
        return "0x" + "00" * 20
    if kind == "bool":
        return False
    if kind == "string":
        return ""
    return bytes(int(kind[5:] or 0)) if kind.startswith("bytes") else 0
