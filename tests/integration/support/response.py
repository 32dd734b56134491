"""An answer, whichever HTTP version brought it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Response:
    """`version` is "0.9", "1.0", "1.1" or "2"; header names are in lower case."""

    version: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> Optional[str]:
        """The values of a header, joined by a comma; None where it is not there."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        return self.body.decode("latin-1")

    @property
    def vhost(self) -> Optional[str]:
        """The vhost that answered, as support.vhost has it say."""
        return self.header("x-vhost")

    @property
    def verify(self) -> str:
        """CF_ORIGIN_PULL_VERIFY, as the vhost showed it; "" where it has no value."""
        return self.header("x-verify") or ""

    @property
    def page(self) -> str:
        """The body without the server's name, which may differ between servers."""
        return re.sub(r"<hr><center>[^<]*</center>", "<hr><center>SERVER</center>", self.text)
