"""The deployed suite as the tests of the hand-over act on it: in anybody's name, and by proposals."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.anvil import Anvil
from novacron.chain.contracts import ContractHandle
from novacron.chain.endpoints import EndpointPool
from novacron.deploy.compiler import ContractSource
from novacron.deploy.genesis import LOCAL_GENESIS
from novacron.deploy.handover import HandoverReport, check_handover
from novacron.deploy.handover_view import Finding
from novacron.deploy.local import LOCAL_HOLDERS, SEASON
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.roles import role_id
from novacron.exceptions import HandoverError

ZERO = "0x" + "00" * 20
#: Storage slot of a proxy's implementation (ERC-1967).
IMPLEMENTATION = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
#: Targets, values in wei and call data; and the description.
Proposal = tuple[tuple[list[str], list[int], list[bytes]], str]
STRANGER = str(to_checksum_address("0x" + "57a9".rjust(40, "0")))


class Suite:
    """The deployed suite; transactions in anybody's name."""

    def __init__(
        self, chain: Anvil, pool: EndpointPool, manifest: DeploymentManifest, compiler: ContractSource
    ) -> None:
        self.chain, self.pool, self.manifest, self.compiler = chain, pool, manifest, compiler

    def __getitem__(self, name: str) -> ContractHandle:
        record = self.manifest.instances[name]
        abi_of = self.manifest.instances[record.implementation or name]
        wanted = abi_of.package.contract if abi_of.package else abi_of.contract
        return ContractHandle(self.pool, record.address, self.compiler.compile(wanted).abi)

    @property
    def deployer(self) -> str:
        return self.chain.accounts[0][0]

    def send(self, sender: str, name: str, function: str, *arguments: Any) -> str:
        """A transaction from an instance's or account's address, whoever has its key."""
        source = self.manifest.address_of(sender) if sender in self.manifest.instances else sender
        data = "0x" + self[name].encode(function, *arguments).hex()
        return self.raw(source, self[name].address, data)

    def raw(self, sender: str, to: str | None, data: str) -> str:
        self.chain.rpc("anvil_setBalance", sender, hex(10**20))
        self.chain.rpc("anvil_impersonateAccount", sender)
        call = {"from": sender, "data": data, "gas": hex(5_000_000), **({"to": to} if to else {})}
        receipt = self.chain.rpc("eth_sendTransactionSync", call)
        self.chain.rpc("anvil_stopImpersonatingAccount", sender)
        assert isinstance(receipt, dict)
        assert receipt["status"] == "0x1", (to, data)
        return str(receipt.get("contractAddress") or "")

    def season(self) -> int:
        return int(str(self.chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"]), 16) // SEASON  # type: ignore[index]

    def check(self, **options: Any) -> HandoverReport:
        return check_handover(self.pool, self.manifest, self.compiler, **options)

    def found(self, **options: Any) -> list[Finding]:
        report = self.check(**options)
        if report.findings:
            with pytest.raises(HandoverError):
                report.raise_if_failed()
        return list(report.findings)


def word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


def poke(suite: Suite, name: str, label: str, value: int) -> None:
    """Write a variable of an instance that nobody can write without a vote."""
    layout = suite.compiler.compile(name).storage_layout
    item = next(one for one in layout["storage"] if one["label"] == label)
    bits, shift = 8 * int(layout["types"][item["type"]]["numberOfBytes"]), 8 * int(item["offset"])
    address, slot = suite.manifest.address_of(name), hex(int(item["slot"]))
    old = int(str(suite.chain.rpc("eth_getStorageAt", address, slot, "latest")), 16)
    new = old & ~(((1 << bits) - 1) << shift) | value << shift
    suite.chain.rpc("anvil_setStorageAt", address, f"0x{int(slot, 16):064x}", f"0x{new:064x}")


def only(found: list[Finding], contract: str, role: str, account: str, what: str, mend: str) -> None:
    """Exactly this finding."""
    assert [(one.contract, one.role, one.account) for one in found] == [(contract, role, account)], found
    assert what in found[0].what, found[0]
    assert mend in found[0].mend, found[0]


def propose(suite: Suite, description: str, *actions: tuple[str, bytes]) -> Proposal:
    """A proposal of the first holder; actions are instance and call data."""
    batch = (
        [suite.manifest.address_of(name) for name, _ in actions],
        [0] * len(actions),
        [data for _, data in actions],
    )
    suite.chain.rpc("evm_increaseTime", 10)
    suite.chain.rpc("evm_mine")
    suite.send(LOCAL_HOLDERS[0], "Governance", "propose", *batch, description)
    return batch, description


def vote(suite: Suite, proposal: Proposal) -> None:
    """Everybody votes for it."""
    batch, description = proposal
    suite.chain.rpc("evm_increaseTime", suite["Governance"].call("votingDelay") + 10)
    number = suite["Governance"].call("getProposalId", *batch, keccak(text=description))
    for holder in LOCAL_HOLDERS:
        suite.send(holder, "Governance", "castVote", number, 1)
    suite.chain.rpc("evm_increaseTime", 7 * 86_400 + 10)
    suite.chain.rpc("evm_mine")


def queue(suite: Suite, proposal: Proposal) -> None:
    """Everybody votes for it, and a stranger queues it."""
    vote(suite, proposal)
    batch, description = proposal
    suite.send(STRANGER, "Governance", "queue", *batch, keccak(text=description))


def execute(suite: Suite, proposal: Proposal) -> None:
    """A stranger executes what is queued."""
    batch, description = proposal
    suite.chain.rpc("evm_increaseTime", 48 * 3600 + 10)
    suite.send(STRANGER, "Governance", "execute", *batch, keccak(text=description))


def salt_of(suite: Suite, description: str) -> bytes:
    """What Governance schedules a proposal's operation with."""
    governor = int(suite.manifest.address_of("Governance"), 16) << 96
    return bytes((governor ^ int.from_bytes(keccak(text=description), "big")).to_bytes(32, "big"))


def plant(suite: Suite) -> str:
    """As code that somebody upgrades to can do it: verifications in storage, and the implementation put back."""
    gate, attester = suite.manifest.address_of("IdentityGate"), LOCAL_GENESIS.attesters[0]
    code = suite.compiler.compile("IdentityGate").creation_code
    other = str(to_checksum_address(suite.raw(suite.deployer, None, "0x" + code.hex())))
    admin = suite.deployer if suite["Authority"].call("hasRole", 0, suite.deployer)[0] else "Timelock"
    suite.send(admin, "IdentityGate", "upgradeToAndCall", other, b"")
    mapping = 0x3E05AE8AD08C4F2B278D5BF63B6F37900924468AFC3FCD6A85C76FF97FF3A600 + 1
    slot = keccak(bytes.fromhex(word(STRANGER)[2:]) + mapping.to_bytes(32, "big"))
    made = int(str(suite.chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"]), 16)  # type: ignore[index]
    value = int(attester, 16) | suite.season() + 3 << 160 | made << 192
    suite.chain.rpc("anvil_setStorageAt", gate, "0x" + slot.hex(), f"0x{value:064x}")
    back = word(suite.manifest.address_of("IdentityGateImplementation"))
    suite.chain.rpc("anvil_setStorageAt", gate, IMPLEMENTATION, back)
    suite.send(STRANGER, "QuadraticVotes", "sync", STRANGER)
    assert suite["IdentityGate"].call("isVerified", STRANGER)
    assert suite["QuadraticVotes"].call("verifiedUntil", STRANGER)
    return other


def force(suite: Suite) -> None:
    """The hand-over, without the deployer's own proof."""
    suite.send(suite.deployer, "Authority", "grantRole", 0, suite.manifest.address_of("Timelock"), 0)
    suite.send(suite.deployer, "Authority", "renounceRole", 0, suite.deployer)
    suite.send(suite.deployer, "Timelock", "renounceRole", role_id("DEFAULT_ADMIN_ROLE"), suite.deployer)
    for power in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"):
        assert suite["Timelock"].call("hasRole", role_id(power), suite.manifest.address_of("Governance"))
