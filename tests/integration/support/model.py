"""What the guard has to answer, as small as it can be said: written from the rules, not from the module's code.

A virtual host has a mode and a policy. A connection is asked under the policy of one virtual host, or not asked, and
each request on it is answered by its own virtual host. The table says what it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

MODES = ("On", "Optional", "LogOnly")
GO_ON = 0

# What became of a connection, seen from a virtual host: the status under On, Optional and LogOnly.
TABLE = {
    "policy unusable": (400, 400, GO_ON),
    "same policy, verified": (GO_ON, GO_ON, GO_ON),
    "same policy, no certificate": (400, GO_ON, GO_ON),
    "same policy, failed": (400, 400, GO_ON),
    "other policy or not asked, known SNI": (421, 421, GO_ON),
    "no known SNI, none shown": (400, GO_ON, GO_ON),
    "no known SNI, judged elsewhere": (400, 400, GO_ON),
}


@dataclass(frozen=True)
class Policy:
    """The CAs that are trusted, and whether their CRLs are looked at."""

    trusted: frozenset[str]
    crls: bool = False


@dataclass(frozen=True)
class Certificate:
    """What a client shows: who issued it, whether that chain is complete, and what is wrong with it."""

    root: Optional[str] = None  # the CA that its chain leads to; None: a chain to nowhere
    fault: Optional[str] = None  # why a policy that trusts the root refuses it all the same
    fault_with_crls: Optional[str] = None  # the same, where CRLs are looked at


@dataclass(frozen=True)
class Guard:
    """What a virtual host demands. Its policy is None where its files are broken."""

    mode: str
    policy: Optional[Policy]

    @property
    def asks_under(self) -> Optional[Policy]:
        return None if self.mode == "Off" else self.policy


@dataclass(frozen=True)
class Connection:
    """A full handshake's outcome: the policy asked under, the certificate shown, whether a known SNI was sent."""

    asked: Optional[Policy]
    shown: Optional[Certificate]
    known_sni: bool


@dataclass(frozen=True)
class Verdict:
    row: str
    status: int
    variable: str
    accepted: bool = False


def objection(certificate: Certificate, policy: Policy) -> Optional[str]:
    """Why the policy refuses a certificate; None if it does not."""
    if certificate.root not in policy.trusted:
        return "untrusted_issuer"
    return certificate.fault or (certificate.fault_with_crls if policy.crls else None)


def handshake(guard: Guard, certificate: Optional[Certificate], known_sni: bool) -> Connection:
    """A client that is not asked shows nothing."""
    asked = guard.asks_under
    return Connection(asked, certificate if asked else None, known_sni)


def may_resume(session: Connection, guard: Guard) -> bool:
    """Only what was judged good under this very policy; where nothing is asked, only what was not asked either."""
    if guard.asks_under is None or session.asked is None:
        return guard.asks_under is session.asked is None
    return session.asked == guard.asks_under and _row(guard, session) == "same policy, verified"


def verdict(guard: Guard, connection: Connection) -> Verdict:
    """The answer to a request."""
    if guard.mode == "Off":
        return Verdict("off", GO_ON, "")
    row = _row(guard, connection)
    variable = _variable(row, guard, connection)
    return Verdict(row, TABLE[row][MODES.index(guard.mode)], variable, variable == "SUCCESS")


def _row(guard: Guard, connection: Connection) -> str:
    if guard.policy is None:
        return "policy unusable"
    if connection.asked == guard.policy:
        if connection.shown is None:
            return "same policy, no certificate"
        return "same policy, " + ("failed" if objection(connection.shown, guard.policy) else "verified")
    if connection.known_sni:
        return "other policy or not asked, known SNI"
    return "no known SNI, " + ("judged elsewhere" if connection.shown else "none shown")


def _variable(row: str, guard: Guard, connection: Connection) -> str:
    if guard.policy is None:
        return "FAILED:configuration"
    if connection.shown is None:
        return "NONE"
    if not row.startswith("same policy"):
        return "FAILED:misdirected"
    reason = objection(connection.shown, guard.policy)
    return f"FAILED:{reason}" if reason else "SUCCESS"
