"""EndpointPool: failover, rate limits, lies and what never shows up in a log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from novacron.chain import Anvil, EndpointPool, mask_url
from novacron.chain.anvil import free_port
from novacron.exceptions import (
    ChainUnavailableError,
    ConfigurationError,
    InconsistentEndpointError,
    RejectedError,
    RetryableError,
    WrongChainError,
)
from tests.support.faulty_rpc import (
    AcceptThenDrop,
    Answer,
    Drip,
    Drop,
    Fault,
    FaultyRpc,
    Garbage,
    Hang,
    Lie,
    Status,
    on,
)
from tests.support.workers import in_threads

PoolOf = Callable[..., EndpointPool]

SECRETS = ("s3cretuser", "s3cretpass", "apikey0123", "tok3n")


def test_a_refused_endpoint_is_passed_over(anvil: Anvil, pool_of: PoolOf) -> None:
    pool = pool_of(f"http://127.0.0.1:{free_port()}", anvil.url)
    assert pool.request("eth_chainId", []) == "0x7a69"


@pytest.mark.parametrize(
    "fault",
    [
        Drop(),
        Hang(),
        Drip(),
        Status(500),
        Status(502),
        Status(429),
        Status(401),
        Status(301, (("Location", "http://127.0.0.1:1/"),)),
        Garbage(),
        Garbage(b""),
        Garbage(b"[]"),
        Garbage(b"null"),
        Garbage(b"[" * 100_000),
        Answer({"id": 999_999, "result": "0xffffff"}),
        Answer({}),
        Answer({"result": 12}),
        Answer({"result": "12"}),
        Answer({"result": None}),
        Answer({"result": {"hash": "0x"}}),
        Answer({"error": {"code": -32005, "message": "daily request count exceeded, request rate limited"}}),
        Answer({"error": {"code": -32601, "message": "the method eth_blockNumber does not exist/is not available"}}),
    ],
    ids=repr,
)
def test_any_fault_of_the_first_endpoint_makes_the_second_answer(
    anvil: Anvil, proxy: FaultyRpc, pool_of: PoolOf, fault: Fault
) -> None:
    proxy.rule = on("eth_blockNumber", fault)
    pool = pool_of(proxy.url, anvil.url, timeout=0.4)
    assert pool.request("eth_blockNumber", []) == anvil.rpc("eth_blockNumber")
    assert proxy.count("eth_blockNumber") >= 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Drop(), ChainUnavailableError),
        (Hang(), ChainUnavailableError),
        (Status(503), ChainUnavailableError),
        (Garbage(), InconsistentEndpointError),
        (Answer({"error": {"code": -32000, "message": "header not found"}}), RetryableError),
        (Answer({"error": {"code": -32602, "message": "invalid params"}}), RejectedError),
        (Answer({"error": "just text"}), RejectedError),
    ],
    ids=repr,
)
def test_a_lone_faulty_endpoint_gives_the_matching_error(
    proxy: FaultyRpc, pool_of: PoolOf, fault: Fault, expected: type[Exception]
) -> None:
    proxy.rule = on("eth_blockNumber", fault)
    with pytest.raises(expected):
        pool_of(proxy.url, timeout=0.2).request("eth_blockNumber", [])


def test_a_passing_fault_is_retried_on_the_same_endpoint(proxy: FaultyRpc, pool_of: PoolOf) -> None:
    proxy.rule = on("eth_blockNumber", Status(502), times=2)
    assert pool_of(proxy.url).request("eth_blockNumber", [])
    assert proxy.count("eth_blockNumber") == 3


def test_retry_after_is_waited_for(proxy: FaultyRpc, pool_of: PoolOf) -> None:
    proxy.rule = on("eth_blockNumber", Status(429, (("Retry-After", "1"),)), times=1)
    pool = pool_of(proxy.url, backoff=0.001)
    assert pool.request("eth_blockNumber", [])
    # Without the wait, the retries would have hit the endpoint again at once and counted more calls.
    assert proxy.count("eth_blockNumber") == 2


def test_a_rate_limit_longer_than_the_time_allowed_fails_without_another_call(
    proxy: FaultyRpc, pool_of: PoolOf
) -> None:
    proxy.rule = on("eth_blockNumber", Status(429, (("Retry-After", "120"),)))
    pool = pool_of(proxy.url, max_time=2.0)
    for _ in range(2):
        with pytest.raises(ChainUnavailableError, match="429"):
            pool.request("eth_blockNumber", [])
    assert proxy.count("eth_blockNumber") == 1


def test_a_broken_endpoint_is_left_alone_for_a_while(anvil: Anvil, proxy: FaultyRpc, pool_of: PoolOf) -> None:
    proxy.rule = on("*", Drop())
    pool = pool_of(proxy.url, retries=10, failure_threshold=3, cooldown=60)
    with pytest.raises(ChainUnavailableError):
        pool.request("eth_blockNumber", [])
    seen = len(proxy.calls)
    with pytest.raises(ChainUnavailableError) as caught:
        pool.request("eth_blockNumber", [])
    assert len(proxy.calls) == seen
    assert len(caught.value.causes) == 1


def test_a_broken_endpoint_is_used_again_after_the_cooldown(proxy: FaultyRpc, pool_of: PoolOf) -> None:
    proxy.rule = on("*", Drop(), times=4)
    pool = pool_of(proxy.url, retries=40, failure_threshold=1, cooldown=0.01, backoff=0.02)
    for _ in range(40):
        try:
            pool.request("eth_blockNumber", [])
            break
        except ChainUnavailableError:
            threading.Event().wait(0.05)
    else:
        pytest.fail("the endpoint was never tried again")


def test_an_endpoint_on_the_wrong_chain_is_refused(anvil: Anvil, pool_of: PoolOf) -> None:
    with Anvil(chain_id=4242) as other:
        pool = pool_of(other.url, anvil.url, chain_id=31337)
        assert pool.request("eth_chainId", []) == "0x7a69"
        health = {entry.label: entry for entry in pool.health()}
        assert health[other.url].chain_id == 4242
        assert not health[other.url].healthy
        alone = pool_of(other.url, chain_id=31337)
        for _ in range(2):
            with pytest.raises(WrongChainError, match="4242, expected 31337"):
                alone.request("eth_blockNumber", [])


def test_without_a_configured_id_the_first_answer_decides(anvil: Anvil, pool_of: PoolOf) -> None:
    with Anvil(chain_id=4242) as other:
        pool = pool_of(anvil.url, other.url)
        assert pool.chain_id() == 31337
        assert [entry.healthy for entry in pool.health()] == [True, False]


def test_the_fastest_healthy_endpoint_is_preferred(anvil: Anvil, proxy: FaultyRpc, pool_of: PoolOf) -> None:
    slow = threading.Event()

    def rule(method: str, _: list[Any]) -> Fault | None:
        slow.wait(0.1)
        return None

    proxy.rule = rule
    pool = pool_of(proxy.url, anvil.url)
    pool.health()
    before = len(proxy.calls)
    for _ in range(5):
        pool.request("eth_blockNumber", [])
    assert len(proxy.calls) == before


def test_a_lagging_endpoint_is_used_last(anvil: Anvil, proxy: FaultyRpc, pool_of: PoolOf) -> None:
    anvil.rpc("anvil_mine", "0x14")
    proxy.rule = on("eth_blockNumber", Lie(lambda head: hex(int(head, 16) - 15)))
    pool = pool_of(proxy.url, anvil.url)
    assert [entry.lag for entry in pool.health()] == [15, 0]
    before = len(proxy.calls)
    pool.request("eth_gasPrice", [])
    assert len(proxy.calls) == before


def test_health_is_checked_in_the_background(anvil: Anvil, proxy: FaultyRpc, pool_of: PoolOf) -> None:
    pool = pool_of(anvil.url, proxy.url, health_interval=30.0)
    pool.request("eth_gasPrice", [])
    for thread in threading.enumerate():
        if thread.name == "novacron-health":
            thread.join(5)
    assert proxy.count("eth_blockNumber") == 1


def test_a_request_with_effects_is_never_sent_twice(anvil: Anvil, proxy: FaultyRpc, pool_of: PoolOf) -> None:
    proxy.rule = on("evm_mine", AcceptThenDrop())
    pool = pool_of(proxy.url, anvil.url)
    head = int(pool.request("eth_blockNumber", []), 16)
    with pytest.raises(ChainUnavailableError, match="may have taken effect"):
        pool.request("evm_mine", [])
    assert int(pool.request("eth_blockNumber", []), 16) == head + 1


def test_a_batch_keeps_the_order_of_its_calls(anvil: Anvil, pool_of: PoolOf) -> None:
    pool = pool_of(anvil.url)
    calls = [("eth_getBlockByNumber", ["0x0", False]), ("eth_chainId", []), ("eth_gasPrice", [])] * 50
    results = pool.batch(calls)
    assert len(results) == 150
    assert all(result == "0x7a69" for result in results[1::3])


def test_a_batch_is_unrolled_where_the_node_takes_none(anvil: Anvil, pool_of: PoolOf) -> None:
    class NoBatches(FaultyRpc):
        def _serve(self, handler: Any, document: Any) -> None:
            if isinstance(document, list):
                refusal = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch not allowed"}}'
                self._reply(handler, 200, refusal)
            else:
                super()._serve(handler, document)

    with NoBatches(anvil.url) as proxy:
        assert pool_of(proxy.url).batch([("eth_chainId", []), ("eth_chainId", [])]) == ["0x7a69", "0x7a69"]


@pytest.mark.parametrize("mangle", [lambda a: a[:-1], lambda a: a + a, lambda a: [{**x, "id": {}} for x in a]])
def test_a_batch_with_missing_or_foreign_answers_is_refused(
    anvil: Anvil, pool_of: PoolOf, mangle: Callable[[list[Any]], Any]
) -> None:
    class Mangled(FaultyRpc):
        def _forward(self, document: Any) -> Any:
            answer = super()._forward(document)
            return mangle(answer) if isinstance(answer, list) else answer

        def _serve(self, handler: Any, document: Any) -> None:
            import json

            if isinstance(document, list):
                self._reply(handler, 200, json.dumps(self._forward(document)).encode())
            else:
                super()._serve(handler, document)

    with Mangled(anvil.url) as proxy:
        with pytest.raises(InconsistentEndpointError):
            pool_of(proxy.url).batch([("eth_chainId", []), ("eth_gasPrice", [])])


def test_sixteen_threads_share_one_pool(anvil: Anvil, proxy: FaultyRpc, pool_of: PoolOf) -> None:
    proxy.rule = on("*", Drop(), times=10)
    pool = pool_of(proxy.url, anvil.url)
    results: list[str] = []
    in_threads(lambda: results.extend(pool.request("eth_chainId", []) for _ in range(20)), *[()] * 16)
    assert results == ["0x7a69"] * 320


def test_web3_works_over_the_pool(anvil: Anvil, pool_of: PoolOf) -> None:
    pool = pool_of(f"http://127.0.0.1:{free_port()}", anvil.url)
    assert pool.w3.eth.chain_id == 31337
    assert pool.w3.eth.get_block("latest")["number"] >= 0
    assert pool.w3.is_connected()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://s3cretuser:s3cretpass@rpc.example:8545/v2/apikey0123?token=tok3n",
            "https://***@rpc.example:8545/***?***",
        ),
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("http://127.0.0.1:8545/", "http://127.0.0.1:8545"),
        ("http://[::1]:8545/x", "http://[::1]:8545/***"),
        ("http://host:port/apikey0123", "(malformed URL)"),
    ],
)
def test_urls_are_masked(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "127.0.0.1:8545", "http://", "http://s3cretuser:tok3n@:port/apikey0123"]
)
def test_a_malformed_url_is_named_without_its_credentials(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        EndpointPool([url])
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_a_single_string_is_not_taken_for_a_list() -> None:
    with pytest.raises(ConfigurationError):
        EndpointPool("http://127.0.0.1:1")


def test_credentials_reach_neither_logs_nor_errors_nor_reprs(
    proxy: FaultyRpc, pool_of: PoolOf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    base = proxy.url.removeprefix("http://")
    urls = [
        f"http://s3cretuser:s3cretpass@{base}/v2/apikey0123?token=tok3n",
        f"http://s3cretuser:s3cretpass@127.0.0.1:{free_port()}/v2/apikey0123?token=tok3n",
    ]
    texts: list[str] = []
    for fault in (None, Drop(), Garbage(), Status(500), Status(429), Hang()):
        proxy.rule = None if fault is None else on("eth_gasPrice", fault)
        pool = pool_of(*urls, timeout=0.2, retries=2)
        try:
            pool.request("eth_gasPrice", [])
            pool.w3.eth.get_block("latest")
        except (ChainUnavailableError, InconsistentEndpointError) as error:
            chain: BaseException | None = error
            while chain is not None:
                texts += [str(chain), repr(chain)]
                chain = chain.__cause__ or chain.__context__
            texts += error.causes if isinstance(error, ChainUnavailableError) else ()
        texts += [repr(pool), repr(pool.health()), repr(vars(pool)), *pool.labels]
    texts.append(caplog.text)
    for secret in SECRETS:
        assert not any(secret in text for text in texts)
    assert caplog.text, "failures must be logged"


def test_user_and_password_are_sent_as_basic_authentication(anvil: Anvil, pool_of: PoolOf) -> None:
    headers: list[str] = []

    class Recording(FaultyRpc):
        def _serve(self, handler: Any, document: Any) -> None:
            headers.append(handler.headers["Authorization"])
            super()._serve(handler, document)

    with Recording(anvil.url) as proxy:
        pool_of(proxy.url.replace("http://", "http://us%40er:pass@")).request("eth_chainId", [])
    assert headers[0] == "Basic dXNAZXI6cGFzcw=="


def test_a_word_is_no_address_and_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'foo' is no RPC address"):
        EndpointPool(["foo"]).chain_id()
