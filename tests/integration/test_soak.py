"""Does the soak see what it looks for? Each fault that a run fails on is made here, with a control without it beside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any, Iterator

import pytest

from support import environment
from support.pki import Credential
from support.processes import children_of
from support.waiting import wait_until

sys.path.insert(0, str(environment.TOP / "tests"))
from soak import document, memory, report, sites  # noqa: E402
from soak.server import Server  # noqa: E402

_C_FILES = [environment.TOP / "tests" / "soak" / f"{name}.c" for name in ("connection", "http1", "http2", "mischief", "visitor")]
_FINE = {"parent": 2000, "children": 8000, "processes": 2, "shared_mappings": 5, "descriptors": 9}


@pytest.fixture(scope="module")
def trust(directory: Path) -> sites.Trust:
    return sites.Trust(directory / "soak-pki")


@pytest.fixture(scope="module")
def visitor(directory: Path) -> Path:
    program = directory / "visitor"
    libraries = ["-lnghttp2", "-lssl", "-lcrypto"]
    subprocess.run(["gcc", "-O1", "-D_GNU_SOURCE", "-o", program, *_C_FILES, *libraries], check=True)
    return program


_number = count(1)


@pytest.fixture
def server(directory: Path, trust: sites.Trust) -> Iterator[Server]:
    """Guarded in all modes."""
    made = Server("mixed", "event", directory / f"soak{next(_number)}", trust)
    made.start()
    yield made
    made.send_away()
    made.stop()


def visited(server: Server, visitor: Path, plan: str, requests: int = 300) -> str:
    """What the visitors complain of, once they have asked so often by this plan."""
    server.invite(2, visitor, 7, plan)
    assert wait_until(lambda: server.counts()["requests"] >= requests or server.visitors_ended(), 120)
    server.send_away()
    assert not server.visitors_failed()
    return "\n".join(server.complaints())


def test_control_all_is_well(server: Server, visitor: Path, trust: sites.Trust) -> None:
    assert visited(server, visitor, sites.plan("mixed", trust)) == ""
    counts = server.counts()
    assert min(counts[what] for what in ("full", "resumed", "requests", "h2", "broken")) > 0
    assert (counts["wrong"], counts["refused"]) == (0, 0)


@pytest.mark.parametrize("client", ("none", "stranger", "of-namesake"))
def test_content_that_a_stranger_gets_is_seen(server: Server, visitor: Path, client: str) -> None:
    """From a virtual host that is Off."""
    complaints = visited(server, visitor, f"off.test off.test /index.html {client} no\n")
    assert f"client={client} " in complaints and complaints.startswith("wrong: ")
    assert server.counts()["wrong"] > 100


@pytest.mark.parametrize("name", ("on.test", "close.test", "alert.test"))
def test_refused_edge_is_seen(server: Server, visitor: Path, name: str) -> None:
    """It shows the certificate of another CA: a page, no answer and an alert are refusals, all of them."""
    complaints = visited(server, visitor, f"{name} {name} /index.html edge-b yes\n", 50)
    assert f"refused: time=" in complaints and f"host={name}" in complaints
    assert server.counts()["refused"] > 0


class SilentServer:
    """Answers the first request of each connection, and no other."""

    def __init__(self, certificate: Credential) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.cert_file, certificate.key_file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.was_asked_again = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                with self._context.wrap_socket(self._listener.accept()[0], server_side=True) as connection:
                    self._answer_once(connection)
            except OSError:  # what the client has spoilt, garbage, or the end
                if self._listener.fileno() == -1:
                    return

    def _answer_once(self, connection: ssl.SSLSocket) -> None:
        connection.settimeout(5)
        if connection.recv(4096):
            body = sites.CONTENT.encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            if connection.recv(4096):
                self.was_asked_again.set()
                connection.settimeout(None)
                connection.recv(4096)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._listener.close()


def sent_away(process: subprocess.Popen[str]) -> bool:
    """Again and again: a signal that comes before the visitor has begun to wait interrupts nothing."""
    process.terminate()
    return process.poll() is not None


def test_visitor_that_is_sent_away_while_it_waits_does_not_complain(directory: Path, visitor: Path, trust: sites.Trust) -> None:
    silent = SilentServer(trust.server)
    (directory / "silent-plan").write_text("on.test on.test /index.html edge-a yes\n")
    command = [visitor, str(silent.port), trust.pki.directory, directory / "silent-plan", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert silent.was_asked_again.wait(60)
        assert wait_until(lambda: sent_away(process), 60)
        assert process.stdout
        said = process.stdout.read().splitlines()
    silent.close()
    assert process.returncode == 0
    assert [line for line in said if not line.startswith("counts ")] == []
    assert " hung=0 " in said[-1]


def test_signal_is_seen_and_an_own_kill_is_none(server: Server) -> None:
    before = children_of(server.pid)
    server.kill_child(0)
    assert wait_until(lambda: bool(children_of(server.pid) - before))
    server.read_logs()
    assert server.signals == []
    os.kill(min(children_of(server.pid)), signal.SIGSEGV)
    assert wait_until(lambda: "exit signal Segmentation" in server.log.path.read_text())
    server.read_logs()
    assert len(server.signals) == 1


# ---- the verdict ----


def results(**changes: Any) -> report.Results:
    """Of a guarded server and of httpd as it is. The guarded one's last samples have these changes."""
    ends = {"mixed": {**_FINE, **changes}, "plain": _FINE}
    return {"mpm": "event", "minutes": 2, "servers": [_of_server(kind, end) for kind, end in ends.items()]}


def _of_server(kind: str, end: dict[str, int]) -> report.Results:
    samples = [{"seconds": number, "reloads": number // 2, **(_FINE if number < 50 else end)} for number in range(100)]
    well = {"alive": True, "signals": [], "alarms": [], "segments": 0, "reloads": 50, "kills": 1}
    return {"kind": kind, "counts": {"requests": 1000}, "samples": samples, **well}


def test_control_nothing_failed() -> None:
    assert report.verdict(results()) == []


@pytest.mark.parametrize(
    "change, words",
    [
        ({"parent": 2000 + report.BOUNDS["parent"] + 1}, "memory of a parent grew"),
        ({"children": 8000 + 2 * report.BOUNDS["child"] + 2}, "memory of a child grew"),
        ({"shared_mappings": 6}, "more shared mappings"),
        ({"descriptors": 10}, "more descriptors"),
    ],
)
def test_growth_fails(change: dict[str, int], words: str) -> None:
    (failure,) = report.verdict(results(**change))
    assert failure.startswith("mixed: ") and words in failure


def test_growth_within_the_bounds_passes() -> None:
    assert report.verdict(results(parent=2000 + report.BOUNDS["parent"])) == []


@pytest.mark.parametrize(
    "change",
    [
        {"counts": {"requests": 9, "wrong": 1}},
        {"counts": {"requests": 9, "refused": 1}},
        {"counts": {}},
        {"signals": ["exit signal Segmentation fault (11)"]},
        {"alarms": ["[cfaop:emerg]"]},
        {"segments": 1},
        {"alive": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_else_is_wrong_fails(change: dict[str, Any]) -> None:
    found = results()
    found["servers"][0].update(change)
    assert len(report.verdict(found)) == 1


def test_httpd_without_the_guard_is_there_to_compare_with() -> None:
    """What it does itself fails no run. Where it ended early there is nothing to compare with."""
    found = results()
    found["servers"][1].update(counts={"requests": 9, "refused": 1}, signals=["exit signal"], alarms=["crit"], segments=1)
    assert report.verdict(found) == []
    found["servers"][1]["alive"] = False
    assert len(report.verdict(found)) == 1


@pytest.mark.parametrize("mpm", ("event", "worker", "prefork"))
def test_document_has_a_place_for_the_tables(directory: Path, mpm: str) -> None:
    """Written twice, they are there once; what a run failed on is said there, too."""
    page, found = directory / f"{mpm}.md", directory / f"{mpm}.json"
    page.write_text((environment.TOP / "docs" / "reliability.md").read_text())
    for change, words in (({}, "Nothing failed."), ({"signals": ["exit signal"]}, "Failed: mixed: a process ended by a signal")):
        written = {**results(), "mpm": mpm, "machine": "here"}
        written["servers"][0].update(change)
        found.write_text(json.dumps(written))
        document.write(page, [found])
        assert page.read_text().count(f"| {mpm}, 2 minutes | the guard, in all modes | httpd without the module |") == 1
        assert f"here. {words}" in page.read_text()


def test_slope_over_the_reloads() -> None:
    samples = [memory.Sample(**{**_FINE, "seconds": n, "reloads": n, "parent": 2000 + 3 * n}) for n in range(100)]
    assert memory.per_reload(samples, "parent") == pytest.approx(3)
