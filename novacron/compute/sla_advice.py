"""What the errors of the SLA contract mean, and what to do about each."""

from __future__ import annotations

from types import MappingProxyType

from novacron.compute.quantities import nova
from novacron.market.advice import moment
from novacron.market.deployment import Advice

_OUTCOMES = ("unmeasured", "met", "reported without evidence yet", "violated", "disputed", "penalised")


def _outcome(number: int) -> str:
    return _OUTCOMES[number] if number < len(_OUTCOMES) else str(number)


def _bad_terms(field: bytes, value: int) -> str:
    name = field.rstrip(b"\0").decode("ascii", "replace")
    return f"the contract refuses {name} = {value} of these terms: see docs/sla.md for what each may be"


SLA_ADVICE: Advice = MappingProxyType(
    {
        "EnforcedPause": lambda: (
            "deposits, offers and acceptances are paused by the guardian; everything else still works"
        ),
        "SLA_UnknownAgreement": lambda sla: f"there is no agreement {sla}",
        "SLA_BadTerms": _bad_terms,
        "SLA_NotProvider": lambda sla, caller: f"{caller} is not the provider of agreement {sla}: use its account",
        "SLA_NotCustomer": lambda sla, caller: f"{caller} is not the customer of agreement {sla}: use its account",
        "SLA_NotParty": lambda sla, caller: f"{caller} is neither the provider nor the customer of agreement {sla}",
        "SLA_NotOpen": lambda sla: (
            f"agreement {sla} is no open offer: it was accepted or taken back (novacron sla show)"
        ),
        "SLA_NotActive": lambda sla: f"agreement {sla} was not accepted, or is over (novacron sla show)",
        "SLA_OfferExpired": lambda sla, expiry: f"the offer {sla} ended at {moment(expiry)}: ask for a new one",
        "SLA_NotTheirVM": lambda vm, provider, customer: (
            f"VM {vm} is not {customer}'s on a host of {provider}'s: offer for another VM, or for a service (vm = 0)"
        ),
        "SLA_InsufficientBalance": lambda account, balance, needed: (
            f"{account} has prepaid {nova(balance)}, this takes {nova(needed)}: deposit more (novacron sla deposit)"
        ),
        "SLA_UnknownGuarantee": lambda sla, number: f"agreement {sla} has no guarantee {number} (novacron sla show)",
        "SLA_WindowOpen": lambda sla, window: f"window {window} of agreement {sla} has not ended, or does not exist",
        "SLA_ReportPeriodOver": lambda sla, window, deadline: (
            f"window {window} of agreement {sla} could be reported until {moment(deadline)}: that is over"
        ),
        "SLA_ReportPeriodRuns": lambda sla, window, deadline: (
            f"window {window} of agreement {sla} can be reported until {moment(deadline)}: not before then"
        ),
        "SLA_WindowExcluded": lambda sla, window, due: (
            f"the VM was due for {due} s of window {window} of agreement {sla} only: less than half cannot be reported"
        ),
        "SLA_TooFewMeasurements": lambda given, quorum: f"{given} measurements are too few: it takes {quorum}",
        "SLA_NotViolated": lambda value: f"{value} keeps the promise: there is nothing to report",
        "SLA_IsViolated": lambda value: f"{value} breaks the promise: report it",
        "SLA_NoBetterEvidence": lambda given, there: (
            f"there is evidence of {there} monitors already: {given} do not replace it"
        ),
        "SLA_WrongOutcome": lambda outcome: f"it is {_outcome(outcome)}: this cannot be done now (novacron sla show)",
        "SLA_DisputePeriodOver": lambda deadline: f"the time for this ended at {moment(deadline)}",
        "SLA_DisputePeriodRuns": lambda deadline: f"it can be disputed or replaced until {moment(deadline)}",
        "SLA_ArbitrationCost": lambda value, cost: f"the arbitrator asks for {cost} wei, {value} were sent",
        "SLA_ClaimOpen": lambda sla, window, guarantee, outcome: (
            f"guarantee {guarantee} in window {window} of agreement {sla} is {_outcome(outcome)}: finalise it first"
        ),
        "SLA_AlreadySettled": lambda sla, window: f"window {window} of agreement {sla} is settled",
        "SLA_WindowsOpen": lambda sla, settled, windows: (
            f"{settled} of {windows} windows of agreement {sla} are settled: the stake is free when all are"
        ),
        "SLA_AlreadyReleased": lambda sla: f"the stake of agreement {sla} was given back already",
    }
)
