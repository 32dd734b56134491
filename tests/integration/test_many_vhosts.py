"""The look for ways round the guard costs what is reasonable where there are thousands of virtual hosts.

It runs at `apachectl -t`, at each start and at each reload, in the parent. Memory is the measure: a time is no verdict.
"""

from __future__ import annotations

import os
import subprocess

from conftest import Servers
from support import environment
from support.httpd import Httpd
from support.pki import Credential
from support.ports import free_port
from support.vhost import vhost

COUNT = 1000
# the sanitizers need memory of their own
MOST_KIB = 40 * 1024 * (8 if environment.sanitizing() else 1)


def peak(server: Httpd) -> int:
    """The largest size of `apache2 -t`, in KiB."""
    process = subprocess.Popen(
        [*server._command(), "-t"], env=server._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def cost(servers: Servers, config: str, listen: list[int]) -> int:
    """What the guard adds to the peak of this configuration."""
    off = servers.prepare_httpd(config.replace("CFOriginPull On", "CFOriginPull Off"), listen=listen, modules=["rewrite"])
    return peak(servers.prepare_httpd(config, listen=listen, modules=["rewrite"])) - peak(off)


def test_rules_of_a_catch_all(servers: Servers, server_certificate: Credential) -> None:
    """One virtual host of port 80 answers to all names, and has many rules: they are the same for each guarded name."""
    plain, tls = free_port(), free_port()
    rules = [line for number in range(300) for line in (f"RewriteCond %{{HTTP_HOST}} =s{number}.test", f"RewriteRule ^/{number}$ https://s{number}.test/ [R,L]")]
    config = vhost(plain, "all.test", "RewriteEngine on", *rules, aliases="*.test")
    config += "".join(vhost(tls, f"s{number}.test", "CFOriginPull On", tls=server_certificate) for number in range(COUNT))
    assert cost(servers, config, [plain, tls]) < MOST_KIB


def test_wildcard_that_all_share(servers: Servers, server_certificate: Credential) -> None:
    """Each virtual host has the same wildcard as an alias. The time grew with the third power of their number: 21 s for 2,000."""
    tls = free_port()
    config = "".join(
        vhost(tls, f"s{number}.zone.test", "CFOriginPull On", tls=server_certificate, aliases="*.zone.test") for number in range(COUNT)
    )
    assert cost(servers, config, [tls]) < MOST_KIB
