"""Checks of a new implementation before a proxy runs it: storage layout against the present one, and Slither.

The layout comparison is OpenZeppelin's (`@openzeppelin/upgrades-core`, the core of its upgrades plugins), over forge's
build information of both contracts, namespaces of ERC-7201 included.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from novacron.chain.addresses import parse_address
from novacron.governance.decoding.artifacts import ArtifactBook, BuiltContract
from novacron.governance.decoding.identify import Identifier
from novacron.governance.decoding.storage_layout import ERC1967
from novacron.governance.decoding.trace import Trace
from novacron.governance.model import Finding, Proposal
from novacron.governance.simulation.build_info import BuildInfos
from novacron.governance.simulation.fork import Fork, ForkReceipt
from novacron.governance.simulation.path import Progress
from novacron.governance.simulation.slither import slither_findings
from novacron.governance.suite import Suite

#: Seconds the comparison may take.
TIMEOUT = 120.0
_CHECK = "upgrade"

#: Functions that make a proxy run another implementation: argument types, which argument is the proxy (None: the
#: contract that is called) and which the implementation.
_UPGRADES: dict[bytes, tuple[tuple[str, ...], int | None, int]] = {
    keccak(text="upgradeToAndCall(address,bytes)")[:4]: (("address", "bytes"), None, 0),
    keccak(text="upgradeTo(address)")[:4]: (("address",), None, 0),
    keccak(text="upgradeAndCall(address,address,bytes)")[:4]: (("address", "address", "bytes"), 0, 1),
}

#: Events that tell of an upgrade, and whether the address is that of a beacon.
_EVENTS = {
    "0x" + keccak(text="Upgraded(address)").hex(): False,
    "0x" + keccak(text="BeaconUpgraded(address)").hex(): True,
}

#: What concerns a first deployment only: the proxy's storage is initialised already.
_INITIALISERS = (
    "missing-initializer",
    "missing-initializer-call",
    "duplicate-initializer-call",
    "incorrect-initializer-order",
)

#: Reads {core, fresh: {file, name}, present: {file, name}} and prints {errors: [{kind, text}], layout: text or ""}.
_SCRIPT = """
const fs = require("fs");
const job = JSON.parse(fs.readFileSync(0, "utf8"));
const core = require(job.core);
const { describeError } = require(job.core + "/dist/validate/report");
const { getErrors } = require(job.core + "/dist/validate/query");
const options = core.withValidationDefaults({ kind: "uups" });
const read = ({ file, name }) => {
  const info = JSON.parse(fs.readFileSync(file, "utf8"));
  const decoder = core.solcInputOutputDecoder(info.input, info.output);
  const data = core.validate(info.output, decoder, info.solcVersion, info.input);
  const version = core.getContractVersion(data, name);
  return { data, version, layout: core.getStorageLayout(data, version) };
};
const fresh = read(job.fresh), present = read(job.present);
const errors = getErrors(fresh.data, fresh.version, options);
const report = core.getStorageUpgradeReport(present.layout, fresh.layout, options);
process.stdout.write(JSON.stringify({
  errors: errors.map((error) => ({ kind: error.kind, text: describeError(error, false) })),
  layout: report.pass ? "" : report.explain(false),
}));
"""


@dataclass(frozen=True)
class Upgrade:
    """A proxy and the implementation that it gets; checksum addresses.

    Attributes:
        beacon: whether `implementation` is a beacon, which says what the proxy runs.
        previous: the implementation before this one, where an earlier upgrade of the same execution gave it.
    """

    proxy: str
    implementation: str
    beacon: bool = False
    previous: str | None = None


def upgrades_of(proposal: Proposal) -> Iterator[Upgrade]:
    """Every action that makes a proxy run another implementation."""
    for action in proposal.actions:
        known = _UPGRADES.get(action.calldata[:4])
        if known is None:
            continue
        types, proxy, implementation = known
        try:
            values = decode(list(types), action.calldata[4:])
        except (DecodingError, OverflowError):
            continue  # no such call after all; the execution tells
        where = action.target if proxy is None else parse_address(values[proxy])
        yield Upgrade(where, parse_address(values[implementation]))


def upgrades_in(receipt: ForkReceipt, trace: Trace) -> list[Upgrade]:
    """Every upgrade that an execution made, by whatever calls: its `Upgraded` and `BeaconUpgraded` events, and what it
    left in the slots of ERC-1967. Each pair once, in order.
    """
    found: list[Upgrade] = []
    last: dict[tuple[str, bool], str] = {}

    def note(proxy: str, fresh: str, *, beacon: bool) -> None:
        previous = last.get((proxy, beacon))
        if fresh != previous:
            found.append(Upgrade(proxy, fresh, beacon, previous))
            last[proxy, beacon] = fresh

    for log in receipt.logs:
        topics = [str(topic).lower() for topic in log["topics"]]
        if len(topics) == 2 and topics[0] in _EVENTS:
            fresh = parse_address("0x" + topics[1][-40:])
            note(parse_address(str(log["address"]).lower()), fresh, beacon=_EVENTS[topics[0]])
    for where, changed in trace.storage.items():
        for name, beacon in (("implementation", False), ("beacon", True)):
            after = changed.get(ERC1967[name], (0, 0))[1]
            if after:
                note(where, parse_address(f"0x{after % (1 << 160):040x}"), beacon=beacon)
    return found


def not_among(found: Iterable[Upgrade], known: Iterable[Upgrade]) -> list[Upgrade]:
    """Upgrades that the actions' own call data did not tell."""
    seen = set(known)
    return [upgrade for upgrade in found if replace(upgrade, previous=None) not in seen]


@dataclass(frozen=True)
class Contracts:
    """What is where, before a proposal and after it; the same when None."""

    before: Identifier
    after: Identifier | None = None

    @classmethod
    def around(cls, receipt: ForkReceipt, fork: Fork, dao: Suite, artifacts: ArtifactBook) -> Contracts:
        """Around one mined execution."""
        both = Identifier(fork, dao, artifacts), Identifier(fork, dao, artifacts)
        both[0].at(receipt.block_number - 1)
        both[1].at(receipt.block_number)
        return cls(*both)


class UpgradeCheck:
    """Looks at the upgrades of a proposal. What Slither said about a code is remembered: it takes seconds.

    Args:
        folders: forge output (`out/forge`), with its build-info of the present and the new implementation.
        root: the project, for `node_modules` and Slither's configuration; None where there is none.
        slither: whether to run it.
    """

    def __init__(self, folders: Sequence[Path], root: Path | None, *, slither: bool = True) -> None:
        self.root = root
        self._builds = BuildInfos(folders)
        self._slither = slither
        self._analysed: dict[bytes, list[Finding]] = {}

    @classmethod
    def of_artifacts(cls, folders: Sequence[Path], *, slither: bool = True) -> UpgradeCheck:
        """A check over artifacts, in the project that they lie in."""
        above = [parent for folder in folders for parent in Path(folder).resolve().parents]
        root = next((parent for parent in above if (parent / "foundry.toml").is_file()), None)
        return cls(folders, root, slither=slither)

    def findings(
        self, upgrades: Iterable[Upgrade], dao: Suite, contracts: Contracts, progress: Progress
    ) -> list[Finding]:
        """Everything that speaks against upgrades, or should be known of them.

        Args:
            contracts: of the fork.
            progress: told what takes its time.
        """
        found: list[Finding] = []
        before, after = contracts.before, contracts.after or contracts.before
        for upgrade in upgrades:
            proxy = dao.name_of(upgrade.proxy)
            if upgrade.beacon:
                message = (
                    f"{proxy} takes its code from the beacon {dao.name_of(upgrade.implementation)}: storage layouts "
                    "behind a beacon are not compared; give it an implementation of its own"
                )
                found.append(Finding("error", _CHECK, message))
                continue
            behind = upgrade.previous or before.implementation_of(upgrade.proxy)
            present = None if behind is None else after.contract_at(behind, strict=True)
            fresh = after.contract_at(upgrade.implementation, strict=True)
            if behind is None:
                message = f"{proxy} is no ERC-1967 proxy that has an implementation; there is nothing to compare with"
                found.append(Finding("warning", _CHECK, message))
            elif behind == upgrade.implementation:
                found.append(Finding("warning", _CHECK, f"{proxy} runs {dao.name_of(behind)} already"))
            if fresh is None:
                message = (
                    f"the code at {upgrade.implementation}, the new implementation of {proxy}, is none of this source "
                    "tree; build the tree that it was deployed from, so that its storage layout can be compared"
                )
                found.append(Finding("error", _CHECK, message))
                continue
            progress(f"compare the storage layout of {fresh.name} with that of {proxy}")
            found += self._compared(proxy, present, fresh) if behind is not None else []
            if self._slither:
                found += self._analyse(fresh, progress)
        return found

    # -- inside ------------------------------------------------------------------------------------------------------

    def _analyse(self, fresh: BuiltContract, progress: Progress) -> list[Finding]:
        if fresh.runtime_code not in self._analysed:
            build = self._builds.of(fresh)
            if build is None:
                message = (
                    f"{fresh.name} was not analysed: forge's build-info of it is missing; run `forge build --force`"
                )
                return [Finding("warning", "slither", message)]
            progress(f"Slither on {fresh.name}")
            self._analysed[fresh.runtime_code] = slither_findings(fresh.name, build, self.root)
        return self._analysed[fresh.runtime_code]

    def _compared(self, proxy: str, present: BuiltContract | None, fresh: BuiltContract) -> list[Finding]:
        if present is None:
            message = (
                f"the present implementation of {proxy} is none of this source tree, so the storage layout of "
                f"{fresh.name} cannot be compared with it; keep its source beside the new one and build"
            )
            return [Finding("error", _CHECK, message)]
        builds = self._builds.of(present), self._builds.of(fresh)
        if builds[0] is None or builds[1] is None:
            missing = present.name if builds[0] is None else fresh.name
            message = (
                f"{missing}: forge's build-info of this code is missing; run `forge build --force`, simulate again"
            )
            return [Finding("error", _CHECK, message)]
        try:
            answer = self._ask(builds[0], present, builds[1], fresh)
        except _NoAnswerError as error:
            return [Finding("error", _CHECK, f"the storage layout of {fresh.name} was not compared: {error}")]
        found = []
        for item in answer["errors"]:
            severity = "note" if item["kind"] in _INITIALISERS else "error"
            text = " ".join(str(item["text"]).split())
            found.append(Finding("note" if severity == "note" else "error", _CHECK, f"{fresh.name}: {text}"))
        if answer["layout"]:
            text = " ".join(str(answer["layout"]).split())
            message = f"the storage layout of {fresh.name} does not fit that of {present.name} ({proxy}): {text}"
            found.append(Finding("error", _CHECK, message))
        else:
            message = f"the storage layout of {fresh.name} fits that of {present.name} ({proxy})"
            found.append(Finding("note", _CHECK, message))
        return found

    def _ask(
        self, before: dict[str, Any], present: BuiltContract, after: dict[str, Any], fresh: BuiltContract
    ) -> dict[str, Any]:
        node = shutil.which("node")
        core = None if self.root is None else self.root / "node_modules" / "@openzeppelin" / "upgrades-core"
        if node is None or core is None or not core.is_dir():
            raise _NoAnswerError("it needs node and @openzeppelin/upgrades-core; run `make setup`")
        with tempfile.TemporaryDirectory(prefix="novacron-upgrade-") as folder:
            job: dict[str, Any] = {"core": str(core)}
            for key, build, contract in (("present", before, present), ("fresh", after, fresh)):
                path = Path(folder) / f"{key}.json"
                path.write_text(json.dumps(build), encoding="utf-8")
                job[key] = {"file": str(path), "name": f"{contract.source}:{contract.name}"}
            try:
                done = subprocess.run(
                    [node, "-e", _SCRIPT],
                    input=json.dumps(job),
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT,
                    check=False,
                )
                answer = json.loads(done.stdout)
            except subprocess.TimeoutExpired:
                raise _NoAnswerError(f"it took more than {TIMEOUT:.0f} s") from None
            except (OSError, ValueError):
                lines = [line for line in done.stderr.splitlines() if "Error" in line] or ["it gave no answer"]
                raise _NoAnswerError(lines[0].strip()[:300]) from None
        checked: dict[str, Any] = answer
        return checked


class _NoAnswerError(Exception):
    """The comparison could not be made; the message says why."""
