"""What the errors of HostRegistry and VMLifecycle mean, and what to do about each."""

from __future__ import annotations

from types import MappingProxyType

from novacron.compute.capacity import units_text
from novacron.compute.choices import choices
from novacron.compute.regions import region_text
from novacron.compute.state_words import State, label
from novacron.market.advice import MARKET_ADVICE, amount, moment
from novacron.market.deployment import Advice
from novacron.market.resources import Resource


def _state(number: int) -> str:
    return label(State(number))


def _choices(number: int) -> str:
    found = choices(State(number))
    return (
        f"what can be is {', '.join(found)}; see docs/vm-states.md" if found else "nothing can be done with it any more"
    )


def _units(units: int, resource: int) -> str:
    return units_text(units, Resource(resource))


_HOSTS: Advice = MappingProxyType(
    {
        "AccessManagedUnauthorized": lambda caller: (
            f"{caller} has not the role for this: governance grants it (AUDITOR attests hosts)"
        ),
        "HostRegistry_UnknownHost": lambda host: f"there is no host {host}: list them (novacron host list)",
        "HostRegistry_ZeroAddress": lambda: "the zero address cannot be an agent: give the agent's own address",
        "HostRegistry_NotProvider": lambda host, caller, provider: (
            f"host {host} is {provider}'s, not {caller}'s: use the provider's account"
        ),
        "HostRegistry_NotAgent": lambda host, caller, agent: (
            f"{agent} is the agent of host {host}, not {caller}: use that key, or name the new agent "
            "(novacron host agent)"
        ),
        "HostRegistry_NotAccepting": lambda host: (
            f"host {host} takes no new VMs: choose another host (novacron host list)"
        ),
        "HostRegistry_NotAttested": lambda host, until: (
            f"host {host} has no attestation"
            + (f" since {moment(until)}" if until else " yet")
            + ": an auditor attests it (novacron host attest), or choose another host"
        ),
        "HostRegistry_BadAttestationEnd": lambda until, latest: (
            f"an attestation cannot end at {moment(until)}: in the future, by {moment(latest)} at the latest"
        ),
        "HostRegistry_CapacityExceeded": lambda host, resource, wanted, there: (
            f"host {host} has {_units(there, resource)} left, not {_units(wanted, resource)}: "
            "ask for less, or choose another host (novacron host list)"
        ),
        "HostRegistry_BadMaintenance": lambda start, end: (
            f"maintenance from {moment(start)} to {moment(end)}: announce it 24 hours ahead, for 4 hours at most, and "
            "10 days after the last one began"
        ),
        "HostRegistry_NoMaintenanceAhead": lambda host: f"host {host} has no maintenance that has not begun",
        "HostRegistry_ReservationExists": lambda position: f"position {position} keeps capacity already: release it",
        "HostRegistry_UnknownReservation": lambda position: f"position {position} keeps no capacity",
    }
)

_VMS: Advice = MappingProxyType(
    {
        "VMLifecycle_UnknownVM": lambda vm: f"there is no VM {vm}: list yours (novacron vm list)",
        "VMLifecycle_NotCustomer": lambda vm, caller: f"VM {vm} is not {caller}'s: use its customer's account",
        "VMLifecycle_NotProvider": lambda vm, caller: f"{caller} is not the provider of VM {vm}'s host",
        "VMLifecycle_WrongState": lambda vm, state: (
            f"VM {vm} is {_state(state)}, in which this cannot be done: {_choices(state)}"
        ),
        "VMLifecycle_StaleEpoch": lambda vm, given, current: (
            f"VM {vm} has moved on to epoch {current}, this was for {given}: look at it again (novacron vm show)"
        ),
        "VMLifecycle_TooLate": lambda vm, deadline: (
            f"the time for this ended at {moment(deadline)}: expire VM {vm} (novacron vm expire), "
            "then give the command again"
        ),
        "VMLifecycle_TooEarly": lambda vm, deadline: f"VM {vm}: not before {moment(deadline)}",
        "VMLifecycle_NothingToExpire": lambda vm, state: (
            f"VM {vm} is {_state(state)}, and no time of its has run out: nothing to expire"
        ),
        "VMLifecycle_ZeroCapacity": lambda: "a VM has at least a thousandth of a vCPU and 1 MB of memory",
        "VMLifecycle_BadDuration": lambda seconds: (
            f"{seconds} seconds: fund at least an hour at creation, at least a second later, 2^40 seconds in total"
        ),
        "VMLifecycle_ZeroAmount": lambda: "nothing is asked for: give an amount above zero",
        "VMLifecycle_ZeroAddress": lambda: "the zero address can receive nothing: name another one",
        "VMLifecycle_InsufficientBalance": lambda who, resource, balance, needed: (
            f"{who} has prepaid {amount(balance, resource)} and needs {amount(needed, resource)}: deposit more, or buy "
            "it on the market"
        ),
        "VMLifecycle_NoTarget": lambda vm, host, region: (
            f"VM {vm} cannot move to {f'host {host}' if host else f'region {region_text(region)}'}: the provider has "
            "no host there, or the VM is on it already; name a host (--to-host)"
        ),
        "VMLifecycle_NoApprovers": lambda vm: (
            f"leaving the region takes approvals, and VM {vm}'s policy has no approvers: stay in the region"
        ),
        "VMLifecycle_NoFunds": lambda vm: f"the funds of VM {vm} are used up: top it up (novacron vm top-up)",
        "VMLifecycle_NotReleased": lambda vm: f"the source of VM {vm}'s migration has not let go of it yet: wait",
        "VMLifecycle_ZeroRecord": lambda: "a digest of 32 zero bytes is none: give that of a state record",
        "VMLifecycle_TooLittleGas": lambda: "that is too little gas to do this safely: send more",
        "VMLifecycle_NotRecorder": lambda vm, caller: (
            f"{caller} is neither the customer of VM {vm} nor the agent of its host"
        ),
        "MigrationApprovals_UnknownPolicy": lambda policy: (
            f"there is no policy {policy}: make it first (novacron vm policy create)"
        ),
        "MigrationApprovals_BadApprovers": lambda index: (
            f"approver {index} is zero or out of order: give 1 to 32 different approvers"
        ),
        "MigrationApprovals_BadThreshold": lambda threshold, count: (
            f"{threshold} of {count} approvers: from 1 to all of them must agree"
        ),
        "MigrationApprovals_NotApprover": lambda policy, who: f"{who} is no approver of policy {policy}",
        "MigrationApprovals_AlreadyApproved": lambda vm, who: f"{who} has approved this migration of VM {vm} already",
        "MigrationApprovals_Mismatch": lambda vm, *_: (
            f"this is not the migration of VM {vm} that waits for approval: look at it again (novacron vm show) "
            "and approve that"
        ),
        "MigrationApprovals_BadSignature": lambda who: (
            f"the signature is not {who}'s over this approval: sign it again"
        ),
    }
)

#: HostRegistry, VMLifecycle, and the tokens that they take.
COMPUTE_ADVICE: Advice = MappingProxyType({**MARKET_ADVICE, **_HOSTS, **_VMS})
