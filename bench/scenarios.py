"""What clients do, and how each server has to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from bench.servers import Kind

COMPARED = ("nginx-none", "nginx-own", "httpd-none", "httpd-own", "httpd-cfaop")
# The guard sends tickets with some versions of OpenSSL only, unless it is told to.
RESUMING = (*COMPARED[:-1], "httpd-cfaop-tickets")
GUARDED = ("nginx-own", "httpd-own", "httpd-cfaop")
OPEN = ("nginx-none", "httpd-none")


@dataclass(frozen=True)
class Scenario:
    """`count` requests in a round; `driver` sends them as `work` says, over TLS of this version. Scenarios without a count are only
    counted in instructions.
    """

    key: str
    title: str
    work: str  # full, resumed, returning, h1, h1-address, h2
    version: str
    count: int = 0
    certificate: Optional[str] = "good"  # which one is shown where one is asked for
    servers: tuple[str, ...] = COMPARED
    driver: str = "client"  # client, ab, h2load
    server_key: str = "p256"  # rsa2048

    def shown_to(self, kind: Kind) -> Optional[str]:
        return self.certificate if kind.asks else None

    def outcome_of(self, kind: Kind) -> str:
        """A status, or the end of the handshake."""
        if not kind.asks or kind.exempts or self.certificate == "good":
            return "200"
        return "alert" if kind.refuses_by_alert else "400"

    @property
    def guard(self) -> str:
        """The server with the module in this scenario."""
        return next((key for key in self.servers if key.startswith("httpd-cfaop")), "httpd-cfaop")


def _for_each_version() -> list[Scenario]:
    scenarios = []
    for version in ("1.3", "1.2"):
        tls = f"TLS {version}"
        scenarios += [
            Scenario(f"full-{version}", f"full handshake and a request, {tls}", "full", version, 800),
            Scenario(f"none-{version}", f"refusal, no certificate, {tls}", "full", version, 800, None, GUARDED),
            Scenario(f"bad-{version}", f"refusal, bad certificate, {tls}", "full", version, 500, "bad", GUARDED),
            Scenario(f"resumed-{version}", f"resumed handshake and a request, {tls}", "resumed", version, 1500, servers=RESUMING),
            Scenario(f"h1-{version}", f"keep-alive request, {tls}", "h1", version, 6000),
            Scenario(f"h2-{version}", f"HTTP/2 request, {tls}", "h2", version, 10000),
        ]
    return scenarios


def _with_rsa_key() -> list[Scenario]:
    return [
        Scenario(
            f"{work}-{version}-rsa", f"{title}, TLS {version}, RSA-2048 key", work, version, servers=servers, server_key="rsa2048"
        )
        for version in ("1.3", "1.2")
        for work, title, servers in (
            ("full", "full handshake and a request", COMPARED),
            ("resumed", "resumed handshake and a request", RESUMING),
        )
    ]


def _with_and_without_tickets() -> list[Scenario]:
    """What tickets cost the guard, and what they save; and what a client costs it that returns to a server that decides itself."""
    scenarios = []
    for suffix, key in (("", "p256"), ("-rsa", "rsa2048")):
        ending = ", TLS 1.3, RSA-2048 key" if suffix else ", TLS 1.3"
        scenarios += [
            Scenario(
                f"{name}-1.3{suffix}", title + ending, work, "1.3", servers=(f"httpd-{guard}",), server_key=key,
            )
            for name, title, work, guard in (
                ("ticket", "full handshake with a ticket", "full", "cfaop-tickets"),
                ("no-ticket", "full handshake without a ticket", "full", "cfaop-no-tickets"),
                ("returning", "handshake with a client that returns", "returning", "cfaop"),
            )
        ]
    return scenarios


def _of_directives() -> list[Scenario]:
    by_alert = ("httpd-own", "httpd-cfaop-alert")
    return [
        Scenario("alert-none-1.3", "refusal by alert, no certificate, TLS 1.3", "full", "1.3", 0, None, by_alert),
        Scenario("alert-bad-1.3", "refusal by alert, bad certificate, TLS 1.3", "full", "1.3", 0, "bad", by_alert),
        Scenario(
            "exempt-1.3", "keep-alive request, exempt path, no certificate, TLS 1.3", "h1", "1.3", 0, None,
            ("httpd-none", "httpd-cfaop-exempt"),
        ),
        Scenario(
            "exempt-good-1.3", "keep-alive request, exempt path, good certificate, TLS 1.3", "h1", "1.3", 0, "good",
            ("httpd-none", "httpd-cfaop-exempt"),
        ),
        Scenario(
            "address-1.3", "keep-alive request, CFOriginPullRemoteIP, TLS 1.3", "h1-address", "1.3", 0, "good",
            ("httpd-none", "httpd-cfaop-address"),
        ),
    ]


TIMED = [
    *_for_each_version(),
    Scenario("ab", "keep-alive request, ApacheBench, 4 connections", "h1", "1.3", 8000, driver="ab"),
    Scenario("h2load", "HTTP/2 request, h2load, 4 connections", "h2", "1.3", 12000, None, OPEN, driver="h2load"),
]

SCENARIOS = [*TIMED, *_with_rsa_key(), *_with_and_without_tickets(), *_of_directives()]
