"""What a whole server has to answer: the rules for the configurations of support.config_servers.

Written from the documentation, not from the module's code. support.model has the table of verdicts. Here stands which
row of it a request meets, and what httpd and its other modules answer to one that goes on. What stock httpd does was
tried out with 2.4.71.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional

from support import installation, model
from support.config_servers import Configuration, Port, Site, answering, default_of, named, speaks_tls

PEER = "127.0.0.1"
CLAIM = "192.0.2.77"
HEADER = "CF-Connecting-IP"
# The order in which httpd runs them. Each may answer the request, or end it.
ANSWERING_HOOKS = (
    "post_read_request",
    "quick_handler",
    *(("pre_translate_name",) if installation.version() >= (2, 4, 49) else ()),
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


# ---- mistakes ----


def _twins(site: Site) -> str:
    """Do TLS virtual hosts that are On answer to each of its names? surely, perhaps or no."""
    if all(_is_guarded(site, name) for name in site.host.names):
        return "surely"
    return "perhaps" if all(_is_claimed(site, name) for name in site.host.names) else "no"


def _is_claimed(site: Site, name: str) -> bool:
    """A virtual host that is On, and seems to have TLS, bears the name."""
    others = (other for other in site.configuration.sites() if other.has_tls or other.is_half_tls)
    return any(other.mode == "On" and other.host is not site.host and other.host.is_named(name) for other in others)


def _is_guarded(site: Site, name: str) -> bool:
    """Whoever asks for the name over TLS meets such a virtual host."""
    ports = (port for port in site.configuration.ports if speaks_tls(site.configuration, port))
    found = (named(site.configuration, port, name) for port in ports)
    return any(other and other.is_virtual and other.has_tls and other.mode == "On" for other in found)


def must_be_refused(site: Site) -> bool:
    """On in a virtual host without TLS, which does not repeat it for a TLS virtual host of its names: a mistake."""
    return site.is_bare_on and not site.is_half_tls and _twins(site) == "no"


def may_be_refused(site: Site) -> bool:
    return site.is_bare_on and not site.is_half_tls and _twins(site) != "surely"


def must_be_closed(site: Site) -> bool:
    """The same, where "apachectl -t" cannot know it (CFAOP120): each request gets 400."""
    return site.is_bare_on and site.is_half_tls and _twins(site) == "no"


def may_be_closed(site: Site) -> bool:
    """Its On may count as such where it has a certificate itself, or only a virtual host of this kind has its names."""
    return site.is_bare_on and (site.is_half_tls or _twins(site) == "perhaps")


# ---- connections ----


@dataclass(frozen=True)
class Handshake:
    """What a connection has shown. `site`: the virtual host whose handshake it was, for mod_ssl."""

    site: Site
    has_tls: bool
    evidence: model.Connection
    has_sni: bool = False


def handshake(
    configuration: Configuration, port: Port, sni: Optional[str], certificate: Optional[model.Certificate]
) -> Handshake:
    """A bare virtual host that the SNI names has the TLS, and the question, of the port's default one."""
    found, default = named(configuration, port, sni), default_of(configuration, port)
    asks = found if found and found.has_tls else default
    return Handshake(found or default, True, model.handshake(asks.guard, certificate, found is not None), bool(sni))


def plain(configuration: Configuration, port: Port) -> Handshake:
    return Handshake(default_of(configuration, port), False, model.Connection(None, None, False))


def mod_ssl_refuses(shaken: Handshake, site: Site) -> set[bool]:
    """Does mod_ssl answer 421, since the handshake was another virtual host's? SSLVHostSNIPolicy decides, which came with
    2.4.66. Before, mod_ssl compares their TLS, if the client has sent an SNI.
    """
    policy = site.configuration.sni_policy or "secure"
    if not shaken.has_tls or shaken.site.host.label == site.host.label or policy == "insecure":
        return {False}
    if not installation.has_sni_policy():
        differ = shaken.site.has_tls != site.has_tls or shaken.site.certificates != site.certificates
        return {shaken.has_sni and differ}
    if policy == "strict" or shaken.site.has_tls != site.has_tls:
        return {True}
    # two bare ones: it compares what they say of certificates
    return {False, True} if policy == "secure" and not site.has_tls else {False}


# ---- requests ----


@dataclass(frozen=True)
class Request:
    """`claim`: the header that names CLAIM as the client; `answer`: the hook that the early module is to answer in."""

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
    kinds: frozenset[str] = frozenset()


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
    return CLAIM if believed and request.claim == HEADER else request.peer


def _kinds(shaken: Handshake, site: Site, request: Request) -> Iterator[str]:
    if shaken.has_tls and site.is_bare:
        yield "bare"
    if site.is_bare_on and _twins(site) != "no":
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
