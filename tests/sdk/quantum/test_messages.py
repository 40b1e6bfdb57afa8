"""What is signed: digests equal to the contract's, requests that ask for nothing else, signatures of the right key."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from novacron.exceptions import InputError, QuantumError
from novacron.quantum import PostQuantumScheme, SigningKey
from novacron.quantum.client import QuantumVerification
from novacron.quantum.messages import (
    ANYBODY,
    NO_KEY,
    Batch,
    Domain,
    KeyAuthorization,
    KeyRevocation,
    RootEnrolment,
    SignedRequest,
    Verification,
    key_id,
    parse_request,
    sign_request,
)
from tests.sdk.quantum.world import QuantumWorld

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))
LATE = 2**40 - 1
DOMAIN = Domain(31_337, "0x" + "12" * 20)
AUTHORIZATION = KeyAuthorization(DOMAIN, ONE, PostQuantumScheme.ML_DSA_87, TWO, 2_000, 7)


@pytest.mark.parametrize("account", [ANYBODY, "0x" + "ab" * 20])
@pytest.mark.parametrize("scheme", list(PostQuantumScheme), ids=str)
def test_digests_of_keys_are_the_contracts(
    world: QuantumWorld, client: QuantumVerification, scheme: PostQuantumScheme, account: str
) -> None:
    domain = client.domain
    enrolment = RootEnrolment(domain, scheme, ONE, account)
    assert enrolment.digest == world.view("rootDigest", int(scheme), ONE, enrolment.account)
    assert enrolment.key == world.view("keyIdOf", NO_KEY, int(scheme), ONE)
    for valid_from, replaces, nonce in ((0, NO_KEY, 0), (LATE - 1, THREE, 2**256 - 1)):
        message = KeyAuthorization(domain, ONE, scheme, TWO, LATE, nonce, account, valid_from, replaces)
        fields = (ONE, int(scheme), TWO, message.account, valid_from, LATE, replaces, nonce)
        assert message.digest == world.view("authorizationDigest", *fields)
        assert message.key == world.view("keyIdOf", ONE, int(scheme), TWO) == key_id(ONE, scheme, TWO)


def test_digests_of_revocations_and_data_are_the_contracts(world: QuantumWorld, client: QuantumVerification) -> None:
    key = world.working.id
    for since, reason in ((1, NO_KEY), (LATE, THREE)):
        message = KeyRevocation(client.domain, key, since, reason)
        assert message.digest == world.view("revocationDigest", key, since, reason)
    assert Verification(client.domain, TWO, key).digest == world.view("verificationDigest", TWO, key)
    assert Batch(client.domain, TWO, 2**56, key).digest == world.view("batchDigest", TWO, 2**56, key)


def test_every_field_the_chain_and_the_contract_are_part_of_the_digest() -> None:
    other = {
        "domain": replace(DOMAIN, chain_id=1),
        "root": TWO,
        "scheme": PostQuantumScheme.ML_DSA_44,
        "public_key": ONE,
        "valid_until": 2_001,
        "nonce": 8,
        "account": "0x" + "01" * 20,
        "valid_from": 1,
        "replaces": ONE,
    }
    digests = {replace(AUTHORIZATION, **{name: value}).digest for name, value in other.items()}
    digests |= {AUTHORIZATION.digest, replace(AUTHORIZATION, domain=Domain(31_337, "0x" + "13" * 20)).digest}
    assert len(digests) == len(other) + 2


@pytest.mark.parametrize(
    "change",
    [
        {"root": b""},
        {"public_key": "0x12"},
        {"valid_until": 2**40},
        {"valid_from": -1},
        {"nonce": True},
        {"account": "0x12"},
        {"scheme": 4},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_cannot_be_a_field_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="KeyAuthorization"):
        replace(AUTHORIZATION, **change)


@pytest.mark.parametrize(
    "message",
    [
        RootEnrolment(DOMAIN, PostQuantumScheme.SLH_DSA_SHA2_128S, ONE, "0x" + "ab" * 20),
        AUTHORIZATION,
        KeyRevocation(DOMAIN, ONE, 5, TWO),
    ],
    ids=lambda message: str(message.KIND),
)
def test_a_request_is_read_as_it_was_written(message: Any) -> None:
    read = parse_request(json.dumps(message.typed_data))
    assert read == message
    assert read.digest == message.digest
    shown = message.describe()
    assert shown["signs"] == message.KIND
    assert shown["chain"] == 31_337


def test_a_request_that_asks_for_something_else_is_never_read() -> None:
    document = json.loads(json.dumps(AUTHORIZATION.typed_data))
    data = json.loads(json.dumps(Verification(DOMAIN, ONE, TWO).typed_data))
    kind = "KeyAuthorization"
    for change in (
        {"primaryType": "RootEnrolment"},
        {"primaryType": "Permit"},
        {"types": {**document["types"], kind: document["types"][kind][1:]}},
        {"types": {**document["types"], "More": []}},
        {"message": {**document["message"], "more": 1}},
        {"message": {**document["message"], "nonce": "7"}},
        {"message": {**document["message"], "nonce": True}},
        {"message": {**document["message"], "scheme": 9}},
        {"message": {**document["message"], "root": "0x12"}},
        {"message": {**document["message"], "root": "0x " + "01" * 32}},
        {"domain": {**document["domain"], "name": "Quantum"}},
        {"domain": {**document["domain"], "version": "2"}},
        {"domain": {**document["domain"], "chainId": "31337"}},
        {"domain": {}},
        {"extra": 1},
    ):
        with pytest.raises(QuantumError):
            parse_request(json.dumps(document | change))
    with pytest.raises(QuantumError, match="asks a root for none of RootEnrolment, KeyAuthorization, KeyRevocation"):
        parse_request(json.dumps(data))  # data are signed by working keys, never by request
    for text in ("", "[]", "{}", "null", "1", '"x"'):
        with pytest.raises(QuantumError):
            parse_request(text)
        with pytest.raises(QuantumError):
            SignedRequest.from_json(text)


def test_a_signed_request_travels_as_a_file_and_every_change_is_noticed() -> None:
    key = SigningKey.generate(PostQuantumScheme.ML_DSA_44)
    signed = sign_request(AUTHORIZATION, key)
    assert SignedRequest.from_json(signed.to_json()) == signed
    signed.require_valid()
    document = json.loads(signed.to_json())
    stranger = SigningKey.generate(PostQuantumScheme.ML_DSA_44)
    request = json.loads(json.dumps(replace(AUTHORIZATION, nonce=8).typed_data))
    flipped = document["signature"][:-1] + ("0" if document["signature"][-1] != "0" else "1")
    for change in ({"publicKey": "0x" + stranger.public_key.hex()}, {"request": request}, {"signature": flipped}):
        with pytest.raises(QuantumError, match="is not that of"):
            SignedRequest.from_json(json.dumps(document | change)).require_valid()
    for change in ({"format": "x"}, {"scheme": "RSA"}, {"signature": 1}, {"publicKey": "0x"}, {"request": {}}):
        with pytest.raises(QuantumError, match=r"no signed request|asks a root"):
            SignedRequest.from_json(json.dumps(document | change))
