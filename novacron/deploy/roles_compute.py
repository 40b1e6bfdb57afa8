"""The part of the table of roles (`novacron.deploy.roles`) that is about the market, hosts, VMs and agreements."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from novacron.deploy.rules import Rule, Who

_E = Who.EVERYBODY
MANAGED: Mapping[str, Rule] = MappingProxyType(
    {"setAuthority(address)": Rule(Who.AUTHORITY, "put another authority in its place; ADMIN, through it")}
)
_STOPS = {
    "ResourceMarket": "purchases; sales go on",
    "LiquidityPool": "adding and swaps; removing goes on",
    "OrderBook": "new offers and fills; cancelling and withdrawing go on",
    "ResourceStaking": "new stakes, guarantees and budgets; withdrawing goes on",
    "VMLifecycle": "deposits, new VMs, starts and migrations; stopping, ending and withdrawing go on",
    "SLA": "deposits, offers and acceptances; everything agreed goes on",
}
_OWN_PERMIT = "hand in what a holder signed"
_CAPACITY = "(uint32,uint32,uint32,uint32)"
_EVIDENCE = "(uint8,uint32,uint32,uint40,uint40,bytes)[]"
_TERMS = (
    "(address,address,uint256,bytes32,uint40,uint40,uint32,uint40,uint40,uint128,uint128,uint128,uint32[3],uint32,"
    "uint8,address,address[],(bytes32,uint8,uint32,uint32,uint32)[])"
)
_PERMIT = "uint256,uint8,bytes32,bytes32"


def _brakeable(instance: str) -> dict[str, Rule]:
    return {
        "pauseContract()": Rule(Who.OWNER, f"stop {_STOPS[instance]}", "not paused"),
        "unpauseContract()": Rule(Who.OWNER, "let everything go on", "paused"),
        "transferOwnership(address)": Rule(Who.OWNER, "offer ownership; nothing moves until it is accepted"),
        "acceptOwnership()": Rule(Who.OFFERED, "take the ownership that was offered"),
    }


def _upgradeable(initialiser: str) -> dict[str, Rule]:
    return {
        initialiser: Rule(Who.NOBODY, "nothing: it is initialised", "never"),
        "upgradeToAndCall(address,bytes)": Rule(Who.ADMIN, "put other code in its place"),
    }


def implementation(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rules of the code behind a proxy: nobody has set it up, so no right is anybody's."""
    never = Rule(Who.NOBODY, "nothing: only a proxy can be upgraded", "never")
    return {**rules, "upgradeToAndCall(address,bytes)": never}


_MARKET = (
    dict(MANAGED)
    | _brakeable("ResourceMarket")
    | {
        "purchaseResource(uint8,uint256)": Rule(_E, "buy at the curve's price", "not paused"),
        "purchaseResource(uint8,uint256,address,uint256)": Rule(_E, "the same", "not paused"),
        "purchaseExactIn(uint8,uint256,address,uint256)": Rule(_E, "the same", "not paused"),
        "sellResource(uint8,uint256,uint256,uint256)": Rule(
            _E, "sell what is their own, as much as the curve has sold"
        ),
        "sellResource(uint8,uint256,uint256,address,uint256)": Rule(_E, "the same"),
        f"sellResourceWithPermit(uint8,uint256,uint256,address,{_PERMIT})": Rule(_E, "the same, with a permit"),
        "stock(uint8,uint256)": Rule(_E, "give away their own tokens"),
        "unstock(uint8,uint256,address)": Rule(
            Who.ADMIN, "take out what is not sold, and sell it to the curve in the buyers' place"
        ),
        "setFee(uint256)": Rule(Who.ADMIN, "set the fee between 0 and 1 %"),
        "collectFees(uint8)": Rule(_E, "send the fees to the treasury"),
    }
)
_SHARES = {
    "transfer(address,uint256,uint256)": Rule(_E, "move their own shares"),
    "transferFrom(address,address,uint256,uint256)": Rule(_E, "move shares that are their own, or approved"),
    "approve(address,uint256,uint256)": Rule(_E, "let somebody move their own shares"),
    "setOperator(address,bool)": Rule(_E, "let somebody move all their own shares"),
}
_POOL = (
    _brakeable("LiquidityPool")
    | _SHARES
    | {
        "add(uint8,uint256,uint256,uint256,address,uint256)": Rule(_E, "add what is their own", "not paused"),
        "remove(uint8,uint256,uint256,uint256,address,uint256)": Rule(_E, "take out their own share"),
        "swapNativeForToken(uint8,uint256,address,uint256)": Rule(_E, "swap at the pool's price", "not paused"),
        "swapNativeForExactToken(uint8,uint256,address,uint256)": Rule(_E, "the same", "not paused"),
        "swapTokenForNative(uint8,uint256,uint256,address,uint256)": Rule(_E, "the same", "not paused"),
        "swapTokenForExactNative(uint8,uint256,uint256,address,uint256)": Rule(_E, "the same", "not paused"),
    }
)
_BOOK = (
    dict(MANAGED)
    | _brakeable("OrderBook")
    | {
        "place(uint8,address,uint256,uint256,uint256,uint256)": Rule(
            _E, "offer what is their own", "not paused, token listed"
        ),
        "fill(uint256,address,uint256,uint256,uint256)": Rule(
            _E, "trade at the maker's price", "not paused, token listed, not expired"
        ),
        "cancel(uint256)": Rule(Who.MAKER, "return what is left to the maker's balance"),
        "withdraw(address,address)": Rule(_E, "take out their own balance"),
        "setListed(address,bool)": Rule(Who.ADMIN, "let a token that lies be traded, or stop trading in one"),
    }
)
_STAKES = (
    dict(MANAGED)
    | _brakeable("ResourceStaking")
    | {
        "stake(uint8,uint256,uint256)": Rule(_E, "stake what is their own", "not paused, reward funded"),
        "withdraw(uint256,address)": Rule(Who.HOLDER, "take principal and reward", "matured"),
        "exitEarly(uint256,address)": Rule(Who.HOLDER, "take the principal alone", "not matured, backs nothing"),
        "guarantee(uint256,uint256,uint256)": Rule(
            Who.HOLDER, "reserve what the host's provider lets be reserved", "not paused, backs nothing"
        ),
        "release(uint256)": Rule(Who.HOLDER, "end the guarantee; from maturity on anybody can"),
        "fund(uint8,uint256)": Rule(_E, "give away their own tokens", "not paused"),
        "takeBack(uint8,uint256,address)": Rule(Who.ADMIN, "take out budget that is promised to nobody"),
    }
)
_HOSTS = (
    dict(MANAGED)
    | _upgradeable("initialize(address)")
    | {
        "registerHost(bytes32,address)": Rule(
            _E, "register hosts of their own; nobody leases before an auditor attests"
        ),
        "setAgent(uint256,address)": Rule(Who.PROVIDER, "let another key speak for their own host"),
        "setAccepting(uint256,bool)": Rule(Who.PROVIDER, "take new VMs, or no more"),
        "setHostInRegion(uint256)": Rule(Who.PROVIDER, "choose which of their own hosts a region means"),
        f"setReservable(uint256,{_CAPACITY})": Rule(Who.PROVIDER, "let more or less of their own host be reserved"),
        "announceMaintenance(uint256,uint40,uint40)": Rule(
            Who.PROVIDER, "leave 4 hours in 10 days out of agreements, a day ahead"
        ),
        "cancelMaintenance(uint256)": Rule(Who.PROVIDER, "take back what they have announced", "not begun"),
        f"attest(uint256,{_CAPACITY},uint40,bytes32)": Rule(
            Who.AUDITOR, "let a host lease what it does not have; end reservations of a host"
        ),
        "heartbeat(uint256)": Rule(Who.AGENT, "say that their own host is alive when it is not"),
        f"occupy(uint256,address,{_CAPACITY})": Rule(Who.LIFECYCLE, "fill hosts"),
        f"vacate(uint256,address,{_CAPACITY})": Rule(Who.LIFECYCLE, "free leased capacity"),
        "touch(uint256,address)": Rule(Who.LIFECYCLE, "count a host as alive"),
        "reserve(uint256,uint256,address,uint8,uint32,uint40)": Rule(
            Who.STAKING, "reserve what providers let be reserved"
        ),
        "release(uint256)": Rule(Who.STAKING, "end reservations"),
        "clear(uint256)": Rule(_E, "end a reservation that is over or void"),
        "setLifecycle(address)": Rule(Who.ADMIN, "let another contract lease"),
        "setStaking(address)": Rule(Who.ADMIN, "let another contract reserve"),
    }
)
_ACK = "say of a VM on their own host what is not so; never bill beyond its funds"
_VMS = (
    dict(MANAGED)
    | _brakeable("VMLifecycle")
    | _upgradeable("initialize(address,address,address,address[4])")
    | {
        "deposit(uint8,uint256,address)": Rule(_E, "give tokens of their own to an account's balance", "not paused"),
        f"depositWithPermit(uint8,uint256,address,{_PERMIT})": Rule(_E, "the same, with a permit", "not paused"),
        "withdraw(uint8,uint256,address)": Rule(_E, "take out their own balance"),
        f"createVM(uint256,{_CAPACITY},uint40,uint32,bytes32)": Rule(
            _E, "hold capacity for an hour with their own tokens", "not paused"
        ),
        "createVM(bytes32,uint32,uint32,address,uint40,bytes32)": Rule(_E, "the same", "not paused"),
        "topUp(uint256,uint40)": Rule(_E, "fund anybody's VM with their own tokens", "not paused, not Terminated"),
        "start(uint256)": Rule(Who.CUSTOMER, "start their own", "docs/vm-states.md; not paused"),
        "stop(uint256)": Rule(Who.CUSTOMER, "stop their own", "docs/vm-states.md"),
        "pause(uint256)": Rule(Who.CUSTOMER, "pause their own", "docs/vm-states.md"),
        "resume(uint256)": Rule(Who.CUSTOMER, "resume their own", "docs/vm-states.md; not paused"),
        "terminate(uint256)": Rule(Who.CUSTOMER, "end their own", "not Terminated"),
        "migrateVM(uint256,bytes32)": Rule(
            Who.CUSTOMER, "move their own; abroad with approvals only", "docs/vm-states.md; not paused"
        ),
        "migrateToHost(uint256,uint256)": Rule(Who.CUSTOMER, "the same", "docs/vm-states.md; not paused"),
        "cancelMigration(uint256)": Rule(Who.CUSTOMER, "give a migration of their own up", "docs/vm-states.md"),
        **{
            f"{name}(uint256,uint32)": Rule(Who.AGENT, _ACK, "docs/vm-states.md")
            for name in (
                "acknowledgeStart",
                "acknowledgeStop",
                "reportFailure",
                "recover",
                "acknowledgeMigration",
                "abortMigration",
            )
        },
        "acknowledgeRelease(uint256,uint32,bytes32)": Rule(Who.AGENT, _ACK, "docs/vm-states.md"),
        "recordState(uint256,uint32,bytes32)": Rule(Who.RECORDS, "record a digest of nothing", "not while it migrates"),
        "reclaim(uint256)": Rule(Who.PROVIDER, "take capacity back from a VM that rests", "rests for an hour"),
        "evict(uint256)": Rule(Who.PROVIDER, "end a lease; what is unspent is the customer's", "rests for 30 days"),
        "settle(uint256)": Rule(_E, "have the provider paid what was used"),
        "expire(uint256)": Rule(_E, "have done what time has decided", "docs/vm-states.md"),
        "createPolicy(address[],uint256)": Rule(_E, "make policies that nobody has to choose"),
        "setDefaultPolicy(uint256)": Rule(Who.ADMIN, "choose who approves for new VMs that name nobody"),
        "approveMigration(uint256,uint256,uint256,uint256)": Rule(
            Who.APPROVER, "let a customer's VM go where the customer asked", "MigrationPending; not paused"
        ),
        "approveMigrationBySig(uint256,uint256,uint256,uint256,address[],bytes[])": Rule(
            _E, "hand in what approvers signed", "MigrationPending; not paused"
        ),
    }
)
_AGREEMENTS = (
    dict(MANAGED)
    | _brakeable("SLA")
    | _upgradeable("initialize(address,address,address,address,address,address)")
    | {
        "deposit(uint256,address)": Rule(_E, "give NOVA of their own to an account's balance", "not paused"),
        f"depositWithPermit(uint256,address,{_PERMIT})": Rule(_E, "the same, with a permit", "not paused"),
        "withdraw(uint256,address)": Rule(_E, "take out their own balance"),
        f"offer({_TERMS})": Rule(_E, "lock their own stake", "not paused"),
        "withdrawOffer(uint256)": Rule(Who.OFFERER, "take their own offer back", "not accepted"),
        "accept(uint256)": Rule(Who.ACCEPTER, "prepay the fees with their own", "not paused, offered"),
        "terminate(uint256)": Rule(Who.PARTY, "end it with the present window", "running"),
        "reportViolation(uint256,uint256,uint256)": Rule(_E, "lose a bond", "window reportable"),
        f"reportViolation(uint256,uint256,uint256,uint256,{_EVIDENCE})": Rule(
            _E, "lose a bond; with evidence of a quorum, begin a penalty", "window reportable"
        ),
        f"submitEvidence(uint256,uint256,uint256,{_EVIDENCE})": Rule(
            _E, "hand in what a quorum of monitors signed", "window reportable"
        ),
        f"recordMeasurement(uint256,uint256,uint256,{_EVIDENCE})": Rule(_E, "the same", "window reportable"),
        "dispute(uint256,uint256,uint256)": Rule(
            Who.OFFERER, "delay a penalty at the price of a bond", "violated, disputable"
        ),
        "finalise(uint256,uint256,uint256)": Rule(_E, "have done what time has decided"),
        "settleWindow(uint256,uint256)": Rule(_E, "share out a fee", "window decided"),
        "settleWindows(uint256,uint256,uint256)": Rule(_E, "share out several", "windows decided"),
        "releaseStake(uint256)": Rule(_E, "give the stake back to its provider", "all windows decided"),
        "rule(uint256,uint256)": Rule(Who.ARBITRATOR, "decide a dispute of agreements that chose it", "disputed"),
        "setDefaultArbitrator(address)": Rule(
            Who.ADMIN, "choose who rules in later disputes of terms without arbitrator"
        ),
    }
)
_COMMITTEE = dict(MANAGED) | {
    "createDispute(uint256,bytes)": Rule(_E, "open disputes that nobody has to rule"),
    "giveRuling(uint256,uint256)": Rule(Who.ARBITER, "decide disputes wrongly, within stake and bond", "not ruled"),
}

_NO_VMS = Rule(_E, "nothing: called itself, it has no VMs, no tokens and no authority")
_EXTENSION = {
    name: _NO_VMS
    for name in _VMS
    if name.partition("(")[0]
    in {
        "deposit",
        "depositWithPermit",
        "withdraw",
        "createVM",
        "topUp",
        "migrateVM",
        "migrateToHost",
        "cancelMigration",
        "acknowledgeRelease",
        "acknowledgeMigration",
        "abortMigration",
        "recordState",
        "createPolicy",
        "approveMigration",
        "approveMigrationBySig",
    }
}
_NO_AGREEMENTS = Rule(_E, "nothing: called itself, it knows no agreement and holds nothing")
_COURT = {
    name: _NO_AGREEMENTS
    for name in _AGREEMENTS
    if name.partition("(")[0]
    in {"reportViolation", "submitEvidence", "recordMeasurement", "dispute", "finalise", "rule"}
}

#: Instance → function → rule.
COMPUTE: Mapping[str, Mapping[str, Rule]] = MappingProxyType(
    {
        "ResourceMarket": _MARKET,
        "LiquidityPool": _POOL,
        "OrderBook": _BOOK,
        "HostRegistryImplementation": implementation(_HOSTS),
        "HostRegistry": _HOSTS,
        "ResourceStaking": _STAKES,
        "VMLifecycleExtension": _EXTENSION,
        "VMLifecycleImplementation": implementation(_VMS),
        "VMLifecycle": _VMS,
        "CommitteeArbitrator": _COMMITTEE,
        "SLAImplementation": implementation(_AGREEMENTS),
        "SLA": _AGREEMENTS,
        "SLATermsBook": {f"write({_TERMS})": Rule(_E, "nothing: it writes terms down that no agreement is about")},
        "SLACourt": _COURT,
    }
)
