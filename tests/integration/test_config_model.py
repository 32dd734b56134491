"""Random configurations, each with a server of its own and many requests, compared with a small model of the rules.

A configuration is a main server and some ports with virtual hosts: what they inherit and what they say themselves,
which of them have TLS of their own, which certificates they trust, and in which order the guard, mod_remoteip and a
module that wants to be first everywhere (support/early.c) are loaded. Each request is one pair with its
configuration: who asks (SNI, certificate, TLS version, HTTP version, or plain HTTP), for what (Host, path), and with
which claims. The answer must be one that support.config_model allows, and the early module must not have seen what it
may not see.

CFAOP_CONFIG_MODEL_EXAMPLES=N tries N configurations, other ones at each run, and looks for a smaller one where it
fails, which takes minutes; without it they are always the same, and the first that fails is shown as it is.

A failure tells the visit, its last request, the answers that would be right, and the virtual hosts of the port as the
model sees them. The configuration itself stands in the file that it names, which CFAOP_KEEP=1 keeps. "kinds" are
combinations that were ways round the guard once. CFAOP_CONFIG_MODEL_WITHOUT=KIND,... leaves such out, to see what
else there is: bare (over TLS to a virtual host that has no TLS of its own), twin (On without TLS beside a TLS virtual
host of that name), early (the guard is loaded behind the early module), gate (Require ssl-verify-client with Satisfy
Any).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Iterable

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from conftest import Servers
from support import config_coverage, config_model, early, environment, installation
from support.client import Client, connect, connect_plain
from support.config_model import CLAIM, Expectation, Handshake, Outcome, Request
from support.config_servers import Configuration, Port, answering, speaks_tls
from support.config_text import CONTENT, configurations, write
from support.config_visits import BROKEN, CERTIFICATES, Sent, Visit, visits
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
ALWAYS_THE_SAME = 130
# Each version of Hypothesis draws other stories from a seed: go on until all has been met.
MOST_ROUNDS = 5
PAIRS = 5000

# What httpd, mod_ssl and others say of requests that they deny.
DENIALS = ("AH02032", "AH01797", "AH01630")


@dataclass(frozen=True, repr=False)
class Story:
    """A configuration and its visits. Too long to be shown: a failure tells what belongs to it."""

    configuration: Configuration
    visits: list[Visit]

    def __repr__(self) -> str:
        return "story"


@st.composite
def stories(draw: st.DrawFn) -> Story:
    return Story(draw(configurations()), draw(visits))


@dataclass
class Bench:
    """What all servers share, and what the stories met."""

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
        for name in CONTENT:
            httpd.put(name, "content\n")
        httpd.write_config(write(configuration, numbers, modules, self.ca_files, self.server_certificate))
        httpd.listen = numbers
        return httpd, numbers

    def __repr__(self) -> str:
        return "bench"


@pytest.fixture(scope="module")
def bench(servers: Servers, directory: Path, pki: Pki, server_certificate: Credential) -> Bench:
    ca_a, ca_b = pki.root("ca-a"), pki.root("ca-b")
    modules = {
        "guard": environment.module_path(),
        "early": early.build(directory),
        "remoteip": installation.module_file("remoteip"),
    }
    clients = {
        "edge-a": ca_a.issue("edge-a"),
        "edge-b": ca_b.issue("edge-b"),
        "self-signed": pki.self_signed("self-signed"),
    }
    return Bench(servers, modules, {"A": ca_a.cert_file, "B": ca_b.cert_file}, clients, server_certificate)


# ---- a configuration ----


def play(bench: Bench, configuration: Configuration, all_visits: list[Visit]) -> None:
    if "early" in WITHOUT:
        order = sorted(configuration.order, key=lambda what: what != "guard")
        configuration = replace(configuration, order=tuple(order))
    httpd, numbers = bench.prepare(configuration)
    if not is_taken(bench, configuration, httpd, numbers):
        return
    httpd.start()
    allow_what_it_says(configuration, httpd)
    sent: list[Sent] = []
    try:
        for visit in all_visits:
            number = visit.port % len(numbers)
            pay(bench, Place(httpd, configuration, configuration.ports[number], numbers[number], sent), visit)
    except BaseException:
        with suppress(Exception):
            httpd.stop()
        raise
    stop(httpd, configuration)
    check_log(httpd, sent)


def is_taken(bench: Bench, configuration: Configuration, httpd: Httpd, numbers: list[int]) -> bool:
    """Does "apachectl -t" take the configuration? It must refuse what is a mistake, and nothing that is right."""
    number_of = {id(port): number for port, number in zip(configuration.ports, numbers)}
    labelled = [(f"{site.host.name}:{number_of[id(site.port)]}", site) for site in configuration.sites()]
    must = {label for label, site in labelled if config_model.must_be_refused(site)}
    may = {label for label, site in labelled if config_model.may_be_refused(site)}
    if "twin" in WITHOUT and not must and any(site.is_bare_on and not site.is_half_tls for _, site in labelled):
        return False
    outcome = httpd.config_test()
    named = set(re.findall(r"CFAOP105: .*: (\S+) has no TLS", "\n".join(our_lines(outcome.stderr))))
    right = must <= named <= must | may and outcome.ok == (not named)
    if not right:
        seen = f"-t refused {sorted(named)}; it must refuse {sorted(must)} and may refuse {sorted(may)}"
        raise AssertionError("\n".join([seen, outcome.stderr, *described_all(httpd, configuration)]))
    if named:
        bench.met["refused at -t"] += 1
    return outcome.ok


def allow_what_it_says(configuration: Configuration, httpd: Httpd) -> None:
    httpd.allow_refusals()
    httpd.allow("CFAOP308: ")
    for word in DENIALS:
        httpd.allow(word)
    # What a start tells of such configurations. That a module comes before the guard must not be among it.
    httpd.allow(r"\[cfaop:(notice|warn)\] .*CFAOP1(?!23)\d\d: ")
    if any(config_model.may_be_closed(site) for site in configuration.sites()):
        httpd.allow("CFAOP120: ")


def stop(httpd: Httpd, configuration: Configuration) -> None:
    """Its log is judged here."""
    try:
        httpd.stop()
    except AssertionError as error:
        raise AssertionError("\n".join([f"{error}", *described_all(httpd, configuration)])) from error


# ---- a visit ----


@dataclass(frozen=True)
class Place:
    """Where a visit goes to, and all that was sent to this server: a request bears its place in `sent`."""

    httpd: Httpd
    configuration: Configuration
    port: Port
    number: int
    sent: list[Sent]


def pay(bench: Bench, place: Place, visit: Visit) -> None:
    try:
        connect_and_ask(bench, place, visit)
    except Exception as error:
        raise AssertionError(told(place, visit, error)) from error


def connect_and_ask(bench: Bench, place: Place, visit: Visit) -> None:
    has_tls = speaks_tls(place.configuration, place.port)
    route = Route(source=visit.peer)
    sni = visit.sni.at(place.port) if visit.sni else None
    with_tls = visit.speaks_tls(has_tls)
    if with_tls and not has_tls:
        with pytest.raises((SSL.Error, TlsAlert, Reset)):
            connect(place.number, sni=sni, tls=visit.tls, route=route)
        bench.met.update(["pair", "TLS to a plain port"])
    elif not with_tls:
        with connect_plain(place.number, route) as client:
            if has_tls:
                speak_plain_to_tls(bench, place, visit, client)
            else:
                ask(bench, place, visit, client, config_model.plain(place.configuration, place.port))
    else:
        credential = bench.clients[visit.client] if visit.client else None
        shown = CERTIFICATES[visit.client] if visit.client else None
        shaken = config_model.handshake(place.configuration, place.port, sni, shown)
        with connect(
            place.number, sni=sni, credential=credential, tls=visit.tls, http=visit.http, route=route
        ) as client:
            bench.met[f"TLS {visit.tls}, HTTP {visit.http}"] += 1
            ask(bench, place, visit, client, shaken)


def speak_plain_to_tls(bench: Bench, place: Place, visit: Visit, client: Http1) -> None:
    """mod_ssl makes a request of its own of what it cannot read, for the default server, and denies it."""
    expectation = config_model.expect_plain_to_tls(place.configuration, place.port, visit.peer)
    sent = Sent(Request("", "/", peer=visit.peer), expectation)
    place.sent.append(sent)
    check(bench, sent, client.request("/", host="unknown.test"))
    assert client.is_closed()


def ask(bench: Bench, place: Place, visit: Visit, client: Client, shaken: Handshake) -> None:
    """Send the requests; with HTTP/2 all at once, with HTTP/1.1 until the connection ends."""
    http = "2" if isinstance(client, Http2) else "1.1"
    requests = [visit.request(asked, place.configuration, place.port, http) for asked in visit.asked]
    all_sent = [Sent(request, expect(place, shaken, request), shaken) for request in requests]
    all_sent = [sent for sent in all_sent if not sent.expectation.kinds & WITHOUT]
    if isinstance(client, Http2):
        streams = [client.start(**words_of(place, sent)) for sent in all_sent]
        for sent, stream in zip(all_sent, streams):
            check(bench, sent, client.finish(stream))
        return
    for number, sent in enumerate(all_sent):
        sent.is_first = number == 0
        answer = client.request(**words_of(place, sent))
        check(bench, sent, answer)
        if answer.header("connection") == "close":
            assert client.is_closed()
            return
        assert sent.outcome and not sent.outcome.refused, "after a refusal the connection has to end"
        if answer.status == config_model.MISDIRECTED or sent.request.answer == "post_read_request":
            return  # httpd ends the connection with a request that post_read_request answers


def expect(place: Place, shaken: Handshake, request: Request) -> Expectation:
    if request.host == BROKEN:
        return config_model.expect_broken(place.configuration, place.port)
    return config_model.expect(shaken, answering(place.configuration, place.port, request.host), request)


def words_of(place: Place, sent: Sent) -> dict[str, Any]:
    """What a client is told to send. Header names are in lower case, for HTTP/2."""
    place.sent.append(sent)
    headers = [("x-visit", str(len(place.sent) - 1))]
    if sent.request.claim:
        headers.append((sent.request.claim.lower(), CLAIM))
    if sent.request.answer:
        headers.append(("x-early-answer", sent.request.answer))
    return {"path": sent.request.path, "host": sent.request.host, "headers": headers}


# ---- an answer ----


def check(bench: Bench, sent: Sent, answer: Response) -> None:
    """It is one of the right ones, and the early module saw nothing that it must not see."""
    site = sent.expectation.site
    got = f"got {answer.status} and {answer.verify!r} of {answer.vhost}"
    assert answer.vhost == site.host.label, f"another virtual host answered: {got}"
    fitting = [outcome for outcome in sent.expectation.outcomes if fits(outcome, answer)]
    assert fitting, f"a wrong answer: {got}"
    outcome = sent.outcome = fitting[0]
    sights = early.seen_in(answer)
    early.check_sights(sights, site, sent.request, outcome)
    if outcome.row not in ("broken", "plain HTTP, TLS port"):
        truth = answer.header("x-client-verify")
        assert (truth == "SUCCESS") == outcome.accepted, f"SSL_CLIENT_VERIFY lies: {truth!r}"
        is_there = "early" in site.configuration.order and not outcome.refused
        assert is_there == any(seen.hook == "post_read_request" for seen in sights), "the early module is blind"
    bench.met.update(config_coverage.tokens(sent, outcome))


def fits(outcome: Outcome, answer: Response) -> bool:
    return outcome.status == answer.status and outcome.variable in (answer.verify, config_model.ANY)


def check_log(httpd: Httpd, all_sent: list[Sent]) -> None:
    """What the early module saw when the requests were logged."""
    for number, seen in early.seen_in_log(httpd.log.text()):
        sent = all_sent[number]
        if sent.outcome:
            try:
                early.check_claim(seen, sent.expectation.site, sent.request, sent.outcome)
            except AssertionError as error:
                raise AssertionError(f"{error}, in {httpd.config_file}, of {sent}") from error


# ---- telling of a failure ----


def told(place: Place, visit: Visit, error: Exception) -> str:
    lines = [f"{error or type(error).__name__}", f"  {visit}"]
    if place.sent:
        last = place.sent[-1]
        lines += [f"  last sent: {last.request}", f"  handshake: {last.shaken and last.shaken.evidence}"]
        label = last.expectation.site.host.label
        lines.append(f"  kinds {sorted(last.expectation.kinds)}; right would be, of {label}:")
        lines += [f"    {outcome}" for outcome in last.expectation.outcomes]
    return "\n".join([*lines, *described(place.httpd, place.configuration, [place.port])])


def described_all(httpd: Httpd, configuration: Configuration) -> list[str]:
    return described(httpd, configuration, configuration.ports)


def described(httpd: Httpd, configuration: Configuration, ports: Iterable[Port]) -> list[str]:
    """The servers of these ports, as the model sees them."""
    order = " ".join(configuration.order)
    lines = [
        f"  in {httpd.config_file}",
        f"  loaded: {order}; mod_remoteip {configuration.remoteip}; SSLVHostSNIPolicy {configuration.sni_policy}",
    ]
    return lines + [f"  {site.describe()}" for port in ports for site in configuration.sites_of(port)]


def play_stories(bench: Bench, number: int) -> None:
    @settings(
        max_examples=EXAMPLES or ALWAYS_THE_SAME,
        database=None,
        deadline=None,
        # shrinking starts hundreds of servers
        phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(stories())
    def all_stories(story: Story) -> None:
        play(bench, story.configuration, story.visits)

    (all_stories if EXAMPLES else seed(number)(all_stories))()


def test_answers_are_those_of_the_model(bench: Bench) -> None:
    if WITHOUT or EXAMPLES:
        play_stories(bench, 0)
        return
    missing = config_coverage.everything_there_is()
    for number in range(MOST_ROUNDS):
        play_stories(bench, number)
        missing -= bench.met.keys()
        if not missing and bench.met["pair"] >= PAIRS:
            break
    assert not missing, missing
    assert bench.met["pair"] >= PAIRS, bench.met["pair"]
