"""Sending a scenario's requests. Every answer is checked: what is fast because it fails shall not count."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Sequence

from bench.certificates import Certificates
from bench.measure import client_cpu, pinned
from bench.scenarios import Scenario
from bench.servers import HOST, Server


def client_path() -> Path:
    """What make leaves of client.c."""
    return Path(os.environ.get("CFAOP_BENCH_CLIENT") or Path(__file__).parent / "client")


def send(server: Server, scenario: Scenario, count: int, certificates: Certificates) -> None:
    drivers = {"client": _client, "ab": _ab, "h2load": _h2load}
    drivers[scenario.driver](server, scenario, count, certificates)


def _client(server: Server, scenario: Scenario, count: int, certificates: Certificates) -> None:
    shown = scenario.shown_to(server.kind)
    files = [certificates.clients[shown].cert, certificates.clients[shown].key] if shown else []
    outcome = scenario.outcome_of(server.kind)
    _run([client_path(), server.port, scenario.work, count, outcome, scenario.version, *files])


def _ab(server: Server, scenario: Scenario, count: int, certificates: Certificates) -> None:
    words: list[object] = ["ab", "-q", "-d", "-k", "-c", 4, "-n", count, "-f", f"TLS{scenario.version}"]
    shown = scenario.shown_to(server.kind)
    if shown:
        files = certificates.clients[shown]
        both = files.cert.with_suffix(".both.pem")
        both.write_bytes(files.cert.read_bytes() + files.key.read_bytes())
        words += ["-E", both]
    said = _run([*words, "-H", f"Host: {HOST}", f"https://127.0.0.1:{server.port}/index.html"])
    if not re.search(rf"Complete requests: +{count}\n", said) or "Non-2xx" in said or "Failed requests:        0" not in said:
        raise RuntimeError(f"ab and {server.kind.title}:\n{said}")


def _h2load(server: Server, scenario: Scenario, count: int, certificates: Certificates) -> None:
    said = _run(["h2load", "-t", 1, "-c", 4, "-m", 10, "-n", count, f"https://127.0.0.1:{server.port}/index.html"])
    if f"{count} succeeded, 0 failed" not in said or f"{count} 2xx" not in said:
        raise RuntimeError(f"h2load and {server.kind.title}:\n{said}")


def _run(words: Sequence[object]) -> str:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=600, check=False,
        preexec_fn=pinned(client_cpu()),
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
