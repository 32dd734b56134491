"""Good PEM files made bad, each in one way."""

from __future__ import annotations

import base64
import re
from typing import Callable

_BASE64_LINE = re.compile(rb"(?<=-----\n)[A-Za-z0-9+/=]+\n")


def bad_base64(block: bytes) -> bytes:
    """A character in the middle of the first line that base64 does not know."""
    start = _BASE64_LINE.search(block).start()  # type: ignore[union-attr]
    return block[: start + 20] + b"!" + block[start + 21 :]


def lost_line(block: bytes) -> bytes:
    """The first line of base64 is missing."""
    return _BASE64_LINE.sub(b"", block, count=1)


def flipped_byte(block: bytes) -> bytes:
    """One wrong byte where DER has the length of its outermost element."""
    head, _, tail = block.partition(b"-----\n")
    body, _, end = tail.partition(b"-----END")
    der = bytearray(base64.b64decode(body))
    der[3] ^= 0xFF
    return head + b"-----\n" + base64.encodebytes(bytes(der)) + b"-----END" + end


def no_end(block: bytes) -> bytes:
    """The closing line is missing."""
    return re.sub(rb"-----END [^\n]*\n", b"", block)


def damaged_begin(block: bytes) -> bytes:
    """The opening line lacks a letter, so that readers see no block at all."""
    return block.replace(b"-----BEGIN ", b"-----BEGI ")


def short_begin(block: bytes) -> bytes:
    """The opening line lacks a dash at its end."""
    return re.sub(rb"(-----BEGIN [A-Z0-9 ]+-----)\n", lambda match: match[1][:-1] + b"\n", block)


def damaged_end(block: bytes) -> bytes:
    """The closing line lacks a letter."""
    return block.replace(b"-----END ", b"-----ED ")


def cut_off(block: bytes) -> bytes:
    """The second half is missing."""
    return block[: len(block) // 2]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "bad-base64": bad_base64,
    "lost-line": lost_line,
    "flipped-byte": flipped_byte,
    "no-end": no_end,
    "damaged-begin": damaged_begin,
    "short-begin": short_begin,
    "damaged-end": damaged_end,
    "cut-off": cut_off,
}
