"""Whether the DAO can still propose, vote, queue and execute after an execution; nobody else could mend it."""

from __future__ import annotations

from novacron.chain.contracts import ContractHandle
from novacron.exceptions import ChainError
from novacron.governance.model import Effects, Finding
from novacron.governance.simulation.fork import Fork
from novacron.governance.suite import NOBODY, Suite

#: Quorum in per cent of the verified power, and days from a proposal to the end of its vote, that are still workable.
MOST_QUORUM = 80
MOST_DAYS = 60
_DAY = 86_400
_ATTESTER = 2
_CHECK = "governance can still act"


def governance_findings(fork: Fork, dao: Suite, effects: Effects) -> list[Finding]:
    """What would keep the DAO from acting ever again, read on the fork after the execution.

    Args:
        effects: of the execution; who lost a role.

    Raises:
        ChainUnavailableError: the fork does not answer.
    """
    return _Reading(fork, dao.on(fork.pool)).findings(effects)


class _Reading:
    def __init__(self, fork: Fork, dao: Suite) -> None:
        self._fork, self._dao = fork, dao
        self._governance = dao.contract("Governance").handle

    def findings(self, effects: Effects) -> list[Finding]:
        found: list[Finding] = []
        for check in (self._gate, self._timelock, self._rules):
            try:
                found += [_error(text) for text in check()]
            except ChainError as error:
                found.append(_error(f"it cannot be asked any more: {error}; do not break its contracts"))
        if any(role.role == "ATTESTER" and role.change == "revoked" for role in effects.roles):
            found += self._attesters()
        return found

    def _gate(self) -> list[str]:
        if "QuadraticVotes" not in self._dao.instances:
            return []
        gate = str(self._dao.contract("QuadraticVotes").handle.call("gate"))
        if gate != NOBODY and self._fork.has_code(gate):
            return []
        where = "no gate any more" if gate == NOBODY else f"the gate {gate}, where there is no contract"
        return [f"QuadraticVotes has {where}: nobody is verified, nobody has votes, and no proposal passes ever again"]

    def _timelock(self) -> list[str]:
        address = str(self._governance.call("timelock"))
        if not self._fork.has_code(address):
            return [
                f"the Governance's timelock is {address}, where there is no contract: nothing is executed ever again"
            ]
        timelock = ContractHandle(self._fork.pool, address, self._dao.abi("Timelock"))
        missing = []
        for name in ("PROPOSER_ROLE", "EXECUTOR_ROLE"):
            role = timelock.call(name)
            holders = (self._governance.address, *((NOBODY,) if name == "EXECUTOR_ROLE" else ()))
            if not any(timelock.call("hasRole", role, holder) for holder in holders):
                missing.append(name)
        if not missing:
            return []
        text = f"the Governance lacks {' and '.join(missing)} at its timelock {self._dao.name_of(address)}"
        return [f"{text}: nothing is queued or executed ever again; grant it first"]

    def _rules(self) -> list[str]:
        names = ("quorumNumerator()", "quorumDenominator", "votingDelay", "votingPeriod", "proposalThreshold")
        values = (int(value) for value in self._governance.call_many([(name,) for name in names]))
        numerator, denominator, delay, period, threshold = values
        found = []
        if numerator * 100 > MOST_QUORUM * denominator:
            share = f"{numerator} of {denominator}"
            found.append(
                f"the quorum is {share} of all verified power, more than {MOST_QUORUM} %: hardly any vote reaches it"
            )
        if delay + period > MOST_DAYS * _DAY:
            days = f"{(delay + period) / _DAY:,.1f} days"
            found.append(f"a vote takes {days} from the proposal to its end, more than {MOST_DAYS}")
        if "NovaToken" in self._dao.instances:
            supply = int(self._dao.contract("NovaToken").handle.call("totalSupply"))
            if threshold > supply:
                found.append(
                    f"a proposer needs {threshold:,} votes and there are {supply:,}: nobody proposes ever again"
                )
        return found

    def _attesters(self) -> list[Finding]:
        """Whether anybody has the role still: of all who ever got it."""
        authority = self._dao.contract("Authority").handle
        record = self._dao.manifest.instances.get("Authority")
        first = (record.block_number if record is not None else None) or 0
        accounts = {
            str(log.args["account"]) for log in authority.events("RoleGranted", first, filters={"roleId": _ATTESTER})
        }
        if any(authority.call("hasRole", _ATTESTER, account)[0] for account in sorted(accounts)):
            return []
        message = (
            "the last ATTESTER loses the role: all verifications become void, so that nobody has votes until another "
            "attester verifies people; only a proposal that has passed by then can grant the role"
        )
        return [Finding("warning", _CHECK, message)]


def _error(text: str) -> Finding:
    return Finding("error", _CHECK, text)
