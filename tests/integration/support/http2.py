"""HTTP/2 over TLS: several streams on one connection, each with an authority of its own."""

from __future__ import annotations

from typing import Iterable, Optional

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection, H2ConnectionStateMachine
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset

from support.response import Response
from support.streams import Reset, TlsAlert, TlsStream

Headers = Iterable[tuple[str, str]]


class StreamError(Exception):
    """The server reset a stream instead of answering; the argument is HTTP/2's error code."""


class _PatientStates(H2ConnectionStateMachine):
    """After a GOAWAY the streams under way still get their answers; h2 itself takes those for errors."""

    _transitions = {
        **H2ConnectionStateMachine._transitions,
        (ConnectionState.CLIENT_OPEN, ConnectionInputs.RECV_GOAWAY): (None, ConnectionState.CLIENT_OPEN),
    }


class _Answer:
    def __init__(self) -> None:
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body = b""
        self.ended = False
        self.error: Optional[int] = None


class Http2:
    """One connection; `request` for one stream after another, `start` and `finish` for several at once."""

    def __init__(self, stream: TlsStream) -> None:
        assert stream.alpn == "h2", f"the server does not speak HTTP/2 but {stream.alpn!r}"
        self.stream = stream
        config = H2Configuration(header_encoding="latin-1", validate_outbound_headers=False)
        self._h2 = H2Connection(config)
        self._h2.state_machine = _PatientStates()
        self._answers: dict[int, _Answer] = {}
        self.terminated = False
        self._h2.initiate_connection()
        self._flush()

    def request(
        self,
        path: str = "/",
        *,
        host: Optional[str] = None,
        method: str = "GET",
        headers: Headers = (),
        body: bytes = b"",
    ) -> Response:
        return self.finish(self.start(path, host=host, method=method, headers=headers, body=body))

    def start(
        self,
        path: str = "/",
        *,
        host: Optional[str] = None,
        method: str = "GET",
        headers: Headers = (),
        body: bytes = b"",
    ) -> int:
        """Send a request; returns its stream. CONNECT has neither scheme nor path."""
        pseudo = [(":method", method)]
        if method != "CONNECT":
            pseudo += [(":scheme", "https"), (":path", path)]
        if host is not None:
            pseudo.append((":authority", host))
        stream = self._h2.get_next_available_stream_id()
        self._answers[stream] = _Answer()
        self._h2.send_headers(stream, [*pseudo, *headers], end_stream=not body)
        self._flush()
        self._send_body(stream, body)
        return stream

    def finish(self, stream: int) -> Response:
        """Wait for the whole answer of a stream."""
        answer = self._answers[stream]
        while not answer.ended and answer.error is None:
            self._receive()
        if answer.error is not None and not answer.ended:
            raise StreamError(answer.error)
        headers = dict(answer.headers)
        rest = tuple(pair for pair in answer.headers if not pair[0].startswith(":"))
        return Response("2", int(headers[":status"]), rest, answer.body)

    def outlast(self) -> None:
        """Read until the server ends the connection, in whatever way."""
        try:
            while data := self.stream.recv():
                for event in self._h2.receive_data(data):
                    self._take(event)
        except (Reset, TlsAlert):
            pass

    def is_answered(self, stream: int) -> bool:
        """Whether anything of an answer came on that stream."""
        return bool(self._answers[stream].headers or self._answers[stream].body)

    def close(self) -> None:
        self.stream.close()

    def __enter__(self) -> "Http2":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send_body(self, stream: int, body: bytes) -> None:
        answer = self._answers[stream]
        while body and not answer.ended and answer.error is None:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size, len(body))
            if room == 0:
                self._receive()
                continue
            self._h2.send_data(stream, body[:room], end_stream=room == len(body))
            body = body[room:]
            self._flush()

    def _receive(self) -> None:
        data = self.stream.recv()
        if not data:
            raise Reset("the server closed the HTTP/2 connection")
        for event in self._h2.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event: object) -> None:
        if isinstance(event, ResponseReceived):
            self._answers[event.stream_id].headers = tuple(event.headers)
        elif isinstance(event, DataReceived):
            self._answers[event.stream_id].body += event.data
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self._answers[event.stream_id].ended = True
        elif isinstance(event, StreamReset):
            self._answers[event.stream_id].error = event.error_code
        elif isinstance(event, ConnectionTerminated):
            self.terminated = True

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self.stream.send(data)
