"""What the soak reads of a server's processes: their memory, shared memory, and whether the one grows."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

from support.processes import children_of


@dataclass(frozen=True)
class Sample:
    """At a moment, so many seconds and reloads after the start. Memory is in KiB.

    Of the parent it is all that is no file's; of the children what each has for itself, without what it shares with the parent.
    """

    seconds: float
    reloads: int
    parent: int
    children: int
    processes: int
    shared_mappings: int
    descriptors: int

    @property
    def child(self) -> float:
        """Of one child, in the mean: how many there are changes with the load."""
        return self.children / self.processes if self.processes else 0.0


def sample(pid: int, seconds: float, reloads: int) -> Optional[Sample]:
    """None where the parent is gone, or has no children at the moment, as in the middle of a reload."""
    parent = _kib(pid, "Anonymous:")
    sizes = [size for size in (_kib(child, "Private_") for child in children_of(pid)) if size]
    if not parent or not sizes:
        return None
    return Sample(round(seconds, 1), reloads, parent, sum(sizes), len(sizes), _shared_mappings(pid), _descriptors(pid))


def _kib(pid: int, kind: str) -> int:
    """0: there is no such process any more."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind))


def _shared_mappings(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(line.split()[1].endswith("s") for line in lines)


def _descriptors(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except FileNotFoundError:
        return 0


def segments_of(pid: int) -> int:
    """The System V shared memory that this process made and that is still there."""
    rows = [row.split() for row in Path("/proc/sysvipc/shm").read_text().splitlines()]
    creator = rows[0].index("cpid")
    return sum(int(row[creator]) == pid for row in rows[1:])


# ---- growth ----

# The first tenth of a run fills caches.
_WARM_UP = 0.1
# Beginning and end are medians over so much of the rest.
_SHARE = 0.25


def ends(samples: Sequence[Sample], field: str) -> tuple[float, float]:
    """Medians of the first and of the last quarter after the warm-up."""
    values = [getattr(each, field) for each in samples[int(len(samples) * _WARM_UP) :]]
    quarter = max(1, int(len(values) * _SHARE))
    return statistics.median(values[:quarter]), statistics.median(values[-quarter:])


def growth(samples: Sequence[Sample], field: str) -> float:
    first, last = ends(samples, field)
    return last - first


def per_reload(samples: Sequence[Sample], field: str) -> float:
    """The slope over the reloads, of a straight line through the samples after the warm-up."""
    kept = samples[int(len(samples) * _WARM_UP) :]
    x, y = [each.reloads for each in kept], [getattr(each, field) for each in kept]
    middle_x, middle_y = statistics.fmean(x), statistics.fmean(y)
    spread = sum((each - middle_x) ** 2 for each in x)
    return sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y)) / spread if spread else 0.0
