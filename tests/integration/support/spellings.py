"""Ways to write a path that starts with what is open, and that somebody may take for what is not.

`spellings("/open", "secret.html")` are request targets for HTTP/1.1 and :path for HTTP/2, with {host} where they name one.
"""

from __future__ import annotations

import re
from typing import Iterator
from urllib.parse import unquote_to_bytes

_UPS = ("..", "%2e%2e", "%2E%2E", "%2e%2E", "%2E%2e", ".%2e", ".%2E", "%2e.", "%2E.")
_SLASHES = ("//", "///", "/./", "/%2e/", "/%2E/", "/.//", "%2f", "%2F", "/%2f", "\\", "%5c", "%5C", "/;/")
# what an unescape too many, an old decoder or another system makes dots and slashes of
_STRANGE_UPS = (
    "%252e%252e", "%252E%252E", ".%252e", "%25252e%25252e", "%c0%ae%c0%ae", "%C0%AE%C0%AE", "%e0%80%ae%e0%80%ae",
    "%f0%80%80%ae%f0%80%80%ae", "%u002e%u002e", "%uff0e%uff0e", "%ef%bc%8e%ef%bc%8e", "%2e%2e%00", "..%00", "..%20", "..%09",
    "..%0d%0a", "...", "....", ".. ", ".\t.", "%%32%65%%32%65", "%2%65%2%65", "..%ff", "\xc0\xae\xc0\xae", "..\x01", "..%7f",
)  # fmt: skip
_STRANGE_SLASHES = ("%252f", "%25252F", "%c0%af", "%C0%AF", "%e0%80%af", "%u2215", "%255c", "%ef%bc%8f", "\xc0\xaf", "%00/", "%0a/")
_PARAMETERS = (";", ";a=b", ";jsessionid=1", "%3b", "%3B", ";/", ";..", ";%2e%2e")


def spellings(prefix: str, inside: str) -> list[str]:
    """At least 300, none twice."""
    return list(dict.fromkeys(_all(prefix, inside)))


def is_plain(prefix: str, target: str) -> bool:
    """What the documents promise to be exempt: nothing that anybody could read in another way."""
    path = target.split("?")[0]
    segments = path.removesuffix("/").split("/")[1:]
    plain = all(re.fullmatch(r"[A-Za-z0-9._~-]+", segment) and segment not in (".", "..") for segment in segments)
    wanted = prefix.split("/")[1:]
    return path.startswith("/") and plain and segments[: len(wanted)] == wanted


def resolved_by_anybody(target: str) -> str:
    """The path that the laxest of servers would serve: it decodes all there is, several times, and in old ways."""
    path = re.sub(r"^[a-z]+://[^/]*", "", target).split("?")[0].split("#")[0].encode("latin-1")
    for _ in range(4):
        path = re.sub(rb"%u([0-9a-f]{4})", _unicode, unquote_to_bytes(path), flags=re.IGNORECASE)
    for overlong, character in _OVERLONG:
        path = path.replace(overlong, character)
    path = re.sub(rb"[\x00-\x20\x7f-\xff]", b"", path.replace(b"\\", b"/"))
    segments: list[bytes] = []
    for segment in re.sub(rb";[^/]*", b"", path).split(b"/"):
        if segment == b"..":
            del segments[-1:]
        elif segment not in (b"", b"."):
            segments.append(segment)
    return "/" + b"/".join(segments).decode().lower()


_OVERLONG = tuple(
    (bytes(overlong), character)
    for character in (b".", b"/")
    for overlong in (
        [0xC0, 0x80 | character[0]],
        [0xE0, 0x80, 0x80 | character[0]],
        [0xF0, 0x80, 0x80, 0x80 | character[0]],
        chr(0xFEE0 + character[0]).encode(),
    )
)


def _unicode(match: re.Match[bytes]) -> bytes:
    return {0x2215: b"/", 0xFF0E: b"."}.get(int(match[1], 16), bytes([int(match[1], 16) & 0xFF]))


def _all(prefix: str, inside: str) -> Iterator[str]:
    for up in _UPS:
        yield f"{prefix}/{up}/{inside}"
        yield f"{prefix}/below/{up}/{up}/{inside}"
        yield f"/{inside}/{up}{prefix}/{up}/{inside}"
        for slash in _SLASHES if up in _UPS[:3] else _SLASHES[:1]:
            yield f"{prefix}{slash}{up}/{inside}"
            yield f"{prefix}/{up}{slash}{inside}"
        for parameter in _PARAMETERS:
            yield f"{prefix}/{up}{parameter}/{inside}"
    for up in _STRANGE_UPS:
        yield f"{prefix}/{up}/{inside}"
    for slash in _STRANGE_SLASHES:
        yield f"{prefix}{slash}..{slash}{inside}"
        yield f"{prefix}/..{slash}{inside}"
    for parameter in _PARAMETERS:
        yield f"{prefix}{parameter}/../{inside}"
        yield f"{prefix}/{parameter}/../../{inside}"
        yield f"/{inside}{parameter}{prefix}"
    yield from _letters(prefix, inside)
    yield from _around(prefix, inside)


def _letters(prefix: str, inside: str) -> Iterator[str]:
    """One letter after the other, encoded."""
    for text in (f"{prefix}/../{inside}", f"/{inside}", f"{prefix}/token.html"):
        for at, character in enumerate(text):
            code = f"%{ord(character):02x}" if at % 2 else f"%{ord(character):02X}"
            yield f"{text[:at]}{code}{text[at + 1 :]}" if at else f"/{code}{text[1:]}"
        yield "/" + "".join(f"%{ord(character):02x}" for character in text[1:])


def _around(prefix: str, inside: str) -> Iterator[str]:
    """Queries, fragments, forms of the request target, cases, ends."""
    out = f"{prefix}/../{inside}"
    yield from (f"{out}?", f"{out}?{prefix}", f"{out}??{prefix}/token.html", f"{out}#", f"{out}#{prefix}", f"{out}%3f{prefix}", f"{out}%23")
    yield from (f"/{inside}?{prefix}/", f"/{inside}?/../{prefix}/", f"/{inside}#{prefix}/", f"/{inside}%3f/../{prefix}/token.html")
    yield from (f"{prefix}?/../{inside}", f"{prefix}/?/../{inside}", f"{prefix}/..?/{inside}", f"{prefix}/%3f/../../{inside}")
    yield from (f"{prefix}%23/../{inside}", f"{prefix}#/../{inside}", f"{prefix}/#/../../{inside}", f"{prefix}/token.html?{out}")
    for scheme in ("https", "http", "HTTPS", "ftp"):
        yield from (f"{scheme}://{{host}}{out}", f"{scheme}://{{host}}/{inside}", f"{scheme}://{{host}}{prefix}/token.html")
    yield from (f"https://{{host}}:1{out}", f"https://user@{{host}}{out}", f"https:{out}", f"{{host}}{out}", "{host}:443", "*", "")
    yield from (f"https://{prefix}/../{{host}}/{inside}", f"https://{{host}}/{inside}?{prefix}", f"https:///{prefix}{out}")
    yield from (f"//{{host}}{out}", f"/{out}", f"//{out}", f"/.{out}", f"/%2e{out}", f"/..{out}", f"/%2e%2e{out}", f".{out}", out[1:])
    yield from (f"\\{out[1:]}", f"/\\{out}", f"/x/..{out}", f"/./{inside}", f"//{inside}", f"/%2f{inside}", f"/{inside}/.", f"/{inside}/..{prefix}")
    yield from (f"/{inside}/../{prefix[1:]}/token.html", f"/{inside}/%2e%2e{prefix}/token.html", f"/.{prefix}/token.html", f"/{prefix}/token.html")
    yield from (out.upper(), out.title(), f"{prefix.upper()}/../{inside}", f"{prefix.title()}/../{inside}", f"{prefix.upper()}/token.html")
    yield from (f"{out}.", f"{out}/", f"{out}%00", f"{out}%00.html", f"{out}%20", f"{out}::$DATA", f"{prefix}%00/../{inside}", f"/{inside}%00{prefix}")
    yield from (f"{prefix}./../{inside}", f"{prefix}./token.html", f"{prefix}../{inside}", f"{prefix}..%2f{inside}", f"{prefix}%2e%2e/{inside}")
    yield from (f"{prefix}ness/../{inside}", f"{prefix}-/../{inside}", f"{prefix}/token.html/../../{inside}", f"{prefix}/~/../../{inside}")
    yield from (f"{prefix}/./../{inside}", f"{prefix}/../{inside}/.", f"{prefix}/.././{inside}", f"{prefix}/../..{prefix}/../{inside}")
    yield from (f"{prefix}/..", f"{prefix}/.", f"{prefix}//", f"{prefix}/%2e", f"{prefix}/../", f"/{inside}", "/")
    yield from (f"{prefix}/{{x}}/../../{inside}", f"{prefix}/../../../../{inside}", f"{prefix}/%zz/../../{inside}", f"{prefix}/%/../../{inside}")
    for character in "!$&'()*+,:=@[]^`|<>\"":
        yield f"{prefix}/{character}/../../{inside}"
        yield f"{prefix}{character}/../{inside}"
    # these are plain, and exempt
    yield from (prefix, f"{prefix}/", f"{prefix}/token.html", f"{prefix}/token.html/", f"{prefix}/...", f"{prefix}/..x", f"{prefix}/~", f"{prefix}/-._~9")
    yield from (f"{prefix}/token.html?a=%2e%2e/;\\", f"{prefix}?x", f"{prefix}/.hidden", f"{prefix}/{inside}", f"{prefix}/token.html.", f"{prefix}/TOKEN.html")
    # plain, and elsewhere
    yield from (f"{prefix}ness/{inside}", f"{prefix[:-1]}", f"{prefix}.html", f"{prefix}~", f"{prefix}-/{inside}", f"/x{prefix}/token.html", f"/below{prefix}")
