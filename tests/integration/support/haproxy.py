"""A private HAProxy that passes TCP through, and says whose connection it is by the PROXY protocol."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Optional, Sequence

from support.processes import is_listening
from support.waiting import wait_until

PROGRAM = "haproxy"
# The client, the address that HAProxy called the server from, and the server.
LOG_FORMAT = 'log-format "%ci:%cp -> %bi:%bp %s"'
_TIMES = "  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n"


class HaProxy:
    """Listens on a port of 127.0.0.1 and calls its servers in turn, from an address of its own."""

    def __init__(self, directory: Path, port: int, servers: Sequence[str], *, source: str, says: str) -> None:
        """`servers` are HOST:PORT; `says` is send-proxy, send-proxy-v2, or nothing."""
        directory.mkdir()
        self.config_file = directory / "haproxy.cfg"
        self.stderr_file, self.log_file = directory / "stderr.log", directory / "log"
        self.process: Optional[subprocess.Popen[bytes]] = None
        lines = "".join(f"  server s{number} {server} {says}\n" for number, server in enumerate(servers))
        self.config_file.write_text(
            f"global\n  maxconn 256\n  log stdout format raw local0\n"
            f"defaults\n  mode tcp\n  log global\n  {LOG_FORMAT}\n{_TIMES}frontend in\n  bind 127.0.0.1:{port}\n  default_backend out\n"
            f"backend out\n  balance roundrobin\n  source {source}\n{lines}"
        )

    def start(self) -> "HaProxy":
        with self.stderr_file.open("wb") as stderr, self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "-db", "-f", str(self.config_file)], stdin=subprocess.DEVNULL, stdout=log, stderr=stderr
            )
        process = self.process
        wait_until(lambda: process.poll() is not None or is_listening(process.pid), 30)
        assert process.poll() is None, "HAProxy did not start:\n" + self.stderr_file.read_text()
        return self

    def log(self) -> str:
        return self.log_file.read_text()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.process = None


def complaints(config: Path) -> str:
    """What HAProxy says of a configuration file; nothing if it is content."""
    done = subprocess.run([PROGRAM, "-c", "-q", "-f", str(config)], capture_output=True, text=True, timeout=60, check=False)
    words = done.stdout + done.stderr
    return words if done.returncode == 0 else f"exit status {done.returncode}: {words}"
