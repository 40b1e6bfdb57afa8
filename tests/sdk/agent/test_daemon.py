"""The daemon: configuration, one agent a folder, the right key, backing off, and a clean end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from novacron.chain import signer_from_key
from novacron.compute.agent.config import AgentConfig
from novacron.compute.agent.daemon import open_agent, run
from novacron.compute.agent.plan import Do
from novacron.compute.agent.report import Report
from novacron.compute.state_words import State as VMState
from novacron.exceptions import (
    AgentError,
    ChainResetError,
    ChainUnavailableError,
    ConfigurationError,
    StoreBusyError,
)
from tests.sdk.agent.conftest import needs_libvirt
from tests.sdk.agent.world import World, hosts, settle

KEY = "NOVACRON_TEST_AGENT_KEY"


def tables(world: World | None = None, **agent: Any) -> dict[str, Any]:
    return {
        "agent": {"host": 1, "hypervisor": "test:///host.xml", "state": "state", "storage": "storage"} | agent,
        "chain": {
            "rpc_urls": [world.node.url if world else "http://127.0.0.1:1"],
            "contract": world.lifecycle.address if world else "0x" + 40 * "1",
            "private_key_env": KEY,
        },
    }


def toml(data: dict[str, Any]) -> str:
    return "\n".join(
        line
        for table, values in data.items()
        for line in (f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()))
    )


# -- configuration -----------------------------------------------------------------------------------------------------


def test_paths_start_at_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(toml(tables(snapshots=0, interval=2)))
    config = AgentConfig.from_toml(tmp_path / "agent.toml")
    assert (config.state, config.storage) == (tmp_path / "state", str(tmp_path / "storage"))
    assert (config.interval, config.heartbeat, config.snapshots) == (2.0, 60.0, 0.0)
    assert AgentConfig.from_mapping(tables(storage="s3://b/p"), base=tmp_path).storage == "s3://b/p"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": 0}, "agent.host must be a whole number of at least 1, not 0"),
        ({"host": "1"}, "not '1'"),
        ({"hypervisor": ""}, "agent.hypervisor must be a text"),
        ({"interval": -1}, "agent.interval must be a number of seconds"),
        ({"heartbeat": 200}, "agent.heartbeat = 200 s; at most 100"),
        ({"heart": 1}, "unknown key agent.heart"),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        AgentConfig.from_mapping(tables(**change), base=tmp_path)


def test_the_chain_must_be_known_and_a_key_given_and_never_written_down(tmp_path: Path) -> None:
    data = tables()
    for key, words in (("contract", "chain.manifest"), ("private_key_env", "no key")):
        less = {**data, "chain": {name: value for name, value in data["chain"].items() if name != key}}
        with pytest.raises(ConfigurationError, match=words):
            AgentConfig.from_mapping(less, base=tmp_path)
    secret = "ab" * 32
    with pytest.raises(ConfigurationError) as caught:
        AgentConfig.from_mapping({**data, "chain": {**data["chain"], "private_key_env": secret}}, base=tmp_path)
    assert secret not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"the table \[chain\] is missing"):
        AgentConfig.from_mapping({"agent": data["agent"]}, base=tmp_path)


# -- opening -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(world: World, tmp_path: Path) -> AgentConfig:
    (tmp_path / "host.xml").write_text("<node/>")
    return AgentConfig.from_mapping(tables(world, hypervisor=f"test://{tmp_path}/host.xml"), base=tmp_path)


@needs_libvirt
def test_one_agent_a_folder(world: World, config: AgentConfig) -> None:
    signer = signer_from_key(world.agents[0][1])
    with open_agent(config, signer) as agent:
        assert agent.step().failures == {}
        with pytest.raises(StoreBusyError, match="another agent runs with"), open_agent(config, signer):
            pass
    with open_agent(config, signer) as agent:
        agent.step()


def test_another_accounts_key_is_refused_by_name(world: World, config: AgentConfig) -> None:
    with pytest.raises(AgentError, match=r"use the right key, or let the provider name it \(novacron host agent 1 0x"):
        with open_agent(config, signer_from_key(world.agents[1][1])):
            pass


def test_a_host_that_is_not_registered_is_named(world: World, tmp_path: Path) -> None:
    config = AgentConfig.from_mapping(tables(world, host=77), base=tmp_path)
    with pytest.raises(AgentError, match="host 77 is not in the registry"):
        with open_agent(config, signer_from_key(world.agents[0][1])):
            pass


# -- running -----------------------------------------------------------------------------------------------------------


class Passes:
    """A reconciler whose passes succeed or fail in turn, then stop the daemon."""

    def __init__(self, stop: threading.Event, *outcomes: Exception | None) -> None:
        self.stop, self.outcomes, self.offline_passes = stop, list(outcomes), 0

    def step(self) -> Report:
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.stop.set()
        if outcome is not None:
            raise outcome
        return Report()

    def offline(self) -> Report:
        self.offline_passes += 1
        return Report()

    def next_exhaustion(self) -> float | None:
        return None


class Waits(threading.Event):
    """An event that remembers how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout or 0.0)
        return self.is_set()


def test_a_chain_that_is_down_is_asked_ever_more_rarely_and_funds_are_watched_meanwhile() -> None:
    stop, down = Waits(), ChainUnavailableError("down")
    passes: Any = Passes(stop, None, *7 * [down], None, None)
    run(passes, stop, 5.0, lambda _: None)
    assert stop.asked == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0, 5.0, 5.0]
    assert passes.offline_passes == 7


def test_a_chain_that_was_reset_ends_the_agent() -> None:
    stop = Waits()
    passes: Any = Passes(stop, ChainResetError("reset"), None)
    with pytest.raises(ChainResetError):
        run(passes, stop, 5.0, lambda _: None)


def test_the_next_pass_comes_in_time_for_the_end_of_funds(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Waits()
    passes: Any = Passes(stop, None, None)
    monkeypatch.setattr(Passes, "next_exhaustion", lambda _: 1003.0)
    run(passes, stop, 5.0, lambda _: None, clock=lambda: 1000.0)
    assert stop.asked == [3.0, 3.0]


@needs_libvirt
def test_a_host_that_is_busy_for_long_is_heard_of_all_the_same(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [float(world.w3.eth.get_block("latest")["timestamp"])]
    with hosts(world, tmp_path, clock=lambda: now[0], monotonic=lambda: now[0]) as (here, _):
        vms = [world.create() for _ in range(3)]
        settle(here)
        suspend = here.hypervisor.suspend

        def slowly(vm_id: int) -> None:
            suspend(vm_id)
            world.pass_time(200)
            now[0] += 200

        monkeypatch.setattr(here.hypervisor, "suspend", slowly)
        for vm_id in vms:
            world.command("pause", vm_id)
        assert [action.kind for action in here.agent.step().done] == 3 * [Do.SUSPEND]
        assert world.registry.functions.isAlive(1).call()


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def agent_of(world: World, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`novacron agent` as a process of its own."""
    started: list[subprocess.Popen[str]] = []
    (tmp_path / "host.xml").write_text("<node/>")
    file = tmp_path / "agent.toml"
    file.write_text(toml(tables(world, hypervisor=f"test://{tmp_path}/host.xml", interval=0.2)))

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "novacron.cli.main", "--json", "agent", *arguments, str(file)]
        environment = {**os.environ, KEY: world.agents[0][1]}
        started.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@needs_libvirt
def test_the_command_runs_vms_and_ends_cleanly(world: World, agent_of: Callable[..., subprocess.Popen[str]]) -> None:
    vm_id = world.create()
    process = agent_of("run")
    until(lambda: world.state(vm_id) is VMState.RUNNING)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert f"acknowledgeStart {vm_id}" in output
    assert world.agents[0][1].removeprefix("0x") not in output + errors
    shown = agent_of("status")
    output, errors = shown.communicate(timeout=60)
    assert shown.returncode == 0, errors
    (row,) = json.loads(output)
    assert (row["vm"], row["role"], row["state"], row["would do"]) == (vm_id, "host", "Running", "define, start")


@needs_libvirt
def test_a_killed_agent_leaves_no_lock_and_the_next_one_goes_on(
    world: World, agent_of: Callable[..., subprocess.Popen[str]]
) -> None:
    first = world.create()
    process = agent_of("run")
    until(lambda: world.state(first) is VMState.RUNNING)
    process.kill()
    process.communicate(timeout=60)
    second = world.create()
    again = agent_of("run", "--once")
    output, errors = again.communicate(timeout=60)
    assert again.returncode == 0, errors
    done = json.loads(output)["done"]
    assert f"start {first}" in done, "libvirt's test driver died with the process: the VM is started again"
    assert f"acknowledgeStart {second}" in done
