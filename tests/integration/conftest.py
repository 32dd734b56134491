"""Integration tests: a real httpd with the module, a real nginx as the measure, and clients that try everything.

    pytest-3 tests/integration [-n 2 --dist loadfile] [-k EXPR]

Each test module starts its servers once, in a module-scoped fixture, by `servers`. A test tells a story: which
client, which name, which certificate, which answer. It fails also on every error-log line that it did not
declare (server.expect, server.allow), on a crash and on a sanitizer's report.

--httpd PATH, or HTTPD in the environment: another httpd than that of the apxs on PATH. Its own apxs lies beside it.
Environment: CFAOP_MODULE is the module's file (default .libs/mod_cfaop.so at the top); CFAOP_MPM the default MPM;
CFAOP_SANITIZE=1 loads the runtimes of ASan and UBSan; CFAOP_KEEP=1 keeps the servers' directories.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest

from support import environment, features, installation
from support.httpd import Httpd
from support.nginx import Nginx
from support.pki import Credential, Pki


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--httpd", metavar="PATH", help="the httpd to test with; its apxs lies beside it")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeftOut())
    if config.getoption("--httpd"):
        os.environ["HTTPD"] = config.getoption("--httpd")
    try:
        installation.program()
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"no httpd to test with: {error}") from None
    if not environment.module_path().is_file():
        raise pytest.UsageError(f"no module at {environment.module_path()}: run make, or set CFAOP_MODULE")


class LeftOut:
    """The tests that need what this system has not: they are not run, but named at the end."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    @staticmethod
    def reason(item: pytest.Item) -> Optional[str]:
        needs = [need for marker in item.iter_markers("needs") for need in marker.args]
        needs += ["http2"] if item.get_closest_marker("http2") else []
        return next((reason for reason in map(features.reason_without, needs) if reason), None)

    # after -k has chosen: only what would have run is left out
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        reasons = {item.nodeid: reason for item in items if (reason := self.reason(item))}
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in reasons])
        items[:] = [item for item in items if item.nodeid not in reasons]
        self.reasons |= reasons
        # each of xdist's processes collects the tests; the one in front writes the summary
        if hasattr(config, "workeroutput"):
            config.workeroutput["left_out"] = reasons

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.reasons |= getattr(node, "workeroutput", {}).get("left_out", {})

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.reasons:
            return
        tests = Counter((nodeid.partition("[")[0], reason) for nodeid, reason in self.reasons.items())
        terminalreporter.section("left out")
        for (name, reason), count in sorted(tests.items()):
            terminalreporter.write_line(f"left out: {name} ({count}): {reason}")
        terminalreporter.write_line(f"left out: {len(self.reasons)} tests")


class Servers:
    """Starts the servers of one test module, and stops them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.httpds: list[Httpd] = []
        self._nginxes: list[Nginx] = []

    def prepare_httpd(self, config: str, **options: Any) -> Httpd:
        """A server that is not started yet; stop() is seen to."""
        server = Httpd(self.directory / f"httpd{len(self.httpds)}", config, **options)
        self.httpds.append(server)
        return server

    def httpd(self, config: str, **options: Any) -> Httpd:
        return self.prepare_httpd(config, **options).start()

    def nginx(self, config: str) -> Nginx:
        server = Nginx(self.directory / f"nginx{len(self._nginxes)}", config)
        self._nginxes.append(server)
        return server.start()

    def check(self) -> None:
        for server in self.httpds:
            server.check()

    def stop(self) -> None:
        """Stop all, even where one of them complains."""
        complaints = []
        for server in [*self.httpds, *self._nginxes]:
            try:
                server.stop()
            except Exception as error:  # every server has to go, whatever one of them did
                complaints.append(str(error))
        assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def run_directory() -> Iterator[Path]:
    """Not below pytest's own directory, which only its owner may enter: servers give up root."""
    directory = Path(tempfile.mkdtemp(prefix="cfaop-test-"))
    directory.chmod(0o755)
    yield directory
    if not environment.keep_files():
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def directory(run_directory: Path, request: pytest.FixtureRequest) -> Path:
    """A directory of the test module's own."""
    path = run_directory / request.module.__name__
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def servers(directory: Path) -> Iterator[Servers]:
    group = Servers(directory)
    try:
        yield group
    finally:
        group.stop()


@pytest.fixture(scope="module")
def pki(directory: Path) -> Pki:
    return Pki(directory / "pki")


@pytest.fixture(scope="module")
def server_certificate(pki: Pki) -> Credential:
    """What the servers show, good for every name that ends in .test."""
    names = ["localhost", "*.test", "*.guarded.test", "httpd.test", "127.0.0.1"]
    return pki.self_signed("server", eku="server", san=names)


@pytest.fixture(autouse=True)
def every_log_line_is_declared(servers: Servers) -> Iterator[None]:
    yield
    servers.check()
