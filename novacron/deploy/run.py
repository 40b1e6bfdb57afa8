"""The steps of one deployment: have an instance on the chain, compare its code, have a call take effect.

Every transaction goes through the journal of `novacron.chain` under a key made of what it does, so that a second run
sends the same bytes or none. The chain decides what is left to do: what is there already is compared and adopted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import ErrorDecoder
from novacron.chain.journal import Journal
from novacron.chain.receipts import TransactionReceipt
from novacron.chain.transactions import TransactionManager
from novacron.deploy.checks import Calls
from novacron.deploy.compiler import CompiledContract
from novacron.deploy.git import GitState
from novacron.deploy.onchain import CodeCheck, check_code, code_at, simulate_constructor
from novacron.deploy.plan import Call, Created, Plan, SafeAccount
from novacron.deploy.resolve import ResolvedInstance
from novacron.deploy.safe import decode_creation, read_safe, safe_findings
from novacron.exceptions import DeployError, RevertedError, VerificationError

Step = Literal[
    "compiled", "found", "intent", "signed", "broadcast", "sent", "mined", "confirmed", "checked", "recorded", "done"
]


@dataclass(frozen=True)
class DeployEvent:
    """A step that has just taken effect; from intent to mined they are the journal's.

    `instance` is the name of an instance or the label of a call, "" for the plan.
    """

    step: Step
    instance: str
    detail: str = ""


def transaction_key(item: ResolvedInstance, number: int = 1) -> str:
    """Idempotency key of an instance's deployment; `number` counts attempts that the chain has reverted for good."""
    key = f"deploy:{item.name}:0x{(item.salt or b'').hex()}:0x{item.init_code_hash.hex()}"
    return key if number == 1 else f"{key}:{number}"


def call_key(label: str, address: str, data: bytes, number: int = 1) -> str:
    """Idempotency key of a call; `number` as in `transaction_key`."""
    key = f"call:{label}:{address}:0x{data.hex()}"
    return key if number == 1 else f"{key}:{number}"


@dataclass(frozen=True)
class Run:
    """One run of the deployer.

    Attributes:
        pool, sender: the chain and the account that pays.
        plan, resolved, compiled: what to deploy; instances and contracts by name.
        accounts: addresses of the accounts the plan names.
        journal, manager: of the transactions.
        git: state of the source tree.
        tell: told of every step.
        patience: seconds to wait until a node shows what a receipt of another one has promised.
    """

    pool: EndpointPool
    sender: str
    plan: Plan
    resolved: Mapping[str, ResolvedInstance]
    compiled: Mapping[str, CompiledContract]
    accounts: Mapping[str, str]
    journal: Journal
    manager: TransactionManager
    git: GitState
    tell: Callable[[DeployEvent], None]
    patience: float

    @property
    def calls(self) -> Calls:
        """The plan's calls on this chain."""
        addresses = {name: item.address for name, item in self.resolved.items()}
        return Calls(self.pool, self.plan, addresses, self.accounts, self.compiled)

    # -- instances ---------------------------------------------------------------------------------------------------

    def ensure(self, item: ResolvedInstance) -> TransactionReceipt | None:
        """Have the instance's code on the chain; the receipt of our transaction, None when somebody else's did it."""
        if isinstance(item.instance, Created):
            return self._creation(item.instance, item)
        key = self._key(lambda number: transaction_key(item, number))
        if code_at(self.pool, item.address):
            self.tell(DeployEvent("found", item.name, f"already at {item.address}"))
            if self._unused(key):
                return None
        # What was ever signed may be in a node's pool: it is seen through to its receipt, also when code is there.
        try:
            receipt = self.manager.send(key, to=item.creator, data=item.call_data)
        except RevertedError:
            if code_at(self.pool, item.address):  # somebody was faster, which made our CREATE2 fail
                self.tell(DeployEvent("found", item.name, f"deployed by somebody else at {item.address}"))
                return None
            raise
        self._eventually(lambda: code_at(self.pool, item.address) != b"")
        self.tell(DeployEvent("confirmed", item.name, f"block {receipt.block_number}, {receipt.gas_used} gas"))
        return receipt

    def _creation(self, created: Created, item: ResolvedInstance) -> TransactionReceipt | None:
        """The receipt of the creator's transaction, which made this one, too."""
        if not self._eventually(lambda: code_at(self.pool, item.address) != b""):
            raise DeployError(
                f"{item.name}: {created.creator} has created nothing at {item.address}; the plan's nonce "
                f"{created.nonce} or its contract is wrong"
            )
        self.tell(DeployEvent("found", item.name, f"created by {created.creator} at {item.address}"))
        key = self._key(lambda number: transaction_key(self.resolved[created.creator], number))
        entry = self.journal.get(key)
        return TransactionReceipt.of(entry) if entry is not None and entry.state == "mined" else None

    def check(self, item: ResolvedInstance, *, configured: bool) -> CodeCheck:
        """Compare the code on the chain with the source's.

        Args:
            item: the instance.
            configured: of a Safe, compare owners, threshold and the rest, too. Later they are the owners' to change.

        Raises:
            VerificationError: they differ, naming the byte or the setting.
        """
        try:
            expected = simulate_constructor(
                self.pool, item.address, item.init_code, creator=item.creator, children=item.children
            )
        except RevertedError:  # its outside conditions have changed since it ran; the masked comparison remains
            expected = None
        result = check_code(item.name, item.contract, code_at(self.pool, item.address), expected)
        findings = list(result.findings)
        if isinstance(item.instance, SafeAccount) and configured and not findings:
            singleton, _, _, owners, threshold, handler = decode_creation(item.call_data)
            state = read_safe(self.pool, item.address)
            findings += safe_findings(item.name, state, owners, threshold, singleton, handler)
        if findings:
            raise VerificationError("; ".join(findings))
        how = "all bytes" if result.exact else "immutables left out: the constructor cannot be simulated here"
        self.tell(DeployEvent("checked", item.name, f"code equals the source ({how})"))
        return result

    # -- calls -------------------------------------------------------------------------------------------------------

    def perform(self, call: Call, since: int = 0) -> TransactionReceipt | None:
        """Have a call take effect; the receipt of our transaction, None when it was done without one of this journal.

        Raises:
            DeployError: the transaction was mined and the chain does not show its effect.
        """
        calls, address = self.calls, self.resolved[call.target].address
        data = calls.data(call)
        key = self._key(lambda number: call_key(call.label, address, data, number))
        if calls.done(call, since) and self._unused(key):
            self.tell(DeployEvent("found", call.label, "has taken effect already"))
            return None
        try:
            receipt = self.manager.send(key, to=address, data=data)
        except RevertedError:
            if calls.done(call, since):
                self.tell(DeployEvent("found", call.label, "somebody else's transaction has done it"))
                return None
            raise
        if not self._eventually(lambda: calls.done(call, since)):
            raise DeployError(
                f"{call.label}: transaction {receipt.hash} was mined in block {receipt.block_number}, and the chain "
                "does not show its effect: something has undone it since, or the block was reorganised away. Find out "
                "which; to make the call again, send it by hand and repeat"
            )
        self.tell(DeployEvent("done", call.label, f"block {receipt.block_number}, {receipt.gas_used} gas"))
        return receipt

    # -- inside ------------------------------------------------------------------------------------------------------

    def _eventually(self, condition: Callable[[], bool]) -> bool:
        """Whether `condition` holds before patience ends: behind one address there may be nodes that lag."""
        deadline = time.monotonic() + self.patience
        while not condition():
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(0.5, self.patience / 10))
        return True

    def _unused(self, key: str) -> bool:
        """Whether nothing was ever signed under a key; an intent is then forgotten."""
        entry = self.journal.get(key)
        unused = entry is None or (entry.unsigned and not entry.attempts)
        if unused:
            self.journal.withdraw(key)
        return unused

    def _key(self, numbered: Callable[[int], str]) -> str:
        """The key of the first attempt that the chain has not reverted for good."""
        number = 1
        while True:
            entry = self.journal.get(numbered(number))
            if entry is None or not entry.settled or entry.state == "mined":
                return numbered(number)
            number += 1


def decoder_of(compiled: Mapping[str, CompiledContract]) -> ErrorDecoder:
    """Custom errors of all contracts of a plan."""
    return ErrorDecoder(*(contract.abi for contract in compiled.values()))
