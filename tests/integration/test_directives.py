"""Where the directives may stand, what they take, and what virtual hosts make of them; the dump tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import pytest

from conftest import Servers
from support.client import fetch
from support.dump import Server, dump_by_name
from support.httpd import ConfigTest, Httpd
from support.mistakes import our_lines, place_of
from support.pki import Credential, Pki
from support.ports import free_port
from support.vhost import vhost

CA_FILE = "CFOriginPullCACertificateFile"
CRL_FILE = "CFOriginPullCARevocationFile"
DEPTH = "CFOriginPullVerifyDepth"
DIRECTIVES = ("CFOriginPull On", f"{CA_FILE} builtin", f"{CRL_FILE} none", f"{DEPTH} 1")


@dataclass(frozen=True)
class Bench:
    """A server whose configuration is tested but not started, two CAs a and b, and their CRLs."""

    server: Httpd
    port: int
    tls: Credential
    a: Credential
    b: Credential
    crl_a: Path
    crl_b: Path

    def site(self, name: str, *lines: str) -> str:
        return vhost(self.port, name, *lines, tls=self.tls)

    def test(self, config: str, defines: Sequence[str] = ()) -> ConfigTest:
        self.server.write_config(config)
        return self.server.config_test(defines=defines)

    def dump(self, config: str) -> dict[str, Server]:
        self.server.write_config(config)
        return dump_by_name(self.server)


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential) -> Bench:
    port = free_port()
    server = servers.prepare_httpd("", listen=[port], modules=["macro", "proxy", "rewrite"])
    a, b = pki.root("a"), pki.root("b")
    return Bench(server, port, server_certificate, a, b, a.crl("a"), b.crl("b"))


# Context


@pytest.mark.parametrize("line", DIRECTIVES)
def test_main_server_and_vhost(bench: Bench, line: str) -> None:
    assert bench.test(f"{line}\n" + bench.site("a.test")).ok
    assert bench.test(bench.site("a.test", line)).ok


SECTIONS = (
    "Directory /srv",
    'DirectoryMatch "^/srv"',
    "Location /",
    'LocationMatch "^/"',
    "Files x",
    'FilesMatch "x"',
    'If "true"',
    'ElseIf "true"',
    "Else",
    "Proxy *",
    'ProxyMatch ".*"',
    "Limit GET",
    "LimitExcept GET",
)


def section(name: str, line: str) -> str:
    """The directive in a section; Else and ElseIf need an If before."""
    before = '<If "false">\n</If>\n' if name.startswith("Else") else ""
    return f"{before}<{name}>\n{line}\n</{name.split()[0]}>\n"


@pytest.mark.parametrize("line", DIRECTIVES)
@pytest.mark.parametrize("name", SECTIONS)
def test_section_of_a_request_is_too_late(bench: Bench, name: str, line: str) -> None:
    assert bench.test(section(name, "Options None" if "Limit" not in name else "Require all granted")).ok or (
        "Limit" in name
    )
    for config in (section(name, line), bench.site("a.test", section(name, line))):
        outcome = bench.test(config)
        assert outcome.returncode != 0
        directive = line.split()[0]
        assert f"{directive} not allowed" in outcome.stderr or f"{directive} cannot occur within" in outcome.stderr


@pytest.mark.parametrize("line", DIRECTIVES)
@pytest.mark.parametrize("override", ("AllowOverride All", "AllowOverrideList {name}", "AllowOverride None"))
def test_htaccess(htaccess: "HtaccessBench", line: str, override: str) -> None:
    """A site's author can neither switch the guard off nor set it up."""
    name = line.split()[0]
    label = override.format(name=name).split()[0] + "-" + override.split()[-1].strip("{}") + "-" + name
    (htaccess.server.htdocs / label).mkdir(exist_ok=True)
    htaccess.server.put(f"{label}/index.html", "here\n")
    htaccess.server.put(f"{label}/.htaccess", line + "\n")
    status = htaccess.status(label)
    if override == "AllowOverride None":
        assert status == 200
    else:
        htaccess.server.expect(f"{name} (not allowed here|cannot occur within)")
        assert status == 500


@dataclass(frozen=True)
class HtaccessBench:
    server: Httpd
    port: int

    def status(self, directory: str) -> int:
        return fetch(self.port, f"/{directory}/", host="plain.test").status


@pytest.fixture(scope="module")
def htaccess(servers: Servers, server_certificate: Credential) -> HtaccessBench:
    """A directory for each way to allow overrides, and each directive."""
    port = free_port()
    server = servers.prepare_httpd("", listen=[port])
    sections = ""
    for line in DIRECTIVES:
        name = line.split()[0]
        for override in ("AllowOverride All", f"AllowOverrideList {name}", "AllowOverride None"):
            kind, value = override.split()
            label = f"{kind}-{'name' if value == name else value}-{name}"
            sections += f"<Directory {server.htdocs}/{label}>\n  {override}\n</Directory>\n"
    server.write_config(vhost(port, "plain.test", tls=server_certificate) + sections)
    server.start()
    return HtaccessBench(server, port)
