"""A mix of requests to an httpd that reloads: what the checkers that watch a running server look at.

Edges, strangers and clients without a certificate come over TLS 1.2 and 1.3, HTTP/1.1 and 2, with full handshakes and with
sessions, to virtual hosts of every mode, while other clients read the status page and the metrics. The server reloads in the
midst of it, with other CAs and directives each time. Each answer is the one that the guard promises.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support import streams
from support.client import TLS_VERSIONS, connect
from support.environment import TOP
from support.http1 import Http1
from support.http2 import StreamError
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.streams import Reset, TlsAlert
from support.vhost import vhost
from support.visits import KINDS, SESSION_EVIDENCE, Kind, storage_lines, visit

RELOADS = 3
CLIENTS = 6
# Under valgrind everything takes many times as long.
PATIENCE = 600
STREAMS = 6
# Without one of these it would be no mix.
SEEN = ("full", "resumed", "200", "400", "401", "421", "alert", "closed")
NAME_OF_EDGE = "edge.origin-pull.test"

CLIENT_NAMES = ("edge", "stranger", "nobody")
# Virtual host -> what the edge, a stranger and a client without a certificate get; "alert": the handshake fails, "closed": no answer.
ANSWERS: dict[str, tuple[object, object, object]] = {
    "pinned.test": (200, 400, 400),
    "on.test": (200, 400, 400),
    "revoking.test": (200, 400, 400),
    "address.test": (200, 400, 400),
    "optional.test": (200, 400, 200),
    "logonly.test": (200, 200, 200),
    "off.test": (200, 200, 200),
    "close.test": (200, "closed", "closed"),
    "alert.test": (200, "alert", "alert"),
    # the name that the benchmark's client asks for
    "bench.test": (200, 400, 400),
}
# Kinds of that client's work, and how often each is done in a storm of that size.
STORM = {"full": 1, "resumed": 1, "h2": 10}


@dataclass(frozen=True)
class Authorities:
    """What is trusted, and who comes."""

    pki: Pki
    ca: Credential
    next_ca: Credential
    server: Credential
    clients: dict[str, Optional[Credential]]

    @classmethod
    def make(cls, directory: Path) -> "Authorities":
        pki = Pki(directory)
        ca = pki.root("ca")
        clients = {
            "edge": ca.issue("edge", san=[NAME_OF_EDGE]),
            "stranger": pki.self_signed("stranger"),
            "nobody": None,
        }
        server = pki.self_signed("server", eku="server", san=["*.test"])
        return cls(pki, ca, pki.root("next-ca"), server, clients)


@dataclass(frozen=True)
class Size:
    """How many requests. All visits are made between two reloads, or one in so many; a storm has so many handshakes of a kind."""

    one_in: int
    storm: int
    reloads: int = RELOADS


class Mix:
    """The server, the clients, and what was seen: each answer with how often it came."""

    def __init__(self, directory: Path, under: tuple[str, ...], environment: dict[str, str], size: Size) -> None:
        self.client = directory / "client"
        self.size = size
        self.authorities = Authorities.make(directory / "pki")
        self.ports = {"ticket": free_port(), "cache": free_port()}
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.httpd = Httpd(
            directory / "httpd",
            self._config(0),
            listen=list(self.ports.values()),
            modules=["auth_basic", "authn_core", "authn_file", "authz_user", "status"],
            log_level="info",
            under=under,
            extra_environment=environment,
            patience=PATIENCE,
        )
        self.httpd.put("open/index.html", "needs no certificate\n")
        self.httpd.put("user/index.html", "for a user\n")

    def run(self) -> None:
        """All of it; the server is stopped afterwards, without a word about its log."""
        streams.TIMEOUT = PATIENCE
        command = ["gcc", "-O1", "-o", str(self.client), str(TOP / "bench" / "client.c"), "-lssl", "-lcrypto"]
        subprocess.run(command, check=True)
        self.httpd.start()
        try:
            for reload in range(self.size.reloads + 1):
                self._visit_all(reload)
        finally:
            self.httpd.end()
        self.wrong += [f"no client has seen this: {what}" for what in SEEN if not self.seen[what]]
        if self.seen["again"] > CLIENTS * RELOADS:
            self.wrong.append(f"{self.seen['again']} connections ended, more than reloads explain")

    # The server

    def _config(self, reload: int) -> str:
        hosts = [self._vhost(port, name, storage, reload) for storage, port in self.ports.items() for name in ANSWERS]
        return "".join([f"Timeout {PATIENCE}\n", *hosts])

    def _vhost(self, port: int, name: str, storage: str, reload: int) -> str:
        lines = (*self._lines(name, reload), *SESSION_EVIDENCE, *storage_lines(storage))
        return vhost(port, name, *lines, tls=self.authorities.server)

    def _lines(self, name: str, reload: int) -> list[str]:
        """The lines of a virtual host, which differ from reload to reload in their CAs."""
        known = self.authorities
        files = [known.ca.cert_file] if reload % 2 == 0 else [known.next_ca.cert_file, known.ca.cert_file]
        mode = {"off": "Off", "logonly": "LogOnly", "optional": "Optional"}.get(name.split(".")[0], "On")
        lines = [f"CFOriginPull {mode}", *(f"CFOriginPullCACertificateFile {file}" for file in files)]
        return lines + {
            "on.test": ["CFOriginPullExempt path /open", _for_users()],
            "logonly.test": [_for_users()],
            "pinned.test": [f"CFOriginPullPin dns:not-{NAME_OF_EDGE} sha256:{'00' * 32} spki-sha256:{self._pin_of_edge()}"],
            "revoking.test": [f"CFOriginPullCARevocationFile {known.ca.crl('ca')} {known.next_ca.crl('next-ca')}"],
            "address.test": ["CFOriginPullRemoteIP On"],
            "close.test": ["CFOriginPullRefuse close"],
            "alert.test": ["CFOriginPullRefuse alert"],
            "off.test": [_page("/server-status", "server-status"), _page("/metrics", "cf-origin-pull-metrics")],
        }.get(name, [])

    def _pin_of_edge(self) -> str:
        """Of its key: the guard looks at the pins in the order of their texts, so at those of the other kinds first."""
        edge = self.authorities.clients["edge"]
        assert edge
        der = edge.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    # The clients

    def _visit_all(self, reload: int) -> None:
        """Every visit some times over; in the midst of them the server reloads."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            visits = [pool.submit(self._patiently, self._visit, *each) for each in self._visits(reload)]
            for http in ("1.1", "2"):
                visits += [pool.submit(self._patiently, each, http) for each in (self._read_pages, self._exempt_and_users)]
            visits.append(pool.submit(self._patiently, self._damaged))
            if reload in (0, self.size.reloads):
                self._storm()
            if reload < self.size.reloads:
                _first(visits, len(visits) // 3)
                self.httpd.write_config(self._config(reload + 1))
                self.httpd.graceful()
            for each in visits:
                each.result()

    def _storm(self) -> None:
        """Edges that come as fast as they can, several at once: only threads that run at the same time meet."""
        with ThreadPoolExecutor(2 * len(STORM)) as pool:
            for each in [pool.submit(self._rush, kind, tls) for kind in STORM for tls in TLS_VERSIONS]:
                each.result()

    def _rush(self, kind: str, tls: str) -> None:
        """Again where httpd ends the connection, with a process that it no longer needs."""
        edge = self.authorities.clients["edge"]
        assert edge
        words = [str(self.ports["ticket"]), kind, str(self.size.storm * STORM[kind]), "200", tls, edge.cert_file, edge.key_file]
        for _ in range(3):
            done = subprocess.run([self.client, *words], stderr=subprocess.PIPE, text=True)
            if done.returncode == 0:
                self.seen[f"rush {kind}"] += 1
                return
        self.wrong.append(f"{' '.join(map(str, done.args))}: {done.stderr}")

    def _patiently(self, what: Callable[..., None], *words: object) -> None:
        """Once more where the connection ends: at a reload httpd closes those that it has just accepted."""
        for _ in range(2):
            try:
                return what(*words)
            except (Reset, StreamError):
                self.seen["again"] += 1
        self.wrong.append(f"{what.__name__} {words}: the connection ended twice")

    def _visits(self, reload: int) -> list[tuple[str, str, Kind, str]]:
        """Those of this time: each virtual host, client and kind of session comes in turn, with either version of HTTP."""
        visits = [
            (name, client, kind, ("1.1", "2")[(number + len(name) + len(client)) % 2])
            for number, kind in enumerate(KINDS)
            for name in ANSWERS
            for client in CLIENT_NAMES
        ]
        return visits[reload % self.size.one_in :: self.size.one_in]

    def _visit(self, name: str, client: str, kind: Kind, http: str) -> None:
        """A full handshake, and another one that offers the first one's session."""
        expected = ANSWERS[name][CLIENT_NAMES.index(client)]
        port, credential, session = self.ports[kind.storage], self.authorities.clients[client], None
        for _ in range(2):
            outcome: object
            try:
                done = visit(port, name, tls=kind.tls, credential=credential, session=session, http=http)
                outcome, session = done.answer.status, done.session
                self.seen["resumed" if done.resumed else "full"] += 1
            except TlsAlert:
                outcome = "alert"
            except (Reset, StreamError):
                if expected not in ("alert", "closed"):
                    raise
                outcome = "closed"
            self._note(f"{name} {client} {kind} h{http}", outcome, expected)

    def _read_pages(self, http: str) -> None:
        with connect(self.ports["cache"], sni="off.test", http=http) as client:
            for path in ("/server-status", "/server-status?auto", "/metrics"):
                self._note(f"{path} h{http}", client.request(path, host="off.test").status, 200)

    def _exempt_and_users(self, http: str) -> None:
        """What needs no certificate, and what takes the certificate for a user: over HTTP/2 on several streams at once."""
        for client, name, path, expected in (
            ("nobody", "on.test", "/open/", 200),
            ("edge", "on.test", "/user/", 401),
            ("stranger", "logonly.test", "/user/", 401),
        ):
            credential = self.authorities.clients[client]
            with connect(self.ports["ticket"], sni=name, credential=credential, http=http) as connection:
                if isinstance(connection, Http1):
                    statuses = [connection.request(path, host=name).status]
                else:
                    streams = [connection.start(path, host=name) for _ in range(STREAMS)]
                    statuses = [connection.finish(stream).status for stream in streams]
            for status in statuses:
                self._note(f"{name}{path} {client} h{http}", status, expected)

    def _damaged(self) -> None:
        """Visitors' addresses that are none, a Host of another virtual host, and TLS to no name at all."""
        edge = self.authorities.clients["edge"]
        with connect(self.ports["ticket"], sni="address.test", credential=edge) as client:
            for address in ("192.0.2.7", "nonsense", "2001:db8::7"):
                answer = client.request("/", host="address.test", headers=[("CF-Connecting-IP", address)])
                self._note(f"address {address}", answer.status, 200)
        with connect(self.ports["ticket"], sni="off.test", credential=edge) as client:
            self._note("Host of another", client.request("/", host="on.test").status, 421)
        with connect(self.ports["cache"]) as client:
            self._note("no name", client.request("/", host="on.test").status, 400)

    def _note(self, what: str, outcome: object, expected: object) -> None:
        self.seen[str(outcome)] += 1
        # where a refusal ends the connection, TLS 1.3 tells of the handshake's failure in either way
        if outcome != expected and not (expected in ("alert", "closed") and outcome in ("alert", "closed")):
            self.wrong.append(f"{what}: {outcome} instead of {expected}")


def _first(visits: list[Future[None]], count: int) -> None:
    for each in visits[:count]:
        each.result()


def _for_users() -> str:
    return "\n".join([
        "<Location /user>",
        "  AuthType Basic",
        "  AuthName users",
        "  AuthBasicProvider file",
        "  AuthUserFile /dev/null",
        "  SSLOptions +FakeBasicAuth +StdEnvVars",
        "  Require valid-user",
        "</Location>",
    ])


def _page(path: str, handler: str) -> str:
    return f"<Location {path}>\n  SetHandler {handler}\n</Location>"
