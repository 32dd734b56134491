"""Free TCP ports on 127.0.0.1.

They lie below the range that the kernel gives to outgoing connections, so that no client takes one between
its choice and the server's start. Each xdist worker has a residue class of its own.
"""

from __future__ import annotations

import os
import random
import socket

_FIRST, _LAST = 12000, 31999
_taken: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on and that this process never gave out before."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    own = range(_FIRST + worker, _LAST, workers)
    while len(_taken) < len(own):
        port = random.SystemRandom().choice(own)
        if port not in _taken:
            _taken.add(port)
            if _can_bind(port):
                return port
    raise OSError(f"all {len(own)} ports of this process were given out")


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
