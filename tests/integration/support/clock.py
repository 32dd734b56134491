"""A server's clock, set by a test while the server runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


class Clock:
    """Start a server with `environment`; from then on set() moves its clock, and nobody else's."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._file = directory / "shift"
        self._library = directory / "clock.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(_SOURCE)], check=True)
        self.set(hours=0)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "TEST_CLOCK": str(self._file)}

    def set(self, *, hours: float) -> None:
        """From now on the server is that much ahead of the real time, or behind it."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(int(hours * 3600)))
        fresh.chmod(0o644)
        fresh.rename(self._file)
