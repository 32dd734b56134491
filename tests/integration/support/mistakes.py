"""What httpd says of a configuration that it does not like."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.httpd import ConfigTest, Httpd

_OURS = re.compile(r"CFAOP\d{3}: .*")

# Stands in front of OpenSSL's own function, as a second OpenSSL in the process would.
_OTHER_OPENSSL = """
#define _GNU_SOURCE
#include <dlfcn.h>
void *SSL_CTX_new(const void *method)
{
    void *(*next)(const void *) = (void *(*)(const void *))dlsym(RTLD_NEXT, "SSL_CTX_new");
    return next(method);
}
"""


def our_lines(text: str) -> list[str]:
    """The module's lines, from their tags on."""
    return _OURS.findall(text)


def place_of(server: Httpd, words: str) -> str:
    """ "file:line" of the only line of the configuration with these words, as messages name it."""
    lines = server.config_file.read_text().splitlines()
    found = [number for number, line in enumerate(lines, 1) if words in line]
    assert len(found) == 1, f"{words!r} stands in {len(found)} lines"
    return f"{server.config_file}:{found[0]}"


def only_line(outcome: ConfigTest) -> str:
    """The one line of ours with which a configuration was refused."""
    assert outcome.returncode != 0, f"accepted: {outcome.stderr}"
    lines = our_lines(outcome.stderr)
    assert len(lines) == 1, f"not one line of ours: {outcome.stderr}"
    return lines[0]


def other_openssl(directory: Path) -> Path:
    """A library that makes mod_ssl and the module call different functions of the same name, if it is preloaded."""
    source = directory / "other_openssl.c"
    library = directory / "other_openssl.so"
    source.write_text(_OTHER_OPENSSL)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    library.chmod(0o755)
    return library
