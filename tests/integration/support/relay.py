"""A relay in front of a server that can end in the middle of what a client says."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Optional


class Relay:
    """One TCP connection to a server, passed on as it is; after only(n) it ends the client's side behind n more TLS records."""

    def __init__(self, server_port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._server_port = server_port
        self._left: Optional[int] = None
        threading.Thread(target=self._run, daemon=True).start()

    def only(self, records: int) -> None:
        self._left = records

    def _run(self) -> None:
        client, _ = self._listener.accept()
        self._listener.close()
        server = socket.create_connection(("127.0.0.1", self._server_port))
        threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
        with suppress(OSError), server, client.makefile("rb") as reader:
            while head := reader.read(5):
                record = head + reader.read(int.from_bytes(head[3:], "big"))
                if self._left is None:
                    server.sendall(record)
                elif self._left > 0:
                    self._left -= 1
                    server.sendall(record)
                    if not self._left:
                        server.shutdown(socket.SHUT_WR)


def _pass_on(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while data := server.recv(65536):
            client.sendall(data)
        client.shutdown(socket.SHUT_WR)
