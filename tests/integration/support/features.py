"""What some tests need and not each system has. They are left out by name, and the reason is told at the end of the run.

    @pytest.mark.needs("module:md")

Everything else that is missing makes tests fail.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from typing import Callable, Optional

from support import environment, installation


def _has_tls_srp() -> bool:
    """Of these, curl is the client; openssl makes the file of passwords, and goes by the same library."""
    features = subprocess.run(["curl", "--version"], check=True, capture_output=True, text=True).stdout.split()
    return "TLS-SRP" in features and subprocess.run(["openssl", "srp", "-help"], capture_output=True).returncode == 0


# A feature, how it is found, and what is said where it is missing.
_FEATURES: dict[str, tuple[Callable[[], bool], str]] = {
    "unknown-expectations": (
        lambda: installation.version() < (2, 5),
        "httpd's trunk ends the connection of a request with an Expect that it does not know: its answer lacks a head (AH10390)",
    ),
    "unread-requests": (
        lambda: installation.version() < (2, 5),
        "httpd's trunk does not log the request line of a request whose header is too large",
    ),
    "error-documents": (
        lambda: installation.version() >= (2, 4, 49),
        "this httpd sends no ErrorDocument for a request that it cannot read to its end: that came with 2.4.49",
    ),
    "http-0.9": (
        lambda: installation.version() < (2, 5),
        "httpd's trunk waits for the header of a request in HTTP/0.9, which has none",
    ),
    "http2": (lambda: environment.default_mpm() != "prefork", "mod_http2 does not work with the MPM prefork"),
    "http2-connect": (
        lambda: installation.version() >= (2, 4, 55),
        "mod_http2 of this httpd resets a stream that asks for CONNECT",
    ),
    "http2-ends": (
        lambda: installation.version() >= (2, 4, 55),
        "mod_http2 before 2.4.55 at times uses a connection that has just ended, and crashes: docs/upstream.md",
    ),
    "http2-streams": (
        lambda: installation.version() < (2, 5),
        "httpd's trunk crashes at times after many streams of HTTP/2 at once, with or without the module: docs/upstream.md",
    ),
    "late-answer": (
        environment.has_openssl_3,
        "OpenSSL 1.1.1's client has no certificate to show when it is asked after a resumed handshake",
    ),
    "seen-signatures": (
        installation.libcrypto_can_be_watched,
        "this libcrypto is linked with -Bsymbolic: nothing can stand between its functions, to count signatures",
    ),
    "tls-srp": (_has_tls_srp, "this OpenSSL or this curl knows no TLS-SRP"),
    "sni-policy": (
        installation.has_sni_policy,
        "this httpd has no SSLVHostSNIPolicy, which came with 2.4.66: mod_ssl answers 421 before the guard can judge",
    ),
}


@lru_cache(maxsize=None)
def reason_without(feature: str) -> Optional[str]:
    """Why tests with this need are left out; None where the feature is there."""
    kind, _, name = feature.partition(":")
    if kind == "module":
        return None if installation.has_module(name) else f"this httpd has no mod_{name}"
    if kind == "tool":
        return None if shutil.which(name) else f"{name} is not installed"
    is_there, reason = _FEATURES[feature]
    return None if is_there() else reason
