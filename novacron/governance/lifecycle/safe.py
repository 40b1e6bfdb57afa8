"""A Safe that proposes, votes, queues and executes: hashes, files for its owners, signatures, execution.

The flow is that of Safe 1.5.0 (`Safe.execTransaction`): the owners sign the EIP-712 hash of a SafeTx; whoever holds
signatures of as many owners as the threshold asks for sends them, in ascending order of the owners' addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eth_account.messages import defunct_hash_message

from novacron.chain.addresses import parse_address
from novacron.chain.contracts import ContractHandle
from novacron.chain.endpoints import EndpointPool
from novacron.chain.receipts import TransactionReceipt
from novacron.chain.transactions import TransactionManager
from novacron.chain.typed_data import TypedDataSigner, digest_of, signer_of
from novacron.exceptions import InconsistentEndpointError, RevertedError, SafeError

NOBODY = "0x" + "0" * 40

_SAFE_TX = (
    ("to", "address"),
    ("value", "uint256"),
    ("data", "bytes"),
    ("operation", "uint8"),
    ("safeTxGas", "uint256"),
    ("baseGas", "uint256"),
    ("gasPrice", "uint256"),
    ("gasToken", "address"),
    ("refundReceiver", "address"),
    ("nonce", "uint256"),
)


def _function(name: str, inputs: list[tuple[str, str]], outputs: list[str], *, view: bool = True) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view" if view else "payable",
        "inputs": [{"name": label, "type": kind} for label, kind in inputs],
        "outputs": [{"name": "", "type": kind} for kind in outputs],
    }


def _event(name: str) -> dict[str, Any]:
    inputs = [{"name": "txHash", "type": "bytes32", "indexed": True}]
    return {
        "type": "event",
        "name": name,
        "inputs": [*inputs, {"name": "payment", "type": "uint256", "indexed": False}],
    }


#: The part of Safe 1.5.0's ABI that is used here.
SAFE_ABI: tuple[dict[str, Any], ...] = (
    _function("VERSION", [], ["string"]),
    _function("nonce", [], ["uint256"]),
    _function("getOwners", [], ["address[]"]),
    _function("getThreshold", [], ["uint256"]),
    _function("approvedHashes", [("owner", "address"), ("hash", "bytes32")], ["uint256"]),
    _function("getTransactionHash", list(_SAFE_TX), ["bytes32"]),
    _function("execTransaction", [*_SAFE_TX[:-1], ("signatures", "bytes")], ["bool"], view=False),
    _event("ExecutionSuccess"),
    _event("ExecutionFailure"),
)

#: What the contract's error codes mean (docs/error_codes.md of the Safe contracts).
_CODES = {
    "GS010": "not enough gas was given",
    "GS013": "the call inside it failed",
    "GS020": "there are fewer signatures than the threshold",
    "GS024": "a contract owner does not accept its signature",
    "GS025": "a hash counts as approved that its owner has not approved",
    "GS026": "a signature is of no owner, given twice, or out of order",
}


@dataclass(frozen=True)
class SafeTransaction:
    """One call that a Safe is to make, with the signatures collected so far.

    Attributes:
        chain_id: EIP-155 chain id.
        safe: checksum address.
        to, value, data: the call; value in wei.
        nonce: the Safe's; transactions happen in its order.
        operation: 0, a call. Delegate calls (1) are refused: they would run foreign code as the Safe.
        title: a note in the file; `key`: for programs, the step of a proposal's life that it takes. Neither is signed,
            so owners are shown what `safe_calls` makes of the call instead.
        signatures: 65 bytes by owner (checksum address).
    """

    chain_id: int
    safe: str
    to: str
    value: int
    data: bytes = field(repr=False)
    nonce: int
    operation: int = 0
    title: str = ""
    key: str = ""
    signatures: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def typed_data(self) -> dict[str, Any]:
        """The EIP-712 document that owners sign (eth_signTypedData_v4)."""
        domain = [{"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}]
        fields = [{"name": name, "type": kind} for name, kind in _SAFE_TX]
        return {
            "types": {"EIP712Domain": domain, "SafeTx": fields},
            "primaryType": "SafeTx",
            "domain": {"chainId": self.chain_id, "verifyingContract": self.safe},
            "message": dict(zip([name for name, _ in _SAFE_TX], self._fields(), strict=True)),
        }

    @property
    def hash(self) -> bytes:
        """The SafeTx hash, 32 bytes."""
        return digest_of(self.typed_data)

    def signed_by(self, signer: TypedDataSigner) -> SafeTransaction:
        """With the signature of one more owner."""
        return self.with_signature(signer.sign_typed_data(self.typed_data))

    def with_signature(self, signature: bytes) -> SafeTransaction:
        """With a signature made elsewhere: over the typed data, or by eth_sign over the hash (v of 31 or 32).

        Raises:
            SafeError: it is no signature.
        """
        owner = signature_owner(self.hash, signature)
        if owner is None:
            raise SafeError(f"0x{signature.hex()} is no signature: expected 65 bytes r, s, v with v 27, 28, 31 or 32")
        return replace(self, signatures={**self.signatures, owner: signature})

    def _fields(self) -> tuple[Any, ...]:
        return (self.to, self.value, self.data, self.operation, 0, 0, 0, NOBODY, NOBODY, self.nonce)


class SafeAccount:
    """A Safe on a chain.

    Raises:
        SafeError: there is no Safe at the address, or one whose hashes are not those of Safe 1.3 to 1.5.
    """

    def __init__(self, pool: EndpointPool, address: str) -> None:
        self.pool = pool
        self.handle = ContractHandle(pool, address, SAFE_ABI)
        self.address = self.handle.address
        self.handle.require_code()
        try:
            version, threshold, owners = self.handle.call_many([("VERSION",), ("getThreshold",), ("getOwners",)])
        except (RevertedError, InconsistentEndpointError):
            raise SafeError(f"the contract at {self.address} is no Safe") from None
        self.version = str(version)
        self.threshold = int(threshold)
        self.owners: tuple[str, ...] = tuple(owners)
        if not re.match(r"1\.[345]\.", self.version):
            raise SafeError(f"the Safe at {self.address} is version {self.version}; 1.3 to 1.5 are supported")

    def nonce(self) -> int:
        """Nonce of the next transaction."""
        return int(self.handle.call("nonce"))

    def require_owner(self, account: str) -> None:
        """Raise SafeError unless an account is an owner."""
        if account not in self.owners:
            raise SafeError(f"{account} is no owner of the Safe {self.address}; its owners: {', '.join(self.owners)}")

    def transaction(
        self, to: str, data: bytes, *, value: int = 0, nonce: int | None = None, title: str = ""
    ) -> SafeTransaction:
        """A transaction of this Safe; its hash is compared with the contract's own.

        Args:
            nonce: None for the next one.

        Raises:
            SafeError: the contract computes another hash.
        """
        number = self.nonce() if nonce is None else nonce
        made = SafeTransaction(self.pool.chain_id(), self.address, parse_address(to), value, data, number, title=title)
        self.check_hash(made)
        return made

    def check_hash(self, transaction: SafeTransaction) -> None:
        """Compare the hash with `getTransactionHash`.

        Raises:
            SafeError: it is of another Safe or chain, or the contract computes another hash.
        """
        if (transaction.safe, transaction.chain_id) != (self.address, self.pool.chain_id()):
            raise SafeError(
                f"this transaction is of the Safe {transaction.safe} on chain {transaction.chain_id}, not of "
                f"{self.address} on chain {self.pool.chain_id()}"
            )
        if transaction.operation != 0:
            raise SafeError("a delegate call would run foreign code as the Safe; only calls (operation 0) are signed")
        theirs = self.handle.call("getTransactionHash", *transaction._fields())
        if theirs != transaction.hash:
            raise SafeError(
                f"the Safe computes the hash 0x{theirs.hex()}, we compute 0x{transaction.hash.hex()}; do not sign"
            )

    def executed(self, transaction: SafeTransaction, from_block: int = 0) -> bool:
        """Whether this very transaction has been executed."""
        if transaction.nonce >= self.nonce():
            return False
        logs = self.handle.events("ExecutionSuccess", from_block, filters={"txHash": transaction.hash})
        return next(iter(logs), None) is not None

    def missing(self, transaction: SafeTransaction) -> int:
        """Signatures that are still needed; approvals on chain count."""
        return max(0, self.threshold - len(self._collected(transaction)))

    def signatures(self, transaction: SafeTransaction) -> bytes:
        """As many signatures as the threshold asks for, in ascending order of their owners' addresses.

        Raises:
            SafeError: a signature is of no owner, or there are too few.
        """
        found = self._collected(transaction)
        if len(found) < self.threshold:
            waiting = ", ".join(sorted(set(self.owners) - found.keys(), key=str.lower))
            raise SafeError(
                f"{len(found)} of {self.threshold} signatures are there; one of these owners must still sign: {waiting}"
            )
        order = sorted(found, key=lambda owner: int(owner, 16))[: self.threshold]
        return b"".join(found[owner] for owner in order)

    def execute(self, manager: TransactionManager, transaction: SafeTransaction) -> TransactionReceipt:
        """Send a transaction with its signatures, and wait. Anybody may pay for it; safe to repeat.

        Raises:
            SafeError: too few signatures, another nonce is next, or the call inside failed.
        """
        self.check_hash(transaction)
        key = f"safe/{self.address}/{transaction.nonce}/{transaction.hash.hex()}"
        begun = manager.journal.get(key) is not None
        following = self.nonce()
        if not begun and following != transaction.nonce:
            if self.executed(transaction):
                raise SafeError(f"0x{transaction.hash.hex()} was executed already; there is nothing left to do")
            raise SafeError(
                f"the Safe's next nonce is {following}, this transaction has {transaction.nonce}: "
                + ("execute the earlier ones first" if following < transaction.nonce else "make it anew and sign again")
            )
        call = (*transaction._fields()[:-1], self.signatures(transaction))
        try:
            receipt = self.handle.send(manager, key, "execTransaction", *call)
        except RevertedError as error:
            code = str(error.arguments[0]) if error.name == "Error" and error.arguments else ""
            if code not in _CODES:
                raise
            raise SafeError(f"the Safe refuses it with {code}: {_CODES[code]}") from error
        if self.handle.decode_logs(receipt, "ExecutionFailure"):
            raise SafeError(f"the Safe's transaction 0x{transaction.hash.hex()} was executed and failed inside")
        return receipt

    def _collected(self, transaction: SafeTransaction) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        digest = transaction.hash
        for owner, signature in transaction.signatures.items():
            if signature_owner(digest, signature) != owner:
                raise SafeError(f"the signature of {owner} is not over 0x{digest.hex()}: the transaction was changed")
            if owner not in self.owners:
                raise SafeError(f"{owner} signed, but is no owner of the Safe {self.address}")
            found[owner] = signature
        others = [owner for owner in self.owners if owner not in found]
        if len(found) < self.threshold and others:
            answers = self.handle.call_many([("approvedHashes", owner, digest) for owner in others])
            # An approval on chain is shown as the owner's address with v = 1.
            approved = (owner for owner, answer in zip(others, answers, strict=True) if answer)
            found |= {owner: bytes(12) + bytes.fromhex(owner[2:]) + bytes(32) + b"\x01" for owner in approved}
        return found


def signature_owner(digest: bytes, signature: bytes) -> str | None:
    """Who signed a SafeTx hash, as the contract finds out; None when it is no signature."""
    if len(signature) == 65 and signature[64] in (31, 32):  # eth_sign: the hash with Ethereum's message prefix
        return signer_of(bytes(defunct_hash_message(digest)), signature[:64] + bytes([signature[64] - 4]))
    return signer_of(digest, signature)
