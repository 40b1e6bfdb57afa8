"""A simulation made up by hand, with something of everything that a report shows."""

from __future__ import annotations

from dataclasses import replace

from novacron.governance.expects import change, event, grant, mint, revoke
from novacron.governance.model import (
    Effects,
    ElectorateAnalysis,
    EventRecord,
    Finding,
    OrderOutcome,
    Proposal,
    RoleChange,
    Simulation,
    StepGas,
    Transfer,
    Voter,
    Write,
)
from novacron.governance.suite import NOBODY, Suite
from tests.support.paper_dao import ADDRESSES, ALICE, BOB

#: What nobody may be able to slip into a report.
HOSTILE = "<script>alert(1)</script>|`![x](https://evil.example)"
VOTERS = [f"0x{'abcdef0123456789' * 2}{number:08x}" for number in range(1, 21)]
POWERS = [3_000_000, 2_000_000, 1_000_000, 500_000, *(60_000 - 2_000 * n for n in range(16))]


def paper_simulation(dao: Suite) -> Simulation:
    """A passing proposal of three actions."""
    amount = 250_000 * 10**18
    actions = (
        dao.CPU.mint(dao.Timelock, amount),
        dao.Governance.setVotingDelay(2 * 86_400),
        dao.QuadraticVotes.syncMany([dao.Timelock, ALICE]),
        dao.pay(ALICE, 15 * 10**17),
    )
    expects = (
        mint("CPU", "Timelock", amount),
        change("Governance._votingDelay", to=2 * 86_400),
        event("Governance.VotingDelaySet", newVotingDelay=2 * 86_400),
        revoke("GUARDIAN", "GuardianSafe"),
        grant("GUARDIAN", ALICE),
    )
    proposal = Proposal(
        "mint_and_wait", "Mint 250,000 CPU and wait longer", f"**Why**: demand.\n\n{HOSTILE}", actions, expects
    )
    where = ADDRESSES
    effects = Effects(
        writes=(
            Write(where["CPU"], "CPU", "_balances[Timelock]", "uint256", 0, amount),
            Write(where["CPU"], "CPU", "_totalSupply", "uint256", amount, 2 * amount),
            Write(where["Governance"], "Governance", "_votingDelay", "uint48", 86_400, 172_800),
            Write(
                where["Authority"], "Authority", f"_roles[GUARDIAN].members[{ALICE}].since", "uint48", 0, 1_800_000_000
            ),
            Write(where["MEM"], "MEM", "slot(0x" + "2a" * 32 + ")", "bytes32", "0x" + "00" * 32, "0x" + "01" * 32),
        ),
        events=(
            EventRecord(where["CPU"], "CPU", "Transfer", (("from", NOBODY), ("to", "Timelock"), ("value", amount))),
            EventRecord(where["Governance"], "Governance", "VotingDelaySet", (("newVotingDelay", 172_800),)),
            EventRecord(BOB, BOB, "", (("topic0", "0x" + "ab" * 32), ("data", HOSTILE))),
        ),
        roles=(
            RoleChange("Authority", "GUARDIAN", "GuardianSafe", "revoked"),
            RoleChange("Authority", "GUARDIAN", ALICE, "granted"),
        ),
        transfers=(
            Transfer("CPU", NOBODY, "Timelock", amount),
            Transfer("ETH", "Timelock", ALICE, 15 * 10**17),
            Transfer(BOB, "Timelock", ALICE, 7),
        ),
        bookkeeping=(
            Write(where["Governance"], "Governance", f"_proposals[{2**255}].executed", "bool", False, True),
            EventRecord(where["Timelock"], "Timelock", "CallExecuted", (("id", "operation"),)),
        ),
        created=(BOB,),
    )
    total = sum(POWERS)
    voters = tuple(Voter(name, votes, votes / total) for name, votes in zip(VOTERS, POWERS, strict=True))
    return Simulation(
        proposal=proposal,
        chain_id=31337,
        block_number=1_234_567,
        block_hash="0x" + "cd" * 32,
        proposer=ALICE,
        executed=True,
        effects=effects,
        gas=(
            StepGas("propose", 74_321),
            *(StepGas(f"vote {v}", 81_000) for v in VOTERS[:2]),
            StepGas("execute", 123_456),
        ),
        findings=(
            Finding("warning", "upgrades", "Slither: something medium in IdentityGateNext.verify"),
            Finding("note", "layout", "IdentityGateNext appends 1 variable to its namespace"),
        ),
        electorate=ElectorateAnalysis(
            voters, total, total * 2 // 5, tuple(VOTERS[:2]), tuple(VOTERS[:1]), (total * 2 // 5) / total
        ),
        orders=(
            OrderOutcome(("*", "raise quota"), True),
            OrderOutcome(("raise quota", "*"), False, "CPU: cap exceeded"),
        ),
        code=(("CPU", "the manifest's code, every byte"), ("Governance", "the manifest's code, immutables masked")),
    )


def failing_simulation(dao: Suite) -> Simulation:
    """The same, which does something that its author did not expect."""
    findings = (
        Finding(
            "error",
            "expects",
            f"nothing in expects() explains: CPU._balances[{BOB}] changed 0 → 1 (+1). "
            f'If it is meant, add: yield change("CPU._balances[{BOB}]", by=1)',
        ),
        Finding("error", "code", f"MEM: {HOSTILE}"),
    )
    good = paper_simulation(dao)
    return replace(good, findings=findings + good.findings)
