"""Prints `docs/access-matrix.md` from the table of roles: `python -m novacron.deploy.matrix --write`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from novacron.deploy.roles import OWNERS, TABLE, TIMELOCK_ROLES
from novacron.deploy.rules import ROLES, Rule

DOCUMENT = Path("docs") / "access-matrix.md"
_HEAD = """# Access matrix

Who may call each state-changing function of each contract, while what holds, and the worst that they can do with it.
Views are open to everybody. Printed from `novacron/deploy/roles.py` by `python -m novacron.deploy.matrix --write`: the
deployer applies that table, `ape run check_handover` compares it with a chain, and
`tests/contracts/test_access_matrix.py` with the compiled contracts, selector by selector; it also calls each restricted
function as a stranger.
"""
_HOLDERS = {
    "ADMIN": "Timelock, and nobody else",
    "GUARDIAN": "GuardianSafe (3 of 5 owners)",
    "ATTESTER": "the attesters whom governance has named",
    "AUDITOR": "the auditors whom governance has named",
    "ARBITER": "the committee that governance has named",
    "CERTIFIER": "those who certify models, named by governance",
}
_NOTES = {
    "Authority": "OpenZeppelin AccessManager. ADMIN administers every role; no role, contract or grant has a delay.",
    "Timelock": "OpenZeppelin TimelockController; its delay is 48 hours, at least 24. It holds the treasury.",
    "GuardianSafe": "Safe 1.5.0. It pauses through the EmergencyBrake, cancels proposals, and can be dismissed.",
    "SafeL2": "The code that Safes run, published by Safe; locked.",
    "IdentityGateImplementation": "The code behind `IdentityGate`; locked.",
    "IdentityGate": "Upgradeable (UUPS) by ADMIN.",
    "ResourceMarket": "Immutable: base prices and steepness never change. It buys back as many tokens as it has sold, "
    "from whoever brings some; governance can mint or unstock tokens and bring them.",
    "LiquidityPool": "Immutable, and nobody administers it.",
    "OrderBook": "Immutable. What a maker or taker has in it, nobody else can take or hold back.",
    "ResourceStaking": "Immutable. Principal and promised rewards are out of everybody's reach.",
    **{
        f"{name}Implementation": f"The code behind `{name}`; locked." for name in ("HostRegistry", "VMLifecycle", "SLA")
    },
    "HostRegistry": "Upgradeable (UUPS) by ADMIN. Holds no funds.",
    "VMLifecycle": "Upgradeable (UUPS) by ADMIN: who controls governance could take what customers have prepaid, 24 to "
    "48 hours after everybody could see it coming.",
    "SLA": "Upgradeable (UUPS) by ADMIN, with the same consequence for stakes and fees.",
    "CommitteeArbitrator": "Rules where terms name no other arbitrator.",
    "ProofOfTraining": "No function can change or remove an anchor, a run's past or a record, and none moves funds: "
    "the contract holds none and accepts none.",
}


def render() -> str:
    """The document."""
    roles = [(f"`{name}`", str(number), _HOLDERS[name]) for name, number in ROLES.items()]
    timelock = [(f"`{name}`", holder) for name, holder in TIMELOCK_ROLES.items()]
    parts = [_HEAD, "## Roles\n", _table(("role", "number", "who has it"), roles)]
    parts += [_table(("role of the timelock", "who has it"), timelock)]
    parts += [_table(("owner of", "is"), list(OWNERS.items()))]
    for names, rules in _grouped():
        parts.append(f"## {', '.join(names)}\n")
        parts += [f"{_NOTES[name]}\n" for name in names if name in _NOTES]
        rows = [(f"`{function}`", rule.who.value, rule.when, rule.worst) for function, rule in rules.items()]
        parts.append(_table(("function", "who", "while", "what they can do at worst"), rows))
    return "\n".join(parts)


def _grouped() -> list[tuple[list[str], Mapping[str, Rule]]]:
    """Instances with the same rules together."""
    found: list[tuple[list[str], Mapping[str, Rule]]] = []
    for name, rules in TABLE.items():
        for names, there in found:
            if there == rules:
                names.append(name)
                break
        else:
            found.append(([name], rules))
    return found


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: list[str]) -> int:
    """Print the document, or write it with `--write`."""
    if arguments == ["--write"]:
        DOCUMENT.write_text(render(), encoding="utf-8")
        return 0
    if arguments:
        sys.stderr.write("usage: python -m novacron.deploy.matrix [--write]\n")
        return 2
    sys.stdout.write(render())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
