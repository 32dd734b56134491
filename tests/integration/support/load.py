"""Clients that come again and again while a test does something else to the server."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Callable, Union

Outcome = Union[int, str]


class Load:
    """Each visitor runs in a thread of its own, one visit after another, until the end of the with block.

    A visitor returns what it saw, a status for instance; an exception counts under its text.
    """

    def __init__(self, **visitors: Callable[[], Outcome]) -> None:
        self._stop = threading.Event()
        self.seen: dict[str, Counter[Outcome]] = {name: Counter() for name in visitors}
        self._threads = [
            threading.Thread(target=self._run, args=(self.seen[name], visitor), daemon=True)
            for name, visitor in visitors.items()
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a visitor hangs"

    def _run(self, seen: Counter[Outcome], visitor: Callable[[], Outcome]) -> None:
        while not self._stop.is_set():
            try:
                seen[visitor()] += 1
            except Exception as error:  # whatever goes wrong is the finding
                seen[f"{type(error).__name__}: {error}"] += 1
