"""Whether the code that a proposal calls is what the manifest says was deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eth_utils.crypto import keccak

from novacron.deploy.onchain import simulate_constructor
from novacron.deploy.published import PREFIX, load_artifact
from novacron.deploy.records import InstanceRecord
from novacron.exceptions import CompilerError, RevertedError
from novacron.governance.decoding.artifacts import ArtifactBook
from novacron.governance.decoding.identify import Identifier
from novacron.governance.model import Finding
from novacron.governance.simulation.fork import Fork
from novacron.governance.suite import Suite

_CHECK = "code"
#: Contracts that stand in this source tree to misbehave in tests.
_TESTS = "contracts/test/"


@dataclass(frozen=True)
class CodeVerdict:
    """What was found at one address; `finding` where a person must know."""

    name: str
    verdict: str
    finding: Finding | None = None


class CodeCheck:
    """Compares code on a fork with the manifest and the artifacts.

    Args:
        root: the project, whose node_modules hold published artifacts; None where there is none.
        accepted: hashes of unknown code that the author accepts, by address.
    """

    def __init__(
        self,
        fork: Fork,
        dao: Suite,
        artifacts: ArtifactBook,
        root: Path | None,
        accepted: Mapping[str, str] | None = None,
    ) -> None:
        self._fork = fork
        self._dao = dao
        self._artifacts = artifacts
        self._root = root
        self._contracts = Identifier(fork, dao, artifacts)
        self._accepted = dict(accepted or {})
        self._unused = set(self._accepted)
        self._seen: set[str] = set()

    def targets(self, addresses: list[str]) -> list[CodeVerdict]:
        """Verdicts on each address with code, and on the implementation behind each proxy; each once, in order."""
        wanted = self._with_logic(dict.fromkeys(addresses, "called"))
        return [verdict for item in wanted.items() if (verdict := self._verdict(*item)) is not None]

    def met(self, addresses: Mapping[str, str]) -> list[Finding]:
        """What must be known of all that an execution relied on, after `targets`; then of acceptances nobody needs.

        Args:
            addresses: with how each came in.
        """
        wanted = {where: how for where, how in self._with_logic(addresses).items() if where not in self._seen}
        verdicts = [self._verdict(where, how, exactly=False) for where, how in wanted.items()]
        # That code is another one of this tree's concerns those who are called by the proposal itself.
        found = [one.finding for one in verdicts if one is not None and one.finding and one.finding.severity != "note"]
        for address in sorted(self._unused):
            message = (
                f'expected unknown_code("{address}", "{self._accepted[address]}"), but nothing called, created or '
                "trusted unknown code there; delete the line"
            )
            found.append(Finding("error", "expects", message))
        return found

    def _with_logic(self, addresses: Mapping[str, str]) -> dict[str, str]:
        wanted: dict[str, str] = {}
        for address, how in addresses.items():
            wanted.setdefault(address, how)
            behind = self._contracts.implementation_of(address)
            if behind is not None:
                wanted.setdefault(behind, f"behind {self._dao.name_of(address)}")
        return wanted

    def _verdict(self, address: str, how: str, *, exactly: bool = True) -> CodeVerdict | None:
        name, code = self._dao.name_of(address), self._code(address)
        record = self._dao.manifest.instances.get(name)
        if not code:
            return None  # what a call to nothing means is said where the calls are looked at
        self._seen.add(address)
        if record is None:
            return self._unrecorded(address, code, how)
        if record.package is not None:
            return self._published(name, record, code)
        built = self._artifacts.find(record.contract, record.source)
        if built is None or not built.creation_code:
            message = (
                f"{name}: {record.contract} is not among the artifacts, so its code was not compared; `make build`"
            )
            return CodeVerdict(name, "not compared", Finding("warning", _CHECK, message))
        if not built.is_code(code):
            message = (
                f"{name}: the code at {address} is not what {record.contract} of this source tree compiles to; "
                "build the commit that was deployed (it is in the manifest), then simulate again"
            )
            return CodeVerdict(name, "differs from the source", Finding("error", _CHECK, message))
        init_code = built.creation_code + bytes.fromhex(record.encoded_arguments[2:])
        if "0x" + keccak(init_code).hex() != record.init_code_hash:
            message = f"{name}: the manifest's init code hash is not that of {record.contract} with its arguments"
            return CodeVerdict(name, "the source's, but not the manifest's", Finding("warning", _CHECK, message))
        exact = self._constructed(record, init_code) if exactly else None
        if exact is not None and exact != code:
            message = f"{name}: immutables in the code at {address} are not what its constructor gives; do not trust it"
            return CodeVerdict(name, "other immutables", Finding("error", _CHECK, message))
        return CodeVerdict(name, "the manifest's, to the last byte" if exact else "the manifest's")

    def _unrecorded(self, address: str, code: bytes, how: str) -> CodeVerdict:
        built, name = self._artifacts.identify(code), self._dao.name_of(address)
        if built is None or built.source.startswith(_TESTS):
            digest = "0x" + keccak(code).hex()
            self._unused.discard(address)
            if self._accepted.get(address) == digest:
                message = f"{name} ({how}) runs unknown code with the hash {digest}, which its author accepts; read it"
                return CodeVerdict(name, "unknown code, accepted", Finding("warning", _CHECK, message))
            whose = "that is neither in the manifest nor in this source tree" if built is None else "made for tests"
            other = ", not the code that expects() accepts" if address in self._accepted else ""
            message = (
                f"{name} ({how}) runs code {whose} (code hash {digest}{other}); read it before you vote. "
                f'If it is meant, add: yield unknown_code("{address}", "{digest}")'
            )
            return CodeVerdict(name, "unknown code", Finding("error", _CHECK, message))
        if name in self._dao.instances:  # what a constructor of the suite has made
            return CodeVerdict(name, f"{built.name} of this source tree")
        message = f"{name} is not in the manifest; its code is {built.name} of this source tree ({built.source})"
        return CodeVerdict(name, f"{built.name} of this source tree", Finding("note", _CHECK, message))

    def _published(self, name: str, record: InstanceRecord, code: bytes) -> CodeVerdict:
        assert record.package is not None
        try:
            if self._root is None:
                raise CompilerError("no project folder is known")
            artifact = load_artifact(self._root, PREFIX + record.package.contract.removeprefix(PREFIX))
        except CompilerError as error:
            return CodeVerdict(name, "not compared", Finding("warning", _CHECK, f"{name}: {error}"))
        if artifact.runtime_code == code:
            return CodeVerdict(name, f"as published in {record.package.name} {record.package.version}")
        message = f"{name}: its code is not what {record.package.name} {record.package.version} publishes"
        return CodeVerdict(name, "differs from the package", Finding("error", _CHECK, message))

    def _constructed(self, record: InstanceRecord, init_code: bytes) -> bytes | None:
        """What the constructor returns when it runs at this address again; None where it cannot run twice."""
        others = self._dao.manifest.instances.values()
        children = [other.address for other in others if other.creator == record.address]
        try:
            return simulate_constructor(
                self._fork.pool, record.address, init_code, creator=record.creator, children=children
            )
        except RevertedError:
            return None

    def _code(self, address: str) -> bytes:
        return bytes.fromhex(str(self._fork.rpc("eth_getCode", address, "latest"))[2:])
