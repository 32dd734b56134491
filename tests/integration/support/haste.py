"""Servers whose pauses are short: what mod_watchdog does once a minute it does within a fraction of a second."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


def hasty(directory: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment, with a library preloaded that is built in this directory."""
    library = directory / "haste.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"], check=True)
    preloaded = environment.get("LD_PRELOAD")
    return {**environment, "LD_PRELOAD": f"{preloaded}:{library}" if preloaded else str(library)}
