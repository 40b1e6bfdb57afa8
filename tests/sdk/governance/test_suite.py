"""The suite as an author sees it: calls become actions, views are read, and mistakes are explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.exceptions import ConfigurationError, ProposalError, RevertedError, UnknownContractError, WrongChainError
from novacron.governance.suite import IMPLEMENTATION_SLOT, NOBODY, Suite
from tests.support.paper_dao import ADDRESSES, ALICE, CONTRACTS, PaperPool, paper_manifest, paper_suite, word


@pytest.fixture
def pool() -> PaperPool:
    return PaperPool()


@pytest.fixture
def dao(pool: PaperPool) -> Suite:
    return paper_suite(pool)


def selector(signature: str) -> str:
    return "0x" + keccak(text=signature)[:4].hex()


def test_a_call_that_changes_state_is_an_action_and_asks_the_chain_nothing(dao: Suite, pool: PaperPool) -> None:
    action = dao.CPU.mint(dao.Timelock, 5)
    assert (action.target, action.value, action.contract) == (ADDRESSES["CPU"], 0, "CPU")
    assert action.signature == "mint(address,uint256)"
    assert action.arguments == (("to", ADDRESSES["Timelock"]), ("amount", 5))
    expected = encode(["address", "uint256"], [ADDRESSES["Timelock"], 5])
    assert action.calldata == keccak(text="mint(address,uint256)")[:4] + expected
    assert pool.asked == []


def test_a_view_is_read_at_the_suites_block(pool: PaperPool) -> None:
    dao = Suite.connect(pool, paper_manifest(), block=7)
    pool.calls[ADDRESSES["CPU"], selector("totalSupply()")] = word(12)
    assert dao.CPU.totalSupply() == 12
    assert pool.asked[-1][1][1] == "0x7"


def test_a_view_that_reverts_says_so(dao: Suite) -> None:
    with pytest.raises(RevertedError):
        dao.CPU.totalSupply()


def test_contracts_stand_for_addresses_within_lists_and_structs(dao: Suite) -> None:
    action = dao.QuadraticVotes.syncMany([dao.Timelock, ALICE])
    assert action.arguments == (("accounts", (ADDRESSES["Timelock"], ALICE)),)


def test_an_unknown_contract_suggests_the_similar_one(dao: Suite) -> None:
    with pytest.raises(UnknownContractError, match="no contract 'cpu'; do you mean CPU"):
        dao.contract("cpu")
    with pytest.raises(UnknownContractError, match="there are: Authority, CPU,"):
        dao.contract("Zzzzzz")
    assert not hasattr(dao, "Zzzzzz")


def test_an_unknown_function_suggests_the_similar_one(dao: Suite) -> None:
    with pytest.raises(UnknownContractError, match=r"CPU \(ResourceToken\) has no function 'mnt'; do you mean mint"):
        dao.CPU.mnt(ALICE, 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((ALICE,), r"CPU.mint got 1 arguments; it is mint\(address,uint256\)"),
        ((ALICE, "5"), r"amount \(uint256\): expected int, got str"),
        ((ALICE, 1e18), "expected int, got float; write amounts as integers"),
        ((ALICE, True), "expected int, got bool"),
        ((ALICE, -1), "mint"),
        ((ALICE, 2**256), "mint"),
        (("Timelock", 5), "'Timelock' is no address"),
        (("0x00000000000000000000000000000000000a11Ce", 5), "wrong EIP-55 checksum"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(dao: Suite, arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ProposalError, match=words):
        dao.CPU.mint(*arguments)


def test_eth_goes_only_to_payable_functions(dao: Suite) -> None:
    with pytest.raises(ProposalError, match="takes no ETH, it would revert; leave out value=1"):
        dao.CPU.mint(ALICE, 5, value=1)
    with pytest.raises(ProposalError, match="takes no ETH"):
        dao.CPU.totalSupply(value=1)
    with pytest.raises(ProposalError, match="no amount of wei"):
        dao.Governance.relay(ALICE, 1, b"", value=-1)
    assert dao.Governance.relay(ALICE, 1, b"", value=3).value == 3


def test_a_plain_payment_has_no_calldata(dao: Suite) -> None:
    action = dao.pay(dao.GuardianSafe, 10)
    assert (action.target, action.value, action.calldata) == (ADDRESSES["GuardianSafe"], 10, b"")
    assert (action.contract, action.signature, action.arguments) == ("GuardianSafe", "", ())
    for wei in (0, -1, 1.5, True):
        with pytest.raises(ProposalError, match="no amount of wei"):
            dao.pay(ALICE, wei)  # type: ignore[arg-type]


def test_overloads_are_told_apart_by_count_or_by_signature(tmp_path: Path) -> None:
    one = {"type": "function", "name": "set", "stateMutability": "nonpayable", "outputs": []}
    inputs = [["uint256"], ["address"], ["uint256", "uint256"]]
    abi = [{**one, "inputs": [{"name": "", "type": kind} for kind in kinds]} for kinds in inputs]
    (tmp_path / "Odd.sol").mkdir()
    (tmp_path / "Odd.sol" / "Odd.json").write_text(json.dumps({"abi": abi}))
    odd = paper_suite(artifacts=tmp_path).at(ALICE, "Odd")
    assert odd.set(1, 2).signature == "set(uint256,uint256)"
    assert odd.set(1, 2).arguments == (("#0", 1), ("#1", 2))
    with pytest.raises(ProposalError, match=r'ambiguous; write .*\(as Odd, .*\)\.call\("set\(uint256\)", …\)'):
        odd.set(1)
    assert odd.call("set(address)", ALICE).signature == "set(address)"


def test_a_contract_outside_the_manifest_is_reached_with_at(dao: Suite) -> None:
    other = dao.at(ALICE, "IdentityGate")
    assert other.setQuota(3).target == ALICE
    assert other.setQuota(3).contract == f"{ALICE} (as IdentityGate, not in the manifest)"
    assert dao.at(dao.IdentityGate, "IdentityGate").setQuota(3).contract == "IdentityGate"
    with pytest.raises(ProposalError, match="no ABI of contract 'Nothing'"):
        dao.at(ALICE, "Nothing")
    with pytest.raises(ProposalError, match="no address"):
        dao.at("IdentityGate", "IdentityGate")


def test_a_proxy_has_its_implementations_functions_also_after_an_upgrade(dao: Suite, pool: PaperPool) -> None:
    assert dao.IdentityGate.contract_name == "IdentityGate"
    assert dao.IdentityGate.setQuota(5).target == ADDRESSES["IdentityGate"]
    pool.storage[ADDRESSES["IdentityGate"], IMPLEMENTATION_SLOT] = word(ALICE)
    fresh = dao.on(pool)
    assert fresh.implementation_of("IdentityGate") == ALICE
    assert fresh.IdentityGate.setQuota(5).target == ADDRESSES["IdentityGate"]


def test_a_contract_without_an_abi_still_stands_for_its_address(dao: Suite) -> None:
    assert dao.CPU.mint(dao.GuardianSafe, 1).arguments[0] == ("to", ADDRESSES["GuardianSafe"])
    with pytest.raises(ConfigurationError, match="no ABI"):
        dao.GuardianSafe.nonce()


def test_names_and_addresses_translate_both_ways(dao: Suite) -> None:
    assert dao.name_of(ADDRESSES["CPU"].lower()) == "CPU"
    assert dao.name_of(ALICE.lower()) == ALICE
    assert dao.address_of("CPU") == dao.CPU.address == str(dao.CPU) == ADDRESSES["CPU"]
    assert dao.resolve("CPU") == dao.resolve(dao.CPU) == ADDRESSES["CPU"]
    assert dao.resolve("0x0") == NOBODY
    assert ADDRESSES["CPU"].lower() == dao.CPU
    assert dao.CPU != dao.MEM
    with pytest.raises(UnknownContractError, match="Timelok"):
        dao.resolve("Timelok")
    with pytest.raises(ProposalError, match="no address"):
        dao.resolve("0x12")


def test_the_votes_contract_that_the_token_made_is_found(pool: PaperPool) -> None:
    without = {name: contract for name, contract in CONTRACTS.items() if name != "QuadraticVotes"}
    pool.calls[ADDRESSES["NovaToken"], selector("quadraticVotes()")] = word(ALICE)
    dao = Suite.connect(pool, paper_manifest(without))
    assert dao.name_of(ALICE) == "QuadraticVotes"
    assert dao.QuadraticVotes.sync(ALICE).signature == "sync(address)"


def test_the_manifest_of_another_chain_is_refused() -> None:
    with pytest.raises(WrongChainError, match="chain 31337, the endpoint serves chain 5"):
        paper_suite(PaperPool(chain_id=5))


def test_a_recording_notes_actions_only_while_it_runs(dao: Suite) -> None:
    dao.CPU.mint(ALICE, 1)
    with dao.recording(__file__) as recording:
        action = dao.CPU.mint(ALICE, 2)
    dao.CPU.mint(ALICE, 3)
    assert recording.actions == [action]
    assert Path(__file__).read_text().splitlines()[recording.lines[0] - 1].strip() == "action = dao.CPU.mint(ALICE, 2)"


def test_an_action_on_the_chain_is_read_back_in_words(dao: Suite) -> None:
    for action in (
        dao.CPU.mint(dao.Timelock, 5),
        dao.QuadraticVotes.syncMany([dao.Timelock, ALICE]),
        dao.pay(dao.CPU, 3),
    ):
        assert dao.decode_action(action.target.lower(), action.value, action.calldata) == action
    to = dao.decode_action(ADDRESSES["CPU"], 0, dao.CPU.mint(dao.Timelock, 5).calldata).arguments[0][1]
    assert (str(to), to.name) == (ADDRESSES["Timelock"], "Timelock")


@pytest.mark.parametrize("calldata", [b"\x12", b"\x12\x34\x56\x78", keccak(text="mint(address,uint256)")[:4] + b"\x01"])
def test_calldata_that_no_function_has_stays_raw(dao: Suite, calldata: bytes) -> None:
    action = dao.decode_action(ADDRESSES["CPU"], 0, calldata)
    assert (action.contract, action.signature, action.arguments, action.calldata) == ("CPU", "", (), calldata)
    assert dao.decode_action(ALICE, 0, calldata).contract == ""
