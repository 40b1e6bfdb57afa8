"""Approvals of migrations: policies, and approvals signed off line as EIP-712 typed data for anybody to hand in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from novacron.chain.addresses import parse_address
from novacron.chain.contracts import ContractHandle
from novacron.chain.receipts import TransactionReceipt
from novacron.chain.typed_data import TypedData, TypedDataSigner, digest_of, signer_of
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.state_words import State, label
from novacron.compute.vms import VMs
from novacron.exceptions import ApprovalError, InconsistentEndpointError, InputError
from novacron.market.deployment import Account, new_key, read

#: EIP-712 domain of VMLifecycle.
NAME, VERSION = "NovaCron VMLifecycle", "1"
FORMAT = "novacron-migration-approval-v1"
MAX_APPROVERS = 32
_FIELDS = ("vmId", "targetHostId", "epoch", "expiry")
_DOMAIN = (("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"))


@dataclass(frozen=True)
class Request:
    """A migration that waits for approvals: exactly what approvers sign.

    Attributes:
        name, version, chain_id, contract: the EIP-712 domain.
        target: number of the host that the VM would move to.
        expiry: Unix seconds.
    """

    name: str
    version: str
    chain_id: int
    contract: str
    vm: int
    target: int
    epoch: int
    expiry: int

    @property
    def typed_data(self) -> TypedData:
        """The document, as wallets take it (EIP-712)."""
        return {
            "types": {
                "EIP712Domain": [{"name": name, "type": kind} for name, kind in _DOMAIN],
                "MigrationApproval": [{"name": name, "type": "uint256"} for name in _FIELDS],
            },
            "primaryType": "MigrationApproval",
            "domain": {
                "name": self.name,
                "version": self.version,
                "chainId": self.chain_id,
                "verifyingContract": self.contract,
            },
            "message": dict(zip(_FIELDS, (self.vm, self.target, self.epoch, self.expiry), strict=True)),
        }

    @property
    def digest(self) -> bytes:
        """What is signed, 32 bytes."""
        return digest_of(self.typed_data)

    @classmethod
    def of_typed_data(cls, document: Mapping[str, Any]) -> Self:
        """From a document that somebody was handed; anything but exactly this kind of document is refused.

        Raises:
            ApprovalError: it would sign something else.
        """
        try:
            domain, message = document["domain"], document["message"]
            numbers = [message[name] for name in _FIELDS] + [domain["chainId"]]
            if not all(type(number) is int and 0 <= number < 1 << 256 for number in numbers):
                raise ValueError("its numbers must be whole and not negative")
            contract = parse_address(domain["verifyingContract"], "verifyingContract")
            made = cls(str(domain["name"]), str(domain["version"]), numbers[4], contract, *numbers[:4])
        except (KeyError, TypeError, ValueError) as error:
            raise ApprovalError(f"this asks for no approval of a migration: {_reason(error)}") from None
        if made.typed_data != document:
            raise ApprovalError("this asks for a signature over something else than one approval of a migration")
        return made


@dataclass(frozen=True)
class SignedApproval:
    """A request with one approver's signature over it."""

    request: Request
    approver: str
    signature: bytes

    def to_json(self) -> str:
        """As a file, for whoever hands it in."""
        document = {
            "format": FORMAT,
            "approver": self.approver,
            "signature": "0x" + self.signature.hex(),
            "approval": self.request.typed_data,
        }
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote. Raises ApprovalError."""
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            approver = parse_address(document["approver"], "approver")
            signature = bytes.fromhex(document["signature"].removeprefix("0x"))
            return cls(Request.of_typed_data(document["approval"]), approver, signature)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ApprovalError(f"this is no signed approval of a migration: {_reason(error)}") from None


def parse_request(text: str) -> Request:
    """A request from the typed data in a file. Raises ApprovalError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ApprovalError(f"this is no request for an approval: {error}") from None
    if not isinstance(document, dict):
        raise ApprovalError("this is no request for an approval: it holds no object")
    return Request.of_typed_data(document)


def sign_approval(request: Request, signer: TypedDataSigner) -> SignedApproval:
    """Sign a request; needs no chain."""
    return SignedApproval(request, signer.address, signer.sign_typed_data(request.typed_data))


class Approvals:
    """Policies and approvals of a deployment's VM lifecycle."""

    def __init__(self, vms: VMs) -> None:
        self.vms = vms

    @property
    def contract(self) -> ContractHandle:
        """VMLifecycle."""
        return self.vms.contract

    def create_policy(
        self, account: Account, approvers: Sequence[str], threshold: int, *, key: str | None = None
    ) -> tuple[int, TransactionReceipt]:
        """Make a policy, for good: `threshold` of `approvers` (in any order) must agree. Returns its number.

        Raises:
            InputError: none or more than 32 approvers, one twice, a threshold that cannot be reached.
        """
        ordered = sorted({parse_address(one, "approver") for one in approvers}, key=lambda one: int(one, 16))
        if len(ordered) != len(approvers) or not 1 <= len(ordered) <= MAX_APPROVERS or int(ordered[0], 16) == 0:
            raise InputError(f"a policy has 1 to {MAX_APPROVERS} different approvers, none of them zero")
        if not 1 <= threshold <= len(ordered):
            raise InputError(f"{threshold} of {len(ordered)} approvers: from 1 to all of them must agree")
        receipt = account.send(new_key("vm/policy", key), self.contract, "createPolicy", ordered, threshold)
        found = self.contract.decode_logs(receipt, "PolicyCreated")
        if len(found) != 1:
            raise InconsistentEndpointError(f"transaction {receipt.hash} has no PolicyCreated among its logs")
        return int(found[0].args["policyId"]), receipt

    def policy(self, number: int) -> tuple[list[str], int]:
        """Approvers and threshold of a policy. Raises RevertedError with advice when there is none."""
        approvers, threshold = read(self.contract, COMPUTE_ADVICE, "policyOf", number)
        return list(approvers), int(threshold)

    def counts(self, number: int) -> tuple[int, int]:
        """Approvals of a VM's present epoch, and how many it takes."""
        count, threshold = read(self.contract, COMPUTE_ADVICE, "approvalsOf", number)
        return int(count), int(threshold)

    def request(self, number: int) -> Request:
        """What approvers of a VM's pending migration sign.

        Raises:
            ApprovalError: no migration of it waits for approval.
        """
        vm = self.vms.vm(number)
        if vm.state is not State.MIGRATION_PENDING:
            raise ApprovalError(f"no migration of VM {number} waits for approval: it is {label(vm.state)}")
        chain_id, contract = self.vms.deployment.pool.chain_id(), self.contract.address
        return Request(NAME, VERSION, chain_id, contract, number, vm.target, vm.epoch, vm.deadline)

    def approve(self, account: Account, number: int) -> TransactionReceipt:
        """Approve a VM's pending migration, as one of its policy's approvers. The last one needed starts it."""
        request = self.request(number)
        return account.send(
            f"vm/approve/{number}/{request.epoch}",
            self.contract,
            "approveMigration",
            request.vm,
            request.target,
            request.epoch,
            request.expiry,
        )

    def hand_in(self, account: Account, signed: Sequence[SignedApproval]) -> TransactionReceipt:
        """Send approvals that were signed off line, all of one migration, as anybody.

        Raises:
            ApprovalError: none, of several migrations, of one that does not wait any more, by somebody who is no
                approver, twice by one, or wrongly signed. Nothing is sent then.
        """
        if not signed:
            raise ApprovalError("there are no approvals to hand in")
        ordered = sorted(signed, key=lambda one: int(one.approver, 16))
        expected = self.request(ordered[0].request.vm)
        approvers, _ = self.policy(self.vms.vm(expected.vm).policy)
        for one in ordered:
            if one.request != expected:
                wrong = one.request
                raise ApprovalError(
                    f"the approval of {one.approver} is for VM {wrong.vm} to host {wrong.target}, epoch {wrong.epoch}, "
                    f"expiry {wrong.expiry}, on chain {wrong.chain_id}; what waits is VM {expected.vm} to host "
                    f"{expected.target}, epoch {expected.epoch}, expiry {expected.expiry}: have it signed again"
                )
            if one.approver not in approvers:
                raise ApprovalError(f"{one.approver} is no approver of VM {expected.vm}; {', '.join(approvers)} are")
            # A contract's signature (ERC-1271) is judged by the contract itself, when the transaction is estimated.
            code = self.vms.deployment.pool.request("eth_getCode", [one.approver, "latest"])
            if code in ("0x", "0x0") and signer_of(expected.digest, one.signature) != one.approver:
                raise ApprovalError(
                    f"the signature is not that of {one.approver} over this approval: have it signed again"
                )
        names = [one.approver for one in ordered]
        if len(set(names)) != len(names):
            raise ApprovalError("one approver is there twice; hand each approval in once")
        return account.send(
            new_key(f"vm/approvals/{expected.vm}/{expected.epoch}", None),
            self.contract,
            "approveMigrationBySig",
            expected.vm,
            expected.target,
            expected.epoch,
            expected.expiry,
            names,
            [one.signature for one in ordered],
        )


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
