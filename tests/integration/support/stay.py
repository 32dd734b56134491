"""A visit over TLS 1.3 that counts session tickets, by Python's own client: it sees the messages of the handshake."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Optional

from support.pki import Credential

_NEW_SESSION_TICKET = 4


@dataclass(frozen=True)
class Stay:
    status: int
    tickets: int
    resumed: Optional[bool]
    session: Optional[ssl.SSLSession]


def client_context(credential: Optional[Credential]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if credential:
        context.load_cert_chain(credential.cert_file, credential.key_file)
    return context


def stay(context: ssl.SSLContext, port: int, name: str, session: Optional[ssl.SSLSession] = None) -> Stay:
    """One request over TLS 1.3, and all that the server sends until it closes the connection."""
    kinds: list[int] = []
    # Python has no public name for it.
    context._msg_callback = lambda _, direction, version, content, kind, data: (  # type: ignore[attr-defined]
        kinds.append(int(kind)) if (direction, int(content)) == ("read", 22) else None
    )
    with socket.create_connection(("127.0.0.1", port), 20) as tcp, context.wrap_socket(
        tcp, server_hostname=name, session=session
    ) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: tls.recv(65536), b""))
        return Stay(int(answer.split()[1]), kinds.count(_NEW_SESSION_TICKET), tls.session_reused, tls.session)
