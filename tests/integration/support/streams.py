"""Byte streams to a server: TLS as a test wants it, or plain TCP."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Optional, Sequence

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM, X509, X509Name, load_privatekey

from support.pki import Credential

TIMEOUT = 20
_CHUNK = 65536
# what older versions of pyOpenSSL do not name
_VERSIONS = {"1.2": 0x0303, "1.3": 0x0304}
_ANY_VERSION = getattr(SSL, "TLS_CLIENT_METHOD", SSL.SSLv23_METHOD)


class TlsAlert(Exception):
    """The server ended TLS with an alert; the text is OpenSSL's name of it."""


class Reset(Exception):
    """The server tore the connection down without TLS's or TCP's good-bye."""


@dataclass(frozen=True)
class Route:
    """How a connection reaches the server: to which address, from which one ("": any), and what a proxy says first."""

    to: str = "127.0.0.1"
    source: str = ""
    preamble: bytes = b""


STRAIGHT = Route()


class PlainStream:
    """TCP. recv() gives b"" at its end."""

    resumed = False
    alpn = ""

    def __init__(self, port: int, route: Route = STRAIGHT) -> None:
        self.socket = _connect(port, route)

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Reset(str(error)) from error

    def recv(self) -> bytes:
        try:
            return self.socket.recv(_CHUNK)
        except ConnectionResetError as error:
            raise Reset(str(error)) from error
        except BlockingIOError as error:
            raise TimeoutError("the server said nothing") from error

    def close(self) -> None:
        self.socket.close()


class TlsStream:
    """TLS over TCP, after its handshake. The server's certificate is not looked at.

    With TLS 1.3 the server judges the client's certificate after our handshake has ended: its alert comes with
    the first recv(), and so do its tickets.
    """

    def __init__(
        self,
        port: int,
        *,
        sni: Optional[str],
        credential: Optional[Credential],
        version: str,
        session: Optional[SSL.Session] = None,
        alpn: Sequence[str] = (),
        context: Optional[SSL.Context] = None,
        route: Route = STRAIGHT,
    ) -> None:
        self.socket = _connect(port, route)
        self._tls = SSL.Connection(context or tls_context(version, credential, alpn), self.socket)
        if sni is not None:
            self._tls.set_tlsext_host_name(sni.encode("latin-1"))
        if session is not None:
            # pyOpenSSL 26 ties a session to its context; a client that comes back may have another one
            SSL._lib.SSL_set_session(self._tls._ssl, session._session)
        self._tls.set_connect_state()
        try:
            self._tls.do_handshake()
        except Exception as error:
            self.socket.close()
            raise _explained(error) from error

    @property
    def version(self) -> str:
        """ "1.2" or "1.3", as agreed."""
        return self._tls.get_protocol_version_name().removeprefix("TLSv")

    @property
    def resumed(self) -> bool:
        # pyOpenSSL has no public name for it.
        return bool(SSL._lib.SSL_session_reused(self._tls._ssl))

    @property
    def alpn(self) -> str:
        return self._tls.get_alpn_proto_negotiated().decode()

    @property
    def session(self) -> Optional[SSL.Session]:
        """The newest session that the server gave; with TLS 1.3 read an answer first."""
        return self._tls.get_session()

    @property
    def client_ca_names(self) -> list[X509Name]:
        """The CAs that the server named when it asked for a certificate."""
        return self._tls.get_client_ca_list()

    def show(self, credential: Credential) -> None:
        """Show this certificate, without a chain, when the server asks again."""
        self._tls.set_context(tls_context(self.version, credential.sending()))

    def renegotiate(self) -> None:
        """Ask for a new handshake on the client's behalf (TLS 1.2)."""
        try:
            self._tls.renegotiate()
            self._tls.do_handshake()
        except Exception as error:
            raise _explained(error) from error

    def send(self, data: bytes) -> None:
        try:
            self._tls.sendall(data)
        except Exception as error:
            raise _explained(error) from error

    def recv(self) -> bytes:
        try:
            return self._tls.recv(_CHUNK)
        except SSL.ZeroReturnError:
            return b""
        except Exception as error:
            raise _explained(error) from error

    def close(self) -> None:
        try:
            self._tls.shutdown()
        except SSL.Error:
            pass  # the server went first
        self.socket.close()


def tls_context(
    version: str, credential: Optional[Credential], alpn: Sequence[str] = (), *, later: bool = True
) -> SSL.Context:
    """A client's context; one context may serve several connections. `later`: with TLS 1.3 it can be asked after the handshake."""
    context = SSL.Context(_ANY_VERSION)
    SSL._lib.SSL_CTX_set_min_proto_version(context._context, _VERSIONS[version])
    SSL._lib.SSL_CTX_set_max_proto_version(context._context, _VERSIONS[version])
    # Weak certificates must reach the server: it is the one to refuse them.
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    # A directory that asks for a certificate of its own does so after the handshake.
    SSL._lib.SSL_CTX_set_post_handshake_auth(context._context, int(later))
    if alpn:
        context.set_alpn_protos([name.encode() for name in alpn])
    if credential is not None:
        context.use_certificate(X509.from_cryptography(credential.certificate))
        context.use_privatekey(load_privatekey(FILETYPE_PEM, credential.key_pem))
        for link in credential.chain:
            context.add_extra_chain_cert(X509.from_cryptography(link.certificate))
    return context


def _connect(port: int, route: Route) -> socket.socket:
    """A blocking socket with the kernel's time limits: pyOpenSSL cannot work with Python's."""
    source = (route.source, 0) if route.source else None
    connection = socket.create_connection((route.to, port), timeout=TIMEOUT, source_address=source)
    connection.settimeout(None)
    limit = struct.pack("ll", TIMEOUT, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(route.preamble)
    return connection


def _explained(error: Exception) -> Exception:
    """pyOpenSSL's errors, as what happened on the wire."""
    if isinstance(error, (SSL.WantReadError, SSL.WantWriteError)):
        return TimeoutError("the server said nothing")
    if isinstance(error, SSL.SysCallError):
        return Reset(str(error))
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        library, _, reason = error.args[0][0]
        if library == "system library":
            return Reset(library)
        if "alert" in reason:
            return TlsAlert(reason)
        if "unexpected eof" in reason:
            return Reset(reason)
    return error
