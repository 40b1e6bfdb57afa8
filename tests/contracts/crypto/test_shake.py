"""Shake against hashlib: every length around the ends of words, lanes and blocks."""

from __future__ import annotations

import hashlib
import random

import pytest
from web3 import Web3
from web3.contract import Contract

from tests.support.contracts import deploy

RATES = {"shake_128": 168, "shake_256": 136}


@pytest.fixture(scope="module")
def shake(w3: Web3) -> Contract:
    return deploy(w3, "ShakeHarness")


def message(length: int) -> bytes:
    """Bytes that differ from their neighbours and between lengths."""
    return random.Random(length).randbytes(length)


def hashed(shake: Contract, algorithm: str, data: bytes, length: int) -> bytes:
    return bytes(shake.functions[algorithm.replace("_", "")](data, length).call())


def expected(algorithm: str, data: bytes, length: int) -> bytes:
    return hashlib.new(algorithm, data).digest(length)  # type: ignore[call-arg]


@pytest.mark.parametrize("algorithm", RATES)
def test_messages_of_every_length_around_words_and_blocks(shake: Contract, algorithm: str) -> None:
    rate = RATES[algorithm]
    lengths = {
        0,
        1,
        7,
        8,
        9,
        31,
        32,
        33,
        34,
        *(rate * blocks + by for blocks in (1, 2) for by in (-9, -8, -1, 0, 1, 8)),
    }
    for length in sorted(lengths):
        assert hashed(shake, algorithm, message(length), 32) == expected(algorithm, message(length), 32), length


@pytest.mark.parametrize("algorithm", RATES)
def test_outputs_of_every_length_around_words_and_blocks(shake: Contract, algorithm: str) -> None:
    """The harness sees to it that not a byte beyond is written."""
    rate = RATES[algorithm]
    lengths = {0, 1, 31, 32, 33, 64, *(rate * blocks + by for blocks in (1, 2) for by in (-9, -1, 0, 1, 31))}
    for length in sorted(lengths):
        assert hashed(shake, algorithm, b"output", length) == expected(algorithm, b"output", length), length


@pytest.mark.parametrize("length", [98, 64 + 768, 64 + 1024, 2592])
def test_messages_that_ml_dsa_hashes(shake: Contract, length: int) -> None:
    """tr and M', µ and w1 of ML-DSA-44 and -65, of -87 (exactly eight blocks), a public key."""
    assert hashed(shake, "shake_256", message(length), 64) == expected("shake_256", message(length), 64)


def test_bytes_of_all_ones_and_all_zeros(shake: Contract) -> None:
    for data in (bytes(136), bytes(135), b"\xff" * 136, b"\xff" * 135, b"\xff" * 272):
        assert hashed(shake, "shake_256", data, 136) == expected("shake_256", data, 136)


@pytest.mark.parametrize(("length0", "length1"), [(98, 32), (135, 64), (0, 135), (127, 0)])
def test_pair_of_messages(shake: Contract, length0: int, length1: int) -> None:
    data = message(length0), message(length1 + 1000)[:length1]
    outputs = shake.functions.pair256(*data, 3).call()
    assert outputs == [expected("shake_256", each, 3 * 136) for each in data]


def test_four_messages(shake: Contract) -> None:
    data = [message(length) for length in (34, 0, 167, 33)]
    output = shake.functions.four128(data, 3).call()
    blocks = [expected("shake_128", each, 3 * 168)[168 * i : 168 * i + 168] for i in range(3) for each in data]
    assert output == b"".join(blocks)


def test_stream_block_by_block(shake: Contract) -> None:
    assert shake.functions.stream256(message(48), 3).call() == expected("shake_256", message(48), 3 * 136)


@pytest.mark.deep
def test_any_message_and_output(shake: Contract) -> None:
    source = random.Random(5)
    for _ in range(2000):
        algorithm, data = source.choice(list(RATES)), source.randbytes(source.randrange(700))
        length = source.randrange(500)
        assert hashed(shake, algorithm, data, length) == expected(algorithm, data, length), (data.hex(), length)
