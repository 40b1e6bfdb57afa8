"""What a proposal smuggles in through other contracts' code: upgrades, unknown code, code that knows a fork."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.exceptions import ProposalError
from novacron.governance.expects import Expectation, change, event, unknown_code, upgrade
from novacron.governance.model import Action, Proposal, Simulation
from novacron.governance.suite import IMPLEMENTATION_SLOT

#: Accepts every call and does nothing.
SILENT = bytes.fromhex("00")
#: Says that it is a UUPS implementation (ERC-1822), whatever it is asked.
POSING = bytes.fromhex(f"7f{IMPLEMENTATION_SLOT[2:]}5f5260205ff3")
#: `slot 0 = 1` where gas is free, as on a fork.
FREE_GAS = bytes.fromhex("3a155f5500")
#: `slot 0 = 1` where the account of whoever mines is the zero address.
NO_MINER = bytes.fromhex("41155f5500")
#: `slot 0 = block.timestamp`, and `slot 0 = block.timestamp / 300`.
NOTES_TIME = bytes.fromhex("425f5500")
COUNTS_TIME = bytes.fromhex("61012c42045f5500")

Deploy = Callable[[bytes], str]


@pytest.fixture
def deploy(chain: Any, dao: Any) -> Deploy:  # dao undoes it
    def make(runtime: bytes) -> str:
        init = bytes.fromhex(f"60{len(runtime):02x}80600b6000396000f3") + runtime
        call = {"from": chain.accounts[0][0], "data": "0x" + init.hex(), "gas": hex(1_000_000)}
        sent = chain.rpc("eth_sendTransaction", call)
        chain.rpc("evm_mine")
        return str(to_checksum_address(chain.rpc("eth_getTransactionReceipt", sent)["contractAddress"]))

    return make


def proposal(*actions: Action, expects: tuple[Expectation, ...] = ()) -> Proposal:
    return Proposal("name", "Title", "body", actions, expects)


def errors(result: Simulation, check: str = "") -> list[str]:
    found = [finding for finding in result.findings if finding.severity == "error"]
    return [finding.message for finding in found if check in ("", finding.check)]


def code_hash(runtime: bytes) -> str:
    return "0x" + keccak(runtime).hex()


# -- upgrades that no action's own call data tells -----------------------------------------------------------------


@pytest.mark.parametrize("way", ["execute", "multicall"])
def test_an_upgrade_through_another_contract_is_compared_like_a_direct_one(
    way: str, dao: Any, run: Any, deploy: Deploy
) -> None:
    evil = deploy(POSING)
    data = dao.IdentityGate.upgradeToAndCall(evil, b"").calldata
    action = dao.Authority.execute(dao.IdentityGate, data)
    if way == "multicall":
        action = dao.Authority.multicall([action.calldata])
    result = run(proposal(action, expects=(upgrade("IdentityGate", evil), unknown_code(evil, code_hash(POSING)))))
    assert result.executed
    (message,) = errors(result)
    assert f"the code at {evil}, the new implementation of IdentityGate, is none of this source tree" in message


def test_an_upgrade_to_known_code_through_another_contract_gets_its_layout_compared(dao: Any, run: Any) -> None:
    data = dao.IdentityGate.upgradeToAndCall(dao.IdentityGateNext, b"").calldata
    action = dao.Authority.execute(dao.IdentityGate, data)
    result = run(proposal(action, expects=(upgrade("IdentityGate", "IdentityGateNext"),)))
    assert result.ok, errors(result)
    assert any("layout of IdentityGateNext fits that of IdentityGate" in one.message for one in result.findings)


# -- unknown code --------------------------------------------------------------------------------------------------


def test_unknown_code_that_is_written_to_a_variable_must_be_accepted_with_its_hash(
    dao: Any, run: Any, deploy: Deploy
) -> None:
    evil = deploy(SILENT)
    told = (change("QuadraticVotes.gate", to=evil), event("QuadraticVotes.GateSet"))
    (message,) = errors(run(proposal(dao.QuadraticVotes.setGate(evil), expects=told)))
    assert f"{evil} (in QuadraticVotes.gate) runs code that is neither in the manifest" in message
    assert message.endswith(f'add: yield unknown_code("{evil}", "{code_hash(SILENT)}")')
    other = (*told, unknown_code(evil, "0x" + "12" * 32))
    (message,) = errors(run(proposal(dao.QuadraticVotes.setGate(evil), expects=other)))
    assert "not the code that expects() accepts" in message
    accepted = (*told, unknown_code(evil, code_hash(SILENT)))
    result = run(proposal(dao.QuadraticVotes.setGate(evil), expects=accepted))
    assert result.ok, errors(result)
    assert any("unknown code" in one.message and one.severity == "warning" for one in result.findings)


def test_unknown_code_that_gets_a_role_or_an_allowance_is_an_error(dao: Any, run: Any, deploy: Deploy) -> None:
    evil = deploy(SILENT)
    for action in (dao.Authority.grantRole(2, evil, 0), dao.CPU.approve(evil, 5)):
        (message,) = errors(run(proposal(action)), "code")
        assert evil in message


def test_unknown_code_that_is_called_from_within_is_an_error(dao: Any, run: Any, deploy: Deploy) -> None:
    evil = deploy(SILENT)
    (message,) = errors(run(proposal(dao.Governance.relay(evil, 0, b"\1\2\3\4"))), "code")
    assert f"{evil} (called)" in message


def test_accounts_without_code_need_no_acceptance_and_one_that_nobody_needs_is_an_error(
    dao: Any, run: Any, deploy: Deploy, chain: Any
) -> None:
    person = chain.accounts[8][0]
    assert errors(run(proposal(dao.CPU.approve(person, 5))), "code") == []
    evil = deploy(SILENT)
    idle = run(proposal(dao.CPU.approve(person, 5), expects=(unknown_code(evil, code_hash(SILENT)),)))
    assert any("delete the line" in message for message in errors(idle, "expects"))
    with pytest.raises(ProposalError, match="no code hash"):
        unknown_code(evil, "0x12")


# -- code that knows where it runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        (FREE_GAS, "who executes it and at which gas price"),
        (NO_MINER, "who makes the block"),
        (COUNTS_TIME, "the time or the number of the block"),
    ],
)
def test_what_depends_on_the_circumstances_is_an_error(runtime: bytes, words: str, run: Any, deploy: Deploy) -> None:
    evil = deploy(runtime)
    accepted = (unknown_code(evil, code_hash(runtime)), change(f"{evil}.*"))
    result = run(proposal(Action(evil, 0, b"\1\2\3\4"), expects=accepted))
    assert any(message.startswith(f"what it does depends on {words}: ") for message in errors(result, "circumstances"))


def test_a_time_that_moves_with_the_execution_is_no_difference(run: Any, deploy: Deploy) -> None:
    evil = deploy(NOTES_TIME)
    result = run(proposal(Action(evil, 0, b"\1\2\3\4")))
    assert errors(result, "circumstances") == []
