"""What some tests need and not each system has. They are left out by name, and the reason is told at the end of the run.

    @pytest.mark.needs("module:md")

Everything else that is missing makes tests fail.
"""

from __future__ import annotations

import shutil
from functools import lru_cache
from typing import Callable, Optional

from support import environment, installation


# A feature, how it is found, and what is said where it is missing.
_FEATURES: dict[str, tuple[Callable[[], bool], str]] = {
    "error-documents": (
        lambda: installation.version() >= (2, 4, 49),
        "this httpd sends no ErrorDocument for a request that it cannot read to its end: that came with 2.4.49",
    ),
    "http2": (lambda: environment.default_mpm() != "prefork", "mod_http2 does not work with the MPM prefork"),
    "late-answer": (
        environment.has_openssl_3,
        "OpenSSL 1.1.1's client has no certificate to show when it is asked after a resumed handshake",
    ),
    "seen-signatures": (
        installation.libcrypto_can_be_watched,
        "this libcrypto is linked with -Bsymbolic: nothing can stand between its functions, to count signatures",
    ),
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
