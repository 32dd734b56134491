"""Requests of HTTP/1 for closed.test that httpd answers before it looks for their virtual host."""

from __future__ import annotations

BROKEN = {
    "no request": b"what is this\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "bad host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "bad length": b"POST / HTTP/1.1\r\nHost: closed.test\r\nContent-Length: -1\r\n\r\n",
    "long line": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: closed.test\r\n\r\n",
    "large header": b"GET / HTTP/1.1\r\nHost: closed.test\r\nA: " + b"a" * 9000 + b"\r\n\r\n",
}
