"""CREATE2 addresses and the deployment proxy."""

from __future__ import annotations

import pytest
import rlp
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from novacron.chain.endpoints import EndpointPool
from novacron.deploy.create2 import (
    DEPLOYMENT_PROXY,
    DEPLOYMENT_PROXY_CODE,
    create2_address,
    create_address,
    salt_of,
)
from novacron.deploy.onchain import code_at
from novacron.exceptions import InputError

ZERO = "0x" + "00" * 20
BEEF = "0x00000000000000000000000000000000deadbeef"

# The examples of EIP-1014: address, salt, init code, result.
EIP_1014 = [
    (ZERO, "00" * 32, "00", "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"),
    ("0xdeadbeef" + "00" * 16, "00" * 32, "00", "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3"),
    (
        "0xdeadbeef" + "00" * 16,
        "00" * 12 + "feed" + "00" * 18,
        "00",
        "0xD04116cDd17beBE565EB2422F2497E06cC1C9833",
    ),
    (ZERO, "00" * 32, "deadbeef", "0x70f2b2914A2a4b783FaEFb75f459A580616Fcb5e"),
    (BEEF, "00" * 28 + "cafebabe", "deadbeef", "0x60f3f640a8508fC6a86d45DF051962668E1e8AC7"),
    (BEEF, "00" * 28 + "cafebabe", "deadbeef" * 11, "0x1d8bfDC5D46DC4f61D6b6115972536eBE6A8854C"),
    (ZERO, "00" * 32, "", "0xE33C0C7F7df4809055C3ebA6c09CFe4BaF1BD9e0"),
]


@pytest.mark.parametrize(("deployer", "salt", "init_code", "address"), EIP_1014)
def test_addresses_are_those_of_eip_1014(deployer: str, salt: str, init_code: str, address: str) -> None:
    assert create2_address(deployer, bytes.fromhex(salt), keccak(bytes.fromhex(init_code))) == address


@pytest.mark.parametrize("deployer", ["0x12", "0x" + "zz" * 20, "", "0x" + "00" * 32])
def test_a_malformed_deployer_is_named(deployer: str) -> None:
    with pytest.raises(InputError, match="no address"):
        create2_address(deployer, bytes(32), bytes(32))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_salt_and_hash_must_have_32_bytes(salt: bytes, digest: bytes) -> None:
    if len(salt) == len(digest) == 32:
        assert create2_address(ZERO, salt, digest).startswith("0x")
    else:
        with pytest.raises(InputError, match="need 32"):
            create2_address(ZERO, salt, digest)


def test_the_salt_of_a_label_is_its_keccak() -> None:
    assert salt_of("") == bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")


def test_the_proxy_on_a_standard_chain_is_the_one_we_expect(pool: EndpointPool) -> None:
    assert code_at(pool, DEPLOYMENT_PROXY) == DEPLOYMENT_PROXY_CODE


# Examples with a published answer: nonces 1 to 3 of this creator.
CREATIONS = [
    (1, "0x343c43A37D37dfF08AE8C4A11544c718AbB4fCF8"),
    (2, "0xf778B86FA74E846c4f0a1fBd1335FE81c00a0C91"),
    (3, "0xffFd933A0bC612844eaF0C6Fe3E5b8E9B6C1d19c"),
]


@pytest.mark.parametrize(("nonce", "address"), CREATIONS)
def test_creations_are_where_others_say(nonce: int, address: str) -> None:
    assert create_address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0", nonce) == address


@given(st.binary(min_size=20, max_size=20), st.integers(1, 2**64 - 2))
def test_creations_are_the_hash_of_their_rlp(creator: bytes, nonce: int) -> None:
    expected = to_checksum_address(keccak(rlp.encode([creator, nonce]))[12:])
    assert create_address("0x" + creator.hex(), nonce) == expected


@pytest.mark.parametrize("nonce", [0, -1, 2**64 - 1])
def test_a_nonce_that_cannot_be_is_named(nonce: int) -> None:
    with pytest.raises(InputError, match=f"nonce {nonce}"):
        create_address(ZERO, nonce)
