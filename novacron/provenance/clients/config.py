"""Configuration of a client: from a mapping, a TOML file, the environment or a deployment manifest."""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from novacron.chain.signer import looks_like_key, variable_name
from novacron.exceptions import ConfigurationError

Kind = Literal["web3", "local"]
Interface = Literal["anchors", "records"]

#: Environment variable of each key; `private_key_env` names the variable that holds the key instead.
ENVIRONMENT: dict[str, str] = {
    "kind": "NOVACRON_CLIENT",
    "store": "NOVACRON_STORE",
    "submitter": "NOVACRON_SUBMITTER",
    "rpc_urls": "NOVACRON_RPC_URLS",
    "contract": "NOVACRON_CONTRACT",
    "chain_id": "NOVACRON_CHAIN_ID",
    "manifest": "NOVACRON_MANIFEST",
    "interface": "NOVACRON_INTERFACE",
    "keystore": "NOVACRON_KEYSTORE",
    "passphrase_file": "NOVACRON_PASSPHRASE_FILE",
    "key_command": "NOVACRON_KEY_COMMAND",
    "address": "NOVACRON_ADDRESS",
    "read_only": "NOVACRON_READ_ONLY",
    "confirmations": "NOVACRON_CONFIRMATIONS",
    "timeout": "NOVACRON_TIMEOUT",
    "rpc_timeout": "NOVACRON_RPC_TIMEOUT",
    "fee_speed": "NOVACRON_FEE_SPEED",
    "max_fee_per_gas": "NOVACRON_MAX_FEE_PER_GAS",
}
KEY_VARIABLE = "NOVACRON_PRIVATE_KEY"
PASSPHRASE_VARIABLE = "NOVACRON_PASSPHRASE"  # noqa: S105 - a variable's name


@dataclass(frozen=True)
class ClientConfig:
    """How to reach a chain, or the embedded store.

    Attributes:
        kind: "web3" or "local"; never chosen silently.
        store: folder of outbox and journal (web3), or the store's file (local).
        submitter: name in the embedded store.
        rpc_urls: JSON-RPC addresses, preferred first. They may hold credentials and are not shown.
        contract: address of ProofOfTraining, or its name in `manifest` (default "ProofOfTraining").
        chain_id: EIP-155 id the endpoints must serve.
        manifest: a deployment's manifest.json; gives contract and chain id.
        interface: "anchors", or "records" for the string interface.
        keystore: encrypted keystore file; its passphrase comes from `passphrase_file` or `passphrase_env`.
        private_key_env: environment variable that holds the key.
        key_command: command that prints the key.
        address: the address the key must belong to.
        read_only: no key: the client only reads.
        confirmations: blocks until a record counts as confirmed.
        timeout: seconds to wait for a transaction.
        rpc_timeout: seconds one request may take.
        fee_speed: slow, medium or fast.
        max_fee_per_gas: cap in wei; None for the default.
    """

    kind: Kind
    store: Path | None = None
    submitter: str | None = None
    rpc_urls: tuple[str, ...] = field(default=(), repr=False)
    contract: str | None = None
    chain_id: int | None = None
    manifest: Path | None = None
    interface: Interface = "anchors"
    keystore: Path | None = None
    passphrase_file: Path | None = None
    passphrase_env: str = field(default=PASSPHRASE_VARIABLE, repr=False)
    private_key_env: str | None = field(default=None, repr=False)
    key_command: tuple[str, ...] = field(default=(), repr=False)
    address: str | None = None
    read_only: bool = False
    confirmations: int = 1
    timeout: float = 120.0
    rpc_timeout: float = 10.0
    fee_speed: Literal["slow", "medium", "fast"] = "medium"
    max_fee_per_gas: int | None = None

    @classmethod
    def from_mapping(
        cls, values: Mapping[str, Any], *, base: Path | None = None, source: str = "configuration"
    ) -> Self:
        """Read keys with the attributes' names.

        Args:
            base: folder that relative paths start from; None for the working directory.
            source: where the values come from, for messages.

        Raises:
            ConfigurationError: an unknown key, a missing or malformed value, or two that contradict each other. The
                message names the key and never shows a secret.
        """
        names = [item.name for item in fields(cls)]
        for key in values:
            if key in ("private_key", "passphrase", "mnemonic"):
                raise ConfigurationError(
                    f"{source}: {key!r} does not belong into a configuration; name the variable that holds it in "
                    "'private_key_env', or use 'keystore' or 'key_command'"
                )
            if key not in names:
                raise ConfigurationError(f"{source}: unknown key {key!r}; known are {', '.join(names)}")
        given = {key: value for key, value in values.items() if value is not None}
        if "kind" not in given:
            if not {"rpc_urls", "manifest"} & given.keys():
                raise ConfigurationError(
                    f"{source}: neither 'kind' nor 'rpc_urls' is given; say kind = \"local\" for the embedded store, "
                    f"or give the chain's addresses ({ENVIRONMENT['rpc_urls']} in the environment)"
                )
            given["kind"] = "web3"
        config = cls(**{key: _coerced(key, value, base, source) for key, value in given.items()})
        config._check(source)
        return config

    @classmethod
    def from_toml(cls, path: Path | str) -> Self:
        """Read a TOML file: its `[client]` table, or its top level without one. Relative paths start at its folder.

        Raises:
            ConfigurationError: it cannot be read or parsed, or as `from_mapping`.
        """
        path = Path(path)
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigurationError(f"configuration {path}: no such file") from error
        except OSError as error:
            raise ConfigurationError(f"configuration {path}: {error.strerror or type(error).__name__}") from error
        except ValueError as error:
            raise ConfigurationError(f"configuration {path} is no TOML: {error}") from error
        table = data.get("client", data)
        if not isinstance(table, dict):
            raise ConfigurationError(f"configuration {path}: 'client' must be a table")
        return cls.from_mapping(table, base=path.resolve().parent, source=str(path))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Self:
        """Read the NOVACRON_… variables (see `ENVIRONMENT`); NOVACRON_RPC_URLS is separated by commas.

        Raises:
            ConfigurationError: as `from_mapping`.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for key, variable in ENVIRONMENT.items():
            if environ.get(variable):
                values[key] = environ[variable]
        if "rpc_urls" in values:
            values["rpc_urls"] = [url.strip() for url in values["rpc_urls"].split(",") if url.strip()]
        if "key_command" in values:
            try:
                values["key_command"] = shlex.split(values["key_command"])
            except ValueError as error:  # its text does not quote the command
                raise ConfigurationError(
                    f"environment: {ENVIRONMENT['key_command']} cannot be split into arguments ({error}); close its "
                    "quotes as in a shell"
                ) from None
        if environ.get(KEY_VARIABLE):
            values["private_key_env"] = KEY_VARIABLE
        values |= overrides
        if values.get("manifest") is not None:  # else a mistyped name is answered by what the file would have given
            _manifest(_coerced("manifest", values["manifest"], None, "environment"))
        return cls.from_mapping(values, source="environment")

    def deployed(self) -> tuple[str, int | None]:
        """Contract address and chain id, taken from the manifest where they are not given.

        Raises:
            ConfigurationError: the manifest cannot be read, lacks the contract, or is of another chain.
        """
        if self.manifest is None:
            if self.contract is None:
                raise ConfigurationError(f"'contract' is missing (or 'manifest'; {ENVIRONMENT['contract']})")
            return self.contract, self.chain_id
        name = "ProofOfTraining" if self.contract is None else self.contract
        data = _manifest(self.manifest)
        chain_id = data.get("chain_id")
        if not isinstance(chain_id, int) or (self.chain_id is not None and chain_id != self.chain_id):
            raise ConfigurationError(
                f"manifest {self.manifest} is of chain {chain_id}, configured is {self.chain_id}; give the right one"
            )
        if name.startswith("0x"):
            return name, chain_id
        instances = data.get("instances")
        entry = instances.get(name) if isinstance(instances, dict) else None
        address = entry.get("address") if isinstance(entry, dict) else None
        if not isinstance(address, str):
            raise ConfigurationError(f"manifest {self.manifest} holds no contract {name!r}")
        return address, chain_id

    def _check(self, source: str) -> None:
        if self.kind == "local":
            misplaced = [
                name
                for name in (
                    "rpc_urls",
                    "contract",
                    "chain_id",
                    "manifest",
                    "keystore",
                    "private_key_env",
                    "key_command",
                )
                if getattr(self, name)
            ]
            if misplaced:
                raise ConfigurationError(f'{source}: kind "local" has no use for {", ".join(misplaced)}')
            if self.store is None:
                raise ConfigurationError(f"{source}: kind \"local\" needs 'store', the path of its file")
            return
        if not self.rpc_urls:
            raise ConfigurationError(f"{source}: 'rpc_urls' is missing ({ENVIRONMENT['rpc_urls']})")
        keys = [name for name in ("keystore", "private_key_env", "key_command") if getattr(self, name)]
        if len(keys) > 1:
            raise ConfigurationError(f"{source}: {' and '.join(keys)} both give a key; keep one")
        if self.read_only:
            return
        if not keys:
            raise ConfigurationError(
                f"{source}: no key: give 'keystore', 'private_key_env' or 'key_command', or say read_only = true"
            )
        if self.store is None:
            raise ConfigurationError(f"{source}: 'store' is missing, the folder of outbox and journal")


_CHOICES: dict[str, tuple[str, ...]] = {
    "kind": ("web3", "local"),
    "interface": ("anchors", "records"),
    "fee_speed": ("slow", "medium", "fast"),
}
_PATHS = ("store", "manifest", "keystore", "passphrase_file")
_INTEGERS = {"chain_id": 1, "confirmations": 1, "max_fee_per_gas": 1}
_SECONDS = ("timeout", "rpc_timeout")


#: Keys whose value may look like a private key without being one.
_ANY_TEXT = ("store", "manifest")


def _coerced(key: str, value: Any, base: Path | None, source: str) -> Any:
    texts = value if isinstance(value, list | tuple) else [value]
    if key not in _ANY_TEXT and any(isinstance(text, str) and looks_like_key(text) for text in texts):
        raise ConfigurationError(
            f"{source}: {key} holds what looks like a private key; it is not shown. Take it out of the configuration: "
            "put it into an environment variable and name that in 'private_key_env'"
        )
    if key in _CHOICES:
        if value not in _CHOICES[key]:
            raise ConfigurationError(f"{source}: {key} = {value!r}; use one of {', '.join(_CHOICES[key])}")
        return value
    if key in _PATHS:
        if not isinstance(value, str | os.PathLike) or not str(value):
            raise ConfigurationError(f"{source}: {key} must be a path, not {value!r}")
        path = Path(value).expanduser()
        return path if base is None else base / path
    if key in ("rpc_urls", "key_command"):
        listed = isinstance(value, list | tuple) and bool(value)
        if not listed or not all(isinstance(item, str) and item for item in value):
            example = '["http://127.0.0.1:8545"]' if key == "rpc_urls" else '["pass", "show", "novacron"]'
            raise ConfigurationError(f"{source}: {key} must be a list of texts; write {key} = {example}")
        return tuple(value)
    if key in _INTEGERS or key in _SECONDS:
        try:
            number = (int if key in _INTEGERS else float)(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(f"{source}: {key} must be a number, not {value!r}") from error
        if isinstance(value, bool) or not number >= _INTEGERS.get(key, 0) or number == 0:
            raise ConfigurationError(f"{source}: {key} must be positive, not {value!r}")
        return number
    if key == "read_only":
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("1", "true", "yes", "0", "false", "no"):
            return str(value).lower() in ("1", "true", "yes")
        raise ConfigurationError(f"{source}: read_only must be true or false, not {value!r}")
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{source}: {key} must be a text")
    if key in ("private_key_env", "passphrase_env"):
        return variable_name(value, f"{source}: {key}")
    return value


def _manifest(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"manifest {path}: no such file") from error
    except OSError as error:
        raise ConfigurationError(f"manifest {path}: {error.strerror or type(error).__name__}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"manifest {path} is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise ConfigurationError(f"manifest {path} holds no object")
    return data
