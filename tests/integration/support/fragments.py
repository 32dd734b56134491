"""A TLS stream whose ClientHello comes in pieces: several TLS records, several TCP segments."""

from __future__ import annotations

import time
from typing import Optional

from OpenSSL import SSL

from support.pki import Credential
from support.streams import PlainStream, Reset, TlsAlert, tls_context

_HANDSHAKE = 22
_CHUNK = 65536


def records(hello: bytes, size: int) -> list[bytes]:
    """One record, cut into several that carry `size` bytes of the message each."""
    head, body = hello[:3], hello[5:]
    assert head[0] == _HANDSHAKE and int.from_bytes(hello[3:5], "big") == len(body)
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return [head + len(part).to_bytes(2, "big") + part for part in parts]


class FragmentedTlsStream:
    """TLS by hand over TCP. `record` is the number of message bytes in each record of the ClientHello, `segment` that
    of the bytes in each TCP segment; the segments are sent a moment apart."""

    def __init__(
        self, port: int, *, sni: str, credential: Optional[Credential], version: str, record: int, segment: int
    ) -> None:
        self._tcp = PlainStream(port)
        self._tls = SSL.Connection(tls_context(version, credential, ("http/1.1",)), None)
        self._tls.set_tlsext_host_name(sni.encode())
        self._tls.set_connect_state()
        self._step(self._tls.do_handshake)
        wire = b"".join(records(self._tls.bio_read(_CHUNK), record))
        for start in range(0, len(wire), segment):
            self._tcp.send(wire[start : start + segment])
            time.sleep(0.002)
        while not self._step(self._tls.do_handshake):
            self._exchange()
        self._flush()

    def send(self, data: bytes) -> None:
        self._tls.send(data)
        self._flush()

    def recv(self) -> bytes:
        while True:
            try:
                return self._tls.recv(_CHUNK)
            except SSL.ZeroReturnError:
                return b""
            except SSL.WantReadError:
                self._exchange()

    def close(self) -> None:
        self._tcp.close()

    def _step(self, action: object) -> bool:
        """True when the action is done, False while it waits for the server."""
        try:
            action()  # type: ignore[operator]
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise TlsAlert(str(error)) from error
        return True

    def _exchange(self) -> None:
        self._flush()
        data = self._tcp.recv()
        if not data:
            raise Reset("the server closed")
        self._tls.bio_write(data)

    def _flush(self) -> None:
        while True:
            try:
                self._tcp.send(self._tls.bio_read(_CHUNK))
            except SSL.WantReadError:
                return
