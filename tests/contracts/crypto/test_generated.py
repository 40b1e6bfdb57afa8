"""Generated contracts are what their generators write: every module of tools/kernels."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tools.kernels import keccak

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted(path.stem for path in (ROOT / "tools" / "kernels").glob("*.py") if path.stem != "__init__")


def files_of(module: str) -> dict[str, str]:
    """What the module writes: texts by path in the repository."""
    files: dict[str, str] = importlib.import_module(f"tools.kernels.{module}").files()
    return files


@pytest.mark.parametrize("module", MODULES)
def test_generator_writes_the_files_in_the_repository(module: str) -> None:
    files = files_of(module)
    assert files
    for path, text in files.items():
        assert (ROOT / path).read_text() == text, f"{path}: run `python -m tools.kernels.{module}`"


def test_every_generated_file_has_its_generator() -> None:
    written = [path for module in MODULES for path in files_of(module)]
    folder = ROOT / "contracts" / "crypto" / "generated"
    assert sorted(written) == sorted(str(path.relative_to(ROOT)) for path in folder.iterdir())


def test_generator_refuses_a_lane_that_its_window_does_not_hold() -> None:
    """Keccak1600 renewed a round too late, or in no round at all, would be wrong for some states only."""
    with pytest.raises(ValueError, match="renew in an earlier round"):
        keccak.Kernel("late", "", states=2, rounds=2, variables=0, renewing=(1,)).function()
    with pytest.raises(ValueError, match="does not leave the lanes as it found them"):
        keccak.Kernel("never", "", states=1, rounds=3, variables=0).function()
