"""`deployments/<ecosystem>-<network>/manifest.json`: what is deployed there, from which source, and how to prove it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from novacron.atomic import write_atomically
from novacron.deploy.published import Package
from novacron.deploy.records import Argument, CallRecord, InstanceRecord, PlanRecord, readable_arguments
from novacron.exceptions import DeployError

__all__ = [
    "Argument",
    "CallRecord",
    "DeploymentManifest",
    "InstanceRecord",
    "PlanRecord",
    "load_manifest",
    "readable_arguments",
]

FORMAT = "novacron-deployment-v2"
#: Before there were calls and plans; such a file is read, and written anew in the present format.
FORMAT_1 = "novacron-deployment-v1"
_WORD = re.compile(r"0x[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_BYTES = re.compile(r"0x(?:[0-9a-f]{2})*")
_FILE = re.compile(r"[A-Za-z0-9_$.-]+\.json")
_TEXT = re.compile(r".*", re.DOTALL)


@dataclass(frozen=True)
class DeploymentManifest:
    """Everything deployed on one network, by instance name.

    Attributes:
        network: `<ecosystem>-<network>`.
        chain_id: EIP-155 chain id.
        genesis: hash of block 0, which tells a development chain from its successor with the same chain id.
        instances: records by instance name.
        calls: records of calls, in the order in which they were made.
        plans: what each plan was deployed with, by its name.
    """

    network: str
    chain_id: int
    genesis: str
    instances: Mapping[str, InstanceRecord] = field(default_factory=dict)
    calls: tuple[CallRecord, ...] = ()
    plans: Mapping[str, PlanRecord] = field(default_factory=dict)

    def address_of(self, instance: str) -> str:
        """Address of a deployed instance.

        Raises:
            DeployError: it is not in the manifest.
        """
        if instance not in self.instances:
            known = ", ".join(sorted(self.instances)) or "nothing"
            raise DeployError(f"{instance} is not deployed on {self.network}; the manifest has {known}")
        return self.instances[instance].address

    def with_record(self, record: InstanceRecord) -> DeploymentManifest:
        """A manifest that has `record` in place of an earlier one of the same instance."""
        return replace(self, instances={**self.instances, record.instance: record})

    def call(self, plan: str, label: str) -> CallRecord | None:
        """The record of a call, or None."""
        return next((record for record in self.calls if (record.plan, record.label) == (plan, label)), None)

    def with_call(self, record: CallRecord) -> DeploymentManifest:
        """A manifest that has `record` in the place of an earlier one of the same call, else at the end."""
        there = self.call(record.plan, record.label)
        if there is None:
            return replace(self, calls=(*self.calls, record))
        return replace(self, calls=tuple(record if call is there else call for call in self.calls))

    def with_plan(self, name: str, record: PlanRecord) -> DeploymentManifest:
        """A manifest that has `record` for the plan `name`."""
        return replace(self, plans={**self.plans, name: record})

    def to_json(self) -> str:
        """The file's text: sorted, indented, newline at the end."""
        document = {
            "format": FORMAT,
            "network": self.network,
            "chain_id": self.chain_id,
            "genesis": self.genesis,
            "instances": {name: asdict(record) for name, record in self.instances.items()},
            "calls": [asdict(record) for record in self.calls],
            "plans": {name: asdict(record) for name, record in self.plans.items()},
        }
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def save(self, path: Path) -> None:
        """Replace the file at `path` atomically.

        Raises:
            StoreFullError, StoreError: it cannot be written; the previous file is untouched.
        """
        write_atomically(path, self.to_json())


def load_manifest(path: Path | str) -> DeploymentManifest:
    """Read a manifest that the deployer wrote.

    Raises:
        DeployError: no such file, or one that is malformed, naming the field.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_no_duplicates)
    except FileNotFoundError:
        raise DeployError(f"{path} does not exist; deploy first (ape run deploy)") from None
    except OSError as error:
        raise DeployError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DeployError(f"{path} is no deployment manifest: {error}") from error
    if not isinstance(document, dict) or document.get("format") not in (FORMAT, FORMAT_1):
        raise DeployError(f"{path} is no deployment manifest: its format is not {FORMAT}")
    chain_id, instances = document.get("chain_id"), document.get("instances")
    if not isinstance(chain_id, int) or isinstance(chain_id, bool) or not isinstance(instances, dict):
        raise DeployError(f"{path}: chain_id must be a number and instances an object")
    if not isinstance(document.get("network"), str) or not _matches(_WORD, document.get("genesis")):
        raise DeployError(f"{path}: network must be a string and genesis a block hash")
    calls, plans = document.get("calls", []), document.get("plans", {})
    if not isinstance(calls, list) or not isinstance(plans, dict):
        raise DeployError(f"{path}: calls must be a list and plans an object")
    old = document["format"] == FORMAT_1
    return DeploymentManifest(
        document["network"],
        chain_id,
        document["genesis"],
        {name: _instance(path, name, value, old) for name, value in instances.items()},
        tuple(_call(path, number, value) for number, value in enumerate(calls)),
        {name: _plan(path, name, value) for name, value in plans.items()},
    )


def _instance(path: Path, name: str, value: Any, old: bool) -> InstanceRecord:
    what = f"{path}: instance {name}"
    known = fields(InstanceRecord)
    if old and isinstance(value, dict):
        value = {item.name: item.default for item in known[-5:] if item.default is not MISSING} | value
    _require_fields(what, value, [item.name for item in known])
    arguments = value["constructor_arguments"]
    if not isinstance(arguments, list) or not all(
        isinstance(item, dict) and set(item) == {"name", "type", "value"} for item in arguments
    ):
        raise DeployError(f"{what}: constructor_arguments is no list of name, type and value")
    package = value["package"]
    if package is not None:
        _require_fields(f"{what}: package", package, [item.name for item in fields(Package)])
        _require_patterns(f"{what}: package", package, {item.name: _TEXT for item in fields(Package)})
    optional = (*_OPTIONAL, *(_OF_CREATE2 if value["creator_nonce"] is not None else ()))
    _require_patterns(what, value, _INSTANCE, (*optional, *(_OF_COMPILED if package is not None else ())))
    wrong = [key for key in ("git_dirty",) if not isinstance(value[key], (bool, type(None)))]
    wrong += [key for key in ("block_number", "creator_nonce") if not _is_count(value[key])]
    previous = value["previous_addresses"]
    if not isinstance(value["adopted"], bool):
        wrong.append("adopted")
    if not isinstance(previous, list) or not all(_matches(_ADDRESS, item) for item in previous):
        wrong.append("previous_addresses")
    if value["instance"] != name:
        wrong.append("instance")
    if wrong:
        raise DeployError(f"{what}: {wrong[0]} is {value[wrong[0]]!r}, which cannot be")
    return InstanceRecord(
        **{
            **value,
            "constructor_arguments": tuple(Argument(**item) for item in arguments),
            "previous_addresses": tuple(previous),
            "package": None if package is None else Package(**package),
        }
    )


def _call(path: Path, number: int, value: Any) -> CallRecord:
    what = f"{path}: call {number}"
    _require_fields(what, value, [item.name for item in fields(CallRecord)])
    _require_patterns(what, value, _CALL, _OPTIONAL)
    if not _is_count(value["block_number"]):
        raise DeployError(f"{what}: block_number is {value['block_number']!r}, which cannot be")
    return CallRecord(**value)


def _plan(path: Path, name: str, value: Any) -> PlanRecord:
    what = f"{path}: plan {name}"
    _require_fields(what, value, [item.name for item in fields(PlanRecord)])
    accounts, configuration = value["accounts"], value["configuration"]
    if not isinstance(accounts, dict) or not all(_matches(_ADDRESS, item) for item in accounts.values()):
        raise DeployError(f"{what}: accounts is {accounts!r}, which cannot be; it has addresses by name")
    if configuration is not None and not isinstance(configuration, dict):
        raise DeployError(f"{what}: configuration is {configuration!r}, which cannot be; it is an object or null")
    return PlanRecord(accounts, configuration)


def _require_fields(what: str, value: Any, known: list[str]) -> None:
    if not isinstance(value, dict):
        raise DeployError(f"{what} is no object")
    missing, extra = [key for key in known if key not in value], [key for key in value if key not in known]
    if missing or extra:
        problem = f"lacks {', '.join(missing)}" if missing else f"has the unknown {', '.join(extra)}"
        raise DeployError(f"{what} {problem}")


def _require_patterns(
    what: str, value: dict[str, Any], patterns: dict[str, re.Pattern[str]], optional: tuple[str, ...] = ()
) -> None:
    for key, pattern in patterns.items():
        if not (_matches(pattern, value[key]) or (key in optional and value[key] is None)):
            raise DeployError(f"{what}: {key} is {value[key]!r}, which cannot be")


_MINED = {"transaction_hash": _WORD, "block_hash": _WORD}
_INSTANCE = _MINED | {
    **dict.fromkeys(("plan", "contract", "source", "salt_label", "compiler_version"), _TEXT),
    **dict.fromkeys(("git_commit", "implementation"), _TEXT),
    **dict.fromkeys(("address", "deployer", "creator"), _ADDRESS),
    **dict.fromkeys(("salt", "init_code_hash"), _WORD),
    **dict.fromkeys(("encoded_arguments", "creation_call"), _BYTES),
    "compiler_input_hash": _SHA256,
    "compiler_input": _FILE,  # a name, never a path: verifying must not read elsewhere
}
_CALL = _MINED | {"data": _BYTES, **dict.fromkeys(("label", "plan", "target", "function"), _TEXT)}
_OPTIONAL = ("transaction_hash", "block_hash", "git_commit", "implementation", "creation_call")
_OF_CREATE2 = ("salt_label", "salt")
_OF_COMPILED = ("compiler_input_hash", "compiler_input")


def _is_count(value: Any) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key} appears twice")
        found[key] = value
    return found
