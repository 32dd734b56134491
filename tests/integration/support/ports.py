"""Free TCP ports on 127.0.0.1.

They lie below the range that the kernel gives to outgoing connections, so that no client takes one between
its choice and the server's start. Each xdist worker has a residue class of its own.
"""

from __future__ import annotations

import os
import random
import socket

_FIRST, _LAST = 12000, 31999
_WORKERS = 16
_taken: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on and that this process never gave out before."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _WORKERS
    while True:
        port = random.SystemRandom().randrange(_FIRST + worker, _LAST, _WORKERS)
        if port not in _taken and _can_bind(port):
            _taken.add(port)
            return port


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
