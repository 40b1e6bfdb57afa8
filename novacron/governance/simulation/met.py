"""Which addresses an execution relied on: what it called, created, and gave a role, an allowance or a variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.governance.decoding.trace import Frame, Trace
from novacron.governance.model import Effects, Write
from novacron.governance.suite import Suite

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_WORD = re.compile(r"0x[0-9a-fA-F]{64}")
_KEYS = re.compile(r"\[([^\[\]]+)\]")
#: Arguments of ERC-20's and ERC-721's Approval, and of ApprovalForAll, that name who may take.
_ALLOWED = {"Approval": ("spender", "approved"), "ApprovalForAll": ("operator",)}


def addresses_met(effects: Effects, trace: Trace, dao: Suite) -> dict[str, str]:
    """Checksum addresses, each with the words for how it comes in; accounts without code may be among them.

    Calls that were undone count, too: whoever was called may have decided what happened next.
    """
    found: dict[str, str] = {}
    for address in effects.created:
        found.setdefault(address, "created")
    for frame in _frames(trace.root):
        if frame.to:
            found.setdefault(frame.to, "called")
    for role in effects.roles:
        if role.change == "granted":
            _note(found, role.account, f"{role.role} of {role.contract}", dao)
    for write in effects.writes:
        for account in _trusted(write):
            _note(found, account, f"in {write.name}", dao)
    for event in effects.events:
        for name, value in event.arguments:
            if name in _ALLOWED.get(event.event, ()):
                _note(found, str(value), f"{name} in {event.name}", dao)
    return found


def _frames(frame: Frame) -> Iterator[Frame]:
    yield frame
    for call in frame.calls:
        yield from _frames(call)


def _note(found: dict[str, str], account: str, how: str, dao: Suite) -> None:
    if account in dao.instances:
        found.setdefault(dao.address_of(account), how)
    elif _ADDRESS.fullmatch(account) and int(account, 16):
        found.setdefault(parse_address(account.lower()), how)


def _trusted(write: Write) -> Iterator[str]:
    """Accounts that a variable's new value names, and the one whose flag or allowance it sets."""
    yield from _values(write.after, raw=write.path.startswith("slot("))
    keys = _KEYS.findall(write.path)
    if keys and write.after and (write.after is True or "allowance" in write.path.lower()):
        yield keys[-1]


def _values(value: Any, *, raw: bool) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _values(item, raw=raw)
    elif isinstance(value, str) and _WORD.fullmatch(value):
        # A word that no layout explains may hold an address beside other members.
        if raw or int(value, 16) < 1 << 160:
            yield "0x" + value[-40:]
    elif isinstance(value, str):
        yield value
