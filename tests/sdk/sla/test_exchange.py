"""Measurements between monitors: over HTTP and in a folder, and nothing that a stranger sends is believed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from novacron.chain.signer import LocalSigner
from novacron.chain.typed_data import typed_data_signer
from novacron.compute.measurements import Domain, Evidence, Measurement, SignedMeasurement
from novacron.compute.monitor.actions import Notes
from novacron.compute.monitor.exchange import FolderExchange, MeasurementServer, PeerExchange
from novacron.compute.monitor.measuring import Measurer, Subject
from novacron.compute.monitor.store import MonitorStore
from novacron.compute.samples import Span
from novacron.compute.sla_terms import Terms
from novacron.exceptions import InputError, MeasurementError, StoreConflictError, StoreError
from tests.sdk.sla.conftest import LATENCY, UPTIME, Clock

DOMAIN = Domain(31337, "0x" + "5" * 40)
KEYS = sorted((LocalSigner(Account.from_key(bytes([n]) * 32)) for n in range(1, 5)), key=lambda k: int(k.address, 16))
SPAN = Span(1_000, 4_600)


def make_terms() -> Terms:
    return Terms(
        "0x" + "a" * 40, "0x" + "b" * 40, 0, b"\1" * 32, 10**9, 3_600, 1, 3_600, 3_600, 1, 1, 1, (0, 0, 0), 10, 2,
        "0x" + "0" * 40, tuple(key.address for key in KEYS[:3]), (UPTIME, LATENCY),
    )  # fmt: skip


def signed(key: int = 0, **changes: Any) -> SignedMeasurement:
    one = replace(Measurement(7, 0, 0, 999_999, 60, 1_000, 4_599), **changes)
    return SignedMeasurement.make(one, DOMAIN, typed_data_signer(KEYS[key]))


def test_a_signed_measurement_travels_as_json() -> None:
    one = signed()
    again = SignedMeasurement.from_dict(json.loads(json.dumps(one.to_dict())))
    assert again == one
    again.verify(DOMAIN, make_terms(), SPAN)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": 1}, "did not sign"),
        ({"window": 1}, "did not sign"),
        ({"slaId": 8}, "did not sign"),
        ({"samples": 9}, "10"),
        ({"from": 999}, "window"),
        ({"to": 4_600}, "window"),
        ({"from": 4_599, "to": 1_000}, "window"),
        ({"guarantee": 2}, "no guarantee 2"),
        ({"monitor": KEYS[1].address}, "did not sign"),
        ({"monitor": KEYS[3].address}, "no monitor"),
        ({"signature": "0x" + "00" * 65}, "did not sign"),
    ],
)
def test_a_changed_measurement_does_not_verify(change: dict[str, Any], says: str) -> None:
    one = SignedMeasurement.from_dict(signed().to_dict() | change)
    with pytest.raises(MeasurementError, match=says):
        one.verify(DOMAIN, make_terms(), SPAN)


def test_a_measurement_of_another_chain_or_contract_does_not_verify() -> None:
    for other in (Domain(1, DOMAIN.contract), Domain(31337, "0x" + "6" * 40)):
        with pytest.raises(MeasurementError, match="did not sign"):
            signed().verify(other, make_terms(), SPAN)


@pytest.mark.parametrize(
    "change",
    [
        {"value": 2**32},
        {"value": -1},
        {"value": 1.5},
        {"value": "1"},
        {"value": True},
        {"to": 2**40},
        {"slaId": 2**63},
        {"signature": "0x" + "0" * 128},
        {"signature": 5},
        {"monitor": "0x1"},
        {"monitor": None},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_malformed_measurement_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MeasurementError):
        SignedMeasurement.from_dict(signed().to_dict() | change)
    with pytest.raises(MeasurementError):
        SignedMeasurement.from_dict([change])


def test_evidence_takes_the_first_of_each_monitor_ascending_and_needs_a_quorum() -> None:
    terms = make_terms()
    assert Evidence.of([signed(0), signed(0, value=5)], terms, 0) is None
    found = Evidence.of([signed(2, value=3), signed(3), signed(0, value=1), signed(0, value=2)], terms, 0)
    assert found is not None
    assert [one.monitor for one in found.measurements] == [KEYS[0].address, KEYS[2].address]
    assert (found.value, found.tier) == (3, 2)
    assert [row[:2] for row in found.observations(terms)] == [(0, 1), (2, 3)]


def test_a_server_serves_what_its_monitor_knows_of_a_window(tmp_path: Path) -> None:
    with MonitorStore(tmp_path / "a.sqlite") as store, MeasurementServer("127.0.0.1", 0, store.measurements) as server:
        store.add_measurement(signed(0))
        store.add_measurement(signed(1, guarantee=1))
        store.add_measurement(signed(0, window=1))
        peer = PeerExchange(server.url + "/")
        assert list(peer.collect(7, 0)) == [signed(0), signed(1, guarantee=1)]
        assert list(peer.collect(7, 5)) == []
        for path in (
            "/",
            "/v1/measurements/7",
            "/v1/measurements/7/-1",
            "/v1/measurements/7/" + "9" * 19,
            "/etc/passwd",
        ):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(server.url + path)


def test_a_peer_that_is_away_or_talks_nonsense_is_said_and_harms_nothing(tmp_path: Path) -> None:
    def nonsense(_: int, __: int) -> Any:
        raise StoreError("closed")

    with MeasurementServer("127.0.0.1", 0, nonsense) as server:
        assert [str(one) for one in PeerExchange(server.url).collect(7, 0)] == [
            f"peer {server.url} answered status 503"
        ]
    assert "does not answer" in str(next(iter(PeerExchange(server.url).collect(7, 0))))
    with pytest.raises(InputError, match="credentials"):
        PeerExchange("http://user:secret@127.0.0.1:1")
    with MonitorStore(tmp_path / "a.sqlite") as store, MeasurementServer("127.0.0.1", 0, store.measurements) as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(StoreError, match="in use"):
            MeasurementServer("127.0.0.1", port, store.measurements)


def test_a_peers_answer_is_read_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("novacron.compute.monitor.exchange.LARGEST_ANSWER", 300)
    with MeasurementServer("127.0.0.1", 0, lambda *_: [signed(0)] * 3) as server:
        assert "more than 300 bytes" in str(next(iter(PeerExchange(server.url).collect(7, 0))))


def test_a_shared_folder_carries_measurements_too(tmp_path: Path) -> None:
    folder = FolderExchange(tmp_path / "shared")
    assert list(folder.collect(7, 0)) == []
    folder.publish(signed(0))
    folder.publish(signed(0))
    folder.publish(signed(1, window=1))
    assert list(folder.collect(7, 0)) == [signed(0)]
    (folder.folder / "7-0-junk.json").write_text("{")
    (folder.folder / "7-0-list.json").write_text("[]")
    (folder.folder / "7-0-deep.json").write_text("[" * 4_000)
    (folder.folder / "7-0-large.json").write_text(" " * 5_000)
    found = list(folder.collect(7, 0))
    assert [one for one in found if isinstance(one, SignedMeasurement)] == [signed(0)]
    assert len(found) == 5


def test_a_measurer_keeps_what_verifies_and_says_what_does_not(tmp_path: Path) -> None:
    class Contract:
        domain = DOMAIN

    class Lot:
        items: list[Any] = []  # noqa: RUF012 - what the next collect brings

        def publish(self, _: SignedMeasurement) -> None:
            pass

        def collect(self, *_: int) -> Any:
            return iter(self.items)

    lot, notes, clock = Lot(), Notes(), Clock(5_000.0)
    with MonitorStore(tmp_path / "a.sqlite") as store:
        signer = typed_data_signer(KEYS[0])
        measurer = Measurer(Contract(), signer, store, [lot], notes, clock=clock)  # type: ignore[arg-type]
        subject = Subject(7, 0, SPAN, make_terms())

        def exchange() -> list[SignedMeasurement]:
            measurer.collect(subject)
            return measurer.publish(subject)

        forged = replace(signed(1), monitor=KEYS[2].address)
        lot.items = [signed(1), forged, signed(3), signed(2, window=9), MeasurementError("peer is away")]
        assert exchange() == [signed(1)]
        words = [action.detail for action in notes.take()]
        assert len(words) == 4
        # A second, different one of the same monitor changes nothing.
        lot.items = [signed(1, value=5)]
        clock.now += 10
        assert exchange() == [signed(1)]
        assert "two different" in notes.take()[0].detail
        # The older the window, the less often others are asked.
        lot.items = [signed(2)]
        assert exchange() == [signed(1)]
        clock.now += 7
        assert len(exchange()) == 2


def test_a_store_belongs_to_one_monitor(tmp_path: Path) -> None:
    with MonitorStore(tmp_path / "a.sqlite") as store:
        store.bind(DOMAIN, KEYS[0].address)
        store.bind(DOMAIN, KEYS[0].address)
        for domain, who in ((DOMAIN, KEYS[1].address), (Domain(1, DOMAIN.contract), KEYS[0].address)):
            with pytest.raises(StoreConflictError, match="store of its own"):
                store.bind(domain, who)


def test_the_first_measurement_of_a_window_stays(tmp_path: Path) -> None:
    with MonitorStore(tmp_path / "a.sqlite") as store:
        assert store.add_measurement(signed(0)) is True
        assert store.add_measurement(signed(0, value=1)) is False
    with MonitorStore(tmp_path / "a.sqlite") as store:
        assert store.measurement(7, 0, 0, KEYS[0].address) == signed(0)
