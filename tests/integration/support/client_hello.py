"""A ClientHello of TLS 1.3, byte by byte, with as many tickets as are wanted."""

from __future__ import annotations

import os
import socket
import struct
from typing import Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALERT, HANDSHAKE = 0x15, 0x16
_RECORD = 16000
_X25519 = 0x1D
_BINDER = 48  # of the SHA-384 of the first cipher suite


def _vector(content: bytes, size: str = ">H") -> bytes:
    return struct.pack(size, len(content)) + content


def _extension(kind: int, content: bytes) -> bytes:
    return struct.pack(">H", kind) + _vector(content)


def _server_name(name: str) -> bytes:
    return _extension(0, _vector(b"\0" + _vector(name.encode())))


def _key_share(has_share: bool) -> bytes:
    """Without a share the server asks for one, by a HelloRetryRequest."""
    key = X25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return _extension(51, _vector(struct.pack(">H", _X25519) + _vector(key) if has_share else b""))


def _pre_shared_keys(tickets: Sequence[bytes]) -> bytes:
    """Their binders are random: the client does not know the sessions' secrets."""
    identities = b"".join(_vector(ticket) + bytes(4) for ticket in tickets)
    binders = b"".join(bytes([_BINDER]) + os.urandom(_BINDER) for _ in tickets)
    return _extension(45, b"\x01\x01") + _extension(41, _vector(identities) + _vector(binders))


def client_hello(name: str, tickets: Sequence[bytes], *, has_share: bool = True) -> bytes:
    extensions = _server_name(name) + _extension(43, b"\x02\x03\x04")
    extensions += _extension(13, _vector(bytes.fromhex("040308040401")))
    extensions += _extension(10, _vector(struct.pack(">H", _X25519))) + _key_share(has_share)
    if tickets:
        extensions += _pre_shared_keys(tickets)
    body = b"\x03\x03" + bytes(32) + _vector(bytes(32), ">B") + _vector(struct.pack(">HH", 0x1302, 0x1301))
    body += b"\x01\x00" + _vector(extensions)
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    parts = [message[at : at + _RECORD] for at in range(0, len(message), _RECORD)]
    return b"".join(b"\x16\x03\x01" + _vector(part) for part in parts)


def answers(port: int, *hellos: bytes) -> list[int]:
    """The type of the first record that answers each; after an alert nothing more is sent."""
    types: list[int] = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for hello in hellos:
            connection.sendall(hello)
            types.append(connection.recv(5)[0])
            if types[-1] == ALERT:
                break
            connection.recv(65536)
    return types
