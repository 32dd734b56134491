"""Visits that keep TLS sessions, and what a server makes of a session that is offered.

A session can live in four ways: TLS 1.2 by an id in the server's cache or by a ticket, TLS 1.3 by a ticket or by a
reference to the server's cache. A port is of one storage: its first vhost decides for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from OpenSSL import SSL

from support.client import connect
from support.pki import Credential
from support.response import Response
from support.streams import STRAIGHT, Route

STORAGES = ("cache", "ticket")


@dataclass(frozen=True)
class Kind:
    """How a session lives."""

    tls: str
    storage: str

    def __str__(self) -> str:
        return f"tls{self.tls}-{self.storage}"


KINDS = tuple(Kind(tls, storage) for tls in ("1.2", "1.3") for storage in STORAGES)
TICKETS = tuple(kind for kind in KINDS if kind.storage == "ticket")

# A vhost with these lines says whether it took up a session, and what mod_ssl thinks of the client.
SESSION_EVIDENCE = (
    'Header always set X-Resumed "expr=%{SSL_SESSION_RESUMED}"',
    'Header always set X-Client-Verify "expr=%{SSL_CLIENT_VERIFY}"',
)


def storage_lines(storage: str, key_file: Optional[Path] = None) -> tuple[str, ...]:
    """The lines of a vhost whose sessions are stored so; with a key file tickets outlive the server."""
    if storage == "cache":
        return ("SSLSessionTickets off",)
    return (f"SSLSessionTicketKeyFile {key_file}",) if key_file else ()


@dataclass(frozen=True)
class Visit:
    """One request on a connection of its own, and the session to come back with."""

    answer: Response
    resumed: bool
    session: SSL.Session

    @property
    def outcome(self) -> tuple[int, str, bool]:
        """Status, CF_ORIGIN_PULL_VERIFY, and whether an earlier session was taken up."""
        return (self.answer.status, self.answer.verify, self.resumed)


def visit(
    port: int,
    name: str,
    *,
    tls: str,
    credential: Optional[Credential] = None,
    session: Optional[SSL.Session] = None,
    http: str = "1.1",
    path: str = "/",
    sni: Optional[str] = None,
    route: Route = STRAIGHT,
) -> Visit:
    """Visit the vhost of that name, offering a session if there is one. Server and client agree on its fate."""
    with connect(port, sni=sni or name, credential=credential, tls=tls, session=session, http=http, route=route) as client:
        resumed = client.stream.resumed
        answer = client.request(path, host=name)
        # the request may have made the server negotiate anew
        in_the_end = "Resumed" if client.stream.resumed else "Initial"
        kept = client.stream.session
    assert kept is not None
    assert answer.header("x-resumed") in (None, in_the_end)
    return Visit(answer, resumed, kept)
