"""The virtual hosts of the soak, how they change from reload to reload, and which client may have what of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional

from support import installation
from support.pki import Credential, Pki
from support.vhost import any_sni

CONTENT = "content of the site\n"
KINDS = {
    "mixed": "the guard, in all modes",
    "on": "the guard, On everywhere",
    "log-only": "the guard, LogOnly everywhere",
    "plain": "httpd without the module",
    "asking": "httpd with SSLVerifyClient optional_no_ca",
}
# How much more often edges come than strangers.
_EDGES = 3


class Trust:
    """CAs, and the clients that hold certificates of them."""

    def __init__(self, directory: Path) -> None:
        self.pki = Pki(directory)
        self.server = self.pki.self_signed("server", eku="server", san=["localhost", "*.test"])
        self.cas = {name: self.pki.root(f"ca-{name}") for name in "abc"}
        self.clients = {f"edge-{name}": ca.issue(f"edge-{name}") for name, ca in self.cas.items()}
        self.clients |= {"second-a": self.cas["a"].issue("second-a"), "revoked-c": self.cas["c"].issue("revoked-c")}
        namesake = self.pki.root("namesake", subject="ca-a").issue("of-namesake")
        self.clients |= {"stranger": self.pki.self_signed("stranger"), "of-namesake": namesake}
        for credential in self.clients.values():
            assert credential.cert_file.exists() and credential.key_file.exists()
        self.crl = self.cas["c"].crl("c", revoked=[self.clients["revoked-c"]])
        self.turning = directory / "turning.pem"
        self.turn(0)

    @property
    def names(self) -> list[str]:
        return [*self.clients, "none"]

    def turn(self, generation: int) -> None:
        """The file whose CAs change: the first CA is always in it."""
        a, b = self.cas["a"].cert_pem, self.cas["b"].cert_pem
        self.turning.write_bytes((a, a + b, b + a)[generation % 3])
        self.turning.chmod(0o644)


@dataclass(frozen=True)
class Site:
    """A virtual host. `ca` names the CA whose clients may come; `may` overrides that for some of them."""

    name: str
    mode: str = "On"
    ca: str = "a"
    lines: tuple[str, ...] = ()
    may: tuple[tuple[str, str], ...] = ()
    coming: bool = False

    def permission(self, client: str) -> str:
        """yes, no, or either."""
        if self.mode in ("LogOnly", "Off"):
            return "yes"
        if self.mode == "Optional" and client == "none":
            return "yes"
        return dict(self.may).get(client) or ("yes" if client in (f"edge-{self.ca}", f"second-{self.ca}") else "no")


def mixed_sites(trust: Trust) -> list[Site]:
    """The first one answers to unknown names: what becomes of a name that a reload has taken away."""
    pin = trust.clients["edge-a"].sha256
    return [
        Site("on.test"),
        Site("logonly.test", "LogOnly"),
        Site("optional.test", "Optional"),
        Site("off.test", "Off"),
        Site("exempt.test", lines=("CFOriginPullExempt path /open",)),
        Site("own.test", ca="b"),
        Site("crl.test", ca="c", lines=(f"CFOriginPullCARevocationFile {trust.crl}",)),
        Site("pinned.test", lines=(f"CFOriginPullPin sha256:{pin}",), may=(("second-a", "no"),)),
        Site("close.test", lines=("CFOriginPullRefuse close",)),
        Site("alert.test", lines=("CFOriginPullRefuse alert",)),
        Site("told.test", lines=("LogLevel cfaop:info", "CFOriginPullRemoteIP On")),
        Site("turning.test", ca="turning", may=(("edge-a", "yes"), ("second-a", "yes"), ("edge-b", "either"))),
        Site("coming.test", coming=True),
    ]


def sites_of(kind: str, trust: Trust) -> list[Site]:
    """All kinds have the same names, so that they cost httpd the same."""
    mixed = mixed_sites(trust)
    if kind == "mixed":
        return mixed
    mode = {"on": "On", "log-only": "LogOnly"}.get(kind, "Off")
    return [Site(site.name, mode, coming=site.coming) for site in mixed]


# ---- the configuration ----


def config(kind: str, trust: Trust, port: int, generation: int) -> str:
    """Some virtual hosts come and go with each reload."""
    sites = [site for site in sites_of(kind, trust) if not site.coming or generation % 2]
    sites += [Site(f"extra{number}.test", sites[0].mode) for number in range(generation % 5)]
    lines = [any_sni()]
    if kind == "asking":
        # of this CA's clients only; what others show cannot be verified, which this word allows
        lines += ["SSLVerifyClient optional_no_ca", f"SSLCACertificateFile {trust.cas['b'].cert_file}"]
    for site in sites:
        lines += [f"<VirtualHost 127.0.0.1:{port}>", f"ServerName {site.name}", *_tls(trust.server)]
        lines += _guard(site, trust) if has_module(kind) else []
        lines += ["</VirtualHost>"]
    return "\n".join(lines) + "\n"


def _tls(server: Credential) -> list[str]:
    return ["SSLEngine on", f"SSLCertificateFile {server.cert_file}", f"SSLCertificateKeyFile {server.key_file}"]


def _guard(site: Site, trust: Trust) -> list[str]:
    if site.mode == "Off":
        return ["CFOriginPull Off"]
    file = trust.turning if site.ca == "turning" else trust.cas[site.ca].cert_file
    return [f"CFOriginPull {site.mode}", f"CFOriginPullCACertificateFile {file}", *site.lines]


# ---- the plan of the visits ----


def plan(kind: str, trust: Trust) -> str:
    """As the program "visitor" reads it."""
    return "".join(f"{line}\n" for line in _plan(kind, trust))


def _plan(kind: str, trust: Trust) -> Iterator[str]:
    sites = sites_of(kind, trust)
    for site in sites:
        for client in trust.names:
            may = site.permission(client)
            yield from [_line(site.name, client, may)] * (_EDGES if may == "yes" and client != "none" else 1)
    if kind == "mixed":
        yield from (_line("exempt.test", client, "yes", path="/open/page.html") for client in trust.names)
        yield from _crossing(trust)
    # without SNI
    yield from (_line("on.test", client, sites[0].permission(client), sni="-") for client in trust.names)


def _crossing(trust: Trust) -> Iterator[str]:
    """Connections for one virtual host, on which another one is asked for."""
    for client in trust.names:
        for sni in ("off.test", "own.test", "optional.test", "-"):
            host = "crl.test" if sni in ("own.test", "-") else "own.test"
            yield _line(host, client, "no", sni=sni)
        for host in ("on.test", "alert.test", "close.test"):
            yield _line(host, client, "no", sni="off.test")


def _line(host: str, client: str, may: str, *, sni: Optional[str] = None, path: str = "/index.html") -> str:
    return f"{sni or host} {host} {path} {client} {may}"


def has_module(kind: str) -> bool:
    return kind not in ("plain", "asking")


def modules(kind: str) -> list[str]:
    names = ["alias", "authz_core", "authz_host", "dir", "env", "headers", "log_config", "mime", "setenvif"]
    return [*names, "socache_shmcb", "ssl", "unixd", *(["cfaop"] if has_module(kind) else [])]


def load_lines(kind: str, mpm: str, module: Path) -> list[str]:
    # mod_http2 does not work with prefork
    names = sorted([*modules(kind), *(["http2"] if mpm != "prefork" else [])])
    lines = [installation.load_line(f"mpm_{mpm}")]
    lines += [installation.load_line(name, module if name == "cfaop" else None) for name in names]
    return [line for line in lines if line]
