"""ModelRegistry: what owners and certifiers do with models and names. Registering itself: `registration.py`."""

from __future__ import annotations

from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.entries import Intent
from novacron.chain.preflight import estimate
from novacron.chain.receipts import TransactionReceipt
from novacron.exceptions import InputError
from novacron.market.deployment import Account, Deployment, explaining, new_key
from novacron.models.onchain import Stage
from novacron.models.references import NameReference, parse_alias, parse_name
from novacron.models.registration import Commitment, Registered, Registration, commit, register
from novacron.models.snapshot import RegistryView, pin_blocks

#: Longest reason of a revocation, bytes.
MAX_REASON = 256
_NOBODY = "0x" + "00" * 20
#: Gas that moves an alias or stage, the first time included (docs/gas.md), and more; per cent added to estimates.
_CHECKPOINT, _MARGIN = 150_000, 20


class ModelRegistry:
    """The registry of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("ModelRegistry")

    # -- reading -----------------------------------------------------------------------------------------------------

    def view(self, confirmations: int = 1) -> RegistryView:
        """All reads at one block: the newest with so many confirmations."""
        return RegistryView(self.deployment, pin_blocks(self.deployment.pool, confirmations)[0])

    # -- models ------------------------------------------------------------------------------------------------------

    def commit(self, account: Account, model_hash: bytes) -> Commitment:
        """Claim a model without showing it; see `novacron.models.registration.commit`."""
        return commit(account, model_hash)

    def register(self, account: Account, request: Registration, *, commit: bool = True) -> Registered:
        """Register a model; see `novacron.models.registration.register`."""
        return register(account, request, commit=commit)

    def set_stage(
        self, account: Account, model_hash: bytes, stage: Stage, *, key: str | None = None
    ) -> TransactionReceipt:
        """Move a model to another stage. Owner only."""
        return self._checkpoint(account, new_key("model/stage", key), "setStage", model_hash, int(stage))

    def revoke(self, account: Account, model_hash: bytes, reason: str) -> TransactionReceipt:
        """Revoke a model for good, and so what descends from it. Its owner, or a certifier."""
        name = f"model/revoke/{model_hash.hex()}"
        return account.send(name, self.contract, "revokeModel", model_hash, checked_reason(reason))

    def transfer(
        self, account: Account, model_hash: bytes, new_owner: str | None, *, key: str | None = None
    ) -> TransactionReceipt:
        """Offer a model to somebody, who must accept it; None withdraws an offer."""
        who = _NOBODY if new_owner is None else parse_address(new_owner, "new owner")
        return account.send(new_key("model/transfer", key), self.contract, "transferModel", model_hash, who)

    def accept(self, account: Account, model_hash: bytes, *, key: str | None = None) -> TransactionReceipt:
        """Take a model that was offered to the account."""
        return account.send(new_key("model/accept", key), self.contract, "acceptModel", model_hash)

    # -- certificates ------------------------------------------------------------------------------------------------

    def certify(
        self, account: Account, model_hash: bytes, expires_at: int, evidence: bytes, *, key: str | None = None
    ) -> TransactionReceipt:
        """Certify a model until a second, with the digest of what was looked at. Certifiers only.

        Args:
            expires_at: Unix seconds; first second at which the certificate is over.
            evidence: 32 bytes.
        """
        arguments = (model_hash, expires_at, evidence)
        return account.send(new_key("model/certify", key), self.contract, "certify", *arguments, varying=(1,))

    def revoke_certificate(
        self, account: Account, model_hash: bytes, reason: str, *, key: str | None = None
    ) -> TransactionReceipt:
        """Revoke the certificate of a model. Certifiers only."""
        name = new_key("model/uncertify", key)
        return account.send(name, self.contract, "revokeCertificate", model_hash, checked_reason(reason))

    # -- names -------------------------------------------------------------------------------------------------------

    def create_name(self, account: Account, name: str) -> tuple[NameReference, TransactionReceipt]:
        """Create a name in the account's own namespace."""
        made = NameReference(account.address, parse_name(name))
        return made, account.send(f"model/name/{made.id.hex()}", self.contract, "createName", name)

    def transfer_name(
        self, account: Account, name: NameReference, new_owner: str | None, *, key: str | None = None
    ) -> TransactionReceipt:
        """Offer a name to somebody, who must accept it; None withdraws an offer."""
        who = _NOBODY if new_owner is None else parse_address(new_owner, "new owner")
        return account.send(new_key("model/transfer-name", key), self.contract, "transferName", name.id, who)

    def accept_name(self, account: Account, name: NameReference, *, key: str | None = None) -> TransactionReceipt:
        """Take a name that was offered to the account."""
        return account.send(new_key("model/accept-name", key), self.contract, "acceptName", name.id)

    def freeze_name(self, account: Account, name: NameReference) -> TransactionReceipt:
        """End all change under a name, for good."""
        return account.send(f"model/freeze/{name.id.hex()}", self.contract, "freezeName", name.id)

    def publish(self, account: Account, name: NameReference, model_hash: bytes) -> TransactionReceipt:
        """Publish a model as its version of a name, for good. Owner of both."""
        key = f"model/publish/{name.id.hex()}/{model_hash.hex()}"
        return account.send(key, self.contract, "publish", name.id, model_hash)

    def set_alias(
        self,
        account: Account,
        name: NameReference,
        alias: str,
        *,
        before: bytes,
        to: bytes,
        key: str | None = None,
    ) -> TransactionReceipt:
        """Point an alias to a published model, if it still points to `before`.

        Args:
            before: what the caller saw it point to, 32 bytes; zero for nothing.
            to: the model; zero removes the alias.

        Raises:
            RevertedError: it was moved meanwhile; says where to.
        """
        arguments = (name.id, parse_alias(alias), before, to)
        return self._checkpoint(account, new_key("model/alias", key), "setAlias", *arguments)

    def freeze_alias(self, account: Account, name: NameReference, alias: str) -> TransactionReceipt:
        """End all movement of an alias, for good."""
        key = f"model/freeze/{name.id.hex()}/{parse_alias(alias)}"
        return account.send(key, self.contract, "freezeAlias", name.id, alias)

    def _checkpoint(self, account: Account, key: str, fn: str, *args: Any) -> TransactionReceipt:
        """Send what writes a checkpoint of its second, with gas for a new one: the estimate may be of a second that has
        one already, which is then overwritten at a fraction of the price."""
        if account.begun(key):
            return account.send(key, self.contract, fn, *args)
        pool = self.deployment.pool
        intent = Intent(key, pool.chain_id(), account.address, self.contract.address, self.contract.encode(fn, *args))
        with explaining(account.advice):
            gas = estimate(pool, intent, _MARGIN, pending=False, decoder=self.contract.errors)
        return account.send(key, self.contract, fn, *args, gas=max(gas, _CHECKPOINT))


def checked_reason(reason: str) -> str:
    """A reason as the registry takes it. Raises InputError."""
    if not 1 <= len(reason.encode()) <= MAX_REASON:
        raise InputError(f"a reason has 1 to {MAX_REASON} bytes, this one has {len(reason.encode())}: say why")
    return reason
