"""ML-DSA keys on chain, step by step: resumed after a crash, finished by strangers, never taken on trust."""

from __future__ import annotations

from typing import Any

import pytest

from novacron.exceptions import InconsistentEndpointError, InputError, QuantumError, RevertedError
from novacron.market.deployment import Account
from novacron.quantum import PostQuantumScheme, SigningKey, VerifyingKey
from novacron.quantum.client import QuantumVerification
from novacron.quantum.messages import sign_request
from novacron.quantum.records import WorkingKey
from novacron.quantum.registrar import KeyRegistrar
from tests.sdk.quantum.world import ML_DSA_44, ML_DSA_87, OPERATOR, OTHER, Actors, QuantumWorld


class Crash(Exception):
    """The process ends here."""


@pytest.fixture
def registrar(actors: Actors) -> KeyRegistrar:
    return KeyRegistrar(actors.deployment)


def crash(*_: Any) -> None:
    raise Crash


def test_a_key_of_three_steps_survives_a_crash_after_each_and_then_signs(
    world: QuantumWorld, actors: Actors, registrar: KeyRegistrar, client: QuantumVerification
) -> None:
    key = SigningKey.generate(ML_DSA_87)
    public, account = key.verifying_key, actors.account(OPERATOR)
    assert registrar.progress(public) == (0, 0)
    with pytest.raises(Crash):
        registrar.register(account, public, crash)
    assert registrar.progress(public) == (1, 3)
    assert not registrar.is_registered(public)
    with pytest.raises(QuantumError, match=r"is not registered, or half: register it first"):
        client.hand_in(account, sign_request(client.enrolment(public), key))
    # Somebody else goes on from what the chain's events say.
    found = registrar.started(public.onchain)
    assert found == public
    with pytest.raises(Crash):
        registrar.register(actors.account(OTHER), found, crash)
    steps: list[tuple[int, int]] = []
    registration = registrar.register(actors.account(OPERATOR), public, lambda *step: steps.append(step))
    assert steps == [(3, 3)]
    assert len(registration.receipts) == 1
    assert registrar.is_registered(public)
    assert registrar.register(account, public).receipts == ()  # nothing is left to do
    assert (world.transactions(OPERATOR), world.transactions(OTHER)) == (2, 1)
    actors.authorize(account, working := WorkingKey(world.root_id, key))
    assert client.verify_data(account, working, b"\x05" * 32).record.good


def test_a_step_that_somebody_else_took_meanwhile_is_not_a_failure(
    world: QuantumWorld, actors: Actors, registrar: KeyRegistrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = SigningKey.generate(PostQuantumScheme.ML_DSA_65).verifying_key
    account, plain = actors.account(OPERATOR), Account.send
    taken: list[str] = []

    def send(self: Account, *args: Any, **options: Any) -> Any:
        if self is account and not taken:
            taken.append(args[0])
            plain(actors.account(OTHER), *args, **options)
            raise RevertedError("out of gas: the step that is left takes more")
        return plain(self, *args, **options)

    monkeypatch.setattr(Account, "send", send)
    assert len(registrar.register(account, public).receipts) == 1
    assert registrar.is_registered(public)
    assert world.transactions(OTHER) == 1


def test_a_step_that_fails_for_good_is_raised(
    actors: Actors, registrar: KeyRegistrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = SigningKey.generate(ML_DSA_44).verifying_key

    def refuse(*_: Any, **__: Any) -> Any:
        raise RevertedError("no")

    def pretend(*_: Any, **__: Any) -> Any:
        return type("Receipt", (), {"hash": "0x12"})()

    account = actors.account(OPERATOR)
    monkeypatch.setattr(Account, "send", refuse)
    with pytest.raises(RevertedError, match="no"):
        registrar.register(account, public)
    monkeypatch.setattr(Account, "send", pretend)
    with pytest.raises(InconsistentEndpointError, match=r"step 1 of key .* is not done"):
        registrar.register(account, public)


def test_a_hash_based_key_needs_no_registration(actors: Actors, registrar: KeyRegistrar) -> None:
    public = VerifyingKey(PostQuantumScheme.SLH_DSA_SHA2_128S, bytes(32))
    assert registrar.is_registered(public)
    with pytest.raises(InputError, match="needs no registration"):
        registrar.register(actors.account(OPERATOR), public)


def test_nobody_began_an_unknown_key(registrar: KeyRegistrar) -> None:
    assert registrar.started(b"\x07" * 32) is None
