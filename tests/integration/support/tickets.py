"""Session tickets in a forger's hands: httpd's are opened with the key file, changed, and sealed again.

The client is openssl's s_client, which writes its session to a file and takes it from one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from support.pki import Credential

# What mod_ssl makes of the 48 bytes of the file: key name, HMAC key, AES key.
NAME, HMAC_KEY, AES_KEY = slice(0, 16), slice(16, 32), slice(32, 48)
ZEROS = bytes(16)
_MAC_LEN = 32
# In the DER of a session: [10] is the client's ticket, [18] what the guard keeps with it.
_TICKET, _APPDATA = 0xAA, 0xB2


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents, one after the other."""
    found, at = [], 0
    while at < len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(der[at : at + count], "big")
            at += count
        found.append((tag, der[at : at + size]))
        at += size
    return found


def _octets_in(der: bytes, tag: int) -> bytes:
    """The OCTET STRING inside the element of a session with this tag."""
    ((_, sequence),) = _elements(der)
    ((_, octets),) = _elements(dict(_elements(sequence))[tag])
    return octets


def _with_octets(der: bytes, tag: int, octets: bytes) -> bytes:
    ((_, sequence),) = _elements(der)
    parts = [(t, _element(0x04, octets) if t == tag else c) for t, c in _elements(sequence)]
    return _element(0x30, b"".join(_element(t, c) for t, c in parts))


@dataclass(frozen=True)
class Opened:
    """A ticket's session, and the judgement in it."""

    der: bytes

    @property
    def judgement(self) -> bytes:
        return _octets_in(self.der, _APPDATA)

    def with_judgement(self, judgement: bytes) -> "Opened":
        return Opened(_with_octets(self.der, _APPDATA, judgement))


def open_ticket(session: bytes, keys: bytes, hmac_key: bytes) -> Opened:
    """What is in the ticket of the client's session; its HMAC must fit, or the forger knows the wrong key."""
    ticket = _octets_in(session, _TICKET)
    sealed, mac = ticket[:-_MAC_LEN], ticket[-_MAC_LEN:]
    assert sealed[:16] == keys[NAME]
    assert hmac.digest(hmac_key, sealed, hashlib.sha256) == mac, "httpd's HMAC key is another one"
    decryptor = Cipher(algorithms.AES(keys[AES_KEY]), modes.CBC(sealed[16:32])).decryptor()
    plain = decryptor.update(sealed[32:]) + decryptor.finalize()
    return Opened(plain[: -plain[-1]])


def ticket_of(session: bytes) -> bytes:
    """The ticket in the client's session; with `SSLSessionTickets off` the name of the session in the server's cache."""
    return _octets_in(session, _TICKET)


def seal_ticket(session: bytes, opened: Opened, keys: bytes, hmac_key: bytes) -> bytes:
    """The client's session with this ticket instead of its own."""
    iv = secrets.token_bytes(16)
    padding = 16 - len(opened.der) % 16
    encryptor = Cipher(algorithms.AES(keys[AES_KEY]), modes.CBC(iv)).encryptor()
    sealed = keys[NAME] + iv + encryptor.update(opened.der + bytes([padding]) * padding) + encryptor.finalize()
    return _with_octets(session, _TICKET, sealed + hmac.digest(hmac_key, sealed, hashlib.sha256))


@dataclass(frozen=True)
class Call:
    """What s_client saw: the answer's status, whether the session was taken up, and the newest one it was given."""

    status: int
    resumed: bool
    session: Optional[bytes]


def call(
    port: int,
    name: str,
    directory: Path,
    *,
    tls: str,
    credential: Optional[Credential] = None,
    session: Optional[bytes] = None,
) -> Call:
    """One request by openssl's own client, with a certificate and a session or without."""
    stem = secrets.token_hex(8)
    given, taken = directory / f"{stem}.out", directory / f"{stem}.in"
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-ign_eof"]
    words += ["-tls" + tls.replace(".", "_"), "-sess_out", str(given)]
    if credential:
        words += ["-cert", str(credential.cert_file), "-key", str(credential.key_file)]
    if session:
        text = base64.encodebytes(session).decode()
        taken.write_text(f"-----BEGIN SSL SESSION PARAMETERS-----\n{text}-----END SSL SESSION PARAMETERS-----\n")
        words += ["-sess_in", str(taken)]
    request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
    done = subprocess.run(words, input=request.encode(), capture_output=True, timeout=60, check=False)
    text = done.stdout.decode(errors="replace")
    assert "HTTP/1.1 " in text, text + done.stderr.decode(errors="replace")
    status = int(text.split("HTTP/1.1 ", 1)[1].split()[0])
    newest = _pem_body(given.read_text()) if given.exists() else None
    return Call(status, "\nReused, " in text, newest)


def _pem_body(text: str) -> bytes:
    return base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")))
