"""Random visits, compared with a small model of the rules.

A story is a few chapters. Each chapter begins with settings, which a graceful reload brings in where they differ from
those before: the mode of each virtual host, what its CA files hold, and where sessions live. Its visits are
connections: a name in the SNI or none, a certificate or none, a TLS version, perhaps a session of an earlier visit,
and requests to several hosts. Every answer must be the model's, resumed or not.

CFAOP_MODEL_EXAMPLES=N tells N stories, other ones at each run, and looks for the shortest that fails, which may take
minutes; without it the stories are always the same, and the first that fails is shown as it is.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Optional
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from conftest import Servers
from support import model
from support.client import HTTP_VERSIONS, TLS_VERSIONS, Client, connect
from support.http2 import Http2
from support.httpd import Httpd
from support.pki import Credential, Pki
from support.ports import free_port
from support.preload import preloading
from support.response import Response
from support.vhost import vhost
from support.visits import SESSION_EVIDENCE, storage_lines

DAY = timedelta(days=1)
EXAMPLES = int(os.environ.get("CFAOP_MODEL_EXAMPLES") or 0)
# Each version of Hypothesis draws other stories from a seed: go on until all has been met.
MOST_ROUNDS = 10
BUILTIN = "builtin"
MODES = (*model.MODES, "Off")


@dataclass(frozen=True)
class Site:
    """A virtual host. The first of a port is its default."""

    port: int
    name: str
    ca_file: str
    mode: str


# "first" and "again" are two files that hold the same at the beginning. Some names are on both ports.
SITES = (
    Site(0, "a-on.test", "first", "On"),
    Site(0, "a-optional.test", "again", "Optional"),
    Site(0, "a-log.test", "first", "LogOnly"),
    Site(0, "b-on.test", "second", "On"),
    Site(0, "cf-on.test", BUILTIN, "On"),
    Site(0, "off.test", "first", "Off"),
    Site(1, "off.test", "again", "Off"),
    Site(1, "a-on.test", "again", "On"),
    Site(1, "a-log.test", "second", "LogOnly"),
    Site(1, "b-on.test", "first", "On"),
    Site(1, "b-optional.test", "second", "Optional"),
    Site(1, "cf-optional.test", BUILTIN, "Optional"),
)
NAMES = sorted({site.name for site in SITES})

# What a CA file can hold; None: it is broken.
CONTENTS: dict[str, Optional[model.Policy]] = {
    "A": model.Policy(frozenset("A")),
    "B": model.Policy(frozenset("B")),
    "A and B": model.Policy(frozenset("AB")),
    "A with CRLs": model.Policy(frozenset("A"), crls=True),
    "broken": None,
}
CLOUDFLARE = model.Policy(frozenset({"Cloudflare"}))

CERTIFICATES = {
    "edge-a": model.Certificate("A"),
    "edge-b": model.Certificate("B"),
    "self-signed": model.Certificate(),
    "expired": model.Certificate("A", "expired"),
    "for-servers": model.Certificate("A", "wrong_purpose"),
    "revoked": model.Certificate("A", fault_with_crls="revoked"),
    # the intermediate has no CRL
    "by-middle": model.Certificate("A", fault_with_crls="other"),
    "by-middle-alone": model.Certificate(),
}
PATHS = {"/": 200, "/index.html": 200, "/folder/": 200, "/folder": 301, "/missing": 404}


@dataclass(frozen=True)
class Settings:
    """`modes` are those of SITES; `files` says what the CA files of these names hold."""

    modes: tuple[str, ...] = tuple(site.mode for site in SITES)
    files: tuple[tuple[str, str], ...] = (("first", "A"), ("again", "A"), ("second", "B"))
    storage: str = "ticket"

    def guard(self, site: Site) -> model.Guard:
        policy = CLOUDFLARE if site.ca_file == BUILTIN else CONTENTS[dict(self.files)[site.ca_file]]
        return model.Guard(self.modes[SITES.index(site)], policy)


@dataclass(frozen=True)
class Visit:
    """A connection. One that returns offers the session of an earlier visit: `returns` of them back."""

    port: int
    sni: Optional[str]
    client: Optional[str]
    tls: str
    http: str
    requests: tuple[tuple[Optional[str], str], ...]  # of host and path; None: the host of the SNI
    returns: int = 0
    returns_by_its_name: bool = False  # to the name and TLS version that the session is from


Story = list[tuple[Settings, list[Visit]]]


def spelled(name: str, how: str) -> str:
    """Other ways to name the same virtual host."""
    return {"same": name, "mixed": name.title(), "wildcard": f"WWW.{name}", "alias": f"Also-{name}"}[how]


spellings = st.builds(spelled, st.sampled_from(NAMES), st.sampled_from(("same", "same", "mixed", "wildcard", "alias")))
snis = st.one_of(spellings, spellings, spellings, st.sampled_from((None, "unknown.test", "a-on.test.evil.test")))
odd_hosts = st.sampled_from(("unknown.test", "A-ON.test.", "b-on.test:443", "127.0.0.1"))
hosts = st.one_of(spellings, spellings, st.none(), st.none(), odd_hosts)
visits = st.builds(
    Visit,
    port=st.sampled_from((0, 1)),
    sni=snis,
    client=st.sampled_from((None, None, None, "edge-a", "edge-a", "edge-b", *CERTIFICATES)),
    tls=st.sampled_from(TLS_VERSIONS),
    http=st.sampled_from(HTTP_VERSIONS),
    requests=st.lists(st.tuples(hosts, st.sampled_from(sorted(PATHS))), min_size=1, max_size=5).map(tuple),
    returns=st.integers(0, 4),
    returns_by_its_name=st.sampled_from((True, True, False)),
)
all_settings = st.one_of(
    st.just(Settings()),
    st.builds(
        Settings,
        modes=st.tuples(*(st.sampled_from((site.mode, *MODES)) for site in SITES)),
        files=st.tuples(*(st.tuples(st.just(name), st.sampled_from(sorted(CONTENTS))) for name, _ in Settings().files)),
        storage=st.sampled_from(("ticket", "cache")),
    ),
)
stories = st.lists(st.tuples(all_settings, st.lists(visits, min_size=5, max_size=20)), min_size=1, max_size=3)


@dataclass
class Bench:
    """The server, what it runs with now, and what the stories met."""

    httpd: Httpd
    ports: tuple[int, int]
    clients: dict[str, Credential]
    pki: Pki
    server_certificate: Credential
    current: Settings
    met: Counter[str] = field(default_factory=Counter)

    def settle(self, wanted: Settings) -> None:
        """Reload where the settings differ."""
        if wanted == self.current:
            return
        self.write(wanted)
        self.httpd.graceful()
        self.current = wanted
        self.met["reload"] += 1

    def write(self, wanted: Settings) -> None:
        """The CA files, and the configuration that names them."""
        for name, content in wanted.files:
            policy = CONTENTS[content]
            parts = [self.clients[ca].cert_pem for ca in sorted(policy.trusted)] if policy else [b"junk\n"]
            # two files with the same certificates, but not the same bytes
            self.pki.file(f"{name}.pem", b"".join(reversed(parts) if name == "again" else parts))
        key_file = self.pki.directory / "ticket.key"
        lines = [*SESSION_EVIDENCE, *storage_lines(wanted.storage, key_file)]
        self.httpd.write_config("".join(self._vhost(site, wanted, lines) for site in SITES))

    def _vhost(self, site: Site, wanted: Settings, shared: list[str]) -> str:
        guard = wanted.guard(site)
        lines = [*shared, f"CFOriginPull {guard.mode}"]
        if site.ca_file != BUILTIN:
            lines.append(f"CFOriginPullCACertificateFile {self.pki.directory / site.ca_file}.pem")
        if guard.policy and guard.policy.crls:
            lines.append(f"CFOriginPullCARevocationFile {self.pki.directory / 'both.crl.pem'}")
        return vhost(
            self.ports[site.port],
            site.name,
            *lines,
            tls=self.server_certificate,
            aliases=f"*.{site.name} also-{site.name}",
        )

    def __repr__(self) -> str:
        return "bench"


@pytest.fixture(scope="module")
def bench(servers: Servers, pki: Pki, server_certificate: Credential, directory: Path) -> Bench:
    ca_a, ca_b = pki.root("ca-a"), pki.root("ca-b")
    middle = ca_a.issue("middle", ca=True)
    by_middle = middle.issue("by-middle")
    revoked = ca_a.issue("revoked")
    clients = {
        "A": ca_a,
        "B": ca_b,
        "edge-a": ca_a.issue("edge-a"),
        "edge-b": ca_b.issue("edge-b"),
        "self-signed": pki.self_signed("self-signed"),
        "expired": ca_a.issue("expired", not_before=-2 * DAY, not_after=-DAY),
        "for-servers": ca_a.issue("for-servers", eku="server"),
        "revoked": revoked,
        "by-middle": by_middle.sending(middle),
        "by-middle-alone": by_middle,
    }
    crls = [ca_a.crl("a", revoked=[revoked]), ca_b.crl("b")]
    pki.file("both.crl.pem", b"".join(path.read_bytes() for path in crls))
    pki.file("ticket.key", secrets.token_bytes(48))
    ports = (free_port(), free_port())
    httpd = servers.prepare_httpd("", listen=ports, extra_environment=preloading("ticket_key", directory))
    httpd.log.always.append("CFAOP137: ")
    httpd.put("folder/index.html", "the folder\n")
    made = Bench(httpd, ports, clients, pki, server_certificate, Settings())
    made.write(made.current)
    httpd.start()
    return made


def matching(port: int, name: Optional[str]) -> Optional[Site]:
    """The virtual host of a port that a name is of."""
    plain = (name or "").lower().removeprefix("also-")
    for site in SITES:
        if site.port == port and (plain == site.name or plain.endswith(f".{site.name}")):
            return site
    return None


def answering(port: int, host: str) -> Site:
    """The virtual host that a Host leads to: without its port and its trailing dot, else the default one."""
    plain = host.partition(":")[0].removesuffix(".")
    return matching(port, plain) or default_of(port)


def default_of(port: int) -> Site:
    return next(site for site in SITES if site.port == port)


@dataclass(frozen=True)
class Kept:
    """A session, the visit it is from, and the connection that its judgement was made on."""

    session: SSL.Session
    visit: Visit
    connection: model.Connection


def returning(visit: Visit, kept: list[Kept]) -> tuple[Visit, Optional[Kept]]:
    """The visit with the session that it offers, if there is one."""
    if not visit.returns or not kept:
        return visit, None
    earlier = kept[-min(visit.returns, len(kept))]
    sni = earlier.visit.sni if visit.returns_by_its_name else visit.sni
    return replace(visit, sni=sni, tls=earlier.visit.tls), earlier


def pay(bench: Bench, visit: Visit, offered: Optional[Kept]) -> Kept:
    """Make a visit and compare each answer with the model's."""
    named = matching(visit.port, visit.sni)
    guard = bench.current.guard(named or default_of(visit.port))
    certificate = CERTIFICATES[visit.client] if visit.client else None
    expected = model.handshake(guard, certificate, named is not None)
    with connect(
        bench.ports[visit.port],
        sni=visit.sni,
        credential=bench.clients[visit.client] if visit.client else None,
        tls=visit.tls,
        http=visit.http,
        session=offered.session if offered else None,
    ) as client:
        if client.stream.resumed:
            assert offered is not None
            assert model.may_resume(offered.connection, guard), f"resumed {offered.connection} at {guard}"
            # in TLS 1.2 a session carries the name that it was made under, in TLS 1.3 it does not
            known_sni = offered.connection.known_sni if visit.tls == "1.2" else named is not None
            expected = model.handshake(guard, offered.connection.shown, known_sni)
        how = "resumed" if client.stream.resumed else "declined" if offered else "full"
        bench.met[f"{how} {bench.current.storage} {visit.tls}"] += 1
        compare(bench, visit, client, expected)
        session = client.stream.session
    assert session is not None
    return Kept(session, visit, expected)


def compare(bench: Bench, visit: Visit, client: Client, connection: model.Connection) -> None:
    """Send the requests; with HTTP/2 all at once, with HTTP/1.1 until one is refused."""
    requests = [(host or visit.sni or "unknown.test", path) for host, path in visit.requests]
    if isinstance(client, Http2):
        streams = [client.start(path, host=host) for host, path in requests]
        for (host, path), stream in zip(requests, streams):
            check(bench, visit.port, host, path, client.finish(stream), connection)
        return
    for host, path in requests:
        if check(bench, visit.port, host, path, client.request(path, host=host), connection):
            assert client.is_closed()
            return


def check(
    bench: Bench, port: int, host: str, path: str, answer: Response, connection: model.Connection
) -> bool:
    """Compare one answer; says whether it is a refusal."""
    site = answering(port, host)
    guard = bench.current.guard(site)
    verdict = model.verdict(guard, connection)
    bench.met[f"{guard.mode}: {verdict.row}"] += 1
    assert answer.vhost == site.name
    assert (answer.status, answer.verify) == (verdict.status or PATHS[path], verdict.variable), (guard, connection)
    truth = answer.header("x-client-verify")
    assert (truth == "SUCCESS") == verdict.accepted, (truth, guard, connection)
    assert connection.shown or truth == "NONE"
    return verdict.status != model.GO_ON


def tell(bench: Bench, story: Story) -> None:
    kept: list[Kept] = []
    for wanted, chapter in story:
        bench.settle(wanted)
        for visit in chapter:
            made, offered = returning(visit, kept)
            note(f"{made}, offering the session of {offered.visit if offered else None}")
            kept.append(pay(bench, made, offered))


def everything_there_is() -> set[str]:
    """What stories must have met, or they show too little."""
    fates = ("full", "resumed", "declined")
    kinds = {f"{how} {storage} {tls}" for how in fates for storage in ("ticket", "cache") for tls in TLS_VERSIONS}
    return {f"{mode}: {row}" for mode in model.MODES for row in model.TABLE} | {"Off: off", "reload"} | kinds


def tell_stories(bench: Bench, number: int) -> None:
    @settings(
        max_examples=EXAMPLES or 50,
        database=None,
        deadline=None,
        # shrinking tells a story hundreds of times, with all its reloads
        phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(stories)
    def all_stories(story: Story) -> None:
        tell(bench, story)

    (all_stories if EXAMPLES else seed(number)(all_stories))()


def test_answers_are_those_of_the_model(bench: Bench) -> None:
    bench.httpd.allow_refusals()
    # a reload that finds a broken CA file
    bench.httpd.allow("CFAOP103: |CFAOP125: ")
    # names are on both ports, with other modes
    bench.httpd.allow("CFAOP13[12]: ")

    for number in range(1 if EXAMPLES else MOST_ROUNDS):
        tell_stories(bench, number)
        if everything_there_is() <= bench.met.keys():
            break
    assert everything_there_is() <= bench.met.keys(), everything_there_is() - bench.met.keys()
