"""scripts/proposals/mint_cpu.py and mint_cpu_naive.py."""

from __future__ import annotations

from typing import Any


def test_it_mints_exactly_what_the_cap_leaves(dao: Any, proposal: Any, run: Any) -> None:
    left = dao.CPU.cap() - dao.CPU.totalSupply()
    result = run(proposal("mint_cpu"))
    assert result.ok, result.findings
    [write] = [write for write in result.effects.writes if write.path == "_totalSupply"]
    assert (write.after - write.before, write.after) == (left, 1_000_000 * 10**18)


def test_the_naive_one_runs_into_the_cap(proposal: Any, run: Any) -> None:
    result = run(proposal("mint_cpu_naive"))
    assert not result.executed
    [failure] = [finding for finding in result.findings if finding.severity == "error"]
    assert "CPU.mint" in failure.message
    assert "ERC20ExceededCap" in failure.message
