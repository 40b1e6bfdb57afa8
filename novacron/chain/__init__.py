"""One way to a chain: endpoints, fees, nonces, signers, transactions, contract handles."""

from __future__ import annotations

from novacron.chain.anvil import Anvil
from novacron.chain.codec import load_abi
from novacron.chain.contracts import ContractHandle, EventLog
from novacron.chain.endpoint import EndpointHealth
from novacron.chain.endpoints import EndpointPool
from novacron.chain.entries import Attempt, Entry, Intent
from novacron.chain.errors import ErrorDecoder, ErrorKind, classify
from novacron.chain.fees import GWEI, FeePolicy, FeeQuote
from novacron.chain.journal import Journal
from novacron.chain.receipts import TransactionReceipt
from novacron.chain.signer import (
    LocalSigner,
    Signer,
    passphrase_from_env,
    passphrase_from_file,
    signer_from_command,
    signer_from_env,
    signer_from_key,
    signer_from_keystore,
)
from novacron.chain.transactions import Outcome, TransactionManager
from novacron.chain.transport import mask_url

__all__ = [
    "GWEI",
    "Anvil",
    "Attempt",
    "ContractHandle",
    "EndpointHealth",
    "EndpointPool",
    "Entry",
    "ErrorDecoder",
    "ErrorKind",
    "EventLog",
    "FeePolicy",
    "FeeQuote",
    "Intent",
    "Journal",
    "LocalSigner",
    "Outcome",
    "Signer",
    "TransactionManager",
    "TransactionReceipt",
    "classify",
    "load_abi",
    "mask_url",
    "passphrase_from_env",
    "passphrase_from_file",
    "signer_from_command",
    "signer_from_env",
    "signer_from_key",
    "signer_from_keystore",
]
