"""Set-up: a missing prerequisite is one clear sentence, and both compilers are the same compiler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from novacron.deploy.compiler import Compiler
from tools import setup

ROOT = Path(__file__).resolve().parents[2]
SOLC = json.loads((ROOT / "package.json").read_text())["devDependencies"]["solc"]


def run(*command: str | Path, path: str | None = None, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({} if path is None else {"PATH": path})}
    return subprocess.run(
        [str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def fresh_tree(tmp_path: Path) -> Path:
    """The files that set-up reads, without anything it made."""
    locks = ("package-lock.json", "requirements.lock", "requirements-libvirt.lock")
    for name in ("tools", "package.json", "pyproject.toml", "Makefile", *locks):
        source = ROOT / name
        target = tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path


def test_missing_python_is_one_sentence(fresh_tree: Path) -> None:
    done = run("make", "--no-print-directory", "setup", "PYTHON=/nonexistent/python3", cwd=fresh_tree)
    assert done.returncode != 0
    sentence = done.stderr.splitlines()[0]
    assert sentence == "setup: Python 3.11 or newer is needed and '/nonexistent/python3' is not on PATH."


def test_old_python_is_one_sentence(fresh_tree: Path) -> None:
    setup = fresh_tree / "tools" / "setup.py"
    setup.write_text(setup.read_text().replace("MINIMUM_PYTHON = (3, 11)", "MINIMUM_PYTHON = (99, 1)"))
    done = run(sys.executable, setup, cwd=fresh_tree)
    assert done.returncode == 1
    assert "Python 99.1 or newer is needed, this is " in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_missing_node_is_one_sentence(fresh_tree: Path, tmp_path: Path, missing: str) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in {"node", "npm"} - {missing}:
        (tools / tool).write_text("#!/bin/sh\necho v22.0.0\n")
        (tools / tool).chmod(0o755)
    done = run(sys.executable, fresh_tree / "tools" / "setup.py", path=str(tools), cwd=fresh_tree)
    assert done.returncode == 1
    assert done.stderr == f"setup: {missing} is not on PATH: install Node.js 20 or newer.\n"


def test_old_node_is_one_sentence(fresh_tree: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("node", "npm"):
        (tools / tool).write_text("#!/bin/sh\necho v18.19.0\n")
        (tools / tool).chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    done = run(sys.executable, fresh_tree / "tools" / "setup.py", path=path, cwd=fresh_tree)
    assert done.returncode == 1
    assert done.stderr == "setup: Node.js 20 or newer is needed, this is v18.19.0.\n"


def test_setup_does_nothing_twice() -> None:
    done = run(sys.executable, ROOT / "tools" / "setup.py")
    assert done.returncode == 0, done.stderr
    again = run(sys.executable, ROOT / "tools" / "setup.py")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


class Machine:
    """A machine for the libvirt step: what is missing on it, and which commands were run."""

    def __init__(self, missing: list[str], *, root: bool, fails: str | None = None) -> None:
        self.missing, self.root, self.fails = missing, root, fails
        self.commands: list[str] = []

    def run(self, *command: object, **_: object) -> str:
        line = " ".join(str(part) for part in command)
        self.commands.append(line)
        if self.fails is not None and self.fails in line:
            raise setup.SetupError(f"`{line}` failed:\nE: no network")
        if "apt-get" in line and " install " in line:
            self.missing = []
        return ""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Machine]:
    def make(missing: list[str], *, root: bool, fails: str | None = None) -> Machine:
        made = Machine(missing, root=root, fails=fails)
        monkeypatch.setattr(setup, "LIBVIRT", tmp_path / ".libvirt")
        monkeypatch.setattr(setup, "libvirt_packages_missing", lambda: made.missing)
        monkeypatch.setattr(setup, "run", made.run)
        monkeypatch.setattr(setup.os, "geteuid", lambda: 0 if root else 1000)
        monkeypatch.setattr(setup.shutil, "which", lambda tool: f"/usr/bin/{tool}")
        monkeypatch.setattr(setup.Path, "exists", lambda path: True)
        return made

    return make


def test_libvirt_is_built_where_its_packages_are(
    machine: Callable[..., Machine], capsys: pytest.CaptureFixture[str]
) -> None:
    here = machine([], root=False)
    assert setup.install_libvirt() is True
    assert not [line for line in here.commands if "apt-get" in line]
    assert any("--require-hashes --no-build-isolation -r requirements-libvirt.lock" in line for line in here.commands)
    assert "no libvirt" not in capsys.readouterr().out


def test_root_on_debian_installs_the_missing_packages_without_questions(machine: Callable[..., Machine]) -> None:
    here = machine(["libvirt-dev", "pkg-config"], root=True)
    assert setup.install_libvirt() is True
    update, install, *_ = here.commands
    assert "DEBIAN_FRONTEND=noninteractive" in update
    assert install.endswith("install -y --no-install-recommends libvirt-dev pkg-config")
    assert any("pip install" in line for line in here.commands)


def test_others_are_told_the_one_command_and_set_up_goes_on(
    machine: Callable[..., Machine], capsys: pytest.CaptureFixture[str]
) -> None:
    here = machine(["gcc", "libvirt-dev"], root=False)
    assert setup.install_libvirt() is True, "done: it is tried again when the packages are there, not before"
    assert here.commands == []
    (sentence,) = capsys.readouterr().out.splitlines()
    assert "type `sudo apt-get install -y --no-install-recommends gcc libvirt-dev`" in sentence
    assert "its tests are skipped" in sentence


@pytest.mark.parametrize("fails", ["update", "pip install"])
def test_a_failed_libvirt_step_is_one_sentence_and_is_tried_again(
    machine: Callable[..., Machine], capsys: pytest.CaptureFixture[str], tmp_path: Path, fails: str
) -> None:
    machine(["libvirt-dev"], root=True, fails=fails)
    assert setup.install_libvirt() is False
    sentence = capsys.readouterr().out.splitlines()[-1]
    assert sentence.startswith("setup: no libvirt: ")
    assert "E: no network" in sentence
    assert not (tmp_path / ".libvirt").is_file()


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: Callable[..., Machine]) -> Path:
    """A machine without Redis; returns where the link to it is made."""
    monkeypatch.setattr(setup, "REDIS", tmp_path / "bin" / "redis-server")
    return tmp_path / "bin" / "redis-server"


def test_redis_is_linked_where_it_is_and_no_daemon_is_installed(
    machine: Callable[..., Machine], without_redis: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = machine([], root=True)
    found = iter([None, "/usr/bin/redis-check-rdb"])
    monkeypatch.setattr(setup, "redis_binary", lambda: next(found))
    assert setup.install_redis() is True
    assert here.commands[-1].endswith("install -y --no-install-recommends redis-tools")
    assert without_redis.readlink() == Path("/usr/bin/redis-check-rdb")


def test_without_redis_others_are_told_the_one_command(
    machine: Callable[..., Machine],
    without_redis: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = machine([], root=False)
    monkeypatch.setattr(setup, "redis_binary", lambda: None)
    assert setup.install_redis() is True
    assert here.commands == []
    assert without_redis.stat().st_size == 0
    assert "type `sudo apt-get install -y --no-install-recommends redis-tools`" in capsys.readouterr().out
    machine([], root=True, fails="update")
    assert setup.install_redis() is False, "tried again the next time"


def bytecode(compiler: Path) -> bytes:
    return Compiler(ROOT, solc=compiler).compile("ProofOfTraining").creation_code


def test_both_compilers_give_the_same_bytecode(tmp_path: Path) -> None:
    chosen = ROOT / ".build" / "solcx" / f"solc-v{SOLC}"
    wasm = bytecode(ROOT / "tools" / "solc.cjs")
    assert bytecode(chosen) == wasm
    if "wasm" not in run(chosen, "--version").stdout:
        return  # the comparison above was native against WebAssembly
    native = tmp_path / f"solc-v{SOLC}"
    code = f"import solcx; solcx.install_solc({SOLC!r}, solcx_binary_path={str(tmp_path)!r})"
    if run(sys.executable, "-c", code).returncode != 0 or not native.exists():
        pytest.skip("native solc cannot be downloaded here; only the WebAssembly build was compared with itself")
    assert bytecode(native) == wasm


def test_lock_files_pin_every_package_by_hash_and_name_no_host() -> None:
    for lock in [*ROOT.glob("requirements*.lock"), ROOT / "package-lock.json"]:
        text = lock.read_text()
        for word in ("--index-url", "--extra-index-url", "--find-links", '"resolved"', "git+", "file:"):
            assert word not in text, f"{lock.name} has {word}"
    for lock in ROOT.glob("requirements*.lock"):
        blocks = [b for b in lock.read_text().split("\n") if b and not b.startswith((" ", "#"))]
        assert blocks
        assert all(b.endswith("\\") for b in blocks), f"{lock.name}: a requirement without a hash"
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)
