"""What /proc tells of a server's processes."""

from __future__ import annotations

import os
from pathlib import Path


def children_of(pid: int) -> set[int]:
    """The living children of a process."""
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except FileNotFoundError:
        return set()


def is_working(pid: int) -> bool:
    """True while a thread of the process runs, or wants to."""
    for state in Path("/proc").glob(f"{pid}/task/*/stat"):
        try:
            if state.read_text().rpartition(")")[2].split()[0] in "RD":
                return True
        except (FileNotFoundError, ProcessLookupError):
            pass
    return False


def is_being_set_up(pid: int) -> bool:
    """True of a child of httpd's event or worker MPM that was just forked: it works, and has no threads yet."""
    return len(list(Path("/proc").glob(f"{pid}/task/*"))) == 1 and is_working(pid)


def is_listening(pid: int) -> bool:
    """True while a process holds a TCP socket that accepts connections."""
    listening = _listening_inodes()
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, PermissionError):
        return False
    return any(_target(descriptor) in listening for descriptor in descriptors)


def _listening_inodes() -> set[str]:
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {f"socket:[{row.split()[9]}]" for row in rows if row.split()[3] == "0A"}


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""


def resident_kib(pid: int) -> int:
    """The memory that a process has in RAM and shares with no file."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise ValueError(f"process {pid} has no memory")


def cpu_seconds(pids: set[int]) -> float:
    """The processor time that these processes have used."""
    return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return int(fields[11]) + int(fields[12])
