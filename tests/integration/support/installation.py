"""The httpd that the tests run: its program, its tool apxs, its modules, and what is compiled into it.

HTTPD names the program; its apxs lies beside it. Without HTTPD it is the httpd of CFAOP_APXS, else of the apxs on PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Iterable, Optional


@lru_cache(maxsize=None)
def apxs(variable: str) -> str:
    """What the apxs of this httpd says of itself."""
    return _output(_apxs_program(), "-q", variable).strip()


@lru_cache(maxsize=None)
def program() -> str:
    """The path of httpd, which Debian calls apache2."""
    built = f"{apxs('SBINDIR')}/{apxs('PROGNAME')}"
    chosen = os.environ.get("HTTPD") or built
    if not os.path.samefile(chosen, built):
        raise ValueError(f"{_apxs_program()} belongs to {built}, not to {chosen}: its modules are others")
    return chosen


@lru_cache(maxsize=None)
def version() -> tuple[int, ...]:
    """As in (2, 4, 62)."""
    found = re.search(r"Apache/(\d+)\.(\d+)\.(\d+)", _output(program(), "-v"))
    assert found, "httpd does not say its version"
    return tuple(int(number) for number in found.groups())


@lru_cache(maxsize=None)
def compiled_in() -> frozenset[str]:
    """The modules that need no LoadModule: "so" and others. Debian compiles in unixd and log_config, the upstream build does not."""
    return frozenset(re.findall(r"^ +(?:mod_)?(\w+)\.c$", _output(program(), "-l"), re.M))


def module_file(name: str) -> Path:
    return Path(apxs("LIBEXECDIR")) / f"mod_{name}.so"


def has_module(name: str) -> bool:
    return name in compiled_in() or module_file(name).is_file()


def mod_ssl_knows(word: str) -> bool:
    """Is there such a word in mod_ssl, of a directive or a function of OpenSSL that it calls?"""
    return word.encode() in module_file("ssl").read_bytes()


@lru_cache(maxsize=None)
def libcrypto_can_be_watched() -> bool:
    """Do the functions of mod_ssl's libcrypto call a preloaded library's instead of each other? With -Bsymbolic they do not."""
    found = re.search(r"libcrypto\.so\S* => (\S+)", _output("ldd", str(module_file("ssl"))))
    assert found, "mod_ssl is not linked with libcrypto"
    return "(SYMBOLIC)" not in _output("readelf", "--dynamic", "--wide", found[1])


@lru_cache(maxsize=None)
def has_sni_policy() -> bool:
    """SSLVHostSNIPolicy came with 2.4.66."""
    return mod_ssl_knows("SSLVHostSNIPolicy")


@lru_cache(maxsize=None)
def has_ticket_parameters() -> bool:
    """Does mod_ssl authenticate tickets by a parameter of OpenSSL 3, and not by a copy of the key?"""
    return mod_ssl_knows("OSSL_PARAM_construct_octet_string")


def has_forgeable_tickets() -> bool:
    """httpd up to 2.4.71 then leaves in that parameter a pointer to a function's stack."""
    return has_ticket_parameters() and version() <= (2, 4, 71)


def load_line(name: str, file: Optional[Path] = None) -> str:
    """The line that loads a module; empty for one that is compiled in."""
    return "" if name in compiled_in() else f"LoadModule {name}_module {file or module_file(name)}"


def load_lines(names: Iterable[str]) -> list[str]:
    return [line for line in map(load_line, names) if line]


@lru_cache(maxsize=None)
def own_modules() -> frozenset[str]:
    """The names of the modules that come with httpd: "ssl" and others. On Debian, a machine can have more, of other packages."""
    folder = Path(apxs("LIBEXECDIR"))
    if folder == Path("/usr/lib/apache2/modules") and shutil.which("dpkg"):
        files = [Path(line) for line in _output("dpkg", "-L", "apache2-bin").splitlines()]
    else:
        files = list(folder.glob("mod_*.so"))
    names = {file.stem.removeprefix("mod_") for file in files if file.parent == folder and file.suffix == ".so"}
    return frozenset(names - {"cfaop"})


@lru_cache(maxsize=None)
def _apxs_program() -> str:
    chosen = os.environ.get("HTTPD")
    beside = [Path(chosen).parent / name for name in ("apxs", "apxs2")] if chosen else []
    candidates = [*beside, os.environ.get("CFAOP_APXS"), shutil.which("apxs"), shutil.which("apxs2")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise FileNotFoundError(f"no apxs, beside {chosen or 'httpd'} or on PATH; CFAOP_APXS can name it")


def _output(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
