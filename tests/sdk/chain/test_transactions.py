"""TransactionManager against a real node: once and only once, whatever happens on the way."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import GWEI, Anvil, EndpointPool, FeePolicy, Intent, Journal, TransactionManager
from novacron.chain.anvil import free_port
from novacron.exceptions import (
    ChainResetError,
    ChainUnavailableError,
    ConfirmationTimeoutError,
    FeeCapError,
    InconsistentEndpointError,
    InputError,
    InsufficientFundsError,
    NonceError,
    RejectedError,
    ReorgError,
    RetryableError,
    RevertedError,
    StoreFullError,
    UnknownRecordError,
)
from tests.sdk.chain.conftest import SINK, Funded, count_of, fund, payloads
from tests.support.clients import mined
from tests.support.faulty_rpc import AcceptThenDrop, Answer, Drop, FaultyRpc, Hang, Lie, Status, in_turn, on
from tests.support.workers import join_all

PoolOf = Callable[..., EndpointPool]

#: Init code of a contract that reverts with its call data.
REVERTER = bytes.fromhex("69366000600037366000fd600052600a6016f3")


@pytest.fixture
def manage(tmp_path: Path, account: Funded, anvil: Anvil, pool_of: PoolOf) -> Callable[..., TransactionManager]:
    """Managers over one journal and one account."""

    def make(*urls: str, signer: Any = None, **options: Any) -> TransactionManager:
        defaults: dict[str, Any] = {"poll_interval": 0.05, "timeout": 20.0}
        pool = pool_of(*(urls or (anvil.url,)), **options.pop("pool", {}))
        journal = options.pop("journal", None) or Journal(tmp_path / "journal.db")
        return TransactionManager(pool, signer or account.signer, journal, **(defaults | options))

    return make


Manage = Callable[..., TransactionManager]


# -- the ordinary way ------------------------------------------------------------------------------------------------


def test_a_transaction_is_mined_and_described(anvil: Anvil, account: Funded, manager: TransactionManager) -> None:
    receipt = manager.send("pay", to=SINK, data=b"hello", value=7)
    tx: Any = anvil.rpc("eth_getTransactionByHash", receipt.hash)
    assert (tx["input"], int(tx["value"], 16), tx["from"]) == ("0x" + b"hello".hex(), 7, account.address.lower())
    assert (receipt.key, receipt.status, receipt.nonce, receipt.contract_address) == ("pay", 1, 0, None)
    assert receipt.block_hash == tx["blockHash"]
    assert receipt.cost == receipt.gas_used * receipt.effective_gas_price > 0


def test_the_same_key_is_the_same_transaction(anvil: Anvil, account: Funded, manager: TransactionManager) -> None:
    first = manager.send("once", to=SINK, data=b"x")
    assert manager.send("once", to=SINK.lower(), data=b"x") == first
    assert count_of(anvil, account.address) == 1


@pytest.mark.parametrize("change", [{"to": None}, {"data": b"y"}, {"value": 1}])
def test_a_key_with_other_content_is_refused(manager: TransactionManager, change: dict[str, Any]) -> None:
    manager.send("once", to=SINK, data=b"x")
    with pytest.raises(InputError, match=r"'once'.*another"):
        manager.send("once", **({"to": SINK, "data": b"x", "value": 0} | change))


def test_a_key_of_another_account_is_refused(anvil: Anvil, manage: Manage) -> None:
    manage().send("once", to=SINK, data=b"x")
    with pytest.raises(InputError, match="another sender"):
        manage(signer=fund(anvil).signer).send("once", to=SINK, data=b"x")


def test_bad_arguments_are_refused_before_anything_is_stored(manager: TransactionManager) -> None:
    for arguments in ({"to": "0x12"}, {"to": SINK, "value": -1}):
        with pytest.raises(InputError):
            manager.send("bad", **({"data": b"", "to": SINK} | arguments))  # type: ignore[arg-type]
    with pytest.raises(InputError):
        manager.send("", to=SINK, data=b"")
    assert manager.journal.entries() == []


def test_waiting_for_an_unknown_key_names_it(manager: TransactionManager) -> None:
    with pytest.raises(UnknownRecordError, match="'nothing'"):
        manager.wait("nothing")


def test_a_contract_is_created(anvil: Anvil, manager: TransactionManager) -> None:
    receipt = manager.send("create", to=None, data=REVERTER)
    assert receipt.contract_address is not None
    assert anvil.rpc("eth_getCode", receipt.contract_address, "latest") == "0x366000600037366000fd"


def test_several_confirmations_are_waited_for(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    manager = manage(node.url, signer=account.signer, confirmations=3, timeout=0.3)
    with pytest.raises(ConfirmationTimeoutError, match="1 of 3 confirmations"):
        manager.send("deep", to=SINK, data=b"")
    node.rpc("anvil_mine", "0x2")
    assert manager.wait("deep").status == 1


# -- refused before anything is signed -------------------------------------------------------------------------------


def test_a_revert_in_the_estimate_uses_no_nonce(anvil: Anvil, account: Funded, manager: TransactionManager) -> None:
    target = manager.send("create", to=None, data=REVERTER).contract_address
    data = bytes.fromhex("4e487b71") + (0x11).to_bytes(32, "big")
    with pytest.raises(RevertedError, match="overflow") as caught:
        manager.send("call", to=target, data=data)
    assert (caught.value.name, caught.value.arguments, caught.value.transaction_hash) == ("Panic", (0x11,), None)
    assert manager.journal.get("call") is None
    assert manager.send("after", to=SINK, data=b"").nonce == 1


def test_a_revert_on_chain_is_final_and_decoded(anvil: Anvil, account: Funded, manager: TransactionManager) -> None:
    target = manager.send("create", to=None, data=REVERTER).contract_address
    data = bytes.fromhex("4e487b71") + (0x12).to_bytes(32, "big")
    for _ in range(2):
        with pytest.raises(RevertedError, match="division or modulo by zero") as caught:
            manager.send("call", to=target, data=data, gas=100_000)
        assert caught.value.transaction_hash is not None
    assert count_of(anvil, account.address) == 2
    assert manager.journal.require("call").state == "failed"


def test_an_underfunded_account_uses_no_nonce(anvil: Anvil, manage: Manage) -> None:
    poor = fund(anvil, 0.000001)
    manager = manage(signer=poor.signer)
    with pytest.raises(InsufficientFundsError, match=r"has 1000000000000 wei .* needs up to"):
        manager.send("pay", to=SINK, data=b"")
    assert manager.journal.entries() == []
    anvil.rpc("anvil_setBalance", poor.address, hex(10**18))
    assert manager.send("pay", to=SINK, data=b"").nonce == 0


def test_a_base_fee_above_the_cap_uses_no_nonce(manage: Manage) -> None:
    manager = manage(fees=FeePolicy(max_fee_per_gas=1))
    with pytest.raises(FeeCapError, match="cap of 1"):
        manager.send("pay", to=SINK, data=b"")
    assert manager.journal.entries() == []


def test_with_no_chain_nothing_is_left_behind(manage: Manage) -> None:
    manager = manage(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ChainUnavailableError):
        manager.send("pay", to=SINK, data=b"")
    assert manager.journal.entries() == []


def test_a_node_that_refuses_at_broadcast_gets_the_nonce_back(anvil: Anvil, proxy: FaultyRpc, manage: Manage) -> None:
    proxy.rule = on("eth_sendRawTransaction", Answer({"error": {"code": -32000, "message": "oversized data"}}), times=1)
    manager = manage(proxy.url)
    with pytest.raises(RejectedError, match="oversized data"):
        manager.send("refused", to=SINK, data=b"1")
    assert manager.send("next", to=SINK, data=b"2").nonce == 0
    assert manager.send("refused", to=SINK, data=b"1").nonce == 1


def test_a_refused_transaction_that_the_node_mined_all_the_same_is_not_sent_again(
    anvil: Anvil, account: Funded, proxy: FaultyRpc, manage: Manage
) -> None:
    refusal = {"code": -32000, "message": "oversized data"}

    class Liar(FaultyRpc):
        def _answer(self, request: dict[str, Any], fault: Any) -> dict[str, Any]:
            answer = super()._answer(request, fault)
            if request["method"] == "eth_sendRawTransaction":
                return {"jsonrpc": "2.0", "id": request["id"], "error": refusal}
            return answer

    with Liar(anvil.url) as liar:
        manager = manage(liar.url)
        with pytest.raises(RejectedError):
            manager.send("once", to=SINK, data=b"1")
        assert manager.send("once", to=SINK, data=b"1").nonce == 0
    assert count_of(anvil, account.address) == 1


REFUSAL = Answer({"error": {"code": -32000, "message": "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"}})


def test_a_nonce_is_kept_when_one_endpoint_may_have_taken_what_another_refused(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    node.rpc("evm_setAutomine", False)
    with FaultyRpc(node.url) as first, FaultyRpc(node.url) as second:
        first.rule = second.rule = in_turn("eth_sendRawTransaction", AcceptThenDrop(), REFUSAL)
        manager = manage(first.url, second.url, signer=account.signer, pool={"retries": 1})
        with pytest.raises(RetryableError, match=r"exceeds the configured cap.*keeps nonce 0"):
            manager.submit("A", to=SINK, data=b"A")
        assert manager.journal.require("A").live[0].exposures == 1
        # A later process meets the definite refusal alone, and does not know better either.
        later = manage(second.url, signer=account.signer)
        with pytest.raises(RetryableError, match="keeps nonce 0"):
            later.submit("A", to=SINK, data=b"A")
    manager = manage(node.url, signer=account.signer)
    manager.submit("B", to=SINK, data=b"B")
    node.rpc("evm_mine")
    assert [manager.send(key, to=SINK, data=key.encode()).nonce for key in ("A", "B")] == [0, 1]
    assert payloads(node, account.address) == [b"A", b"B"]


@pytest.mark.parametrize("first", ["A", "B"])
def test_a_receipt_settles_its_key_even_when_another_key_got_the_nonce(node: Anvil, manage: Manage, first: str) -> None:
    account = fund(node)
    node.rpc("evm_setAutomine", False)
    with FaultyRpc(node.url) as proxy:
        proxy.rule = on("eth_sendRawTransaction", REFUSAL)
        refusing = manage(proxy.url, signer=account.signer)
        with pytest.raises(RejectedError, match="configured cap"):
            refusing.submit("A", to=SINK, data=b"A")
        proxy.rule = on("eth_sendRawTransaction", Status(503))
        with pytest.raises(ChainUnavailableError):
            manage(proxy.url, signer=account.signer, pool={"retries": 1}).submit("B", to=SINK, data=b"B")
    manager = manage(node.url, signer=account.signer, timeout=5)
    entry = manager.journal.require("A")
    assert (entry.nonce, manager.journal.require("B").nonce) == (None, 0)
    node.rpc("eth_sendRawTransaction", "0x" + entry.attempts[0].raw.hex())  # the node that refused had kept it
    with pytest.raises(NonceError, match="second nonce now could make it happen twice"):
        manager.submit("A", to=SINK, data=b"A")
    node.rpc("evm_mine")
    node.rpc("evm_setAutomine", True)
    nonces = {key: manager.send(key, to=SINK, data=key.encode()).nonce for key in (first, "B", "A")}
    assert nonces == {"A": 0, "B": 1}
    assert payloads(node, account.address) == [b"A", b"B"]


def test_a_refused_key_is_not_signed_again_before_its_receipt_is_deep_enough(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    with FaultyRpc(node.url) as proxy:
        proxy.rule = on("eth_sendRawTransaction", REFUSAL)
        with pytest.raises(RejectedError):
            manage(proxy.url, signer=account.signer).submit("A", to=SINK, data=b"A")
    manager = manage(node.url, signer=account.signer, confirmations=3)
    mined(node, "0x" + manager.journal.require("A").attempts[0].raw.hex())
    with pytest.raises(ConfirmationTimeoutError, match="1 of 3 confirmations"):
        manager.submit("A", to=SINK, data=b"A")
    assert not manager.journal.require("A").settled
    node.rpc("anvil_mine", "0x2")
    assert manager.look_back("A")
    assert manager.send("A", to=SINK, data=b"A").nonce == 0
    assert payloads(node, account.address) == [b"A"]


def test_an_endpoint_that_is_behind_does_not_hide_a_receipt(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    with FaultyRpc(node.url) as proxy:
        proxy.rule = on("eth_sendRawTransaction", REFUSAL)
        with pytest.raises(RejectedError):
            manage(proxy.url, signer=account.signer).submit("A", to=SINK, data=b"A")
        manager = manage(proxy.url, node.url, signer=account.signer)
        mined(node, "0x" + manager.journal.require("A").attempts[0].raw.hex())
        behind = {"eth_getTransactionReceipt": Lie(lambda _: None), "eth_getTransactionCount": Lie(lambda _: "0x0")}
        proxy.rule = lambda method, _: behind.get(method)
        with pytest.raises(RetryableError, match="has a receipt of transaction 'A'"):
            manager.look_back("A")
        proxy.rule = None
        assert manager.look_back("A")


def test_an_endpoint_that_cannot_be_reached_leaves_no_doubt(anvil: Anvil, proxy: FaultyRpc, manage: Manage) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    proxy.rule = on("eth_sendRawTransaction", REFUSAL)
    manager = manage(dead, proxy.url)
    with pytest.raises(RejectedError, match="configured cap"):
        manager.submit("A", to=SINK, data=b"A")
    assert (manager.journal.require("A").nonce, manager.journal.require("A").attempts[0].exposures) == (None, 0)


def test_a_fee_overtaken_by_the_base_fee_is_raised_under_the_same_nonce(
    anvil: Anvil, proxy: FaultyRpc, manage: Manage
) -> None:
    error = {"code": -32000, "message": "max fee per gas less than block base fee: maxFeePerGas: 1, baseFee: 2"}
    proxy.rule = on("eth_sendRawTransaction", Answer({"error": error}), times=1)
    manager = manage(proxy.url)
    assert manager.send("once", to=SINK, data=b"1").nonce == 0
    first, second = manager.journal.require("once").attempts
    assert (first.nonce, second.nonce) == (0, 0)
    assert 8 * second.fees.max_fee_per_gas >= 9 * first.fees.max_fee_per_gas


def test_money_gone_between_check_and_broadcast_gives_the_nonce_back(
    anvil: Anvil, account: Funded, proxy: FaultyRpc, manage: Manage
) -> None:
    error = {"code": -32000, "message": "insufficient funds for gas * price + value: balance 0, tx cost 1"}
    proxy.rule = on("eth_sendRawTransaction", Answer({"error": error}), times=1)
    manager = manage(proxy.url)
    with pytest.raises(InsufficientFundsError, match="insufficient funds"):
        manager.send("once", to=SINK, data=b"1")
    assert manager.journal.next_nonce(31337, account.address) is None
    assert manager.send("once", to=SINK, data=b"1").nonce == 0


def test_a_full_disk_stops_the_transaction_before_it_is_sent(anvil: Anvil, account: Funded, manage: Manage) -> None:
    manager = manage()
    manager.journal.begin(Intent("other", 31337, account.address, SINK, b""))
    connection = manager.journal._open()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFullError):
        manager.send("once", to=SINK, data=b"x" * 20_000)
    assert count_of(anvil, account.address, "pending") == 0
    connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert manager.send("once", to=SINK, data=b"x" * 20_000).nonce == 0


def test_a_missing_lower_nonce_is_named(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    with FaultyRpc(node.url) as proxy:
        proxy.rule = on("eth_getTransactionCount", Lie(lambda n: hex(int(n, 16) + 2)))
        manage(proxy.url, signer=account.signer).submit("high", to=SINK, data=b"")
    with pytest.raises(ConfirmationTimeoutError, match="nonce 0 comes first"):
        manage(node.url, signer=account.signer, timeout=0.3).wait("high")


# -- endpoints that fail in the middle -------------------------------------------------------------------------------


def test_an_endpoint_that_dies_after_accepting_leads_to_one_transaction(
    anvil: Anvil, account: Funded, proxy: FaultyRpc, manage: Manage
) -> None:
    proxy.rule = on("eth_sendRawTransaction", AcceptThenDrop())
    assert manage(proxy.url, anvil.url).send("once", to=SINK, data=b"x").status == 1
    assert payloads(anvil, account.address) == [b"x"]


def test_a_lone_endpoint_that_dies_after_accepting_leads_to_one_transaction(
    anvil: Anvil, account: Funded, proxy: FaultyRpc, manage: Manage
) -> None:
    proxy.rule = on("eth_sendRawTransaction", AcceptThenDrop(), times=2)
    assert manage(proxy.url).send("once", to=SINK, data=b"x").status == 1
    assert payloads(anvil, account.address) == [b"x"]


def test_a_node_that_names_another_hash_for_our_bytes_is_not_believed(
    anvil: Anvil, account: Funded, proxy: FaultyRpc, manage: Manage
) -> None:
    proxy.rule = on("eth_sendRawTransaction", Answer({"result": "0x" + "33" * 32}))
    manager = manage(proxy.url)
    with pytest.raises(InconsistentEndpointError, match="eth_sendRawTransaction"):
        manager.submit("once", to=SINK, data=b"x")
    assert manager.journal.require("once").state == "signed"
    assert manage(proxy.url, anvil.url).send("once", to=SINK, data=b"x").status == 1
    assert payloads(anvil, account.address) == [b"x"]


@pytest.mark.parametrize("fault", [Drop(), Hang(), Status(503)], ids=repr)
def test_a_broadcast_nobody_answers_stays_resumable(
    anvil: Anvil, account: Funded, proxy: FaultyRpc, manage: Manage, fault: Any
) -> None:
    proxy.rule = on("eth_sendRawTransaction", fault)
    manager = manage(proxy.url, pool={"timeout": 0.2, "cooldown": 0.01})
    with pytest.raises(ChainUnavailableError):
        manager.send("once", to=SINK, data=b"x")
    assert manager.journal.require("once").state == "signed"
    proxy.rule = None
    time.sleep(0.1)
    assert [outcome.error for outcome in manager.resume()] == [None]
    assert payloads(anvil, account.address) == [b"x"]


# -- endpoints that lie ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r | {"blockHash": "0x" + "11" * 32},
        lambda r: r | {"transactionHash": "0x" + "22" * 32},
        lambda r: r | {"from": SINK},
        lambda r: r | {"blockNumber": "0x0"},
        lambda r: r | {"logs": None},
        lambda r: "mined",
    ],
)
def test_a_forged_receipt_is_never_believed(
    anvil: Anvil, proxy: FaultyRpc, manage: Manage, change: Callable[[Any], Any]
) -> None:
    proxy.rule = on("eth_getTransactionReceipt", Lie(lambda r: r and change(r)))
    alone = manage(proxy.url, timeout=0.5, pool={"cooldown": 0.01})
    with pytest.raises(ConfirmationTimeoutError):
        alone.send("once", to=SINK, data=b"x")
    receipt = manage(proxy.url, anvil.url).wait("once")
    assert anvil.rpc("eth_getTransactionReceipt", receipt.hash)["blockHash"] == receipt.block_hash  # type: ignore[index]


def test_a_receipt_invented_for_a_pending_transaction_is_never_believed(node: Anvil, manage: Manage) -> None:
    node.rpc("evm_setAutomine", False)
    node.rpc("anvil_mine", "0x1")
    account = fund(node)
    block: Any = node.rpc("eth_getBlockByNumber", "0x1", False)

    with FaultyRpc(node.url) as proxy:
        manager = manage(proxy.url, signer=account.signer, timeout=0.5, pool={"cooldown": 0.01})
        fake = {"blockHash": block["hash"], "blockNumber": "0x1", "status": "0x1", "gasUsed": "0x5208", "logs": []}

        def rule(method: str, params: list[Any]) -> Any:
            if method == "eth_getTransactionReceipt":
                return Answer({"result": fake | {"transactionHash": params[0], "from": account.address}})
            return None

        proxy.rule = rule
        with pytest.raises(ConfirmationTimeoutError, match="without the transaction"):
            manager.send("once", to=SINK, data=b"x")


def test_a_quorum_is_not_satisfied_by_one_liar(anvil: Anvil, proxy: FaultyRpc, manage: Manage) -> None:
    proxy.rule = on("eth_getTransactionReceipt", Lie(lambda r: r and r | {"status": "0x0"}))
    manager = manage(proxy.url, anvil.url, quorum=2, timeout=0.5)
    with pytest.raises(ConfirmationTimeoutError, match="only 1 of 2 endpoints confirm"):
        manager.send("once", to=SINK, data=b"x")
    assert not manager.journal.require("once").settled
    proxy.rule = None
    assert manager.wait("once").status == 1


def test_a_transaction_count_too_low_is_corrected(
    anvil: Anvil, account: Funded, proxy: FaultyRpc, manage: Manage, tmp_path: Path
) -> None:
    manage(journal=Journal(tmp_path / "other.db")).send("elsewhere", to=SINK, data=b"0")
    proxy.rule = on("eth_getTransactionCount", Lie(lambda _: "0x0"), times=2)
    receipt = manage(proxy.url).send("once", to=SINK, data=b"1")
    assert receipt.nonce == 1
    assert payloads(anvil, account.address) == [b"0", b"1"]


def test_a_transaction_count_too_high_is_outvoted(anvil: Anvil, proxy: FaultyRpc, manage: Manage) -> None:
    proxy.rule = on("eth_getTransactionCount", Lie(lambda n: hex(int(n, 16) + 9)))
    assert manage(proxy.url, anvil.url).send("once", to=SINK, data=b"1").nonce == 0


def test_a_false_claim_that_the_nonce_is_used_never_leads_to_a_second_signature(node: Anvil, manage: Manage) -> None:
    node.rpc("evm_setAutomine", False)
    account = fund(node)
    with FaultyRpc(node.url) as proxy:
        manager = manage(proxy.url, signer=account.signer, timeout=0.5, pool={"cooldown": 0.01})
        manager.submit("once", to=SINK, data=b"1")
        proxy.rule = on("eth_getTransactionCount", Lie(lambda n: hex(int(n, 16) + 1)))
        node.rpc("anvil_mine", "0x0")
        with pytest.raises(ConfirmationTimeoutError):
            manager.wait("once")
        assert len(manager.journal.require("once").attempts) == 1


# -- somebody else uses the account ----------------------------------------------------------------------------------


def test_a_nonce_taken_by_a_foreign_transaction_is_replaced_by_the_next(
    node: Anvil, manage: Manage, tmp_path: Path
) -> None:
    account = fund(node)
    mine = manage(node.url, signer=account.signer)
    with FaultyRpc(node.url) as proxy:
        proxy.rule = on("eth_sendRawTransaction", Status(503))
        cut_off = manage(proxy.url, signer=account.signer, pool={"retries": 1})
        with pytest.raises(ChainUnavailableError):
            cut_off.submit("mine", to=SINK, data=b"mine")
    foreign = manage(node.url, signer=account.signer, journal=Journal(tmp_path / "foreign.db"))
    foreign.send("theirs", to=SINK, data=b"theirs")
    receipt = mine.send("mine", to=SINK, data=b"mine")
    assert receipt.nonce == 1
    assert payloads(node, account.address) == [b"theirs", b"mine"]


def test_pending_foreign_transactions_are_not_displaced(node: Anvil, manage: Manage, tmp_path: Path) -> None:
    account = fund(node)
    node.rpc("evm_setAutomine", False)
    manage(node.url, signer=account.signer, journal=Journal(tmp_path / "f.db")).submit("t", to=SINK, data=b"theirs")
    mine = manage(node.url, signer=account.signer)
    mine.submit("mine", to=SINK, data=b"mine")
    node.rpc("evm_mine")
    assert mine.wait("mine").nonce == 1
    assert payloads(node, account.address) == [b"theirs", b"mine"]


# -- stuck, reorganised, reset ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hardfork", ["prague", "berlin"])
def test_a_stuck_transaction_is_replaced_with_higher_fees(manage: Manage, hardfork: str) -> None:
    with Anvil(hardfork=hardfork) as node:
        account = fund(node)
        node.rpc("evm_setAutomine", False)
        manager = manage(node.url, signer=account.signer, stuck_after=0.2, timeout=1.5)
        with pytest.raises(ConfirmationTimeoutError):
            manager.send("slow", to=SINK, data=b"x")
        attempts = manager.journal.require("slow").attempts
        assert len(attempts) >= 2
        for old, new in itertools.pairwise(attempts):
            assert old.nonce == new.nonce == 0
            assert 8 * new.fees.max_fee_per_gas >= 9 * old.fees.max_fee_per_gas
            assert 8 * new.fees.max_priority_fee_per_gas >= 9 * old.fees.max_priority_fee_per_gas
            assert new.fees.legacy == (hardfork == "berlin")
        node.rpc("evm_mine")
        receipt = manager.wait("slow")
        assert receipt.hash in {attempt.hash for attempt in attempts}
        assert payloads(node, account.address) == [b"x"]


def test_the_cap_ends_replacements(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    node.rpc("evm_setAutomine", False)
    fees = FeePolicy(max_fee_per_gas=4 * GWEI)
    manager = manage(node.url, signer=account.signer, stuck_after=0.1, timeout=1.5, fees=fees)
    with pytest.raises(ConfirmationTimeoutError, match="the cap is 4000000000"):
        manager.send("slow", to=SINK, data=b"x")
    attempts = manager.journal.require("slow").attempts
    assert len(attempts) >= 2
    assert all(attempt.fees.max_fee_per_gas <= 4 * GWEI for attempt in attempts)
    node.rpc("evm_mine")
    assert manager.wait("slow").status == 1


def test_the_receipt_of_an_older_version_settles_the_key(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    node.rpc("evm_setAutomine", False)
    manager = manage(node.url, signer=account.signer, stuck_after=0.2, timeout=0.6)
    with pytest.raises(ConfirmationTimeoutError):
        manager.send("slow", to=SINK, data=b"x")
    first = manager.journal.require("slow").attempts[0]
    node.rpc("anvil_dropAllTransactions")
    node.rpc("eth_sendRawTransaction", "0x" + first.raw.hex())
    node.rpc("evm_mine")
    assert manager.wait("slow").hash == first.hash


def test_a_transaction_dropped_from_the_pool_is_broadcast_again(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    node.rpc("evm_setAutomine", False)
    manager = manage(node.url, signer=account.signer)
    manager.submit("once", to=SINK, data=b"x")
    node.rpc("anvil_dropAllTransactions")
    node.rpc("evm_setAutomine", True)
    assert manager.wait("once").status == 1
    assert payloads(node, account.address) == [b"x"]


def test_lower_nonces_left_by_a_crash_are_pushed_first(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    with FaultyRpc(node.url) as proxy:
        proxy.rule = on("eth_sendRawTransaction", Drop())
        with pytest.raises(ChainUnavailableError):
            manage(proxy.url, signer=account.signer).submit("first", to=SINK, data=b"1")
    manager = manage(node.url, signer=account.signer, stuck_after=0.2)
    assert manager.send("second", to=SINK, data=b"2").nonce == 1
    assert payloads(node, account.address) == [b"1", b"2"]


def test_a_transaction_reorganised_out_before_it_is_final_is_sent_again(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    manager = manage(node.url, signer=account.signer, confirmations=3, timeout=0.3)
    before = node.rpc("evm_snapshot")
    with pytest.raises(ConfirmationTimeoutError):
        manager.send("once", to=SINK, data=b"x")
    node.rpc("evm_revert", before)
    node.rpc("anvil_setBalance", account.address, hex(10**20))
    node.rpc("evm_setAutomine", False)
    with pytest.raises(ConfirmationTimeoutError):
        manager.wait("once")
    node.rpc("anvil_mine", "0x4")
    assert manager.wait("once").status == 1
    assert payloads(node, account.address) == [b"x"]


def test_a_wait_that_sees_its_block_vanish_says_so(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    before = node.rpc("evm_snapshot")
    manager = manage(node.url, signer=account.signer, confirmations=3, timeout=1.5)
    manager.submit("once", to=SINK, data=b"x")

    def reorganise() -> None:
        time.sleep(0.5)
        node.rpc("evm_setAutomine", False)
        node.rpc("evm_revert", before)
        node.rpc("anvil_setBalance", account.address, hex(10**20))

    thread = threading.Thread(target=reorganise, daemon=True)
    thread.start()
    with pytest.raises(ReorgError, match="reorganised out"):
        manager.wait("once")
    join_all([thread])
    node.rpc("anvil_mine", "0x4")
    assert manager.wait("once").status == 1


def test_a_settled_transaction_lost_in_a_deep_reorganisation_is_found_by_recheck(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    manager = manage(node.url, signer=account.signer)
    node.rpc("anvil_mine", "0x5")
    first = manager.send("once", to=SINK, data=b"x")
    assert manager.recheck("once") == first
    node.rpc("anvil_reorg", 2, [])
    assert node.rpc("eth_getTransactionReceipt", first.hash) is None
    again = manager.recheck("once")
    assert again.hash == first.hash
    assert again.block_hash != first.block_hash


def test_a_reset_chain_with_the_same_id_is_noticed(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    manager = manage(node.url, signer=account.signer)
    manager.send("once", to=SINK, data=b"x")
    with Anvil(extra=("--timestamp", "1700000000")) as fresh:
        fresh.rpc("anvil_setBalance", account.address, hex(10**20))
        other = manage(fresh.url, signer=account.signer)
        for action in (
            lambda: other.send("again", to=SINK, data=b""),
            lambda: other.send("once", to=SINK, data=b"x"),
            other.resume,
        ):
            with pytest.raises(ChainResetError, match="Nothing was sent; start a new journal"):
                action()
        assert count_of(fresh, account.address, "pending") == 0


def test_cancelling_spends_the_nonce_on_nothing(node: Anvil, manage: Manage) -> None:
    account = fund(node)
    node.rpc("evm_setAutomine", False)
    manager = manage(node.url, signer=account.signer)
    manager.submit("unwanted", to=SINK, data=b"x")
    timer = threading.Timer(0.3, lambda: node.rpc("evm_mine"))
    timer.daemon = True
    timer.start()
    assert manager.cancel("unwanted") is None
    join_all([timer])
    assert payloads(node, account.address) == [b""]
    with pytest.raises(RejectedError, match="cancelled"):
        manager.send("unwanted", to=SINK, data=b"x")
