"""An anvil of our own: started on a free loopback port, always stopped by its process id.

Used by the demo, the tests and the benchmarks; never by a production path.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from eth_account import Account

from novacron.exceptions import ChainUnavailableError, ConfigurationError

#: anvil's public development mnemonic; its accounts exist on every anvil and must never hold real funds.
DEV_MNEMONIC = "test test test test test test test test test test test junk"


def foundry_binary(tool: str) -> Path:
    """Path of a Foundry tool (anvil, cast, forge): the one that set-up linked, else the one on PATH.

    Raises:
        ConfigurationError: there is none.
    """
    linked = Path(__file__).resolve().parents[2] / ".build" / "bin" / tool
    found = str(linked) if linked.exists() else shutil.which(tool)
    if found is None:
        raise ConfigurationError(f"{tool} not found: run `make setup`, or put Foundry's {tool} on PATH")
    return Path(found)


def free_port() -> int:
    """A loopback TCP port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Anvil:
    """A local EVM chain, as a context manager.

    Args:
        chain_id: EIP-155 chain id.
        block_time: seconds between blocks; None mines each transaction at once.
        hardfork: EVM rules.
        port: a fixed port, or None for a free one.
        extra: more command-line arguments.

    Raises:
        ChainUnavailableError: it exited, or did not answer within ten seconds.
    """

    chain_id: int = 31337
    block_time: float | None = None
    hardfork: str = "prague"
    port: int | None = None
    extra: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """HTTP JSON-RPC address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running node."""
        if self._process is None:
            raise ChainUnavailableError("anvil is not running")
        return self._process.pid

    @property
    def accounts(self) -> list[tuple[str, str]]:
        """The ten funded development accounts as (checksum address, 0x private key)."""
        Account.enable_unaudited_hdwallet_features()
        derived = [Account.from_mnemonic(DEV_MNEMONIC, account_path=f"m/44'/60'/0'/0/{i}") for i in range(10)]
        return [(a.address, "0x" + a.key.hex().removeprefix("0x")) for a in derived]

    def start(self) -> Anvil:
        """Start the node and wait until it answers."""
        fixed = self.port is not None
        for _ in range(1 if fixed else 3):  # a free port may be taken between the look and the bind
            if not fixed:
                self.port = free_port()
            arguments = [str(foundry_binary("anvil")), "--host", "127.0.0.1", "--port", str(self.port), "--silent"]
            arguments += ["--chain-id", str(self.chain_id), "--hardfork", self.hardfork, *self.extra]
            if self.block_time is not None:
                arguments += ["--block-time", str(self.block_time)]
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            with contextlib.ExitStack() as on_failure:
                on_failure.callback(self.stop)
                if self._answers(10.0):
                    on_failure.pop_all()
                    return self
        raise ChainUnavailableError(f"anvil did not start on port {self.port}; is the port taken?")

    def rpc(self, method: str, *params: object) -> object:
        """One raw JSON-RPC call, for anvil_* and evm_* methods."""
        return self._call(method, params, 30.0)

    def _call(self, method: str, params: tuple[object, ...], timeout: float) -> object:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
            answer = json.load(response)
        if "error" in answer:
            raise ChainUnavailableError(f"anvil refused {method}: {answer['error'].get('message')}")
        return answer["result"]

    def _answers(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            # Not HTTP, and no JSON: a port without a listener can connect to itself, or to another program.
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                return int(str(self._call("eth_chainId", (), 2.0)), 16) == self.chain_id
            time.sleep(0.03)
        return False

    def stop(self) -> None:
        """Stop this node, and only this one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)

    def __enter__(self) -> Anvil:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
