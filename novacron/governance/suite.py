"""The deployed suite as a proposal's author sees it: `dao.CPU.mint(dao.Timelock, 5)`.

Calling a function that changes state sends nothing: it returns an `Action`. Calling a view function reads the chain.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.codec import AbiItem, abi_names, load_abi, selector_of
from novacron.chain.contracts import Block, ContractHandle, block_parameter
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.manifest import DeploymentManifest
from novacron.exceptions import ConfigurationError, ProposalError, UnknownContractError, WrongChainError
from novacron.governance.contract_proxy import ContractProxy, suggest
from novacron.governance.model import Action

__all__ = ["IMPLEMENTATION_SLOT", "NOBODY", "ContractProxy", "Recording", "Suite"]

#: keccak256("eip1967.proxy.implementation") - 1 (ERC-1967).
IMPLEMENTATION_SLOT = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
NOBODY = "0x" + "0" * 40

#: The name that `Suite.at` gives to a contract which it only takes somebody's word for.
_CLAIM = re.compile(r".* \(as (\w+)(?:, not in the manifest)?\)")

#: Contracts that only forward, and the storage slot that says whereto.
_PROXIES = {"Proxy": IMPLEMENTATION_SLOT, "ERC1967Proxy": IMPLEMENTATION_SLOT, "SafeProxy": "0x0"}


@dataclass
class Recording:
    """What an author's file asked of the suite: the actions it made, on which lines, and what it last read."""

    file: str = ""
    actions: list[Action] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    read: str = ""
    value: Any = None


class Suite:
    """All contracts of a deployment by name; made by `Suite.connect`."""

    def __init__(
        self,
        pool: EndpointPool,
        manifest: DeploymentManifest,
        artifacts: Sequence[Path],
        contracts: Mapping[str, tuple[str, str]],
        block: Block,
    ) -> None:
        self.pool = pool
        self.manifest = manifest
        self.artifacts = tuple(artifacts)
        self.block = block
        self._contracts = dict(contracts)
        self._names = {address: name for name, (address, _) in contracts.items()}
        self._proxies: dict[str, ContractProxy] = {}
        self._recording: Recording | None = None

    @classmethod
    def connect(
        cls,
        pool: EndpointPool,
        manifest: DeploymentManifest,
        artifacts: Path | Sequence[Path] = (),
        *,
        block: Block = "latest",
    ) -> Suite:
        """The suite of a manifest on the chain that `pool` serves.

        Args:
            artifacts: folders of compiled contracts (`out/forge`), for ABIs that the package does not hold.
            block: where view functions are read.

        Raises:
            WrongChainError: the manifest is of another chain.
            ChainError: the chain does not answer.
        """
        if pool.chain_id() != manifest.chain_id:
            raise WrongChainError(
                f"the manifest of {manifest.network} is of chain {manifest.chain_id}, the endpoint serves chain "
                f"{pool.chain_id()}; check the network and the RPC address"
            )
        folders = [artifacts] if isinstance(artifacts, Path) else list(artifacts)
        contracts = {name: (item.address, _contract_name(item.contract)) for name, item in manifest.instances.items()}
        if "NovaToken" in contracts and "QuadraticVotes" not in contracts:
            # NovaToken's constructor creates it, so that no plan ever has it.
            token = ContractHandle(pool, contracts["NovaToken"][0], "NovaToken")
            contracts["QuadraticVotes"] = (token.call("quadraticVotes", block=block), "QuadraticVotes")
        return cls(pool, manifest, folders, contracts, block)

    def on(self, pool: EndpointPool, *, block: Block = "latest") -> Suite:
        """The same suite read through another pool, such as that of a fork."""
        return Suite(pool, self.manifest, self.artifacts, self._contracts, block)

    # -- contracts ---------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> ContractProxy:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.contract(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._contracts})

    def __repr__(self) -> str:
        return f"<Suite {self.manifest.network}: {', '.join(self.instances)}>"

    @property
    def instances(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._contracts))

    def contract(self, name: str) -> ContractProxy:
        """A contract by its instance name.

        Raises:
            UnknownContractError: there is none; lists those there are.
        """
        if name not in self._proxies:
            self._proxies[name] = ContractProxy(self, name, self.address_of(name))
        return self._proxies[name]

    def at(self, address: str | ContractProxy, contract: str) -> ContractProxy:
        """A contract that is not in the manifest, such as a new implementation; nothing is asked of the chain.

        Args:
            contract: whose ABI it is called with. Nothing says that it is one, and its name says so.

        Raises:
            ProposalError: no address, or no such ABI.
        """
        where = parse_address(str(address), f"address of {contract}", ProposalError)
        try:
            self.abi(contract)
        except ConfigurationError as error:
            raise ProposalError(str(error)) from None
        name = self._names.get(where)
        if name is None:
            label = f"{where} (as {contract}, not in the manifest)"
        else:
            label = name if contract in (self._own(name), self._first_logic(name)) else f"{name} (as {contract})"
        return ContractProxy(self, label, where, contract)

    def pay(self, to: str | ContractProxy, wei: int) -> Action:
        """An action that sends ETH of the timelock without any call data.

        Raises:
            ProposalError: no address, or an amount that is not a positive integer.
        """
        if isinstance(wei, bool) or not isinstance(wei, int) or wei <= 0:
            raise ProposalError(f"pay: {wei!r} is no amount of wei; give a positive integer")
        address = parse_address(str(to), "pay: recipient", ProposalError)
        return self.noted(Action(address, wei, b"", self._names.get(address, "")))

    def decode_action(self, target: str, value: int, calldata: bytes) -> Action:
        """A call of a proposal that is on the chain already, in words where the suite knows them."""
        address = parse_address(target)
        if address not in self._names:
            return Action(address, value, calldata)
        contract = self.contract(self._names[address])
        if calldata:
            with suppress(ProposalError, ConfigurationError):
                return contract.decode(calldata, value)
        return Action(address, value, calldata, contract.instance)

    def reread(self, action: Action) -> Action:
        """The same call in the words of its call data, whatever words it came with.

        Only the ABI that `at` was given is taken from the action's own words, where the suite knows none.
        """
        plain = self.decode_action(str(action.target), int(action.value), bytes(action.calldata))
        claim = _CLAIM.fullmatch(str(action.contract))
        if plain.calldata and not plain.signature and claim is not None:
            with suppress(ProposalError, ConfigurationError):
                return self.at(plain.target, claim[1]).decode(plain.calldata, plain.value)
        return plain

    def abi(self, contract: str) -> list[dict[str, Any]]:
        """ABI of a Solidity contract: the package's, else that of the compiled artifacts.

        Raises:
            ConfigurationError: neither has it.
        """
        if contract in abi_names():
            return load_abi(contract)
        for folder in self.artifacts:
            for path in sorted(folder.rglob(f"{contract}.json")):
                document = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(document, dict) and isinstance(document.get("abi"), list):
                    return list(document["abi"])
        folders = ", ".join(folder.name for folder in self.artifacts) or "no folder was given"
        raise ConfigurationError(f"no ABI of contract {contract!r} in the package or the artifacts ({folders}); build")

    def interface_of(self, name: str) -> list[AbiItem]:
        """ABI of an instance: for a proxy, the implementation's and the proxy's own events and errors.

        Raises:
            ConfigurationError: neither the package nor the artifacts have it.
        """
        own = self._own(name)
        return _distinct(self.abi(self.logic_of(name)) + (self._proxy_abi(own) if own in _PROXIES else []))

    def logic_of(self, name: str) -> str:
        """The Solidity contract that an instance behaves as: for a proxy, the implementation it has now."""
        own = self._own(name)
        if own not in _PROXIES:
            return own
        implementation = self._names.get(self.implementation_of(name) or "")
        if implementation is not None:
            return self._contracts[implementation][1]
        # An implementation from after the deployment: what the instance was made as still describes what we call.
        return self._first_logic(name)

    def _first_logic(self, name: str) -> str:
        """The Solidity contract that an instance was made to behave as."""
        if self._own(name) not in _PROXIES:
            return self._own(name)
        record = self.manifest.instances.get(name)
        first = record.implementation if record and record.implementation else f"{name}Implementation"
        return self._contracts[first][1] if first in self._contracts else name

    def implementation_of(self, name: str) -> str | None:
        """Address that a proxy forwards to now (ERC-1967, or Safe's first slot); None when it is no proxy."""
        slot = _PROXIES.get(self._own(name))
        if slot is None:
            return None
        word = self.pool.request("eth_getStorageAt", [self.address_of(name), slot, block_parameter(self.block)])
        return parse_address("0x" + str(word)[2:].rjust(64, "0")[-40:].lower())

    # -- names -------------------------------------------------------------------------------------------------------

    def address_of(self, name: str) -> str:
        """Checksum address of an instance.

        Raises:
            UnknownContractError: there is none of this name.
        """
        self._own(name)
        return self._contracts[name][0]

    def knows(self, address: str) -> bool:
        """Whether an address is that of an instance."""
        return parse_address(address) in self._names

    def name_of(self, address: str) -> str:
        """Instance name of an address; the checksum address itself when it is none of the suite's."""
        checksum = parse_address(address)
        return self._names.get(checksum, checksum)

    def resolve(self, account: str | ContractProxy) -> str:
        """Checksum address of an instance name, an address or a contract.

        Raises:
            ProposalError: neither.
        """
        text = str(account)
        if text == "0x0":
            return NOBODY
        return parse_address(text, "account", ProposalError) if text.startswith("0x") else self.address_of(text)

    # -- what an author's function did ---------------------------------------------------------------------------------

    @contextmanager
    def recording(self, file: str = "") -> Iterator[Recording]:
        """Notes the actions made within the block, so that one that was not returned can be found.

        Args:
            file: whose lines are noted.
        """
        outer, self._recording = self._recording, Recording(file)
        try:
            yield self._recording
        finally:
            self._recording = outer

    def noted(self, action: Action) -> Action:
        """`action`, written down where a recording runs."""
        if self._recording is not None:
            frames = traceback.walk_stack(None)
            line = next((line for frame, line in frames if frame.f_code.co_filename == self._recording.file), 0)
            self._recording.actions.append(action)
            self._recording.lines.append(line)
        return action

    def noted_reading(self, what: str, value: Any) -> Any:
        """`value`, written down where a recording runs."""
        if self._recording is not None:
            self._recording.read, self._recording.value = what, value
        return value

    def _own(self, name: str) -> str:
        if name not in self._contracts:
            known = suggest(name, list(self.instances))
            raise UnknownContractError(f"{self.manifest.network} has no contract {name!r}; {known}")
        return self._contracts[name][1]

    def _proxy_abi(self, proxy: str) -> list[dict[str, Any]]:
        try:
            return [item for item in self.abi(proxy) if item.get("type") in ("event", "error")]
        except ConfigurationError:
            return []  # the implementation's ABI has what matters: its own functions


def _contract_name(contract: str) -> str:
    """`Name` of `Name`, `contracts/path/File.sol:Name` or `npm:package/path/Name.json`."""
    return contract.split(":")[-1].rsplit("/", 1)[-1].removesuffix(".json")


def _distinct(abi: Sequence[AbiItem]) -> list[AbiItem]:
    """Each function, event and error once; a function's selector decides."""
    seen: set[tuple[str, bytes]] = set()
    kept = []
    for item in abi:
        if item.get("type") in ("function", "event", "error"):
            key = (str(item["type"]), selector_of(item))
            if key in seen:
                continue
            seen.add(key)
        kept.append(item)
    return kept
