"""The servers that are compared, each tuned to one process of its own on one processor, and otherwise as installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable, Optional, Sequence

from support import environment, installation
from support.ports import free_port
from support.processes import children_of, is_listening
from support.waiting import wait_until

from bench.measure import pinned, server_cpu

HOST = "bench.test"
_READY = "resuming normal operations"
# what Debian enables, and TLS; no logs of access, whose cost is the same for all
_MODULES = tuple(
    "access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex deflate dir env filter"
    " http2 mime negotiation reqtimeout setenvif socache_shmcb ssl status".split()
)


@dataclass(frozen=True)
class Kind:
    """A server program and what it demands of its clients."""

    software: str  # httpd or nginx
    auth: str  # none, own (the server's own directive), cfaop, or cfaop with what else is said there
    title: str
    more: tuple[str, ...] = ()  # further directives of the module

    @property
    def key(self) -> str:
        return f"{self.software}-{self.auth}"

    @property
    def has_module(self) -> bool:
        return self.auth.startswith("cfaop")

    @property
    def asks(self) -> bool:
        return self.auth not in ("none", "cfaop-off")

    @property
    def exempts(self) -> bool:
        return self.auth == "cfaop-exempt"

    @property
    def refuses_by_alert(self) -> bool:
        return self.key in ("httpd-own", "httpd-cfaop-alert")

    def vhost_lines(self, ca: Path) -> list[str]:
        """What a virtual host says of client certificates."""
        if self.auth == "cfaop-off":
            return ["CFOriginPull Off"]
        if self.has_module:
            return ["CFOriginPull On", f"CFOriginPullCACertificateFile {ca}", *self.more]
        if self.auth == "own" and self.software == "httpd":
            return ["SSLVerifyClient require", "SSLVerifyDepth 1", f"SSLCACertificateFile {ca}"]
        if self.auth == "own":
            return ["ssl_verify_client on;", "ssl_verify_depth 1;", f"ssl_client_certificate {ca};"]
        return []


KINDS = {
    kind.key: kind
    for kind in (
        Kind("nginx", "none", "nginx"),
        Kind("nginx", "own", "nginx, ssl_verify_client"),
        Kind("httpd", "none", "httpd"),
        Kind("httpd", "own", "httpd, SSLVerifyClient"),
        Kind("httpd", "cfaop", "httpd, CFOriginPull"),
        Kind("httpd", "cfaop-off", "httpd, CFOriginPull Off"),
        Kind("httpd", "cfaop-alert", "httpd, CFOriginPullRefuse alert", ("CFOriginPullRefuse alert",)),
        Kind("httpd", "cfaop-exempt", "httpd, CFOriginPullExempt", ("CFOriginPullExempt path /index.html",)),
        Kind("httpd", "cfaop-tickets", "httpd, CFOriginPullSessionTickets On", ("CFOriginPullSessionTickets On",)),
        Kind("httpd", "cfaop-no-tickets", "httpd, CFOriginPullSessionTickets Off", ("CFOriginPullSessionTickets Off",)),
        Kind("httpd", "cfaop-address", "httpd, CFOriginPullRemoteIP", ("CFOriginPullRemoteIP On",)),
    )
}


@dataclass(frozen=True)
class Certificate:
    """Files of the server's certificate and key."""

    cert: Path
    key: Path


class Server:
    """A server in a directory of its own, with one virtual host for each file of trusted CAs in `cas`."""

    def __init__(self, kind: Kind, directory: Path, tls: Certificate, cas: Sequence[Path]) -> None:
        self.kind = kind
        self.directory = directory
        self.port = free_port()
        self.process: Optional[subprocess.Popen[bytes]] = None
        for name in ("", "htdocs", "temp"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "htdocs" / "index.html").write_text("the site\n" * 100)
        self._log.write_text("")
        if kind.has_module:
            shutil.copy(environment.module_path(), directory / "mod_cfaop.so")
        text = _httpd_config if kind.software == "httpd" else _nginx_config
        self._config.write_text(text(self, tls, cas))

    @property
    def _config(self) -> Path:
        return self.directory / "server.conf"

    @property
    def _log(self) -> Path:
        return self.directory / "error.log"

    def command(self) -> list[str]:
        if self.kind.software == "httpd":
            return [installation.program(), "-d", str(self.directory), "-f", str(self._config)]
        return [environment.NGINX, "-p", str(self.directory), "-c", str(self._config), "-e", str(self._log)]

    def start(self) -> "Server":
        """Start, and wait until it serves."""
        options = ("-D", "FOREGROUND") if self.kind.software == "httpd" else ()
        with (self.directory / "stderr.log").open("ab") as stderr:
            self.process = subprocess.Popen(
                [*self.command(), *options], **self._surroundings(stderr), preexec_fn=pinned(server_cpu())
            )
        self._wait(lambda: self._times_ready() > 0)
        return self

    def start_in_debugger(self, *around: str) -> "Server":
        """Start the server as one process without children, run by the program `around`; it listens afterwards."""
        if environment.is_root():
            for path in (self.directory, *self.directory.rglob("*")):
                shutil.chown(path, environment.UNPRIVILEGED)
        user = environment.UNPRIVILEGED if environment.is_root() else None
        alone = ["-X"] if self.kind.software == "httpd" else ["-g", "master_process off;"]
        with (self.directory / "stderr.log").open("ab") as stderr:
            self.process = subprocess.Popen(
                [*around, *self.command(), *alone], **self._surroundings(stderr), user=user, group=user
            )
        parent = self.process.pid
        self._wait(lambda: is_listening(parent))
        return self

    def _surroundings(self, stderr: IO[bytes]) -> dict[str, Any]:
        return {
            "env": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"},
            "stdin": subprocess.DEVNULL,
            "stdout": stderr,
            "stderr": stderr,
            "start_new_session": True,
        }

    def graceful(self) -> None:
        """Read the configuration again, and wait until that is done."""
        assert self.process is not None
        parent, before, old = self.process.pid, self._times_ready(), children_of(self.process.pid)
        self.process.send_signal(signal.SIGUSR1 if self.kind.software == "httpd" else signal.SIGHUP)
        if self.kind.software == "httpd":
            self._wait(lambda: self._times_ready() > before)
        self._wait(lambda: bool(children_of(parent) - old))

    def kill(self) -> None:
        """End it without the time that thousands of virtual hosts take to be put away."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None

    def pids(self) -> set[int]:
        assert self.process is not None
        return {self.process.pid} | children_of(self.process.pid)

    def _times_ready(self) -> int:
        """httpd says when it serves; nginx has a worker then."""
        assert self.process is not None
        if self.kind.software == "nginx":
            return len(children_of(self.process.pid))
        return self._log.read_text(errors="replace").count(_READY)

    def _wait(self, condition: Callable[[], bool]) -> None:
        process = self.process
        assert process is not None
        came = wait_until(lambda: process.poll() is not None or condition(), 900)
        if not came or process.poll() is not None:
            self.kill()
            said = self._log.read_text(errors="replace") + (self.directory / "stderr.log").read_text(errors="replace")
            raise RuntimeError(f"{self.kind.title} does not serve:\n{said[-3000:]}")


def vhost_name(number: int) -> str:
    """The first one is the one that requests go to."""
    return f"{number}.{HOST}" if number else HOST


def _httpd_config(server: Server, tls: Certificate, cas: Sequence[Path]) -> str:
    names = sorted([*_MODULES, "cfaop"] if server.kind.has_module else _MODULES)
    here = server.directory
    lines = [
        f"ServerName {HOST}",
        f"DefaultRuntimeDir {here}",
        f"PidFile {here}/pid",
        f"Listen 127.0.0.1:{server.port}",
        installation.load_line("mpm_event"),
        *(installation.load_line(name, here / "mod_cfaop.so" if name == "cfaop" else None) for name in names),
        "StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nMinSpareThreads 1\nMaxSpareThreads 16",
        f"ErrorLog {here}/error.log",
        "LogLevel warn mpm_event:notice",
        "TypesConfig /dev/null",
        "MaxKeepAliveRequests 0",
        "KeepAliveTimeout 60",
        f"SSLSessionCache shmcb:{here}/sessions(5120000)",
        "SSLProtocol -all +TLSv1.2 +TLSv1.3",
        "Protocols h2 http/1.1",
        f"DocumentRoot {here}/htdocs",
        f"<Directory {here}/htdocs>\nRequire all granted\n</Directory>",
    ]
    if environment.is_root():
        lines.append(f"User {environment.UNPRIVILEGED}\nGroup {environment.UNPRIVILEGED}")
    for number, ca in enumerate(cas):
        lines += [
            f"<VirtualHost 127.0.0.1:{server.port}>",
            f"ServerName {vhost_name(number)}",
            "SSLEngine on",
            f"SSLCertificateFile {tls.cert}",
            f"SSLCertificateKeyFile {tls.key}",
            *server.kind.vhost_lines(ca),
            "</VirtualHost>",
        ]
    return "\n".join(lines) + "\n"


def _nginx_config(server: Server, tls: Certificate, cas: Sequence[Path]) -> str:
    here = server.directory
    lines = [
        "daemon off;\nworker_processes 1;",
        f"pid {here}/pid;",
        "events { worker_connections 256; }",
        "http {",
        *(f"{kind}_temp_path {here}/temp/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
        "access_log off;",
        "keepalive_requests 1000000000;",
        "keepalive_timeout 60;",
        "server_names_hash_max_size 65536;",
        "ssl_session_cache shared:SSL:5m;",
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "default_type text/html;",
        f"root {here}/htdocs;",
    ]
    if environment.is_root():
        lines.insert(0, f"user {environment.UNPRIVILEGED};")
    for number, ca in enumerate(cas):
        lines += [
            "server {",
            f"listen 127.0.0.1:{server.port} ssl http2;",
            f"server_name {vhost_name(number)};",
            f"ssl_certificate {tls.cert};",
            f"ssl_certificate_key {tls.key};",
            *server.kind.vhost_lines(ca),
            "}",
        ]
    return "\n".join([*lines, "}"]) + "\n"
