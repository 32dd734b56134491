"""Libraries of ours that stand before others in a server: haste.c makes its pauses short, no_memory.c denies it shared
memory, no_mutex.c denies the module a mutex, far_peers.c has some clients come from elsewhere, table_unsets.c counts calls,
certificates.c counts certificates.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Mapping

_HERE = Path(__file__).parent


def preloading(name: str, directory: Path, environment: Mapping[str, str] = {}) -> dict[str, str]:
    """The environment with the library of that name, which is built in this directory, preloaded after others."""
    library = directory / f"{name}.so"
    source = _HERE / f"{name}.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    before = environment.get("LD_PRELOAD")
    return {**environment, "LD_PRELOAD": f"{before}:{library}" if before else str(library)}
