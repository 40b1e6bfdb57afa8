"""Proposal files (`TITLE`, `DESCRIPTION`, `actions(dao)`, `expects(dao)`) and the description for the chain."""

from __future__ import annotations

import re
import textwrap
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.exceptions import ChainError, ProposalError, RevertedError
from novacron.governance.expects import Expectation
from novacron.governance.model import Action, Proposal
from novacron.governance.suite import Recording, Suite

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TITLE_LENGTH = 120
#: Lines that only `description_of` writes; in a body they could be taken for the real ones.
_RESERVED = re.compile(r"^\s*(?:Report: *sha256:|Calldata: *keccak256:|#proposer=)", re.MULTILINE | re.IGNORECASE)
_DESCRIPTION = re.compile(
    r"# (?P<title>[^\n]+)\n\n(?P<body>.*)\n\n"
    r"Report: sha256:(?P<report>[0-9a-f]{64})\n"
    r"Calldata: keccak256:(?P<calldata>[0-9a-f]{64})\n"
    r"#proposer=(?P<proposer>0x[0-9a-fA-F]{40})",
    re.DOTALL,
)


def load_proposal(path: Path | str, dao: Suite) -> Proposal:
    """Run a proposal file against a suite.

    View functions that the file calls are read at `dao.block`; nothing is sent.

    Args:
        path: `<name>.py`; the name becomes the proposal's and that of its report's folder.

    Raises:
        ProposalError: anything that keeps the file from being a proposal; names file, line and what to write.
        ChainError: the chain does not answer.
    """
    path = Path(path)
    module = _run(path)
    title, body = _title(path, module), _body(path, module)
    actions = _actions(path, module, dao)
    return Proposal(path.stem, title, body, actions, _expects(path, module, dao))


# --------------------------------------------------------------------------------------------------------------------
# The description on the chain
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Description:
    """The parts of a proposal's description; None where somebody else's tool wrote it without them.

    Attributes:
        title, body: as the author wrote them.
        report_hash: SHA-256 of the simulation's report document, 32 bytes.
        calldata_hash: Keccak-256 of `abi.encode(targets, values, calldatas)`, 32 bytes.
        proposer: the only account that may propose it (OpenZeppelin's `#proposer=` rule).
    """

    title: str
    body: str
    report_hash: bytes | None = None
    calldata_hash: bytes | None = None
    proposer: str | None = None


def description_of(proposal: Proposal, report_hash: bytes | str, proposer: str) -> str:
    """The text that `propose` gets: title, body, the two hashes, and who may propose it.

    Args:
        report_hash: SHA-256 of the report document, 32 bytes or 64 hexadecimal digits.
        proposer: account or Safe that will propose.

    Raises:
        ProposalError: no hash, no address.
    """
    digest = report_hash.hex() if isinstance(report_hash, bytes) else str(report_hash).lower().removeprefix("0x")
    if re.fullmatch(r"[0-9a-f]{64}", digest) is None:
        raise ProposalError(f"report hash {digest!r} is no SHA-256: give 32 bytes or 64 hexadecimal digits")
    account = parse_address(proposer, "proposer", ProposalError)
    return (
        f"# {proposal.title}\n\n{proposal.body}\n\nReport: sha256:{digest}\n"
        f"Calldata: keccak256:{proposal.calldata_hash.hex()}\n#proposer={account}"
    )


def parse_description(text: str) -> Description:
    """The parts of a description; any text is accepted, but the hashes only in exactly our form, at the very end."""
    found = _DESCRIPTION.fullmatch(text)
    if found is None:
        first, _, rest = text.partition("\n")
        return Description(first.lstrip("# ").strip(), rest.strip())
    return Description(
        found["title"],
        found["body"],
        bytes.fromhex(found["report"]),
        bytes.fromhex(found["calldata"]),
        parse_address(found["proposer"].lower()),
    )


# --------------------------------------------------------------------------------------------------------------------
# The file
# --------------------------------------------------------------------------------------------------------------------


def _run(path: Path) -> ModuleType:
    if path.suffix != ".py" or _NAME.fullmatch(path.stem) is None:
        raise ProposalError(
            f"{path.name}: a proposal's file is named like raise_quota.py: small letters, digits and underscores"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = ", ".join(sorted(p.name for p in path.parent.glob("*.py") if not p.name.startswith("_")))
        raise ProposalError(f"{path} does not exist; {path.parent} has: {known or 'no proposals'}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProposalError(f"{path} cannot be read: {error}") from error
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        code = compile(text, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ProposalError(f"{path.name}:{line}: {getattr(error, 'msg', error)}") from error
    _guarded(path, lambda: exec(code, module.__dict__))  # noqa: S102 - running the author's file is what we are asked
    return module


def _guarded(path: Path, run: Callable[[], Any]) -> Any:
    """`run()`; what the author's code raises becomes a ProposalError that names the file's line.

    A chain that does not answer is no fault of the file: such an error passes as it is.
    """
    try:
        return run()
    except RevertedError as error:
        raise ProposalError(f"{_where(path, error)}: {error}") from error
    except ChainError:
        raise
    except (Exception, SystemExit) as error:
        kind = "" if isinstance(error, ProposalError) else f"{type(error).__name__}: "
        raise ProposalError(f"{_where(path, error)}: {kind}{error}") from error


def _where(path: Path, error: BaseException) -> str:
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(path)]
    return f"{path.name}:{lines[-1]}" if lines else path.name


def _title(path: Path, module: ModuleType) -> str:
    title = getattr(module, "TITLE", None)
    if not isinstance(title, str) or not title.strip():
        raise ProposalError(f'{path.name} has no TITLE; write TITLE = "What the proposal does"')
    title = title.strip()
    if len(title.splitlines()) > 1 or not title.isprintable() or len(title) > _TITLE_LENGTH or title.startswith("#"):
        raise ProposalError(
            f"{path.name}: TITLE must be one line of at most {_TITLE_LENGTH} characters that does not begin with #"
        )
    return title


def _body(path: Path, module: ModuleType) -> str:
    body = getattr(module, "DESCRIPTION", None)
    if not isinstance(body, str) or not body.strip():
        raise ProposalError(f'{path.name} has no DESCRIPTION; write DESCRIPTION = """Why, in Markdown."""')
    body = textwrap.dedent(body.replace("\r\n", "\n")).strip()
    reserved = _RESERVED.search(body)
    if reserved:
        raise ProposalError(
            f"{path.name}: DESCRIPTION has a line {reserved.group().strip()!r}…, which only the tool adds at the end; "
            "word it otherwise"
        )
    return body


def _function(path: Path, module: ModuleType, name: str, example: str) -> Callable[[Suite], Any]:
    found = getattr(module, name, None)
    if not callable(found):
        raise ProposalError(f"{path.name} has no {name}(dao); write\n    def {name}(dao):\n        yield {example}")
    return found  # type: ignore[no-any-return]


def _actions(path: Path, module: ModuleType, dao: Suite) -> tuple[Action, ...]:
    make = _function(path, module, "actions", "dao.CPU.mint(dao.Timelock, 5 * 10**18)")
    with dao.recording(str(path)) as recording:
        given = _guarded(path, lambda: _items(make(dao)))
    if given is None:
        raise ProposalError(f"{path.name}: actions() gives None; {_forgotten(recording, 'write yield before it')}")
    made = {id(action) for action in recording.actions}
    for item in given:
        if not isinstance(item, Action):
            raise ProposalError(f"{path.name}: actions() gives {_shown(item)}, which is no action; {_hint(recording)}")
        if id(item) not in made:
            # Its words could say something else than its call data, and reviewers read the words.
            raise ProposalError(
                f"{path.name}: actions() gives an Action for {item.target} that was not made by a call such as "
                "dao.CPU.mint(…); make it so"
            )
    returned = {id(item) for item in given}
    for action, line in zip(recording.actions, recording.lines, strict=True):
        if id(action) not in returned:
            raise ProposalError(
                f"{path.name}:{line}: {_call(action)} was made but not given to the proposal; "
                "write yield before it, or delete it"
            )
    if not given:
        raise ProposalError(f"{path.name}: actions() gives no action; yield at least one, as yield dao.CPU.mint(…)")
    return tuple(_reread(path, item, dao) for item in given)


def _reread(path: Path, action: Action, dao: Suite) -> Action:
    """The action with words of its call data: those that it has may have been changed since it was made."""
    read = dao.reread(action)
    if action.contradicts(read):
        raise ProposalError(
            f"{path.name}: an action says that it is {_call(action)}, but its call data is {_call(read)} of "
            f"{read.target}; give actions as the calls made them"
        )
    return read


def _expects(path: Path, module: ModuleType, dao: Suite) -> tuple[Expectation, ...]:
    make = _function(path, module, "expects", 'transfer("CPU", NOBODY, "Timelock", 5 * 10**18)')
    with dao.recording(str(path)) as recording:
        given = _guarded(path, lambda: _items(make(dao)))
    if recording.actions:
        raise ProposalError(
            f"{path.name}:{recording.lines[0]}: expects() makes the action {_call(recording.actions[0])}; "
            "actions belong into actions()"
        )
    if given is None:
        raise ProposalError(f"{path.name}: expects() gives None; write yield before each expectation")
    for item in given:
        if not isinstance(item, Expectation):
            raise ProposalError(
                f"{path.name}: expects() gives {_shown(item)}, which is no expectation; use change(), event(), "
                "transfer() and the others of novacron.governance.expects"
            )
        _guarded(path, partial(item.parts, dao))
    return tuple(given)


def _items(value: Any) -> list[Any] | None:
    """What was returned or yielded, as a list; a single one counts as a list of one."""
    if value is None:
        return None
    if isinstance(value, (Action, Expectation)) or not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        return [value]
    return list(value)


def _hint(recording: Recording) -> str:
    if recording.read:
        return f"{recording.read} only reads and gave {_shown(recording.value)}: an action is a call that changes state"
    return "yield calls such as dao.CPU.mint(…), one at a time"


def _forgotten(recording: Recording, advice: str) -> str:
    if recording.actions:
        return f"{_call(recording.actions[0])} on line {recording.lines[0]} was made but not given: {advice}"
    return "yield at least one call, as yield dao.CPU.mint(…)"


def _call(action: Action) -> str:
    return f"{action.contract or action.target}.{action.signature or 'pay'}"


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '…'} ({type(value).__name__})"
