"""A private Apache httpd: its configuration, its life, and the judgement of its error log."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping, Optional, Sequence

from support import environment, installation
from support.error_log import ErrorLog
from support.processes import children_of, is_being_set_up, is_listening, is_working
from support.waiting import wait_until

_READY = "resuming normal operations"
_BASE_MODULES = (
    *("alias", "authz_core", "authz_host", "dir", "env", "headers", "log_config", "mime", "setenvif", "socache_shmcb"),
    *("ssl", "unixd"),
)
# What a module needs besides; in Debian's httpd it is compiled in.
_COMPANIONS = {"md": ("watchdog",), "proxy_hcheck": ("watchdog",)}
# Seconds. Only a server that hangs needs more for a start, a restart or a test of its configuration, on a busy machine too.
_HANGS = 900
# Seconds. A worker that has closed a socket has forgotten it by then.
_FREED = 0.02
_POOLS = {
    "event": "StartServers 1\nServerLimit 4\nThreadsPerChild 16\nMaxRequestWorkers 64\nMinSpareThreads 8\nMaxSpareThreads 64",
    "prefork": "StartServers 3\nMinSpareServers 2\nMaxSpareServers 8\nMaxRequestWorkers 32",
}
_POOLS["worker"] = _POOLS["event"]


@dataclass(frozen=True)
class ConfigTest:
    """What `apache2 -t` answered."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and "Syntax OK" in self.stderr


class StartFailure(AssertionError):
    """The server ended before it served. `stderr` and the log say why."""


class Httpd:
    """A server in a directory of its own.

    `config` follows a base configuration that loads modules and listens on `listen`. Modules are loaded in the
    order of their names, as Debian's a2enmod has it: mod_cfaop before mod_ssl. `without` names modules of the base
    that shall be missing; `extra_environment` adds to the environment, to a variable that is a path list its end.
    """

    def __init__(
        self,
        directory: Path,
        config: str,
        *,
        listen: Sequence[int] = (),
        modules: Iterable[str] = (),
        mpm: Optional[str] = None,
        with_module: bool = True,
        log_level: str = "info",
        without: Iterable[str] = (),
        extra_environment: Optional[Mapping[str, str]] = None,
        limits: Optional[Mapping[int, int]] = None,
        under: Sequence[str] = (),
        patience: float = _HANGS,
    ) -> None:
        self.directory = directory
        self.listen = list(listen)
        self.mpm = mpm or environment.default_mpm()
        self.modules = sorted({*_BASE_MODULES, *_with_companions(modules), *self._http2()} - {*without})
        self.with_module = with_module
        self.log_level = log_level
        self.extra_environment = dict(extra_environment or {})
        self.limits = dict(limits or {})
        self.under = list(under)
        self.patience = patience
        self.process: Optional[subprocess.Popen[bytes]] = None
        self._prepare_directory()
        self.log = ErrorLog([directory / "logs" / "stderr.log", directory / "logs" / "error.log"])
        self.write_config(config)

    @property
    def port(self) -> int:
        """The first port that the server listens on."""
        return self.listen[0]

    @property
    def htdocs(self) -> Path:
        return self.directory / "htdocs"

    @property
    def _module_file(self) -> Path:
        return self.directory / "mod_cfaop.so"

    @property
    def config_file(self) -> Path:
        return self.directory / "httpd.conf"

    def access_log(self) -> str:
        """Lines of: vhost, request line, status, and CF_ORIGIN_PULL_VERIFY of the environment."""
        return (self.directory / "logs" / "access.log").read_text()

    def wait_for_access(self, line: str) -> None:
        """The access log has this line; it is written after the answer."""
        assert wait_until(lambda: line in self.access_log().splitlines()), self.access_log()[-2000:]

    def wait_for_access_lines(self, count: int) -> None:
        """The access log has so many lines, no more and no less."""
        wait_until(lambda: len(self.access_log().splitlines()) >= count)
        assert len(self.access_log().splitlines()) == count, self.access_log()[-2000:]

    # Files

    def write_config(self, config: str) -> None:
        """Replace the configuration; a running server reads it with graceful() or restart()."""
        self.config_file.write_text(self._base_config() + config)

    def put(self, name: str, content: str, *, mode: int = 0o644) -> Path:
        """A file below the document root."""
        path = self.htdocs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
        return path

    # What a test says of the log

    def expect(self, pattern: str) -> None:
        self.log.expect(pattern)

    def allow(self, pattern: str) -> None:
        self.log.allow(pattern)

    def expect_refusal(self, reason: str, *, would: bool = False) -> None:
        """A refusal for this reason is logged; its warnings, rarer than the refusals, may be."""
        words = "would refuse" if would else "refused"
        self.expect(f"CFAOP301: {words}: reason={reason} ")
        self.allow_refusals()

    def allow_refusals(self) -> None:
        """Warnings about refusals may come."""
        self.allow("CFAOP302: ")
        self.allow("CFAOP303: ")
        self.allow("CFAOP308: ")

    # Life

    def config_test(self, *, defines: Sequence[str] = (), user: Optional[str] = None) -> ConfigTest:
        """`apache2 -t`, as the caller or as another user."""
        words = [*self._command(), "-t", *(word for name in defines for word in ("-D", name))]
        done = subprocess.run(
            words, env=self._environment(), user=user, capture_output=True, text=True, timeout=_HANGS, check=False
        )
        return ConfigTest(done.returncode, done.stdout, done.stderr)

    def start(self) -> "Httpd":
        """Start, and wait until the server serves."""
        started_before = self.log.text().count(_READY)
        with (self.directory / "logs" / "stderr.log").open("ab") as stderr:
            self.process = subprocess.Popen(
                [*self._command(), "-D", "FOREGROUND"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=self._limit if self.limits else None,
            )
        process = self.process
        wait_until(lambda: process.poll() is not None or self.log.text().count(_READY) > started_before, self.patience)
        if process.poll() is not None:
            self.process = None
            raise StartFailure(f"httpd ended with {process.returncode}:\n{self.log.text()}")
        assert self.log.text().count(_READY) > started_before, "httpd did not come up:\n" + self.log.text()
        return self

    def stop(self) -> None:
        """Stop, and judge how the server ended and what it said."""
        if self.process is None:
            return
        returncode = self.end()
        self.check()
        assert returncode == 0, f"httpd ended with {returncode}"

    def end(self) -> int:
        """Stop without a judgement."""
        assert self.process is not None
        process, self.process = self.process, None
        return self._terminate(process)

    def graceful(self) -> None:
        """SIGUSR1, and wait until only processes of the new configuration accept connections."""
        self._reread(signal.SIGUSR1)

    def restart(self) -> None:
        """SIGHUP, and wait until only processes of the new configuration accept connections."""
        assert self.process is not None
        self._wait_until_children_can_end(self.process)
        self._reread(signal.SIGHUP)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def check(self) -> None:
        """Fail on unexpected log lines and on sanitizer reports; called at the end of every test."""
        reports = self._take_sanitizer_reports()
        try:
            self.log.settle()
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *reports])) from None
        assert not reports, "\n".join(reports)

    def _take_sanitizer_reports(self) -> list[str]:
        files = sorted((self.directory / "sanitizer").glob("*"))
        reports = [f"sanitizer report {path.name}:\n{path.read_text(errors='replace')}" for path in files]
        for path in files:
            path.unlink()
        return reports

    def _reread(self, number: signal.Signals) -> None:
        assert self.process is not None
        started_before = self.log.text().count(_READY)
        old = children_of(self.process.pid)
        self.process.send_signal(number)
        came = wait_until(lambda: not self.is_running() or self.log.text().count(_READY) > started_before, self.patience)
        assert came and self.is_running(), "httpd did not survive the restart:\n" + self.log.text()
        assert wait_until(lambda: not any(is_listening(pid) for pid in old)), "an old process still accepts"
        parent = self.process.pid
        assert wait_until(lambda: bool(children_of(parent) - old)), "no new process came"

    def _wait_until_children_can_end(self, process: subprocess.Popen[bytes]) -> None:
        # Each wait is for a fault of httpd's that it has with and without the module (docs/upstream.md).
        # A process that was just forked ends within its signal handler, amid malloc(), too.
        if self.mpm in ("event", "worker"):
            wait_until(lambda: not any(map(is_being_set_up, children_of(process.pid))))
        # A process of httpd's event MPM that must end at once aborts the sockets of its workers. It crashes where it meets one that its
        # worker has just freed.
        # One of the prefork MPM ends wherever the signal meets it, amid the end of a connection, too.
        if self.mpm in ("event", "prefork"):
            wait_until(lambda: not _being_closed(self.listen), 2)
            time.sleep(_FREED)
            # on a busy machine a worker may not have got so far
            wait_until(lambda: not any(map(is_working, children_of(process.pid))), 2)

    def _terminate(self, process: subprocess.Popen[bytes]) -> int:
        self._wait_until_children_can_end(process)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(self.patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    # Details

    def _limit(self) -> None:
        for which, soft in self.limits.items():
            resource.setrlimit(which, (soft, resource.getrlimit(which)[1]))

    def _http2(self) -> tuple[str, ...]:
        # mod_http2 warns that it does not work with prefork.
        return () if self.mpm == "prefork" else ("http2",)

    def _prepare_directory(self) -> None:
        for name in ("", "htdocs", "logs", "run", "sanitizer"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        # Children that gave up root write their reports here.
        (self.directory / "sanitizer").chmod(0o777)
        self.put("index.html", "the site\n")
        if self.with_module:
            # A copy: a build below root's home is not for the user that some tests run httpd as.
            shutil.copy(environment.module_path(), self._module_file)
            self._module_file.chmod(0o644)

    def _command(self) -> list[str]:
        return [*self.under, installation.program(), "-d", str(self.directory), "-f", str(self.config_file)]

    def _environment(self) -> dict[str, str]:
        values = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
        if environment.sanitizing():
            report = self.directory / "sanitizer"
            # httpd itself leaks, and leaves by exit() while threads still run.
            values["ASAN_OPTIONS"] = f"detect_leaks=0:abort_on_error=0:log_path={report}/asan"
            values["UBSAN_OPTIONS"] = f"print_stacktrace=1:log_path={report}/ubsan"
            values["LD_PRELOAD"] = environment.sanitizer_libraries()
        for name, value in self.extra_environment.items():
            # the sanitizers' runtimes must come first
            values[name] = f"{values[name]}:{value}" if name in values else value
        return values

    def _base_config(self) -> str:
        lines = [
            f"ServerRoot {self.directory}",
            "ServerName httpd.test",
            f"DefaultRuntimeDir {self.directory}/run",
            f"PidFile {self.directory}/run/httpd.pid",
            *(f"Listen 127.0.0.1:{port}" for port in self.listen),
            *self._load_lines(),
            _POOLS[self.mpm],
            f"ErrorLog {self.directory}/logs/error.log",
            f"LogLevel {self.log_level}",
            f'CustomLog {self.directory}/logs/access.log "%v \\"%r\\" %>s %{{CF_ORIGIN_PULL_VERIFY}}e"',
            "TypesConfig /dev/null",
            "AddType text/html .html",
            "Timeout 20",
            # longer than a client waits: a connection that ends was ended
            "KeepAliveTimeout 60",
            f"DocumentRoot {self.htdocs}",
            "<Directory />\n  Require all denied\n</Directory>",
            f"<Directory {self.htdocs}>\n  Require all granted\n</Directory>",
        ]
        if self.with_module:
            # with every OpenSSL, since the tests are about resumption
            lines.append("CFOriginPullSessionTickets On")
        if "ssl" in self.modules:
            lines.append(f"SSLSessionCache shmcb:{self.directory}/run/sessions(512000)")
        if "http2" in self.modules:
            lines.append("Protocols h2 http/1.1")
        if environment.is_root():
            lines.append(f"User {environment.UNPRIVILEGED}\nGroup {environment.UNPRIVILEGED}")
        return "\n".join(lines) + "\n\n"

    def _load_lines(self) -> list[str]:
        """By name, but mod_proxy first: trunk's balancing methods are linked with it."""
        names = sorted([*self.modules, "cfaop"] if self.with_module else self.modules, key=lambda name: (name != "proxy", name))
        lines = [
            installation.load_line(name, self._module_file if name == "cfaop" else None)
            for name in (f"mpm_{self.mpm}", *names)
        ]
        return [line for line in lines if line]


def _with_companions(names: Iterable[str]) -> list[str]:
    return [each for name in names for each in (name, *_COMPANIONS.get(name, ()))]


def _being_closed(ports: Sequence[int]) -> bool:
    """Has the server a connection on these ports that the client has closed, and itself not yet? (CLOSE_WAIT, in proc(5))"""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "08" and int(local.rpartition(":")[2], 16) in ports:
                return True
    return False
