"""What a whole server has to answer: its configuration, as small as it can be said, and the rules for it.

Written from the documentation, not from the module's code. support.model has the table of verdicts; here stands which row of it
a request meets: which virtual host answers, what that inherits, whether the connection has TLS, and what the handshake asked for. What stock
httpd does is here too: it was tried out with httpd 2.4.71, without the module.

"TLS of its own": mod_ssl has made the virtual host a TLS server. One that has none is "bare". Requests reach a bare virtual host over TLS all
the same if it stands on the port of one that has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator, Optional

from support import model

PEER = "127.0.0.1"
CLAIM = "192.0.2.77"
# The order in which httpd runs them. Each may answer the request, or end it.
ANSWERING_HOOKS = (
    "post_read_request",
    "quick_handler",
    "pre_translate_name",
    "translate_name",
    "map_to_storage",
    "header_parser",
    "access_checker",
    "access_checker_ex",
    "check_user_id",
    "auth_checker",
    "type_checker",
    "fixups",
    "handler",
)
BAD_REQUEST, FORBIDDEN, MISDIRECTED, EARLY = 400, 403, 421, 410
UNUSABLE = "FAILED:configuration"
ANY = "any"
EXEMPT_PREFIX = "/open/"


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
        """A certificate, but no SSLEngine: "apachectl -t" cannot know that mod_ssl makes no TLS server of it."""
        return self.engine is None and self.shows_certificate and not self.has_tls


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


# ---- mistakes ----


def _twin(site: Site) -> str:
    """Does a TLS virtual host that is On answer to the same names? surely, perhaps or no."""
    answers = "no"
    for other in site.configuration.sites():
        if other.has_tls and other.mode == "On" and any(other.host.is_named(name) for name in site.host.names):
            answers = "perhaps"
    for other in site.configuration.sites():
        same = sorted(other.host.names) == sorted(site.host.names)
        first = named(site.configuration, other.port, site.host.name)
        if same and other.has_tls and other.mode == "On" and speaks_tls(other.configuration, other.port):
            if first and first.host is other.host:
                return "surely"
    return answers


def is_plainly_wrong(site: Site) -> bool:
    """On in a virtual host that no TLS can reach, for itself or for its name: "apachectl -t" must refuse it."""
    alone = _twin(site) == "no" and not speaks_tls(site.configuration, site.port)
    return site.is_bare_on and alone and not site.is_half_tls


def may_be_wrong(site: Site) -> bool:
    """The same, where the documentation leaves room for either: TLS reaches it, or one of its names."""
    return site.is_bare_on and not site.is_half_tls and _twin(site) != "surely"


def may_be_closed(site: Site) -> bool:
    """CFAOP120: On, and a certificate, but mod_ssl makes no TLS server of it. Each request gets 400."""
    return site.is_bare_on and site.is_half_tls


def must_be_closed(site: Site) -> bool:
    return may_be_closed(site) and _twin(site) == "no" and not speaks_tls(site.configuration, site.port)


# ---- connections ----


@dataclass(frozen=True)
class Handshake:
    """What a connection has shown. `site`: whose handshake it was, for mod_ssl."""

    site: Site
    has_tls: bool
    evidence: model.Connection


def handshake(configuration: Configuration, port: Port, sni: Optional[str], certificate: Optional[model.Certificate]) -> Handshake:
    """A bare virtual host that the SNI names has the TLS, and the question, of the port's default one."""
    found, default = named(configuration, port, sni), default_of(configuration, port)
    asks = found if found and found.has_tls else default
    return Handshake(found or default, True, model.handshake(asks.guard, certificate, found is not None))


def plain(configuration: Configuration, port: Port) -> Handshake:
    return Handshake(default_of(configuration, port), False, model.Connection(None, None, False))


def mod_ssl_refuses(shaken: Handshake, site: Site) -> set[bool]:
    """Does mod_ssl answer 421, since the handshake was another virtual host's? SSLVHostSNIPolicy decides."""
    policy = site.configuration.sni_policy or "secure"
    if not shaken.has_tls or shaken.site.host is site.host or policy == "insecure":
        return {False}
    if policy == "strict" or shaken.site.has_tls != site.has_tls:
        return {True}
    # two bare ones: it compares what they say of certificates
    return {False, True} if policy == "secure" and not site.has_tls else {False}


# ---- requests ----


@dataclass(frozen=True)
class Request:
    """`path` is one of PATHS; `claim` the spelling of a header that names CLAIM; `answer` the hook that the early module answers in."""

    host: str
    path: str
    claim: Optional[str] = None
    answer: Optional[str] = None
    peer: str = PEER
    http: str = "1.1"


@dataclass(frozen=True)
class Outcome:
    """One right answer. `row` is why; `refused`: by the guard."""

    row: str
    status: int
    variable: str
    refused: bool
    accepted: bool = False
    exempt: str = ""


@dataclass(frozen=True)
class Expectation:
    site: Site
    outcomes: tuple[Outcome, ...]
    kinds: frozenset[str] = field(default=frozenset())


def exemption(site: Site, request: Request) -> str:
    if site.exempt == "path":
        return "path" if request.path.startswith(EXEMPT_PREFIX) else ""
    return "ip" if site.exempt == request.peer else ""


def _verdicts(shaken: Handshake, site: Site) -> list[model.Verdict]:
    """What the virtual host makes of the connection."""
    closed = model.Verdict("closed", BAD_REQUEST, UNUSABLE)
    if site.mode == "Off":
        return [model.verdict(site.guard, shaken.evidence)]
    if must_be_closed(site):
        return [closed]
    perhaps = [closed] if may_be_closed(site) else []
    if shaken.has_tls:
        return [model.verdict(site.guard, shaken.evidence), *perhaps]
    if not site.has_tls:
        return [model.Verdict("plain HTTP, no TLS of its own", model.GO_ON, ""), *perhaps]
    status = model.GO_ON if site.mode == "LogOnly" else BAD_REQUEST
    return [model.Verdict("plain HTTP, TLS of its own", status, "NONE")]


def expect(shaken: Handshake, site: Site, request: Request) -> Expectation:
    """The answers that are right for a request, and which kinds of combination it is."""
    exempt = exemption(site, request) if site.mode != "Off" else ""
    outcomes: list[Outcome] = []
    for verdict in _verdicts(shaken, site):
        # a bare virtual host has no effect over plain HTTP: there is nothing to be exempt from
        spared = exempt if verdict.variable else ""
        if verdict.status and not spared:
            outcomes.append(Outcome(verdict.row, verdict.status, verdict.variable, True))
            if True in mod_ssl_refuses(shaken, site):
                outcomes.append(Outcome(verdict.row, MISDIRECTED, verdict.variable, True))
            continue
        for status in _statuses(shaken, site, request, verdict, spared):
            outcomes.append(Outcome(verdict.row, status, verdict.variable, False, verdict.accepted, spared))
    return Expectation(site, tuple(outcomes), frozenset(_kinds(shaken, site, request)))


def _statuses(shaken: Handshake, site: Site, request: Request, verdict: model.Verdict, exempt: str) -> Iterator[int]:
    """What httpd and its other modules answer to a request that goes on."""
    for refuses in mod_ssl_refuses(shaken, site):
        if request.answer and (not refuses or request.answer == "post_read_request"):
            yield EARLY
        elif refuses:
            yield MISDIRECTED
        else:
            yield _content(shaken, site, request, verdict, exempt)


def _content(shaken: Handshake, site: Site, request: Request, verdict: model.Verdict, exempt: str) -> int:
    if request.path.endswith("/gate/"):
        # mod_ssl grants nothing over HTTP/2
        return 200 if verdict.accepted and shaken.has_tls and request.http == "1.1" else FORBIDDEN
    if request.path.endswith("/visitor/"):
        return 200 if address_in_the_end(site, request, verdict.accepted) == CLAIM else FORBIDDEN
    if request.path.endswith("/elsewhere/"):
        # its index lies outside
        return verdict.status if verdict.status and exempt == "path" else 200
    return 404 if request.path.endswith("/missing") else 200


def address_in_the_end(site: Site, request: Request, accepted: bool) -> str:
    """Whom httpd takes for the client, when all modules have spoken."""
    believed = accepted if site.remote_ip else site.configuration.remoteip == "believing"
    return CLAIM if believed and request.claim == "CF-Connecting-IP" else request.peer


def _kinds(shaken: Handshake, site: Site, request: Request) -> Iterator[str]:
    if shaken.has_tls and site.is_bare:
        yield "bare"
    if site.is_bare_on and _twin(site) != "no":
        yield "twin"
    if not site.configuration.guard_loads_first():
        yield "early"
    if request.path.endswith("/gate/") and shaken.evidence.shown:
        yield "gate"


def expect_plain_to_tls(configuration: Configuration, port: Port, peer: str) -> Expectation:
    """Plain HTTP to a port with TLS: mod_ssl answers 400 where the guard has not. There is no Host and no path."""
    site = default_of(configuration, port)
    refused = site.mode in ("On", "Optional") and site.exempt != peer
    outcome = Outcome("plain HTTP, TLS port", BAD_REQUEST, "" if site.mode == "Off" else "NONE", refused)
    return Expectation(site, (outcome,))


def expect_broken(configuration: Configuration, port: Port) -> Expectation:
    """A request that httpd itself cannot use is answered by the default server. Nobody judges it."""
    kinds = frozenset({"early"} if "early" in configuration.order else ())
    return Expectation(default_of(configuration, port), (Outcome("broken", BAD_REQUEST, ANY, False),), kinds)
