"""Proposal files: what is read from them, and what an author is told who got one wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from novacron.exceptions import ChainUnavailableError, ProposalError
from novacron.governance.authoring import Description, description_of, load_proposal, parse_description
from novacron.governance.model import Proposal, calldata_hash
from novacron.governance.suite import Suite
from tests.support.paper_dao import ADDRESSES, ALICE, PaperPool, paper_suite, word

GOOD = """
    from novacron.governance.expects import mint

    TITLE = "Mint five CPU"
    DESCRIPTION = '''
        **Why**: we need them.

        - one
    '''

    def actions(dao):
        yield dao.CPU.mint(dao.Timelock, 5)

    def expects(dao):
        yield mint("CPU", dao.Timelock, 5)
"""
Load = Callable[..., Proposal]


@pytest.fixture
def dao() -> Suite:
    return paper_suite()


@pytest.fixture
def load(tmp_path: Path, dao: Suite) -> Load:
    """Loads a file of this text."""

    def run(text: str, name: str = "mint_five.py") -> Proposal:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return load_proposal(path, dao)

    return run


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_file_becomes_a_proposal(load: Load) -> None:
    proposal = load(GOOD)
    assert (proposal.name, proposal.title) == ("mint_five", "Mint five CPU")
    assert proposal.body == "**Why**: we need them.\n\n- one"
    assert [action.signature for action in proposal.actions] == ["mint(address,uint256)"]
    assert [str(item) for item in proposal.expects] == ['transfer("CPU", NOBODY, dao.Timelock, 5)']


def test_actions_may_be_returned_as_well_as_yielded(load: Load) -> None:
    call = "dao.CPU.mint(dao.Timelock, 5)"
    assert len(load(changed(f"yield {call}", f"return [{call}, {call}]")).actions) == 2
    assert len(load(changed(f"yield {call}", f"return {call}")).actions) == 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('TITLE = "Mint five CPU"', "", "no TITLE; write TITLE ="),
        ('"Mint five CPU"', "5", "no TITLE"),
        ('"Mint five CPU"', '"  "', "no TITLE"),
        ('"Mint five CPU"', '"two\\nlines"', "TITLE must be one line"),
        ('"Mint five CPU"', '"# heading"', "TITLE must be one line"),
        ('"Mint five CPU"', '"x" * 121', "at most 120"),
        ("DESCRIPTION =", "BESCHREIBUNG =", "no DESCRIPTION"),
        ("- one", "Report: sha256:00", "'Report: sha256:'…, which only the tool adds"),
        ("- one", "  #proposer=0x00", "only the tool adds"),
        ("def actions", "def aktionen", r"no actions\(dao\); write"),
        ("def expects", "def erwartet", r"no expects\(dao\); write"),
        ("yield dao.CPU.mint(dao.Timelock, 5)", "return []", "gives no action"),
        ("yield dao.CPU.mint(dao.Timelock, 5)", "pass", "actions.. gives None; yield at least one call"),
        ("yield dao.CPU", "dao.CPU", r"CPU.mint\(address,uint256\) on line 12 was made but not given: write yield"),
        ("yield dao.CPU", "dao.MEM.mint(dao, 1); yield dao.CPU", "mint_five.py:12: MEM: mint"),
        (
            "    yield dao.CPU",
            "    dao.MEM.mint(dao.Timelock, 1)\n        yield dao.CPU",
            r"mint_five.py:12: MEM.mint\(address,uint256\) was made but not given to the proposal; write yield",
        ),
        ("yield dao.CPU.mint(dao.Timelock, 5)", "yield 5", "gives 5 .int., which is no action; yield calls"),
        ("yield dao.CPU.mint(dao.Timelock, 5)", "yield dao.CPU.mint", "which is no action"),
        (
            "yield dao.CPU.mint(dao.Timelock, 5)",
            "import dataclasses\n        yield dataclasses.replace(dao.CPU.mint(dao.Timelock, 5), calldata=b'')",
            "was not made by a call such as",
        ),
        ("dao.CPU.mint", "dao.CPUU.mint", "mint_five.py:12: ethereum-paper has no contract 'CPUU'; do you mean CPU"),
        ("dao.CPU.mint", "dao.CPU.mintt", "mint_five.py:12: CPU .ResourceToken. has no function 'mintt'; do you mean"),
        ("dao.Timelock, 5)\n\n    def", "dao.Timelock, 5, value=9)\n\n    def", "mint_five.py:12: .*takes no ETH"),
        ("yield dao.CPU", "1 / 0; yield dao.CPU", "mint_five.py:12: ZeroDivisionError: division by zero"),
        ("yield dao.CPU", "raise SystemExit(3); yield dao.CPU", "mint_five.py:12: SystemExit: 3"),
        ("TITLE =", "import nothing_such\n    TITLE =", "mint_five.py:4: ModuleNotFoundError"),
        ("TITLE =", "TITLE ==", "mint_five.py:4: NameError"),
        ("def actions(dao):", "def actions(dao:", "mint_five.py:11: "),
        ("def actions(dao)", "def actions()", "TypeError: .*positional argument"),
        ('yield mint("CPU", dao.Timelock, 5)', "pass", "expects.. gives None; write yield before each"),
        ('yield mint("CPU", dao.Timelock, 5)', "yield 5", "gives 5 .int., which is no expectation"),
        ('yield mint("CPU"', 'yield mint("CPUU"', "do you mean CPU"),
        ('yield mint("CPU", dao.Timelock, 5)', 'yield mint("CPU", dao.Timelock, 0)', "mint_five.py:15: .*no amount"),
        ('yield mint("CPU"', 'dao.CPU.mint(dao.Timelock, 5); yield mint("CPU"', "mint_five.py:15: expects.. makes"),
    ],
)
def test_a_file_that_is_no_proposal_says_what_to_write(load: Load, old: str, new: str, words: str) -> None:
    with pytest.raises(ProposalError, match=words):
        load(changed(old, new))


def test_a_view_in_the_place_of_an_action_is_named(tmp_path: Path) -> None:
    pool = PaperPool()
    pool.calls[ADDRESSES["CPU"], "0x" + keccak(text="totalSupply()")[:4].hex()] = word(77)
    path = tmp_path / "view.py"
    path.write_text(textwrap.dedent(changed("dao.CPU.mint(dao.Timelock, 5)\n\n", "dao.CPU.totalSupply()\n\n")))
    with pytest.raises(ProposalError, match=r"gives 77 \(int\).*CPU.totalSupply\(\) only reads and gave 77"):
        load_proposal(path, paper_suite(pool))


def test_a_view_that_reverts_names_the_line(load: Load) -> None:
    with pytest.raises(ProposalError, match=r"mint_five.py:12: .*totalSupply\(\) reverted"):
        load(changed("yield dao.CPU", "dao.CPU.totalSupply(); yield dao.CPU"))


def test_a_chain_that_does_not_answer_is_not_the_files_fault(tmp_path: Path) -> None:
    class Silent(PaperPool):
        def exchange(self, method: str, params: Any) -> Any:
            raise ChainUnavailableError("nobody answers")

    path = tmp_path / "view.py"
    path.write_text(textwrap.dedent(changed("yield dao.CPU", "dao.CPU.cap(); yield dao.CPU")))
    with pytest.raises(ChainUnavailableError):
        load_proposal(path, paper_suite(Silent()))


def test_a_missing_file_lists_those_there_are(load: Load, tmp_path: Path, dao: Suite) -> None:
    load(GOOD)
    with pytest.raises(ProposalError, match=r"does not exist; .* has: mint_five\.py"):
        load_proposal(tmp_path / "mint_six.py", dao)


@pytest.mark.parametrize("name", ["Mint.py", "mint-five.py", "5mint.py", "mint.txt", "x" * 65 + ".py"])
def test_a_name_that_cannot_be_a_folder_of_reports_is_refused(load: Load, name: str) -> None:
    with pytest.raises(ProposalError, match="a proposal's file is named like"):
        load(GOOD, name)


def test_loading_leaves_nothing_behind(load: Load, tmp_path: Path) -> None:
    load(GOOD)
    assert [path.name for path in tmp_path.iterdir()] == ["mint_five.py"]


# -- the description -------------------------------------------------------------------------------------------------


def test_a_description_gives_its_parts_back(load: Load) -> None:
    proposal = load(GOOD)
    text = description_of(proposal, b"\x11" * 32, ALICE.lower())
    assert text.splitlines()[-3:] == [
        "Report: sha256:" + "11" * 32,
        f"Calldata: keccak256:{proposal.calldata_hash.hex()}",
        f"#proposer={ALICE}",
    ]
    assert parse_description(text) == Description(
        proposal.title, proposal.body, b"\x11" * 32, proposal.calldata_hash, ALICE
    )
    assert description_of(proposal, "0x" + "11" * 32, ALICE) == text


def test_the_calldata_hash_covers_every_part_of_every_action(load: Load) -> None:
    proposal = load(GOOD)
    targets, values, calldatas = proposal.targets, proposal.values, proposal.calldatas
    others = [
        calldata_hash([ALICE], values, calldatas),
        calldata_hash(targets, [1], calldatas),
        calldata_hash(targets, values, [calldatas[0] + b"\x00"]),
        calldata_hash(targets * 2, values * 2, calldatas * 2),
    ]
    assert len({proposal.calldata_hash, *others}) == 5


@pytest.mark.parametrize(("digest", "proposer"), [("11", ALICE), (b"\x11" * 31, ALICE), ("11" * 32, "Timelock")])
def test_a_description_needs_a_hash_and_an_address(load: Load, digest: Any, proposer: str) -> None:
    with pytest.raises(ProposalError):
        description_of(load(GOOD), digest, proposer)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda text: text + "\n",
        lambda text: text.replace("Report: ", "Report:"),
        lambda text: text.replace("sha256:11", "sha256:1"),
        lambda text: text.replace("\n#proposer=0x", "\n#proposer=0x00"),
        lambda text: text.replace("# Mint", "Mint"),
    ],
)
def test_what_is_not_exactly_our_form_has_no_hashes(load: Load, tamper: Callable[[str], str]) -> None:
    parsed = parse_description(tamper(description_of(load(GOOD), "11" * 32, ALICE)))
    assert (parsed.report_hash, parsed.calldata_hash, parsed.proposer) == (None, None, None)
    assert parsed.title == "Mint five CPU"


def test_only_the_last_lines_of_a_foreign_description_count(load: Load) -> None:
    text = description_of(load(GOOD), "11" * 32, ALICE)
    twice = parse_description(text.replace("- one", "- one\n\nReport: sha256:" + "22" * 32))
    assert twice.report_hash == b"\x11" * 32


def test_other_tools_descriptions_give_title_and_body() -> None:
    assert parse_description("# Raise\n\nbecause\n") == Description("Raise", "because")
    assert parse_description("") == Description("", "")
