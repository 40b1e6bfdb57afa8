"""The contracts of one deployment by name, and one account that calls them: each call once, errors with advice."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.answers import same_hex
from novacron.chain.contracts import Block, ContractHandle
from novacron.chain.endpoints import EndpointPool
from novacron.chain.entries import Entry
from novacron.chain.receipts import TransactionReceipt
from novacron.chain.transactions import TransactionManager
from novacron.deploy.apply import require_same_chain
from novacron.deploy.manifest import load_manifest
from novacron.exceptions import (
    ConfigurationError,
    InputError,
    InsufficientFundsError,
    MarketRefusedError,
    RevertedError,
)
from novacron.market.resources import Resource, tokens_text

#: What to say about a contract's error, by its name: from its arguments to a sentence.
Advice = Mapping[str, Callable[..., str]]

_OVERTAKEN = (
    "it was refused when it was mined, though it would have gone through before: it came too late, or something else "
    "came first; look at how things are now and give the command again"
)


@dataclass(frozen=True)
class Deployment:
    """Where the contracts of one network are.

    Attributes:
        pool: the chain.
        instances: address by instance name (ResourceMarket, CPU, VMLifecycle …).
        first_block: no event of these contracts is older.
        name: the network, for messages.
    """

    pool: EndpointPool
    instances: Mapping[str, str] = field(repr=False)
    first_block: int = 0
    name: str = "this network"

    @classmethod
    def of_manifest(cls, path: Path | str, pool: EndpointPool) -> Deployment:
        """What a `manifest.json` says.

        Raises:
            DeployError: no manifest, or a malformed one.
            WrongChainError: it belongs to another chain.
        """
        manifest = load_manifest(path)
        require_same_chain(pool, manifest, Path(path))
        blocks = [record.block_number for record in manifest.instances.values() if record.block_number is not None]
        addresses = {name: record.address for name, record in manifest.instances.items()}
        return cls(pool, addresses, min(blocks, default=0), manifest.network)

    def address_of(self, instance: str) -> str:
        """Address of an instance. Raises ConfigurationError when it is not deployed."""
        if instance not in self.instances:
            raise ConfigurationError(f"{instance} is not deployed on {self.name}; deploy it, or use another network")
        return self.instances[instance]

    def handle(self, instance: str, abi: str | None = None) -> ContractHandle:
        """A contract by its instance name; `abi` where that is not the name of its ABI."""
        return ContractHandle(self.pool, self.address_of(instance), abi or instance)

    def token(self, resource: Resource) -> ContractHandle:
        """A resource's token."""
        return self.handle(resource.name, "ResourceToken")

    def resource_of(self, token: str) -> Resource | None:
        """Which resource's token an address is; None when it is none of them."""
        return next((r for r in Resource if same_hex(self.instances.get(r.name), token)), None)


class Account:
    """Calls contracts as one account.

    Every call has a key that names it for good, within this account: a call repeated under its key is not made again
    but waited for, also after a crash. One whose transaction was mined and reverted may be tried anew.

    Args:
        deployment: where the contracts are.
        manager: signs and sends.
        advice: what to say about contracts' errors.
    """

    def __init__(self, deployment: Deployment, manager: TransactionManager, advice: Advice | None = None) -> None:
        self.deployment, self.manager = deployment, manager
        self.advice: Advice = advice or {}

    def __repr__(self) -> str:
        return f"<Account {self.address}>"

    @property
    def address(self) -> str:
        """Checksum address that contracts see as the caller."""
        return self.manager.address

    def send(
        self,
        key: str,
        handle: ContractHandle,
        fn: str,
        *args: Any,
        value: int = 0,
        varying: Collection[int] = (),
        value_varies: bool = False,
        gas: int | None = None,
    ) -> TransactionReceipt:
        """Call a function and wait for the final receipt.

        Args:
            key: names this call for good.
            fn: name, or full signature where names are overloaded.
            varying: positions of arguments that a repetition may have differently (a deadline, a limit); no argument
                of a function with such a position is dynamic.
            value_varies: whether that holds for the value, too, as where it is a limit.
            gas: gas limit; None estimates on the newest block.

        Raises:
            InputError: the key stands for another call.
            RevertedError: with advice. Others as `TransactionManager.send`.
        """
        key = self._open_key(key)
        entry = self.manager.journal.get(key)
        data = handle.encode(fn, *args)
        with explaining(self.advice):
            if entry is not None and not entry.unsigned:
                self._require_same(entry, handle, data, value, varying, value_varies)
                return self.manager.wait(key)
            handle.require_code()
            return self.manager.send(key, to=handle.address, data=data, value=value, gas=gas)

    def begun(self, key: str) -> bool:
        """Whether a transaction of this key has been signed and has not failed: `send` would only wait for it."""
        entry = self.manager.journal.get(self._open_key(key))
        return entry is not None and not entry.unsigned

    def allow(self, token: ContractHandle, spender: str, amount: int, key: str) -> TransactionReceipt | None:
        """Let `spender` take exactly `amount` base units, unless it may already; never more than is needed."""
        if int(token.call("allowance", self.address, spender)) >= amount:
            return None
        return self.send(f"{key}/approve/{amount}", token, "approve", spender, amount)

    def require_held(self, resource: Resource, amount: int) -> None:
        """Before an approval or a permit is given for tokens that are not there. Raises MarketRefusedError."""
        held = int(self.deployment.token(resource).call("balanceOf", self.address))
        if held < amount:
            raise MarketRefusedError(
                f"{self.address} holds {tokens_text(held, resource)}, and {tokens_text(amount, resource)} are to be "
                f"taken from it: get more (novacron market buy {resource.name}), or use less"
            )

    def unfinished(self, prefixes: Sequence[str]) -> list[str]:
        """Keys of this account that begin with one of `prefixes` and are not final."""
        chain_id = self.deployment.pool.chain_id()
        entries = self.manager.journal.unfinished(chain_id, self.address)
        return [entry.key for entry in entries if entry.key.startswith(tuple(prefixes))]

    def _open_key(self, key: str) -> str:
        own = f"{key}/{self.address}"  # the journal is the network's: other accounts may do the same
        for number in itertools.count(1):
            candidate = own if number == 1 else f"{own}/{number}"
            entry = self.manager.journal.get(candidate)
            if entry is None or not entry.settled or entry.state == "mined":
                return candidate
        raise AssertionError("unreachable")

    @staticmethod
    def _require_same(
        entry: Entry, handle: ContractHandle, data: bytes, value: int, varying: Collection[int], value_varies: bool
    ) -> None:
        before = entry.intent.data
        same = entry.intent.to == handle.address and len(before) == len(data) and before[:4] == data[:4]
        for position in range((len(data) - 4) // 32 if same else 0):
            word = slice(4 + 32 * position, 36 + 32 * position)
            same = same and (position in varying or before[word] == data[word])
        if not same or (entry.intent.value != value and not value_varies):
            raise InputError(f"key {entry.key!r} stands for another call already; use another key for this one")


def new_key(prefix: str, key: str | None) -> str:
    """`prefix/key`; a fresh one where the caller has none, so that a second call is a second action.

    Raises:
        InputError: an empty key.
    """
    if key is not None and not key.strip():
        raise InputError("the key is empty; give a name that tells this action from any other")
    return f"{prefix}/{key if key is not None else secrets.token_hex(8)}"


def read(handle: ContractHandle, advice: Advice, fn: str, *args: Any, block: Block = "latest") -> Any:
    """A view function's result; a revert is raised with advice."""
    with explaining(advice):
        return handle.call(fn, *args, block=block)


@contextmanager
def explaining(advice: Advice) -> Iterator[None]:
    """Turn a contract's error into one that says in words what is wrong and what to do, its own name behind it."""
    try:
        yield
    except InsufficientFundsError as error:
        raise InsufficientFundsError(
            f"the account has too little of the native currency for this and its gas: send it some ({error})"
        ) from None
    except RevertedError as error:
        sentence = advice.get(error.name or "")
        if sentence is not None:
            words = sentence(*error.arguments)
        elif error.transaction_hash is not None and not error.data:
            # The call repeated on the block before goes through: what it met in its own block is not to be seen there.
            words = _OVERTAKEN
        else:
            raise
        raise RevertedError(
            f"{words} ({error})",
            name=error.name,
            arguments=error.arguments,
            data=error.data,
            transaction_hash=error.transaction_hash,
        ) from None


def recipient_of(account: Account, recipient: str | None) -> str:
    """The recipient's checksum address; the account itself when None. Raises InputError."""
    return account.address if recipient is None else parse_address(recipient, "recipient")
