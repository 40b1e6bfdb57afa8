"""The one module that knows Ape: its accounts as signers, its networks as endpoints and folder names.

Nothing else in `novacron` imports it; the scripts that `ape run` starts do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import rlp  # type: ignore[import-untyped]
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ApeException
from ape.utils.basemodel import ManagerAccessMixin
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from requests.exceptions import ConnectionError
from rlp.exceptions import RLPException  # type: ignore[import-untyped]

from novacron.chain.endpoints import EndpointPool
from novacron.chain.transport import mask_url
from novacron.exceptions import ConfigurationError, KeyMismatchError, SigningKeyError


class ApeSigner:
    """An Ape account as a `novacron.chain.signer.Signer`: keyfile, hardware wallet or development account.

    Args:
        account: signs; Ape asks for its passphrase when it needs one.
        provider: the connected network.
    """

    def __init__(self, account: AccountAPI, provider: ProviderAPI) -> None:
        self._account, self._provider = account, provider

    @property
    def address(self) -> str:
        """EIP-55 checksum address."""
        return str(to_checksum_address(self._account.address))

    def __repr__(self) -> str:
        return f"<ApeSigner {self.address}>"

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Raw signed transaction (EIP-2718).

        Raises:
            SigningKeyError: the user declined, or the account cannot sign.
            KeyMismatchError: what came back is signed by another key or is another transaction.
        """
        wanted = self._provider.network.ecosystem.create_transaction(**{**tx, "from": self.address})
        problem = ""
        try:
            signed = self._account.sign_transaction(wanted)
            raw = b"" if signed is None else bytes(signed.serialize_transaction())
        except ApeException as error:  # its text may quote the transaction, never the key
            problem, raw = type(error).__name__, b""
        if problem:
            raise SigningKeyError(f"account {self.address} could not sign ({problem})")
        if signed is None or not raw:
            raise SigningKeyError(f"account {self.address} did not sign: declined")
        # The bytes count, not what the account says about them: it must not go past the fee cap, for instance.
        found = _fields(raw)
        wish = {**tx, "to": bytes.fromhex(tx.get("to", "0x")[2:])}
        changed = [name for name in _FIELDS if found.get(name) != wish.get(name)]
        if changed or Account.recover_transaction(raw) != self.address:
            raise KeyMismatchError(
                f"account {self.address} returned a transaction with another {changed[0] if changed else 'signature'}"
            )
        return raw


_FEES = ("gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas")
_FIELDS = ("nonce", "chainId", "to", "value", "data", *_FEES)


def _fields(raw: bytes) -> dict[str, Any]:
    """What a signed transaction says: type 2 (EIP-1559), or one without a type (EIP-155); {} for any other."""
    try:
        if raw[0] >= 0xC0:  # an RLP list (EIP-2718)
            nonce, price, gas, to, value, data, v, _, _ = rlp.decode(raw)
            names = ("nonce", "gasPrice", "gas", "value", "chainId")
            numbers = [int.from_bytes(item, "big") for item in (nonce, price, gas, value, v)]
            return {**dict(zip(names, numbers, strict=True)), "chainId": (numbers[4] - 35) // 2, "to": to, "data": data}
        decoded = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    except (RLPException, ValueError, TypeError, IndexError):
        return {}
    plain = decoded["type"] == 2 and not decoded["accessList"]
    return {**decoded, "to": bytes(decoded["to"]), "data": bytes(decoded["data"])} if plain else {}


class NetworkCommand(ConnectedProviderCommand):
    """A command on a network; a network that cannot be reached is one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Connect, then run the command."""
        try:
            return super().invoke(ctx)
        except ApeException as error:
            unset = re.search(r"\$\{(\w+)\}", str(error))
            if unset is not None:
                raise click.ClickException(f"set {unset.group(1)} to the RPC address of this network") from None
            # Ape quotes RPC addresses, which may hold a key.
            text = re.sub(r"https?://[^\s'\"]+", lambda match: mask_url(match.group()), str(error))
            raise click.ClickException(f"{type(error).__name__}: {text}") from None
        except ConnectionError as error:  # Ape's, or that of the HTTP library: no node at a local address
            raise click.ClickException(
                "no node answers at this network's address: start one (`anvil`), or check the address"
            ) from error


def ape_account(alias: str | None, provider: ProviderAPI) -> AccountAPI:
    """The account of this alias; on a development network the first test account when none is given.

    Raises:
        ConfigurationError: no alias on a public network, or no such account.
    """
    manager = ManagerAccessMixin.account_manager
    if alias is None:
        if not provider.network.is_dev:
            raise ConfigurationError("name the account that pays: --account ALIAS; `ape accounts list` shows them")
        return manager.test_accounts[0]
    if alias.startswith("TEST::") and alias[6:].isdigit():
        if not provider.network.is_dev:
            raise ConfigurationError(f"{alias} is a development account whose key everybody knows; use one of your own")
        return manager.test_accounts[int(alias[6:])]
    if alias not in manager.aliases:
        known = ", ".join(sorted(manager.aliases)) or "none; make one with `ape accounts generate ALIAS`"
        raise ConfigurationError(f"Ape has no account {alias!r}; there are: {known}")
    return manager.load(alias)


def ape_pool(provider: ProviderAPI) -> EndpointPool:
    """An EndpointPool over the connected provider's address; a public network's endpoint must serve its chain id.

    Raises:
        ConfigurationError: the provider has no HTTP address.
    """
    address = str(getattr(provider, "http_uri", None) or getattr(provider, "uri", None) or "")
    if not address.startswith(("http://", "https://")):
        raise ConfigurationError(f"network {network_folder(provider)} has no HTTP address; configure one")
    # Development nodes choose their chain id freely, and Ape has a fixed idea of it.
    free = provider.network.is_dev or provider.network.name == "custom"
    return EndpointPool([address], chain_id=None if free else int(provider.network.chain_id))


def network_folder(provider: ProviderAPI) -> str:
    """`<ecosystem>-<network>`, the name below `deployments/`; an address without a network gets its chain id."""
    network = provider.network
    name = f"{network.ecosystem.name}-{network.name}"
    return f"{name}-{provider.chain_id}" if network.name == "custom" else name


def ends_with_the_command(provider: ProviderAPI) -> bool:
    """Whether the chain is gone when Ape exits: a fork, or a node that Ape started itself."""
    return bool(provider.network.is_fork or getattr(provider, "process", None) is not None)


def project_root() -> Path:
    """Folder of the Ape project in use."""
    return Path(ManagerAccessMixin.local_project.path)
