"""The report: canonical, complete, escaped; and what its numbers say to people."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from novacron.chain.anvil import foundry_binary
from novacron.governance import units
from novacron.governance.model import EventRecord, Finding, Simulation, Write
from novacron.governance.reporting.report import (
    document_hash,
    effects_hash,
    plain,
    render_html,
    render_markdown,
    report_bytes,
    report_document,
)
from novacron.governance.reporting.text import paragraphs, recompute_calldata, visible
from tests.support.paper_dao import ALICE, paper_suite
from tests.support.paper_report import HOSTILE, VOTERS, failing_simulation, paper_simulation


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return paper_simulation(paper_suite())


@pytest.fixture(scope="module")
def document(simulation: Simulation) -> dict[str, Any]:
    return report_document(simulation)


# -- the document ----------------------------------------------------------------------------------------------------


def test_the_same_simulation_gives_the_same_bytes(document: dict[str, Any]) -> None:
    again = report_document(paper_simulation(paper_suite()))
    assert report_bytes(again) == report_bytes(document)
    assert json.loads(report_bytes(document)) == document


def test_numbers_that_json_cannot_hold_are_decimal_text(document: dict[str, Any]) -> None:
    assert document["effects"]["writes"][0]["after"] == str(250_000 * 10**18)
    assert document["effects"]["writes"][2]["after"] == 172_800
    assert plain(2**53 - 1) == 2**53 - 1
    assert plain(2**53) == "9007199254740992"
    assert plain(-(2**53)) == "-9007199254740992"
    assert plain((True, None, b"\x01", {"a": 2**60})) == [True, None, "0x01", {"a": str(2**60)}]


def test_nothing_in_it_depends_on_the_descriptions_hash(simulation: Simulation, document: dict[str, Any]) -> None:
    other = replace(
        simulation.effects,
        bookkeeping=(
            Write("0x", "Governance", f"_proposals[{2**254 + 7}].executed", "bool", False, True),
            EventRecord("0x", "Timelock", "CallExecuted", (("id", "0x" + "77" * 32),)),
        ),
    )
    assert report_document(replace(simulation, effects=other)) == document
    assert document["bookkeeping"] == ["Governance._proposals[this proposal].executed", "Timelock.CallExecuted"]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, block_hash="0x" + "ce" * 32),
        lambda s: replace(s, proposer=VOTERS[0]),
        lambda s: replace(s, findings=()),
        lambda s: replace(s, gas=s.gas[1:]),
        lambda s: replace(s, orders=s.orders[1:]),
        lambda s: replace(s, electorate=None),
        lambda s: replace(s, proposal=replace(s.proposal, title="Other")),
        lambda s: replace(s, proposal=replace(s.proposal, body="Other")),
        lambda s: replace(s, proposal=replace(s.proposal, actions=s.proposal.actions[1:])),
        lambda s: replace(s, effects=replace(s.effects, writes=s.effects.writes[1:])),
    ],
)
def test_every_part_is_covered_by_the_hash(simulation: Simulation, document: dict[str, Any], change: Any) -> None:
    assert document_hash(report_document(change(simulation))) != document_hash(document)


def test_the_hash_of_effects_ignores_bookkeeping_and_nothing_else(simulation: Simulation) -> None:
    effects = simulation.effects
    assert effects_hash(replace(effects, bookkeeping=())) == effects_hash(effects)
    for name in ("writes", "events", "roles", "transfers", "created"):
        assert effects_hash(replace(effects, **{name: ()})) != effects_hash(effects)


def test_balances_are_net_and_leave_nobody_out(document: dict[str, Any]) -> None:
    net = {(row["token"], row["account"]): row["change"] for row in document["balances"]}
    assert net["CPU", "Timelock"] == str(250_000 * 10**18)
    assert net["ETH", "Timelock"] == str(-15 * 10**17)
    assert net["ETH", ALICE] == str(15 * 10**17)
    assert not any(set(account) == {"0", "x"} for _, account in net)


def test_the_verdict_says_what_is_wrong(simulation: Simulation, document: dict[str, Any]) -> None:
    assert document["verdict"] == "It executes, and everything that it changes is explained."
    failing = report_document(failing_simulation(paper_suite()))
    assert failing["verdict"] == "It executes, but: 1 difference from what its author expects and 1 failed check."
    twice = replace(simulation, findings=(Finding("error", "expects", "a"), Finding("error", "expects", "b")))
    assert report_document(twice)["verdict"] == "It executes, but: 2 differences from what its author expects."
    assert report_document(replace(simulation, executed=False))["verdict"] == "It does not execute."


def test_addresses_of_the_suite_are_named_beside_the_raw_ones(document: dict[str, Any]) -> None:
    [to, amount] = document["actions"][0]["arguments"]
    assert (to["human"], amount["human"]) == ("Timelock", "250,000 CPU")
    assert document["actions"][2]["arguments"][0]["human"] == f"Timelock, {ALICE}"
    assert document["actions"][3]["value_human"] == "1.5 ETH"


def test_the_shown_command_prints_the_calldata_hash(document: dict[str, Any]) -> None:
    found = re.fullmatch(
        r"cast keccak \$\(cast abi-encode '([^']*)' '([^']*)' '([^']*)' '([^']*)'\)", recompute_calldata(document)
    )
    assert found is not None
    cast = str(foundry_binary("cast"))
    encoded = subprocess.run([cast, "abi-encode", *found.groups()], capture_output=True, text=True, check=True)
    digest = subprocess.run([cast, "keccak", encoded.stdout.strip()], capture_output=True, text=True, check=True)
    assert digest.stdout.strip() == document["proposal"]["calldata_hash"]


# -- HTML and Markdown -----------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Tags, addresses of other resources, and visible text of a page; checks that tags are closed in order."""

    VOID = frozenset({"meta", "br", "rect", "line", "i"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action", "data") or name[:2] == "on"]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("make", [paper_simulation, failing_simulation])
def test_the_page_is_self_contained_and_runs_nothing(make: Any) -> None:
    html = render_html(report_document(make(paper_suite())))
    page = Page(html)
    assert page.links == []
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert " ".join(HOSTILE.split()) in page.text


def poisoned(value: Any, key: str = "") -> Any:
    """The document with hostile text in every text, but for the two words that the program itself chooses."""
    if isinstance(value, dict):
        return {name: poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, key) for item in value]
    return value + HOSTILE if isinstance(value, str) and key not in ("severity", "change") else value


def test_hostile_text_stays_text_wherever_it_stands(document: dict[str, Any]) -> None:
    html = render_html(poisoned(document))
    assert "<script" not in html
    assert Page(html).links == []
    prose = re.sub(r"``+.*?``+|`[^`\n]*`", "", render_markdown(poisoned(document)).replace("\\`", ""))
    assert not re.search(r"(?<!\\)<script", prose)


def test_the_page_shows_everything_of_the_document(document: dict[str, Any]) -> None:
    text = Page(render_html(document)).text
    for wanted in (
        document["proposal"]["title"],
        document["verdict"],
        "CPU.mint",
        "250,000 CPU",
        "250,000,000,000,000,000,000,000",
        "Governance._votingDelay",
        "2 days",
        "172,800",
        "revoked from",
        "1.5 ETH",
        "7 base units of",
        "Slither: something medium",
        "CPU: cap exceeded",
        "immutables masked",
        "74,321",
        'grant("GUARDIAN", ',
        "quorum 2,888.000, 40.0 %",
        "The 2 largest voters can carry it against all others",
        "4 more voters",
        document_hash(document).hex(),
        document["proposal"]["calldata_hash"],
        document["chain"]["block_hash"],
    ):
        assert wanted in text, wanted
    for write in document["effects"]["writes"]:
        assert f"{write['contract']}.{write['path']}" in text


def test_a_failure_shows_the_line_to_paste() -> None:
    html = render_html(report_document(failing_simulation(paper_suite())))
    assert 'class="verdict failed"' in html
    assert "<code class=line>yield change(&quot;CPU._balances[" in html


def test_a_page_of_nothing_but_a_failure_is_complete(simulation: Simulation) -> None:
    bare = replace(
        simulation,
        executed=False,
        effects=type(simulation.effects)(),
        gas=(),
        electorate=None,
        orders=(),
        code=(),
        findings=(Finding("error", "execute", "action 1, CPU.mint: ERC20ExceededCap(2, 1)"),),
    )
    document = report_document(bare)
    text = Page(render_html(document)).text
    assert "It does not execute." in text
    assert "ERC20ExceededCap(2, 1)" in text
    assert "What changes" not in text
    assert "ERC20ExceededCap(2, 1)" in render_markdown(document)


def test_markdown_keeps_hostile_text_text(document: dict[str, Any]) -> None:
    for text in (render_markdown(document), render_markdown(report_document(failing_simulation(paper_suite())))):
        prose = re.sub(r"``.*?``|`[^`\n]*`", "", text.replace("\\`", ""))
        assert not re.search(r"(?<!\\)<script", prose)
        assert not re.search(r"(?<!\\)!\[", prose)


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\u00ad", "\ufeff", "\x1b"])
def test_characters_that_nobody_sees_are_shown(hidden: str, document: dict[str, Any]) -> None:
    body = {**document["proposal"], "title": f"Mint{hidden} tokens", "body": f"To{hidden}day\n\nand{hidden}"}
    for render in (render_html, render_markdown):
        text = render({**document, "proposal": body})
        assert hidden not in text
        assert f"{ord(hidden):04x}}}" in text
    assert visible(f"a{hidden}b\n\tc") == f"a\\u{{{ord(hidden):04x}}}b\n\tc"


def test_markdown_tables_keep_their_columns(document: dict[str, Any]) -> None:
    text = render_markdown(document)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, table


def test_markdown_shows_amounts_beside_raw_numbers(document: dict[str, Any]) -> None:
    text = render_markdown(document)
    assert "**250,000 CPU** (`250,000,000,000,000,000,000,000`)" in text
    assert "| `Governance._votingDelay` | **1 day** (`86,400`) | **2 days** (`172,800`) | +1 day |" in text
    assert f"`{document_hash(document).hex()}`" in text


# -- units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "token", "text"),
    [
        (0, "CPU", "0 CPU"),
        (1, "NovaToken", "0.000000000000000001 NOVA"),
        (-15 * 10**17, "ETH", "-1.5 ETH"),
        (10**27 + 10**17, "CPU", "1,000,000,000.1 CPU"),
        (1234, "0xabc", "1,234"),
    ],
)
def test_amounts_are_exact(value: int, token: str, text: str) -> None:
    assert units.amount(value, token) == text


@pytest.mark.parametrize(
    ("contract", "name", "value", "text"),
    [
        ("CPU", "_balances[Timelock]", 10**18, "1 CPU"),
        ("CPU", "_totalSupply", 10**18, "1 CPU"),
        ("CPU", "amount", 10**18, "1 CPU"),
        ("CPU", "nonce", 10**18, ""),
        ("Governance", "amount", 10**18, ""),
        ("Governance", "_proposalThreshold", 10**23, "100,000 NOVA"),
        ("Governance", "newVotingPeriod", 604_800, "7 days"),
        ("Timelock", "_minDelay", 129_600, "1 day 12 hours"),
        ("Timelock", "_minDelay", 0, "0 seconds"),
        ("Authority", "_roles[1].members[X].since", 1_800_000_000, "2027-01-15 08:00:00 UTC"),
        ("Authority", "_roles[1].members[X].since", 0, ""),
        ("Authority", "roleId", 1, "GUARDIAN"),
        ("Authority", "roleId", 9, ""),
        ("CPU", "amount", True, ""),
        ("CPU", "amount", "5", ""),
    ],
)
def test_numbers_are_said_in_the_units_of_their_names(contract: str, name: str, value: Any, text: str) -> None:
    assert units.describe(contract, name, value) == text


def test_differences_have_signs_and_moments_have_none() -> None:
    assert units.describe_change("CPU", "_totalSupply", 10**18, 0) == "-1 CPU"
    assert units.describe_change("Governance", "_votingDelay", 3600, 7200) == "+1 hour"
    assert units.describe_change("Authority", "x.since", 0, 1_800_000_000) == ""


def test_paragraphs_are_joined_and_lists_are_not() -> None:
    body = "one\ntwo\n\n- a\n- b\n\n1. x\n2. y\n\n    code\n\n\n\nlast"
    assert paragraphs(body) == [
        ("one two", False),
        ("- a\n- b", True),
        ("1. x\n2. y", True),
        ("    code", True),
        ("last", False),
    ]
