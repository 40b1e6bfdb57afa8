"""What the recorder's tests share: a chain that can be switched off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from novacron.exceptions import ChainUnavailableError
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.clients.model import RunHead, RunInfo


class FlakyClient(LocalBlockchainClient):
    """The embedded client with a switch. `crash_after` raises KeyboardInterrupt once a call has taken effect."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self.down = False
        self.crash_after: str | None = None
        self.calls: list[str] = []

    def _reach(self, call: str) -> None:
        self.calls.append(call)
        if self.down:
            raise ChainUnavailableError("no endpoint answers")

    def _maybe_crash(self, call: str) -> None:
        if self.crash_after == call:
            self.crash_after = None
            raise KeyboardInterrupt

    def run_head(self, run: bytes) -> RunHead:
        self._reach("run_head")
        return super().run_head(run)

    def open_run(self, salt: bytes, manifest_digest: bytes) -> RunInfo:
        self._reach("open_run")
        info = super().open_run(salt, manifest_digest)
        self._maybe_crash("open_run")
        return info

    def extend_run(self, run: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> RunHead:
        self._reach("extend_run")
        head = super().extend_run(run, new_size, new_root, proof)
        self._maybe_crash("extend_run")
        return head

    def seal_run(self, run: bytes, model_digest: bytes) -> RunHead:
        self._reach("seal_run")
        head = super().seal_run(run, model_digest)
        self._maybe_crash("seal_run")
        return head
