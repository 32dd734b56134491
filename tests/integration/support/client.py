"""A client as a test tells of it: where to, under which name, with which certificate.

    with connect(port, sni="guarded.test", credential=edge, tls="1.3", http="2") as client:
        assert client.request("/", host="guarded.test").status == 200
"""

from __future__ import annotations

from typing import Optional, Union

from OpenSSL import SSL

from support import environment
from support.http1 import Headers, Http1
from support.http2 import Http2
from support.pki import Credential
from support.response import Response
from support.streams import STRAIGHT, PlainStream, Route, TlsStream

Client = Union[Http1, Http2]
TLS_VERSIONS = ("1.2", "1.3")
# mod_http2 does not work with prefork
HTTP_VERSIONS = ("1.1",) if environment.default_mpm() == "prefork" else ("1.1", "2")
_ALPN = {"1.1": ("http/1.1",), "2": ("h2",)}


def connect(
    port: int,
    *,
    sni: Optional[str] = None,
    credential: Optional[Credential] = None,
    tls: str = "1.3",
    http: str = "1.1",
    session: Optional[SSL.Session] = None,
    context: Optional[SSL.Context] = None,
    route: Route = STRAIGHT,
) -> Client:
    """A TLS connection that speaks HTTP/1.1 or HTTP/2."""
    stream = TlsStream(
        port, sni=sni, credential=credential, version=tls, session=session, alpn=_ALPN[http], context=context, route=route
    )
    return Http2(stream) if http == "2" else Http1(stream)


def connect_plain(port: int, route: Route = STRAIGHT) -> Http1:
    """A connection without TLS."""
    return Http1(PlainStream(port, route))


def fetch(
    port: int,
    path: str = "/",
    *,
    sni: Optional[str] = None,
    host: Optional[str] = None,
    credential: Optional[Credential] = None,
    tls: str = "1.3",
    http: str = "1.1",
    method: str = "GET",
    headers: Headers = (),
    route: Route = STRAIGHT,
) -> Response:
    """One request on a connection of its own; the Host is the SNI's unless given."""
    with connect(port, sni=sni, credential=credential, tls=tls, http=http, route=route) as client:
        return client.request(path, host=host or sni, method=method, headers=headers)
