"""How many certificates of clients a server has verified, how many signatures that took, or how many texts were made of their names."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

from support.preload import preloading


class Verifications:
    """Start a server with `environment`; from then on count() knows. `counted` is "verifications", "signatures" or
    "name_texts"."""

    def __init__(
        self, directory: Path, environment: Mapping[str, str] = {}, counted: str = "verifications"
    ) -> None:
        directory.mkdir()
        self._file = directory / "verifications"
        self._file.touch()
        # the server gives up root
        self._file.chmod(0o666)
        self.environment = {**preloading(counted, directory, environment), "TEST_VERIFICATIONS": str(self._file)}

    def count(self) -> int:
        return self._file.stat().st_size
