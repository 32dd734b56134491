"""What a server may say: every line of its error log is expected, harmless by its level, or a failure.

A declaration holds for the test that makes it, until settle().
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Sequence

from support.waiting import wait_until

_LINE = re.compile(r"^\[[^\]]*\] \[(?P<module>[^:\]]*):(?P<level>\w+)\] ")
_HARMLESS = re.compile(r"notice|info|debug|trace[1-8]")
# Nothing that a test declares makes these right.
_CRASH = re.compile(
    r"exit signal|[Ss]egmentation fault|seg fault|Assertion|AddressSanitizer|LeakSanitizer|runtime error:|ERROR: "
)
# The event MPM of httpd 2.4.71 says this, with or without the module, of a connection that ends while its process does.
_OF_HTTPD = [r"\(9\)Bad file descriptor: AH0309[23]: "]
# Of a path that leads out of the site, or is badly encoded: from 2.4.49 on, and before
INVALID_PATH = "AH10244: invalid URI path|AH00126: Invalid URI in request"
# How long a line that a test waits for may take: children write after they answered.
_PATIENCE = 60.0


@dataclass
class ErrorLog:
    """The lines of some files in the order of the files, each judged once."""

    files: Sequence[Path]
    always: list[str] = field(default_factory=lambda: list(_OF_HTTPD))
    _expected: list[str] = field(default_factory=list)
    _allowed: list[str] = field(default_factory=list)
    _judged: dict[Path, int] = field(default_factory=dict)

    def expect(self, pattern: str) -> None:
        """A line with this pattern must come before the test ends, at any level, any number of times."""
        self._expected.append(pattern)

    def allow(self, pattern: str) -> None:
        """A line with this pattern may come."""
        self._allowed.append(pattern)

    def text(self) -> str:
        """All that was ever said."""
        return "".join(_read(path) for path in self.files)

    def new_lines(self) -> list[str]:
        """What was said since the last settle()."""
        return [line for path in self.files for line in self._lines(path)[self._judged.get(path, 0) :]]

    def find(self, pattern: str) -> list[str]:
        """The new lines with this pattern."""
        return [line for line in self.new_lines() if re.search(pattern, line)]

    def wait_for(self, pattern: str, seconds: float = _PATIENCE) -> str:
        """The first new line with this pattern, which may be on its way."""
        assert wait_until(lambda: bool(self.find(pattern)), seconds), self._missing(pattern)
        return self.find(pattern)[0]

    def settle(self) -> None:
        """Judge the new lines, and forget them and the declarations."""
        for pattern in self._expected:
            wait_until(lambda: bool(self.find(pattern)), _PATIENCE)
        problems = [self._missing(pattern) for pattern in self._expected if not self.find(pattern)]
        problems += [problem for problem in map(self._problem, self.new_lines()) if problem]
        for path in self.files:
            self._judged[path] = len(self._lines(path))
        self._expected.clear()
        self._allowed.clear()
        if problems:
            raise AssertionError("error log:\n" + "\n".join(problems))

    def _problem(self, line: str) -> Optional[str]:
        if _CRASH.search(line):
            return f"a crash: {line}"
        if any(re.search(pattern, line) for pattern in [*self._expected, *self._allowed, *self.always]):
            return None
        if _is_harmless(line):
            return None
        return f"not declared: {line}"

    def _missing(self, pattern: str) -> str:
        seen = "\n".join(f"    {line}" for line in self.new_lines()[-20:])
        return f"expected, but not there: {pattern}; what is there:\n{seen}"

    @staticmethod
    def _lines(path: Path) -> list[str]:
        return [line for line in _read(path).splitlines() if line]


def _read(path: Path) -> str:
    return path.read_text(errors="backslashreplace") if path.exists() else ""


def _is_harmless(line: str) -> bool:
    """True for lines below warn. A notice of ours speaks to the administrator: a test has to know it."""
    match = _LINE.match(line)
    if not match or not _HARMLESS.fullmatch(match["level"]):
        return False
    return not (match["module"] == "cfaop" and match["level"] == "notice")
