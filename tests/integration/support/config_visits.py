"""Visits to the servers of support.config_servers, drawn at random before it is known which virtual hosts there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

from hypothesis import strategies as st

from support import model
from support.client import HTTP_VERSIONS, TLS_VERSIONS
from support.config_model import ANSWERING_HOOKS, HEADER, PEER, Expectation, Handshake, Outcome, Request
from support.config_servers import Configuration, Host, Port
from support.config_text import OTHER_PEER, PATHS

CERTIFICATES = {"edge-a": model.Certificate("A"), "edge-b": model.Certificate("B"), "self-signed": model.Certificate()}
# Many programs take it for the header that the guard and mod_remoteip read.
MISSPELLED = "CF_Connecting_IP"
# A host with which httpd itself refuses a request.
BROKEN = "bad host"
# No request here needs a user, so that two of the hooks never run.
ANSWERING = tuple(hook for hook in ANSWERING_HOOKS if hook not in ("check_user_id", "auth_checker"))


@dataclass(frozen=True)
class Named:
    """A name of a virtual host of the port; `which` counts them round. `how`: name, alias, wildcard or unknown."""

    which: int
    how: str

    def at(self, port: Port) -> str:
        if self.how == "unknown":
            return "unknown.test"
        return _spelled(port.hosts[self.which % len(port.hosts)], self.how) if port.hosts else "httpd.test"


def _spelled(host: Host, how: str) -> str:
    """The ServerName where no alias is of the wanted kind."""
    fitting = [alias for alias in host.aliases if alias.startswith("*.") == (how == "wildcard")]
    return host.name if how == "name" or not fitting else fitting[0].replace("*.", "www.")


@dataclass(frozen=True)
class Asked:
    """A request of a visit. `host` None: the name in the SNI. `answer`: the hook that the early module answers in."""

    host: Union[Named, str, None]
    path: str
    claim: Optional[str]
    answer: Optional[str]


@dataclass(frozen=True)
class Visit:
    """A connection and its requests. `tls` None: plain HTTP, whatever the port expects."""

    port: int
    tls: Optional[str]
    http: str
    sni: Optional[Named]
    client: Optional[str]
    peer: str
    asked: tuple[Asked, ...]

    def speaks_tls(self, has_tls: bool) -> bool:
        """To a port without TLS only a few visits try it: they are over before they begin."""
        return self.tls is not None and (has_tls or self.client == "self-signed")

    def request(self, asked: Asked, configuration: Configuration, port: Port, http: str) -> Request:
        host = asked.host.at(port) if isinstance(asked.host, Named) else asked.host
        if host is None or (host == BROKEN and http == "2"):
            host = self.sni.at(port) if self.sni else "unknown.test"
        may_answer = asked.path in ("/", "/open/") and "early" in configuration.order
        return Request(host, asked.path, asked.claim, asked.answer if may_answer else None, self.peer, http)


@dataclass
class Sent:
    """A request, what is expected of it, and which of the right answers it got. `shaken` None: no handshake."""

    request: Request
    expectation: Expectation
    shaken: Optional[Handshake] = None
    is_first: bool = True
    outcome: Optional[Outcome] = None


_hows = st.sampled_from(("name", "name", "name", "alias", "wildcard", "unknown"))
_names = st.builds(Named, which=st.integers(0, 4), how=_hows)
_snis = st.one_of(_names, _names, _names, st.none())
_hosts = st.one_of(st.none(), st.none(), _names, _names, st.sampled_from((None, None, BROKEN)))
_peers = st.sampled_from((PEER, PEER, PEER, OTHER_PEER))


def _asking(
    hosts: st.SearchStrategy[Union[Named, str, None]], paths: tuple[str, ...], answers: tuple[Optional[str], ...]
) -> st.SearchStrategy[Asked]:
    return st.builds(
        Asked,
        host=hosts,
        path=st.sampled_from(paths),
        claim=st.sampled_from((None, HEADER, HEADER, MISSPELLED)),
        answer=st.sampled_from(answers),
    )


_asked = _asking(_hosts, ("/", "/", "/", "/open/", *PATHS), (None, None, *ANSWERING))
_any_visit = st.builds(
    Visit,
    port=st.integers(0, 3),
    tls=st.sampled_from((None, *TLS_VERSIONS * 5)),
    http=st.sampled_from(("1.1", *HTTP_VERSIONS)),
    sni=_snis,
    client=st.sampled_from((None, None, "edge-a", "edge-a", "edge-b", "self-signed")),
    peer=_peers,
    asked=st.lists(_asked, min_size=1, max_size=3).map(tuple),
)
# A client without a certificate, perhaps without a name, wants the early module to answer.
_stranger_visit = st.builds(
    Visit,
    port=st.integers(0, 3),
    tls=st.sampled_from(TLS_VERSIONS),
    http=st.sampled_from(HTTP_VERSIONS),
    sni=st.one_of(_names, st.none()),
    client=st.none(),
    peer=st.just(PEER),
    asked=st.tuples(_asking(st.one_of(st.none(), _names), ("/",), ANSWERING)),
)
# An edge's first request is for the gate of a virtual host, perhaps not of the one that asked for its certificate.
_gate_visit = st.builds(
    Visit,
    port=st.integers(0, 3),
    tls=st.sampled_from(TLS_VERSIONS),
    http=st.just("1.1"),
    sni=_snis,
    client=st.sampled_from(("edge-a", "edge-a", "edge-b")),
    peer=_peers,
    asked=st.tuples(
        _asking(st.one_of(st.none(), _names, _names), ("/gate/", "/gate/", "/open/gate/"), (None,)), _asked
    ),
)
_visit = st.one_of(*[_any_visit] * 5, *[_stranger_visit] * 2, _gate_visit)
visits = st.lists(_visit, min_size=25, max_size=60)
