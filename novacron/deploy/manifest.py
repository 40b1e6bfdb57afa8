"""`deployments/<ecosystem>-<network>/manifest.json`: what is deployed there, from which source, and how to prove it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple

from novacron.atomic import write_atomically
from novacron.exceptions import DeployError

FORMAT = "novacron-deployment-v1"
_WORD = re.compile(r"0x[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_BYTES = re.compile(r"0x(?:[0-9a-f]{2})*")
_FILE = re.compile(r"[A-Za-z0-9_$.-]+\.json")


@dataclass(frozen=True)
class Argument:
    """A constructor argument as a person reads it: integers in decimal, bytes and addresses in hexadecimal."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True)
class InstanceRecord:
    """One deployed instance.

    Attributes:
        instance, plan: its name and the plan it belongs to.
        contract, source: Solidity contract and the file that defines it.
        address: EIP-55 checksum address.
        constructor_arguments, encoded_arguments: the same values, to read and as ABI-encoded hexadecimal.
        salt_label, salt: the CREATE2 salt and the text it is the Keccak-256 of.
        init_code_hash: Keccak-256 of creation code and encoded arguments.
        compiler_version: solc with its commit.
        compiler_input_hash: SHA-256 of the standard-json input, which is the file `compiler_input` beside the manifest.
        deployer: account that sent the transaction, or found the contract already there.
        adopted: whether somebody else had deployed it; then there is no transaction.
        transaction_hash, block_number, block_hash: where it was mined, None when adopted.
        git_commit: commit of the source tree, None outside git.
        git_dirty: whether the tree had uncommitted changes, None outside git.
        previous_addresses: where this instance was before, oldest first.
    """

    instance: str
    plan: str
    contract: str
    source: str
    address: str
    constructor_arguments: tuple[Argument, ...]
    encoded_arguments: str
    salt_label: str
    salt: str
    init_code_hash: str
    compiler_version: str
    compiler_input_hash: str
    compiler_input: str
    deployer: str
    adopted: bool
    transaction_hash: str | None
    block_number: int | None
    block_hash: str | None
    git_commit: str | None
    git_dirty: bool | None
    previous_addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeploymentManifest:
    """Everything deployed on one network, by instance name.

    Attributes:
        network: `<ecosystem>-<network>`.
        chain_id: EIP-155 chain id.
        genesis: hash of block 0, which tells a development chain from its successor with the same chain id.
        instances: records by instance name.
    """

    network: str
    chain_id: int
    genesis: str
    instances: Mapping[str, InstanceRecord] = field(default_factory=dict)

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

    def to_json(self) -> str:
        """The file's text: sorted, indented, newline at the end."""
        document = {
            "format": FORMAT,
            "network": self.network,
            "chain_id": self.chain_id,
            "genesis": self.genesis,
            "instances": {name: asdict(record) for name, record in self.instances.items()},
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
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DeployError(f"{path} is no deployment manifest: its format is not {FORMAT}")
    chain_id, instances = document.get("chain_id"), document.get("instances")
    if not isinstance(chain_id, int) or isinstance(chain_id, bool) or not isinstance(instances, dict):
        raise DeployError(f"{path}: chain_id must be a number and instances an object")
    if not isinstance(document.get("network"), str) or not _matches(_WORD, document.get("genesis")):
        raise DeployError(f"{path}: network must be a string and genesis a block hash")
    records = {name: _record(path, name, value) for name, value in instances.items()}
    return DeploymentManifest(document["network"], chain_id, document["genesis"], records)


def readable_arguments(abi: Sequence[Mapping[str, Any]], encoded: bytes) -> tuple[Argument, ...]:
    """Decode ABI-encoded constructor arguments for a person.

    Raises:
        DeployError: `encoded` does not fit the constructor.
    """
    constructor = next((item for item in abi if item.get("type") == "constructor"), None)
    parameters = constructor.get("inputs", []) if constructor else []
    types = [collapse_if_tuple(dict(parameter)) for parameter in parameters]
    try:
        values = decode(types, encoded)
    except (DecodingError, OverflowError) as error:
        raise DeployError(f"0x{encoded.hex()} are no arguments of a constructor ({', '.join(types)})") from error
    names = [str(parameter.get("name", "")) for parameter in parameters]
    return tuple(
        Argument(name, kind, _plain(kind, value)) for name, kind, value in zip(names, types, values, strict=True)
    )


def _plain(kind: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (tuple, list)):
        return [_plain("", item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _ADDRESS.fullmatch(value) and kind != "string":
        from eth_utils.address import to_checksum_address

        return str(to_checksum_address(value))
    return value


def _record(path: Path, name: str, value: Any) -> InstanceRecord:
    if not isinstance(value, dict):
        raise DeployError(f"{path}: instance {name} is no object")
    known = [item.name for item in fields(InstanceRecord)]
    missing, extra = [key for key in known if key not in value], [key for key in value if key not in known]
    if missing or extra:
        what = f"lacks {', '.join(missing)}" if missing else f"has the unknown {', '.join(extra)}"
        raise DeployError(f"{path}: instance {name} {what}")
    arguments = value["constructor_arguments"]
    if not isinstance(arguments, list) or not all(
        isinstance(item, dict) and set(item) == {"name", "type", "value"} for item in arguments
    ):
        raise DeployError(f"{path}: instance {name}: constructor_arguments is no list of name, type and value")
    previous = value["previous_addresses"]
    wrong = [
        *(key for key in _TEXT if not isinstance(value[key], str)),
        *(key for key, pattern in _PATTERNS.items() if not _matches(pattern, value[key])),
        *(
            key
            for key in ("transaction_hash", "block_hash")
            if value[key] is not None and not _matches(_WORD, value[key])
        ),
        *(key for key in ("git_commit",) if not isinstance(value[key], (str, type(None)))),
        *(key for key in ("git_dirty",) if not isinstance(value[key], (bool, type(None)))),
    ]
    if not isinstance(value["adopted"], bool):
        wrong.append("adopted")
    if value["block_number"] is not None and (type(value["block_number"]) is not int or value["block_number"] < 0):
        wrong.append("block_number")
    if not isinstance(previous, list) or not all(_matches(_ADDRESS, item) for item in previous):
        wrong.append("previous_addresses")
    if value["instance"] != name:
        wrong.append("instance")
    if wrong:
        raise DeployError(f"{path}: instance {name}: {wrong[0]} is {value[wrong[0]]!r}, which cannot be")
    return InstanceRecord(
        **{
            **value,
            "constructor_arguments": tuple(Argument(**item) for item in arguments),
            "previous_addresses": tuple(previous),
        }
    )


_TEXT = ("plan", "contract", "source", "salt_label", "compiler_version")
_PATTERNS = {
    "address": _ADDRESS,
    "deployer": _ADDRESS,
    "encoded_arguments": _BYTES,
    "salt": _WORD,
    "init_code_hash": _WORD,
    "compiler_input_hash": _SHA256,
    "compiler_input": _FILE,  # a name, never a path: verifying must not read elsewhere
}


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key} appears twice")
        found[key] = value
    return found
