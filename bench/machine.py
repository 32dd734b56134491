"""What the figures were taken on, and what the benchmark needs of the machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from support import environment, installation

from bench.certificates import BUNDLE, certificates_in

_NEEDED = {
    "apache2-bin": "/usr/sbin/apache2",
    "apache2-utils": "ab",
    "ca-certificates": str(BUNDLE),
    "gnuplot-nox": "gnuplot",
    "nghttp2-client": "h2load",
    "nginx-light": environment.NGINX,
    "valgrind": "valgrind",
}


def missing() -> list[str]:
    """Debian's names of the packages that are not there."""
    return [package for package, file in _NEEDED.items() if not (shutil.which(file) or Path(file).is_file())]


def describe(rounds: int) -> dict[str, str]:
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} used",
        "memory": f"{_memory_gib():.0f} GiB",
        "system": f"{_release('PRETTY_NAME')}, Linux {_short(platform.release())}",
        "httpd": _version([installation.program(), "-v"], r"Apache/(\S+)") + ", MPM event",
        "nginx": _version([environment.NGINX, "-v"], r"nginx/(\S+)"),
        "OpenSSL": _version(["openssl", "version"], r"OpenSSL (\S+)"),
        "valgrind": _version(["valgrind", "--version"], r"valgrind-(\S+)"),
        "bundle": f"{certificates_in(BUNDLE)} certificates",
        "rounds": str(rounds),
    }


def _short(release: str) -> str:
    return ".".join(release.split(".")[:2])


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found.group(1).strip() if found else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def system() -> str:
    """Its short name, as in debian12."""
    return _release("ID") + _release("VERSION_ID")


def _release(what: str) -> str:
    found = re.search(rf'^{what}="?(.*?)"?$', Path("/etc/os-release").read_text(), re.M)
    return found.group(1) if found else ""


def _version(command: list[str], pattern: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "unknown"
