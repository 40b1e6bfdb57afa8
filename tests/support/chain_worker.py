"""A process that sends transactions, and can die right after a journal step: `python chain_worker.py '{json}'`.

Fields: url, journal, private_key, keys (list), to, crash_at (step or null).
"""

from __future__ import annotations

import json
import os
import sys

from novacron.chain import EndpointPool, Journal, TransactionManager, signer_from_key


def main() -> None:
    task = json.loads(sys.argv[1])

    def on_step(step: str, _: str) -> None:
        if step == task["crash_at"]:
            os._exit(77)

    pool = EndpointPool([task["url"]], chain_id=31337)
    manager = TransactionManager(
        pool, signer_from_key(task["private_key"]), Journal(task["journal"]), poll_interval=0.05, on_step=on_step
    )
    for key in task["keys"]:
        manager.submit(key, to=task["to"], data=key.encode())
    for key in task["keys"]:
        manager.wait(key, timeout=60)


if __name__ == "__main__":
    main()
