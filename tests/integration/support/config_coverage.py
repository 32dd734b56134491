"""What random configurations and visits have met, and what they must have met, or they show too little."""

from __future__ import annotations

from typing import Iterator, Optional

from support import config_model, model
from support.client import HTTP_VERSIONS, TLS_VERSIONS
from support.config_model import HEADER, Handshake, Outcome, Request
from support.config_servers import Site
from support.config_text import POLICIES
from support.config_visits import ANSWERING, BROKEN, MISSPELLED, Sent


def tokens(sent: Sent, outcome: Outcome) -> Iterator[str]:
    """What a pair shows, for everything_there_is()."""
    request, site, shaken = sent.request, sent.expectation.site, sent.shaken
    yield "pair"
    tls = tls_of(site, shaken)
    yield "closed" if outcome.row == "closed" else f"{tls} {site.mode}: {outcome.row}"
    yield "a virtual host" if site.is_virtual else "the main server"
    yield f"SSLVHostSNIPolicy {site.configuration.sni_policy}"
    if outcome.exempt:
        yield f"{tls}: exempt by {outcome.exempt}"
    if "twin" in sent.expectation.kinds:
        yield f"{tls}: On repeated"
    if "early" in site.configuration.order and request.host != BROKEN:
        yield from tokens_of_early(site, request, outcome)
    if request.path.endswith("/gate/") and shaken and shaken.has_tls:
        yield f"gate {gate_of(sent, outcome, shaken)}"


def tls_of(site: Site, shaken: Optional[Handshake]) -> str:
    if not site.has_tls:
        return "bare" if shaken and shaken.has_tls else "plain"
    if site.engine is None:
        return "TLS by Listen"
    return "TLS" if site.host.own.engine else "TLS inherited"


def tokens_of_early(site: Site, request: Request, outcome: Outcome) -> Iterator[str]:
    first = "guard first" if site.configuration.guard_loads_first() else "early first"
    if request.answer and outcome.refused:
        yield f"{first}: {request.answer} never sees it"
    elif request.answer and outcome.status == config_model.EARLY:
        yield f"{first}: {request.answer} answers"
    if request.claim and site.remote_ip and not outcome.refused:
        who = "the edge" if outcome.accepted else "a stranger"
        yield f"{first}: {request.claim} of {who}"
        yield f"{first}, mod_remoteip {site.configuration.remoteip}: a claim of {who}"


def gate_of(sent: Sent, outcome: Outcome, shaken: Handshake) -> str:
    asked, shown = shaken.evidence.asked, shaken.evidence.shown
    if outcome.status == 200:
        return "open"
    if asked and shown and sent.is_first and sent.request.http == "1.1" and model.objection(shown, asked) is None:
        return f"closed, {sent.expectation.site.mode}, to a certificate that is good elsewhere"
    return "closed"


def everything_there_is() -> set[str]:
    """What the stories must have met, or they show too little."""
    rows = [row for row in model.TABLE if row != "policy unusable"]
    table = {f"{tls} {mode}: {row}" for tls in ("TLS", "bare") for mode in model.MODES for row in rows}
    plain = {f"TLS {mode}: plain HTTP, {what}" for mode in model.MODES for what in ("TLS of its own", "TLS port")}
    plain |= {f"plain {mode}: plain HTTP, no TLS of its own" for mode in model.MODES} | {"TLS to a plain port"}
    off = {f"{tls} Off: off" for tls in ("TLS", "TLS by Listen", "TLS inherited", "bare", "plain")}
    ways = {f"{tls} On: same policy, verified" for tls in ("TLS by Listen", "TLS inherited")}
    mistakes = {"refused at -t", "closed", "bare: On repeated", "plain: On repeated"}
    exempt = {f"{tls}: exempt by {what}" for tls in ("TLS", "bare") for what in ("path", "ip")}
    gates = {f"gate closed, {mode}, to a certificate that is good elsewhere" for mode in (*model.MODES, "Off")}
    versions = {f"TLS {tls}, HTTP {http}" for tls in TLS_VERSIONS for http in HTTP_VERSIONS}
    policies = {f"SSLVHostSNIPolicy {policy}" for policy in POLICIES}
    servers = {"a virtual host", "the main server", "gate open", "gate closed"}
    return table | plain | off | ways | mistakes | exempt | gates | versions | policies | servers | everything_early()


def everything_early() -> set[str]:
    fates, whom = ("answers", "never sees it"), ("the edge", "a stranger")
    expected = set()
    for first in ("guard first", "early first"):
        expected |= {f"{first}: {hook} {fate}" for hook in ANSWERING for fate in fates}
        expected |= {f"{first}: {header} of {who}" for header in (HEADER, MISSPELLED) for who in whom}
        kinds = ("absent", "loaded", "believing")
        expected |= {f"{first}, mod_remoteip {kind}: a claim of {who}" for kind in kinds for who in whom}
    return expected
