"""HTTP/1.x over a stream, spelled out byte by byte where a test wants to."""

from __future__ import annotations

from typing import Iterable, Optional, Union

from support.response import Response
from support.streams import PlainStream, Reset, TlsStream

Headers = Iterable[tuple[str, str]]


class Http1:
    """One connection; requests follow one another on it."""

    def __init__(self, stream: Union[PlainStream, TlsStream]) -> None:
        self.stream = stream
        self._buffer = b""

    def request(
        self,
        path: str = "/",
        *,
        host: Optional[str] = None,
        method: str = "GET",
        headers: Headers = (),
        body: bytes = b"",
        version: str = "1.1",
    ) -> Response:
        self.send(request_bytes(path, host=host, method=method, headers=headers, body=body, version=version))
        return self.read_response(method)

    def send(self, data: bytes) -> None:
        self.stream.send(data)

    def send_in_pieces(self, data: bytes, size: int = 65536) -> int:
        """Send as much as the server takes; returns how much that was."""
        for start in range(0, len(data), size):
            try:
                self.stream.send(data[start : start + size])
            except Reset:
                return start
        return len(data)

    def read_response(self, method: str = "GET") -> Response:
        """The next answer, informational ones (1xx) included."""
        head = self._read_through(b"\r\n\r\n").decode("latin-1")
        status_line, *lines = head.rstrip("\r\n").split("\r\n")
        protocol, status = status_line.split(" ")[:2]
        headers = tuple(_header(line) for line in lines)
        body = self._read_body(int(status), dict(headers), method)
        return Response(protocol.removeprefix("HTTP/"), int(status), headers, body)

    def read_to_end(self) -> bytes:
        """Everything until the server closes."""
        while self._fill():
            pass
        rest, self._buffer = self._buffer, b""
        return rest

    def is_closed(self) -> bool:
        """True where nothing more comes but the connection's end; waits for either."""
        return not self._buffer and not self._fill()

    def close(self) -> None:
        self.stream.close()

    def __enter__(self) -> "Http1":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_body(self, status: int, headers: dict[str, str], method: str) -> bytes:
        if method == "HEAD" or status < 200 or status in (204, 304):
            return b""
        if method == "CONNECT" and status < 300:
            return b""
        if headers.get("transfer-encoding") == "chunked":
            return self._read_chunks()
        if "content-length" in headers:
            return self._read_exactly(int(headers["content-length"]))
        return self.read_to_end()

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            size = int(self._read_through(b"\r\n").split(b";")[0], 16)
            chunk = self._read_exactly(size + 2)
            if size == 0:
                return body
            body += chunk[:-2]

    def _read_through(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            if not self._fill():
                raise Reset(f"the server closed after {self._buffer!r}")
        end = self._buffer.index(mark) + len(mark)
        taken, self._buffer = self._buffer[:end], self._buffer[end:]
        return taken

    def _read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if not self._fill():
                raise Reset(f"the server closed after {len(self._buffer)} of {size} bytes")
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _fill(self) -> bool:
        data = self.stream.recv()
        self._buffer += data
        return bool(data)


def request_bytes(
    path: str = "/",
    *,
    host: Optional[str] = None,
    method: str = "GET",
    headers: Headers = (),
    body: bytes = b"",
    version: str = "1.1",
) -> bytes:
    """A request as it goes over the wire. Without a host there is no Host header."""
    lines = [f"{method} {path} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
