"""`make demo` as a user runs it: it succeeds, says what it found, writes its report, and leaves nothing running."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.workers import killed_after

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(output folder, printed text) of the second of two runs: the demo is repeatable."""
    out = tmp_path_factory.mktemp("demo")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "novacron.demo", "--out", str(out)],
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    return out, done.stdout


def test_offline_verification_names_what_it_could_not_check(demo: tuple[Path, str]) -> None:
    assert "Verified offline, from the file alone: 10 passed, 0 failed, 8 not checked" in demo[1]


def test_verification_against_the_chain_is_complete(demo: tuple[Path, str]) -> None:
    assert "Verified against the chain: 18 passed, 0 failed, 0 not checked" in demo[1]


def test_the_flipped_bit_is_found_in_one_file_and_one_entry(demo: tuple[Path, str]) -> None:
    text = " ".join(demo[1].split())
    assert "The same proof after the flip: 17 passed, 1 failed, 0 not checked" in text
    assert text.count("log entry ") == 1
    assert re.search(r"log entry 19 \(epoch 10\): checkpoints/epoch-10 differs .*: changed: weights\.npz", text)


def test_a_proposal_does_on_chain_what_was_predicted(demo: tuple[Path, str]) -> None:
    text = " ".join(demo[1].split())
    assert re.search(r"check_handover: [\d,]+ facts read from the chain, 0 findings", text)
    assert re.search(r"refused Mint 1,000,000 CPU: action 1 of 1, .*ERC20ExceededCap\(increasedSupply=1,4", text)
    assert "what it did on the chain is exactly what was predicted" in text
    report = demo[0] / "demo/dao/ethereum-local/proposals/mint_cpu/report.html"
    assert "everything that it changes is explained" in report.read_text()


@pytest.mark.skipif(importlib.util.find_spec("libvirt") is None, reason="no libvirt binding: see `make setup`")
def test_a_vm_is_run_moved_and_its_outage_compensated(demo: tuple[Path, str]) -> None:
    text = " ".join(demo[1].split())
    for step in (
        "buys 8 CPU for",
        "asks to move it to us-east; it runs on meanwhile",
        "approve; from now on nobody is entitled to run it",
        "verifies the recorded state: intact",
        "5 monitors sign 90.00 % of uptime",
        "100 NOVA paid to the customer",
        "ends the lease after 64 minutes of use",
        "bought, run, moved, compensated, refunded in",
    ):
        assert step in text


def test_costs_are_shown_for_every_operation(demo: tuple[Path, str]) -> None:
    for operation in (
        "deploy and configure the suite",
        "openRun",
        "extendRun",
        "sealRun",
        "anchorBatch",
        "anchor(",
        "total",
    ):
        assert operation in demo[1]
    assert "POL at 30 gwei" in demo[1]


def test_the_report_is_one_self_contained_page(demo: tuple[Path, str]) -> None:
    page = (demo[0] / "report.html").read_text()
    references: list[str] = []
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            references.extend(v or "" for k, v in attrs if k in ("src", "href", "xlink:href"))

    Reader().feed(page)
    assert [r for r in references if not r.startswith("#")] == []
    assert tags.count("svg") == 1
    assert page.count("<tr>") > 52
    assert str(demo[0]) not in page


def test_the_proof_file_is_verified_by_the_command_line(demo: tuple[Path, str]) -> None:
    proof = demo[0] / "demo" / "epoch-10.novaproof.json"
    done = subprocess.run(
        [sys.executable, "-m", "novacron.cli.main", "--json", "proof", "verify", str(proof)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"] is True


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to look for processes")
def test_nothing_is_left_running(demo: tuple[Path, str]) -> None:
    port = re.search(r"http://127\.0\.0\.1:(\d+)", demo[1])
    assert port is not None
    assert_no_anvil(port.group(1))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to look for processes")
def test_nothing_is_left_running_after_a_termination(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-m", "novacron.demo", "--out", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with killed_after(process):
        assert process.stdout is not None
        port = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        process.terminate()
        assert process.wait(timeout=60) == 143
    assert port is not None
    assert_no_anvil(port.group(1))


def assert_no_anvil(port: str) -> None:
    """Fail if an anvil runs on this port."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended meanwhile
            anvil = command[0].endswith(b"/anvil")
            assert not (anvil and port.encode() in command), f"anvil still runs as {entry.name}"


def test_the_release_is_found_fetched_and_refused_once_its_parent_is_revoked(demo: tuple[Path, str]) -> None:
    out, text = demo
    said = " ".join(text.split())
    assert "signed, registered, certified, found, fetched, revoked in" in said
    assert "descends from" in said
    assert "trained on images that must not be used" in said
    release = out / "demo" / "release"
    fetched = {path.name: path.read_bytes() for path in (release / "fetched").iterdir()}
    assert fetched == {path.name: path.read_bytes() for path in (out / "demo" / "checkpoints" / "epoch-22").iterdir()}
    assert not (release / "refused").exists()


def test_the_store_of_the_release_holds_ciphertext_only(demo: tuple[Path, str]) -> None:
    config = (demo[0] / "demo" / "checkpoints" / "epoch-22" / "config.json").read_bytes()
    stored = [path.read_bytes() for path in (demo[0] / "demo" / "release" / "store").rglob("*") if path.is_file()]
    assert stored
    assert not [data for data in stored if config in data or b"weights_0" in data]


def test_the_picture_of_the_lineage_shows_both_models_and_the_revocation(demo: tuple[Path, str]) -> None:
    picture = ElementTree.fromstring((demo[0] / "demo" / "release" / "lineage.svg").read_text())
    words = " ".join(picture.itertext())
    assert "0.1.0" in words
    assert "1.0.0" in words
    assert "revoked" in words.lower()
