"""Set-up: a missing prerequisite is one clear sentence, and both compilers are the same compiler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from novacron.deploy.compiler import Compiler

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
    for name in ("tools", "package.json", "package-lock.json", "requirements.lock", "pyproject.toml", "Makefile"):
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
