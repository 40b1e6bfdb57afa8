#!/usr/bin/env python3
"""Sets up everything that the project's commands need, from the lock files, and does nothing when it is all there.

Runs on the system's Python, before the virtual environment exists: standard library only, and syntax that an older
Python can parse far enough to say that it is too old.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".build"
STATE = BUILD / "setup.json"
VENV = ROOT / ".venv"
SOLCX = BUILD / "solcx"
PYTHON = VENV / "bin" / "python"
LIBVIRT = VENV / ".libvirt"  # the libvirt step is done; in .venv, so that it goes when that goes
MINIMUM_PYTHON = (3, 11)
MINIMUM_NODE = 20
LIBVIRT_LOCK = ROOT / "requirements-libvirt.lock"
#: What building libvirt's Python binding takes: a file or command that shows it is there → the Debian package.
LIBVIRT_PACKAGES = {"gcc": "gcc", "pkg-config": "pkg-config", "libvirt": "libvirt-dev", "Python.h": "python3-dev"}

WITH_APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120")
REDIS = BUILD / "bin" / "redis-server"  # an empty file where there is none
#: Where programs of the system are looked for: not in .build/bin, which holds our own link.
SYSTEM_PATH = os.pathsep.join(
    part for part in (*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin") if part != str(BUILD / "bin")
)


class SetupError(Exception):
    """A prerequisite is missing; the message is one sentence for the user."""


def run(*command, quiet=True, timeout=None):
    """Run a command in the project's root; its output is shown only when it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise SetupError(f"{command[0]} is not installed or not on PATH.") from None
    if done.returncode != 0:
        output = (done.stdout or b"").decode(errors="replace").strip().splitlines()
        raise SetupError("`{}` failed:\n{}".format(" ".join(str(c) for c in command), "\n".join(output[:25])))
    return (done.stdout or b"").decode(errors="replace")


def digest(*parts):
    """Hash of files' contents and strings: what a finished step depended on."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
        total.update(b"\0")
    return total.hexdigest()


def check_python():
    if sys.version_info[:2] < MINIMUM_PYTHON:
        raise SetupError(
            f"Python {'.'.join(map(str, MINIMUM_PYTHON))} or newer is needed, this is {sys.version.split()[0]}: "
            "install it, or say which one to use with `make PYTHON=/path/to/python3 ...`."
        )


def check_node():
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise SetupError(f"{tool} is not on PATH: install Node.js {MINIMUM_NODE} or newer.")
    version = run("node", "--version").strip()
    found = re.match(r"v(\d+)\.", version)
    if found is None or int(found.group(1)) < MINIMUM_NODE:
        raise SetupError(f"Node.js {MINIMUM_NODE} or newer is needed, this is {version}.")


def install_python():
    if not PYTHON.exists():
        say("creating .venv")
        try:
            run(sys.executable, "-m", "venv", VENV)
        except SetupError as error:
            raise SetupError(
                f"Python's venv module does not work (Debian: apt-get install python3-venv).\n{error}"
            ) from None
    say("installing Python packages from requirements.lock")
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", "requirements.lock")
    run(*pip, "--no-deps", "--no-build-isolation", "-e", ".")


def libvirt_packages_missing():
    """Debian packages that building the libvirt binding lacks here."""
    present = {tool for tool in ("gcc", "pkg-config") if shutil.which(tool) is not None}
    if "pkg-config" in present and subprocess.run(["pkg-config", "--exists", "libvirt"], check=False).returncode == 0:
        present.add("libvirt")
    if (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        present.add("Python.h")
    return [package for what, package in LIBVIRT_PACKAGES.items() if what not in present]


def install_libvirt():
    """The libvirt binding, for `novacron agent` and its tests. Nothing else needs it: without it set-up goes on.

    Returns False where another attempt may succeed without anything changing here (no network, say).
    """
    missing = libvirt_packages_missing()
    if missing:
        command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
        if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
            without_libvirt(f"type `{'' if os.geteuid() == 0 else 'sudo '}{' '.join(command)}` (Debian, Ubuntu)")
            LIBVIRT.write_text("")
            return True
        say(f"installing {', '.join(missing)} with apt-get")
        try:
            run(*WITH_APT, "-qq", "update")
            run(*WITH_APT, "-qq", *command[1:])
        except SetupError as error:
            without_libvirt(f"`{' '.join(command)}` does not work here; type it to see why ({summary(error)})")
            return False
    say("building the libvirt binding from requirements-libvirt.lock")
    try:
        pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*pip, "--require-hashes", "--no-build-isolation", "-r", LIBVIRT_LOCK.name)
        run(PYTHON, "-c", "import libvirt; libvirt.getVersion()")
    except SetupError as error:
        without_libvirt(f"its Python binding cannot be built ({summary(error)})")
        return False
    LIBVIRT.write_text("")
    return True


def redis_binary():
    """The Redis server on this machine: `redis-server`, or the program behind it that Debian's redis-tools brings."""
    return shutil.which("redis-server", path=SYSTEM_PATH) or shutil.which("redis-check-rdb", path=SYSTEM_PATH)


def install_redis():
    """A Redis server, for the tests of the shared cache: a link at .build/bin, since no daemon is wanted.

    Debian's redis-tools holds the server's program without starting it as a service. Nothing else needs it. Returns
    False where another attempt may succeed without anything changing here.
    """
    if redis_binary() is None:
        command = ["apt-get", "install", "-y", "--no-install-recommends", "redis-tools"]
        if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
            without_redis(f"type `{'' if os.geteuid() == 0 else 'sudo '}{' '.join(command)}` (Debian, Ubuntu)")
            REDIS.parent.mkdir(parents=True, exist_ok=True)
            REDIS.write_text("")
            return True
        say("installing redis-tools with apt-get")
        try:
            run(*WITH_APT, "-qq", "update")
            run(*WITH_APT, "-qq", *command[1:])
        except SetupError as error:
            without_redis(f"`{' '.join(command)}` does not work here; type it to see why ({summary(error)})")
            return False
    REDIS.parent.mkdir(parents=True, exist_ok=True)
    REDIS.unlink(missing_ok=True)
    REDIS.symlink_to(redis_binary())
    return True


def without_redis(why):
    say(f"no Redis: {why}. Everything works without it; the tests of the shared cache are skipped.")


def without_libvirt(why):
    say(f"no libvirt: {why}. Everything but `novacron agent` works without it; its tests are skipped.")


def summary(error):
    """The last line that a failed command printed, cut to a line's length."""
    return str(error).splitlines()[-1][:160]


def install_node():
    say("installing Foundry, solc and the Solidity libraries from package-lock.json")
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    link_foundry()


def link_foundry():
    """Links the platform binaries of anvil, cast and forge into .build/bin, from npm or else from PATH.

    The binaries themselves and not npm's wrappers, which return 0 when the tool fails.
    """
    directory = BUILD / "bin"
    directory.mkdir(parents=True, exist_ok=True)
    version = json.loads((ROOT / "package.json").read_text())["optionalDependencies"]["@foundry-rs/forge-linux-amd64"]
    for tool in ("anvil", "cast", "forge"):
        packaged = sorted((ROOT / "node_modules" / "@foundry-rs").glob(tool + "-*/bin/" + tool))
        found = packaged[0] if packaged else shutil.which(tool, path=os.environ["PATH"])
        if found is None:
            raise SetupError(f"npm has no {tool} for this platform: install Foundry {version} and put it on PATH.")
        link = directory / tool
        link.unlink(missing_ok=True)
        link.symlink_to(found)
        if version not in reported(link):
            raise SetupError(f"{found} is not Foundry {version}: install that version and put it on PATH.")


def solc_version():
    return json.loads((ROOT / "package.json").read_text())["devDependencies"]["solc"]


def install_solc():
    """Native solc where it can be downloaded, the same compiler as WebAssembly from npm otherwise.

    Both stand behind a script at .build/solcx/solc-v<version> that lets imports be read from node_modules: Ape compiles
    a copy of the project that lacks it. A native compiler that cannot do that is not used.
    """
    version = solc_version()
    target = SOLCX / ("solc-v" + version)
    native = SOLCX / "native" / target.name
    native.parent.mkdir(parents=True, exist_ok=True)
    if os.environ.get("NOVACRON_SOLC") == "wasm":
        native.unlink(missing_ok=True)
    elif not native.exists():
        code = f"import solcx; solcx.install_solc({version!r}, solcx_binary_path={str(native.parent)!r})"
        try:
            run(PYTHON, "-c", code, timeout=60)
        except (SetupError, subprocess.TimeoutExpired):
            native.unlink(missing_ok=True)
    if native.exists():
        script(
            target,
            'case " $* " in',
            f'*" --base-path "*) exec "{native}" --include-path "{ROOT}" "$@" ;;',
            f'*) exec "{native}" "$@" ;;',
            "esac",
        )
        if version in reported(target) and reads_node_modules(target):
            return
    say(f"solc {version}: no native binary that works here, using the WebAssembly build from npm")
    script(target, f'exec node "{ROOT / "tools" / "solc.cjs"}" "$@"')
    if version not in reported(target) or not reads_node_modules(target):
        target.unlink()
        raise SetupError(f"solc {version} does not run; remove .build and try again.")


def script(path, *lines):
    """Write an executable shell script."""
    path.unlink(missing_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def reads_node_modules(compiler):
    """Whether `compiler` finds imports below node_modules when it works in another folder."""
    source = 'pragma solidity *; import {SSTORE2} from "node_modules/solady/src/utils/SSTORE2.sol";'
    request = {"language": "Solidity", "sources": {"A.sol": {"content": source}}, "settings": {}}
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [str(compiler), "--standard-json", "--base-path", elsewhere],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    try:
        return not [e for e in json.loads(done.stdout).get("errors", []) if e["severity"] == "error"]
    except ValueError:
        return False


def reported(binary):
    """What `binary --version` prints, or nothing if it does not run."""
    try:
        return run(binary, "--version")
    except (SetupError, PermissionError):
        return ""


def finished_steps():
    """What earlier runs finished, by step; nothing if that cannot be read, and then all of it is done again."""
    try:
        done = json.loads(STATE.read_text())
    except (OSError, ValueError):
        return {}
    return done if isinstance(done, dict) else {}


def say(text):
    print("setup: " + text, flush=True)


def steps():
    """Name → (how to do it, what it depends on, what it leaves)."""
    version = solc_version()
    return {
        "python": (install_python, digest(ROOT / "requirements.lock", ROOT / "pyproject.toml", sys.version), PYTHON),
        "libvirt": (install_libvirt, digest(LIBVIRT_LOCK, sys.version, *libvirt_packages_missing()), LIBVIRT),
        "redis": (install_redis, digest(str(redis_binary())), REDIS),
        "node": (install_node, digest(ROOT / "package-lock.json"), BUILD / "bin" / "forge"),
        "solc": (install_solc, digest(version, str(ROOT), ROOT / "tools" / "solc.cjs"), SOLCX / ("solc-v" + version)),
    }


def unfinished():
    """Steps whose inputs changed, or whose result is missing."""
    done = finished_steps()
    return [name for name, (_, wanted, result) in steps().items() if done.get(name) != wanted or not result.exists()]


def main():
    """Return 0 when everything is in place, 1 with one clear sentence otherwise."""
    try:
        check_python()
        if shutil.which("node") is None or unfinished():
            check_node()
        if unfinished():
            BUILD.mkdir(exist_ok=True)
            with (BUILD / "setup.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # a second `make` waits here, and then finds nothing left to do
                for name in unfinished():
                    install, _, _ = steps()[name]
                    if install() is False:
                        continue
                    wanted = steps()[name][1]  # after the step: it may have installed what its inputs name
                    draft = STATE.with_suffix(".new")  # after each step, so that an interrupted set-up resumes
                    draft.write_text(json.dumps({**finished_steps(), name: wanted}, indent=1))
                    draft.replace(STATE)
    except SetupError as error:
        print("setup: " + str(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
