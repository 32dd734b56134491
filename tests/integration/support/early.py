"""What support/early.c saw of a request, and what it may see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from support.config_model import ANSWERING_HOOKS, CLAIM, HEADER, Outcome, Request
from support.config_servers import Site
from support.foreign_module import compile_module
from support.response import Response


@dataclass(frozen=True)
class Seen:
    """In a hook: the request's path, the claim in its header, and the address that httpd takes for the client's."""

    hook: str
    path: str
    claim: str
    address: str


def build(directory: Path) -> Path:
    return compile_module(directory, "early", (Path(__file__).parent / "early.c").read_text())


def seen_in(answer: Response) -> list[Seen]:
    text = answer.header("x-early-saw")
    return [Seen(*part.split(";")) for part in text.split(", ")] if text else []


def seen_in_log(text: str) -> Iterator[tuple[int, Seen]]:
    """What it saw when requests were logged, with the number that each bore."""
    for number, seen in re.findall(r"early: visit (\d+): (\S+)", text):
        yield int(number), Seen(*seen.split(";"))


def check_sights(sights: list[Seen], site: Site, request: Request, outcome: Outcome) -> None:
    """It sees a refused request in no hook that could answer it, and a claim in none at all."""
    if outcome.refused:
        could_answer = [seen for seen in sights if seen.hook in ANSWERING_HOOKS]
        assert not could_answer, f"the early module saw a refused request: {could_answer}"
    if request.path.endswith("/elsewhere/") and outcome.status != 200:
        guarded = [seen for seen in sights if seen.hook in ("quick_handler", "fixups", "handler")]
        strayed = [seen for seen in guarded if seen.path.startswith("/inside/")]
        assert not strayed, f"the early module saw where an exempt request must not lead to: {strayed}"
    for seen in sights:
        check_claim(seen, site, request, outcome)


def check_claim(seen: Seen, site: Site, request: Request, outcome: Outcome) -> None:
    """Where CFOriginPullRemoteIP is On: a verified claim is the client's address in each hook; there is no other."""
    if not site.remote_ip:
        return
    if not outcome.accepted:
        assert (seen.claim, seen.address) == ("-", request.peer), f"a claim without proof: {seen}"
        return
    is_claimed = request.claim == HEADER
    assert seen.address == (CLAIM if is_claimed else request.peer), f"not the visitor's address: {seen}"
    # mod_remoteip takes the header away when it has read it
    assert seen.claim in ("-", CLAIM if is_claimed else "-"), f"another spelling of the header: {seen}"
