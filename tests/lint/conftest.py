"""Lints: what a compiler cannot see, checked on the source tree. `make check` runs them; neither root nor network is needed."""

import os
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def top() -> Path:
    """The top of the source tree, which may be read-only."""
    return TOP


@pytest.fixture(scope="session")
def builddir() -> Path:
    """The directory that the module was built in."""
    return Path(os.environ.get("CFAOP_BUILDDIR", TOP))


@pytest.fixture(scope="session")
def sources(top: Path) -> dict[str, str]:
    """The text of each C file of the module, by its path from the top."""
    files = [top / "mod_cfaop.c", *sorted((top / "src").rglob("*.c")), *sorted((top / "include").rglob("*.h"))]
    return {str(path.relative_to(top)): path.read_text() for path in files}


@pytest.fixture(scope="session")
def sources_of_tests(top: Path) -> dict[str, str]:
    """The same of the C files of the tests and the benchmark."""
    files = [path for folder in ("tests", "bench") for path in sorted((top / folder).rglob("*.[ch]"))]
    return {str(path.relative_to(top)): path.read_text() for path in files}
