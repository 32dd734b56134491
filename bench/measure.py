"""Processor time and memory of processes, from /proc."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Callable, Iterable, Optional


def cpu_microseconds(pids: Iterable[int]) -> float:
    """The processor time of all threads. It is utime and stime, but counted in nanoseconds, not in ticks of 10 ms."""
    return sum(_nanoseconds(task) for pid in pids for task in Path(f"/proc/{pid}/task").glob("*")) / 1000


def _nanoseconds(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def settled_cpu(pids: Callable[[], set[int]]) -> float:
    """The processor time once the server has put its last connections away."""
    for _ in range(100):
        before = cpu_microseconds(pids())
        time.sleep(0.03)
        after = cpu_microseconds(pids())
        if after - before < 100:
            break
    return after


def memory_kib(pid: int) -> int:
    """What the process does not share with files: Pss is exact where RssAnon is counted in batches."""
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(fields["Anonymous"].split()[0])


def server_cpu() -> Optional[int]:
    """Server and client have a processor each, where there are two."""
    free = sorted(os.sched_getaffinity(0))
    return free[-1] if len(free) > 1 else None


def client_cpu() -> Optional[int]:
    free = sorted(os.sched_getaffinity(0))
    return free[0] if len(free) > 1 else None


def pinned(cpu: Optional[int]) -> Optional[Callable[[], None]]:
    """For preexec_fn: the program and its children stay on this processor."""
    return None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})


def middle(values: Iterable[float]) -> float:
    return median(values)


def spread(values: list[float]) -> float:
    """Half the distance between the quartiles, as a part of the median."""
    if len(values) < 2:
        return 0.0
    low, _, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / median(values)
