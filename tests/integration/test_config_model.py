"""Random configurations, each with a server of its own and many requests, compared with a small model of the rules.

A configuration is a main server and some ports with virtual hosts: what they inherit and what they say themselves, which of them have TLS of their
own, what trusts whom, and in which order the guard, mod_remoteip and a module that wants to be first everywhere (support/early.c)
are loaded. Each request is one pair with its configuration: who asks (SNI, certificate, TLS version, HTTP version, or plain HTTP), for what (Host,
path), and with which claims. The answer must be one that support.config_model allows, and the early module must not have seen what it may not see.

CFAOP_CONFIG_MODEL_EXAMPLES=N tries N configurations, other ones at each run, and looks for a smaller one where it fails, which takes minutes;
without it they are always the same, and the first that fails is shown as it is. A failure names the pair, and what was expected of it; the
configuration stands in the server's directory, which CFAOP_KEEP=1 keeps. CFAOP_CONFIG_MODEL_WITHOUT names kinds of pairs to leave out, to see
whether a failure is of that kind: bare (over TLS to a virtual host that has no TLS of its own), twin (On without TLS beside a TLS virtual host of
that name), early (the guard is loaded behind the early module), gate (Require ssl-verify-client with Satisfy Any).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator, Optional, Union

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from conftest import Servers
from support import config_model, environment, model
from support.client import HTTP_VERSIONS, TLS_VERSIONS, Client, connect, connect_plain
from support.config_model import ANSWERING_HOOKS, CLAIM, PEER, Configuration, Expectation, Handshake, Outcome, Port, Request, Site
from support.config_text import OTHER_PEER, PATHS, configurations, spelled, write
from support.foreign_module import compile_module
from support.http1 import Http1
from support.http2 import Http2
from support.httpd import Httpd
from support.mistakes import our_lines
from support.pki import Credential, Pki
from support.ports import free_port
from support.response import Response
from support.streams import Reset, Route, TlsAlert

EXAMPLES = int(os.environ.get("CFAOP_CONFIG_MODEL_EXAMPLES") or 0)
WITHOUT = frozenset((os.environ.get("CFAOP_CONFIG_MODEL_WITHOUT") or "").split(",")) - {""}
ALWAYS_THE_SAME = 140
PAIRS = 5000

CERTIFICATES = {"edge-a": model.Certificate("A"), "edge-b": model.Certificate("B"), "self-signed": model.Certificate()}
SPELLINGS = ("CF-Connecting-IP", "CF_Connecting_IP")
BROKEN = "bad host"
# No request here needs a user, so that two of the hooks never run.
ANSWERING = tuple(hook for hook in ANSWERING_HOOKS if hook not in ("check_user_id", "auth_checker"))
# mod_ssl's and httpd's words on requests that they deny.
DENIALS = ("AH02032", "AH01797", "AH01630", "AH01276", "AH02229", "AH00128")


@dataclass(frozen=True)
class Named:
    """A name, chosen before it is known which virtual hosts there are. `which` counts them round."""

    which: int
    how: str

    def at(self, port: Port) -> str:
        if self.how == "unknown":
            return "unknown.test"
        return spelled(port.hosts[self.which % len(port.hosts)] if port.hosts else None, self.how)


@dataclass(frozen=True)
class Asked:
    """A request of a visit; without a host it is for the SNI's."""

    host: Union[Named, str, None]
    path: str
    claim: Optional[str]
    answer: Optional[str]


@dataclass(frozen=True)
class Visit:
    """A connection and its requests. `tls` None: plain HTTP, on whatever port."""

    port: int
    tls: Optional[str]
    http: str
    sni: Optional[Named]
    client: Optional[str]
    peer: str
    asked: tuple[Asked, ...]


_names = st.builds(Named, which=st.integers(0, 4), how=st.sampled_from(("name", "name", "name", "alias", "wildcard", "unknown")))
_snis = st.one_of(_names, _names, _names, st.none())
_peers = st.sampled_from((PEER, PEER, PEER, OTHER_PEER))


def _asking(hosts: st.SearchStrategy[Union[Named, str, None]], paths: tuple[str, ...]) -> st.SearchStrategy[Asked]:
    return st.builds(
        Asked,
        host=hosts,
        path=st.sampled_from(paths),
        claim=st.sampled_from((None, *SPELLINGS, SPELLINGS[0])),
        answer=st.sampled_from((None, *ANSWERING)),
    )


_asked = _asking(st.one_of(st.none(), st.none(), _names, _names, st.sampled_from((None, None, BROKEN))), ("/", "/", "/", "/open/", *PATHS))
_any_visit = st.builds(
    Visit,
    port=st.integers(0, 3),
    tls=st.sampled_from((None, *TLS_VERSIONS * 3)),
    http=st.sampled_from(("1.1", *HTTP_VERSIONS)),
    sni=_snis,
    client=st.sampled_from((None, None, "edge-a", "edge-a", "edge-b", "self-signed")),
    peer=_peers,
    asked=st.lists(_asked, min_size=1, max_size=4).map(tuple),
)
# An edge comes to the gate of some virtual host, perhaps not of the one that asked for its certificate, with its first request.
_gate_visit = st.builds(
    Visit,
    port=st.integers(0, 3),
    tls=st.sampled_from(TLS_VERSIONS),
    http=st.just("1.1"),
    sni=_snis,
    client=st.sampled_from(("edge-a", "edge-a", "edge-b")),
    peer=_peers,
    asked=st.tuples(_asking(st.one_of(st.none(), _names, _names), ("/gate/", "/gate/", "/open/gate/")), _asked),
)
_visits = st.one_of(_any_visit, _any_visit, _any_visit, _gate_visit)


@dataclass(frozen=True, repr=False)
class Story:
    """A configuration and its visits. Too long to be shown: a failure tells what belongs to it."""

    configuration: Configuration
    visits: list[Visit]

    def __repr__(self) -> str:
        return "story"


@st.composite
def stories(draw: st.DrawFn) -> Story:
    return Story(draw(configurations()), draw(st.lists(_visits, min_size=30, max_size=80)))


@dataclass(frozen=True)
class Seen:
    """What the early module saw of a request in a hook."""

    hook: str
    path: str
    claim: str
    address: str


@dataclass
class Bench:
    servers: Servers
    modules: dict[str, Path]
    ca_files: dict[str, Path]
    clients: dict[str, Credential]
    server_certificate: Credential
    met: Counter[str] = field(default_factory=Counter)

    def prepare(self, configuration: Configuration) -> tuple[Httpd, list[int]]:
        """A server that is not started yet, and its ports."""
        # the tests' base configuration loads the guard before all others, even mod_ssl
        is_first = configuration.order[0] == "guard"
        modules = {name: path for name, path in self.modules.items() if not (is_first and name == "guard")}
        numbers = [free_port() for _ in configuration.ports]
        httpd = self.servers.prepare_httpd("", with_module=is_first, modules=["access_compat"])
        for path in PATHS:
            if path.endswith("/") and "elsewhere" not in path:
                httpd.put(f"{path}index.html".lstrip("/"), "content\n")
        httpd.put("inside/index.html", "inside\n")
        (httpd.htdocs / "open" / "elsewhere").mkdir()
        httpd.write_config(write(configuration, numbers, modules, self.ca_files, self.server_certificate))
        httpd.listen = numbers
        return httpd, numbers

    def __repr__(self) -> str:
        return "bench"


@pytest.fixture(scope="module")
def bench(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    ca_a, ca_b = pki.root("ca-a"), pki.root("ca-b")
    source = (Path(__file__).parent / "support" / "early.c").read_text()
    modules = {
        "guard": environment.module_path(),
        "early": compile_module(directory, "early", source),
        "remoteip": environment.APACHE_MODULES / "mod_remoteip.so",
    }
    clients = {"edge-a": ca_a.issue("edge-a"), "edge-b": ca_b.issue("edge-b"), "self-signed": pki.self_signed("self-signed")}
    return Bench(servers, modules, {"A": ca_a.cert_file, "B": ca_b.cert_file}, clients, server_certificate)


# ---- a configuration ----


def play(bench: Bench, configuration: Configuration, visits: list[Visit]) -> None:
    if "early" in WITHOUT:
        configuration = replace(configuration, order=tuple(sorted(configuration.order, key=lambda what: what != "guard")))
    httpd, numbers = bench.prepare(configuration)
    if not starts(bench, configuration, httpd, numbers):
        return
    httpd.start()
    try:
        allow_what_it_says(configuration, httpd)
        sent: list[Sent] = []
        for visit in visits:
            port = configuration.ports[visit.port % len(numbers)]
            try:
                pay(bench, Place(configuration, port, numbers[visit.port % len(numbers)], sent), visit)
            except Exception as error:
                raise AssertionError(told(httpd, configuration, port, visit, sent, error)) from error
    finally:
        httpd.stop()
    check_log(httpd, sent)


def starts(bench: Bench, configuration: Configuration, httpd: Httpd, numbers: list[int]) -> bool:
    """Does "apachectl -t" take the configuration? It must refuse what is plainly wrong, and nothing that is right."""
    number_of = dict(zip(map(id, configuration.ports), numbers))
    labelled = [(f"{site.host.name}:{number_of[id(site.port)]}", site) for site in configuration.sites()]
    wrong = {label for label, site in labelled if config_model.is_plainly_wrong(site)}
    perhaps = {label for label, site in labelled if config_model.may_be_wrong(site)}
    if "twin" in WITHOUT and not wrong and any(site.is_bare_on and not site.is_half_tls for _, site in labelled):
        return False
    outcome = httpd.config_test()
    lines = our_lines(outcome.stderr)
    named = {label for line in lines for label in re.findall(r"^CFAOP105: .*: (\S+) has no TLS", line)}
    if wrong:
        assert not outcome.ok and wrong <= named <= wrong | perhaps, (outcome, wrong, perhaps)
        bench.met["refused at -t"] += 1
        return False
    if not outcome.ok:
        assert named and named <= perhaps, (outcome, perhaps)
        bench.met["refused at -t, as it may be"] += 1
        return False
    return True


def allow_what_it_says(configuration: Configuration, httpd: Httpd) -> None:
    httpd.allow_refusals()
    httpd.allow("CFAOP308: ")
    # what a start tells of such configurations; that something comes before the guard must not be among it
    httpd.allow(r"\[cfaop:(notice|warn)\] .*CFAOP1(?!23)\d\d: ")
    for word in DENIALS:
        httpd.allow(word)
    if any(config_model.may_be_closed(site) for site in configuration.sites()):
        httpd.allow("CFAOP120: ")


# ---- a visit ----


@dataclass
class Sent:
    """A request, what is expected of it, and which of the right answers it got. `shaken` None: it met no virtual host of its own."""

    request: Request
    expectation: Expectation
    shaken: Optional[Handshake] = None
    is_first: bool = True
    outcome: Optional[Outcome] = None


@dataclass(frozen=True)
class Place:
    """Where a visit goes to, and all that was sent to this server; a request bears its place in `sent`."""

    configuration: Configuration
    port: Port
    number: int
    sent: list[Sent]


def pay(bench: Bench, place: Place, visit: Visit) -> None:
    sni = visit.sni.at(place.port) if visit.sni and visit.tls else None
    has_tls = config_model.speaks_tls(place.configuration, place.port)
    route = Route(source=visit.peer)
    if visit.tls and not has_tls:
        with pytest.raises((SSL.Error, TlsAlert, Reset)):
            connect(place.number, sni=sni, tls=visit.tls, route=route)
        bench.met["pair"] += 1
    elif not visit.tls:
        with connect_plain(place.number, route) as client:
            if has_tls:
                speak_plain_to_tls(bench, place, visit, client)
            else:
                compare(bench, place, visit, client, config_model.plain(place.configuration, place.port), sni)
    else:
        credential = bench.clients[visit.client] if visit.client else None
        shown = CERTIFICATES[visit.client] if visit.client else None
        shaken = config_model.handshake(place.configuration, place.port, sni, shown)
        with connect(place.number, sni=sni, credential=credential, tls=visit.tls, http=visit.http, route=route) as client:
            compare(bench, place, visit, client, shaken, sni)


def speak_plain_to_tls(bench: Bench, place: Place, visit: Visit, client: Http1) -> None:
    """mod_ssl makes a request of its own of what it cannot read, for the default server, and denies it. The guard comes before."""
    expectation = config_model.expect_plain_to_tls(place.configuration, place.port, visit.peer)
    check(bench, Sent(Request("", "/", peer=visit.peer), expectation), client.request("/", host="unknown.test"))
    assert client.is_closed()


def compare(bench: Bench, place: Place, visit: Visit, client: Client, shaken: Handshake, sni: Optional[str]) -> None:
    """Send the requests; with HTTP/2 all at once, with HTTP/1.1 until the connection ends."""
    http = "2" if isinstance(client, Http2) else "1.1"
    requests = [request_of(place, asked, sni, http, visit.peer) for asked in visit.asked]
    wanted = [Sent(request, expect(place, shaken, request), shaken) for request in requests]
    wanted = [sent for sent in wanted if not sent.expectation.kinds & WITHOUT]
    if isinstance(client, Http2):
        streams = [client.start(sent.request.path, host=sent.request.host, headers=headers_of(place, sent)) for sent in wanted]
        for sent, stream in zip(wanted, streams):
            check(bench, sent, client.finish(stream))
        return
    for number, sent in enumerate(wanted):
        sent.is_first = number == 0
        answer = client.request(sent.request.path, host=sent.request.host, headers=headers_of(place, sent))
        check(bench, sent, answer)
        if answer.header("connection") == "close":
            assert client.is_closed()
            return
        assert sent.outcome and not sent.outcome.refused, "after a refusal the connection has to end"
        if answer.status == config_model.MISDIRECTED or sent.request.answer == "post_read_request":
            return  # httpd ends the connection with a request that post_read_request answers


def request_of(place: Place, asked: Asked, sni: Optional[str], http: str, peer: str) -> Request:
    host = asked.host.at(place.port) if isinstance(asked.host, Named) else asked.host
    if host is None or (host == BROKEN and http == "2"):
        host = sni or "unknown.test"
    may_answer = asked.path in ("/", "/open/") and "early" in place.configuration.order
    return Request(host, asked.path, asked.claim, asked.answer if may_answer else None, peer, http)


def expect(place: Place, shaken: Handshake, request: Request) -> Expectation:
    if request.host == BROKEN:
        return config_model.expect_broken(place.configuration, place.port)
    return config_model.expect(shaken, config_model.answering(place.configuration, place.port, request.host), request)


def headers_of(place: Place, sent: Sent) -> list[tuple[str, str]]:
    """In lower case, for HTTP/2."""
    place.sent.append(sent)
    headers = [("x-visit", str(len(place.sent) - 1))]
    if sent.request.claim:
        headers.append((sent.request.claim.lower(), CLAIM))
    if sent.request.answer:
        headers.append(("x-early-answer", sent.request.answer))
    return headers


# ---- an answer ----


def check(bench: Bench, sent: Sent, answer: Response) -> None:
    """It is one of the right ones, and the early module saw nothing that it must not see."""
    expectation = sent.expectation
    got = f"got {answer.status} and {answer.verify!r} of {answer.vhost}"
    assert answer.vhost == expectation.site.host.label, f"another virtual host answered: {got}"
    fitting = [outcome for outcome in expectation.outcomes if fits(outcome, answer)]
    assert fitting, f"a wrong answer: {got}"
    sent.outcome = fitting[0]
    if sent.outcome.variable != config_model.ANY:
        truth = answer.header("x-client-verify")
        assert (truth == "SUCCESS") == sent.outcome.accepted, f"SSL_CLIENT_VERIFY lies: {truth!r}"
    check_seen(sent, list(seen_in(answer.header("x-early-saw") or "")))
    bench.met.update(tokens(sent))


def fits(outcome: Outcome, answer: Response) -> bool:
    return outcome.status == answer.status and outcome.variable in (answer.verify, config_model.ANY)


def seen_in(text: str) -> Iterator[Seen]:
    for part in text.split(", ") if text else ():
        yield Seen(*part.split(";"))


def check_seen(sent: Sent, sights: list[Seen]) -> None:
    outcome, request = sent.outcome, sent.request
    assert outcome is not None
    could_answer = [seen for seen in sights if seen.hook in ANSWERING_HOOKS]
    if outcome.refused:
        assert not could_answer, f"the early module saw a refused request: {could_answer}"
    if request.path.endswith("/elsewhere/") and outcome.status != 200:
        strayed = [seen for seen in sights if seen.path.startswith("/inside/") and seen.hook in ("quick_handler", "fixups", "handler")]
        assert not strayed, f"the early module saw where an exempt request must not lead to: {strayed}"
    for seen in sights:
        check_claim(sent, seen)
    is_early = "early" in sent.expectation.site.configuration.order
    if is_early and not outcome.refused and outcome.row not in ("broken", "plain HTTP, TLS port"):
        assert any(seen.hook == "post_read_request" for seen in sights), "the early module is blind"


def check_claim(sent: Sent, seen: Seen) -> None:
    """Where CFOriginPullRemoteIP is On, the claim of a verified request is the client's address from the first hook on; others have none."""
    outcome, request, site = sent.outcome, sent.request, sent.expectation.site
    assert outcome is not None
    if not site.remote_ip:
        return
    if outcome.accepted:
        believed = CLAIM if request.claim == SPELLINGS[0] else request.peer
        # mod_remoteip takes the header away when it has read it
        assert seen.address == believed and seen.claim in ("-", CLAIM), f"not the visitor's address: {seen}"
        assert seen.claim == "-" or request.claim == SPELLINGS[0], f"another spelling of the header: {seen}"
    else:
        assert (seen.claim, seen.address) == ("-", request.peer), f"a claim that nobody has proven: {seen}"


def check_log(httpd: Httpd, sent: list[Sent]) -> None:
    """What the early module saw when the requests were logged."""
    for number, text in re.findall(r"early: visit (\d+): (\S+)", httpd.log.text()):
        if sent[int(number)].outcome:
            try:
                check_claim(sent[int(number)], Seen(*text.split(";")))
            except AssertionError as error:
                raise AssertionError(f"{error}, in {httpd.config_file}, of {sent[int(number)]}") from error


# ---- telling of a failure ----


def told(httpd: Httpd, configuration: Configuration, port: Port, visit: Visit, sent: list[Sent], error: Exception) -> str:
    """What happened, to whom, and the servers of that port, as the model sees them."""
    lines = [f"{error or type(error).__name__}", f"  in {httpd.config_file}", f"  {visit}"]
    if sent:
        last = sent[-1]
        lines += [f"  last sent: {last.request}", f"  handshake: {last.shaken and last.shaken.evidence}"]
        lines += [f"  kinds {sorted(last.expectation.kinds)}, right would be of {last.expectation.site.host.label}:"]
        lines += [f"    {outcome}" for outcome in last.expectation.outcomes]
    lines += [f"  loaded: {configuration.order}, mod_remoteip {configuration.remoteip}, SNI policy {configuration.sni_policy}"]
    for site in configuration.sites_of(port):
        lines.append(
            f"  {site.host.label} {' '.join(site.host.names)}: TLS of its own: {site.has_tls}; mode {site.mode}, {site.guard.policy};"
            f" exempt {site.exempt}; remote ip {site.remote_ip}"
        )
    return "\n".join(lines)


# ---- what was met ----


def tokens(sent: Sent) -> Iterator[str]:
    """What a pair shows, for everything_there_is()."""
    outcome, request, site, shaken = sent.outcome, sent.request, sent.expectation.site, sent.shaken
    assert outcome is not None
    yield "pair"
    yield f"{tls_of(site, shaken)} {site.mode}: {outcome.row}"
    yield "a virtual host" if site.is_virtual else "the main server"
    yield f"SNI policy {site.configuration.sni_policy}"
    if outcome.exempt:
        yield f"{tls_of(site, shaken)}: exempt by {outcome.exempt}"
    order = "early" if "early" in sent.expectation.kinds else "guard"
    if request.answer:
        yield f"{order} loads first: {request.answer} {fate_of(outcome)}"
    if request.claim and site.remote_ip and not outcome.refused:
        who = "the edge" if outcome.accepted else "a stranger"
        yield f"{order} loads first, mod_remoteip {site.configuration.remoteip}: {request.claim} of {who}"
    if request.path.endswith("/gate/") and shaken and shaken.has_tls:
        yield f"gate {gate_of(sent, outcome, shaken)}"


def tls_of(site: Site, shaken: Optional[Handshake]) -> str:
    if not site.has_tls:
        return "bare" if shaken and shaken.has_tls else "plain"
    if site.engine is None:
        return "TLS by Listen"
    return "TLS" if site.host.own.engine else "TLS inherited"


def fate_of(outcome: Outcome) -> str:
    if outcome.refused:
        return "never sees it"
    return "answers" if outcome.status == config_model.EARLY else "has no turn"


def gate_of(sent: Sent, outcome: Outcome, shaken: Handshake) -> str:
    if outcome.status == 200:
        return "open"
    asked, shown = shaken.evidence.asked, shaken.evidence.shown
    if asked and shown and model.objection(shown, asked) is None and sent.is_first and sent.request.http == "1.1":
        return f"closed to a certificate that is good elsewhere, {sent.expectation.site.mode}"
    return "closed"


def test_answers_are_those_of_the_model(bench: Bench) -> None:
    @settings(
        max_examples=EXAMPLES or ALWAYS_THE_SAME,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(stories())
    def all_configurations(story: Story) -> None:
        play(bench, story.configuration, story.visits)

    all_configurations()
    for token, count in sorted(bench.met.items()): print(count, token)
