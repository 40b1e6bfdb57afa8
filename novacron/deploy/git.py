"""Which commit the source tree is at, for the manifest."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GitState:
    """Commit hash and whether the tree differs from it; both None where there is no commit or no git."""

    commit: str | None
    dirty: bool | None


def git_state(root: Path) -> GitState:
    """State of the work tree at `root`. What the deployer itself writes below `deployments/` does not count."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return GitState(None, None)
    status = _git(root, "status", "--porcelain", "--", ".", ":(exclude)deployments")
    return GitState(commit, None if status is None else bool(status))


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],  # noqa: S607 - git is taken from PATH
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
