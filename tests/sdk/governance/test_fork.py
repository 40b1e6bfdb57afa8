"""A fork is the chain at a block: anything may be tried on it, nothing reaches the chain, and failures say why."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from eth_abi.abi import encode

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.exceptions import ChainError, ChainUnavailableError, InputError, InsufficientFundsError, RevertedError
from novacron.governance.simulation.fork import Fork
from novacron.governance.simulation.relay import PoolRelay
from tests.support.faulty_rpc import Drop, FaultyRpc, on
from tests.support.zoo import ZooStage

SOMEBODY = "0x" + "ab" * 20
#: Init code that returns no code at all.
EMPTY = bytes.fromhex("00")


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with Anvil(chain_id=4242, extra=("--timestamp", "1700000000")) as made:
        yield made


@pytest.fixture
def pool(node: Anvil) -> Iterator[EndpointPool]:
    with EndpointPool([node.url], health_interval=None, retries=1, max_time=5) as made:
        yield made


@pytest.fixture
def fork(pool: EndpointPool) -> Iterator[Fork]:
    with Fork(pool) as made:
        yield made


def height(node: Anvil) -> int:
    return int(str(node.rpc("eth_blockNumber")), 16)


def test_it_is_the_same_chain_at_the_latest_block(node: Anvil, fork: Fork) -> None:
    head: Any = node.rpc("eth_getBlockByNumber", "latest", False)
    assert (fork.chain_id, fork.block_number, fork.block_hash) == (4242, int(head["number"], 16), head["hash"])
    assert fork.rpc("eth_chainId") == hex(4242)
    assert fork.balance(node.accounts[3][0]) == 10_000 * 10**18
    assert fork.timestamp == int(head["timestamp"], 16)


def test_nothing_that_is_sent_on_it_reaches_the_chain(node: Anvil, fork: Fork) -> None:
    before, someone = height(node), node.accounts[0][0]
    fork.send(someone, SOMEBODY, value=5)
    assert fork.balance(SOMEBODY) == 5
    assert node.rpc("eth_getBalance", SOMEBODY, "latest") == "0x0"
    assert height(node) == before


def test_it_can_be_of_an_earlier_block(node: Anvil, pool: EndpointPool) -> None:
    before = height(node)
    rich, target = node.accounts[1][0], "0x" + "cd" * 20
    node.rpc("eth_sendTransaction", {"from": rich, "to": target, "value": hex(9)})
    with Fork(pool, before) as past, Fork(pool) as now:
        assert (past.block_number, past.balance(target)) == (before, 0)
        assert (now.block_number, now.balance(target)) == (before + 1, 9)


def test_what_the_chain_does_meanwhile_is_not_seen(node: Anvil, fork: Fork) -> None:
    rich, target = node.accounts[1][0], "0x" + "ce" * 20
    node.rpc("eth_sendTransaction", {"from": rich, "to": target, "value": hex(9)})
    assert fork.balance(target) == 0


def test_anybody_sends_without_paying_for_gas(fork: Fork) -> None:
    receipt = fork.send(SOMEBODY, "0x" + "01" * 20, b"\x01")
    assert receipt.gas_used > 21_000
    assert fork.balance(SOMEBODY) == 0
    with pytest.raises(InsufficientFundsError):
        fork.send(SOMEBODY, "0x" + "01" * 20, value=1)


def test_blocks_have_the_times_that_were_asked_for(fork: Fork) -> None:
    start = fork.timestamp
    assert fork.send(SOMEBODY, SOMEBODY).timestamp == start + 1
    fork.warp(start + 1000)
    assert fork.timestamp == start + 1000
    assert fork.send(SOMEBODY, SOMEBODY, at=start + 5000).timestamp == start + 5000
    head = fork.rpc("eth_getBlockByNumber", "latest", False)
    assert int(head["timestamp"], 16) == fork.timestamp == start + 5000
    with pytest.raises(InputError, match="cannot go back"):
        fork.warp(start)
    with pytest.raises(InputError, match="already"):
        fork.send(SOMEBODY, SOMEBODY, at=start)


def test_two_forks_of_a_block_give_the_same_to_the_second(pool: EndpointPool) -> None:
    found = []
    for _ in range(2):
        with Fork(pool) as fork:
            fork.warp(fork.timestamp + 77)
            receipt = fork.send(SOMEBODY, None, EMPTY)
            found.append((receipt.timestamp, receipt.gas_used, receipt.block_number))
    assert found[0] == found[1]


def test_what_was_tried_is_undone_with_its_time(fork: Fork) -> None:
    start = fork.timestamp
    with fork.trying():
        fork.warp(start + 100)
        with fork.trying():
            fork.send(SOMEBODY, SOMEBODY)
        assert fork.timestamp == start + 100
    assert fork.timestamp == start
    assert fork.rpc("eth_getTransactionCount", SOMEBODY, "latest") == "0x0"


def test_it_is_undone_when_the_attempt_fails_too(fork: Fork) -> None:
    start = fork.timestamp

    def attempt() -> None:
        with fork.trying():
            fork.warp(start + 100)
            fork.warp(start)

    with pytest.raises(InputError):
        attempt()
    assert fork.timestamp == start


def test_a_mark_that_is_gone_is_refused(fork: Fork) -> None:
    mark = fork.snapshot()
    fork.revert(mark)
    with pytest.raises(InputError, match="no snapshot"):
        fork.revert(mark)


def test_a_revert_names_the_custom_error_and_leaves_its_transaction(zoo: ZooStage) -> None:
    with pytest.raises(RevertedError) as caught:
        zoo.send("Actor", "refuse", zoo.people[1])
    error = caught.value
    assert (error.name, error.arguments) == ("Refused", (zoo.people[1], 5))
    assert zoo.fork.rpc("eth_getTransactionReceipt", error.transaction_hash)["status"] == "0x0"


def test_running_out_of_gas_is_called_that(zoo: ZooStage) -> None:
    data = bytes.fromhex(zoo.contracts["Zoo"].encode_abi("hashes", [100_000])[2:])
    with pytest.raises(RevertedError, match="ran out of gas"):
        zoo.fork.send(SOMEBODY, zoo.contracts["Zoo"].address, data, gas=100_000, context="hashing")


def test_a_contract_can_be_a_sender(zoo: ZooStage) -> None:
    assert zoo.send("Zoo", "nothing", sender=zoo.contracts["Actor"].address).gas_used > 21_000


def test_events_from_before_the_fork_are_there(zoo: ZooStage) -> None:
    query = {"fromBlock": "0x0", "toBlock": "latest", "address": zoo.contracts["Zoo"].address}
    before = len(zoo.fork.rpc("eth_getLogs", query))
    zoo.send("Zoo", "announce", zoo.people[1])
    assert len(zoo.fork.rpc("eth_getLogs", query)) == before + 1


# -- failures ------------------------------------------------------------------------------------------------------


def test_a_chain_that_does_not_answer_is_named() -> None:
    with EndpointPool(["http://127.0.0.1:9"], retries=1, max_time=1, health_interval=None) as nowhere:
        with pytest.raises(ChainUnavailableError, match=r"127\.0\.0\.1:9"), Fork(nowhere):
            pass


def test_a_block_that_does_not_exist_is_named(pool: EndpointPool) -> None:
    with pytest.raises(InputError, match="has no block 99999"), Fork(pool, 99_999):
        pass


def test_a_chain_that_goes_away_during_the_fork_is_named(pool: EndpointPool, node: Anvil) -> None:
    with FaultyRpc(node.url) as proxy, EndpointPool([proxy.url], retries=1, max_time=2, health_interval=None) as weak:
        with Fork(weak) as fork:
            proxy.rule = on("*", Drop())
            with pytest.raises(ChainUnavailableError, match="the chain behind the fork"):
                fork.balance("0x" + "77" * 20)


def test_a_fork_that_was_left_is_not_used(pool: EndpointPool) -> None:
    with Fork(pool) as fork:
        pass
    with pytest.raises(ChainUnavailableError, match="not running"):
        fork.rpc("eth_chainId")


def test_its_process_ends_with_it_and_the_chain_goes_on(pool: EndpointPool, node: Anvil) -> None:
    with Fork(pool) as fork:
        (url,) = fork.pool.labels
        assert height(node) >= 0
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=2)
    assert height(node) >= 0


def test_a_url_with_credentials_is_on_no_command_line(node: Anvil, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []
    original = Anvil.start

    def start(self: Anvil) -> Anvil:
        started.append(self.extra)
        return original(self)

    monkeypatch.setattr(Anvil, "start", start)
    with Fork(node.url.replace("http://", "http://user:secret-key@") + "/?apikey=secret-key") as fork:
        assert "secret" not in repr(fork)
    assert started
    assert "secret" not in repr(started)


def test_the_relay_reads_and_never_sends(pool: EndpointPool, node: Anvil) -> None:
    before = height(node)
    with PoolRelay(pool, before) as relay:

        def ask(*calls: tuple[str, list[Any]]) -> list[Any]:
            document = [{"jsonrpc": "2.0", "id": n, "method": m, "params": p} for n, (m, p) in enumerate(calls)]
            request = urllib.request.Request(relay.url, json.dumps(document).encode())
            with urllib.request.urlopen(request, timeout=5) as response:
                answers: list[Any] = json.load(response)
            return answers

        call = {"from": node.accounts[0][0], "to": SOMEBODY, "value": "0x1"}
        answers = ask(
            ("eth_sendTransaction", [call]),
            ("eth_sendRawTransaction", ["0x00"]),
            ("anvil_setBalance", [SOMEBODY, "0x1"]),
            ("evm_mine", []),
            ("eth_blockNumber", []),
        )
        assert ["error" in answer for answer in answers] == [True, True, True, True, False]
        node.rpc("evm_mine")
        head = ask(("eth_getBlockByNumber", ["latest", False]))[0]["result"]
        assert int(head["number"], 16) == before
    assert node.rpc("eth_getBalance", SOMEBODY, "latest") == "0x0"


def test_a_refusal_of_the_node_is_not_taken_for_an_outage(fork: Fork) -> None:
    with pytest.raises(ChainError) as caught:
        fork.rpc("eth_call", {"to": SOMEBODY, "data": "0x" + encode(["uint256"], [1]).hex(), "gas": "0x1"}, "latest")
    assert not isinstance(caught.value, ChainUnavailableError)
