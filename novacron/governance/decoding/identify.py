"""Which contract an address is: by the code found there, by the manifest, and behind a proxy."""

from __future__ import annotations

import contextlib
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.codec import AbiItem, topic_of
from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import ConfigurationError, UnknownContractError
from novacron.governance.decoding.artifacts import ArtifactBook, BuiltContract
from novacron.governance.decoding.safe_words import safe_events, safe_layout
from novacron.governance.decoding.storage_layout import ERC1967, Layout
from novacron.governance.simulation.fork import Fork
from novacron.governance.suite import Suite


class Identifier:
    """Contracts by address, as of one block.

    Args:
        chain: where they are.
        dao: the suite, whose manifest names the contract of each instance.
        artifacts: what the code is compared with.
    """

    def __init__(self, chain: Fork | EndpointPool, dao: Suite, artifacts: ArtifactBook) -> None:
        self._chain = chain
        self._dao = dao
        self._artifacts = artifacts
        self._block = "latest"
        self._known: dict[str, tuple[BuiltContract, ...]] = {}
        self._by_topic: dict[str, list[AbiItem]] | None = None

    def at(self, block: int) -> None:
        """Look at the state after this block from now on, and before it where a proxy has changed."""
        self._block, self._known = hex(block), {}

    def logic(self, where: str) -> tuple[BuiltContract, ...]:
        """Contracts whose code works on an account's storage: of a proxy first the implementation it has now, then its
        own, then the implementation it had before the block. Empty when nothing is known.
        """
        if where not in self._known:
            found = [self._implementation(where, self._block), self.contract_at(where)]
            if self._block != "latest":
                found.append(self._implementation(where, hex(max(int(self._block, 16) - 1, 0))))
            distinct = {(item.source, item.name): item for item in found if item is not None}
            self._known[where] = tuple(distinct.values())
        return self._known[where]

    def is_safe(self, where: str) -> bool:
        """Whether the manifest has a Safe there."""
        record = self._dao.manifest.instances.get(self._dao.name_of(where))
        name = record.contract.replace(":", "/").rpartition("/")[2].removesuffix(".json") if record else ""
        return name in ("SafeProxy", "Safe", "SafeL2")

    def special(self, where: str) -> list[Layout]:
        """Layouts that no artifact has."""
        return [safe_layout()] if self.is_safe(where) else []

    def abi(self, where: str) -> list[AbiItem]:
        """All that is known to be callable or emitted there."""
        items: list[AbiItem] = [item for contract in self.logic(where) for item in contract.abi]
        if self.is_safe(where):
            items += safe_events()
        name = self._dao.name_of(where)
        if name != where:
            # The code decides; the manifest's name of the contract is a second source.
            with contextlib.suppress(ConfigurationError, UnknownContractError):
                items += self._dao.contract(name).abi
        return items

    def any_event(self, topic: str) -> list[AbiItem]:
        """Events of any known contract with this first topic (0x, lower case): for what nobody knows by its code."""
        if self._by_topic is None:
            self._by_topic = {}
            for contract in self._artifacts.contracts:
                for item in contract.abi:
                    if item.get("type") == "event" and not item.get("anonymous"):
                        self._by_topic.setdefault("0x" + topic_of(item).hex(), []).append(item)
        return self._by_topic.get(topic.lower(), [])

    def contract_at(self, where: str, *, strict: bool = False) -> BuiltContract | None:
        """The contract that an account's own code is; None when there is no code, or an unknown one.

        Args:
            strict: only by the code. Else the manifest's word is taken for code that no artifact has, such as that of
                a build with other comments.
        """
        code = bytes.fromhex(str(self._request("eth_getCode", where, self._block))[2:])
        found = self._artifacts.identify(code)
        record = self._dao.manifest.instances.get(self._dao.name_of(where))
        if record is not None and code and (found is None or found.name != record.contract):
            recorded = self._artifacts.find(record.contract, record.source)
            # Two contracts may have the same code; the manifest knows which one it is.
            if recorded is not None and (recorded.is_code(code) or (found is None and not strict)):
                return recorded
        return found

    def implementation_of(self, where: str) -> str | None:
        """Checksum address that an ERC-1967 proxy or a Safe forwards to; None when it is neither."""
        return self._behind(where, self._block)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _implementation(self, where: str, block: str) -> BuiltContract | None:
        behind = self._behind(where, block)
        return None if behind is None else self.contract_at(behind)

    def _behind(self, where: str, block: str) -> str | None:
        slot = f"0x{0 if self.is_safe(where) else ERC1967['implementation']:064x}"
        word = int(str(self._request("eth_getStorageAt", where, slot, block)), 16)
        return parse_address(f"0x{word:040x}") if 0 < word < 1 << 160 else None

    def _request(self, method: str, *parameters: Any) -> Any:
        if isinstance(self._chain, Fork):
            return self._chain.rpc(method, *parameters)
        return self._chain.request(method, parameters)
