"""What of the timelock, the governor, the guardian Safe and the proxies is not as it was planned."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.codec import selector_of, signature_of, types_of
from novacron.chain.errors import classify
from novacron.deploy.genesis import THRESHOLD
from novacron.deploy.handover_authority import zero_of
from novacron.deploy.handover_history import former_quotas, implementations, operations
from novacron.deploy.handover_view import STRANGER, Finding, Section, View
from novacron.deploy.plan import Instance, SafeAccount
from novacron.deploy.roles import OWNERS, TIMELOCK_ROLES, role_id
from novacron.deploy.safe import ZERO, read_safe, safe_findings
from novacron.exceptions import RevertedError

#: Storage of proxies (ERC-1967): keccak256("eip1967.proxy.implementation") - 1, and likewise.
_PROXY_SLOTS = {
    what: int.from_bytes(keccak(text=f"eip1967.proxy.{what}"), "big") - 1
    for what in ("implementation", "admin", "beacon")
}
#: Where OpenZeppelin keeps the version a contract is initialised to: ERC-7201, `openzeppelin.storage.Initializable`.
_NAMESPACE = int.from_bytes(keccak(text="openzeppelin.storage.Initializable"), "big") - 1
_INITIALIZED = int.from_bytes(keccak(_NAMESPACE.to_bytes(32, "big")), "big") & ~0xFF
_LOCKED = 2**64 - 1
#: Links that a proposal may change: the event that says so, and its argument.
_SETTABLE = {
    ("HostRegistry", "lifecycle"): ("LifecycleSet", "lifecycle"),
    ("HostRegistry", "staking"): ("StakingSet", "staking"),
    ("SLA", "defaultArbitrator"): ("DefaultArbitratorSet", "arbitrator"),
}
#: Bounds of the timelock's delay, seconds.
_DELAYS = (24 * 3600, 48 * 3600)


def timelock(view: View) -> Section:
    """Who may schedule, cancel, execute and administer, and what is scheduled that no proposal has queued."""
    contract, findings = view.handle("Timelock"), []
    names = {role_id(name): name for name in TIMELOCK_ROLES}
    granted = [(log.args["role"], log.args["account"]) for log in view.events("Timelock", "RoleGranted")]
    roles = sorted({role for role, _ in granted} | names.keys())
    pairs = sorted({*granted, *((role, account) for role in roles for account in [ZERO, *view.accounts()])})
    answers = contract.call_many([("hasRole", role, account) for role, account in pairs])
    for (role, account), has in zip(pairs, answers, strict=True):
        name = names.get(role, f"0x{role.hex()}")
        wanted = account == view.address(TIMELOCK_ROLES[name]) if name in TIMELOCK_ROLES else False
        if view.before and name == "DEFAULT_ADMIN_ROLE" and account == view.deployer:
            continue
        if has and not wanted:
            who = "everybody (the zero address)" if account == ZERO else view.name_of(account)
            how = f"Timelock.revokeRole(0x{role.hex()}, {account}) by a proposal"
            if account == view.deployer:
                how = f"the deployer calls Timelock.renounceRole(0x{role.hex()}, {account})"
            findings.append(Finding("Timelock", name, account, f"{who} has {name}", how))
        elif wanted and not has:
            how = f"Timelock.grantRole(0x{role.hex()}, {account}) by its administrator"
            findings.append(Finding("Timelock", name, account, f"{view.name_of(account)} does not have {name}", how))
    for role, admin in zip(roles, contract.call_many([("getRoleAdmin", role) for role in roles]), strict=True):
        if admin != bytes(32):
            name = names.get(role, f"0x{role.hex()}")
            what = f"{name} is administered by the role 0x{admin.hex()}, not by DEFAULT_ADMIN_ROLE"
            findings.append(Finding("Timelock", name, "", what, "deploy the suite anew: no function changes that"))
    delay = contract.call("getMinDelay")
    if not _DELAYS[0] <= delay <= _DELAYS[1]:
        mend = f"Timelock.updateDelay({_DELAYS[1]}) by a proposal"
        findings.append(Finding("Timelock", "delay", "", f"its delay is {delay} s, not 24 to 48 hours", mend))
    findings += operations(view)
    return Section("timelock", len(pairs) + len(roles) + 1, tuple(findings))


def links(view: View) -> Section:
    """What refers to what."""
    wanted = [
        ("Governance", "timelock", "Timelock", "Governance.updateTimelock(…) by a proposal"),
        ("Governance", "token", "QuadraticVotes", "deploy the suite anew"),
        ("Governance", "nova", "NovaToken", "deploy the suite anew"),
        ("Governance", "proposalGuardian", "GuardianSafe", "Governance.setProposalGuardian(…) by a proposal"),
        ("NovaToken", "quadraticVotes", "QuadraticVotes", "deploy the suite anew"),
        ("QuadraticVotes", "token", "NovaToken", "deploy the suite anew"),
        ("QuadraticVotes", "gate", "IdentityGate", "QuadraticVotes.setGate(…) by a proposal"),
        ("IdentityGate", "quadraticVotes", "QuadraticVotes", "deploy the suite anew"),
        ("HostRegistry", "lifecycle", "VMLifecycle", "HostRegistry.setLifecycle(…) by a proposal"),
        ("HostRegistry", "staking", "ResourceStaking", "HostRegistry.setStaking(…) by a proposal"),
        ("ResourceStaking", "registry", "HostRegistry", "deploy the suite anew"),
        ("VMLifecycle", "registry", "HostRegistry", "deploy the suite anew"),
        ("ResourceMarket", "treasury", "Timelock", "deploy the suite anew"),
        ("SLA", "nova", "NovaToken", "deploy the suite anew"),
        ("SLA", "lifecycle", "VMLifecycle", "deploy the suite anew"),
        ("SLA", "treasury", "Timelock", "deploy the suite anew"),
        ("SLA", "defaultArbitrator", "CommitteeArbitrator", "SLA.setDefaultArbitrator(…) by a proposal"),
        *((name, "owner", owner, "its owner transfers it") for name, owner in OWNERS.items()),
    ]
    findings = []
    for name, function, expected, mend in wanted:
        found, right = view.handle(name).call(function), view.address(expected)
        event, argument = _SETTABLE.get((name, function), ("", ""))
        for log in view.events(name, event) if event else ():
            right = log.args[argument] if view.governed(log) else right
        if found != right:
            what = f"its {function} is {view.name_of(found)}, not {view.name_of(right)}"
            findings.append(Finding(name, function, found, what, mend))
    for name in OWNERS:
        offered = view.handle(name).call("pendingOwner")
        if offered != ZERO:
            mend = f"its owner calls transferOwnership({ZERO})"
            findings.append(Finding(name, "pendingOwner", offered, f"it is offered to {view.name_of(offered)}", mend))
    for name in view.instances:
        if view.has(name, "owner") and name not in OWNERS:
            if not name.endswith("Implementation"):
                findings.append(Finding(name, "owner", "", "it has an owner that is not listed", "list it in OWNERS"))
            elif (found := view.handle(name).call("owner")) != ZERO:
                findings.append(_unlocked(name, f"its owner is {view.name_of(found)}"))
    quota = view.handle("IdentityGate").call("quota")
    latest = list(view.events("IdentityGate", "QuotaSet"))[-1:]
    if quota != view.genesis.quota and not (latest and latest[0].args["quota"] == quota and view.governed(latest[0])):
        mend = f"IdentityGate.setQuota({view.genesis.quota}) by a proposal"
        findings.append(Finding("IdentityGate", "quota", "", f"its quota is {quota}, not {view.genesis.quota}", mend))
    else:
        findings += former_quotas(view)
    return Section("links and owners", len(wanted) + len(OWNERS) + 1, tuple(findings))


def safe(view: View) -> Section:
    """The guardian: owners, threshold, no module, no guard; never the deployer."""
    findings, checked = [], 0
    for item in view.plan.instances:
        if not isinstance(item, SafeAccount):
            continue
        state = read_safe(view.pool, view.address(item.name))
        singleton, handler = view.address(item.singleton), view.address(item.handler)
        sentences = safe_findings(item.name, state, view.genesis.guardians, THRESHOLD, singleton, handler)
        mend = f"{THRESHOLD} of the owners sign the change, or a proposal names another guardian"
        findings += [
            Finding(item.name, "configuration", _address_in(one), one.partition(": ")[2], mend) for one in sentences
        ]
        if state is not None and view.deployer in state.owners:
            what = f"the deployer {view.deployer} is an owner"
            findings.append(Finding(item.name, "owner", view.deployer, what, mend))
        checked += 6
    return Section("guardian Safe", checked, tuple(findings))


def locked(view: View) -> Section:
    """Proxies run what was planned, or a proposal chose, and ran nothing else; none can be initialised again."""
    findings, checked = [], 0
    for item in view.plan.instances:
        if isinstance(item, Instance) and item.implementation:
            slots = dict(
                zip(_PROXY_SLOTS, view.slots(view.address(item.name), list(_PROXY_SLOTS.values())), strict=True)
            )
            current = str(to_checksum_address((slots["implementation"] % 2**160).to_bytes(20, "big")))
            running, upgrades = implementations(view, item.name, view.address(item.implementation), current)
            findings += upgrades
            wanted = {"implementation": int(running, 16), "admin": 0, "beacon": 0}
            for what, found in slots.items():
                if found != wanted[what]:
                    account = str(to_checksum_address((found % 2**160).to_bytes(20, "big")))
                    said = f"its {what} is {view.name_of(account)}"
                    said += f", not {view.name_of(running)}" if wanted[what] else ", and should be unset"
                    mend = f"{item.name}.upgradeToAndCall({running}, 0x) by a proposal"
                    findings.append(Finding(item.name, what, account, said, mend))
            for address in dict.fromkeys([view.address(item.implementation), running]):
                (version,) = view.slots(address, [_INITIALIZED])
                if version % 2**64 != _LOCKED:
                    name = item.implementation if address == view.address(item.implementation) else address
                    findings.append(_unlocked(name, f"its initialised version is {version}, not the last"))
            checked += 5
    for name in view.instances:
        setups = [
            one for one in view.abi(name) if one.get("type") == "function" and one["name"] in ("initialize", "setup")
        ]
        for one in setups:
            checked += 1
            types = types_of(one["inputs"])
            values = [zero_of(kind) for kind in types]
            if one["name"] == "setup":  # a Safe asks for owners before it looks whether it has some
                values[0:2] = [[STRANGER], 1]
            data = selector_of(one) + encode(types, values)
            call = {"from": STRANGER, "to": view.address(name), "data": "0x" + data.hex()}
            answer = view.pool.exchange("eth_call", [call, "latest"])
            if "error" not in answer:
                findings.append(_unlocked(name, f"anybody can call {signature_of(one)}"))
            elif not isinstance(error := classify(answer["error"]), RevertedError):
                raise error
    return Section("initialisers and proxies", checked, tuple(findings))


def _unlocked(name: str, what: str) -> Finding:
    return Finding(name, "initialiser", "", what, "deploy an implementation whose constructor disables initialisers")


def _address_in(sentence: str) -> str:
    return next((word.strip(",;") for word in sentence.split() if word.startswith("0x")), "")
