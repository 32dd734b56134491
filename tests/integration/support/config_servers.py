"""A server's configuration, as small as it can be said, and what comes of it: what is in force in each virtual host.

"TLS of its own": mod_ssl has made the virtual host a TLS server. One that has none is "bare". Requests reach a bare
virtual host over TLS all the same if it stands on the port of one that has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional

from support import installation, model


@dataclass(frozen=True)
class Settings:
    """What a server says itself; None: nothing, it inherits."""

    engine: Optional[str] = None  # SSLEngine: on, off
    certificate: bool = False
    mode: Optional[str] = None
    trusted: Optional[str] = None  # the letters of the CAs that CFOriginPullCACertificateFile names
    exempt: Optional[str] = None  # none, path, or an address
    remote_ip: Optional[bool] = None


@dataclass(frozen=True)
class Host:
    """A virtual host. `label` is unique; several may have one name."""

    label: str
    name: str
    aliases: tuple[str, ...]
    own: Settings

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def is_named(self, name: str) -> bool:
        return any(_matches(name.lower(), pattern) for pattern in self.names)


@dataclass(frozen=True)
class Port:
    """Its first virtual host is the default. Where there is none the main server answers."""

    https: bool  # "Listen PORT https"
    https_elsewhere: bool  # the same for another address of that port
    hosts: tuple[Host, ...]


@dataclass(frozen=True)
class Configuration:
    main: Settings
    ports: tuple[Port, ...]
    order: tuple[str, ...]  # of LoadModule: guard, early, remoteip
    remoteip: str  # mod_remoteip: absent, loaded, believing
    sni_policy: Optional[str]  # SSLVHostSNIPolicy

    def sites(self) -> Iterator["Site"]:
        for port in self.ports:
            yield from (Site(self, port, host) for host in port.hosts)

    def sites_of(self, port: Port) -> list["Site"]:
        main = Host("main", "httpd.test", (), self.main)
        return [Site(self, port, host) for host in port.hosts] or [Site(self, port, main)]

    def guard_loads_first(self) -> bool:
        return "early" not in self.order or self.order.index("guard") < self.order.index("early")


@dataclass(frozen=True)
class Site:
    """A server on a port, with what is in force there."""

    configuration: Configuration
    port: Port
    host: Host

    @property
    def is_virtual(self) -> bool:
        return bool(self.port.hosts)

    @property
    def mode(self) -> str:
        return self.host.own.mode or self.configuration.main.mode or "Off"

    @property
    def guard(self) -> model.Guard:
        return model.Guard(self.mode, model.Policy(frozenset(self._trusted)))

    @property
    def _trusted(self) -> str:
        return self.host.own.trusted or self.configuration.main.trusted or "C"

    @property
    def exempt(self) -> str:
        return self.host.own.exempt or self.configuration.main.exempt or "none"

    @property
    def remote_ip(self) -> bool:
        own, main = self.host.own.remote_ip, self.configuration.main.remote_ip
        return bool(main if own is None else own)

    @property
    def engine(self) -> Optional[str]:
        return self.host.own.engine or self.configuration.main.engine

    @property
    def shows_certificate(self) -> bool:
        return self.host.own.certificate or self.configuration.main.certificate

    @property
    def certificates(self) -> int:
        """How many mod_ssl has. Trunk's adds a virtual host's own to the main server's; 2.4 has the own ones instead."""
        if installation.version() < (2, 5):
            return int(self.shows_certificate)
        return int(self.host.own.certificate) + int(self.is_virtual and self.configuration.main.certificate)

    @property
    def has_tls(self) -> bool:
        """mod_ssl's rule; "https" of Listen counts for virtual hosts only."""
        if self.engine is None:
            return self.port.https and self.is_virtual and self.shows_certificate
        return self.engine == "on"

    @property
    def is_bare(self) -> bool:
        return not self.has_tls and self.mode != "Off"

    @property
    def is_bare_on(self) -> bool:
        """On is written in this virtual host, which has no TLS of its own."""
        return self.is_virtual and self.is_bare and self.host.own.mode == "On"

    @property
    def is_half_tls(self) -> bool:
        """A certificate, but no SSLEngine, and https elsewhere: "apachectl -t" is in doubt, and mod_ssl makes no TLS server of it."""
        seems_https = self.is_virtual and self.port.https_elsewhere
        return self.engine is None and self.shows_certificate and seems_https and not self.has_tls


    def describe(self) -> str:
        tls = "TLS" if self.has_tls else "a certificate, but no TLS" if self.is_half_tls else "no TLS"
        own = " of its own" if self.host.own.mode else ""
        demands = f"{self.mode}{own}, trusts {self._trusted}, exempt {self.exempt}, remote ip {self.remote_ip}"
        return f"{self.host.label} ({' '.join(self.host.names)}): {tls}; {demands}"


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or (pattern.startswith("*.") and name.endswith(pattern[1:]))


def default_of(configuration: Configuration, port: Port) -> Site:
    return configuration.sites_of(port)[0]


def named(configuration: Configuration, port: Port, name: Optional[str]) -> Optional[Site]:
    """The first virtual host that bears the name."""
    return next((site for site in configuration.sites_of(port) if name and site.host.is_named(name)), None)


def answering(configuration: Configuration, port: Port, host: str) -> Site:
    return named(configuration, port, host) or default_of(configuration, port)


def speaks_tls(configuration: Configuration, port: Port) -> bool:
    """The default server of a port decides, before there is a name."""
    return default_of(configuration, port).has_tls
