"""Gas of voting, delegating, transferring and verifying; used by tests/gas/snapshot.py and tests/bench/governance.py.

Every transaction is mined at a time of its own, so that each writes a checkpoint of its own, which is the dearer case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from eth_account import Account
from web3 import Web3
from web3.contract import Contract

from novacron.chain.anvil import Anvil
from tests.support.contracts import artifact, deploy

NOVA = 10**18
DAY = 86_400
SEASON = 91 * DAY
#: Long before the end of a season, and the same for every run: lanes and lookups depend on the time.
START = 245 * SEASON + DAY
#: Where the description of a proposal is hashed only, its length is calldata: one paragraph.
DESCRIPTION = "Mint 100 CPU for the treasury"
ROLES = ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE")


def person(number: int) -> str:
    """An address without a zero byte, a function of the number."""
    digest = hashlib.sha256(f"person {number}".encode()).digest()[:20].replace(b"\0", b"\1")
    return Web3.to_checksum_address(digest)


class Chain:
    """An anvil whose blocks are twelve seconds apart, and the gas of what is sent to it."""

    def __init__(self, node: Anvil) -> None:
        self.node = node
        self.w3 = Web3(Web3.HTTPProvider(node.url))
        self.deployer = str(self.w3.eth.accounts[0])
        self.time = int(self.w3.eth.get_block("latest")["timestamp"])

    def unlock(self, account: str) -> None:
        """Let this account send."""
        self.node.rpc("anvil_impersonateAccount", account)
        self.node.rpc("anvil_setBalance", account, hex(10**20))

    def wait(self, seconds: int) -> None:
        """Mine a block so much later."""
        self.time += seconds
        self.node.rpc("evm_setNextBlockTimestamp", self.time)
        self.node.rpc("evm_mine")

    def gas(self, function: Any, sender: str | None = None) -> int:
        """Send the call; the gas it used.

        Raises:
            RuntimeError: it reverted.
        """
        self.time += 12
        self.node.rpc("evm_setNextBlockTimestamp", self.time)
        sent = function.transact({"from": sender or self.deployer, "gas": 5_000_000})
        receipt = self.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
        if receipt["status"] != 1:
            raise RuntimeError(f"{function.fn_name} reverted")
        return int(receipt["gasUsed"])

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """Deploy from the first account."""
        self.time += 12
        self.node.rpc("evm_setNextBlockTimestamp", self.time)
        return deploy(self.w3, name, *arguments, sender=self.deployer)


def started() -> Anvil:
    """An anvil whose clock stands at START."""
    return Anvil(extra=("--timestamp", str(START)))


class Suite:
    """Tokens, votes and gate with so many verified holders, of 1,000,000 NOVA each and open to delegators."""

    def __init__(self, chain: Chain, holders: int, verified: int) -> None:
        self.chain = chain
        self.people = [person(i) for i in range(holders)]
        for account in self.people:
            chain.unlock(account)
        self.authority = chain.deploy("Authority", chain.deployer)
        genesis = [(chain.deployer, 10**9 * NOVA), *((account, 10**6 * NOVA) for account in self.people)]
        self.nova = chain.deploy("NovaToken", self.authority.address, genesis)
        self.votes = chain.w3.eth.contract(
            address=self.nova.functions.quadraticVotes().call(), abi=artifact("QuadraticVotes")["abi"]
        )
        self.cpu = resource_token(chain, self.authority.address)
        implementation = chain.deploy("IdentityGate")
        start = implementation.encode_abi("initialize", [self.authority.address, self.votes.address, 10_000])
        proxy = chain.deploy("Proxy", implementation.address, start)
        self.gate = chain.w3.eth.contract(address=proxy.address, abi=implementation.abi)
        selectors = [
            bytes(Web3.keccak(text=signature)[:4]) for signature in ("verify(address,uint256)", "revoke(address)")
        ]
        chain.gas(self.authority.functions.setTargetFunctionRole(self.gate.address, selectors, 2))
        chain.gas(self.authority.functions.grantRole(2, chain.deployer, 0))
        chain.gas(self.votes.functions.setGate(self.gate.address))
        self.season = chain.time // SEASON
        for account in self.people[:verified]:
            chain.gas(self.gate.functions.verify(account, self.season + 2))
            chain.gas(self.votes.functions.setOpen(True), account)

    def delegate(self, source: int, to: int) -> int:
        """Gas of a delegation between two of the people, by number."""
        return self.chain.gas(self.votes.functions.delegate(self.people[to]), self.people[source])

    def transfer(self, source: int, to: int) -> int:
        """Gas of a transfer of 100 NOVA, which changes both roots, between two of the people, by number."""
        return self.chain.gas(self.nova.functions.transfer(self.people[to], 100 * NOVA), self.people[source])


def resource_token(chain: Chain, authority: str) -> Contract:
    """CPU, of which some exist."""
    arguments = ("NovaCron CPU", "CPU", "vCPU-hour", 10**6 * NOVA, authority, [(chain.deployer, 10**5 * NOVA)])
    return chain.deploy("ResourceToken", *arguments)


def governor_path(
    chain: Chain, governor: Contract, timelock: Contract, cpu: Contract, voters: Sequence[str], late: str | None = None
) -> dict[str, int]:
    """Gas from proposing to executing one action, which mints 100 CPU for the timelock. The deployer proposes; the
    voters vote For early, `late` in the last hour.
    """
    action = ([cpu.address], [0], [cpu.encode_abi("mint", [timelock.address, 100 * NOVA])])
    hashed = Web3.keccak(text=DESCRIPTION)
    f = governor.functions
    figures = {"propose, one action": chain.gas(f.propose(*action, DESCRIPTION))}
    proposal = f.getProposalId(*action, hashed).call()
    chain.wait(DAY + 1)
    for name, voter in zip(("first", "second"), voters, strict=False):
        figures[f"castVote, {name}"] = chain.gas(f.castVote(proposal, 1), voter)
    for voter in voters[2:]:
        chain.gas(f.castVote(proposal, 1), voter)
    chain.wait(7 * DAY - 3_600)
    if late is not None:
        figures["castVote, late, bringing the quorum"] = chain.gas(f.castVote(proposal, 1), late)
    chain.wait(3 * DAY)
    figures["queue"] = chain.gas(f.queue(*action, hashed))
    chain.wait(2 * DAY)
    figures["execute"] = chain.gas(f.execute(*action, hashed))
    return figures


def deploy_governor(suite: Suite) -> tuple[Contract, Contract]:
    """Governance and its timelock, which is ADMIN of the authority; the deployer has the threshold."""
    chain = suite.chain
    timelock = chain.deploy("Timelock", 2 * DAY, [], [], chain.deployer)
    governor = chain.deploy("Governance", suite.nova.address, timelock.address, chain.deployer)
    for role in ROLES:
        chain.gas(timelock.functions.grantRole(timelock.get_function_by_name(role)().call(), governor.address))
    chain.gas(suite.authority.functions.grantRole(0, timelock.address, 0))
    chain.gas(suite.nova.functions.delegate(chain.deployer))
    return governor, timelock


def measure_governance() -> dict[str, int]:
    """Gas used, by operation, from one chain."""
    with started() as node:
        chain = Chain(node)
        suite = Suite(chain, holders=26, verified=20)
        figures = _votes(suite)
        figures |= _gate(suite)
        figures |= _transfers(suite)
        return figures


def _votes(suite: Suite) -> dict[str, int]:
    chain, people = suite.chain, suite.people
    governor, timelock = deploy_governor(suite)
    # Twenty voters of 1,000 each: the quorum of 8,000 comes with the eighth.
    figures = governor_path(chain, governor, timelock, suite.cpu, people[:7], late=people[7])
    action = ([suite.cpu.address], [0], [suite.cpu.encode_abi("mint", [timelock.address, NOVA])])
    chain.gas(governor.functions.propose(*action, "Another"))
    proposal = governor.functions.getProposalId(*action, Web3.keccak(text="Another")).call()
    chain.wait(DAY + 1)
    chain.gas(governor.functions.castVote(proposal, 1), people[0])
    reason = governor.functions.castVoteWithReason(proposal, 0, "Because it is too early for that.")
    figures["castVoteWithReason, 33 characters"] = chain.gas(reason, people[1])
    key = "0x" + hashlib.sha256(b"voter without gas").hexdigest()
    voter, signature = ballot(governor, proposal, 1, key, chain.node.chain_id)
    figures["castVoteBySig"] = chain.gas(governor.functions.castVoteBySig(proposal, 1, voter, signature))
    figures["cancel by the guardian"] = chain.gas(governor.functions.cancel(*action, Web3.keccak(text="Another")))
    return figures


def _gate(suite: Suite) -> dict[str, int]:
    chain, people, verify = suite.chain, suite.people, suite.gate.functions.verify
    season = chain.time // SEASON
    figures = {
        "verify, for the first time": chain.gas(verify(people[20], season + 1)),
        "verify, again": chain.gas(verify(people[20], season + 2)),
        "revoke": chain.gas(suite.gate.functions.revoke(people[20])),
    }
    # News from the gate that the votes have not heard of: the votes read no gate meanwhile.
    none = "0x" + "00" * 20
    chain.gas(suite.votes.functions.setGate(none))
    chain.gas(verify(people[20], season + 2))
    chain.gas(suite.votes.functions.setGate(suite.gate.address))
    figures["sync, with news"] = chain.gas(suite.votes.functions.sync(people[20]))
    figures["sync, without"] = chain.gas(suite.votes.functions.sync(people[20]))
    chain.gas(suite.gate.functions.revoke(people[20]))
    return figures


def _transfers(suite: Suite) -> dict[str, int]:
    suite.transfer(22, 21)
    figures = {
        "transfer, both undelegated, neither verified": suite.transfer(21, 22),
        "transfer, both undelegated, one verified": suite.transfer(18, 21),
        "transfer, both undelegated and verified": suite.transfer(18, 19),
        "setOpen": suite.chain.gas(suite.votes.functions.setOpen(True), suite.people[23]),
    }
    # 0 → 1 → … → 8, each from the top down at depth 1, and 9 → 10 → … → 17.
    figures["delegate, depth 1"] = suite.delegate(7, 8)
    for top in (8, 17):
        for i in range(top - 1, top - 9, -1):
            if i != 7:
                used = suite.delegate(i, i + 1)
    figures["delegate, depth 8"] = used
    figures["transfer, one at depth 8, the other not verified"] = suite.transfer(0, 21)
    figures["transfer, one at depth 8, the other undelegated"] = suite.transfer(0, 19)
    figures["transfer, both at depth 8 of two trees"] = suite.transfer(0, 9)
    suite.delegate(18, 1)
    figures["transfer, both at depth 8 of one tree"] = suite.transfer(0, 18)
    figures["delegate, back to oneself from depth 8"] = suite.delegate(0, 0)
    return figures


def ballot(governor: Contract, proposal: int, support: int, key: str, chain_id: int) -> tuple[str, bytes]:
    """The signer of `key` and its signature of a ballot with nonce 0 (EIP-712)."""
    signer = Account.from_key(key)
    message = {"proposalId": proposal, "support": support, "voter": signer.address, "nonce": 0}
    domain = {
        "name": "NovaCron Governance",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": governor.address,
    }
    types = {
        "Ballot": [
            {"name": "proposalId", "type": "uint256"},
            {"name": "support", "type": "uint8"},
            {"name": "voter", "type": "address"},
            {"name": "nonce", "type": "uint256"},
        ]
    }
    signed = Account.sign_typed_data(key, domain_data=domain, message_types=types, message_data=message)
    return str(signer.address), bytes(signed.signature)
