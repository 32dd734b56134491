"""A private nginx, whose answers are the measure of ours."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Optional

from support import environment
from support.pki import Credential
from support.waiting import wait_until


def nginx_server(port: int, name: str, *lines: str, tls: Credential, http2: bool = True) -> str:
    """The text of a server block on 127.0.0.1."""
    body = [
        f"listen 127.0.0.1:{port} ssl{' http2' if http2 else ''};",
        f"server_name {name};",
        f"ssl_certificate {tls.cert_file};",
        f"ssl_certificate_key {tls.key_file};",
        f"add_header X-Vhost {name} always;",
        *lines,
    ]
    inside = "\n".join(f"    {line}" for line in body)
    return f"  server {{\n{inside}\n  }}\n"


def client_auth(verify: str, ca: Path, *, depth: Optional[int] = None, crl: Optional[Path] = None) -> tuple[str, ...]:
    """The lines that ask for a client certificate."""
    lines = [f"ssl_verify_client {verify};", f"ssl_client_certificate {ca};"]
    if depth is not None:
        lines.append(f"ssl_verify_depth {depth};")
    if crl is not None:
        lines.append(f"ssl_crl {crl};")
    return tuple(lines)


@lru_cache(maxsize=None)
def _version() -> tuple[int, ...]:
    said = subprocess.run([environment.NGINX, "-v"], check=True, stderr=subprocess.PIPE, text=True).stderr
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    assert found, f"nginx does not say its version: {said}"
    return tuple(int(number) for number in found.groups())


class Nginx:
    """A server in a directory of its own; `config` is the inside of its http block."""

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        self.process: Optional[subprocess.Popen[bytes]] = None
        for name in ("", "htdocs", "temp"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "htdocs" / "index.html").write_text("the site\n")
        self.config_file.write_text(self._around(config))

    @property
    def config_file(self) -> Path:
        return self.directory / "nginx.conf"

    def error_log(self) -> str:
        return (self.directory / "error.log").read_text()

    def start(self) -> "Nginx":
        with (self.directory / "stderr.log").open("ab") as stderr:
            self.process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, start_new_session=True
            )
        process = self.process
        pid_file = self.directory / "nginx.pid"
        wait_until(lambda: process.poll() is not None or pid_file.exists(), 60)
        assert process.poll() is None, "nginx did not start:\n" + (self.directory / "stderr.log").read_text()
        return self

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            returncode = self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise
        self.process = None
        assert returncode == 0, f"nginx ended with {returncode}:\n{self.error_log()}"
        assert "exited on signal" not in self.error_log()

    def _command(self) -> list[str]:
        """Before it has read its configuration, nginx logs where it was built to, or where -e says, which came with 1.19.5."""
        early_log = ["-e", "error.log"] if _version() >= (1, 19, 5) else []
        return [environment.NGINX, "-p", str(self.directory), "-c", str(self.config_file), *early_log]

    def _around(self, config: str) -> str:
        user = f"user {environment.UNPRIVILEGED};\n" if environment.is_root() else ""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temp = "\n".join(f"  {kind}_temp_path {self.directory}/temp/{kind};" for kind in kinds)
        return (
            f"{user}daemon off;\nworker_processes 1;\npid {self.directory}/nginx.pid;\n"
            f"error_log {self.directory}/error.log info;\nevents {{ worker_connections 256; }}\n"
            f"http {{\n{temp}\n  access_log off;\n  ssl_protocols TLSv1.2 TLSv1.3;\n  root {self.directory}/htdocs;\n  default_type text/html;\n"
            f"{config}}}\n"
        )
