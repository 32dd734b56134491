"""One httpd of the soak, in a directory of its own: its life, its error log, and its visitors."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Optional

from support import environment, installation
from support.ports import free_port
from support.processes import children_of, is_being_set_up
from support.waiting import wait_until

from soak import sites

_READY = "resuming normal operations"
# httpd writes no line of children that SIGKILL or SIGTERM ended
_SIGNAL = re.compile(r"exit signal|[Ss]egmentation fault|seg fault|Assertion|AddressSanitizer|runtime error:|stack smashing|double free")
_ALARM = re.compile(r"^\[[^\]]*\] \[[\w:]*:(emerg|alert|crit)\]")
_TAG = re.compile(r"\b(CFAOP\d{3}):")
_POOLS = {
    "event": "ServerLimit 16\nStartServers 2\nThreadsPerChild 16\nMaxRequestWorkers 64\nMinSpareThreads 16\nMaxSpareThreads 64",
    "worker": "ServerLimit 16\nStartServers 2\nThreadsPerChild 16\nMaxRequestWorkers 64\nMinSpareThreads 16\nMaxSpareThreads 64",
    "prefork": "StartServers 4\nMinSpareServers 2\nMaxSpareServers 8\nMaxRequestWorkers 48",
}

# of a client with a sanitizer: what it still holds at its end is no finding
_VISITORS = {"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0"}


class ErrorLog:
    """Reads what was added, and keeps the sums."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started = 0
        self.signals: list[str] = []
        self.alarms: list[str] = []
        self.tags: Counter[str] = Counter()
        self._offset = 0
        self._rest = ""

    def read(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            text = self._rest + file.read().decode(errors="backslashreplace")
            self._offset = file.tell()
        *lines, self._rest = text.split("\n")
        for line in lines:
            self._judge(line)

    def _judge(self, line: str) -> None:
        self.started += _READY in line
        self.tags.update(_TAG.findall(line))
        if _SIGNAL.search(line):
            self.signals.append(line)
        elif _ALARM.match(line):
            self.alarms.append(line)


class Server:
    """A server of a kind, on a port of its own."""

    def __init__(self, kind: str, mpm: str, directory: Path, trust: sites.Trust) -> None:
        self.kind, self.mpm, self.directory, self.trust = kind, mpm, directory, trust
        self.port = free_port()
        self.generation = 0
        self.kills = 0
        self.is_stuck = False
        self.process: Optional[subprocess.Popen[bytes]] = None
        self._visitors: list[subprocess.Popen[bytes]] = []
        for name in ("htdocs/open", "logs", "run", "sanitizer"):
            (directory / name).mkdir(parents=True)
        (directory / "sanitizer").chmod(0o777)
        (directory / "htdocs" / "index.html").write_text(sites.CONTENT * 20)
        (directory / "htdocs" / "open" / "page.html").write_text("open to all, with the " + sites.CONTENT)
        (directory / "tickets.key").write_bytes(os.urandom(80))
        shutil.copy(environment.module_path(), self._module)
        self._module.chmod(0o644)
        self.log = ErrorLog(directory / "logs" / "error.log")
        self._stderr = ErrorLog(directory / "logs" / "stderr.log")

    @property
    def _module(self) -> Path:
        return self.directory / "mod_cfaop.so"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def signals(self) -> list[str]:
        return [*self.log.signals, *self._stderr.signals, *self._sanitizer_reports()]

    def _sanitizer_reports(self) -> list[str]:
        return [f"sanitizer: {path}" for path in (self.directory / "sanitizer").iterdir()]

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self._write_config()
        command = [installation.program(), "-d", str(self.directory), "-f", str(self.directory / "httpd.conf"), "-D", "FOREGROUND"]
        with (self.directory / "logs" / "stderr.log").open("ab") as stderr:
            self.process = subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, start_new_session=True
            )
        if not self._wait_for_start(1):
            raise RuntimeError(f"{self.kind} does not start:\n{self._said()}")

    def reload(self) -> None:
        """Another configuration, gracefully; returns when httpd has read it."""
        self.generation += 1
        self._write_config()
        self.process.send_signal(signal.SIGUSR1)
        if not self._wait_for_start(self.generation + 1):
            self.is_stuck = True
            self.log.alarms.append(f"reload {self.generation} did not succeed:\n{self._said()}")

    def kill_child(self, choose: int) -> None:
        children = sorted(children_of(self.pid))
        if children:
            victim = children[choose % len(children)]
            os.kill(victim, signal.SIGKILL)
            self.kills += 1

    def stop(self) -> None:
        if not self.is_alive():
            return
        # a process that was just forked ends within its signal handler, and may crash there (docs/upstream.md)
        wait_until(lambda: not any(map(is_being_set_up, children_of(self.pid))))
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
            self.log.signals.append("the parent did not end within a minute")
        self.read_logs()

    def read_logs(self) -> None:
        self.log.read()
        self._stderr.read()

    # Visitors

    def invite(self, count: int, program: Path, seed: int, visits: str) -> None:
        """They visit by this plan, and each writes a file of its own."""
        plan = self.directory / "plan"
        plan.write_text(visits)
        for number in range(count):
            words = [program, self.port, self.trust.pki.directory, plan, seed + number]
            with (self.directory / f"visitor{number}").open("wb") as out:
                self._visitors.append(
                    subprocess.Popen([str(word) for word in words], env=_VISITORS, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
                )

    def send_away(self) -> None:
        for visitor in self._visitors:
            if visitor.poll() is None:
                visitor.terminate()
        for visitor in self._visitors:
            try:
                visitor.wait(90)
            except subprocess.TimeoutExpired:
                visitor.kill()
                visitor.wait()

    def visitors_ended(self) -> bool:
        return any(visitor.poll() is not None for visitor in self._visitors)

    def visitors_failed(self) -> bool:
        """Once they were sent away."""
        return any(visitor.returncode != 0 for visitor in self._visitors)

    def counts(self) -> Counter[str]:
        """The sums of the visitors' last lines."""
        total: Counter[str] = Counter()
        for number in range(len(self._visitors)):
            total.update(_last_counts(self.directory / f"visitor{number}"))
        return total

    def complaints(self) -> list[str]:
        """What the visitors met that should not be, or what ended them."""
        lines = [line for number in range(len(self._visitors)) for line in (self.directory / f"visitor{number}").read_text().splitlines()]
        return [line for line in lines if line and not line.startswith("counts ")]

    # Details

    def _environment(self) -> dict[str, str]:
        values = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
        if environment.sanitizing():
            report = self.directory / "sanitizer"
            # httpd itself leaks, and leaves by exit() while threads still run
            values["ASAN_OPTIONS"] = f"detect_leaks=0:abort_on_error=0:log_path={report}/asan"
            values["UBSAN_OPTIONS"] = f"print_stacktrace=1:log_path={report}/ubsan"
            values["LD_PRELOAD"] = environment.sanitizer_libraries()
        return values

    def _wait_for_start(self, number: int) -> bool:
        def started() -> bool:
            self.log.read()
            return self.log.started >= number or not self.is_alive()

        return wait_until(started, 300, 0.05) and self.is_alive()

    def _said(self) -> str:
        return "".join(path.read_text(errors="replace")[-3000:] for path in sorted((self.directory / "logs").iterdir()))

    def _write_config(self) -> None:
        here = self.directory
        lines = [
            f"ServerRoot {here}",
            "ServerName soak.test",
            f"DefaultRuntimeDir {here}/run",
            f"PidFile {here}/run/httpd.pid",
            f"Listen 127.0.0.1:{self.port}",
            *sites.load_lines(self.kind, self.mpm, self._module),
            _POOLS[self.mpm],
            f"ErrorLog {here}/logs/error.log",
            f"LogLevel warn core:notice mpm_{self.mpm}:notice",
            "TypesConfig /dev/null",
            # longer than a busy machine lets a client wait
            "Timeout 20",
            "KeepAliveTimeout 3",
            f"SSLSessionCache shmcb:{here}/run/sessions(512000)",
            # tickets outlive a reload, with whatever it changes
            f"SSLSessionTicketKeyFile {here}/tickets.key",
            "Protocols h2 http/1.1" if self.mpm != "prefork" else "",
            f"DocumentRoot {here}/htdocs",
            f"<Directory />\nRequire all denied\n</Directory>\n<Directory {here}/htdocs>\nRequire all granted\n</Directory>",
        ]
        if environment.is_root():
            lines.append(f"User {environment.UNPRIVILEGED}\nGroup {environment.UNPRIVILEGED}")
        text = "\n".join(lines) + "\n" + sites.config(self.kind, self.trust, self.port, self.generation)
        fresh = here / "httpd.conf.new"
        fresh.write_text(text)
        fresh.rename(here / "httpd.conf")


def _last_counts(path: Path) -> dict[str, int]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = [line for line in file.read().decode(errors="replace").split("\n")[:-1] if line.startswith("counts ")]
    return {name: int(number) for name, _, number in (word.partition("=") for word in lines[-1].split()[1:])} if lines else {}
