"""What the caller of the tests chooses, and where things of this machine lie."""

from __future__ import annotations

import os
import ssl
import subprocess
from functools import lru_cache
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
NGINX = "/usr/sbin/nginx"
BUILTIN_CA = TOP / "conf" / "authenticated_origin_pull_ca.pem"

# Servers started by root give up root for this user; others stay who they are.
UNPRIVILEGED = "www-data"


def module_path() -> Path:
    """The module under test: CFAOP_MODULE, else what make leaves beside the sources."""
    return Path(os.environ.get("CFAOP_MODULE") or TOP / ".libs" / "mod_cfaop.so")


def default_mpm() -> str:
    """The MPM of every server that does not insist on one of its own."""
    return os.environ.get("CFAOP_MPM") or "event"


def sanitizing() -> bool:
    """True where the module was built with ASan and UBSan, whose runtimes httpd must load first."""
    return os.environ.get("CFAOP_SANITIZE") == "1"


def has_openssl_3() -> bool:
    """Of the system, with which httpd and the tests' clients are linked."""
    return ssl.OPENSSL_VERSION_INFO >= (3,)


def keep_files() -> bool:
    """True where the run's directory shall outlive the run, for reading."""
    return os.environ.get("CFAOP_KEEP") == "1"


def is_root() -> bool:
    return os.geteuid() == 0


@lru_cache(maxsize=None)
def sanitizer_libraries() -> str:
    """The value of LD_PRELOAD that loads the runtimes of ASan and UBSan."""
    names = ("libasan.so", "libubsan.so")
    return ":".join(_gcc_file(name) for name in names)


def tsan_library() -> str:
    """The runtime of ThreadSanitizer."""
    return _gcc_file("libtsan.so")


def _gcc_file(name: str) -> str:
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True
    ).stdout.strip()
    return str(Path(found).resolve())
