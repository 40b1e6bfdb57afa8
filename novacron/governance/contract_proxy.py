"""One contract of the suite: its functions as Python calls."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from eth_utils.address import is_checksum_address

from novacron.chain.codec import AbiItem, decode_values, selector_of, signature_of
from novacron.chain.contracts import ContractHandle
from novacron.exceptions import InputError, ProposalError, UnknownContractError
from novacron.governance.model import Action

if TYPE_CHECKING:
    from novacron.governance.suite import Suite


class NamedAddress(str):
    """A checksum address, equal to its text, that also knows its instance name."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, address: str, name: str) -> NamedAddress:
        made = super().__new__(cls, address)
        made.name = name
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # what copy and pickle give to __new__
        return str(self), self.name


class ContractProxy:
    """A contract of the suite. `str()` of it is its address, and it may stand for its address in any argument.

    Attributes:
        instance: its name in the manifest; outside the manifest, its address and what it is said to be.
        address: EIP-55 checksum address.
    """

    def __init__(self, suite: Suite, instance: str, address: str, contract: str = "") -> None:
        self.suite = suite
        self.instance = instance
        self.address = address
        self._contract = contract

    # Read when first needed: a contract that only stands for its address needs no ABI.

    @cached_property
    def contract_name(self) -> str:
        """The Solidity contract it behaves as: for a proxy, its implementation's."""
        return self._contract or self.suite.logic_of(self.instance)

    @cached_property
    def abi(self) -> list[AbiItem]:
        """What it offers; for a proxy, its own events and errors, too.

        Raises:
            ConfigurationError: neither the package nor the artifacts have it.
        """
        return list(self.suite.abi(self._contract) if self._contract else self.suite.interface_of(self.instance))

    @cached_property
    def handle(self) -> ContractHandle:
        """The same contract for calls at other blocks, events and transactions."""
        return ContractHandle(self.suite.pool, self.address, self.abi)

    def call(self, function: str, *arguments: Any, value: int = 0) -> Any:
        """A function by its name or its full signature, as `call("mint(address,uint256)", to, 5)`.

        Args:
            value: wei that the timelock sends along; 0 for a view function.

        Returns:
            An `Action` for a function that changes state, the read value for one that does not.

        Raises:
            ProposalError: unknown or ambiguous function, arguments that do not fit, wei for a function that takes none.
            RevertedError: a view function reverted.
        """
        item = self._function(function, len(arguments))
        where = f"{self.instance}.{signature_of(item)}"
        plain = [_plain(argument) for argument in arguments]
        try:
            calldata = self.handle.encode(signature_of(item), *plain)
        except InputError as error:
            hint = "; write amounts as integers of base units, such as 5 * 10**18" if _has_float(plain) else ""
            raise ProposalError(f"{self.instance}: {error}{hint}") from None
        mutability = item.get("stateMutability", "nonpayable")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ProposalError(f"{where}: value={value!r} is no amount of wei; give an integer from 0 up")
        if value and mutability != "payable":
            raise ProposalError(f"{where} takes no ETH, it would revert; leave out value={value}")
        if mutability in ("view", "pure"):
            return self.suite.noted_reading(where, self.handle.call(signature_of(item), *plain, block=self.suite.block))
        return self.suite.noted(self._action(item, calldata, value))

    def decode(self, calldata: bytes, value: int = 0) -> Action:
        """The action that call data makes of this contract, in words; for proposals that are on the chain already.

        Raises:
            ProposalError: it calls no function that this contract has, or its arguments do not fit.
        """
        for item in self._functions():
            if calldata[:4] == selector_of(item):
                try:
                    return self._action(item, calldata, value)
                except ValueError as error:
                    raise ProposalError(f"{self.instance}.{signature_of(item)}: {error}") from None
        raise ProposalError(f"{self.instance} ({self.contract_name}) has no function 0x{calldata[:4].hex()}")

    def __getattr__(self, name: str) -> _Method:
        if name.startswith("__"):
            raise AttributeError(name)
        self._named(name)
        return _Method(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(f["name"] for f in self._functions())})

    def __str__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return f"<{self.instance} {self.address}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (str, ContractProxy)) and str(other).lower() == self.address.lower()

    def __hash__(self) -> int:
        return hash(self.address)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _functions(self) -> list[AbiItem]:
        return [item for item in self.abi if item.get("type") == "function"]

    def _action(self, item: AbiItem, calldata: bytes, value: int) -> Action:
        inputs = item.get("inputs", [])
        names = [str(parameter.get("name") or f"#{number}") for number, parameter in enumerate(inputs)]
        values = (self._with_names(one) for one in decode_values(inputs, calldata[4:]))
        pairs = tuple(zip(names, values, strict=True))
        return Action(self.address, value, calldata, self.instance, signature_of(item), pairs)

    def _with_names(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._with_names(item) for item in value)
        known = isinstance(value, str) and is_checksum_address(value) and self.suite.knows(value)
        return NamedAddress(value, self.suite.name_of(value)) if known else value

    def _named(self, name: str) -> list[AbiItem]:
        found = [item for item in self._functions() if name in (item["name"], signature_of(item))]
        if not found:
            known = sorted({str(item["name"]) for item in self._functions()})
            raise UnknownContractError(
                f"{self.instance} ({self.contract_name}) has no function {name!r}; {suggest(name, known)}"
            )
        return found

    def _function(self, name: str, count: int) -> AbiItem:
        found = self._named(name)
        fitting = [item for item in found if len(item.get("inputs", [])) == count]
        if len(fitting) == 1:
            return fitting[0]
        signatures = " or ".join(sorted(signature_of(item) for item in found))
        if not fitting:
            raise ProposalError(f"{self.instance}.{name} got {count} arguments; it is {signatures}")
        raise ProposalError(
            f"{self.instance}.{name} is ambiguous; write "
            f'{self.instance}.call("{signature_of(fitting[0])}", …) or another of {signatures}'
        )


class _Method:
    """`dao.CPU.mint`: called with arguments and, for ETH, `value=`."""

    def __init__(self, contract: ContractProxy, name: str) -> None:
        self._contract, self._name = contract, name

    def __call__(self, *arguments: Any, value: int = 0) -> Any:
        return self._contract.call(self._name, *arguments, value=value)

    def __repr__(self) -> str:
        return f"<{self._contract.instance}.{self._name}: call it with its arguments>"


def _plain(value: Any) -> Any:
    if isinstance(value, ContractProxy):
        return value.address
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _has_float(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_float(item) for item in value)
    return isinstance(value, float)


def suggest(name: str, known: Sequence[str]) -> str:
    """What to write in place of an unknown name: the similar ones, else all."""
    folded = {item.lower(): item for item in known}
    close = [folded[item] for item in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)]
    return f"do you mean {' or '.join(close)}?" if close else f"there are: {', '.join(known) or 'none'}"
