"""ContractHandle and the ABI codec against the real contract and against eth_abi."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode as reference_encode
from hypothesis import given
from hypothesis import strategies as st

from novacron.chain import ContractHandle, EndpointPool, TransactionManager, load_abi
from novacron.chain.codec import decode_values, encode_values
from novacron.exceptions import (
    ConfigurationError,
    InconsistentEndpointError,
    InputError,
    NoContractError,
    RevertedError,
)
from tests.sdk.chain.conftest import SINK, Funded
from tests.support.faulty_rpc import Answer, FaultyRpc, Lie, on

PoolOf = Callable[..., EndpointPool]


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_send_call_and_decode(contract: ContractHandle, manager: TransactionManager, account: Funded) -> None:
    receipt = contract.send(manager, "a", "anchor(bytes32)", digest(1))
    (event,) = contract.decode_logs(receipt)
    assert (event.name, event.args) == ("Anchored", {"submitter": account.address, "digest": digest(1)})
    assert (event.block_number, event.transaction_hash) == (receipt.block_number, receipt.hash)
    timestamp, number, size = contract.call("anchorOf", account.address, digest(1))
    assert (number, size) == (receipt.block_number, 1)
    assert timestamp > 0
    assert contract.call("anchorOf", account.address, digest(1), block=receipt.block_number - 1) == (0, 0, 0)
    assert contract.call("anchorOf", account.address, digest(1), block=receipt.block_hash)[2] == 1


def test_several_calls_come_back_in_order(contract: ContractHandle) -> None:
    owner, paused, count = contract.call_many([("owner",), ("paused",), ("getTransactionCount",)])
    assert owner.startswith("0x")
    assert paused is False
    assert isinstance(count, int)


def test_overloads_are_told_apart(contract: ContractHandle) -> None:
    assert contract.encode("anchor", digest(1)) == contract.encode("anchor(bytes32)", digest(1))
    assert contract.encode("anchor", digest(1), b"m") == contract.encode("anchor(bytes32,bytes)", digest(1), b"m")
    with pytest.raises(InputError, match=r"anchor\(bytes32\), anchor\(bytes32,bytes\)"):
        contract.encode("anchor")
    with pytest.raises(InputError, match="no such function"):
        contract.encode("anker", digest(1))


def test_custom_errors_have_names(contract: ContractHandle, manager: TransactionManager, account: Funded) -> None:
    contract.send(manager, "a", "anchor(bytes32)", digest(2))
    with pytest.raises(RevertedError, match="Anchors_AlreadyAnchored") as caught:
        contract.send(manager, "b", "anchor(bytes32)", digest(2))
    assert caught.value.name == "Anchors_AlreadyAnchored"
    assert caught.value.arguments == (account.address, digest(2))
    with pytest.raises(RevertedError) as caught:
        contract.call("getHash", 10**9)
    assert caught.value.name == "Records_UnknownRecord"
    assert contract.decode_error("0x" + caught.value.data.hex()).name == "Records_UnknownRecord"


def test_events_are_found_filtered_and_split_into_ranges(
    contract: ContractHandle,
    manager: TransactionManager,
    account: Funded,
    proxy: FaultyRpc,
    proof_address: str,
    pool_of: PoolOf,
) -> None:
    for number in range(6):
        contract.send(manager, f"e{number}", "anchor(bytes32)", digest(100 + number))
    own = [event.args["digest"] for event in contract.events("Anchored", filters={"submitter": account.address})]
    assert own == [digest(100 + number) for number in range(6)]
    some = {"submitter": account.address, "digest": [digest(101), digest(104)]}
    assert [event.args["digest"] for event in contract.events("Anchored", filters=some)] == [digest(101), digest(104)]

    def narrow(method: str, params: list[Any]) -> Any:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) > 2:
            return Answer({"error": {"code": -32005, "message": "query returned more than 10000 results"}})
        return None

    proxy.rule = narrow
    through = ContractHandle(pool_of(proxy.url), proof_address, "ProofOfTraining")
    found = [event.args["digest"] for event in through.events("Anchored", filters={"submitter": account.address})]
    assert found == own


def test_filters_that_cannot_work_are_refused(contract: ContractHandle) -> None:
    with pytest.raises(InputError, match="cannot be filtered by metadata"):
        list(contract.events("AnchoredWithMetadata", filters={"metadata": b"x"}))
    with pytest.raises(InputError, match="unknown"):
        list(contract.events("Nothing"))


@pytest.mark.parametrize(
    "change",
    [
        lambda log: log | {"address": SINK},
        lambda log: log | {"blockNumber": "0xffffffff"},
        lambda log: log | {"topics": [log["topics"][0], "0x" + "00" * 32, log["topics"][2]]},
    ],
)
def test_logs_that_were_not_asked_for_are_refused(
    contract: ContractHandle,
    manager: TransactionManager,
    account: Funded,
    proxy: FaultyRpc,
    proof_address: str,
    pool_of: PoolOf,
    change: Callable[[Any], Any],
) -> None:
    contract.send(manager, "a", "anchor(bytes32)", digest(3))
    proxy.rule = on("eth_getLogs", Lie(lambda logs: [change(log) for log in logs]))
    lied_to = ContractHandle(pool_of(proxy.url), proof_address, "ProofOfTraining")
    with pytest.raises(InconsistentEndpointError, match="not asked for"):
        list(lied_to.events("Anchored", filters={"submitter": account.address}))


def test_an_address_without_code_is_noticed(contract: ContractHandle, manager: TransactionManager) -> None:
    nowhere = ContractHandle(contract.pool, SINK, "ProofOfTraining")
    with pytest.raises(NoContractError, match="no contract at"):
        nowhere.call("owner")
    with pytest.raises(NoContractError):
        nowhere.send(manager, "a", "anchor(bytes32)", digest(4))
    assert manager.journal.entries() == []


@pytest.mark.parametrize("address", ["", "0x12", "0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266", None])
def test_a_bad_address_is_refused(contract: ContractHandle, address: Any) -> None:
    with pytest.raises(ConfigurationError):
        ContractHandle(contract.pool, address, "ProofOfTraining")


def test_an_unknown_abi_names_the_known_ones() -> None:
    assert any(item.get("name") == "anchorBatch" for item in load_abi("ProofOfTraining"))
    with pytest.raises(ConfigurationError, match="ProofOfTraining"):
        load_abi("../secrets")


# -- codec -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bytes32", b"short"),
        ("bytes32", b"x" * 33),
        ("bytes32", "0x12"),
        ("bytes32", "11" * 32),
        ("uint64", 2**64),
        ("uint64", -1),
        ("uint64", True),
        ("uint64", "1"),
        ("bool", 1),
        ("string", b"x"),
        ("bytes", "x"),
        ("address", "0x12"),
        ("address", "0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        ("bytes32[]", b"x" * 32),
        ("bytes32[2]", [b"x" * 32]),
        ("uint8[]", [1, 256]),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(kind: str, value: Any) -> None:
    with pytest.raises(InputError, match=r"f\(\)"):
        encode_values([{"name": "field", "type": kind}], [value], "f()")


TUPLE = {
    "name": "t",
    "type": "tuple[]",
    "components": [{"name": "who", "type": "address"}, {"name": "parts", "type": "bytes4[2]"}],
}


def test_tuples_are_taken_as_mappings_and_sequences() -> None:
    parts = [b"abcd", "0x31323334"]
    by_name = encode_values([TUPLE], [[{"who": SINK, "parts": parts}]], "f")
    assert by_name == encode_values([TUPLE], [[(SINK, parts)]], "f")
    assert decode_values([TUPLE], by_name) == (((SINK, (b"abcd", b"1234")),),)
    for bad in ({"who": SINK}, {"who": SINK, "parts": parts, "more": 1}, (SINK,), "text"):
        with pytest.raises(InputError):
            encode_values([TUPLE], [[bad]], "f")


@given(
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=100),
    st.text(max_size=50),
    st.lists(st.binary(min_size=32, max_size=32), max_size=5),
    st.booleans(),
)
def test_encoding_agrees_with_eth_abi_and_decodes_back(
    number: int, word: bytes, data: bytes, text: str, words: list[bytes], flag: bool
) -> None:
    types = ["uint64", "bytes32", "bytes", "string", "bytes32[]", "bool"]
    values = [number, word, data, text, words, flag]
    parameters = [{"name": f"p{index}", "type": kind} for index, kind in enumerate(types)]
    encoded = encode_values(parameters, values, "f")
    assert encoded == reference_encode(types, values)
    assert decode_values(parameters, encoded) == (number, word, data, text, tuple(words), flag)
