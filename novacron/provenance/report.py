"""What a verification found: named checks, each passed, failed or not checked, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Outcome = Literal["passed", "failed", "not_checked"]
Verdict = Literal["invalid", "valid as far as checked", "valid"]


@dataclass(frozen=True)
class Check:
    """One named check."""

    name: str
    status: Outcome
    detail: str


@dataclass(frozen=True)
class VerificationReport:
    """All checks of one proof, in order.

    `subject` is what the proof claims to be of: contract, chain id, owner, run. `attested` is True when a
    trusted contract (or the embedded store) was asked and holds a head, or an anchor, that covers what is proven, and
    nothing failed.
    """

    checks: tuple[Check, ...]
    subject: Mapping[str, str] = field(default_factory=dict)
    attested: bool = False

    @property
    def verdict(self) -> Verdict:
        """The result in words."""
        if not self.ok:
            return "invalid"
        return "valid" if self.complete else "valid as far as checked"

    @property
    def ok(self) -> bool:
        """Nothing failed. Look at `complete` to know whether everything could be checked."""
        return not any(check.status == "failed" for check in self.checks)

    @property
    def complete(self) -> bool:
        """Every check was made and passed."""
        return bool(self.checks) and all(check.status == "passed" for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The failed checks."""
        return tuple(check for check in self.checks if check.status == "failed")

    def check(self, name: str) -> Check:
        """The check with this name. Raises KeyError."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        checks = [{"name": check.name, "status": check.status, "detail": check.detail} for check in self.checks]
        return {
            "verdict": self.verdict,
            "ok": self.ok,
            "complete": self.complete,
            "attested": self.attested,
            "subject": dict(self.subject),
            "checks": checks,
        }


@dataclass
class CheckList:
    """Collects checks while a proof is verified."""

    checks: list[Check] = field(default_factory=list)
    subject: dict[str, str] = field(default_factory=dict)
    attested: bool = False

    def has_passed(self, name: str) -> bool:
        """Whether a check of this name was made and passed."""
        return any(check.name == name and check.status == "passed" for check in self.checks)

    def passed(self, name: str, detail: str) -> None:
        """Note a check that passed."""
        self.checks.append(Check(name, "passed", detail))

    def failed(self, name: str, detail: str) -> None:
        """Note a check that failed."""
        self.checks.append(Check(name, "failed", detail))

    def skipped(self, name: str, detail: str) -> None:
        """Note what was not checked, and why."""
        self.checks.append(Check(name, "not_checked", detail))

    def decide(self, name: str, good: bool, passed: str, failed: str) -> bool:
        """Note one of two outcomes; returns `good`."""
        if good:
            self.passed(name, passed)
        else:
            self.failed(name, failed)
        return good

    def report(self) -> VerificationReport:
        """The finished report."""
        report = VerificationReport(tuple(self.checks), dict(self.subject), self.attested)
        return report if report.ok else replace(report, attested=False)
