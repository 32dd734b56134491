"""Waiting for what another process does."""

from __future__ import annotations

import time
from typing import Callable


def wait_until(condition: Callable[[], bool], seconds: float = 60.0, pause: float = 0.02) -> bool:
    """True as soon as the condition holds; False where it did not within that time, which only what hangs should need."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
